"""Tunes the constants of the Guideline 36 resets for a hall and freezes them with a hash.

    python -m dcsim_experiments.tune_g36 --hall enterprise-1mw --out dcsim/plant/presets/enterprise-1mw.g36.json

Objective: minus the mean reward of a step, that is thermal power over design IT power with limits priced as learners see them, over days of
training climates and months. Beyond that a frozen baseline must have no violation on a nominal day, so the peak of each day above 0.2 K
below the inlet limit is charged on top. All candidates of a generation meet the same days, in one batch a climate. The search is the
covariance matrix adaptation evolution strategy, once for each search seed, from a sketch that steady operating points suggest. The winners
and the published constants meet again on days that the search did not see, and the best there is kept. Test months and test climates are
never used.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import cma
import gymnasium as gym
import numpy as np
from dcsim_agents.controller import view_of
from dcsim_agents.dx import G36Controller as DxResets
from dcsim_agents.g36 import G36Controller
from dcsim_agents.liquid import LiquidG36Controller
from tqdm import tqdm

import dcsim
from dcsim.errors import InputError
from dcsim.plant.description import HallDescription, load_hall
from dcsim.plant.liquid_operation import LiquidConstants
from dcsim.plant.operation import ResetConstants

Array = np.ndarray

RANGES: Mapping[str, tuple[float, float]] = {
    "inlet_target": (23.0, 26.9),  # degC
    "supply_trim": (0.02, 0.15),  # K
    "supply_respond": (0.05, 0.3),  # K
    "flow_ratio": (1.0, 1.3),
    "flow_balance": (0.0, 0.1),  # 1/K
    "valve_target": (0.70, 0.97),
    "valve_band": (0.02, 0.10),
    "plant_trim": (0.003, 0.02),
    "plant_respond": (0.003, 0.03),
    "pump_speed_min": (0.30, 0.80),
    "pump_speed_top": (0.40, 1.0),
    "pump_speed_slope": (-0.4, 0.6),
    "condenser_flow_min": (0.5, 0.9),
    "condenser_flow_slope": (0.0, 0.3),
    "condenser_approach": (0.5, 8.0),  # K
    "condenser_approach_slope": (-4.0, 6.0),  # K
    "condenser_water_min": (13.0, 20.0),  # degC
}
"""What is searched, and where."""

ECONOMIZER_RANGES: Mapping[str, tuple[float, float]] = {
    "free_inlet_wet_bulb": (0.0, 15.0),  # degC
    "free_inlet_slope": (0.0, 1.0),
    "free_inlet_min": (18.0, 25.0),  # degC
    "free_flow_ratio": (1.0, 1.3),
    "free_pump_speed_cut": (0.0, 0.5),
    "free_cooling_approach": (2.0, 10.0),  # K
    "free_condenser_offset": (0.5, 5.0),  # K
    "mode_deadband": (0.5, 3.0),  # K
}
"""Searched as well where there is a waterside economizer."""

LIQUID_RANGES: Mapping[str, tuple[float, float]] = {
    "inlet_target": (23.0, 26.9),  # degC
    "supply_trim": (0.02, 0.15),  # K
    "supply_respond": (0.05, 0.3),  # K
    "valve_target": (0.70, 0.97),
    "facility_approach": (2.0, 14.0),  # K
    "facility_approach_slope": (0.0, 10.0),  # K
    "facility_min": (20.0, 34.0),  # degC
    "facility_max": (37.0, 41.0),  # degC; colder ones would be held with water, which the objective does not price
    "coolant_approach": (1.0, 6.0),  # K
    "coolant_flow": (0.4, 1.0),
    "case_target": (73.0, 79.0),  # degC
    "chilled_water_max": (16.0, 22.0),  # degC
    "chilled_water_pump_min": (0.6, 1.0),
    "peak_flow_ratio": (1.05, 1.2),  # less met every training day and not all others
}
"""What is searched for liquid-cooled halls."""

LIQUID_SKETCH: Mapping[str, float] = {
    "inlet_target": 25.8,
    "supply_trim": 0.07,
    "supply_respond": 0.15,
    "valve_target": 0.90,
    "facility_approach": 7.0,
    "facility_approach_slope": 4.0,
    "facility_min": 22.0,
    "facility_max": 38.5,
    "coolant_approach": 3.0,
    "coolant_flow": 0.7,
    "case_target": 76.0,
    "chilled_water_max": 20.0,
    "chilled_water_pump_min": 0.9,
    "peak_flow_ratio": 1.08,
}

SKETCH: Mapping[str, float] = {
    "inlet_target": 25.8,
    "flow_ratio": 1.03,
    "flow_balance": 0.02,
    "valve_target": 0.94,
    "valve_band": 0.05,
    "supply_trim": 0.07,
    "supply_respond": 0.15,
    "plant_trim": 0.008,
    "plant_respond": 0.008,
    "pump_speed_min": 0.5,
    "pump_speed_top": 0.6,
    "pump_speed_slope": 0.1,
    "condenser_flow_min": 0.52,
    "condenser_flow_slope": 0.03,
    "condenser_approach": 4.5,
    "condenser_approach_slope": 0.0,
    "condenser_water_min": 13.5,
}
"""About where steady operating points are cheapest in a hall without economizer; searches start around it."""

ECONOMIZER_SKETCH: Mapping[str, float] = {
    "flow_ratio": 1.1,
    "pump_speed_top": 0.8,
    "condenser_flow_min": 0.6,
    "condenser_approach": 3.0,
    "free_flow_ratio": 1.03,
    "free_pump_speed_cut": 0.1,
    "free_inlet_wet_bulb": 12.0,
    "free_inlet_slope": 0.3,
    "free_inlet_min": 21.0,
    "free_cooling_approach": 4.0,
    "free_condenser_offset": 1.2,
    "mode_deadband": 1.5,
}
"""What differs with an economizer."""

DX_RANGES: Mapping[str, tuple[float, float]] = {
    "inlet_target": (22.0, 26.9),  # degC
    "supply_trim": (0.02, 0.15),  # K
    "supply_respond": (0.05, 0.3),  # K
    "flow_ratio": (1.0, 2.0),
    "flow_balance": (0.0, 0.1),  # 1/K
}
"""What is searched in halls on direct expansion, where more air spares the coils condensing what the humidifier adds."""

CLIMATES = ("chicago", "miami", "phoenix", "san-francisco")
MONTHS = (1, 3, 5, 7, 9, 11)
SEARCH_SEEDS = (0, 1, 2)
BUDGET_STEPS = (
    15_000_000  # simulator steps for each search seed; a learner trains on 5 million, after a search of its own
)
POPULATION, SPREAD = 16, 0.12  # candidates in a generation; standard deviation of the first, of the ranges
WARM_UP_HOURS = 3.0  # not counted: the start is settled for other constants
PEAK_MARGIN, PEAK_PRICE = 0.2, 0.05  # K below the limit; of design IT power per K
CASE_MARGIN, LIQUID_PEAK_MARGIN = (
    1.0,
    0.5,
)  # K of cases and of inlets below their limits where load comes within a second
_MONTH_START_DAYS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])


class TrainingDays:
    """One day of each training month in each climate, for many sets of constants at once.

    Parameters
    ----------
    env_id : str
    first_seed : int
        Days are drawn by the environment from this seed on.
    sets : int
        Number of sets of constants in an evaluation.
    climates, months : sequence
    """

    def __init__(
        self,
        env_id: str,
        first_seed: int,
        sets: int,
        climates: Sequence[str] = CLIMATES,
        months: Sequence[int] = MONTHS,
    ) -> None:
        self.sets, self.days = sets, len(climates) * len(months)
        self._per_climate = len(months)
        days = 1.0 + WARM_UP_HOURS / 24.0
        self._envs = []
        for climate in climates:
            seeds = _seeds_by_month(env_id, climate, months, first_seed)
            env = gym.make_vec(env_id, num_envs=sets * len(months), weather=climate, episode_days=days)
            env.reset(seed=seeds * sets)  # type: ignore[arg-type]
            self._envs.append((env, env.unwrapped.snapshot()))  # type: ignore[attr-defined]
        self.steps_per_set = self.days * self._envs[0][0].unwrapped.batch.config.episode_steps  # type: ignore[attr-defined]

    def scores(self, constants: Mapping[str, Array]) -> dict[str, Array]:
        """Return the mean over days of each quantity, shape (sets,), for constants of shape (sets,)."""
        parts = [self._climate(env.unwrapped, snapshot, constants) for env, snapshot in self._envs]
        return {name: np.concatenate([part[name] for part in parts], 1).mean(1) for name in parts[0]}

    def _climate(self, env: Any, snapshot: Any, constants: Mapping[str, Array]) -> dict[str, Array]:
        observation = env.restore(snapshot)
        rows = {name: np.repeat(values, self._per_climate) for name, values in constants.items()}
        view = view_of(env)
        form, run, *_ = tunable(view.hall)
        controller = run(view, form(**rows))
        config = env.batch.config
        warm_up = round(WARM_UP_HOURS * 3600.0 / config.control_interval_s)
        reward, peak, hottest_case = np.zeros(env.num_envs), np.zeros(env.num_envs), np.zeros(env.num_envs)
        sums = {name: np.zeros(env.num_envs) for name in ("thermal_energy_kwh", "violation_k_min")}
        counted = config.episode_steps - warm_up
        for step in range(config.episode_steps):
            observation, paid, _, _, info = env.step(controller.act(observation))
            info = info.get("final_info", info)
            if step >= warm_up:
                reward += paid
                peak = np.maximum(peak, info["rack_inlet_max_c"])
                hottest_case = np.maximum(hottest_case, info.get("case_temperature_max_c", 0.0))
                for name in sums:
                    sums[name] += info[name]
        limits = view.hall.limits
        margin = PEAK_MARGIN if limits.case_limit is None else LIQUID_PEAK_MARGIN
        excess = np.maximum(peak - (limits.inlet_limit.value - margin), 0.0)
        if limits.case_limit is not None:
            excess = excess + np.maximum(hottest_case - (limits.case_limit.value - CASE_MARGIN), 0.0)
        result = {"cost": -reward / counted, "peak_excess_k": excess, **sums}
        result["objective"] = result["cost"] + PEAK_PRICE * excess
        return {name: values.reshape(self.sets, self._per_climate) for name, values in result.items()}


def _seeds_by_month(env_id: str, climate: str, months: Sequence[int], first_seed: int) -> list[int]:
    """First seeds from ``first_seed`` on with which the environment draws a start in each of the months."""
    env = gym.make(env_id, weather=climate)
    found: dict[int, int] = {}
    seed = first_seed
    while len(found) < len(months):
        _, info = env.reset(seed=seed)
        month = int(np.searchsorted(_MONTH_START_DAYS, info["time_s"] // 86400.0, side="right"))
        if month in months:
            found.setdefault(month, seed)
        seed += 1
    return [found[month] for month in months]


def tunable(hall: HallDescription) -> tuple[Any, Any, Mapping[str, tuple[float, float]], Mapping[str, float]]:
    """Class of the constants, class of the controller, what is searched and the sketch it starts from, by kind of hall."""
    if hall.kind == "liquid":
        return LiquidConstants, LiquidG36Controller, LIQUID_RANGES, LIQUID_SKETCH
    if hall.kind == "dx":
        return ResetConstants, DxResets, DX_RANGES, SKETCH
    if hall.economizer is not None:
        return ResetConstants, G36Controller, {**RANGES, **ECONOMIZER_RANGES}, {**SKETCH, **ECONOMIZER_SKETCH}
    return ResetConstants, G36Controller, RANGES, SKETCH


def search(
    days: TrainingDays,
    ranges: Mapping[str, tuple[float, float]],
    known: Mapping[str, float],
    budget_steps: int,
    seed: int,
) -> dict[str, float]:
    """Return the best constants found with ``budget_steps`` simulator steps.

    References
    ----------
    Hansen 2016, The CMA evolution strategy: a tutorial, arXiv:1604.00772; by its author's package ``cma``.
    """
    low, high = (np.array([bounds[k] for bounds in ranges.values()]) for k in (0, 1))
    sketch = np.array([known[name] for name in ranges])
    generator = np.random.default_rng(seed)
    start = np.clip((sketch - low) / (high - low) + 0.1 * generator.standard_normal(len(ranges)), 0.05, 0.95)
    options = {"bounds": [0.0, 1.0], "popsize": days.sets, "seed": seed + 1, "verbose": -9}  # seed 0 means the clock
    strategy = cma.CMAEvolutionStrategy(start, SPREAD, options)
    generations = max(1, budget_steps // (days.steps_per_set * days.sets))
    for _ in tqdm(range(generations), desc=f"seed {seed}", unit="generation", disable=None):
        points = strategy.ask()
        values = low + np.array(points) * (high - low)
        strategy.tell(points, days.scores(dict(zip(ranges, values.T, strict=True)))["objective"].tolist())
    best = low + np.array(strategy.best.x) * (high - low)
    return {name: round(float(value), 4) for name, value in zip(ranges, best, strict=True)}


def tune(
    hall: str,
    budget_steps: int = BUDGET_STEPS,
    seeds: Sequence[int] = SEARCH_SEEDS,
    climates: Sequence[str] = CLIMATES,
    months: Sequence[int] = MONTHS,
    population: int = POPULATION,
) -> dict[str, Any]:
    """Tune the resets of a built-in hall.

    Parameters
    ----------
    hall : str
    budget_steps : int
        Simulator steps for each search seed.
    seeds : sequence of int
        Of the searches.
    climates, months : sequence
        Training set.
    population : int
        Candidates in a generation.

    Returns
    -------
    dict
        Content of the frozen file.
    """
    description = load_hall(hall)
    env_ids = {spec.kwargs.get("hall"): env_id for env_id, spec in gym.registry.items() if env_id.startswith("dcsim/")}
    if hall not in env_ids:
        raise InputError(f"hall {hall!r} has no environment; known: {', '.join(map(str, env_ids))}")
    form, _, ranges, sketch = tunable(description)
    days = TrainingDays(env_ids[hall], 0, population, climates, months)
    winners = [search(days, ranges, sketch, budget_steps, seed) for seed in seeds]
    published = {name: float(getattr(form(), name)) for name in ranges}
    table = {"published": published, **{f"seed {seed}": found for seed, found in zip(seeds, winners, strict=True)}}
    fresh = TrainingDays(env_ids[hall], 1_000_000, len(table), climates, months)
    scores = fresh.scores({name: np.array([entry[name] for entry in table.values()]) for name in ranges})
    chosen = list(table)[int(np.argmin(scores["objective"]))]
    constants = form(**table[chosen])
    return {
        "hall": hall,
        "hall_sha256": description.digest(),
        "dcsim_version": dcsim.__version__,
        "constants": {field.name: getattr(constants, field.name) for field in fields(constants)},
        "sha256": constants.digest(),
        "chosen": chosen,
        "ranges": {name: list(bounds) for name, bounds in ranges.items()},
        "objective": "minus mean reward of a step (share of design IT power), plus 5 % per K of a day's peak above limit less 0.2 K"
        + (", less 0.5 K for inlets and 1 K for cases of liquid-cooled halls" if form is LiquidConstants else ""),
        "budget_steps": budget_steps,
        "seeds": list(seeds),
        "training": {"climates": list(climates), "months": list(months), "hours": 24, "warm_up_hours": WARM_UP_HOURS},
        "scores_on_fresh_days": {
            name: {quantity: round(float(values[i]), 6) for quantity, values in scores.items()}
            for i, name in enumerate(table)
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Tune the Guideline 36 resets of a hall and freeze the constants.")
    parser.add_argument("--hall", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget-steps", type=int, default=BUDGET_STEPS, help="simulator steps for each search seed")
    options = parser.parse_args(arguments)
    content = tune(options.hall, options.budget_steps)
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    print(options.out)


if __name__ == "__main__":
    main()
