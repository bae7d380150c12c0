"""EnergyPlus: dcsim's own plant, described by the parameters of the reference hall, driven as a run of EnergyPlus was.

Driven by: weather (with sun and wind for the envelope), load, set-points of supply air, zone, chilled and condenser water, and equipment
that stood still. From the run's first row comes what a hall starts with: the humidity of its air, which nothing changes later, and the
site's pressure, by which EnergyPlus sizes air flows. Everything else is computed. No constant is fitted.
"""

from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dcsim.engines import make_engine
from dcsim.physics import coil, moist_air
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.description import HallDescription, load_hall
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim_experiments.validation.energyplus_reference import EnergyPlusRun, read_run, reference_files
from dcsim_experiments.validation.results import Axis, Case, NoDataError, Quantity, Tolerance

Array = np.ndarray

FOLDER = "energyplus_ref"
SUBSTEP_S = 15.0
PIECE_S = 600.0  # longest control step; a shorter interval is one step
J_PER_KWH = 3.6e6

# of the model file
CRAH_VOLUME_FLOW, COIL_VOLUME_FLOW = 36.0, 32.0  # m3/s, fan and rating of the coil
COIL_AIR, COIL_WATER, COIL_HUMIDITY = (
    (33.0, 20.0),
    10.0,
    0.0075,
)  # rating: entering and leaving air, entering water, kg/kg
FILM_RATIO = 3.3  # water film over air film at the rating, EnergyPlus Engineering Reference, simple water coil
WALLS, ROOF = 113.0, 41.0  # W/K
ABSORPTANCE, SKY_LOSS = 0.7, 60.0  # of the sun; W/m2 of a roof to a clear sky

ENERGY = Tolerance("agreement asked for: 1 % over the run", error=0.01)
POWER = Tolerance("agreement asked for: hourly CV(RMSE) 3 %; ASHRAE Guideline 14 allows 30 %", cvrmse=0.03)
TEMPERATURE = Tolerance("agreement asked for: 0.3 K RMSE", rmse=0.3)
IT = Tolerance("agreement asked for: 1 % over the run", error=0.01)


def cases(data: Path | None) -> list[Case]:
    """Return a case for each run in the data folder, or for runs made now if there is none.

    Parameters
    ----------
    data : Path or None
        Folder that holds ``energyplus_ref``.

    Raises
    ------
    NoDataError
        If neither runs nor the engine are there.
    """
    if data is None:
        from dcsim_experiments.validation import energyplus_live

        if not energyplus_live.is_available():
            raise NoDataError("energyplus: needs --data DIR or the engine: pip install 'dcsim[validation]'")
        return [compared(energyplus_live.run_live(energyplus_live.LiveCase()))]
    files = reference_files(data / FOLDER)
    if not files:
        raise NoDataError(f"energyplus: {data / FOLDER} holds no crah_chw_CASE_STEP.csv.gz")
    return [compared(read_run(path)) for path in files]


def hall_of(run: EnergyPlusRun) -> HallDescription:
    """Describe the reference hall at the site of a run."""
    with resources.as_file(resources.files(__package__) / "energyplus_hall.yaml") as path:
        base = load_hall(path)
    density = run.site_pressure / (287.0 * 293.15)
    saturated = float(moist_air.saturation_humidity_ratio(run.supply_air_temperature_setpoint[0], run.site_pressure))
    humidity_ratio = min(float(run.zone_humidity_ratio[0]), saturated)
    conductance, share = coil_rating(density)
    return base.replaced(
        {
            "crahs.mass_flow": CRAH_VOLUME_FLOW * density,
            "room.air_specific_heat": float(moist_air.specific_heat(humidity_ratio)),
            "coils.conductance": conductance,
            "coils.air_resistance_share": share,
            "coils.air_humidity_ratio": humidity_ratio,
        }
    )


def coil_rating(density: float) -> tuple[float, float]:
    """Conductance of the coil [W/K] at the fan's full flow, and the air film's share of its resistance.

    EnergyPlus sizes the coil by its rating at the site, at a smaller air flow; the air film is carried to the full one.
    """
    air = COIL_VOLUME_FLOW * density * float(moist_air.specific_heat(COIL_HUMIDITY))
    water = WATER_SPECIFIC_HEAT * 10.3489
    smaller, larger = min(air, water), max(air, water)
    effectiveness = air * (COIL_AIR[0] - COIL_AIR[1]) / (smaller * (COIL_AIR[0] - COIL_WATER))
    rated = float(coil.counterflow_conductance(smaller, smaller / larger, effectiveness))
    air_film = rated * (1.0 + FILM_RATIO) / FILM_RATIO * (CRAH_VOLUME_FLOW / COIL_VOLUME_FLOW) ** coil.AIR_EXPONENT
    water_film = rated * (1.0 + FILM_RATIO)
    conductance = 1.0 / (1.0 / air_film + 1.0 / water_film)
    return conductance, conductance / air_film


def sol_air_excess(run: EnergyPlusRun) -> Array:
    """Sol-air temperature of walls and roof above the dry bulb [K], shape (T,), weighted with their conductances.

    The sun's height is not among a run's columns; half of the direct radiation is taken for what reaches a horizontal plane, and four tenths
    of a fourth for a wall. The envelope lets in about one hundredth of the room's heat, so that a tenth of it does not matter.
    """
    film = 6.0 + 2.4 * np.maximum(run.wind_speed, 0.0)
    direct, diffuse = run.direct_normal_irradiance, run.diffuse_horizontal_irradiance
    horizontal = 0.5 * direct + diffuse
    wall = 0.25 * direct + 0.5 * diffuse + 0.1 * horizontal
    gain = WALLS * ABSORPTANCE * wall + ROOF * (ABSORPTANCE * horizontal - SKY_LOSS)
    return gain / film / (WALLS + ROOF)


class Piece(NamedTuple):
    """A part of an interval in which nothing switches."""

    length: float  # s
    fan: float  # 1: runs
    chiller: float


def pieces(run: EnergyPlusRun) -> list[list[Piece]]:
    """Cut each interval where fan or chiller start or stop.

    A mean flow below the least says for what share of the interval the machine ran: its first or last part, by what the neighbors show.
    """
    least = 9.0 * run.site_pressure / (287.0 * 293.15)
    fan = np.where(run.is_fan_off, np.clip(run.supply_air_mass_flow / least, 0.0, 1.0), 1.0)
    chiller = np.where(run.is_chiller_off, np.clip(run.condenser_water_mass_flow / 19.238, 0.0, 1.0), 1.0)
    result = []
    for i in range(len(fan)):
        marks = {0.0, 1.0}
        running = []
        for share in (fan, chiller):
            runs_first = i == 0 or share[i - 1] > 0.0
            first, last = (0.0, share[i]) if runs_first else (1.0 - share[i], 1.0)
            running.append((first, last))
            marks |= {first, last}
        cuts = sorted(marks)
        parts = []
        for start, end in zip(cuts[:-1], cuts[1:], strict=True):
            middle, length = 0.5 * (start + end), (end - start) * run.time_step
            if length < 1.0:
                continue
            is_on = [float(first < middle < last) for first, last in running]
            count = int(np.ceil(length / PIECE_S))
            parts += [Piece(length / count, *is_on)] * count
        result.append(parts)
    return result


ENERGIES = (
    "crah_fan_energy",
    "chiller_energy",
    "chilled_water_pump_energy",
    "condenser_water_pump_energy",
    "tower_fan_energy",
    "it_energy",
    "electrical_loss_energy",
)
MEANS = (
    "supply_air_temperature",
    "hot_air_temperature",
    "chilled_water_supply_temperature",
    "chilled_water_return_temperature",
    "condenser_water_supply_temperature",
)


def simulated(run: EnergyPlusRun) -> dict[str, Array]:
    """Run dcsim's plant; energies [J] and mean temperatures [degC] of each interval, shape (T,)."""
    hall = build_hall(hall_of(run))
    engine = make_engine("fused", hall_model(hall), hall.params)
    inputs = _inputs(hall, run)
    rows = engine.state_slices
    energies, means = ([rows[name].start for name in names] for names in (ENERGIES, MEANS))
    fan, chiller = engine.input_slices["crah_available"].start, engine.input_slices["chiller_available"].start
    flow, pump = (engine.input_slices[name].start for name in ("condenser_water_flow", "chilled_water_pump_speed"))
    state = rested(engine, hall, cold_state(hall, 1, 20.0, 10.0), inputs[0].copy(), 10, 600.0, 40)
    found = np.zeros((len(inputs), len(ENERGIES) + len(MEANS)))
    for i, parts in enumerate(pieces(run)):
        u = inputs[i].copy()
        for piece in parts:
            u[fan], u[chiller] = piece.fan, piece.chiller * piece.fan
            u[pump] = max(piece.fan, 0.01)  # without air through the coil EnergyPlus stops the plant
            u[flow] = max(piece.chiller * piece.fan, 0.01)
            before = state[means, 0]
            substeps = max(2, int(np.ceil(piece.length / SUBSTEP_S)))
            state = engine.step(state, u, piece.length, substeps=substeps)
            found[i, : len(ENERGIES)] += state[energies, 0]
            found[i, len(ENERGIES) :] += 0.5 * (before + state[means, 0]) * piece.length / run.time_step
    return dict(zip((*ENERGIES, *MEANS), found.T, strict=True))


def _inputs(hall: Hall, run: EnergyPlusRun) -> list[Array]:
    values: dict[str, Any] = {
        "supply_air_setpoint": run.supply_air_temperature_setpoint,
        "crah_fan_speed": 9.0 / CRAH_VOLUME_FLOW,
        "return_air_setpoint": run.zone_temperature_setpoint,
        "chilled_water_setpoint": run.chilled_water_temperature_setpoint,
        "condenser_water_setpoint": run.condenser_water_temperature_setpoint,
        "chilled_water_pump_speed": 1.0,
        "condenser_water_flow": 1.0,
        "utilization": run.cpu_load,
        "dry_bulb_temperature": run.outdoor_dry_bulb_temperature,
        "wet_bulb_temperature": run.outdoor_wet_bulb_temperature,
        "outdoor_humidity_ratio": run.outdoor_humidity_ratio,
        "outdoor_pressure": run.outdoor_pressure,
        "sol_air_temperature": run.outdoor_dry_bulb_temperature + sol_air_excess(run),
        "pressure_control": 0.0,
    }
    table = packed_inputs(hall, len(run.cpu_load), values)
    return [np.ascontiguousarray(column[:, None]) for column in table.T]


def compared(run: EnergyPlusRun) -> Case:
    """Simulate a run and set it beside what EnergyPlus found."""
    found = simulated(run)
    kwh = run.time_step / J_PER_KWH
    pumps = run.chilled_water_pump_power + run.condenser_water_pump_power
    of_dcsim = {name: found[name] / J_PER_KWH for name in ENERGIES}
    of_pumps = of_dcsim["chilled_water_pump_energy"] + of_dcsim["condenser_water_pump_energy"]
    cooling = of_dcsim["crah_fan_energy"] + of_dcsim["chiller_energy"] + of_dcsim["tower_fan_energy"] + of_pumps
    quantities = [
        Quantity(f"{name}_energy_kwh", "kWh", reference * kwh, dcsim, ENERGY)
        for name, reference, dcsim in (
            ("cooling", run.cooling_power, cooling),
            ("chiller", run.chiller_power, of_dcsim["chiller_energy"]),
            ("crah_fan", run.crah_fan_power, of_dcsim["crah_fan_energy"]),
            ("pump", pumps, of_pumps),
            ("tower_fan", run.tower_fan_power, of_dcsim["tower_fan_energy"]),
            ("it", run.it_power, of_dcsim["it_energy"] + of_dcsim["electrical_loss_energy"]),
        )
    ]
    per_hour = max(1, round(3600.0 / run.time_step))
    reference, dcsim = (hourly(power, per_hour) for power in (run.cooling_power, cooling / kwh))
    quantities.append(Quantity("cooling_power", "W", reference, dcsim, POWER, "cooling power, hourly means"))
    settled = ~run.is_mixed
    for name, logged, own, counts in (
        ("supply_air_temperature", run.supply_air_temperature, "supply_air_temperature", ~run.is_fan_off),
        ("return_air_temperature", run.return_air_temperature, "hot_air_temperature", None),
        ("chilled_water_supply_temperature", run.chilled_water_supply_temperature, None, None),
        ("chilled_water_return_temperature", run.chilled_water_return_temperature, None, None),
        ("condenser_water_supply_temperature", run.tower_outlet_temperature, None, None),
    ):
        counted = settled if counts is None else settled & counts
        quantities.append(Quantity(name, "degC", logged, found[own or name], TEMPERATURE, counted=counted))
    start = run.time_end - np.timedelta64(round(run.time_step), "s")
    seconds = (start - start[0].astype("datetime64[D]")) / np.timedelta64(1, "s")
    note = (
        f"{100.0 * run.is_mixed.mean():.0f} % of the intervals mix two states, after a set-point or the load changed, and do not count for "
        "temperatures; supply air does not count while the fan stands. "
        if run.is_mixed.any() or run.is_fan_off.any()
        else ""
    )
    gap = float(np.mean(run.condenser_inlet_temperature - run.tower_outlet_temperature))
    note += (
        f"In EnergyPlus's own results the water enters the condenser {gap:+.2f} K warmer, in the mean, than it leaves the tower, with nothing "
        "between them: its plant loops stop iterating before they agree. dcsim's condenser takes the tower's water, which explains its "
        "lower chiller power where this gap is large."
    )
    return Case(
        name=run.case,
        title=f"EnergyPlus reference hall, {run.case.removeprefix('crah_chw_').replace('_', ' ')}, steps of {run.time_step / 60.0:g} min",
        source=f"EnergyPlus 25.2, {run.path.name}",
        quantities=quantities,
        axis=Axis("time", "s", run.time_s),
        hour=(seconds % 86400.0) / 3600.0,
        load=run.cpu_load,
        note=note,
    )


def hourly(values: Array, per_hour: int) -> Array:
    """Mean of each hour at all of its intervals, shape (T,)."""
    starts = np.arange(0, len(values), per_hour)
    sizes = np.diff(np.append(starts, len(values)))
    return np.repeat(np.add.reduceat(values, starts) / sizes, sizes)
