"""Direct-expansion coils: capacity, compressor power and dehumidification of CRAC units cooled by outdoor air.

The curve form is that of EnergyPlus ``Coil:Cooling:DX:SingleSpeed``: capacity and energy input ratio as biquadratics of
*entering wet bulb* and outdoor dry bulb, both also as quadratics of the air flow. How much of the heat is latent follows
from the apparatus dew point and the bypass factor: part of the air passes untouched, the rest leaves saturated at the
surface. Refrigerant states, frost, hot-gas bypass and water that evaporates off a coil at rest are left out; minimum
run times are the caller's.

One law of part load serves machines that switch and machines that modulate: down to a least part load the compressor
slows down, below it it cycles. A single-stage machine is one whose least part load is 1.

Sources: EnergyPlus Engineering Reference, "DX Cooling Coil Model"; Modelica Buildings library, ``Fluid.DXSystems.Cooling``.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.chiller import biquadratic, column, quadratic
from dcsim.physics.constants import (
    AIR_SPECIFIC_HEAT,
    EVAPORATION_ENTHALPY,
    MOLAR_MASS_RATIO,
    STANDARD_PRESSURE,
    VAPOR_SPECIFIC_HEAT,
    Array,
)
from dcsim.physics.moist_air import (
    dew_point_temperature,
    enthalpy,
    saturation_enthalpy,
    saturation_humidity_ratio,
    saturation_temperature,
    temperature_from_enthalpy,
)
from dcsim.physics.saturation import log_saturation_pressure
from dcsim.physics.smooth import clip

RATED_ENTERING_TEMPERATURE = 26.6667  # degC
RATED_ENTERING_WET_BULB = 19.44  # degC
RATED_HUMIDITY_RATIO = 0.01125  # kg/kg, of the two above as EnergyPlus has it
RATED_OUTDOOR_TEMPERATURE = 35.0  # degC

MASS_FLOW_MIN = 1e-6  # kg/s
CAPACITY_MIN = 1.0  # W
HUMIDITY_RATIO_MIN = 1e-5
DRY_OUT_ROUNDS = 3
REACH_ROUNDS = 2

DEGRADATION = 0.15
"""Loss of efficiency of a machine that hardly ever runs against one that never stops: the EnergyPlus default
``PLF = 0.85 + 0.15 PLR``."""

PART_LOAD = MappingProxyType(
    {
        "single-stage": ((0.0, 1.0, 0.0, 0.0), 1.0),
        "inverter": ((0.4628123, -1.0402406, 2.17490997, -0.5974817), 0.27),
    }
)
"""Power over full-load power as a cubic of the part-load ratio, and the part-load ratio below which the machine cycles.

"inverter" is the curve ``CoolingEIRLowPLR`` of the EnergyPlus example ``VariableRefrigerantFlow_5Zone``. Its power has
its minimum at 0.27; EnergyPlus follows it down to 0.15 although it rises again there, this table does not."""

ECONOMIZER_TABLE = (
    (
        -4.0, -1.2222, 1.5555, 4.3333, 7.1111, 9.8888, 12.6667, 15.4444,
        18.222, 21.0, 23.77778, 26.55556, 29.33333, 32.11111, 34.88889, 50.0,
    ),
    (
        0.042, 0.084, 0.084, 0.2269, 0.2395, 0.311, 0.3697, 0.4454,
        0.5462, 0.6723, 0.7227, 0.7773, 0.8193, 0.895, 1.0, 1.5,
    ),
)  # fmt: skip
"""Energy input ratio over its rated value against outdoor dry bulb [degC] of a CRAC whose refrigerant is pumped past the
compressors in cold weather: Liebert unit of 148.3 kW, COP 4.5669, of the EnergyPlus example
``1ZoneDataCenterCRAC_wPumpedDXCoolingCoil`` (``Liebert Econophase EIR Func T``)."""


@dataclass(frozen=True)
class DxCurves:
    """One machine: rating, curves and where they hold.

    Attributes
    ----------
    name : str
        As in the source.
    capacity_reference : float
        Heat flow from the air, sensible and latent, at rating conditions [W].
    cop_reference : float
        COP of the compressors and condenser fans there [-].
    sensible_heat_ratio_reference : float
        Sensible over total heat there [-].
    air_volume_flow : float
        Rated [m3/s].
    capacity_curve, eir_curve : tuple of 6 floats
        Biquadratics of entering wet bulb and outdoor dry bulb [-].
    capacity_flow_curve, eir_flow_curve : tuple of 3 floats
        Quadratics of air flow over rated air flow [-].
    box : tuple of 6 floats
        Least and greatest entering wet bulb, outdoor dry bulb [degC] and air flow over rated flow [-].
    """

    name: str
    capacity_reference: float
    cop_reference: float
    sensible_heat_ratio_reference: float
    air_volume_flow: float
    capacity_curve: tuple[float, ...]
    capacity_flow_curve: tuple[float, ...]
    eir_curve: tuple[float, ...]
    eir_flow_curve: tuple[float, ...]
    box: tuple[float, ...]


CURVE_SETS = MappingProxyType(
    {
        "curve-ii": DxCurves(
            name="EnergyPlus DXCoilSystemAuto with 10.5 kW, COP 3",
            capacity_reference=10_500.0,
            cop_reference=3.0,
            sensible_heat_ratio_reference=0.798655,
            air_volume_flow=1.4235,
            capacity_curve=(0.766956, 0.0107756, -4.14703e-5, 0.00134961, -2.61144e-4, 4.57488e-4),
            capacity_flow_curve=(0.8, 0.2, 0.0),
            eir_curve=(0.297145, 0.0430933, -7.48766e-4, 0.00597727, 4.82112e-4, -9.56448e-4),
            eir_flow_curve=(1.1552, -0.1808, 0.0256),
            box=(12.77778, 23.88889, 18.0, 46.11111, 0.5, 1.5),
        ),
        "carrier-50pg24": DxCurves(
            name="Carrier Centurion 50PG24, 73.8 kW, COP 3.95",
            capacity_reference=73_810.8,
            cop_reference=3.95,
            sensible_heat_ratio_reference=0.71,
            air_volume_flow=3.776,
            capacity_curve=(0.5781158, 0.0405917, 1.13e-5, -0.0095022, 1e-7, -5.73e-5),
            capacity_flow_curve=(0.8328798, 0.2403628, -0.0725624),
            eir_curve=(0.5909553, -0.0496529, 0.0016569, 0.0397786, 3.938e-4, -0.0016575),
            eir_flow_curve=(1.0440554, -0.0701720, 0.0258826),
            box=(12.22, 26.67, 15.56, 51.67, 0.75, 1.25),
        ),
    }
)
"""By name. Curve II from EnergyPlus ``DXCoilSystemAuto`` (Modelica Buildings ``PerformanceCurves.Curve_II``; the rating is
that of ``AirSource.Validation.SingleSpeed``), 50PG24 from the EnergyPlus data sets (Modelica Buildings
``AirSource.Data.SingleSpeed.Carrier_Centurion_50PG24``)."""


class DxMap(NamedTuple):
    """Curves of a machine as the columns that the laws take. Shapes ``(k, 1)`` or ``(k, N)``."""

    capacity_curve: Array
    """k = 6"""
    capacity_flow_curve: Array
    """k = 3"""
    eir_curve: Array
    """k = 6"""
    eir_flow_curve: Array
    """k = 3"""
    box: Array
    """k = 6: wet bulb, outdoor temperature, flow fraction, least and greatest each."""


class DxAir(NamedTuple):
    """Air behind a coil. Shapes (U, N)."""

    temperature: Array
    """degC"""
    humidity_ratio: Array
    """kg/kg dry air"""
    condensate_mass_flow: Array
    """kg/s of water that drips off."""
    surface_temperature: Array
    """degC, apparatus dew point of the running coil."""


def columns(curves: DxCurves) -> DxMap:
    """Curves of a machine as columns (host).

    Parameters
    ----------
    curves : DxCurves
        A machine.

    Returns
    -------
    DxMap
        The same numbers, shapes (k, 1).
    """
    return DxMap(
        column(curves.capacity_curve),
        column(curves.capacity_flow_curve),
        column(curves.eir_curve),
        column(curves.eir_flow_curve),
        column(curves.box),
    )


def full_load(
    entering_wet_bulb: Array, outdoor_temperature: Array, flow_fraction: Array, performance: DxMap, xp: Any = np
) -> tuple[Array, Array]:
    """Capacity and energy input ratio at full load, over their rated values.

    Parameters
    ----------
    entering_wet_bulb : Array, shape (U, N)
        Of the air onto the coil [degC]; where the coil may be dry, that of `effective_wet_bulb`.
    outdoor_temperature : Array, shape (1, N)
        Dry bulb onto the condenser [degC].
    flow_fraction : Array, shape (U, N)
        Air flow over rated air flow [-].
    performance : DxMap
        The machine's curves.
    xp : namespace
        Array functions.

    Returns
    -------
    capacity_fraction, eir_fraction : Array, shape (U, N)
        Over rated capacity, over rated energy input ratio (1 / COP) [-].

    Notes
    -----
    Outside the box all three arguments are taken at its edge. In cold weather that is what the condenser's head-pressure
    control does; at flows below the box a real coil loses more than the curves say.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, TotCapTempModFac to EIRFlowModFac.
    """
    box = performance.box
    x = clip(entering_wet_bulb, box[0:1], box[1:2], xp)
    y = clip(outdoor_temperature, box[2:3], box[3:4], xp)
    flow = clip(flow_fraction, box[4:5], box[5:6], xp)
    capacity = biquadratic(performance.capacity_curve, x, y) * quadratic(performance.capacity_flow_curve, flow)
    eir = biquadratic(performance.eir_curve, x, y) * quadratic(performance.eir_flow_curve, flow)
    return capacity, eir


def bypass_factor(air_mass_flow: Array, surface_mass_flow: Array, xp: Any = np) -> Array:
    """Part of the air that leaves a coil as it came.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s], at least 0.
    surface_mass_flow : Array, broadcastable
        Conductance of the air side over specific heat [kg/s], from `size_surface`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Factor [-], 0 to 1: ``exp(-surface / flow)``, an exchanger against a surface of constant temperature.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, bypass factor: ``A0`` is ``surface_mass_flow``.
    """
    return xp.exp(-surface_mass_flow / xp.maximum(air_mass_flow, MASS_FLOW_MIN))


def effective_wet_bulb(
    entering_wet_bulb: Array,
    entering_temperature: Array,
    outdoor_temperature: Array,
    air_mass_flow: Array,
    flow_fraction: Array,
    bypass: Array,
    capacity_reference: Array,
    performance: DxMap,
    pressure: Array,
    xp: Any = np,
) -> Array:
    """Wet bulb with which the curves hold for a coil that may be dry.

    Parameters
    ----------
    entering_wet_bulb, entering_temperature : Array, shape (U, N)
        Of the air onto the coil [degC].
    outdoor_temperature : Array, shape (1, N)
        Dry bulb onto the condenser [degC].
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s].
    flow_fraction : Array, shape (U, N)
        Air flow over rated air flow [-].
    bypass : Array, shape (U, N)
        From `bypass_factor` [-].
    capacity_reference : Array, broadcastable
        Rated capacity [W].
    performance : DxMap
        The machine's curves.
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        The greater of the entering wet bulb and the one at which, with this dry bulb, the coil would just be dry
        [degC].

    Notes
    -----
    The curves were measured on wet coils and know the wet bulb only, while a dry coil does not feel the humidity: drier
    air leaves its capacity as it is at the point where it became dry. That point, where the surface stands at the air's
    dew point, is found by a fixed number of Newton rounds on the logarithm of the vapour pressure, within 1e-4 K where
    it lies inside the box (tested). EnergyPlus looks for the same point but keeps the enthalpy of the true entering
    air, which makes its dry coils weaker by some percent.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, dry coils: "the coil dry-out point".
    .. [2] ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (33), humidity ratio from the wet bulb.
    """
    box, c = performance.box, performance.capacity_curve
    y = clip(outdoor_temperature, box[2:3], box[3:4], xp)
    flow = clip(flow_fraction, box[4:5], box[5:6], xp)
    scale = capacity_reference * quadratic(performance.capacity_flow_curve, flow)
    touched = xp.maximum(air_mass_flow * (1.0 - bypass), MASS_FLOW_MIN)  # kg/s that meet the surface

    # start: capacity straight in the wet bulb, which stands 0.36 of the way from dew point to dry bulb
    middle = 0.5 * (box[0:1] + box[1:2])
    kelvin_per_fraction = scale / (touched * AIR_SPECIFIC_HEAT)
    fraction_slope = c[1:2] + 2.0 * c[2:3] * middle + c[5:6] * y
    fraction_at_zero = biquadratic(c, middle, y) - fraction_slope * middle
    wet_bulb = (entering_temperature / 0.64 - kelvin_per_fraction * fraction_at_zero) / (
        1.0 / 0.64 + kelvin_per_fraction * fraction_slope
    )
    for _ in range(DRY_OUT_ROUNDS):
        wet_bulb = clip(wet_bulb, box[0:1], xp.minimum(box[1:2], entering_temperature), xp)
        ratio, ratio_slope = _humidity_from_wet_bulb(entering_temperature, wet_bulb, pressure, xp)
        ratio = xp.maximum(ratio, HUMIDITY_RATIO_MIN)
        specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * ratio
        fall = scale * biquadratic(c, wet_bulb, y) / (touched * specific_heat)
        fall_slope = (
            scale * (c[1:2] + 2.0 * c[2:3] * wet_bulb + c[5:6] * y) / touched - fall * VAPOR_SPECIFIC_HEAT * ratio_slope
        ) / specific_heat
        saturated, saturated_slope = log_saturation_pressure(entering_temperature - fall, xp)
        excess = xp.log(pressure * ratio / (MOLAR_MASS_RATIO + ratio)) - saturated
        slope = ratio_slope * MOLAR_MASS_RATIO / (ratio * (MOLAR_MASS_RATIO + ratio)) + saturated_slope * fall_slope
        wet_bulb = wet_bulb - excess / slope
    return xp.maximum(entering_wet_bulb, xp.minimum(wet_bulb, entering_temperature))


def _humidity_from_wet_bulb(temperature: Array, wet_bulb: Array, pressure: Array, xp: Any) -> tuple[Array, Array]:
    """Humidity ratio of air of known dry and wet bulb, over water, and its slope [1/K]."""
    log_pressure, log_slope = log_saturation_pressure(wet_bulb, xp)
    vapor_pressure = xp.exp(log_pressure)
    dry_air_pressure = xp.maximum(pressure - vapor_pressure, 0.5 * pressure)
    saturated = MOLAR_MASS_RATIO * vapor_pressure / dry_air_pressure
    saturated_slope = saturated * log_slope * pressure / dry_air_pressure
    latent = 2501.0 - 2.326 * wet_bulb
    below = 2501.0 + 1.86 * temperature - 4.186 * wet_bulb
    ratio = (latent * saturated - 1.006 * (temperature - wet_bulb)) / below
    return ratio, (latent * saturated_slope - 2.326 * saturated + 1.006 + 4.186 * ratio) / below


def leaving_air(
    air_mass_flow: Array,
    entering_temperature: Array,
    entering_humidity_ratio: Array,
    heat_flow: Array,
    running_share: Array,
    bypass: Array,
    pressure: Array,
    xp: Any = np,
) -> DxAir:
    """Air behind a coil that takes a known heat: bypassed air and air that left saturated at the surface.

    Parameters
    ----------
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s].
    entering_temperature : Array, shape (U, N)
        Dry bulb [degC].
    entering_humidity_ratio : Array, shape (U, N)
        Entering [kg/kg dry air].
    heat_flow : Array, shape (U, N)
        From the air while the compressor runs, sensible and latent [W], at least 0.
    running_share : Array, shape (U, N)
        Part of the time that it runs, 0 to 1 [-]; from `part_load`. The fan runs on, and the result is the mean.
    bypass : Array, shape (U, N)
        From `bypass_factor` [-].
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    DxAir
        Leaving air, condensate, surface.

    Notes
    -----
    Enthalpy and humidity of the leaving air lie on the straight line from the entering air to saturated air at the
    surface, as in EnergyPlus; where the surface is warmer than the dew point nothing condenses. The enthalpy that the
    air loses is the heat to rounding. Condensate leaves without its small sensible heat being booked, and none of it
    evaporates again while the compressor rests.

    Domain: entering air unsaturated; surface from -20 to 50 degC, no frost.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, "Apparatus Dewpoint/Bypass Factor".
    """
    flow = xp.maximum(air_mass_flow, MASS_FLOW_MIN)
    entering_enthalpy = enthalpy(entering_temperature, entering_humidity_ratio)
    drop = heat_flow / flow
    surface_enthalpy = entering_enthalpy - drop / xp.maximum(1.0 - bypass, MASS_FLOW_MIN)
    surface = saturation_temperature(surface_enthalpy, pressure, xp)
    saturated = saturation_humidity_ratio(surface, pressure, xp)
    lost = running_share * (1.0 - bypass) * xp.maximum(entering_humidity_ratio - saturated, 0.0)
    ratio = entering_humidity_ratio - lost
    return DxAir(
        temperature=temperature_from_enthalpy(entering_enthalpy - running_share * drop, ratio),
        humidity_ratio=ratio,
        condensate_mass_flow=air_mass_flow * lost,
        surface_temperature=surface,
    )


def heat_flow_to_reach(
    supply_temperature: Array,
    air_mass_flow: Array,
    entering_temperature: Array,
    entering_humidity_ratio: Array,
    bypass: Array,
    pressure: Array,
    xp: Any = np,
) -> Array:
    """Heat to take from the air, without a pause, for it to leave at a temperature: `leaving_air` turned round.

    Parameters
    ----------
    supply_temperature : Array, shape (U, N)
        Wanted behind the coil [degC].
    air_mass_flow : Array, shape (U, N)
        Dry air [kg/s].
    entering_temperature : Array, shape (U, N)
        Dry bulb [degC].
    entering_humidity_ratio : Array, shape (U, N)
        Entering [kg/kg dry air].
    bypass : Array, shape (U, N)
        From `bypass_factor` [-], below 1.
    pressure : Array, broadcastable
        Total pressure [Pa].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (U, N)
        Heat flow, sensible and latent [W]; 0 where the air is cold enough already.

    Notes
    -----
    The surface that gives this mean is found in two rounds, which brings the leaving air within 1e-3 K (tested) of the
    wish.

    Domain: a modulating machine above its least part load. One that cycles needs ``(entering - supply) / (entering -
    leaving at full load)`` of the time, up to the small difference of the specific heats.
    """
    through = xp.maximum(1.0 - bypass, MASS_FLOW_MIN)
    fall = xp.maximum(entering_temperature - supply_temperature, 0.0)
    entering_specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * entering_humidity_ratio
    surface_specific_heat = entering_specific_heat
    humidity_lost = 0.0 * fall
    for _ in range(REACH_ROUNDS):
        # moist air mixes by its heat capacity: (1 - bypass) c_s (T - T_s) = bypass c_e (T_e - T)
        below = bypass / through * entering_specific_heat / surface_specific_heat * fall
        saturated = saturation_humidity_ratio(entering_temperature - fall - below, pressure, xp)
        humidity_lost = through * xp.maximum(entering_humidity_ratio - saturated, 0.0)
        surface_specific_heat = entering_specific_heat - VAPOR_SPECIFIC_HEAT * humidity_lost / through
    sensible = (entering_specific_heat - VAPOR_SPECIFIC_HEAT * humidity_lost) * fall
    latent = humidity_lost * (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * entering_temperature)
    return air_mass_flow * (sensible + latent)


def part_load(
    heat_flow: Array, available_capacity: Array, part_load_min: Array, xp: Any = np
) -> tuple[Array, Array, Array]:
    """How a machine meets a load: how far it is loaded while it runs, and what part of the time it cools.

    Parameters
    ----------
    heat_flow : Array, shape (U, N)
        Wanted from the air [W], at least 0.
    available_capacity : Array, shape (U, N)
        What could be taken [W]; 0 while off.
    part_load_min : Array, broadcastable
        Part-load ratio below which the machine cycles [-], above 0; 1 for a single-stage machine.
    xp : namespace
        Array functions.

    Returns
    -------
    loading : Array, shape (U, N)
        Heat over capacity while it runs [-], ``part_load_min`` to 1.
    cooling_share : Array, shape (U, N)
        Part of the time [-], 1 while it modulates.
    served : Array, shape (U, N)
        Heat flow, in the mean [W]: the wish, or the capacity.
    """
    served = xp.minimum(heat_flow, available_capacity)
    ratio = served / xp.maximum(available_capacity, CAPACITY_MIN)
    loading = xp.maximum(ratio, part_load_min)
    return loading, ratio / loading, served


def part_load_fraction(part_load_ratio: Array, degradation: Array = DEGRADATION) -> Array:
    """Efficiency of a cycling machine over that at full load: starts cost energy.

    Parameters
    ----------
    part_load_ratio : Array, any shape
        Part of the time that it would cool if it started at once [-], 0 to 1.
    degradation : Array, broadcastable
        Loss at the limit of no load [-].

    Returns
    -------
    Array, broadcast shape
        ``1 - degradation (1 - part_load_ratio)`` [-].

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, PLF: 0.85 + 0.15 PLR.
    """
    return 1.0 - degradation * (1.0 - part_load_ratio)


def compressor_power(
    available_capacity: Array,
    cop_reference: Array,
    eir_fraction: Array,
    loading: Array,
    cooling_share: Array,
    part_load_curve: Array,
) -> Array:
    """Electric power of compressors and condenser fans.

    Parameters
    ----------
    available_capacity : Array, shape (U, N)
        At full load under these conditions [W]; 0 while off.
    cop_reference : Array, broadcastable
        Rated COP [-].
    eir_fraction : Array, shape (U, N)
        Energy input ratio over the rated one, from `full_load` or `economizer_eir_fraction` [-].
    loading, cooling_share : Array, shape (U, N)
        From `part_load` [-].
    part_load_curve : Array, shape (4, 1) or (4, N)
        Power over full-load power as a cubic of the loading [-]; see `PART_LOAD`.

    Returns
    -------
    Array, shape (U, N)
        Power [W], in the mean over running and rest; 0 at no load.

    Notes
    -----
    For a single-stage machine this is ``P = Q_cap / COP EIRFT EIRFF PLR / PLF``.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, power and runtime fraction; Variable Refrigerant Flow
       Heat Pump Model, cooling at low part load: part-load curve, cycling below the minimum.
    """
    c = part_load_curve
    share = c[0:1] + loading * (c[1:2] + loading * (c[2:3] + loading * c[3:4]))
    runtime = cooling_share / part_load_fraction(cooling_share)
    return available_capacity / cop_reference * eir_fraction * share * runtime


def economizer_eir_fraction(outdoor_temperature: Array, xp: Any = np) -> Array:
    """Energy input ratio over its rated value of a CRAC with pumped-refrigerant economizer.

    Parameters
    ----------
    outdoor_temperature : Array, shape (1, N)
        Dry bulb [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Fraction [-], 0.042 (pump alone) to 1.5; in place of a curve of temperatures.

    Notes
    -----
    Monotone cubic interpolation (PCHIP) of `ECONOMIZER_TABLE`, held beyond its ends. The quadratic that the same source
    also carries misses the points by up to 0.135, at 21 degC, in the middle of the change of modes.

    References
    ----------
    .. [1] EnergyPlus 24.1, example ``1ZoneDataCenterCRAC_wPumpedDXCoolingCoil``.
    .. [2] Fritsch, Butland, A method for constructing local monotone piecewise cubic interpolants, SIAM J. Sci. Stat.
       Comput. 5 (1984): slopes at the points.
    """
    points, values = ECONOMIZER_TABLE
    fraction = values[0] + 0.0 * outdoor_temperature
    for k in range(len(points) - 1):
        length = points[k + 1] - points[k]
        rise, start, end = values[k + 1] - values[k], length * _SLOPES[k], length * _SLOPES[k + 1]
        # what this stretch adds: its cubic with the argument held at its ends
        u = clip((outdoor_temperature - points[k]) / length, 0.0, 1.0, xp)
        fraction = fraction + u * (start + u * (3.0 * rise - 2.0 * start - end + u * (start + end - 2.0 * rise)))
    return fraction


def _monotone_slopes(points: tuple[float, ...], values: tuple[float, ...]) -> tuple[float, ...]:
    """Slopes at the points of a table for cubics that rise and fall with it (host)."""
    x, y = np.array(points), np.array(values)
    h = np.diff(x)
    d = np.diff(y) / h
    before, after = d[:-1], d[1:]
    first, second = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    is_turning = before * after <= 0.0
    safe_before, safe_after = np.where(is_turning, 1.0, before), np.where(is_turning, 1.0, after)
    inner = np.where(is_turning, 0.0, (first + second) / (first / safe_before + second / safe_after))

    def at_end(h0: float, h1: float, d0: float, d1: float) -> float:
        slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
        if slope * d0 <= 0.0:
            return 0.0
        return 3.0 * d0 if d0 * d1 < 0.0 and abs(slope) > 3.0 * abs(d0) else slope

    ends = at_end(h[0], h[1], d[0], d[1]), at_end(h[-1], h[-2], d[-1], d[-2])
    return (ends[0], *(float(s) for s in inner), ends[1])


_SLOPES = _monotone_slopes(*ECONOMIZER_TABLE)


def size_surface(
    capacity: float, sensible_heat_ratio: float, air_mass_flow: float, pressure: float = STANDARD_PRESSURE
) -> float:
    """Air-side conductance of a coil, over specific heat, that gives its rated sensible heat ratio (host).

    Parameters
    ----------
    capacity : float
        Rated, sensible and latent [W].
    sensible_heat_ratio : float
        Rated [-], below 1.
    air_mass_flow : float
        Rated [kg/s].
    pressure : float
        At which the rating holds [Pa].

    Returns
    -------
    float
        ``surface_mass_flow`` of `bypass_factor` [kg/s].

    Raises
    ------
    ValueError
        If no surface gives this ratio: from the rated entering air, 26.67 degC and 19.44 degC wet bulb, its line does
        not meet the saturation curve, or only beyond the leaving air.

    References
    ----------
    .. [1] EnergyPlus Engineering Reference, DX Cooling Coil Model, bypass factor at rated conditions.
    """
    from scipy.optimize import brentq, minimize_scalar

    entering = float(enthalpy(RATED_ENTERING_TEMPERATURE, RATED_HUMIDITY_RATIO))

    def ratio_at(surface: float) -> float:
        at_surface = saturation_enthalpy(surface, pressure)
        sensible = enthalpy(RATED_ENTERING_TEMPERATURE, saturation_humidity_ratio(surface, pressure)) - at_surface
        return float(sensible / (entering - at_surface))

    dew_point = float(dew_point_temperature(RATED_HUMIDITY_RATIO, pressure))
    # towards colder surfaces the ratio falls, to rise again below some -10 degC: the warmer side is meant
    turning = minimize_scalar(ratio_at, bounds=(-40.0, dew_point), method="bounded").x
    bypassed = -1.0
    if ratio_at(turning) < sensible_heat_ratio < 1.0:
        surface = brentq(lambda t: ratio_at(t) - sensible_heat_ratio, turning, dew_point, xtol=1e-12)
        bypassed = 1.0 - capacity / air_mass_flow / (entering - float(saturation_enthalpy(surface, pressure)))
    if bypassed <= 0.0:
        raise ValueError(
            f"no coil takes {capacity} W from {air_mass_flow} kg/s of rated air with a sensible heat ratio of "
            f"{sensible_heat_ratio}: it needs more air, or a smaller share of sensible heat"
        )
    return -air_mass_flow * float(np.log(bypassed))
