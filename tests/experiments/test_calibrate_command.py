"""``dcsim calibrate`` as its user meets it: a log of a hall that is not quite the one of the file."""

import json

import gymnasium as gym
import numpy as np
import pytest
import yaml
from dcsim_experiments.synthetic_log import GIVEN, course, frame, rules

import dcsim  # noqa: F401  (registers the environments)
from dcsim.plant.description import load_hall

PARAMETERS = "racks.temperature_rise,crahs.fan_power"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    truth = load_hall("enterprise-1mw").replaced({"racks.temperature_rise": 15.0, "crahs.fan_power": 110e3})
    signals = ("rack_inlet_temperature", "return_air_temperature", "crah_fan_power")
    for name, seed in (("log", 3), ("later", 4)):
        written = frame(course(truth, 90, seed=seed, held=15), (*GIVEN, "utilization", *signals))
        written.round(5).to_csv(folder / f"{name}.csv", index_label="time")
    (folder / "mapping.yaml").write_text(yaml.safe_dump({"channels": rules(written)}))
    return folder


def words(site, out, *more):
    log = ("calibrate", site / "log.csv", "--hall", "enterprise-1mw", "--mapping", site / "mapping.yaml")
    return (*log, "--parameters", PARAMETERS, "--starts", "1", "--out", out, *more)


def test_files_keys_and_what_they_say(site, run_cli, read, tmp_path):
    out = tmp_path / "out"
    code, lines, err = run_cli(*words(site, out))
    assert code == 0 and err == "" and lines[-1] == str(out)
    names = {path.name for path in out.iterdir() if path.is_file()}
    assert names == {
        "config.json",
        "calibration.json",
        "hall.yaml",
        "mapping.yaml",
        "report.html",
        "parameters.png",
        "calibration.png",
    }
    content = read(out / "calibration.json")
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(content)
    assert set(content["channels"]) >= {"before", "fit", "holdout"}
    for part in ("before", "fit", "holdout"):
        for entry in content["channels"][part].values():
            assert {"rmse", "mae", "bias", "cvrmse", "unit"} <= set(entry)
    for name, true in (("racks.temperature_rise", 15.0), ("crahs.fan_power", 110e3)):
        entry = content["parameters"][name]
        assert set(entry) >= {"value", "low", "high", "unit", "identifiable"}
        assert entry["identifiable"] and entry["low"] <= entry["value"] <= entry["high"]
        assert entry["value"] == pytest.approx(true, rel=0.02)
    for entry in content["groups"].values():
        assert entry["holdout"] < 0.2 * entry["before"]
    fan = content["groups"]["crah fan power"]
    assert abs(fan["holdout_energy_error"]) < 0.1 * abs(fan["before_energy_error"])

    env = gym.make("dcsim/Enterprise-v0", hall=str(out / "hall.yaml"))
    assert env.unwrapped.batch.config.hall.description == load_hall(out / "hall.yaml")
    env.reset(seed=0)
    assert np.isfinite(env.step(env.action_space.sample())[1])

    code, _, _ = run_cli(
        "replay",
        site / "log.csv",
        "--hall",
        out / "hall.yaml",
        "--mapping",
        out / "mapping.yaml",
        "--no-ahead",
        "--out",
        tmp_path / "again",
    )
    assert code == 0
    for entry in read(tmp_path / "again" / "replay.json")["channels"].values():
        assert entry["rmse"] < (0.1 if entry["unit"] == "K" else 500.0)


def test_another_log_is_held_out_and_an_interrupted_fit_goes_on(site, run_cli, read, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    held_out = ("--holdout", site / "later.csv")
    assert run_cli(*words(site, whole, *held_out))[0] == 0
    content = read(whole / "calibration.json")
    assert content["steps"] == {"fit": 90, "holdout": 90}
    assert all(entry["holdout"] < entry["before"] for entry in content["groups"].values())

    assert run_cli(*words(site, cut, *held_out))[0] == 0
    (cut / "calibration.json").unlink()  # as an interrupted one leaves it, its start finished
    code, _, err = run_cli(*words(site, cut, *held_out))
    assert code == 2 and "--resume" in err
    kept = cut / "checkpoints" / "start_0.json"
    assert json.loads(kept.read_text())["variables"]
    code, _, _ = run_cli(*words(site, cut, *held_out, "--resume"))
    again = read(cut / "calibration.json")
    assert code == 0 and again["parameters"] == content["parameters"]
    assert again["halls_run"] < content["halls_run"] / 2
    kept.write_text("{")
    (cut / "calibration.json").unlink()
    code, _, err = run_cli(*words(site, cut, *held_out, "--resume"))
    assert code == 2 and "start_0.json" in err and "delete it" in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--parameters", "coils.conductivity"), "nearest is 'coils.conductance'"),
        (("--holdout-share", "1.5"), "--holdout-share 1.5: expected a share"),
        (("--starts", "0"), "--starts 0"),
        (("--holdout", "nowhere.csv"), "nowhere.csv"),
        (("--start", "2024-06-01T01:28"), "2 steps"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(site, run_cli, tmp_path, more, said):
    out = tmp_path / "out"
    code, _, err = run_cli(*words(site, out, *more))
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1
    assert not out.exists()
