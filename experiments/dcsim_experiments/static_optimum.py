"""The best static set-points that a hall has, what they save, and which limits they lean on.

    python -m dcsim_experiments.static_optimum --out static_optimum.json
    python -m dcsim_experiments.static_optimum --sweep --figure supply_air_sweep.png

A hall on evaporative towers feels the weather through the wet bulb alone, apart from its envelope, which sees the mean dry bulb of the hours
with that wet bulb. So steady states are found once for a dozen wet bulbs and three loads, at sea-level pressure, and weighted with the hours
of each climate; an hour between two wet bulbs counts for both in proportion to how near it is. Loads count alike.

Searched are one supply-air set-point and one fan speed for all CRAH groups, chilled-water and condenser-water set-point, pump speed,
condenser flow and, where there is an economizer, the cooling mode; the plant stages its chillers itself. The objective is the default cost
of a step: thermal power over design IT power, with limits priced. The search stands in ``static_search``.

The baselines stand at their steady set-points: ``fixed`` as its controller asks, ``g36-default`` and ``g36`` where the resets come to rest
with published and with tuned constants.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dcsim_agents.fixed import FREE_BELOW, INTEGRATED_BELOW
from dcsim_agents.modes import mode_by_wet_bulb
from dcsim_agents.practice import practice_of
from tqdm import tqdm

from dcsim.envs.rewards import DEFAULT_WEIGHTS
from dcsim.physics import server
from dcsim.plant.economizer import MECHANICAL
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.operation import ResetConstants, settled_setpoints, tuned_constants
from dcsim.plant.steady import LONG_STEP_S
from dcsim.plots import supply_air_sweep
from dcsim_experiments.run_folder import write_json
from dcsim_experiments.static_search import (
    VARIABLES,
    Operation,
    Outdoors,
    Problems,
    SteadyHall,
    box,
    modes_of,
    outdoors,
    problems_of,
    search,
)

Array = np.ndarray

HALLS = ("enterprise-1mw", "hyperscale-10mw")
CLIMATES = ("miami", "phoenix", "san-francisco", "chicago", "denver")
WET_BULBS = (-15.0, -8.0, -3.0, 1.0, 5.0, 8.0, 11.0, 14.0, 17.0, 20.0, 23.0, 26.0)  # degC
LOADS = (0.3, 0.5, 0.8)  # utilization
GENERATIONS, POPULATION = 36, 128
RESET_MOVES, FIXED_MOVES = 90, 30  # long steps until resets and fixed set-points have come to rest
CHECKS = 12  # long steps that a winner is run on
BASELINES = ("fixed", "g36-default", "g36")
SWEEP_WET_BULB, SWEEP_LOADS = 14.0, {"enterprise-1mw": 0.8, "hyperscale-10mw": 0.5}
SWEEP_SPREAD = 3.0  # K of wet bulb around it, of the hours whose dry bulb is taken
AT_BOUND = 0.01  # of the range
POWERS = ("thermal", "cooling", "server_fan", "crah_fan", "pump", "chiller", "tower_fan")


# --- baselines --------------------------------------------------------------------------------------------------------------------


def fixed_operation(plant: SteadyHall, problems: Problems) -> Operation:
    """Legacy operation as its controller asks for it, at rest."""
    practice, ones = practice_of(plant.hall.description), np.ones_like(problems.load)
    x = np.stack(
        [
            practice.supply_air * ones,
            ones,
            practice.chilled_water_design * ones,
            ones,
            practice.condenser_water * ones,
            ones,
        ]
    )
    mode = mode_by_wet_bulb(problems.wet_bulb, 0.0 * ones, FREE_BELOW, INTEGRATED_BELOW)
    problems = problems._replace(mode=mode)
    return plant.operate(plant.setpoints(x, mode), problems, plant.start(problems), FIXED_MOVES)


def reset_operation(plant: SteadyHall, problems: Problems, constants: ResetConstants) -> Operation:
    """Guideline 36 resets where they come to rest."""
    low, high = problems.low, problems.high
    setpoints = plant.setpoints(low + 0.5 * (high - low), problems.mode)
    state = plant.start(problems)
    for _ in range(RESET_MOVES):
        state = plant.rest(setpoints, problems, state, 1)
        sent = {name: setpoints[plant.engine.input_slices[name]] for name in plant.hall.types.requests}
        moved = settled_setpoints(
            sent, plant.fields(state), problems.wet_bulb, problems.load, plant.hall, plant.hall.params, constants
        )
        setpoints = np.concatenate([moved[name] for name in sent])
    return plant.operate(setpoints, problems, state)


def baselines(plant: SteadyHall, problems: Problems) -> dict[str, Operation]:
    """Steady operation of every baseline."""
    return {
        "fixed": fixed_operation(plant, problems),
        "g36-default": reset_operation(plant, problems, ResetConstants()),
        "g36": reset_operation(plant, problems, tuned_constants(plant.hall.description.name)),
    }


# --- what an optimum leans on -------------------------------------------------------------------------------------------------------


def leaning(plant: SteadyHall, problems: Problems, operation: Operation) -> dict[str, Array]:
    """Which bounds and limits each operation stands at, arrays of bool of shape (K,).

    A set-point at its bound counts where it is what decides: not where valves stand open anyway, the aisle-pressure loop drives the fans,
    or the tower does not reach its set-point.
    """
    hall, state = plant.hall, plant.fields(operation.state)
    x = variables_of(hall, operation.setpoints)
    limits, opening = hall.description.limits, (state.valve_fraction / state.chilled_water_pump_speed).max(0)
    at = {
        "inlet limit": state.rack_inlet_max[0] > limits.inlet_limit.value - 0.1,
        "supply limit": state.supply_air_temperature.min(0) < limits.supply_limit.value + 0.1,
        "flow-ratio floor": state.crah_fan_speed.mean(0) > x[1] + 0.002,
        "valve open": opening > 0.995,
        "tower fan full": state.tower_air_fraction[0] > 0.995,
        "tower fan at its least": state.tower_air_fraction[0] < plant.hall.params.tower_air_fraction_min[0, 0] + 1e-3,
        "chilled water above set-point": state.chilled_water_supply_temperature[0] > x[2] + 0.1,
        "condenser water above set-point": state.condenser_water_supply_temperature[0] > x[4] + 0.1,
        "cap of chiller COP": is_capped(hall, state),
        "protection": state.protection[0] > 0.5,
    }
    decides = dict.fromkeys(VARIABLES, np.ones(len(problems.load), bool)) | {
        "supply_air_setpoint": ~at["valve open"],
        "crah_fan_speed": ~at["flow-ratio floor"],
        "chilled_water_setpoint": ~at["chilled water above set-point"],
        "condenser_water_setpoint": ~at["condenser water above set-point"],
    }
    margin = AT_BOUND * np.maximum(problems.high - problems.low, 1e-9)
    for i, name in enumerate(VARIABLES):
        at[f"{name} low"] = decides[name] & (x[i] < problems.low[i] + margin[i])
        at[f"{name} high"] = decides[name] & (x[i] > problems.high[i] - margin[i])
    return at


def variables_of(hall: Hall, setpoints: Array) -> Array:
    """Return the variables, shape (V, K), of set-points that are common to all groups."""
    groups = hall.crah_groups
    return np.concatenate([setpoints[0:1], setpoints[groups : groups + 1], setpoints[2 * groups : 2 * groups + 4]])


def chiller_cop(hall: Hall, state: Any) -> Array:
    """COP of the chillers over the last step, shape (K,); 0 where they rest."""
    power = state.chiller_energy[0]
    runs = power > 1e-6 * hall.design_it_power * LONG_STEP_S
    result: Array = np.where(runs, state.evaporator_heat[0] / np.where(runs, power, 1.0), 0.0)
    return result


def is_capped(hall: Hall, state: Any) -> Array:
    """Whether chillers run at the bound of their COP, shape (K,)."""
    result: Array = chiller_cop(hall, state) > 0.999 * hall.params.chiller_cop_max[0]
    return result


def flow_ratio(hall: Hall, state: Any, load: Array) -> Array:
    """Supply reaching the racks over what the servers draw, shape (K,)."""
    p = hall.params
    supplied = (1.0 - p.supply_leakage) * (p.crah_mass_flow_nominal * state.crah_fan_speed).sum(0)
    drawn = server.air_mass_flow(load, state.server_fan_speed, p.server_mass_flow_nominal, p.server_fan_speed_min)
    result: Array = (supplied / drawn.sum(0))[0]
    return result


def details(plant: SteadyHall, problems: Problems, operation: Operation) -> dict[str, Array]:
    """What a person would look at to see whether a state can be, shape (K,) each."""
    hall, state = plant.hall, plant.fields(operation.state)
    design = hall.design_it_power
    x = variables_of(hall, operation.setpoints)
    return {
        "wet_bulb": problems.wet_bulb,
        "load": problems.load,
        "cost": operation.cost,
        **{name: operation.readings[f"{name}_power_w"] / design for name in POWERS},
        "pue": operation.readings["facility_power_w"] / operation.readings["it_power_w"],
        "is_at_rest": operation.is_at_rest,
        "rack_inlet_max": state.rack_inlet_max[0],
        **dict(zip(VARIABLES, x, strict=True)),
        "mode": state.mode[0] if "economizer" in hall else problems.mode,
        "chillers_on": state.chillers_on[0],
        "chiller_cop": chiller_cop(hall, state),
        "flow_ratio": flow_ratio(hall, state, problems.load),
        "crah_fan_running": state.crah_fan_speed.mean(0),
        "valve_opening": (state.valve_fraction / state.chilled_water_pump_speed).max(0),
        "supply_air_min": state.supply_air_temperature.min(0),
        "chilled_water_supply": state.chilled_water_supply_temperature[0],
        "chilled_water_return": state.chilled_water_return_temperature[0],
        "condenser_water_supply": state.condenser_water_supply_temperature[0],
        "tower_air_fraction": state.tower_air_fraction[0],
    }


# --- study --------------------------------------------------------------------------------------------------------------------------


class Study(NamedTuple):
    """Steady operations of one hall, S states of wet bulb and load each."""

    plant: SteadyHall
    air: Outdoors
    problems: Problems  # of the baselines, modes by their own rules
    operations: dict[str, Operation]
    optimum_problems: Problems
    drift: float  # largest change of a winner's cost when it is run on, of design IT power

    @property
    def loads(self) -> Array:
        """Loads of the study."""
        return np.unique(self.problems.load)

    def weights(self, climate: str | None = None, load: float | None = None) -> Array:
        """Share of each state, shape (S,), in a climate or all, at a load or all; sums to 1."""
        share = self.air.share[climate] if climate else np.mean(list(self.air.share.values()), axis=0)
        at = np.ones(len(self.loads)) if load is None else (self.loads == load).astype(float)
        result: Array = (share[:, None] * (at / at.sum())).ravel()
        return result

    def mean(self, controller: str, quantity: str, weights: Array) -> float:
        """Weighted mean of a power over design IT power, or of the cost."""
        operation = self.operations[controller]
        values = (
            operation.cost
            if quantity == "cost"
            else operation.readings[f"{quantity}_power_w"] / self.plant.hall.design_it_power
        )
        used = weights > 0.0
        return float(values[used] @ weights[used])


def study(
    hall_name: str,
    air: Outdoors,
    loads: Sequence[float] = LOADS,
    generations: int = GENERATIONS,
    population: int = POPULATION,
    seed: int = 0,
    progress: Callable[..., Any] = iter,
) -> Study:
    """Find the steady operations of a hall: baselines, and the optimum in each state over all modes."""
    hall = build_hall(hall_name)
    plant = SteadyHall(hall)
    problems = problems_of(hall, air, loads, (MECHANICAL,))
    operations = baselines(plant, problems)
    modes = modes_of(hall)
    every = problems_of(hall, air, loads, modes)
    first = [np.repeat(variables_of(hall, operation.setpoints), len(modes), 1) for operation in operations.values()]
    found = search(plant, every, generations, population, seed, first, progress)
    # run on for hours first: a point that leaves its rest then is no steady optimum
    later = plant.operate(found.setpoints, every, found.state, CHECKS)
    winner = later.worth.reshape(-1, len(modes)).argmin(1) + np.arange(len(problems.load)) * len(modes)
    best, chosen = later.pick(winner), every.pick(winner)
    drift = float(np.abs(best.cost - found.cost[winner])[best.is_at_rest].max())
    return Study(plant, air, problems, {**operations, "optimum": best}, chosen, drift)


def summary(result: Study) -> dict[str, Any]:
    """Everything found about a hall, JSON-able."""
    climates: dict[str, Any] = {}
    for climate in result.air.share:
        rows: dict[str, Any] = {}
        for load in [*result.loads, None]:
            weights = result.weights(climate, load)
            rows["mean" if load is None else f"{load:g}"] = {
                name: {quantity: result.mean(name, quantity, weights) for quantity in ("thermal", "cooling", "cost")}
                | {"hours_not_at_rest": float(weights[~operation.is_at_rest].sum())}
                for name, operation in result.operations.items()
            }
        climates[climate] = rows
    best = result.operations["optimum"]
    leans = leaning(result.plant, result.optimum_problems, best)
    return {
        "climates": climates,
        "leans_on": {
            place: {name: float(at @ result.weights(None if place == "all" else place)) for name, at in leans.items()}
            for place in ("all", *result.air.share)
        },
        "drift": result.drift,
        "states": {
            name: {
                key: [round(float(value), 6) for value in values]
                for key, values in details(
                    result.plant, result.optimum_problems if name == "optimum" else result.problems, operation
                ).items()
            }
            for name, operation in result.operations.items()
        },
    }


def table(hall_name: str, content: dict[str, Any]) -> str:
    """Thermal power by climate and load, savings, and what the optima lean on, as text."""
    names = (*BASELINES, "optimum")
    lines = [
        f"{hall_name}: thermal power, % of design IT power (what breaking limits costs beside it, where it does)",
        f"{'climate':14} {'load':5}"
        + "".join(f"{name:>17}" for name in names)
        + "   optimum saves of fixed/default/g36",
    ]
    for climate, rows in content["climates"].items():
        for load, row in rows.items():
            cells, cost = "", {name: row[name]["cost"] for name in names}
            for name in names:
                limits = cost[name] - row[name]["thermal"]
                cells += f"{100 * row[name]['thermal']:9.2f}" + (f" +{100 * limits:6.2f}" if limits > 5e-5 else 8 * " ")
            saved = "/".join(f"{100 * (1 - cost['optimum'] / cost[name]):.1f}" for name in BASELINES)
            lines.append(f"{climate:14} {load:5}{cells}   {saved} %")
    lines.append("The optima stand at these bounds and limits, % of hours over all climates and loads:")
    shares = sorted(content["leans_on"]["all"].items(), key=lambda item: -item[1])
    lines += [f"  {100 * share:5.1f}  {name}" for name, share in shares if share > 0.005]
    lines.append(
        f"Largest change of a cost when run on for {CHECKS * LONG_STEP_S / 3600:g} h: {100 * content['drift']:.4f} %"
    )
    return "\n".join(lines)


# --- sweep of the supply-air set-point --------------------------------------------------------------------------------------------------


def sweep(
    hall_name: str,
    wet_bulb: float = SWEEP_WET_BULB,
    load: float | None = None,
    steps: int = 21,
    generations: int = GENERATIONS,
    population: int = POPULATION,
) -> dict[str, Any]:
    """Supply-air set-points, kept to within 0.1 K, with all else at its best for thermal power; limits are not priced.

    The load is that of ``SWEEP_LOADS`` unless given.

    Returns
    -------
    dict
        ``supply_air_setpoint``, ``is_reached``, ``thermal``, ``cooling``, ``server_fan`` (over design IT power), ``pue``,
        ``rack_inlet_max`` at each step.
    """
    hall = build_hall(hall_name)
    load = SWEEP_LOADS.get(hall_name, 0.5) if load is None else load
    plant = SteadyHall(hall, {**dict.fromkeys(DEFAULT_WEIGHTS, 0.0), "thermal_power": 1.0}, supply_tolerance=0.1)
    low, high = box(hall)
    supply = np.linspace(low[0], high[0], steps)
    modes = modes_of(hall)
    around = (wet_bulb - SWEEP_SPREAD, wet_bulb, wet_bulb + SWEEP_SPREAD)
    every = problems_of(hall, outdoors(CLIMATES, around), (load,), modes)
    one = every.pick(np.flatnonzero(every.wet_bulb == wet_bulb))
    problems = one.pick(np.tile(np.arange(len(modes)), steps))
    at = np.repeat(supply, len(modes))
    problems.low[0], problems.high[0] = at, at
    found = search(plant, problems, generations, population)
    best = found.pick(found.worth.reshape(steps, -1).argmin(1) + np.arange(steps) * len(modes))
    state = plant.fields(best.state)
    return {
        "wet_bulb": wet_bulb,
        "load": load,
        "supply_air_setpoint": supply.tolist(),
        "is_reached": best.is_at_rest.tolist(),
        **{name: (best.readings[f"{name}_power_w"] / hall.design_it_power).tolist() for name in POWERS},
        "pue": (best.readings["facility_power_w"] / best.readings["it_power_w"]).tolist(),
        "rack_inlet_max": state.rack_inlet_max[0].tolist(),
    }


def sweep_table(hall_name: str, content: dict[str, Any]) -> str:
    """Sweep as text, with the least thermal power and the best PUE marked."""
    reached = np.array(content["is_reached"])
    thermal, pue = (np.where(reached, content[name], np.inf) for name in ("thermal", "pue"))
    lines = [
        f"{hall_name}: supply-air set-point, all else at its best for thermal power; "
        f"wet bulb {content['wet_bulb']:g} degC, load {content['load']:g}; powers in % of design IT power",
        "  supply  thermal  cooling  server fans     PUE  hottest inlet",
    ]
    for i, supply in enumerate(content["supply_air_setpoint"]):
        if not reached[i]:
            lines.append(f"  {supply:6.2f}  not reached")
            continue
        marks = ["least thermal power"] * int(i == thermal.argmin()) + ["best PUE"] * int(i == pue.argmin())
        powers = [100 * content[name][i] for name in ("thermal", "cooling", "server_fan")]
        lines.append(
            f"  {supply:6.2f} {powers[0]:8.3f} {powers[1]:8.3f} {powers[2]:12.3f} {pue[i]:7.4f} "
            f"{content['rack_inlet_max'][i]:14.2f}  {', '.join(marks)}".rstrip()
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Search all static set-points of a hall and compare with the baselines."
    )
    parser.add_argument("--halls", nargs="+", default=HALLS)
    parser.add_argument("--climates", nargs="+", default=CLIMATES)
    parser.add_argument("--generations", type=int, default=GENERATIONS)
    parser.add_argument("--population", type=int, default=POPULATION)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sweep", action="store_true", help="sweep the supply-air set-point instead")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--figure", type=Path, help="PNG file of the sweep")
    options = parser.parse_args(arguments)
    content: dict[str, Any] = {}
    for hall in options.halls:
        if options.sweep:
            content[hall] = sweep(hall, generations=options.generations, population=options.population)
            print(sweep_table(hall, content[hall]), end="\n\n")
        else:
            found = study(
                hall,
                outdoors(options.climates, WET_BULBS),
                generations=options.generations,
                population=options.population,
                seed=options.seed,
                progress=lambda steps, hall=hall: tqdm(steps, desc=hall, unit="generation"),
            )
            content[hall] = summary(found)
            print(table(hall, content[hall]), end="\n\n")
    if options.sweep and options.figure:
        supply_air_sweep(content).savefig(options.figure)
        print(options.figure)
    if options.out:
        write_json(options.out, content)
        print(options.out)


if __name__ == "__main__":
    main()
