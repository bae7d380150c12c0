"""The hall as a model that any engine runs."""

import functools

from dcsim.engines.model import Model
from dcsim.plant.hall import Hall
from dcsim.plant.model import MATRICES, Inputs, Params, State
from dcsim.plant.step import sweep
from dcsim.plant.supervision import begin, monitor


def hall_model(hall: Hall) -> Model:
    """Return the equations of ``hall`` with their row counts; halls of one shape share one model."""
    return _model(tuple(hall.state_rows.items()), tuple(hall.input_rows.items()))


@functools.lru_cache(maxsize=32)
def _model(state_rows: tuple[tuple[str, int], ...], input_rows: tuple[tuple[str, int], ...]) -> Model:
    return Model(
        begin=begin,
        sweep=sweep,
        monitor=monitor,
        state=State,
        inputs=Inputs,
        params=Params,
        state_rows=dict(state_rows),
        input_rows=dict(input_rows),
        matrices=MATRICES,
    )
