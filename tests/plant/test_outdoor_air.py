"""Outdoor air in halls of every kind: balances, limits of the weather, evaporative coolers."""

import numpy as np
import psychrolib
import pytest
from hall_engines import assert_engines_agree, engines_of
from numpy.testing import assert_allclose, assert_array_equal
from test_step import advance, at_rest, begin, random_inputs, random_state, steady_inputs

from dcsim.engines import pack
from dcsim.envs.task_halls import with_outdoor_air
from dcsim.errors import InputError
from dcsim.plant.audit import cooling_energy, energy_residual
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall

psychrolib.SetUnitSystem(psychrolib.SI)

LONG_S = 900.0  # of the steps that `at_rest` makes
BOTH_COOLERS = {
    "outdoor_air.evaporative.indirect_effectiveness": 0.7,
    "outdoor_air.evaporative.secondary_fan_power": 500.0,
}
NO_PADS = {"outdoor_air.evaporative": None, "setpoints.evaporative_share": None}


def with_air(name, **changes):
    """A built-in hall with mixing boxes, and further changes."""
    description = load_hall(name)
    return build_hall(description.replaced(with_outdoor_air(description)).replaced(changes))


@pytest.fixture(
    scope="module",
    params=[
        ("enterprise-1mw", {}),
        ("hyperscale-10mw", BOTH_COOLERS),
        ("edge-dx-50kw", BOTH_COOLERS),
        ("edge-dx-50kw", NO_PADS),
    ],
    ids=["enterprise, pads", "hyperscale, both coolers", "edge, both coolers", "edge, no coolers"],
)
def hall(request):
    name, changes = request.param
    return with_air(name, **changes)


def air(dry_bulb, relative_humidity, n=1):
    """Outdoor inputs of the given air at sea level."""
    ratio = psychrolib.GetHumRatioFromRelHum(dry_bulb, relative_humidity, 101325.0)
    values = {
        "dry_bulb_temperature": dry_bulb,
        "outdoor_humidity_ratio": ratio,
        "wet_bulb_temperature": psychrolib.GetTWetBulbFromHumRatio(dry_bulb, ratio, 101325.0),
    }
    return {name: np.full((1, n), value) for name, value in values.items()}


def open_wide(hall, n=1, **changes):
    """Inputs with which everything may be used that the weather allows."""
    return steady_inputs(hall, n, **{"outdoor_air_share_max": 1.0, "evaporative_share_max": 1.0, **changes})


def settled(hall, u, **fixed):
    return at_rest(hall, u, outdoor_air_time=np.full((1, u.utilization.shape[1]), 1e5), **fixed)


# --- balances ---------------------------------------------------------------------------------------------------------


def test_energy_closes_for_random_weather_actions_and_outages(hall):
    rng = np.random.default_rng(2)
    s = random_state(hall, rng, 48)
    was_open = 0
    for _ in range(10):
        u = random_inputs(hall, rng, 48)
        s = advance(hall, s, u)
        assert all(np.isfinite(values).all() for values in s)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())
        was_open += int((s.outdoor_air_share.max(0) > 0.1).sum())
    assert was_open > 20


def test_a_missing_exchange_would_be_noticed(hall):
    s = settled(hall, open_wide(hall, **air(8.0, 0.7)))
    wrong = s._replace(outdoor_air_gain=0.99 * s.outdoor_air_gain)
    assert abs(energy_residual(hall.types, wrong)[0, 0]) > 1e-4 * s.it_energy[0, 0]


def test_engines_agree(hall):
    rng = np.random.default_rng(3)
    engines = engines_of(hall)
    state = pack(random_state(hall, rng, 6), engines["numpy"].state_slices, 6)
    inputs = pack(random_inputs(hall, rng, 6), engines["numpy"].input_slices, 6)
    assert_engines_agree(hall, engines, state, inputs)


def test_what_the_air_takes_away_is_its_mass_flow_times_its_rise(hall):
    """At rest in cold weather: share times flow times cp times return minus outdoor air, worked out from the state alone."""
    u = open_wide(hall, **air(5.0, 0.7))
    s = settled(hall, u)
    p = hall.params
    returning = (s.coil_entering_air - s.outdoor_air_share * 5.0) / (1.0 - s.outdoor_air_share)
    flow = s.outdoor_air_share * p.crah_mass_flow_nominal * s.crah_fan_speed
    assert_allclose(s.outdoor_air_gain[0, 0] / LONG_S, -(flow * 1006.0 * (returning - 5.0)).sum(), rtol=2e-4)
    assert -s.outdoor_air_gain[0, 0] > 0.8 * s.it_energy[0, 0]


def test_a_room_that_is_all_outdoor_air_has_the_humidity_of_outdoors(hall):
    coldest = hall.description.setpoints.supply_air_temperature.low
    u = open_wide(hall, **air(coldest + 2.0, 0.6), supply_air_setpoint=coldest)  # colder than the return
    u = u._replace(**{name: np.zeros_like(getattr(u, name)) for name in ("evaporative_share_max",) if hasattr(u, name)})
    s = settled(hall, u)
    assert_allclose(s.outdoor_air_share, 1.0, atol=1e-9)
    assert s.condensate_water[0, 0] == 0.0 or "dx" in hall or s.chilled_water_supply_temperature[0, 0] < 8.0
    if s.condensate_water[0, 0] == 0.0:
        assert_allclose(s.humidity_ratio, u.outdoor_humidity_ratio, rtol=2e-3)


# --- what it does -----------------------------------------------------------------------------------------------------


def test_on_a_cold_day_outdoor_air_alone_meets_the_set_point(hall):
    cold = air(8.0, 0.8)
    u = open_wide(hall, 2, **{name: value.repeat(2, 1) for name, value in cold.items()})
    u = u._replace(outdoor_air_share_max=np.array([[0.0, 1.0]]))
    s = settled(hall, u)
    # valves of chilled-water coils do not shut entirely, and cool a little below the set-point
    missed = s.supply_air_temperature - u.supply_air_setpoint
    assert missed.max() < 0.05 and missed.min() > (-0.05 if "dx" in hall else -0.6)
    assert_array_equal(s.outdoor_air_share[:, 0], 0.0)
    assert (s.outdoor_air_share[:, 1] > 0.2).all() and (s.outdoor_air_share[:, 1] < 0.9).all()
    machines = s.compressor_energy if "dx" in hall else s.chiller_energy
    assert machines[0, 1] < (0.01 if "dx" in hall else 0.4) * machines[0, 0]
    power = cooling_energy(hall.types, s)[0]
    assert power[1] < 0.85 * power[0]


@pytest.mark.parametrize(
    ("dry_bulb", "relative_humidity"),
    [(24.0, 0.85), (41.0, 0.1), (-21.0, 0.6), (10.0, 0.2), (33.0, 0.33)],
    ids=["dew point", "dry bulb", "frost", "dry air", "enthalpy"],
)
def test_weather_outside_of_any_limit_is_locked_out_and_costs_what_it_does_without(hall, dry_bulb, relative_humidity):
    outdoors = air(dry_bulb, relative_humidity, 2)
    u = open_wide(hall, 2, **outdoors)
    u = u._replace(outdoor_air_share_max=np.array([[1.0, 0.0]]))
    s = settled(hall, u)
    assert_array_equal(s.outdoor_air_enabled, 0.0)
    assert_allclose(s.outdoor_air_share, 0.0, atol=1e-12)
    power = cooling_energy(hall.types, s)[0]
    assert_allclose(power[0], power[1], rtol=1e-9)


def test_limits_have_a_deadband_and_lock_out_for_a_while():
    hall = with_air("edge-dx-50kw")
    u = open_wide(hall, **air(39.9, 0.1))
    s = settled(hall, u)
    assert s.outdoor_air_enabled[0, 0] == 1.0

    def after(state, dry_bulb, time=1e5):
        state = state._replace(outdoor_air_time=np.full((1, 1), time))
        return begin(hall, state, open_wide(hall, **air(dry_bulb, 0.1)), hall.params, 300.0, np)[0]

    assert after(s, 40.3).outdoor_air_enabled[0, 0] == 1.0  # within the deadband
    out = after(s, 40.6)
    assert out.outdoor_air_enabled[0, 0] == 0.0
    assert after(out, 40.3).outdoor_air_enabled[0, 0] == 0.0
    assert after(out, 39.9, 0.0).outdoor_air_enabled[0, 0] == 0.0  # for ten minutes
    assert after(out, 39.9, 600.0).outdoor_air_enabled[0, 0] == 1.0
    assert after(s, 41.0, 0.0).outdoor_air_enabled[0, 0] == 0.0  # locked out at once, however short it was open
    assert_allclose(out.outdoor_air_limit, s.outdoor_air_limit - 300.0 / 900.0)


def test_dampers_move_no_faster_than_their_stroke():
    hall = with_air("edge-dx-50kw")
    s = settled(hall, open_wide(hall, outdoor_air_share_max=0.0, **air(15.0, 0.5)))
    s = s._replace(outdoor_air_share_max=np.ones((1, 1)))
    shares = [s.outdoor_air_share[0, 0]]
    for _ in range(12):
        s = advance(hall, s, open_wide(hall, **air(15.0, 0.5)), 10.0, 1)
        shares.append(s.outdoor_air_share[0, 0])
    change = np.diff(shares)
    assert change.max() <= 10.0 / 120.0 + 1e-9
    assert change.max() > 0.9 * 10.0 / 120.0


def test_compressors_may_rest_where_outdoor_air_cools_and_only_there():
    hall = with_air("edge-dx-50kw")
    for dry_bulb, resting in ((8.0, 2), (38.0, 0)):
        u = open_wide(hall, compressor_request=0.0, **air(dry_bulb, 0.5))
        s = settled(hall, u)
        assert (s.compressor_on == 0.0).sum() == resting


def test_compressors_take_over_when_the_weather_is_locked_out():
    """Dampers close over a quarter of an hour; the inlets stay below their limit."""
    hall = with_air("edge-dx-50kw")
    u = open_wide(hall, supply_air_setpoint=20.0, crah_fan_speed=0.5, utilization=0.4, **air(8.0, 0.9))
    s = settled(hall, u)
    assert s.compressor_on.sum() == 0.0
    locked = open_wide(hall, supply_air_setpoint=20.0, crah_fan_speed=0.5, utilization=0.4, **air(17.0, 0.95))
    hottest = []
    for _ in range(12):
        s = advance(hall, s, locked, 300.0, 10)
        hottest.append(s.rack_inlet_max[0, 0])
    assert s.compressor_on.sum() == 2.0 and s.outdoor_air_share.max() == 0.0
    assert max(hottest) < 27.0


# --- evaporative coolers ----------------------------------------------------------------------------------------------


def held_of(hall, u, s=None):
    state = settled(hall, u) if s is None else s
    return begin(hall, state, u, hall.params, 300.0, np)


def test_all_pads_wet_bring_the_air_towards_its_wet_bulb_and_keep_its_enthalpy():
    hall = with_air("edge-dx-50kw", **{"outdoor_air.dew_point_max": 30.0, "outdoor_air.enthalpy_max": 9e4})
    u = open_wide(hall, supply_air_setpoint=14.0, **air(35.0, 0.2))
    s, h = held_of(hall, u)
    wet_bulb = u.wet_bulb_temperature[0, 0]
    assert_allclose(s.evaporative_share, 1.0)
    assert_allclose(h.treated_air_temperature, 35.0 - 0.85 * (35.0 - wet_bulb), atol=1e-3)  # psychrolib's wet bulb
    before = psychrolib.GetMoistAirEnthalpy(35.0, u.outdoor_humidity_ratio[0, 0])
    after = psychrolib.GetMoistAirEnthalpy(h.treated_air_temperature[0, 0], h.treated_air_humidity[0, 0])
    assert_allclose(after, before, rtol=1e-4)
    assert_allclose(h.evaporated, h.treated_air_humidity - u.outdoor_humidity_ratio, atol=1e-12)


def test_pads_are_wetted_no_further_than_needed_asked_for_and_allowed_by_the_dew_point():
    hall = with_air("edge-dx-50kw")
    mild = open_wide(hall, supply_air_setpoint=22.0, crah_fan_speed=0.5, **air(25.0, 0.2))
    s, h = held_of(hall, mild)
    assert 0.0 < s.evaporative_share[0, 0] < 0.8
    assert_allclose(h.treated_air_temperature, 22.0, atol=0.6)  # less what the fans add
    asked = mild._replace(evaporative_share_max=np.full((1, 1), 0.1))
    assert_allclose(held_of(hall, asked)[0].evaporative_share, 0.1)
    damp = open_wide(hall, supply_air_setpoint=14.0, **air(26.0, 0.5))
    _, h = held_of(hall, damp)
    assert_allclose(
        psychrolib.GetTDewPointFromHumRatio(h.treated_air_temperature[0, 0], h.treated_air_humidity[0, 0], 101325.0),
        15.0,
        atol=0.01,
    )
    cold = open_wide(hall, **air(8.0, 0.5))
    s, h = held_of(hall, cold)
    assert_array_equal(s.evaporative_share, 0.0)
    assert_array_equal(h.treated_air_humidity, cold.outdoor_humidity_ratio.repeat(2, 0))


def test_an_indirect_cooler_adds_no_water_to_the_air_and_uses_some():
    only_indirect = {**BOTH_COOLERS, "outdoor_air.evaporative.direct_effectiveness": 0.0}
    hall = with_air("edge-dx-50kw", **only_indirect)
    u = open_wide(hall, supply_air_setpoint=14.0, **air(32.0, 0.2))
    _, h = held_of(hall, u)
    wet_bulb = u.wet_bulb_temperature[0, 0]
    assert_allclose(h.treated_air_temperature, 32.0 - 0.7 * (32.0 - wet_bulb), atol=1e-9)
    assert_array_equal(h.treated_air_humidity, u.outdoor_humidity_ratio.repeat(2, 0))
    # on the other side it takes up the heat, and what brings that air from its dry to about its wet bulb
    depression = 1.02e3 * (32.0 - wet_bulb) / 2.45e6
    assert 0.7 * depression < h.evaporated[0, 0] < 1.7 * depression
    rested = settled(hall, u)
    drawn = rested.outdoor_air_share * rested.crah_fan_speed
    per_unit = 250.0 + hall.params.evaporative_pump_power
    assert_allclose(rested.evaporative_energy[0, 0] / LONG_S, (drawn * per_unit).sum(), rtol=1e-3)


@pytest.mark.parametrize("changes", [{}, BOTH_COOLERS], ids=["direct", "both"])
def test_coolers_conserve_water_and_the_direct_one_enthalpy_in_any_weather(changes):
    """What enters and is evaporated comes out; enthalpy as psychrolib has it."""
    hall, rng, n = with_air("edge-dx-50kw", **changes), np.random.default_rng(8), 60
    weather = [air(rng.uniform(16.0, 40.0), rng.uniform(0.05, 0.6)) for _ in range(n)]
    both = {name: np.concatenate([of[name] for of in weather], 1) for name in weather[0]}
    u = open_wide(hall, n, **both, supply_air_setpoint=18.0)
    s = settled(hall, open_wide(hall, n, **air(18.0, 0.3, n)))
    _, h = begin(hall, s, u, hall.params, 300.0, np)
    outdoors, ratio, wet_bulb = (x[0] for x in both.values())
    gained = h.treated_air_humidity[0] - ratio
    assert (gained > 1e-4).sum() > 10
    if not changes:
        assert_allclose(h.evaporated[0], gained, atol=1e-12)
        enthalpies = [
            np.array([psychrolib.GetMoistAirEnthalpy(*of) for of in zip(*air_of, strict=True)])
            for air_of in ((outdoors, ratio), (h.treated_air_temperature[0], h.treated_air_humidity[0]))
        ]
        assert_allclose(enthalpies[1], enthalpies[0], rtol=2e-4)
    else:
        assert (h.evaporated[0] >= gained - 1e-12).all() and (h.evaporated[0] > gained + 1e-4).any()
    assert (h.treated_air_temperature[0] <= outdoors + 1e-9).all()
    assert (h.treated_air_temperature[0] >= wet_bulb - 6.0).all()


@pytest.mark.parametrize("name", ["hyperscale-10mw", "edge-dx-50kw"])
def test_pads_and_secondary_fans_behind_shut_dampers_stand_still(name):
    hall = with_air(name, **BOTH_COOLERS)
    u = open_wide(hall, **air(30.0, 0.2))
    s = settled(hall, u)
    assert s.evaporative_energy[0, 0] > 0.0
    drawn = s.outdoor_air_share * s.crah_fan_speed  # in proportion to the air that is drawn
    full = (
        hall.params.secondary_fan_power * s.evaporative_share + s.evaporative_share * hall.params.evaporative_pump_power
    )
    assert s.evaporative_energy[0, 0] / LONG_S <= (drawn * full).sum() * (1.0 + 1e-6)
    u = u._replace(outdoor_air_share_max=np.zeros((1, 1)))
    s = settled(hall, u)
    assert s.evaporative_share.max() > 0.0
    assert s.evaporative_energy[0, 0] < 1e-9 * s.it_energy[0, 0]


def test_dampers_wait_for_what_stands_behind_them():
    """Locked out, they close over the changeover time, and not while the supply air is a kelvin too warm."""
    hall = with_air("enterprise-1mw")
    s = settled(hall, open_wide(hall, **air(10.0, 0.7)))
    u = open_wide(hall, **air(16.0, 0.98))
    s = s._replace(outdoor_air_time=np.full((1, 1), 1e5))
    now, _ = begin(hall, s, u, hall.params, 300.0, np)
    step = 300.0 / hall.params.outdoor_air_changeover_time[0, 0]
    assert now.outdoor_air_enabled[0, 0] == 0.0
    assert_allclose(now.outdoor_air_limit, s.outdoor_air_limit - step, rtol=1e-12)
    warm = s._replace(supply_air_temperature=now.supply_air_setpoint + 1.5)
    now, _ = begin(hall, warm, u, hall.params, 300.0, np)
    assert_allclose(now.outdoor_air_limit, s.outdoor_air_limit, rtol=1e-12)


def test_wetting_pads_saves_compressor_power_and_costs_water():
    hall = with_air("edge-dx-50kw")
    u = open_wide(hall, 2, supply_air_setpoint=19.0, **{k: v.repeat(2, 1) for k, v in air(32.0, 0.15).items()})
    u = u._replace(evaporative_share_max=np.array([[0.0, 1.0]]))
    s = settled(hall, u)
    assert s.compressor_energy[0, 1] < 0.5 * s.compressor_energy[0, 0]
    assert s.evaporative_water[0, 1] > 1.0 > 0.01 > s.evaporative_water[0, 0]
    # make-up is evaporation times cycles over cycles less one
    flow = (s.outdoor_air_share * hall.params.crah_mass_flow_nominal * s.crah_fan_speed)[:, 1]
    _, h = begin(hall, s, u, hall.params, 300.0, np)
    evaporated = (flow * h.evaporated[:, 1]).sum() * LONG_S
    assert_allclose(s.evaporative_water[0, 1], 4.0 / 3.0 * evaporated, rtol=0.01)


# --- description ------------------------------------------------------------------------------------------------------


def test_outdoor_air_needs_moisture_and_its_ranges():
    description = load_hall("edge-dx-50kw")
    changes = with_outdoor_air(description)
    for taken, said in (
        ("moisture", "give moisture"),
        ("setpoints.outdoor_air_share", "give setpoints.outdoor_air_share"),
    ):
        with pytest.raises(InputError, match=said):
            description.replaced({**{k: v for k, v in changes.items() if not k.startswith(taken)}, taken: None})
    with pytest.raises(InputError, match=r"give setpoints\.evaporative_share with"):
        description.replaced(changes).replaced({"outdoor_air.evaporative": None})
    assert with_outdoor_air(description.replaced(changes)) == {}


@pytest.mark.parametrize("name", ["enterprise-1mw", "hyperscale-10mw", "ai-d2c-20mw", "edge-dx-50kw"])
def test_any_hall_with_moisture_takes_outdoor_air(name):
    hall = with_air(name)
    assert "outdoor_air" in hall and "evaporative" in hall
    assert {"outdoor_air_share_max", "evaporative_share_max"} <= set(hall.types.requests)


# --- dampers that a log moves -----------------------------------------------------------------------------------------


def test_given_dampers_close_the_balance_on_every_engine():
    hall = with_air("edge-dx-50kw", **NO_PADS, **{"outdoor_air.dampers": "given"})
    assert hall.description.is_driven_by_log
    rng = np.random.default_rng(4)
    s = random_state(hall, rng, 12)

    def inputs(n):
        usual = random_inputs(with_air("edge-dx-50kw", **NO_PADS), rng, n)._asdict()
        share = rng.uniform(0.0, 1.0, (hall.crah_groups, n))
        return hall.types.Inputs(**{name: usual.get(name, share) for name in hall.types.Inputs._fields})

    for _ in range(5):
        s = advance(hall, s, inputs(12))
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())
    engines = engines_of(hall)
    state = pack(random_state(hall, rng, 4), engines["numpy"].state_slices, 4)
    assert_engines_agree(hall, engines, state, pack(inputs(4), engines["numpy"].input_slices, 4))
