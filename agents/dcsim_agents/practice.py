"""What operators of two kinds of hall usually set, and how strongly their halls answer: constants of the plainer baselines."""

from dataclasses import dataclass

from dcsim.plant.description import HallDescription

RECIRCULATION_CONTAINED = 0.05  # largest least share of recirculated air that speaks for containment


@dataclass(frozen=True)
class Practice:
    """Usual set-points and measured answers of a kind of hall.

    Attributes
    ----------
    supply_air : float
        Constant supply air [degC].
    inlet_target : float
        Hottest rack inlet that the fans of a zone hold [degC].
    inlet_mean_target : float
        Mean of the zones' hottest inlets that a supply-air loop above such fans holds [degC]: lower by what the zones differ at a flow
        ratio of about 1.1, so that the fans need not level what no fan can level.
    chilled_water_design : float
        Chilled water the plant was designed for [degC].
    chilled_water : float
        Chilled water held where valves may open further than at design [degC].
    condenser_water : float
        Condenser water held where it does not float with the wet bulb [degC].
    fan_answer : float
        Change of the hottest inlet per change of all fan speeds [K], at a flow ratio of 1.1 where it is steepest.
    """

    supply_air: float
    inlet_target: float
    inlet_mean_target: float
    chilled_water_design: float
    chilled_water: float
    condenser_water: float
    pump_speed_min: float
    fan_answer: float


OPEN_AISLES = Practice(
    supply_air=18.5,  # 16 to 18 in legacy halls; kept above 18, the lower end of the ASHRAE recommended range
    inlet_target=25.0,  # ASHRAE limit 27 with 2 K in hand
    inlet_mean_target=24.0,  # the ends of the rows stand 1.5 to 3 K above the middle
    chilled_water_design=6.67,  # 44 degF
    chilled_water=8.0,  # Modelica Buildings ChillerCooled examples
    condenser_water=21.1,  # 70 degF, ASHRAE 90.1 Appendix G: floats down to it
    pump_speed_min=0.6,  # pumps weigh more than colder water: 2 % of IT power each for chilled and condenser water
    fan_answer=-27.5,  # measured in the simulator at half load and a flow ratio of 1.1
)
CONTAINED = Practice(
    supply_air=24.0,  # 25 usual in contained halls; 1 K lower, as the ends of the rows stand 1 to 2 K above it
    inlet_target=25.0,
    inlet_mean_target=24.7,  # the ends of the rows stand 0.4 K above the middle unless air is short
    chilled_water_design=18.0,  # 20 at 25 degC supply; kept 6 K below the supply air
    chilled_water=18.0,
    condenser_water=15.56,  # 60 degF, lower end of the Modelica Buildings example
    pump_speed_min=0.85,  # warm water is worth more: it lengthens free cooling
    fan_answer=-56.5,  # measured in the simulator at half load and a flow ratio of 1.1
)


def practice_of(hall: HallDescription) -> Practice:
    """Return the practice of contained halls, or that of halls with open aisles, by how much exhaust air the hall recirculates."""
    return CONTAINED if hall.room.recirculation_min.value <= RECIRCULATION_CONTAINED else OPEN_AISLES
