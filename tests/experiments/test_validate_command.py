"""The verb `validate`: its numbers by hand, its files, and one line for whatever was wrong."""

import importlib.machinery
import math
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from dcsim_experiments.cli import main
from dcsim_experiments.validation import command
from dcsim_experiments.validation.figures import by_hour, by_load, deviations, trajectories
from dcsim_experiments.validation.results import (
    Axis,
    Case,
    NoDataError,
    Quantity,
    Tolerance,
    allowed,
    compared,
    content,
    has_passed,
    number,
    table,
)

KEYS = {"reference", "dcsim", "error", "rmse", "cvrmse", "unit", "passed"}


def quantity(name="supply_air_temperature", reference=(20.0, 22.0), dcsim=(21.0, 24.0), **limits):
    return Quantity(
        name, "degC", np.array(reference), np.array(dcsim), Tolerance("by hand", **(limits or {"error": 2.0}))
    )


def sample_cases():
    time = 3600.0 * np.arange(48)
    power = 40.0 + 10.0 * np.sin(2.0 * np.pi * time / 86400.0)
    energy = Quantity("hvac_energy_kwh", "kWh", power, 1.02 * power, Tolerance("made up", error=0.05))
    single = Quantity("annual_pue", "-", np.array([1.3]), np.array([1.5]), Tolerance("made up", greatest=0.1))
    hour = (time / 3600.0) % 24.0
    return [Case("hall", "A hall", "made up", [energy, single], Axis("time", "s", time), hour, power / 50.0, "a note")]


@pytest.fixture
def fake_part(monkeypatch):
    """Make a part of made-up cases, or of whatever ``cases`` does, and take all others away."""

    def make(name, cases=lambda data_dir: sample_cases()):
        qualified = f"dcsim_experiments.validation.{name}"
        module = types.ModuleType(qualified)
        module.__spec__ = importlib.machinery.ModuleSpec(qualified, None)
        module.cases = cases
        monkeypatch.setitem(sys.modules, qualified, module)
        monkeypatch.setattr(command, "PARTS", {name: command.PARTS[name], "rise": command.PARTS["rise"]})

    return make


def error_line(err):
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("dcsim: ")
    return lines[0]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_of_a_temperature_the_error_is_the_difference_of_the_means():
    numbers = compared(quantity(reference=(20.0, 22.0), dcsim=(21.0, 24.0)))
    assert (numbers.reference, numbers.dcsim, numbers.error) == (21.0, 22.5, 1.5)
    assert numbers.rmse == pytest.approx(math.sqrt(2.5), rel=1e-14)  # deviations 1 and 2
    assert numbers.cvrmse == pytest.approx(math.sqrt(2.5) / 21.0, rel=1e-14)
    assert numbers.greatest == 2.0


def test_of_an_energy_the_error_is_relative_and_what_is_reported_is_the_sum():
    numbers = compared(quantity("hvac_energy_kwh", (10.0, 30.0), (9.0, 29.0)))
    assert (numbers.reference, numbers.dcsim) == (40.0, 38.0)
    assert numbers.error == pytest.approx(-0.05, rel=1e-14)
    assert numbers.cvrmse == pytest.approx(1.0 / 20.0, rel=1e-14)


def test_a_mean_of_zero_gives_no_relative_number_and_keeps_no_relative_limit():
    of = quantity("heat_flow", (-1.0, 1.0), (-1.0, 1.0), cvrmse=0.1)
    numbers = compared(of)
    assert numbers.cvrmse is None
    assert not has_passed(of, numbers)
    with pytest.raises(ValueError, match="no energy in the reference"):
        quantity("hvac_energy_kwh", (0.0, 0.0), (1.0, 0.0))


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        ({"error": 1.5}, True),
        ({"error": 1.49}, False),
        ({"rmse": 1.59}, True),
        ({"rmse": 1.58}, False),
        ({"cvrmse": 0.08}, True),
        ({"cvrmse": 0.07}, False),
        ({"greatest": 2.0}, True),
        ({"greatest": 1.99}, False),
        ({"error": 1.5, "greatest": 1.99}, False),
    ],
)
def test_a_quantity_passes_if_it_keeps_every_limit(limits, passed):
    for sign in (1.0, -1.0):  # too warm and too cold alike
        of = quantity(reference=(20.0, 22.0), dcsim=(20.0 + sign, 22.0 + 2.0 * sign), **limits)
        assert has_passed(of, compared(of)) is passed


def test_series_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        quantity(dcsim=(21.0, np.nan))
    with pytest.raises(ValueError, match="of the reference"):
        quantity(dcsim=(21.0, 22.0, 23.0))
    assert has_passed(replace(quantity(), tolerance=Tolerance("reported")), compared(quantity())) is None
    with pytest.raises(ValueError, match="points"):
        Case("a", "", "", [quantity()], Axis("time", "s", np.arange(3.0)))
    with pytest.raises(ValueError, match="different names"):
        Case("a", "", "", [quantity(), quantity()])
    case = Case("a", "", "", [quantity()])
    with pytest.raises(ValueError, match="two cases"):
        content({"modelica": [case], "rise": [case]})


def test_the_table_shows_energies_in_percent_and_what_failed():
    text = table(content({"bands": sample_cases()}))
    assert "1 of 2 quantities" in text
    assert "+2.00 %" in text and "error 5 %" in text
    assert [line.split()[-1] for line in text.splitlines()[2:]] == ["passed", "FAILED"]
    assert allowed({"error": 0.5, "cvrmse": 0.3}, is_energy=False) == "error 0.5, CVRMSE 30 %"
    assert [number(v) for v in (0.0, 21.03456, 123456.7, 2e-9)] == ["0", "21.03", "123457", "2.0e-09"]


def test_a_line_breaks_where_points_are_missing():
    time = np.array([0.0, 60.0, 120.0, 36_000.0, 36_060.0, 36_120.0])
    signal = Quantity("power", "W", np.arange(6.0), np.arange(6.0), Tolerance("by hand", error=1.0))
    figure = trajectories(Case("tower", "A tower", "made up", [signal], Axis("time", "s", time)))
    for axes in figure.axes:
        assert np.isnan(axes.lines[0].get_ydata()).tolist() == [False] * 3 + [True] + [False] * 3


def test_what_is_exact_and_what_must_be_but_is_not_lie_at_the_two_ends():
    exact = quantity("rank", (1.0, 2.0), (1.0, 2.0), greatest=0.0)
    wrong = quantity("other_rank", (1.0, 2.0), (2.0, 1.0), greatest=0.0)
    axes = deviations("modelica", [Case("days", "Days", "made up", [exact, wrong])]).axes[0]
    ends = [float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1]
    assert ends == [1e-4, 10.0]


def test_errors_fall_into_their_hour_and_their_load():
    centers, groups = by_hour(np.array([0.2, 23.9, 0.7, 24.0]), np.array([1.0, 2.0, 3.0, 5.0]))
    np.testing.assert_array_equal(centers, [0.5, 23.5])
    np.testing.assert_array_equal(groups[0], [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(groups[1], [2.0])
    centers, groups = by_load(np.array([0.0, 0.04, 1.0]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(centers, [5.0, 95.0])
    np.testing.assert_array_equal(groups[0], [1.0, 2.0])


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_a_run_writes_results_figures_and_a_page(run_cli, read, fake_part, tmp_path):
    fake_part("bands")
    out = tmp_path / "run"
    code, lines, err = run_cli("validate", "bands", "--out", out)
    assert (code, err, lines[-1]) == (0, "", str(out))
    result = read(out / "validation.json")
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= result.keys()
    assert result["cases"]["hall"].keys() == {"hvac_energy_kwh", "annual_pue"}
    assert all(of.keys() >= KEYS for of in result["cases"]["hall"].values())
    assert result["cases"]["hall"]["hvac_energy_kwh"]["error"] == pytest.approx(0.02, rel=1e-12)
    assert result["cases"]["hall"]["hvac_energy_kwh"]["passed"] is True
    assert result["cases"]["hall"]["annual_pue"]["passed"] is False
    assert result["about"]["hall"]["note"] == "a note"
    pictures = {path.stem for path in out.glob("*.png")}
    assert pictures == {"deviation_bands", "scatter_bands", "trajectories_hall", "error_hall"}
    page = (out / "report.html").read_text()
    assert page.count("data:image/png") == 4
    assert "Outside their tolerance: annual_pue of hall" in page and "a note" in page
    assert not list(out.glob(".tmp-*"))


def test_the_same_command_gives_the_same_file_but_for_the_date(run_cli, read, fake_part, tmp_path):
    fake_part("bands")
    results = []
    for name in ("a", "b"):
        assert run_cli("validate", "bands", "--out", tmp_path / name)[0] == 0
        results.append(read(tmp_path / name / "validation.json"))
        results[-1].pop("created")
        results[-1].pop("command")  # --out stands in it
    assert results[0] == results[1]


def test_without_names_what_has_no_data_is_said_and_the_rest_runs(run_cli, read, fake_part, tmp_path):
    fake_part("bands")
    code, lines, err = run_cli("validate", "--out", tmp_path / "run")
    assert code == 0 and err == ""
    assert any(line.startswith("not run: rise: ") for line in lines)
    assert read(tmp_path / "run" / "validation.json")["not_run"].keys() == {"rise"}


def test_a_part_gets_the_folder_and_may_find_that_there_is_no_data(run_cli, fake_part, tmp_path):
    seen = []

    def cases(data_dir):
        seen.append(data_dir)
        raise NoDataError("energyplus: no file crah_chw_*.csv.gz in it")

    fake_part("energyplus", cases)
    for words in (["energyplus"], []):
        code, _, err = run_cli("validate", *words, "--data", tmp_path, "--out", tmp_path / f"run{len(words)}")
        assert code == 2
        assert "energyplus: no file crah_chw_*.csv.gz" in error_line(err)
    assert seen == [tmp_path, tmp_path]
    assert not list(tmp_path.glob("run*/validation.json"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["modelika"], ["'modelika'", "did you mean 'modelica'?"]),
        (["modelica", "modelica"], ["'modelica' appears twice"]),
        (["modelica"], ["modelica", "--data DIR", "modelica_ref"]),
        (["modelica", "--data", "DIR"], ["modelica", "holds no folder modelica_ref"]),
        (["--data", "DIR/missing"], ["--data", "missing", "is not a folder"]),
        (["--seed", "-1"], ["--seed -1", "at least 0"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_written(run_cli, tmp_path, words, parts):
    words = [word.replace("DIR", str(tmp_path)) for word in words]
    code, lines, err = run_cli("validate", *words, "--out", tmp_path / "run")
    assert code == 2 and lines == []
    line = error_line(err)
    for part in parts:
        assert part in line
    assert not (tmp_path / "run").exists()


def test_the_parts_of_the_verb_are_those_that_its_options_name():
    from typing import get_args, get_type_hints

    from dcsim_experiments.config import ValidateConfig

    text = str(get_type_hints(ValidateConfig, include_extras=False)["parts"])
    assert all(f"'{name}'" in text for name in command.PARTS)
    assert len(get_args(get_args(get_type_hints(ValidateConfig)["parts"])[0])) == len(command.PARTS)


def test_an_interrupt_leaves_no_result(fake_part, tmp_path, capsys):
    def cases(data_dir):
        raise KeyboardInterrupt

    fake_part("bands", cases)
    assert main(["validate", "bands", "--out", str(tmp_path / "run")]) == 130
    assert "no result was written" in error_line(capsys.readouterr().err)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.json"]
