"""Chillers: full-load curves, part load, and a Carnot form for water warmer than any curve was measured at.

The curve form is that of EnergyPlus ``Chiller:Electric:EIR``: capacity and energy input ratio as biquadratics of
*leaving* chilled water and *entering* condenser water (outdoor dry bulb for air-cooled machines), energy input also as
a quadratic of part load. Refrigerant states, oil and surge are left out; water content and start-up are states of the
plant.

Data-center water is warmer than any published box, and outside it the polynomials give negative capacities and
coefficients of performance of 40. So the box is a clamp here, and beyond it the energy input ratio follows the Carnot
ratio of the true lift.

Sources: EnergyPlus Engineering Reference, "Electric Chiller Model Based on Condenser Entering Temperature"; Modelica
Buildings library, ``Fluid.Chillers``.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from dcsim.physics.chiller_curves import CURVE_SETS, TWO_ZONE_CHILLER, ChillerCurves, LiftCurves
from dcsim.physics.constants import Array, kelvin
from dcsim.physics.smooth import clip, rounded_maximum

__all__ = [
    "CURVE_SETS",
    "TWO_ZONE_CHILLER",
    "ChillerCurves",
    "LiftCurves",
    "biquadratic",
    "carnot_cop",
    "column",
    "condenser_heat_flow",
    "eir_power",
    "flow_lift",
    "full_load",
    "held_capacity",
    "lift_full_load",
    "normalized",
    "power_peak_temperature",
    "pressure_limited_capacity",
    "quadratic",
    "reference_values",
    "refrigerant_temperatures",
    "supply_air_cop",
]

EVAPORATOR_APPROACH = 1.5
"""Refrigerant evaporating below leaving chilled water, K (engineering choice: 1.5 to 2 K for centrifugal machines)."""

CONDENSER_RISE = 7.0
"""Refrigerant condensing above *entering* condenser water, K: a range of 5.5 K and an approach of 1.5 K at full load
(engineering choice)."""

LIFT_MIN = 6.0
"""Least lift of a machine in operation, K (engineering choice; Modelica Buildings ``Templates`` design for at least 5
K)."""

LIFT_ROUNDING = 1.0
"""K around `LIFT_MIN` over which the guard is rounded."""

CONDENSER_LEAVING_MAX = 50.0
"""Water leaving the condensers at which a machine unloads, degC (engineering choice: high-pressure switches of machines on
R-134a open at 12 to 14 bar, a saturation temperature of 46 to 52 degC). Set-points, design flow and weather keep well below
it; it acts where condenser water or its cooling is lost."""

CAPACITY_MIN = 1.0  # W
PART_LOAD_RATIO_MIN = 1e-6


def quadratic(coefficients: Array, x: Array) -> Array:
    """Quadratic ``c1 + c2 x + c3 x**2``.

    Parameters
    ----------
    coefficients : Array, shape (3, 1) or (3, N)
        Coefficients.
    x : Array, shape (1, N) or (C, N)
        Argument.

    Returns
    -------
    Array, shape of ``x``
        Value.
    """
    return coefficients[0:1] + x * (coefficients[1:2] + x * coefficients[2:3])


def biquadratic(coefficients: Array, x: Array, y: Array) -> Array:
    """Biquadratic ``c1 + c2 x + c3 x**2 + c4 y + c5 y**2 + c6 x y``.

    Parameters
    ----------
    coefficients : Array, shape (6, 1) or (6, N)
        Coefficients, in the order of EnergyPlus ``Curve:Biquadratic``.
    x, y : Array, shape (1, N)
        Arguments.

    Returns
    -------
    Array, shape (1, N)
        Value.
    """
    c = coefficients
    return c[0:1] + x * (c[1:2] + x * c[2:3]) + y * (c[3:4] + y * c[4:5] + x * c[5:6])


def carnot_cop(
    evaporator_temperature: Array, condenser_temperature: Array, effectiveness: Array, lift_min: Array, xp: Any = np
) -> Array:
    """Coefficient of performance as a share of the Carnot limit between two refrigerant temperatures.

    Parameters
    ----------
    evaporator_temperature, condenser_temperature : Array, shape (1, N)
        Of the refrigerant [degC]: leaving chilled water less, leaving condenser water plus an approach (see
        `refrigerant_temperatures`).
    effectiveness : Array, broadcastable
        Share of the Carnot limit [-]: 0.50 to 0.65 for centrifugal machines, 0.35 to 0.45 for air-cooled scrolls.
    lift_min : Array, broadcastable
        Least lift [K], 5 to 6.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        COP at full load [-].

    Notes
    -----
    The lift is exact from ``lift_min`` + 1 K up and never below ``lift_min``; the guard between is rounded.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.Chillers.Carnot_TEva``.
    """
    lift = rounded_maximum(condenser_temperature - evaporator_temperature, lift_min, LIFT_ROUNDING, xp)
    return effectiveness * kelvin(evaporator_temperature) / lift


def refrigerant_temperatures(
    chilled_water_leaving_temperature: Array,
    condenser_water_leaving_temperature: Array,
    evaporator_load: Array,
    condenser_load: Array,
    evaporator_approach: Array,
    condenser_approach: Array,
) -> tuple[Array, Array]:
    """Evaporating and condensing temperature from those of the leaving waters.

    Parameters
    ----------
    chilled_water_leaving_temperature, condenser_water_leaving_temperature : Array, shape (1, N)
        Waters [degC].
    evaporator_load, condenser_load : Array, shape (1, N)
        Heat flow over nominal heat flow of each side [-].
    evaporator_approach, condenser_approach : Array, broadcastable
        At nominal heat flow [K], 1.5 to 2.

    Returns
    -------
    evaporator_temperature, condenser_temperature : Array, shape (1, N)
        Refrigerant [degC].

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.Chillers.Carnot_TEva``: approach in proportion to heat flow.
    """
    evaporator_temperature = chilled_water_leaving_temperature - evaporator_approach * evaporator_load
    condenser_temperature = condenser_water_leaving_temperature + condenser_approach * condenser_load
    return evaporator_temperature, condenser_temperature


def full_load(
    chilled_water_leaving_temperature: Array,
    condenser_water_entering_temperature: Array,
    capacity_curve: Array,
    eir_curve: Array,
    box: Array,
    evaporator_approach: Array = EVAPORATOR_APPROACH,
    condenser_rise: Array = CONDENSER_RISE,
    extra_lift: Array = 0.0,
    lift_corrected: Array = 1.0,
    xp: Any = np,
) -> tuple[Array, Array]:
    """Capacity and energy input ratio at full load, over their reference values, at any water temperatures and flow.

    Parameters
    ----------
    chilled_water_leaving_temperature : Array, shape (1, N)
        Chilled water leaving the evaporator [degC].
    condenser_water_entering_temperature : Array, shape (1, N)
        Water entering the condenser [degC].
    capacity_curve, eir_curve : Array, shape (6, 1) or (6, N)
        Biquadratics of the two temperatures [-].
    box : Array, shape (4, 1) or (4, N)
        Where they hold: least and greatest chilled-water, least and greatest condenser-water temperature [degC].
    evaporator_approach : Array, broadcastable
        Refrigerant evaporating below leaving chilled water [K].
    condenser_rise : Array, broadcastable
        Refrigerant condensing above entering condenser water [K] at catalogue flow.
    extra_lift : Array, shape (1, N) or broadcastable
        Lift beyond that at catalogue flow [K], see `flow_lift`.
    lift_corrected : Array, broadcastable
        1 as described in the notes; 0 takes both curves at the nearest point of the box and leaves them at that, as
        EnergyPlus does.
    xp : namespace
        Array functions.

    Returns
    -------
    capacity_fraction : Array, shape (1, N)
        Available over reference capacity [-].
    eir_fraction : Array, shape (1, N)
        Energy input ratio (1 / COP) over that at reference [-].

    Notes
    -----
    Inside the box these are the curves. Outside, both are taken at a point of the box: the chilled-water temperature
    nearest to the true one and, there, the condenser-water temperature of equal lift, or nearest to that. The energy
    input ratio is then multiplied by the ratio of Carnot energy inputs, lift over absolute evaporating temperature, at
    the true point and there: the machine keeps the share of the Carnot limit that it has at that point (at most 0.72
    for the water-cooled `CURVE_SETS`; held to 0.65 it would jump at the edge of the box). The lift is guarded as in `carnot_cop`, at `LIFT_MIN`.

    Equal lift, not just the nearest corner: the share of the Carnot limit depends on the lift, and taken at the true
    condenser temperature of a clamped chilled-water temperature it would rise with that temperature faster than the
    guarded lift, so that hotter condenser water would save power. As it is, the energy input ratio never falls with
    warmer condenser water and, for chilled water warmer than the box, never rises with it. Capacity is *not* corrected
    beyond that, which is on the safe side for warm chilled water.

    A box shrunk to one point and constant curves make this a pure Carnot machine.

    Domain: curves positive inside the box; a ``condenser_rise`` of about 15 K for air-cooled machines.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Chiller:Electric:EIR, equations for CAPFT and EIRFT.
    """
    x, y = chilled_water_leaving_temperature, condenser_water_entering_temperature
    x_inside = clip(x, box[0:1], box[1:2], xp)
    y_inside = clip(y + lift_corrected * (x_inside - x), box[2:3], box[3:4], xp)
    offset = evaporator_approach + condenser_rise
    lift = rounded_maximum(y - x + offset + extra_lift, LIFT_MIN, LIFT_ROUNDING, xp)
    lift_inside = rounded_maximum(y_inside - x_inside + offset, LIFT_MIN, LIFT_ROUNDING, xp)
    evaporating = kelvin(x - evaporator_approach)
    evaporating_inside = kelvin(x_inside - evaporator_approach)
    carnot_ratio = 1.0 + lift_corrected * ((lift * evaporating_inside) / (lift_inside * evaporating) - 1.0)
    capacity_fraction = biquadratic(capacity_curve, x_inside, y_inside)
    eir_fraction = biquadratic(eir_curve, x_inside, y_inside) * carnot_ratio
    return capacity_fraction, eir_fraction


def lift_full_load(
    chilled_water_leaving_temperature: Array,
    condenser_water_entering_temperature: Array,
    chilled_water_reference: Array,
    condenser_water_reference: Array,
    rise_coefficient: Array,
    capacity_curve: Array,
    power_curve: Array,
) -> tuple[Array, Array]:
    """Capacity and energy input ratio at full load by the older EnergyPlus form, for comparisons with halls that use it.

    Parameters
    ----------
    chilled_water_leaving_temperature, condenser_water_entering_temperature : Array, shape (1, N)
        Waters [degC].
    chilled_water_reference, condenser_water_reference : Array, broadcastable
        The same at reference [degC].
    rise_coefficient : Array, broadcastable
        Kelvins of condenser water that count as much as one kelvin of chilled water [-].
    capacity_curve, power_curve : Array, shape (3, 1) or (3, N)
        Capacity fraction against the difference of temperatures; energy input ratio against the capacity fraction [-].

    Returns
    -------
    capacity_fraction, eir_fraction : Array, shape (1, N)
        As of `full_load`, for `eir_power`.

    Notes
    -----
    The difference is ``(condenser - its reference) / rise_coefficient - (chilled - its reference)``. Domain: some 15 K of it on
    either side. Nothing bounds the curves: for water warmer than data centers have had when they were made use `full_load`.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Chiller:Electric, equations of BLAST.
    """
    condenser = (condenser_water_entering_temperature - condenser_water_reference) / rise_coefficient
    capacity_fraction = quadratic(
        capacity_curve, condenser - (chilled_water_leaving_temperature - chilled_water_reference)
    )
    return capacity_fraction, quadratic(power_curve, capacity_fraction)


def held_capacity(
    chilled_water_leaving_temperature: Array,
    condenser_water_entering_temperature: Array,
    capacity_curve: Array,
    box: Array,
    hold_temperature: Array,
    lift_corrected: Array = 1.0,
    xp: Any = np,
) -> Array:
    """Capacity at full load over its reference, with condenser water no hotter than a temperature at which it falls already.

    Parameters
    ----------
    chilled_water_leaving_temperature, condenser_water_entering_temperature : Array, shape (1, N)
        Waters [degC].
    capacity_curve, box : Array
        As of `full_load`.
    hold_temperature : Array, broadcastable
        Condenser water [degC] from which on the capacity is held, see `power_peak_temperature`; hotter where the
        capacity rises still.
    lift_corrected : Array, broadcastable
        As of `full_load`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Fraction [-] for the no-load part of the power, see `eir_power`.
    """
    x, y = chilled_water_leaving_temperature, condenser_water_entering_temperature
    x_inside = clip(x, box[0:1], box[1:2], xp)
    y_inside = clip(y + lift_corrected * (x_inside - x), box[2:3], box[3:4], xp)
    c = capacity_curve
    peak = (c[3:4] + c[5:6] * x_inside) / xp.maximum(-2.0 * c[4:5], 1e-9)  # of the capacity itself
    return biquadratic(c, x_inside, xp.minimum(y_inside, xp.maximum(hold_temperature, peak)))


def power_peak_temperature(curves: ChillerCurves) -> float:
    """Condenser water at which the full-load power of a curve set, capacity times energy input ratio, first peaks.

    Parameters
    ----------
    curves : ChillerCurves
        A machine.

    Returns
    -------
    float
        The least of all chilled-water temperatures of its box [degC]; the box's hottest condenser water where power
        rises throughout.
    """
    y = np.linspace(curves.box[2], curves.box[3], 1001)[None, :]
    x = np.linspace(curves.box[0], curves.box[1], 101)[:, None]
    capacity, eir = (
        c[0] + x * (c[1] + x * c[2]) + y * (c[3] + y * c[4] + x * c[5])
        for c in (curves.capacity_curve, curves.eir_curve)
    )
    return float(y[0, (capacity * eir).argmax(axis=1)].min())


def flow_lift(condenser_heat_flow: Array, stream: Array, stream_catalogue: Array) -> Array:
    """Lift that condenser water of another flow than the catalogue's adds, because it warms up more or less.

    Parameters
    ----------
    condenser_heat_flow : Array, shape (1, N)
        Into the condenser water [W].
    stream, stream_catalogue : Array, shape (1, N) or broadcastable
        Heat capacity rate of the water through the running machines and that of their catalogue [W/K], above 0.

    Returns
    -------
    Array, shape (1, N)
        Lift [K], negative for more flow than the catalogue's.

    Notes
    -----
    Curves of *entering* water hold the rise of the water at catalogue flow. What the refrigerant sees is the water that
    leaves, so half the flow costs lift: without this term a controller saves pump power for nothing.
    """
    return condenser_heat_flow * (1.0 / stream - 1.0 / stream_catalogue)


def pressure_limited_capacity(
    condenser_water_entering_temperature: Array, stream: Array, cop: Array, xp: Any = np
) -> Array:
    """Heat that machines can take from the chilled water before the water leaving their condensers is too hot.

    Parameters
    ----------
    condenser_water_entering_temperature : Array, shape (1, N)
        Water entering the condensers [degC].
    stream : Array, shape (1, N)
        Heat capacity rate of the condenser water [W/K].
    cop : Array, broadcastable
        Rated COP [-], by which the heat of the condensers is counted.

    Returns
    -------
    Array, shape (1, N)
        Heat flow [W], 0 where the water enters at `CONDENSER_LEAVING_MAX` or hotter.

    Notes
    -----
    Counted by the rated COP the water leaves some kelvins hotter where little flow makes a high lift.
    """
    rise = xp.maximum(CONDENSER_LEAVING_MAX - condenser_water_entering_temperature, 0.0)
    return rise * (stream * (cop / (cop + 1.0)))


def eir_power(
    heat_flow: Array,
    available_capacity: Array,
    cop_reference: Array,
    eir_fraction: Array,
    plr_curve: Array,
    plr_min: Array,
    plr_unload_min: Array,
    held_capacity: Array = 0.0,
    cop_max: Array = np.inf,
    xp: Any = np,
) -> Array:
    """Electric power of a chiller, or of equal chillers sharing a load, at part load.

    Parameters
    ----------
    heat_flow : Array, shape (1, N)
        From the chilled water [W], 0 to ``available_capacity``.
    available_capacity : Array, shape (1, N)
        What could be taken at these temperatures [W]; 0 while off.
    cop_reference : Array, broadcastable
        COP at reference temperatures and full load [-].
    eir_fraction : Array, shape (1, N)
        Energy input ratio at full load over that at reference [-], from `eir_full_load`.
    plr_curve : Array, shape (3, 1) or (3, N)
        Power over full-load power as a quadratic of the part-load ratio [-].
    plr_min : Array, broadcastable
        Part-load ratio below which the machine cycles [-].
    plr_unload_min : Array, broadcastable
        Part-load ratio below which it no longer unloads, but bypasses hot gas [-].
    held_capacity : Array, shape (1, N) or broadcastable
        Capacity at condenser water held at the temperature from which the published power falls [W]; 0 for the published
        form.
    cop_max : Array, broadcastable
        Greatest COP that the machine reaches, at part load too [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Power [W]; 0 at no load.

    Notes
    -----
    Where the capacity curve falls steeply with condenser temperature, the no-load part of the published power falls with
    it: at low part load and with hot condenser water some sets draw *less* when it gets hotter still (set A below a
    part-load ratio of 0.65, mostly above 30 degC). No machine does. With ``held_capacity`` the power is the greater of
    the published one and the one of the capacity held, which never falls with hotter condenser water, because power
    against capacity is convex.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, Chiller:Electric:EIR: part-load ratio, cycling ratio, chiller power.
    """

    def published(capacity: Array) -> Array:
        ratio = heat_flow / xp.maximum(capacity, CAPACITY_MIN)
        cycling = xp.minimum(ratio / xp.maximum(plr_min, PART_LOAD_RATIO_MIN), 1.0)
        part_load = quadratic(plr_curve, xp.maximum(ratio, plr_unload_min))
        return capacity / cop_reference * eir_fraction * part_load * cycling

    power = xp.maximum(published(available_capacity), published(held_capacity))
    return xp.maximum(power, heat_flow / cop_max)


def condenser_heat_flow(evaporator_heat_flow: Array, power: Array, motor_share: Array = 1.0) -> Array:
    """Heat that a chiller gives to the condenser water.

    Parameters
    ----------
    evaporator_heat_flow : Array, shape (1, N)
        From the chilled water [W].
    power : Array, shape (1, N)
        Electric power [W].
    motor_share : Array, broadcastable
        Part of the power that ends in the refrigerant [-]; 1 for hermetic machines.

    Returns
    -------
    Array, shape (1, N)
        Heat flow [W].
    """
    return evaporator_heat_flow + motor_share * power


def column(values: tuple[float, ...]) -> Any:
    """Coefficients or bounds of a curve set as the column that the laws take.

    Parameters
    ----------
    values : tuple of floats
        Coefficients or bounds.

    Returns
    -------
    ndarray, shape (len(values), 1)
        The same numbers.
    """
    return np.array(values, dtype=float)[:, None]


def reference_values(curves: ChillerCurves) -> tuple[float, float, float]:
    """Values of a set's three curves at its reference point.

    Parameters
    ----------
    curves : ChillerCurves
        A machine.

    Returns
    -------
    tuple of 3 floats
        Capacity, energy input ratio, part load at 1 [-]: near 1, not exactly, because the curves were fitted to all
        points alike.
    """
    x, y = curves.chilled_water_reference, curves.condenser_water_reference
    return (
        float(biquadratic(column(curves.capacity_curve), x, y)[0, 0]),
        float(biquadratic(column(curves.eir_curve), x, y)[0, 0]),
        float(quadratic(column(curves.part_load_curve), 1.0)[0, 0]),
    )


def normalized(curves: ChillerCurves) -> ChillerCurves:
    """Curves divided by their values at reference, so that nameplate capacity and COP hold exactly there.

    Parameters
    ----------
    curves : ChillerCurves
        A machine.

    Returns
    -------
    ChillerCurves
        A copy.
    """
    capacity, eir, part_load = reference_values(curves)
    return replace(
        curves,
        capacity_curve=tuple(c / capacity for c in curves.capacity_curve),
        eir_curve=tuple(c / eir for c in curves.eir_curve),
        part_load_curve=tuple(c / part_load for c in curves.part_load_curve),
    )


def supply_air_cop(supply_air_temperature: Array) -> Array:
    """COP of a whole chilled-water plant against supply-air temperature: a surrogate of scheduling studies.

    Parameters
    ----------
    supply_air_temperature : Array, any shape
        Air leaving the CRAHs [degC].

    Returns
    -------
    Array, same shape
        IT heat over cooling power [-].

    References
    ----------
    .. [1] Moore, Chase, Ranganathan, Sharma, Making scheduling "cool", USENIX ATC 2005: HP Utility Data Center.
    """
    return 0.458 + supply_air_temperature * (0.0008 + 0.0068 * supply_air_temperature)
