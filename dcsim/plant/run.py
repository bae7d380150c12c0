"""The hall as a model that any engine runs."""

import functools

from dcsim.engines.model import Model
from dcsim.plant.factors import Factors
from dcsim.plant.hall import Hall
from dcsim.plant.parts import types_of
from dcsim.plant.step import Step


def hall_model(hall: Hall) -> Model:
    """Return the equations of ``hall`` with their row counts; halls of one shape share one model."""
    types = hall.types
    return _model(types.parts, types.factors, tuple(hall.state_rows.items()), tuple(hall.input_rows.items()))


@functools.lru_cache(maxsize=32)
def _model(
    parts: tuple[str, ...],
    factors: Factors,
    state_rows: tuple[tuple[str, int], ...],
    input_rows: tuple[tuple[str, int], ...],
) -> Model:
    types = types_of(parts, factors)
    step = Step(types)
    return Model(
        begin=step.begin,
        sweep=step.sweep,
        monitor=step.monitor,
        state=types.State,
        inputs=types.Inputs,
        params=types.Params,
        state_rows=dict(state_rows),
        input_rows=dict(input_rows),
        matrices=types.matrices,
    )
