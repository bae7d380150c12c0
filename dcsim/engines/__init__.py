"""Ways to run a model's control steps for many environments.

NumPy as reference, one compiled kernel by default, torch for gradients and GPUs.
"""

import difflib
from typing import Any

from dcsim.engines.base import Engine
from dcsim.engines.graph import TraceError
from dcsim.engines.model import Model, field_slices, pack, unpack

__all__ = ["Engine", "Model", "TraceError", "field_slices", "make_engine", "pack", "unpack"]

ENGINES = ("fused", "numpy", "torch")
"""Names of engines; ``torch:`` and a device, as in ``torch:cuda`` or ``torch:cuda:1``, is one too."""


def make_engine(
    name: str, model: Model, params: Any, substeps: int = 10, dtype: str = "float64", threads: int = 1
) -> Engine:
    """Return an engine for a model.

    Parameters
    ----------
    name : {"fused", "numpy", "torch", "torch:DEVICE"}
        ``torch`` runs on the CPU, ``torch:cuda`` or ``torch:cuda:1`` on that device, see
        `dcsim.engines.torch_engine.TorchEngine`.
    model : Model
    params : NamedTuple of Array
        ``(rows, 1)``, or ``(rows, N)`` where every environment has its own values; matrices ``(out, in)``.
    substeps : int
        Extrapolated sub-steps per control step.
    dtype : {"float64", "float32"}
        Of the arithmetic. NumPy arrays handed in and out are float64 either way, torch tensors are of this type.
    threads : int
        Most threads to share a large batch; the NumPy engine has one, torch its own.

    Returns
    -------
    Engine

    Raises
    ------
    ValueError
        If there is no engine of that name or no such device, or the parameters do not fit the model.
    """
    if name == "fused":
        from dcsim.engines.fused import FusedEngine

        return FusedEngine(model, params, substeps, dtype, threads)
    if name == "numpy":
        from dcsim.engines.numpy_engine import NumpyEngine

        return NumpyEngine(model, params, substeps, dtype)
    family, _, device = str(name).partition(":")
    if family == "torch" and (device or name == "torch"):
        from dcsim.engines.torch_engine import TorchEngine

        return TorchEngine(model, params, substeps, dtype, threads, device or "cpu")
    near = difflib.get_close_matches(str(name).lower(), ENGINES, n=1, cutoff=0.0)
    raise ValueError(f"no engine {name!r}; did you mean {near[0]!r}? (choices: {', '.join(ENGINES)})")
