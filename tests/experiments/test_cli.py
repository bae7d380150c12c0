"""The command line as its user meets it: help, results, and one line for whatever was wrong."""

import subprocess
import sys

import pytest
from dcsim_experiments import cli, compare


def error_line(err):
    """The one line of an error stream."""
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("dcsim: ")
    return lines[0]


def test_the_verbs_are_listed_with_what_they_do(run_cli):
    code, lines, err = run_cli()
    assert code == 0 and err == ""
    for name, verb in cli.VERBS.items():
        assert any(line.split()[:1] == [name] and verb.does in line for line in lines)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_its_options(run_cli, verb):
    code, lines, _ = run_cli(verb, "--help")
    text = " ".join(lines)
    assert code == 0
    assert "--out" in text and "dated one under" in text
    assert "--env" in text or verb in (
        "validate",
        "inspect",
        "replay",
        "calibrate",
        "forecast",
        "export",
    )  # which are about other programs, other halls and logs, or take the environment as what they are about


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from dcsim_experiments.cli import main; main(['compare', '--help']); main(['--help']); "
        "heavy = {'torch', 'pandas', 'matplotlib', 'stable_baselines3', 'scipy'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_env())
    assert done.returncode == 0, done.stderr


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "dcsim_experiments", "comparr"], capture_output=True, text=True, env=_env()
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean 'compare'?" in error_line(done.stderr)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_message_survives_whatever_the_frame_is_drawn_with(encoding):
    for words, parts in (
        ("train --algo sacc", ["'sacc'", "'--algo'", "did you mean 'sac'?"]),
        ("compare --episodes two", ["--episodes", "'two'", "expected --episodes INT"]),
        ("train --forecst", ["--forecst", "did you mean --forecast?"]),
        ("compare --epsiodes 3", ["--epsiodes", "did you mean --episodes?"]),
    ):
        command = [sys.executable, "-m", "dcsim_experiments", *words.split()]
        done = subprocess.run(command, capture_output=True, text=True, env=_env() | {"PYTHONIOENCODING": encoding})
        assert done.returncode == 2
        line = error_line(done.stderr)
        assert all(part in line for part in parts), line


def _env():
    import os
    from pathlib import Path

    root = Path(cli.__file__).resolve().parents[2]
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(root / part) for part in (".", "agents", "experiments"))}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["trian"], ["no verb 'trian'", "did you mean 'train'?"]),
        (["sweep", "sweep.yaml"], ["'sweep' is not in this version", "compare"]),
        (["compare", "--epsodes", "3"], ["--epsodes", "did you mean --episodes?", "dcsim compare --help"]),
        (["compare", "--episodes", "many"], ["--episodes", "'many'"]),
        (["compare", "--episodes"], ["missing value", "'--episodes'"]),
        (["compare", "left-over"], ["left-over"]),
        (["compare", "--episodes", "-3"], ["--episodes -3", "at least 1"]),
        (["compare", "--episodes", "0"], ["--episodes 0", "at least 1"]),
        (["compare", "--seed", "-1"], ["--seed -1", "at least 0"]),
        (["compare", "--seed", "2147483648"], ["--seed 2147483648", "at most 2147483647"]),
        (["train", "--seed", "4294967296"], ["--seed 4294967296", "at most 2147483647"]),
        (["compare", "--episode-days", "0"], ["--episode-days 0", "more than 0"]),
        (["compare", "--env", "dcsim/Enterprize-v0"], ["--env 'dcsim/Enterprize-v0'", "'dcsim/Enterprise-v0'"]),
        (["compare", "--controllers", "g63"], ["'g63'", "'g36'"]),
        (["compare", "--controllers", "g36,g36"], ["--controllers", "'g36' appears twice"]),
        (["compare", "--controllers", ","], ["--controllers", "at least one"]),
        (["compare", "--controllers", "rules", "--reference", "rule"], ["--reference 'rule'", "'rules'"]),
        (["compare", "--weather", "chicagoo"], ["chicagoo", "chicago"]),
        (["compare", "--weather", ","], ["--weather", "at least one"]),
        (["compare", "--tasks", "heatwave"], ["--tasks", "'heatwave'", "'heat-wave'"]),
        (["compare", "--start", "07-32"], ["07-32", "ISO date"]),
        (["compare", "--episode-days", "-1"], ["--episode-days -1"]),
        (["compare", "--grid", "us-averag"], ["us-averag", "us-average"]),
        (["compare", "--workload", "entrprise"], ["entrprise", "enterprise"]),
        (["train", "--algo", "td7"], ["td7", "--algo"]),
        (["train", "--steps", "0"], ["--steps 0"]),
        (["train", "--num-envs", "-2"], ["--num-envs -2"]),
        (["train", "--task", "load-stepp"], ["--task 'load-stepp'", "'load-step'"]),
        (["train", "--env", "dcsim/Enterprise"], ["--env 'dcsim/Enterprise'"]),
        (["demo", "--episodes", "0"], ["--episodes 0"]),
        (["demo", "--env", "CartPole-v1"], ["--env 'CartPole-v1'"]),
        (["bench", "--batches", "0"], ["--batches 0"]),
        (["bench", "--repeats", "0"], ["--repeats 0"]),
        (["bench", "--seconds", "-1"], ["--seconds -1"]),
        (["bench", "--batches", "one"], ["--batches", "one"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_exit_code_2(run_cli, tmp_path, words, parts):
    out = ["--out", tmp_path / "run"] if len(words) > 1 else []
    code, lines, err = run_cli(*words, *out)
    assert code == 2
    assert lines == []
    line = error_line(err)
    for part in parts:
        assert part in line
    assert not (tmp_path / "run").exists()


def test_what_is_to_be_gone_on_with_must_be_named(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run_cli("train", "--resume")
    assert code == 2 and "--resume needs --out" in error_line(err)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(run_cli, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        code, _, err = run_cli("compare", "--controllers", "fixed", "--episodes", 1, "--out", out)
        assert code == 2
        assert f"--out {out}: cannot be written" in error_line(err)


def test_a_folder_with_other_things_in_it_is_left_alone(run_cli, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    code, _, err = run_cli("compare", "--controllers", "fixed", "--episodes", 1, "--out", tmp_path)
    assert code == 2
    assert "holds no run of dcsim" in error_line(err)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_interrupt_ends_with_130_and_no_result(run_cli, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "evaluate", interrupted)
    out = tmp_path / "run"
    code, _, err = run_cli("compare", "--controllers", "fixed", "--episodes", 1, "--out", out)
    assert code == 130
    assert "no result was written" in error_line(err)
    assert [path.name for path in out.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    "box",
    [
        "╭─ Value error ─╮\n│ Error parsing --n: │\n│ not a number. │\n│ ───── │\n│ For full helptext │\n╰──────╯\n",
        "╭─ Value error ─╮\n│ Error parsing --n: not a number. │\n│ ───── │\n│ For full helptext │\n╰──────╯\n",
        " Value error \n ------ \n  Error parsing --n:  \n  not a number. \n  ------\n  For full helptext  \n   \n",
        "\x1b[31m╭─\x1b[0m Value error ─╮\n│ \x1b[1;91mError parsing --n:\x1b[0m │\n│ not a number. │\n\x1b[31m│ ── │\x1b[0m\n",
    ],
    ids=["boxes", "one row", "plain", "colours"],
)
def test_the_frame_around_a_message_is_taken_off(box):
    assert cli.one_line(box) == "error parsing --n: not a number"
