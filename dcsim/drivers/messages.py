"""Pieces of the one-line messages of `InputError`: the place in a file, and the nearest valid choice."""

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["nearest", "place"]


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the remedy for an unknown word: the choices, the nearest one first if there is one."""
    choices = sorted(choices)
    close = difflib.get_close_matches(word.lower().replace("_", "-").replace(" ", "-"), choices, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'? (choices: {', '.join(choices)})"
    return f"choices: {', '.join(choices)}"


def place(path: Path | str, line: int | None = None, field: str | None = None) -> str:
    """Return the start of a message: file, line and field as far as they are known."""
    where = str(path)
    if line is not None:
        where += f", line {line}"
    if field is not None:
        where += f", field '{field}'"
    return where
