"""``dcsim replay`` as its user meets it: a log of half an hour of a hall nobody has, with names that speak."""

import numpy as np
import pytest

ROWS = 40
MAPPING = """
channels:
  "load{k}": {signal: "utilization_{k}", unit: "%"}
  "inlet{k}": {signal: "rack_inlet_temperature_{k}", unit: degF}
  "speed{k}": {signal: "crah_fan_speed_{k}", unit: rpm, nominal: 1200}
  "sat{k}": {signal: "supply_air_temperature_{k}", unit: degC}
  outdoors: {signal: dry_bulb_temperature, unit: degC}
"""


@pytest.fixture
def log(tmp_path):
    columns = {f"load{k}": np.full(ROWS, 50.0 + k) for k in range(1, 11)}
    columns |= {f"inlet{k}": 77.0 + 0.01 * k * np.arange(ROWS) for k in range(1, 11)}
    columns |= {f"speed{k}": np.full(ROWS, 960.0) for k in (1, 2)} | {
        f"sat{k}": 20.0 + 0.01 * np.arange(ROWS) for k in (1, 2)
    }
    columns["outdoors"] = 18.0 + 0.02 * np.arange(ROWS)
    lines = [",".join(["time", *columns])]
    lines += [
        f"2024-05-01T00:{k:02d}:00Z," + ",".join(f"{values[k]:.4f}" for values in columns.values()) for k in range(ROWS)
    ]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    return tmp_path / "log.csv"


def test_files_keys_and_units(log, run_cli, read, tmp_path):
    out = tmp_path / "out"
    code, lines, err = run_cli(
        "replay", log, "--hall", "edge-dx-50kw", "--mapping", log.with_name("mapping.yaml"), "--out", out
    )
    assert code == 0 and err == "" and lines[-1] == str(out)
    assert {path.name for path in out.iterdir()} == {"config.json", "replay.json", "replay.png", "report.html"}
    content = read(out / "replay.json")
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(content)
    assert set(content["channels"]) == {f"inlet{k}" for k in range(1, 11)}
    for entry in content["channels"].values():
        assert (
            {"rmse", "mae", "bias", "cvrmse", "unit"} <= set(entry) and entry["unit"] == "K" and entry["cvrmse"] is None
        )
        assert abs(entry["bias"]) <= entry["mae"] <= entry["rmse"] < 15.0
    assert content["inputs"]["crah_fan_speed"] == "log: crah_fan_speed"
    assert any("assumed: weather chicago" in line for line in lines)
    page = (out / "report.html").read_text()
    assert "inlet10" in page and "in place of the set-point" in page


def test_other_options_need_another_folder(log, run_cli, tmp_path):
    common = (
        "replay",
        log,
        "--hall",
        "edge-dx-50kw",
        "--mapping",
        log.with_name("mapping.yaml"),
        "--no-ahead",
        "--out",
        tmp_path / "out",
    )
    assert run_cli(*common)[0] == 0
    code, _, err = run_cli(*common, "--step-s", "120")
    assert code == 2 and "another configuration" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--start", "yesterday"), "--start yesterday: expected an ISO time"),
        (("--start", "2024-05-01T00:38"), "2 steps of 60 s"),
        (("--step-s", "0"), "--step-s 0: expected 1 to 3600 s"),
        (("--weather", "atlantis"), "atlantis"),
        (("--hall", "rise"), "rise"),
    ],
)
def test_a_wrong_option_leaves_nothing_behind(log, run_cli, tmp_path, words, said):
    given = ("--hall", "edge-dx-50kw", *words) if words[0] != "--hall" else words
    code, _, err = run_cli("replay", log, *given, "--mapping", log.with_name("mapping.yaml"), "--out", tmp_path / "out")
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_without_a_mapping_signals_are_guessed_and_said(run_cli, log, tmp_path):
    code, lines, err = run_cli("replay", log, "--hall", "edge-dx-50kw", "--out", tmp_path / "out")
    assert code == 2 and "guessed mapping" in err
    assert any("guessed from the names" in line for line in lines)
