"""Panels of simulated halls: what their sensors show while set-points jump at random.

A controller that follows the weather teaches a network that what it does comes from the weather. So set-points here are drawn anew now and
then, each at its own times, around those at which the resets of Guideline 36 would come to rest: what follows is by their doing. Drawn over
all that is allowed, a hall would spend much of its time in protection, and no operator's does.

References
----------
.. [1] Ljung, System Identification: Theory for the User (1999), section 13.3: signals that excite a system, held for random times.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dcsim.envs.batch import Batch
from dcsim.envs.config import EnvConfig
from dcsim.envs.sensed_steps import SensedSteps
from dcsim.envs.signals import Signal
from dcsim.forecasting.panel import Panel, panel_of_signals

Array = np.ndarray

EXCITED = (0.05, 0.35)
"""How far set-points go to both sides, of half their range: an episode's share is drawn evenly between these."""

RESET_S = 1800.0  # between looks at where the resets come to rest
HELD_S = (900.0, 3 * 3600.0)  # times that a set-point stands still, drawn uniformly in their logarithm
MACHINES = ("mode", "chillers_on")  # of the state, that a building's automation shows
WEATHER = {
    "dry_bulb_temperature": "dry_bulb_temperature",
    "wet_bulb_temperature": "wet_bulb_temperature",
    "outdoor_pressure": "atmospheric_pressure",
}
"""Inputs of the plant, with the names that logs have for them."""


def simulated(
    config: EnvConfig,
    episodes: int,
    seed: int = 0,
    excited: tuple[float, float] = EXCITED,
    progress: Callable[[int, int], None] | None = None,
) -> list[Panel]:
    """Run episodes side by side under set-points that jump, and return what the sensors show at the ends of the steps.

    Parameters
    ----------
    config : EnvConfig
    episodes : int
    seed : int
        The episodes have seeds from this one on.
    excited : tuple of float
        Range of the shares, as of `EXCITED`.
    progress : callable, optional
        Told how many steps are made, of how many.

    Returns
    -------
    list of Panel
        One for each episode; those in which servers tripped end there.
    """
    batch = Batch(config, episodes)
    batch.reset(np.arange(episodes), range(seed, seed + episodes))
    random = np.random.default_rng([seed, 0x666F72])
    watched = [SensedSteps(batch, env, are_means=False) for env in range(episodes)]
    share = random.uniform(*excited, (episodes, 1)) * np.ones(len(batch.signals.action))
    offsets, left = np.zeros(share.shape), np.zeros(share.shape)
    kept: dict[str, list[Array]] = {name: [] for name in MACHINES if hasattr(batch.state, name)}
    asked, outdoors = [], []
    ended = np.full(episodes, config.episode_steps)
    for step in range(config.episode_steps):
        if step % max(1, round(RESET_S / config.control_interval_s)) == 0:
            rest = batch.action_map.actions(batch.starts.settle(batch.table.inputs)[1])
        over = left <= 0
        offsets[over] = share[over] * random.uniform(-1.0, 1.0, int(over.sum()))
        left[over] = _holds(random, int(over.sum()), config.control_interval_s)
        left -= 1
        outdoors.append(np.stack([batch.view(f"input.{name}")[0] for name in WEATHER]))
        batch.step(np.clip(rest + offsets, -1.0, 1.0).astype(np.float32))
        for each in watched:
            each.add()
        asked.append(batch.setpoints.copy())
        for name, states in kept.items():
            states.append(getattr(batch.state, name)[:1].copy())
        ended = np.where((batch.state.is_tripped[0] > 0.5) & (ended > step), step, ended)
        if progress is not None:
            progress(step + 1, config.episode_steps)
    requests, weather = np.stack(asked, axis=2), np.stack(outdoors, axis=2)  # (A, N, T), (2, N, T)
    machines = {name: np.stack(states, axis=2) for name, states in kept.items()}
    panels = []
    for env, each in enumerate(watched):
        shown = each.signals() | {
            name: rows[None] for name, rows in zip(WEATHER.values(), weather[:, env], strict=True)
        }
        shown |= {name: rows[:, env] for name, rows in machines.items()}
        for name, rows in _by_signal(
            batch.signals.action
        ).items():  # what was asked for, also where a fan tells its speed
            shown[name] = requests[rows, env]
        panels.append(panel_of_signals({k: x[:, : ended[env]] for k, x in shown.items()}, config.control_interval_s))
    return panels


def _by_signal(actions: Sequence[Signal]) -> dict[str, list[int]]:
    """Rows of actions by the name of their signal, without the unit's number."""
    found: dict[str, list[int]] = {}
    for row, signal in enumerate(actions):
        found.setdefault(signal.name.rstrip("0123456789").rstrip("_"), []).append(row)
    return found


def _holds(random: np.random.Generator, count: int, interval_s: float) -> Array:
    """Draw numbers of steps."""
    low, high = np.log(HELD_S)
    return np.maximum(np.round(np.exp(random.uniform(low, high, count)) / interval_s), 1.0)
