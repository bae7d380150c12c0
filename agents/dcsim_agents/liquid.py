"""The baselines for liquid-cooled halls on dry coolers, under the names they have elsewhere.

* ``fixed``: constant facility water and coolant, pumps and fans at full speed.
* ``rules``: facility water floats with the outdoor air between two ends, coolant stands an approach above it, pumps run at the usual flow;
  the air side as the ``rules`` of a contained hall.
* ``pid``: loops on top of that. Coolant: the CDU valve that is open furthest, held below an opening, so that the exchangers get by with the
  facility water there is. Pumps of a CDU group: its hottest case, held below a target. The air side as the ``pid`` of a contained hall.
* ``g36-default`` and ``g36``: the resets of ``dcsim.plant.liquid_operation``, with usual and with tuned constants; air side and chilled
  water trim and respond as in ``dcsim_agents.g36``.

Training comes back from a break within a second, so all but ``fixed`` keep the flow that the hottest case needs with the racks at their
peak, and fans and chilled water that the air side needs then, whatever the load is now. Adiabatic pads are the plant's own matter: they are
wetted where fans at their limit miss the set-point.
"""

import numpy as np

from dcsim.plant.liquid_operation import (
    LiquidConstants,
    coolant_flow,
    coolant_setpoint,
    facility_water_setpoint,
    fan_speed_for_peak,
    flow_for_case,
)
from dcsim.plant.operation import tuned_constants
from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.g36 import G36Controller
from dcsim_agents.loops import lambda_tuned, moved
from dcsim_agents.practice import CONTAINED
from dcsim_agents.rules import FAN_TIME_S, fan_position
from dcsim_agents.signal_io import Array, Reading

FACILITY_WATER, COOLANT = 38.0, 42.0  # degC, W40 with 2 K in hand, and an approach of 4 K
FACILITY_WATER_MIN, FACILITY_APPROACH = 30.0, 12.0  # degC; K above outdoor air, coolers are rated for 8 K at full heat
COOLANT_APPROACH = 4.0  # K above facility water
COOLANT_FLOW = 0.8  # 1.2 L/min per kW, OCP practice
CASE_TARGET = 75.0  # degC with racks at their peak
CHILLED_WATER = 20.0  # degC; 22 at design, 2 K colder as the valves of the baselines are not all alike
CASE_LOOP_TARGET, FLOW_MIN = 70.0, 0.6  # degC that a pump loop holds its hottest case below; least flow it goes down to
CASE_ANSWER, CASE_TIME_S = -14.0, 30.0  # K of case per flow, measured in the simulator at full load and 80 % flow; s
CDU_VALVE_TARGET = 0.85  # opening of the CDU valve that is open furthest
CDU_VALVE_ANSWER, CDU_VALVE_TIME_S = (
    -0.10,
    60.0,
)  # opening per K of coolant, measured in the simulator at an approach of 4 K; s
FAN_ANSWER = -56.5  # K of inlet per fan speed, as in other contained halls
SUPPLY_ANSWER, SUPPLY_TIME_S = 1.0, 200.0  # K of inlet per K of supply air; s
PEAK_FLOW_RATIO = 1.10  # supply over server flow at the racks' peak
SUPPLY_MISSED_MAX = 2.0  # K that the supply-air set-point may run below what the coils deliver


class FixedController(Controller):
    """Constant set-points."""

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        return {
            "supply_air_setpoint": CONTAINED.supply_air,
            "crah_fan_speed": 1.0,
            "chilled_water_setpoint": CONTAINED.chilled_water_design,
            "chilled_water_pump_speed": 1.0,
            "coolant_setpoint": COOLANT,
            "coolant_flow": 1.0,
            "facility_water_setpoint": FACILITY_WATER,
            "dry_cooler_fan_limit": 1.0,
        }, memory


def _floating(reading: Reading) -> tuple[Array, Array]:
    """Facility water that floats with the outdoor air, and coolant above it [degC], shape (N,)."""
    facility = np.clip(reading["dry_bulb_temperature"][0] + FACILITY_APPROACH, FACILITY_WATER_MIN, FACILITY_WATER)
    return facility, np.maximum(facility, reading["coolant_floor"][0]) + COOLANT_APPROACH


class RuleController(Controller):
    """Practised loops.

    Parameters
    ----------
    view : EnvView
    """

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        self._fans_for_peak = fan_speed_for_peak(PEAK_FLOW_RATIO, view.hall)
        self._loops = {
            "fans": lambda_tuned(FAN_ANSWER, FAN_TIME_S, view.control_interval_s),
        }

    def _errors(self, reading: Reading) -> Memory:
        return {"fans": CONTAINED.inlet_target - reading["rack_inlet_max"]}

    def _positions(self, reading: Reading) -> Memory:
        return {"fans": fan_position(reading)}

    def _begin(self, reading: Reading) -> Memory:
        return self._errors(reading)

    def _moved(self, reading: Reading, errors: Memory, before: Memory) -> Memory:
        positions, interval = self._positions(reading), self.view.control_interval_s
        return {
            name: moved(positions[name], errors[name], before[name], loop, interval)
            for name, loop in self._loops.items()
        }

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        errors = self._errors(reading)
        wanted = self._moved(reading, errors, memory)
        facility, coolant = _floating(reading)
        return {
            "supply_air_setpoint": CONTAINED.supply_air,
            "crah_fan_speed": np.maximum(wanted["fans"], self._fans_for_peak),
            "chilled_water_setpoint": CHILLED_WATER,
            "chilled_water_pump_speed": 1.0,
            "coolant_setpoint": coolant,
            "coolant_flow": np.maximum(COOLANT_FLOW, flow_for_case(coolant, CASE_TARGET, self.view.hall)),
            "facility_water_setpoint": facility,
            "dry_cooler_fan_limit": 1.0,
        }, errors


class PidController(RuleController):
    """Loops on fans, supply air, chilled-water pumps, coolant and its flow.

    Parameters
    ----------
    view : EnvView
    """

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        interval = view.control_interval_s
        self._loops |= {
            "supply": lambda_tuned(SUPPLY_ANSWER, SUPPLY_TIME_S, interval),
            "coolant": lambda_tuned(CDU_VALVE_ANSWER, CDU_VALVE_TIME_S, interval),
            "flow": lambda_tuned(CASE_ANSWER, CASE_TIME_S, interval),
        }

    def _errors(self, reading: Reading) -> Memory:
        return super()._errors(reading) | {
            "supply": CONTAINED.inlet_mean_target - reading["rack_inlet_max"].mean(0, keepdims=True),
            "coolant": CDU_VALVE_TARGET - reading["cdu_valve_position"].max(0, keepdims=True),
            "flow": CASE_LOOP_TARGET - reading["case_max"],
        }

    def _positions(self, reading: Reading) -> Memory:
        delivered = reading["supply_air_temperature"].mean(0, keepdims=True)
        return super()._positions(reading) | {
            "supply": np.maximum(reading["supply_air_setpoint"].mean(0, keepdims=True), delivered - SUPPLY_MISSED_MAX),
            "coolant": reading["coolant_setpoint"],
            "flow": reading["coolant_flow"],
        }

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        errors = self._errors(reading)
        wanted = self._moved(reading, errors, memory)
        facility, usual = _floating(reading)
        # the loop may warm the coolant towards the usual approach and past it by as much again, never beyond the usual maximum
        coolant = np.clip(
            wanted["coolant"][0], usual - 0.5 * COOLANT_APPROACH, np.minimum(usual + COOLANT_APPROACH, COOLANT)
        )
        needed = np.maximum(FLOW_MIN, flow_for_case(coolant, CASE_TARGET, self.view.hall))
        return {
            "supply_air_setpoint": wanted["supply"],
            "crah_fan_speed": np.maximum(wanted["fans"], self._fans_for_peak),
            "chilled_water_setpoint": CHILLED_WATER,
            "chilled_water_pump_speed": 1.0,
            "coolant_setpoint": coolant,
            "coolant_flow": np.maximum(wanted["flow"], needed),
            "facility_water_setpoint": facility,
            "dry_cooler_fan_limit": 1.0,
        }, errors


class LiquidG36Controller(G36Controller):
    """Guideline 36 resets of air side and chilled water, and those of the liquid side.

    Parameters
    ----------
    view : EnvView
    constants : LiquidConstants
        Numbers, or arrays of shape (N,) to run a set of constants in each environment.
    """

    def __init__(self, view: EnvView, constants: LiquidConstants) -> None:
        super().__init__(view, constants)
        self.liquid = constants

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        setpoints, memory = super()._decide(reading, memory)
        c = self.liquid
        setpoints["crah_fan_speed"] = np.maximum(
            setpoints["crah_fan_speed"], fan_speed_for_peak(c.peak_flow_ratio, self.view.hall)
        )
        setpoints["chilled_water_setpoint"] = np.minimum(setpoints["chilled_water_setpoint"], c.chilled_water_max)
        setpoints["chilled_water_pump_speed"] = np.maximum(
            setpoints["chilled_water_pump_speed"], c.chilled_water_pump_min
        )
        return setpoints, memory

    def _heat_rejection(self, reading: Reading, chilled: Array) -> dict[str, Array | float]:
        load, dry_bulb = reading["utilization_mean"][0], reading["dry_bulb_temperature"][0]
        facility = facility_water_setpoint(dry_bulb, load, self.liquid)
        coolant = coolant_setpoint(facility, reading["coolant_floor"][0], self.liquid)
        return {
            "coolant_setpoint": coolant,
            "coolant_flow": coolant_flow(coolant, self.view.hall, self.liquid),
            "facility_water_setpoint": facility,
            "dry_cooler_fan_limit": 1.0,
        }


def published(view: EnvView) -> LiquidG36Controller:
    """Return the resets with usual values."""
    return LiquidG36Controller(view, LiquidConstants())


def tuned(view: EnvView) -> LiquidG36Controller:
    """Return the resets with the constants tuned and frozen for the hall."""
    return LiquidG36Controller(view, tuned_constants(view.hall.name, LiquidConstants))
