"""``dcsim replay --controller`` on a log that a hall's own equations wrote in closed loop, so that the truth is known."""

import json

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
import yaml
from dcsim_agents.controller import make_controller, view_of
from dcsim_agents.logged import LoggedController
from dcsim_experiments.synthetic_log import frame, rules, run

import dcsim  # noqa: F401
from dcsim.calibration import parameters_of, with_values
from dcsim.envs.env import HallEnv
from dcsim.envs.sensed_steps import SensedSteps
from dcsim.errors import InputError
from dcsim.plant.description import load_hall

HALL, STEPS = "enterprise-1mw", 96
SIGNALS = (
    "dry_bulb_temperature",
    "dew_point_temperature",
    "atmospheric_pressure",
    "rack_power",
    "supply_air_setpoint",
    "crah_fan_speed",
    "chilled_water_setpoint",
    "chilled_water_pump_speed",
    "condenser_water_setpoint",
    "condenser_water_flow",
    "rack_inlet_temperature",
    "cooling_power",
)
METERED = "cooling_power_1"


class Case:
    """A log on disk, the environment that wrote it, and a hall with the errors of a calibration beside it."""

    def __init__(self, folder):
        self.folder, self.description = folder, load_hall(HALL)
        self.env = gym.make(
            "dcsim/Enterprise-v0", start="2023-06-05", episode_days=STEPS / 288.0, disable_env_checker=True
        )
        self.shown = run(self.env, make_controller("rules", self.env), seed=3)
        self.frame = frame(self.shown, SIGNALS, 300.0)
        noise = np.random.default_rng(0).standard_normal
        for name in (
            "dry_bulb_temperature_1",
            "dew_point_temperature_1",
        ):  # interpolated hours stand still now and then
            self.frame[name] += 0.02 * noise(STEPS)
        self.log, self.mapping = folder / "log.csv", folder / "mapping.yaml"
        self.frame.to_csv(self.log, index_label="time")
        self.mapping.write_text(yaml.safe_dump({"channels": rules(self.frame)}))

    def hall(self, name, error, changes=None, unknown=("crahs.fan_power", 0.0)):
        """Write a hall and beside it what a calibration with such an error of cooling power [share], and a spread of a parameter, leaves."""
        folder = self.folder / name
        folder.mkdir()
        description = self.description.replaced(changes or {})
        (folder / "hall.yaml").write_text(yaml.safe_dump(description.model_dump(mode="json", exclude_none=True)))
        mean = float(self.frame[METERED].mean())
        of_power = {"mean": mean, "bias": 0.0, "hourly_errors": [error * mean, None, -error * mean] * 8}
        holdout = {METERED: of_power | {"errors_90": [-error * mean, error * mean]}}
        for k in range(1, 21):
            holdout[f"rack_inlet_temperature_{k}"] = {
                "mean": 22.0,
                "bias": 0.0,
                "hourly_errors": [0.1] * 9,
                "errors_90": [-0.2, 0.3],
            }
        content = {
            "hall_sha256": load_hall(str(folder / "hall.yaml")).digest(),
            "channels": {"holdout": holdout},
            "parameters": {unknown[0]: {"spread_left": unknown[1]}},
            "correlation": [[1.0]],
        }
        (folder / "calibration.json").write_text(json.dumps(content))
        return folder / "hall.yaml"

    def words(self, hall, *more):
        return ("replay", self.log, "--hall", hall, "--mapping", self.mapping, "--controller", *more)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case(tmp_path_factory.mktemp("counterfactual"))


def true_energy(case, name, env=None):
    """What a controller uses in the environment that wrote the log, or another [kWh], over the steps that the command counts."""
    env = env or case.env
    controller = make_controller(name, env)
    observation, _ = env.reset(seed=3)
    controller.reset(3)
    used = []
    for _ in range(STEPS):
        observation, _, _, _, info = env.step(controller.act(observation))
        used.append(info["cooling_energy_kwh"])
    return sum(used[24:])  # the log's first hour is before the episode, the episode's first settles


def test_a_saving_is_that_of_the_hall_that_wrote_the_log(case, run_cli, read, tmp_path):
    hall = case.hall("good", 0.01)
    code, lines, err = run_cli(*case.words(hall, "g36"), "--plausible-halls", "2", "--out", tmp_path / "out")
    assert code == 0 and err == ""
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "config.json",
        "replay.json",
        "replay.png",
        "counterfactual.png",
        "report.html",
    }
    content = read(tmp_path / "out" / "replay.json")
    assert content["hours"] == pytest.approx(6.0)
    check = content["check"]
    assert check["passed"] and abs(check["error"]) < 0.01 and check["quantity"] == "cooling_power"
    assert check["measured_kwh"] == pytest.approx(case.frame[METERED][24:].sum() / 12e3, rel=1e-9)
    own, other = content["controllers"]["logged"], content["controllers"]["g36"]
    assert own["it_energy_kwh"] == pytest.approx(case.shown["it_power"][0, 24:].sum() / 12e3, rel=2e-3)
    assert other["cooling_energy_kwh"] == pytest.approx(true_energy(case, "g36"), rel=0.01)
    saving = content["savings"]["g36"]
    truth = 1.0 - true_energy(case, "g36") / true_energy(case, "rules")
    assert saving["low"] < truth < saving["high"] and saving["saving"] == pytest.approx(truth, abs=0.01)
    assert (
        other["rack_inlet_max_high_c"] >= other["rack_inlet_max_c"] - 0.1
    )  # of steps, not of sub-steps, and 0.2 K on top
    assert other["violation_high_k_min"] >= 0.0
    beyond = content["beyond_the_log"]["g36"]
    assert beyond["chilled_water_setpoint"]["outside"] == 1.0 and beyond["chilled_water_setpoint"][
        "log"
    ] == pytest.approx([8.0, 8.0])
    assert set(content["channels"]) == {METERED, *(f"rack_inlet_temperature_{k}" for k in range(1, 21))}
    assert any("beyond all that the log has" in line for line in lines)


def test_what_is_unknown_of_a_parameter_widens_the_interval_by_what_it_does_to_the_saving(
    case, run_cli, read, tmp_path
):
    name, spread = "crahs.fan_power", 0.8
    hall = case.hall("unsure", 0.01, unknown=(name, spread))
    assert run_cli(*case.words(hall, "fixed"), "--plausible-halls", "12", "--out", tmp_path / "out")[0] == 0
    found = read(tmp_path / "out" / "replay.json")
    (parameter,) = parameters_of(case.description, [name])
    ratios = []
    for z in (-spread, spread):
        env = HallEnv(
            hall=with_values(case.description, [parameter], [z]),
            start="2023-06-05",
            episode_days=STEPS / 288.0,
            control_interval_s=300.0,
        )
        ratios.append(true_energy(case, "fixed", env) / true_energy(case, "rules", env))
    of_one_spread = 0.5 * abs(ratios[1] - ratios[0])
    saving = found["savings"]["fixed"]
    # 12 draws, of which a root mean square is known within a fifth (one deviation); Student's factor is 1.78
    assert saving["of_parameters"] == pytest.approx(1.78 * of_one_spread, rel=0.4)
    assert saving["high"] - saving["saving"] == pytest.approx(np.hypot(saving["of_error"], saving["of_parameters"]))
    assert len(found["plausible_halls"]["fixed"]) == 12
    assert run_cli(*case.words(hall, "fixed"), "--plausible-halls", "0", "--out", tmp_path / "none")[0] == 0
    alone = read(tmp_path / "none" / "replay.json")["savings"]["fixed"]
    assert alone["of_parameters"] is None and alone["high"] - alone["saving"] == pytest.approx(saving["of_error"])


def test_stretches_between_holes_are_added_up(case, run_cli, read, tmp_path):
    """The log, twice, with hours of nothing between and three hours of a third time, which are too few: twice of all that is a sum."""
    copies = [case.frame.set_axis(case.frame.index + pd.Timedelta(hours=12 * k)) for k in range(3)]
    log, hall = tmp_path / "log.csv", case.hall("stretches", 0.01)
    pd.concat([*copies[:2], copies[2][:36]]).to_csv(log, index_label="time")
    results = []
    for path in (case.log, log):
        words = (
            "replay",
            path,
            "--hall",
            hall,
            "--mapping",
            case.mapping,
            "--controller",
            "g36",
            "--plausible-halls",
            "2",
        )
        code, lines, err = run_cli(*words, "--out", tmp_path / path.parent.name / "out")
        assert code == 0 and err == ""
        results.append(read(tmp_path / path.parent.name / "out" / "replay.json"))
    once, twice = results
    assert any("12 h from" in line and "in 2 stretches between holes" in line for line in lines)
    assert twice["hours"] == 2.0 * once["hours"] and len(twice["segments"]) == 2
    for name in ("logged", "g36"):
        for key in ("cooling_energy_kwh", "it_energy_kwh", "violation_k_min"):
            assert twice["controllers"][name][key] == pytest.approx(2.0 * once["controllers"][name][key], rel=2e-3)
        assert twice["controllers"][name]["pue"] == pytest.approx(once["controllers"][name]["pue"], rel=1e-4)
    assert twice["check"]["measured_kwh"] == pytest.approx(2.0 * once["check"]["measured_kwh"], rel=1e-9)
    assert twice["savings"]["g36"]["saving"] == pytest.approx(once["savings"]["g36"]["saving"], abs=2e-3)


def test_a_hall_that_misses_the_logged_energy_tells_no_saving(case, run_cli, read, tmp_path):
    hall = case.hall("poor", 0.01, {"chillers.cop": 0.6 * case.description.chillers.cop.value})
    code, lines, _ = run_cli(*case.words(hall, "g36"), "--out", tmp_path / "out")
    content = read(tmp_path / "out" / "replay.json")
    assert code == 0 and content["savings"] == {} and not content["check"]["passed"] and content["check"]["error"] > 0.2
    assert any("NOT reproduced" in line for line in lines) and any("no saving is told" in line for line in lines)


def test_a_hall_changed_since_its_calibration_tells_no_saving(case, run_cli, read, tmp_path):
    hall = case.hall("edited", 0.01)
    hall.write_text(hall.read_text().replace("name: enterprise-1mw", "name: edited"))
    assert run_cli(*case.words(hall, "g36"), "--out", tmp_path / "out")[0] == 0
    content = read(tmp_path / "out" / "replay.json")
    assert content["savings"] == {} and "was changed since" in content["no_saving"]


@pytest.mark.parametrize(
    ("spoil", "more", "said"),
    [
        ("{", ("g36",), "is not what dcsim calibrate writes"),
        ('{"hall_sha256": "x", "channels": {"holdout": {"a": 1}}}', ("g36",), "is not what dcsim calibrate writes"),
        (None, ("g63",), "nearest is 'g36'"),
        (None, ("logged",), "is the log's own"),
        (None, ("g36", "--step-s", "60"), "--control-interval-s"),
        (None, ("g36", "--control-interval-s", "7"), "divide a day evenly"),
        (None, ("g36", "--start", "2024-06-01T06:30"), "a comparison needs more than two hours"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(case, run_cli, tmp_path, spoil, more, said):
    hall = case.hall(f"spoilt-{abs(hash((spoil, more)))}", 0.01)
    if spoil:
        hall.with_name("calibration.json").write_text(spoil)
    code, _, err = run_cli(*case.words(hall, *more), "--out", tmp_path / "out")
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_logs_own_controller_asks_for_what_is_logged(case):
    """And sensors show over a step what the plant did in it."""
    view = view_of(case.env)
    asked = {name.name: np.full((1, 3), 0.5 * (name.low + name.high)) for name in view.signals.action}
    at = [each.name for each in view.signals.action].index("chilled_water_setpoint")
    asked["chilled_water_setpoint"] = np.array([[7.0, 9.0, 11.0]])
    controller = LoggedController(view, asked)
    observation, _ = case.env.reset(seed=1)
    controller.reset(1)
    watched, seen = SensedSteps(case.env.unwrapped.batch), []
    for _ in range(5):
        _, _, _, _, info = case.env.step(controller.act(observation))
        watched.add()
        seen.append((case.env.unwrapped.batch.setpoints[at, 0], info["cooling_power_w"], info["it_power_w"]))
    water, cooling, it = np.array(seen).T
    np.testing.assert_allclose(water, [7.0, 9.0, 11.0, 11.0, 11.0], atol=1e-5)
    np.testing.assert_allclose(watched.signals()["cooling_power"][0], cooling, rtol=1e-9)
    np.testing.assert_allclose(watched.signals()["it_power"][0], it, rtol=1e-9)
    with pytest.raises(InputError, match="1 values are unknown"):
        LoggedController(view, {"chilled_water_setpoint": np.array([[np.nan]])})
