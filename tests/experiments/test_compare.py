"""``dcsim compare`` on small episodes: agreed files and keys, the same episodes for all, the same file twice."""

import json
import shutil

import numpy as np
import pytest
from dcsim_experiments import compare, config
from dcsim_experiments.config import CompareConfig, TrainConfig
from dcsim_experiments.faults import in_words, read_faults
from dcsim_experiments.results import Group
from dcsim_experiments.rollout import METRICS
from dcsim_experiments.train import recorded

from dcsim.errors import InputError

SMALL = ("compare", "--episodes", "3", "--episode-days", "0.05")


def test_files_and_keys(run_cli, read, tmp_path):
    out = tmp_path / "run"
    code, lines, _ = run_cli(*SMALL, "--controllers", "fixed,g36", "--out", out)
    assert code == 0
    assert lines[-1] == str(out)
    names = {path.name for path in out.iterdir()}
    assert {"compare.json", "config.json", "report.html", "hall.png", "day.png", "components.png"} <= names
    assert {"violations.png", "savings.png", "trajectories"} <= names
    assert not any(name.startswith(".tmp") for name in names)
    result = read(out / "compare.json")
    assert {"dcsim_version", "config_sha256", "seed", "created"} <= set(result)
    assert {"controllers", "reference", "paired", "gap_share"} <= set(result)
    assert set(result["controllers"]) == {"fixed", "g36"}
    assert set(result["controllers"]["fixed"]) == set(METRICS)
    assert result["reference"] == "g36" and set(result["paired"]) == {"fixed"}
    assert len(result["rows"]) == 3 and [row["seed"] for row in result["rows"]] == [0, 1, 2]
    assert result["command"].startswith("dcsim compare --episodes 3")
    assert result["verdict"] in lines
    table = [line for line in lines if line.startswith(("fixed", "g36"))]
    assert len(table) == 3  # two rows and the sentence
    assert "controller" in lines[0] and "violation" in lines[0]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert result["verdict"].split(":")[0] in page
    with np.load(out / "trajectories" / "fixed.npz") as trajectory:
        assert trajectory["rack_inlet_temperature"].shape == (14, 20)


def test_tasks_about_money_say_who_paid_least(run_cli, read, tmp_path):
    words = ("--controllers", "rules,g36", "--tasks", "tou-tank", "--out", tmp_path / "run")
    code, lines, _ = run_cli(*SMALL, *words)
    assert code == 0
    result = read(tmp_path / "run" / "compare.json")
    (label, found), days = next(iter(result["aims"].items())), result["rows"][0]["days"]
    assert label == "tou-tank, chicago" and found["metric"] == "energy_cost"
    for name, of in found["controllers"].items():
        assert of["mean"] == pytest.approx(result["controllers"][name]["energy_cost"]["mean"] / days)
    assert found["controllers"]["rules"]["against"] == pytest.approx(result["paired"]["rules"]["energy_cost"]["mean"])
    assert found["controllers"]["g36"]["against"] == 0.0 and result["grid"] == "tou-2to1"
    assert any("tou-tank, chicago rewards energy_cost" in line for line in lines)


FAULTS = {
    "sensors": {"noise": {"temperature": 0.1}, "delay_s": 300},
    "actuators": {"stroke_time_s": 120},
    "failures": {"schedule": [{"component": "crah", "units": 2, "start_hour": 0.5}]},
    "domain_randomization": {"chiller_cop": 0.05},
}


@pytest.mark.slow
def test_a_comparison_says_under_which_faults_it_was_made(run_cli, read, tmp_path):
    text = "{sensors: {noise: {temperature: 0.1}, delay_s: 300}, actuators: {stroke_time_s: 120}, "
    text += "failures: {schedule: [{component: crah, units: 2, start_hour: 0.5}]}, "
    text += "domain_randomization: {chiller_cop: 0.05}}"
    (tmp_path / "faults.json").write_text(json.dumps(FAULTS))
    energy = {}
    for name, words in {
        "without": (),
        "text": ("--faults", text),
        "file": ("--faults", tmp_path / "faults.json"),
    }.items():
        code, lines, _ = run_cli(*SMALL, "--controllers", "rules,g36", *words, "--out", tmp_path / name)
        assert code == 0
        result = read(tmp_path / name / "compare.json")
        expected = FAULTS if words else {}
        assert result["faults"] == read(tmp_path / name / "config.json")["config"]["faults"] == expected
        shown = in_words(expected)
        assert (lines[0] == f"faults: {shown}") == bool(words)
        assert f"<dt>faults</dt><dd>{shown}</dd>" in (tmp_path / name / "report.html").read_text(encoding="utf-8")
        energy[name] = result["controllers"]["g36"]["thermal_energy_kwh"]["values"]
    assert energy["text"] == energy["file"] != energy["without"]
    assert read_faults(in_words(FAULTS)) == FAULTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("noise", "'noise': expected a YAML file or a mapping of sensors, actuators, failures"),
        ("nowhere.yaml", "'nowhere.yaml': expected a YAML file or"),
        ("{sensors: {", "line 1: not YAML"),
        ("{sensor: {}}", "no option 'sensor'; nearest is 'sensors'"),
        ("{sensors: {nose: 0.1}}", "sensors: no option 'nose'; nearest is 'noise'"),
        ("{sensors: {noise: 1e}}", "sensors: noise='1e': expected a number"),
        ("{sensors: {noise: {rack_inlet_mx: 0.1}}}", "nearest is 'rack_inlet_max'"),
        ("{actuators: {stroke_time_s: {crah_fan_sped: 9}}}", "nearest is 'crah_fan_speed'"),
        (
            "{domain_randomization: {chiller_cup: 0.1}}",
            "no parameter 'chiller_cup' that may be drawn; nearest is 'chiller_cop'",
        ),
        ("{domain_randomization: {dx_cop: 0.1}}", "no parameter 'dx_cop' in this hall"),
        ("{failures: {random: {chiller: {mtbf_hours: 9}}}}", "repair_hours is missing"),
        ("{failures: {random: {dx_unit: {mtbf_hours: 9, repair_hours: 1}}}}", "this hall has no component 'dx_unit'"),
    ],
)
@pytest.mark.parametrize("verb", [SMALL, ("train", "--steps", "16")])
def test_wrong_faults_are_told_in_one_line_and_leave_no_folder(run_cli, tmp_path, verb, text, words):
    code, _, err = run_cli(*verb, "--faults", text, "--out", tmp_path / "run")
    assert code == 2 and len(err.splitlines()) == 1
    assert words in err
    assert not (tmp_path / "run").exists()


def test_a_file_of_faults_is_named_when_it_is_wrong(run_cli, tmp_path):
    file = tmp_path / ("a long path " * 8) / "faults.yaml"
    file.parent.mkdir()
    file.write_text("sensors:\n  noise: 0.1\n  nose: 0.2\n")
    code, _, err = run_cli(*SMALL, "--faults", file)
    assert code == 2 and f"{file}: sensors: no option 'nose'" in err
    file.write_text("sensors:\n  noise: [\n")
    code, _, err = run_cli(*SMALL, "--faults", file)
    assert code == 2 and f"{file}: line 3: not YAML" in err


def test_the_same_command_gives_the_same_file(run_cli, read, tmp_path):
    files = []
    for name in ("a", "b"):
        assert run_cli(*SMALL, "--controllers", "rules,pid", "--out", tmp_path / name)[0] == 0
        content = read(tmp_path / name / "compare.json")
        del content["created"], content["command"]
        for of in content["controllers"].values():
            del of["act_ms"]
        for of in content["paired"].values():
            del of["act_ms"]
        table = content.pop("verdict")
        files.append((content, table))
    assert files[0] == files[1]


def test_a_policy_folder_takes_part_under_its_name(run_cli, read, trained, tmp_path):
    code, _, _ = run_cli(*SMALL, "--controllers", f"g36,{trained}", "--out", tmp_path / "run")
    assert code == 0
    result = read(tmp_path / "run" / "compare.json")
    assert set(result["controllers"]) == {"g36", "ppo-small"}
    assert result["about"]["ppo-small"] == "PPO policy trained for 1,024 control steps"
    assert result["seeds"] == [0]
    assert "ppo-small" in result["verdict"]


def test_a_policy_refuses_signals_it_was_not_trained_on(run_cli, trained, tmp_path):
    code, _, err = run_cli(*SMALL, "--controllers", f"g36,{trained}", "--forecast", "--out", tmp_path / "run")
    assert code == 2
    assert "observation has besides" in err and "wet_bulb_forecast_1h" in err
    assert not (tmp_path / "run").exists()


def test_every_task_and_climate_is_a_group(run_cli, read, tmp_path):
    words = ("--weather", "chicago,miami", "--tasks", "load-step,chiller-trip", "--controllers", "rules,fixed")
    code, lines, _ = run_cli("compare", "--episodes", 1, "--episode-days", 0.02, *words, "--out", tmp_path / "run")
    assert code == 0
    result = read(tmp_path / "run" / "compare.json")
    assert list(result["groups"]) == [
        "load-step, chicago",
        "load-step, miami",
        "chiller-trip, chicago",
        "chiller-trip, miami",
    ]
    assert result["reference"] == "rules"  # g36 does not take part
    assert len(result["controllers"]["fixed"]["pue"]["values"]) == 4
    assert any(line.startswith("chiller-trip, miami") for line in lines)
    assert result["tasks"] == ["load-step", "chiller-trip"] and result["weather"] == ["chicago", "miami"]


def test_ordinary_episodes_are_whole_test_weeks_and_tasks_keep_their_own_start():
    ordinary, *_ = compare.scenarios_of(CompareConfig())
    assert ordinary.keywords["episode_days"] == 7.0
    assert set(ordinary.starts) <= set(config.test_weeks())
    heat, crah = compare.scenarios_of(CompareConfig(tasks=("heat-wave", "crah-failure")))
    assert not heat.starts and "episode_days" not in heat.keywords
    assert crah.starts == ordinary.starts
    chosen, *_ = compare.scenarios_of(CompareConfig(start=("07-15",)))
    assert set(chosen.starts) == {"07-15"}


def test_test_weeks_are_spread_over_the_year_and_none_comes_twice_before_all_came():
    weeks = config.test_weeks()
    for seed in (0, 3):
        starts = config.spread(weeks, 8, seed)
        assert len(set(starts)) == 8
        assert {(int(day[5:7]) - 1) // 3 for day in starts} == {0, 1, 2, 3}
    assert config.spread(weeks, 8, 0)[:2] == (weeks[1], weeks[4])
    assert set(config.spread(weeks, 8, 1)) != set(config.spread(weeks, 8, 0))
    assert sorted(config.spread(weeks, 26, 5)) == sorted(weeks)
    assert set(config.spread(weeks, 30, 0)[:26]) == set(weeks) and len(set(config.spread(weeks, 30, 0)[26:])) == 4
    assert config.spread(["07-15"], 3, 2) == ("07-15",) * 3


def test_the_report_lists_the_starts(run_cli, read, tmp_path):
    assert run_cli(*SMALL, "--controllers", "fixed", "--out", tmp_path / "run")[0] == 0
    expected = [day[5:] for day in config.spread(config.test_weeks(), 3, 0)]
    assert [row["start"].removesuffix(" 00:00") for row in read(tmp_path / "run" / "compare.json")["rows"]] == expected
    assert ", ".join(expected) in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("training", "task", "date", "days", "is_seen"),
    [
        ({}, None, "01-08 00:00", 7.0, False),  # a test week
        ({}, None, "01-08 00:00", 8.0, True),  # runs on into the training week behind it
        ({}, "load-step", "01-02 00:00", 1.0, False),
        ({"task": "load-step"}, "load-step", "01-02 00:00", 1.0, True),
        ({"task": "load-step", "weather": ("miami",)}, "load-step", "01-02 00:00", 1.0, False),
        ({"task": "heat-wave"}, "heat-wave", None, 3.0, True),
        ({"task": "heat-wave"}, "heat-wave", "01-08 00:00", 3.0, False),
    ],
)
def test_days_that_a_policy_was_trained_on_are_found(training, task, date, days, is_seen):
    own = compare.time_label(compare.TASKS["heat-wave"].find_start(compare.load_weather("chicago")))
    setup = json.loads(json.dumps(recorded(TrainConfig(**training))))  # as it stands in policy.json
    assert compare.is_seen(setup, Group(task, "chicago", days, [date or own], [0])) == is_seen


def test_of_a_training_by_others_nothing_is_known():
    group = Group(None, "chicago", 7.0, ["01-01 00:00"], [0])
    for setup in ({}, {"weather": 3}, {"weather": ["chicago"], "training_days": 5}):
        assert not compare.is_seen(setup, group)


def test_a_policy_that_is_tested_on_its_training_days_is_said_to_be(run_cli, read, trained, tmp_path):
    words = ("--controllers", f"g36,{trained}", "--start", "01-02")
    assert run_cli(*SMALL, *words, "--out", tmp_path / "run")[0] == 0
    result = read(tmp_path / "run" / "compare.json")
    assert result["seen_in_training"] == {"ppo-small": ["ordinary weeks, chicago"]}
    said = "ppo-small was trained on days that it is tested on here"
    assert said in result["verdict"] and said in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("found", [None, [1], "seed 3"])
def test_a_policy_whose_training_is_no_table_is_refused(run_cli, trained, read, tmp_path, found):
    policy = tmp_path / "policy"
    shutil.copytree(trained, policy)
    (policy / "policy.json").write_text(json.dumps(read(policy / "policy.json") | {"config": found}))
    code, _, err = run_cli(*SMALL, "--controllers", f"fixed,{policy}", "--out", tmp_path / "run")
    assert code == 2 and err.count("\n") == 1
    assert str(policy / "policy.json") in err
    assert not (tmp_path / "run").exists()


def test_weather_that_does_not_reach_over_the_episodes_leaves_no_folder(run_cli, tmp_path):
    rows = "".join(f"2023-07-01 {hour:02d}:00,30,50,101325\n" for hour in range(24))
    file = tmp_path / "july.csv"
    file.write_text("time,dry_bulb_temperature [degC],relative_humidity [%],pressure [Pa]\n" + rows)
    code, _, err = run_cli(*SMALL, "--controllers", "fixed", "--weather", f"chicago,{file}", "--out", tmp_path / "run")
    assert code == 2 and "not the episode from" in err
    assert not (tmp_path / "run").exists()


def test_policies_of_one_name_go_under_their_parents_names():
    assert compare.named(["g36", "runs/a/policy", "runs/b/policy"]) == {
        "g36": "g36",
        "policy": "runs/a/policy",
        "b/policy": "runs/b/policy",
    }
    assert compare.named(["fixed", "runs/fixed"]) == {"fixed": "fixed", "runs/fixed": "runs/fixed"}
    with pytest.raises(InputError, match="twice"):
        compare.named(["runs/a", "runs/a"])


def test_another_run_in_the_folder_is_not_overwritten(run_cli, tmp_path):
    out = tmp_path / "run"
    assert run_cli(*SMALL, "--controllers", "fixed", "--out", out)[0] == 0
    before = (out / "compare.json").read_bytes()
    code, _, err = run_cli(*SMALL, "--controllers", "rules", "--out", out)
    assert code == 2 and "another configuration" in err
    assert (out / "compare.json").read_bytes() == before
