"""What tasks change of a hall: a storage tank beside its chillers, chillers that a controller stages."""

import math
from typing import Any

from dcsim.physics.constants import WATER_DENSITY
from dcsim.plant.description import HallDescription

TANK_HOURS = 4.0
FIGURE_OF_MERIT = (
    0.9  # of a stratified tank, 0.85 to 0.95 in the field: Musser and Bahnfleth 1998, ASHRAE Transactions 104(2)
)
START_MINUTES, START_COP = 3.0, 6.0  # of rated power that a start costs where a hall does not say, and at what COP


def _quantity(value: float, unit: str, source: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "source": source}


def with_tank(hall: HallDescription) -> dict[str, Any]:
    """Changes that give a hall a tank which passes the design flow of its coils for four hours; none where it has one."""
    assert hall.coils is not None
    if hall.tank is not None:
        return {}
    flow = hall.coils.water_flow.value
    volume = TANK_HOURS * 3600.0 * flow / WATER_DENSITY / FIGURE_OF_MERIT
    tank = {
        "volume": _quantity(volume, "m3", "four hours of the coils' design flow at a figure of merit of 0.9"),
        "height": _quantity((4.0 * volume / math.pi) ** (1.0 / 3.0), "m", "assumed: as high as wide, least surface"),
        "nodes": 20,
        "insulation_thickness": _quantity(0.1, "m", "assumed: usual on outdoor tanks"),
        "insulation_conductivity": _quantity(0.03, "W/(m K)", "polyurethane foam 0.022 to 0.030, aged"),
        "water_flow": _quantity(flow, "kg/s", "the coils' design flow: the tank alone can carry the hall"),
        "pump_power": _quantity(
            flow / WATER_DENSITY * 100e3 / 0.65, "W", "assumed: 100 kPa of pipes, valves and diffusers, efficiency 0.65"
        ),
        "pump_static_share": _quantity(0.3, "-", "assumed: an open tank below the highest point of the loop"),
        "valve_time_constant": _quantity(60.0, "s", "assumed: valves and pump move in two to three minutes"),
        "initial_charge": _quantity(0.5, "-", "assumed: half full, so that an episode can go either way"),
    }
    flows = {
        "low": -1.0,
        "high": 1.0,
        "rate_per_minute": 0.2,
        "unit": "-",
        "source": "assumed: from one end to the other in ten minutes, as chillers load up",
    }
    return {"tank": tank, "setpoints.tank_flow": flows}


STAGED_SIZES: dict[str, dict[str, Any]] = {
    # three and one in reserve of a third of the usual two: at usual loads one, two or three of them run
    "enterprise-1mw": {
        "chillers.count": 4,
        "chillers.capacity": _quantity(350e3, "W", "a third of the usual 1055 kW"),
        "chilled_water.pumps": 3,
        "tower.cells": 3,
        "tower.pumps": 3,
    },
}
"""Machines of the halls whose own are too few to be staged."""


def with_staging(hall: HallDescription) -> dict[str, Any]:
    """Changes that let a controller choose how many chillers, pumps and tower cells run."""
    assert hall.chillers is not None
    changes: dict[str, Any] = {"chillers.staging": "action", **STAGED_SIZES.get(hall.name, {})}
    chillers = hall.chillers
    if chillers.minimum_on_time is None:
        changes["chillers.minimum_on_time"] = _quantity(1200.0, "s", "assumed: 20 minutes")
    if chillers.minimum_off_time is None:
        changes["chillers.minimum_off_time"] = _quantity(900.0, "s", "assumed: 15 minutes")
    if chillers.start_energy is None:
        energy = START_MINUTES * 60.0 * chillers.capacity.value / START_COP
        changes["chillers.start_energy"] = _quantity(energy, "J", "assumed: three minutes at a COP of 6")
    elif "chillers.capacity" in changes:
        share = changes["chillers.capacity"]["value"] / chillers.capacity.value
        changes["chillers.start_energy"] = _quantity(
            share * chillers.start_energy.value, "J", f"in proportion to the capacity; {chillers.start_energy.source}"
        )
    return changes
