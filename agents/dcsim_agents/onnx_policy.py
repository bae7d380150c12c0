"""A saved policy as one ONNX file, for whatever runs ONNX: a building controller, a browser, another language.

The graph takes observations as the environment gives them, each element scaled to -1 and 1 by the fixed range of its signal, and returns
actions as the environment takes them, squashed or cut inside the graph. Ranges, names and units of all elements stand in the metadata of
the model, so that measurements can be scaled and set-points be read without dcsim. A recurrent policy also takes and returns its memory, which
is zero at the start of an episode.

What the graph is not: rate limits, dwell times and protection are the plant's, and stay there.

The file is put together from the numbers of the saved policy, so neither torch nor an exporter has a part in it.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.errors import InputError
from dcsim_agents.learned import POLICY_FILE, WEIGHTS_FILE, Step, network_output, read_policy, read_steps

Array = np.ndarray

OPSET, IR_VERSION = 17, 8  # of 2022; nearly every runtime reads them
ERROR_MAX = 1e-5  # of an action, of the float32 graph against the float64 policy
SAMPLES = 256  # observations on which the two are compared
STEPS = 4  # in a row, for policies with a memory
MISSING = "--format onnx: onnx is not installed; pip install 'dcsim[onnx]'"


def policy_folder(place: str | Path) -> Path:
    """Return the folder of a saved policy, given itself or one of its two files.

    Raises
    ------
    InputError
        If there is none.
    """
    path = Path(place)
    if path.name in (POLICY_FILE, WEIGHTS_FILE) and path.is_file():
        return path.parent
    if path.is_file():
        raise InputError(
            f"{path}: is no policy of dcsim; give the folder of {POLICY_FILE} and {WEIGHTS_FILE} (archives and pickles of others, which "
            "can run code, are not opened; dcsim_agents.learned.save_policy saves a model of Stable-Baselines3)"
        )
    if not path.exists():
        raise InputError(f"{path}: no such folder; give the folder of a saved policy, such as that of dcsim train")
    if not (path / POLICY_FILE).is_file():
        inside = sorted(child.parent.name for child in path.glob(f"*/{POLICY_FILE}"))
        remedy = f"; did you mean {path / inside[0]}?" if inside else "; give a folder of dcsim train"
        raise InputError(f"{path}: holds no policy ({POLICY_FILE}){remedy}")
    return path


def check_onnx() -> None:
    """Refuse where the package is not installed.

    Raises
    ------
    InputError
        Naming the remedy.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise InputError(MISSING) from None


def write_onnx(folder: Path, path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Write a policy as an ONNX file, check it, and move it into place.

    Parameters
    ----------
    folder : Path
        Of the saved policy.
    path : Path
        Of the file.
    identity : mapping
        What else its metadata say, JSON-able.

    Returns
    -------
    dict
        What the metadata say, with ``verified_with`` and ``error_max``, the greatest difference between an action of the file and one of the
        policy, over drawn observations.

    Raises
    ------
    InputError
        If there is no policy, onnx is not installed, or the file does not give the policy's actions.
    """
    check_onnx()
    import onnx

    about = read_policy(folder)
    steps = read_steps(folder, about)
    metadata = {**_described(about), **identity}
    model = _model(steps, about, metadata)
    temporary = path.with_name(".tmp-" + path.name)
    try:
        onnx.save_model(model, temporary)
        runtime, error = verified(temporary, steps, about)
        os.replace(temporary, path)
    except OSError as failure:
        raise InputError(f"{path}: cannot be written ({failure.strerror or failure})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return {**metadata, "verified_with": runtime, "error_max": error}


def _described(about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "holds": "the mean action of the policy, with its squashing; scaling of signals, rate limits, dwell times and protection are not in it",
        "input": "observation: each element is 2 (value - low) / (high - low) - 1, cut to -1 and 1",
        "output": "action: each set-point is low + (action + 1) / 2 (high - low)",
        **{
            part: [dict(zip(("name", "unit", "low", "high"), signal, strict=True)) for signal in about[part]]
            for part in ("observation", "action")
        },
        "algo": about["algo"],
        "hall": about.get("hall"),
        "hall_sha256": about.get("hall_sha256"),
        "policy_config_sha256": about.get("config_sha256"),
        "weights_sha256": about["weights_sha256"],
    }


def _model(steps: Sequence[Step], about: Mapping[str, Any], metadata: Mapping[str, Any]) -> Any:
    """Return the graph of a network."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes: list[Any] = []
    numbers: list[Any] = []
    inputs = [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", len(about["observation"])])]
    outputs = [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", len(about["action"])])]

    def number(name: str, values: Array) -> str:
        numbers.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def node(kind: str, *given: str, out: str, **options: Any) -> str:
        nodes.append(helper.make_node(kind, list(given), [out], **options))
        return out

    x = "observation"
    for i, step in enumerate(steps):
        name = f"{step.kind}_{i}"
        if step.kind == "linear":
            weight, bias = (
                number(f"{name}_{part}", values) for part, values in zip(("weight", "bias"), step.weights, strict=True)
            )
            x = node("Gemm", x, weight, bias, out=name, transB=1)
        elif step.kind == "lstm":
            size = step.weights[1].shape[1]
            for part in ("hidden", "cell"):
                inputs.append(helper.make_tensor_value_info(f"{part}_{i}", TensorProto.FLOAT, ["batch", size]))
                outputs.append(helper.make_tensor_value_info(f"next_{part}_{i}", TensorProto.FLOAT, ["batch", size]))
            bias = number(f"{name}_bias", step.weights[2] + step.weights[3])
            entered = node("Gemm", x, number(f"{name}_in", step.weights[0]), bias, out=f"{name}_entered", transB=1)
            kept = node("Gemm", f"hidden_{i}", number(f"{name}_hidden", step.weights[1]), out=f"{name}_kept", transB=1)
            gates = [f"{name}_{gate}" for gate in ("enter", "forget", "new", "leave")]
            nodes.append(helper.make_node("Add", [entered, kept], [f"{name}_gates"]))
            nodes.append(helper.make_node("Split", [f"{name}_gates"], gates, axis=1))
            enter, forget, new, leave = (
                node("Tanh" if gate.endswith("_new") else "Sigmoid", gate, out=f"{gate}_open") for gate in gates
            )
            old = node("Mul", forget, f"cell_{i}", out=f"{name}_old")
            cell = node("Add", old, node("Mul", enter, new, out=f"{name}_entering"), out=f"next_cell_{i}")
            x = node("Mul", leave, node("Tanh", cell, out=f"{name}_shown"), out=f"next_hidden_{i}")
        elif step.kind == "limit":
            low, high = number(f"{name}_low", np.array(-step.limit)), number(f"{name}_high", np.array(step.limit))
            x = node("Clip", x, low, high, out=name)
        elif step.kind == "silu":
            x = node("Mul", x, node("Sigmoid", x, out=f"{name}_gate"), out=name)
        else:
            x = node({"tanh": "Tanh", "relu": "Relu", "elu": "Elu"}[step.kind], x, out=name)
    if about["output"] == "tanh":
        node("Tanh", x, out="action")
    else:
        node("Clip", x, number("lowest", np.array(-1.0)), number("highest", np.array(1.0)), out="action")
    graph = helper.make_graph(nodes, "policy", inputs, outputs, numbers)
    model = helper.make_model(
        graph, producer_name="dcsim", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    helper.set_model_props(
        model, {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    )
    checker.check_model(model, full_check=True)
    return model


def verified(path: Path, steps: Sequence[Step], about: Mapping[str, Any]) -> tuple[str, float]:
    """Run a file on drawn observations beside the policy; return what ran it and the greatest difference of an action.

    onnxruntime runs it where it is installed, otherwise the reference of the onnx package.

    Raises
    ------
    InputError
        If an action differs by more than `ERROR_MAX`.
    """
    runtime, run = _runner(path)
    random = np.random.default_rng(int(hashlib.sha256(about["weights_sha256"].encode()).hexdigest()[:8], 16))
    sizes = {i: step.weights[1].shape[1] for i, step in enumerate(steps) if step.kind == "lstm"}
    memory = {f"{part}_{i}": np.zeros((size, SAMPLES)) for i, size in sizes.items() for part in ("hidden", "cell")}
    kept = {name: np.zeros((SAMPLES, len(values)), np.float32) for name, values in memory.items()}
    error = 0.0
    for _ in range(STEPS if sizes else 1):
        observation = random.uniform(-1.0, 1.0, (SAMPLES, len(about["observation"]))).astype(np.float32)
        expected, memory = network_output(steps, about["output"], observation, memory)
        found = run({"observation": observation, **kept})
        kept = {name: found[f"next_{name}"] for name in kept}
        error = max(error, float(np.abs(found["action"] - expected).max()))
    if not error <= ERROR_MAX:
        raise InputError(
            f"{path.name}: actions differ from the policy's by {error:.2g}, more than {ERROR_MAX:g}, as run by {runtime}; nothing was written"
        )
    return runtime, error


def _runner(path: Path) -> tuple[str, Any]:
    """Name and version of what runs the file, and a function from inputs by name to outputs by name."""
    try:
        import onnxruntime
    except ImportError:
        import onnx
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(str(path))
        return f"onnx.reference {onnx.__version__}", lambda given: dict(
            zip(evaluator.output_names, evaluator.run(None, given), strict=True)
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return f"onnxruntime {onnxruntime.__version__}", lambda given: dict(
        zip(names, session.run(names, given), strict=True)
    )
