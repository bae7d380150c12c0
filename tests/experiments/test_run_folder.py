"""What a run folder promises: identity, nothing half written, nothing overwritten."""

import json

import pytest
from dcsim_experiments import run_folder
from dcsim_experiments.run_folder import RunFolder, digest, write_json

import dcsim
from dcsim.errors import InputError


def folder(path, config=None, **options):
    return RunFolder(path, "compare", config or {"episodes": 2}, 7, "compare.json", **options)


def test_every_file_carries_the_identity_of_the_run(tmp_path):
    made = folder(tmp_path / "a")
    made.write("compare.json", {"x": 1})
    for name in ("config.json", "compare.json"):
        content = json.loads((tmp_path / "a" / name).read_text())
        assert content["dcsim_version"] == dcsim.__version__
        assert content["seed"] == 7
        assert content["config_sha256"] == digest({"verb": "compare", "episodes": 2})
        assert content["created"].endswith("+00:00")
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["config"] == {"episodes": 2}
    assert config["packages"]["numpy"]


def test_the_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"good": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"bad": float("nan")})
    assert json.loads(path.read_text()) == {"good": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_the_same_run_may_be_made_again_and_another_one_may_not(tmp_path):
    folder(tmp_path).write("compare.json", {})
    folder(tmp_path)
    with pytest.raises(InputError, match="another configuration"):
        folder(tmp_path, {"episodes": 3})
    with pytest.raises(InputError, match="another configuration"):
        RunFolder(tmp_path, "bench", {"episodes": 2}, 7, "bench.json")


def test_unfinished_work_is_gone_on_with_or_left_alone(tmp_path):
    folder(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="--resume"):
        folder(tmp_path)
    assert folder(tmp_path, resume=True).path == tmp_path


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(InputError, match="no run to resume"):
        folder(tmp_path / "new", resume=True)


def test_a_damaged_configuration_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json: is not readable"):
        folder(tmp_path)


def test_dated_folders_never_collide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = folder(None).path, folder(None).path
    assert first != second
    assert first.parent.name == second.parent.name == "runs"
    assert first.name.endswith("-compare")


def test_the_commit_is_of_the_checkout_that_holds_this_code(tmp_path, monkeypatch):
    commit = run_folder.git_commit()
    assert commit is None or len(commit.removesuffix("-dirty")) == 40
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / "installed.py"))
    assert run_folder.git_commit() is None


def test_resuming_needs_the_same_options_and_version(tmp_path, monkeypatch):
    folder(tmp_path)
    with pytest.raises(InputError, match="--resume needs the same options"):
        folder(tmp_path, {"episodes": 3}, resume=True)
    monkeypatch.setattr(dcsim, "__version__", "99.0")
    with pytest.raises(InputError, match="begun with dcsim"):
        folder(tmp_path, resume=True)
