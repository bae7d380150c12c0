"""``dcsim export`` as its user meets it: what is written is what happened, and says so."""

import json
import pickle

import gymnasium as gym
import numpy as np
import pyarrow.parquet as pq
import pytest
from dcsim_agents.controller import make_controller
from dcsim_experiments import compare
from dcsim_experiments.config import CompareConfig
from dcsim_experiments.rollout import Scenario, run
from dcsim_experiments.run_folder import RunFolder

import dcsim
from dcsim.logs import read_log
from dcsim.transitions.episode import in_units

ENV = "dcsim/Edge-v0"
DAY = ("--controller", "g36", "--episodes", "2", "--episode-days", "0.25", "--start", "2023-07-15", "--seed", "7")
KEYWORDS = {"weather": "chicago", "start": "2023-07-15", "episode_days": 0.25}
ROWS = 40
MAPPING = """
channels:
  "load{k}": {signal: "utilization_{k}", unit: "%"}
  "inlet{k}": {signal: "rack_inlet_temperature_{k}", unit: degC}
  "speed{k}": {signal: "crah_fan_speed_{k}", unit: rpm, nominal: 1200}
  "set{k}": {signal: "supply_air_setpoint_{k}", unit: degC}
  outdoors: {signal: dry_bulb_temperature, unit: degC}
  meter: {signal: cooling_power, unit: kW}
"""


def error_line(err):
    lines = err.splitlines()
    assert len(lines) == 1, err
    return lines[0]


def write(folder, columns, mapping=MAPPING):
    lines = [",".join(["time", *columns])]
    for k in range(ROWS):
        cells = ["" if np.isnan(values[k]) else f"{values[k]:.4f}" for values in columns.values()]
        hour, minute = divmod(k + (0 if k < 20 else 60), 60)  # an hour is missing in the middle
        lines.append(f"2024-05-01T{hour:02d}:{minute:02d}:00Z," + ",".join(cells))
    (folder / "log.csv").write_text("\n".join(lines))
    (folder / "mapping.yaml").write_text(mapping)
    return folder / "log.csv"


@pytest.fixture
def columns():
    """What half an hour of a hall measures, and another one after an hour of nothing."""
    steps = np.arange(ROWS)
    found = {f"load{k}": np.full(ROWS, 50.0 + k) for k in range(1, 11)}
    found |= {f"inlet{k}": 26.0 + 0.05 * k * steps for k in range(1, 11)}
    found |= {f"speed{k}": 900.0 + 2.0 * steps for k in (1, 2)}
    found |= {f"set{k}": 18.0 + 0.02 * steps for k in (1, 2)}
    return found | {"outdoors": 18.0 + 0.02 * steps, "meter": 12.0 + 0.1 * steps}


@pytest.fixture
def log(tmp_path, columns):
    return write(tmp_path, columns)


def log_words(log):
    return ("export", log, "--hall", "edge-dx-50kw", "--mapping", log.with_name("mapping.yaml"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Return the folder of a Parquet file of two short episodes."""
    from dcsim_experiments.cli import main

    out = tmp_path_factory.mktemp("exported") / "run"
    assert main(["export", ENV, *DAY, "--format", "parquet", "--out", str(out)]) == 0
    return out


def rollout(seed):
    """What the environment itself says of an episode."""
    env = gym.make(ENV, **KEYWORDS)
    controller = make_controller("g36", env)
    observation, _ = env.reset(seed=seed)
    controller.reset(seed)
    observations, actions, rewards, infos, done = [observation], [], [], [], False
    while not done:
        actions.append(controller.act(observation))
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        observations.append(observation)
        rewards.append(reward)
        infos.append(info)
        done = terminated or truncated
    return np.stack(observations), np.stack(actions), np.array(rewards), infos


def test_rows_are_the_steps_of_the_environment_in_units(simulated):
    table = pq.read_table(simulated / "transitions.parquet").to_pandas()
    assert len(table) == 2 * (72 + 1)
    signals = gym.make(ENV).unwrapped.signals
    for episode in (0, 1):
        rows = table[table["episode"] == episode]
        observations, actions, rewards, infos = rollout(7 + episode)
        names = [f"{s.name} [{s.unit}]" for s in signals.observation]
        np.testing.assert_array_equal(rows[names].to_numpy(), in_units(signals.observation, observations))
        names = [f"action.{s.name} [{s.unit}]" for s in signals.action]
        np.testing.assert_array_equal(rows[names].to_numpy()[:-1], in_units(signals.action, actions))
        np.testing.assert_array_equal(rows["reward"].to_numpy()[:-1], rewards)
        np.testing.assert_array_equal(rows["outcome.cost [K min]"].to_numpy()[:-1], [info["cost"] for info in infos])
        last = rows.iloc[-1]
        assert np.isnan(last["reward"]) and np.isnan(last[names[0]]) and not last["truncated"]
        assert list(rows["truncated"]) == [False] * 71 + [True, False] and not rows["terminated"].any()
    assert (table["time [s]"].diff()[1:] == 300.0).all()  # one clock through both, as read_log needs


def test_energy_is_that_of_the_rollout_that_comparisons_make(simulated):
    table = pq.read_table(simulated / "transitions.parquet").to_pandas()
    env = Scenario(ENV, 2, 7, KEYWORDS).make_vec()
    energy = run(make_controller("g36", env), env, 7).metrics["thermal_energy_kwh"]
    power = table.groupby("episode")["outcome.thermal_power [W]"].sum()
    np.testing.assert_allclose(power * 300.0 / 3.6e6, energy, rtol=1e-12)


def test_the_same_seed_gives_the_same_file_but_for_its_date(simulated, run_cli, tmp_path, read):
    assert run_cli("export", ENV, *DAY, "--format", "parquet", "--out", tmp_path / "again")[0] == 0
    tables = [pq.read_table(folder / "transitions.parquet") for folder in (simulated, tmp_path / "again")]
    assert tables[0].equals(tables[1])
    first, second = (read(folder / "export.json") for folder in (simulated, tmp_path / "again"))
    for content in (first, second):
        del content["created"]
        content.pop("command")
    assert first == second


def test_the_file_says_what_it_is(simulated, read):
    file = pq.ParquetFile(simulated / "transitions.parquet")
    about = json.loads(file.metadata.metadata[b"dcsim_transitions"])
    assert file.num_row_groups == 2  # one an episode, so that memory does not grow with their number
    assert about == read(simulated / "export.json")
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(about)
    assert about["dcsim_version"] == dcsim.__version__ and about["seed"] == 7
    assert [episode["seed"] for episode in about["episodes"]] == [7, 8]
    assert about["transitions"] == 144 and about["keywords"]["start"] == ["2023-07-15"]
    inlet = about["observation"][0]
    assert inlet["name"] == "rack_inlet_max_1" and (inlet["unit"], inlet["low"], inlet["high"]) == ("degC", 10.0, 45.0)


def test_read_log_reads_the_same_numbers_from_both_files(simulated, run_cli, tmp_path):
    assert run_cli("export", ENV, *DAY, "--format", "csv", "--out", tmp_path / "csv")[0] == 0
    table = pq.read_table(simulated / "transitions.parquet").to_pandas()
    for path in (simulated / "transitions.parquet", tmp_path / "csv" / "transitions.csv"):
        found = read_log(path)
        for column in table.columns[1:]:
            name = column if column in found.channels else column.partition(" [")[0]
            series = found[name]
            np.testing.assert_array_equal(series.raw, table[column].to_numpy(float), err_msg=column)
        np.testing.assert_array_equal(series.time, table["time [s]"] * 1e9)


def test_without_dates_days_of_the_training_weeks_are_taken(run_cli, read, tmp_path):
    words = ("--controller", "fixed", "--episodes", "3", "--episode-days", "0.05", "--format", "csv")
    assert run_cli("export", ENV, *words, "--out", tmp_path / "run")[0] == 0
    about = read(tmp_path / "run" / "export.json")
    assert about["seed"] == 10_000 and len({episode["start"] for episode in about["episodes"]}) > 1
    days = {day[5:] for day in about["keywords"]["start"]}
    assert all(episode["start"][:5] in days for episode in about["episodes"])


def test_a_log_becomes_episodes_whose_observation_comes_before_the_action(log, columns, run_cli, read, tmp_path):
    code, lines, _ = run_cli(*log_words(log), "--format", "parquet", "--out", tmp_path / "out")
    assert code == 0
    table = pq.read_table(tmp_path / "out" / "transitions.parquet").to_pandas()
    assert list(table.groupby("episode").size()) == [20, 20]  # 19 steps and the last observation of each
    first = table[table["episode"] == 0]
    assert first["time"].iloc[0].isoformat() == "2024-05-01T00:01:00+00:00"
    np.testing.assert_allclose(first["inlet3 [degC]"], columns["inlet3"][:20], atol=1e-4)
    np.testing.assert_allclose(first["action.crah_fan_speed_1 [-]"][:-1], columns["speed1"][1:20] / 1200.0)
    np.testing.assert_allclose(first["action.supply_air_setpoint_2 [degC]"][:-1], columns["set2"][1:20], atol=1e-4)
    assert list(first["truncated"]) == [False] * 18 + [True, False]
    about = read(tmp_path / "out" / "export.json")
    assert [s["name"] for s in about["action"]] == [
        f"{n}_{k}" for n in ("supply_air_setpoint", "crah_fan_speed") for k in (1, 2)
    ]
    notes = " ".join(about["notes"])
    assert "no action compressor_request: assumed: 1" in notes and "weather chicago" in notes
    assert any("supply_shortfall is left out" in line for line in lines)


def test_the_reward_of_a_log_is_that_of_an_environment_for_what_is_measured(log, columns, run_cli, tmp_path):
    assert run_cli(*log_words(log), "--format", "csv", "--out", tmp_path / "out")[0] == 0
    found = read_log(tmp_path / "out" / "transitions.csv")["reward"].raw[:19]
    hottest = columns["inlet10"][1:20]
    travel = (2 * 0.02 / 10.0 + 2 * (2.0 / 1200.0) / 0.5) / 4.0  # of ranges 14 to 24 degC and 0.5 to 1
    expected = columns["meter"][1:20] * 1e3 / 50e3 + 0.1 * np.maximum(hottest - 27.0, 0.0)
    expected += 0.5 * np.maximum(hottest - 32.0, 0.0) + 0.005 * travel
    np.testing.assert_allclose(found, -np.minimum(expected, 1.0), rtol=1e-5)


def test_the_folder_of_a_replay_is_exported_as_its_log(log, run_cli, tmp_path):
    settings = {"log": str(log), "hall": "edge-dx-50kw", "mapping": str(log.with_name("mapping.yaml")), "weather": None}
    settings |= {"step_s": 120.0, "start": None, "end": "2024-05-01T00:15", "ahead": False}
    RunFolder(tmp_path / "replayed", "replay", settings, 0, "replay.json")
    words = (*log_words(log)[1:], "--end", "2024-05-01T00:15", "--step-s", "120")
    assert run_cli("export", tmp_path / "replayed", "--format", "parquet", "--out", tmp_path / "of-run")[0] == 0
    assert run_cli("export", *words, "--format", "parquet", "--out", tmp_path / "of-log")[0] == 0
    tables = [pq.read_table(tmp_path / name / "transitions.parquet") for name in ("of-run", "of-log")]
    assert tables[0].equals(tables[1]) and tables[0].num_rows == 8


def test_forecasts_and_faults_reach_the_environment(run_cli, read, tmp_path):
    words = ("--forecast", "--faults", "{sensors: {noise: {temperature: 0.5}}}", "--controller", "fixed")
    assert run_cli("export", ENV, *DAY[2:], *words, "--format", "parquet", "--out", tmp_path / "out")[0] == 0
    options = {"observation": {"forecast": True}, "sensors": {"noise": {"temperature": 0.5}}}
    env = gym.make(ENV, **KEYWORDS, **options)
    first, _ = env.reset(seed=7)
    table = pq.read_table(tmp_path / "out" / "transitions.parquet").to_pandas()
    names = [f"{s.name} [{s.unit}]" for s in env.unwrapped.signals.observation]
    assert "wet_bulb_forecast_8h [degC]" in names
    np.testing.assert_array_equal(table[names].to_numpy()[0], in_units(env.unwrapped.signals.observation, first))


def test_a_trip_ends_an_episode_terminated(run_cli, read, tmp_path):
    faults = "{failures: {schedule: [{component: dx_unit, units: all, start_hour: 1, hours: 4, remaining: 0.0}]}}"
    assert run_cli("export", ENV, *DAY, "--faults", faults, "--format", "parquet", "--out", tmp_path / "out")[0] == 0
    episodes = read(tmp_path / "out" / "export.json")["episodes"]
    assert all(episode["is_tripped"] and 12 < episode["steps"] < 72 for episode in episodes)
    table = pq.read_table(tmp_path / "out" / "transitions.parquet").to_pandas()
    for number, episode in enumerate(episodes):
        rows = table[table["episode"] == number]
        assert list(rows["terminated"]) == [False] * (episode["steps"] - 1) + [True, False]
        assert not rows["truncated"].any()
        assert rows["reward"].iloc[-2] < -1.0  # every step that was left is charged


def test_without_a_meter_the_reward_is_left_out_and_said(columns, run_cli, tmp_path):
    del columns["meter"]
    log = write(tmp_path, columns, MAPPING.replace("  meter: {signal: cooling_power, unit: kW}\n", ""))
    code, lines, _ = run_cli(*log_words(log), "--format", "parquet", "--out", tmp_path / "out")
    assert code == 0 and "reward: not known, no channel has the signal cooling_power" in lines
    assert pq.read_table(tmp_path / "out" / "transitions.parquet")["reward"].null_count == 40
    pytest.importorskip("minari")
    code, _, err = run_cli(*log_words(log), "--format", "minari", "--out", tmp_path / "minari")
    assert code == 2 and "needs a reward" in error_line(err) and not (tmp_path / "minari").exists()


def test_the_folder_of_a_run_says_environment_and_policy(trained, run_cli, read, tmp_path):
    words = ("--episodes", "1", "--format", "parquet")
    assert run_cli("export", trained, *words, "--out", tmp_path / "policy")[0] == 0
    about = read(tmp_path / "policy" / "export.json")
    assert about["env"] == "dcsim/Enterprise-v0" and about["episodes"][0]["controller"] == trained.name
    assert about["weights_sha256"] == {trained.name: read(trained / "policy.json")["weights_sha256"]}
    assert about["transitions"] == 288


def test_the_folder_of_a_comparison_gives_the_episodes_it_compared(run_cli, read, tmp_path):
    compared = CompareConfig(env=ENV, controllers=("fixed", "rules"), episodes=2, episode_days=0.1, seed=3)
    RunFolder(tmp_path / "compared", "compare", compare.settings(compared), 3, compare.RESULT_FILE)
    assert run_cli("export", tmp_path / "compared", "--format", "parquet", "--out", tmp_path / "out")[0] == 0
    evaluation = compare.evaluate({"fixed": "fixed", "rules": "rules"}, compare.scenarios_of(compared))
    table = pq.read_table(tmp_path / "out" / "transitions.parquet").to_pandas()
    energy = table.groupby("episode")["outcome.thermal_power [W]"].sum() * 300.0 / 3.6e6
    values = [evaluation.metrics[name]["thermal_energy_kwh"] for name in ("fixed", "rules")]
    np.testing.assert_allclose(energy, np.concatenate(values), rtol=1e-9)
    episodes = read(tmp_path / "out" / "export.json")["episodes"]
    assert [(each["controller"], each["seed"]) for each in episodes] == [
        ("fixed", 3),
        ("fixed", 4),
        ("rules", 3),
        ("rules", 4),
    ]
    assert [each["start"] for each in episodes[:2]] == evaluation.groups[0].dates


def test_minari_reads_back_what_the_environment_gave(run_cli, monkeypatch, tmp_path):
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    code, lines, _ = run_cli("export", ENV, *DAY, "--format", "minari", "--out", "out")
    assert code == 0 and not (tmp_path / "home").exists()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "out" / "minari"))
    assert f"MINARI_DATASETS_PATH={tmp_path / 'out' / 'minari'}" in lines[-2]
    dataset = minari.load_dataset("dcsim/Edge-g36-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (2, 144)
    for k, episode in enumerate(dataset.iterate_episodes()):
        observations, actions, rewards, infos = rollout(7 + k)
        assert episode.observations.dtype == episode.actions.dtype == np.float32
        np.testing.assert_array_equal(episode.observations, observations)
        np.testing.assert_array_equal(episode.actions, actions)
        np.testing.assert_array_equal(episode.rewards, rewards)
        np.testing.assert_array_equal(episode.infos["cost"][1:], [info["cost"] for info in infos])
        assert episode.truncations[-1] and not episode.truncations[:-1].any() and not episode.terminations.any()
    env = dataset.recover_environment()
    first = next(dataset.iterate_episodes([1]))
    np.testing.assert_array_equal(env.reset(seed=8)[0], first.observations[0])
    assert dataset.storage.metadata["dcsim"]["seed"] == 7
    assert list(minari.list_local_datasets()) == ["dcsim/Edge-g36-v0"]


def test_minari_takes_the_stretches_of_a_log_that_are_known(columns, run_cli, read, monkeypatch, tmp_path):
    minari = pytest.importorskip("minari")
    columns["inlet4"][3:5] = np.nan  # the reading before stands for them
    columns["meter"][30] = np.nan  # no reward
    expected = columns["inlet10"]  # the hottest
    log = write(tmp_path, columns)
    assert run_cli(*log_words(log), "--format", "minari", "--out", tmp_path / "out")[0] == 0
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "out" / "minari"))
    dataset = minari.load_dataset(read(tmp_path / "out" / "export.json")["dataset"])
    assert [len(episode.rewards) for episode in dataset] == [19, 9, 9]
    episode = dataset[0]
    names = [s["name"] for s in dataset.storage.metadata["dcsim"]["observation"]]
    inlet = episode.observations[:, names.index("inlet4")]
    np.testing.assert_allclose(inlet[2:6], columns["inlet4"][[2, 2, 2, 5]], atol=1e-3)
    np.testing.assert_allclose(episode.actions[:, 0], 2.0 * (columns["set1"][1:20] - 14.0) / 10.0 - 1.0, atol=1e-4)
    np.testing.assert_allclose(episode.infos["rack_inlet_max_c"], expected[:20], atol=1e-3)
    assert all(episode.truncations[-1] for episode in dataset)
    notes = " ".join(read(tmp_path / "out" / "export.json")["notes"])
    assert "0.5% of the readings of rack_inlet_temperature missing" in notes


def test_a_policy_as_onnx_acts_as_it_does(trained, run_cli, read, tmp_path):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    code, _, _ = run_cli("export", trained, "--format", "onnx", "--out", tmp_path / "out")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "export.json", "policy.onnx"]
    file = tmp_path / "out" / "policy.onnx"
    env = gym.make("dcsim/Enterprise-v0", start="2023-07-15")
    policy = make_controller(str(trained), env)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    observation, _ = env.reset(seed=1)
    for _ in range(20):
        action = policy.act(observation)
        (found,) = session.run(["action"], {"observation": observation[None]})
        np.testing.assert_allclose(found[0], action, atol=1e-5)
        observation = env.step(action)[0]
    many = np.random.default_rng(0).uniform(-1.0, 1.0, (33, len(observation))).astype(np.float32)
    (found,) = session.run(["action"], {"observation": many})
    assert found.dtype == np.float32
    policy.reset()
    np.testing.assert_allclose(found, policy.act(many), atol=1e-5)
    properties = {each.key: each.value for each in onnx.load(file).metadata_props}
    about = read(trained / "policy.json")
    assert properties["policy_config_sha256"] == about["config_sha256"]
    assert properties["config_sha256"] == read(tmp_path / "out" / "export.json")["config_sha256"]
    assert [list(s.values()) for s in json.loads(properties["action"])] == about["action"]
    assert "protection" in properties["holds"]
    assert read(tmp_path / "out" / "export.json")["error_max"] <= 1e-5


@pytest.mark.parametrize("kind", ["Tanh", "ReLU", "ELU", "SiLU", "Hardtanh", "LSTM"])
def test_every_kind_of_layer_gives_what_torch_gives(kind, tmp_path):
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    import torch
    from dcsim_agents.learned import save_network
    from dcsim_agents.onnx_policy import write_onnx

    torch.manual_seed(3)
    env = gym.make(ENV)
    features, actions = env.observation_space.shape[0], env.action_space.shape[0]
    options = {"Hardtanh": (-0.5, 0.5), "LSTM": (16, 16)}.get(kind, ())
    layers = [torch.nn.Linear(features, 16), getattr(torch.nn, kind)(*options), torch.nn.Linear(16, actions)]
    save_network(torch.nn.Sequential(*layers), "test", tmp_path / "policy", env)
    written = write_onnx(tmp_path / "policy", tmp_path / "policy.onnx", {})
    assert written["error_max"] <= 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "policy.onnx"), providers=["CPUExecutionProvider"])
    x = 2.0 * torch.rand(7, features) - 1.0
    memory = None
    kept = {each.name: np.zeros((7, 16), np.float32) for each in session.get_inputs()[1:]}
    assert len(kept) == (2 if kind == "LSTM" else 0)
    for _ in range(3):  # a memory goes on
        with torch.no_grad():
            y = layers[0](x)
            if kind == "LSTM":
                y, memory = layers[1](y[None], memory)
                y = y[0]
            else:
                y = layers[1](y)
            expected = layers[2](y).clamp(-1.0, 1.0).numpy()
        found = dict(
            zip(
                [each.name for each in session.get_outputs()],
                session.run(None, {"observation": x.numpy(), **kept}),
                strict=True,
            )
        )
        kept = {name: found[f"next_{name}"] for name in kept}
        np.testing.assert_allclose(found["action"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((ENV,), "--format"),
        ((ENV, "--format", "hdf5"), "'hdf5'"),
        (("dcsim/Edgy-v0", "--format", "csv"), "did you mean 'dcsim/Edge-v0'?"),
        (("dcsim/Replay-v0", "--format", "csv"), "give the log itself"),
        ((ENV, "--format", "csv", "--hall", "edge-dx-50kw"), "--hall: belongs to a log"),
        ((ENV, "--format", "csv", "--controller", "g63"), "'g63'"),
        ((ENV, "--format", "csv", "--task", "heatwave"), "'heat-wave'"),
        ((ENV, "--format", "csv", "--episodes", "0"), "--episodes 0: expected at least 1"),
        ((ENV, "--format", "onnx"), "is no trained policy"),
        (("nowhere", "--format", "csv"), "no such file or folder"),
        (("nowhere", "--format", "onnx"), "no such folder"),
        (("LOG", "--format", "csv"), "--hall is missing"),
        (("LOG", "--format", "csv", "--hall", "edge-dx-50kw", "--mapping", "gone.yaml"), "gone.yaml"),
        (
            ("LOG", "--format", "csv", "--hall", "edge-dx-50kw", "--controller", "g36"),
            "--controller: belongs to a simulation",
        ),
        (("LOG", "--format", "onnx"), "no policy of dcsim"),
        (("RUN", "--format", "csv"), "holds no policy (policy.json)"),
        (("RUN", "--format", "onnx"), "holds no policy (policy.json)"),
        (("RUN", "--format", "csv", "--weather", "miami"), "--weather"),
        (("FORGED", "--format", "csv"), "config.episodes"),
        (("DEMO", "--format", "csv"), "a run of 'demo' has no transitions"),
        (("PICKLE", "--format", "onnx"), "not opened"),
        (("PICKLE", "--format", "csv", "--hall", "edge-dx-50kw"), "model.zip"),
        ((ENV, "--format", "csv", "--out", "day.csv"), "is the name of a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_leaves_nothing(log, run_cli, tmp_path, monkeypatch, words, said):
    places = {"LOG": log}
    for name, config in (
        ("RUN", {"verb": "train", "config": {"env": ENV, "algo": "ppo"}}),
        ("FORGED", {"verb": "compare", "config": {"env": ENV, "episodes": "many"}}),
        ("DEMO", {"verb": "demo", "config": {}}),
    ):
        places[name] = tmp_path / name.lower()
        places[name].mkdir()
        (places[name] / "config.json").write_text(json.dumps(config))

    class Bomb:
        def __reduce__(self):
            return (print, ("code of a stranger ran",))

    places["PICKLE"] = tmp_path / "model.zip"
    places["PICKLE"].write_bytes(pickle.dumps(Bomb()))
    monkeypatch.chdir(tmp_path)
    out = () if "--out" in words else ("--out", tmp_path / "out")
    code, lines, err = run_cli("export", *(places.get(word, word) for word in words), *out)
    assert code == 2
    assert said in error_line(err)
    assert not any("stranger" in line for line in lines)
    assert not (tmp_path / "out").exists() and not (tmp_path / "day.csv").exists()


def test_an_export_is_not_written_over(simulated, run_cli):
    before = (simulated / "transitions.parquet").read_bytes()
    code, _, err = run_cli("export", ENV, *DAY, "--format", "parquet", "--out", simulated)
    assert code == 2 and "holds an export already" in error_line(err)
    assert (simulated / "transitions.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("format_", "package", "extra"), [("minari", "minari", "offline-rl"), ("onnx", "onnx", "onnx")]
)
def test_a_missing_package_is_named_with_its_extra(trained, run_cli, tmp_path, monkeypatch, format_, package, extra):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    what = ENV if format_ == "minari" else trained
    code, _, err = run_cli("export", what, "--format", format_, "--out", tmp_path / "out")
    assert code == 2 and f"pip install 'dcsim[{extra}]'" in error_line(err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format_", ["parquet", "csv", "minari"])
def test_an_interrupted_export_leaves_no_data(run_cli, tmp_path, monkeypatch, format_):
    if format_ == "minari":
        pytest.importorskip("minari")
    from dcsim_experiments import export

    transitions, made = export.transitions, []

    def one_and_no_more(*given):
        if made:
            raise KeyboardInterrupt
        made.append(transitions(*given))
        return made[0]

    monkeypatch.setattr(export, "transitions", one_and_no_more)
    code, _, err = run_cli("export", ENV, *DAY, "--format", format_, "--out", tmp_path / "out")
    assert code == 130 and "no result was written" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["config.json"]
