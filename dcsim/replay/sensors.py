"""What the sensors of a log would show in a simulated hall."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcsim.physics import server
from dcsim.plant import liquid, room, server_fans
from dcsim.plant.hall import Hall
from dcsim.plant.step import Step

INSTANT_S = 1e-6
TOTALS = (
    "crah_fan_power",
    "chiller_power",
    "compressor_power",
)  # of which a hall knows the sum alone, not that of a unit

Array = Any  # NumPy arrays, or tensors with ``xp`` for them


def sensed(hall: Hall, s: Any, u: Any, interval: float, params: Any = None, xp: Any = np) -> dict[str, Array]:
    """Return what can be measured after a step of a hall, by name of the signal.

    Parameters
    ----------
    hall : Hall
    s : State
        After a control step; fields of shape (rows, N).
    u : Inputs
        Of that step, likewise.
    interval : float
        Length of the control step [s], over which energies became powers.
    params : Params, optional
        Instead of the hall's own.
    xp : namespace
        Array functions.

    Returns
    -------
    dict of str to Array
        Shape (racks, N), (units, N), (chillers, N) or (1, N), in house units: degC, W, share. Temperatures are those at the end of the step,
        powers means over it. A hall has the signals of its parts.
    """
    p = hall.params if params is None else params
    found: dict[str, Array] = {
        "rack_inlet_temperature": s.rack_inlet_temperature,
        "supply_air_temperature": s.supply_air_temperature,
        "crah_fan_speed": s.crah_fan_speed,
        "server_fan_speed": s.server_fan_speed,
        "utilization": u.utilization,
        **_air(hall, s, u, p, interval, xp),
    }
    for name in (
        "chilled_water_supply_temperature",
        "chilled_water_return_temperature",
        "condenser_water_supply_temperature",
        "coolant_supply_temperature",
        "coolant_return_temperature",
        "facility_water_supply_temperature",
        "facility_water_return_temperature",
        "room_dew_point",
        "room_relative_humidity",
        "valve_fraction",
        "tower_air_fraction",
        "chilled_water_pump_speed",
        "outdoor_air_share",
        "compressor_on",
    ):
        if hasattr(s, name):
            found[name] = getattr(s, name)
    if hasattr(s, "district_return_temperature"):
        found["chilled_water_supply_temperature"] = u.district_supply_temperature + 0.0 * s.district_return_temperature
        found["chilled_water_return_temperature"] = s.district_return_temperature
    if "rack_fronts" in hall:
        found |= _fronts(hall, s)
    return found | _powers(hall, s, u, p, interval)


def _fronts(hall: Hall, s: Any) -> dict[str, Array]:
    """Lowest, middle and highest level of the racks' fronts, each of shape (racks, N)."""
    levels = hall.counts["fronts"] // hall.racks
    names = {"bottom": 0, "top": levels - 1} | ({"middle": (levels - 1) // 2} if levels > 2 else {})
    return {f"rack_front_{name}_temperature": s.front_inlet[level::levels] for name, level in names.items()}


def _air(hall: Hall, s: Any, u: Any, p: Any, interval: float, xp: Any) -> dict[str, Array]:
    """Air off the servers, onto the cooling units and of the room: what a pass too short to change anything makes of the state."""
    s, held = Step(hall.types).begin(s, u, p, interval, xp)
    plates = liquid.cooled(s, u, held, p, INSTANT_S, xp) if "liquid" in hall else None
    hot = room.hot_side(s, u, held, p, INSTANT_S, xp, plates)
    return {
        "rack_power": u.server_power if hasattr(u, "server_power") else _rack_power(s, u, held, p, plates, xp),
        "rack_outlet_temperature": hot.servers.inlet + hot.servers.released / hot.servers.stream,
        "return_air_temperature": hot.hot_return + hot.bypass * s.supply_air_temperature,
        "room_temperature": _mean(s.hot_air_temperature, xp),
    }


def _rack_power(s: Any, u: Any, h: Any, p: Any, plates: Any, xp: Any) -> Array:
    """What rack groups draw at this moment [W], fans and leakage with it, and the chips under their cold plates."""
    to_air = h.dynamic_power if plates is None else plates.air_power
    leakage = server.leakage_power(
        to_air, s.rack_inlet_temperature, p.leakage_coefficient, p.leakage_reference_temperature
    )
    power = to_air + leakage + h.density_ratio * server_fans.fan_power(u, s.server_fan_speed, p)
    if plates is not None:
        rack_of_chips = xp.where(p.plate_share > 0.0, 1.0, 0.0).T
        power = power + xp.matmul(rack_of_chips, plates.chip_power)
    return power


def _mean(values: Array, xp: Any) -> Array:
    return xp.sum(values, 0, keepdims=True) / float(values.shape[0])


def _powers(hall: Hall, s: Any, u: Any, p: Any, interval: float) -> dict[str, Array]:
    """Means over the step."""
    per_second = 1.0 / interval
    it = s.it_energy * per_second
    cooling: Array = 0.0 * it
    for fields in hall.types.meters.values():
        for field in fields:
            cooling = cooling + getattr(s, field) * per_second
    found = {
        "it_power": it,
        "cooling_power": cooling,
        "facility_power": it + cooling + s.electrical_loss_energy * per_second,
        "crah_fan_power": s.crah_fan_energy * per_second,
    }
    for name, field in (
        ("chiller_power", "chiller_energy"),
        ("tower_fan_power", "tower_fan_energy"),
        ("chilled_water_pump_power", "chilled_water_pump_energy"),
        ("heat_removed", "evaporator_heat"),
        ("heat_removed", "district_cooling_energy"),
    ):
        if hasattr(s, field):
            found[name] = getattr(s, field) * per_second
    if hasattr(s, "compressor_energy"):
        found["compressor_power"] = s.compressor_energy * per_second
        found["heat_removed"] = (s.condenser_heat - s.compressor_energy) * per_second
    return found


def signal_of(signals: Mapping[str, Array], name: str, number: int = 0) -> Array | None:
    """Return what a sensor of a signal shows, shape (N,), or None where there is none, as of one of several units in `TOTALS`.

    Number 0 stands for all rack groups, units or chillers together: the sum of powers, the mean of anything else.
    """
    values = signals.get(name)
    if values is None or number > len(values) or (number and name in TOTALS):
        return None
    if number:
        return values[number - 1]
    return values.sum(0) if name.endswith("_power") else values.mean(0)


def around(signals: Mapping[str, Array], sensor: Any) -> Array | None:
    """Return what the air that a sensor hangs in is, or whatever else it measures, with its offset; None where a hall has no such signal.

    Parameters
    ----------
    signals : mapping of str to Array, shape (rows, N)
        Of a hall.
    sensor : Measured
    """
    values = signal_of(signals, sensor.signal, sensor.number)
    if values is None:
        return None
    if sensor.room_share:
        values = values + sensor.room_share * (signals["room_temperature"][0] - values)
    return values + sensor.offset


def lag_share(time_constant: Array, step_s: float) -> Array:
    """Share of the way to the air around it that a sensor goes in a step, by an implicit step; all of it without a lag."""
    return step_s / (step_s + time_constant)
