"""Compiled kernels are kept, checked before use, and made anew whenever in doubt."""

import os
import subprocess
import sys
from pathlib import Path

import engine_toy as toy
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dcsim.engines import compiler, make_engine


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the test's own, with nothing loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "_loaded", {})
    return tmp_path / "dcsim"


def build(seed=0):
    """Step once; return the result and where the kernel came from."""
    rng = np.random.default_rng(seed)
    engine = make_engine("fused", toy.MODEL, toy.make_params(rng))
    result = engine.step(toy.make_state(rng, 3), toy.make_inputs(rng, 3), 300.0)
    (runner,) = set(engine._runners.values())
    return result, runner.kernel


def forget(monkeypatch):
    monkeypatch.setattr(compiler, "_loaded", {})


def test_other_parameter_values_need_no_other_kernel(cache):
    assert build(0)[1] is build(1)[1]
    assert len(list(cache.iterdir())) == 1


def test_a_kernel_is_read_from_the_cache_and_gives_the_same(cache, monkeypatch):
    first, kernel = build()
    assert kernel.origin == "compiled"
    forget(monkeypatch)
    second, kernel = build()
    assert kernel.origin == "cache"
    assert_array_equal(first, second)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path):
    path.write_bytes(b"")


def foreign(path):
    path.write_bytes(b"\x7fELF" + bytes(1000))


def shared(path):
    path.chmod(0o666)


def linked(path):
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def in_a_shared_folder(path):
    path.parent.chmod(0o777)


def a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "spoiled", [truncated, flipped, emptied, foreign, shared, linked, in_a_shared_folder, a_folder]
)
def test_a_file_that_cannot_be_trusted_is_not_run_and_the_kernel_compiled_anew(cache, monkeypatch, spoiled):
    first, _ = build()
    (path,) = cache.glob("*.kernel")
    spoiled(path)
    forget(monkeypatch)
    second, kernel = build()
    assert kernel.origin == "compiled"
    assert_array_equal(first, second)


def test_a_spoiled_file_is_replaced(cache, monkeypatch):
    build()
    (path,) = cache.glob("*.kernel")
    truncated(path)
    forget(monkeypatch)
    build()
    forget(monkeypatch)
    assert build()[1].origin == "cache"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of files are a matter of POSIX")
def test_a_file_of_another_user_is_not_trusted(cache, monkeypatch):
    build()
    forget(monkeypatch)
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    assert build()[1].origin == "compiled"


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    forget(monkeypatch)
    assert build()[1].origin == "compiled"


def test_a_disk_that_fails_while_writing_leaves_nothing_behind(cache, monkeypatch):
    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    assert build()[1].origin == "compiled"
    assert list(cache.iterdir()) == []


def test_kernels_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiler.cache_folder() == tmp_path / "dcsim"
    for unset in ("", "relative/path"):  # the XDG rules: a relative path is to be ignored
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert compiler.cache_folder() == Path.home() / ".cache" / "dcsim"


def test_cached_files_are_for_the_user_alone(cache):
    build()
    (path,) = cache.glob("*.kernel")
    assert path.stat().st_mode & 0o077 == 0


def test_two_processes_may_fill_the_cache_at_once(cache):
    here = Path(__file__).parent
    paths = [str(here), str(here.parents[1])]
    code = f"import sys; sys.path[:0] = {paths!r}; import test_kernel_compiler as t; t.build()"
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache.parent)}
    processes = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(3)]
    assert [p.wait(120) for p in processes] == [0, 0, 0]
    assert [path.suffix for path in cache.iterdir()] == [".kernel"]
    assert build()[1].origin == "cache"
