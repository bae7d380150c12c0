"""Two hundred spoilt logs: each gives one clear line or a log whose faults are told, never a traceback or a silent wrong number."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest

from dcsim.errors import InputError
from dcsim.logs import read_log
from dcsim.logs.mapping import first_mapping, parse_mapping

ROWS = 240
CLEAN = 20.0 + 2.0 * np.sin(np.arange(ROWS) / 20.0) + np.random.default_rng(0).normal(0.0, 0.05, ROWS)
TIMES = pd.date_range("2024-01-03", periods=ROWS, freq="min", tz="UTC")


def frame(rng):
    return pd.DataFrame(
        {
            "time": TIMES.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "inlet_temp [degC]": CLEAN.round(3),
            "it_power [W]": (1e4 + 1e3 * CLEAN + rng.normal(0, 10, ROWS)).round(1),
        }
    )


def _text(table):
    return table.to_csv(index=False).encode()


def truncated(rng):
    data = _text(frame(rng))
    return data[: rng.integers(0, len(data))]


def truncated_gzip(rng):
    data = gzip.compress(_text(frame(rng)))
    return data[: rng.integers(2, len(data))]


def truncated_parquet(rng):
    buffer = io.BytesIO()
    frame(rng).to_parquet(buffer)
    data = buffer.getvalue()
    return data[: rng.integers(4, len(data))]


def flipped_bytes(rng):
    data = bytearray(_text(frame(rng)))
    for place in rng.integers(0, len(data), rng.integers(1, 40)):
        data[place] = rng.integers(0, 256)
    return bytes(data)


def binary(rng):
    return rng.integers(0, 256, rng.integers(1, 4000), dtype=np.uint8).tobytes()


def empty(rng):
    return [b"", b"\n\n\n", b"   ", b"\xef\xbb\xbf", b"time,inlet_temp [degC]\n", b"# only a comment\n", b"\x00" * 50][
        rng.integers(7)
    ]


def mixed_types(rng):
    table = frame(rng).astype(object)
    words = ["ERR", "offline", "1e999", "--", "12,5", "0x1F", "NaN", "true", "2024-01-01", "9" * 400, "\u00b0", "=1+1"]
    for _ in range(rng.integers(1, 200)):
        table.iat[rng.integers(ROWS), rng.integers(3)] = words[rng.integers(len(words))]
    return _text(table)


def shuffled_columns(rng):
    table = frame(rng)
    return _text(table[list(rng.permutation(table.columns))].sample(frac=1.0, random_state=int(rng.integers(1 << 30))))


def wrong_unit(rng):
    table = frame(rng)
    unit = ["degX", "kWh/m2", "furlong", "degF", "K", ""][rng.integers(6)]
    return _text(table.rename(columns={"inlet_temp [degC]": f"inlet_temp [{unit}]"}))


def ragged(rng):
    lines = _text(frame(rng)).decode().splitlines()
    for place in rng.integers(1, len(lines), rng.integers(1, 200)):
        lines[place] += "," * rng.integers(1, 5) if rng.random() < 0.5 else ""
        lines[place] = lines[place].rsplit(",", rng.integers(1, 3))[0] if rng.random() < 0.5 else lines[place]
    return "\n".join(lines).encode()


def open_quote(rng):
    data = _text(frame(rng)).decode()
    place = rng.integers(0, len(data))
    return (data[:place] + '"' + data[place:]).encode()


def bad_stamps(rng):
    table = frame(rng)
    words = [
        "",
        "yesterday",
        "0000-00-00",
        "2024-13-45T99:99",
        "1970-01-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
        "NaT",
        "-1",
        "3",
    ]
    for _ in range(rng.integers(1, 240)):
        table.iat[rng.integers(ROWS), 0] = words[rng.integers(len(words))]
    return _text(table)


def odd_header(rng):
    names = [
        ["time", "time", "time"],
        ["", "", ""],
        ["a,b", 'c"d', "e\nf"],
        ["1", "2", "3"],
        ["time", "x" * 5000, "\u2028"],
        ["value", "value", "value"],
    ]
    table = frame(rng)
    table.columns = names[rng.integers(len(names))]
    return _text(table)


def foreign(rng):
    return [
        b"<html><body><table><tr><td>1</td></tr></table></body></html>",
        b'{"time": [1, 2], "x": [3, 4]}',
        b"%PDF-1.4 x",
        b"PK\x03\x04" + b"x" * 99,
        b"PK\x03\x04[Content_Types].xml xl/" + b"x" * 99,
        b"\x80\x04\x95pickle",
        b"\x89HDF\r\n",
        b"PAR1" + b"x" * 50,
        b"SQLite format 3\x00",
        b"# dcsim-log 1 {}\n",
        b"\xfd7zXZ\x00" + b"x" * 30,
    ][rng.integers(11)]


SPOILS = [
    truncated,
    truncated_gzip,
    truncated_parquet,
    flipped_bytes,
    binary,
    empty,
    mixed_types,
    shuffled_columns,
    wrong_unit,
    ragged,
    open_quote,
    bad_stamps,
    odd_header,
    foreign,
]
ENDINGS = (".csv", ".txt", ".parquet", ".xlsx", ".gz")


@pytest.mark.parametrize("seed", range(210))
def test_a_spoilt_log_is_refused_in_one_line_or_told(tmp_path, seed):
    rng = np.random.default_rng(seed)
    spoil = SPOILS[seed % len(SPOILS)]
    path = tmp_path / f"log{ENDINGS[rng.integers(len(ENDINGS))]}"
    path.write_bytes(spoil(rng))
    try:
        log = read_log(path)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 600 and str(path) in str(error)
        return
    parse_mapping(__import__("yaml").safe_load(first_mapping(log)), "first mapping")
    if spoil is frame or "inlet_temp" not in log.channels:
        return
    series = log["inlet_temp"]
    values = dict(zip(TIMES.as_unit("ns").asi8.tolist(), CLEAN.round(3).tolist(), strict=True))
    told = bool(log.warnings) or bool(log.channel("inlet_temp").faults) or log.clock.unreadable > 0
    for time, value in zip(series.time.tolist(), series.values.tolist(), strict=True):
        if value == value and abs(values.get(time, np.inf) - value) > 1e-9:
            # A digit that was changed into another digit cannot be told; a unit that was written wrongly is the writer's.
            assert told or spoil in (flipped_bytes, wrong_unit, truncated), (time, value)
    if spoil is shuffled_columns:
        np.testing.assert_array_equal(series.raw, CLEAN.round(3))
