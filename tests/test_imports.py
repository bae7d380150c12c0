"""The direction of imports, and what `import dcsim` costs and loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each room with the rooms of dcsim it may import from, beside itself; `dcsim.errors` is free to all.
ALLOWED = {
    "dcsim.physics": set(),
    "dcsim.engines": set(),
    "dcsim.plant": {"dcsim.physics", "dcsim.engines"},
    "dcsim.drivers": {"dcsim.physics"},
    "dcsim.logs": {"dcsim.plant", "dcsim.drivers"},
    "dcsim.replay": {"dcsim.physics", "dcsim.plant", "dcsim.engines", "dcsim.drivers", "dcsim.logs"},
    "dcsim.calibration": {"dcsim.plant", "dcsim.engines", "dcsim.logs", "dcsim.replay"},
    "dcsim.plots": {
        "dcsim.plant",
        "dcsim.physics",
        "dcsim.drivers",
        "dcsim.envs",
        "dcsim.logs",
        "dcsim.replay",
        "dcsim.calibration",
        "dcsim.forecasting",
    },
    "dcsim.envs": {
        "dcsim.physics",
        "dcsim.plant",
        "dcsim.engines",
        "dcsim.drivers",
        "dcsim.plots",
        "dcsim.logs",
        "dcsim.replay",
    },
    "dcsim.transitions": {"dcsim.plant", "dcsim.logs", "dcsim.replay", "dcsim.envs"},
    "dcsim.forecasting": {"dcsim.logs", "dcsim.envs"},
    "dcsim_agents": {"dcsim"},
    "dcsim_experiments": {"dcsim", "dcsim_agents"},
}
OURS = {"dcsim", "dcsim_agents", "dcsim_experiments"}
HEAVY = ("torch", "stable_baselines3", "matplotlib", "pandas")


def source_files():
    for base in (ROOT / "dcsim", ROOT / "agents" / "dcsim_agents", ROOT / "experiments" / "dcsim_experiments"):
        yield from base.rglob("*.py")


def module_name(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    parts = relative.parts[1:] if relative.parts[0] in ("agents", "experiments") else relative.parts
    return ".".join(parts)


def imported(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def room(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "dcsim" and len(parts) > 1 else parts[0]


@pytest.mark.parametrize("path", list(source_files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    here = room(module_name(path))
    for name in imported(ast.parse(path.read_text())):
        if name.split(".")[0] not in OURS or room(name) in (here, "dcsim.errors"):
            continue
        assert here in ALLOWED, f"{path} imports {name}"
        target = room(name)
        assert target in ALLOWED[here] or target.split(".")[0] in ALLOWED[here], f"{here} imports {name}"


def test_no_package_stands_in_the_folders_that_hold_ours():
    assert not (ROOT / "agents" / "__init__.py").exists()
    assert not (ROOT / "experiments" / "__init__.py").exists()


def test_importing_dcsim_registers_and_loads_nothing_heavy():
    code = (
        "import sys, dcsim, gymnasium; "
        f"assert not [m for m in {HEAVY!r} if m in sys.modules]; "
        "assert all(i in gymnasium.registry for i in dcsim.ids())"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_stepping_an_environment_loads_nothing_heavy():
    code = (
        "import sys, gymnasium, dcsim; env = gymnasium.make(dcsim.ids()[0], start='2023-05-15'); env.reset(seed=0); "
        "env.step(env.action_space.sample()); "
        f"found = [m for m in {HEAVY!r} if m in sys.modules]; assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
