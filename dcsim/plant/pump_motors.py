"""Motors of the pumps that stand in a plant room: what they lose leaves by its ventilation, not with the water."""

from typing import Any, NamedTuple

from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array


class Params(NamedTuple):
    """Of the motors."""

    pump_motor_efficiency: Array  # (1)


class State(NamedTuple):
    """What they lost."""

    chilled_water_motor_heat: Array  # (1) J
    condenser_water_motor_heat: Array  # (1) J


REJECTED = ("chilled_water_motor_heat", "condenser_water_motor_heat")


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.chilled_water is not None and d.chilled_water.pump_motor_efficiency is not None
    return dict(pump_motor_efficiency=d.chilled_water.pump_motor_efficiency.value)


def heat(power: Array, loop: str, p: Any) -> tuple[Array, dict[str, Array]]:
    """Split the power of a loop's pumps [W] into what becomes heat of the water, and what their motors lose."""
    if not hasattr(p, "pump_motor_efficiency"):
        return power, {}
    into_water = p.pump_motor_efficiency * power
    return into_water, {f"{loop}_motor_heat": power - into_water}
