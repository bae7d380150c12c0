"""The derivatives of a control step by torch's autograd, through the model's own functions: what the adjoint must give."""

from typing import Any

import numpy as np
import torch

from dcsim.engines.model import field_slices


class TorchNamespace:
    """What laws call, on float64 tensors; minima and maxima are their first operand where both are equal."""

    exp, log, sqrt, tanh, matmul = torch.exp, torch.log, torch.sqrt, torch.tanh, torch.matmul

    @staticmethod
    def tensor(x: Any) -> torch.Tensor:
        return torch.as_tensor(x, dtype=torch.float64)

    def where(self, condition: Any, yes: Any, no: Any) -> torch.Tensor:
        return torch.where(torch.as_tensor(condition), self.tensor(yes), self.tensor(no))

    def maximum(self, x: Any, y: Any) -> torch.Tensor:
        x, y = self.tensor(x), self.tensor(y)
        return torch.where(x >= y, x, y)

    def minimum(self, x: Any, y: Any) -> torch.Tensor:
        x, y = self.tensor(x), self.tensor(y)
        return torch.where(x <= y, x, y)

    def sum(self, x: torch.Tensor, axis: int, keepdims: bool) -> torch.Tensor:
        return torch.sum(x, axis, keepdim=keepdims)

    def max(self, x: torch.Tensor, axis: int, keepdims: bool) -> torch.Tensor:
        return torch.amax(x, axis, keepdim=keepdims)


def torch_step(model: Any, params: Any, state: Any, inputs: Any, interval: float, substeps: int) -> Any:
    """One control step on NamedTuples of tensors, as the NumPy engine does it."""
    xp, num_envs = TorchNamespace(), state[0].shape[1]

    def whole(s: Any) -> Any:
        rows = model.state_rows.values()
        return model.state(*(torch.broadcast_to(xp.tensor(x), (r, num_envs)) for x, r in zip(s, rows, strict=True)))

    s, held = model.begin(state, inputs, params, interval, xp)
    s = whole(s)
    for _ in range(substeps):
        dt = interval / substeps
        coarse = model.sweep(s, inputs, held, params, dt, xp)
        middle = model.sweep(s, inputs, held, params, 0.5 * dt, xp)
        fine = model.sweep(whole(middle), inputs, held, params, 0.5 * dt, xp)
        # what a pass hands back untouched stays as it is
        kept = [x is c for x, c in zip(s, coarse, strict=True)]
        new = [x if same else 2.0 * f - c for x, c, f, same in zip(s, whole(coarse), whole(fine), kept, strict=True)]
        s = whole(model.monitor(whole(model.state(*new)), inputs, held, params, dt, xp))
    return s


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

    packed_state, packed_inputs = leaf(state), leaf(inputs)
    p = model.params(*(leaf(x) for x in params))
    s = model.state(*(packed_state[k] for k in field_slices(model.state, model.state_rows).values()))
    u = model.inputs(*(packed_inputs[k] for k in field_slices(model.inputs, model.input_rows).values()))
    new = torch.cat(tuple(torch_step(model, p, s, u, interval, substeps)))
    total = (torch.tensor(cotangent) * new).sum()
    wanted = [packed_state, packed_inputs, *p]
    found = torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)
    state_bar, inputs_bar, *params_bar = (x.numpy() for x in found)
    return state_bar, inputs_bar, dict(zip(p._fields, params_bar, strict=True))
