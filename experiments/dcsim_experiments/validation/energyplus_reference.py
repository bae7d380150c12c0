"""Reading of EnergyPlus runs of the reference hall: a CRAH, a chiller and a cooling tower behind 350 kW of servers.

A run is one file ``crah_chw_<case>_<step>.csv.gz`` with the columns of `COLUMNS`; the step is ``hourly``, ``10min``,
``5min`` or ``1min``. The first column is the end of the interval in local standard time. Powers, flows, temperatures and
set-points are means over the interval, water volumes are sums over it. `energyplus_live` writes the same columns, so that
one reader serves stored and live runs.
"""

import gzip
import re
import zlib
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcsim.drivers.messages import place
from dcsim.errors import InputError, shown

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIME_COLUMN = "time_end_local_std"
STEPS = {"hourly": 3600.0, "10min": 600.0, "5min": 300.0, "1min": 60.0}
"""Length of an interval [s] by the last word of the file's name."""
FILE_NAME = re.compile(rf"(crah_chw_\w+?)_({'|'.join(STEPS)})\.csv\.gz")
ROWS_MIN = 2


class Column(NamedTuple):
    """What a column of a file is called, and what its numbers can be."""

    name: str
    low: float
    high: float


# Wide enough for every hall of this size in every climate, narrow enough to notice kelvin, kilowatts, liters per second.
_TEMPERATURE = (-90.0, 205.0)  # EnergyPlus stops when the room reaches 200 °C
_POWER = (-1.0, 5e6)
_FLOW = (-1e-6, 500.0)
_HEAT = (-5e6, 5e6)
_HUMIDITY_RATIO = (0.0, 0.1)
_PERCENT = (0.0, 100.5)
_RATIO = (-0.01, 20.0)
_VOLUME = (-1e-6, 50.0)

COLUMNS: dict[str, Column] = {
    "outdoor_dry_bulb_temperature": Column("T_oa_db_C", *_TEMPERATURE),
    "outdoor_wet_bulb_temperature": Column("T_oa_wb_C", *_TEMPERATURE),
    "outdoor_dew_point_temperature": Column("T_oa_dp_C", *_TEMPERATURE),
    "outdoor_relative_humidity": Column("RH_oa_pct", *_PERCENT),
    "outdoor_humidity_ratio": Column("W_oa_kgkg", *_HUMIDITY_RATIO),
    "outdoor_pressure": Column("P_oa_Pa", 3e4, 1.2e5),
    "wind_speed": Column("wind_ms", -1e-6, 120.0),
    "direct_normal_irradiance": Column("dni_Wm2", -1.0, 1500.0),
    "diffuse_horizontal_irradiance": Column("dhi_Wm2", -1.0, 1500.0),
    "facility_power": Column("P_facility_W", *_POWER),
    "hvac_power": Column("P_hvac_W", *_POWER),
    "building_power": Column("P_building_W", *_POWER),
    "cpu_power": Column("P_ite_cpu_W", *_POWER),
    "server_fan_power": Column("P_ite_fan_W", *_POWER),
    "ups_loss_power": Column("P_ite_ups_W", *_POWER),
    "it_heat_flow": Column("Q_ite_to_zone_W", *_HEAT),
    "server_inlet_temperature": Column("T_ite_in_C", *_TEMPERATURE),
    "server_outlet_temperature": Column("T_ite_out_C", -90.0, 1000.0),
    "server_air_mass_flow": Column("m_ite_air_kgs", *_FLOW),
    "server_inlet_relative_humidity": Column("RH_ite_in_pct", *_PERCENT),
    "supply_heat_index": Column("SHI", -20.0, 20.0),
    "zone_temperature": Column("T_zone_C", *_TEMPERATURE),
    "zone_relative_humidity": Column("RH_zone_pct", *_PERCENT),
    "zone_humidity_ratio": Column("W_zone_kgkg", *_HUMIDITY_RATIO),
    "zone_temperature_setpoint": Column("T_zone_clg_sp_C", *_TEMPERATURE),
    "zone_cooling_heat_flow": Column("Q_zone_sens_clg_W", *_HEAT),
    "envelope_heat_flow": Column("Q_surf_conv_W", *_HEAT),
    "internal_heat_flow": Column("Q_int_conv_W", *_HEAT),
    "air_storage_heat_flow": Column("Q_air_storage_W", *_HEAT),
    "supply_air_temperature": Column("T_supply_C", *_TEMPERATURE),
    "supply_air_mass_flow": Column("m_supply_kgs", *_FLOW),
    "supply_air_humidity_ratio": Column("W_supply_kgkg", *_HUMIDITY_RATIO),
    "coil_air_outlet_temperature": Column("T_coil_out_C", *_TEMPERATURE),
    "coil_air_outlet_humidity_ratio": Column("W_coil_out_kgkg", *_HUMIDITY_RATIO),
    "return_air_temperature": Column("T_return_C", *_TEMPERATURE),
    "return_air_mass_flow": Column("m_return_kgs", *_FLOW),
    "return_air_humidity_ratio": Column("W_return_kgkg", *_HUMIDITY_RATIO),
    "crah_fan_power": Column("P_fan_W", *_POWER),
    "crah_fan_temperature_rise": Column("dT_fan_K", -1.0, 50.0),
    "coil_heat_flow": Column("Q_coil_tot_W", *_HEAT),
    "coil_sensible_heat_flow": Column("Q_coil_sens_W", *_HEAT),
    "chiller_power": Column("P_chiller_W", *_POWER),
    "chiller_cop": Column("COP_chiller", -0.01, 100.0),
    "chiller_part_load_ratio": Column("PLR_chiller", *_RATIO),
    "evaporator_heat_flow": Column("Q_evap_W", *_HEAT),
    "condenser_heat_flow": Column("Q_cond_W", *_HEAT),
    "chilled_water_return_temperature": Column("T_chw_ret_C", *_TEMPERATURE),
    "chilled_water_supply_temperature": Column("T_chw_sup_C", *_TEMPERATURE),
    "chilled_water_mass_flow": Column("m_chw_kgs", *_FLOW),
    "condenser_inlet_temperature": Column("T_cw_in_C", *_TEMPERATURE),
    "condenser_outlet_temperature": Column("T_cw_out_C", *_TEMPERATURE),
    "condenser_water_mass_flow": Column("m_cw_kgs", *_FLOW),
    "tower_fan_power": Column("P_tower_fan_W", *_POWER),
    "tower_heat_flow": Column("Q_tower_W", *_HEAT),
    "tower_inlet_temperature": Column("T_tower_in_C", *_TEMPERATURE),
    "tower_outlet_temperature": Column("T_tower_out_C", *_TEMPERATURE),
    "tower_water_mass_flow": Column("m_tower_kgs", *_FLOW),
    "evaporation_volume": Column("V_tower_evap_m3", *_VOLUME),
    "makeup_water_volume": Column("V_tower_makeup_m3", *_VOLUME),
    "chilled_water_pump_power": Column("P_chw_pump_W", *_POWER),
    "chilled_water_pump_mass_flow": Column("m_chw_pump_kgs", *_FLOW),
    "condenser_water_pump_power": Column("P_cw_pump_W", *_POWER),
    "condenser_water_pump_mass_flow": Column("m_cw_pump_kgs", *_FLOW),
    "coil_water_inlet_temperature": Column("T_coil_w_in_C", *_TEMPERATURE),
    "coil_water_mass_flow": Column("m_coil_w_in_kgs", *_FLOW),
    "coil_water_outlet_temperature": Column("T_coil_w_out_C", *_TEMPERATURE),
    "supply_air_temperature_setpoint": Column("T_sat_sp_C", *_TEMPERATURE),
    "chilled_water_temperature_setpoint": Column("T_chw_sp_C", *_TEMPERATURE),
    "condenser_water_temperature_setpoint": Column("T_cw_sp_C", *_TEMPERATURE),
    "cpu_load": Column("cpu_load", -0.001, 1.5),
    "it_power": Column("P_ite_total_W", *_POWER),
    "pue": Column("PUE", 0.5, 1000.0),
    "cooling_power": Column("P_cooling_W", *_POWER),
}
"""Column of the file by field of `EnergyPlusRun`."""

# Air-flow law of the hall's servers, by which EnergyPlus turns inlet temperature and load into a flow [m³/s].
_SERVER_FLOW_NOMINAL = 28.0
_SERVER_FLOW_CURVE = (0.2, 0.4, 0.02)  # constant, per unit of load, per °C of inlet air
_CRAH_FLOW_MIN = 9.0  # m³/s of standard air
_CONDENSER_FLOW = 19.1733  # kg/s while the chiller runs


@dataclass(frozen=True)
class EnergyPlusRun:
    """One run: what drove the hall, and what EnergyPlus found. All arrays have shape (T,), one entry per interval.

    Temperatures in °C, powers and heat flows in W, mass flows in kg/s, humidity ratios in kg/kg of dry air, relative
    humidities in %, pressures in Pa, irradiances in W/m², volumes in m³ per interval, all others dimensionless.
    """

    case: str  # as in the file's name, without the step
    path: Path
    time_step: float  # length of an interval [s]
    time_end: NDArray[np.datetime64]  # end of the interval, local standard time
    outdoor_dry_bulb_temperature: Floats
    outdoor_wet_bulb_temperature: Floats
    outdoor_dew_point_temperature: Floats
    outdoor_relative_humidity: Floats
    outdoor_humidity_ratio: Floats
    outdoor_pressure: Floats
    wind_speed: Floats
    direct_normal_irradiance: Floats
    diffuse_horizontal_irradiance: Floats
    facility_power: Floats
    hvac_power: Floats
    building_power: Floats  # all but HVAC: the IT equipment with its losses
    cpu_power: Floats  # of the servers without their fans
    server_fan_power: Floats
    ups_loss_power: Floats
    it_heat_flow: Floats  # to the room air
    server_inlet_temperature: Floats  # of the interval before: EnergyPlus computes gains first
    server_outlet_temperature: Floats
    server_air_mass_flow: Floats
    server_inlet_relative_humidity: Floats
    supply_heat_index: Floats
    zone_temperature: Floats
    zone_relative_humidity: Floats
    zone_humidity_ratio: Floats
    zone_temperature_setpoint: Floats
    zone_cooling_heat_flow: Floats
    envelope_heat_flow: Floats  # from walls, roof and floor to the room air
    internal_heat_flow: Floats
    air_storage_heat_flow: Floats
    supply_air_temperature: Floats
    supply_air_mass_flow: Floats
    supply_air_humidity_ratio: Floats
    coil_air_outlet_temperature: Floats
    coil_air_outlet_humidity_ratio: Floats
    return_air_temperature: Floats
    return_air_mass_flow: Floats
    return_air_humidity_ratio: Floats
    crah_fan_power: Floats
    crah_fan_temperature_rise: Floats
    coil_heat_flow: Floats
    coil_sensible_heat_flow: Floats
    chiller_power: Floats
    chiller_cop: Floats
    chiller_part_load_ratio: Floats
    evaporator_heat_flow: Floats
    condenser_heat_flow: Floats
    chilled_water_return_temperature: Floats  # into the evaporator
    chilled_water_supply_temperature: Floats  # out of the evaporator
    chilled_water_mass_flow: Floats
    condenser_inlet_temperature: Floats
    condenser_outlet_temperature: Floats
    condenser_water_mass_flow: Floats
    tower_fan_power: Floats
    tower_heat_flow: Floats
    tower_inlet_temperature: Floats
    tower_outlet_temperature: Floats
    tower_water_mass_flow: Floats
    evaporation_volume: Floats
    makeup_water_volume: Floats
    chilled_water_pump_power: Floats
    chilled_water_pump_mass_flow: Floats
    condenser_water_pump_power: Floats
    condenser_water_pump_mass_flow: Floats
    coil_water_inlet_temperature: Floats
    coil_water_mass_flow: Floats
    coil_water_outlet_temperature: Floats
    supply_air_temperature_setpoint: Floats
    chilled_water_temperature_setpoint: Floats
    condenser_water_temperature_setpoint: Floats
    cpu_load: Floats
    it_power: Floats  # with fans and UPS losses
    pue: Floats
    cooling_power: Floats  # CRAH fan, chiller, tower fan and pumps

    @property
    def time_s(self) -> Floats:
        """Seconds from the start of the first interval to the end of each, shape (T,)."""
        return (self.time_end - self.time_end[0]) / np.timedelta64(1, "s") + self.time_step

    @property
    def site_pressure(self) -> float:
        """Standard pressure at the elevation of the site [Pa], with which EnergyPlus turns volume into mass flows.

        Notes
        -----
        No column holds it. The flow of the servers does: it is their volume flow, known by their load and inlet
        temperature, times the density of the inlet air at this pressure (InternalHeatGains, Engineering Reference).
        Averages over an interval of changing load blur it, so the median counts.
        """
        constant, per_load, per_degree = _SERVER_FLOW_CURVE
        inlet = self.server_inlet_temperature
        volume_flow = _SERVER_FLOW_NOMINAL * (constant + per_load * self.cpu_load + per_degree * inlet)
        density = self.server_air_mass_flow / volume_flow
        return float(np.median(density * 287.0 * (inlet + 273.15) * (1.0 + 1.6077687 * self.supply_air_humidity_ratio)))

    @property
    def is_fan_off(self) -> Bools:
        """Intervals in which the CRAH fan stood still for a part of the time or all of it, shape (T,).

        Notes
        -----
        While it runs, the terminal lets through no less than a quarter of 36 m³/s of standard air.
        """
        least = _CRAH_FLOW_MIN * self.site_pressure / (287.0 * 293.15)
        return (self.supply_air_mass_flow < 0.995 * least) | (self.fan_off_share > 0.0)

    @property
    def is_chiller_off(self) -> Bools:
        """Intervals in which the chiller stood still for a part of the time or all of it, shape (T,).

        Notes
        -----
        Its condenser takes the same flow whenever it runs.
        """
        return self.condenser_water_mass_flow < 0.995 * _CONDENSER_FLOW

    @property
    def chiller_off_share(self) -> Floats:
        """Share of each interval for which the chiller was switched off while air and water went on, shape (T,).

        Notes
        -----
        Its condenser takes the same flow whenever it runs, and the chilled water passes the bypass while it does not.
        """
        return np.where(self.chilled_water_pump_mass_flow - self.chilled_water_mass_flow > 0.01, self._off_share, 0.0)

    @property
    def fan_off_share(self) -> Floats:
        """Share of each interval for which the CRAH fan stood still, shape (T,): the whole plant stops with it."""
        return self._off_share - self.chiller_off_share

    @property
    def _off_share(self) -> Floats:
        share = 1.0 - np.clip(self.condenser_water_mass_flow / _CONDENSER_FLOW, 0.0, 1.0)
        return np.where(share > 0.005, share, 0.0)

    @property
    def is_mixed(self) -> Bools:
        """Intervals that mix two states, shape (T,): those in which a set-point or the load changed, and the next ones.

        EnergyPlus computes the servers with the supply air of the step before, and shortens its own steps after a change.
        Of runs with hourly means no interval counts as mixed.
        """
        changed = np.zeros(len(self.time_end), dtype=np.bool_)
        if self.time_step >= 3600.0:
            return changed
        for name in (
            "supply_air_temperature_setpoint",
            "zone_temperature_setpoint",
            "chilled_water_temperature_setpoint",
            "cpu_load",
        ):
            changed[1:] |= np.abs(np.diff(getattr(self, name))) > 1e-9
        # A condenser-water set-point that follows the wet bulb moves all the time, but by less than this.
        changed[1:] |= np.abs(np.diff(self.condenser_water_temperature_setpoint)) > 0.5
        return changed | np.concatenate([[False], changed[:-1]])


def reference_files(folder: Path | str) -> list[Path]:
    """Find the runs in a folder.

    Parameters
    ----------
    folder : Path or str

    Returns
    -------
    list of Path
        Files named ``crah_chw_<case>_<step>.csv.gz``, by name.
    """
    return sorted(path for path in Path(folder).glob("crah_chw_*.csv.gz") if FILE_NAME.fullmatch(path.name))


def read_run(path: Path | str) -> EnergyPlusRun:
    """Read one run.

    Parameters
    ----------
    path : Path or str
        File whose name says case and step.

    Returns
    -------
    EnergyPlusRun

    Raises
    ------
    InputError
        With one line that names the file, the place in it and the remedy: an unknown name, a damaged or truncated file,
        a missing column or one of another unit, a value that is missing or impossible, a clock that skips or does not
        fit the step.
    """
    path = Path(path)
    name = FILE_NAME.fullmatch(path.name)
    if name is None:
        raise InputError(
            f"{place(path)}: the name does not say case and step; expected crah_chw_CASE_STEP.csv.gz with STEP one of "
            f"{', '.join(STEPS)}"
        )
    lines = _lines(path)
    header = [title.strip() for title in lines[0].split(",")]
    _check_header(path, header)
    _check_rows(path, lines, len(header))
    table = pd.read_csv(StringIO("\n".join(lines)), names=header, skiprows=1, dtype=str, keep_default_na=False)
    time_end = _times(path, table[TIME_COLUMN], STEPS[name[2]])
    values = {field: _numbers(path, table[column.name], column) for field, column in COLUMNS.items()}
    return EnergyPlusRun(case=name[1], path=path, time_step=STEPS[name[2]], time_end=time_end, **values)


def _lines(path: Path) -> list[str]:
    """Lines of the unpacked file; the header and at least `ROWS_MIN` rows."""
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{place(path)}: no such file") from None
    except EOFError:
        raise InputError(f"{place(path)}: the file is truncated; copy it again") from None
    except (OSError, zlib.error) as error:
        raise InputError(f"{place(path)}: cannot be unpacked ({error}); copy it again") from None
    except UnicodeDecodeError:
        raise InputError(f"{place(path)}: not a text file in UTF-8") from None
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) < 1 + ROWS_MIN:
        raise InputError(f"{place(path)}: {max(len(lines) - 1, 0)} rows; a run has at least {ROWS_MIN}")
    return lines


def _check_header(path: Path, header: list[str]) -> None:
    """Refuse a header that lacks a column, has one twice or in another unit."""
    repeated = sorted({title for title in header if header.count(title) > 1})
    if repeated:
        raise InputError(f"{place(path, 1, repeated[0])}: the column appears twice; take one out")
    expected = (TIME_COLUMN, *(column.name for column in COLUMNS.values()))
    missing = [title for title in expected if title not in header]
    if not missing:
        return
    stem = missing[0].rpartition("_")[0]
    other_unit = [title for title in header if stem and title.rpartition("_")[0] == stem and title not in expected]
    if other_unit:
        raise InputError(f"{place(path, 1, other_unit[0])}: unit not understood; expected {missing[0]}")
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise InputError(f"{place(path, 1)}: no column {missing[0]!r}{more}; expected {', '.join(missing[:8])}")


def _check_rows(path: Path, lines: list[str], columns: int) -> None:
    """Refuse a row of another length; the last one is where a cut file ends."""
    for number, line in enumerate(lines[1:], start=2):
        if line.count(",") + 1 != columns:
            cut = "; the file seems truncated" if number == len(lines) else ""
            raise InputError(f"{place(path, number)}: {line.count(',') + 1} fields, expected {columns}{cut}")


def _times(path: Path, texts: "pd.Series[str]", step: float) -> NDArray[np.datetime64]:
    """Ends of the intervals, checked to lie one step apart."""
    times = pd.to_datetime(texts, format="%Y-%m-%d %H:%M:%S", errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        raise InputError(
            f"{place(path, row + 2, TIME_COLUMN)}: {shown(texts.iloc[row])} is not a time; expected one such as "
            "2017-01-31 23:00:00"
        )
    ends = times.to_numpy(dtype="datetime64[s]")
    distances = np.diff(ends) / np.timedelta64(1, "s")
    wrong = np.flatnonzero(distances != step)
    if len(wrong):
        row = int(wrong[0]) + 1
        raise InputError(
            f"{place(path, row + 2, TIME_COLUMN)}: {distances[row - 1]:g} s after the row before; the name of the file says "
            f"{step:g} s"
        )
    return np.asarray(ends)


def _numbers(path: Path, texts: "pd.Series[str]", column: Column) -> Floats:
    """Values of a column, all of them finite and possible."""
    values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        row = int(wrong[0])
        text = texts.iloc[row].strip()
        what = "no value" if text.lower() in ("", "nan", "na", "null", "none") else f"{shown(text)} is not a number"
        raise InputError(f"{place(path, row + 2, column.name)}: {what}; every interval needs one")
    wrong = np.flatnonzero((values < column.low) | (values > column.high))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{place(path, row + 2, column.name)}: {values[row]:g} is not within {column.low:g} to {column.high:g}; is the "
            "unit as the name of the column says?"
        )
    return values


_FIELDS = {field.name for field in fields(EnergyPlusRun)}
if set(COLUMNS) != _FIELDS - {"case", "path", "time_step", "time_end"}:
    raise AssertionError("COLUMNS and EnergyPlusRun do not list the same fields")
