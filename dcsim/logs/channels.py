"""From the readings of one channel, in the order of time, to a channel in the house's unit with its faults."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dcsim.errors import InputError
from dcsim.logs import faults as detect
from dcsim.logs.log import MASKS, SECOND, Channel, Fault, Samples
from dcsim.logs.mapping import ChannelRule
from dcsim.logs.store import Store
from dcsim.logs.units import QUANTITIES, Unit, doubtful_unit, find_unit, guess_unit, quantity_of, split_header

__all__ = ["Readings", "finished"]

SPARSE_SHARE = 0.5  # of a table's rows with a reading, below which a channel keeps times of its own


@dataclass
class Readings:
    """One channel as it was read."""

    name: str
    source: str  # file and column
    context: str  # name of the file, asked where the channel's name says nothing
    title: str  # header as written, with its unit
    unit: str  # of a unit row or column, "" for none
    time: NDArray[np.int64]  # (T,) strictly increasing
    values: NDArray[np.float64]  # (T,) as written, NaN for none
    time_key: str  # of the store, "" for times of this channel's own
    zero_row: NDArray[np.bool_] | None = None  # (T,)
    frozen_row: NDArray[np.bool_] | None = None
    unreadable: int = 0
    duplicates: int = 0
    conflicts: list[int] = field(default_factory=list)  # times with two different readings


class _Converted:
    """Raw values in the house's unit, and how they came to be."""

    def __init__(self, readings: Readings, rule: ChannelRule, notes: list[str]) -> None:
        name, header_unit = split_header(readings.title)
        written = rule.unit or readings.unit or header_unit
        unit = find_unit(written) if written else None
        self.source = "mapping" if rule.unit else "header"
        self.written = written
        self.doubt = ""
        values = readings.values
        title_quantity = quantity_of(name)
        if unit is None and written.lower() in ("in", "inches") and title_quantity == "pressure":
            unit, self.source = _barometer(readings, notes), "guessed"
            written = self.written = "inHg"
        if unit is None:
            guess = guess_unit(name, readings.context, values)
            if guess is not None:
                unit, self.source, self.written = find_unit(guess.unit), "guessed", guess.unit
                notes.append(f"{readings.name}: no unit stated, taken as {guess.unit}: {guess.evidence}")
            else:
                self.source = "unknown"
        elif self.source == "header":
            self.doubt = doubtful_unit(name, readings.context, unit, values)
        if unit is None:
            self.quantity, self.unit, self.values = "", written, values
            if title_quantity in ("temperature", "power", "pressure", "relative_humidity"):
                notes.append(f"{readings.name}: no unit, and the readings do not settle it; say 'unit' in the mapping")
            return
        self.quantity = unit.quantity
        if self.quantity == "fraction" and title_quantity == "relative_humidity":
            self.quantity = "relative_humidity"
        self.unit = QUANTITIES[self.quantity][0]
        self.values = unit.factor * values + unit.offset if (unit.factor, unit.offset) != (1.0, 0.0) else values
        if self.quantity == "energy":
            self._to_power(readings, notes)

    def _to_power(self, readings: Readings, notes: list[str]) -> None:
        """Energy per interval, or a meter that counts up, as mean power [W]."""
        known = np.isfinite(self.values)
        time, energy = readings.time[known], self.values[known]
        period, _ = detect.period_of(time)
        if not period > 0.0:
            return
        power = np.full(len(self.values), np.nan)
        steps = np.diff(energy)
        counts_up = len(steps) >= 8 and (steps >= 0).mean() > 0.98 and energy[-1] > 3.0 * max(float(np.median(steps)), 0.0) > 0.0
        if counts_up:
            seconds = np.diff(time) / SECOND
            # A reading belongs to the interval that begins with it; a meter that was set back says nothing of its interval.
            inside = np.where(steps >= 0, steps / seconds, np.nan)
            power[np.flatnonzero(known)[:-1]] = inside
            notes.append(f"{readings.name}: a meter that counts up; turned into the mean power of each interval")
        else:
            power[known] = energy / period
            notes.append(f"{readings.name}: energy per interval of {period:g} s, turned into mean power")
        self.values, self.quantity, self.unit = power, "power", "W"


def _barometer(readings: Readings, notes: list[str]) -> Unit | None:
    known = readings.values[np.isfinite(readings.values)]
    if len(known) and 20.0 <= np.percentile(known, 1) and np.percentile(known, 99) <= 33.0:
        notes.append(
            f"{readings.name}: unit 'in' taken as inHg: {known.min():.4g} to {known.max():.4g} inches of mercury is the air's pressure"
        )
        return find_unit("inHg")
    return None


def finished(
    readings: Readings, rule: ChannelRule, signal: str, store: Store, found: list[Fault], notes: list[str]
) -> Channel | None:
    """Convert, look for faults, and store a channel; None for one without a single reading.

    Parameters
    ----------
    readings : Readings
    rule : ChannelRule
    signal : str
    store : Store
        Takes the samples, under the channel's name.
    found : list of Fault
    notes : list of str
        Both are added to.
    """
    known = np.isfinite(readings.values)
    if not known.any():
        text = "holds text, no numbers" if readings.unreadable else "has no reading"
        notes.append(f"{readings.name}: {text}; left out")
        return None
    converted = _Converted(readings, rule, notes)
    time, values, written = readings.time, converted.values, readings.values
    rows = np.flatnonzero(known)
    time_key = readings.time_key
    if not time_key or len(rows) < SPARSE_SHARE * len(time):
        time, values, written = time[rows], values[rows], written[rows]
        rows, time_key = np.arange(len(time)), ""
        row_masks = [mask[known] if mask is not None else None for mask in (readings.zero_row, readings.frozen_row)]
    else:
        row_masks = [readings.zero_row, readings.frozen_row]
    examined = _Examined(readings.name, time, values, written, converted.quantity, rule, found)
    reason = examined.look(*row_masks)
    if converted.doubt:
        examined.report("doubtful_unit", np.isfinite(values), converted.doubt, False)
    if readings.unreadable:
        found.append(
            Fault(readings.name, "unreadable", readings.unreadable, (), False, f"{readings.unreadable} cells hold text instead of a number")
        )
    if readings.duplicates or readings.conflicts:
        spans = tuple((at, at) for at in readings.conflicts)
        text = f"{len(readings.conflicts)} times have different readings, the last one counts"
        text = text if readings.conflicts else f"{readings.duplicates} readings come twice and alike"
        found.append(Fault(readings.name, "duplicate", readings.duplicates + len(readings.conflicts), spans, False, text))
    key = readings.name
    store.put(f"raw/{key}", values)
    store.put(f"reason/{key}", reason)
    if not time_key:
        time_key = f"time/{key}"
        store.put(time_key, time)

    def load() -> Samples:
        return Samples(store.get(time_key), store.get(f"raw/{key}"), store.get(f"reason/{key}"))

    return Channel(
        name=readings.name,
        source=readings.source,
        quantity=converted.quantity,
        unit=converted.unit,
        unit_as_written=converted.written,
        unit_source=converted.source,
        period=examined.period,
        resolution=examined.resolution,
        load=load,
        signal=signal,
    )


class _Examined:
    """The detectors, one after the other, each on what those before it left."""

    def __init__(
        self,
        name: str,
        time: NDArray[np.int64],
        values: NDArray[np.float64],
        written: NDArray[np.float64],
        quantity: str,
        rule: ChannelRule,
        found: list[Fault],
    ) -> None:
        self.name, self.time, self.values, self.written = name, time, values, written
        self.quantity, self.found = quantity, found
        self.masked_kinds = set(MASKS) if rule.mask is None else set(rule.mask)
        unknown = self.masked_kinds - set(MASKS)
        if unknown:
            raise InputError(f"mapping: mask '{sorted(unknown)[0]}' of channel '{name}' is not known; kinds: {', '.join(MASKS[1:])}")
        self.reason = np.zeros(len(values), np.uint8)
        self.period, self.resolution = np.nan, 0.0

    def look(self, zero_row: NDArray[np.bool_] | None, frozen_row: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
        """Run the detectors and return the reason of each sample."""
        known = np.isfinite(self.values)
        self.period, is_regular = detect.period_of(self.time[known])
        self._gaps(known, is_regular)
        if zero_row is not None:
            self._mask("zero_row", zero_row & known, "all readings of the row are exactly 0")
        self._apply("sentinel", detect.sentinels(self.written[self._good]))
        self._apply("zero", detect.zeros(self.values[self._good], self.quantity))
        self._apply("impossible", detect.impossible(self.values[self._good], self.quantity))
        good = self.values[self._good]
        self.resolution = detect.resolution_of(good)
        if len(good) and self.resolution == 0.0 and np.ptp(good) == 0.0:
            if not detect.is_command(self.name) and len(good) > 1:
                text = f"always {good[0]:.6g}: a set-point, or a dead sensor"
                self.report("constant", self._good, text, False)
            return self.reason
        if frozen_row is not None:
            self._mask("padding", frozen_row & self._good, "all channels stand still: padding, or the logger hung")
        self._apply("off", detect.off(self.values[self._good], self.quantity), is_masked=False)
        # What is off stands still by its nature.
        resting = np.zeros(len(self.values), bool)
        at = np.flatnonzero(self._good)
        off = detect.off(self.values[at], self.quantity)
        if off is not None:
            resting[at[off.where]] = True
        running = self._good & ~resting
        dips, spikes = detect.dips_and_spikes(self.values[running], self.quantity)
        self._apply("dip", dips, among=running)
        self._apply("spike", spikes, among=running)
        running &= self.reason == 0
        if not detect.is_command(self.name):
            self._apply("clipped", detect.clipped(self.values[running], self.quantity), among=running)
            running &= self.reason == 0
            self._apply("stuck", self._stuck(running), among=running)
        left = self.values[self._good]
        text = detect.quantisation(left, self.resolution, self.quantity) if len(left) else ""
        if text and not detect.is_command(self.name):
            self.report("quantised", self._good, text, False)
        return self.reason

    @property
    def _good(self) -> NDArray[np.bool_]:
        return np.isfinite(self.values) & (self.reason == 0)

    def _stuck(self, running: NDArray[np.bool_]) -> detect.Finding | None:
        values = self.values[running]
        if self.quantity in ("fraction", "relative_humidity"):  # 0 and 1 are ends at which a signal may rest
            resting = (values == 0.0) | (values == 1.0)
            finding = detect.stuck(values, self.period)
            return None if finding is None or (finding.where & resting).any() else finding
        return detect.stuck(values, self.period)

    def _gaps(self, known: NDArray[np.bool_], is_regular: bool) -> None:
        gaps = detect.gaps(self.time[known], self.period, is_regular)
        if gaps:
            longest = max((after - before) / SECOND for before, after, _ in gaps)
            missing = sum(count for _, _, count in gaps)
            text = f"{len(gaps)} gaps, the longest {_span_text(longest)}; samples come every {self.period:.4g} s"
            spans = tuple((before, after) for before, after, _ in gaps)
            self.found.append(Fault(self.name, "gap", missing, spans, False, text))
        if not is_regular and known.sum() > 20:
            self.found.append(Fault(self.name, "irregular", int(known.sum()), (), False, f"samples come at no regular distance, {self.period:.4g} s in the middle"))

    def _apply(
        self, kind: str, finding: detect.Finding | None, is_masked: bool = True, among: NDArray[np.bool_] | None = None
    ) -> None:
        if finding is None:
            return
        where = np.zeros(len(self.values), bool)
        where[np.flatnonzero(self._good if among is None else among)[finding.where]] = True
        if is_masked:
            self._mask(kind, where, finding.evidence)
        else:
            self.report(kind, where, finding.evidence, False)

    def _mask(self, kind: str, where: NDArray[np.bool_], evidence: str) -> None:
        if not where.any():
            return
        is_masked = kind in self.masked_kinds
        if is_masked:
            self.reason[where & (self.reason == 0)] = MASKS.index(kind)
        self.report(kind, where, evidence, is_masked)

    def report(self, kind: str, where: NDArray[np.bool_], evidence: str, is_masked: bool) -> None:
        """Add a fault; runs of samples that only a missing one parts are one span."""
        known = np.flatnonzero(np.isfinite(self.values))
        spans = tuple((int(self.time[known[begin]]), int(self.time[known[end - 1]])) for begin, end in detect.runs(where[known]))
        self.found.append(Fault(self.name, kind, int(where.sum()), spans, is_masked, evidence))


def _span_text(seconds: float) -> str:
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:.1f} days"
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
