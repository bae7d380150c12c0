"""Checkpoints of a training, complete enough that an interrupted training ends in the very policy of an uninterrupted one.

Kept are networks, optimizers, replay buffer, environments (snapshots), running episode records and
all random generators. Files are plain arrays, JSON and tensors read with ``weights_only``: nothing in a checkpoint is
executed. Stable-Baselines3's own zip files, which hold pickles, are not used.
"""

import json
import os
import random
import shutil
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer

from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.errors import InputError
from dcsim_experiments.run_folder import temporary_folder, write_json

FOLDER = "checkpoints"
BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def save(run: Path, model: Any, env: SB3VecEnv, progress: dict[str, Any], best: dict[str, torch.Tensor] | None) -> Path:
    """Write a checkpoint between two rollouts, then remove the one before.

    Parameters
    ----------
    run : Path
        Folder of the training.
    model : stable_baselines3 algorithm
    env : SB3VecEnv
        That it trains in.
    progress : dict
        What the training itself wants back; JSON-able.
    best : dict of tensors, optional
        Best policy so far.

    Returns
    -------
    Path
        ``checkpoints/<control steps>``; it gets this name only when it is complete.
    """
    final = run / FOLDER / f"{model.num_timesteps:012d}"
    folder = temporary_folder(final)
    tensors = {
        "parameters": model.get_parameters(),
        "variables": {name: getattr(model, name).detach() for name in _variables(model)},
        "best": best,
        "torch_rng": torch.get_rng_state(),
    }
    torch.save(tensors, folder / "tensors.pt")
    arrays: dict[str, np.ndarray] = {}
    kept = {
        "env": env.snapshot(),
        "last_obs": model._last_obs,
        "last_episode_starts": model._last_episode_starts,
        "buffer": _buffer(model),
        "numpy_rng": np.random.get_state(legacy=False),  # noqa: NPY002  what SB3 samples from
        "python_rng": random.getstate(),
        "action_space_rng": model.action_space.np_random.bit_generator.state,
        "counters": {name: getattr(model, name) for name in ("num_timesteps", "_n_updates", "_episode_num")},
        "episodes": list(model.ep_info_buffer),
        "progress": progress,
    }
    tree = _split(kept, arrays, "")
    np.savez(folder / "arrays.npz", **arrays)  # type: ignore[arg-type]
    write_json(folder / "state.json", tree)
    if final.exists():
        shutil.rmtree(final)
    os.replace(folder, final)
    for other in (run / FOLDER).iterdir():
        if other != final:
            shutil.rmtree(other)
    return final


def latest(run: Path) -> Path | None:
    """Return the last complete checkpoint of a training, if there is one."""
    complete = sorted(path for path in (run / FOLDER).glob("*") if path.name.isdigit())
    return complete[-1] if complete else None


def restore(folder: Path, model: Any, env: SB3VecEnv) -> tuple[dict[str, Any], dict[str, torch.Tensor] | None]:
    """Bring a newly made model and environment to where a checkpoint was written.

    Returns
    -------
    progress : dict
    best : dict of tensors or None

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    try:
        tensors = torch.load(folder / "tensors.pt", weights_only=True)
        tree: Any = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        with np.load(folder / "arrays.npz", allow_pickle=False) as file:
            kept = _joined(tree, {name: file[name] for name in file.files})
    except Exception as error:  # whatever the readers make of a damaged file
        raise InputError(
            f"{folder}: checkpoint is damaged ({type(error).__name__}); start anew in another --out"
        ) from None
    model.set_parameters(tensors["parameters"], exact_match=True)
    with torch.no_grad():
        for name, value in tensors["variables"].items():
            getattr(model, name).copy_(value)
    for name, value in kept["counters"].items():
        setattr(model, name, value)
    model.ep_info_buffer = deque(kept["episodes"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    model._last_obs = kept["last_obs"]
    model._last_episode_starts = kept["last_episode_starts"]
    env.restore(kept["env"])
    if kept["buffer"] is not None:
        _refill(model.replay_buffer, kept["buffer"])
    model.action_space.np_random.bit_generator.state = kept["action_space_rng"]
    version, state, gauss = kept["python_rng"]
    random.setstate((version, tuple(state), gauss))
    np.random.set_state(kept["numpy_rng"])  # noqa: NPY002
    torch.set_rng_state(tensors["torch_rng"])
    return kept["progress"], tensors["best"]


def remove_all(run: Path) -> None:
    """Remove the checkpoints of a training that is finished."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)


def _variables(model: Any) -> list[str]:
    """Names of the trained tensors that stand outside modules, such as SAC's entropy coefficient."""
    return list(model._get_torch_save_params()[1])


def _buffer(model: Any) -> dict[str, Any] | None:
    buffer = getattr(model, "replay_buffer", None)
    if not isinstance(buffer, ReplayBuffer):
        return None
    filled = buffer.buffer_size if buffer.full else buffer.pos
    return {
        "pos": int(buffer.pos),
        "full": bool(buffer.full),
        **{name: getattr(buffer, name)[:filled] for name in BUFFER_ARRAYS},
    }


def _refill(buffer: ReplayBuffer, kept: dict[str, Any]) -> None:
    buffer.pos, buffer.full = kept["pos"], kept["full"]
    for name in BUFFER_ARRAYS:
        getattr(buffer, name)[: len(kept[name])] = kept[name]


_ARRAY = "array in arrays.npz"


def _split(value: Any, arrays: dict[str, np.ndarray], path: str) -> Any:
    """Return ``value`` as JSON can hold it; arrays go into ``arrays`` under the path to where they stood."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {_ARRAY: path}
    if isinstance(value, dict):
        return {str(key): _split(item, arrays, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_split(item, arrays, f"{path}.{i}") for i, item in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _joined(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return what ``_split`` was given, tuples as lists."""
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _joined(item, arrays) for key, item in value.items()}
    return [_joined(item, arrays) for item in value] if isinstance(value, list) else value
