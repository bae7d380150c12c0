"""A model's control step as one CUDA kernel, with the parameter values it runs with.

Steps may be captured in a CUDA graph once one of the same interval and number of sub-steps has been run; the graph then
needs the engine to live as long as itself.
"""

import copy
import ctypes
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from dcsim.engines.cuda_driver import cuda_kernel
from dcsim.engines.cuda_text import THREADS, cuda_text
from dcsim.engines.model import Model
from dcsim.engines.program import HostValues, bounds_of, is_per_environment, trace
from dcsim.engines.simplify import simplified

_PLANS_KEPT = 64  # host values on the device, one set for each interval and number of sub-steps in use


class CudaStep:
    """Runs control steps on a CUDA device, one thread an environment.

    Parameters
    ----------
    model : Model
    params : NamedTuple of Tensor
        On the device. Values that all environments share are read by the host at the first step, and anew where a
        tensor was changed in place.
    dtype : str
    make_kernel : callable
        ``(text, name, device)`` gives what `CudaKernel` is.

    Attributes
    ----------
    untouched : list of str
        State fields that no step changes.
    kernel : CudaKernel
    """

    def __init__(
        self, model: Model, params: Any, dtype: str, make_kernel: Callable[[str, str, torch.device], Any] = cuda_kernel
    ):
        program = simplified(trace(model, params))
        self._model, self._dtype, self._text = model, np.dtype(dtype), cuda_text(program, dtype)
        self._bounds = bounds_of(program)
        self.kernel = make_kernel(self._text.text, "step", params[0].device)
        changed = {*program.begin, *program.sweep, *program.monitor}
        self.untouched = [f for f in program.state_rows if f not in changed]
        self._bind(params)

    def with_params(self, params: Any) -> Self:
        """Return a step with other parameter values of the same shapes."""
        other = copy.copy(self)
        other._bind(params)
        return other

    def _bind(self, params: Any) -> None:
        self._params, self._versions = params, _versions(params)
        self._values: HostValues | None = None
        self._plans: dict[tuple[float, int], Any] = {}
        own = [x for name, x in params._asdict().items() if is_per_environment(self._model, name, x)]
        self._environment = torch.cat([x.detach() for x in own]) if own else None

    def __call__(self, state: Tensor, inputs: Tensor, interval: float, substeps: int, out: Tensor | None) -> Tensor:
        """Run one control step on the current stream; returns ``out``, or a new tensor."""
        if _versions(self._params) != self._versions:
            self._bind(self._params)
        plan = self._plans.get((interval, substeps))
        if plan is None:
            plan = self._plan(interval, substeps)
        written = out if out is not None and out.is_contiguous() else None
        new = torch.empty_like(state, memory_format=torch.contiguous_format) if written is None else written
        environment = state if self._environment is None else self._environment
        tensors = (state.contiguous(), inputs.contiguous(), environment, new)
        num_envs = state.shape[1]
        values = plan if self._text.is_by_value else ctypes.c_void_p(plan.data_ptr())
        arguments = [
            values, *(ctypes.c_void_p(x.data_ptr()) for x in tensors), ctypes.c_int(substeps), ctypes.c_int(num_envs)
        ]  # fmt: skip
        self.kernel.launch(-(-num_envs // THREADS), THREADS, arguments)
        return new if out is None or out is new else out.copy_(new)

    def _plan(self, interval: float, substeps: int) -> Any:
        """Host values for an interval and a number of sub-steps, as an argument of the kernel or on the device."""
        if self._values is None:
            shared = {
                name: x for name, x in self._params._asdict().items() if not is_per_environment(self._model, name, x)
            }
            arrays = {name: x.detach().cpu().numpy().astype(np.float64) for name, x in shared.items()}
            text = self._text
            self._values = HostValues([*text.params, *text.timed_params], self._params._replace(**arrays), self._bounds)
        time_step, common = interval / substeps, len(self._text.params)
        full, half = self._values(interval, time_step), self._values(interval, 0.5 * time_step)
        packed = np.concatenate([np.zeros(0), *full, *half[common:]]).astype(self._dtype)
        if len(self._plans) >= _PLANS_KEPT:
            self._plans.clear()
        if self._text.is_by_value:
            plan: Any = np.ctypeslib.as_ctypes(packed)
        else:
            plan = torch.tensor(packed, device=self._params[0].device)
        self._plans[interval, substeps] = plan
        return plan


def _versions(tensors: Iterable[Tensor]) -> list[int]:
    """How often each tensor was changed in place; what was made for inference alone does not say."""
    return [0 if x.is_inference() else x._version for x in tensors]
