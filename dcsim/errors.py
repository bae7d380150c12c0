"""The one kind of error that means: what was handed in is wrong."""

from typing import Any


class InputError(ValueError):
    """Bad input. The message is one line that names the file or argument, the place in it and the remedy."""


def shown(value: Any, most: int = 120) -> str:
    """Return a value as code, cut to a length fit for a message."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
