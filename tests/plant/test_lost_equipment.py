"""Pumps and tower fans that fail one by one: what is left flows and blows, and nothing is lost from the balance."""

import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of
from numpy.testing import assert_allclose, assert_array_equal
from tank_halls import tank_hall
from test_engines import packed, random_plant
from test_step import advance, at_rest, begin, random_inputs, random_state, steady_inputs, sweep

from dcsim.physics import chiller, cooling_tower
from dcsim.physics.pump import RUN_OUT
from dcsim.plant.audit import energy_residual
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall

WATER = 4184.0  # J/(kg K)


@pytest.fixture(scope="module", params=["enterprise-1mw", "hyperscale-10mw"])
def hall(request):
    return build_hall(request.param)


@pytest.fixture(scope="module", params=["enterprise", "hyperscale", "on request", "with a tank", "tank and on request"])
def any_hall(request):
    on_request = {"chillers.staging": "action"}
    if request.param == "on request":
        return build_hall(load_hall("enterprise-1mw").replaced(on_request))
    if "tank" in request.param:
        return tank_hall("hyperscale-10mw", changes=on_request if "request" in request.param else {})
    return build_hall("enterprise-1mw" if request.param == "enterprise" else "hyperscale-10mw")


def machines(hall):
    """Chillers that carry the load, in force from the start."""
    return dict(chillers_on=np.full((1, 1), float(hall.chillers)), stage_time=np.zeros((1, 1)))


def warm(hall, **changes):
    """A warm day at high load."""
    day = {"utilization": 0.9, "wet_bulb_temperature": 24.0, "dry_bulb_temperature": 32.0}
    return steady_inputs(hall, 1, **{**day, **changes})


def last_pass(hall, u, s):
    """The latched state and, for one short pass from it, the mean powers [W] by the name of the energy."""
    s, h = begin(hall, s, u, hall.params, 60.0, np)
    after = sweep(hall, s, u, h, hall.params, 1.0, np)
    return s, {name: (getattr(after, name) - getattr(s, name))[0, 0] for name in hall.types.energies}, after


def test_units_that_act_as_one_are_counted_by_the_description(hall):
    d, units = hall.description, hall.units
    assert units["chiller"] == d.chillers.count and units["crah"] == d.crahs.groups
    assert units["chilled_water_pump"] == d.chilled_water.pumps > 1
    assert units["condenser_water_pump"] == d.tower.pumps > 1
    assert units["tower_fan"] == d.tower.cells > 1
    assert hall.input_rows["chilled_water_pump_available"] == hall.input_rows["tower_fan_available"] == 1


def test_energy_closes_with_any_share_of_every_component_lost(any_hall):
    """From none to all, with jumps between the steps."""
    rng, hall = np.random.default_rng(4), any_hall
    names = list(hall.types.availability.values())
    n = 3 ** len(names)  # each of none, half and all
    share = np.stack(np.meshgrid(*[[0.0, 0.5, 1.0]] * len(names), indexing="ij")).reshape(len(names), n)
    s = random_state(hall, rng, n)
    for _ in range(6):
        u = random_inputs(hall, rng, n)
        order = rng.permutation(n)
        available = {
            name: np.broadcast_to(row[order], getattr(u, name).shape) for name, row in zip(names, share, strict=True)
        }
        s = advance(hall, s, u._replace(**available))
        assert all(np.isfinite(values).all() for values in s)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())


@pytest.mark.slow
def test_engines_agree_whatever_is_lost(any_hall):
    rng = np.random.default_rng(2)
    engines = engines_of(any_hall, random_plant(any_hall, rng))
    state, inputs = packed(any_hall, engines["numpy"], rng, 24)
    for name in any_hall.types.availability.values():
        inputs[engines["numpy"].input_slices[name]] = (
            rng.integers(0, 3, inputs[engines["numpy"].input_slices[name]].shape) / 2.0
        )
    assert_engines_agree(any_hall, engines, state, inputs)


# --- chilled-water pumps ----------------------------------------------------------------------------------------------


def test_a_lost_pump_costs_nothing_while_the_others_can_carry_the_flow(hall):
    """At a quarter of the load half of the pumps are enough: same heat, and less power, since they stand nearer to their best point."""
    u = steady_inputs(hall, 1, utilization=0.1, supply_air_setpoint=24.0, chilled_water_pump_speed=1.0)
    s = at_rest(hall, u, **machines(hall))
    valves = (hall.params.coil_water_flow_nominal * s.valve_fraction).sum() / hall.params.coil_water_flow_nominal.sum()
    assert valves < 0.5
    half = u._replace(chilled_water_pump_available=np.full((1, 1), 0.5))
    _, all_run, one = last_pass(hall, u, s)
    _, some_run, other = last_pass(hall, half, s)
    assert_array_equal(one.supply_air_temperature, other.supply_air_temperature)
    ratio = some_run["chilled_water_pump_energy"] / all_run["chilled_water_pump_energy"]
    flow = max(valves, hall.params.chilled_water_flow_share_min[0, 0])
    assert_allclose(ratio, (2.0 * flow - flow**2) / (2.0 * (2 * flow) - (2 * flow) ** 2), rtol=1e-9)


def test_with_half_of_the_pumps_these_run_out_at_six_tenths_of_the_water(hall):
    """Valves wide open: the water warms up over the coils by what its flow says."""
    u = warm(hall, supply_air_setpoint=14.0, chilled_water_pump_available=0.5)
    s = at_rest(hall, u, **machines(hall))
    assert (s.valve_fraction > 0.999).all()
    p = hall.params
    heat = (s.evaporator_heat - s.chilled_water_pump_energy)[0, 0] / 900.0
    rise = (s.chilled_water_return_temperature - s.chilled_water_supply_temperature)[0, 0]
    pump_power = s.chilled_water_pump_energy[0, 0] / 900.0
    flow = (heat + pump_power) / (WATER * rise)
    assert_allclose(flow, 0.5 * RUN_OUT * p.coil_water_flow_nominal.sum(), rtol=1e-3)
    full = at_rest(hall, warm(hall, supply_air_setpoint=14.0), **machines(hall))
    assert s.supply_air_temperature.min() > full.supply_air_temperature.max() + 0.5


def test_open_valves_share_what_is_left_in_proportion(hall):
    """The limit lies in the pumps, not in each valve: a group may get all of its water while the others ask for little."""
    u = warm(hall, chilled_water_pump_available=0.5)
    s = at_rest(hall, u, **machines(hall))
    opening = np.full((hall.crah_groups, 1), 0.1)
    opening[0] = 1.0
    s = s._replace(valve_fraction=opening)
    _, _, limited = last_pass(hall, u, s)
    _, _, free = last_pass(hall, u._replace(chilled_water_pump_available=np.ones((1, 1))), s)
    assert opening.mean() < 0.5
    assert_array_equal(limited.supply_air_temperature, free.supply_air_temperature)


def test_without_chilled_water_pumps_no_heat_reaches_the_water_and_no_power_is_drawn(hall):
    u = warm(hall)
    s = at_rest(hall, u, **machines(hall))
    evaporator = s.evaporator_heat[0, 0] / 900.0
    u = u._replace(chilled_water_pump_available=np.zeros((1, 1)))
    before = s.rack_inlet_temperature.mean()
    for _ in range(10):
        s = advance(hall, s, u, 60.0, 2)
        assert s.chilled_water_pump_energy[0, 0] == 0.0
    assert s.rack_inlet_temperature.mean() > before + 3.0
    assert s.evaporator_heat[0, 0] / 60.0 < 0.05 * evaporator


# --- condenser-water pumps --------------------------------------------------------------------------------------------


def test_less_condenser_water_is_what_a_controller_could_have_asked_for(hall):
    """Half of the pumps, run out, and 60 % of the flow asked for are the same plant."""
    asked = warm(hall, condenser_water_flow=0.5 * RUN_OUT)
    lost = warm(hall, condenser_water_flow=1.0, condenser_water_pump_available=0.5)
    a, b = at_rest(hall, asked, **machines(hall)), at_rest(hall, lost, **machines(hall))
    for name in ("chiller_energy", "condenser_water_pump_energy", "tower_heat", "tower_fan_energy"):
        assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-9)
    assert_allclose(a.rack_inlet_temperature, b.rack_inlet_temperature, rtol=1e-9)


def test_chillers_without_condenser_water_unload_on_high_pressure(hall):
    """Their heat has nowhere to go: they take no more than warms the trickle to its limit, and the chilled water gets warm."""
    u = warm(hall, chilled_water_setpoint=12.0)
    s = at_rest(hall, u, **machines(hall))
    before, heat = s.chilled_water_supply_temperature[0, 0], s.evaporator_heat[0, 0] / 900.0
    u = u._replace(condenser_water_pump_available=np.zeros((1, 1)))
    for _ in range(10):
        s = advance(hall, s, u, 60.0, 2)
        assert s.condenser_water_pump_energy[0, 0] == 0.0
        assert s.evaporator_heat[0, 0] / 60.0 < 0.02 * heat
    assert s.chilled_water_supply_temperature[0, 0] > before + 2.0


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_water_leaves_the_condensers_not_much_hotter_than_their_limit(hall, share):
    """Counted by the rated COP, so a few kelvins off where the lift is another."""
    u = warm(hall, condenser_water_pump_available=share, wet_bulb_temperature=28.0)
    s = at_rest(hall, u, **machines(hall))
    stream = WATER * hall.params.condenser_water_flow_nominal[0, 0] * RUN_OUT * share
    leaving = s.condenser_water_supply_temperature + (s.evaporator_heat + s.chiller_energy) / (900.0 * stream)
    assert leaving[0, 0] < chiller.CONDENSER_LEAVING_MAX + 8.0
    if share < 0.1:
        assert leaving[0, 0] > chiller.CONDENSER_LEAVING_MAX - 3.0


# --- tower fans -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_a_tower_with_lost_fans_gives_what_its_cells_give(hall, share):
    """Cells with fan at full speed by Merkel's law, the others an eighth of that, which is the natural draught of EnergyPlus."""
    p = hall.params
    u = warm(hall, wet_bulb_temperature=26.0, condenser_water_setpoint=13.0, condenser_water_flow=1.0)
    s = at_rest(hall, u, **machines(hall))._replace(tower_air_fraction=np.ones((1, 1)))
    s, powers, _ = last_pass(hall, u._replace(tower_fan_available=np.full((1, 1), share)), s)
    _, h = begin(hall, s, u, p, 60.0, np)
    heat_in = powers["evaporator_heat"] + powers["chiller_energy"] + powers["condenser_water_pump_energy"]
    heat_in += powers.get("economizer_heat", 0.0)
    flow = p.condenser_water_flow_nominal * s.condenser_water_flow
    cell, _ = cooling_tower.merkel_heat_flow(
        s.condenser_water_supply_temperature + heat_in / (WATER * flow),
        flow,
        u.wet_bulb_temperature,
        u.outdoor_pressure,
        h.outdoor_density_ratio * p.tower_air_flow_nominal,
        cooling_tower.merkel_conductance(
            h.tower_film_density_ratio,
            s.condenser_water_flow,
            u.wet_bulb_temperature,
            p.tower_conductance_nominal,
            p.tower_wet_bulb_nominal,
        ),
        air_specific_heat=h.outdoor_specific_heat,
    )
    assert_allclose(powers["tower_heat"], (share + 0.125 * (1.0 - share)) * cell[0, 0], rtol=1e-6)
    assert_allclose(
        powers["tower_fan_energy"],
        share * h.tower_film_density_ratio[0, 0] * p.tower_fan_power_nominal[0, 0],
        rtol=1e-9,
    )
    assert powers["tower_makeup_water"] > 0.0


def test_the_fewer_fans_the_warmer_the_condenser_water_and_the_harder_chillers_work(hall):
    share = np.array([[1.0, 0.8, 0.6, 0.4]])
    u = steady_inputs(hall, 4, wet_bulb_temperature=22.0, condenser_water_setpoint=20.0, tower_fan_available=share)
    many = dict(chillers_on=np.full((1, 4), float(hall.chillers)), stage_time=np.zeros((1, 4)))
    s = at_rest(hall, u, **many)
    assert (np.diff(s.condenser_water_supply_temperature[0]) > 0.01).all()
    assert (np.diff(s.chiller_energy[0]) > 0.0).all()


# --- machines on request ----------------------------------------------------------------------------------------------


def test_standby_pumps_and_cells_take_over_and_what_is_lost_beyond_them_is_missed():
    """Of five cells three run, of five pumps at most four: one lost of each changes nothing; three lost leave two."""
    hall = build_hall(load_hall("hyperscale-10mw").replaced({"chillers.staging": "action"}))
    requests = {f"{name}_requested": 3.0 for name in ("chillers", "condenser_water_pumps", "tower_cells")}
    lost = ("chilled_water_pump_available", "condenser_water_pump_available", "tower_fan_available")
    calm = steady_inputs(
        hall, 1, utilization=0.4, condenser_water_flow=0.5, chilled_water_pumps_requested=3.0, **requests
    )
    s = at_rest(hall, calm, chiller_time=np.full((1, 1), 1e4))
    assert s.tower_cells_on == 3.0 and s.chilled_water_pumps_on <= 4.0 and s.condenser_water_pumps_on <= 4.0

    def powers(share):
        return last_pass(hall, calm._replace(**dict.fromkeys(lost, np.full((1, 1), share))), s)[1]

    everything, fewer = powers(1.0), powers(0.8)
    assert everything == fewer
    few = powers(0.4)
    assert_allclose(few["tower_fan_energy"], everything["tower_fan_energy"] * 2.0 / 3.0, rtol=1e-12)
    assert few["condenser_water_pump_energy"] != everything["condenser_water_pump_energy"]
