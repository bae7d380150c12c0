"""Annual PUE and WUE of the built-in halls, as operated in practice, against published bands.

A year is all of its days at the environments' own step of five minutes, each day an episode of one batch; before each, three hours are
run that do not count, since an episode starts settled for other set-points. Loads are the halls' own profiles. Ratios are those of the
year's sums of energy and water.

A hall is judged as its class is operated: with constant set-points where the published fans draw what fans at full speed draw, by simple
rules where they draw what fans that follow the load draw (``Fans``). Other controllers stand beside, with the parts in which they
differ. Where one of them stands below the band, the year is run again with equipment taken from the hall that its class has not, one part
after the other until the hall stands inside, so that the report names what makes the difference. Water use is reported, not judged.
"""

import os
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from dcsim_agents import make_controller
from tqdm import tqdm

import dcsim
from dcsim.errors import InputError
from dcsim_experiments.validation.results import Case, Quantity, Tolerance

Array = np.ndarray


class Band(NamedTuple):
    """A published range.

    Attributes
    ----------
    low, high : float
    source : str
    """

    low: float
    high: float
    source: str

    def holds(self, value: float) -> bool:
        """Whether a value lies inside."""
        return bool(self.low <= value <= self.high)


ZONES = {
    "miami": "1A",
    "orlando": "2A",
    "tampa": "2A",
    "phoenix": "2B",
    "san-francisco": "3C",
    "newark": "4A",
    "washington": "4A",
    "chicago": "5A",
    "urbana": "5A",
    "boulder": "5B",
    "colorado-springs": "5B",
    "denver": "5B",
    "golden": "5B",
}
"""ASHRAE climate zones of the built-in climates for which ranges are published; none are for 3A and 3B."""

LEI = "Lei and Masanet 2022, 5th to 95th percentile"
LEI_2025 = "Lei and Masanet, dashboard of 2025, 5th to 95th percentile"
LBNL = "LBNL 2024, 10th to 90th percentile of the USA in 2023"


def _lei(system: str, ranges: Sequence[tuple[float, float]]) -> dict[str, Band]:
    """Bands by climate from ranges by zone, in the order in which the zones appear above."""
    by_zone = dict(zip(dict.fromkeys(ZONES.values()), ranges, strict=True))
    return {place: Band(*by_zone[zone], f"{LEI}, {system}, zone {zone}") for place, zone in ZONES.items()}


class Extra(NamedTuple):
    """Equipment that a hall has and halls of its class have not.

    Attributes
    ----------
    words : str
    changes : dict
        Of the hall, that take it away; as of ``HallDescription.replaced``.
    """

    words: str
    changes: dict[str, Any]


class Fans(NamedTuple):
    """Published ranges of what moves the air of a class; air at 1.2 kg/m3 and 1006 J/(kg K).

    Attributes
    ----------
    pressure : pair of float
        Of the fans [Pa].
    temperature_rise : pair of float
        Of the air across the CRAHs or CRACs [K].
    efficiency : pair of float
        Fan, belt, motor and drive together [-].
    """

    pressure: tuple[float, float]
    temperature_rise: tuple[float, float]
    efficiency: tuple[float, float] = (0.65, 0.90)

    @property
    def shares(self) -> tuple[float, float]:
        """Least and greatest power of such fans over the power they cool [-]."""
        least = self.pressure[0] / self.efficiency[1] / (1.2 * 1006.0 * self.temperature_rise[1])
        most = self.pressure[1] / self.efficiency[0] / (1.2 * 1006.0 * self.temperature_rise[0])
        return least, most


class HallBands(NamedTuple):
    """What is published for halls of a kind."""

    pue: dict[str, Band]  # by climate
    pue_stock: Band  # of the whole stock of this kind
    wue: Band  # over all climates
    operated: str  # controller by which halls of this kind are run
    fans: Fans | None  # published, where the class cools by air
    because: str  # why that controller stands for the class
    extras: tuple[Extra, ...] = ()  # beyond the class, in the order in which they are taken away


def _constant(name: str, value: float, width: float) -> dict[str, float]:
    """Changes that leave a set-point no range worth the name: so narrow a one stands for equipment that cannot move."""
    return {f"setpoints.{name}.low": value - width, f"setpoints.{name}.high": value}


SMALL_FANS, LARGE_FANS = Fans((300.0, 1000.0), (5.0, 10.0)), Fans((400.0, 600.0), (13.9, 19.4))
"""Lei and Masanet 2022: mid size and small, and large halls."""
FAN_DRIVES = Extra("drives on the fans", _constant("crah_fan_speed", 1.0, 0.001))
PUMP_DRIVES = Extra(
    "drives on the pumps",
    _constant("chilled_water_pump_speed", 1.0, 0.001) | _constant("condenser_water_flow", 1.0, 0.001),
)
WATER_RESETS = Extra(
    "resets of chilled and condenser water",  # 44 and 70 degF: the constants of the class
    _constant("chilled_water_temperature", 6.67, 0.01) | _constant("condenser_water_temperature", 21.1, 0.01),
)

BANDS = {
    "dcsim/Enterprise-v0": HallBands(
        _lei(
            "mid size, water-cooled chiller",
            [
                (1.499, 1.790),
                (1.488, 1.777),
                (1.481, 1.769),
                (1.469, 1.754),
                (1.470, 1.754),
                (1.467, 1.751),
                (1.480, 1.775),
            ],
        ),
        Band(1.55, 1.88, f"{LBNL}, mid size and colocation"),
        Band(2.34, 3.74, f"{LEI}, mid size, water-cooled chiller"),
        "fixed",
        SMALL_FANS,
        "fans at one speed draw amid what is published for the class, fans that follow the load its least or less; constant "
        "set-points go with them",
        (FAN_DRIVES, PUMP_DRIVES, WATER_RESETS),
    ),
    "dcsim/Hyperscale-v0": HallBands(
        _lei(
            "large, waterside economizer",
            [
                (1.107, 1.290),
                (1.099, 1.250),
                (1.084, 1.201),
                (1.074, 1.183),
                (1.084, 1.202),
                (1.083, 1.196),
                (1.080, 1.194),
            ],
        ),
        Band(1.16, 1.28, f"{LBNL}, hyperscale"),
        Band(1.72, 2.63, f"{LEI}, large, waterside economizer"),
        "rules",
        LARGE_FANS,
        "contained halls move the air their servers draw, as the published temperature rise says, and change modes by temperatures",
        (PUMP_DRIVES, FAN_DRIVES),
    ),
    "dcsim/LiquidAI-v0": HallBands(
        dict.fromkeys(
            ZONES, Band(1.053, 1.143, f"{LEI_2025}, direct-to-chip liquid cooling with dry coolers, all zones")
        ),
        Band(1.09, 1.19, f"{LBNL}, AI"),
        Band(0.0, 0.295, f"{LEI_2025}, direct-to-chip liquid cooling with dry coolers"),
        "rules",
        None,
        "halls of the last years: facility water floats with the outdoor air, coolant flows by the rating of the racks",
    ),
    "dcsim/Edge-v0": HallBands(
        _lei(
            "small, direct expansion",
            [
                (1.992, 2.521),
                (1.951, 2.449),
                (2.024, 2.573),
                (1.852, 2.276),
                (1.892, 2.346),
                (1.881, 2.326),
                (1.907, 2.356),
            ],
        ),
        Band(1.78, 2.12, f"{LBNL}, small"),
        Band(0.03, 0.10, f"{LEI}, small, direct expansion"),
        "fixed",
        SMALL_FANS,
        "fans at one speed draw amid what is published for the class, fans that follow the load its least or less; cold supply "
        "air goes with them",
        (FAN_DRIVES, Extra("supply air above 17 degC", _constant("supply_air_temperature", 17.0, 0.01))),
    ),
}
CONTROLLERS = ("fixed", "rules", "g36")
DAYS, FIRST_YEAR_DAY = 365, date(2023, 1, 1)
WARM_UP_HOURS = 3.0
THREADS_MAX = 4  # more share a year's days without need
SUMMED = ("it", "cooling", "facility", "thermal", "server_fan", "electrical_loss")


def days_of_year(count: int) -> list[str]:
    """ISO dates, evenly spread over the year."""
    return [str(FIRST_YEAR_DAY + timedelta(days=int(k * 365 / count))) for k in range(count)]


def year(
    env_id: str, climate: str, controller_name: str, days: Sequence[str], changes: dict[str, Any] | None = None
) -> dict[str, float]:
    """Sums over the days of a year: energies of all meters [kWh], water [L], violation [K min].

    Parameters
    ----------
    env_id, climate, controller_name : str
    days : sequence of str
        ISO dates; the load of the k-th is that of seed k.
    changes : dict, optional
        Of the hall, as of ``HallDescription.replaced``.

    Returns
    -------
    dict
        ``{name}_kwh`` for the names of ``SUMMED`` and the meters of the hall, ``water_l``, ``violation_k_min``: totals of a year of 365 days;
        ``pue``, ``wue_l_per_kwh``, ``load``.
    """
    env: Any = gym.make_vec(
        env_id,
        num_envs=len(days),
        weather=climate,
        episode_days=1.0 + WARM_UP_HOURS / 24.0,
        changes=changes,
        threads=min(os.cpu_count() or 1, THREADS_MAX),
    )
    observation, info = env.reset(seed=0, options={"start": list(days)})
    config = env.unwrapped.batch.config
    controller = make_controller(controller_name, env)
    controller.reset()
    warm_up = round(WARM_UP_HOURS * 3600.0 / config.control_interval_s)
    names = (*SUMMED, *config.hall.types.meters)
    sums = dict.fromkeys((*(f"{name}_kwh" for name in names), "water_l", "violation_k_min"), 0.0)
    for step in range(config.episode_steps):
        observation, _, terminated, _, info = env.step(controller.act(observation))
        if terminated.any():
            raise InputError(f"{env_id}: {controller_name} trips the hall in {climate}")
        if step < warm_up:
            continue
        made = info.get("final_info", info)
        hours = config.control_interval_s / 3600.0
        for name in names:
            sums[f"{name}_kwh"] += float(made[_key(name)].sum()) * hours / 1e3
        for name in ("water_l", "violation_k_min"):
            sums[name] += float(made[name].sum())
    total = {name: value * 365.0 / len(days) for name, value in sums.items()}
    total["pue"] = total["facility_kwh"] / total["it_kwh"]
    total["wue_l_per_kwh"] = total["water_l"] / total["it_kwh"]
    total["load"] = total["it_kwh"] / (8760.0 * config.hall.design_it_power / 1e3)
    env.close()
    return total


def _key(name: str) -> str:
    """Key of a power in ``info``."""
    return f"{name}_w" if name == "electrical_loss" else f"{name}_power_w"


def verdict(value: float, band: Band) -> str:
    """Where a value stands to a band."""
    if value < band.low:
        return f"{band.low - value:.3f} below {band.low:g}-{band.high:g}"
    if value > band.high:
        return f"{value - band.high:.3f} above {band.low:g}-{band.high:g}"
    return f"inside {band.low:g}-{band.high:g}"


def parts_of(total: dict[str, float]) -> list[str]:
    """What stands between PUE and 1: losses, and the meters of cooling."""
    names = [name.removesuffix("_kwh") for name in total if name.endswith("_kwh")]
    return ["electrical_loss", *(name for name in names if name not in (*SUMMED, "wue_l_per"))]


def judged(env_id: str, climate: str, total: dict[str, float]) -> dict[str, Any]:
    """Add where the year stands to the bands, and what its PUE consists of."""
    bands = BANDS[env_id]
    compared = {
        "pue": (total["pue"], bands.pue[climate]),
        "pue_stock": (total["pue"], bands.pue_stock),
        "wue": (total["wue_l_per_kwh"], bands.wue),
    }
    return {
        **total,
        "parts": {name: total[f"{name}_kwh"] / total["it_kwh"] for name in parts_of(total)},
        "bands": {
            name: {
                "low": band.low,
                "high": band.high,
                "source": band.source,
                "inside": band.holds(value),
                "verdict": verdict(value, band),
            }
            for name, (value, band) in compared.items()
        },
    }


def years(
    env_id: str,
    climates: Sequence[str],
    controllers: Sequence[str],
    days: int = DAYS,
    progress: Callable[..., Any] = iter,
) -> dict[str, dict[str, Any]]:
    """Years of one environment by climate and controller.

    Of a controller below the band ``without`` lists what the hall becomes as its extras are taken away, one after the other until it
    stands inside: ``taken``, their words so far, and ``pue`` and ``inside``.
    """
    dates = days_of_year(days)
    content: dict[str, dict[str, Any]] = {climate: {} for climate in climates}
    for climate, name in progress([(climate, name) for climate in climates for name in controllers]):
        row = judged(env_id, climate, year(env_id, climate, name, dates))
        content[climate][name] = {**row, "without": _without(env_id, climate, name, dates, row)}
    return content


def _without(
    env_id: str, climate: str, controller_name: str, dates: Sequence[str], row: dict[str, Any]
) -> list[dict[str, Any]]:
    bands, steps = BANDS[env_id], []
    changes: dict[str, Any] = {}
    taken: list[str] = []
    value = row["pue"]
    for extra in bands.extras:
        if value >= bands.pue[climate].low:
            break
        changes |= extra.changes
        taken.append(extra.words)
        value = year(env_id, climate, controller_name, dates, changes)["pue"]
        steps.append({"taken": list(taken), "pue": value, "inside": bands.pue[climate].holds(value)})
    return steps


def cases(data: Path | None) -> list[Case]:
    """Return a case for every hall and climate; ``data`` is not needed."""
    found = []
    for env_id in [env_id for env_id in BANDS if env_id in dcsim.ids()]:
        content = years(
            env_id,
            list(ZONES),
            CONTROLLERS,
            progress=lambda work, env_id=env_id: tqdm(work, desc=env_id, unit="year"),
        )
        found += [case_of(env_id, climate, rows) for climate, rows in content.items()]
    return found


def case_of(env_id: str, climate: str, rows: dict[str, dict[str, Any]]) -> Case:
    """A year of one hall in one climate, by all controllers."""
    operated = BANDS[env_id].operated
    quantities = []
    for name in sorted(rows, key=lambda name: name != operated):
        row = rows[name]
        suffix = "" if name == operated else f"_{name.replace('-', '_')}"
        values = [(f"pue{suffix}", "pue", "-", row["pue"]), (f"wue{suffix}", "wue", "L/kWh", row["wue_l_per_kwh"])]
        values += [(f"pue{suffix}_without_extras", "pue", "-", step["pue"]) for step in row["without"][-1:]]
        for quantity, band_name, unit, value in values:
            band = row["bands"][band_name]
            middle, half = 0.5 * (band["low"] + band["high"]), 0.5 * (band["high"] - band["low"])
            is_judged = quantity == "pue"
            tolerance = Tolerance(band["source"], error=half) if is_judged else Tolerance(f"reported: {band['source']}")
            label = "" if is_judged else f"{band_name.upper()}, {name}"
            label += ", extras of the hall taken away" if quantity.endswith("extras") else ""
            quantities.append(Quantity(quantity, unit, np.array([middle]), np.array([value]), tolerance, label))
    hall = env_id.removeprefix("dcsim/").removesuffix("-v0").lower()
    return Case(
        name=f"{hall}_{climate.replace('-', '_')}",
        title=f"{env_id} run by {operated}, {climate}: a year at its default load of {100.0 * rows[operated]['load']:.0f} % of design",
        source=rows[operated]["bands"]["pue"]["source"],
        quantities=quantities,
        note="\n".join(remarks(env_id, rows)),
    )


def remarks(env_id: str, rows: dict[str, dict[str, Any]]) -> list[str]:
    """Why a controller is judged, in which parts of PUE the others differ, and what equipment makes the difference."""
    bands = BANDS[env_id]
    reference = rows[bands.operated]["parts"]
    lines = [f"Judged as run by {bands.operated}: {bands.because}. The reference is the middle of the band."]
    if bands.fans is not None:
        low, high = bands.fans.shares
        drawn = ", ".join(f"{name} {row['parts']['crah_fan']:.3f}" for name, row in rows.items())
        lines.append(f"Fans draw, per IT power: {drawn}; published ranges make it {low:.3f} to {high:.3f}.")
    for name, row in rows.items():
        text = (
            f"{name}: {shown_energy(row['facility_kwh'])} a year, "
            f"{row['violation_k_min'] / 365.0:.2f} K min a day above the limit"
        )
        if name != bands.operated:
            changes = {part: row["parts"][part] - reference[part] for part in reference}
            largest = sorted(changes, key=lambda part: -abs(changes[part]))[:3]
            text += f"; PUE {sum(changes.values()):+.3f}, most of it by " + ", ".join(
                f"{part.replace('_', ' ')} {changes[part]:+.3f}" for part in largest
            )
        lines.append(f"{text}. {_difference(row)}".rstrip())
    return lines


def shown_energy(kwh: float) -> str:
    """Energy of a year in MWh or GWh."""
    return f"{kwh / 1e6:.3g} GWh" if kwh >= 1e6 else f"{kwh / 1e3:.3g} MWh"


def _difference(row: dict[str, Any]) -> str:
    """What equipment puts a row below its band."""
    verdict_of, steps = row["bands"]["pue"]["verdict"], row["without"]
    if row["bands"]["pue"]["inside"]:
        return ""
    if not steps:
        return f"PUE {verdict_of}."
    last = steps[-1]
    reached = ", ".join(f"{step['pue']:.3f} without {step['taken'][-1]}" for step in steps[:1])
    reached += "".join(f", then {step['pue']:.3f} without {step['taken'][-1]}" for step in steps[1:])
    ending = (
        f"{' and '.join(last['taken'])}, which halls of the class have not, make the difference"
        if last["inside"]
        else "this equipment does not make the whole difference"
    )
    return f"PUE {row['pue']:.3f} is {verdict_of}; {reached}: {ending}."
