"""The agreement in a few lines of Markdown, for a README: how much of what was judged passed, by how much, and what failed."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dcsim.errors import InputError
from dcsim_experiments.validation.results import ENERGY_ENDING, Quantities, number, words_of

BEGIN, END = "<!-- dcsim validate: begin -->", "<!-- dcsim validate: end -->"
"""Marks between which ``write_between_marks`` puts the table."""
LINES_MAX = 6  # of a part, by case or else by what titles begin with; more become one
QUANTITIES_MAX = 16  # of a line that are all told
NEAREST = 5  # of a line that cannot tell all


class Judged(NamedTuple):
    """A quantity with a tolerance."""

    words: str
    deviation: str
    used: float  # of the limit that is used most [-]; above 1 it failed


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table.

    Parameters
    ----------
    result : mapping
        Content of ``validation.json``.

    Returns
    -------
    str
        Lines without an end of line after the last.
    """
    lines = ["| beside | within tolerance | deviations | outside |", "| --- | --- | --- | --- |"]
    for part in result["passed"]:
        names = [name for name, about in result["about"].items() if about["part"] == part]
        titles = {name: result["about"][name]["title"] for name in names}
        heads = {name: re.split("[,:]", title)[0] for name, title in titles.items()}
        one = f"{part}, {len(names)} cases"
        for line_of in (titles, heads, dict.fromkeys(names, one)):
            if len(set(line_of.values())) <= LINES_MAX:
                break
        groups: dict[str, list[Judged]] = {}
        for name in names:
            line = line_of[name]
            where = "" if line == titles[name] else titles[name].removeprefix(line).strip(" ,").partition(":")[0]
            groups.setdefault(line, []).extend(_judged(result["cases"][name], where))
        lines += [_line(head, of) for head, of in groups.items() if of]
    lines += [f"| {part} | not run | | {reason} |" for part, reason in result.get("not_run", {}).items()]
    return "\n".join(lines)


def around_marks(path: Path) -> tuple[str, str]:
    """Return what stands in a file before and after the place of the table.

    Raises
    ------
    InputError
        If the file cannot be read or does not hold both marks once, in their order.
    """
    try:
        pieces = re.split(f"({re.escape(BEGIN)}|{re.escape(END)})", path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--readme {path}: cannot be read: {error}") from None
    if pieces[1::2] != [BEGIN, END]:
        raise InputError(f"--readme {path}: put a line '{BEGIN}' and after it a line '{END}' where the table goes")
    return pieces[0], pieces[4]


def write_between_marks(path: Path, text: str) -> None:
    """Replace what stands between the marks in a file; errors as of ``around_marks``."""
    before, after = around_marks(path)
    made = path.with_name(f"{path.name}.new")
    made.write_text("\n".join([f"{before}{BEGIN}", text, f"{END}{after}"]), encoding="utf-8")
    made.replace(path)


def _line(head: str, judged: Sequence[Judged]) -> str:
    """A row of the table."""
    passed = [of for of in judged if of.used <= 1.0]
    failed = [of for of in judged if of.used > 1.0]
    if len(passed) <= QUANTITIES_MAX:
        told = ", ".join(f"{of.words} {of.deviation}" for of in passed)
    else:
        nearest = sorted(passed, key=lambda of: -of.used)[:NEAREST]
        half = sum(of.used <= 0.5 for of in passed)
        told = f"{half} by less than half; nearest to their limits " + ", ".join(
            f"{of.words} {of.deviation} ({100.0 * of.used:.0f} % of it)" for of in nearest
        )
    outside = ", ".join(f"{of.words} {of.deviation}" for of in failed)
    return f"| {head} | {len(passed)} of {len(judged)} | {told} | {outside} |"


def _judged(quantities: Quantities, case: str) -> list[Judged]:
    """The quantities of a case that have a tolerance."""
    judged = []
    for name, of in quantities.items():
        if of["passed"] is None:
            continue
        used = {key: _share(of[key], limit) for key, limit in of["tolerance"].items()}
        key = max(used, key=lambda key: used[key])
        words = f"{case}: {words_of(name)}" if case else words_of(name)
        judged.append(Judged(words, _deviation(name, key, of), used[key]))
    return judged


def _deviation(name: str, key: str, of: Mapping[str, Any]) -> str:
    """The number that a limit bounds; of a single number itself, and the range it had to lie in."""
    value, unit = of[key], {"-": "", "degC": " K"}.get(of["unit"], f" {of['unit']}")
    if value is None:
        return "without a relative number"
    if key == "cvrmse":
        return f"CV(RMSE) {100.0 * value:.2f} %"
    if name.endswith(ENERGY_ENDING) and key == "error":
        return f"{100.0 * value:+.2f} %"
    if key == "error" and of["points"] == 1:
        limit, reference = of["tolerance"]["error"], of["reference"]
        if not reference:
            return f"{value:.2g}{unit}"
        return f"{number(of['dcsim'])} in {number(reference - limit)} to {number(reference + limit)}"
    kind = {"rmse": "RMSE ", "greatest": "at most "}.get(key, "")
    return f"{kind}{value:.2g}{unit}" if kind else f"{number(value, sign=True)}{unit}"


def _share(value: float | None, limit: float) -> float:
    """How much of a limit is used."""
    if value is None:
        return math.inf
    return abs(value) / limit if limit > 0.0 else math.inf if value else 0.0
