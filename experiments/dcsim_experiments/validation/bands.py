"""Annual PUE and WUE of the built-in halls, as operated in practice, against published bands.

A year is 73 days, every fifth one, so that all weekdays come alike; before each, three hours are run that do not count, since an episode
starts settled for other set-points. Loads are the halls' own profiles. Ratios are those of the year's sums of energy and water.

A hall is judged as its class is operated in practice: the older ones with constant set-points, the newer ones by simple rules. Other
controllers stand beside, with the parts in which they differ; tuned resets are better than practice. Water use is reported, not judged.
"""

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


ZONES = {"miami": "1A", "phoenix": "2B", "san-francisco": "3C", "chicago": "5A", "denver": "5B"}
"""ASHRAE climate zones of the built-in climates that are compared."""

LEI = "Lei and Masanet 2022, 5th to 95th percentile"
LEI_2025 = "Lei and Masanet, dashboard of 2025, 5th to 95th percentile"
LBNL = "LBNL 2024, 10th to 90th percentile of the USA in 2023"


def _lei(system: str, ranges: Sequence[tuple[float, float]]) -> dict[str, Band]:
    return {
        place: Band(low, high, f"{LEI}, {system}, zone {ZONES[place]}")
        for place, (low, high) in zip(ZONES, ranges, strict=True)
    }


class HallBands(NamedTuple):
    """What is published for halls of a kind."""

    pue: dict[str, Band]  # by climate
    pue_stock: Band  # of the whole stock of this kind
    wue: Band  # over all climates
    operated: str  # controller by which halls of this kind are run


BANDS = {
    "dcsim/Enterprise-v0": HallBands(
        _lei(
            "mid size, water-cooled chiller",
            [(1.499, 1.790), (1.481, 1.769), (1.469, 1.754), (1.467, 1.751), (1.480, 1.775)],
        ),
        Band(1.55, 1.88, f"{LBNL}, mid size and colocation"),
        Band(2.34, 3.74, f"{LEI}, mid size, water-cooled chiller"),
        "fixed",
    ),
    "dcsim/Hyperscale-v0": HallBands(
        _lei(
            "large, waterside economizer",
            [(1.107, 1.290), (1.084, 1.201), (1.074, 1.183), (1.083, 1.196), (1.080, 1.194)],
        ),
        Band(1.16, 1.28, f"{LBNL}, hyperscale"),
        Band(1.72, 2.63, f"{LEI}, large, waterside economizer"),
        "rules",
    ),
    "dcsim/LiquidAI-v0": HallBands(
        dict.fromkeys(
            ZONES, Band(1.053, 1.143, f"{LEI_2025}, direct-to-chip liquid cooling with dry coolers, all zones")
        ),
        Band(1.09, 1.19, f"{LBNL}, AI"),
        Band(0.0, 0.295, f"{LEI_2025}, direct-to-chip liquid cooling with dry coolers"),
        "rules",
    ),
    "dcsim/Edge-v0": HallBands(
        _lei(
            "small, direct expansion",
            [(1.992, 2.521), (2.024, 2.573), (1.852, 2.276), (1.881, 2.326), (1.907, 2.356)],
        ),
        Band(1.78, 2.12, f"{LBNL}, small"),
        Band(0.03, 0.10, f"{LEI}, small, direct expansion"),
        "fixed",
    ),
}
CONTROLLERS = ("fixed", "rules", "g36")
DAYS, FIRST_YEAR_DAY = 73, date(2023, 1, 3)
WARM_UP_HOURS = 3.0
SUMMED = ("it", "cooling", "facility", "thermal", "server_fan", "electrical_loss")


def days_of_year(count: int) -> list[str]:
    """ISO dates, evenly spread over the year."""
    return [str(FIRST_YEAR_DAY + timedelta(days=int(k * 365 / count))) for k in range(count)]


def year(env_id: str, climate: str, controller_name: str, days: Sequence[str]) -> dict[str, float]:
    """Sums over the days of a year: energies of all meters [kWh per kW of design IT power, for the whole year], water [L], violation.

    Parameters
    ----------
    env_id, climate, controller_name : str
    days : sequence of str
        ISO dates; the load of the k-th is that of seed k.

    Returns
    -------
    dict
        ``{name}_kwh`` for the names of ``SUMMED`` and the meters of the hall, ``water_l``, ``violation_k_min``: totals of a year of 365 days;
        ``pue``, ``wue_l_per_kwh``, ``load``.
    """
    env: Any = gym.make_vec(env_id, num_envs=len(days), weather=climate, episode_days=1.0 + WARM_UP_HOURS / 24.0)
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
                "inside": bool(band.low <= value <= band.high),
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
    """Years of one environment by climate and controller."""
    dates = days_of_year(days)
    content: dict[str, dict[str, Any]] = {climate: {} for climate in climates}
    for climate, name in progress([(climate, name) for climate in climates for name in controllers]):
        content[climate][name] = judged(env_id, climate, year(env_id, climate, name, dates))
    return content


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
    judged_controller = BANDS[env_id].operated
    quantities = []
    for name, row in rows.items():
        suffix = "" if name == judged_controller else f"_{name.replace('-', '_')}"
        for quantity, unit, value in (("pue", "-", row["pue"]), ("wue", "L/kWh", row["wue_l_per_kwh"])):
            band = row["bands"][quantity]
            middle, half = 0.5 * (band["low"] + band["high"]), 0.5 * (band["high"] - band["low"])
            is_judged = quantity == "pue" and not suffix
            tolerance = Tolerance(band["source"], error=half) if is_judged else Tolerance(f"reported: {band['source']}")
            quantities.append(Quantity(f"{quantity}{suffix}", unit, np.array([middle]), np.array([value]), tolerance))
    hall = env_id.removeprefix("dcsim/").removesuffix("-v0").lower()
    return Case(
        name=f"{hall}_{climate.replace('-', '_')}",
        title=f"{env_id}, {climate}: a year at its default load of {100.0 * rows[judged_controller]['load']:.0f} % of design",
        source=rows[judged_controller]["bands"]["pue"]["source"],
        quantities=quantities,
        note=_difference(rows, judged_controller),
    )


def _difference(rows: dict[str, dict[str, Any]], judged_controller: str) -> str:
    """Which parts of PUE make the other controllers differ, with their violations."""
    reference = rows[judged_controller]["parts"]
    sentences = [f"Judged as operated by {judged_controller}; the reference is the middle of the band."]
    for name, row in rows.items():
        days = row["violation_k_min"] / 365.0
        text = f"{name}: {row['facility_kwh'] / 1e6:.3g} GWh a year, {days:.2f} K min a day above the limit"
        if name != judged_controller:
            changes = {part: row["parts"][part] - reference[part] for part in reference}
            largest = sorted(changes, key=lambda part: -abs(changes[part]))[:3]
            text += f"; PUE {sum(changes.values()):+.3f}, most of it by " + ", ".join(
                f"{part.replace('_', ' ')} {changes[part]:+.3f}" for part in largest
            )
        sentences.append(text + ".")
    return " ".join(sentences)
