"""The one kind of error that means: what was handed in is wrong."""


class InputError(ValueError):
    """Bad input. The message is one line that names the file or argument, the place in it and the remedy."""
