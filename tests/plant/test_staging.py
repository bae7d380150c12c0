"""Machines on request: minimum times hold, starts cost their energy, warm water brings chillers back."""

from dataclasses import replace

import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of
from numpy.testing import assert_allclose
from test_engines import packed, random_plant
from test_step import advance, at_rest, begin, random_inputs, random_state, steady_inputs

from dcsim.engines import make_engine, pack
from dcsim.errors import InputError
from dcsim.plant.audit import energy_residual
from dcsim.plant.description import load_hall, parse_hall
from dcsim.plant.economizer import FREE, INTEGRATED
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model

ON, OFF, INTERVAL = 1200.0, 900.0, 300.0  # s: minimum times of the presets, control step


@pytest.fixture(scope="module", params=["enterprise-1mw", "hyperscale-10mw"])
def hall(request):
    return build_hall(load_hall(request.param).replaced({"chillers.staging": "action"}))


def enough(hall):
    """Chillers that carry the hall at 40 % load with room to spare."""
    return 3 if "economizer" in hall else 1


def settled(hall, u, on=None, **fields):
    """A state at rest with so many chillers that run since long."""
    n, on = u.utilization.shape[1], enough(hall) if on is None else on
    s = at_rest(hall, u._replace(chillers_requested=np.full((1, n), float(on))), chiller_time=np.full((1, n), 1e4))
    runs = (np.arange(hall.chillers)[:, None] < on) + np.zeros((1, n))
    s = s._replace(
        chiller_running=runs,
        chiller_loading=runs,
        chillers_on=np.full((1, n), float(on)),
        chiller_time=np.full((hall.chillers, n), 1e5),
        chiller_call=np.zeros((1, n)),
    )
    return s._replace(**fields)


def test_energy_closes_for_random_states_and_requests(hall):
    rng = np.random.default_rng(21)
    s = random_state(hall, rng, 48)
    starts = 0.0
    for _ in range(12):
        s = advance(hall, s, random_inputs(hall, rng, 48))
        assert all(np.isfinite(values).all() for values in s)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())
        starts += s.chiller_starts.sum()
    assert starts > 20.0


@pytest.mark.parametrize("seed", range(2))
def test_engines_agree_over_random_plants_states_and_requests(hall, seed):
    rng = np.random.default_rng(seed)
    params = random_plant(hall, rng)
    engines = engines_of(hall, params)
    state, inputs = packed(hall, engines["numpy"], rng, 12)
    assert_engines_agree(hall, engines, state, inputs, INTERVAL)


def test_no_chiller_runs_or_rests_for_less_than_its_minimum_time(hall):
    """Any requests, set-points, loads and modes; all chillers available, since a trip stops a machine at once."""
    rng = np.random.default_rng(3)
    n, count = 64, hall.chillers
    engine = make_engine("fused", hall_model(hall), hall.params)
    u = steady_inputs(hall, n, utilization=0.3)
    state = pack(settled(hall, u), engine.state_slices, n)
    since = np.full((count, n), 1e5)
    before = state[engine.state_slices["chiller_running"]].copy()
    shortest = {0: np.inf, 1: np.inf}
    for _ in range(150):
        random = random_inputs(hall, rng, n)._replace(
            chiller_available=np.ones((count, n)),
            crah_available=np.ones((hall.crah_groups, n)),
            utilization=np.full((hall.racks, n), 0.3 + 0.4 * rng.random()),
        )
        state = engine.step(state, pack(random, engine.input_slices, n), INTERVAL)
        running = state[engine.state_slices["chiller_running"]]
        changed = running != before
        for was in (0, 1):
            if (ended := changed & (before == was)).any():
                shortest[was] = min(shortest[was], since[ended].min())
        since = np.where(changed, 0.0, since) + INTERVAL
        before = running.copy()
    assert shortest == {0: OFF, 1: ON}


def test_a_chiller_stays_on_for_twenty_minutes_and_off_for_fifteen(hall):
    on = enough(hall)
    u = steady_inputs(hall, 1, utilization=0.2, chillers_requested=on + 1.0)
    s = settled(hall, u)
    s = advance(hall, s, u)
    assert s.chiller_running[:, 0].sum() == on + 1.0 and s.chiller_starts[0, 0] == 1.0
    # those that have run for long would stop first; asked for fewest, the young one is the last to go
    fewer = u._replace(chillers_requested=np.zeros((1, 1)), utilization=np.zeros_like(u.utilization))
    steps = 1
    while s.chiller_running[on, 0] == 1.0:
        s = advance(hall, s._replace(chilled_water_supply_temperature=s.chilled_water_setpoint), fewer)
        steps += 1
    assert (steps - 1) * INTERVAL == ON
    steps = 0
    alone = np.zeros((hall.chillers, 1))
    alone[on] = 1.0  # no other machine could come instead
    while s.chiller_running[on, 0] == 0.0:
        s = advance(hall, s, u._replace(chiller_available=alone))
        steps += 1
    assert steps * INTERVAL == OFF  # it stopped a step before


def test_a_start_costs_its_energy_at_the_meter_and_in_the_condenser_water(hall):
    """Two steps from one state that differ in the start's energy alone."""
    u = steady_inputs(hall, 1, utilization=0.3, chillers_requested=enough(hall) + 1.0)
    s = settled(hall, u)
    energy = 5.0e6
    free = advance(with_start(hall, 0.0), s, u)
    paid = advance(with_start(hall, energy), s, u)
    assert paid.chiller_starts[0, 0] == 1.0
    # a little more than the energy: the water it warms costs the compressors lift
    assert_allclose(paid.chiller_energy - free.chiller_energy, energy, rtol=0.05)
    basin = hall.params.condenser_water_heat_capacity * (
        paid.condenser_water_supply_temperature - free.condenser_water_supply_temperature
    )
    assert_allclose(paid.tower_heat - free.tower_heat + basin, energy, rtol=0.05)
    for state in (free, paid):
        assert_allclose(energy_residual(hall.types, state), 0.0, atol=1e-9 * state.it_energy.max())
    after = advance(with_start(hall, energy), paid, u)
    assert after.chiller_starts[0, 0] == 0.0


def with_start(hall, energy):
    return replace(hall, params=hall.params._replace(chiller_start_energy=np.full((1, 1), energy)))


def test_machines_come_one_a_step_nearest_to_the_request(hall):
    u = steady_inputs(hall, 1, utilization=0.2)
    s = settled(hall, u)
    on = enough(hall)
    for request, number in ((on + 0.55, on), (on + 0.65, on + 1), (on + 2.0, on + 1), (on - 0.55, on), (0.0, on - 1)):
        asked = u._replace(chillers_requested=np.full((1, 1), request))
        assert begin(hall, s, asked, hall.params, INTERVAL, np)[0].chillers_on[0, 0] == number


def test_warm_water_brings_chillers_back_whatever_is_asked_for(hall):
    """Nobody asks for chillers or pumps at 60 % load: the plant fetches them within minutes, and no server trips."""
    nothing = dict.fromkeys(
        (
            "chillers_requested",
            "chilled_water_pumps_requested",
            "condenser_water_pumps_requested",
            "tower_cells_requested",
        ),
        0.0,
    )
    u = steady_inputs(hall, 1, utilization=0.6, condenser_water_flow=1.0, **nothing)
    machines = int(np.ceil(0.6 * hall.design_it_power / (0.8 * hall.params.chiller_capacity[0, 0])))
    s = settled(hall, u, machines)
    warmest, hottest, running = 0.0, 0.0, []
    for _ in range(36):
        s = advance(hall, s, u)
        warmest = max(warmest, float((s.chilled_water_supply_temperature - s.chilled_water_setpoint)[0, 0]))
        hottest = max(hottest, s.rack_inlet_max[0, 0])
        running.append(s.chiller_running.sum())
    assert min(running) < machines  # it was heeded
    assert max(running[6:]) >= 1.0
    assert warmest > hall.params.supply_excess_max[0, 0]
    assert hottest < hall.params.trip_temperature[0, 0] and s.is_tripped[0, 0] == 0.0
    assert s.tower_cells_on[0, 0] == hall.params.tower_cells[0, 0]  # all water needs all cells
    assert s.condenser_water_pumps_on[0, 0] >= hall.params.condenser_water_pumps[0, 0] / 1.2


def test_a_tripped_chiller_is_replaced_and_rests_before_it_starts_again(hall):
    u, on = steady_inputs(hall, 1, utilization=0.4), enough(hall)
    s = settled(hall, u)
    down = np.ones((hall.chillers, 1))
    down[0] = 0.0
    s = advance(hall, s, u._replace(chiller_available=down, chillers_requested=np.full((1, 1), float(on))))
    assert s.chiller_running[0, 0] == 0.0 and s.chiller_running[on, 0] == 1.0 and s.chiller_starts[0, 0] == 1.0
    more = u._replace(chillers_requested=np.full((1, 1), float(hall.chillers)))
    kept = np.zeros((hall.chillers, 1))
    kept[: on + 1] = 1.0
    rested = INTERVAL
    while s.chiller_running[0, 0] == 0.0:
        s = advance(hall, s, more._replace(chiller_available=kept))
        rested += INTERVAL
    assert rested == OFF + INTERVAL


def test_fewer_cells_cool_less_and_the_plant_keeps_as_many_as_the_water_needs(hall):
    p = hall.params
    u = steady_inputs(hall, 2, condenser_water_flow=0.5, condenser_water_setpoint=13.0, utilization=0.6)
    count = float(p.tower_cells[0, 0])
    few = float(np.ceil(0.5 * count))
    u = u._replace(tower_cells_requested=np.array([[1.0, count]]), chillers_requested=np.full((1, 2), 2.0))
    s = at_rest(hall, u, chiller_time=np.full((1, 2), 1e4))
    assert_allclose(s.tower_cells_on[0], [few, count])
    assert s.condenser_water_supply_temperature[0, 0] > s.condenser_water_supply_temperature[0, 1] + 0.2


def test_more_cells_at_lower_speed_draw_less_fan_power_at_equal_heat(hall):
    """The cube law: at a set-point that both reach, all cells draw less than half of them."""
    p = hall.params
    count = float(p.tower_cells[0, 0])
    u = steady_inputs(
        hall,
        2,
        condenser_water_flow=0.5,
        condenser_water_setpoint=24.0,
        wet_bulb_temperature=14.0,
        utilization=0.6,
        chillers_requested=2.0,
    )
    u = u._replace(tower_cells_requested=np.array([[np.ceil(0.5 * count), count]]))
    s = at_rest(hall, u, chiller_time=np.full((1, 2), 1e4))
    assert_allclose(s.condenser_water_supply_temperature[0], 24.0, atol=0.05)
    assert s.tower_fan_energy[0, 1] < 0.8 * s.tower_fan_energy[0, 0]


def test_free_cooling_waits_for_chillers_that_may_not_stop():
    hall = build_hall(load_hall("hyperscale-10mw").replaced({"chillers.staging": "action"}))
    u = steady_inputs(hall, 1, mode_request=2.0, wet_bulb_temperature=2.0, chillers_requested=2.0)
    s = settled(hall, u, 2, mode=np.full((1, 1), INTEGRATED), mode_time=np.full((1, 1), 1e4))
    s = s._replace(condenser_water_supply_temperature=s.chilled_water_setpoint - 6.0)
    young = s._replace(chiller_time=np.full((hall.chillers, 1), 600.0))
    stays, _ = begin(hall, young, u, hall.params, INTERVAL, np)
    leaves, held = begin(hall, s, u, hall.params, INTERVAL, np)
    assert stays.mode[0, 0] == INTEGRATED and stays.chiller_running.sum() == 2.0
    assert leaves.mode[0, 0] == FREE and leaves.chiller_running.sum() == 0.0
    # two stand by; those that stop now would have to rest first
    assert leaves.chillers_on[0, 0] == 2.0 and held.chiller_target.sum() == 0.0
    later = leaves._replace(chiller_loading=np.zeros((hall.chillers, 1)), chiller_time=np.full((hall.chillers, 1), OFF))
    assert begin(hall, later, u, hall.params, INTERVAL, np)[1].chiller_target.sum() == 2.0


def test_staging_by_action_needs_its_times():
    content = load_hall("enterprise-1mw").replaced({"chillers.staging": "action"}).model_dump(mode="json")
    del content["chillers"]["start_energy"]
    with pytest.raises(InputError, match="give minimum_on_time, minimum_off_time and start_energy"):
        parse_hall(content, "mine")
