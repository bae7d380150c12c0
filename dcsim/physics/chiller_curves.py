"""Measured chillers: curve sets for the laws of `dcsim.physics.chiller`.

From the manufacturers' selections collected by CoolTools, as carried by EnergyPlus (``datasets/Chillers.idf``) and the
Modelica Buildings library (``Fluid.Chillers.Data.ElectricEIR``). Air-cooled machines have outdoor dry bulb in place of
condenser water.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ChillerCurves:
    """One machine: reference point, curves and where they hold.

    Attributes
    ----------
    name : str
        As in the source, with the figures that identify the selection.
    capacity_reference : float
        Heat flow from the chilled water at reference [W].
    cop_reference : float
        COP at reference [-].
    chilled_water_reference, condenser_water_reference : float
        Leaving and entering temperature at reference [degC].
    capacity_curve, eir_curve : tuple of 6 floats
        Biquadratics of leaving chilled and entering condenser water [-].
    part_load_curve : tuple of 3 floats
        Power over full-load power against part-load ratio [-].
    box : tuple of 4 floats
        Least and greatest chilled-water, least and greatest condenser-water temperature [degC].
    part_load_min, part_load_max : float
        Range of the part-load ratio [-].
    chilled_water_mass_flow, condenser_mass_flow : float
        Nominal [kg/s]; the second of air for air-cooled machines.
    is_air_cooled : bool
        Condenser in outdoor air.
    """

    name: str
    capacity_reference: float
    cop_reference: float
    chilled_water_reference: float
    condenser_water_reference: float
    capacity_curve: tuple[float, ...]
    eir_curve: tuple[float, ...]
    part_load_curve: tuple[float, ...]
    box: tuple[float, ...]
    part_load_min: float
    part_load_max: float
    chilled_water_mass_flow: float
    condenser_mass_flow: float
    is_air_cooled: bool = False


CURVE_SETS = MappingProxyType(
    {
        "A": ChillerCurves(
            name="York YT 1055 kW, COP 5.96, vanes",
            capacity_reference=1_055_000.0,
            cop_reference=5.96,
            chilled_water_reference=6.67,
            condenser_water_reference=29.44,
            capacity_curve=(0.1785912, -0.05900023, -0.0005946963, 0.09297889, -0.002841024, 0.004974221),
            eir_curve=(0.524511, -0.02850126, 0.000803472, 0.01893133, 0.0001151629, -9.340642e-05),
            part_load_curve=(0.2619878, 0.2393605, 0.4988306),
            box=(4.44, 8.89, 12.78, 35.0),
            part_load_min=0.10,
            part_load_max=1.05,
            chilled_water_mass_flow=28.39,
            condenser_mass_flow=56.78,
        ),
        "B": ChillerCurves(
            name="Trane CVHE 1442 kW, COP 6.61, variable speed",
            capacity_reference=1_442_000.0,
            cop_reference=6.61,
            chilled_water_reference=5.56,
            condenser_water_reference=23.89,
            capacity_curve=(0.4007341, 0.001148568, 0.0001049504, 0.05574667, -0.001646131, 0.0013232),
            eir_curve=(0.6287646, -0.03024605, 0.0006137016, 0.01805826, 0.0001640653, -0.0001113802),
            part_load_curve=(0.09299787, 0.3244475, 0.5818753),
            box=(4.44, 8.89, 12.78, 35.0),
            part_load_min=0.10,
            part_load_max=1.07,
            chilled_water_mass_flow=50.47,
            condenser_mass_flow=50.47,
        ),
        "C": ChillerCurves(
            name="Carrier 19XR 1143 kW, COP 6.57, variable speed",
            capacity_reference=1_143_000.0,
            cop_reference=6.57,
            chilled_water_reference=10.0,
            condenser_water_reference=26.67,
            capacity_curve=(0.7939538, 0.04096493, -0.001419397, -0.001639813, -0.0005220497, 0.001348786),
            eir_curve=(0.947558, -0.01187942, 8.799326e-05, 0.0002250775, 0.0001815775, 0.0002178409),
            part_load_curve=(0.1408822, -0.1578153, 1.014316),
            box=(7.22, 12.78, 12.78, 26.67),
            part_load_min=0.20,
            part_load_max=1.03,
            chilled_water_mass_flow=25.93,
            condenser_mass_flow=51.42,
        ),
        "D": ChillerCurves(
            name="McQuay WSC 471 kW, COP 5.89, vanes",
            capacity_reference=471_200.0,
            cop_reference=5.89,
            chilled_water_reference=8.89,
            condenser_water_reference=26.67,
            capacity_curve=(0.252113, 0.01324053, -0.008637329, 0.08581056, -0.004261176, 0.008661899),
            eir_curve=(0.4475238, -0.0258821, -0.001459053, 0.04342595, -0.001000651, 0.001920106),
            part_load_curve=(0.2778889, 0.2338363, 0.4883748),
            box=(7.22, 12.78, 12.78, 26.67),
            part_load_min=0.10,
            part_load_max=1.15,
            chilled_water_mass_flow=10.35,
            condenser_mass_flow=19.24,
        ),
        "E": ChillerCurves(
            name="Carrier 19XR 742 kW, COP 5.42, variable speed",
            capacity_reference=742_000.0,
            cop_reference=5.42,
            chilled_water_reference=5.56,
            condenser_water_reference=21.11,
            capacity_curve=(0.9797101, -0.002895701, -0.0008970718, 0.0103144, -0.0007431651, 0.001453508),
            eir_curve=(0.9946139, -0.04829399, 0.0004674277, -0.001158726, 0.0005762583, 0.0002148192),
            part_load_curve=(0.1202277, 0.1396384, 0.7394038),
            box=(5.56, 10.0, 11.25, 23.89),
            part_load_min=0.19,
            part_load_max=1.02,
            chilled_water_mass_flow=17.79,
            condenser_mass_flow=19.56,
        ),
        "F": ChillerCurves(
            name="York YCAL0033EE 100.6 kW, COP 3.1, air-cooled",
            capacity_reference=100_600.0,
            cop_reference=3.10,
            chilled_water_reference=6.67,
            condenser_water_reference=35.0,
            capacity_curve=(-0.2660645697, 0.0998714035, -0.0023814154, 0.0628316481, -0.0009644649, -0.0011249224),
            eir_curve=(0.1807017787, 0.0271530312, -0.0004553574, 0.0188175079, 0.0002623276, -0.0012881189),
            part_load_curve=(0.0, 1.0, 0.0),
            box=(4.44, 10.0, 23.89, 51.67),
            part_load_min=0.10,
            part_load_max=1.15,
            chilled_water_mass_flow=4.30,
            condenser_mass_flow=11.33,
            is_air_cooled=True,
        ),
    }
)
"""By letter; ``name`` tells the machine."""


@dataclass(frozen=True)
class LiftCurves:
    """A chiller by the older curves of EnergyPlus, whose only argument is a temperature difference.

    Attributes
    ----------
    name : str
        As in the source.
    cop_reference : float
        COP at reference [-].
    chilled_water_reference, condenser_water_reference : float
        Leaving and entering temperature at reference [degC].
    rise_coefficient : float
        Kelvins of condenser water that count as much as one kelvin of chilled water [-].
    capacity_curve : tuple of 3 floats
        Capacity over nominal against the difference [-].
    power_curve : tuple of 3 floats
        Energy input ratio over that at reference against the capacity fraction [-].
    part_load_curve : tuple of 3 floats
        Power over full-load power against part-load ratio [-].
    part_load_min : float
        Part-load ratio below which the machine cycles [-].
    """

    name: str
    cop_reference: float
    chilled_water_reference: float
    condenser_water_reference: float
    rise_coefficient: float
    capacity_curve: tuple[float, ...]
    power_curve: tuple[float, ...]
    part_load_curve: tuple[float, ...]
    part_load_min: float


TWO_ZONE_CHILLER = LiftCurves(
    name="EnergyPlus 2ZoneDataCenterHVAC_wEconomizer, Chiller:Electric",
    cop_reference=5.0,
    chilled_water_reference=6.667,
    condenser_water_reference=29.44,
    rise_coefficient=2.682759,
    capacity_curve=(0.944836, -0.0570088, -0.00185486),
    power_curve=(1.907846, -1.204987, 0.2634623),
    part_load_curve=(0.03303, 0.6852, 0.2818),
    part_load_min=0.15,  # of the same machine in the Input Output Reference; assumed for the example
)
"""The chiller of the example hall on which many studies of reinforcement learning rest, for comparisons with them; see
`dcsim.physics.chiller.lift_full_load`. From the EnergyPlus 24.1 example files; the reference point and all curves are older."""
