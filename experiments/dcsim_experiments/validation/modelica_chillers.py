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
