"""What tasks change of a hall: a storage tank beside its chillers, chillers that a controller stages, outdoor air let in."""

import math
from typing import Any

from dcsim.physics.constants import WATER_DENSITY
from dcsim.plant.description import HallDescription

AIR_DENSITY = 1.2  # kg/m3, at which volume flows are stated
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


PAD_PRESSURE, BOX_PRESSURE = 60.0, 190.0  # Pa; together the least of 250 to 500 Pa that filters, dampers and pads cost
PUMP_POWER_PER_AIR_FLOW = 90.0  # W/(m3/s), EnergyPlus, mean of its evaporative coolers


def with_outdoor_air(hall: HallDescription) -> dict[str, Any]:
    """Changes that give a hall mixing boxes for outdoor air with direct evaporative pads; none where it has them.

    The humidifier then only keeps the recommended lower limit of today: to humidify outdoor air as old halls do costs more than it saves.
    """
    if hall.outdoor_air is not None:
        return {}
    flow = hall.crahs.mass_flow.value / AIR_DENSITY
    air = {
        "share_min": _quantity(0.0, "-", "assumed: tight dampers"),
        "stroke_time": _quantity(120.0, "s", "Modelica Buildings, stroke of valves and dampers"),
        "time_constant": _quantity(30.0, "s", "assumed: mixed-air loop, integral time 40 s"),
        "pressure_drop": _quantity(
            BOX_PRESSURE, "Pa", "assumed: louvers, filters and dampers, low end of 250 to 500 Pa with the pads"
        ),
        "fan_efficiency": _quantity(0.6, "-", "assumed: fan, motor and drive, 0.5 to 0.7"),
        "dry_bulb_max": _quantity(40.0, "degC", "assumed: pads bring dry air of this temperature below the return"),
        "dry_bulb_min": _quantity(-20.0, "degC", "EnergyPlus example 2ZoneDataCenterHVAC_wEconomizer"),
        "dew_point_max": _quantity(15.0, "degC", "ASHRAE TC 9.9 2021, recommended upper limit, classes A1 to A4"),
        "dew_point_min": _quantity(-9.0, "degC", "ASHRAE TC 9.9 2021, recommended lower limit, classes A1 to A4"),
        "enthalpy_max": _quantity(
            56e3, "J/kg", "return air of 35 degC with 8 g/kg: richer air is no gain for wet coils"
        ),
        "deadband": _quantity(0.5, "K", "assumed: noise of outdoor sensors"),
        "lockout_time": _quantity(600.0, "s", "assumed: ten minutes, against flapping"),
        "changeover_time": _quantity(
            900.0 if hall.dx is not None else 3600.0,
            "s",
            "assumed: a quarter of an hour for compressors to take over, an hour for water",
        ),
        "evaporative": {
            "indirect_effectiveness": _quantity(0.0, "-", "none"),
            "direct_effectiveness": _quantity(0.85, "-", "rigid pads of 0.3 m reach 0.8 to 0.9"),
            "pressure_drop": _quantity(PAD_PRESSURE, "Pa", "rigid pads of 0.3 m at 2 m/s"),
            "pump_power": _quantity(PUMP_POWER_PER_AIR_FLOW * flow, "W", "EnergyPlus, 90 W for each m3/s"),
            "secondary_fan_power": _quantity(0.0, "W", "none"),
            "cycles_of_concentration": _quantity(4.0, "-", "EnergyPlus default 4; practice 3 to 15"),
        },
    }
    share = {
        "low": 0.0,
        "high": 1.0,
        "rate_per_minute": 0.2,
        "unit": "-",
        "source": "assumed: from one end to the other in five minutes",
    }
    dry = {
        "moisture.humidifier_dew_point": -8.0,
        "moisture.humidifier_band": 1.0,
    }
    return {"outdoor_air": air, "setpoints.outdoor_air_share": share, "setpoints.evaporative_share": share, **dry}
