"""Reading of a log, whatever its layout, into channels with their faults.

1. The file, folder or archive becomes tables (`tables`), the stamps' column and the layout are told from the first rows (`layout`).
2. The tables are streamed into a spool, channel by channel; nothing else grows with the log.
3. Channel by channel: order, duplicates, unit, faults.
"""

import collections
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dcsim.errors import InputError, shown
from dcsim.logs import clock as clocks
from dcsim.logs import faults as fault_finding
from dcsim.logs.cells import floats, strings
from dcsim.logs.files import sources
from dcsim.logs.layout import Layout, layout_of
from dcsim.logs.log import SECOND, Channel, Clock, Fault, Log, Span, within
from dcsim.logs.spool import Scale, Spool, SpooledSamples, ordered, scaled
from dcsim.logs.store import is_own, read_own
from dcsim.logs.tables import Table, tables_of
from dcsim.logs.units import HOUSE_UNITS, Unit, guess, quantity_of_name, unit_of, words_of

if TYPE_CHECKING:
    from dcsim.logs.mapping import Mapping

__all__ = ["read_log"]

Floats = NDArray[np.float64]
Nanoseconds = NDArray[np.int64]

SPARSE = 0.5  # mean share of filled cells below which the rows are one sensor's each
AIR_BINS = 500  # intervals in which sides of the racks are compared
GUESS_SAMPLES = 20_000  # from which a unit is guessed
CHANNELS_MAX = 100_000


def read_log(path: Path | str, mapping: "Mapping | None" = None, progress: bool = False) -> Log:
    """Read a log as it is.

    Parameters
    ----------
    path : Path or str
        A file (text, Parquet, Excel, SQL dump, blocks of ipmitool; gz, xz and bz2 are unpacked), a tar archive, or a folder with one file a
        sensor.
    mapping : Mapping, optional
        What a person says of the log: clock, units, signals. What it says goes before what the log says.
    progress : bool
        Show a bar on the error stream.

    Returns
    -------
    Log

    Raises
    ------
    InputError
        With one line that names the file, the place in it and the remedy.
    """
    path = Path(path)
    if is_own(path):
        return read_own(path)
    reading = _Reading(path, mapping)
    with _bar(path, progress) as bar:
        for source in sources(path, bar.update):
            try:
                reading.add(tables_of(source))
            except InputError as error:
                if not path.is_dir():
                    raise
                reading.left_out.append(error)
    if not reading.channels:
        raise reading.left_out[0] if reading.left_out else InputError(f"{path}: no channel with a number in it")
    reading.warnings += [f"left out: {error}" for error in reading.left_out]
    return reading.finished(progress)


def _bar(path: Path, progress: bool) -> Any:
    from tqdm import tqdm

    total = None
    if progress:
        files = [path] if path.is_file() else list(path.iterdir()) if path.is_dir() else []
        total = sum(item.stat().st_size for item in files if item.is_file())
    return tqdm(total=total, unit="B", unit_scale=True, desc="reading", disable=not progress, leave=False)


class _Found:
    """A channel while the log is being read."""

    def __init__(self, header: str, unit: str, table: int) -> None:
        self.header = header
        self.unit = unit
        self.table = table
        self.texts: collections.Counter[str] = collections.Counter()
        self.text_spans: list[Span] = []
        self.flagged = 0
        self.has_number = False


class _Reading:
    """What is known of the log so far."""

    def __init__(self, path: Path, mapping: "Mapping | None") -> None:
        self.path = path
        self.mapping = mapping
        self.spool = Spool()
        self.channels: dict[str, _Found] = {}
        self.keys: dict[str, tuple[Any, Any]] = {}
        self.left_out: list[InputError] = []
        self.warnings: list[str] = []
        self.stamps: list[clocks.Stamps] = []
        self.layouts: list[Layout] = []
        self.tables: list[Table] = []
        self.times: list[Nanoseconds] = []
        self.zero_rows: list[tuple[Nanoseconds, int]] = []  # stamps, rows in all
        self.unreadable: list[int] = []  # rows of each table
        self.rows: list[int] = []  # with a stamp
        self.version = 0  # of the keys in the spool
        self.directions = [0, 0]  # steps forward, back
        self.names: dict[tuple[int, tuple[str, ...], str], str] = {}
        self.guesses: dict[
            tuple[str, str], list[tuple[str, str]]
        ] = {}  # (unit, quantity) -> channels with the evidence
        self._last: int | None = None

    # --- streaming ----------------------------------------------------------------------------------------------------

    def add(self, table: Table) -> None:
        """Stream a table into the spool."""
        batches = table.restart()
        first = next(batches, None)
        if first is None or not first.num_rows:
            raise InputError(f"{table.place}: no rows under the header{_examples(table)}")
        layout = layout_of(table, first, self.mapping)
        settings = self.mapping.clock if self.mapping is not None else None
        stamps = clocks.stamps_of(
            table.place, table.columns[layout.time], layout.stamp_column(first), settings, table.stem, table.attributes
        )
        number = len(self.tables)
        self.tables.append(table)
        self.layouts.append(layout)
        self.stamps.append(stamps)
        self._look_ahead(table, layout, stamps, first)
        is_smooth = self._stream(number)
        # Day and month exchanged in part of the rows show in their course.
        if not is_smooth and stamps.style in ("iso", "arrow", "numeric") and not (settings and settings.order):
            days, starts, rows = clocks.runs_of_days(_walls(table, layout, stamps))
            where = clocks.exchanged_days(days)
            if where.any():
                stamps.exchanged = (starts, where)
                self._forget(number)
                self._stream(number)
                self.warnings.append(
                    f"clock: day and month are exchanged in {int(np.diff(starts, append=rows)[where].sum())} of {rows} rows: exchanged back, "
                    "as the rows then follow one another"
                )
        if not any(found.table == number for found in self.channels.values()):
            raise InputError(
                f"{table.place}: no column of numbers beside the stamps; columns are {', '.join(table.columns[:12])}"
            )

    def _stream(self, number: int) -> bool:
        """Put all samples of a table into the spool; return whether its stamps run on without leaps of days."""
        table, layout, stamps = self.tables[number], self.layouts[number], self.stamps[number]
        stamps.restart()
        rows = unreadable = 0
        seen: list[Nanoseconds] = []
        self._last, is_smooth = None, True
        for batch in table.restart():
            time = stamps.read(layout.stamp_column(batch))
            good = time != clocks.NO_TIME
            rows += len(time)
            if not good.all():
                unreadable += int((~good).sum())
                for place in np.flatnonzero(~good)[:3]:
                    cells = (column[int(place)].as_py() for column in batch.columns[:4])
                    table.leave_out("rows without a stamp", " ".join(str(cell) for cell in cells if cell is not None))
                table.left_out["rows without a stamp"] += max(int((~good).sum()) - 3, 0)
            is_smooth &= self._directions(time[good])
            seen.append(_distinct(time[good]))
            if len(seen) > 64:
                seen = [np.unique(np.concatenate(seen))]
            self._take(number, table, layout, batch, time, good)
        if unreadable > 0.5 * rows:
            raise InputError(
                f"{table.place}, column {shown(table.columns[layout.time])}: {unreadable} of {rows} rows have no stamp that can be "
                f"read{_examples(table)}"
            )
        self.unreadable.append(unreadable)
        self.rows.append(rows - unreadable)
        self.times.append(np.unique(np.concatenate(seen)))
        return is_smooth

    def _forget(self, number: int) -> None:
        """Take back what a table brought."""
        gone = {name for key, name in self.names.items() if key[0] == number}
        self.names = {key: name for key, name in self.names.items() if key[0] != number}
        self.channels = {name: found for name, found in self.channels.items() if name not in gone}
        self.keys = {name: key for name, key in self.keys.items() if name not in gone}
        self.zero_rows, self.directions = [], [0, 0]
        self.unreadable.pop()
        self.rows.pop()
        self.times.pop()
        self.version += 1

    def _look_ahead(self, table: Table, layout: Layout, stamps: clocks.Stamps, first: Any) -> None:
        """Settle what takes more than the form of the stamps: their direction, and the order of day and month."""
        sample = stamps.read(layout.stamp_column(first))
        known = sample[sample != clocks.NO_TIME]
        steps = np.diff(known)
        stamps.is_descending = bool((steps < 0).sum() > (steps > 0).sum())
        stamps.is_hourly = bool(len(steps)) and float(np.median(np.abs(steps))) >= 3600 * SECOND
        if stamps.style == "numeric" and not (self.mapping is not None and self.mapping.clock.order):
            stamps.above_12 = (0, 0)
            self._day_or_month(stamps, clocks.runs_of_days(_walls(table, layout, stamps))[0])

    def _day_or_month(self, stamps: clocks.Stamps, days: Nanoseconds) -> None:
        """Decide the order of numeric dates from numbers above 12, else from the course of the rows, read month first."""
        first, second = stamps.above_12
        other = (
            clocks.exchange(days * clocks.DAY) // clocks.DAY
        )  # which leaves dates with a number above 12 as they are
        if (first > 0) != (second > 0):
            stamps.day_first = first > 0
        elif (days == other).all():
            stamps.day_first = False
        else:
            jumps = _jumps(days), _jumps(other)
            stamps.day_first = jumps[1] < jumps[0] or (jumps[1] == jumps[0] and first > second)
            if jumps[0] == jumps[1] and first == second:
                self.warnings.append(
                    "clock: nothing in the stamps says whether the day or the month stands first; taken as month first; "
                    "set clock.order in the mapping"
                )
        stamps.form = f"numeric dates, {'day' if stamps.day_first else 'month'} first"

    def _directions(self, time: Nanoseconds) -> bool:
        """Count steps forward and back; return whether none leaps over days."""
        if not len(time):
            return True
        line = time if self._last is None else np.concatenate([[self._last], time])
        steps = np.diff(line)
        self.directions[0] += int((steps > 0).sum())
        self.directions[1] += int((steps < 0).sum())
        self._last = int(time[-1])
        return _is_smooth(line)

    def _take(
        self, number: int, table: Table, layout: Layout, batch: Any, time: Nanoseconds, good: NDArray[np.bool_]
    ) -> None:
        """Put the numbers of a batch where they belong."""
        bad = layout.bad_rows(batch)
        columns: dict[int, tuple[Floats, list[str], Floats]] = {}
        for place in layout.values:
            values, texts = floats(batch.column(place), table.decimal)
            columns[place] = (values, texts, _odd(values, batch.column(place)) if texts else values[:0])
        if layout.keys:
            self._take_long(number, table, layout, batch, time, good, columns, bad)
            return
        kept = time[good]
        dense_key = ("time", number, self.version)
        matrix = np.stack([values for values, _, _ in columns.values()]) if columns else np.empty((0, len(time)))
        filled = np.isfinite(matrix[:, good])
        live = filled.any(axis=1)
        sparse = live.sum() > 1 and filled[live].mean() < SPARSE
        if number in {found.table for found in self.channels.values()}:
            sparse = layout.is_sparse
        layout.is_sparse = bool(sparse)
        if not sparse:
            self.spool.append(dense_key, kept)
            if live.sum() >= 3:
                zero = (np.where(filled, matrix[:, good], 0.0) == 0.0).all(axis=0) & (filled.sum(axis=0) >= 3)
                self.zero_rows.append((kept[zero], len(kept)))
        for row, (place, (values, texts, odd)) in enumerate(columns.items()):
            name = self._name(number, table, (), place)
            found = self.channels[name]
            self._texts(found, texts, odd, time)
            part = values[good]
            if bad is not None:
                found.flagged += int((bad[good] & np.isfinite(part)).sum())
                part = np.where(bad[good], np.nan, part)
            found.has_number |= bool(filled[row].any())
            if sparse:
                has = np.isfinite(part)
                self.spool.append((name, "time"), kept[has])
                self.spool.append((name, "values"), part[has])
                self.keys[name] = ((name, "time"), (name, "values"))
            else:
                self.spool.append((name, "values"), part)
                self.keys[name] = (dense_key, (name, "values"))

    def _take_long(
        self,
        number: int,
        table: Table,
        layout: Layout,
        batch: Any,
        time: Nanoseconds,
        good: NDArray[np.bool_],
        columns: dict[int, tuple[Floats, list[str], Floats]],
        bad: NDArray[np.bool_] | None,
    ) -> None:
        codes, entities = layout.entities(batch)
        units = (
            strings(batch.column(layout.unit)).fillna("").to_numpy(dtype=object) if layout.unit is not None else None
        )
        order = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[order], np.arange(len(entities) + 1))
        for code, entity in enumerate(entities):
            rows = order[edges[code] : edges[code + 1]]
            rows = rows[good[rows]]
            if not len(rows):
                continue
            unit = next((str(word) for word in units[rows] if word), "") if units is not None else ""
            for place, (values, _, odd) in columns.items():
                name = self._name(number, table, entity, place, unit)
                found = self.channels[name]
                part = values[rows]
                if bad is not None:
                    found.flagged += int((bad[rows] & np.isfinite(part)).sum())
                    part = np.where(bad[rows], np.nan, part)
                if len(odd):
                    hit = rows[odd[rows] > 0]
                    if len(hit):
                        cells = strings(batch.column(place)).to_numpy(dtype=object)[hit]
                        self._texts(found, [str(cell) for cell in cells], _marks(len(time), hit), time)
                found.has_number |= bool(np.isfinite(part).any())
                if units is not None and unit and not found.unit:
                    found.unit = unit
                self.spool.append((name, "time"), time[rows])
                self.spool.append((name, "values"), part)
                self.keys[name] = ((name, "time"), (name, "values"))

    def _texts(self, found: _Found, texts: list[str], odd: Floats, time: Nanoseconds) -> None:
        if not texts:
            return
        if len(found.texts) < 50:
            found.texts.update(texts)
        else:
            found.texts["(others)"] += len(texts)
        where = (odd > 0) & (time != clocks.NO_TIME)
        found.text_spans += [(int(t), int(t)) for t in time[where]]

    def _name(self, number: int, table: Table, entity: tuple[str, ...], place: int, unit: str = "") -> str:
        """Channel of a column, made when it is first met; its final name comes at the end."""
        key = (number, entity, table.columns[place])
        if key not in self.names:
            if len(self.names) >= CHANNELS_MAX:
                raise InputError(
                    f"{table.place}: more than {CHANNELS_MAX} channels; the cells of a text column are taken for "
                    "names of sensors; leave that column out of the file"
                )
            name = f"{number}.{self.version}.{len(self.names)}"
            self.names[key] = name
            self.channels[name] = _Found(
                table.columns[place], unit or (table.units[place] if table.units else ""), number
            )
        return self.names[key]

    # --- what it all means --------------------------------------------------------------------------------------------

    def finished(self, progress: bool) -> Log:
        """Return the log, every channel examined."""
        labels = self._labels()
        dropped = [labels[name] for name, found in self.channels.items() if not found.has_number and not found.texts]
        if dropped and len(dropped) < len(labels):
            self.warnings.append(
                f"left out: {len(dropped)} channels without any number ({', '.join(dropped[:4])}{', ...' if len(dropped) > 4 else ''})"
            )
            self.channels = {name: found for name, found in self.channels.items() if labels[name] not in set(dropped)}
        samples = SpooledSamples(self.spool, {labels[name]: self.keys[name] for name in self.channels})
        clock, times = self._clock()
        if not len(times):
            raise InputError(f"{self.path}: no row has a stamp and a number")
        span = (int(times[0]), int(times[-1]))
        channels: dict[str, Channel] = {}
        air: dict[str, Floats] = {}
        from tqdm import tqdm

        for name, found in tqdm(
            self.channels.items(), desc="checking", unit="channel", disable=not progress, leave=False
        ):
            channel, means = self._examined(labels[name], found, samples, clock, span)
            if channel is not None:
                channels[channel.name] = channel
                if means is not None:
                    air[channel.name] = means
        if not channels:
            raise InputError(f"{self.path}: no column of numbers beside the stamps")
        if not self._is_wide:  # stamps of several sensors lie anyhow; a hole of the log is one of all sensors
            steps = [channel.step_s for channel in channels.values() if np.isfinite(channel.step_s)]
            step = float(np.median(steps)) if steps else float("nan")
            clock = replace(clock, step_s=step, gaps=tuple(fault_finding.gaps_of(times, step, True)))
        for name, words in fault_finding.wrong_air(
            list(air), np.stack(list(air.values())) if air else np.empty((0, 0))
        ).items():
            channel = channels[name]
            fault = Fault("wrong air", words, channel.samples, (span,))
            channels[name] = replace(channel, faults=(*channel.faults, fault))
        self._say_guesses(channels)
        for table in self.tables:
            for why, count in table.left_out.items():
                self.warnings.append(f"left out: {count} {why} in {Path(table.place).name}{_examples(table)}")
        if clock.stamps == "end" and np.isfinite(clock.step_s):
            shift = -round(clock.step_s * SECOND)
            span = (span[0] + shift, span[1] + shift)
        layout = self._layout()
        return Log(
            self.path.name, layout, clock, channels, span[0], span[1], tuple(dict.fromkeys(self.warnings)), samples
        )

    def _layout(self) -> str:
        first = self.layouts[0]
        kind = (
            "blocks"
            if self.tables[0].is_blocks
            else "long"
            if first.keys
            else "sparse"
            if any(each.is_sparse for each in self.layouts)
            else "wide"
        )
        words = f"{kind}, {self.tables[0].form}"
        return words if len(self.tables) == 1 else f"folder of {len(self.tables)} files: {words}"

    def _labels(self) -> dict[str, str]:
        """Final name of each channel: as little in front of the header as sets it apart."""
        several = len(self.tables) > 1
        entities: dict[int, set[tuple[str, ...]]] = collections.defaultdict(set)
        for number, entity, _ in self.names:
            entities[number].add(entity)
        labels: dict[str, str] = {}
        used: collections.Counter[str] = collections.Counter()
        for (number, entity, header), name in self.names.items():
            table, layout = self.tables[number], self.layouts[number]
            column = layout.plain.get(header, header)
            parts = [table.stem] if several else []
            single = len(layout.values) == 1
            if entity and (len(entities[number]) > 1 or layout.is_tidy or single):
                parts += entity
            if not (entity and layout.is_tidy) and not (several and single and not entity):
                if single and not entity and column.lower() in ("value", "values", "reading", "val"):
                    column = table.stem
                parts.append(column)
            label = "/".join(part for part in parts if part)
            used[label] += 1
            labels[name] = label if used[label] == 1 else f"{label} ({used[label]})"
        return labels

    def _clock(self) -> tuple[Clock, Nanoseconds]:
        times = np.unique(np.concatenate(self.times))
        stamps, table, layout = self.stamps[0], self.tables[0], self.layouts[0]
        wide = self._is_wide
        step, regular = fault_finding.usual_step(times)
        gaps = fault_finding.gaps_of(times, step, regular) if wide else []
        duplicates = 0
        if wide:
            duplicates = sum(self.rows) - len(times)
        up, down = self.directions
        order = "ascending" if down == 0 else "descending" if up == 0 else "mixed"
        if wide and order == "mixed" and up > 20 * down:
            self.warnings.append(f"clock: {down} rows go back in time; put in order")
        notes = [f"{count} {text}" for each in self.stamps for text, count in each.notes.items()]
        header = table.columns[layout.time]
        marks = self.mapping.clock.stamps if self.mapping is not None else None
        ends = marks == "end" or (marks is None and " end " in f" {words_of(header)} ")
        if stamps.kind == "naive" and not (self.mapping is not None and self.mapping.clock.zone):
            self.warnings.append(
                "clock: the stamps state no zone; taken as universal time; set clock.zone in the mapping"
            )
            if wide:
                notes += _daylight_saving(times)
        if stamps.kind in ("time of day", "elapsed"):
            self.warnings.append(f"clock: {stamps.form}; set clock.date in the mapping")
        if stamps.kind == "zone" and not stamps.zone.startswith("UTC"):
            repeated = sum(count for each in self.stamps for text, count in each.notes.items() if "repeats" in text)
            if repeated and wide:
                notes += _merged_hours(times, stamps.zone)
        clock = Clock(
            header,
            stamps.kind,
            stamps.form,
            stamps.zone,
            order,
            step,
            regular,
            "end" if ends else "start",
            tuple(gaps),
            max(duplicates, 0),
            sum(self.unreadable),
            tuple(notes),
        )
        return clock, times

    @property
    def _is_wide(self) -> bool:
        """Whether each row holds a reading of every sensor."""
        sensors = {entity for _, entity, _ in self.names}
        return len(self.tables) == 1 and len(sensors) == 1 and not self.layouts[0].is_sparse

    def _examined(
        self, name: str, found: _Found, samples: SpooledSamples, clock: Clock, span: Span
    ) -> tuple[Channel | None, Floats | None]:
        """Return what is known of one channel, and its means over time where it is a sensor of one side of the racks."""
        time, values, duplicates, conflicts = ordered(*samples.logged(name))
        if not len(time):
            return None, None
        layout = self.layouts[found.table]
        plain, unit_text = layout.plain.get(found.header, found.header), layout.units.get(found.header, "")
        said = self.mapping.of_channel(name) if self.mapping is not None else None
        source = "header"
        if found.unit:
            unit_text = found.unit
        if said is not None and said.unit:
            unit_text, source = said.unit, "mapping"
        known = time[np.isfinite(values)]
        step, regular = fault_finding.usual_step(known)
        quantity, house, scale, source, unit_text = self._unit(name, plain, unit_text, source, time, values, step, said)
        if clock.stamps == "end" and np.isfinite(clock.step_s):
            scale = replace(scale, shift=-round(clock.step_s * SECOND))
        samples.scales[name] = scale
        time, house_values = scaled(time, values, scale)
        shifted = (span[0] + scale.shift, span[1] + scale.shift)
        gaps = [(begin + scale.shift, end + scale.shift) for begin, end in clock.gaps]
        faults = []
        if duplicates:
            faults.append(
                Fault("duplicate", f"{duplicates} samples with a stamp and value that had been before", duplicates)
            )
        if len(conflicts):
            at = conflicts + scale.shift
            faults.append(
                Fault(
                    "conflict",
                    f"{len(conflicts)} stamps with different values",
                    len(conflicts),
                    tuple((int(t), int(t)) for t in at),
                    True,
                )
            )
        if found.texts:
            words = ", ".join(f"{shown(word, 24)} ({count} times)" for word, count in found.texts.most_common(3))
            spans = tuple((begin + scale.shift, end + scale.shift) for begin, end in found.text_spans)
            faults.append(Fault("text", words, sum(found.texts.values()), spans, True))
        if found.flagged:
            faults.append(Fault("flagged", f"{found.flagged} samples whose quality is not good", found.flagged))
        if scale.is_counter:
            faults.append(Fault("counter", "a total that only grows; read as its differences over time", len(time)))
        checked = house_values.copy()
        if len(conflicts):
            checked[np.isin(time, conflicts + scale.shift)] = np.nan
        zero = self._zero_spans(found.table, scale.shift)
        if zero:
            where = within(time, zero)
            if 0 < where.sum() < 0.5 * len(where):
                faults.append(
                    Fault(
                        "zero row",
                        f"{int(where.sum())} rows in which every channel reads 0",
                        int(where.sum()),
                        tuple(zero),
                        True,
                    )
                )
                checked[where] = np.nan
        faults += fault_finding.channel_faults(quantity, time, checked, shifted, step, regular, gaps)
        masked = np.isnan(house_values)
        for fault in faults:
            if fault.is_masked:
                masked |= within(time, fault.spans)
        left = house_values[~masked]
        channel = Channel(
            name,
            found.header,
            quantity,
            house,
            unit_text,
            source,
            tuple(faults),
            fault_finding.resolution_of(left),
            step,
            float(left.min()) if len(left) else float("nan"),
            float(left.max()) if len(left) else float("nan"),
            len(time),
            int(masked.sum()),
            {"brick": said.brick} if said is not None and said.brick else {},
        )
        means = None
        if quantity == "temperature" and fault_finding.side_of_name(name) and shifted[1] > shifted[0]:
            width = max(-(-(shifted[1] - shifted[0]) // (AIR_BINS * 60 * SECOND)), 1) * 60 * SECOND
            place = (time[~masked] - shifted[0]) // width
            count = int((shifted[1] - shifted[0]) // width) + 1
            total, number = np.bincount(place, weights=left, minlength=count), np.bincount(place, minlength=count)
            means = np.where(number > 0, total / np.maximum(number, 1), np.nan)
        return channel, means

    def _zero_spans(self, table: int, shift: int) -> list[Span]:
        if len(self.tables) != 1 or not self.zero_rows:
            return []
        zeros = np.concatenate([times for times, _ in self.zero_rows])
        if not 0 < len(zeros) < 0.5 * sum(rows for _, rows in self.zero_rows):
            return []
        return [(int(t) + shift, int(t) + shift) for t in np.sort(zeros)]

    def _unit(
        self,
        name: str,
        plain: str,
        unit_text: str,
        source: str,
        time: Nanoseconds,
        values: Floats,
        step: float,
        said: Any,
    ) -> tuple[str, str, Scale, str, str]:
        """Quantity, house unit, how to get there from what is logged, who says so, and the unit of the log."""
        named = quantity_of_name(plain)
        if unit_text == "in" and named == "pressure":
            level = float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
            unit_text = "inHg" if 20.0 < level < 33.0 else "inH2O"
            self.warnings.append(
                f"unit of '{name}': 'in' of pressure taken as {unit_text}, since its median is {level:.4g}"
            )
            source = "guess"
        unit = unit_of(unit_text) if unit_text else None
        if unit is None and unit_text:
            return "", unit_text, Scale(), source, unit_text
        if unit is None:
            picked = values[:: max(len(values) // GUESS_SAMPLES, 1)]
            guessed = guess(name, picked)
            if guessed is None:
                return "" if named == "flow" else named, "", Scale(), "none", ""
            unit = unit_of(guessed.unit)
            assert unit is not None
            self.guesses.setdefault((guessed.unit, unit.quantity), []).append((name, guessed.evidence))
            source, unit_text = "guess", guessed.unit
        if unit.quantity == "temperature" and named == "temperature_difference":
            unit = Unit("temperature_difference", unit.factor)
        if unit.quantity == "energy":
            return (*self._energy(name, unit, source, time, values, step, said), unit_text)
        return unit.quantity, HOUSE_UNITS[unit.quantity], Scale(unit.factor, unit.offset), source, unit_text

    def _energy(
        self, name: str, unit: Unit, source: str, time: Nanoseconds, values: Floats, step: float, said: Any
    ) -> tuple[str, str, Scale, str]:
        """Energies become mean powers: those of intervals over the usual step, running totals by differences."""
        known = values[np.isfinite(values)]
        kind = said.energy if said is not None else ""
        if not kind:
            steps = np.diff(known)
            grows = (
                len(steps) > 10
                and np.mean(steps >= 0.0) > 0.98
                and known[-1] - known[0] > 20.0 * float(np.median(np.abs(steps)))
            )
            kind = "counter" if grows else "interval"
            if grows:
                self.warnings.append(
                    f"unit of '{name}': the energy only grows, so it is a running total; read as its differences"
                )
        if kind == "counter":
            return "power", "W", Scale(unit.factor, 0.0, is_counter=True), source
        if not np.isfinite(step):
            return "energy", "J", Scale(unit.factor), source
        return "power", "W", Scale(unit.factor / step), source

    def _say_guesses(self, channels: dict[str, Channel]) -> None:
        for (unit, quantity), members in self.guesses.items():
            members = [(name, evidence) for name, evidence in members if name in channels]
            if members:
                name, evidence = members[0]
                others = f" and {len(members) - 1} others" if len(members) > 1 else ""
                self.warnings.append(
                    f"unit of '{name}'{others}: no unit stated, {quantity} taken as {unit} ({evidence}); set it in the mapping"
                )


def _walls(table: Table, layout: Layout, stamps: clocks.Stamps) -> Iterator[Nanoseconds]:
    """Stamps of the table batch by batch as written, before zone and exchange."""
    for batch in table.restart():
        yield stamps._wall(layout.stamp_column(batch))[0]


def _distinct(time: Nanoseconds) -> Nanoseconds:
    return time if len(time) < 2 or (np.diff(time) > 0).all() else np.unique(time)


def _is_smooth(time: Nanoseconds) -> bool:
    """Whether stamps run one way without leaps of days."""
    steps = np.diff(time) // clocks.DAY
    return bool((steps >= -1).all() and (steps <= 27).all()) or bool((steps <= 1).all() and (steps >= -27).all())


def _jumps(days: Nanoseconds) -> int:
    """Steps of more than a day, and steps against the direction of most."""
    steps = np.diff(days)
    direction = 1 if (steps >= 0).sum() >= (steps < 0).sum() else -1
    return int((np.abs(steps) > 1).sum() + (direction * steps < 0).sum())


def _marks(count: int, places: NDArray[np.intp]) -> Floats:
    marks = np.zeros(count)
    marks[places] = 1.0
    return marks


def _odd(values: Floats, column: Any) -> Floats:
    """1 where a cell is neither number nor missing, else 0."""
    text = strings(column)
    from dcsim.logs.cells import is_missing

    empty = text.isna().to_numpy(dtype=bool)
    odd = np.isnan(values) & ~empty
    for place in np.flatnonzero(odd):
        odd[place] = not is_missing(str(text.iloc[place]))
    return odd.astype(float)


def _daylight_saving(times: Nanoseconds) -> list[str]:
    """Rules of daylight saving whose skipped hours are empty in the stamps, where two hours before and after it are not."""
    rules = {
        "the USA": ("America/New_York", 2),
        "Central Europe": ("Europe/Berlin", 2),
        "Britain": ("Europe/London", 1),
    }
    notes = []
    for place, (zone, hour) in rules.items():
        empty, seen = 0, 0
        for skipped in _spring_changes(zone, hour, int(times[0]), int(times[-1])):
            counts = [
                int(
                    np.searchsorted(times, skipped + (k + 1) * 3600 * SECOND)
                    - np.searchsorted(times, skipped + k * 3600 * SECOND)
                )
                for k in (-2, -1, 0, 1, 2)
            ]
            if min(counts[0], counts[3], counts[4]) > 0:  # the hour before may have gone with it
                seen += 1
                empty += counts[2] == 0
        if seen and empty == seen:
            notes.append(
                f"no row in the hour that daylight saving skips in {place} ({seen} of {seen} springs): set clock.zone, such as {zone}"
            )
    return notes


def _spring_changes(zone: str, hour: int, first: int, last: int) -> Iterator[int]:
    """Wall times [ns] at which the clock is put forward."""
    import datetime
    import zoneinfo

    tz = zoneinfo.ZoneInfo(zone)
    day = datetime.date.fromordinal(719_163 + first // clocks.DAY)
    end = datetime.date.fromordinal(719_163 + last // clocks.DAY)
    while day <= end:
        before, after = (datetime.datetime(day.year, day.month, day.day, h, tzinfo=tz).utcoffset() for h in (0, 12))
        if before is not None and after is not None and after > before:
            yield (day.toordinal() - 719_163) * clocks.DAY + hour * 3600 * SECOND
        day += datetime.timedelta(days=1)


def _merged_hours(times: Nanoseconds, zone: str) -> list[str]:
    """Hours that daylight saving repeats and the stamps hold once."""
    import datetime
    import zoneinfo

    tz = zoneinfo.ZoneInfo(zone)
    once = []
    day = datetime.datetime.fromtimestamp(times[0] / SECOND, tz).date()
    end = datetime.datetime.fromtimestamp(times[-1] / SECOND, tz).date()
    while day <= end:
        midnight = datetime.datetime(day.year, day.month, day.day, tzinfo=tz)
        noon = datetime.datetime(day.year, day.month, day.day, 12, tzinfo=tz)
        before, after = midnight.utcoffset(), noon.utcoffset()
        if before is not None and after is not None and after < before:
            start = int(midnight.timestamp())
            change = next(
                (
                    h
                    for h in range(12)
                    if datetime.datetime.fromtimestamp(start + (h + 1) * 3600, tz).utcoffset() != before
                ),
                None,
            )
            if change is not None:
                edges = [(start + (change + k) * 3600) * SECOND for k in (0, 1, 2)]
                counts = np.diff(np.searchsorted(times, edges))
                if (counts[0] > 0) != (counts[1] > 0):
                    once.append(f"{day} (taken as the {'first' if counts[0] else 'second'} pass)")
        day += datetime.timedelta(days=1)
    return [f"the hour that {zone} repeats stands once on {', '.join(once)}"] if once else []


def _examples(table: Table) -> str:
    return f" (such as {', '.join(shown(example, 40) for example in table.examples[:2])})" if table.examples else ""
