"""The folder a verb writes: what was asked for, with what code and packages, and the results.

``config.json`` is written first and says what the folder is for; the result file, written last and moved into place in
one go, says that the run is finished. So an interrupted run leaves no result file, and no file is ever half written.
"""

import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dcsim
from dcsim.errors import InputError

CONFIG_FILE = "config.json"
PACKAGES = ("numpy", "scipy", "gymnasium", "stable-baselines3", "torch", "llvmlite", "matplotlib")
_TEMPORARY = ".tmp-"  # start of names that are not yet what they will be


class RunFolder:
    """A folder of one run.

    Parameters
    ----------
    out : Path or None
        Where; None makes a dated folder under ``runs``.
    verb : str
    config : mapping
        Everything the results depend on, JSON-able; what only says where to write does not belong here.
    seed : int
    result : str
        Name of the file that is written last.
    resume : bool
        Go on in a folder that an interrupted run of the same configuration left.

    Attributes
    ----------
    path : Path
    identity : dict
        ``dcsim_version``, ``config_sha256``, ``seed`` and ``created``, which every file carries.

    Raises
    ------
    InputError
        If the folder cannot be written, belongs to another run, or holds work that would be lost.
    """

    def __init__(
        self, out: Path | None, verb: str, config: Mapping[str, Any], seed: int, result: str, resume: bool = False
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.identity = {
            "dcsim_version": dcsim.__version__,
            "config_sha256": digest({"verb": verb, **config}),
            "seed": seed,
            "created": now.isoformat(timespec="seconds"),
        }
        self.path = Path(out) if out is not None else _dated(verb, now)
        self._result = result
        self._claim(resume)
        if resume:
            return
        self.write(
            CONFIG_FILE,
            {
                "verb": verb,
                "config": dict(config),
                "git_commit": git_commit(),
                "packages": package_versions(),
                "python": platform.python_version(),
                "platform": platform.platform(),
            },
        )

    def _claim(self, resume: bool) -> None:
        """Make the folder, or check that what stands there may be written over."""
        path = self.path
        held = path / CONFIG_FILE
        if held.is_file():
            other = _read(held)
            if other.get("config_sha256") != self.identity["config_sha256"]:
                remedy = "--resume needs the same options" if resume else "name another folder"
                raise InputError(f"--out {path}: holds a run of another configuration; {remedy}")
            if resume and other.get("dcsim_version") != dcsim.__version__:
                raise InputError(
                    f"--out {path}: begun with dcsim {other.get('dcsim_version')}; start anew in another folder"
                )
            if not resume and not (path / self._result).is_file() and (path / "checkpoints").is_dir():
                raise InputError(f"--out {path}: holds an unfinished run; go on with --resume or name another folder")
        elif resume:
            raise InputError(f"--out {path}: there is no run to resume; leave --resume out to start one")
        elif path.is_dir() and any(path.iterdir()):
            raise InputError(f"--out {path}: is not empty and holds no run of dcsim; name another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / f"{_TEMPORARY}probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(f"--out {path}: cannot be written ({error.strerror}); name another folder") from None

    def write(self, name: str, content: Mapping[str, Any]) -> Path:
        """Write a JSON file with the identity of the run in front, in one go."""
        path = self.path / name
        write_json(path, {**self.identity, **content})
        return path

    def is_finished(self) -> bool:
        """Whether the result file is there."""
        return (self.path / self._result).is_file()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` under a temporary name and move it into place; numbers that are not finite are refused."""
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    temporary = path.with_name(_TEMPORARY + path.name)
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def temporary_folder(path: Path) -> Path:
    """Make an empty folder beside ``path`` under a name that says that it is not finished."""
    temporary = path.with_name(_TEMPORARY + path.name)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return temporary


def digest(config: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON-able configuration, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, allow_nan=False).encode()).hexdigest()


def package_versions() -> dict[str, str]:
    """Versions of the packages that results depend on, as far as they are installed."""
    versions = {"dcsim": dcsim.__version__}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def git_commit() -> str | None:
    """Return the commit of the checkout this runs from, with ``-dirty`` if changed, or None outside a checkout."""
    here = Path(__file__).resolve()

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(here.parent), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", here.name) is None:  # installed into somebody else's checkout, or none
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}-dirty" if commit and git("status", "--porcelain", "--untracked-files=no") else commit


def machine() -> dict[str, Any]:
    """Describe the computer as far as timings depend on it."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _dated(verb: str, now: datetime.datetime) -> Path:
    """Return a folder under ``runs`` that is not there yet."""
    name = f"{now.astimezone():%Y-%m-%d-%H%M%S}-{verb}"
    path, count = Path("runs") / name, 1
    while path.exists():
        count += 1
        path = Path("runs") / f"{name}-{count}"
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path}: is not readable as JSON; name another folder") from None
    return content if isinstance(content, dict) else {}
