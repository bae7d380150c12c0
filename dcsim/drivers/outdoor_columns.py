"""From the columns of a weather file to dry bulb, humidity ratio and pressure; shared by all readers of weather."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.messages import place
from dcsim.drivers.tables import fill_missing
from dcsim.drivers.units import Quantity
from dcsim.errors import InputError
from dcsim.physics import moist_air

__all__ = ["QUANTITIES", "moist_columns"]

#: What a weather file may hold. Believable ranges are those of the EPW data dictionary (EnergyPlus, Auxiliary
#: Programs).
QUANTITIES = {
    "dry_bulb": Quantity(
        "temperature", ("dry_bulb_temperature", "drybulb", "temp_air", "outdoor_air_temperature"), -70.0, 70.0
    ),
    "relative_humidity": Quantity("fraction", ("rh", "relhum", "outdoor_air_relative_humidity"), 0.0, 1.1),
    "dew_point": Quantity("temperature", ("dew_point_temperature", "dewpoint", "temp_dew"), -70.0, 70.0),
    "humidity_ratio": Quantity("humidity_ratio", ("outdoor_air_humidity_ratio",), 0.0, 0.1),
    "pressure": Quantity("pressure", ("station_pressure", "atmospheric_pressure"), 31_000.0, 120_000.0),
}

_HUMIDITIES = ("humidity_ratio", "relative_humidity", "dew_point")


def moist_columns(
    path: Path,
    lines: NDArray[np.int64],
    columns: Mapping[str, NDArray[np.float64]],
    labels: Mapping[str, str],
    hours_per_row: float,
    fill_gaps_hours: float,
    elevation: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return dry bulb [degC], humidity ratio [kg/kg] and pressure [Pa] without missing values.

    Parameters
    ----------
    path : Path
        File, for messages.
    lines : ndarray, shape (M,)
        Line number of each row, for messages.
    columns : mapping of str to ndarray, shape (M,)
        Columns named as in `QUANTITIES`, canonical units, NaN where missing. Dry bulb and one humidity are needed; of
        several humidities the first of humidity ratio, relative humidity and dew point counts and the others stand in
        where it is missing. Without a pressure that of the standard atmosphere at the elevation is taken.
    labels : mapping of str to str
        The columns' names in the file, for messages.
    hours_per_row : float
        Spacing of the rows [h].
    fill_gaps_hours : float
        Longest gap [h] that may be filled.
    elevation : float
        Height above the sea [m].

    Raises
    ------
    InputError
        If a needed column or value is missing.
    """
    if "dry_bulb" not in columns:
        raise InputError(f"{place(path)}: no column 'dry_bulb [degC]'")
    present = [name for name in _HUMIDITIES if name in columns]
    if not present:
        raise InputError(
            f"{place(path)}: no humidity column, one of 'relative_humidity [%]', 'dew_point [degC]', "
            "'humidity_ratio [kg/kg]' is needed"
        )

    def filled(name: str) -> NDArray[np.float64]:
        return fill_missing(path, labels[name], columns[name], lines, hours_per_row, fill_gaps_hours)

    dry_bulb = filled("dry_bulb")
    standard_pressure = float(moist_air.standard_pressure(elevation))
    pressure = filled("pressure") if "pressure" in columns else np.full(len(dry_bulb), standard_pressure)
    humidity_ratio = np.full(len(dry_bulb), np.nan)
    for name in present:
        values = columns[name]
        if name == "relative_humidity":
            values = moist_air.humidity_ratio(dry_bulb, np.minimum(values, 1.0), pressure)
        elif name == "dew_point":
            # Rounding may lift the dew point of fog above the dry bulb.
            values = moist_air.humidity_ratio_from_dew_point(np.minimum(values, dry_bulb), pressure)
        humidity_ratio = np.where(np.isnan(humidity_ratio), values, humidity_ratio)
    humidity_ratio = fill_missing(path, labels[present[0]], humidity_ratio, lines, hours_per_row, fill_gaps_hours)
    return dry_bulb, humidity_ratio, pressure
