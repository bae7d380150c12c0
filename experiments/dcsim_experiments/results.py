"""What a comparison found: the content of ``compare.json``, the table on the terminal and the plain sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.envs.tasks import TASKS
from dcsim_experiments.rollout import METRICS
from dcsim_experiments.statistics import gap_share, relative_difference, summary

HEADLINE = "thermal_energy_kwh"
VIOLATION = "violation_k_min"
FORESEEING = frozenset({"oracle"})
"""Controllers that are handed the true future: a bound, not competitors."""
VIOLATION_TOLERANCE = 1.0  # K min a day above the inlet limit that still count as keeping it


@dataclass(frozen=True)
class Group:
    """Episodes of one climate and task among all.

    Attributes
    ----------
    task : str or None
    weather : str
    days : float
        Length of an episode.
    dates : list of str
        Start of each, ``MM-DD HH:MM`` of the year.
    seeds : list of int
    """

    task: str | None
    weather: str
    days: float
    dates: list[str]
    seeds: list[int]

    @property
    def label(self) -> str:
        """Task and climate in words."""
        return f"{self.task or 'ordinary weeks'}, {self.weather}"


@dataclass(frozen=True)
class Evaluation:
    """Metrics of all controllers over all episodes, which are in the order of the groups.

    Attributes
    ----------
    metrics : dict of dict of np.ndarray, shape (E,)
        ``metrics[controller][metric]``.
    energies : dict of dict of np.ndarray, shape (E,)
        ``energies[controller][component]`` [kWh].
    trips : dict of int
        Episodes of a controller that tripped.
    groups : list of Group
    """

    metrics: Mapping[str, Mapping[str, np.ndarray]]
    energies: Mapping[str, Mapping[str, np.ndarray]]
    trips: Mapping[str, int]
    groups: Sequence[Group]

    @property
    def days(self) -> np.ndarray:
        """Length of each episode, shape (E,)."""
        return np.concatenate([np.full(len(group.seeds), group.days) for group in self.groups])


def content(evaluation: Evaluation, reference: str) -> dict[str, Any]:
    """Return what ``compare.json`` says of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
    reference : str
        One of its controllers.

    Returns
    -------
    dict
        ``controllers``, the summary of every metric by controller; ``reference``; ``paired``, the relative differences
        from it over the same episodes; ``gap_share``, the share of the gap from the reference to the oracle, empty where
        no oracle takes part; ``trips`` by controller; ``rows``, the episodes in the order of all ``values``; ``groups``
        with the means of energy and violation for each climate and task; ``components``, kWh a day.
    """
    metrics, base = evaluation.metrics, evaluation.metrics[reference]
    days = evaluation.days
    result: dict[str, Any] = {
        "controllers": {name: {metric: summary(of[metric]) for metric in METRICS} for name, of in metrics.items()},
        "reference": reference,
        "paired": {
            name: {metric: relative_difference(of[metric], base[metric]) for metric in METRICS}
            for name, of in metrics.items()
            if name != reference
        },
        "gap_share": {},
        "trips": dict(evaluation.trips),
        "rows": [
            {"task": group.task, "weather": group.weather, "start": date, "seed": seed, "days": group.days}
            for group in evaluation.groups
            for date, seed in zip(group.dates, group.seeds, strict=True)
        ],
        "groups": {},
        "components": {
            name: {component: float(values.sum() / days.sum()) for component, values in of.items()}
            for name, of in evaluation.energies.items()
        },
    }
    if "oracle" in metrics and reference != "oracle":
        best = metrics["oracle"][HEADLINE]
        result["gap_share"] = {
            name: gap_share(of[HEADLINE], base[HEADLINE], best) for name, of in metrics.items() if name != reference
        }
    at = 0
    for group in evaluation.groups:
        rows = slice(at, at + len(group.seeds))
        at = rows.stop
        result["groups"][group.label] = {
            name: {metric: float(of[metric][rows].mean()) for metric in (HEADLINE, VIOLATION)}
            for name, of in metrics.items()
        }
    return result


def aims(evaluation: Evaluation, reference: str) -> dict[str, Any]:
    """Return what controllers came to in tasks that are about something else than thermal energy.

    Parameters
    ----------
    evaluation : Evaluation
    reference : str

    Returns
    -------
    dict
        By climate and task: ``metric``, ``controllers.{name}.{mean,against}``, the mean a day and the relative difference from the
        reference, settlement of a storage tank included.
    """
    found: dict[str, Any] = {}
    at = 0
    for group in evaluation.groups:
        rows = slice(at, at + len(group.seeds))
        at = rows.stop
        metric = TASKS[group.task].aim if group.task else HEADLINE
        if metric != HEADLINE:
            base = evaluation.metrics[reference][metric][rows].sum()
            found[group.label] = {
                "metric": metric,
                "controllers": {
                    name: {
                        "mean": float(of[metric][rows].mean() / group.days),
                        "against": float(of[metric][rows].sum() / base - 1.0),
                    }
                    for name, of in evaluation.metrics.items()
                },
            }
    return found


def aim_table(result: Mapping[str, Any]) -> str:
    """Return ``aims`` in lines of text, the least first; empty where all tasks are about thermal energy."""
    lines = []
    for label, found in result.get("aims", {}).items():
        lines.append(f"{label} rewards {found['metric']}, of the whole facility (a day, against {result['reference']})")
        order = sorted(found["controllers"], key=lambda name: found["controllers"][name]["mean"])
        width = max(len(name) for name in order)
        for name in order:
            of = found["controllers"][name]
            lines.append(f"  {name.ljust(width)}  {of['mean']:12.2f}  {_percent(of['against'])}")
    return "\n".join(lines)


def by_energy(result: Mapping[str, Any]) -> list[str]:
    """Names of the controllers, the least thermal energy first."""
    controllers = result["controllers"]
    return sorted(controllers, key=lambda name: controllers[name][HEADLINE]["mean"])


def violation_per_day(result: Mapping[str, Any], name: str) -> float:
    """Mean K min a day above the inlet limit."""
    return float(result["controllers"][name][VIOLATION]["mean"]) / mean_days(result)


def mean_days(result: Mapping[str, Any]) -> float:
    """Mean length of the episodes."""
    return float(np.mean([row["days"] for row in result["rows"]]))


def worst_group(result: Mapping[str, Any], name: str) -> tuple[str, float]:
    """Climate and task in which a controller breaks the inlet limit most, and its mean K min a day above it there."""
    days = {(row["task"], row["weather"]): row["days"] for row in result["rows"]}
    means = {
        label: float(of[name][VIOLATION]) / length
        for (label, of), length in zip(result["groups"].items(), days.values(), strict=True)
    }
    label = max(means, key=means.__getitem__)
    return label, means[label]


def keeps_limit(result: Mapping[str, Any], name: str) -> bool:
    """Whether a controller keeps the inlet limit.

    It does if for each climate and task its mean violation is at most ``VIOLATION_TOLERANCE`` and it never tripped.
    What the other controllers do, the reference among them, makes no difference.
    """
    return worst_group(result, name)[1] <= VIOLATION_TOLERANCE and result["trips"][name] == 0


def nearest_to_limit(result: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the controller that breaks the inlet limit least; one that tripped only where all did."""
    return min(names, key=lambda name: (result["trips"][name] > 0, worst_group(result, name)[1]))


def table(result: Mapping[str, Any]) -> str:
    """Return the controllers in lines of text, least thermal energy first, energy never without violation."""
    days = mean_days(result)
    header = ("controller", "thermal", "against", "95 % interval", "violation", "hottest", "cooling", "PUE", "decision")
    units = ("", "kWh/day", str(result["reference"]), "", "K min/day", "degC", "kWh/day", "-", "ms")
    lines = [header, units]
    for name in by_energy(result):
        of = result["controllers"][name]
        paired = result["paired"].get(name, {}).get(HEADLINE)
        lines.append(
            (
                name + (f" ({result['trips'][name]} trips)" if result["trips"][name] else ""),
                f"{of[HEADLINE]['mean'] / days:.0f}",
                "-" if paired is None else _percent(paired["mean"]),
                "-"
                if paired is None or paired["low"] is None
                else f"{_percent(paired['low'])} to {_percent(paired['high'])}",
                f"{of[VIOLATION]['mean'] / days:.2f}",
                f"{max(of['rack_inlet_max_c']['values']):.2f}",
                f"{of['cooling_energy_kwh']['mean'] / days:.0f}",
                f"{of['pue']['mean']:.4f}",
                f"{of['act_ms']['mean']:.2f}",
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in cells).rstrip()
        for cells in (list(enumerate(zip(line, widths, strict=True))) for line in lines)
    )


def group_table(result: Mapping[str, Any]) -> str:
    """Return the controllers with energy and violation for each climate and task, in lines of text."""
    order = by_energy(result)
    days = {(row["task"], row["weather"]): row["days"] for row in result["rows"]}
    width = max(len(name) for name in order)
    lines = []
    for (label, of), length in zip(result["groups"].items(), days.values(), strict=True):
        lines.append(f"{label} (kWh/day, K min/day)")
        lines += [
            f"  {name.ljust(width)}  {of[name][HEADLINE] / length:9.0f}  {of[name][VIOLATION] / length:9.2f}"
            for name in order
        ]
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100.0 * share:+.1f} %"


def verdict(result: Mapping[str, Any], learned: Sequence[str] = ()) -> str:
    """Say in plain words which controller won and by how much, and how the learned ones did.

    The controller with the least thermal energy wins among those that keep the inlet limit, as of ``keeps_limit``. Where
    none does there is no winner, and the one that breaks the limit least is named. Those of ``FORESEEING`` never win. Of a
    learned one that was tested on days it was trained on, that is said.

    Parameters
    ----------
    result : mapping
        As of ``content``.
    learned : sequence of str
        Which of the controllers were learned.
    """
    order, reference = [name for name in by_energy(result) if name not in FORESEEING], result["reference"]
    winner = next((name for name in order if keeps_limit(result, name)), None)
    sentences = [_winning(result, winner) if winner else _nobody(result, order)]
    if not keeps_limit(result, reference):
        sentences.append(f"The reference {reference} itself {_breach(result, reference)}.")
    sentences += [_losing(result, name, winner) for name in learned if name != winner]
    if winner:
        sentences += [
            f"{name} used less but {_breach(result, name)}, so it did not win."
            for name in order[: order.index(winner)]
            if name not in (*learned, reference)
        ]
    sentences += [
        f"{name} was trained on days that it is tested on here ({'; '.join(seen)}), with other loads, so how it does on "
        "days it has not seen is not told there."
        for name, seen in result.get("seen_in_training", {}).items()
        if seen
    ]
    return " ".join(sentences)


def _winning(result: Mapping[str, Any], winner: str) -> str:
    energy = result["controllers"][winner][HEADLINE]["mean"] / mean_days(result)
    text = f"{winner} won: {energy:.0f} kWh thermal energy a day with {_warmth(result, winner)}"
    if winner == result["reference"]:
        return f"{text}; no other controller that kept the limit used less."
    return f"{text}, {_difference(result, winner)}."


def _nobody(result: Mapping[str, Any], competing: Sequence[str]) -> str:
    text = (
        f"No controller kept the inlet limit (at most {VIOLATION_TOLERANCE:g} K min a day above it for each climate and "
        "task, and no trip), so none won."
    )
    if not competing:
        return text
    name = nearest_to_limit(result, competing)
    return f"{text} {name} came nearest: it {_breach(result, name)}."


def _losing(result: Mapping[str, Any], name: str, winner: str | None) -> str:
    text = f"The learned controller {name} did not win"
    if name == result["reference"]:
        return f"{text}."
    if winner is None or not keeps_limit(result, name):
        return f"{text}: {_difference(result, name)}, but it {_breach(result, name)}."
    return f"{text}: {_difference(result, name)}, with {_warmth(result, name)}; {winner} used less."


def _breach(result: Mapping[str, Any], name: str) -> str:
    trips = result["trips"][name]
    tripped = f"tripped in {trips} of {len(result['rows'])} episodes and " if trips else ""
    label, worst = worst_group(result, name)
    where = f" in {label}" if len(result["groups"]) > 1 else ""
    return f"{tripped}stood {worst:.1f} K min a day above the inlet limit{where}"


def _warmth(result: Mapping[str, Any], name: str) -> str:
    return f"{violation_per_day(result, name):.2f} K min a day above the inlet limit"


def _difference(result: Mapping[str, Any], name: str) -> str:
    reference, paired = result["reference"], result["paired"][name][HEADLINE]
    share, low, high = paired["mean"], paired["low"], paired["high"]
    text = f"{abs(100.0 * share):.1f} % {'less' if share < 0.0 else 'more'} than {reference}"
    if low is None:
        return f"{text} (one episode: no interval)"
    text += f" (95 % interval {_percent(low)} to {_percent(high)})"
    return f"{text}, which these episodes cannot tell from no difference" if low <= 0.0 <= high else text
