"""Control steps as functions of torch tensors, differentiable by state, inputs and parameters at the speed of the kernel.

For calibration and predictive control: a day of steps is one node of torch's graph, and whatever stands before it
(parameters from what is fitted, set-points from a policy) and after it (costs) is ordinary torch. Tensors of any float
type and device are accepted; steps are computed on the CPU in float64, or as the engine does.

Example
-------
::

    setpoints = torch.full((288, rows, 1), 18.0, dtype=torch.float64, requires_grad=True)
    inputs = torch.cat([setpoints, weather_and_load], dim=1)
    day = rollout(engine, state, inputs, 300.0, fields=("chiller_energy", "rack_inlet_temperature"))
    cost = day.fields["chiller_energy"].sum() + penalty(day.fields["rack_inlet_temperature"])
    cost.backward()
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from dcsim.engines.base import address_of, check_shape
from dcsim.engines.fused import FusedEngine
from dcsim.engines.model import Array, fields


class Rollout(NamedTuple):
    """What a number of control steps came to.

    Attributes
    ----------
    fields : dict of str to Tensor
        Of each field asked for, ``(T, rows, N)``: its values after every step.
    state : Tensor, shape (state rows, N)
        After the last step.
    """

    fields: dict[str, torch.Tensor]
    state: torch.Tensor


def step(
    engine: FusedEngine,
    state: torch.Tensor,
    inputs: torch.Tensor,
    interval: float,
    params: Any = None,
    substeps: int | None = None,
) -> torch.Tensor:
    """One control step.

    Parameters
    ----------
    engine : FusedEngine
    state : Tensor, shape (state rows, N)
    inputs : Tensor, shape (input rows, N)
    interval : float
        Length of the control step [s].
    params : NamedTuple of Tensor, optional
        As the engine's parameters: ``(rows, 1)`` or ``(rows, N)``, matrices ``(out, in)``; plain arrays are constants.
        The engine's own by default.
    substeps : int, optional
        Instead of the engine's own number.

    Returns
    -------
    Tensor, shape (state rows, N)
    """
    return rollout(engine, state, inputs[None], interval, params, substeps=substeps).state


def rollout(
    engine: FusedEngine,
    state: torch.Tensor,
    inputs: torch.Tensor,
    interval: float,
    params: Any = None,
    *,
    fields: Sequence[str] = (),
    substeps: int | None = None,
    keep_every: int = 1,
) -> Rollout:
    """Run control steps one after another, with different inputs and the same parameters.

    Parameters
    ----------
    engine, interval, params, substeps
        See `step`.
    state : Tensor, shape (state rows, N)
        Before the first step.
    inputs : Tensor, shape (T, input rows, N)
        Of each step.
    fields : sequence of str
        State fields to return after every step. Energies are those of the step: models clear them as it begins.
    keep_every : int
        Keep the state of every k-th step until derivatives are taken, and run the others again then. Between forward
        and backward ``T / k`` states of ``8 * state rows * N`` bytes are in memory, during backward ``k`` more. Above 1
        backward takes as much longer as a forward run.

    Returns
    -------
    Rollout

    Raises
    ------
    ValueError
        If a shape, the interval, a number or a field cannot be meant.
    """
    unknown = [name for name in fields if name not in engine.state_slices]
    if unknown:
        raise ValueError(f"no state field {unknown[0]!r}")
    if keep_every < 1 or int(keep_every) != keep_every:
        raise ValueError(f"keep_every must be a positive whole number, got {keep_every}")
    if inputs.ndim != 3 or not len(inputs):
        raise ValueError(f"inputs: expected a tensor of shape (T, input rows, N), got shape {tuple(inputs.shape)}")
    tensors = [] if params is None else [torch.as_tensor(x) for x in params]
    state, inputs, *tensors = (x.to("cpu", torch.float64) for x in (state, inputs, *tensors))
    plan = _Plan(engine, interval, substeps, tuple(fields), keep_every)
    after, *found = _Rollout.apply(plan, state, inputs, *tensors)
    return Rollout(dict(zip(fields, found, strict=True)), after)


class _Plan(NamedTuple):
    """What of a rollout is no tensor."""

    engine: FusedEngine
    interval: float
    substeps: int | None
    fields: tuple[str, ...]
    keep_every: int

    @property
    def keeps_all(self) -> bool:
        """Whether the states before all steps are kept."""
        return self.keep_every == 1

    def segments(self, count: int) -> list[tuple[int, int, int]]:
        """Steps from one kept state to the next, or all: number of the kept state, first step, and the one after the last."""
        length = count if self.keeps_all else self.keep_every
        return [(k, first, min(first + length, count)) for k, first in enumerate(range(0, count, length))]


def _run(engine: FusedEngine, plan: _Plan, states: Array, inputs: Array) -> None:
    """Fill in all but the first of ``states``, shape (T + 1, state rows, N), with what ``inputs``, T of them, lead to."""
    advance = engine.stepper(states.shape[2], plan.interval, plan.substeps)
    state_at, state_bytes = address_of(states), states[0].nbytes
    inputs_at, inputs_bytes = address_of(inputs), inputs[0].nbytes
    for t in range(len(states) - 1):
        advance(state_at + t * state_bytes, inputs_at + t * inputs_bytes, state_at + (t + 1) * state_bytes)


class _Rollout(torch.autograd.Function):
    """Forward: the engine's steps. Backward: its way back, from kept state to kept state."""

    @staticmethod
    def forward(
        ctx: Any, plan: _Plan, state: torch.Tensor, inputs: torch.Tensor, *params: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        engine, count = plan.engine, len(inputs)
        if params:
            engine = engine.with_params(engine.model.params(*(x.detach().numpy() for x in params)))
        rows, num_envs = state.shape
        before, given = state.detach().numpy(), inputs.detach().contiguous().numpy()
        check_shape(before, (engine._state_rows, num_envs), "state")
        check_shape(given[0], (engine._input_rows, num_envs), "inputs")
        found = {name: np.empty((count, _rows(engine, name), num_envs)) for name in plan.fields}
        kept = np.empty((-(-count // plan.keep_every) + 1, rows, num_envs))  # with the last
        kept[0] = before
        for number, first, last in plan.segments(count):
            states = kept if plan.keeps_all else np.empty((last - first + 1, rows, num_envs))
            states[0] = kept[number]
            _run(engine, plan, states, given[first:last])
            for name, values in found.items():
                values[first:last] = states[1:, engine.state_slices[name]]
            if not plan.keeps_all:
                kept[number + 1] = states[-1]
        after = kept[-1].copy()
        ctx.plan, ctx.engine, ctx.kept = plan, engine, kept
        ctx.save_for_backward(inputs)
        ctx.set_materialize_grads(False)
        return tuple(torch.from_numpy(x) for x in (after, *found.values()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, after_bar: torch.Tensor | None, *field_bars: torch.Tensor | None) -> tuple[Any, ...]:
        plan, engine, kept = ctx.plan, ctx.engine, ctx.kept
        given = ctx.saved_tensors[0].detach().contiguous().numpy()
        num_envs = kept.shape[2]
        names = fields(engine.model.params)
        wanted = [name for name, is_needed in zip(names, ctx.needs_input_grad[3:], strict=False) if is_needed]
        back = engine.pullback(num_envs, plan.interval, plan.substeps, wanted)
        bar = np.zeros(kept.shape[1:]) if after_bar is None else np.array(after_bar.numpy(), order="C")
        inputs_bar = np.zeros_like(given)
        bars = [
            (bar[engine.state_slices[name]], x.numpy())
            for name, x in zip(plan.fields, field_bars, strict=True)
            if x is not None
        ]
        given_at, inputs_bar_at, bar_at = (address_of(x) for x in (given, inputs_bar, bar))
        given_bytes, state_bytes = given[0].nbytes, bar.nbytes
        for number, first, last in reversed(plan.segments(len(given))):
            states = kept
            if not plan.keeps_all:
                states = np.empty((last - first, *kept.shape[1:]))
                states[0] = kept[number]
                _run(engine, plan, states, given[first:last])
            states_at = address_of(states) - first * state_bytes
            for t in reversed(range(first, last)):
                for part, values in bars:
                    np.add(part, values[t], out=part)
                shift = t * given_bytes
                back.at(states_at + t * state_bytes, given_at + shift, bar_at, bar_at, inputs_bar_at + shift)
        found = back.params() if wanted else {}
        needed = ctx.needs_input_grad
        params_bar = (
            [_bar(found, engine, name) if name in wanted else None for name in names] if len(needed) > 3 else []
        )
        return None, torch.from_numpy(bar), torch.from_numpy(inputs_bar), *params_bar


def _rows(engine: FusedEngine, name: str) -> int:
    part = engine.state_slices[name]
    return part.stop - part.start


def _bar(found: dict[str, Array], engine: FusedEngine, name: str) -> torch.Tensor:
    bar = found.get(name)
    return torch.from_numpy(np.zeros_like(getattr(engine.params, name)) if bar is None else bar)
