"""``dcsim inspect`` as its user meets it."""

import numpy as np
import pytest
import yaml
from dcsim_experiments import inspect as command

ROWS = 600


@pytest.fixture
def log(tmp_path):
    """Write a log with a stuck sensor and without units."""
    inlet = 21.0 + np.sin(np.arange(ROWS) / 50.0) + np.random.default_rng(1).normal(0.0, 0.05, ROWS)
    inlet[200:300] = inlet[200]
    lines = [
        f"2024-05-01 {k // 60:02d}:{k % 60:02d}:00,{inlet[k]:.3f},{1e4 + 10.0 * inlet[k]:.2f}" for k in range(ROWS)
    ]
    path = tmp_path / "log.csv"
    path.write_text("time,rack01_inlet_temp,it_power [W]\n" + "\n".join(lines))
    return path


def test_what_is_understood_is_shown_and_written(log, run_cli, read, tmp_path):
    code, lines, err = run_cli("inspect", log, "--out", tmp_path / "out")
    assert code == 0 and err == ""
    assert lines[-1] == str(tmp_path / "out")
    assert any("rack01_inlet_temp" in line and "stuck 100" in line for line in lines)
    assert any("no zone" in line for line in lines) and any("temperature taken as degC" in line for line in lines)
    content = read(tmp_path / "out" / command.RESULT_FILE)
    assert content["clock"]["step_s"] == 60.0 and content["clock"]["start"] == "2024-05-01 00:00:00"
    channel = content["channels"]["rack01_inlet_temp"]
    assert channel["unit"] == "degC" and channel["unit_source"] == "guess" and channel["masked"] == 100
    stuck = next(fault for fault in channel["faults"] if fault["kind"] == "stuck")
    assert stuck["spans"] == [["2024-05-01 03:20:00", "2024-05-01 04:59:00"]] and stuck["masked"]
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(content)
    assert (tmp_path / "out" / command.FIGURE_FILE).read_bytes().startswith(b"\x89PNG")
    first = yaml.safe_load((tmp_path / "out" / command.MAPPING_FILE).read_text())
    assert first["channels"]["rack01_inlet_temp"]["signal"] == "rack_inlet_temperature_1"


def test_the_first_mapping_is_one_that_inspect_takes(log, run_cli, read, tmp_path):
    assert run_cli("inspect", log, "--out", tmp_path / "one")[0] == 0
    mapping = tmp_path / "one" / command.MAPPING_FILE
    mapping.write_text(mapping.read_text().replace("zone: null", "zone: Asia/Singapore"))
    code, _, err = run_cli("inspect", log, "--mapping", mapping, "--hall", "enterprise-1mw", "--out", tmp_path / "two")
    assert code == 0, err
    content = read(tmp_path / "two" / command.RESULT_FILE)
    assert content["clock"]["start"] == "2024-04-30 16:00:00"
    assert content["channels"]["rack01_inlet_temp"]["signal"] == "rack_inlet_temperature_1"
    assert content["channels"]["rack01_inlet_temp"]["unit_source"] == "mapping"
    assert not (tmp_path / "two" / command.MAPPING_FILE).exists()


@pytest.mark.parametrize(
    ("content", "mapping", "words"),
    [
        (b"", None, "empty"),
        (b"\x00\x01\x02" * 100, None, "binary"),
        (b"a,b\nx,y\n", None, "log.csv"),
        (None, "channels: {rack01_inlet_tmp: {ignore: true}}", "did you mean 'rack01_inlet_temp'"),
        (None, "channels: {rack01_inlet_temp: {signal: it_power}}", "is a power, the channel is a temperature"),
        (None, "clock: {zone: Nowhere/At_All}", "Nowhere/At_All"),
        (None, "channels: {rack01_inlet_temp: {signal: rack_inlet_temperature_999}}", "rack groups"),
    ],
)
def test_bad_input_ends_with_one_line_and_nothing_written(log, run_cli, tmp_path, content, mapping, words):
    options = []
    if content is not None:
        log.write_bytes(content)
    if mapping is not None:
        (tmp_path / "m.yaml").write_text(mapping)
        options = ["--mapping", tmp_path / "m.yaml", "--hall", "enterprise-1mw"]
    code, lines, err = run_cli("inspect", log, *options, "--out", tmp_path / "out")
    assert code == 2 and lines == []
    assert len(err.splitlines()) == 1 and words in err
    assert not (tmp_path / "out").exists()


def test_a_missing_log_is_named(run_cli, tmp_path):
    code, _, err = run_cli("inspect", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert code == 2 and "none.csv" in err and len(err.splitlines()) == 1
