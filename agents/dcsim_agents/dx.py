"""The baselines for halls on direct expansion, under the names they have elsewhere.

Here is less to set: supply air and fans of each unit, and which compressors are called. All of these baselines call every compressor all
the time and leave it to its thermostat, as is usual in small rooms.

* ``fixed``: constant supply air as cold as it used to be, fans at full speed.
* ``rules``: constant supply air; the fans of a zone follow its hottest inlet.
* ``pid``: the same, and one supply temperature for the hall follows the mean of the zones' hottest inlets, held at the lower of two targets.
* ``g36-default`` and ``g36``: supply air trimmed up and called back by the zones, fans by flow ratio, as in ``dcsim_agents.g36``.
"""

from dataclasses import dataclass

import numpy as np

from dcsim.plant.operation import ResetConstants, tuned_constants
from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.g36 import AirResets
from dcsim_agents.loops import lambda_tuned, moved
from dcsim_agents.rules import FAN_TIME_S, fan_position
from dcsim_agents.signal_io import Array, Reading


@dataclass(frozen=True)
class Practice:
    """What operators of small rooms usually set, and how strongly these answer; see ``dcsim_agents.practice``."""

    supply_air_legacy: float = 17.0  # 16 to 18 in legacy rooms, colder than what is recommended today
    supply_air: float = 18.5  # above 18, the lower end of the ASHRAE recommended range
    inlet_target: float = 25.0  # ASHRAE limit 27 with 2 K in hand
    inlet_mean_target: float = 24.7  # the zones of a small room hardly differ
    fan_answer: float = -35.0  # K per fan speed, measured in the simulator at 70 % load and a flow ratio of 1


PRACTICE = Practice()
SUPPLY_ANSWER, SUPPLY_TIME_S = (
    1.0,
    200.0,
)  # K of inlet per K of supply air, and its time constant, measured in the simulator
SUPPLY_MISSED_MAX = 2.0  # K that the supply-air set-point may run below what the units deliver
CALLED = 1.0


class FixedController(Controller):
    """Constant set-points."""

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        return {
            "supply_air_setpoint": PRACTICE.supply_air_legacy,
            "crah_fan_speed": 1.0,
            "compressor_request": CALLED,
        }, memory


class RuleController(Controller):
    """Fans by the hottest inlet.

    Parameters
    ----------
    view : EnvView
    """

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        self._fan_loop = lambda_tuned(PRACTICE.fan_answer, FAN_TIME_S, view.control_interval_s)

    def _errors(self, reading: Reading) -> Memory:
        return {"fans": PRACTICE.inlet_target - reading["rack_inlet_max"]}

    def _begin(self, reading: Reading) -> Memory:
        return self._errors(reading)

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        errors, interval = self._errors(reading), self.view.control_interval_s
        return {
            "supply_air_setpoint": PRACTICE.supply_air,
            "crah_fan_speed": moved(fan_position(reading), errors["fans"], memory["fans"], self._fan_loop, interval),
            "compressor_request": CALLED,
        }, errors


class PidController(RuleController):
    """Fans by the hottest inlet of their zone, supply air by the mean of these.

    Parameters
    ----------
    view : EnvView
    """

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        self._supply_loop = lambda_tuned(SUPPLY_ANSWER, SUPPLY_TIME_S, view.control_interval_s)

    def _errors(self, reading: Reading) -> Memory:
        hottest = reading["rack_inlet_max"]
        return super()._errors(reading) | {"supply": PRACTICE.inlet_mean_target - hottest.mean(0, keepdims=True)}

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        setpoints, errors = super()._decide(reading, memory)
        delivered = reading["supply_air_temperature"].mean(0, keepdims=True)
        position = np.maximum(reading["supply_air_setpoint"].mean(0, keepdims=True), delivered - SUPPLY_MISSED_MAX)
        supply = moved(position, errors["supply"], memory["supply"], self._supply_loop, self.view.control_interval_s)
        return setpoints | {"supply_air_setpoint": supply}, errors


class G36Controller(AirResets):
    """Guideline 36 resets."""

    def _begin(self, reading: Reading) -> Memory:
        return {
            "elapsed": np.zeros((1, reading.num_envs)),
            "supply": reading["supply_air_setpoint"].mean(0, keepdims=True),
        }

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        supply = np.maximum(self._supply(reading, memory), self._least_supply(reading))
        setpoints: dict[str, Array | float] = {
            "supply_air_setpoint": supply,
            "crah_fan_speed": self._fans(reading),
            "compressor_request": CALLED,
        }
        return setpoints, {"elapsed": memory["elapsed"] + self.view.control_interval_s, "supply": supply}

    def _least_supply(self, reading: Reading) -> Array:
        """Supply air that is not undercut, shape (1, N): what is recommended, unless a rack stands above its own limit."""
        limits = self.view.hall.limits
        is_hot = reading["rack_inlet_max"].max(0, keepdims=True) > limits.inlet_limit.value
        return np.where(is_hot, self.setpoints.limits("supply_air_setpoint")[0], limits.supply_limit.value)


def published(view: EnvView) -> G36Controller:
    """Return the resets with published values."""
    return G36Controller(view, ResetConstants())


def tuned(view: EnvView) -> G36Controller:
    """Return the resets with the constants tuned and frozen for the hall."""
    return G36Controller(view, tuned_constants(view.hall.name))
