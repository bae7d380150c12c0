"""The plant week of the Modelica Buildings library: energy of cooling, temperatures and how the days rank.

Two runs of one plant in San Francisco in June, one with a proportional-integral reset and one with trim and respond; see
``modelica_plant``.
"""

import functools

import numpy as np

from dcsim.drivers.weather_files import load_weather
from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_plant import CONTROLS, Run, simulated
from dcsim_experiments.validation.modelica_reference import Reference, ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

STEP_S = 12.0
DAY = 86400.0
WEATHER = "USA_CA_San.Francisco.Intl.AP.724940_TMY3.epw"
MODEL = "Examples_ChillerPlant_DataCenter{}TimeControl"
TARGET = 0.05
TO_KWH = 1.0 / 3.6e6

ENERGY = Tolerance(f"{NOTES}: the week within 5 %, the target there", error=TARGET)
DAYS = Tolerance(f"{NOTES}: the week within 5 %; here the root mean square of its days as well", TARGET, cvrmse=TARGET)
RANKS = Tolerance(f"{NOTES}: days rank equally", greatest=0.0)
INTERPOLATED = Tolerance(
    "hourly values are joined by straight lines here and by a spline there: assumed to differ by 0.1 K in the root mean "
    "square",
    rmse=0.1,
)
WATER = Tolerance("assumed: as the wet bulb that it follows, 0.1 K in the mean and in the root mean square", 0.1, 0.1)
HELD = Tolerance("assumed: a loop with an integral part holds the set-point in the mean here as there", error=0.1)
SWINGING = Tolerance(
    "assumed: the reset steps every two minutes and swings about the set-point, so only means compare", error=0.2
)


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the week with both controls and the days of both."""
    run, references = simulated_week(files)
    weeks = [_week(control, references[control], run) for control in range(len(CONTROLS))]
    return [*weeks, _days(references, run)]


@functools.lru_cache(maxsize=1)
def simulated_week(files: ReferenceFolder) -> tuple[Run, list[Reference]]:
    """Simulate the week in the weather of the reference; that of one folder is kept.

    Parameters
    ----------
    files : ReferenceFolder

    Returns
    -------
    Run
    list of Reference
        In the order of ``CONTROLS``.
    """
    references = [files(MODEL.format(control.capitalize())) for control in CONTROLS]
    time = references[0].time
    count = round((time[-1] - time[0]) / STEP_S)
    weather = load_weather(files.weather(WEATHER))
    wet_bulb = weather.at(time[0] + STEP_S * np.arange(count + 1)).wet_bulb_temperature
    return simulated(time, wet_bulb, STEP_S), references


def _week(control: int, reference: Reference, run: Run) -> Case:
    """One control through the week, sampled at the reference's instants."""
    own = run.column(control)
    name = CONTROLS[control]
    # the first sample is the initial state, which the library puts at rest
    temperatures = {
        "supply_air": ("TAirSup.T", run.at["supply"][:, own], HELD if name == "continuous" else SWINGING),
        "chiller_entering_water": ("TCHWEntChi.T", run.at["chiller_entering"][:, own], WATER),
        "tower_leaving_water": ("TCWLeaTow.T", run.at["tower_leaving"][:, own], WATER),
        "wet_bulb": ("wseCon.TWetBul", run.wet_bulb, INTERPOLATED),
    }
    energies = np.diff(reference["EHVAC.y"]), np.diff(run.energy[:, own])
    return Case(
        f"plant_week_{name}",
        f"Chilled-water plant with economizer, a week in San Francisco, {name} reset",
        reference.source,
        [
            Quantity("hvac_energy_kwh", "kWh", energies[0] * TO_KWH, energies[1] * TO_KWH, ENERGY, "cooling energy"),
            *(
                Quantity(key, "degC", reference.celsius(series)[1:], values[1:], tolerance)
                for key, (series, values, tolerance) in temperatures.items()
            ),
        ],
        Axis("time", "s", reference.time[1:]),
        hour=0.5 * (reference.time[1:] + reference.time[:-1]) / 3600.0 % 24.0,
        note=_note(control, reference, run),
    )


def _note(control: int, reference: Reference, run: Run) -> str:
    """What the week comes to with other laws, and how long the chiller runs."""
    with_elements = _excess(run, reference, run.column(control, "library"))
    shares = 100.0 * run.at["has_chiller"][:, run.column(control)].mean(), 100.0 * reference["chiCon.y"].mean()
    return (
        "The coil is an ideal counterflow exchanger, sized for the duty that the library's coil of four mixed elements has at "
        "nominal flows. The chiller keeps its share of the Carnot limit where its water is warmer than its curves reach. With "
        f"elements and curves as the library has them the week differs by {with_elements:+.2%}. The chiller is on in "
        f"{shares[0]:.0f} % of the samples, in the library in {shares[1]:.0f} %. Energies are those of 6048 s each."
    )


def _excess(run: Run, reference: Reference, column: int) -> float:
    total = float(reference["EHVAC.y"][-1] - reference["EHVAC.y"][0])
    return float(run.energy[-1, column] - run.energy[0, column]) / total - 1.0


def _days(references: list[Reference], run: Run) -> Case:
    """Energy of each day, and its rank among the seven."""
    edges = run.time[0] + DAY * np.arange(8)
    quantities = []
    for control, name in enumerate(CONTROLS):
        theirs, own = (
            np.diff(np.interp(edges, run.time, energy)) * TO_KWH
            for energy in (references[control]["EHVAC.y"], run.energy[:, run.column(control)])
        )
        quantities += [
            Quantity(f"{name}_energy_kwh", "kWh", theirs, own, DAYS, f"cooling energy, {name} reset"),
            Quantity(f"{name}_rank", "-", _ranks(theirs), _ranks(own), RANKS, f"rank of the day, {name} reset"),
        ]
    return Case(
        "plant_week_days",
        "The week in San Francisco by days: cooling energy and rank",
        references[0].source,
        quantities,
        Axis("day", "-", np.arange(1.0, 8.0)),
    )


def _ranks(values: Array) -> Array:
    """One for the least, and so on."""
    return values.argsort().argsort() + 1.0
