"""Chillers against trajectories of the Modelica Buildings library.

What is compared is the law at the library's own water temperatures and loads: curves of EnergyPlus's electric chiller
without the bounds that dcsim puts around them in a hall, and the Carnot form.
"""

import numpy as np

from dcsim.physics import chiller
from dcsim.physics.chiller import CURVE_SETS, column
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_reference import Reference, ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

SINGLE = Tolerance(f"{NOTES}: COP to 1e-6, the single precision in which they are kept", greatest=1e-5)
BOUND = Tolerance(
    "the library rounds its bound of the part-load ratio within 1 % of it: a fifth of that at most", greatest=0.0023
)
LIFT = Tolerance(
    "water temperatures kept in single precision, 3e-5 K of a lift of 5 K, make 6e-6 of a COP of up to 18",
    greatest=1.1e-4,
)
SENSED = Tolerance(
    "the same equations in single precision, but temperatures of sensors that follow in a second: 1e-4 of a COP of 6",
    greatest=6e-4,
)
SENSED_POWER = Tolerance("as the COP: 1e-4 of 12 kW", greatest=1.2)
LOAD_SEEN = 1e3  # W; at the instant of a start there is less, and sensors have not followed
CARNOT_EFFECTIVENESS, CARNOT_APPROACH = 0.3, 2.0  # [-], K at nominal heat flow of each side
CARNOT_NOMINAL = (5.0, 30.0)  # degC of leaving chilled and condenser water
CARNOT_LIFT_MIN = 1.0  # K, of the library; dcsim's halls take 6


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the cases of chillers."""
    return [
        electric(
            files,
            "ElectricEIR",
            "D",
            "chiller_water_cooled",
            "Water-cooled chiller (McQuay WSC 471 kW) through ramps of all temperatures",
        ),
        electric(
            files,
            "ElectricEIR_AirCooled",
            "F",
            "chiller_air_cooled",
            "Air-cooled chiller (York YCAL 101 kW) through a summer day in Chicago",
        ),
        carnot(files),
        *(
            beside_economizer(files, model, f"chiller_beside_economizer_{key}", words)
            for model, key, words in (
                ("IntegratedPrimarySecondaryEconomizer", "primary_secondary", "with secondary pumps"),
                ("IntegratedPrimaryLoadSideEconomizer", "load_side", "with the economizer on the load side"),
            )
        ),
    ]


def electric(files: ReferenceFolder, model: str, name: str, key: str, title: str) -> Case:
    """A chiller of measured curves; only what was stored while it ran."""
    reference = files(f"Fluid_Chillers_Examples_{model}")
    runs = reference["chi.COP"] > 0.0
    curves = CURVE_SETS[name]
    chilled, condenser = (reference.celsius(f"chi.{what}")[runs][None] for what in ("TEvaLvg", "TConEnt"))
    capacity = curves.capacity_reference * chiller.biquadratic(column(curves.capacity_curve), chilled, condenser)
    asked = curves.chilled_water_mass_flow * WATER_SPECIFIC_HEAT * (reference["chi.TEvaEnt"] - reference["chi.TSet"])
    asked_ratio = np.minimum(asked[runs] / capacity, curves.part_load_max)
    ratio = reference["chi.PLR1"][runs]
    power = chiller.eir_power(
        ratio * capacity,
        capacity,
        curves.cop_reference,
        chiller.biquadratic(column(curves.eir_curve), chilled, condenser),
        column(curves.part_load_curve),
        curves.part_load_min,
        curves.part_load_min,
    )
    cop = np.minimum(ratio, 1.0) * capacity / power
    time = reference.time[runs]
    return Case(
        key,
        title,
        reference.source,
        [
            Quantity("cop", "-", reference["chi.COP"][runs], cop[0], SINGLE, "COP"),
            Quantity("part_load_ratio", "-", ratio, asked_ratio[0], BOUND),
        ],
        Axis("time", "s", time),
        load=ratio,
        note="The part-load ratio follows from entering water, set-point and flow; leaving temperatures are the library's. "
        "Above full load its machine draws the power of the load asked for and moves no more heat than its capacity. The "
        "curves stand here as published, outside their range too, where halls of dcsim hold them and follow the Carnot limit.",
    )


def beside_economizer(files: ReferenceFolder, model: str, key: str, words: str) -> Case:
    """The chiller of a data center on a winter day, little loaded and with water far colder than its curves reach."""
    reference = files(f"Applications_DataCenters_ChillerCooled_Examples_{model}")
    machine = "chiWSE.chiPar.chi[1]"
    runs = -reference[f"{machine}.QEva_flow"] > LOAD_SEEN
    curves = CURVE_SETS["A"]
    chilled, condenser = (reference.celsius(f"{water}.T")[runs][None] for water in ("TCHWSup", "TCWSup"))
    capacity = curves.capacity_reference * chiller.biquadratic(column(curves.capacity_curve), chilled, condenser)
    heat = -reference[f"{machine}.QEva_flow"][runs]
    power = chiller.eir_power(
        heat[None],
        capacity,
        curves.cop_reference,
        chiller.biquadratic(column(curves.eir_curve), chilled, condenser),
        column(curves.part_load_curve),
        curves.part_load_min,
        curves.part_load_min,
    )[0]
    return Case(
        key,
        f"Chiller (York YT 1055 kW) beside a waterside economizer, {words}, a day in January",
        reference.source,
        [
            Quantity("cop", "-", reference[f"{machine}.COP"][runs], heat / power, SENSED, "COP"),
            Quantity("power", "W", reference[f"{machine}.P"][runs], power, SENSED_POWER),
        ],
        Axis("time", "s", reference.time[runs]),
        load=heat / capacity[0],
        note="Waters are those of the library's sensors, which follow within a second. Its machine runs at 4 to 16 % of its "
        "capacity, where it cycles or bypasses, with condenser water of 4 to 7 degC, outside the range of its curves, which stand "
        "here as published.",
    )


def carnot(files: ReferenceFolder) -> Case:
    """A chiller that reaches a share of the Carnot limit, at given leaving water and, another one, at given power."""
    by_water = files("Fluid_Chillers_Examples_Carnot_TEva")
    by_power = files("Fluid_Chillers_Examples_Carnot_y")
    return Case(
        "chiller_carnot",
        "Chiller at 30 % of the Carnot limit, by set-point and by compressor power",
        by_water.source,
        [
            Quantity(
                "cop_by_setpoint", "-", by_water["chi.COP"], _carnot_cop(by_water, 100e3), SINGLE, "COP, by set-point"
            ),
            Quantity("cop_by_power", "-", by_power["chi.COP"], _carnot_cop(by_power, None), LIFT, "COP, by power"),
        ],
        Axis("time", "s", by_water.time),
    )


def _carnot_cop(reference: Reference, evaporator_nominal: float | None) -> Array:
    """COP at the stored water temperatures and heat flows; nominal heat by the nominal power of 10 kW if not given."""
    nominal = _cop_at(*CARNOT_NOMINAL, 1.0, 1.0)
    evaporator = evaporator_nominal or 10e3 * nominal
    loads = (
        -reference["chi.QEva_flow"] / evaporator,
        reference["chi.QCon_flow"] / (evaporator * (1.0 + 1.0 / nominal)),
    )
    return _cop_at(reference.celsius("chi.sta_b2.T"), reference.celsius("chi.sta_b1.T"), *loads)


def _cop_at(
    chilled: Array | float, condenser: Array | float, chilled_load: Array | float, condenser_load: Array | float
) -> Array:
    temperatures = chiller.refrigerant_temperatures(
        chilled, condenser, chilled_load, condenser_load, CARNOT_APPROACH, CARNOT_APPROACH
    )
    return chiller.carnot_cop(*temperatures, CARNOT_EFFECTIVENESS, CARNOT_LIFT_MIN)
