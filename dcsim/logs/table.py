"""What every kind of file is turned into before its layout and clock are understood: blocks of columns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["MISSING", "Table", "numbers", "share_of_numbers", "strings"]

MISSING = (
    *("", "-", "--", "?", "nan", "NaN", "NAN", "-nan", "na", "NA", "n/a", "N/A", "#N/A", "null", "NULL", "Null", "none", "None"),
    *("NONE", "\\N", "(null)", "no reading", "Not Readable", "no data", "No Data", "No data", "Bad", "bad", "Error", "error"),
    *("#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NAME?", "inf", "-inf", "Infinity", "-Infinity"),
)  # fmt: skip
"""Cells that say that there is no reading."""


@dataclass
class Table:
    """A table of a file, not yet understood.

    Attributes
    ----------
    place : str
        File, and member or sheet of it.
    stem : str
        Short name for channels.
    columns : list of str
        Headers as written.
    units : list of str
        From a row of units below the header, "" where none.
    blocks : callable
        Returns an iterator over blocks: for each column an Arrow array, all of one length.
    attributes : dict
        From comment lines, ``key=value``.
    notes : list of str
        What was skipped; blocks may add to it while they are read.
    decimal : str
        Sign before the fraction of numbers.
    """

    place: str
    stem: str
    columns: list[str]
    units: list[str]
    blocks: Callable[[], Iterator[list[pa.Array]]]
    attributes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    decimal: str = "."
    damaged: list[int] = field(default_factory=list)  # line numbers of rows that could not be read


_MISSING_ARROW = pa.array(sorted(set(MISSING)), pa.string())


def strings(column: pa.Array) -> pa.Array:
    """Return a column as trimmed text, null where a cell says that there is no reading."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.string())
    column = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.is_in(column, _MISSING_ARROW), pa.scalar(None, pa.string()), column)


def numbers(column: pa.Array, decimal: str = ".") -> tuple[NDArray[np.float64], int]:
    """Return a column as numbers, NaN where there is none, and how many cells hold something that is no number."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
        kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(np.isfinite(values), values, np.nan), 0
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), 0
    if decimal == "." and pa.types.is_string(kind):
        try:  # by far the usual case, and fast
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
            return np.where(np.isfinite(values), values, np.nan), 0
        except pa.ArrowInvalid:
            pass
    text = strings(column)
    if decimal == ",":
        text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
    elif pc.any(pc.match_substring_regex(text, r"^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$")).as_py():
        is_grouped = pc.match_substring_regex(text, r"^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$")
        text = pc.if_else(is_grouped, pc.replace_substring(text, ",", ""), text)
    lower = pc.utf8_lower(text)
    text = pc.if_else(pc.is_in(lower, pa.array(["true", "on", "yes"])), pa.scalar("1"), text)
    text = pc.if_else(pc.is_in(lower, pa.array(["false", "off", "no"])), pa.scalar("0"), text)
    text = pc.utf8_ltrim(text, "+")
    good = pc.match_substring_regex(text, r"^-?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$")
    known = pc.fill_null(good, False)
    values = pc.if_else(known, text, pa.scalar(None, pa.string())).cast(pa.float64())
    bad = len(text) - text.null_count - (pc.sum(known).as_py() or 0)
    out = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return np.where(np.isfinite(out), out, np.nan), bad


def share_of_numbers(column: pa.Array, decimal: str = ".") -> tuple[float, int]:
    """Return the share of a column's cells with content that are numbers, and how many cells have content."""
    values, bad = numbers(column, decimal)
    good = int(np.isfinite(values).sum())
    return (good / (good + bad) if good + bad else 0.0), good + bad
