"""Heat exchangers, chilled-water coils and valves against the Modelica Buildings library.

The library rounds its laws off near zero flow (a film below a tenth of its nominal flow keeps some conductance) and near
balanced flow; where it does, points are left out or that is said.
"""

from collections.abc import Callable

import numpy as np

from dcsim.physics import coil, economizer, moist_air, valve
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, STANDARD_PRESSURE, VAPOR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT
from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_reference import ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

AIR_RATE = 0.99 * AIR_SPECIFIC_HEAT + 0.01 * VAPOR_SPECIFIC_HEAT
"""Specific heat of the library's air where it holds 1 % of water [J/(kg K)]."""

FILM_FLOW_MIN = 0.1  # of the nominal flow, below which the library rounds film coefficients off
BALANCED = 0.98  # greatest capacity ratio for which the library sizes a counterflow exchanger
SINGLE = Tolerance("the same equations, kept in single precision", greatest=1.0)

Law = Callable[[Array, Array], Array]
ARRANGEMENTS: dict[str, tuple[str, str, Law]] = {
    "parallel": ("ntu[1]", "hexPar", coil.parallel_flow_effectiveness),
    "counterflow": ("ntu[2]", "hexCou", coil.counterflow_effectiveness),
    "crossflow_unmixed": ("ntu[3]", "hexCroUnm", coil.crossflow_unmixed_effectiveness),
    "crossflow_smaller_mixed": ("ntu[4]", "hexCroC1Unm", coil.crossflow_smaller_mixed_effectiveness),
    "crossflow_larger_mixed": ("ntu[5]", "hexCroC1Mix", coil.crossflow_larger_mixed_effectiveness),
}
"""Series of the number of transfer units, exchanger in the example of coils, and law."""


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the cases of heat exchangers."""
    return [
        effectiveness(files),
        dry_coil(files),
        coil_conductance(files),
        *wet_coil(files),
        constant_effectiveness(files),
        plate_exchanger(files),
        control_valve(files),
    ]


def effectiveness(files: ReferenceFolder) -> Case:
    """Effectiveness of six flow arrangements from the number of transfer units and the capacity ratio."""
    reference = files("Fluid_HeatExchangers_BaseClasses_Examples_EpsilonNTUZ")
    ratio = np.cos(reference.time)
    wanted = 0.01 + 0.98 * np.sin(reference.time) / (1.0 + ratio)
    close = Tolerance(f"{NOTES}: 2e-8; single precision", greatest=5e-8)
    rounded = Tolerance(
        f"{NOTES}: 3e-5 in counterflow, which the library rounds off near balanced flow", greatest=3.5e-5
    )
    quantities = [
        Quantity(name, "-", wanted, law(reference[series], ratio), rounded if name == "counterflow" else close)
        for name, (series, _, law) in ARRANGEMENTS.items()
    ]
    quantities.append(
        Quantity("phase_change", "-", wanted, coil.phase_change_effectiveness(reference["ntu[6]"]), close)
    )
    return Case(
        "exchanger_effectiveness",
        "Effectiveness of six flow arrangements, balanced flow to one side at constant temperature",
        reference.source,
        quantities,
        Axis("angle whose cosine is the capacity ratio", "rad", reference.time),
    )


def dry_coil(files: ReferenceFolder) -> Case:
    """Heat of dry coils of five arrangements as water and air start to flow."""
    reference = files("Fluid_HeatExchangers_Validation_DryCoilEffectivenessNTU")
    time = reference.time
    water_entering, air_entering = 30.0 + 10.0 * np.clip((time - 60.0) / 60.0, 0.0, 1.0), 20.0
    water, air = reference["hexCou.m1_flow"], reference["hexCou.m2_flow"]
    water_nominal = 5.0
    rate_nominal = water_nominal * WATER_SPECIFIC_HEAT  # of both sides
    air_nominal = rate_nominal / AIR_RATE
    wanted = 0.4  # 4 K of the air for 10 K between the two
    water_rate, air_rate = water * WATER_SPECIFIC_HEAT, air * AIR_RATE
    smaller, larger = (np.maximum(side(water_rate, air_rate), 1e-6) for side in (np.minimum, np.maximum))
    quantities = []
    for name, (_, exchanger, law) in ARRANGEMENTS.items():
        nominal = _sized(law, wanted) * rate_nominal
        if name == "counterflow":
            nominal = coil.counterflow_conductance(rate_nominal, BALANCED, wanted)
        conductance = coil.coil_conductance(
            air / air_nominal, water / water_nominal, nominal, coil.AIR_RESISTANCE_SHARE
        )
        heat = law(conductance / smaller, smaller / larger) * smaller * (water_entering - air_entering)
        quantities.append(
            Quantity(
                f"heat_flow_{name}",
                "W",
                -reference[f"{exchanger}.Q1_flow"],
                heat,
                SINGLE
                if name != "counterflow"
                else Tolerance(
                    "the library holds the capacity ratio at 0.98: at balanced flow 0.02 times half the effectiveness, 0.5 % of "
                    "450 kW",
                    greatest=2.2e3,
                ),
            )
        )
    return Case(
        "coil_dry",
        "Dry coils of five flow arrangements: heat while water and air flows rise to three and four times the nominal",
        reference.source,
        quantities,
        Axis("time", "s", time),
        note="Of the crossflow coils the library takes which stream is the smaller one from the nominal flows, not from those "
        "at the time, so its coil with mixed water stands beside the law for a mixed larger stream and the other way round. "
        "Its counterflow coil is sized at a capacity ratio of 0.98.",
    )


def _sized(law: Law, wanted: float) -> float:
    """Number of transfer units that gives an effectiveness at balanced flow."""
    from scipy.optimize import brentq

    return float(brentq(lambda ntu: float(law(np.array(ntu), np.array(1.0))) - wanted, 1e-3, 10.0, xtol=1e-14))


def coil_conductance(files: ReferenceFolder) -> Case:
    """Conductance of a coil as its water flow falls to a tenth."""
    reference = files("Fluid_HeatExchangers_Examples_DryCoilEffectivenessNTUMassFlow")
    water = reference["hex.m1_flow"] / reference["hex.m1_flow"][0]
    air = reference["hex.m2_flow"] / reference["hex.m2_flow"][0]
    whole = (water > FILM_FLOW_MIN) & (air > FILM_FLOW_MIN)
    films = 1.0 / (1.0 / reference["hex.hA.hA_1"] + 1.0 / reference["hex.hA.hA_2"])
    conductance = coil.coil_conductance(air[whole], water[whole], films[0], coil.AIR_RESISTANCE_SHARE)
    return Case(
        "coil_conductance",
        "Conductance of a coil whose water flow falls to a tenth",
        reference.source,
        [
            Quantity(
                "conductance",
                "W/K",
                films[whole],
                conductance,
                Tolerance("the same equation, kept in single precision", greatest=1e-4),
            )
        ],
        Axis("time", "s", reference.time[whole]),
        note="Below a tenth of the nominal flow the library keeps some conductance for the sake of its solver.",
    )


def wet_coil(files: ReferenceFolder) -> list[Case]:
    """A coil in air of rising humidity: first dry, then partly wet, then wet (Mitchell and Braun, example SM-2-1)."""
    reference = files("Fluid_HeatExchangers_Validation_WetCoilEffectivenessNTU")
    ratio = 0.0035383 + (0.01765 - 0.0035383) * (reference.time - reference.time[0]) / np.ptp(reference.time)
    air = 2.646 / (1.0 + ratio)
    entering, water, full = _from_fahrenheit(80.0), _from_fahrenheit(42.0), np.ones((1, 1))
    by_surface = coil.condensing_coil(
        air[None],
        entering * full,
        ratio[None],
        moist_air.dew_point_temperature(ratio[None], STANDARD_PRESSURE),
        3.78 * full,
        water * full,
        4748.0 * full,
        coil.AIR_RESISTANCE_SHARE,
        STANDARD_PRESSURE,
    )
    by_greater = coil.wet_coil(air, entering, ratio, 3.78, water, 4748.0, coil.AIR_RESISTANCE_SHARE, STANDARD_PRESSURE)
    heat, leaving = reference["hexWetNTU.Q1_flow"], reference.celsius("hexWetNTU.sta_b2.T")
    dry_share = reference["hexWetNTU.dryFra"]
    is_wet, is_dry = dry_share < 1e-4, (dry_share > 0.9999) & (by_surface.dry_share[0] >= 1.0)
    stretches = {
        "dry": (
            is_dry,
            Tolerance(f"{NOTES}: exact while dry", cvrmse=1e-4),
            Tolerance("as the heat: 1e-4 of a drop of 17 K", greatest=2e-3),
        ),
        "partly_wet": (
            ~is_dry & ~is_wet,
            Tolerance(
                "assumed 5 %: the library joins the heat of a dry and of a wet coil by a smooth step, where dcsim's plants "
                "divide the surface and the greater of both is an upper bound",
                cvrmse=0.05,
            ),
            Tolerance("assumed 0.5 K, as the heat", greatest=0.5),
        ),
        "wet": (
            is_wet,
            Tolerance(
                f"{NOTES}: 0.2 % at the textbook's humidity; assumed 1 % down to where the surface dries", cvrmse=0.01
            ),
            Tolerance("assumed 0.1 K, as the heat", greatest=0.1),
        ),
    }
    words = {"dry": "dry", "partly_wet": "partly wet", "wet": "wet"}
    laws = {
        "": (by_surface.heat_flow, by_surface.air_leaving_temperature, ""),
        "_of_greater": (by_greater.heat_flow, by_greater.air_leaving_temperature, ", greater of dry and wet"),
    }
    return [
        Case(
            f"coil_in_humid_air_{name}",
            f"Chilled-water coil (Mitchell and Braun, SM-2-1) in air of rising humidity, {words[name]}",
            reference.source,
            [
                quantity
                for ending, (own_heat, own_leaving, law) in laws.items()
                for quantity in (
                    Quantity(
                        f"heat_flow{ending}",
                        "W",
                        heat[inside],
                        np.ravel(own_heat)[inside],
                        heat_within,
                        f"heat flow{law}",
                    ),
                    Quantity(
                        f"leaving_air{ending}",
                        "degC",
                        leaving[inside],
                        np.ravel(own_leaving)[inside],
                        leaving_within,
                        f"leaving air{law}",
                    ),
                )
            ],
            Axis("humidity ratio", "g/kg", 1e3 * ratio[inside]),
            note="The first law divides the surface into a dry and a wet stretch and is that of plants; the second takes the "
            "greater of an all-dry and an all-wet coil.",
        )
        for name, (inside, heat_within, leaving_within) in stretches.items()
    ]


def constant_effectiveness(files: ReferenceFolder) -> Case:
    """An exchanger of effectiveness 0.8 as flows and a temperature change: the economizer of halls."""
    reference = files("Fluid_HeatExchangers_Validation_ConstantEffectiveness")
    rates = reference["hex.m1_flow"] * WATER_SPECIFIC_HEAT, reference["hex.m2_flow"] * AIR_RATE
    heat = economizer.heat_flow(0.8, *rates, reference.celsius("T_a1.T"), reference.celsius("T_a2.T"))
    return Case(
        "exchanger_constant_effectiveness",
        "Exchanger of constant effectiveness while flows and a temperature change",
        reference.source,
        [Quantity("heat_flow", "W", -reference["hex.Q1_flow"], heat, SINGLE)],
        Axis("time", "s", reference.time),
    )


def plate_exchanger(files: ReferenceFolder) -> Case:
    """A plate exchanger under a control valve, from its flows and entering temperatures."""
    reference = files("Fluid_HeatExchangers_Examples_PlateHeatExchangerEffectivenessNTUPControl")
    flows = reference["hex.m1_flow"], reference["hex.m2_flow"]
    nominal = 0.01, 0.005
    wanted = coil.counterflow_conductance(nominal[1] * WATER_SPECIFIC_HEAT, 0.5, 0.5)
    at_equal_flows = wanted / economizer.conductance(1.0, nominal[1] / nominal[0], 1.0)
    conductance = economizer.conductance(flows[0] / nominal[0], flows[1] / nominal[0], at_equal_flows)
    rates = flows[0] * WATER_SPECIFIC_HEAT, flows[1] * WATER_SPECIFIC_HEAT
    heat = economizer.heat_flow(
        economizer.effectiveness(conductance, *rates),
        *rates,
        reference.celsius("hex.sta_a1.T"),
        reference.celsius("hex.sta_a2.T"),
    )
    whole = flows[0] > FILM_FLOW_MIN * nominal[0]
    return Case(
        "exchanger_plate",
        "Plate exchanger behind a control valve",
        reference.source,
        [
            Quantity(
                "heat_flow",
                "W",
                -reference["hex.Q1_flow"][whole],
                heat[whole],
                Tolerance("the same equations, kept in single precision", greatest=1e-3),
            )
        ],
        Axis("time", "s", reference.time[whole]),
        note="Both films follow one law of the flow, so dcsim's nominal conductance, which stands for equal flows, is taken "
        "where both are 0.01 kg/s. The second half of the run, with one side below a tenth of its nominal flow, is left out.",
    )


def control_valve(files: ReferenceFolder) -> Case:
    """Flow coefficient of an equal-percentage valve of rangeability 10 and leakage 0.05."""
    reference = files("Fluid_Actuators_Valves_Examples_TwoWayValves")
    corner = 0.1
    return Case(
        "valve_equal_percentage",
        "Equal-percentage valve",
        reference.source,
        [
            Quantity(
                "flow_coefficient",
                "-",
                reference["valEqu.phi"],
                valve.equal_percentage_characteristic(reference.time, 10.0, 0.05, corner),
                Tolerance(
                    "a corner where the library has a cubic from 0.05 to 0.15 of the stroke: a quarter of its half-length "
                    "times the change of slope, 0.25 x 0.05 x 0.47",
                    greatest=5.9e-3,
                ),
            )
        ],
        Axis("stem position", "-", reference.time),
    )


def _from_fahrenheit(value: float) -> float:
    return (value - 32.0) / 1.8
