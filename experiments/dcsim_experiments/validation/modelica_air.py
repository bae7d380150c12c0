"""Moist air and weather against the psychrometrics of the Modelica Buildings library.

The library takes saturation pressures from two sources: its wet bulb and its relative humidity from short formulas after
Wagner et al., its dew point from Hyland and Wexler's equation, which is dcsim's too. Its humidities are per kilogram of
moist air.
"""

from dcsim.drivers.weather_files import load_weather
from dcsim.physics import moist_air, saturation
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim_experiments.validation.modelica_reference import Reference, ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

WEATHER = "USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw"
NOTES = "notes kept with the reference results"
SHORT_FORMULA = (
    "the library's short saturation formula differs from Hyland and Wexler's by up to 0.1 % from -40 to 60 degC"
)
SATURATION_RANGE = (-40.0, 60.0)  # degC, of outdoor air and of halls


def per_dry_air(moist_fraction: Array) -> Array:
    """Humidity ratio [kg/kg dry air] of a mass fraction of moist air."""
    return moist_fraction / (1.0 - moist_fraction)


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the cases of moist air and weather."""
    return [wet_bulb(files), saturation_pressure(files), dew_point(files), relative_humidity(files), weather(files)]


def wet_bulb(files: ReferenceFolder) -> Case:
    """Wet bulb of air at 29.4 degC from dry to saturated, and along a path of rising temperature and falling humidity."""
    by_humidity = files("Utilities_Psychrometrics_Examples_TWetBul_TDryBulPhi")
    share = _share(by_humidity)
    along = moist_air.wet_bulb_temperature(
        29.4, moist_air.humidity_ratio(29.4, share, STANDARD_PRESSURE), STANDARD_PRESSURE
    )
    by_path = files("Utilities_Psychrometrics_Examples_TWetBul_TDryBulXi")
    path = _share(by_path)
    ratio = per_dry_air(0.0175 - 0.0042 * path)
    tolerance = Tolerance(f"{NOTES}: 0.0056 K", greatest=0.0056)
    return Case(
        "wet_bulb",
        "Wet bulb: air of 29.4 °C at any humidity, and air of 30 to 40 °C",
        by_humidity.source,
        [
            Quantity(
                "wet_bulb_of_humidity",
                "degC",
                by_humidity.celsius("wetBulPhi.TWetBul"),
                along,
                tolerance,
                "wet bulb at 29.4 °C",
            ),
            Quantity(
                "wet_bulb_of_path",
                "degC",
                by_path.celsius("wetBul.TWetBul"),
                moist_air.wet_bulb_temperature(30.0 + 10.0 * path, ratio, STANDARD_PRESSURE),
                tolerance,
                "wet bulb, 30 to 40 °C",
            ),
        ],
        Axis("share of the sweep", "-", share),
    )


def saturation_pressure(files: ReferenceFolder) -> Case:
    """Saturation pressure over ice and water."""
    reference = files("Utilities_Psychrometrics_Functions_Examples_SaturationPressure")
    temperature = 190.0 + _share(reference) * (373.16 - 190.0) - 273.15
    inside = (temperature >= SATURATION_RANGE[0]) & (temperature <= SATURATION_RANGE[1])
    return Case(
        "saturation_pressure",
        "Saturation pressure over ice and water, -40 to 60 °C",
        reference.source,
        [
            Quantity(
                "saturation_pressure",
                "Pa",
                reference["pSat"][inside],
                saturation.saturation_pressure(temperature[inside]),
                Tolerance(SHORT_FORMULA, cvrmse=1e-3),
            )
        ],
        Axis("temperature", "degC", temperature[inside]),
        note="The library's formulas reach from -83 to 100 degC, beyond what halls and weather need; above 60 degC the short one "
        "is up to 1 % too high (101.4 kPa at the boiling point 99.97 degC becomes 102.3).",
    )


def dew_point(files: ReferenceFolder) -> Case:
    """Dew point of humid air, and vapour pressure turned back into a dew point."""
    mixture = files("Utilities_Psychrometrics_Examples_DewPointTemperature")
    humidity = per_dry_air(mixture["humRat.X_w"])
    pure = files("Utilities_Psychrometrics_Functions_Examples_pW_TDewPoi")
    vapor_pressure = saturation.saturation_pressure(pure.celsius("T"))
    tolerance = Tolerance(
        "one equation, of which the library rounds the first coefficient by 5e-3 (3e-4 K) and the ratio of molar masses by "
        "6e-5 (9e-4 K)",
        greatest=1.2e-3,
    )
    return Case(
        "dew_point",
        "Dew point of air that holds 1 to 10 % of water, and vapour pressure from 0 to 100 °C",
        mixture.source,
        [
            Quantity(
                "dew_point",
                "degC",
                mixture.celsius("TDewPoi.T"),
                moist_air.dew_point_temperature(humidity, STANDARD_PRESSURE),
                tolerance,
            ),
            Quantity(
                "vapor_pressure",
                "Pa",
                pure["p_w"],
                vapor_pressure,
                Tolerance("the same equation; the rounded coefficient makes 2e-5", cvrmse=4e-5),
            ),
        ],
        Axis("share of the sweep", "-", _share(mixture)),
    )


def relative_humidity(files: ReferenceFolder) -> Case:
    """Relative humidity and density of air of a known water content."""
    humidity = files("Utilities_Psychrometrics_Functions_Examples_phi_pTX")
    density = files("Utilities_Psychrometrics_Functions_Examples_Density_pTX")
    return Case(
        "humid_air",
        "Relative humidity and density of air of 20 to 25 °C",
        humidity.source,
        [
            Quantity(
                "relative_humidity",
                "-",
                humidity["phi"],
                moist_air.relative_humidity(humidity.celsius("T"), per_dry_air(humidity["X_w"]), STANDARD_PRESSURE),
                Tolerance(SHORT_FORMULA, greatest=1e-3),
            ),
            Quantity(
                "density",
                "kg/m3",
                density["d"],
                moist_air.density(density.celsius("T"), per_dry_air(density["X_w"]), STANDARD_PRESSURE),
                Tolerance(
                    "gas constants of dry air of 287.051 and 287.042 J/(kg K): 3.2e-5 of 1.2 kg/m3", greatest=5e-5
                ),
            ),
        ],
        Axis("share of the sweep", "-", _share(humidity)),
    )


def weather(files: ReferenceFolder) -> Case:
    """Outdoor air at each midnight of a hundred days."""
    reference = files("BoundaryConditions_WeatherData_Examples_ReaderTMY3")
    midnights = slice(1, None)  # before the first hour of the file the library holds its value, here the year wraps
    time = reference.time[midnights]
    outdoor = load_weather(files.weather(WEATHER)).at(time)
    return Case(
        "weather",
        "Weather of Chicago read from its file: a hundred midnights",
        reference.source,
        [
            Quantity(
                "dry_bulb",
                "degC",
                reference.celsius("weaDat.weaBus.TDryBul")[midnights],
                outdoor.dry_bulb_temperature,
                Tolerance("a value of the file, kept in single precision", greatest=5e-5),
            )
        ],
        Axis("time", "s", time),
        note="Shows that an hour of the file stands for the same instant. Humidity is taken from the file's relative humidity, "
        "in the library from its dew point; below freezing the two of a file disagree.",
    )


def _share(reference: Reference) -> Array:
    """Time over its span, 0 to 1."""
    return (reference.time - reference.time[0]) / (reference.time[-1] - reference.time[0])
