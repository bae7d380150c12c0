"""The engine for devices and gradients: a model's own functions on torch tensors, on a GPU one kernel written from them."""

import copy
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from dcsim.engines.base import Engine, check_out, check_shape
from dcsim.engines.cuda_driver import CudaKernel
from dcsim.engines.cuda_step import CudaStep
from dcsim.engines.model import Array, Model, checked_params, envs_of_params, fields
from dcsim.engines.scheme import control_step
from dcsim.engines.torch_namespace import TorchNamespace


class TorchEngine(Engine):
    """Runs control steps of a model on tensors, differentiable by autograd.

    State and inputs are either both NumPy arrays, float64 whatever the precision of the arithmetic, or both tensors on
    the engine's device and of its ``dtype``. What comes back is of the same kind: nothing of tensors is converted, nor
    does the host wait for the device.

    Tensors that require gradients, be it state, inputs or parameters, are treated operation by operation, and so is
    everything on a CPU. On a CUDA device all else runs as one kernel, one thread an environment, which is compiled at
    the first step and is launched on torch's current stream; where an interval with a number of sub-steps is new, its
    host values are copied to the device first. Its numbers are checked where there is a device (tests marked ``gpu``),
    and its text as plain C++ everywhere.

    Parameters
    ----------
    params : NamedTuple of Array or Tensor
        Tensors must be of the engine's device and ``dtype``; they are not copied, and gradients reach them.
    threads : int
        Not used: torch's own are shared by all engines, see ``torch.set_num_threads``.
    device : str
        As of ``torch.device``.

    Attributes
    ----------
    device : torch.device
    """

    def __init__(
        self,
        model: Model,
        params: Any,
        substeps: int = 10,
        dtype: str = "float64",
        threads: int = 1,
        device: str = "cpu",
    ):
        super().__init__(model, model.params(*map(_on_host, params)), substeps, dtype, threads)
        self._dtype: torch.dtype = getattr(torch, dtype)
        self.device = _device(device, self._dtype)
        self.name = "torch" if self.device.type == "cpu" else f"torch:{self.device}"
        self._xp = TorchNamespace(self._dtype, self.device)
        self._has_kernel = self.device.type == "cuda" and torch.version.cuda is not None
        self._kernel_step: CudaStep | None = None
        self._bind(params)

    def with_params(self, params: Any) -> Self:
        """Return an engine of the same model with other parameter values; those of tensors are not looked at."""
        other = copy.copy(self)
        vars(other).pop("stats", None)
        other._bind(params)
        return other

    def _bind(self, params: Any) -> None:
        """Take over parameter values."""
        if not any(isinstance(value, Tensor) for value in params):
            params, _ = checked_params(self.model, params)
        tensors = []
        for name, value in zip(fields(self.model.params), params, strict=True):
            if isinstance(value, Tensor):
                self._check_kind(value, f"params.{name}")
            tensors.append(value if isinstance(value, Tensor) else self._tensor(value))
        self.num_envs = envs_of_params(self.model, tensors)
        before, self.params = self.params, self.model.params(*tensors)
        if self._kernel_step is not None:
            is_alike = all(x.shape == y.shape for x, y in zip(before, tensors, strict=True))
            self._kernel_step = self._kernel_step.with_params(self.params) if is_alike else None

    def step(
        self, state: Any, inputs: Any, interval: float, out: Any | None = None, substeps: int | None = None
    ) -> Any:
        """One control step, see `Engine.step`; with tensors ``out`` is one too."""
        n, num_envs = self.substeps if substeps is None else substeps, state.shape[1]
        self._check_clock(interval, n)
        self._check_envs(num_envs)
        check_shape(state, (self._state_rows, num_envs), "state")
        check_shape(inputs, (self._input_rows, num_envs), "inputs")
        if out is not None:
            check_shape(out, (self._state_rows, num_envs), "out")
        if not isinstance(state, Tensor):
            for name, value in (("inputs", inputs), ("out", out)):
                if isinstance(value, Tensor):
                    raise ValueError(f"{name}: expected an array, as the state is one, got a tensor")
            return self._array_step(state, inputs, float(interval), int(n), out)
        for name, tensor in (("state", state), ("inputs", inputs), ("out", out)):
            if tensor is not None:
                self._check_kind(tensor, name)
        return self._tensor_step(state, inputs, float(interval), int(n), out)[0]

    def _array_step(self, state: Array, inputs: Array, interval: float, substeps: int, out: Array | None) -> Array:
        """Take NumPy arrays to the device and back."""
        if out is not None:
            check_out(out)
        with torch.no_grad():
            tensor, untouched = self._tensor_step(self._tensor(state), self._tensor(inputs), interval, substeps, None)
        new: Array = tensor.to("cpu", torch.float64).numpy()
        # they keep all their digits, whatever the precision of the arithmetic
        for name in untouched:
            new[self.state_slices[name]] = state[self.state_slices[name]]
        if out is None:
            return new
        out[...] = new
        return out

    def _tensor_step(
        self, state: Tensor, inputs: Tensor, interval: float, substeps: int, out: Tensor | None
    ) -> tuple[Tensor, list[str]]:
        """Return the new state, ``out`` where given, and the fields that nothing touched."""
        if self._has_kernel and not _is_recorded(state, inputs, *self.params):
            if self._kernel_step is None:
                self._kernel_step = self._new_kernel_step()
            return self._kernel_step(state, inputs, interval, substeps, out), self._kernel_step.untouched
        model = self.model
        s = model.state(*(state[rows] for rows in self.state_slices.values()))
        u = model.inputs(*(inputs[rows] for rows in self.input_slices.values()))
        new = control_step(
            model, s, u, self.params, interval, substeps, self._xp, lambda x: self._whole(x, state.shape[1])
        )
        packed = torch.cat(new)
        untouched = [name for name, x, before in zip(self.state_slices, new, s, strict=True) if x is before]
        return packed if out is None else out.copy_(packed), untouched

    @property
    def kernel(self) -> CudaKernel | None:
        """The kernel of a CUDA device, once a step has been run by one."""
        return None if self._kernel_step is None else self._kernel_step.kernel

    def _new_kernel_step(self) -> CudaStep:
        return CudaStep(self.model, self.params, self.dtype.name)

    def _whole(self, state: Any, num_envs: int) -> Any:
        """Broadcast fields that a model gave as numbers or parameters to all their rows and environments."""
        whole = []
        for x, rows in zip(state, self.state_slices.values(), strict=True):
            shape = (rows.stop - rows.start, num_envs)
            is_whole = isinstance(x, Tensor) and x.shape == shape
            whole.append(x if is_whole else self._xp.asarray(x).expand(shape))
        return self.model.state(*whole)

    def _tensor(self, array: Array) -> Tensor:
        return torch.tensor(np.ascontiguousarray(array), dtype=self._dtype, device=self.device)

    def _check_kind(self, value: Any, name: str) -> None:
        """Refuse what is no tensor of this engine's device and precision."""
        if not isinstance(value, Tensor) or value.dtype != self._dtype or value.device != self.device:
            got = f"{value.dtype} on {value.device}" if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"{name}: expected a tensor of {self._dtype} on {self.device}, got {got}")


def _is_recorded(*tensors: Tensor) -> bool:
    """Whether autograd follows what is done with any of these, in reverse or forward mode."""
    is_reverse = torch.is_grad_enabled() and any(x.requires_grad for x in tensors)
    return is_reverse or any(forward_ad.unpack_dual(x).tangent is not None for x in tensors)


def _on_host(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def _device(name: str, dtype: torch.dtype) -> torch.device:
    """Return a device that is there, with its index."""
    try:
        there = torch.zeros(1, dtype=dtype, device=name)
        there.tolist()
    except (RuntimeError, AssertionError, TypeError) as refusal:
        raise ValueError(f"no device {name!r} for torch here: {str(refusal).splitlines()[0]}") from refusal
    return there.device
