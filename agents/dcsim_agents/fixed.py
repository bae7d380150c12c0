"""Legacy operation: fans and pumps at full speed, constant set-points, cooling mode by wet bulb; a storage tank is kept full."""

from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.modes import mode_by_wet_bulb
from dcsim_agents.practice import practice_of
from dcsim_agents.signal_io import Array, Reading
from dcsim_agents.storage import chiller_priority

FREE_BELOW, INTEGRATED_BELOW = (
    10.0,
    18.0,
)  # degC wet bulb; assumed: chilled water 18 degC less 8 K of approaches; less than its return


class FixedController(Controller):
    """Constant set-points.

    Parameters
    ----------
    view : EnvView
    """

    STORAGE = staticmethod(chiller_priority)

    def __init__(self, view: EnvView) -> None:
        super().__init__(view)
        self._practice = practice_of(view.hall)

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        practice = self._practice
        setpoints: dict[str, Array | float] = {
            "supply_air_setpoint": practice.supply_air,
            "crah_fan_speed": 1.0,
            "chilled_water_setpoint": practice.chilled_water_design,
            "condenser_water_setpoint": practice.condenser_water,
            "chilled_water_pump_speed": 1.0,
            "condenser_water_flow": 1.0,
        }
        if "mode_request" in self.setpoints:
            wet_bulb, mode = reading["wet_bulb_temperature"][0], reading.mode
            setpoints["mode_request"] = mode_by_wet_bulb(wet_bulb, mode, FREE_BELOW, INTEGRATED_BELOW)
        return setpoints, memory
