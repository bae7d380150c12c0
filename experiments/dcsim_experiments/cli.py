"""The command line ``dcsim VERB [options]``.

A verb is a dataclass of options in ``config`` and a module with ``main(config, command) -> folder``. Heavy imports
happen only inside the verb that is run. Whatever the user got wrong ends with one line on the error stream and exit
code 2; an interrupt ends with 130.
"""

import contextlib
import importlib
import io
import itertools
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dcsim.errors import InputError


class Verb(NamedTuple):
    """Where a verb stands: its options in ``config``, its module, and what it does."""

    options: str
    module: str
    does: str


PLANNED = ("sweep",)  # verbs of later versions
VERBS = {
    "demo": Verb("DemoConfig", "demo", "the main job in minutes: train, compare with the baselines, show"),
    "train": Verb("TrainConfig", "train", "train one controller"),
    "compare": Verb("CompareConfig", "compare", "run controllers on the same episodes and say how they differ"),
    "validate": Verb("ValidateConfig", "validation.command", "compare the simulator with others' and measured numbers"),
    "inspect": Verb("InspectConfig", "inspect", "say what is understood of a sensor log: clock, units, faults"),
    "replay": Verb("ReplayConfig", "replay", "drive a hall by a sensor log and compare it with what was measured"),
    "calibrate": Verb("CalibrateConfig", "calibrate", "fit a hall to a sensor log, with intervals and a hold-out"),
    "forecast": Verb("ForecastConfig", "forecast", "learn to forecast the temperatures of a sensor log, or score forecasts"),
    "export": Verb("ExportConfig", "export", "write a policy as ONNX, transitions of a run or a log as a data set"),
    "bench": Verb("BenchConfig", "bench.command", "measure steps per second"),
}
INTERRUPTED = 130  # exit code of a program that ended by Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``dcsim``; those of this process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] in ("-h", "--help"):
            print(usage())
            return 0
        if words[0] == "--version":
            import dcsim

            print(f"dcsim {dcsim.__version__}")
            return 0
        verb = chosen(words[0])
        config = parsed(words[0], verb, words[1:])
        if config is None:
            return 0
        module = importlib.import_module(f"dcsim_experiments.{verb.module}")
        folder: Path = module.main(config, command=shlex.join(["dcsim", *words]))
        print(folder)
    except InputError as error:
        print(f"dcsim: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"dcsim: {str(interrupt) or 'interrupted; no result was written'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # who read the output, such as head, has enough; nothing more is flushed into it at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def usage() -> str:
    """Return the verbs with what they do."""
    width = max(len(name) for name in VERBS)
    lines = [f"  {name.ljust(width)}  {verb.does}" for name, verb in VERBS.items()]
    return "\n".join(["usage: dcsim VERB [options]", "", *lines, "", "dcsim VERB --help lists the options of a verb."])


def chosen(word: str) -> Verb:
    """Return the verb of a name.

    Raises
    ------
    InputError
        For an unknown name, with the nearest one, and for a verb of a later version.
    """
    if word in PLANNED:
        raise InputError(f"'{word}' is not in this version; verbs: {', '.join(VERBS)}")
    if word not in VERBS:
        from dcsim.drivers.messages import nearest

        raise InputError(f"no verb '{word}'; {nearest(word, VERBS)}")
    return VERBS[word]


def parsed(name: str, verb: Verb, words: Sequence[str]) -> Any:
    """Return the options of a verb, or None if only its help was asked for.

    Raises
    ------
    InputError
        For options that cannot be understood.
    """
    import tyro

    config = importlib.import_module("dcsim_experiments.config")
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(getattr(config, verb.options), args=words, prog=f"dcsim {name}")
    except config.WrongOption as error:
        raise InputError(str(error)) from None
    except SystemExit as end:
        if not end.code:
            return None
        raise InputError(f"{one_line(complaint.getvalue())}; see 'dcsim {name} --help'") from None


def one_line(box: str) -> str:
    """Return the message in the frame that tyro draws around it, with its suggestion or what it expects, as one line."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box).strip()  # colours
    rows = [row.strip("│ ") for row in plain.splitlines()]
    rows = [row for row in rows if row and not row.startswith(("╭", "╰"))]
    if not plain.startswith("╭") and len(rows) > 1 and _is_rule(rows[1]):  # plain characters: the title is inside
        rows = rows[2:]
    message = list(itertools.takewhile(lambda row: not _is_rule(row), rows))
    text = _with_nearest(" ".join(message).rstrip("."))
    near = next((i for i, row in enumerate(rows) if row.startswith("Perhaps you meant")), None)
    if near is not None and near + 1 < len(rows):
        text += f"; did you mean {rows[near + 1].split()[0].rstrip(',')}?"
    if "Argument helptext:" in rows[:-1]:
        text += f"; expected {rows[rows.index('Argument helptext:') + 1]}"
    return text[:1].lower() + text[1:]


def _with_nearest(text: str) -> str:
    """Put the nearest choice in front of the choices that tyro lists."""
    found = re.fullmatch(r"(.*'(.*)' for argument .*)\. Expected one of \((.*)\)", text)
    if found is None:
        return text
    from dcsim.drivers.messages import nearest

    choices = re.findall(r"'([^']*)'", found[3])
    return f"{found[1]}; {nearest(found[2], choices)}"


def _is_rule(row: str) -> bool:
    return set(row) <= {"─", "-"}


if __name__ == "__main__":
    sys.exit(main())
