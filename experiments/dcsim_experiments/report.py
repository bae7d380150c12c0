"""The report of a comparison: one page that says what was compared, who won, with which numbers, and how to repeat it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcsim.plots import palette
from dcsim_experiments.faults import in_words
from dcsim_experiments.html_page import (
    Block,
    Section,
    cards,
    command,
    facts,
    figure,
    listed,
    paragraph,
    table,
    write_page,
)
from dcsim_experiments.results import (
    FORESEEING,
    HEADLINE,
    VIOLATION,
    VIOLATION_TOLERANCE,
    keeps_limit,
    nearest_to_limit,
    worst_group,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DASH, MINUS = "\u2013", "\u2212"
CARDS_MAX = 4
DATES_MAX = 26

CAPTIONS: Mapping[str, str] = {
    "savings": "Left: thermal energy relative to the reference on the very same episodes, with 95 % intervals; left of the line is less. "
    "Right: how long and how far the hottest rack group stood above the inlet limit. Energy saved by breaking the limit does not count.",
    "violations": "Each controller by what it used and by how much it broke the inlet limit. Bars across are 95 % intervals of the mean "
    "over episodes; they are wide because days differ, which is why the figure above compares the same episodes.",
    "components": "Thermal energy is what keeping cool costs in all: the cooling plant, the servers' own fans, and the chips' leakage "
    "above 20 °C, so that nobody wins by heating the room.",
    "hall": "The hall from above. Each cell is a rack group with its hottest inlet of the day; the hottest group is framed. Orange and red "
    "are above the recommended limit.",
    "day": "One test day, all columns on one scale. Red in the first row is time above the inlet limit. Bands span all rack or CRAH groups.",
    "learning": "How training went: energy and violations of evaluation episodes against the reference.",
}
"""What a reader should see in the figures of ``dcsim.plots.comparison_figures``."""

Result = Mapping[str, Any]


def write_report(
    path: str | Path,
    result: Result,
    figures: Mapping[str, "Figure"],
    headline: str | None = None,
    captions: Mapping[str, str] | None = None,
) -> Path:
    """Write the report of a comparison.

    Parameters
    ----------
    path : str or Path
        File to write; its folder is there.
    result : mapping
        Content of ``compare.json``, as of ``results.content``. These are told where they are there: ``env``, ``weather``, ``tasks``,
        ``workload``, ``grid``, ``faults``, ``episodes``, ``episode_days``, ``control_interval_s``, ``days``, ``train_days``, ``seeds``,
        ``about``, ``limits``, ``command``, ``versions``.
    figures : mapping
        In the order of the page.
    headline : str, optional
        One sentence or a few; by default which controller used least of those that kept the limit.
    captions : mapping, optional
        By key of ``figures``, instead of ``CAPTIONS``.

    Returns
    -------
    Path
    """
    words = {**CAPTIONS, **(captions or {})}
    shown = [figure(drawing, words.get(key, key.replace("_", " "))) for key, drawing in figures.items()]
    sections = [
        Section("Who won, and by how much", _ranking(result)),
        Section("What was compared, and on what", [facts(_setting(result)), *_about(result)]),
        Section("Numbers", _tables(result)),
        *([Section("Figures", shown)] if shown else []),
        Section("How to repeat it", _repeat(result)),
    ]
    title = " ".join(["Comparison of cooling controllers", *([f"on {result['env']}"] if result.get("env") else [])])
    return write_page(path, title, headline or headline_of(result), sections, opening=[_cards(result)])


# --- numbers of a result ----------------------------------------------------------------------------------------------


def value(result: Result, controller: str, metric: str, key: str = "mean", is_summed: bool = True) -> float:
    """A metric of a controller, of a day where it is summed over the episode; not a number where it is missing or null."""
    found = (result["controllers"][controller].get(metric) or {}).get(key)
    days = float(result.get("episode_days") or 1.0) if is_summed else 1.0
    return math.nan if found is None else float(found) / days


def difference(result: Result, controller: str, metric: str = HEADLINE) -> tuple[float, float, float]:
    """Relative difference to the reference and its bounds, not a number where they are missing or null."""
    entry = (result.get("paired") or {}).get(controller, {}).get(metric) or {}
    mean, low, high = (math.nan if entry.get(key) is None else float(entry[key]) for key in ("mean", "low", "high"))
    return mean, low, high


def _order(result: Result) -> list[str]:
    return sorted(result["controllers"], key=lambda name: value(result, name, HEADLINE))


# --- in words ---------------------------------------------------------------------------------------------------------


def headline_of(result: Result) -> str:
    """Say which controller used least of those that kept the limit."""
    reference = result["reference"]
    kept = [name for name in _order(result) if _competes(name) and keeps_limit(result, name)]
    if not kept:
        return f"No controller kept the inlet limit, so none won. {_nearest(result)}"
    best = kept[0]
    if best == reference:
        return f"No other controller that kept the inlet limit used less thermal energy than the reference: {_used(result, best)}."
    return f"Least thermal energy of those that kept the inlet limit: {_used(result, best)}."


def _nearest(result: Result) -> str:
    competing = [name for name in _order(result) if _competes(name)]
    if not competing:
        return ""
    name = nearest_to_limit(result, competing)
    return f"{_name(result, name)} came nearest: {_above(result, name)}."


def _competes(name: str) -> bool:
    return palette.label(name) not in FORESEEING


def _ranking(result: Result) -> list[Block]:
    order = _order(result)
    kept = [name for name in order if _competes(name) and keeps_limit(result, name)]
    broke = [name for name in order if _competes(name) and not keeps_limit(result, name)]
    bounds = [name for name in order if not _competes(name)]
    reference = result["reference"]
    blocks = [paragraph(_rule(result))]
    if not kept:
        blocks.append(paragraph(f"No controller kept the limit, so none won. {_nearest(result)}"))
    if not keeps_limit(result, reference):
        blocks.append(
            paragraph(f"The reference {palette.label(reference)} itself broke the limit: {_above(result, reference)}.")
        )
    if kept:
        lines = [f"{_used(result, name)}; {_above(result, name)}" for name in kept]
        blocks += [
            paragraph("Kept the limit, least energy first:"),
            listed(lines, is_ranked=True),
        ]
    if broke:
        lines = [f"{_used(result, name)}; {_above(result, name)}" for name in broke]
        blocks += [
            paragraph("Broke the limit, so did not win, whatever they used:"),
            listed(lines),
        ]
    if bounds:
        lines = [f"{_used(result, name)}; {_above(result, name)}" for name in bounds] + _gap(result)
        blocks += [
            paragraph("Handed the true future, so a bound on what is possible and no competitor:"),
            listed(lines),
        ]
    return blocks


def _used(result: Result, name: str) -> str:
    energy = f"{_name(result, name)} used {_plain(value(result, name, HEADLINE), 0)} kWh/day"
    if name == result["reference"]:
        return f"{energy} (the reference)"
    mean, low, high = difference(result, name)
    if not math.isfinite(mean):
        return energy
    words = f"{energy}, {abs(100.0 * mean):.1f}\u00a0% {'less' if mean < 0.0 else 'more'} than {palette.label(result['reference'])}"
    if math.isfinite(low) and math.isfinite(high):
        words += f" (95\u00a0% interval {_percent(low)} to {_percent(high)})"
        words += ", which these episodes cannot tell from no difference" if low <= 0.0 <= high else ""
    return words


def _name(result: Result, name: str) -> str:
    learned = palette.is_learned(name) or str((result.get("about") or {}).get(name, "")).startswith("learned")
    return f"the learned controller {palette.label(name)}" if learned else palette.label(name)


def _above(result: Result, name: str) -> str:
    trips = result["trips"][name]
    tripped = f", servers tripped in {trips} episodes" if trips else ""
    label, worst = worst_group(result, name)
    most = f", {worst:.2f} in {label}" if len(result["groups"]) > 1 else ""
    return f"{value(result, name, VIOLATION):.2f} K min/day above the limit{most}{tripped}"


def _gap(result: Result) -> list[str]:
    shares = [
        f"{palette.label(name)} {_plain(100.0 * entry['mean'], 0)}\u00a0%"
        for name, entry in (result.get("gap_share") or {}).items()
        if _competes(name) and entry.get("mean") is not None
    ]
    reference = palette.label(result["reference"])
    return [f"share of the gap from {reference} to it that others close: {', '.join(shares)}"] if shares else []


def _rule(result: Result) -> str:
    limit = (result.get("limits") or {}).get("inlet_limit")
    words = f" of {limit:g} °C" if limit is not None else ""
    return (
        f"The least thermal energy wins among controllers that keep the inlet limit{words}: at most {VIOLATION_TOLERANCE:g} K "
        "min/day above it in the mean for each climate and task, and no trip. Who breaks it does not win, the reference "
        "included, and where all do there is no winner. One K min is one kelvin above the limit for one minute, at the "
        "hottest rack group."
    )


def _cards(result: Result) -> Block:
    reference = result["reference"]
    kept = [name for name in _order(result) if keeps_limit(result, name) and _competes(name)]
    learned = [name for name in result["controllers"] if _name(result, name).startswith("the learned")]
    entries = []
    for name in list(dict.fromkeys([*kept[:1], *learned, reference]))[:CARDS_MAX]:
        mean = difference(result, name)[0]
        against = f", {_percent(mean)} against {palette.label(reference)}" if math.isfinite(mean) else ""
        role = "won: " if name in kept[:1] else ""
        title = role + (f"{palette.label(name)}, the reference" if name == reference else palette.label(name))
        beneath = f"{value(result, name, VIOLATION):.2f} K min/day above the limit{against}"
        entries.append((title, f"{_plain(value(result, name, HEADLINE), 0)} kWh/day", beneath, palette.color(name)))
    return cards(entries)


def _setting(result: Result) -> dict[str, str]:
    episodes, days = result.get("episodes"), result.get("episode_days")
    length = f"{episodes} for each controller, the same for all" if episodes else ""
    if episodes and days:
        lengths = [float(row["days"]) for row in result["rows"]]
        unit = "day" if max(lengths) == 1.0 else "days"
        length += (
            f", {min(lengths):g} to {max(lengths):g} {unit} each"
            if min(lengths) < max(lengths)
            else f", {lengths[0]:g} {unit} each"
        )
    interval = result.get("control_interval_s")
    entries = {
        "environment": result.get("env"),
        "weather": _listed(result.get("weather")),
        "tasks": _listed(result.get("tasks")),
        "load": result.get("workload"),
        "grid": result.get("grid"),
        "faults": in_words(result["faults"]) if "faults" in result else None,
        "episodes": length,
        "they start on": _listed([str(day).removesuffix(" 00:00") for day in result.get("days") or ()], DATES_MAX),
        "trained on": result.get("train_days"),
        "training seeds": _listed(result.get("seeds")),
        "control interval": f"{float(interval):g} s" if interval else None,
        "reference": palette.label(result["reference"]),
    }
    return {name: str(text) for name, text in entries.items() if text}


def _listed(entries: Any, most: int = 100) -> str:
    if not entries:
        return ""
    if isinstance(entries, str):
        return entries
    words = list(dict.fromkeys(str(entry) for entry in entries))
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def _about(result: Result) -> list[Block]:
    about = {palette.label(name): str(text) for name, text in (result.get("about") or {}).items()}
    return [table(["controller", "what it is"], list(about.items()), of_words=True)] if about else []


def _repeat(result: Result) -> list[Block]:
    entries = {
        "dcsim": result.get("dcsim_version"),
        "configuration (SHA-256)": result.get("config_sha256"),
        "seed": result.get("seed"),
        "made": result.get("created"),
        "versions": ", ".join(f"{name} {version}" for name, version in (result.get("versions") or {}).items()),
    }
    known = {name: str(text) for name, text in entries.items() if text not in (None, "")}
    return [*([command(str(result["command"]))] if result.get("command") else []), *([facts(known)] if known else [])]


# --- tables -----------------------------------------------------------------------------------------------------------


def _tables(result: Result) -> list[Block]:
    names = _order(result)
    colors = [palette.color(name) for name in names]
    marked = names.index(result["reference"])
    main = [
        [
            palette.label(name),
            _with_interval(result, name, HEADLINE),
            _against(result, name),
            _with_interval(result, name, VIOLATION, digits=2),
            _hottest(result, name),
            _with_interval(result, name, "pue", digits=4, is_summed=False),
            _plain(value(result, name, "facility_energy_kwh"), 0),
            _plain(value(result, name, "cooling_energy_kwh"), 0),
        ]
        for name in names
    ]
    rest = [
        [
            palette.label(name),
            _plain(value(result, name, "water_l") / 1000.0, 2),
            _plain(value(result, name, "energy_cost"), 2),
            _plain(value(result, name, "carbon_kg"), 0),
            _plain(value(result, name, "actuator_travel"), 2),
            _plain(value(result, name, "interventions"), 1),
            _plain(value(result, name, "act_ms", is_summed=False), 2),
            _plain(value(result, name, HEADLINE), 0),
            _plain(value(result, name, VIOLATION), 2),
        ]
        for name in names
    ]
    energy_head = "thermal energy [kWh/day]"
    above_head = "above the limit [K\u00a0min/day]"
    blocks = [
        paragraph("Energy, limits and PUE; small figures beneath are 95 % intervals of the mean over episodes."),
        table(
            [
                "controller",
                energy_head,
                f"against {palette.label(result['reference'])}",
                above_head,
                "hottest inlet [°C]",
                "PUE [-]",
                "facility energy [kWh/day]",
                "cooling energy [kWh/day]",
            ],
            main,
            colors,
            marked,
        ),
        paragraph("What else it takes: water, money, carbon, wear and time to decide."),
        table(
            [
                "controller",
                "water [m³/day]",
                "energy cost [/day]",
                "carbon [kg/day]",
                "actuator travel [ranges/day]",
                "protection [steps/day]",
                "decision [ms]",
                energy_head,
                above_head,
            ],
            rest,
            colors,
            marked,
        ),
        paragraph(
            "Hottest inlet: the highest at any sub-step of any episode, beneath it the mean over episodes. Travel: full ranges of the "
            "set-points moved, mean over set-points. Protection: control steps in which the plant's own over-temperature protection had "
            "taken over.",
            "note",
        ),
    ]
    return blocks + _group_table(result, names)


def _group_table(result: Result, names: list[str]) -> list[Block]:
    groups = result["groups"]
    if len(groups) < 2:
        return []
    days = {(row["task"], row["weather"]): float(row["days"]) for row in result["rows"]}
    rows = [
        [
            palette.label(name),
            *(
                (_plain(of[name][HEADLINE] / length, 0), f"{of[name][VIOLATION] / length:.2f} K min/day")
                for of, length in zip(groups.values(), days.values(), strict=True)
            ),
        ]
        for name in names
    ]
    words = paragraph("By task and climate: thermal energy [kWh/day], beneath it the time above the limit.")
    return [words, table(["controller", *groups], rows, [palette.color(name) for name in names])]


def _with_interval(result: Result, name: str, metric: str, digits: int = 0, is_summed: bool = True) -> tuple[str, str]:
    mean, low, high = (value(result, name, metric, key, is_summed) for key in ("mean", "low", "high"))
    interval = f"{_plain(low, digits)} to {_plain(high, digits)}" if math.isfinite(low) and math.isfinite(high) else ""
    return _plain(mean, digits), interval


def _hottest(result: Result, name: str) -> tuple[str, str]:
    episodes = (result["controllers"][name].get("rack_inlet_max_c") or {}).get("values") or [math.nan]
    return _plain(max(episodes), 2), f"mean {_plain(value(result, name, 'rack_inlet_max_c', is_summed=False), 2)}"


def _against(result: Result, name: str) -> tuple[str, str]:
    mean, low, high = difference(result, name)
    interval = f"{_percent(low)} to {_percent(high)}" if math.isfinite(low) and math.isfinite(high) else ""
    return (_percent(mean) if math.isfinite(mean) else DASH), interval


def _plain(number: float, digits: int) -> str:
    return f"{number:,.{digits}f}".replace("-", MINUS) if math.isfinite(number) else DASH


def _percent(share: float) -> str:
    return f"{100.0 * share:+.1f}\u00a0%".replace("-", MINUS)
