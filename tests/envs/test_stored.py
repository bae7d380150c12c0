"""The tasks with a storage tank: what its content is worth at the end of an episode, and that nobody gains by emptying it."""

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents import make_controller
from numpy.testing import assert_allclose, assert_array_equal

import dcsim  # noqa: F401  (registers the environments)
from dcsim.drivers import load_grid
from dcsim.envs.rewards import TERMS
from dcsim.envs.sensors import is_measured
from dcsim.envs.tasks import TASKS, tasks_for
from dcsim.errors import InputError
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall

IDS = ("dcsim/Enterprise-v0", "dcsim/Hyperscale-v0")
SUMMER = "2023-07-20"


def episode(env_id, tank_flow=None, controller="g36", **keywords):
    """Infos of an episode, shape (T,) each, with a tank flow by the hour in place of the controller's, and the environment."""
    env = gym.make(env_id, **{"task": "tou-tank", "start": SUMMER, **keywords})
    control = make_controller(controller, env)
    control.reset(0)
    observation, _ = env.reset(seed=0)
    signals = env.unwrapped.signals
    flow = [signal.name for signal in signals.action].index("tank_flow")
    kept, is_over, step = {}, False, 0
    while not is_over:
        action = control.act(observation)
        if tank_flow is not None:
            action[flow] = tank_flow(step / 12.0)
        observation, reward, terminated, truncated, info = env.step(action)
        is_over, step = terminated or truncated, step + 1
        for name, value in {**info, "reward": reward, "charge": env.unwrapped.batch.state.tank_charge[0, 0]}.items():
            kept.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in kept.items()}, env.unwrapped


@pytest.mark.parametrize("env_id", IDS)
def test_a_controller_that_empties_the_tank_does_not_gain(env_id):
    """At an even price a tank that is emptied, all day long, at the hottest hours or at the end, costs more than one left alone."""
    idle, _ = episode(env_id, lambda hour: 0.0, grid="flat")
    for drains in (lambda hour: -1.0, lambda hour: -float(12 <= hour < 20), lambda hour: -float(hour >= 20)):
        drained, _ = episode(env_id, drains, grid="flat")
        assert drained["charge"][-1] < idle["charge"][-1] - 0.05
        assert (
            drained["energy_cost"][:-1].sum() < idle["energy_cost"][:-1].sum()
        )  # it would have gained without the settlement
        assert drained["energy_cost"].sum() > idle["energy_cost"].sum()
        assert drained["reward"].sum() < idle["reward"].sum()


def test_nor_does_one_that_fills_it_at_an_even_price():
    idle, _ = episode(IDS[0], lambda hour: 0.0, grid="flat")
    filled, _ = episode(IDS[0], lambda hour: 0.3, grid="flat")
    assert filled["charge"][-1] > idle["charge"][-1] + 0.3
    assert filled["energy_cost"][:-1].sum() > filled["energy_cost"].sum()  # it is paid for it
    assert filled["energy_cost"].sum() > idle["energy_cost"].sum() - 0.005 * idle["thermal_energy_kwh"].sum() * 0.0806


def test_shifting_from_dear_hours_to_cheap_ones_gains():
    idle, _ = episode(IDS[0], lambda hour: 0.0)
    shifted, _ = episode(IDS[0])
    cooling = idle["thermal_energy_kwh"].sum() * 0.0806
    assert shifted["energy_cost"].sum() < idle["energy_cost"].sum() - 0.03 * cooling
    assert shifted["violation_k_min"].sum() == 0.0
    power = shifted["thermal_power_w"].reshape(24, 12).mean(1)
    assert power[12:18].mean() < 0.7 * power[np.r_[2:10, 21:24]].mean()


@pytest.mark.parametrize("task", ["tou-tank", "carbon-tank"])
def test_the_settlement_is_in_the_last_step_alone_and_in_cost_carbon_and_reward(task):
    infos, env = episode(IDS[0], lambda hour: -0.4, task=task, episode_days=0.25)
    grid, weights = env.batch.config.grid, env.batch.config.weights
    hours = (infos["time_s"] - 300.0) / 3600.0
    values = grid.at(hours * 3600.0 + 1.0)
    for key, rate in (("energy_cost", values.price_per_kwh), ("carbon_kg", values.kg_co2_per_kwh)):
        metered = infos["facility_energy_kwh"] * rate
        assert_allclose(infos[key][:-1], metered[:-1], rtol=1e-6)
        assert infos[key][-1] > metered[-1] * 1.05
    taken = env.batch.stored.taken(env.batch.state.tank_temperature)[:, 0]
    assert (taken > 0.0).all()
    paid = infos["energy_cost"][-1] - (infos["facility_energy_kwh"] * values.price_per_kwh)[-1]
    assert_allclose(paid, taken[1], rtol=1e-5)
    per_hour = 12.0 / (env.batch.config.hall.design_it_power / 1e3)
    expected = -(weights["energy_cost"] * taken[1] + weights["carbon"] * taken[2]) * per_hour
    assert_allclose(infos["reward_stored_cooling"][-1], expected, rtol=1e-9)
    assert (infos["reward_stored_cooling"][:-1] == 0.0).all()
    assert_allclose(infos["reward"], sum(infos[f"reward_{name}"] for name in TERMS), rtol=1e-12)


def test_a_joule_taken_out_costs_what_the_plant_draws_for_it():
    """The price lies between that of the best chiller and that of a poor one, rises with the wet bulb, and an equal content costs nothing."""
    prices = {}
    for date in ("2023-01-20", SUMMER):
        env = gym.make(IDS[0], task="tou-tank", start=date, weather="chicago").unwrapped
        env.reset(seed=0)
        stored, temperature = env.batch.stored, env.batch.state.tank_temperature
        assert_array_equal(stored.taken(temperature), 0.0)
        a_kelvin = env.batch.config.hall.params.tank_heat_capacity[0, 0] * len(temperature)
        out, into = stored.taken(temperature + 1.0)[:, 0] / a_kelvin, -stored.taken(temperature - 1.0)[:, 0] / a_kelvin
        assert (out >= into).all() and (into > 0.0).all()
        prices[date] = out
        # electricity per cooling: COP of the whole plant of 4 to 16; cost at the mean price of the tariff, 0.0806
        assert 1.0 / 16.0 < out[0] < 1.0 / 4.0
        assert_allclose(out[1] / out[0] * 3.6e6, 0.0806, rtol=0.1)
        assert_allclose(out[2] / out[0] * 3.6e6, 0.366, rtol=0.1)
    assert prices[SUMMER][0] > 1.1 * prices["2023-01-20"][0]


def test_no_action_moves_the_price():
    kept = []
    for value in (-1.0, 1.0):
        env = gym.make(IDS[0], task="tou-tank", start=SUMMER, episode_days=0.05).unwrapped
        env.reset(seed=3)
        for _ in range(14):
            env.step(np.full(env.action_space.shape, value, np.float32))
        kept.append(env.batch.stored.kept.copy())
    assert_array_equal(*kept)


@pytest.mark.parametrize("env_id", IDS)
def test_a_vector_environment_settles_every_row_as_the_single_one(env_id):
    vector = gym.make_vec(env_id, num_envs=3, task="tou-tank", episode_days=0.02)
    single = gym.make(env_id, task="tou-tank", episode_days=0.02)
    vector.reset(seed=5), single.reset(seed=6)
    action = -np.ones(single.action_space.shape, np.float32)
    for _ in range(5):
        vector.step(np.tile(action, (3, 1)))
        single.step(action)
    one, many = single.step(action), vector.step(np.tile(action, (3, 1)))
    assert one[3] and many[3].all()
    assert one[1] == many[1][1]
    assert {name: values[1] for name, values in many[4]["final_info"].items()} == one[4]


def test_a_snapshot_keeps_what_the_tank_held_at_the_start():
    env = gym.make(IDS[0], task="tou-tank", start=SUMMER, episode_days=0.03).unwrapped
    env.reset(seed=1)
    action = np.ones(env.action_space.shape, np.float32)
    env.step(action)
    kept = env.snapshot()
    first = [env.step(action) for _ in range(7)]
    env.reset(seed=2, options={"start": "2023-02-01"})
    env.restore(kept)
    again = [env.step(action) for _ in range(7)]
    for a, b in zip(first, again, strict=True):
        assert_array_equal(a[0], b[0])
        assert a[1:] == b[1:]


@pytest.mark.parametrize("env_id", IDS)
def test_a_tank_task_has_its_tank_tariff_and_reward(env_id):
    env = gym.make(env_id, task="tou-tank").unwrapped
    config, base = env.batch.config, load_hall(gym.spec(env_id).kwargs["hall"])
    tank = config.hall.description.tank
    assert config.grid is load_grid("tou-2to1")
    # four hours of the coils' design flow, with a tenth to spare for the front
    assert_allclose(tank.volume.value * 995.6 * 0.9 / base.coils.water_flow.value / 3600.0, 4.0, rtol=1e-3)
    assert config.weights["thermal_power"] == 0.0 and config.weights["inlet_excess"] == 0.10
    # a reward of -1 is about design IT power for a step at the mean price
    assert_allclose(config.weights["energy_cost"] * 0.0806, 1.0)
    _, info = env.reset(seed=0)
    state = env.batch.state
    assert_allclose(state.tank_charge, 0.5, atol=1e-9)
    assert_allclose(state.tank_temperature[-1], state.chilled_water_supply_temperature[0])
    assert_allclose(state.tank_temperature[0], state.chilled_water_return_temperature[0])
    assert info["reward_stored_cooling"] == 0.0
    names = [signal.name for signal in env.signals.observation]
    assert {"tank_temperature_1", "tank_temperature_5", "tank_charge", "tank_flow", "tank_flow_setpoint"} <= set(names)
    assert "price_forecast_4h" in [
        signal.name
        for signal in gym.make(env_id, task="tou-tank", observation={"forecast": True}).unwrapped.signals.observation
    ]


def test_what_the_user_says_goes_before_what_the_task_says():
    env = gym.make(
        IDS[0], task="tou-tank", grid="flat", reward={"thermal_power": 0.5}, changes={"tank.volume": 300.0}
    ).unwrapped
    config = env.batch.config
    assert config.grid.name == "flat" and config.hall.description.tank.volume.value == 300.0
    assert config.weights["thermal_power"] == 0.5 and config.weights["energy_cost"] > 0.0


def test_tasks_of_stored_cold_do_not_fit_a_hall_without_chillers_or_towers():
    hall = build_hall("enterprise-1mw")
    assert {"tou-tank", "carbon-tank", "staging"} <= set(tasks_for(hall))
    for section in ("tower", "chillers"):
        lacking = hall.description.model_copy(update={section: None})
        bare = type(hall)(lacking, hall.types, hall.params)
        for name in ("tou-tank", "carbon-tank", "staging"):
            assert TASKS[name].lacking(bare) == (section,) and name not in tasks_for(bare)


def test_a_task_that_does_not_fit_says_which_do(monkeypatch):
    monkeypatch.setitem(TASKS, "tou-tank", TASKS["tou-tank"].__class__(name="tou-tank", sections=("economizer",)))
    with pytest.raises(InputError) as error:
        gym.make(IDS[0], task="tou-tank")
    assert "economizer" in str(error.value) and "heat-wave" in str(error.value) and "\n" not in str(error.value)


def test_numbers_of_machines_are_choices_and_what_runs_is_told():
    with pytest.raises(InputError, match="'chillers_requested' is a choice and not a position"):
        gym.make(IDS[0], task="staging", actuators={"stroke_time_s": {"chillers_requested": 60}})
    signals = gym.make(IDS[0], task="staging").unwrapped.signals.observation
    measured = {signal.name for signal in signals if is_measured(signal)}
    assert not {"chiller_running_1", "chiller_time_1", "chillers_on", "tower_cells_on"} & measured
    tank = gym.make(IDS[0], task="tou-tank").unwrapped.signals.observation
    assert {"tank_temperature_3", "tank_flow"} <= {signal.name for signal in tank if is_measured(signal)}


def test_the_staging_task_gives_the_enterprise_hall_machines_to_stage():
    env = gym.make(IDS[0], task="staging", start=SUMMER).unwrapped
    d = env.batch.config.hall.description
    assert d.chillers.staging == "action" and d.chillers.count == 4
    # three minutes of rated power each
    assert_allclose(d.chillers.start_energy.value, 180.0 * 350e3 / d.chillers.cop.value, rtol=0.02)
    names = [signal.name for signal in env.signals.action]
    assert names[-4:] == [
        "chillers_requested",
        "chilled_water_pumps_requested",
        "condenser_water_pumps_requested",
        "tower_cells_requested",
    ]
