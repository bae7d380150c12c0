"""Water in the room air: it balances, its latent heat is booked, humidifier and coils do what they should, limits are watched."""

import numpy as np
import psychrolib
import pytest
from numpy.testing import assert_allclose
from test_step import advance, at_rest, begin, random_inputs, random_state, steady_inputs, sweep

from dcsim.physics import coil, moist_air
from dcsim.plant import moisture
from dcsim.plant.audit import energy_residual
from dcsim.plant.hall import build_hall
from dcsim.plant.supervision import samples_at_rest

psychrolib.SetUnitSystem(psychrolib.SI)
EVAPORATION = 2.501e6  # J/kg
LEGACY = build_hall("enterprise-1mw")


@pytest.fixture(scope="module", params=["enterprise-1mw", "hyperscale-10mw", "edge-dx-50kw"])
def hall(request):
    return build_hall(request.param)


def changed(**changes):
    return build_hall(LEGACY.description.replaced({f"moisture.{name}": value for name, value in changes.items()}))


def without_moisture(hall):
    return build_hall(hall.description.model_copy(update={"moisture": None}))


def humid_inputs(hall, n, **changes):
    """Legacy chilled water, a hall at full load: the coils are open and cold."""
    usual = dict(utilization=1.0, supply_air_setpoint=14.0, chilled_water_setpoint=6.0, crah_fan_speed=1.0)
    return steady_inputs(hall, n, **usual | changes)


def test_every_kilogram_of_water_that_comes_stays_or_leaves(hall):
    """Random states, actions and outages: what is stored is what came with outdoor air and vapour less what condensed."""
    rng = np.random.default_rng(21)
    n, p = 64, hall.params
    s = random_state(hall, rng, n)
    condensed = humidified = 0.0
    for _ in range(12):
        before = s.humidity_ratio
        s = advance(hall, s, random_inputs(hall, rng, n))
        stored = p.dry_air_mass * (s.humidity_ratio - before)
        vapor = s.humidifier_water * (1.0 - p.humidifier_drain_share)
        assert_allclose(
            stored, s.latent_gain / EVAPORATION + vapor - s.condensate_water, atol=1e-10 * p.dry_air_mass.item()
        )
        assert (s.humidity_ratio > 0.0).all()
        condensed, humidified = condensed + s.condensate_water.sum(), humidified + s.humidifier_water.sum()
    assert condensed > 1.0 and humidified > 1.0


@pytest.mark.parametrize("flux", ["latent_gain", "ventilation_gain", "feed_water_gain", "humidifier_energy"])
def test_a_missing_flux_of_the_moist_air_would_be_noticed(flux):
    rng = np.random.default_rng(22)
    s = random_state(LEGACY, rng, 8)._replace(humidity_ratio=np.full((1, 8), 0.003))
    s = advance(LEGACY, s, random_inputs(LEGACY, rng, 8))
    residual = energy_residual(LEGACY.types, s._replace(**{flux: 0.9 * getattr(s, flux)}))[0]
    assert np.abs(residual).max() > 1e-7 * s.it_energy.max()


def test_water_that_does_nothing_changes_nothing(hall):
    """No outdoor air, no humidifier, dry coils: temperatures and energies are those of a hall of which the water is not told."""
    still = hall.params._replace(
        **dict.fromkeys(("infiltration_flow", "ventilation_flow", "humidifier_capacity"), np.zeros((1, 1)))
    )
    rng = np.random.default_rng(23)
    s, u = random_state(hall, rng, 16), random_inputs(hall, rng, 16)
    s = s._replace(humidity_ratio=np.full((1, 16), 0.003))
    plain = without_moisture(hall)
    assert "moisture" not in plain and "moisture" in hall
    other = plain.types.State(**{name: getattr(s, name) for name in plain.types.State._fields})
    s, h = begin(hall, s, u, still, 300.0, np)
    other, held = begin(plain, other, u, plain.params, 300.0, np)
    for _ in range(20):
        s, other = sweep(hall, s, u, h, still, 15.0, np), sweep(plain, other, u, held, plain.params, 15.0, np)
    for name in plain.types.State._fields:
        if name != "stored_energy_before":
            assert_allclose(getattr(s, name), getattr(other, name), rtol=1e-12, err_msg=name)
    assert_allclose(s.humidity_ratio, 0.003, rtol=1e-14)


def test_room_air_takes_on_the_humidity_outdoors_with_the_air_change_rate():
    """A closed-form solution: dw/dt = (w_out - w) times the air changes, here two an hour."""
    hall = changed(infiltration=2.0, ventilation=0.0, humidifier_capacity=0.0)
    u = steady_inputs(hall, 1, outdoor_humidity_ratio=0.008)
    s = at_rest(hall, u)._replace(humidity_ratio=np.full((1, 1), 0.004))
    for _ in range(12):
        s = advance(hall, s, u)
    assert s.condensate_water.item() == 0.0
    assert_allclose((0.008 - s.humidity_ratio).item() / 0.004, np.exp(-2.0), rtol=1e-4)
    assert_allclose(hall.params.dry_air_mass.item(), 4200.0 * 1.2, rtol=0.01)


def test_make_up_air_is_dried_by_a_unit_that_pays_for_it_outdoors():
    """35 degC, 50 %: at 10 degC it comes in saturated. Enthalpies of psychrolib, less 2 % for the vapour's own heat capacity."""
    hall = changed(infiltration=0.0, humidifier_capacity=0.0)
    ratio = psychrolib.GetHumRatioFromRelHum(35.0, 0.5, 101325.0)
    u = steady_inputs(hall, 1, dry_bulb_temperature=35.0, outdoor_humidity_ratio=ratio)
    s = at_rest(hall, u, steps=300)
    assert_allclose(s.room_dew_point, 10.0, atol=0.02)
    dry = psychrolib.GetMoistAirEnthalpy(10.0, psychrolib.GetHumRatioFromRelHum(10.0, 1.0, 101325.0))
    heat = 0.15 / 3600.0 * hall.params.dry_air_mass.item() * (psychrolib.GetMoistAirEnthalpy(35.0, ratio) - dry)
    assert_allclose(s.make_up_air_energy.item() / 900.0, heat / 3.0, rtol=0.02)
    cold = at_rest(
        hall, u._replace(dry_bulb_temperature=np.full((1, 1), 5.0), outdoor_humidity_ratio=np.full((1, 1), 0.004))
    )
    assert cold.make_up_air_energy.item() == 0.0 and cold.ventilation_gain.item() < 0.0


def test_a_steam_humidifier_holds_the_dew_point_and_draws_what_steam_costs():
    """0.729 kWh/kg over the boiler's efficiency; of the water drawn the drained part is no vapour; outdoor air takes the vapour away."""
    u = steady_inputs(LEGACY, 1, dry_bulb_temperature=-5.0, outdoor_humidity_ratio=0.0015)
    s = at_rest(LEGACY, u, steps=120)
    assert 4.5 < s.room_dew_point.item() < 5.5
    vapor = 0.17 / 3600.0 * LEGACY.params.dry_air_mass.item() * (s.humidity_ratio.item() - 0.0015)
    assert_allclose(s.humidifier_water.item() * 0.85 / 900.0, vapor, rtol=1e-4)
    assert_allclose(s.humidifier_energy.item() / 900.0, vapor * 0.729 * 3.6e6 / 0.95, rtol=1e-3)
    assert 1e3 < s.humidifier_energy.item() / 900.0 < 20e3
    mild = steady_inputs(LEGACY, 1, dry_bulb_temperature=15.0, outdoor_humidity_ratio=0.0075)
    humid = at_rest(LEGACY, mild, steps=120)
    assert humid.humidifier_energy.item() == 0.0


def test_evaporation_into_the_air_cools_it_and_steam_warms_it():
    """Adiabatic: the chilled water gets less heat, by the latent heat that leaves with the exhaust; steam: a little more."""
    dry = dict(outdoor_humidity_ratio=0.001, dry_bulb_temperature=20.0)
    u = steady_inputs(LEGACY, 1, **dry)
    description = LEGACY.description.model_dump(mode="json")
    pump = {"value": 6.5e6, "unit": "Pa", "source": "a test"}
    description["moisture"] |= {"humidifier": "adiabatic", "feed_water_temperature": None, "pump_pressure": pump}
    spray = build_hall(type(LEGACY.description).model_validate(description))
    none = changed(humidifier_capacity=0.0)

    def seen(hall):
        s = at_rest(hall, u, steps=120)
        return (
            s.evaporator_heat.item() / 900.0,
            s.humidifier_water.item() * 0.85 / 900.0,
            s.humidifier_energy.item() / 900.0,
        )

    (bare, _, _), (wet, sprayed, pumped), (warm, steamed, boiled) = seen(none), seen(spray), seen(LEGACY)
    assert_allclose(sprayed, steamed, rtol=1e-6)
    assert_allclose(wet - bare, pumped - EVAPORATION * sprayed, rtol=0.01)
    assert_allclose(warm - bare, boiled + 4184.0 * 15.0 * steamed - EVAPORATION * steamed, rtol=0.02)
    assert wet < bare < warm and pumped < 0.01 * boiled


def test_coils_at_rest_condense_what_outdoor_air_brings_and_what_their_law_says():
    hall = changed(infiltration=1.0, humidifier_capacity=0.0)
    u = humid_inputs(hall, 1, outdoor_humidity_ratio=0.018, dry_bulb_temperature=32.0)
    s = at_rest(hall, u, steps=80)
    p = hall.params
    rate = s.condensate_water.item() / 900.0
    assert_allclose(rate, s.latent_gain.item() / EVAPORATION / 900.0, rtol=1e-6)
    assert rate > 2e-3
    flow = s.crah_fan_speed * p.crah_mass_flow_nominal
    air_film = p.coil_conductance_nominal / 0.6 * s.crah_fan_speed**0.8
    air_film *= 1.0 + p.coil_air_film_coefficient * (s.coil_entering_air - p.coil_rating_air_temperature)
    water_film = p.coil_conductance_nominal / 0.4 * s.valve_fraction**0.85
    water_film *= coil.water_film_factor(s.chilled_water_supply_temperature, p.coil_rating_water_temperature)
    conductance = 1.0 / (1.0 / air_film + 1.0 / water_film)
    share = conductance / air_film
    law = coil.condensing_coil(
        flow,
        s.coil_entering_air,
        s.humidity_ratio,
        s.room_dew_point,
        s.valve_fraction * p.coil_water_flow_nominal,
        s.chilled_water_supply_temperature,
        conductance,
        share,
        101325.0,
    )
    assert_allclose(rate, law.condensate_mass_flow.sum(), rtol=1e-6)
    assert ((law.dry_share > 0.0) & (law.dry_share < 1.0)).all()
    # what the air loses is the sensible heat of the books, cp of dry air, within the vapour's own heat capacity of 2 %
    drop = s.coil_entering_air - s.supply_air_temperature + s.crah_fan_energy / 900.0 / 4.0 / (1006.0 * flow)
    assert_allclose(1006.0 * flow * drop, law.sensible_heat_flow, rtol=0.02)


def test_latent_heat_goes_into_the_chilled_water():
    """The same hall with air as humid and coils that cannot condense (dry air outdoors) against one that does."""
    hall = changed(infiltration=1.0, ventilation=0.0, humidifier_capacity=0.0)
    humidity = np.array([[0.004, 0.018]])
    u = humid_inputs(hall, 2, outdoor_humidity_ratio=humidity, dry_bulb_temperature=25.0)
    s = at_rest(hall, u, steps=80, chillers_on=np.full((1, 2), 2.0), stage_time=np.zeros((1, 2)))
    assert s.condensate_water[0, 0] == 0.0 and s.condensate_water[0, 1] > 1.0
    more = s.evaporator_heat[0, 1] - s.evaporator_heat[0, 0]
    others = (s.it_energy + s.crah_fan_energy + s.chilled_water_pump_energy + s.ventilation_gain + s.envelope_gain)[0]
    assert_allclose(more, EVAPORATION * s.condensate_water[0, 1] + others[1] - others[0], rtol=1e-3)


def test_warm_chilled_water_keeps_the_coils_dry_and_cold_water_does_not():
    hall = changed(infiltration=1.0, humidifier_capacity=0.0)
    water = np.array([[6.0, 9.0, 12.0, 15.0]])
    u = humid_inputs(hall, 4, outdoor_humidity_ratio=0.012, chilled_water_setpoint=water, supply_air_setpoint=18.0)
    s = at_rest(hall, u, steps=80, chillers_on=np.full((1, 4), 3.0), stage_time=np.zeros((1, 4)))
    assert (np.diff(s.condensate_water[0]) <= 0.0).all()
    assert s.condensate_water[0, 0] > 0.5 and s.condensate_water[0, -1] == 0.0
    assert (np.diff(s.room_dew_point[0]) >= -1e-6).all() and s.room_dew_point[0, 0] < s.room_dew_point[0, -1] - 0.5


def test_the_length_of_the_control_step_hardly_matters_to_what_condenses():
    """The wet stretch is found at the start of a step: an hour's steps see what steps of a minute see, within a few percent."""
    hall = changed(infiltration=1.0, humidifier_capacity=0.0)
    calm = humid_inputs(hall, 1, outdoor_humidity_ratio=0.010)
    start = at_rest(hall, calm)
    u = calm._replace(outdoor_humidity_ratio=np.full((1, 1), 0.018), utilization=np.full((hall.racks, 1), 0.8))

    def run(interval):
        s, condensed = start, 0.0
        for _ in range(round(4 * 3600.0 / interval)):
            s = advance(hall, s, u, interval, round(interval / 60.0))
            condensed += s.condensate_water.item()
        return condensed, s.room_dew_point.item()

    fine, usual, long = run(60.0), run(300.0), run(3600.0)
    assert fine[0] > 10.0
    assert_allclose(usual[0], fine[0], rtol=0.02)
    assert_allclose(long[0], fine[0], rtol=0.10)
    assert_allclose([usual[1], long[1]], fine[1], atol=0.1)


def watched(dew_point, inlet, seconds=120.0):
    """What a sub-step adds, of a legacy hall of a given dew point [degC] whose coldest inlet is given [degC]."""
    rng = np.random.default_rng(1)
    n = len(dew_point)
    u = random_inputs(LEGACY, rng, n)._replace(outdoor_pressure=np.full((1, n), 101325.0))
    ratio = [[psychrolib.GetHumRatioFromTDewPoint(t, 101325.0) for t in dew_point]]
    inlets = np.full((LEGACY.racks, n), 26.0)
    inlets[3] = inlet
    s = random_state(LEGACY, rng, n)._replace(humidity_ratio=np.array(ratio), rack_inlet_temperature=inlets)
    s = s._replace(**samples_at_rest(inlets) | dict(sample_time=np.zeros((1, n)), sample_period=np.zeros((1, n))))
    s, h = begin(LEGACY, s, u, LEGACY.params, 300.0, np)
    return moisture.monitor(s, u, h, LEGACY.params, seconds, np)


def test_dew_points_beyond_what_is_recommended_count_in_kelvin():
    """Above 15 degC or below -9 degC, K s; with the coldest inlet at 25 degC the 70 % lie higher (19.1 degC)."""
    seen = watched([17.0, 15.0, 3.0, -9.0, -11.0], 25.0)
    assert_allclose(seen["room_dew_point"][0], [17.0, 15.0, 3.0, -9.0, -11.0], atol=2e-3)
    assert_allclose(seen["dew_point_excess"][0], np.array([2.0, 0.0, 0.0, 0.0, 0.0]) * 120.0, atol=0.3)
    assert_allclose(seen["dew_point_shortfall"][0], np.array([0.0, 0.0, 0.0, 0.0, 2.0]) * 120.0, atol=0.3)


def test_relative_humidity_above_seventy_percent_at_the_coldest_inlet_counts_as_dew_point():
    at_limit = psychrolib.GetTDewPointFromRelHum(18.0, 0.70)
    assert 12.0 < at_limit < 13.0
    seen = watched([at_limit - 0.5, at_limit, at_limit + 0.5, at_limit + 1.5], 18.0)
    assert_allclose(seen["room_relative_humidity"][0, 1], 0.70, atol=1e-4)
    assert_allclose(seen["dew_point_excess"][0], np.array([0.0, 0.0, 0.5, 1.5]) * 120.0, rtol=0.01, atol=0.3)


def test_make_up_water_of_the_tower_is_what_its_air_carries_off_and_what_is_bled():
    """Psychrolib's saturated air with the heat that the water lost, less what it brought; four cycles of concentration add a third."""
    ratio = moist_air.humidity_ratio(20.0, 0.6, 101325.0)
    wet_bulb = float(moist_air.wet_bulb_temperature(20.0, ratio, 101325.0))
    u = steady_inputs(
        LEGACY,
        1,
        utilization=1.0,
        dry_bulb_temperature=20.0,
        wet_bulb_temperature=wet_bulb,
        outdoor_humidity_ratio=float(ratio),
        condenser_water_setpoint=wet_bulb + 4.0,
    )
    s = at_rest(LEGACY, u)
    air = LEGACY.params.tower_air_flow_nominal.item() * s.tower_air_fraction.item()
    heat = s.tower_heat.item() / 900.0 / air
    entering = psychrolib.GetMoistAirEnthalpy(20.0, ratio)
    leaving = float(moist_air.saturation_temperature(entering + heat, 101325.0))
    evaporated = air * (psychrolib.GetSatHumRatio(leaving, 101325.0) - ratio)
    assert_allclose(s.tower_makeup_water.item() / 900.0, evaporated * 4.0 / 3.0, rtol=0.02)


def test_a_humidifier_is_told_in_one_way():
    with pytest.raises(Exception, match="pump_pressure with humidifier: adiabatic"):
        build_hall(LEGACY.description.replaced({"moisture.humidifier": "adiabatic"}))
