"""What a controller is, and how one is found by name for an environment."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.envs.signals import Signals
from dcsim.errors import InputError, shown
from dcsim.plant.description import HallDescription, nearest
from dcsim.plant.outdoor_air import SHARES_ASKED_FOR
from dcsim_agents.machines import practised_numbers
from dcsim_agents.signal_io import Reading, SetpointWriter, SignalReader
from dcsim_agents.storage import storage_priority

Array = np.ndarray
Memory = dict[str, Array]


@dataclass(frozen=True)
class EnvView:
    """What is known of an environment before it runs.

    Attributes
    ----------
    signals : Signals
        Tables of observation and action.
    hall : HallDescription
    control_interval_s : float
    env : Any
        The environment itself, for controllers that are handed its plant. A controller that only sees observations leaves it alone.
    hourly_cost : Array, shape (24,), optional
        Published tariff and carbon intensity by the hour of the day, mean of the year, in the weights of the reward.
    """

    signals: Signals
    hall: HallDescription
    control_interval_s: float
    env: Any = None
    hourly_cost: Array | None = None


class Controller(ABC):
    """Chooses an action for an observation; keeps what it remembers, one column an environment.

    A subclass says what it remembers at the start of an episode (``_begin``) and what it asks for (``_decide``). Both see readings, that
    is observations in their units, of N environments at once.

    Parameters
    ----------
    view : EnvView
    """

    STORAGE: Callable[[Reading, Array, HallDescription], Array] = staticmethod(storage_priority)
    """How a storage tank is used."""

    def __init__(self, view: EnvView) -> None:
        self.view = view
        self.storage = type(self).STORAGE
        self._reader = SignalReader(view.signals)
        self.setpoints = SetpointWriter(view.signals)
        self._memory: Memory = {}
        self._is_fresh: Array | None = None

    def reset(self, seed: int | None = None) -> None:
        """Forget everything; the next observation starts episodes. ``seed`` is for controllers that draw."""
        self._memory, self._is_fresh = {}, None

    def reset_rows(self, mask: Array) -> None:
        """Forget the environments where ``mask``, shape (N,), is true: their next observation starts an episode."""
        mask = np.asarray(mask, bool)
        if self._is_fresh is not None:
            if mask.shape != self._is_fresh.shape:
                raise InputError(f"reset_rows: mask has shape {mask.shape}, expected {self._is_fresh.shape}")
            self._is_fresh = self._is_fresh | mask

    def act(self, observation: Array) -> Array:
        """Return the action, shape (A,) or (N, A) float32, for one observation (F,) or a batch (N, F).

        Raises
        ------
        InputError
            If the shape is not that of the environment, or N changed without ``reset``.
        """
        observation = np.asarray(observation)
        features = len(self.view.signals.observation)
        if observation.ndim not in (1, 2) or observation.shape[-1] != features:
            raise InputError(f"observation has shape {observation.shape}, expected ({features},) or (N, {features})")
        reading = self._reader.read(np.atleast_2d(observation))
        self._remember(reading)
        actions, self._memory = self._actions(reading, self._memory)
        return actions[0] if observation.ndim == 1 else actions

    def _actions(self, reading: Reading, memory: Memory) -> tuple[Array, Memory]:
        setpoints, memory = self._decide(reading, memory)
        return self.setpoints.write({**self._practised(reading, setpoints), **setpoints}, reading.num_envs), memory

    def _practised(self, reading: Reading, setpoints: dict[str, Array | float]) -> dict[str, Array]:
        """What is usually asked of equipment that a controller leaves alone."""
        practised: dict[str, Array] = {}
        if "chillers_requested" in self.setpoints:
            practised |= practised_numbers(reading, setpoints, self.view.hall)
        if "tank_flow" in self.setpoints:
            cost = np.ones(24) if self.view.hourly_cost is None else self.view.hourly_cost
            practised["tank_flow"] = self.storage(reading, cost, self.view.hall)
        practised |= {name: np.ones((1, 1)) for name in SHARES_ASKED_FOR if name in self.setpoints}
        return practised

    def _remember(self, reading: Reading) -> None:
        """Start the memory of the environments whose episode begins with this reading."""
        n = reading.num_envs
        if self._is_fresh is None:
            self._memory, self._is_fresh = self._begin(reading), np.zeros(n, bool)
        elif len(self._is_fresh) != n:
            raise InputError(f"observations of {n} environments after {len(self._is_fresh)}; call reset first")
        elif self._is_fresh.any():
            first = self._begin(reading)
            self._memory = {name: np.where(self._is_fresh, first[name], kept) for name, kept in self._memory.items()}
            self._is_fresh = np.zeros(n, bool)

    def _begin(self, reading: Reading) -> Memory:
        """Return what is remembered at the start of an episode, arrays of shape (rows, N)."""
        return {}

    @abstractmethod
    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        """Return the set-points to ask for, by name, and the memory for the next call."""


FACTORIES: dict[str, str] = {
    "fixed": "dcsim_agents.fixed:FixedController",
    "rules": "dcsim_agents.rules:RuleController",
    "pid": "dcsim_agents.pid:PidController",
    "g36": "dcsim_agents.g36:tuned",
    "g36-default": "dcsim_agents.g36:published",
}
"""Where the factory of each controller stands: ``module:attribute``, called with an ``EnvView``."""

FACTORIES_OF_KIND: dict[str, dict[str, str]] = {
    "dx": {
        "fixed": "dcsim_agents.dx:FixedController",
        "rules": "dcsim_agents.dx:RuleController",
        "pid": "dcsim_agents.dx:PidController",
        "g36": "dcsim_agents.dx:tuned",
        "g36-default": "dcsim_agents.dx:published",
    },
    "liquid": {
        "fixed": "dcsim_agents.liquid:FixedController",
        "rules": "dcsim_agents.liquid:RuleController",
        "pid": "dcsim_agents.liquid:PidController",
        "g36": "dcsim_agents.liquid:tuned",
        "g36-default": "dcsim_agents.liquid:published",
    },
}
"""The same for halls of other kinds than those on chilled water and towers, by ``HallDescription.kind`` and name."""

LEARNED = ("ppo", "sac")
"""Algorithms whose policies are loaded from their folder."""

LATER = ("static-opt", "arx-mpc", "nn-mpc", "mpc", "oracle", "tqc", "recurrentppo")
"""Names that are kept for controllers which this version lacks."""


def controller_names() -> list[str]:
    """Names that ``make_controller`` knows."""
    return sorted(FACTORIES)


def register_controller(name: str, place: str) -> None:
    """Make a controller known by ``name``; ``place`` is ``module:attribute`` of what makes one from an ``EnvView``.

    Raises
    ------
    InputError
        If the name is taken by another.
    """
    if FACTORIES.get(name, place) != place:
        raise InputError(f"controller {name!r} is already {FACTORIES[name]}")
    FACTORIES[name] = place


def hourly_cost(config: Any) -> Array:
    """Price and carbon intensity by the hour of the day, mean of the year, shape (24,), in the weights of the reward; else the price."""
    table = config.grid.table(3600.0)
    price, carbon = config.weights["energy_cost"], config.weights["carbon"]
    cost = price * table.price_per_kwh + carbon * table.kg_co2_per_kwh if price + carbon > 0.0 else table.price_per_kwh
    result: Array = cost.reshape(-1, 24).mean(axis=0)
    return result


def view_of(env: Any) -> EnvView:
    """Look at an environment: single, vector, or one of these adapted for Stable-Baselines3.

    Raises
    ------
    InputError
        If it is none of dcsim's.
    """
    waiting, seen = [env], 0
    while waiting and seen < 32:
        candidate, seen = waiting.pop(0), seen + 1
        signals, batch = getattr(candidate, "signals", None), getattr(candidate, "batch", None)
        if isinstance(signals, Signals) and batch is not None:
            config = batch.config
            return EnvView(signals, config.hall.description, config.control_interval_s, candidate, hourly_cost(config))
        inner = [getattr(candidate, name, None) for name in ("unwrapped", "env", "venv", "vec_env")]
        inner += list(getattr(candidate, "envs", None) or [])[:1]
        waiting += [item for item in inner if item is not None and item is not candidate]
    raise InputError(f"{type(env).__name__} is not an environment of dcsim: it has no signals")


def make_controller(name: str | Path, env: Any) -> Controller:
    """Return a controller that fits ``env``.

    Parameters
    ----------
    name : str or Path
        One of ``controller_names()``, or the folder of a saved policy.
    env : Any
        Environment or ``EnvView``.

    Raises
    ------
    InputError
        For an unknown name, with the nearest one, or a policy that does not fit the environment.
    """
    if not isinstance(name, str | Path):
        raise InputError(f"controller {shown(name)}: expected a name or the folder of a trained policy")
    view = env if isinstance(env, EnvView) else view_of(env)
    if str(name) in FACTORIES:
        place = FACTORIES_OF_KIND.get(view.hall.kind, {}).get(str(name), FACTORIES[str(name)])
        module, _, attribute = place.partition(":")
        factory: Callable[[EnvView], Controller] = getattr(importlib.import_module(module), attribute)
        return factory(view)
    if _is_folder(name):
        from dcsim_agents.learned import load_policy

        return load_policy(name, view)
    if str(name) in LEARNED:
        raise InputError(f"controller {str(name)!r} has to be trained: give the folder of a trained policy")
    if str(name) in LATER:
        raise InputError(f"controller {str(name)!r} is not in this version; known: {', '.join(controller_names())}")
    raise InputError(f"no controller and no policy folder {shown(str(name))}{nearest(str(name), FACTORIES)}")


def _is_folder(name: str | Path) -> bool:
    try:
        return bool(str(name)) and Path(name).is_dir()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False
