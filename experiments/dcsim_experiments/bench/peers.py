"""Other simulators that are installed, timed in the same run: each makes control steps and says how long they are."""

import contextlib
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcsim.errors import InputError
from dcsim_experiments import energyplus_peer

ENERGYPLUS_DAYS = 60  # of each round
STEPS = 500  # of each round, of peers that are environments
SINERGYM_ENVS = "Eplus-datacenter"
SUSTAINDC_STEP_S = 900.0


@dataclass
class Peer:
    """Another simulator.

    Attributes
    ----------
    name : str
    run : callable
        Makes some control steps; returns steps a second.
    time_step : float
        Length of a control step [s].
    rates : list of float
        Control steps a second in each round.
    remarks : dict
        What else ``bench.json`` says of it.
    """

    name: str
    run: Callable[["Peer"], float]
    time_step: float
    rates: list[float] = field(default_factory=list)
    remarks: dict[str, Any] = field(default_factory=dict)

    def time(self) -> None:
        """Run once and keep the rate."""
        self.rates.append(self.run(self))


def installed(sustaindc: Path | None = None) -> list[Peer]:
    """Return the peers that can run here.

    Parameters
    ----------
    sustaindc : Path, optional
        Folder of a copy of SustainDC, which is no package.

    Raises
    ------
    InputError
        If there is none, or the folder is not what it is said to be.
    """
    peers = []
    if energyplus_peer.available():
        peers.append(Peer("energyplus", _energyplus, float(energyplus_peer.EnergyPlusModel().time_step)))
    if importlib.util.find_spec("sinergym") is not None:
        peers.append(_sinergym())
    if sustaindc is not None:
        peers.append(_sustaindc(sustaindc))
    if not peers:
        raise InputError("--peers: EnergyPlus is not installed; pip install 'dcsim[validation]', or leave --peers out")
    return peers


def _energyplus(peer: Peer) -> float:
    """EnergyPlus through its Python API, set-points read and written in call-backs."""
    result = energyplus_peer.measure(days=ENERGYPLUS_DAYS)
    severe = max(result.severe_errors, peer.remarks.get("severe_errors", 0))
    peer.remarks |= {"engine": result.engine, "severe_errors": severe}
    return float(result.steps_per_s)


def _sinergym() -> Peer:
    """Sinergym's data centre, steps with random actions."""
    import gymnasium as gym

    sinergym: Any = importlib.import_module("sinergym")

    name = min(name for name in gym.registry if name.startswith(SINERGYM_ENVS) and "continuous" in name)
    env = gym.make(name)
    env.reset(seed=0)

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()

    step_s = float(env.get_wrapper_attr("step_size"))
    return Peer(
        "sinergym", lambda _: _rate(step), step_s, remarks={"engine": f"Sinergym {sinergym.__version__} {name}"}
    )


def _sustaindc(folder: Path) -> Peer:
    """SustainDC's environment of three agents from a folder, steps with random actions."""
    if not (folder / "sustaindc_env.py").is_file():
        raise InputError(f"--sustaindc {folder}: holds no sustaindc_env.py; give a copy of SustainDC's repository")
    with contextlib.chdir(folder):  # it looks for its data there
        sys.path.insert(0, ".")
        try:
            module: Any = importlib.import_module("sustaindc_env")

            env = module.SustainDC({"month": 0})
            env.reset()
        finally:
            sys.path.remove(".")
    spaces = dict(zip(env.agents, env.action_space, strict=True))

    def step() -> None:
        _, _, terminated, truncated, _ = env.step({agent: space.sample() for agent, space in spaces.items()})
        if terminated["__all__"] or truncated["__all__"]:
            with contextlib.chdir(folder):
                env.reset()

    return Peer("sustaindc", lambda _: _rate(step), SUSTAINDC_STEP_S, remarks={"engine": "SustainDC"})


def _rate(step: Callable[[], None]) -> float:
    begun = time.perf_counter()
    for _ in range(STEPS):
        step()
    return STEPS / (time.perf_counter() - begun)
