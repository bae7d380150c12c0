"""Controllers run over the same episodes: what each cost, and what some of them did step by step."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

import dcsim  # noqa: F401  (registers the environments)
from dcsim.drivers.calendar import time_label
from dcsim.plots.recording import component_powers
from dcsim.transitions.episode import Episode, episode_of_environment
from dcsim_experiments.faults import FAULTS

J_PER_KWH = 3.6e6
SUMS = (
    "thermal_energy_kwh",
    "cooling_energy_kwh",
    "facility_energy_kwh",
    "water_l",
    "carbon_kg",
    "energy_cost",
    "violation_k_min",
    "actuator_travel",
)
"""Metrics that are sums of ``info`` over an episode."""

METRICS = (
    "thermal_energy_kwh",
    "cooling_energy_kwh",
    "facility_energy_kwh",
    "server_fan_energy_kwh",
    "pue",
    "tue",
    "water_l",
    "carbon_kg",
    "energy_cost",
    "violation_k_min",
    "rack_inlet_max_c",
    "actuator_travel",
    "interventions",
    "act_ms",
)
"""What is known of every episode: its totals, except ``pue`` and ``tue`` (ratios of its totals), ``rack_inlet_max_c``
(hottest rack group at any sub-step), ``interventions`` (control steps in which the plant's own protection had taken
over) and ``act_ms`` (time of a decision on a single observation)."""

DECISIONS_TIMED = 8  # per episode
DECISION_BUDGET_S = 1.0  # for timing all of a controller's


class Controls(Protocol):
    """What a rollout needs of a controller."""

    def reset(self, seed: int | None = None) -> None:
        """Forget the last episode."""

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Return actions, shape (N, A), for observations, shape (N, F)."""


@dataclass(frozen=True)
class Scenario:
    """Episodes of one climate and task; episode ``i`` is what seed ``seed + i`` makes of the keywords.

    Attributes
    ----------
    env : str
        Id of the environment.
    episodes, seed : int
    keywords : mapping
        Keyword arguments of the environment.
    starts : sequence of str
        Start of each episode, instead of the keyword ``start``; empty leaves it to the keywords.
    """

    env: str
    episodes: int
    seed: int
    keywords: Mapping[str, Any] = field(default_factory=dict)
    starts: Sequence[str] = ()

    @property
    def faults(self) -> dict[str, Any]:
        """What is wrong with sensors, actuators and equipment, and how plants differ from the description."""
        return {name: self.keywords[name] for name in FAULTS if name in self.keywords}

    def make_vec(self) -> Any:
        """Return a vector environment with a row for each episode."""
        env = gym.make_vec(self.env, num_envs=self.episodes, **self._keywords(0))
        return _OwnStarts(env, list(self.starts)) if self.starts else env

    def make(self, episode: int = 0) -> Any:
        """Return the single environment of an episode; seeded with ``seed + episode`` it is that row of ``make_vec``."""
        return gym.make(self.env, disable_env_checker=True, **self._keywords(episode))

    def _keywords(self, episode: int) -> dict[str, Any]:
        return {**self.keywords, **({"start": self.starts[episode]} if self.starts else {})}


class _OwnStarts(gym.vector.VectorWrapper):
    """Rows that start on dates of their own."""

    def __init__(self, env: Any, starts: list[str]) -> None:
        super().__init__(env)
        self._starts = starts

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        """Start every row on its date."""
        return self.env.reset(seed=seed, options={"start": self._starts, **(options or {})})


@dataclass
class Rollout:
    """What one controller did in the episodes of a scenario.

    Attributes
    ----------
    metrics : dict of np.ndarray, shape (E,)
        As of ``METRICS``.
    energies : dict of np.ndarray, shape (E,)
        kWh by component.
    is_tripped : np.ndarray of bool, shape (E,)
    start_s : np.ndarray, shape (E,)
        s of the year.
    """

    metrics: dict[str, np.ndarray]
    energies: dict[str, np.ndarray]
    is_tripped: np.ndarray
    start_s: np.ndarray


def run(controller: Controls, env: Any, seed: int, advance: Callable[[int], Any] | None = None) -> Rollout:
    """Run a controller over one episode in every row of a vector environment.

    Parameters
    ----------
    controller : Controls
    env : gymnasium.vector.VectorEnv
        Of dcsim, all rows with episodes of the same length.
    seed : int
        Of the first row; the others follow.
    advance : callable, optional
        Called with the number of control steps made, for a progress bar.

    Returns
    -------
    Rollout

    Notes
    -----
    A row that trips has no equal remainder to be compared on. Its totals are scaled to the full length, so that a short
    episode never pays, and it is counted in ``is_tripped``.
    """
    batch = env.unwrapped.batch
    steps, interval = batch.config.episode_steps, batch.config.control_interval_s
    protection = env.unwrapped.signals.index("protection")
    observation, info = env.reset(seed=seed)
    controller.reset(seed)
    count = env.num_envs
    start_s = np.array(info["time_s"])
    is_alive, lived = np.ones(count, bool), np.zeros(count)
    parts = {name: np.zeros(count) for name in component_powers(info)}
    names = (*SUMS, "it_power_w")
    sums = {name: np.zeros(count) for name in names}
    hottest, interventions = np.full(count, -np.inf), np.zeros(count)
    sampled = set(np.linspace(0, steps - 1, DECISIONS_TIMED).astype(int).tolist())
    samples = []
    for step in range(steps):
        if step in sampled:
            samples.append(observation)
        observation, _, terminated, _, info = env.step(controller.act(observation))
        last, seen = info.get("final_info", info), info.get("final_obs", observation)
        for name in names:
            sums[name] += np.where(is_alive, last[name], 0.0)
        for name, power in component_powers(last).items():
            parts[name] += np.where(is_alive, power, 0.0)
        hottest = np.where(is_alive, np.maximum(hottest, last["rack_inlet_max_c"]), hottest)
        interventions += is_alive & (seen[:, protection] > 0.0)
        lived += is_alive
        is_alive &= ~terminated
        if advance is not None:
            advance(1)
    scale = steps / lived
    kwh = interval / J_PER_KWH
    metrics = {name: sums[name] * scale for name in SUMS}
    it, fans = sums["it_power_w"], parts["server_fans"]
    facility = sums["facility_energy_kwh"] / kwh
    metrics |= {
        "server_fan_energy_kwh": fans * kwh * scale,
        "pue": facility / it,
        "tue": facility / (it - fans),
        "rack_inlet_max_c": hottest,
        "interventions": interventions * scale,
        "act_ms": _decision_times(controller, np.stack(samples), seed),
    }
    energies = {name: power * kwh * scale for name, power in parts.items()}
    return Rollout({name: metrics[name] for name in METRICS}, energies, ~is_alive, start_s)


def _decision_times(controller: Controls, samples: np.ndarray, seed: int) -> np.ndarray:
    """Mean time of ``act`` on single observations [ms], shape (E,), from samples of shape (K, E, F)."""
    controller.reset(seed)
    controller.act(samples[0, 0])  # the first call of an episode sets things up
    begun = time.perf_counter()
    controller.act(samples[0, 0])
    one = time.perf_counter() - begun
    calls = int(np.clip(DECISION_BUDGET_S / (one * samples.shape[1] + 1e-9), 1, len(samples)))
    times = np.empty((calls, samples.shape[1]))
    for call in range(calls):
        for row, observation in enumerate(samples[call]):
            begun = time.perf_counter()
            controller.act(observation)
            times[call, row] = time.perf_counter() - begun
    return 1e3 * times.mean(0)


def record(controller: Controls, env: Any, seed: int, steps: int) -> dict[str, np.ndarray]:
    """Run a controller in a single environment and keep what happened, step by step.

    Parameters
    ----------
    controller : Controls
    env : gymnasium.Env
        Of dcsim. Seeded with ``s + i`` it goes through the same as row ``i`` of a vector environment seeded with ``s``.
    seed : int
    steps : int
        Most control steps to make.

    Returns
    -------
    dict of np.ndarray
        As of ``dcsim.plots.recording.Recorder``.
    """
    from dcsim.plots.recording import Recorder

    observation, _ = env.reset(seed=seed)
    controller.reset(seed)
    recorder = Recorder(env.unwrapped.batch)
    for _ in range(steps):
        observation, _, terminated, truncated, info = env.step(controller.act(observation))
        recorder.add(info)
        if terminated or truncated:
            break
    return recorder.trajectory()


def transitions(
    controller: Controls,
    env: Any,
    seed: int,
    start: str | None = None,
    origin: Mapping[str, Any] | None = None,
    advance: Callable[[int], Any] | None = None,
) -> Episode:
    """Run a controller over one episode of a single environment and keep all that was observed, done and paid.

    Parameters
    ----------
    controller : Controls
    env : gymnasium.Env
        Of dcsim. Seeded with ``s + i`` it goes through the same as row ``i`` of a vector environment seeded with ``s``.
    seed : int
    start : str, optional
        ISO date instead of what the environment was made with.
    origin : mapping, optional
        JSON-able; what else is to be known of the episode.
    advance : callable, optional
        Called with the number of control steps made, for a progress bar.

    Returns
    -------
    Episode
    """
    observation, info = env.reset(seed=seed, options=None if start is None else {"start": start})
    controller.reset(seed)
    observations, infos = [observation], [info]
    actions: list[np.ndarray] = []
    rewards: list[float] = []
    terminated = truncated = False
    while not (terminated or truncated):
        actions.append(controller.act(observation))
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        observations.append(observation)
        rewards.append(float(reward))
        infos.append(info)
        if advance is not None:
            advance(1)
    begun = time_label(infos[0]["time_s"])
    known = {
        "seed": seed,
        "start": begun,
        **({} if start is None else {"start_option": start}),
        **(origin or {}),
        "steps": len(rewards),
        "is_tripped": bool(terminated),
    }
    inner = env.unwrapped
    interval_s = float(inner.batch.config.control_interval_s)
    return episode_of_environment(inner.signals, interval_s, observations, actions, rewards, infos, terminated, known)
