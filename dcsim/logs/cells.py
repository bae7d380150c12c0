"""Single cells of a log's tables: which are numbers, which mean that nothing was measured, which look like times."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dcsim.logs.units import unit_of

__all__ = ["MISSING", "floats", "is_missing", "is_number", "is_time"]

Floats = NDArray[np.float64]

_WORDS: tuple[str, ...] = (
    "",
    "nan",
    "na",
    "n/a",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "?",
    "\\n",
    "#n/a",
    "#na",
    "<na>",
    "nat",
    "no reading",
)
_WORDS += ("not readable", "no data", "nodata", "missing", "disabled", "unavailable", "unknown", "not available")
MISSING = sorted(
    {form for word in _WORDS for form in (word, word.upper(), word.title(), word.capitalize())} | {"NaN", "\\N"}
)
"""Spellings of a missing value."""
_MISSING = frozenset(_WORDS)

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_TIME = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ]+\d{1,2}:\d{2}.*)?|\d{4}/\d{1,2}/\d{1,2}([T ]+\d{1,2}:\d{2}.*)?"
    r"|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})([T ,]+\d{1,2}:\d{2}.*)?|\d{1,2}[- /][A-Za-z]{3,9}[- /,]+\d{2,4}.*"
    r"|\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?|\d{8}T\d{4,6}.*"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4}.*"
    r"|[A-Za-z]{3} [A-Za-z]{3} +\d{1,2} \d{2}:\d{2}:\d{2}.*\d{4}"
)
_WITH_UNIT = re.compile(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*([^\d\s].{0,15})")
_SWITCHES = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0, "yes": 1.0, "no": 0.0}


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in _MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with point or comma."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def is_time(cell: str) -> bool:
    """Whether a cell looks like a date, a time or both."""
    return _TIME.fullmatch(cell.strip()) is not None


def floats(column: Any, decimal: str = ".") -> tuple[Floats, list[str]]:
    """Return the numbers of a column, NaN where there is none, and the texts that are neither number nor missing.

    Parameters
    ----------
    column : pyarrow.Array, shape (T,)
    decimal : str
        ``"."`` or ``","``, of text cells.

    Returns
    -------
    values : ndarray, shape (T,)
        A number with a unit behind it counts as the number, on/off and true/false as 1 and 0; infinities count as text.
    texts : list of str
        Every odd cell.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _finite(np.array(values, dtype=np.float64))
    if pa.types.is_boolean(column.type):
        return np.array(pc.cast(pc.cast(column, pa.int8()), pa.float64()).to_numpy(zero_copy_only=False)), []
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan), []
    if pa.types.is_decimal(column.type):
        return _finite(np.array(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)))
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return np.full(len(column), np.nan), [str(column.type)] * (len(column) - column.null_count)
    if decimal == ".":
        try:
            return _finite(np.array(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64))
        except pa.ArrowInvalid:
            pass
    return _mixed(column, decimal)


def _mixed(column: Any, decimal: str) -> tuple[Floats, list[str]]:
    """Numbers of a column in which not every cell is one, by its different cells."""
    coded = column.dictionary_encode()
    words = [str(word) for word in coded.dictionary.to_pylist()]
    values = np.array([_number(word, decimal) for word in words] + [np.nan])
    places = coded.indices.to_numpy(zero_copy_only=False)
    places = np.where(np.isfinite(places), places, len(words)).astype(np.int64)
    is_text = np.array(
        [not np.isfinite(value) and not is_missing(word) for word, value in zip(words, values, strict=False)] + [False]
    )
    return values[places], [words[place] for place in places[is_text[places]]]


def _number(word: str, decimal: str) -> float:
    text = word.strip().replace("−", "-").replace("\u00a0", "")
    if text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    if decimal == ",":
        text = text.replace(".", "").replace(",", ".") if "," in text else text
    elif re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    found = _WITH_UNIT.fullmatch(text)
    if found and unit_of(found[2]) is not None:
        text = found[1]
    if "_" in text:  # which Python would take for a digit separator
        return np.nan
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def _finite(values: Floats) -> tuple[Floats, list[str]]:
    odd = np.isinf(values)
    if not odd.any():
        return values, []
    return np.where(odd, np.nan, values), [str(value) for value in values[odd]]


def strings(column: Any) -> "pd.Series[Any]":
    """Return a column as stripped text, missing cells as NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    text = (
        column
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        else pc.cast(column, pa.string())
    )
    return pd.Series(pc.utf8_trim_whitespace(text).to_pandas(), dtype="str")
