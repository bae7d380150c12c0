"""Loops as building management systems run them: each measures one thing and moves one set-point.

Supply air, chilled water and condenser flow are constant; the fans of a zone follow its hottest inlet, the pumps the valve that is open
furthest, the condenser water the wet bulb, the cooling mode the water temperatures. Source of the structure: the loops of the Modelica
Buildings ``ChillerCooled`` examples. Their gains are for seconds; at a supervisor's pace those would hunt, so these follow one rule
(``loops.lambda_tuned``). The safety layer, full fans and coldest air above 32 degC, is part of the plant. A storage tank is run by storage
priority (``storage``), numbers of machines by the thresholds of plants (``machines``), here and in ``pid``.
"""

import numpy as np

from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.loops import lambda_tuned, moved
from dcsim_agents.modes import condenser_water_by_mode, mode_by_deadbands
from dcsim_agents.practice import practice_of
from dcsim_agents.signal_io import Array, Reading

VALVE_TARGET = 0.90  # of the open valve
FAN_TIME_S, PUMP_TIME_S = (
    80.0,
    30.0,
)  # time constants of inlet and valve after a step of fans and pumps, measured in the simulator
PUMP_ANSWER = (
    -1.0
)  # change of the valve's opening per change of the pump speed; steepest, near an open valve at full speed


class RuleController(Controller):
    """Practised loops.

    Parameters
    ----------
    view : EnvView
    """

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        self._practice = practice_of(view.hall)
        interval = view.control_interval_s
        self._fan_loop = lambda_tuned(self._practice.fan_answer, FAN_TIME_S, interval)
        self._pump_loop = lambda_tuned(PUMP_ANSWER, PUMP_TIME_S, interval)

    def _begin(self, reading: Reading) -> Memory:
        return {"inlet_error": self._inlet_error(reading), "valve_error": valve_error(reading, VALVE_TARGET)}

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        practice, interval = self._practice, self.view.control_interval_s
        errors = {"inlet_error": self._inlet_error(reading), "valve_error": valve_error(reading, VALVE_TARGET)}
        setpoints: dict[str, Array | float] = {
            "supply_air_setpoint": practice.supply_air,
            "crah_fan_speed": moved(
                fan_position(reading), errors["inlet_error"], memory["inlet_error"], self._fan_loop, interval
            ),
            "chilled_water_setpoint": practice.chilled_water,
            "condenser_water_setpoint": condenser_water_by_mode(reading, practice.chilled_water),
            "chilled_water_pump_speed": moved(
                reading["chilled_water_pump_speed"],
                errors["valve_error"],
                memory["valve_error"],
                self._pump_loop,
                interval,
            ),
            "condenser_water_flow": 1.0,
        }
        if "mode_request" in self.setpoints:
            setpoints["mode_request"] = mode_by_deadbands(reading, practice.chilled_water)
        return setpoints, errors

    def _inlet_error(self, reading: Reading) -> Array:
        return self._practice.inlet_target - reading["rack_inlet_max"]


def valve_error(reading: Reading, target: float) -> Array:
    """Target minus the opening of the coil valve that is open furthest, shape (1, N)."""
    opening = reading["valve_fraction"] / reading["chilled_water_pump_speed"]
    return target - opening.max(0, keepdims=True)


def fan_position(reading: Reading) -> Array:
    """Speed from which the fan loops move on, shape (U, N).

    The set-point, or the running speed where the plant's aisle-pressure loop or its protection holds it higher.
    """
    return np.maximum(reading["crah_fan_setpoint"], reading["crah_fan_speed"])
