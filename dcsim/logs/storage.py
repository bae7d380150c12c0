"""A log as it was understood, written and read back exactly: Parquet, or CSV that any tool can read.

Both hold a row for each sample: channel, time [ns], raw reading [unit], reason. All else is JSON: in the metadata of the Parquet
file, or in the first line of the CSV.
"""

import gzip
import io
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from dcsim.drivers.messages import place as place_of
from dcsim.errors import InputError
from dcsim.logs.log import Channel, Clock, Fault, Log, Samples
from dcsim.logs.store import Store

__all__ = ["is_own", "read_own", "write_log"]

_KEY = b"dcsim_log"
_FIRST_LINE = "# dcsim-log 1 "
_SCHEMA = pa.schema([("channel", pa.string()), ("time_ns", pa.int64()), ("raw", pa.float64()), ("reason", pa.uint8())])


def write_log(log: Log, path: str | Path) -> Path:
    """Write a log to ``.parquet``, ``.csv`` or ``.csv.gz``; nothing is left half written.

    Raises
    ------
    InputError
        For another ending, or a place that cannot be written.
    """
    path = Path(path)
    name = path.name.lower()
    if not name.endswith((".parquet", ".csv", ".csv.gz")):
        raise InputError(f"{place_of(path)}: a log is written as .parquet, .csv or .csv.gz")
    temporary = path.with_name(".tmp-" + path.name)
    try:
        (_write_parquet if name.endswith(".parquet") else _write_csv)(log, temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{place_of(path)}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _head(log: Log) -> dict[str, Any]:
    channels = []
    for channel in log.channels.values():
        fields = {key: getattr(channel, key) for key in Channel.__dataclass_fields__ if key != "load"}
        fields = {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in fields.items()}
        channels.append(fields)
    return {
        "path": log.path,
        "layout": log.layout,
        "clock": asdict(log.clock),
        "channels": channels,
        "faults": [asdict(fault) for fault in log.faults],
        "notes": log.notes,
        "ignored": log.ignored,
    }


def _batches(log: Log) -> Iterator[pa.RecordBatch]:
    for name, channel in log.channels.items():
        samples = channel.load()
        count = len(samples.time)
        names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([name])).dictionary_decode()
        columns = [names, pa.array(samples.time), pa.array(samples.raw), pa.array(samples.reason)]
        yield pa.record_batch(columns, schema=_SCHEMA)


def _write_parquet(log: Log, path: Path) -> None:
    schema = _SCHEMA.with_metadata({_KEY: json.dumps(_head(log)).encode()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(log):
            writer.write_table(pa.Table.from_batches([batch.replace_schema_metadata(schema.metadata)]))


def _write_csv(log: Log, path: Path) -> None:
    opened: Any = gzip.open(path, "wb") if path.name.endswith(".gz") else path.open("wb")
    with opened as file:
        file.write((_FIRST_LINE + json.dumps(_head(log)) + "\n").encode())
        file.write(b"channel,time_ns,raw,reason\n")
        for name, channel in log.channels.items():
            samples = channel.load()
            quoted = '"' + name.replace('"', '""') + '"'
            rows = zip(samples.time.tolist(), samples.raw.tolist(), samples.reason.tolist(), strict=True)
            text = "".join(f"{quoted},{time},{'' if raw != raw else repr(raw)},{reason}\n" for time, raw, reason in rows)
            file.write(text.encode())


def is_own(path: Path) -> bool:
    """Whether a file is a log that `write_log` wrote."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(len(_FIRST_LINE))
            if start.startswith(b"\x1f\x8b"):
                with gzip.open(path, "rb") as packed:
                    start = packed.read(len(_FIRST_LINE))
            if start.startswith(b"PAR1"):
                return _KEY in (pq.read_schema(path).metadata or {})
            return start.startswith(_FIRST_LINE.encode())
    except (OSError, EOFError, pa.ArrowException, ValueError):
        return False


def read_own(path: Path) -> Log:
    """Read a log that `write_log` wrote.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    try:
        if path.name.lower().endswith(".parquet"):
            file = pq.ParquetFile(path)
            head = json.loads(file.schema_arrow.metadata[_KEY])
            tables = (file.read_row_group(k) for k in range(file.num_row_groups))
        else:
            raw = gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")
            with raw as text:
                head = json.loads(text.readline().decode()[len(_FIRST_LINE) :])
                types = pyarrow.csv.ConvertOptions(column_types=_SCHEMA, strings_can_be_null=False)
                body = pyarrow.csv.read_csv(
                    io.BytesIO(text.read()),
                    convert_options=types,
                    parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
                )
            tables = iter([body])
        return _log(head, tables)
    except (OSError, EOFError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{place_of(path)}: a damaged log of dcsim ({' '.join(str(error).split())[:100]})") from None


def _log(head: dict[str, Any], tables: Iterator[pa.Table]) -> Log:
    store = Store(1 << 62)
    for table in tables:
        names = table["channel"].combine_chunks()
        names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
        encoded = names.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        time = table["time_ns"].to_numpy()
        raw = table["raw"].to_numpy().astype(np.float64)
        reason = table["reason"].to_numpy()
        for code, name in enumerate(encoded.dictionary.to_pylist()):
            where = codes == code
            store.append(f"time/{name}", time[where])
            store.append(f"raw/{name}", raw[where])
            store.append(f"reason/{name}", reason[where])
    channels = {}
    for fields in head["channels"]:
        name = fields["name"]
        fields["period"] = np.nan if fields["period"] is None else fields["period"]

        def load(name: str = name) -> Samples:
            return Samples(store.get(f"time/{name}"), store.get(f"raw/{name}"), store.get(f"reason/{name}"))

        load()
        channels[name] = Channel(load=load, **fields)
    clock = Clock(**{**head["clock"], "notes": tuple(head["clock"]["notes"])})
    faults = [Fault(**{**fault, "spans": tuple(tuple(span) for span in fault["spans"])}) for fault in head["faults"]]
    return Log(head["path"], clock, channels, faults, head["notes"], head["layout"], head["ignored"], store)
