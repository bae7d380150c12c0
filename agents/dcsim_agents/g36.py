"""Resets in the style of ASHRAE Guideline 36, with published constants or with those tuned and frozen for a hall.

* Supply air: one temperature for the hall, trimmed up and called back by the zones whose hottest inlet is above target. Zones share their
  air, so temperatures of their own make them fight.
* CRAH fans: each zone holds a supply-to-server flow ratio, more where a group is down whose share the others supply; the plant's
  aisle-pressure loop below keeps the sum at 1 or above.
* Chilled water: one plant reset signal, called by coil valves that are nearly open and by supply air that is missed. Its lower half moves
  the pumps, its upper half the water temperature.
  An inlet above its limit is an alarm that raises the signal at its own, quicker rate, however slowly the reset was tuned.
* While outdoor air cools, chilled water stands ready to take over, whatever the signal.
* Condenser water: by wet bulb; in free cooling by what the chilled water needs. Flow by load.
* Cooling mode: by the economizer water that the wet bulb promises, with a deadband.

The laws and constants stand in ``dcsim.plant.operation``, where episodes find their settled start. At an episode's start the resets take
over the set-points in force. A storage tank, which the guideline does not know, is charged evenly off peak and carries what it can on
peak. Left out of the guideline: holding the resets while a chiller stages (the plant stages by itself).
"""

import numpy as np

from dcsim.plant.operation import (
    SIGNAL_MAX,
    ResetConstants,
    condenser_water_flow,
    condenser_water_setpoint,
    inlet_target,
    plant_setpoints,
    plant_signal,
    ready_signal,
    tuned_constants,
    wanted_mode,
    zone_flow_ratios,
)
from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.signal_io import Array, Reading
from dcsim_agents.storage import evenly_charged
from dcsim_agents.trim_respond import TrimRespond, is_due, trim_and_respond

SUPPLY_PERIOD_S, SUPPLY_RESPOND_MAX = 120.0, 3.0  # the second over the response to one request
PLANT_PERIOD_S, PLANT_RESPOND_MAX = 300.0, 7.0 / 3.0
PLANT_IGNORED = 2.0
GROUP_IMPORTANCE = (
    3.0  # assumed: a CRAH group stands for several units, so one alone is heard over the ignored requests
)
REQUESTS_MAX = 3.0  # of one zone or unit
SUPPLY_MISSED = 1.7, 2.8  # K of supply air above set-point for two and three requests, Guideline 36 3 and 5 degF
SUPPLY_WINDUP_MAX = 0.5  # K that the supply-air set-point may run below what the coils deliver
ALARM_RATE_PER_S = 0.1 / 300.0  # of the plant signal; half as much again as many requests make with published constants
VALVE_OPEN = 0.99  # opening at which a valve counts as open
FAN_SHARE = 0.5  # of the way to the wanted fan speed in a control step: the zones share their air
FLOW_RATIO_SEEN = 0.2  # below it a CRAH group stands still and its flow ratio says nothing


class AirResets(Controller):
    """The resets of supply air and fans, for halls of any plant.

    Parameters
    ----------
    view : EnvView
    constants : ResetConstants
        Numbers, or arrays of shape (N,) to run a set of constants in each environment.
    """

    STORAGE = staticmethod(evenly_charged)

    def __init__(self, view: EnvView, constants: ResetConstants) -> None:
        super().__init__(view)
        self.constants = constants
        low, high = self.setpoints.limits("supply_air_setpoint")
        c = constants
        self._supply_reset = TrimRespond(
            low,
            high,
            SUPPLY_PERIOD_S,
            c.supply_trim,
            -c.supply_respond,
            -SUPPLY_RESPOND_MAX * c.supply_respond,
            ignored=0.0,
        )

    def _supply(self, reading: Reading, memory: Memory) -> Array:
        """Supply air to ask for, shape (1, N), from ``supply`` and ``elapsed`` in memory."""
        supply = trim_and_respond(
            memory["supply"],
            self._zone_requests(reading),
            self._supply_reset,
            is_due(memory["elapsed"], self.view.control_interval_s, SUPPLY_PERIOD_S),
        )
        return np.maximum(supply, self._delivered(reading) - SUPPLY_WINDUP_MAX)

    def _zone_requests(self, reading: Reading) -> Array:
        """Requests for colder supply air, shape (1, N): one for each started step of an inlet above target, up to three a zone."""
        target = inlet_target(reading["wet_bulb_temperature"][0], reading.mode, self.constants)
        excess = reading["rack_inlet_max"] - target
        return np.clip(np.ceil(excess / self.constants.request_step), 0.0, REQUESTS_MAX).sum(0, keepdims=True)

    def _delivered(self, reading: Reading) -> Array:
        """Mean supply air of the CRAH groups that run, shape (1, N); of all where none does."""
        runs = np.where(reading["crah_available"] > 0.5, 1.0, 1e-9)
        return (runs * reading["supply_air_temperature"]).sum(0, keepdims=True) / runs.sum(0, keepdims=True)

    def _fans(self, reading: Reading) -> Array:
        in_force, ratio, available = reading["crah_fan_setpoint"], reading["flow_ratio"], reading["crah_available"]
        stand_in = len(available) / np.maximum(available.sum(0), 1.0)
        wanted = (
            reading["crah_fan_speed"]
            * stand_in
            * zone_flow_ratios(reading["rack_inlet_max"], reading.mode, self.constants)
            / np.maximum(ratio, 1e-3)
        )
        return in_force + FAN_SHARE * np.where(ratio > FLOW_RATIO_SEEN, wanted - in_force, 0.0)


class G36Controller(AirResets):
    """Guideline 36 resets of a hall on chilled water.

    Parameters
    ----------
    view : EnvView
    constants : ResetConstants
        Numbers, or arrays of shape (N,) to run a set of constants in each environment.
    """

    def __init__(self, view: EnvView, constants: ResetConstants) -> None:
        super().__init__(view, constants)
        self._ranges, c = view.hall.setpoints, constants
        self._plant_reset = TrimRespond(
            0.0,
            SIGNAL_MAX,
            PLANT_PERIOD_S,
            -c.plant_trim,
            c.plant_respond,
            PLANT_RESPOND_MAX * c.plant_respond,
            PLANT_IGNORED,
        )

    def _begin(self, reading: Reading) -> Memory:
        load, mode = reading["utilization_mean"][0], reading.mode
        pump, chilled = reading["chilled_water_pump_speed"][0], reading["chilled_water_setpoint"][0]
        return {
            "elapsed": np.zeros((1, reading.num_envs)),
            "supply": reading["supply_air_setpoint"].mean(0, keepdims=True),
            "signal": plant_signal(pump, chilled, load, mode, self._ranges, self.constants)[None],
            "asking": np.zeros_like(reading["valve_fraction"]),
        }

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        c, interval = self.constants, self.view.control_interval_s
        elapsed, load = memory["elapsed"], reading["utilization_mean"][0]
        mode = reading.mode
        asking = self._asking(reading, memory["asking"])
        supply = self._supply(reading, memory)
        signal = trim_and_respond(
            memory["signal"],
            self._water_requests(reading, asking),
            self._plant_reset,
            is_due(elapsed, interval, PLANT_PERIOD_S),
        )
        is_hot = reading["rack_inlet_max"].max(0) > self.view.hall.limits.inlet_limit.value
        called = np.minimum(memory["signal"] + ALARM_RATE_PER_S * interval, SIGNAL_MAX)
        signal = np.where(is_hot, np.maximum(signal, called), signal)
        if "outdoor_air_fraction" in reading:
            ready = ready_signal(reading["outdoor_air_fraction"].mean(0), supply.mean(0), load, mode, self._ranges, c)
            signal = np.maximum(signal, ready)
        pump, chilled = plant_setpoints(signal[0], load, mode, self._ranges, c)
        setpoints: dict[str, Array | float] = {
            "supply_air_setpoint": supply,
            "crah_fan_speed": self._fans(reading),
            "chilled_water_setpoint": chilled,
            "chilled_water_pump_speed": pump,
            **self._heat_rejection(reading, chilled),
        }
        return setpoints, {"elapsed": elapsed + interval, "supply": supply, "signal": signal, "asking": asking}

    def _heat_rejection(self, reading: Reading, chilled: Array) -> dict[str, Array | float]:
        """Set-points of what takes the heat outdoors, by the chilled water asked for [degC], shape (N,)."""
        c, load = self.constants, reading["utilization_mean"][0]
        wet_bulb, mode = reading["wet_bulb_temperature"][0], reading.mode
        setpoints: dict[str, Array | float] = {
            "condenser_water_setpoint": condenser_water_setpoint(wet_bulb, load, chilled, mode, c),
            "condenser_water_flow": condenser_water_flow(load, c),
        }
        if "mode_request" in self.setpoints:
            returning = reading["chilled_water_return_temperature"][0]
            setpoints["mode_request"] = wanted_mode(wet_bulb, chilled, returning, mode, c)
        return setpoints

    def _asking(self, reading: Reading, before: Array) -> Array:
        """Which CRAH groups ask for more chilled water, shape (U, N): from a valve nearly open until it has closed a little."""
        c = self.constants
        opening = reading["valve_fraction"] / reading["chilled_water_pump_speed"]
        half = 0.5 * c.valve_band
        return np.where(
            opening > np.minimum(c.valve_target + half, VALVE_OPEN),
            1.0,
            np.where(opening < c.valve_target - half, 0.0, before),
        )

    def _water_requests(self, reading: Reading, asking: Array) -> Array:
        missed = reading["supply_air_temperature"] - reading["supply_air_setpoint"]
        some, many = SUPPLY_MISSED
        requests = np.where(missed > many, 3.0, np.where(missed > some, 2.0, asking))
        return GROUP_IMPORTANCE * (requests * (reading["crah_available"] > 0.5)).sum(0, keepdims=True)


def published(view: EnvView) -> G36Controller:
    """Return the resets with published values."""
    return G36Controller(view, ResetConstants())


def tuned(view: EnvView) -> G36Controller:
    """Return the resets with the constants tuned and frozen for the hall."""
    return G36Controller(view, tuned_constants(view.hall.name))
