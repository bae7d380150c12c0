"""Where the air of a hall goes: from CRAH groups to racks, from racks through hot-air cells back to racks and CRAHs.

Two families of shares carry the geometry, the flows do the rest, and mass and energy close for any flows, also for none:

* Supply. CRAH group k spreads its air over the racks in proportion to ``reach_ki w_i`` with w the rack weights: what the racks draw where
  aisles are contained, what the floor tiles were laid for where they are not. A rack cannot use more than it draws, and draws a least
  share of recirculated air. Below a flow ratio of 1 the aisle is under-pressured, jets miss the intakes and recirculation grows faster
  than the deficit. Supply that enters no rack is bypass and returns to the CRAH it came from.
* Hot side. The exhaust of rack j is spread over well-mixed cells by ``cell_share_zj`` (columns sum to 1); recirculated air of rack i and
  what the CRAHs draw from around it come from the cells by the same shares. Inflow of a cell, sum_j share_zj m_j, equals its outflow for
  any flows, so no exhaust is ever overdrawn. In terms of a recirculation matrix T_rec = W T_out this is W_ij = sum_z share_zi
  share_zj m_j / (sum_l share_zl m_l): rows sum to 1 and sum_i m_i W_ij = m_j.

Left out: buoyancy, jets of single tiles, pressure other than by the flow ratio, delays in ducts.

Sources: the network form follows Tang et al. 2006 (cross-interference) with flows kept explicit; leakage and bypass as in the
return-temperature and supply-heat indices of Herrlin 2008 and Sharma et al. 2002.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dcsim.physics.smooth import smooth_minimum

Array = Any

SMOOTHING = 0.02  # of the server flow, around the kink where supply just meets demand
NO_FLOW = 1e-9  # kg/s, guards divisions by flows that may vanish


class AirPaths(NamedTuple):
    """Flows [kg/s] and shares of one instant."""

    spread: Array  # (U, N) supply of a CRAH group after leakage per unit of reach-weighted racks
    weights: Array  # (R, N) of the racks in that spread
    used_share: Array  # (R, N) part of the air that reaches a rack group that its servers take in
    recirculated: Array  # (R, N) kg/s the servers take from the hot side


def air_paths(
    crah_mass_flow: Array,
    server_mass_flow: Array,
    reach: Array,
    weights: Array,
    leakage: Array,
    recirculation_min: Array,
    starvation_gain: Array,
    xp: Any = np,
) -> AirPaths:
    """Share the supply air among the racks and find what they take from the hot side instead.

    Parameters
    ----------
    crah_mass_flow : Array, shape (U, N)
        Air through each CRAH group [kg/s], at least 0.
    server_mass_flow : Array, shape (R, N)
        Air the servers draw [kg/s], above 0.
    reach : Array, shape (U, R)
        Relative reach of a CRAH group at a rack group [-], above 0; a parameter matrix.
    weights : Array, shape (R, N)
        Draw of each rack group on the spread [kg/s]: server flow with containment, nominal flow where tiles decide.
    leakage : Array, shape (1, N)
        Share of supply air that returns before it reaches any rack [-].
    recirculation_min : Array, shape (R, 1)
        Least recirculated share of intake air [-].
    starvation_gain : Array, shape (R, 1)
        How steeply reaching air misses the intakes when it falls short of what they draw [-], 0 to 5.

    Returns
    -------
    AirPaths

    Notes
    -----
    With x = reaching / drawn, at most 1, the air that misses the intakes is gain (1 - x) x^4 of what reaches them: it grows steeply where
    supply just falls short, and dies out where servers draw so much that they take in all there is. Used air is then
    min(reaching (1 - missing), (1 - recirculation_min) drawn), smoothed over 2 % of the drawn flow. It never exceeds what reaches a rack,
    and never falls when more does, for gains up to 5.
    """
    spread = crah_mass_flow * (1.0 - leakage) / xp.matmul(reach, weights)
    reaching = weights * xp.matmul(reach.T, spread)
    ratio = xp.minimum(reaching / server_mass_flow, 1.0)
    squared = ratio * ratio
    entering = reaching * (1.0 - starvation_gain * (1.0 - ratio) * squared * squared)
    used = smooth_minimum(entering, (1.0 - recirculation_min) * server_mass_flow, SMOOTHING * server_mass_flow, xp)
    used = xp.minimum(xp.maximum(used, 0.0), entering)
    return AirPaths(spread, weights, used / xp.maximum(reaching, NO_FLOW), server_mass_flow - used)


def supply_enthalpy(
    paths: AirPaths, supply_air_temperature: Array, reach: Array, specific_heat: float, xp: Any = np
) -> Array:
    """Enthalpy flow of supply air into each rack group, above 0 degC [W], shape (R, N)."""
    return specific_heat * paths.used_share * paths.weights * xp.matmul(reach.T, paths.spread * supply_air_temperature)


def return_mix(
    paths: AirPaths, crah_mass_flow: Array, hot_side_temperature: Array, reach: Array, xp: Any = np
) -> tuple[Array, Array]:
    """What a CRAH group draws: the share of its own supply that bypassed the racks, and the rest from around the racks it serves.

    Parameters
    ----------
    paths : AirPaths
    crah_mass_flow : Array, shape (U, N)
        As given to ``air_paths``, above 0.
    hot_side_temperature : Array, shape (R, N)
        Of the hot air around each rack group [degC].
    reach : Array, shape (U, R)

    Returns
    -------
    tuple[Array, Array]
        Bypass share b and hot part a [degC], shape (U, N) each: T_return = a + b T_supply.
    """
    through = paths.used_share * paths.weights
    per_flow = paths.spread / crah_mass_flow
    return 1.0 - per_flow * xp.matmul(reach, through), per_flow * xp.matmul(reach, through * hot_side_temperature)


def cell_mass_flow(cell_share: Array, server_mass_flow: Array, xp: Any = np) -> Array:
    """Air that passes each hot-air cell [kg/s], shape (Z, N), from the flow of the rack groups, shape (R, N)."""
    return xp.matmul(cell_share, server_mass_flow)


def hot_side_temperature(cell_temperature: Array, cell_share: Array, xp: Any = np) -> Array:
    """Hot air around each rack group [degC], shape (R, N), from the cells, shape (Z, N)."""
    return xp.matmul(cell_share.T, cell_temperature)


def reach_from_distance(distance: npt.NDArray[np.float64], length: float) -> npt.NDArray[np.float64]:
    """Reach that falls off exponentially with distance over ``length`` (same unit); shape of ``distance``, (U, R)."""
    return np.exp(-distance / length)


def cell_share_from_distance(distance: npt.NDArray[np.float64], length: float) -> npt.NDArray[np.float64]:
    """Shares of each rack group in the cells, falling off with distance over ``length``; shape (Z, R), columns sum to 1."""
    weight = np.exp(-distance / length)
    return weight / weight.sum(0)
