"""A storage tank in the chilled-water loop: energy closes, supply keeps its set-point, chillers see coils and charge."""

import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of
from numpy.testing import assert_allclose
from tank_halls import quantity, tank_hall
from test_engines import packed, random_plant
from test_step import advance, at_rest, begin, random_inputs, random_state, steady_inputs, sweep

from dcsim.errors import InputError
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant import tank
from dcsim.plant.audit import energy_residual
from dcsim.plant.description import load_hall, parse_hall
from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.hall import build_hall

HALLS = ("enterprise-1mw", "hyperscale-10mw")
INTERVAL = 300.0


@pytest.fixture(scope="module", params=HALLS)
def hall(request):
    return tank_hall(request.param)


@pytest.fixture(scope="module", params=[*HALLS, "staging"])
def any_hall(request):
    if request.param == "staging":
        return tank_hall("hyperscale-10mw", changes={"chillers.staging": "action"})
    return tank_hall(request.param)


def machines(hall):
    """Chillers that carry the hall at half load and as much again."""
    return 5.0 if "economizer" in hall else 2.0


def operated(hall, request=0.0, charge=0.5, steps=3, on=None, wet_bulb=18.0, mode=MECHANICAL, **changes):
    """A hall at rest, its tank filled to a share with a sharp front, then so many control steps of a request."""
    u = steady_inputs(hall, 1, tank_flow=0.0, wet_bulb_temperature=wet_bulb, mode_request=mode, **changes)
    on = machines(hall) if on is None else on
    fixed = dict(chillers_on=np.full((1, 1), on), stage_time=np.zeros((1, 1)), mode=np.full((1, 1), mode))
    s = at_rest(hall, u, tank_flow_setpoint=np.zeros((1, 1)), tank_flow=np.zeros((1, 1)), **fixed)
    cold, warm = s.chilled_water_supply_temperature, s.chilled_water_return_temperature
    s = s._replace(
        tank_temperature=tank.layered(charge, cold[0], warm[0], hall.description.tank.nodes),
        tank_flow=np.zeros((1, 1)),
        tank_flow_setpoint=np.full((1, 1), request),
    )
    u = u._replace(tank_flow=np.full((1, 1), request))
    for _ in range(steps):
        held = dict(chillers_on=np.full((1, 1), on), stage_time=np.zeros((1, 1)))
        s = advance(hall, s._replace(**held), u)
    return s


def coil_heat(hall, s):
    """Heat that the loop takes up at rest [W]: what leaves it by chillers, economizer and tank."""
    economized = s.economizer_heat if "economizer" in hall else 0.0
    return ((s.evaporator_heat + economized + s.tank_cooling) / INTERVAL)[0, 0]


def test_energy_closes_for_random_states_and_actions(any_hall):
    hall, rng = any_hall, np.random.default_rng(31)
    s = random_state(hall, rng, 48)
    for _ in range(12):
        s = advance(hall, s, random_inputs(hall, rng, 48))
        assert all(np.isfinite(values).all() for values in s)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())
    assert (s.tank_cooling > 1e6).any() and (s.tank_cooling < -1e6).any()


@pytest.mark.parametrize("seed", range(2))
def test_engines_agree_over_random_plants_states_and_actions(any_hall, seed):
    hall, rng = any_hall, np.random.default_rng(seed)
    params = random_plant(hall, rng)
    engines = engines_of(hall, params)
    state, inputs = packed(hall, engines["numpy"], rng, 12)
    assert_engines_agree(hall, engines, state, inputs, INTERVAL)


def test_every_temperature_but_set_points_stores_heat(hall):
    named = {name for name in hall.types.State._fields if name.endswith("_temperature")}
    assert named == set(hall.types.heat_capacities)


def test_what_the_tank_holds_is_what_water_and_walls_brought(hall):
    for request in (-1.0, -0.3, 0.4, 1.0):
        s = operated(hall, request, steps=0)
        after = advance(hall, s, steady_inputs(hall, 1, tank_flow=request))
        held = (hall.params.tank_heat_capacity * (after.tank_temperature - s.tank_temperature)).sum()
        brought = (after.tank_cooling + after.tank_wall_gain)[0, 0]
        assert_allclose(held, brought, atol=1e-9 * after.it_energy[0, 0])
        assert np.sign(after.tank_cooling[0, 0]) == -np.sign(request)


@pytest.mark.parametrize("name", HALLS)
def test_a_tank_left_alone_changes_nothing_but_its_own_water(name):
    with_tank, without = tank_hall(name), build_hall(load_hall(name))
    rng = np.random.default_rng(4)
    s = random_state(with_tank, rng, 24)._replace(tank_flow=np.zeros((1, 24)), tank_flow_setpoint=np.zeros((1, 24)))
    u = random_inputs(with_tank, rng, 24)._replace(tank_flow=np.zeros((1, 24)))
    plain_s = without.types.State(*(getattr(s, field) for field in without.types.State._fields))
    plain_u = without.types.Inputs(*(getattr(u, field) for field in without.types.Inputs._fields))
    # nothing cold to step in with where chillers cannot carry the load, and no protection
    s = s._replace(tank_temperature=s.tank_temperature + 60.0)
    cool = np.full_like(s.rack_inlet_temperature, 20.0)
    s, plain_s = s._replace(rack_inlet_temperature=cool), plain_s._replace(rack_inlet_temperature=cool)
    after, plain = advance(with_tank, s, u, 60.0, 2), advance(without, plain_s, plain_u, 60.0, 2)
    for field in set(plain._fields) - {"stored_energy", "stored_energy_before", "travel"}:
        assert_allclose(getattr(after, field), getattr(plain, field), rtol=1e-10, atol=1e-9, err_msg=field)


@pytest.mark.parametrize("request_", [0.2, 0.4])
def test_while_charging_chillers_carry_coils_and_charge_and_supply_keeps_its_set_point(hall, request_):
    idle, s = operated(hall, 0.0), operated(hall, request_)
    assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.05)
    assert_allclose(s.tank_flow, request_, rtol=1e-3)
    charge = -s.tank_cooling[0, 0] / INTERVAL
    flow = request_ * hall.params.tank_water_flow_nominal[0, 0]
    difference = (s.chilled_water_return_temperature - s.chilled_water_supply_temperature)[0, 0]
    assert_allclose(charge, WATER_SPECIFIC_HEAT * flow * difference, rtol=0.02)
    assert_allclose(coil_heat(hall, s), coil_heat(hall, idle), rtol=0.02)
    assert_allclose((s.evaporator_heat - idle.evaporator_heat)[0, 0] / INTERVAL, charge, rtol=0.05)
    assert s.chiller_energy > 1.1 * idle.chiller_energy
    assert s.tank_charge > idle.tank_charge


def test_while_discharging_the_tank_stands_in_for_the_chillers(hall):
    idle, s = operated(hall, 0.0), operated(hall, -1.0)
    assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.1)
    assert_allclose(coil_heat(hall, s), coil_heat(hall, idle), rtol=0.03)
    assert s.tank_cooling > 0.95 * idle.evaporator_heat
    assert s.evaporator_heat < 0.05 * idle.evaporator_heat and s.chiller_energy < 0.1 * idle.chiller_energy
    assert s.tower_heat < idle.tower_heat
    assert s.tank_charge < idle.tank_charge


def test_colder_water_in_the_tank_is_mixed_up_to_the_set_point(hall):
    """A tank 3 K below the set-point gives less flow, not colder supply."""
    u = steady_inputs(hall, 1, tank_flow=-1.0)
    flows = []
    for colder in (0.0, 3.0):
        s = operated(hall, -1.0, charge=1.0, steps=0)
        s = s._replace(tank_temperature=s.tank_temperature - colder)
        for _ in range(3):
            s = advance(hall, s._replace(chillers_on=np.full((1, 1), machines(hall)), stage_time=np.zeros((1, 1))), u)
        assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.1)
        flows.append(-s.tank_flow[0, 0])
    assert flows[1] < 0.85 * flows[0]


def test_water_charged_at_a_lower_set_point_is_colder(hall):
    u = steady_inputs(hall, 1)
    lower = u.chilled_water_setpoint[0, 0] - 0.9  # within what the set-point may move in a step
    s = operated(hall, 0.8, charge=0.2, steps=6, chilled_water_setpoint=lower)
    assert_allclose(s.tank_temperature[-1, 0], lower, atol=0.1)


def test_charging_takes_no_more_than_the_running_chillers_can_spare(hall):
    """With just enough machines for the coils the request is cut, and supply keeps its set-point."""
    fewest = 3.0 if "economizer" in hall else 1.0
    load = 0.3 if "economizer" in hall else 0.8
    s = operated(hall, 1.0, charge=0.2, on=fewest, utilization=load)
    assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.15)
    assert 0.02 < s.tank_flow[0, 0] < 0.8
    assert s.tank_cooling < 0.0


def test_what_the_chillers_cannot_carry_comes_from_the_tank_whatever_is_asked_for(hall):
    """All chillers but some trip: asked to leave the tank alone, or to charge it, the supply keeps its set-point for half an hour."""
    left = 1 if "economizer" in hall else 0
    available = (np.arange(hall.chillers) < left).astype(float)[:, None]
    plain = build_hall(load_hall(hall.description.name))
    for request in (0.0, 1.0):
        s = operated(hall, 0.0, charge=1.0, steps=0)._replace(tank_flow_setpoint=np.full((1, 1), request))
        bare = plain.types.State(*(getattr(s, field) for field in plain.types.State._fields))
        for _ in range(6):
            s = advance(hall, s, steady_inputs(hall, 1, tank_flow=request, chiller_available=available))
            bare = advance(plain, bare, steady_inputs(plain, 1, chiller_available=available))
        assert s.tank_flow[0, 0] < -0.1 and s.tank_cooling[0, 0] > 0.2 * coil_heat(hall, s) * INTERVAL
        assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.3)
        assert (bare.chilled_water_supply_temperature - bare.chilled_water_setpoint)[0, 0] > 3.0


def test_a_full_tank_takes_nothing_and_an_empty_one_gives_nothing(hall):
    full, empty = operated(hall, 1.0, charge=1.0), operated(hall, -1.0, charge=0.0)
    for s in (full, empty):
        assert abs(s.tank_cooling[0, 0]) < 0.02 * s.evaporator_heat[0, 0]
        assert abs(s.tank_flow[0, 0]) < 0.02
        assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.05)


@pytest.mark.slow
def test_four_hours_of_design_flow_fill_the_tank_in_ten_hours_at_two_fifths(hall):
    """From empty, the front passes the middle after five hours; upwind nodes smear it."""
    s = operated(hall, 0.4, charge=0.0, steps=0, utilization=0.2)
    u = steady_inputs(hall, 1, tank_flow=0.4, utilization=0.2)
    filled = []
    for _ in range(120):
        s = advance(hall, s._replace(chillers_on=np.full((1, 1), machines(hall)), stage_time=np.zeros((1, 1))), u)
        filled.append(s.tank_charge[0, 0])
    assert_allclose(np.interp(0.5, filled, np.arange(1, 121) / 12.0), 5.0, atol=0.3)
    assert filled[-1] > 0.9


def test_the_valve_and_its_request_move_within_their_rates(hall):
    s = operated(hall, 0.0)
    u = steady_inputs(hall, 1, tank_flow=1.0)
    after, _ = begin(hall, s, u, hall.params, 60.0, np)
    assert_allclose(after.tank_flow_setpoint, 0.2)
    s, h = begin(hall, s._replace(tank_flow_setpoint=np.full((1, 1), -1.0)), u, hall.params, 60.0, np)
    moved = sweep(hall, s, u, h, hall.params, 30.0, np)
    assert -0.4 < moved.tank_flow[0, 0] < -0.05  # of the way from 0 to about -0.6 in half a time constant


def test_a_tank_carries_the_hall_when_all_chillers_trip(hall):
    """Cold water for an hour from a full tank; without a tank the water is too warm within minutes."""
    stored = operated(hall, -1.0, charge=1.0, steps=0)
    plain = build_hall(load_hall(hall.description.name))
    bare = plain.types.State(*(getattr(stored, field) for field in plain.types.State._fields))
    for _ in range(12):
        stored = advance(hall, stored, steady_inputs(hall, 1, tank_flow=-1.0, chiller_available=0.0))
        bare = advance(plain, bare, steady_inputs(plain, 1, chiller_available=0.0))
    assert stored.rack_inlet_max[0, 0] < 27.0 < bare.rack_inlet_max[0, 0] - 3.0
    assert_allclose(stored.chilled_water_supply_temperature, stored.chilled_water_setpoint, atol=0.1)


def test_protection_discharges_the_tank(hall):
    s = operated(hall, 0.0, steps=0)
    hot = s._replace(rack_inlet_temperature=s.rack_inlet_temperature * 0.0 + 33.0)
    u = steady_inputs(hall, 1, tank_flow=1.0)
    assert begin(hall, hot, u, hall.params, INTERVAL, np)[1].tank_flow[0, 0] == -1.0
    assert begin(hall, s, u, hall.params, INTERVAL, np)[1].tank_flow[0, 0] > 0.0


def test_free_cooling_charges_the_tank_without_chillers():
    hall = tank_hall("hyperscale-10mw")
    s = operated(hall, 0.5, charge=0.2, mode=FREE, wet_bulb=0.0, condenser_water_setpoint=13.0)
    assert s.mode[0, 0] == FREE and s.chiller_energy[0, 0] == 0.0
    assert s.tank_cooling[0, 0] < -0.2 * s.economizer_heat[0, 0]
    assert_allclose(s.chilled_water_supply_temperature, s.chilled_water_setpoint, atol=0.1)


def test_beside_the_economizer_the_tank_saves_the_chillers_share():
    """Discharged in integrated mode, the tank takes what the economizer leaves, and the economizer keeps its own."""
    hall = tank_hall("hyperscale-10mw")
    idle, s = (operated(hall, x, mode=INTEGRATED, wet_bulb=14.0) for x in (0.0, -1.0))
    assert idle.evaporator_heat > 0.1 * idle.economizer_heat > 0.0
    assert_allclose(s.economizer_heat, idle.economizer_heat, rtol=0.05)
    assert s.evaporator_heat < 0.1 * idle.evaporator_heat


def test_the_front_of_a_layered_tank_lies_where_the_charge_says():
    profile = tank.layered(np.array([0.0, 0.33, 0.5, 1.0]), np.full(4, 10.0), np.full(4, 20.0), 10)
    assert_allclose(20.0 - profile.mean(0), [0.0, 3.3, 5.0, 10.0])
    assert (np.diff(profile, axis=0) <= 0.0).all()


def test_a_tank_needs_chilled_water_and_a_range_for_its_flow():
    hall = tank_hall("enterprise-1mw").description
    content = hall.model_dump(mode="json")
    del content["setpoints"]["tank_flow"]
    with pytest.raises(InputError, match=r"give setpoints\.tank_flow with a tank"):
        parse_hall(content, "mine")
    with pytest.raises(InputError, match="expected 'm3'"):
        hall.replaced({"tank.volume": quantity(800.0, "kg")})
