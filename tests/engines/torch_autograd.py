"""The derivatives of a control step by torch's autograd, through the model's own functions: what the adjoint must give."""

from typing import Any

import numpy as np
import torch

from dcsim.engines.torch_engine import TorchEngine


def torch_vjp(
    model: Any,
    params: Any,
    state: np.ndarray,
    inputs: np.ndarray,
    interval: float,
    substeps: int,
    cotangent: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Derivatives by state, inputs and all parameters of ``sum(cotangent * new state)``."""

    def leaf(x: np.ndarray) -> torch.Tensor:
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    s, u, p = leaf(state), leaf(inputs), model.params(*(leaf(x) for x in params))
    total = (torch.tensor(cotangent) * TorchEngine(model, p, substeps).step(s, u, interval)).sum()
    found = torch.autograd.grad(total, [s, u, *p], allow_unused=True, materialize_grads=True)
    state_bar, inputs_bar, *params_bar = (x.numpy() for x in found)
    return state_bar, inputs_bar, dict(zip(p._fields, params_bar, strict=True))
