"""Rooms on direct expansion: machines by their published curves, least times, humidity, and how fast a room without cooling gets hot."""

from dataclasses import replace

import numpy as np
import psychrolib
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from test_step import advance, at_rest, begin, random_state, steady_inputs

from dcsim.errors import InputError
from dcsim.plant.audit import cooling_energy, energy_residual
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall

psychrolib.SetUnitSystem(psychrolib.SI)

LONG_S = 900.0  # of the steps that `at_rest` makes
EVAPORATION = 2.501e6  # J/kg

# EnergyPlus DXCoilSystemAuto, "Curve II": 1, x, x2, y, y2, xy of entering wet bulb and outdoor dry bulb
CAPACITY_BY_TEMPERATURE = (0.766956, 0.0107756, -4.14703e-5, 0.00134961, -2.61144e-4, 4.57488e-4)
INPUT_BY_TEMPERATURE = (0.297145, 0.0430933, -7.48766e-4, 0.00597727, 4.82112e-4, -9.56448e-4)


@pytest.fixture(scope="module")
def hall():
    return build_hall("edge-dx-50kw")


def biquadratic(c, x, y):
    return c[0] + c[1] * x + c[2] * x * x + c[3] * y + c[4] * y * y + c[5] * x * y


def weather(dry_bulb, relative_humidity=0.4):
    """Outdoor inputs of the given air at sea level."""
    dry_bulb = np.atleast_1d(np.asarray(dry_bulb, float))
    ratio = [psychrolib.GetHumRatioFromRelHum(t, relative_humidity, 101325.0) for t in dry_bulb]
    wet_bulb = [psychrolib.GetTWetBulbFromHumRatio(t, w, 101325.0) for t, w in zip(dry_bulb, ratio, strict=True)]
    return {
        "dry_bulb_temperature": dry_bulb[None],
        "outdoor_humidity_ratio": np.array([ratio]),
        "wet_bulb_temperature": np.array([wet_bulb]),
    }


# --- capacity and power -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_moisture", [True, False])
@pytest.mark.parametrize("load", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dry_bulb", [-10.0, 20.0, 38.0])
def test_power_at_rest_is_that_of_the_published_curves(with_moisture, load, dry_bulb):
    """Capacity, energy input ratio and part load worked out anew for the air onto the coils, wet or just dry."""
    description = load_hall("edge-dx-50kw")
    hall = build_hall(description if with_moisture else description.replaced({"moisture": None}))
    p = hall.params
    u = steady_inputs(hall, 1, utilization=load, crah_fan_speed=0.8, supply_air_setpoint=18.0, **weather(dry_bulb))
    s = at_rest(hall, u)
    assert_allclose(s.supply_air_temperature, 18.0, atol=1e-6)
    power, heat = 0.0, 0.0
    condenser = min(max(dry_bulb + 2.0, 18.0), 46.11111)
    for unit in range(2):
        entering, fraction = s.coil_entering_air[unit, 0], s.crah_fan_speed[unit, 0]
        flow = fraction * p.crah_mass_flow_nominal[unit, 0]
        touched = flow * (1.0 - np.exp(-p.dx_surface_mass_flow[unit, 0] / flow))

        def capacity(wet_bulb, fraction=fraction):
            bounded = min(max(wet_bulb, 12.77778), 23.88889)
            return 45e3 * biquadratic(CAPACITY_BY_TEMPERATURE, bounded, condenser) * (0.8 + 0.2 * fraction)

        def dryness(wet_bulb, entering=entering, touched=touched, capacity=capacity):
            ratio = psychrolib.GetHumRatioFromTWetBulb(entering, wet_bulb, 101325.0)
            surface = entering - capacity(wet_bulb) / (touched * (1006.0 + 1860.0 * ratio))
            return psychrolib.GetTDewPointFromHumRatio(entering, ratio, 101325.0) - surface

        wet_bulb = brentq(dryness, psychrolib.GetTWetBulbFromRelHum(entering, 0.02, 101325.0), entering - 1e-3)
        if with_moisture:
            wet_bulb = max(wet_bulb, psychrolib.GetTWetBulbFromHumRatio(entering, s.humidity_ratio[0, 0], 101325.0))
        full = capacity(wet_bulb)
        input_ratio = biquadratic(INPUT_BY_TEMPERATURE, min(max(wet_bulb, 12.77778), 23.88889), condenser)
        input_ratio *= 1.1552 - 0.1808 * fraction + 0.0256 * fraction**2
        ratio = s.compressor_load[unit, 0]
        assert 0.1 < ratio < 1.0
        power += full / 2.9 * input_ratio * ratio / (0.85 + 0.15 * ratio)
        heat += ratio * full
    assert_allclose(s.compressor_energy[0, 0] / LONG_S, power, rtol=2e-3)
    assert_allclose((s.condenser_heat - s.compressor_energy)[0, 0] / LONG_S, heat, rtol=2e-3)


def test_hotter_outdoors_is_never_cheaper_at_fixed_set_points(hall):
    dry_bulb = np.linspace(-15.0, 48.0, 64)
    for speed in (0.5, 1.0):
        u = steady_inputs(hall, 64, crah_fan_speed=speed, supply_air_setpoint=18.0, utilization=0.4)
        u = u._replace(dry_bulb_temperature=dry_bulb[None])  # the same vapor in it
        s = at_rest(hall, u)
        assert_allclose(s.supply_air_temperature, 18.0, atol=1e-6)
        power = cooling_energy(hall.types, s)[0]
        assert (np.diff(power) > -1e-6 * power[1:]).all()
        assert (np.diff(s.compressor_energy[0]) > -1e-6 * s.compressor_energy[0, 1:]).all()
        assert s.compressor_energy[0, -1] > 1.4 * s.compressor_energy[0, 0]


def test_a_cycling_compressor_pays_for_its_starts():
    """A quarter of the load takes 0.25 / (0.85 + 0.15 0.25) = 0.2817 of full power for a machine of one stage, less for one that modulates."""
    description = load_hall("edge-dx-50kw")
    power = {}
    for kind in ("single-stage", "inverter"):
        hall = build_hall(description.replaced({"dx.compressor": kind}))
        u = steady_inputs(hall, 1, utilization=0.2, supply_air_setpoint=18.0, **weather(25.0))
        power[kind] = at_rest(hall, u).compressor_energy[0, 0]
    assert power["inverter"] < 0.85 * power["single-stage"]


def test_a_derated_unit_gives_its_share_and_no_more(hall):
    u = steady_inputs(hall, 1, utilization=1.0, dx_unit_available=0.6, supply_air_setpoint=14.0, **weather(35.0))
    s = at_rest(hall, u)
    assert_allclose(s.compressor_load, 0.6, rtol=1e-6)
    assert (s.supply_air_temperature > 15.0).all()


# --- compressors that start and stop -----------------------------------------------------------------------------------


def runs(on):
    """Lengths and values of the runs of a sequence."""
    edges = np.flatnonzero(np.diff(on)) + 1
    pieces = np.split(on, edges)
    return [(len(piece), bool(piece[0])) for piece in pieces]


@pytest.mark.parametrize("seed", range(3))
def test_least_times_hold_whatever_is_asked_for(seed):
    """Requests at random every half minute, load and weather in which an economizer or next to no load lets compressors rest."""
    description = load_hall("edge-dx-50kw").replaced({"dx.on_time_min": 240.0, "dx.off_time_min": 150.0})
    hall = build_hall(description)
    rng = np.random.default_rng(seed)
    u = steady_inputs(hall, 8, supply_air_setpoint=20.0, utilization=0.3)
    s = at_rest(hall, u, steps=20)
    seen = []
    for _ in range(240):
        u = u._replace(
            compressor_request=rng.uniform(0.0, 1.0, (2, 8)),
            supply_air_setpoint=np.full((2, 8), rng.choice([14.0, 24.0])),
        )
        s = advance(hall, s, u, 30.0, 1)
        seen.append(s.compressor_on.copy())
    on = np.array(seen)
    assert (on.sum(1) >= 1).all()  # one of the team always runs
    counted = 0
    for row in on.reshape(240, -1).T:
        for length, is_on in runs(row)[1:-1]:
            # starts and stops happen at both ends of a step: a run takes up to one more than are seen
            assert (length + 1) * 30.0 >= (240.0 if is_on else 150.0)
            counted += 1
    assert counted > 30


def test_requests_have_hysteresis_and_never_stop_all_that_run(hall):
    u = steady_inputs(hall, 1)
    s = at_rest(hall, u)
    barely = begin(hall, s, u._replace(compressor_request=np.array([[0.45], [1.0]])), hall.params, 300.0, np)[0]
    assert_array_equal(barely.compressor_on, [[1.0], [1.0]])
    one = begin(hall, s, u._replace(compressor_request=np.array([[0.2], [1.0]])), hall.params, 300.0, np)[0]
    assert_array_equal(one.compressor_on, [[0.0], [1.0]])
    none = begin(hall, one, u._replace(compressor_request=np.zeros((2, 1))), hall.params, 300.0, np)[0]
    assert_array_equal(none.compressor_on, [[0.0], [1.0]])


def test_a_swap_of_units_never_leaves_the_room_without_cooling(hall):
    """The one that is called rests first; the other goes on until it runs."""
    u = steady_inputs(hall, 1, compressor_request=np.array([[1.0], [0.0]]))
    s = advance(hall, at_rest(hall, u), u, 300.0, 10)
    assert_array_equal(s.compressor_on, [[1.0], [0.0]])
    u = u._replace(compressor_request=np.array([[0.0], [1.0]]))
    s = s._replace(compressor_time=np.array([[1e4], [0.0]]))
    states = []
    for _ in range(10):
        s = advance(hall, s, u, 30.0, 1)
        states.append(s.compressor_on[:, 0].copy())
    assert (np.sum(states, 1) >= 1).all()
    assert_array_equal(states[0], [1.0, 0.0])
    assert_array_equal(states[-1], [0.0, 1.0])


def test_a_failure_stops_a_compressor_at_once_and_it_rests_before_it_starts_again(hall):
    u = steady_inputs(hall, 1)
    s = at_rest(hall, u)
    gone = advance(hall, s, u._replace(dx_unit_available=np.array([[0.0], [1.0]])), 30.0, 1)
    assert gone.compressor_on[0, 0] == gone.compressor_loading[0, 0] == gone.compressor_load[0, 0] == 0.0
    resting = 0
    while gone.compressor_on[0, 0] < 0.5:
        gone = advance(hall, gone, u, 30.0, 1)
        resting += 1
    assert resting * 30.0 == 180.0 - 30.0  # the half minute of the failure counts
    stopped = advance(hall, s, u._replace(crah_available=np.array([[1.0], [0.0]])), 30.0, 1)
    assert stopped.compressor_on[1, 0] == 0.0  # no compressor without its fan


def test_all_compressors_are_called_above_the_allowable_inlet(hall):
    u = steady_inputs(hall, 1, compressor_request=np.array([[1.0], [0.0]]))
    s = advance(hall, at_rest(hall, u), u, 300.0, 10)
    hot = s._replace(rack_inlet_temperature=s.rack_inlet_temperature * 0.0 + 33.0, compressor_time=np.full((2, 1), 1e4))
    assert_array_equal(begin(hall, hot, u, hall.params, 300.0, np)[0].compressor_on, [[1.0], [1.0]])


# --- humidity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dry_bulb", [0.0, 30.0])
def test_at_rest_coils_give_up_what_humidifier_and_outdoor_air_bring(hall, dry_bulb):
    u = steady_inputs(hall, 1, crah_fan_speed=0.5, supply_air_setpoint=18.0, **weather(dry_bulb, 0.6))
    s = at_rest(hall, u)
    p = hall.params
    vapor = 0.85 * s.humidifier_water[0, 0]
    brought = LONG_S * p.infiltration_flow[0, 0] * (u.outdoor_humidity_ratio - s.humidity_ratio)[0, 0]
    assert_allclose(s.condensate_water[0, 0], vapor + brought, rtol=1e-4)
    assert s.condensate_water[0, 0] > 0.5  # kg in a quarter of an hour


def test_more_air_spares_the_coils_condensing_and_the_humidifier_work(hall):
    speed = np.array([0.5, 0.6, 0.75])
    u = steady_inputs(
        hall, 3, crah_fan_speed=speed, supply_air_setpoint=18.0, **{k: v.repeat(3, 1) for k, v in weather(5.0).items()}
    )
    s = at_rest(hall, u)
    assert (np.diff(s.condensate_water[0]) < 0.0).all()
    assert (np.diff(s.humidifier_energy[0]) < 0.0).all()
    latent = EVAPORATION * s.condensate_water[0]
    cooled = s.condenser_heat[0] - s.compressor_energy[0]
    assert 0.02 < latent[0] / cooled[0] < 0.2  # the sensible heat ratio of computer-room units lies at 0.8 to 1


def test_the_humidifier_works_alike_with_short_and_long_steps(hall):
    """Coils dry the air of a small room faster than a step is long; its output must not depend on the step."""
    u = steady_inputs(hall, 1, crah_fan_speed=0.5, supply_air_setpoint=18.0, **weather(5.0))
    s = at_rest(hall, u)
    powers = []
    for substeps in (3, 10, 60):
        t = s
        for _ in range(6):
            t = advance(hall, t, u, 300.0, substeps)
        powers.append(t.humidifier_energy[0, 0] / 300.0)
    assert powers[0] > 1000.0
    assert_allclose(powers, powers[-1], rtol=0.02)


# --- loss of cooling --------------------------------------------------------------------------------------------------


def test_without_compressors_a_full_room_is_too_hot_for_servers_within_minutes(hall):
    """Field tests at 5 kW a rack: 3 min 9 s until servers shut down (Opengate Data Systems); here until inlets of 40 degC."""
    u = steady_inputs(hall, 1, utilization=1.0, supply_air_setpoint=18.0, crah_fan_speed=0.7)
    s = at_rest(hall, u)
    u = u._replace(dx_unit_available=np.zeros((2, 1)))
    seconds = 0.0
    while s.rack_inlet_temperature.max() < 40.0:
        s = advance(hall, s, u, 10.0, 1)
        seconds += 10.0
    assert 120.0 < seconds < 300.0


def test_a_sealed_room_without_compressors_heats_up_at_its_power_over_its_heat_capacity(hall):
    """After the air has risen, dT/dt = P / (C_air + C_servers + C_units)."""
    sealed = ("envelope_conductance", "infiltration_flow", "humidifier_capacity")
    p = hall.params._replace(
        **{name: np.zeros((1, 1)) for name in sealed}, mass_conductance=np.full_like(hall.params.mass_conductance, 1e-9)
    )
    room = replace(
        hall,
        params=p._replace(
            server_fan_ramp_start_temperature=np.full((1, 1), 90.0),
            server_fan_ramp_end_temperature=np.full((1, 1), 99.0),
            inlet_allowable=np.full((1, 1), 99.0),
        ),
    )
    u = steady_inputs(room, 1, utilization=0.8)
    s = at_rest(room, u, steps=20)
    u = u._replace(dx_unit_available=np.zeros((2, 1)))
    temperatures, powers = [], []
    for _ in range(16):
        s = advance(room, s, u, 60.0, 4)
        temperatures.append(s.server_temperature.mean())
        powers.append((s.it_energy + s.crah_fan_energy + s.electrical_loss_energy)[0, 0] / 60.0)
    capacity = sum(float(getattr(p, name).sum()) for name in set(room.types.heat_capacities.values()))
    capacity -= float(p.mass_heat_capacity.sum())
    rate = (temperatures[-1] - temperatures[-6]) / 300.0
    assert_allclose(rate, np.mean(powers[-5:]) / capacity, rtol=0.02)
    assert 60.0 * rate > 1.3  # K a minute; physics of a room with servers, published for 8 kW racks of 330 kJ/K


# --- description ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dx.curves": "curve-2"}, "nearest is 'curve-ii'"),
        ({"dx.compressor": "invertor"}, "nearest is 'inverter'"),
        ({"dx.stop_load": 0.5}, "stop_load is not below start_load"),
        ({"dx": None}, "give one of coils, dx and district_cooling"),
        ({"dx.cop": -1.0}, "not above 0"),
    ],
)
def test_what_is_no_unit_is_refused_in_one_line(changes, said):
    with pytest.raises(InputError, match=said) as error:
        load_hall("edge-dx-50kw").replaced(changes)
    assert "\n" not in str(error.value)


def test_energy_closes_while_compressors_start_and_stop_and_units_fail(hall):
    rng = np.random.default_rng(4)
    s = random_state(hall, rng, 32)
    for _ in range(20):
        u = steady_inputs(
            hall,
            32,
            compressor_request=rng.uniform(0.0, 1.0, (2, 32)),
            dx_unit_available=(rng.uniform(0.0, 1.0, (2, 32)) > 0.2) * rng.uniform(0.3, 1.0, (2, 32)),
            crah_available=(rng.uniform(0.0, 1.0, (2, 32)) > 0.1) * 1.0,
            utilization=rng.uniform(0.0, 1.0, (10, 32)),
        )
        s = advance(hall, s, u)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())
