"""Reading of a measured hall under load steps: room sensors every 30 s, servers every 2 minutes, on one grid of time.

The log is the one of RISE's POD 2 hall (J. Sjölund, rafsine): four coolers that draw air from below the ceiling and blow
it out at the floor, one in front of each section of three racks, thirty servers a rack. Two files:

``exp1_room_30s.parquet`` or ``exp1_room_30s.csv.gz``
    One row per time, universal time; coolers, rack fronts and rears, meters.
``exp1_servers_120s_long.parquet``
    One row per server and time: inlet, outlet, power, fan speed; every server on times of its own.

What is wrong with such files is mended or said, never hidden; `RiseLog.faults` counts it:

- Missing samples: up to `GAP_MAX` they are bridged by a straight line between the neighbors, longer gaps stay NaN.
- Samples that drop towards nothing and come back within two minutes (the heat meter, the pressure sensor): bridged
  likewise. The drops of the heat meter come with real disturbances of the chilled water, which the discharge air shows.
- ``cold_aisle_*``: a strip of sensors whose name says cold aisle. `RiseLog.aisle_strip_side` says, from the readings,
  which side it hangs on.
- Coarse steps of the servers' sensors (1 K, 3 W, 100 rpm): `resolution` measures them; means over racks average them out.
- Power of servers that adds up to less than the meter of the IT equipment: `RiseLog.unassigned_power`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcsim.errors import InputError

Floats = NDArray[np.float64]

COOLERS = 4
LEVELS = ("bottom", "middle", "top")
"""Of the sensors in front of and behind the racks, 0.4, 1.2 and 2.0 m above the floor."""
SECTIONS = ("racks01_03", "racks04_06", "racks07_09", "racks10_12")
"""Three racks each, with the sensors at the middle one."""
SECTION_OF_COOLER = (0, 1, 2, 3)
"""Section in front of which each cooler blows out: coolers 1 and 2 by racks 1 to 6, coolers 3 and 4 by racks 7 to 12."""
RACKS = 12
SERVERS_PER_RACK = 30

ROOM_FILES = ("exp1_room_30s.parquet", "exp1_room_30s.csv.gz")
SERVER_FILE = "exp1_servers_120s_long.parquet"
SERVER_COLUMNS = ("time_utc", "server", "inlet_C", "outlet_C", "power_W", "fan_rpm")

GAP_MAX = 600.0  # s; longer than any single lost sample of either file, shorter than a load step lasts
DROP_SHARE = 0.6  # of both neighborhoods, below which a reading has dropped out
DROP_SAMPLES = 4  # two minutes of a 30 s grid
RANGES = {"_C": (-30.0, 120.0), "_pct": (0.0, 100.0), "_W": (0.0, 1e7), "_rpm": (0.0, 3e4)}
"""What a reading may be, by the end of its column's name."""


@dataclass(frozen=True)
class RiseLog:
    """What was measured, on one grid of time. Sections S = 4, racks R = 12, servers M, times T; NaN where unknown."""

    time: NDArray[np.datetime64]  # (T,) universal time, equally spaced
    fan_signal: Floats  # (4, T) of full speed [-]: coolers
    room_setpoint: Floats  # (4, T) [degC]: what the coolers' own fan loop holds `room_temperature` at
    room_temperature: Floats  # (4, T) [degC]
    return_temperature: Floats  # (4, T) [degC]: mean of the two sensors of each cooler
    discharge_temperature: Floats  # (4, T) [degC]
    front_temperature: Floats  # (S, 3, T) [degC]: by section and level
    rear_temperature: Floats  # (S, 3, T) [degC]
    aisle_strip_temperature: Floats  # (5, T) [degC]: labelled cold aisle; see `aisle_strip_side`
    pressure_difference: Floats  # (T,) as logged, no unit given
    heat_out: Floats  # (T,) [W] on the water side
    facility_power: Floats  # (T,) [W]
    it_power: Floats  # (T,) [W]
    servers: tuple[str, ...]  # names, sorted, so that a rack's stand together
    rack_of_server: NDArray[np.int64]  # (M,) 0 to 11
    server_power: Floats  # (M, T) [W]
    server_inlet_temperature: Floats  # (M, T) [degC]
    server_outlet_temperature: Floats  # (M, T) [degC]
    server_fan_speed: Floats  # (M, T) [1/min]
    faults: dict[str, int]  # samples, by what was wrong with them

    @property
    def time_s(self) -> Floats:
        """Seconds since the first row, shape (T,)."""
        return (self.time - self.time[0]) / np.timedelta64(1, "s")

    @property
    def time_step(self) -> float:
        """Distance of rows [s]."""
        return float(self.time_s[1])

    def by_rack(self, values: Floats) -> Floats:
        """Return the mean over each rack's servers, shape (12, T); a server without a reading is left out."""
        return np.stack([_mean(values[self.rack_of_server == rack], axis=0) for rack in range(RACKS)])

    @property
    def rack_power(self) -> Floats:
        """What the servers of each rack report [W], shape (12, T); servers without a reading count as their mean."""
        return SERVERS_PER_RACK * self.by_rack(self.server_power)

    @property
    def unassigned_power(self) -> Floats:
        """What the meter of the IT equipment shows beyond the servers [W], shape (T,): shelves, network, error."""
        return self.it_power - self.rack_power.sum(axis=0)

    @property
    def mixed_return_temperature(self) -> Floats:
        """Return air of all coolers [degC], shape (T,), weighted with their fan signals as flows."""
        return (self.fan_signal * self.return_temperature).sum(axis=0) / self.fan_signal.sum(axis=0)

    @property
    def aisle_strip_side(self) -> str:
        """``"hot"`` or ``"cold"``: whose variation the strip labelled cold aisle follows, return air or lower fronts."""
        strip = self.aisle_strip_temperature.mean(axis=0)
        hot = _distance(strip, self.mixed_return_temperature)
        cold = _distance(strip, self.front_temperature[:, :2].mean(axis=(0, 1)))
        return "hot" if hot < cold else "cold"


def read_rise_log(folder: Path | str) -> RiseLog:
    """Read both files of the log.

    Parameters
    ----------
    folder : Path or str
        That holds one of `ROOM_FILES` and `SERVER_FILE`.

    Returns
    -------
    RiseLog

    Raises
    ------
    InputError
        With one line that names the file, the place in it and the remedy.
    """
    folder = Path(folder)
    room_path = next((folder / name for name in ROOM_FILES if (folder / name).is_file()), None)
    if room_path is None:
        raise InputError(f"{folder}: no {ROOM_FILES[0]} and no {ROOM_FILES[1]}; give the folder that holds the log")
    room, time = _read_room(room_path)
    path = folder / SERVER_FILE
    if not path.is_file():
        raise InputError(f"{path}: no such file; the servers' power is what drives the hall")
    faults: dict[str, int] = {}
    seconds = (time - time[0]) / np.timedelta64(1, "s")

    def channels(names: Sequence[str]) -> Floats:
        return np.stack([_bridged(_channel(room_path, room, name), seconds, "room", faults) for name in names])

    def meter(name: str) -> Floats:
        values, dropped = without_drops(_channel(room_path, room, name))
        faults[f"{name} dropped out"] = dropped
        return _bridged(values, seconds, "room", faults)

    coolers = range(1, COOLERS + 1)
    returns = [channels([f"crac{i}_return{k}_C" for i in coolers]) for k in (0, 1)]
    front, rear = (
        np.stack([channels([f"{section}_{side}_{level}_C" for level in LEVELS]) for section in SECTIONS])
        for side in ("front", "rear")
    )
    servers, racks, columns = _read_servers(path, time, faults)
    return RiseLog(
        time=time,
        fan_signal=channels([f"crac{i}_fan_signal_default_pct" for i in coolers]) / 100.0,
        room_setpoint=channels([f"crac{i}_setpoint_C" for i in coolers]),
        room_temperature=channels([f"crac{i}_room_C" for i in coolers]),
        return_temperature=0.5 * (returns[0] + returns[1]),
        discharge_temperature=channels([f"crac{i}_discharge_C" for i in coolers]),
        front_temperature=front,
        rear_temperature=rear,
        aisle_strip_temperature=channels([f"cold_aisle_{i}_C" for i in range(5)]),
        pressure_difference=meter("diff_pressure_raw"),
        heat_out=meter("thermal_power_out_W"),
        facility_power=channels(["electrical_power_in_W"])[0],
        it_power=channels(["electrical_it_power_W"])[0],
        servers=servers,
        rack_of_server=racks,
        server_power=columns["power_W"],
        server_inlet_temperature=columns["inlet_C"],
        server_outlet_temperature=columns["outlet_C"],
        server_fan_speed=columns["fan_rpm"],
        faults=faults,
    )


def without_drops(values: Floats) -> tuple[Floats, int]:
    """Take out readings that drop towards zero and come back.

    Parameters
    ----------
    values : Floats, shape (T,)
        Readings on an even grid, any unit, whose zero means nothing.

    Returns
    -------
    values : Floats, shape (T,)
        With NaN in place of each reading that is nearer to zero than `DROP_SHARE` of the median of the `DROP_SAMPLES`
        before it and of that of as many after it. A load that falls for good stays: what follows it is as low.
    int
        How many were taken out.
    """
    size = np.abs(values)
    padded = np.concatenate([np.full(DROP_SAMPLES, np.nan), size, np.full(DROP_SAMPLES, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, DROP_SAMPLES)
    known = np.isfinite(windows).any(axis=1)
    middle = np.full(len(windows), np.nan)
    middle[known] = np.nanmedian(windows[known], axis=1)
    before, after = middle[: len(values)], middle[DROP_SAMPLES + 1 :]
    dropped = size < DROP_SHARE * np.minimum(before, after)  # False beside the ends, where one of them is NaN
    return np.where(dropped, np.nan, values), int(dropped.sum())


def resolution(values: Floats) -> float:
    """Smallest distance of two different readings, in their unit: the step that a sensor's number is rounded to."""
    levels = np.unique(values[np.isfinite(values)])
    return float(np.diff(levels).min()) if len(levels) > 1 else 0.0


def _read_room(path: Path) -> tuple[pd.DataFrame, NDArray[np.datetime64]]:
    table = _table(path)
    if "time_utc" in table.columns:
        table = table.set_index("time_utc")
    time = _times(path, table.index)
    if len(time) < 3:
        raise InputError(f"{path}: {len(time)} rows; a log has at least 3")
    steps = np.diff(time)
    wrong = np.flatnonzero(steps != steps[0])
    if len(wrong) or steps[0] <= np.timedelta64(0, "s"):
        at = int(wrong[0]) + 1 if len(wrong) else 1
        raise InputError(
            f"{path}, row {at + 1}: time {time[at]} is not {steps[0]} after the row before; expected an even grid"
        )
    return table, time


def _read_servers(
    path: Path, time: NDArray[np.datetime64], faults: dict[str, int]
) -> tuple[tuple[str, ...], NDArray[np.int64], dict[str, Floats]]:
    """Servers' names, racks and readings on the grid ``time``, each server's own samples joined by straight lines."""
    table = _table(path)
    missing = [name for name in SERVER_COLUMNS if name not in table.columns]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; columns are {', '.join(map(str, table.columns))}")
    table = table.assign(
        second=(_times(path, table["time_utc"]) - time[0]) / np.timedelta64(1, "s"), server=table["server"].astype(str)
    ).sort_values(["server", "second"])
    for name in SERVER_COLUMNS[2:]:
        _check_range(path, name, np.asarray(table[name], dtype=float))
    seconds = (time - time[0]) / np.timedelta64(1, "s")
    grouped = table.groupby("server", sort=True)
    names = tuple(str(name) for name in grouped.groups)
    racks = np.array([_rack(path, name) for name in names], dtype=np.int64)
    for rack in range(RACKS):
        count = int((racks == rack).sum())
        if count != SERVERS_PER_RACK:
            raise InputError(f"{path}: rack {rack + 1} has {count} servers, expected {SERVERS_PER_RACK}")
    columns = {name: np.full((len(names), len(time)), np.nan) for name in SERVER_COLUMNS[2:]}
    for row, (name, own) in enumerate(grouped):
        at = own["second"].to_numpy(dtype=float)
        if (np.diff(at) <= 0.0).any():
            raise InputError(f"{path}, server {name}: two rows of the same time; keep one of them")
        for column, grid in columns.items():
            grid[row] = _joined(at, own[column].to_numpy(dtype=float), seconds, "server", faults)
    return names, racks, columns


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except Exception as error:  # the readers raise whatever their libraries do
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())[:120]})") from None


def _times(path: Path, values: Any) -> NDArray[np.datetime64]:
    try:
        stamps = pd.DatetimeIndex(pd.to_datetime(values, utc=True))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: time_utc holds no ISO 8601 times ({' '.join(str(error).split())[:120]})") from None
    if stamps.hasnans:
        raise InputError(
            f"{path}, row {int(np.flatnonzero(stamps.isna())[0]) + 1}: no time; fill in or take out the row"
        )
    return np.asarray(stamps.tz_localize(None).to_numpy(dtype="datetime64[ms]"))


def _channel(path: Path, table: pd.DataFrame, name: str) -> Floats:
    if name not in table.columns:
        raise InputError(f"{path}: no column {name!r}; the log needs it")
    try:
        values = table[name].to_numpy(dtype=float)
    except (ValueError, TypeError):
        raise InputError(f"{path}, column {name!r}: holds something that is not a number") from None
    _check_range(path, name, values)
    return np.asarray(values)


def _check_range(path: Path, name: str, values: Floats) -> None:
    for ending, (low, high) in RANGES.items():
        if not name.endswith(ending):
            continue
        wrong = np.flatnonzero((values < low) | (values > high))
        if len(wrong):
            row = int(wrong[0])
            raise InputError(
                f"{path}, row {row + 1}, column {name!r}: {values[row]:g} is not within {low:g} to {high:g}; "
                "correct the reading or leave it empty"
            )


def _rack(path: Path, server: str) -> int:
    """Number of the rack, from 0, in a name such as ``p02r07c10srv01``."""
    digits = server[4:6]
    if server[3:4] != "r" or not digits.isdigit() or not 1 <= int(digits) <= RACKS:
        raise InputError(f"{path}, server {server!r}: expected a name such as 'p02r07c10srv01', rack 01 to {RACKS}")
    return int(digits) - 1


def _bridged(values: Floats, seconds: Floats, kind: str, faults: dict[str, int]) -> Floats:
    """Fill gaps on the grid itself."""
    known = np.isfinite(values)
    return _joined(seconds[known], values[known], seconds, kind, faults, is_grid=True)


def _joined(
    at: Floats, values: Floats, seconds: Floats, kind: str, faults: dict[str, int], is_grid: bool = False
) -> Floats:
    """Straight lines between samples; NaN in gaps longer than `GAP_MAX`, the first and last value held as long."""
    known = np.isfinite(values)
    at, values = at[known], values[known]
    if not len(at):
        faults[f"{kind} samples missing"] = faults.get(f"{kind} samples missing", 0) + len(seconds)
        return np.full(len(seconds), np.nan)
    after = np.searchsorted(at, seconds)
    left = np.concatenate([[-np.inf], at])[after]
    right = np.concatenate([at, [np.inf]])[after]
    is_sample = right == seconds
    nearest = np.minimum(seconds - left, right - seconds)
    is_inside = np.isfinite(left) & np.isfinite(right)
    is_near = np.where(is_inside, right - left <= GAP_MAX, nearest <= GAP_MAX) | is_sample
    if is_grid:
        faults[f"{kind} samples bridged"] = faults.get(f"{kind} samples bridged", 0) + int((is_near & ~is_sample).sum())
    faults[f"{kind} samples missing"] = faults.get(f"{kind} samples missing", 0) + int((~is_near).sum())
    return np.where(is_near, np.interp(seconds, at, values), np.nan)


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of what is known; NaN, without a warning, where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    count = known.sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _distance(one: Floats, other: Floats) -> float:
    """Root mean square of the difference where both are known."""
    known = np.isfinite(one) & np.isfinite(other)
    return float(np.sqrt(np.mean((one[known] - other[known]) ** 2))) if known.any() else np.inf
