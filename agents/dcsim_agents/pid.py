"""Proportional-integral loops on every set-point that a measurement can drive.

* Fans of a zone: its hottest inlet, held below the upper of two targets; they act only where a zone stands out.
* Supply air, one for the hall: the mean of the zones' hottest inlets, held at the lower target.
* Chilled water: the coil valve that is open furthest, held at the lower of two openings.
* Pumps: the same valve, held below the upper opening; they speed up only when the water temperature is at its end.
* Condenser water and cooling mode as in ``rules``.

Two targets for two actuators on one measurement give the cheap one its way and keep the integrals from pulling against each other. Gains
follow from step responses measured in the simulator by ``loops.lambda_tuned``; a derivative part would act on noise at this pace and is
left out. Loops move on from where set-points really stand, so nothing winds up.
"""

import numpy as np

from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.loops import lambda_tuned, moved
from dcsim_agents.modes import condenser_water_by_mode, mode_by_deadbands
from dcsim_agents.practice import practice_of
from dcsim_agents.rules import FAN_TIME_S, PUMP_ANSWER, PUMP_TIME_S, fan_position, valve_error
from dcsim_agents.signal_io import Array, Reading

VALVE_WATER_TARGET, VALVE_PUMP_TARGET = 0.85, 0.95
SUPPLY_ANSWER, SUPPLY_TIME_S = 1.0, 200.0  # K of inlet per K of supply air; 180 to 240 s
WATER_ANSWER, WATER_TIME_S = (
    0.19,
    200.0,
)  # valve opening per K of chilled water: 0.08 half open, steeper when nearly open
SUPPLY_MISSED_MAX = 2.0  # K that the supply-air set-point may run below what the coils deliver


class PidController(Controller):
    """Loops on fans, supply air, chilled water and pumps.

    Parameters
    ----------
    view : EnvView
    """

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        self._practice = practice_of(view.hall)
        interval = view.control_interval_s
        self._loops = {
            "fans": lambda_tuned(self._practice.fan_answer, FAN_TIME_S, interval),
            "supply": lambda_tuned(SUPPLY_ANSWER, SUPPLY_TIME_S, interval),
            "water": lambda_tuned(WATER_ANSWER, WATER_TIME_S, interval),
            "pump": lambda_tuned(PUMP_ANSWER, PUMP_TIME_S, interval),
        }

    def _errors(self, reading: Reading) -> Memory:
        hottest = reading["rack_inlet_max"]
        return {
            "fans": self._practice.inlet_target - hottest,
            "supply": self._practice.inlet_mean_target - hottest.mean(0, keepdims=True),
            "water": valve_error(reading, VALVE_WATER_TARGET),
            "pump": valve_error(reading, VALVE_PUMP_TARGET),
        }

    def _begin(self, reading: Reading) -> Memory:
        return self._errors(reading)

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        errors = self._errors(reading)
        delivered = reading["supply_air_temperature"].mean(0, keepdims=True)
        positions = {
            "fans": fan_position(reading),
            "supply": np.maximum(reading["supply_air_setpoint"].mean(0, keepdims=True), delivered - SUPPLY_MISSED_MAX),
            "water": reading["chilled_water_setpoint"],
            "pump": reading["chilled_water_pump_speed"],
        }
        wanted = {
            name: moved(positions[name], errors[name], memory[name], loop, self.view.control_interval_s)
            for name, loop in self._loops.items()
        }
        chilled = self.setpoints.clipped("chilled_water_setpoint", wanted["water"])[0]
        setpoints: dict[str, Array | float] = {
            "supply_air_setpoint": wanted["supply"],
            "crah_fan_speed": wanted["fans"],
            "chilled_water_setpoint": chilled,
            "condenser_water_setpoint": condenser_water_by_mode(reading, chilled),
            "chilled_water_pump_speed": np.maximum(wanted["pump"], self._practice.pump_speed_min),
            "condenser_water_flow": 1.0,
        }
        if "mode_request" in self.setpoints:
            setpoints["mode_request"] = mode_by_deadbands(reading, chilled)
        return setpoints, errors
