"""Small runs that several tests look at; everything is written below pytest's own folders."""

import json

import pytest
from dcsim_experiments.cli import main

SMALL_TRAINING = ("--algo", "ppo", "--num-envs", "16", "--steps", "1024")


@pytest.fixture
def read():
    """Read a JSON file."""
    return lambda path: json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def run_cli(capsys):
    """Run the command line; return exit code, lines of the output, text of the error stream."""

    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Return the folder of a very short training."""
    out = tmp_path_factory.mktemp("trained") / "ppo-small"
    assert main(["train", *SMALL_TRAINING, "--out", str(out)]) == 0
    return out
