"""A hall as it is measured: power, fan speeds and water are given; the heat goes where it should and closes."""

import gymnasium as gym
import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of
from measured_halls import PLACEMENT, measured_description, measured_hall, quantity, random_inputs, series, usual_inputs
from numpy.testing import assert_allclose
from test_step import advance, random_state

import dcsim
from dcsim.engines import make_engine, pack, unpack
from dcsim.envs.config import configure
from dcsim.errors import InputError
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.audit import energy_residual, stored_energy
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, rested
from dcsim.replay import sensed


@pytest.fixture(scope="module")
def hall():
    return measured_hall()


def at_rest(hall, u):
    """State after half a day with these inputs."""
    engine = make_engine("numpy", hall_model(hall), hall.params)
    n = u.utilization.shape[1]
    packed = rested(engine, hall, cold_state(hall, n), pack(u, engine.input_slices, n), repeats=24)
    return unpack(packed, hall.types.State, engine.state_slices)


def test_energy_closes_for_random_states_powers_and_outages(hall):
    rng = np.random.default_rng(1)
    s = random_state(hall, rng, 64)
    for _ in range(12):
        s = advance(hall, s, random_inputs(hall, rng, 64))
        assert all(np.isfinite(values).all() for values in s)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())


@pytest.mark.parametrize("lost", ["district_cooling_energy", "envelope_gain", "it_energy"])
def test_a_missing_flux_would_be_noticed(hall, lost):
    rng = np.random.default_rng(2)
    s = advance(hall, random_state(hall, rng, 4), random_inputs(hall, rng, 4))
    residual = energy_residual(hall.types, s._replace(**{lost: 0.99 * getattr(s, lost)}))[0]
    assert (np.abs(residual) > 1e-6 * s.it_energy[0]).any()


def test_every_temperature_but_set_points_stores_heat(hall):
    named = {name for name in hall.types.State._fields if name.endswith("_temperature")}
    assert named == set(hall.types.heat_capacities)


def test_engines_agree(hall):
    rng = np.random.default_rng(3)
    engines = engines_of(hall)
    state = pack(random_state(hall, rng, 12), engines["numpy"].state_slices, 12)
    inputs = pack(random_inputs(hall, rng, 12), engines["numpy"].input_slices, 12)
    assert_engines_agree(hall, engines, state, inputs)


def test_at_rest_the_meter_of_heat_shows_all_power_and_what_the_envelope_lets_in(hall):
    u = usual_inputs(hall, 1)
    s = advance(hall, at_rest(hall, u), u)
    assert_allclose(s.it_energy[0, 0], 300.0 * (4 * 15e3 + 6e3), rtol=1e-12)  # what the meters show has the fans in it
    assert 0.0 < s.server_fan_energy[0, 0] < 0.04 * s.it_energy[0, 0]
    assert s.envelope_gain[0, 0] < 0.0  # hot air above the 21 degC around the hall
    into = s.it_energy + s.crah_fan_energy + s.electrical_loss_energy - s.electrical_room_heat
    into = into + s.envelope_gain
    assert_allclose(s.district_cooling_energy, into, rtol=1e-6)


def test_servers_stand_as_far_above_their_inlet_as_the_share_of_heat_through_their_mass_asks_for(hall):
    """T_server - T_inlet = share P / (effectiveness m cp); half the fan speed, half the flow, twice the distance."""
    speed = np.array([[1.0, 0.5]])
    u = usual_inputs(hall, 2, server_fan_speed=speed)
    s = at_rest(hall, u)
    p = hall.params
    flow = 0.4 * 3 * speed
    fans = 0.02 * 27e3 * speed**3
    expected = 0.6 * (15e3 - fans) / (p.server_effectiveness * p.air_specific_heat * flow)
    assert_allclose(s.server_temperature - s.rack_inlet_temperature, np.broadcast_to(expected, (4, 2)), rtol=1e-6)


def test_a_step_of_power_warms_the_air_at_once_by_the_share_that_passes_the_mass_by():
    """Of a step the servers store, after a time short beside their own, the share through their mass; the rest is in the air."""
    stored = []
    for share in (1.0, 0.6):
        hall = measured_hall(**{"racks.mass_share": quantity(share, "-")})
        s = at_rest(hall, usual_inputs(hall, 1))
        after = advance(hall, s, usual_inputs(hall, 1, server_power=25e3), interval=1.0, substeps=10)
        capacity = hall.params.server_heat_capacity
        stored.append(float((capacity * (after.server_temperature - s.server_temperature)).sum()))
    assert_allclose(stored[0], 4 * 10e3, rtol=0.02)
    assert_allclose(stored[1] / stored[0], 0.6, rtol=0.02)


def test_other_power_goes_into_the_hot_air_and_not_through_the_servers():
    hall = measured_hall(**{"electrical.distribution_loss": [0.0] * 3})
    s = at_rest(hall, usual_inputs(hall, 1))
    after = advance(hall, s, usual_inputs(hall, 1, other_it_power=16e3), interval=0.1, substeps=4)
    capacity = hall.params.hot_air_heat_capacity
    assert_allclose((capacity * (after.hot_air_temperature - s.hot_air_temperature)).sum(), 0.1 * 10e3, rtol=0.02)
    assert_allclose(after.server_temperature, s.server_temperature, atol=1e-4)


def test_supply_air_follows_its_set_point_with_the_time_constant(hall):
    s = at_rest(hall, usual_inputs(hall, 1))._replace(supply_air_setpoint=np.full((2, 1), 15.0))
    after = advance(hall, s, usual_inputs(hall, 1, supply_air_setpoint=15.0), interval=60.0, substeps=40)
    assert_allclose(after.supply_air_temperature, 15.0 + 2.0 * np.exp(-1.0), atol=1e-3)


def test_coils_never_warm_the_air():
    """Nothing runs, set-point above the hall: no heat comes from the water, the supply is what returns."""
    dark = {
        "room.envelope_conductance": 0.0,
        "electrical.lighting_power": 0.0,
        "electrical.distribution_loss": [0.0] * 3,
    }
    hall = measured_hall(**dark)
    u = usual_inputs(hall, 1, server_power=0.0, other_it_power=0.0, supply_air_setpoint=24.0)
    s = cold_state(hall, 1)
    engine = make_engine("numpy", hall_model(hall), hall.params)
    s = unpack(s, hall.types.State, engine.state_slices)
    s = s._replace(
        **{name: np.full_like(getattr(s, name), 18.0) for name in hall.types.heat_capacities},
        supply_air_setpoint=np.full((2, 1), 24.0),
    )
    s = s._replace(district_return_temperature=np.full((1, 1), 10.0))
    before = stored_energy(hall.types, s, hall.params, np)
    for _ in range(10):
        s = advance(hall, s, u)
        assert (s.district_cooling_energy > -1e-3).all()
    gained = stored_energy(hall.types, s, hall.params, np) - before
    fans = 10 * s.crah_fan_energy[0, 0]
    assert 0.0 < gained[0, 0] <= fans * 1.001


def test_the_meter_of_heat_sees_the_coils_behind_the_water_between_them(hall):
    """Time constant C / (m cp); while the coils' heat stands, a step of the water's supply reaches the meter as 1 - exp."""
    s = at_rest(hall, usual_inputs(hall, 1))
    u = usual_inputs(hall, 1, district_supply_temperature=11.0)
    after = advance(hall, s, u, interval=143.4, substeps=60)
    ratio = 143.4 * 3.0 * WATER_SPECIFIC_HEAT / 1.8e6
    risen = after.district_return_temperature - s.district_return_temperature
    assert_allclose(risen, 1.0 - np.exp(-ratio), rtol=1e-3)


# --- fronts by height ---------------------------------------------------------------------------------------------------

WEIGHTS = (1.2, 0.0, 1.8)


@pytest.fixture(scope="module")
def fronted():
    return measured_hall(rack_fronts={"relative_shortfall": series(WEIGHTS, "-")})


def by_rack(hall, s):
    return s.front_inlet.reshape(hall.racks, len(WEIGHTS), -1)


def test_levels_of_a_front_have_the_rack_inlet_as_their_mean_whatever_happens(fronted):
    rng = np.random.default_rng(4)
    s = random_state(fronted, rng, 32)
    s = s._replace(front_inlet=np.repeat(s.rack_inlet_temperature, len(WEIGHTS), axis=0))
    for _ in range(12):
        s = advance(fronted, s, random_inputs(fronted, rng, 32))
        assert_allclose(by_rack(fronted, s).mean(axis=1), s.rack_inlet_temperature, rtol=1e-12)
        assert_allclose(energy_residual(fronted.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())


def test_fronts_change_nothing_else(hall, fronted):
    rng = np.random.default_rng(5)
    plain, level = random_state(hall, rng, 8), random_state(fronted, rng, 8)
    level = level._replace(**plain._asdict())
    u = random_inputs(hall, rng, 8)
    after, with_levels = advance(hall, plain, u), advance(fronted, level, u)
    for name, values in after._asdict().items():
        assert_allclose(getattr(with_levels, name), values, rtol=0.0, atol=0.0, err_msg=name)


def test_engines_agree_at_the_fronts(fronted):
    rng = np.random.default_rng(6)
    engines = engines_of(fronted, fronted.params)
    state = pack(random_state(fronted, rng, 12), engines["numpy"].state_slices, 12)
    inputs = pack(random_inputs(fronted, rng, 12), engines["numpy"].input_slices, 12)
    rows = engines["numpy"].state_slices["front_inlet"]
    inlets = {name: engine.step(state, inputs, 300.0)[rows] for name, engine in engines.items()}
    assert inlets["numpy"].shape == (12, 12)
    for name, found in inlets.items():
        assert_allclose(found, inlets["numpy"], rtol=1e-12, err_msg=name)


def test_a_front_in_a_hall_at_rest_mixes_supply_and_the_hot_air_around_the_rack(fronted):
    """One hot-air temperature behind each rack group and one supply: T = T_s + r (T_h - T_s) by level, r by the weights."""
    u = usual_inputs(fronted, 1, crah_fan_speed=0.6)
    s = at_rest(fronted, u)
    p = fronted.params
    hot = p.cell_share.T @ s.hot_air_temperature
    r = (s.rack_inlet_temperature - 17.0) / (hot - 17.0)
    x = (r - p.recirculation_min) / (1.0 - p.recirculation_min)
    assert (x > 0.0).all() and 0.4 < x.max() < 0.9
    for k, weight in enumerate(WEIGHTS):
        level = x * (1.0 + (weight - 1.0) * (1.0 - x))
        expected = p.recirculation_min + (1.0 - p.recirculation_min) * level
        assert_allclose((by_rack(fronted, s)[:, k] - 17.0) / (hot - 17.0), expected, rtol=1e-6)


def test_a_sensor_that_sees_the_surfaces_shows_their_temperature_by_its_share_and_the_hall_stays_as_it_is(fronted):
    shares = (0.0, 0.25, 0.5)
    levels = {"relative_shortfall": series(WEIGHTS, "-"), "surface_share": series(shares, "-")}
    seeing = measured_hall(rack_fronts=levels)
    u = usual_inputs(fronted, 1, crah_fan_speed=0.6)
    air, shown = at_rest(fronted, u), at_rest(seeing, u)
    capacity = seeing.params.mass_heat_capacity
    surfaces = (capacity * shown.mass_temperature).sum() / capacity.sum()
    assert surfaces > air.front_inlet.max() - 5.0 and abs(surfaces - air.front_inlet.min()) > 3.0
    for k, share in enumerate(shares):
        expected = (1.0 - share) * by_rack(fronted, air)[:, k] + share * surfaces
        assert_allclose(by_rack(seeing, shown)[:, k], expected, rtol=1e-6)
    assert_allclose(shown.rack_inlet_temperature, air.rack_inlet_temperature, rtol=1e-12)
    with pytest.raises(InputError, match="surface_share has 2 values"):
        measured_hall(rack_fronts={**levels, "surface_share": series(shares[:2], "-")})


def test_levels_are_signals_from_the_floor_up(fronted):
    s, u = at_rest(fronted, usual_inputs(fronted, 1, crah_fan_speed=0.6)), usual_inputs(fronted, 1, crah_fan_speed=0.6)
    found = sensed(fronted, s, u, 60.0)
    for k, name in enumerate(("bottom", "middle", "top")):
        assert_allclose(found[f"rack_front_{name}_temperature"], by_rack(fronted, s)[:, k])


def test_where_supply_is_ample_all_heights_are_alike_and_where_there_is_none_all_are_hot(fronted):
    ample = at_rest(fronted, usual_inputs(fronted, 1, crah_fan_speed=1.0, server_fan_speed=0.3))
    fronts = by_rack(fronted, ample)
    assert np.ptp(fronts, axis=1).max() < 0.05 * (ample.hot_air_temperature.max() - 17.0)
    u = usual_inputs(fronted, 1)
    lost = advance(fronted, at_rest(fronted, u), usual_inputs(fronted, 1, crah_available=0.0), interval=300.0)
    assert np.ptp(by_rack(fronted, lost), axis=1).max() < 0.01 * (lost.hot_air_temperature.max() - 17.0)
    assert (lost.front_inlet > at_rest(fronted, u).front_inlet + 5.0).all()


def test_what_supply_lacks_warms_the_top_most_and_the_middle_least(fronted):
    s = at_rest(fronted, usual_inputs(fronted, 1, crah_fan_speed=0.6))
    bottom, middle, top = by_rack(fronted, s).transpose(1, 0, 2)
    assert (middle < bottom).all() and (bottom < top).all()


def test_fronts_are_observed_in_any_hall_of_air_paths():
    """The mean of a rack group's levels is its inlet, whose hottest in a zone and mean over it are observed beside them."""
    description = dcsim.plant.description.load_hall("edge-dx-50kw").replaced(
        {"rack_fronts": {"relative_shortfall": series(WEIGHTS, "-")}}
    )
    vector = gym.make_vec("dcsim/Edge-v0", num_envs=2, hall=description)
    signals = vector.unwrapped.signals.observation
    vector.reset(seed=0)
    observation = vector.step(vector.action_space.sample())[0]
    low, high = (np.array([getattr(signal, name) for signal in signals]) for name in ("low", "high"))
    values = low + (observation + 1.0) / 2.0 * (high - low)
    by_name = dict(zip([signal.name for signal in signals], values.T, strict=True))
    inlets = np.stack([by_name[f"rack_front_{k}"] for k in range(1, 31)]).reshape(10, 3, 2).mean(axis=1)
    assert_allclose(inlets.reshape(2, 5, 2).mean(axis=1), [by_name[f"rack_inlet_mean_{k}"] for k in (1, 2)], atol=1e-4)


def test_the_outdoor_air_does_not_matter_to_a_hall_inside_a_building(hall):
    u = usual_inputs(hall, 2, dry_bulb_temperature=np.array([[-10.0, 35.0]]))
    s = advance(hall, at_rest(hall, u), u)
    for values in s:
        assert_allclose(values[:, 0], values[:, 1], rtol=0.0, atol=0.0)


def test_warmer_surroundings_bring_heat_in():
    hall = measured_hall(**{"room.surroundings_temperature": quantity(60.0, "degC")})
    u = usual_inputs(hall, 1)
    assert (advance(hall, at_rest(hall, u), u).envelope_gain > 0.0).all()


def test_crahs_reach_the_racks_of_their_own_aisle_by_distance(hall):
    """exp(-distance / (0.5 x 4 m)) along the aisle, nothing across."""
    e = np.exp(-1.0)
    assert_allclose(hall.params.supply_reach, [[0.0, 0.0, 1.0, e], [e, 1.0, 0.0, 0.0]], rtol=1e-12)


def test_hot_air_mixes_over_the_distance_across_the_hall(hall):
    """Cells stand where the racks do, 0.2 x 4 m of mixing: neighbors at 2 m along or across, sqrt(8) m across the corner."""
    weight = np.exp(-np.array([0.0, 2.0, 2.0, np.sqrt(8.0)]) / 0.8)
    assert_allclose(hall.params.cell_share[:, 0], weight / weight.sum(), rtol=1e-12)
    assert_allclose(hall.params.cell_share.sum(axis=0), 1.0, rtol=1e-12)


def test_a_hall_placed_evenly_along_one_aisle_is_the_hall_without_placement():
    even = {
        "length": quantity(8.0, "m"),
        "rack_aisles": [1] * 4,
        "rack_along": series([1.0, 3.0, 5.0, 7.0], "m"),
        "rack_across": series([0.0] * 4, "m"),
        "crah_aisles": [1, 1],
        "crah_along": series([2.0, 6.0], "m"),
    }
    placed, plain = (measured_hall(**{"air_paths.placement": places}).params for places in (even, None))
    assert_allclose(placed.supply_reach, plain.supply_reach, rtol=1e-12)
    assert_allclose(placed.cell_share, plain.cell_share, rtol=1e-12)


def test_a_cooler_that_stops_starves_its_own_aisle_alone():
    hall = measured_hall(**{"air_paths.hot_cell_length": 0.02})
    before = at_rest(hall, usual_inputs(hall, 1))
    after = advance(hall, before, usual_inputs(hall, 1, crah_available=np.array([[0.0], [1.0]])), interval=120.0)
    risen = after.rack_inlet_temperature - before.rack_inlet_temperature
    assert (risen[2:] > 3.0).all()
    assert_allclose(risen[:2], 0.0, atol=0.05)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"racks.leakage_coefficient": 0.0025}, "has the leakage in it"),
        ({"racks.temperature_rise": quantity(11.0, "K")}, "temperature_rise with fan_ramp or flow_curve"),
        ({"racks.fan_flow": None}, "either fan_ramp, flow_curve or fan_flow"),
        ({"room.sol_air": True}, "either room.surroundings_temperature or room.sol_air"),
        (
            {"air_paths.placement": {**PLACEMENT, "crah_aisles": [2, 2]}},
            "every cold aisle has rack groups and CRAH groups",
        ),
        (
            {"air_paths.placement": {**PLACEMENT, "rack_aisles": [1, 1, 2]}},
            "racks have [3, 4, 4] places, and there are 4",
        ),
        ({"air_paths.placement": {**PLACEMENT, "cell_along": series([1.0], "m")}}, "cell_along with cell_across"),
        ({"room.hot_air_cells": 2}, "as many cells as rack groups"),
        ({"air_paths.placement": {**PLACEMENT, "rack_along": series([1.0] * 4, "ft")}}, "expected 'm'"),
        ({"rack_fronts": {"relative_shortfall": series([1.0, 0.0, 1.8], "-")}}, "mean 0.933333, expected 1"),
        ({"rack_fronts": {"relative_shortfall": series([0.5, 0.0, 2.5], "-")}}, "2.5 - is above 2"),
        (
            {
                "rack_fronts": {"relative_shortfall": series([1.0], "-")},
                "air_paths": None,
                "room.hot_air_cells": 1,
                "crahs.groups": 1,
            },
            "rack_fronts: the air in front of racks in one well-mixed zone has no heights",
        ),
    ],
)
def test_descriptions_that_do_not_fit_together_are_refused(changes, says):
    with pytest.raises(InputError) as error:
        measured_description(**changes)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_bought_water_stands_in_place_of_a_plant():
    description = dcsim.plant.description.load_hall("enterprise-1mw")
    with pytest.raises(InputError, match="in place of coils"):
        description.replaced({"district_cooling": measured_description().model_dump(mode="json")["district_cooling"]})


def test_an_environment_refuses_a_hall_that_takes_its_power_from_a_log():
    with pytest.raises(InputError, match="from a log, which an environment does not have"):
        configure(hall=measured_description())


def test_parts_that_are_not_there_cost_nothing():
    types = build_hall("enterprise-1mw").types
    assert not {"metered_power", "given_fans", "direct_heat", "surroundings", "district_cooling"} & set(types.parts)
    assert not {"server_power", "server_fan_speed", "district_supply_temperature"} & set(types.Inputs._fields)
