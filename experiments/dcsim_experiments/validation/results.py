"""What a validation found: cases, their quantities and tolerances, the content of ``validation.json``, the table.

A case is one run of another program, one measurement or one published table; a quantity is one signal of it beside the
same signal of dcsim. Every quantity says what deviation is allowed and who says so; whether it passed follows from that
alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dcsim.errors import InputError

Array = np.ndarray
Quantities = Mapping[str, Mapping[str, Any]]
"""What ``validation.json`` says of the quantities of a case."""

ENERGY_ENDING = "_energy_kwh"
"""Quantities whose names end so are energies: summed over the series, their error relative to the reference."""

ACRONYMS = frozenset({"cop", "crah", "crac", "hvac", "it", "ite", "ntu", "pue", "rmse", "shi", "tue", "ups", "wue"})
"""Parts of names that are written in capitals."""

_ZERO = 1e-12  # of the largest reference value: means below it give no relative number


class NoDataError(InputError):
    """The data of a part is not there; the message says what was looked for and where."""


@dataclass(frozen=True)
class Tolerance:
    """Largest deviations that still pass; without any a quantity is reported, not judged.

    Attributes
    ----------
    source : str
        Who says so: a document, or the reason.
    error : float or None
        Of ``Comparison.error`` in size: relative for energies, else a difference in the unit of the quantity.
    rmse : float or None
        In the unit of the quantity.
    cvrmse : float or None
        Share of the reference mean [-].
    greatest : float or None
        Of any single point, in the unit of the quantity.
    """

    source: str
    error: float | None = None
    rmse: float | None = None
    cvrmse: float | None = None
    greatest: float | None = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are given, by the name of the number they bound."""
        named = {"error": self.error, "rmse": self.rmse, "cvrmse": self.cvrmse, "greatest": self.greatest}
        return {name: limit for name, limit in named.items() if limit is not None}


@dataclass(frozen=True)
class Quantity:
    """One signal of a case, by the reference and by dcsim.

    Attributes
    ----------
    name : str
        Key in ``validation.json``; ``..._energy_kwh`` for energies.
    unit : str
    reference, dcsim : Array, shape (T,)
        Along the axis of the case; of shape (1,) for a single number. Energies: of each interval [kWh].
    tolerance : Tolerance
    label : str
        Words for figures; by default the name.
    counted : Array of bool or None, shape (T,)
        Points that count, where not all do; a case says why.
    is_drawn : bool
        Whether figures show it; a part of another quantity need not be.
    """

    name: str
    unit: str
    reference: Array
    dcsim: Array
    tolerance: Tolerance
    label: str = ""
    counted: Array | None = None
    is_drawn: bool = True

    def __post_init__(self) -> None:
        for field in ("reference", "dcsim"):
            values = np.atleast_1d(np.asarray(getattr(self, field), float))
            object.__setattr__(self, field, values)
            if values.ndim != 1 or not values.size:
                raise ValueError(f"{self.name}: {field} has shape {values.shape}, not a series")
            if not np.isfinite(values).all():
                raise ValueError(f"{self.name}: {field} has values that are not finite")
        if self.reference.shape != self.dcsim.shape:
            raise ValueError(f"{self.name}: {self.reference.shape} of the reference, {self.dcsim.shape} of dcsim")
        if self.counted is not None and (self.counted.shape != self.reference.shape or not self.counted.any()):
            raise ValueError(f"{self.name}: {self.counted.shape} points that may count, or none that does")
        if self.is_energy and not self.reference.sum():
            raise ValueError(f"{self.name}: no energy in the reference, so no relative error")

    @property
    def is_energy(self) -> bool:
        """Whether it is summed and its error relative."""
        return self.name.endswith(ENERGY_ENDING)

    @property
    def words(self) -> str:
        """Words for figures and tables."""
        return self.label or words_of(self.name)


def words_of(name: str) -> str:
    """Return the name of a quantity in words."""
    words = name.removesuffix("_kwh").split("_")
    return " ".join(word.upper() if word in ACRONYMS else word for word in words)


class Focus(NamedTuple):
    """A stretch of a record that is worth seeing closely.

    Attributes
    ----------
    begin, end : float
        Time since the first point [s].
    words : str
        What happens in it.
    """

    begin: float
    end: float
    words: str


class Axis(NamedTuple):
    """What the points of a case lie along.

    Attributes
    ----------
    name : str
        ``time`` for times.
    unit : str
        ``s`` for times.
    values : Array, shape (T,)
        Rising.
    """

    name: str
    unit: str
    values: Array


@dataclass(frozen=True)
class Case:
    """One run, measurement or table of others, with dcsim beside it.

    Attributes
    ----------
    name : str
        Key in ``validation.json``.
    title : str
        In words.
    source : str
        Where the reference comes from.
    quantities : sequence of Quantity
    axis : Axis or None
        Of all quantities with more than one point; by default their count.
    hour : Array or None, shape (T,)
        Hour of the day, 0 to 24, where the error by hour means something.
    load : Array or None, shape (T,)
        Load [-], where the error by load means something.
    focus : Focus or None
        Stretch of a long record to draw; by default the week in which both lie furthest apart.
    note : str
        What a reader has to know: how dcsim was set up, what is left out.
    """

    name: str
    title: str
    source: str
    quantities: Sequence[Quantity]
    axis: Axis | None = None
    hour: Array | None = None
    load: Array | None = None
    note: str = ""
    focus: Focus | None = None

    def __post_init__(self) -> None:
        names = [quantity.name for quantity in self.quantities]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"case {self.name}: quantities {names} are none or not of different names")
        lengths = {quantity.reference.size for quantity in self.quantities} - {1}
        along = {len(values) for values in (self.hour, self.load) if values is not None}
        along |= {len(self.axis.values)} if self.axis is not None else set()
        if len(lengths | along) > 1:
            raise ValueError(f"case {self.name}: series of {sorted(lengths | along)} points")


class Comparison(NamedTuple):
    """Numbers of one quantity.

    Attributes
    ----------
    reference, dcsim : float
        Sum of an energy, mean of everything else.
    error : float
        ``dcsim`` over ``reference`` less 1 for energies, else the difference ``dcsim`` less ``reference``.
    rmse : float
        Root of the mean squared deviation of the points, in the unit.
    cvrmse : float or None
        ``rmse`` over the size of the mean of the reference points [-]; None where that is 0.
    greatest : float
        Greatest deviation of a point, in the unit.
    """

    reference: float
    dcsim: float
    error: float
    rmse: float
    cvrmse: float | None
    greatest: float


def compared(quantity: Quantity) -> Comparison:
    """Return the numbers of a quantity."""
    counts = slice(None) if quantity.counted is None else quantity.counted
    reference, dcsim = quantity.reference[counts], quantity.dcsim[counts]
    deviation = dcsim - reference
    rmse = math.sqrt(float(np.mean(deviation**2)))
    mean = abs(float(reference.mean()))
    has_mean = mean > _ZERO * float(np.abs(reference).max())
    of_all = np.sum if quantity.is_energy else np.mean
    totals = float(of_all(reference)), float(of_all(dcsim))
    error = totals[1] - totals[0]
    if quantity.is_energy:
        error = error / abs(totals[0])
    return Comparison(*totals, error, rmse, rmse / mean if has_mean else None, float(np.abs(deviation).max()))


def has_passed(quantity: Quantity, numbers: Comparison) -> bool | None:
    """Whether every limit of the tolerance is kept; a relative limit without a relative number is not. None without limits."""
    if not quantity.tolerance.limits:
        return None
    for name, limit in quantity.tolerance.limits.items():
        value = getattr(numbers, name)
        if value is None or not abs(value) <= limit:
            return False
    return True


def entry(quantity: Quantity) -> dict[str, Any]:
    """Return what ``validation.json`` says of a quantity."""
    numbers = compared(quantity)
    return {
        **numbers._asdict(),
        "unit": quantity.unit,
        "points": int(quantity.reference.size if quantity.counted is None else quantity.counted.sum()),
        "tolerance": quantity.tolerance.limits,
        "tolerance_source": quantity.tolerance.source,
        "passed": has_passed(quantity, numbers),
    }


def content(parts: Mapping[str, Sequence[Case]]) -> dict[str, Any]:
    """Return what ``validation.json`` says.

    Parameters
    ----------
    parts : mapping
        Cases by the name of their part.

    Returns
    -------
    dict
        ``cases``, by case and quantity; ``about``, the words that go with each case; ``passed``, counts by part.

    Raises
    ------
    ValueError
        If two cases have one name.
    """
    result: dict[str, Any] = {"cases": {}, "about": {}, "passed": {}}
    for part, cases in parts.items():
        for case in cases:
            if case.name in result["cases"]:
                raise ValueError(f"two cases have the name {case.name}")
            result["cases"][case.name] = {quantity.name: entry(quantity) for quantity in case.quantities}
            result["about"][case.name] = {
                "part": part,
                "title": case.title,
                "source": case.source,
                "note": case.note,
            }
        entries = [of for case in cases for of in result["cases"][case.name].values()]
        judged = [of["passed"] for of in entries if of["passed"] is not None]
        result["passed"][part] = {
            "quantities": len(judged),
            "passed": sum(judged),
            "reported": len(entries) - len(judged),
        }
    return result


HEADER = ("case", "quantity", "unit", "reference", "dcsim", "error", "RMSE", "greatest", "allowed", "")


def rows(result: Mapping[str, Any], part: str) -> list[tuple[str, ...]]:
    """Return the quantities of a part as cells of text, under ``HEADER``."""
    lines: list[tuple[str, ...]] = []
    for name, quantities in result["cases"].items():
        if result["about"][name]["part"] != part:
            continue
        for quantity, of in quantities.items():
            is_energy = quantity.endswith(ENERGY_ENDING)
            lines.append(
                (
                    name,
                    quantity,
                    of["unit"],
                    number(of["reference"]),
                    number(of["dcsim"]),
                    f"{100.0 * of['error']:+.2f} %" if is_energy else number(of["error"], sign=True),
                    number(of["rmse"]),
                    number(of["greatest"]),
                    allowed(of["tolerance"], is_energy),
                    "reported" if of["passed"] is None else "passed" if of["passed"] else "FAILED",
                )
            )
    return lines


def allowed(limits: Mapping[str, float], is_energy: bool) -> str:
    """Return the limits of a tolerance in a few words."""
    words = {"error": "error", "rmse": "RMSE", "cvrmse": "CVRMSE", "greatest": "greatest"}
    return ", ".join(
        f"{words[name]} {100.0 * limit:g} %"
        if name == "cvrmse" or (name == "error" and is_energy)
        else f"{words[name]} {limit:g}"
        for name, limit in limits.items()
    )


def number(value: float, sign: bool = False) -> str:
    """Return a number with four significant digits, without an exponent where that reads well."""
    plus = "+" if sign else ""
    size = abs(value)
    if value == 0.0 or 1e-4 <= size < 1e7:
        digits = 0 if value == 0.0 else max(3 - math.floor(math.log10(size)), 0)
        return f"{value:{plus}.{digits}f}"
    return f"{value:{plus}.1e}"


def table(result: Mapping[str, Any]) -> str:
    """Return all quantities in lines of text, a block for each part."""
    blocks = []
    for part, counts in result["passed"].items():
        lines = [HEADER, *rows(result, part)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
        texts = [f"{part}: {counts['passed']} of {counts['quantities']} quantities within their tolerance"]
        for line in lines:
            cells = (
                cell.ljust(width) if column in (0, 1, 2, 8, 9) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            texts.append("  ".join(cells).rstrip())
        blocks.append("\n".join(texts))
    return "\n\n".join(blocks)
