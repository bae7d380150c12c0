"""Reader of the reference results of the Modelica Buildings library, and of the tables kept beside them.

A result file (``raw/*.txt``) holds lines ``name=[v0, v1, ...]`` in SI units and single precision among others that are
ignored. A series of more than two values is evenly spaced from the first to the last ``time``; one of two values is
straight between them. All longer series of a file have one length.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dcsim.drivers.messages import nearest, place
from dcsim.drivers.tables import open_lines
from dcsim.errors import InputError, shown
from dcsim.physics.constants import KELVIN_OFFSET
from dcsim_experiments.validation.results import Array, NoDataError

FOLDER = "modelica_ref"
PREFIX = "Buildings_"
_SERIES = re.compile(r"\s*([^={}\"\s][^={}\"]*?)\s*=\s*\[(.*)")


@dataclass(frozen=True)
class Reference:
    """One result file.

    Attributes
    ----------
    path : Path
    generated : str
        Date of the run as the file gives it, else ``unknown``.
    time : Array, shape (T,)
        s.
    """

    path: Path
    generated: str
    time: Array
    _series: dict[str, Array] = field(repr=False)

    def __getitem__(self, name: str) -> Array:
        """Return a series in the unit of the file, shape (T,).

        Raises
        ------
        InputError
            If the file has none of that name.
        """
        if name not in self._series:
            raise InputError(f"{place(self.path)}: has no series {shown(name)}; {nearest(name, self._series)}")
        values = self._series[name]
        return values if len(values) == len(self.time) else np.linspace(values[0], values[-1], len(self.time))

    def celsius(self, name: str) -> Array:
        """Return a series of temperatures in degC."""
        return self[name] - KELVIN_OFFSET

    @property
    def source(self) -> str:
        """Words for what this is."""
        model = self.path.stem.removeprefix(PREFIX).replace("_", ".")
        return f"Modelica Buildings, {model}, run of {self.generated}"


def read_reference(path: Path) -> Reference:
    """Read a result file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Reference

    Raises
    ------
    InputError
        If the file is missing, cut off or not of the form above, with file, line and series.
    """
    found: dict[str, tuple[int, Array]] = {}
    generated = "unknown"
    for count, line in enumerate(open_lines(path), start=1):
        if line.startswith("last-generated="):
            generated = line.partition("=")[2].strip()
        match = _SERIES.match(line)
        if match is None:
            continue
        name, rest = match[1], match[2].rstrip()
        if not rest.endswith("]"):
            raise InputError(f"{place(path, count, name)}: the line is cut off before its ']'; copy the file anew")
        if name in found:
            raise InputError(f"{place(path, count, name)}: stands in the file twice")
        found[name] = count, _numbers(rest[:-1].split(","), path, count, name)
    return _checked(path, generated, found)


def _checked(path: Path, generated: str, found: dict[str, tuple[int, Array]]) -> Reference:
    if "time" not in found:
        raise InputError(f"{place(path)}: has no line 'time=[...]', so it is no result of Modelica Buildings")
    line, ends = found.pop("time")
    if not found:
        raise InputError(f"{place(path)}: has no series beside the time")
    count = max(len(values) for _, values in found.values())
    for name, (where, values) in found.items():
        if len(values) not in (2, count):
            raise InputError(
                f"{place(path, where, name)}: {len(values)} values where the longest series has {count}; "
                "all have that length or 2"
            )
    if len(ends) < 2 or not np.all(np.diff(ends) > 0.0):
        raise InputError(f"{place(path, line, 'time')}: expected at least two rising values")
    time = np.linspace(ends[0], ends[-1], count)
    return Reference(path, generated, time, {name: values for name, (_, values) in found.items()})


def _numbers(words: Iterable[str], path: Path, line: int, name: str) -> Array:
    values = []
    for word in words:
        try:
            values.append(float(word))
        except ValueError:
            raise InputError(f"{place(path, line, name)}: {shown(word.strip(), 40)} is not a number") from None
    array = np.array(values)
    if not np.isfinite(array).all():
        raise InputError(f"{place(path, line, name)}: holds a value that is not finite")
    return array


class ReferenceFolder:
    """The folder ``modelica_ref`` with its results, tables and weather.

    Parameters
    ----------
    data_dir : Path
        Folder that holds it.

    Raises
    ------
    NoDataError
        If there are no results in it.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FOLDER
        if not any((self.path / "raw").glob(f"{PREFIX}*.txt")):
            raise NoDataError(f"modelica: has no data, since {self.path / 'raw'} holds no files {PREFIX}*.txt")

    def __call__(self, model: str) -> Reference:
        """Return the result of a model, named as its file without ``Buildings_`` and ``.txt``."""
        return read_reference(self.path / "raw" / f"{PREFIX}{model}.txt")

    def tower_series(self) -> dict[str, Array]:
        """Return the columns of EnergyPlus's tower run, every minute of two days.

        Raises
        ------
        InputError
            If the table is missing, cut off or malformed.
        """
        path = self.path / "energyplus" / "CoolingTower_VariableSpeed_Merkel.dat"
        names = ("time", "dry_bulb", "wet_bulb", "entering", "leaving", "water_mass_flow", "heat_flow", "fan_power")
        rows, declared = [], None
        for count, line in enumerate(open_lines(path), start=1):
            if line.startswith("double"):
                declared = re.search(r"\((\d+),\s*(\d+)\)", line)
            if not line.strip() or line.startswith(("#", "double")):
                continue
            rows.append(_numbers(line.split(","), path, count, "row"))
            if len(rows[-1]) != 10:
                raise InputError(f"{place(path, count)}: {len(rows[-1])} values, expected 10")
        if declared is None or int(declared[1]) != len(rows):
            expected = declared[1] if declared else "a line 'double NAME(rows,10)' and as many"
            raise InputError(f"{place(path)}: {len(rows)} rows, expected {expected}; copy the file anew")
        table = np.array(rows).T
        return {**dict(zip(names, table[:8], strict=True)), "fan_speed": table[9]}

    def hourly_table(self, name: str) -> dict[str, Array]:
        """Return the columns of a table of EnergyPlus values beside the results, by header.

        Raises
        ------
        InputError
            If the table is missing or malformed.
        """
        path = self.path / "energyplus" / name
        header, *lines = list(csv.reader(open_lines(path)))
        columns = []
        for count, line in enumerate(lines, start=2):
            if len(line) != len(header):
                raise InputError(f"{place(path, count)}: {len(line)} values, the header has {len(header)}")
            columns.append(_numbers(line, path, count, "row"))
        if not columns:
            raise InputError(f"{place(path)}: has no rows")
        return dict(zip(header, np.array(columns).T, strict=True))

    def weather(self, name: str) -> Path:
        """Return the path of a weather file."""
        return self.path / "weather" / name
