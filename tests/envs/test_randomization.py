"""Plants drawn anew for each episode: the law they are drawn from, that each environment runs and rests with its own, and its balance."""

import json
import math

import gymnasium as gym
import numpy as np
import pytest
from every_engine import every_engine
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.drivers.random_numbers import RandomNumbers
from dcsim.envs.config import configure
from dcsim.envs.randomization import UNCERTAIN, DomainOptions
from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.envs.torch_env import make_torch
from dcsim.errors import InputError
from dcsim.plant.factors import factor_input, scaled
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model

IDS = dcsim.ids()
ENTERPRISE = IDS[0]
SOME = {"recirculation_min": [0.8, 1.25], "server_heat_capacity": 0.2, "crah_fan_power_nominal": 0.1}
WATERS = ("chilled_water_supply_heat_capacity", "chilled_water_return_heat_capacity")


def drawn(options, n, hall="enterprise-1mw"):
    """Factors of n streams by name."""
    parsed = DomainOptions.parse(options, build_hall(hall))
    return dict(zip(parsed.names, parsed.factors(RandomNumbers.of_seeds(range(n)).of("domain")), strict=True))


def made(num_envs, env_id=ENTERPRISE, **options):
    return gym.make_vec(env_id, num_envs=num_envs, **options).unwrapped


# --- what is drawn ----------------------------------------------------------------------------------------------------------------


def test_factors_are_uniform_between_their_bounds_and_independent():
    n = 40_000
    factors = drawn({"chiller_cop": [0.7, 1.1], "coil_conductance_nominal": 0.15, "lighting_power": [2.0, 2.0]}, n)
    assert (factors["lighting_power"] == 2.0).all()
    unit = []
    for name, low, high in (("chiller_cop", 0.7, 1.1), ("coil_conductance_nominal", 0.85, 1.15)):
        x = (factors[name] - low) / (high - low)
        assert 0.0 < x.min() < 1e-3 and 1.0 - 1e-3 < x.max() < 1.0
        # mean 1/2, variance 1/12; the mean of squared deviations has variance (1/80 - 1/144) / n
        assert abs(x.mean() - 0.5) < 4.0 / math.sqrt(12.0 * n)
        assert abs(((x - 0.5) ** 2).mean() - 1.0 / 12.0) < 4.0 * math.sqrt((1.0 / 80.0 - 1.0 / 144.0) / n)
        steps = np.arange(1, n + 1) / n
        assert np.abs(np.sort(x) - steps).max() < 1.95 / math.sqrt(n)  # Kolmogorov, 0.1 %
        unit.append(x - 0.5)
    assert abs((unit[0] * unit[1]).mean()) < 4.0 / (12.0 * math.sqrt(n))


def test_a_factor_is_the_same_whatever_else_is_drawn():
    alone, together = drawn({"chiller_cop": 0.1}, 5), drawn(True, 5)
    assert_array_equal(alone["chiller_cop"], together["chiller_cop"])
    assert len({tuple(np.round(values / UNCERTAIN[name].spread, 6)) for name, values in together.items()}) > 30


@pytest.mark.parametrize("env_id", IDS)
def test_all_that_is_uncertain_of_a_hall_stays_physical(env_id):
    env = made(64, env_id, domain_randomization=True)
    env.reset(seed=0)
    assert set(env.domain) == set(env.batch.config.domain.names)
    hall = env.batch.config.hall
    for name, low, high in env.batch.config.domain.ranges:
        uncertain = UNCERTAIN[name]
        assert_allclose([low, high], [1.0 - uncertain.spread, 1.0 + uncertain.spread], rtol=1e-12)
        assert env.domain[name].shape == (64,) and np.unique(env.domain[name]).size == 64
        assert ((env.domain[name] > low) & (env.domain[name] < high)).all()
        for field in (name, *uncertain.others):
            nominal = getattr(hall.params, field)
            assert nominal.max() * high < uncertain.below and field not in hall.types.matrices
            own = [getattr(env.batch.params_of(k), field) for k in (0, 63)]
            assert_array_equal(own, [factor * nominal for factor in env.domain[name][[0, 63]]])


def test_every_episode_draws_its_own():
    env = made(3, domain_randomization=SOME, max_episode_steps=2)
    env.reset(seed=0)
    seen = [env.domain]
    for step in range(4):
        env.step(np.zeros(env.action_space.shape))
        is_new = step % 2 == 1
        for name in SOME:
            assert (env.domain[name] != seen[-1][name]).all() == is_new
            assert (env.domain[name] == seen[-1][name]).all() != is_new
        seen.append(env.domain)


# --- whose plant it is --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", IDS)
def test_a_row_equals_the_single_environment_to_the_bit(env_id):
    options = {"domain_randomization": True, "sensors": {"noise": {"temperature": 0.1}}}
    rows, single = made(3, env_id, max_episode_steps=3, **options), gym.make(env_id, **options).unwrapped
    rows.action_space.seed(0)
    expected, _ = rows.reset(seed=10)
    observation, _ = single.reset(seed=11)
    assert_array_equal(observation, expected[1])
    for step in range(8):
        actions = rows.action_space.sample()
        expected, rewards, *_, infos = rows.step(actions)
        observation, reward, *_, info = single.step(actions[1])
        if step % 3 == 2:
            assert reward == rewards[1] and info["pue"] == infos["final_info"]["pue"][1]
            observation, info = single.reset()
        else:
            assert reward == rewards[1]
        assert_array_equal(observation, expected[1])
        assert info == {name: infos[name][1] for name in info}
        assert single.domain == {name: factors[1] for name, factors in rows.domain.items()}


@pytest.mark.parametrize("env_id", IDS)
def test_the_balance_closes_for_every_plant(env_id):
    task = {"task": "tou-tank"} if env_id == ENTERPRISE else {}
    env = made(16, env_id, domain_randomization=True, **task)
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(40):
        *_, info = env.step(env.action_space.sample())
        assert (abs(info["energy_residual_w"]) < 1e-10 * info["facility_power_w"]).all()
        parts = info["it_power_w"] + info["cooling_power_w"] + info["electrical_loss_w"]
        assert_allclose(info["facility_power_w"], parts, rtol=1e-12)


@pytest.mark.parametrize("env_id", IDS)
def test_every_engine_takes_a_step_as_numpy_does_of_the_hall_with_these_parameters(env_id):
    env = made(4, env_id, domain_randomization=True)
    env.reset(seed=0)
    env.step(np.zeros(env.action_space.shape))
    batch, config = env.batch, env.batch.config
    state, inputs = batch.table.state.copy(), batch.table.inputs.copy()
    engines = every_engine(hall_model(config.hall), config.hall.params, substeps=config.substeps)
    found = {name: engine.step(state, inputs, config.control_interval_s) for name, engine in engines.items()}
    assert "fused" in found
    plain = build_hall(config.hall.description)
    for k in range(4):
        own = plain.types.Params(*batch.params_of(k))
        rows = np.concatenate([batch.view(f"input.{name}")[:, k : k + 1] for name in plain.input_rows])
        alone = every_engine(hall_model(plain), own, substeps=config.substeps)["numpy"]
        expected = alone.step(state[:, k : k + 1], rows, config.control_interval_s)
        for name, after in found.items():
            assert_allclose(after[:, k : k + 1], expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_power_of_fans_at_full_speed_is_as_many_times_the_described_one():
    own, plain = made(4, domain_randomization=SOME, start="2023-07-01"), made(4, start="2023-07-01")
    for env in (own, plain):
        env.reset(seed=0)
    for _ in range(6):  # the set-points need ten minutes
        *_, info = own.step(np.ones(own.action_space.shape))
        *_, expected = plain.step(np.ones(plain.action_space.shape))
    factors = own.domain["crah_fan_power_nominal"]
    assert abs(factors - 1.0).min() > 1e-3
    assert_allclose(info["crah_fan_power_w"], factors * expected["crah_fan_power_w"], rtol=1e-9)


def test_at_rest_heat_capacities_drop_out_and_without_chillers_twice_the_water_warms_half_as_fast():
    lost = {"schedule": [{"component": "chiller", "units": "all", "start_hour": 0.0, "hours": 1.0}]}
    options = {"control_interval_s": 10.0, "start": "2023-07-01T12:00", "failures": lost}
    starts, heats = [], []
    for factor in (1.0, 2.0):
        env = made(8, domain_randomization={name: [factor, factor] for name in WATERS}, **options)
        env.reset(seed=0)
        waters = env.batch.state.chilled_water_supply_temperature, env.batch.state.chilled_water_return_temperature
        starts.append(np.concatenate(waters))
        env.batch._advance()
        capacities = np.concatenate([factor * getattr(env.batch.config.hall.params, name) for name in WATERS])
        heats.append((capacities * (np.concatenate(waters) - starts[-1])).sum(0))
        assert (env.batch.state.evaporator_heat == 0.0).all()
    assert_allclose(starts[0], starts[1], atol=0.01)
    # what the coils bring is the same, as long as they do not feel that the water gets warmer
    assert_allclose(heats[1], heats[0], rtol=0.01)


@pytest.mark.parametrize("env_id", IDS)
def test_episodes_start_at_rest_with_their_own_plant(env_id):
    """An hour of the same load and weather under the set-points of the start hardly moves the inlets."""
    moved = {}
    for options in ({}, {"domain_randomization": True}):
        env = made(32, env_id, **options)
        env.reset(seed=0)
        batch = env.batch
        before, most = batch.state.rack_inlet_temperature.copy(), np.zeros(32)
        for _ in range(12):
            batch._advance()
            most = np.maximum(most, abs(batch.state.rack_inlet_temperature - before).max(0))
        moved[bool(options)] = most.mean()
    assert moved[True] < moved[False] + 0.05


def test_numbers_of_machines_at_rest_are_those_of_the_plant_that_is_there():
    """Of chillers of twice the capacity half as many run."""
    options = {"weather": "miami", "start": "2023-07-01T12:00", "workload": "flat"}
    own, plain = (
        made(4, "dcsim/Hyperscale-v0", **more, **options)
        for more in ({"domain_randomization": {"chiller_capacity": [2.0, 2.0]}}, {})
    )
    for env in (own, plain):
        env.reset(seed=0)
    few, many = own.batch.state.chillers_on[0], plain.batch.state.chillers_on[0]
    assert ((many > few) & (abs(many - 2.0 * few) <= 1.0)).all()


def test_a_tank_counts_its_own_heat_capacity():
    env = made(3, task="tou-tank", domain_randomization={"tank_heat_capacity": 0.05})
    env.reset(seed=0)
    batch, nominal = env.batch, env.batch.config.hall.params.tank_heat_capacity[0, 0]
    heat = batch.state.tank_temperature.sum(0) * nominal * env.domain["tank_heat_capacity"]
    assert_allclose(batch.stored.kept[0], heat, rtol=1e-12)
    assert_array_equal(batch.stored.taken(batch.state.tank_temperature), np.zeros((3, 3)))
    one_warmer = batch.stored.taken(batch.state.tank_temperature + 1.0)[0] / batch.stored.kept[1]
    nodes = len(batch.state.tank_temperature)
    assert_allclose(one_warmer, nodes * nominal * env.domain["tank_heat_capacity"], rtol=1e-9)


# --- what else an environment does --------------------------------------------------------------------------------------------------


def test_without_it_nothing_is_drawn_and_no_input_is_added():
    plain = made(2, domain_randomization=None)
    for nothing in (False, {}):
        env = made(2, domain_randomization=nothing)
        assert env.domain == {} and not env.batch.config.domain
        assert env.batch.config.hall.types.Inputs is plain.batch.config.hall.types.Inputs
        assert env.batch.params_of(0) is env.batch.config.hall.params
    hall = build_hall("enterprise-1mw")
    assert scaled(hall.params, None, ()) is hall.params


def test_weather_and_load_stay_as_they_are():
    own, plain = made(3, domain_randomization=True), made(3)
    for env in (own, plain):
        env.reset(seed=5)
        env.step(np.zeros(env.action_space.shape))
    assert_array_equal(own.batch.table.drivers, plain.batch.table.drivers)


def test_a_snapshot_restores_the_plants_and_resumes_to_the_bit():
    env, other = (made(3, domain_randomization=True, max_episode_steps=4) for _ in range(2))
    env.action_space.seed(1)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    snapshot, domain = env.snapshot(), env.domain
    actions = [env.action_space.sample() for _ in range(10)]
    expected = [env.step(action)[:2] for action in actions]
    other.reset(seed=99)
    for again in (env, other):
        again.restore(snapshot)
        assert all((again.domain[name] == factors).all() for name, factors in domain.items())
        for action, (observation, reward) in zip(actions, expected, strict=True):
            found = again.step(action)
            assert_array_equal(found[0], observation)
            assert_array_equal(found[1], reward)
    plain = made(3)
    plain.reset(seed=0)
    with pytest.raises(InputError, match="snapshot of another environment: domain_randomization"):
        plain.restore(snapshot)


def test_the_picture_is_of_the_plant_that_runs():
    env = made(
        2, domain_randomization={"chiller_capacity": [0.5, 0.5]}, render_mode="rgb_array", start="2023-07-01T12:00"
    )
    env.reset(seed=0)
    assert env.render()[0].ndim == 3
    batch, info = env.batch, {name: values[0] for name, values in env.batch.info().items()}
    heat = batch.state.evaporator_heat[0, 0] / batch.config.control_interval_s
    machine = 0.5 * batch.config.hall.params.chiller_capacity[0, 0]
    running = batch.state.chiller_loading[:, 0].sum()
    assert_allclose(env._renderer._water_values(info).chiller_load, heat / (running * machine), rtol=1e-12)


def test_stable_baselines_sees_the_factors():
    env = SB3VecEnv(gym.make_vec(ENTERPRISE, num_envs=2, domain_randomization=SOME))
    env.seed(0)
    env.reset()
    assert_array_equal(env.get_attr("domain")[0]["recirculation_min"], env.env.unwrapped.domain["recirculation_min"])


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_the_environment_of_tensors_plays_the_same_plants(engine):
    import torch

    options = {"domain_randomization": True, "max_episode_steps": 3}
    tensors, arrays = make_torch(ENTERPRISE, 3, engine=engine, **options), made(3, **options)
    rng = np.random.default_rng(0)
    observation, _ = tensors.reset(3)
    expected, _ = arrays.reset(seed=3)
    for _ in range(8):
        assert set(tensors.domain) == set(arrays.domain)
        for name, factors in arrays.domain.items():
            assert_array_equal(tensors.domain[name], factors)
        assert_allclose(observation, expected, rtol=0.0, atol=1e-6)
        actions = rng.uniform(-1.0, 1.0, arrays.action_space.shape)
        observation, reward, *_, info = tensors.step(torch.tensor(actions))
        expected, rewards, *_, infos = arrays.step(actions)
        assert_allclose(reward, rewards, rtol=1e-9, atol=1e-9)
        assert_allclose(info["facility_power_w"], infos["facility_power_w"], rtol=1e-9)
        tensors.refresh()


def test_it_can_be_written_as_json():
    options = json.loads(json.dumps({"domain_randomization": SOME}))
    assert configure(**options).domain == configure(domain_randomization=SOME).domain
    assert factor_input("server_heat_capacity") in configure(**options).hall.types.Inputs._fields


# --- bad input ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("all", "domain_randomization='all': expected true, or a mapping"),
        ({"chiller_cup": 0.1}, "no parameter 'chiller_cup' in this hall; nearest is 'chiller_cop'"),
        ({"dx_cop": 0.1}, "no parameter 'dx_cop' in this hall"),
        ({3: 0.1}, "no parameter 3 in this hall"),
        ({"supply_reach": 0.1}, "supply_reach stays as described"),
        ({"inlet_limit": 0.1}, "inlet_limit stays as described"),
        ({"chiller_cop": 0.95}, "chiller_cop=0.95: expected a spread of 0 to 0.9, or factors [low, high]"),
        ({"chiller_cop": True}, "chiller_cop=True: expected a spread"),
        ({"chiller_cop": float("nan")}, "chiller_cop=nan: expected a spread"),
        ({"chiller_cop": [1.2, 0.8]}, "of 0.1 to 10, low first"),
        ({"chiller_cop": [0.8, 1.0, 1.2]}, "chiller_cop=[0.8, 1.0, 1.2]: expected"),
        ({"chiller_cop": "0.1"}, "chiller_cop='0.1': expected a spread"),
        ({"server_effectiveness": 0.5}, "is not below 1; give [low, high] with a high of at most"),
        ({"idle_power": [1.0, 9.0]}, "idle_power times 9 would exceed peak_power times 1"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(value, words):
    with pytest.raises(InputError) as caught:
        configure(domain_randomization=value)
    message = str(caught.value)
    assert words in message and message.startswith("domain_randomization") and "\n" not in message


def test_the_remedy_for_a_share_that_would_reach_one_is_taken():
    with pytest.raises(InputError) as caught:
        configure(domain_randomization={"server_effectiveness": [1.0, 2.0]})
    most = float(str(caught.value).rsplit(" ", 1)[1])
    assert configure(domain_randomization={"server_effectiveness": [1.0, most]}).domain


def test_a_parameter_that_is_zero_is_refused():
    with pytest.raises(InputError, match="infiltration_flow is 0 in this hall"):
        configure(hall="ai-d2c-20mw", domain_randomization={"infiltration_flow": 0.1})
