"""``dcsim forecast``: a log in, a forecaster and its worth out; what does not fit ends in one line."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from dcsim_experiments.cli import main
from exact_hall import course

MAPPING = """
channels:
  "inlet_{k}": {signal: "rack_inlet_temperature_{k}", unit: degC}
  "load_{k}": {signal: "utilization_{k}", unit: "-"}
  "setpoint": {signal: supply_air_setpoint, unit: degC}
"""
QUICK = ["--steps", "40", "--members", "2", "--threads", "1"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    write(folder / "log.csv")
    (folder / "mapping.yaml").write_text(MAPPING)
    return folder


def write(path, steps=600, seed=0, without=()):
    values = course(steps, seed, noise=0.05)[1]
    names = [*(f"inlet_{k}" for k in (1, 2, 3)), *(f"load_{k}" for k in (1, 2, 3)), "setpoint"]
    frame = pd.DataFrame(values.T, columns=names, index=pd.date_range("2024-03-01T00:00Z", periods=steps, freq="300s"))
    frame.drop(columns=list(without)).round(3).to_csv(path, index_label="time")


@pytest.fixture(scope="module")
def fitted(log):
    out = log / "fitted"
    words = ["forecast", "fit", str(log / "log.csv"), "--mapping", str(log / "mapping.yaml"), "--out", str(out), *QUICK]
    assert main(words) == 0
    return out


def test_fit_scores_the_last_part_by_channel(fitted):
    found = json.loads((fitted / "scores.json").read_text())
    assert found["horizon_min"] == 60.0
    assert set(found["channels"]) == {"inlet_1", "inlet_2", "inlet_3"}
    assert found["scored"][0] > found["learned_from"][1]
    for entry in (*found["channels"].values(), found["mean"]):
        assert entry["model"]["rmse"] < 0.5 * entry["persistence"]["rmse"]
        assert {"rmse", "mae"} == set(entry["ridge"]) == set(entry["seasonal"])
        assert entry["unit"] == "K" and 0.7 < entry["coverage90"] <= 1.0 and entry["interval_width"] > 0.0
    unknown = found["future_by_persistence"]["mean"]["model"]["rmse"]
    assert unknown > 1.2 * found["mean"]["model"]["rmse"]  # racks follow a load that nobody foretold
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(found)
    assert (fitted / "forecasts.png").stat().st_size > 10_000


def test_nothing_of_what_is_scored_is_learned_from(log, fitted, tmp_path):
    shuffled = pd.read_csv(log / "log.csv")
    late = shuffled.index >= 420
    random = np.random.default_rng(0)
    shuffled.loc[late, shuffled.columns[1:]] = random.permutation(shuffled.loc[late, shuffled.columns[1:]].to_numpy())
    shuffled.to_csv(tmp_path / "log.csv", index=False)
    words = [
        "fit",
        str(tmp_path / "log.csv"),
        "--mapping",
        str(log / "mapping.yaml"),
        "--out",
        str(tmp_path / "out"),
        *QUICK,
    ]
    assert main(["forecast", *words]) == 0
    one, two = (torch.load(folder / "forecaster.pt", weights_only=True) for folder in (fitted, tmp_path / "out"))
    assert one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())


def test_persistence_and_the_day_before_are_what_they_say(log, fitted):
    found = json.loads((fitted / "scores.json").read_text())["channels"]["inlet_2"]
    values = pd.read_csv(log / "log.csv")["inlet_2"].to_numpy()
    begin, p, history = 420, 12, 12
    at = np.arange(begin + history, 600 - p)
    away = values[at + p] - values[at]
    assert found["persistence"]["rmse"] == pytest.approx(float(np.sqrt(np.mean(away**2))), rel=1e-4)
    assert found["seasonal"]["mae"] == pytest.approx(
        float(np.mean(np.abs(values[at + p] - values[at + p - 288]))), rel=1e-4
    )


def test_score_takes_a_forecaster_to_another_log(log, fitted, tmp_path):
    write(log / "later.csv", steps=300, seed=7)
    words = [
        "forecast",
        "score",
        str(log / "later.csv"),
        "--mapping",
        str(log / "mapping.yaml"),
        "--model",
        str(fitted),
    ]
    assert main([*words, "--out", str(tmp_path / "scored")]) == 0
    found = json.loads((tmp_path / "scored" / "scores.json").read_text())
    assert found["mean"]["model"]["rmse"] < 0.5 * found["mean"]["persistence"]["rmse"]
    assert not (tmp_path / "scored" / "forecaster.pt").exists()


def test_temperatures_alone_are_forecast_too(tmp_path):
    values = course(400, noise=0.05)[1]
    frame = pd.DataFrame(values[:2].T, columns=["rack_inlet_temperature_1 [degC]", "rack_inlet_temperature_2 [degC]"])
    frame.index = pd.date_range("2024-03-01T00:00Z", periods=400, freq="300s")
    frame.round(3).to_csv(tmp_path / "log.csv", index_label="time")
    assert main(["forecast", "fit", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out"), *QUICK]) == 0
    found = json.loads((tmp_path / "out" / "scores.json").read_text())
    # what moves racks is not in the log: no less than that nothing changes, and nothing different without the future of what is not there
    assert found["mean"]["model"]["rmse"] < 1.05 * found["mean"]["persistence"]["rmse"]
    assert found["mean"]["ridge"] == found["future_by_persistence"]["mean"]["ridge"]


def test_a_log_without_a_reading_is_refused(tmp_path, capsys):
    frame = pd.DataFrame({"rack_inlet_temperature_1 [degC]": np.full(400, np.nan)})
    frame.index = pd.date_range("2024-03-01T00:00Z", periods=400, freq="300s")
    frame.to_csv(tmp_path / "log.csv", index_label="time")
    assert main(["forecast", "fit", str(tmp_path / "log.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "log.csv: no channel is left that has readings and a unit" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words", "says"),
    [
        ({"steps": 60}, ["fit"], "too short"),
        (
            {"steps": 300, "without": ["load_2"]},
            ["score"],
            "has no channel for load_2, which the forecaster needs",
        ),
        ({"steps": 300}, ["fit", "--horizon", "soon"], "--horizon soon: expected 1min to 24h"),
        ({"steps": 300}, ["fit", "--horizon", "2min"], "--horizon 2min: is less than a step of the log, 300 s"),
        ({"steps": 300}, ["score", "--model", ""], "score: --model is missing"),
    ],
)
def test_what_does_not_fit_ends_in_one_line(log, fitted, tmp_path, capsys, change, words, says):
    write(tmp_path / "log.csv", **change)
    words = [
        words[0],
        str(tmp_path / "log.csv"),
        "--mapping",
        str(log / "mapping.yaml"),
        *words[1:],
        "--out",
        str(tmp_path / "out"),
    ]
    if words[0] == "score" and "--model" not in words:
        words += ["--model", str(fitted)]
    if "" in words:
        at = words.index("--model")
        del words[at : at + 2]
    assert main(["forecast", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()
