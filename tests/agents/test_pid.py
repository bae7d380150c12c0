"""The loops' gains rest on what the simulator answers, and they come to rest themselves."""

from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from dcsim_agents import SetpointWriter, SignalReader, dx, liquid, make_controller, view_of
from dcsim_agents.loops import Loop, lambda_tuned, moved
from dcsim_agents.pid import SUPPLY_ANSWER, WATER_ANSWER
from dcsim_agents.practice import CONTAINED, OPEN_AISLES, practice_of
from dcsim_agents.rules import PUMP_ANSWER
from dcsim_agents.signal_io import Reading
from episodes import ENV_IDS, ON_DX, ON_LIQUID, ON_WATER, run_episode


def test_the_tuning_rule_gives_the_gains_of_its_source() -> None:
    # T / (K (lambda + theta)) with T 200 s, K 2, lambda 600 s, theta 300 s
    assert lambda_tuned(2.0, 200.0, 300.0) == Loop(200.0 / 1800.0, 200.0)
    assert lambda_tuned(2.0, 200.0, 60.0) == Loop(200.0 / 720.0, 200.0)


def test_a_loop_on_a_process_of_first_order_settles_without_overshoot() -> None:
    interval, time_constant = 300.0, 200.0
    loop = lambda_tuned(1.0, time_constant, interval)
    decay = np.exp(-interval / time_constant)
    measured, position, error_before, path = 0.0, np.zeros(1), np.ones(1), []
    for _ in range(40):
        error = np.array([1.0 - measured])
        position = moved(position, error, error_before, loop, interval)
        error_before = error
        measured = decay * measured + (1.0 - decay) * float(position[0])
        path.append(measured)
    assert max(path) < 1.02
    assert abs(path[-1] - 1.0) < 1e-3


def test_kinds_of_hall_are_told_apart_by_containment() -> None:
    kinds = {env_id: practice_of(gym.make(env_id).unwrapped.batch.config.hall.description) for env_id in ON_WATER}  # type: ignore[attr-defined]
    assert kinds == {"dcsim/Enterprise-v0": OPEN_AISLES, "dcsim/Hyperscale-v0": CONTAINED}


@pytest.mark.parametrize("env_id", ON_WATER)
def test_the_simulator_answers_no_steeper_than_the_gains_assume(
    env_id: str, steady_weather: Callable[[float], str]
) -> None:
    env = gym.make_vec(
        env_id, num_envs=5, weather=steady_weather(30.0), workload="flat", start="2023-05-15", control_interval_s=60.0
    )
    view = view_of(env)
    reader, writer = SignalReader(view.signals), SetpointWriter(view.signals)
    observation, _ = env.reset(seed=[0] * 5)
    reading = reader.read(observation)
    setpoints = {
        "supply_air_setpoint": reading["supply_air_setpoint"] - 2.0,  # server fans idle throughout
        "crah_fan_speed": reading["crah_fan_speed"] * 1.1 / reading["flow_ratio"].mean(0),
        "chilled_water_setpoint": reading["chilled_water_setpoint"] - 2.0,
        "condenser_water_setpoint": reading["condenser_water_setpoint"],
        "chilled_water_pump_speed": np.full((1, 5), 0.9),
        "condenser_water_flow": reading["condenser_water_flow"],
        **({"mode_request": np.zeros((1, 5))} if "mode_request" in writer else {}),
    }

    def settle(minutes: int) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(minutes):
            seen = reader.read(env.step(writer.write(setpoints, 5))[0])
        return seen["rack_inlet_max"].max(0), (seen["valve_fraction"] / seen["chilled_water_pump_speed"]).max(0)

    settle(120)
    step = {
        "supply_air_setpoint": 0.5,
        "crah_fan_speed": -0.04,
        "chilled_water_setpoint": 0.5,
        "chilled_water_pump_speed": 0.05,
    }
    for row, (name, size) in enumerate(step.items(), start=1):
        setpoints[name] = np.array(setpoints[name])
        setpoints[name][:, row] += size
    inlet, opening = settle(60)
    supply_gain, fan_gain = (inlet[1] - inlet[0]) / 0.5, (inlet[2] - inlet[0]) / -0.04
    water_gain, pump_gain = (opening[3] - opening[0]) / 0.5, (opening[4] - opening[0]) / 0.05
    assert supply_gain == pytest.approx(SUPPLY_ANSWER, abs=0.1)
    assert 1.1 * practice_of(view.hall).fan_answer < fan_gain < 0.0
    assert 0.0 < water_gain < WATER_ANSWER
    assert PUMP_ANSWER < pump_gain < 0.0


@pytest.mark.parametrize("env_id", ON_DX)
def test_a_room_on_direct_expansion_answers_no_steeper_than_the_gains_assume(
    env_id: str, steady_weather: Callable[[float], str], tmp_path: Path
) -> None:
    """At 70 % load, where the fans' lower end just supplies what the servers draw."""
    load = tmp_path / "load.csv"
    load.write_text("time,utilization [-]\n" + "".join(f"2023-05-{day:02d}T00:00,0.7\n" for day in range(10, 22)))
    env = gym.make_vec(
        env_id,
        num_envs=3,
        weather=steady_weather(30.0),
        workload=str(load),
        start="2023-05-15",
        control_interval_s=60.0,
    )
    view = view_of(env)
    reader, writer = SignalReader(view.signals), SetpointWriter(view.signals)
    observation, _ = env.reset(seed=[0] * 3)
    reading = reader.read(observation)
    setpoints = {
        "supply_air_setpoint": np.full((2, 3), 18.0),
        "crah_fan_speed": reading["crah_fan_speed"] * 1.03 / reading["flow_ratio"].mean(0),
        "compressor_request": np.ones((2, 3)),
    }

    def settle(minutes: int) -> np.ndarray:
        for _ in range(minutes):
            seen = reader.read(env.step(writer.write(setpoints, 3))[0])
        return seen["rack_inlet_max"].max(0)

    settle(60)
    setpoints["supply_air_setpoint"][:, 1] += 0.5
    setpoints["crah_fan_speed"][:, 2] -= 0.02
    inlet = settle(60)
    assert (inlet[1] - inlet[0]) / 0.5 == pytest.approx(dx.SUPPLY_ANSWER, abs=0.1)
    assert 1.1 * dx.PRACTICE.fan_answer < (inlet[2] - inlet[0]) / -0.02 < 0.25 * dx.PRACTICE.fan_answer


@pytest.mark.parametrize("env_id", ON_LIQUID)
def test_a_liquid_cooled_hall_answers_no_steeper_than_the_gains_assume(
    env_id: str, steady_weather: Callable[[float], str], tmp_path: Path
) -> None:
    """At full load, where cases and valves answer steepest."""
    load = tmp_path / "load.csv"
    load.write_text("time,utilization [-]\n" + "".join(f"2023-05-{day:02d}T00:00,1.0\n" for day in range(10, 22)))
    env = gym.make_vec(
        env_id,
        num_envs=4,
        weather=steady_weather(20.0),
        workload=str(load),
        start="2023-05-15",
        control_interval_s=60.0,
    )
    view = view_of(env)
    reader, writer = SignalReader(view.signals), SetpointWriter(view.signals)
    observation, _ = env.reset(seed=[0] * 4)
    reading = reader.read(observation)
    setpoints = {signal.name: reading_of(reading, signal.name) for signal in view.signals.action}
    setpoints |= {"facility_water_setpoint": np.full((1, 4), 34.0), "coolant_setpoint": np.full((1, 4), 38.0)}
    flows = {f"coolant_flow_{k}": np.full((1, 4), 0.8) for k in range(1, 6)}
    setpoints |= flows

    def settle(minutes: int) -> tuple[np.ndarray, np.ndarray]:
        for _ in range(minutes):
            seen = reader.read(env.step(writer.write(setpoints, 4))[0])
        return seen["case_max"].max(0), seen["cdu_valve_position"].max(0)

    settle(40)
    setpoints["coolant_setpoint"][:, 1] += 0.5
    for flow in flows:
        setpoints[flow][:, 2] -= 0.05
    case, valve = settle(40)
    valve_gain, case_gain = (valve[1] - valve[0]) / 0.5, (case[2] - case[0]) / -0.05
    assert liquid.CDU_VALVE_ANSWER < valve_gain < 0.3 * liquid.CDU_VALVE_ANSWER < 0.0
    assert liquid.CASE_ANSWER < case_gain < 0.3 * liquid.CASE_ANSWER < 0.0


def reading_of(reading: Reading, name: str) -> np.ndarray:
    """Set-point in force behind an action; ``crah_fan_speed_1`` is asked for, ``crah_fan_setpoint_1`` in force."""
    return reading[name.replace("crah_fan_speed", "crah_fan_setpoint")].copy()


@pytest.mark.parametrize("name", ["pid", "rules"])
@pytest.mark.parametrize("dry_bulb", [5.0, 30.0])
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_loops_do_not_hunt_at_constant_load_and_weather(
    env_id: str, dry_bulb: float, name: str, steady_weather: Callable[[float], str]
) -> None:
    env = gym.make(env_id, weather=steady_weather(dry_bulb), workload="flat", start="2023-05-15")
    episode = run_episode(env, make_controller(name, env), seed=0)
    late = slice(-72, None)  # the last six hours
    assert np.ptp(episode["rack_inlet_max_c"][late]) < 0.1
    assert episode["actuator_travel"][late].mean() < 2e-4
    changes = np.diff(episode["action"][late], axis=0)
    swings = (np.abs(changes) > 0.01) & (np.sign(changes) != 0)
    assert swings.mean() < 0.01
