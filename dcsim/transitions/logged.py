"""Transitions of a sensor log: what was measured, what its controller did, and what the reward of an environment would have been.

Readings are means over the steps of an even grid. A controller that acts at the start of a step can have seen no more than the step before, so
the observation of a row is what was measured over the step that ends there; the action is what was held over the step that begins there, and
reward and outcome are of that same step.

Actions are the set-points of the hall that the log has, each from where `dcsim.replay.boundaries` takes it; what the log lacks is no action.
Stretches between long holes of what drives the hall are episodes, which end truncated. Readings of an observation that are missing stay missing.
"""

from dataclasses import dataclass, replace

import numpy as np

from dcsim.envs.rewards import Reward, Transition, checked_weights
from dcsim.envs.signals import Signal, action_signals
from dcsim.errors import InputError
from dcsim.logs import SIGNALS, Log
from dcsim.logs import Mapping as LogMapping
from dcsim.logs.clock import iso
from dcsim.logs.mapping import Mapped, signals_of
from dcsim.plant.description import HallDescription
from dcsim.replay import Boundaries, boundaries, described
from dcsim.replay.boundaries import HOLE_S, Array, held
from dcsim.transitions.episode import Episode, Layout

STEPS_MIN = 2  # of an episode

OUTCOMES = {
    "cooling_power_w": Signal("cooling_power", "W", np.nan, np.nan, "all cooling equipment, mean of the step"),
    "rack_inlet_max_c": Signal(
        "hottest_rack_inlet", "degC", np.nan, np.nan, "hottest of the measured rack inlets, means of the step"
    ),
}


@dataclass(frozen=True)
class Logged:
    """Episodes of a log.

    Attributes
    ----------
    layout : Layout
    episodes : tuple of Episode
    notes : tuple of str
        In words: where actions and boundaries are from, what is assumed, how the reward is made.
    lacking : str
        Why no reward is known; "" where it is.
    """

    layout: Layout
    episodes: tuple[Episode, ...]
    notes: tuple[str, ...]
    lacking: str


def logged(
    log: Log,
    mapping: LogMapping,
    description: HallDescription,
    step_s: float | None = None,
    weather: str | None = None,
    origin: str = "mapping",
    start: int | None = None,
    end: int | None = None,
) -> Logged:
    """Return the transitions of a log.

    Parameters
    ----------
    log, mapping, description, step_s, weather, origin, start, end
        As of `dcsim.replay.boundaries`.

    Raises
    ------
    InputError
        As `boundaries`, and where the log has no action of the hall.
    """
    taken = boundaries(log, mapping, description, step_s, weather, origin, start, end)
    mapped = signals_of(log, mapping)
    readings = _readings(log, mapped, taken)
    actions = _Actions(taken)
    if not actions.signals:
        raise InputError(
            f"{origin}: the log has none of the actions of hall {description.name} ({', '.join(taken.hall.types.requests)}); "
            "map one of them, or the temperature that it rules"
        )
    reward, outcome, lacking, words = _rewards(taken, mapped, readings, actions)
    layout = Layout(
        tuple(Signal(each.channel, log.channels[each.channel].unit, np.nan, np.nan, _meaning(each)) for each in mapped),
        actions.signals,
        tuple(OUTCOMES.values()),
        tuple(OUTCOMES),
        is_dated=True,
    )
    episodes = []
    for part in taken.segments:
        steps = slice(part.start + 1, part.stop)  # the first step is seen, not acted in
        if steps.stop - steps.start >= STEPS_MIN:
            episodes.append(_episode(taken, steps, readings, actions, reward, outcome, log.name))
    if not episodes:
        raise InputError(f"{log.name}: no stretch in which all is known that drives the hall has {STEPS_MIN + 1} steps")
    notes = [
        "observation: means over the step that ends at the time of the row; action, reward and outcome: of the step that begins there",
        *(f"action {name}: {source}" for name, source in actions.sources.items()),
        *(f"no action {name}: {source}" for name, source in actions.left_out.items()),
        *words,
        *(f"hall: {line}" for line in described(taken)),
    ]
    return Logged(layout, tuple(episodes), tuple(notes), lacking)


def _meaning(each: Mapped) -> str:
    number = f" {each.number}" if each.number else ""
    return f"{each.signal}{f'_{each.number}' if each.number else ''}: {SIGNALS[each.signal].meaning}{number}"


def _readings(log: Log, mapped: list[Mapped], taken: Boundaries) -> Array:
    """Mapped channels on the grid of the replay, shape (C, T); of a slower channel each reading stands until the next is due."""
    end = int(taken.time[-1]) + round(taken.step_s * 1e9)
    _, values = log.grid([each.channel for each in mapped], taken.step_s, int(taken.time[0]), end)
    pace = [log.channels[each.channel].step_s / taken.step_s for each in mapped]
    return np.stack([held(row, steps) if steps > 1.5 else row for row, steps in zip(values, pace, strict=True)])


class _Actions:
    """Set-points of the hall that the log has."""

    def __init__(self, taken: Boundaries) -> None:
        hall = taken.hall
        self.sources: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        rows: list[Array] = []
        kept: list[str] = []
        for name in hall.types.requests:
            source = taken.sources.get(name, "not in the log")
            if source.startswith("log:"):
                self.sources[name] = source
                rows += list(taken.rows(name))
                kept.append(name)
            else:
                self.left_out[name] = source
        self.signals = tuple(s for s in action_signals(hall) if s.name in kept or s.name.rpartition("_")[0] in kept)
        self.values = np.stack(rows) if rows else np.empty((0, len(taken.time)))  # (A, T)
        low, high = (np.array([[getattr(s, end)] for s in self.signals]) for end in ("low", "high"))
        self.scaled = (2.0 * (self.values - low) / (high - low) - 1.0) if rows else self.values
        moved = np.abs(np.diff(self.scaled, axis=1, prepend=np.nan)) / 2.0
        self.travel = moved.mean(axis=0) if rows else np.zeros(len(taken.time))  # share of the ranges


def _rewards(
    taken: Boundaries, mapped: list[Mapped], readings: Array, actions: _Actions
) -> tuple[Array, Array, str, list[str]]:
    """Reward (T,), outcome (K, T), why there is no reward, and how it is made, in words."""
    hall, steps = taken.hall, len(taken.time)
    limits, unknown, none = hall.description.limits, np.full(steps, np.nan), np.zeros(steps)

    def rows(signal: str) -> Array:
        return readings[[each.signal == signal for each in mapped]]

    powers, inlets, supply = (
        rows(name) for name in ("cooling_power", "rack_inlet_temperature", "supply_air_temperature")
    )
    power = powers.sum(axis=0) if len(powers) else unknown
    hottest = -_coldest(-inlets)
    outcome = np.stack([power, hottest])
    missing = [
        name for name, found in (("cooling_power", powers), ("rack_inlet_temperature", inlets)) if not len(found)
    ]
    if missing:
        lacking = f"no channel has the signal {' or '.join(missing)}"
        return unknown, outcome, lacking, [f"reward: not known, {lacking}"]
    shortfall = np.maximum(limits.supply_limit.value - _coldest(supply), 0.0) if len(supply) else none
    transition = Transition(
        thermal_power=power / hall.design_it_power,
        facility_power=none,
        inlet_excess=np.maximum(hottest - limits.inlet_limit.value, 0.0),
        allowable_excess=np.maximum(hottest - limits.inlet_allowable.value, 0.0),
        supply_shortfall=shortfall,
        travel=actions.travel,
        energy_cost=none,
        carbon=none,
    )
    weights = checked_weights(None)
    reward = np.sum(list(Reward(weights).terms(transition, none, none).values()), axis=0)
    inside = np.concatenate([np.arange(part.start, part.stop) for part in taken.segments])
    gaps = {
        name: float(np.isnan(found[:, inside]).mean())
        for name, found in (("rack_inlet_temperature", inlets), ("supply_air_temperature", supply))
        if np.isnan(found[:, inside]).any()
    }
    used = {name: weight for name, weight in weights.items() if weight}
    words = [
        "reward: as an environment's by default, with weights "
        f"{', '.join(f'{name} {weight:g}' for name, weight in used.items())}; thermal_power is measured cooling power over "
        f"{hall.design_it_power:g} W, without server fans and leakage, which no log tells; excess is that of the hottest measured "
        f"inlet, a mean of the step, over {limits.inlet_limit.value:g} and {limits.inlet_allowable.value:g} degC; travel is that of "
        "the logged actions",
        "reward: supply_shortfall is "
        + (
            f"that of the coldest measured supply air under {limits.supply_limit.value:g} degC"
            if len(supply)
            else "left out, no channel has the signal supply_air_temperature"
        ),
        *(
            f"reward: {share:.1%} of the readings of {name} missing, the others stand for them while they are half or more"
            for name, share in gaps.items()
        ),
    ]
    return reward, outcome, "", words


def _coldest(rows: Array) -> Array:
    """Least of several readings, shape (T,), NaN where fewer than half of them, shape (C, T), are known."""
    known = np.isfinite(rows)
    least = np.where(known, rows, np.inf).min(axis=0, initial=np.inf)
    return np.where(np.isfinite(least) & (known.sum(axis=0) >= 0.5 * len(rows)), least, np.nan)


def _episode(
    taken: Boundaries, steps: slice, readings: Array, actions: _Actions, reward: Array, outcome: Array, name: str
) -> Episode:
    step_ns = round(taken.step_s * 1e9)
    seen = slice(steps.start - 1, steps.stop)  # of each row the step before, and of the last observation the last step
    last = np.arange(steps.stop - steps.start) == steps.stop - steps.start - 1
    observation = readings[:, seen].T
    return Episode(
        time=np.append(taken.time[steps], taken.time[steps.stop - 1] + step_ns),
        step_s=taken.step_s,
        observation=observation,
        action=actions.values[:, steps].T,
        outcome=outcome[:, seen].T,
        reward=reward[steps],
        terminated=np.zeros(len(last), bool),
        truncated=last,
        raw_observation=observation.astype(np.float32),
        raw_action=np.clip(actions.scaled[:, steps], -1.0, 1.0).T.astype(np.float32),
        origin={"log": name, "start": iso(int(taken.time[steps.start])), "steps": len(last)},
    )


def whole(found: Logged, name: str) -> Logged:
    """Return the stretches of episodes in which observation and reward are known, as learning needs them.

    The last reading of an observation stands for missing ones up to `HOLE_S`, and it is noted how often; at longer holes an episode ends.

    Parameters
    ----------
    found : Logged
    name : str
        Of the log, for messages.

    Raises
    ------
    InputError
        If no reward is known, or nothing is left.
    """
    if found.lacking:
        raise InputError(f"{name}: --format minari needs a reward, and {found.lacking}; map it, or take parquet or csv")
    episodes: list[Episode] = []
    held_readings = outside = total = 0
    known = np.zeros(len(found.layout.observation))
    for episode in found.episodes:
        limit = round(HOLE_S / episode.step_s) + 1  # a reading and as many steps as may be missing
        observation = np.stack([held(column, limit) for column in episode.observation.T], axis=1)
        known += np.isfinite(observation).sum(axis=0)
        is_there = np.isfinite(observation).all(axis=1)
        usable = is_there[:-1] & is_there[1:] & np.isfinite(episode.reward)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], usable, [False]]).astype(int)))
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if stop - start >= STEPS_MIN:
                part = _cut(episode, observation, start, stop)
                held_readings += int(np.isnan(episode.observation[start : stop + 1]).sum())
                outside += int((np.abs(part.raw_action) >= 1.0).sum())
                total += part.observation.size
                episodes.append(part)
    if not episodes:
        worst = found.layout.observation[int(np.argmin(known))].name
        share = known.min() / sum(episode.steps + 1 for episode in found.episodes)
        raise InputError(
            f"{name}: nowhere are reward and all of the observation known; channel '{worst}' is known {share:.0%} of the time; "
            "write ignore: true for it in the mapping, or take parquet or csv"
        )
    notes = [
        *found.notes,
        f"observation: {held_readings / total:.2%} of the readings missing, the last one before stands for them, for {HOLE_S:g} s at most",
        "action: scaled to -1 and 1 by the ranges of the hall, cut there; "
        f"{outside / max(sum(part.raw_action.size for part in episodes), 1):.1%} of the numbers lie at an end",
    ]
    return replace(found, episodes=tuple(episodes), notes=tuple(notes))


def _cut(episode: Episode, observation: Array, start: int, stop: int) -> Episode:
    """Steps ``start`` to ``stop`` of an episode, its observation replaced."""
    rows, steps = slice(start, stop + 1), slice(start, stop)
    truncated = np.arange(start, stop) == stop - 1
    return replace(
        episode,
        time=episode.time[rows],
        observation=observation[rows],
        raw_observation=observation[rows].astype(np.float32),
        action=episode.action[steps],
        raw_action=episode.raw_action[steps],
        outcome=episode.outcome[rows],
        reward=episode.reward[steps],
        terminated=episode.terminated[steps],
        truncated=truncated,
        origin={**episode.origin, "start": iso(int(episode.time[start])), "steps": stop - start},
    )
