import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import room_air, room_metrics

CP = 1006.0


class Room:
    """A random room in steady state."""

    def __init__(self, seed, racks=12, units=3, cells=4, off=False):
        rng = np.random.default_rng(seed)
        self.reach = rng.uniform(0.05, 1.0, (units, racks))
        shares = rng.uniform(0.0, 1.0, (cells, racks))
        self.cell_share = shares / shares.sum(0)
        self.server = rng.uniform(0.2, 1.5, (racks, 1))
        self.crah = rng.dirichlet(np.ones(units))[:, None] * self.server.sum() * rng.uniform(0.5, 1.8)
        if off:
            self.crah[0] = 0.0
        self.least = rng.uniform(0.0, 0.3, (racks, 1))
        self.leakage = np.array([[rng.uniform(0.0, 0.3)]])
        self.gain = rng.uniform(0.0, 5.0, (racks, 1))
        self.demand = rng.uniform(0.2, 1.5, (racks, 1))
        self.supply = rng.uniform(14.0, 26.0, (units, 1))
        self.power = rng.uniform(1e3, 15e3, (racks, 1))
        self.paths = room_air.air_paths(
            self.crah, self.server, self.reach, self.demand, self.leakage, self.least, self.gain
        )

    def cells(self, outlet):
        flow = room_air.cell_mass_flow(self.cell_share, self.server)
        return self.cell_share @ (self.server * outlet) / flow

    def inlet(self, outlet):
        hot = room_air.recirculated_temperature(self.cells(outlet), self.cell_share)
        cold = room_air.supply_enthalpy(self.paths, self.supply, self.reach)
        return (cold + self.paths.recirculated * hot) / self.server


rooms = st.integers(0, 10_000)


@given(rooms, st.booleans())
def test_mass_closes(seed, off):
    room = Room(seed, off=off)
    paths = room.paths
    bypass, _ = room_air.return_mix(paths, np.zeros_like(room.server), room.reach)
    assert np.all(bypass >= -1e-12) and np.all(bypass <= 1.0 + 1e-12)
    # supply either enters a rack or comes back
    assert_allclose(paths.used.sum() + (room.crah * bypass).sum(), room.crah.sum(), rtol=1e-12)
    assert_allclose(paths.used + paths.recirculated, room.server, rtol=1e-14)
    # cells: what enters leaves, by recirculation and return
    shares = room.cell_share
    entering = room_air.cell_mass_flow(shares, room.server)
    assert_allclose(shares @ paths.recirculated + shares @ paths.used, entering, rtol=1e-12)
    assert np.all(paths.recirculated >= -1e-12)


@given(rooms, st.booleans())
def test_energy_closes_for_any_temperatures(seed, off):
    room = Room(seed, off=off)
    outlet = np.random.default_rng(seed + 1).uniform(25.0, 50.0, room.server.shape)
    hot = room_air.recirculated_temperature(room.cells(outlet), room.cell_share)
    cold = room_air.supply_enthalpy(room.paths, room.supply, room.reach)
    bypass, hot_part = room_air.return_mix(room.paths, hot, room.reach)
    back = hot_part + bypass * room.supply
    entering_racks = cold + room.paths.recirculated * hot
    # racks: m T_out - entering; CRAHs: M (T_return - T_supply). All heat given by racks arrives at the CRAHs.
    rack_heat = (room.server * outlet - entering_racks).sum()
    crah_heat = (room.crah * (back - room.supply)).sum()
    assert_allclose(crah_heat, rack_heat, rtol=1e-12, atol=1e-12 * (room.server * outlet).sum())


def test_a_thousand_rooms_close_to_rounding_and_none_overdraws_an_exhaust():
    # 12 rack groups, 3 units, flow ratios of 0.6 to 1.6: the shares of a dense random mixing matrix overdraw one in 5 % of draws
    for seed in range(1000):
        room = Room(seed)
        room.crah *= np.random.default_rng(seed).uniform(0.6, 1.6) * room.server.sum() / room.crah.sum()
        paths = room_air.air_paths(room.crah, room.server, room.reach, room.demand, room.leakage, room.least, room.gain)
        outlet = np.random.default_rng(seed + 1).uniform(25.0, 50.0, room.server.shape)
        hot = room_air.recirculated_temperature(room.cells(outlet), room.cell_share)
        cold = room_air.supply_enthalpy(paths, room.supply, room.reach)
        bypass, hot_part = room_air.return_mix(paths, hot, room.reach)
        assert bypass.min() >= 0.0
        given_by_racks = (room.server * outlet - cold - paths.recirculated * hot).sum()
        taken = (room.crah * (hot_part + bypass * room.supply - room.supply)).sum()
        assert abs(taken - given_by_racks) < 5e-15 * (room.server * outlet).sum()
        m = room.server[:, 0]
        assert np.all(paths.recirculated[:, 0] @ room_air.mixing_shares(room.cell_share, m) <= m)


def test_room_without_supply_recirculates_everything():
    room = Room(3)
    paths = room_air.air_paths(
        0.0 * room.crah, room.server, room.reach, room.demand, room.leakage, room.least, room.gain
    )
    bypass, hot_part = room_air.return_mix(paths, np.full_like(room.server, 40.0), room.reach)
    assert np.all(paths.used == 0.0)
    assert np.all(np.isfinite(bypass)) and np.all(np.isfinite(hot_part))
    assert_allclose(paths.recirculated, room.server, rtol=1e-15)


@given(rooms)
def test_one_unit_switched_off_hands_its_share_to_nobody(seed):
    # the others keep what they deliver: each CRAH's air is spread by its own row
    room = Room(seed)
    off = room.crah.copy()
    off[0] = 0.0
    share = room.reach * room.demand.T
    share = share / share.sum(1, keepdims=True)
    reaching = room_air.reaching_mass_flow(off, share, room.leakage)
    assert_allclose(reaching, (share.T @ off) * (1.0 - room.leakage), rtol=1e-14)
    assert_allclose(reaching.sum(), (off * (1.0 - room.leakage)).sum(), rtol=1e-12)


@given(rooms)
def test_demand_following_paths_equal_fixed_shares_of_the_same_proportions(seed):
    room = Room(seed)
    share = room.reach * room.demand.T
    share = share / share.sum(1, keepdims=True)
    reaching = room_air.reaching_mass_flow(room.crah, share, room.leakage)
    used = room_air.used_mass_flow(reaching, room.server, room.least, room.gain)
    assert_allclose(room.paths.used, used, rtol=1e-12)
    q = used / reaching
    bypass, _ = room_air.return_mix(room.paths, room.server, room.reach)
    assert_allclose(bypass, 1.0 - share @ ((1.0 - room.leakage) * q), rtol=1e-10, atol=1e-12)


# --- what enters the racks ------------------------------------------------------------------------------------------

flows = st.floats(0.0, 5.0)
leasts = st.floats(0.0, 0.5)
gains = st.floats(0.0, 5.0)


@given(flows, st.floats(0.01, 3.0), leasts, gains)
def test_used_flow_is_within_supply_and_demand(reaching, server, least, gain):
    used = room_air.used_mass_flow(reaching, server, least, gain)
    assert 0.0 <= used <= reaching
    assert used <= (1.0 - least) * server
    fraction = room_air.recirculated_fraction(used, server)
    assert least - 1e-12 <= fraction <= 1.0


@given(flows, flows, st.floats(0.01, 3.0), leasts, gains)
def test_more_reaching_air_never_lowers_used_flow(a, b, server, least, gain):
    few, many = sorted((a, b))
    less = room_air.used_mass_flow(few, server, least, gain)
    more = room_air.used_mass_flow(many, server, least, gain)
    assert more >= less - 1e-12


@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0])
def test_used_flow_rises_on_a_fine_grid(gain):
    ratio = np.linspace(0.0, 2.0, 200_001)
    used = room_air.used_mass_flow(ratio, 1.0, 0.08, gain)
    assert np.diff(used).min() >= -1e-15


def test_without_starvation_the_recirculation_is_that_of_two_zones():
    ratio = np.array([0.3, 0.6, 0.7, 1.1, 1.4, 2.0])
    used = room_air.used_mass_flow(ratio, 1.0, 0.05, 0.0)
    sharp = room_metrics.two_zone_recirculation(ratio, 0.05, 0.0, 1e-9)
    assert_allclose(room_air.recirculated_fraction(used, 1.0), sharp, atol=1e-3)
    # where supply just meets what the racks take: 1 % (the root of the rounding) of it is missed
    corner = room_air.used_mass_flow(0.95, 1.0, 0.05, 0.0)
    assert_allclose(corner, 0.95 * 0.99, rtol=1e-12)


def test_a_starved_rack_loses_more_than_the_shortfall():
    used = room_air.used_mass_flow(np.array([0.99, 0.95, 0.90]), 1.0, 0.0, 3.0)
    assert np.all(1.0 - used > 1.25 * np.array([0.01, 0.05, 0.10]))
    # 10 % short, 3 * 0.1 * 0.9^4 of the rest misses
    assert_allclose(used[-1], 0.9 * (1.0 - 0.3 * 0.6561), rtol=1e-3)


@given(st.floats(0.7, 2.0), st.floats(1.01, 1.3), gains)
def test_more_supply_never_warms_an_inlet(ratio, factor, gain):
    def inlet(ratio):
        r = room_air.recirculated_fraction(room_air.used_mass_flow(ratio, 1.0, 0.05, gain), 1.0)
        return room_metrics.two_zone_inlet_temperature(20.0, r, 12.0)

    assert inlet(ratio * factor) <= inlet(ratio) + 1e-9


# --- the hot side as a mixing matrix --------------------------------------------------------------------------------


@given(rooms)
def test_cells_are_a_mixing_matrix_that_balances_every_exhaust(seed):
    room = Room(seed)
    m = room.server[:, 0]
    shares = room_air.mixing_shares(room.cell_share, m)
    assert_allclose(shares.sum(1), 1.0, rtol=1e-12)
    assert_allclose(m @ shares, m, rtol=1e-12)
    assert np.all(shares >= 0.0)
    # so no exhaust is overdrawn, whatever recirculates
    recirculated = room.paths.recirculated[:, 0]
    assert np.all(recirculated @ shares <= m * (1.0 + 1e-12))
    # and it mixes as the cells do
    outlet = np.random.default_rng(seed).uniform(25.0, 50.0, m.size)
    hot = room_air.recirculated_temperature(room.cells(outlet[:, None]), room.cell_share)
    assert_allclose(shares @ outlet, hot[:, 0], rtol=1e-12)


@given(rooms)
def test_steady_inlets_equal_the_cross_interference_matrix(seed):
    # Tang et al. 2006: T_in = T_supply + D P, D = (K - A^T K)^-1 - K^-1, A_ij share of exhaust i entering inlet j
    room = Room(seed)
    room.supply[:] = 18.0
    m = room.server[:, 0]
    outlet = np.full_like(room.server, 30.0)
    for _ in range(400):
        outlet = room.inlet(outlet) + room.power / (CP * room.server)
    inlet = room.inlet(outlet)[:, 0]
    r = room_air.recirculated_fraction(room.paths.used, room.server)[:, 0]
    shares = room_air.mixing_shares(room.cell_share, m)
    a = (m * r)[:, None] * shares / m  # [inlet i, exhaust j]: A_ji m_j = m_i r_i W_ij
    k = np.diag(CP * m)
    a_t_k = a @ k
    d = np.linalg.inv(k - a_t_k) - np.linalg.inv(k)
    assert_allclose(np.linalg.inv(k - a_t_k) @ a, d, atol=1e-12)
    assert_allclose(inlet, 18.0 + d @ room.power[:, 0], rtol=1e-9)


def test_one_cell_and_even_shares_are_the_two_zone_room():
    # 10 equal racks, 2 equal units, one hot cell: the table of the two-zone room at a flow ratio of 1.4
    server, crah = np.full((10, 1), 0.5), np.full((2, 1), 3.5)
    reach, cells = np.ones((2, 10)), np.ones((1, 10))
    paths = room_air.air_paths(crah, server, reach, np.ones((10, 1)), np.zeros((1, 1)), 0.20, 3.0)
    outlet = np.full((10, 1), 35.0)
    supply = np.full((2, 1), 20.0)
    hot = room_air.recirculated_temperature(np.array([[35.0]]), cells)
    inlet = (room_air.supply_enthalpy(paths, supply, reach) + paths.recirculated * hot) / server
    bypass, hot_part = room_air.return_mix(paths, hot, reach)
    assert_allclose(inlet, 23.0, atol=0.01)
    assert_allclose(outlet - inlet, 12.0, atol=0.01)
    assert_allclose(bypass, 0.429, atol=6e-4)
    assert_allclose(hot_part + bypass * supply, 28.57, atol=0.01)


# --- geometry -------------------------------------------------------------------------------------------------------


def test_shares_from_distance_favour_what_is_near():
    distance = np.abs(np.linspace(0.0, 20.0, 2)[:, None] - np.linspace(0.0, 20.0, 6))
    share = room_air.supply_share_from_distance(distance, 4.0, np.full(6, 0.5))
    assert_allclose(share.sum(1), 1.0, rtol=1e-14)
    assert np.all(np.diff(share[0]) < 0.0) and np.all(np.diff(share[1]) > 0.0)
    cells = room_air.cell_share_from_distance(distance, 2.0)
    assert_allclose(cells.sum(0), 1.0, rtol=1e-14)
    assert cells[0, 0] > 0.99 > 0.01 > cells[0, -1]


def test_a_common_plenum_spreads_by_flow_alone():
    share = room_air.supply_share_from_distance(np.ones((2, 3)), np.inf, np.array([1.0, 2.0, 1.0]))
    assert_allclose(share, [[0.25, 0.5, 0.25]] * 2, rtol=1e-14)


# --- in front of a rack ------------------------------------------------------------------------------------------------


def test_a_slots_jet_grows_as_published():
    """Albertson et al. 1950: Q / Q0 = 1 + 0.080 x / B0 up to 5.2 B0, where the jet beyond has 0.62 sqrt(x / B0)."""
    width, height = 0.3, 100.0
    x = np.array([0.0, 0.1, 0.5, 1.0, 1.5])
    grown = 1.0 + room_air.jet_entrainment(x, 2.0 * height, width * height)
    assert_allclose(grown, 1.0 + 0.080 * x / width, rtol=1e-3)
    assert pytest.approx(5.2, abs=0.03) == room_air.CORE_LENGTH
    end = room_air.CORE_LENGTH * width
    assert_allclose(
        1.0 + room_air.jet_entrainment(end, 2.0 * height, width * height),
        0.62 * np.sqrt(room_air.CORE_LENGTH),
        rtol=0.01,
    )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_jets_growth_is_that_of_a_core_with_normal_edges_that_keep_its_momentum(share):
    """Integrated: half a slot of width 2 and velocity 1, whose core has lost what its edge has gained in momentum."""
    x = share * room_air.CORE_LENGTH * 2.0
    sigma = room_air.JET_SPREAD * x
    y = np.linspace(0.0, 12.0 * sigma, 20001)
    edge = np.exp(-0.5 * (y / sigma) ** 2)
    core = 1.0 - np.trapezoid(edge**2, y)
    assert core > 0.0
    assert_allclose(1.0 + room_air.jet_entrainment(x, 1.0, 1.0), core + np.trapezoid(edge, y), rtol=1e-7)


def test_levels_draw_all_the_supply_and_none_is_colder_than_the_least_or_hotter_than_the_hot_air():
    weights = np.array([[1.2], [0.0], [1.8]])
    least = 0.1
    r = np.linspace(least, 1.0, 201)
    factor = room_air.level_supply_factor(r, least, weights)
    assert_allclose(factor.mean(axis=0), 1.0, rtol=1e-14)
    level = 1.0 - (1.0 - r) * factor
    assert (level >= least - 1e-12).all() and (level <= 1.0 + 1e-12).all()
    assert (np.diff(level, axis=1) >= -1e-12).all()
    assert_allclose(level[:, 0], least, rtol=1e-12)
    assert_allclose(level[:, -1], 1.0, rtol=1e-12)


def test_what_little_is_lacking_enters_by_the_weights_and_reaches_the_middle_last():
    least, lack = 0.1, 1e-6
    weights = np.array([1.2, 0.0, 1.8])
    r = least + (1.0 - least) * lack
    level = 1.0 - (1.0 - r) * room_air.level_supply_factor(r, least, weights)
    assert_allclose((level - least) / (1.0 - least) / lack, weights, atol=1e-5)
    half = 0.5 * (1.0 + least)
    level = 1.0 - (1.0 - half) * room_air.level_supply_factor(half, least, weights)
    assert_allclose((level - least) / (1.0 - least), [0.55, 0.25, 0.7], rtol=1e-12)  # x (1 + (a - 1)(1 - x)) at x = 1/2
