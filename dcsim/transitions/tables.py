"""Episodes as one table, Parquet or CSV: a row for each step, and one for the last observation of an episode.

A header carries its unit, so `dcsim.logs.read_log` reads either back as it reads any log. Columns are ``time``, ``episode``, ``step``,
``time_of_year [s]`` of a simulation, the observation by name, the action by name behind ``action.``, ``reward``, ``terminated``,
``truncated`` and what is told of the step behind ``outcome.``. In the row of the last observation action, reward and outcome are empty and both
flags false.

Stamps never come twice, as those of a log: a simulation's are seconds of a clock that runs through all of its episodes, one step apart.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dcsim.envs.signals import Signal
from dcsim.errors import InputError
from dcsim.transitions.episode import Episode, Layout

METADATA_KEY = "dcsim_transitions"
"""Key of the metadata in a Parquet file; JSON."""


def write_table(
    path: Path, layout: Layout, episodes: Iterable[Episode], about: Callable[[], Mapping[str, Any]]
) -> None:
    """Write episodes to ``.parquet`` or ``.csv``, one after another, and move the file into place when it is whole.

    Parameters
    ----------
    path : Path
    layout : Layout
    episodes : iterable of Episode
        Drawn one by one; each becomes a row group of a Parquet file.
    about : callable
        Returns, when all are written, what the file is, JSON-able; a CSV file has no room for it.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    temporary = path.with_name(".tmp-" + path.name)
    schema = _schema(layout)
    try:
        if path.suffix == ".parquet":
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for table in _tables(schema, layout, episodes):
                    writer.write_table(table, row_group_size=max(table.num_rows, 1))
                writer.add_key_value_metadata({METADATA_KEY: json.dumps(about(), allow_nan=False)})
        else:
            with pa_csv.CSVWriter(temporary, schema, write_options=pa_csv.WriteOptions(quoting_style="needed")) as out:
                for table in _tables(schema, layout, episodes):
                    out.write_table(table)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)


def header(signal: Signal, prefix: str = "") -> str:
    """Return the header of a column: its name with its unit."""
    return f"{prefix}{signal.name} [{signal.unit}]" if signal.unit else f"{prefix}{signal.name}"


def _schema(layout: Layout) -> Any:
    stamps = [("time", pa.timestamp("ns", "UTC"))] if layout.is_dated else [("time [s]", pa.float64())]
    numbers = [
        *([] if layout.is_dated else ["time_of_year [s]"]),
        *(header(s) for s in layout.observation),
        *(header(s, "action.") for s in layout.action),
        "reward",
    ]
    names = [*numbers, *(header(s, "outcome.") for s in layout.outcome)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two columns would be called '{twice[0]}'; rename a channel or ignore it in the mapping")
    return pa.schema(
        [
            *stamps,
            ("episode", pa.int32()),
            ("step", pa.int32()),
            *((name, pa.float64()) for name in numbers),
            ("terminated", pa.bool_()),
            ("truncated", pa.bool_()),
            *((header(s, "outcome."), pa.float64()) for s in layout.outcome),
        ]
    )


def _tables(schema: Any, layout: Layout, episodes: Iterable[Episode]) -> Any:
    clock = 0.0  # s that simulations have taken so far
    for number, episode in enumerate(episodes):
        rows = episode.steps + 1
        if layout.is_dated:
            stamps: list[Any] = [episode.time]
        else:
            stamps = [clock + episode.time - episode.time[0]]
            clock = float(stamps[0][-1]) + episode.step_s
        numbers = [
            *([] if layout.is_dated else [episode.time]),
            *episode.observation.T,
            *(_padded(column) for column in episode.action.T),
            _padded(episode.reward),
        ]
        columns = [
            *stamps,
            np.full(rows, number),
            np.arange(rows),
            *numbers,
            np.append(episode.terminated, False),
            np.append(episode.truncated, False),
            *(_padded(column[1:]) for column in episode.outcome.T),
        ]
        yield pa.Table.from_arrays(
            [pa.array(c, type=f.type, from_pandas=True) for c, f in zip(columns, schema, strict=True)], schema=schema
        )


def _padded(values: np.ndarray) -> np.ndarray:
    """Values of the steps, and nothing for the row of the last observation."""
    return np.append(values, np.nan)
