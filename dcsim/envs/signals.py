"""What each element of an observation and of an action is: name, unit, range, meaning.

The ranges scale: an action of -1 asks for ``low`` and +1 for ``high``; an observation is ``low`` at -1 and ``high`` at +1 and is clipped
there. They are fixed numbers of the hall, so a saved policy needs no running statistics.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dcsim.plant.hall import Hall


class Signal(NamedTuple):
    """One element of an observation or an action."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Signals:
    """The tables of an environment.

    Attributes
    ----------
    observation, action : tuple of Signal
        In the order of the elements.
    """

    observation: tuple[Signal, ...]
    action: tuple[Signal, ...]

    def index(self, name: str) -> int:
        """Position of an observation element by name."""
        return [signal.name for signal in self.observation].index(name)

    def indices(self, prefix: str) -> list[int]:
        """Positions of the observation elements ``prefix`` and ``prefix_1``, ``prefix_2`` and so on."""
        return [
            i
            for i, signal in enumerate(self.observation)
            if signal.name == prefix
            or (signal.name.startswith(prefix + "_") and signal.name[len(prefix) + 1 :].isdigit())
        ]

    def __str__(self) -> str:
        return "\n".join((*_table("observation", self.observation), "", *_table("action", self.action)))


def _table(title: str, signals: Sequence[Signal]) -> Iterator[str]:
    yield f"{title:<5} {'name':<34} {'unit':<9} {'low':>9} {'high':>9}  meaning"
    for i, s in enumerate(signals):
        yield f"{i:>{len(title)}} {s.name:<34} {s.unit:<9} {s.low:>9g} {s.high:>9g}  {s.meaning}"


FORECAST_HOURS = (1, 2, 4, 8, 24)


def action_signals(hall: Hall) -> tuple[Signal, ...]:
    """Table of the set-points a controller sends to ``hall``."""
    ranges = hall.description.setpoints
    supply, fan = ranges.supply_air_temperature, ranges.crah_fan_speed
    groups = range(1, hall.crah_groups + 1)
    signals = [
        *(
            Signal(f"supply_air_setpoint_{k}", "degC", supply.low, supply.high, f"supply air of CRAH group {k}")
            for k in groups
        ),
        *(Signal(f"crah_fan_speed_{k}", "-", fan.low, fan.high, f"fan speed of CRAH group {k}") for k in groups),
    ]
    for name, allowed, meaning in (
        ("chilled_water_setpoint", ranges.chilled_water_temperature, "water leaving the chillers or the economizer"),
        ("condenser_water_setpoint", ranges.condenser_water_temperature, "water leaving the cooling tower"),
        ("chilled_water_pump_speed", ranges.chilled_water_pump_speed, "speed of the chilled-water pumps"),
        ("condenser_water_flow", ranges.condenser_water_flow, "condenser-water flow over nominal"),
    ):
        signals.append(Signal(name, allowed.unit, allowed.low, allowed.high, meaning))
    if hall.has_economizer:
        signals.append(
            Signal("mode_request", "-", 0.0, 2.0, "0 mechanical, 1 integrated, 2 free cooling, nearest wins")
        )
    return tuple(signals)


def observation_signals(hall: Hall, forecast: str = "") -> tuple[Signal, ...]:
    """Table of what a controller sees of ``hall``; the order is that of ``observations.ObservationBuilder``.

    With ``forecast`` it sees the hours to come: ``persistence`` from what is known now, ``truth`` as they will be. The signals of the two
    have other names, so that a policy trained on the one refuses the other.
    """
    groups = range(1, hall.crah_groups + 1)
    cells = range(1, hall.description.room.hot_air_cells + 1)
    ranges = hall.description.setpoints
    chilled = ranges.chilled_water_temperature

    def each(name: str, unit: str, low: float, high: float, meaning: str) -> list[Signal]:
        return [Signal(f"{name}_{k}", unit, low, high, f"{meaning} {k}") for k in groups]

    signals = [
        *each("rack_inlet_max", "degC", 10.0, 45.0, "hottest rack inlet in the zone of CRAH group"),
        *each("rack_inlet_mean", "degC", 10.0, 45.0, "mean rack inlet in the zone of CRAH group"),
        *each("utilization", "-", 0.0, 1.0, "mean load in the zone of CRAH group"),
        *each("flow_ratio", "-", 0.0, 3.0, "supply over server air flow in the zone of CRAH group"),
        *each("supply_air_temperature", "degC", 8.0, 40.0, "supply air of CRAH group"),
        *each("crah_fan_speed", "-", 0.0, 1.0, "running fan speed of CRAH group"),
        *each("valve_fraction", "-", 0.0, 1.0, "coil water flow over nominal of CRAH group"),
        *(Signal(f"hot_air_temperature_{z}", "degC", 10.0, 60.0, f"hot air of cell {z}") for z in cells),
        Signal("chilled_water_supply_temperature", "degC", 2.0, 40.0, "water to the coils"),
        Signal("chilled_water_return_temperature", "degC", 2.0, 50.0, "water from the coils"),
        Signal("condenser_water_supply_temperature", "degC", 0.0, 45.0, "water from the tower"),
        Signal("tower_air_fraction", "-", 0.0, 1.0, "tower fan speed"),
        Signal("chiller_load", "-", 0.0, float(hall.chillers), "heat taken by the chillers, in machines"),
        Signal("chillers_on", "-", 0.0, float(hall.chillers), "chillers wanted by the staging"),
        Signal(
            "chillers_available", "-", 0.0, float(hall.chillers), "chillers that can run, derated ones by their share"
        ),
        Signal(
            "stage_dwell_left", "s", 0.0, hall.description.chillers.stage_time_min.value, "until staging may change"
        ),
        Signal("mode", "-", 0.0, 2.0, "0 mechanical, 1 integrated, 2 free cooling"),
        Signal(
            "mode_dwell_left", "s", 0.0, hall.description.economizer.mode_time_min.value, "until the mode may change"
        ),
        Signal("protection", "-", 0.0, 1.0, "1 while the plant's over-temperature protection acts"),
        Signal("it_power", "-", 0.0, 1.5, "IT power over design IT power"),
        Signal("cooling_power", "-", 0.0, 0.8, "cooling power over design IT power"),
        Signal("thermal_power", "-", 0.0, 0.8, "thermal power over design IT power"),
        Signal("utilization_mean", "-", 0.0, 1.0, "mean load of the hall"),
        Signal("utilization_slope", "-", -0.5, 0.5, "change of the mean load in the last hour"),
        Signal("dry_bulb_temperature", "degC", -35.0, 55.0, "outdoor air"),
        Signal("wet_bulb_temperature", "degC", -35.0, 40.0, "outdoor air"),
        Signal("hour_sin", "-", -1.0, 1.0, "time of day"),
        Signal("hour_cos", "-", -1.0, 1.0, "time of day"),
        Signal("week_sin", "-", -1.0, 1.0, "time of week"),
        Signal("week_cos", "-", -1.0, 1.0, "time of week"),
        Signal("price", "1/kWh", -0.2, 0.8, "price of electricity in the grid profile's currency"),
        Signal("carbon_intensity", "kg/kWh", 0.0, 1.2, "carbon intensity of electricity"),
        *each(
            "supply_air_setpoint", "degC", *_bounds(ranges.supply_air_temperature), "set-point in force of CRAH group"
        ),
        *each("crah_fan_setpoint", "-", *_bounds(ranges.crah_fan_speed), "set-point in force of CRAH group"),
        Signal("chilled_water_setpoint", "degC", chilled.low, chilled.high, "set-point in force"),
        Signal("condenser_water_setpoint", "degC", *_bounds(ranges.condenser_water_temperature), "set-point in force"),
        Signal("chilled_water_pump_speed", "-", *_bounds(ranges.chilled_water_pump_speed), "set-point in force"),
        Signal("condenser_water_flow", "-", *_bounds(ranges.condenser_water_flow), "set-point in force"),
        *each("crah_available", "-", 0.0, 1.0, "share that can run of CRAH group"),
    ]
    if forecast:
        kind = "forecast" if forecast == "persistence" else forecast
        for hours in FORECAST_HOURS:
            signals += [
                Signal(f"wet_bulb_{kind}_{hours}h", "degC", -35.0, 40.0, f"outdoor wet bulb in {hours} h"),
                Signal(f"utilization_{kind}_{hours}h", "-", 0.0, 1.0, f"mean load in {hours} h"),
                Signal(f"price_{kind}_{hours}h", "1/kWh", -0.2, 0.8, f"price in {hours} h"),
            ]
    return tuple(signals)


def _bounds(allowed: object) -> tuple[float, float]:
    return allowed.low, allowed.high  # type: ignore[attr-defined]


def scaling(signals: Sequence[Signal]) -> tuple[np.ndarray, np.ndarray]:
    """Offset and factor, shape ``(F,)``, with which ``(value - offset) * factor`` lies in -1 to 1."""
    low = np.array([signal.low for signal in signals])
    high = np.array([signal.high for signal in signals])
    return 0.5 * (low + high), 2.0 / (high - low)
