"""``dcsim train``: what it leaves behind, disjoint weeks, and that a killed training ends where an undisturbed one does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from dcsim_agents.controller import make_controller
from dcsim_experiments import checkpoints, config, train
from dcsim_experiments.compare import about
from dcsim_experiments.config import TrainConfig
from dcsim_experiments.faults import in_words
from dcsim_experiments.recipes import RECIPES, make_model
from dcsim_experiments.train import resolved, training_env

from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.errors import InputError

ROOT = Path(train.__file__).resolve().parents[2]
DAY_S = 86400.0


def test_training_days_and_test_weeks_share_no_day():
    tested = {(np.datetime64(day) + k).item() for day in config.test_weeks() for k in range(7)}
    trained = {np.datetime64(day).item() for day in config.training_days()}
    assert len(trained) == len(tested) == 26 * 7
    assert not trained & tested


def test_training_episodes_lie_within_training_days_and_draw_from_seeds_of_their_own():
    env = training_env(TrainConfig(algo="ppo", num_envs=64))
    settled = env.env.unwrapped.batch.config
    assert settled.episode_steps * settled.control_interval_s == DAY_S
    assert not settled.with_forecast
    days = {np.datetime64(day) for day in config.training_days()}
    _, info = env.env.reset(seed=config.training_seed(0))
    seen = {np.datetime64("2023-01-01") + np.timedelta64(int(start // DAY_S), "D") for start in info["time_s"]}
    assert seen <= days and len(seen) > 20
    seeds = [config.training_seed(k) for k in range(4)]
    assert min(seeds) >= 10_000 and min(np.diff(seeds)) > train.VALIDATION_SEED_OFFSET + train.VALIDATION_EPISODES
    assert all(recipe.num_envs < train.VALIDATION_SEED_OFFSET for recipe in RECIPES.values())


def test_what_a_training_leaves_behind(trained, read):
    names = {path.name for path in trained.iterdir()}
    assert names == {"config.json", "policy.json", "policy.npz", "run.json", "tensorboard"}
    assert any(path.name.startswith("events.out.tfevents") for path in (trained / "tensorboard").iterdir())
    run, setup = read(trained / "run.json"), read(trained / "config.json")
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(run)
    assert run["config_sha256"] == setup["config_sha256"]
    assert run["steps"] == 1024 and not run["is_cut_off"]
    assert run["validation"]["steps"][0] == 0 and run["validation"]["steps"][-1] == 1024
    assert all(len(values) == len(run["validation"]["steps"]) for values in run["validation"].values())
    assert run["validation_reference"]["name"] == "g36"
    assert setup["config"]["training_days"] == list(config.training_days())
    assert setup["config"]["recipe"]["num_envs"] == 16


def test_a_task_with_days_of_its_own_is_recorded_as_trained_on_these():
    setup = TrainConfig(task="heat-wave")
    assert train.recorded(setup)["training_days"] == []
    assert "days of the task heat-wave" in train.trained_days(setup)
    assert train.trained_days(TrainConfig(task="crah-failure")).startswith(
        "episodes of the task crah-failure within the odd"
    )
    assert train.trained_days(TrainConfig()) == train.TRAIN_DAYS


def test_a_policy_trained_with_faults_says_so_and_is_validated_with_them(run_cli, read, tmp_path):
    text = "{sensors: {noise: {temperature: 0.5}}, failures: {random: {crah: {mtbf_hours: 2, repair_hours: 1}}}}"
    words = ("--algo", "ppo", "--num-envs", 4, "--steps", 64)
    for name, more in {"with": ("--faults", text), "without": ()}.items():
        assert run_cli("train", *words, *more, "--out", tmp_path / name)[0] == 0
    run, plain = read(tmp_path / "with" / "run.json"), read(tmp_path / "without" / "run.json")
    faults = {
        "sensors": {"noise": {"temperature": 0.5}},
        "failures": {"random": {"crah": {"mtbf_hours": 2, "repair_hours": 1}}},
    }
    assert run["faults"] == read(tmp_path / "with" / "config.json")["config"]["faults"] == faults
    assert plain["faults"] == {} and run["validation_reference"] != plain["validation_reference"]
    assert about(str(tmp_path / "with")).endswith(f"with faults {in_words(faults)}")
    assert training_env(TrainConfig(algo="ppo", num_envs=2, faults=faults)).env.unwrapped.batch.config.failures


def test_weather_that_does_not_reach_over_the_training_weeks_leaves_no_folder(run_cli, tmp_path):
    rows = "".join(f"2023-07-01 {hour:02d}:00,30,50,101325\n" for hour in range(24))
    file = tmp_path / "july.csv"
    file.write_text("time,dry_bulb_temperature [degC],relative_humidity [%],pressure [Pa]\n" + rows)
    code, _, err = run_cli("train", "--algo", "ppo", "--num-envs", 4, "--weather", file, "--out", tmp_path / "run")
    assert code == 2 and "not the episode from" in err
    assert not (tmp_path / "run").exists()


def test_the_events_hold_return_energy_and_violation(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained / "tensorboard"))
    events.Reload()
    assert {"validation/episode_return", "validation/thermal_energy_kwh", "validation/violation_k_min"} <= set(
        events.Tags()["scalars"]
    )


def test_the_saved_policy_acts_as_the_best_of_the_training(trained):
    env = gym.make("dcsim/Enterprise-v0")
    controller = make_controller(trained, env)
    observation, _ = env.reset(seed=0)
    action = controller.act(observation)
    assert action.shape == env.action_space.shape and np.abs(action).max() <= 1.0


def test_the_same_seed_trains_the_same_policy(run_cli, trained, tmp_path):
    words = ("train", "--algo", "ppo", "--num-envs", "16", "--steps", "1024")
    assert run_cli(*words, "--out", tmp_path / "same")[0] == 0
    assert run_cli(*words, "--seed", 1, "--out", tmp_path / "other")[0] == 0
    same, other, first = (weights(path) for path in (tmp_path / "same", tmp_path / "other", trained))
    for name, values in first.items():
        np.testing.assert_array_equal(same[name], values)
    assert not np.array_equal(other["step_0_0"], first["step_0_0"])


def weights(run):
    with np.load(run / "policy.npz") as file:
        return {name: file[name] for name in file.files}


SAC = ("train", "--algo", "sac", "--num-envs", "16", "--steps", "3520", "--seed", "3")  # learning starts at 3,000
PPO = ("train", "--algo", "ppo", "--num-envs", "8", "--steps", "3072", "--seed", "3")


@pytest.mark.parametrize("words", [pytest.param(PPO, marks=pytest.mark.slow), SAC], ids=["ppo", "sac"])
def test_a_killed_training_goes_on_to_the_very_same_policy(run_cli, read, tmp_path, words):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run_cli(*words, "--out", whole)[0] == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "dcsim_experiments", *words, "--checkpoint-minutes", "0", "--out", str(cut)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in (".", "agents", "experiments"))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wanted = 3200 if words is SAC else 1024  # in the midst of learning
    deadline = time.monotonic() + 200.0
    while (found := checkpoints.latest(cut)) is None or int(found.name) < wanted:
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (cut / "run.json").exists()

    code, _, err = run_cli(*words, "--out", cut)
    assert code == 2 and "--resume" in err
    code, lines, _ = run_cli(*words, "--resume", "--out", cut)
    assert code == 0 and lines[-1] == str(cut)
    for name, values in weights(whole).items():
        np.testing.assert_array_equal(weights(cut)[name], values, err_msg=name)
    assert read(cut / "run.json")["validation"] == read(whole / "run.json")["validation"]
    assert not (cut / "checkpoints").exists()
    assert (
        run_cli(*words, "--resume", "--out", cut)[1][0] == "This training is finished already; nothing is left to do."
    )


def test_an_interrupt_leaves_a_checkpoint_and_says_how_to_go_on(run_cli, tmp_path, monkeypatch):
    original = train.TrainingWatch._on_rollout_start

    def interrupt_after_a_while(watch):
        if watch.num_timesteps >= 512:
            signal.raise_signal(signal.SIGINT)
        original(watch)

    monkeypatch.setattr(train.TrainingWatch, "_on_rollout_start", interrupt_after_a_while)
    out = tmp_path / "run"
    words = ("train", "--algo", "ppo", "--num-envs", "16", "--steps", "1024", "--out", out)
    code, lines, err = run_cli(*words)
    assert code == 130 and lines == []
    assert f"stopped at 512 control steps; go on with --resume --out {out}" in err
    assert checkpoints.latest(out).name == "000000000512"
    monkeypatch.setattr(train.TrainingWatch, "_on_rollout_start", original)
    assert run_cli(*words, "--resume")[0] == 0


def test_a_second_interrupt_stops_at_once():
    before = signal.getsignal(signal.SIGINT)
    with train.StopRequest() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_made
        with pytest.raises(KeyboardInterrupt, match="at once"):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_clock_can_cut_a_training_off(run_cli, read, tmp_path):
    words = ("--algo", "ppo", "--num-envs", "16", "--steps", "100000", "--minutes", "0.02")
    code, lines, _ = run_cli("train", *words, "--out", tmp_path / "run")
    assert code == 0
    assert read(tmp_path / "run" / "run.json")["is_cut_off"]
    assert "the clock cut the training off" in lines[-2]


def test_a_damaged_checkpoint_is_named(tmp_path):
    settings = TrainConfig(algo="ppo", num_envs=2)
    env = training_env(settings)
    model = make_model(resolved(settings), "ppo", env, 0)
    model._setup_learn(32)
    path = checkpoints.save(tmp_path, model, env, {}, None)
    assert checkpoints.latest(tmp_path) == path
    (path / "tensors.pt").write_bytes(b"not a tensor")
    with pytest.raises(InputError, match="damaged"):
        checkpoints.restore(path, model, env)


def test_nothing_in_a_checkpoint_is_executed(tmp_path):
    """A pickle put in place of the tensors is refused, not run."""
    settings = TrainConfig(algo="ppo", num_envs=2)
    env = training_env(settings)
    model = make_model(resolved(settings), "ppo", env, 0)
    model._setup_learn(32)
    path = checkpoints.save(tmp_path, model, env, {}, None)
    torch.save({"parameters": Trap(tmp_path / "sprung")}, path / "tensors.pt")
    with pytest.raises(InputError, match="UnpicklingError"):
        checkpoints.restore(path, model, env)
    assert not (tmp_path / "sprung").exists()


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.slow
def test_ppo_learns_what_holds_a_toy_hall_at_its_best(run_cli, read, tmp_path):
    """In half a minute the policy needs less than g36-default and keeps the limit."""
    words = ("--algo", "ppo", "--steps", "400000")
    assert run_cli("train", *words, "--out", tmp_path / "run")[0] == 0
    validation = read(tmp_path / "run" / "run.json")["validation"]
    best = int(np.argmax(validation["episode_return"]))
    assert validation["thermal_energy_kwh"][best] < 0.9 * validation["thermal_energy_kwh"][0]
    assert validation["violation_k_min"][best] < 1.0


def test_rows_that_an_adapter_cannot_hold_are_no_surprise():
    """Any number of rows divides into the minibatches of the recipe."""
    for num_envs in (1, 3, 10):
        env = SB3VecEnv(gym.make_vec("dcsim/Enterprise-v0", num_envs=num_envs))
        model = make_model(RECIPES["ppo"], "ppo", env, 0)
        assert model.n_steps * num_envs % model.batch_size == 0
