"""The liquid-cooled hall: energy closes, the signs are those of a plant, its steady numbers are the published ones."""

import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.engines import make_engine, pack, unpack
from dcsim.errors import InputError
from dcsim.physics import moist_air
from dcsim.physics.cold_plate import PG25_DENSITY, PG25_SPECIFIC_HEAT
from dcsim.plant.audit import cooling_energy, energy_residual
from dcsim.plant.description import load_hall, parse_hall
from dcsim.plant.hall import build_hall
from dcsim.plant.liquid import LOAD_SLOTS
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim.plant.step import Step

NAME = "ai-d2c-20mw"
STEP_S, SUBSTEPS = 300.0, 30


@pytest.fixture(scope="module")
def hall():
    return build_hall(NAME)


@pytest.fixture(scope="module")
def engine(hall):
    return make_engine("fused", hall_model(hall), hall.params)


def usual(**changes):
    """A usual operating point, dry air of 25 degC."""
    values = {
        "supply_air_setpoint": 24.0,
        "crah_fan_speed": 0.87,
        "chilled_water_setpoint": 20.0,
        "chilled_water_pump_speed": 1.0,
        "coolant_setpoint": 42.0,
        "coolant_flow": 0.8,
        "facility_water_setpoint": 38.0,
        "dry_cooler_fan_limit": 1.0,
        "utilization": 0.8,
        "dry_bulb_temperature": 25.0,
        "relative_humidity": 0.4,
        **changes,
    }
    dry_bulb = np.asarray(values["dry_bulb_temperature"], float)
    humidity = moist_air.humidity_ratio(dry_bulb, np.asarray(values.pop("relative_humidity")), 101325.0)
    return {
        "wet_bulb_temperature": moist_air.wet_bulb_temperature(dry_bulb, humidity, 101325.0),
        "outdoor_humidity_ratio": humidity,
        **values,
    }


def named(engine, hall, state):
    return unpack(state, hall.types.State, engine.state_slices)


def at_rest(hall, engine, n=1, steps=40, **changes):
    """State and inputs, packed, at rest with these inputs; protection, which a cold start may call, is let go."""
    u = packed_inputs(hall, n, usual(**changes))
    state = cold_state(hall, n)
    for _ in range(steps):
        state = rested(engine, hall, state, u, case_protection=0.0, protection=0.0)
    return rested(engine, hall, state, u, interval=STEP_S, substeps=SUBSTEPS), u


def random_columns(hall, engine, rng, n):
    """States and inputs from all over their ranges, packed."""
    ranges = hall.description.setpoints
    dry_bulb = rng.uniform(-20.0, 45.0, n)
    humidity = moist_air.humidity_ratio(dry_bulb, rng.uniform(0.1, 1.0, n), 101325.0)
    draws = dict.fromkeys(hall.input_rows, (0.0, 1.0))
    draws |= {
        setpoint.input: (getattr(ranges, setpoint.allowed).low, getattr(ranges, setpoint.allowed).high)
        for setpoint in hall.types.setpoints
    }
    draws |= {"swing": (-0.5, 0.5), "outdoor_pressure": (80e3, 102e3)}
    u = hall.types.Inputs(**{name: rng.uniform(*draws[name], (rows, n)) for name, rows in hall.input_rows.items()})
    u = u._replace(
        dry_bulb_temperature=dry_bulb[None],
        outdoor_humidity_ratio=humidity[None],
        wet_bulb_temperature=moist_air.wet_bulb_temperature(dry_bulb, humidity, 101325.0)[None],
        pressure_control=np.round(u.pressure_control),
        crah_available=np.round(u.crah_available * 1.4).clip(0, 1),
        chiller_available=np.round(u.chiller_available * 1.4).clip(0, 1),
        cdu_pump_available=np.round(u.cdu_pump_available * 1.4).clip(0, 1),
    )
    around = {
        "server_temperature": (25, 45),
        "rack_inlet_temperature": (18, 30),
        "server_fan_speed": (0.3, 0.8),
        "hot_air_temperature": (25, 42),
        "mass_temperature": (20, 40),
        "supply_air_temperature": (16, 26),
        "crah_fan_speed": (0.3, 1.0),
        "valve_fraction": (0.05, 1.0),
        "chilled_water_supply_temperature": (14, 24),
        "chilled_water_return_temperature": (20, 34),
        "chiller_loading": (0, 1),
        "chillers_on": (1, hall.chillers),
        "case_temperature": (35, 85),
        "coolant_supply_temperature": (25, 50),
        "coolant_return_temperature": (30, 60),
        "cdu_pump_speed": (0.3, 1.0),
        "cdu_valve_position": (0.0, 1.0),
        "facility_water_supply_temperature": (20, 45),
        "facility_water_return_temperature": (25, 55),
        "dry_cooler_fan_speed": (0.1, 1.0),
        "pad_wetted_share": (0.0, 1.0),
        "stage_time": (0, 4000),
        "humidity_ratio": (0.002, 0.012),
        "room_dew_point": (-5, 16),
        **{
            setpoint.state: (getattr(ranges, setpoint.allowed).low, getattr(ranges, setpoint.allowed).high)
            for setpoint in hall.types.setpoints
        },
    }
    s = hall.types.State(
        **{name: rng.uniform(*around.get(name, (0, 0)), (rows, n)) for name, rows in hall.state_rows.items()}
    )
    s = s._replace(chillers_on=np.round(s.chillers_on))
    return pack(s, engine.state_slices, n), pack(u, engine.input_slices, n)


# --- balances and engines -----------------------------------------------------------------------------------------------------


def test_energy_closes_for_random_states_actions_loads_and_outages(hall, engine):
    rng = np.random.default_rng(1)
    state, _ = random_columns(hall, engine, rng, 64)
    for _ in range(10):
        _, inputs = random_columns(hall, engine, rng, 64)
        state = engine.step(state, inputs, STEP_S, substeps=SUBSTEPS)
        assert np.isfinite(state).all()
        s = named(engine, hall, state)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())


@pytest.mark.parametrize("field", ["dry_cooler_heat", "condenser_heat", "cdu_pump_energy"])
def test_a_missing_flux_would_be_noticed(hall, engine, field):
    rng = np.random.default_rng(2)
    s = named(engine, hall, engine.step(*random_columns(hall, engine, rng, 8), STEP_S, substeps=SUBSTEPS))
    residual = energy_residual(hall.types, s._replace(**{field: 0.9 * getattr(s, field)}))[0]
    assert (np.abs(residual) > 1e-6 * s.it_energy[0]).any()


def test_every_temperature_stores_heat(hall):
    named_so = {name for name in hall.types.State._fields if name.endswith("_temperature")}
    assert named_so == set(hall.types.heat_capacities)


@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_over_random_plants_states_and_actions(hall, seed):
    rng = np.random.default_rng(seed)
    kept = hall.types.matrices | {
        name
        for name in hall.params._fields
        if "curve" in name or name in ("setpoint_count", "racks_per_zone", "slot_start", "air_share")
    }
    params = hall.params._replace(
        **{
            name: np.minimum(value * rng.uniform(0.9, 1.1, value.shape), 0.99 if "effectiveness" in name else np.inf)
            for name, value in hall.params._asdict().items()
            if name not in kept
        }
    )
    engines = engines_of(hall, params)
    state, inputs = random_columns(hall, engines["numpy"], rng, 12)
    assert_engines_agree(hall, engines, state, inputs, STEP_S, substeps=SUBSTEPS)


def test_an_environment_alone_equals_itself_in_a_batch_to_the_bit(hall, engine):
    state, inputs = random_columns(hall, engine, np.random.default_rng(5), 21)
    together = engine.step(state, inputs, STEP_S, substeps=SUBSTEPS)
    for row in (0, 7, 20):
        alone = engine.step(state[:, row : row + 1].copy(), inputs[:, row : row + 1].copy(), STEP_S, substeps=SUBSTEPS)
        assert_array_equal(alone[:, 0], together[:, row])


# --- published numbers --------------------------------------------------------------------------------------------------------


def test_coolant_warms_by_what_its_flow_carries(hall, engine):
    """At 1.2 L/min per kW 25 % glycol warms by 12.5 K and water by 12.04: 60 / (1.2 * 4184 * 0.9956) a kW and kelvin."""
    assert_allclose(60e3 / (1.2 * 4184.0 * 0.9956), 12.0, atol=0.05)
    state, _ = at_rest(hall, engine, utilization=1.0, coolant_flow=0.8)
    s = named(engine, hall, state)
    heat = s.it_energy[0, 0] / STEP_S - air_heat(hall, s)
    rise = (s.coolant_return_temperature - s.coolant_supply_temperature).mean()
    nominal = (hall.params.plate_share @ hall.params.peak_power).sum()
    flow = 1.2 * nominal / 1000.0 / 60e3  # m3/s
    pump = s.cdu_pump_energy[0, 0] / STEP_S
    assert_allclose(rise, (heat + pump) / (flow * PG25_DENSITY * PG25_SPECIFIC_HEAT), rtol=1e-3)
    assert 12.5 < rise < 12.5 * 1.08  # leakage and pumps come on top


def air_heat(hall, s):
    """Power of the racks that goes into the air, W, by what the servers give off at rest."""
    p = hall.params
    dynamic = p.air_share * p.peak_power
    leakage = dynamic * p.leakage_coefficient * (s.rack_inlet_temperature - p.leakage_reference_temperature)
    return float((dynamic + leakage).sum() + s.server_fan_energy[0, 0] / STEP_S)


def test_cases_stand_above_the_coolant_by_power_times_resistance(hall, engine):
    """1200 W on 0.0267 K/W at 40 degC: 72.0 degC, at the flow for which the resistance is stated and without leakage."""
    changed = hall.description.replaced(
        {
            "racks.leakage_coefficient": 0.0,
            "liquid.relative_resistance": [1.0] * 20,
            "limits.case_limit": 120.0,
            "limits.case_protection_release_temperature": 119.0,
        }
    )
    plain = build_hall(changed)
    other = make_engine("fused", hall_model(plain), plain.params)
    flow = 1.6 / 1.8  # of nominal: 1.6 L/min through a plate
    state, _ = at_rest(
        plain, other, utilization=1.0, coolant_flow=flow, coolant_setpoint=40.0, facility_water_setpoint=35.0
    )
    s = named(other, plain, state)
    assert_allclose(s.coolant_supply_temperature, 40.0, atol=1e-3)
    assert_allclose(s.case_temperature, 40.0 + 1200.0 * 0.0267, atol=2e-3)


def test_the_exchangers_hold_their_approach_at_nominal_flows(hall):
    """1.3 MW from 50 to 40 degC with facility water of 36 degC: effectiveness 0.714, and a conductance of 2.5 times the stream."""
    p = hall.params
    ratio = p.cdu_facility_stream / p.coolant_stream
    ntu = p.cdu_conductance / p.coolant_stream
    effectiveness = (1 - np.exp(-ntu * (1 - 1 / ratio))) / (1 - np.exp(-ntu * (1 - 1 / ratio)) / ratio)
    assert_allclose(effectiveness, 10.0 / 14.0, rtol=0.01)
    assert (np.abs(ntu - 2.5) < 0.2).all()


def test_leakage_counts_from_20_degrees_of_coolant(hall, engine):
    """At nominal flow 0.25 % a kelvin of coolant above 20 degC, and of what leakage itself warms the case; less flow adds to it."""
    state, _ = at_rest(
        hall,
        engine,
        2,
        utilization=1.0,
        coolant_flow=np.array([1.0, 0.7]),
        coolant_setpoint=40.0,
        facility_water_setpoint=35.0,
    )
    s, p = named(engine, hall, state), hall.params
    air = (p.air_share * p.peak_power * p.leakage_coefficient * (s.rack_inlet_temperature - 20.0)).sum(0)
    plates = s.leakage_energy[0] / STEP_S - air
    chips = p.plate_share @ p.peak_power
    assert_allclose(
        plates[0], (0.0025 * chips * 20.0 / (1.0 - 0.0025 * chips * p.plate_resistance_nominal)).sum(), rtol=1e-3
    )
    assert plates[1] > 1.02 * plates[0]


# --- the load within a control step -------------------------------------------------------------------------------------------


def stepped(hall, slot, low=0.0, high=1.0):
    """Inputs of a swing of all zones from low to high load at the start of a slot; mean, share and swing."""
    level = np.where(np.arange(LOAD_SLOTS) < slot, low, high)
    mean = level.mean()
    share = (hall.params.air_share < 1.0).astype(float)
    return {
        "utilization": np.where(share > 0.0, mean, 0.5),
        "swing_share": share,
        "swing": np.tile(level - mean, hall.crah_groups)[:, None],
    }


def test_a_step_from_30_to_100_percent_moves_the_cases_along_the_exponential_of_their_lump(hall):
    """With the coolant held at its temperature by a huge loop the lump is of first order: exact within the scheme's error."""
    changed = hall.description.replaced(
        {
            "racks.leakage_coefficient": 0.0,
            "liquid.supply_heat_capacity": 1e13,
            "limits.case_limit": 120.0,
            "limits.case_protection_release_temperature": 119.0,
        }
    )
    plain = build_hall(changed)
    engine = make_engine("fused", hall_model(plain), plain.params)
    state, _ = at_rest(plain, engine, utilization=0.0)
    rows = engine.state_slices
    state[rows["coolant_supply_temperature"]] = 40.0
    first = state[rows["case_temperature"]].copy()
    u = packed_inputs(plain, 1, usual(**stepped(plain, 20)))
    p = plain.params
    # flow 0.8 of nominal, 1.44 L/min through a plate rated at 1.6: half of the resistance lies in the coolant
    resistance = p.plate_resistance * (1.0 + 0.5 * ((0.8 * 1.125) ** -0.4 - 1.0))
    chips = p.plate_share @ p.peak_power
    before, after = (40.0 + load * resistance * chips for load in (0.3, 1.0))
    state[rows["case_temperature"]] = before
    constant = resistance * p.plate_heat_capacity
    assert (constant > 9.5).all() and (constant < 11.0).all()
    # the control step ends 100 s after the jump; then seconds count, so it is cut where 12 s have passed
    for seconds, slots in ((100.0, 20), (20.0, 28), (10.0, 29)):
        u = packed_inputs(plain, 1, usual(**stepped(plain, slots)))
        s = named(engine, plain, engine.step(state, u, STEP_S, substeps=1200))
        exact = after + (before - after) * np.exp(-seconds / constant)
        assert_allclose(s.case_temperature, exact, atol=2e-3)
        coarse = named(engine, plain, engine.step(state, u, STEP_S, substeps=SUBSTEPS))
        assert_allclose(coarse.case_temperature, exact, atol=0.7)  # 3 % of the step at once, gone after two sub-steps
    assert (first < after).all()


def test_peaks_of_power_and_cases_are_those_of_the_slots_and_the_mean_is_the_mean(hall):
    """Without leakage power is a straight line in load: the energy is that of the mean load, whatever the swings."""
    plain = build_hall(hall.description.replaced({"racks.leakage_coefficient": 0.0}))
    engine = make_engine("fused", hall_model(plain), plain.params)
    state, _ = at_rest(plain, engine, utilization=0.0)
    level = np.zeros(LOAD_SLOTS)
    level[[4, 5, 6, 17]] = 1.0
    mean = level.mean()
    share = (plain.params.air_share < 1.0).astype(float)
    even = usual(utilization=mean * share)
    swung = {**even, "swing_share": share, "swing": np.tile(level - mean, plain.crah_groups)[:, None]}
    s, flat = (
        named(engine, plain, engine.step(state, packed_inputs(plain, 1, load), STEP_S, substeps=SUBSTEPS))
        for load in (swung, even)
    )
    assert_allclose(s.it_energy, flat.it_energy, rtol=1e-9)
    gpus = plain.params.peak_power[share > 0.0].sum()  # they idle at 30 %
    assert_allclose(s.it_power_peak - flat.it_power_peak, 0.7 * gpus * (1.0 - mean), rtol=1e-3)
    assert s.case_temperature_max[0, 0] > flat.case_temperature_max[0, 0] + 15.0
    assert s.case_temperature_max[0, 0] > s.case_temperature.max() + 5.0
    assert_allclose(s.case_temperature_max, s.case_temperature_peak.max(0, keepdims=True))


@pytest.mark.parametrize("substeps", [7, 30, 60])
def test_the_load_of_a_step_does_not_depend_on_how_it_is_cut(hall, engine, substeps):
    """Slots that a pass covers in part count in part: energy is that of the slots for any number of sub-steps."""
    rng = np.random.default_rng(3)
    state, _ = at_rest(hall, engine, utilization=0.5)
    swing = rng.uniform(-0.4, 0.4, (hall.crah_groups, LOAD_SLOTS))
    swing -= swing.mean(1, keepdims=True)
    u = packed_inputs(hall, 1, usual(utilization=0.5, swing_share=1.0, swing=swing.reshape(-1, 1)))
    energies = [named(engine, hall, engine.step(state, u, STEP_S, substeps=n)).it_energy[0, 0] for n in (300, substeps)]
    assert_allclose(energies[1], energies[0], rtol=2e-4)


def test_a_zone_swings_alone(hall, engine):
    state, _ = at_rest(hall, engine, utilization=0.5)
    swing = np.zeros((hall.crah_groups, LOAD_SLOTS))
    swing[2, 10:20], swing[2, 20:] = 0.5, -0.25
    swing[2, :10] = -0.25
    even = usual(utilization=0.5)
    swung = {**even, "swing_share": 1.0, "swing": swing.reshape(-1, 1)}
    s, still = (
        named(engine, hall, engine.step(state, packed_inputs(hall, 1, load), STEP_S, substeps=SUBSTEPS))
        for load in (swung, even)
    )
    hotter = (s.case_temperature_peak - still.case_temperature_peak).reshape(hall.cdu_groups, -1).max(1)
    assert hotter[2] > 5.0
    assert np.abs(np.delete(hotter, 2)).max() < 0.5


# --- signs --------------------------------------------------------------------------------------------------------------------


def test_more_flow_cools_the_cases_and_costs_pump_power(hall, engine):
    flow = np.linspace(0.4, 1.0, 13)
    state, _ = at_rest(hall, engine, 13, coolant_flow=flow, utilization=0.6)
    s = named(engine, hall, state)
    assert (np.diff(s.case_temperature, axis=1) < -0.05).all()
    assert (np.diff(s.cdu_pump_energy[0]) > 0.0).all()
    assert_allclose(s.cdu_pump_energy[0] / s.cdu_pump_energy[0, -1], flow**3, rtol=1e-6)


def test_hotter_outdoor_air_never_makes_cooling_cheaper(hall, engine):
    """At fixed set-points, for several loads, with pads and without, wherever protection does not act."""
    air = np.tile(np.linspace(-15.0, 44.0, 60), 3)
    load = np.repeat([0.2, 0.6, 1.0], 60)
    state, _ = at_rest(hall, engine, 180, dry_bulb_temperature=air, relative_humidity=0.2, utilization=load)
    s = named(engine, hall, state)
    power = cooling_energy(hall.types, s)[0]
    both = (np.diff(load) == 0.0) & (s.case_protection[0, 1:] == 0.0)
    assert both.sum() > 150
    assert (np.diff(power)[both] > -1e-6 * power[1:][both]).all()
    assert s.dry_cooler_fan_energy[0].max() > 5.0 * s.dry_cooler_fan_energy[0].min()


def test_wetted_pads_lower_the_supply_on_dry_days_and_use_water(hall, engine):
    dry = build_hall(hall.description.replaced({"dry_coolers.pad_effectiveness": 0.0}))
    without = make_engine("fused", hall_model(dry), dry.params)
    hot = dict(dry_bulb_temperature=38.0, relative_humidity=0.2, utilization=1.0, coolant_flow=1.0)
    s, plain = (named(e, h, at_rest(h, e, **hot)[0]) for h, e in ((hall, engine), (dry, without)))
    assert s.facility_water_supply_temperature[0, 0] < plain.facility_water_supply_temperature[0, 0] - 4.0
    assert s.pad_water[0, 0] > 0.0 == plain.pad_water[0, 0]
    # all the air's cooling is evaporation: 1.2 to 1.9 kg of make-up a kWh of latent heat at four cycles of concentration
    mild = named(engine, hall, at_rest(hall, engine, dry_bulb_temperature=22.0, utilization=1.0)[0])
    assert mild.pad_water[0, 0] < 1e-6 * s.pad_water[0, 0]
    humid = named(engine, hall, at_rest(hall, engine, **{**hot, "relative_humidity": 0.9})[0])
    assert humid.facility_water_supply_temperature[0, 0] > s.facility_water_supply_temperature[0, 0] + 2.0


def test_fans_are_used_up_before_water(hall, engine):
    """Where the set-point is met without pads, pads stay dry; allowed less fan, the plant takes water for it."""
    limit = np.array([1.0, 0.5])
    state, _ = at_rest(
        hall, engine, 2, dry_bulb_temperature=28.0, relative_humidity=0.2, utilization=0.9, dry_cooler_fan_limit=limit
    )
    s = named(engine, hall, state)
    assert s.dry_cooler_fan_speed[0, 0] < 0.95 and s.pad_water[0, 0] < 1e-6 * s.pad_water[0, 1]
    assert_allclose(s.dry_cooler_fan_speed[0, 1], 0.5)
    assert s.pad_wetted_share[0, 1] > 0.1
    assert s.facility_water_supply_temperature[0, 1] < 38.0 + 2.5


def test_no_liquid_comes_below_the_dew_point_and_its_margin(hall, engine):
    """Without moisture of the room outdoor air counts: 27 degC at a dew point of 25.4, against set-points of 20 and 25 degC."""
    content = hall.description.model_dump(mode="json") | {"moisture": None}
    open_hall = build_hall(parse_hall(content, "without moisture"))
    other = make_engine("fused", hall_model(open_hall), open_hall.params)
    cold = dict(utilization=0.3, facility_water_setpoint=20.0, coolant_setpoint=25.0)
    state, u = at_rest(open_hall, other, dry_bulb_temperature=27.0, relative_humidity=0.91, **cold)
    s = named(other, open_hall, state)
    dew = moist_air.dew_point_temperature(u[other.input_slices["outdoor_humidity_ratio"]], 101325.0)[0, 0]
    assert_allclose(s.coolant_floor, dew + 2.0, atol=1e-6)
    assert s.coolant_supply_temperature.min() > dew + 2.0 - 1e-3
    assert s.facility_water_supply_temperature.min() > dew + 2.0 - 1e-3
    assert s.coolant_dew_point_shortfall[0, 0] < 0.1
    # air that turns humid at once shows: the loops are still cold
    chilly, _ = at_rest(open_hall, other, dry_bulb_temperature=10.0, relative_humidity=0.5, **cold)
    caught = named(other, open_hall, other.step(chilly, u, 60.0, substeps=6))
    assert caught.coolant_dew_point_shortfall[0, 0] > 30.0
    # where the room's moisture is followed, its dew point counts: make-up air is dried to 12 degC
    state, _ = at_rest(hall, engine, dry_bulb_temperature=27.0, relative_humidity=0.91, **cold)
    s = named(engine, hall, state)
    assert_allclose(s.coolant_floor, s.room_dew_point + 2.0, atol=0.05)
    assert s.coolant_floor[0, 0] < 17.0


def test_a_slow_valve_lets_the_supply_run_off(hall):
    """From idle to full load at once: the slower the valve's stroke, the warmer the coolant comes for a while."""
    worst = []
    for stroke in (30.0, 300.0):
        changes = {"liquid.valve_stroke_time": stroke, "liquid.valve_time_constant": 10.0}
        other = build_hall(hall.description.replaced(changes))
        engine = make_engine("fused", hall_model(other), other.params)
        cold = dict(facility_water_setpoint=34.0, dry_bulb_temperature=5.0)
        state, _ = at_rest(other, engine, utilization=0.0, **cold)
        assert_allclose(named(engine, other, state).coolant_supply_temperature, 42.0, atol=0.05)
        u = packed_inputs(other, 1, usual(utilization=1.0, **cold))
        warmest = 0.0
        for _ in range(30):
            state = engine.step(state, u, 10.0, substeps=2)
            warmest = max(warmest, float(named(engine, other, state).coolant_supply_temperature.max()))
        worst.append(warmest - 42.0)
    assert 0.1 < worst[0] < worst[1] - 0.5


# --- limits -------------------------------------------------------------------------------------------------------------------


def test_a_hot_case_speeds_up_its_pumps_within_the_step_and_takes_all_over_at_the_next(hall, engine):
    state, u = at_rest(hall, engine, utilization=1.0, coolant_flow=0.65)
    rows = engine.state_slices
    state[rows["case_protection"]] = 0.0
    # plates of one CDU group meet 60 degC coolant
    state[rows["coolant_supply_temperature"]][1] += 18.0
    state[rows["case_temperature"]][3:6] = 79.0
    s = named(engine, hall, engine.step(state, u, 20.0, substeps=2))
    assert s.case_protection[0, 0] == 0.0  # not latched yet
    assert s.cdu_pump_speed[1, 0] > 0.8
    assert (np.delete(s.cdu_pump_speed[:, 0], 1) < 0.66).all()
    hot = pack(s, rows, 1)
    t = named(engine, hall, engine.step(hot, u, 20.0, substeps=2))
    assert t.case_protection[0, 0] == 1.0
    assert (t.cdu_pump_speed > 0.8).all()
    release = pack(t._replace(case_temperature=t.case_temperature * 0.0 + 60.0), rows, 1)
    assert named(engine, hall, engine.step(release, u, 20.0, substeps=2)).case_protection[0, 0] == 0.0


def test_the_violation_adds_the_case_above_its_limit_and_a_minute_above_the_trip_limit_trips(hall):
    model, p = Step(hall.types), hall.params
    engine = make_engine("numpy", hall_model(hall), p)
    state, inputs = random_columns(hall, engine, np.random.default_rng(0), 1)
    s, u = named(engine, hall, state), unpack(inputs, hall.types.Inputs, engine.input_slices)
    cool = s._replace(
        rack_inlet_temperature=s.rack_inlet_temperature * 0.0 + 24.0, case_temperature=s.case_temperature * 0.0 + 70.0
    )
    cool, held = model.begin(cool, u, p, 60.0, np)
    case = cool.case_temperature.copy()
    case[4] = 83.0
    warm = model.monitor(cool._replace(case_temperature=case), u, held, p, 10.0, np)
    assert_allclose(warm.violation, 30.0)
    both = model.monitor(
        cool._replace(case_temperature=case, rack_inlet_temperature=cool.rack_inlet_temperature + 4.0),
        u,
        held,
        p,
        10.0,
        np,
    )
    assert_allclose(both.violation, 40.0)
    case[4] = 96.0
    hot = cool._replace(case_temperature=case)
    once = model.monitor(hot, u, held, p, 30.0, np)
    twice = model.monitor(once, u, held, p, 30.0, np)
    broken = model.monitor(once._replace(case_temperature=cool.case_temperature), u, held, p, 30.0, np)
    assert once.is_tripped[0, 0] == 0.0 and twice.is_tripped[0, 0] == 1.0
    assert broken.case_trip_time[0, 0] == 0.0 and broken.is_tripped[0, 0] == 0.0


def test_pumps_that_stop_boil_their_own_group_only(hall, engine):
    state, u = at_rest(hall, engine, utilization=0.9)
    available = np.ones((hall.cdu_groups, 1))
    available[3] = 0.0
    u[engine.input_slices["cdu_pump_available"]] = available
    s = named(engine, hall, engine.step(state, u, 60.0, substeps=6))
    hottest = s.case_temperature.reshape(hall.cdu_groups, -1).max(1)
    assert hottest[3] > 120.0
    assert np.delete(hottest, 3).max() < 80.0
    # half of the pumps keep most of the flow: shut-off head 1.2 of nominal
    u[engine.input_slices["cdu_pump_available"]] = 0.5
    half = named(engine, hall, engine.step(state, u, STEP_S, substeps=SUBSTEPS))
    rise = half.coolant_return_temperature - half.coolant_supply_temperature
    full = named(engine, hall, state)
    before = full.coolant_return_temperature - full.coolant_supply_temperature
    assert_allclose(before / rise, 0.5 * np.sqrt(1.2 / (0.2 + 0.25)), rtol=0.05)


def test_dry_coolers_lose_fans_bank_by_bank(hall, engine):
    """Two of five banks at rest: the others run faster, up to the limit, and draw the cube of their speed."""
    state, u = at_rest(hall, engine, utilization=0.6)
    u[engine.input_slices["dry_cooler_fan_available"]] = 0.6
    before = named(engine, hall, state)
    for _ in range(12):
        state = engine.step(state, u, STEP_S, substeps=SUBSTEPS)
    after = named(engine, hall, state)
    # the same air through the same coils: 3/5 of the fans at 5/3 of the speed
    assert_allclose(after.dry_cooler_fan_speed / before.dry_cooler_fan_speed, 5.0 / 3.0, rtol=0.02)
    linear = 0.05

    def drawn(speed):
        return speed * (linear + (1.0 - linear) * speed * speed)

    ratio = 0.6 * drawn(after.dry_cooler_fan_speed) / drawn(before.dry_cooler_fan_speed)
    assert_allclose(after.dry_cooler_fan_energy / before.dry_cooler_fan_energy, ratio, rtol=0.01)
    assert_allclose(after.facility_water_supply_temperature, 38.0, atol=0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dry_coolers": None}, "liquid needs dry_coolers"),
        ({"air_condensers": None}, "give one of the two"),
        ({"limits.case_limit": None}, "limits.case_limit is missing"),
        ({"setpoints.coolant_flow": None}, "setpoints.coolant_flow is missing"),
        ({"liquid.cdu_groups": 4}, "15 liquid-cooled rack groups do not divide among 4 CDU groups"),
        ({"liquid.heat_capture.values": [0.8] * 19}, "liquid.heat_capture has 19 values for 20 rack groups"),
        ({"chillers.condenser_range": {"value": 5.0, "unit": "K", "source": "test"}}, "there is no tower"),
    ],
)
def test_a_description_that_cannot_be_meant_is_refused(change, words):
    content = load_hall(NAME).model_dump(mode="json")
    for path, value in change.items():
        node = content
        *parents, leaf = path.split(".")
        for key in parents:
            node = node[key]
        node[leaf] = value
    with pytest.raises(InputError, match=words):
        parse_hall(content, "test")
