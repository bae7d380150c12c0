"""Policies trained with Stable-Baselines3, saved as plain numbers.

A saved policy is a folder of two files: ``policy.json`` says what the network is made of and which signals it was trained on, and
``policy.npz`` holds the weights. SB3's own format is a pickle, and nothing that is loaded from a file may run code, so the network is
rebuilt here from its numbers; torch is not needed to run it.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import dcsim
from dcsim.envs.signals import Signal, Signals
from dcsim.errors import InputError
from dcsim_agents.controller import Controller, EnvView, Memory, view_of
from dcsim_agents.signal_io import Array, Reading

FORMAT = 1
POLICY_FILE, WEIGHTS_FILE = "policy.json", "policy.npz"
OUTPUTS: dict[str, Callable[[Array], Array]] = {"tanh": np.tanh, "clip": lambda x: np.clip(x, -1.0, 1.0)}
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "elu": lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
    "silu": lambda x: x / (1.0 + np.exp(-x)),
}


@dataclass(frozen=True)
class Step:
    """One step of a network.

    Attributes
    ----------
    kind : str
        ``linear``, ``lstm``, ``limit`` or one of ``ACTIVATIONS``.
    weights : tuple of Array
        ``linear``: weight (out, in) and bias (out,); ``lstm``: input weight (4 hidden, in), hidden weight (4 hidden, hidden) and two
        biases, gates in the order input, forget, cell, output.
    limit : float
        Of ``limit``: cuts to plus and minus it.
    """

    kind: str
    weights: tuple[Array, ...] = ()
    limit: float = 0.0


class LearnedController(Controller):
    """A saved policy; always the mean action, never a drawn one.

    Parameters
    ----------
    view : EnvView
    steps : sequence of Step
        The network from observation to action.
    output : str
        How the last numbers become an action in [-1, 1]: one of ``OUTPUTS``.
    about : mapping
        What ``policy.json`` says.
    """

    def __init__(self, view: EnvView, steps: Sequence[Step], output: str, about: Mapping[str, Any]) -> None:
        super().__init__(view)
        self.about = about
        self._steps, self._output = tuple(steps), output

    def _begin(self, reading: Reading) -> Memory:
        hidden = {i: step.weights[1].shape[1] for i, step in enumerate(self._steps) if step.kind == "lstm"}
        return {
            f"{name}_{i}": np.zeros((size, reading.num_envs))
            for i, size in hidden.items()
            for name in ("hidden", "cell")
        }

    def _actions(self, reading: Reading, memory: Memory) -> tuple[Array, Memory]:
        return network_output(self._steps, self._output, reading.observation, memory)

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        actions, memory = self._actions(reading, memory)
        signals = self.view.signals.action
        setpoints = {
            s.name: s.low + 0.5 * (x + 1.0) * (s.high - s.low) for s, x in zip(signals, actions.T, strict=True)
        }
        return setpoints, memory


def network_output(
    steps: Sequence[Step], output: str, observation: Array, memory: Mapping[str, Array]
) -> tuple[Array, Memory]:
    """Return actions, shape (N, A) float32, for observations, shape (N, F), and what is remembered of them.

    Parameters
    ----------
    steps : sequence of Step
    output : str
        One of ``OUTPUTS``.
    observation : Array
    memory : mapping
        ``hidden_<i>`` and ``cell_<i>``, shape (hidden, N), of each step ``i`` that is an LSTM.
    """
    kept = dict(memory)
    x = observation.T.astype(np.float64)
    for i, step in enumerate(steps):
        if step.kind == "linear":
            x = step.weights[0] @ x + step.weights[1][:, None]
        elif step.kind == "limit":
            x = np.clip(x, -step.limit, step.limit)
        elif step.kind == "lstm":
            x, kept[f"cell_{i}"] = _lstm(x, kept[f"hidden_{i}"], kept[f"cell_{i}"], step.weights)
            kept[f"hidden_{i}"] = x
        else:
            x = ACTIVATIONS[step.kind](x)
    return OUTPUTS[output](x).T.astype(np.float32), kept


def _lstm(x: Array, hidden: Array, cell: Array, weights: tuple[Array, ...]) -> tuple[Array, Array]:
    """Hidden and cell state, shape (hidden, N), after one more input, shape (in, N)."""
    gates = weights[0] @ x + weights[1] @ hidden + (weights[2] + weights[3])[:, None]
    enter, forget, new, leave = np.split(gates, 4)
    cell = cell / (1.0 + np.exp(-forget)) + np.tanh(new) / (1.0 + np.exp(-enter))
    return np.tanh(cell) / (1.0 + np.exp(-leave)), cell


# --- saving -----------------------------------------------------------------------------------------------------------------------


def save_policy(model: Any, folder: str | Path, env: Any, config: Mapping[str, Any] | None = None) -> Path:
    """Save the policy of a Stable-Baselines3 model.

    Parameters
    ----------
    model : stable_baselines3 BaseAlgorithm
        PPO, A2C, SAC, TD3, DDPG, TQC or RecurrentPPO with a vector policy.
    folder : str or Path
        Made if it is not there; files of a policy in it are replaced.
    env : Any
        The environment it was trained on, in any of its forms, or an ``EnvView``.
    config : mapping, optional
        JSON-able; how it was trained.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the network is made of what cannot be saved.
    """
    return _save(*_network(model.policy), type(model).__name__.lower(), folder, env, config)


def save_network(
    network: Any, algo: str, folder: str | Path, env: Any, config: Mapping[str, Any] | None = None
) -> Path:
    """Save a network from observation to mean action, which is cut to -1 and 1 when it acts.

    Parameters
    ----------
    network : torch.nn.Module
        Of linear layers and ``ACTIVATIONS`` in sequence.
    algo : str
        What trained it.
    folder, env, config
        As of ``save_policy``.
    """
    return _save(_steps(network), "clip", algo, folder, env, config)


def _save(
    steps: Sequence[Step], output: str, algo: str, folder: str | Path, env: Any, config: Mapping[str, Any] | None
) -> Path:
    view = env if isinstance(env, EnvView) else view_of(env)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"step_{i}_{k}": array for i, step in enumerate(steps) for k, array in enumerate(step.weights)}
    np.savez(folder / WEIGHTS_FILE, **arrays)  # type: ignore[arg-type]
    config = dict(config or {})
    linear = [step.weights[0].shape[0] for step in steps if step.weights]
    content = {
        "format": FORMAT,
        "algo": algo,
        "net_arch": linear[:-1],
        "steps": [{"kind": step.kind, "weights": len(step.weights), "limit": step.limit} for step in steps],
        "output": output,
        "weights_sha256": hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest(),
        "observation": [list(signal[:4]) for signal in view.signals.observation],
        "action": [list(signal[:4]) for signal in view.signals.action],
        "hall": view.hall.name,
        "hall_sha256": view.hall.digest(),
        "versions": {
            "dcsim": dcsim.__version__,
            **{name: version(name) for name in ("stable_baselines3", "torch", "numpy")},
        },
        "config": config,
        "config_sha256": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
    }
    (folder / POLICY_FILE).write_text(json.dumps(content, indent=1) + "\n")
    return folder


def _network(policy: Any) -> tuple[list[Step], str]:
    """Steps from observation to action of an SB3 policy, and how the last numbers become an action."""
    actor = getattr(policy, "actor", None)
    extractor = getattr(actor, "features_extractor", None) or getattr(policy, "pi_features_extractor", None)
    if type(extractor).__name__ != "FlattenExtractor":
        raise InputError(f"save_policy: features extractor {type(extractor).__name__} cannot be saved; use MlpPolicy")
    if actor is not None and hasattr(actor, "latent_pi"):  # SAC, TQC
        return [step for module in (actor.latent_pi, actor.mu) for step in _steps(module)], "tanh"
    if actor is not None:  # TD3, DDPG: their last layer is a tanh
        return _steps(actor.mu), "clip"
    recurrent = [policy.lstm_actor] if hasattr(policy, "lstm_actor") else []
    modules = (*recurrent, policy.mlp_extractor.policy_net, policy.action_net)
    return [step for module in modules for step in _steps(module)], "tanh" if policy.squash_output else "clip"


def _steps(module: Any) -> list[Step]:
    from torch import nn

    def numbers(*tensors: Any) -> tuple[Array, ...]:
        return tuple(tensor.detach().cpu().numpy().astype(np.float32) for tensor in tensors)

    if isinstance(module, nn.Sequential):
        return [step for part in module for step in _steps(part)]
    if isinstance(module, nn.Linear):
        return [Step("linear", numbers(module.weight, module.bias))]
    if isinstance(module, nn.LSTM) and not module.bidirectional and not module.proj_size:
        names = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")
        return [
            Step("lstm", numbers(*(getattr(module, f"{name}{k}") for name in names))) for k in range(module.num_layers)
        ]
    if isinstance(module, nn.Hardtanh) and module.min_val == -module.max_val:
        return [Step("limit", limit=float(module.max_val))]
    if isinstance(module, nn.Identity | nn.Flatten):
        return []
    kind = type(module).__name__.lower()
    if kind not in ACTIVATIONS:
        raise InputError(
            f"save_policy: {type(module).__name__} cannot be saved; known: {', '.join(sorted(ACTIVATIONS))}"
        )
    return [Step(kind)]


# --- loading ----------------------------------------------------------------------------------------------------------------------


def load_policy(folder: str | Path, env: Any) -> LearnedController:
    """Load a saved policy for an environment.

    Parameters
    ----------
    folder : str or Path
    env : Any
        Environment or ``EnvView``.

    Raises
    ------
    InputError
        If a file is missing, cut off or of another kind, or the environment's signals differ from those of the training; the message
        names them.
    """
    view = env if isinstance(env, EnvView) else view_of(env)
    content = read_policy(folder)
    _check_signals(Path(folder), content, view.signals)
    return LearnedController(view, read_steps(Path(folder), content), content["output"], content)


def read_policy(folder: str | Path) -> dict[str, Any]:
    """Return what ``policy.json`` in ``folder`` says, checked; ``InputError`` if it is not there or not a policy."""
    file = Path(folder) / POLICY_FILE
    if not file.is_file():
        raise InputError(f"{file}: no such file; give the folder of a saved policy")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{file}: not valid JSON ({str(error).splitlines()[0]}); save the policy anew") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise InputError(f"{file}: format {found!r}, expected {FORMAT}; save the policy anew")
    try:
        steps, signals = content["steps"], [*content["observation"], *content["action"]]
        is_sound = (
            content["output"] in OUTPUTS
            and isinstance(content["weights_sha256"], str)
            and isinstance(content["algo"], str)
            and isinstance(content["config"], dict)
            and all(step["kind"] in {"linear", "lstm", "limit", *ACTIVATIONS} for step in steps)
            and all(isinstance(step["weights"], int) and isinstance(step["limit"], int | float) for step in steps)
            and all(isinstance(name, str) and isinstance(unit, str) for name, unit, _, _ in signals)
            and all(isinstance(end, int | float) for *_, low, high in signals for end in (low, high))
            and all(low < high for *_, low, high in signals)
        )
    except (KeyError, TypeError, ValueError):
        is_sound = False
    if not is_sound:
        raise InputError(f"{file}: not the description of a policy; save the policy anew")
    return content


def _check_signals(folder: Path, content: Mapping[str, Any], signals: Signals) -> None:
    problems = []
    for part, here in (("observation", signals.observation), ("action", signals.action)):
        there = [Signal(name, unit, low, high, "") for name, unit, low, high in content[part]]
        problems += _differences(part, there, here)
    if problems:
        raise InputError(
            f"{folder}: trained on other signals: {'; '.join(problems)}; make the environment as it was in training"
        )


def _differences(part: str, there: Sequence[Signal], here: Sequence[Signal]) -> list[str]:
    trained, present = {signal.name: signal[:4] for signal in there}, {signal.name: signal[:4] for signal in here}
    problems = []
    if missing := [name for name in trained if name not in present]:
        problems.append(f"{part} lacks {_few(missing)}")
    if extra := [name for name in present if name not in trained]:
        problems.append(f"{part} has besides {_few(extra)}")
    changed = []
    for name, signal in present.items():
        if name in trained and trained[name] != signal:
            _, unit, low, high = trained[name]
            changed.append(f"{name} was {low:g} to {high:g} {unit}, is {signal[2]:g} to {signal[3]:g} {signal[1]}")
    if changed:
        problems.append(f"{part} {_few(changed)}")
    if not problems and list(trained) != list(present):
        problems.append(f"{part} has another order")
    return problems


def _few(items: Sequence[str], most: int = 3) -> str:
    """Return the first items of a list, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def read_steps(folder: Path, content: Mapping[str, Any]) -> list[Step]:
    """Return the network of a saved policy, its weights checked against what ``read_policy`` returned.

    Raises
    ------
    InputError
        If a file is missing, cut off or of another policy.
    """
    file = folder / WEIGHTS_FILE
    if not file.is_file():
        raise InputError(f"{file}: no such file; give the folder of a saved policy")
    packed = file.read_bytes()
    if hashlib.sha256(packed).hexdigest() != content["weights_sha256"]:
        raise InputError(
            f"{file}: does not match its hash in {POLICY_FILE}: cut off or of another policy; save the policy anew"
        )
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            steps = [
                Step(
                    entry["kind"],
                    tuple(arrays[f"step_{i}_{k}"].astype(np.float64) for k in range(entry["weights"])),
                    entry["limit"],
                )
                for i, entry in enumerate(content["steps"])
            ]
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError) as error:
        raise InputError(f"{file}: not the weights of this policy ({error}); save the policy anew") from None
    width = len(content["observation"])
    for step in steps:
        shapes = [array.shape for array in step.weights]
        if step.kind == "linear":
            expected = [(shapes[0][0], width), (shapes[0][0],)] if shapes and len(shapes[0]) == 2 else []
            width = shapes[0][0] if shapes else 0
        elif step.kind == "lstm":
            size = shapes[1][-1] if len(shapes) == 4 else 0
            expected = [(4 * size, width), (4 * size, size), (4 * size,), (4 * size,)]
            width = size
        else:
            expected = []
        if shapes != expected or not all(np.isfinite(array).all() for array in step.weights):
            raise InputError(
                f"{file}: weights of step {steps.index(step)} ({step.kind}) do not fit; save the policy anew"
            )
    if width != len(content["action"]):
        raise InputError(f"{file}: {width} numbers come out for {len(content['action'])} actions; save the policy anew")
    return steps
