"""Air of a hall: from the CRAHs to the racks, what misses them, and how hot air finds its way back.

A network of streams at rack-group level. Supply air is spread over the racks in fixed or demand-following proportions;
what a rack does not take bypasses to the return, what it lacks it draws from hot air. Hot air is kept in well-mixed
cells. Each stream leaves one place and enters another with the same flow and temperature, so mass and energy close for
any flows.

The hot side. Rack j, drawing m_j, sends its exhaust into the cells z in shares C_zj (columns sum to 1), and draws back
from the cells, in the same shares, both what it recirculates, m_j - u_j, and what the CRAHs take in place of the supply
u_j that it used. So cell z receives sum_j C_zj m_j and loses sum_j C_zj (m_j - u_j) + sum_j C_zj u_j, the same number
whatever the flows: no exhaust can be overdrawn. For cells without storage, which are at the mean of what enters them,
T_z = sum_j C_zj m_j T_out,j / sum_l C_zl m_l, this is the network in which a share W_ij of rack i's recirculated air
comes from exhaust j, with

    W_ij = sum_z C_zi C_zj m_j / (sum_l C_zl m_l)

whose rows sum to 1 because the columns of C do, and which depends on the flows just so that sum_i m_i W_ij = m_j: each
exhaust is drawn in full, by recirculation and return together, and never more.

The return. With B_kj the share of CRAH k's air aimed at rack j (rows sum to 1), l the leakage and q_j = u_j / (reaching
supply) the part that enters the rack,

    T_return,k = b_k T_supply,k + sum_j B_kj (1 - l) q_j T_recirculated,j,      b_k = 1 - sum_j B_kj (1 - l) q_j

in words: a CRAH gets back what missed the racks and leaked, and for the rest hot air from where its supply went. Summed
over CRAHs with their flows M_k this returns sum_j u_j T_recirculated,j and all bypass, which with the cells' balance
closes mass and energy.

In front of a rack. A stream that crosses an aisle before it meets the racks has by then taken up room air along its edges
(`jet_entrainment`), which is one reason why part of an intake is hot however much is supplied. What the supply lacks the racks
draw in where their front is open to the hot side, over their servers and under them, before it reaches those in the middle
(`level_supply_factor`).

Left out: buoyancy, jets from tiles; pressure acts only through the flow ratio.

Sources: the mixing network generalises the cross-interference matrix of Tang et al. (2006), which it equals at the
flows where that was measured.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import Array

MASS_FLOW_MIN = 1e-9
"""kg/s; keeps shares of a flow that has stopped defined."""

STARVATION_GAIN_MAX = 5.0
"""Greatest gain for which more reaching air never lowers the used flow (the bound of the form is 5.06)."""

CORNER = 1e-4
"""Rounding of the used flow: at the corner it is 1 % (the root of this) below both limits."""


JET_SPREAD = 0.109
"""Standard deviation of the velocity at the edge of a plane jet's core, per distance from its outlet: the one constant of
Albertson et al. (1950) for slots."""

CORE_LENGTH = 1.0 / (math.sqrt(math.pi) * JET_SPREAD)
"""Distance over outlet width at which the edges of a plane jet meet, 5.2: until there it has a core of undiluted supply."""


class AirPaths(NamedTuple):
    """Where the supply air goes. R rack groups, U CRAH groups, N environments."""

    used: Array
    """(R, N) kg/s of supply that enters the racks."""
    recirculated: Array
    """(R, N) kg/s of hot air that the racks draw in besides."""
    entering_share: Array
    """(R, N) part of the supply reaching a rack that enters it."""
    demand: Array
    """(R, N) weight by which a CRAH's air is spread over the racks, besides its reach."""
    supply_per_demand: Array
    """(U, N) share of a CRAH's air that arrives, leakage taken off, per unit of reach times demand."""
    crah_mass_flow: Array
    """(U, N) kg/s through the CRAHs."""


def reaching_mass_flow(crah_mass_flow: Array, supply_share: Array, leakage_fraction: Array, xp: Any = np) -> Array:
    """Supply air that arrives in front of each rack.

    Parameters
    ----------
    crah_mass_flow : Array, shape (U, N)
        Air through the CRAHs [kg/s].
    supply_share : Array, shape (U, R)
        Share of a CRAH's air aimed at a rack [-]; rows sum to 1.
    leakage_fraction : Array, shape (1, 1) or (1, N)
        Share of supply air lost to the return before the racks [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Mass flow [kg/s].
    """
    return xp.matmul(supply_share.T, crah_mass_flow * (1.0 - leakage_fraction))


def used_mass_flow(
    reaching: Array, server_mass_flow: Array, recirculation_min: Array, starvation_gain: Array, xp: Any = np
) -> Array:
    """Supply air that enters the racks.

    Parameters
    ----------
    reaching : Array, shape (R, N)
        Supply air in front of the racks [kg/s], at least 0.
    server_mass_flow : Array, shape (R, N)
        Air that the racks draw [kg/s].
    recirculation_min : Array, broadcastable
        Part of the intake that is hot air however much is supplied [-], 0 to below 1: 0.02 contained, 0.08 hot and cold
        aisles, 0.20 open rooms.
    starvation_gain : Array, broadcastable
        How steeply supply misses the intakes when it falls short [-]; 0 switches this off, at most `STARVATION_GAIN_MAX`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Mass flow [kg/s], from 0 to the lesser of ``reaching`` and ``(1 - recirculation_min) server_mass_flow``.

    Notes
    -----
    With ``x = min(reaching / server_mass_flow, 1)`` an under-pressured aisle lets the part ``starvation_gain (1 - x) x**4``
    of its supply pass the intakes by: steeply where supply just falls short, and less and less where servers draw so much
    that they take in all there is. The rest is limited by what the racks take, ``(1
    - recirculation_min) server_mass_flow``, with a corner rounded as a hyperbola through both axes: the root ``u`` of
    ``u**2 - (a + c) u + (1 - 1e-4) a c = 0``, which is 1 % below the limits where they meet and, unlike a rounding of
    constant width, neither negative nor above either limit. More reaching air never lowers the used flow. At
    ``starvation_gain`` = 0 and a sharp corner the recirculated fraction is ``max(r0, 1 - flow ratio)``.

    Engineering choice (no single source), after the observation that a flow ratio below 1 must not be nearly free: jets
    then miss the intakes and the hottest racks recirculate steeply.
    """
    ratio = xp.minimum(reaching / xp.maximum(server_mass_flow, MASS_FLOW_MIN), 1.0)
    squared = ratio * ratio
    arriving = reaching * (1.0 - starvation_gain * (1.0 - ratio) * squared * squared)
    limit = (1.0 - recirculation_min) * server_mass_flow
    product = arriving * limit
    gap = arriving - limit
    root = xp.sqrt(gap * gap + 4.0 * CORNER * product + MASS_FLOW_MIN * MASS_FLOW_MIN)
    return 2.0 * (1.0 - CORNER) * product / (arriving + limit + root)


def recirculated_fraction(used: Array, server_mass_flow: Array) -> Array:
    """Part of a rack's intake that is hot air.

    Parameters
    ----------
    used : Array, shape (R, N)
        Supply air that enters the racks [kg/s].
    server_mass_flow : Array, shape (R, N)
        Air that the racks draw [kg/s], above 0.

    Returns
    -------
    Array, shape (R, N)
        Fraction [-], 0 to 1.
    """
    return 1.0 - used / server_mass_flow


def jet_entrainment(distance: Array, free_perimeter: Array, outlet_area: Array) -> Array:
    """Room air that a supply stream takes up along its edges before it meets the racks, over the supply.

    Parameters
    ----------
    distance : Array, any shape
        From the outlet to the front of the racks [m], at least 0.
    free_perimeter : Array, broadcastable
        Of the outlet, edges along the floor or a wall left out [m].
    outlet_area : Array, broadcastable
        m2.

    Returns
    -------
    Array, broadcast shape
        Mass flow entrained over mass flow supplied [-]. Of what arrives a part ``e / (1 + e)`` is room air: the least
        recirculated fraction of racks that such a stream feeds.

    Notes
    -----
    At every free edge the flow is that of a plane jet while it has a core: uniform up to the core's edge, then a normal
    curve of standard deviation ``0.109 x``, with the core as wide as keeps the momentum. Flow per length of edge then grows
    by ``sqrt(pi) (sqrt(2) - 1) / 2 * 0.109 x = 0.040 x`` times the outlet's velocity, for slots with two edges the published
    ``Q / Q0 = 1 + 0.080 x / B0``. Velocity does not matter.

    Domain: distances up to `CORE_LENGTH` times the shorter side of the outlet, or twice that beside a floor. Corners,
    buoyancy and the racks' draught are left out.

    References
    ----------
    M. L. Albertson, Y. B. Dai, R. A. Jensen, H. Rouse, Diffusion of submerged jets, Transactions of the American Society of
    Civil Engineers 115 (1950), 639-664.
    """
    per_edge = 0.5 * math.sqrt(math.pi) * (math.sqrt(2.0) - 1.0) * JET_SPREAD
    return per_edge * distance * free_perimeter / outlet_area


def level_supply_factor(recirculated_fraction: Array, recirculation_min: Array, relative_shortfall: Array) -> Array:
    """Supply air that enters a rack at a level, over the mean of its levels, which draw the same flow each.

    Parameters
    ----------
    recirculated_fraction : Array, any shape
        Part of the rack's whole intake that is hot air [-], ``recirculation_min`` to 1.
    recirculation_min : Array, broadcastable
        The part that is hot air however much is supplied, at all levels alike [-], 0 to below 1.
    relative_shortfall : Array, broadcastable
        Weight of the level in what the supply lacks [-], 0 to 2; the mean over the levels is 1.

    Returns
    -------
    Array, broadcast shape
        Factor [-], 0 to 2, whose mean over the levels is 1. The level's recirculated fraction is ``1 - (1 -
        recirculated_fraction) factor``, which lies between ``recirculation_min`` and 1, and never falls when the rack's rises.

    Notes
    -----
    With the shortfall ``x = (r - r0) / (1 - r0)`` of the rack and the weight ``a`` of a level, the level's shortfall is ``x (1
    + (a - 1) (1 - x))``: ``a x`` where little is lacking, 1 where nothing is supplied, and of mean ``x`` whatever the weights.
    A level of weight 0 is reached by ``x**2``, once the others are hot.

    That exhaust comes back above and below the equipment in a rack, rather than through its middle, is described by
    Rasmussen (Schneider Electric White Paper 44). The form between the two ends is the simplest that conserves (engineering
    choice, no single source).

    References
    ----------
    N. Rasmussen, Improving rack cooling performance using airflow management blanking panels, Schneider Electric White
    Paper 44, revision 4.
    """
    shortfall = (recirculated_fraction - recirculation_min) / (1.0 - recirculation_min)
    return 1.0 - (relative_shortfall - 1.0) * shortfall


def air_paths(
    crah_mass_flow: Array,
    server_mass_flow: Array,
    supply_reach: Array,
    demand: Array,
    leakage_fraction: Array,
    recirculation_min: Array,
    starvation_gain: Array,
    xp: Any = np,
) -> AirPaths:
    """Where the supply air goes, for CRAHs whose air spreads by reach and by demand.

    Parameters
    ----------
    crah_mass_flow : Array, shape (U, N)
        Air through the CRAHs [kg/s], at least 0.
    server_mass_flow : Array, shape (R, N)
        Air that the racks draw [kg/s], above 0.
    supply_reach : Array, shape (U, R)
        Relative reach of a CRAH at a rack [-], at least 0; each row has an entry above 0.
    demand : Array, shape (R, N)
        Weight of a rack besides reach, for instance what it draws (a contained aisle) or its nominal flow (tiles as
        laid); above 0.
    leakage_fraction : Array, shape (1, 1) or (1, N)
        Share of supply air lost to the return before the racks [-].
    recirculation_min, starvation_gain : Array, broadcastable to (R, N)
        As for `used_mass_flow`.
    xp : namespace
        Array functions.

    Returns
    -------
    AirPaths
        Flows and shares.

    Notes
    -----
    The share of CRAH k's air aimed at rack j is ``reach_kj demand_j / sum_l reach_kl demand_l``. With ``demand`` 1 and
    rows of ``supply_reach`` that sum to 1 these are the shares of `reaching_mass_flow`.
    """
    weight = xp.maximum(xp.matmul(supply_reach, demand), MASS_FLOW_MIN)
    supply_per_demand = (1.0 - leakage_fraction) / weight
    reaching = demand * xp.matmul(supply_reach.T, crah_mass_flow * supply_per_demand)
    used = used_mass_flow(reaching, server_mass_flow, recirculation_min, starvation_gain, xp)
    return AirPaths(
        used=used,
        recirculated=server_mass_flow - used,
        entering_share=used / xp.maximum(reaching, MASS_FLOW_MIN),
        demand=demand,
        supply_per_demand=supply_per_demand,
        crah_mass_flow=crah_mass_flow,
    )


def supply_enthalpy(paths: AirPaths, supply_temperature: Array, supply_reach: Array, xp: Any = np) -> Array:
    """Supply air entering each rack, as mass flow times temperature.

    Parameters
    ----------
    paths : AirPaths
        Flows and shares.
    supply_temperature : Array, shape (U, N)
        Air leaving the CRAHs [degC].
    supply_reach : Array, shape (U, R)
        As for `air_paths`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Enthalpy flow above 0 degC over the specific heat of air [kg K/s]. The inlet of a rack without storage is this
        plus ``recirculated`` times its recirculated temperature, over its mass flow.
    """
    stream = paths.crah_mass_flow * paths.supply_per_demand * supply_temperature
    return paths.entering_share * paths.demand * xp.matmul(supply_reach.T, stream)


def cell_mass_flow(cell_share: Array, server_mass_flow: Array, xp: Any = np) -> Array:
    """Air that enters, and leaves, each hot-air cell.

    Parameters
    ----------
    cell_share : Array, shape (Z, R)
        Share of a rack's hot side in a cell [-]; columns sum to 1.
    server_mass_flow : Array, shape (R, N)
        Air through the racks [kg/s].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (Z, N)
        Mass flow [kg/s].
    """
    return xp.matmul(cell_share, server_mass_flow)


def recirculated_temperature(cell_temperature: Array, cell_share: Array, xp: Any = np) -> Array:
    """Temperature of the hot air around each rack, which it recirculates and which the CRAHs draw from there.

    Parameters
    ----------
    cell_temperature : Array, shape (Z, N)
        Of the hot-air cells [degC].
    cell_share : Array, shape (Z, R)
        Share of a rack's hot side in a cell [-]; columns sum to 1.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Temperature [degC].
    """
    return xp.matmul(cell_share.T, cell_temperature)


def return_mix(
    paths: AirPaths, recirculated_temperature: Array, supply_reach: Array, xp: Any = np
) -> tuple[Array, Array]:
    """Return air of each CRAH as a part that depends on its own supply temperature and a part that does not.

    Parameters
    ----------
    paths : AirPaths
        Flows and shares.
    recirculated_temperature : Array, shape (R, N)
        Of the hot air around the racks [degC].
    supply_reach : Array, shape (U, R)
        As for `air_paths`.
    xp : namespace
        Array functions.

    Returns
    -------
    bypass : Array, shape (U, N)
        Share of the return air that is the CRAH's own supply, leaked or bypassed [-], 0 to 1.
    hot_part : Array, shape (U, N)
        The rest, share times temperature [K]: ``T_return = hot_part + bypass T_supply``.
    """
    entering = paths.demand * paths.entering_share
    bypass = 1.0 - paths.supply_per_demand * xp.matmul(supply_reach, entering)
    hot_part = paths.supply_per_demand * xp.matmul(supply_reach, entering * recirculated_temperature)
    return bypass, hot_part


def mixing_shares(cell_share: Any, server_mass_flow: Any) -> Any:
    """Recirculation shares between racks that the hot-air cells amount to, at given flows (host, NumPy).

    Parameters
    ----------
    cell_share : ndarray, shape (Z, R)
        Share of a rack's hot side in a cell [-]; columns sum to 1.
    server_mass_flow : ndarray, shape (R,)
        Air through the racks [kg/s], above 0.

    Returns
    -------
    ndarray, shape (R, R)
        Share of rack i's recirculated air that comes from exhaust j [-]. Rows sum to 1; ``server_mass_flow @ shares``
        is ``server_mass_flow``.
    """
    cell_flow = cell_share @ server_mass_flow
    return cell_share.T @ (cell_share * server_mass_flow / np.maximum(cell_flow, MASS_FLOW_MIN)[:, None])


def supply_share_from_distance(distance: Any, length_scale: float, mass_flow: Any) -> Any:
    """Shares of the CRAHs' air from where things stand (host, NumPy).

    Parameters
    ----------
    distance : ndarray, shape (U, R)
        From a CRAH to a rack [m].
    length_scale : float
        Distance over which the reach falls by e [m]: 3 to 6 for a raised floor (engineering choice), infinite for a
        common plenum.
    mass_flow : ndarray, shape (R,)
        Weight of the racks: what they draw nominally [kg/s].

    Returns
    -------
    ndarray, shape (U, R)
        Shares [-]; rows sum to 1.
    """
    return _softmax(-np.asarray(distance, dtype=float) / length_scale + np.log(mass_flow), axis=1)


def reach_from_distance(distance: Any, length_scale: float) -> Any:
    """Relative reach of the CRAHs at the racks for `air_paths`, from where things stand (host, NumPy).

    Parameters
    ----------
    distance : ndarray, shape (U, R)
        From a CRAH to a rack, in any unit of length.
    length_scale : float
        Distance over which the reach falls by e, in the same unit.

    Returns
    -------
    ndarray, shape (U, R)
        Reach [-], 0 to 1.
    """
    return np.exp(-np.asarray(distance, dtype=float) / length_scale)


def cell_share_from_distance(distance: Any, length_scale: float) -> Any:
    """Shares of the racks' hot sides in the cells from where things stand (host, NumPy).

    Parameters
    ----------
    distance : ndarray, shape (Z, R)
        From a cell's middle to a rack's exhaust [m].
    length_scale : float
        Distance over which a share falls by e [m]: 1.5 to 3 (engineering choice).

    Returns
    -------
    ndarray, shape (Z, R)
        Shares [-]; columns sum to 1.
    """
    return _softmax(-np.asarray(distance, dtype=float) / length_scale, axis=0)


def _softmax(x: Any, axis: int) -> Any:
    weight = np.exp(x - x.max(axis=axis, keepdims=True))
    return weight / weight.sum(axis=axis, keepdims=True)
