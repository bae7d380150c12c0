"""A log as it was understood, written and read back exactly: Parquet, or CSV that any tool can read.

Both hold a row for each sample: channel, time [ns], reading in the channel's house unit before masking, and why it is masked. All else is
JSON, in the metadata of the Parquet file or the first line of the CSV.
"""

import gzip
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dcsim.errors import InputError
from dcsim.logs.log import Channel, Clock, Fault, Log
from dcsim.logs.spool import Spool, SpooledSamples

__all__ = ["is_own", "read_own", "write_log"]

_KEY = b"dcsim_log"
_FIRST_LINE = b"# dcsim-log 1 "
_ROWS = 1_000_000  # of one channel in a batch
_SCHEMA = pa.schema(
    [("channel", pa.string()), ("time_ns", pa.int64()), ("reading", pa.float64()), ("masked", pa.string())]
)


def write_log(log: Log, path: Path | str) -> Path:
    """Write a log to ``.parquet``, ``.csv`` or ``.csv.gz``, moved into place in one go.

    Raises
    ------
    InputError
        For another ending, or a place that cannot be written.
    """
    path = Path(path)
    name = path.name.lower()
    if not name.endswith((".parquet", ".csv", ".csv.gz")):
        raise InputError(f"{path}: a log is written as .parquet, .csv or .csv.gz")
    temporary = path.with_name(".tmp-" + path.name)
    try:
        if name.endswith(".parquet"):
            schema = _SCHEMA.with_metadata({_KEY: json.dumps(_head(log)).encode()})
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                for batch in _batches(log):
                    writer.write_table(pa.Table.from_batches([batch]).replace_schema_metadata(schema.metadata))
        else:
            with gzip.open(temporary, "wb") if name.endswith(".gz") else temporary.open("wb") as file:
                file.write(_FIRST_LINE + json.dumps(_head(log)).encode() + b"\n")
                file.write(b"channel,time_ns,reading,masked\n")
                for batch in _batches(log):
                    pa_csv.write_csv(batch, file, pa_csv.WriteOptions(include_header=False))
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _head(log: Log) -> dict[str, Any]:
    return {
        "name": log.name,
        "layout": log.layout,
        "start": log.start,
        "end": log.end,
        "warnings": list(log.warnings),
        "clock": _without_nan(asdict(log.clock)),
        "channels": [_without_nan(asdict(channel)) for channel in log.channels.values()],
    }


def _without_nan(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in fields.items()}


def _with_nan(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in fields.items()}


def _batches(log: Log) -> Iterator[Any]:
    for name in log.channels:
        series = log[name]
        for begin in range(0, max(len(series.time), 1), _ROWS):
            part = slice(begin, begin + _ROWS)
            count = len(series.time[part])
            columns = [
                pa.array(np.full(count, name, dtype=object), pa.string()),
                pa.array(series.time[part]),
                pa.array(series.raw[part]),
                pa.array(series.reasons[part].astype(object), pa.string()),
            ]
            yield pa.record_batch(columns, schema=_SCHEMA)


def is_own(path: Path) -> bool:
    """Whether a file is a log that `write_log` wrote."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(len(_FIRST_LINE))
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(path, "rb") as packed:
                start = packed.read(len(_FIRST_LINE))
        if start.startswith(b"PAR1"):
            return _KEY in (pq.read_schema(path).metadata or {})
    except (OSError, EOFError, ValueError, pa.ArrowException):
        return False
    return start == _FIRST_LINE


class _ParquetSamples:
    """Samples of a log in a file of our own, read when they are asked for; the row groups of a channel follow one another."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        self._groups: dict[str, list[int]] = {}
        for k in range(self._file.num_row_groups):
            if self._file.metadata.row_group(k).num_rows:
                name = self._file.metadata.row_group(k).column(0).statistics
                label = name.min if name is not None and name.has_min_max and name.min == name.max else None
                if label is None:  # long names have no statistics
                    label = self._file.read_row_group(k, columns=["channel"])["channel"][0].as_py()
                self._groups.setdefault(label, []).append(k)

    def get(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Stamps [ns] and readings of a channel in house units."""
        table = self._file.read_row_groups(self._groups.get(name, []), columns=["time_ns", "reading"])
        return table["time_ns"].to_numpy(), table["reading"].to_numpy()


def read_own(path: Path) -> Log:
    """Read a log that `write_log` wrote.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        samples: Any
        if not path.name.lower().endswith((".csv", ".gz")):
            head = json.loads(pq.read_schema(path).metadata[_KEY])
            samples = _ParquetSamples(path)
        else:
            head, samples = _read_csv(path)
        clock = Clock(
            **{
                **_with_nan(head["clock"]),
                "gaps": _spans(head["clock"]["gaps"]),
                "notes": tuple(head["clock"]["notes"]),
            }
        )
        channels = {}
        for fields in head["channels"]:
            faults = tuple(Fault(**{**fault, "spans": _spans(fault["spans"])}) for fault in fields["faults"])
            channels[fields["name"]] = Channel(**{**_with_nan(fields), "faults": faults})
            if len(samples.get(fields["name"])[0]) != fields["samples"]:
                raise ValueError(f"samples of {fields['name']} are missing")
        return Log(
            head["name"], head["layout"], clock, channels, head["start"], head["end"], tuple(head["warnings"]), samples
        )
    except (OSError, EOFError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: a damaged log of dcsim ({' '.join(str(error).split())[:100]}); write it anew"
        ) from None


def _spans(pairs: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((begin, end) for begin, end in pairs)


def _read_csv(path: Path) -> tuple[dict[str, Any], SpooledSamples]:
    spool, keys = Spool(), {}
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
        head = json.loads(file.readline()[len(_FIRST_LINE) :])
        options = pa_csv.ConvertOptions(column_types=_SCHEMA, strings_can_be_null=False)
        for batch in pa_csv.open_csv(file, convert_options=options, read_options=pa_csv.ReadOptions(use_threads=False)):
            coded = batch.column(0).dictionary_encode()
            codes = coded.indices.to_numpy(zero_copy_only=False)
            time, reading = (batch.column(k).to_numpy(zero_copy_only=False) for k in (1, 2))
            for code, name in enumerate(coded.dictionary.to_pylist()):
                spool.append((name, "time"), time[codes == code])
                spool.append((name, "values"), reading[codes == code])
                keys[name] = ((name, "time"), (name, "values"))
    for fields in head["channels"]:
        keys.setdefault(fields["name"], ((fields["name"], "time"), (fields["name"], "values")))
    return head, SpooledSamples(spool, keys)
