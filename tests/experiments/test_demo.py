"""``dcsim demo`` end to end on a very short training: everything it promises to leave behind, and what it says."""

import pytest
from dcsim_experiments import compare, demo, train

DAYS = 0.5  # of a test episode, which is a week otherwise
SMALL = ("demo", "--steps", "4096", "--episodes", "2")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the demo once; return its folder and what it printed."""
    import contextlib
    import io

    from dcsim_experiments.cli import main

    out, text = tmp_path_factory.mktemp("demo") / "run", io.StringIO()
    with contextlib.redirect_stdout(text), pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "ORDINARY_DAYS", DAYS)
        assert main([*SMALL, "--out", str(out)]) == 0
    return out, text.getvalue().splitlines()


def test_files(shown, read):
    out, _ = shown
    names = {path.name for path in out.iterdir()}
    figures = {"savings.png", "violations.png", "components.png", "hall.png", "day.png", "learning.png"}
    assert {"compare.json", "report.html", "config.json", "ppo", "trajectories"} | figures == names
    assert {"policy.json", "policy.npz", "run.json", "tensorboard"} <= {path.name for path in (out / "ppo").iterdir()}
    assert not (out / "ppo" / "checkpoints").exists()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "What the table" in page or "<table" in page
    assert page.count("<img") >= 6


def test_every_baseline_and_the_learned_one_are_compared_on_the_same_test_weeks(shown, read):
    result = read(shown[0] / "compare.json")
    assert set(result["controllers"]) == {*demo.BASELINES, "ppo"}
    assert result["reference"] == "g36"
    assert result["episode_days"] == DAYS and result["episodes"] == 2
    assert result["train_days"] == train.TRAIN_DAYS
    starts = [row["start"] for row in result["rows"]]
    from dcsim_experiments.config import test_weeks

    tested = {day[5:] for day in test_weeks()}
    assert all(start.removesuffix(" 00:00") in tested for start in starts)
    assert [row["seed"] for row in result["rows"]] == [0, 1]
    assert "4,096 control steps" in result["about"]["ppo"]


def test_it_says_who_won_and_by_how_much(shown, read):
    out, lines = shown
    verdict = read(out / "compare.json")["verdict"]
    assert verdict in lines
    assert " won: " in verdict
    assert "ppo" in verdict  # the learned one is spoken of whether it won or not
    assert lines[-1] == str(out)
    assert lines[0].startswith("1 of 2: training ppo on dcsim/Enterprise-v0, chicago")
    assert any(line.startswith("The whole took") for line in lines)


def test_once_more_in_the_same_folder_takes_the_finished_training(shown, run_cli, read, monkeypatch):
    monkeypatch.setattr(compare, "ORDINARY_DAYS", DAYS)
    out, _ = shown
    before = read(out / "compare.json")
    code, lines, _ = run_cli(*SMALL, "--out", out)
    assert code == 0
    assert "  this folder holds the finished training already" in lines
    after = read(out / "compare.json")
    for content in (before, after):
        for key in ("created", "command"):
            content.pop(key)
        for of in (*content["controllers"].values(), *content["paired"].values()):
            of.pop("act_ms")
    assert before == after


def test_an_interrupted_demo_goes_on_with_its_training(run_cli, tmp_path, monkeypatch):
    import signal

    original = train.TrainingWatch._on_rollout_start

    def interrupt(watch):
        signal.raise_signal(signal.SIGINT)
        original(watch)

    out = tmp_path / "run"
    monkeypatch.setattr(train.TrainingWatch, "_on_rollout_start", interrupt)
    code, _, err = run_cli(*SMALL, "--out", out)
    assert code == 130
    assert f"the same command with --out {out} goes on" in err
    assert not (out / "compare.json").exists()
    monkeypatch.setattr(train.TrainingWatch, "_on_rollout_start", original)
    monkeypatch.setattr(demo, "evaluate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    code, _, _ = run_cli(*SMALL, "--out", out)
    assert code == 130
    assert (out / "ppo" / "run.json").exists() and not (out / "compare.json").exists()
