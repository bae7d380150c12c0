"""Annual PUE and WUE of both halls, as operated in practice, against published bands.

    python -m dcsim_experiments.annual_bands --out annual_bands.json

A year is 73 days, every fifth one, so that all weekdays come alike; before each, three hours are run that do not count, since an episode
starts settled for other set-points. Loads are the halls' own profiles. Ratios are those of the year's sums of energy and water.
"""

import argparse
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from dcsim_agents import make_controller
from tqdm import tqdm

import dcsim  # noqa: F401  (registers the environments)
from dcsim.errors import InputError
from dcsim_experiments.run_folder import write_json

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


BANDS = {
    "dcsim/Enterprise-v0": HallBands(
        _lei(
            "mid size, water-cooled chiller",
            [(1.499, 1.790), (1.481, 1.769), (1.469, 1.754), (1.467, 1.751), (1.480, 1.775)],
        ),
        Band(1.55, 1.88, f"{LBNL}, mid size and colocation"),
        Band(2.34, 3.74, f"{LEI}, mid size, water-cooled chiller"),
    ),
    "dcsim/Hyperscale-v0": HallBands(
        _lei(
            "large, waterside economizer",
            [(1.107, 1.290), (1.084, 1.201), (1.074, 1.183), (1.083, 1.196), (1.080, 1.194)],
        ),
        Band(1.16, 1.28, f"{LBNL}, hyperscale"),
        Band(1.72, 2.63, f"{LEI}, large, waterside economizer"),
    ),
}
CONTROLLERS = ("fixed", "rules", "g36")
DAYS, FIRST_YEAR_DAY = 73, date(2023, 1, 3)
WARM_UP_HOURS = 3.0
SUMMED = (
    "it",
    "cooling",
    "facility",
    "thermal",
    "server_fan",
    "electrical_loss",
    "crah_fan",
    "pump",
    "chiller",
    "tower_fan",
)
PARTS = ("crah_fan", "pump", "chiller", "tower_fan", "humidifier", "electrical_loss")
"""What stands between PUE and 1."""


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
        ``{name}_kwh`` for the names of ``SUMMED`` and the humidifier, ``water_l``, ``violation_k_min``: totals of a year of 365 days;
        ``pue``, ``wue_l_per_kwh``, ``load``.
    """
    env: Any = gym.make_vec(env_id, num_envs=len(days), weather=climate, episode_days=1.0 + WARM_UP_HOURS / 24.0)
    observation, info = env.reset(seed=0, options={"start": list(days)})
    config = env.unwrapped.batch.config
    controller = make_controller(controller_name, env)
    controller.reset()
    warm_up = round(WARM_UP_HOURS * 3600.0 / config.control_interval_s)
    sums = dict.fromkeys((*(f"{name}_kwh" for name in SUMMED), "water_l", "violation_k_min"), 0.0)
    for step in range(config.episode_steps):
        observation, _, terminated, _, info = env.step(controller.act(observation))
        if terminated.any():
            raise InputError(f"{env_id}: {controller_name} trips the hall in {climate}")
        if step < warm_up:
            continue
        made = info.get("final_info", info)
        hours = config.control_interval_s / 3600.0
        for name in SUMMED:
            sums[f"{name}_kwh"] += float(made[_key(name)].sum()) * hours / 1e3
        for name in ("water_l", "violation_k_min"):
            sums[name] += float(made[name].sum())
    total = {name: value * 365.0 / len(days) for name, value in sums.items()}
    movers = sum(total[f"{name}_kwh"] for name in ("crah_fan", "pump", "chiller", "tower_fan"))
    total["humidifier_kwh"] = max(total["cooling_kwh"] - movers, 0.0)  # what else cools; rounding where there is none
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
        "parts": {name: total[f"{name}_kwh"] / total["it_kwh"] for name in PARTS},
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


def table(env_id: str, content: dict[str, dict[str, Any]]) -> str:
    """Years of one environment, as text."""
    bands = BANDS[env_id]
    lines = [
        f"{env_id}: PUE by climate against {next(iter(bands.pue.values())).source.rsplit(',', 1)[0]};",
        f"  against the stock: {bands.pue_stock.source}; WUE: {bands.wue.source}",
        f"{'climate':14}{'controller':12}{'load':>5}{'PUE':>7}  {'of its climate':26}{'of the stock':26}{'WUE':>6}  {'L/kWh':24}"
        + "".join(f"{name.replace('electrical_', ''):>11}" for name in PARTS)
        + f"{'GWh':>8}{'K min/day':>11}",
    ]
    for climate, rows in content.items():
        for name, row in rows.items():
            verdicts = {key: band["verdict"] for key, band in row["bands"].items()}
            lines.append(
                f"{climate:14}{name:12}{row['load']:5.2f}{row['pue']:7.3f}  {verdicts['pue']:26}{verdicts['pue_stock']:26}"
                f"{row['wue_l_per_kwh']:6.2f}  {verdicts['wue']:24}"
                + "".join(f"{row['parts'][part]:11.3f}" for part in PARTS)
                + f"{row['facility_kwh'] / 1e6:8.2f}{row['violation_k_min'] / 365.0:11.2f}"
            )
    reference, *others = next(iter(content.values()))
    for name in others:
        changes = {
            part: float(
                np.mean([rows[name]["parts"][part] - rows[reference]["parts"][part] for rows in content.values()])
            )
            for part in PARTS
        }
        largest = sorted(changes, key=lambda part: -abs(changes[part]))[:3]
        lines.append(
            f"  {name} against {reference}, mean of climates: PUE {sum(changes.values()):+.3f}, most of it by "
            + ", ".join(f"{part.replace('_', ' ')} {changes[part]:+.3f}" for part in largest)
        )
    return "\n".join(lines)


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Annual PUE and WUE of the halls against published bands.")
    parser.add_argument("--envs", nargs="+", default=list(BANDS), choices=list(BANDS))
    parser.add_argument("--climates", nargs="+", default=list(ZONES), choices=list(ZONES))
    parser.add_argument("--controllers", nargs="+", default=CONTROLLERS)
    parser.add_argument("--days", type=int, default=DAYS, help="of the year")
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args(arguments)
    content: dict[str, Any] = {}
    for env_id in options.envs:
        content[env_id] = years(
            env_id,
            options.climates,
            options.controllers,
            options.days,
            lambda cases, env_id=env_id: tqdm(cases, desc=env_id, unit="year"),
        )
        print(table(env_id, content[env_id]), end="\n\n")
    if options.out:
        write_json(options.out, content)
        print(options.out)


if __name__ == "__main__":
    main()
