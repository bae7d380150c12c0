"""EnergyPlus beside dcsim: energies, hourly power and temperatures of runs of the reference hall, stored or made now.

dcsim's plant (`energyplus_plant`) closes its heat balance. EnergyPlus's default iteration leaves that of the condenser water open; so chiller
and tower are also evaluated as that iteration does (`energyplus_iterate`). What bears the plain names, `chiller_energy_kwh` for instance, is
what is to be compared with the run: so evaluated where EnergyPlus left its loops open, the plant's own where it closed them. The plant's own
is reported in any case, as `chiller_closed_energy_kwh` where it differs.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from tqdm import tqdm

from dcsim_experiments.validation.energyplus_iterate import WaterSide, water_sides
from dcsim_experiments.validation.energyplus_plant import ENERGIES, HOURLY, Found, operation, simulated
from dcsim_experiments.validation.energyplus_reference import EnergyPlusRun, read_run, reference_files
from dcsim_experiments.validation.results import Axis, Case, Focus, NoDataError, Quantity, Tolerance

if TYPE_CHECKING:
    from dcsim_experiments.validation.energyplus_live import LiveCase

Array = np.ndarray
Equipment = Literal["crah_fan", "chiller"]

FOLDER = "energyplus_ref"
J_PER_KWH = 3.6e6
SHOWN_STEP_MAX = 600.0  # s
RECOVERED, RECOVERY_MAX = 0.1, 3.0 * 3600.0  # K off the set-points; s after an outage

OUTAGES: tuple[tuple[Equipment, int, int, float], ...] = (
    ("crah_fan", 3, 3, 5.0),
    ("chiller", 7, 10, 10.0),
    ("crah_fan", 11, 14, 2.0),
    ("chiller", 15, 22, 5.0),
    ("crah_fan", 19, 20, 3.0),
    ("chiller", 23, 4, 15.0),
)
"""What stands still in a month: machine, day and hour of its start, minutes."""

ENERGY = Tolerance("agreement asked for: 1 % over the run", error=0.01)
POWER = Tolerance("agreement asked for: hourly CV(RMSE) 3 %; ASHRAE Guideline 14 allows 30 %", cvrmse=0.03)
TEMPERATURE = Tolerance("agreement asked for: 0.3 K RMSE", rmse=0.3)
CLOSED = Tolerance("reported: EnergyPlus does not close the balance that this closes")
OUTSIDE = Tolerance("reported: part of the quantity of the same name")


def cases(data: Path | None, weather: Sequence[Path] = ()) -> list[Case]:
    """Return a case for each run in the data folder, or for runs made now if there is none.

    Parameters
    ----------
    data : Path or None
        Folder that holds ``energyplus_ref``.
    weather : sequence of Path
        EPW files, or names of those that come with the engine, for the runs made now; Chicago by default.

    Raises
    ------
    NoDataError
        If neither runs nor the engine are there.
    InputError
        If a run cannot be read, or the engine cannot run with the weather.
    """
    if data is None:
        return live_cases(weather)
    files = reference_files(data / FOLDER)
    if not files:
        raise NoDataError(f"energyplus: {data / FOLDER} holds no crah_chw_CASE_STEP.csv.gz")
    with tqdm(case_names(files).items(), desc="energyplus", unit="run", disable=None) as bar:
        return [compared(read_run(path), name) for path, name in bar]


def case_names(files: Sequence[Path]) -> dict[Path, str]:
    """Return the name of each file's case: without its step, unless there are several steps of it."""
    stems = [path.name.removesuffix(".csv.gz") for path in files]
    short = [stem.rpartition("_")[0] for stem in stems]
    names = [case if short.count(case) == 1 else stem for case, stem in zip(short, stems, strict=True)]
    return dict(zip(files, names, strict=True))


def live_cases(weather: Sequence[Path]) -> list[Case]:
    """Run EnergyPlus now, and compare.

    Raises
    ------
    NoDataError
        If the engine is not there.
    """
    from dcsim_experiments.validation import energyplus_live as live

    if not live.is_available():
        raise NoDataError(
            "energyplus: the engine is not installed; pip install 'dcsim[validation]', or give --data DIR with runs"
        )
    files = [live.epw_file(path) for path in weather] or [live.epw_file(None)]
    places = [live.place_of(path) for path in files]
    runs = [
        run
        for k, (path, place) in enumerate(zip(files, places, strict=True))
        for run in live_runs(path, place if places.count(place) == 1 else f"{place}_{k + 1}")
    ]
    with tqdm(runs, desc="energyplus", unit="run", disable=None) as bar:
        return [compared(live.run_live(run)) for run in bar]


def live_runs(weather: Path, place: str) -> "list[LiveCase]":
    """Return what is run for a climate.

    A year of hourly values as EnergyPlus iterates by default, one with its loops closed, and a month by the minute in which fan and chiller
    fail for minutes at several loads; the fan not for so long that the room gets hotter than the engine allows.
    """
    from dcsim_experiments.validation.energyplus_live import LiveCase, Outage

    start = date(2017, 7, 1)  # the year has no meaning
    midnight = datetime.combine(start, datetime.min.time())
    outages = tuple(
        Outage(equipment, midnight + timedelta(days=day, hours=hour), minutes)
        for equipment, day, hour, minutes in OUTAGES
    )
    return [
        LiveCase(weather, place),
        LiveCase(weather, f"{place}_closed_loops", plant_iterations_min=8),
        LiveCase(weather, f"{place}_outages", start, 30, "1min", outages=outages),
    ]


class _Signal(NamedTuple):
    """A temperature of both, and where it is that of something that flows."""

    name: str
    reference: Array
    dcsim: Array
    flows: Array


def compared(run: EnergyPlusRun, name: str = "") -> Case:
    """Simulate a run and set it beside what EnergyPlus found; the case bears the name of the run unless another is given."""
    found = simulated(run)
    iterated, closed = water_sides(run, found.params, operation(run, found))
    is_open = leaves_loops_open(run, iterated, closed)
    shift = iterated.less(closed).times(found.chiller_share * is_open)
    quantities = [*_energies(run, found, shift, is_open), *_temperatures(run, found, shift)]
    start = run.time_end - np.timedelta64(round(run.time_step), "s")
    seconds = (start - start[0].astype("datetime64[D]")) / np.timedelta64(1, "s")
    what, days = run.case.removeprefix("crah_chw_").replace("_", " "), len(run.time_end) * run.time_step / 86400.0
    return Case(
        name=name or run.case,
        title=f"EnergyPlus reference hall, {what}, {days:.4g} days in steps of {run.time_step / 60.0:g} min",
        source=f"EnergyPlus 25.2, {run.path.name}",
        quantities=quantities,
        axis=Axis("time", "s", run.time_s),
        hour=(seconds % 86400.0) / 3600.0,
        load=run.cpu_load,
        note=" ".join(_note(run, found, is_open)),
        focus=_outage(run, found),
    )


def leaves_loops_open(run: EnergyPlusRun, iterated: WaterSide, closed: WaterSide) -> bool:
    """Whether the engine passed its water loops as often as it does by default, seen from what entered its condenser.

    It is a property of the whole run, the one thing that is read from EnergyPlus's results.
    """
    counts = ~run.is_mixed & ~run.is_chiller_off & ~run.is_fan_off
    misses = [
        float(np.mean(np.abs(side.condenser_inlet_temperature - run.condenser_inlet_temperature)[counts]))
        for side in (iterated, closed)
    ]
    return misses[0] < misses[1]


def _energies(run: EnergyPlusRun, found: Found, shift: WaterSide, is_open: bool) -> list[Quantity]:
    kwh = run.time_step / J_PER_KWH
    of = {name: found.values[name] / J_PER_KWH for name in ENERGIES}
    pumps = of["chilled_water_pump_energy"] + of["condenser_water_pump_energy"]
    others = of["crah_fan_energy"] + pumps
    chiller = of["chiller_energy"] + shift.chiller_power * kwh
    tower_fan = of["tower_fan_energy"] + shift.tower_fan_power * kwh
    cooling = others + chiller + tower_fan
    rows = [
        ("cooling", run.cooling_power, cooling, ENERGY),
        ("chiller", run.chiller_power, chiller, ENERGY),
        ("crah_fan", run.crah_fan_power, of["crah_fan_energy"], ENERGY),
        ("pump", run.chilled_water_pump_power + run.condenser_water_pump_power, pumps, ENERGY),
        ("tower_fan", run.tower_fan_power, tower_fan, ENERGY),
        ("it", run.it_power, of["it_energy"] + of["electrical_loss_energy"], ENERGY),
    ]
    if is_open:
        plain = others + of["chiller_energy"] + of["tower_fan_energy"]
        rows += [
            ("cooling_closed", run.cooling_power, plain, CLOSED),
            ("chiller_closed", run.chiller_power, of["chiller_energy"], CLOSED),
            ("tower_fan_closed", run.tower_fan_power, of["tower_fan_energy"], CLOSED),
        ]
    quantities = [
        Quantity(f"{name}_energy_kwh", "kWh", power * kwh, dcsim, limit) for name, power, dcsim, limit in rows
    ]
    per_hour = max(1, round(HOURLY / run.time_step))
    reference, dcsim = (hourly(power, per_hour) for power in (run.cooling_power, cooling / kwh))
    return [*quantities, Quantity("cooling_power", "W", reference, dcsim, POWER, "cooling power, hourly means")]


def _temperatures(run: EnergyPlusRun, found: Found, shift: WaterSide) -> list[Quantity]:
    of, plant = found.values, operation(run, found)
    air, water = ~run.is_fan_off, ~run.is_fan_off & ~run.is_chiller_off
    signals = [
        _Signal("supply_air_temperature", run.supply_air_temperature, of["supply_air_temperature"], air),
        _Signal(
            "return_air_temperature",
            run.return_air_temperature,
            plant.return_air_temperature,
            air,
        ),
        _Signal(
            "chilled_water_supply_temperature",
            run.chilled_water_supply_temperature,
            found.chilled_water_leaving_temperature,
            air,
        ),
        _Signal(
            "chilled_water_return_temperature",
            run.chilled_water_return_temperature,
            of["chilled_water_return_temperature"],
            air,
        ),
        _Signal(
            "condenser_water_supply_temperature",
            run.tower_outlet_temperature,
            plant.tower_outlet_temperature + shift.tower_outlet_temperature,
            water,
        ),
        _Signal(
            "condenser_water_return_temperature",
            run.tower_inlet_temperature,
            plant.tower_inlet_temperature + shift.tower_inlet_temperature,
            water,
        ),
        _Signal(
            "condenser_entering_temperature",
            run.condenser_inlet_temperature,
            plant.basin_temperature + shift.condenser_inlet_temperature,
            water,
        ),
    ]
    settled, outside = ~run.is_mixed, ~with_recovery(run)
    quantities = [
        Quantity(name, "degC", reference, dcsim, TEMPERATURE, counted=settled & flows)
        for name, reference, dcsim, flows in signals
    ]
    if not outside.all():
        quantities += [
            Quantity(
                f"{name}_outside_outages",
                "degC",
                reference,
                dcsim,
                OUTSIDE,
                counted=settled & flows & outside,
                is_drawn=False,
            )
            for name, reference, dcsim, flows in signals
        ]
    return quantities


def with_recovery(run: EnergyPlusRun) -> Array:
    """Intervals of outages and of what follows, shape (T,).

    What follows ends when EnergyPlus's supply air and chilled water are back at their set-points and its room is no warmer than its own, or
    after three hours: a hall may stand above a set-point anyway.
    """
    off = run.is_fan_off | run.is_chiller_off
    away = (
        (np.abs(run.supply_air_temperature - run.supply_air_temperature_setpoint) > RECOVERED)
        | (np.abs(run.chilled_water_supply_temperature - run.chilled_water_temperature_setpoint) > RECOVERED)
        | (run.zone_temperature - run.zone_temperature_setpoint > RECOVERED)
    )
    result, left = np.zeros(len(off), dtype=bool), 0.0
    for i in range(len(off)):
        left = RECOVERY_MAX if off[i] else left - run.time_step if away[i] else 0.0
        result[i] = left > 0.0
    return result


def _note(run: EnergyPlusRun, found: Found, is_open: bool) -> list[str]:
    notes = []
    if run.is_mixed.any():
        notes.append(
            f"{100.0 * run.is_mixed.mean():.0f} % of the intervals mix two states, after a set-point or the load changed; "
            "they do not count for temperatures."
        )
    if run.is_fan_off.any() or run.is_chiller_off.any():
        notes.append(
            "Temperatures of what does not flow do not count: air and chilled water while the fan stands, condenser water "
            "while the chiller stands. Quantities called outside_outages leave out the "
            f"{100.0 * with_recovery(run).mean():.1f} % of the intervals in which a machine stood or the hall came back, by "
            "EnergyPlus's own temperatures, for three hours at most."
        )
    if found.plenum_heat:
        notes.append(
            "While the fan stands, EnergyPlus's return node takes the room's temperature without the heat for it; so is "
            f"dcsim's return plenum set, which brought {found.plenum_heat / J_PER_KWH:.0f} kWh of heat from nowhere over the "
            "run. Within its control steps dcsim's plant closes its balance."
        )
    gap = float(np.mean((run.condenser_inlet_temperature - run.tower_outlet_temperature)[~run.is_chiller_off]))
    if is_open:
        notes.append(
            f"EnergyPlus's condenser takes water {gap:+.2f} K off what leaves its tower, in the mean, with nothing but a mixed "
            "pipe between them. It evaluates the chiller with water that belongs to the load at the greatest air flow, with "
            "which each step of its iteration begins, and passes its loops too seldom to come back. Chiller, tower and their "
            "sum, and the condenser water, are therefore dcsim's plant evaluated in the same passes, without a fitted number; "
            "quantities with 'closed' in their names are the plant's own, whose balance closes."
        )
    else:
        notes.append(
            "EnergyPlus passed its water loops often enough to close the balance between condenser and tower, or no difference "
            "is seen; all quantities are those of dcsim's plant as it is."
        )
    notes.append(
        "EnergyPlus takes the specific heat of water at each component's own inlet, so that about 0.25 % of the coil's heat is "
        "lost on the way to the chiller; dcsim's chiller gets it."
    )
    return notes


def _outage(run: EnergyPlusRun, found: Found) -> Focus | None:
    """Return the outage after which the room of both is furthest apart, with what follows; None if there is none or rows are long."""
    off = run.is_fan_off | run.is_chiller_off
    starts = np.flatnonzero(off & ~np.concatenate([[False], off[:-1]]))
    if not len(starts) or run.time_step > SHOWN_STEP_MAX:
        return None
    seconds = run.time_s - run.time_s[0]
    apart = np.abs(found.coil_entering_temperature - run.return_air_temperature) * ~run.is_fan_off
    spans = [(seconds >= seconds[i]) & (seconds < seconds[i] + RECOVERY_MAX) for i in starts]
    worst = starts[int(np.argmax([np.sum(apart[span]) for span in spans]))]
    machine = "fan" if run.is_fan_off[worst] else "chiller"
    words = f"the {machine} stands from 0.5 h on, the outage with the greatest deviation"
    return Focus(float(seconds[worst] - 1800.0), float(seconds[worst] + RECOVERY_MAX), words)


def hourly(values: Array, per_hour: int) -> Array:
    """Mean of each hour at all of its intervals, shape (T,)."""
    starts = np.arange(0, len(values), per_hour)
    sizes = np.diff(np.append(starts, len(values)))
    return np.repeat(np.add.reduceat(values, starts) / sizes, sizes)
