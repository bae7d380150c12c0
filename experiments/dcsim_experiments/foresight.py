"""What foresight is worth: a storage tank under a tariff, and chillers whose starts cost, against the usual rules.

    python -m dcsim_experiments.foresight --out foresight.json --figure foresight.png

Every case runs the same resets (``g36``), load and weather; only what is asked of the tank, or the number of chillers, differs.

* Tank, in the task ``tou-tank`` (or ``carbon-tank``): left alone; by rule, storage priority at full rate and charged evenly; and with
  foresight, a dynamic program that knows weather, load and tariff, over the plant's costs measured at rest, replayed on the whole plant.
* Staging, in the task ``staging``: the thresholds that plants use; the best number at each time, starts not counted; and with foresight.

Costs are those of thermal energy (cooling, server fans, leakage), the settlement of the tank's content included. What a plan promised by
its steady costs stands beside what its replay brought.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from dcsim_agents import make_controller
from dcsim_agents.storage import evenly_charged, storage_priority
from tqdm import tqdm

import dcsim  # noqa: F401  (registers the environments)
from dcsim.envs.tasks import TASKS as STRESS
from dcsim.errors import InputError
from dcsim_experiments.foresight_plans import Course, content, plan_staging, plan_tank
from dcsim_experiments.run_folder import write_json
from dcsim_experiments.validation.bands import days_of_year

Array = np.ndarray
ENVS = ("dcsim/Enterprise-v0", "dcsim/Hyperscale-v0")
CLIMATES = ("miami", "phoenix", "san-francisco", "chicago", "denver")
TASKS = ("tou-tank", "carbon-tank", "staging")
EPISODES, DAYS = 8, 3.0  # spread over the year; long enough for the tank's start to matter little
PLAN_STEPS = {"tou-tank": 6, "carbon-tank": 6, "staging": 4}  # control steps of 300 s in a step of a plan
REFERENCE = {"tou-tank": "left alone", "carbon-tank": "left alone", "staging": "thresholds"}
WORTH = {task: STRESS[task].aim for task in TASKS}
UNITS = {"energy_cost": "USD", "carbon_kg": "kg", "thermal_energy_kwh": "kWh"}


class Replay(NamedTuple):
    """What a case came to in each of N episodes, a day."""

    worth: Array  # cost, carbon or energy of thermal energy, settlement included
    thermal_kwh: Array
    violation_k_min: Array
    hottest_c: Array  # of the episode
    starts: Array  # of chillers; only where they are booked, 0 elsewhere
    trace: dict[str, list[float]]  # of the first episode, a value a control step


Decide = Callable[[Any, int], Array | None]
"""From a batch and the number of control steps made to the value of the action that is decided, shape (N,); None leaves it."""


def made(env_id: str, task: str, climate: str, episodes: int, days: float) -> Any:
    """Return environments whose episodes are spread over the year, and the starts of these."""
    env: Any = gym.make_vec(env_id, num_envs=episodes, task=task, weather=climate, episode_days=days)
    return env, days_of_year(episodes)


def replayed(
    env: Any,
    starts: Sequence[str],
    controller: Any,
    name: str,
    decide: Decide | None = None,
    witness: Callable[[int], None] | None = None,
) -> Replay:
    """Run a controller over the episodes, with an action that is decided elsewhere.

    Parameters
    ----------
    env : gymnasium.vector.VectorEnv
    starts : sequence of str
        ISO dates.
    controller : Controller
    name : str
        Of the action.
    decide : callable, optional
    witness : callable, optional
        Called with the number of control steps made, before each.
    """
    observation, _ = env.reset(seed=0, options={"start": list(starts)})
    controller.reset()
    batch = env.unwrapped.batch
    task, steps = batch.config.task.name, batch.config.episode_steps
    column = [signal.name for signal in batch.signals.action].index(name)
    low, high = batch.signals.action[column].low, batch.signals.action[column].high
    sums = {key: np.zeros(env.num_envs) for key in ("worth", "thermal", "violation", "starts")}
    hottest = np.full(env.num_envs, -np.inf)
    trace: dict[str, list[float]] = {}
    for step in range(steps):
        action = controller.act(observation)
        if decide is not None and (wanted := decide(batch, step)) is not None:
            action[:, column] = np.clip(2.0 * (wanted - low) / (high - low) - 1.0, -1.0, 1.0)
        if witness is not None:
            witness(step)
        rate = worth_of_kwh(batch)
        observation, _, terminated, _, info = env.step(action)
        if terminated.any():
            raise InputError(f"{task}: the hall trips on {np.array(starts)[terminated][0]}")
        seen = info.get("final_info", info)
        sums["thermal"] += seen["thermal_energy_kwh"]
        sums["worth"] += seen["thermal_energy_kwh"] * rate
        if WORTH[task] != "thermal_energy_kwh":  # what is settled at the end, over what was metered
            sums["worth"] += seen[WORTH[task]] - seen["facility_energy_kwh"] * rate
        sums["violation"] += seen["violation_k_min"]
        hottest = np.maximum(hottest, seen["rack_inlet_max_c"])
        if step < steps - 1:  # the last step starts the next episode
            state = batch.state
            if hasattr(state, "chiller_starts"):
                sums["starts"] += state.chiller_starts[0]
            now = {"hour": step * batch.config.control_interval_s / 3600.0, "thermal_power": seen["thermal_power_w"][0]}
            now |= {"worth_of_kwh": rate[0], "chillers": state.chillers_on[0, 0]}
            if hasattr(state, "tank_charge"):
                now |= {"charge": state.tank_charge[0, 0], "flow": state.tank_flow[0, 0]}
            for key, value in now.items():
                trace.setdefault(key, []).append(float(value))
    days = steps * batch.config.control_interval_s / 86400.0
    return Replay(
        sums["worth"] / days, sums["thermal"] / days, sums["violation"] / days, hottest, sums["starts"] / days, trace
    )


class Witness:
    """Notes what a plan needs to know of a replay: the plant at the middle of every step of the plan.

    Parameters
    ----------
    batch : Batch
    """

    def __init__(self, batch: Any) -> None:
        self._batch, self._every = batch, PLAN_STEPS[batch.config.task.name]
        self._inputs: list[Array] = []
        self._states: list[Array] = []
        self._worth: list[Array] = []

    def look(self, step: int) -> None:
        """Note what stands before a control step."""
        if step % self._every != self._every // 2:
            return
        batch, types = self._batch, self._batch.config.hall.types
        self._inputs.append(np.concatenate([batch.view(f"input.{name}") for name in types.Inputs._fields]))
        self._states.append(np.concatenate([batch.view(f"state.{name}") for name in types.State._fields]))
        self._worth.append(worth_of_kwh(batch))

    def course(self) -> Course:
        """Return what was noted."""
        inputs, states = (np.stack(rows, axis=2) for rows in (self._inputs, self._states))  # (rows, N, K)
        return Course(
            inputs=np.ascontiguousarray(inputs.reshape(len(inputs), -1)),
            state=np.ascontiguousarray(states.reshape(len(states), -1)),
            worth=np.stack(self._worth, axis=1),
            step_s=self._every * self._batch.config.control_interval_s,
        )


def worth_of_kwh(batch: Any) -> Array:
    """What a kWh costs in the control step to come, in what the task is about, shape (N,)."""
    key = WORTH[batch.config.task.name]
    if key == "thermal_energy_kwh":
        return np.ones(batch.num_envs)
    rate: Array = batch.view("driven.price" if key == "energy_cost" else "driven.carbon_intensity")[0].copy()
    return rate


def tank_cases(env_id: str, task: str, climate: str, episodes: int, days: float) -> dict[str, Replay]:
    """Replay all ways to use the tank; of the plan, what it promised stands in ``promised``."""
    env, starts = made(env_id, task, climate, episodes, days)
    batch, every = env.unwrapped.batch, PLAN_STEPS[task]
    hall, interval = batch.config.hall, batch.config.control_interval_s
    witness, controller = Witness(batch), make_controller("g36", env)
    found = {
        "left alone": replayed(env, starts, controller, "tank_flow", lambda at, step: np.zeros(episodes), witness.look)
    }
    for name, law in (("rule, full rate", storage_priority), ("rule, evenly", evenly_charged)):
        controller.storage = law
        found[name] = replayed(env, starts, controller, "tank_flow")

    env.reset(seed=0, options={"start": starts})
    rows = {"energy_cost": (2, 5), "carbon_kg": (3, 6)}[WORTH[task]]
    start, taken, put = (batch.stored.kept[row].copy() for row in (0, *rows))
    plan, wanted = plan_tank(batch, witness.course(), (start, taken, put)), np.zeros(episodes)

    def planned(at: Any, step: int) -> Array:
        if step % every == 0:
            wanted[:] = plan.request(content(hall, at.state, interval), step // every)
        return wanted

    found["foresight"] = replayed(env, starts, controller, "tank_flow", planned)
    found["promised"] = found["left alone"]._replace(
        worth=found["left alone"].worth * plan.promised / plan.idle, trace={}
    )
    env.close()
    return found


def staging_cases(env_id: str, task: str, climate: str, episodes: int, days: float) -> dict[str, Replay]:
    """Replay all ways to choose the number of chillers; of the plan, what it promised stands in ``promised``."""
    env, starts = made(env_id, task, climate, episodes, days)
    batch, every = env.unwrapped.batch, PLAN_STEPS[task]
    witness, controller, name = Witness(batch), make_controller("g36", env), "chillers_requested"
    found = {"thresholds": replayed(env, starts, controller, name, None, witness.look)}

    env.reset(seed=0, options={"start": starts})
    plan, wanted = plan_staging(batch, witness.course(), batch.state.chillers_on[0].copy()), np.zeros(episodes)

    def planned(at: Any, step: int) -> Array:
        if step % every == 0:
            on = np.rint(at.state.chillers_on[0]).astype(int)
            wanted[:] = plan.choice[step // every, np.arange(episodes), on]
        return wanted

    def best(at: Any, step: int) -> Array:
        return plan.best[step // every].astype(float)

    found["best number"] = replayed(env, starts, controller, name, best)
    found["foresight"] = replayed(env, starts, controller, name, planned)
    found["promised"] = found["thresholds"]._replace(
        worth=found["thresholds"].worth * plan.promised / plan.thresholds, starts=np.zeros(episodes), trace={}
    )
    env.close()
    return found


def study(env_id: str, task: str, climate: str, episodes: int = EPISODES, days: float = DAYS) -> dict[str, Any]:
    """Compare all cases of one task and climate.

    Returns
    -------
    dict
        ``unit``; ``cases.{name}`` with the means a day ``worth``, ``thermal_kwh``, ``violation_k_min``, ``starts``, the hottest inlet
        ``hottest_c`` and ``saving``, the share of the reference's worth that the case saves (of ``promised``, by the plan's steady costs);
        ``trace`` of the first episode by case.
    """
    find = staging_cases if task == "staging" else tank_cases
    found = find(env_id, task, climate, episodes, days)
    reference = found[REFERENCE[task]].worth.sum()
    return {
        "unit": UNITS[WORTH[task]],
        "cases": {
            name: {
                "worth": float(case.worth.mean()),
                "saving": float(1.0 - case.worth.sum() / reference),
                "thermal_kwh": float(case.thermal_kwh.mean()),
                "violation_k_min": float(case.violation_k_min.mean()),
                "hottest_c": float(case.hottest_c.max()),
                "starts": float(case.starts.mean()),
            }
            for name, case in found.items()
        },
        "trace": {name: case.trace for name, case in found.items() if case.trace},
    }


def table(env_id: str, task: str, content: Mapping[str, Any]) -> str:
    """Climates of one environment and task, as text."""
    unit = next(iter(content.values()))["unit"]
    lines = [
        f"{env_id}, {task}: thermal energy a day in {unit}, saving against '{REFERENCE[task]}'",
        f"{'climate':15}{'case':18}{unit + ' a day':>14}{'saving %':>10}{'kWh a day':>12}{'K min a day':>13}"
        f"{'hottest':>9}{'starts a day':>14}",
    ]
    for climate, found in content.items():
        for name, case in found["cases"].items():
            if name == "promised":
                lines.append(f"{climate:15}{'  by its plan':18}{'':14}{100 * case['saving']:10.2f}")
                continue
            lines.append(
                f"{climate:15}{name:18}{case['worth']:14.2f}{100 * case['saving']:10.2f}{case['thermal_kwh']:12.1f}"
                f"{case['violation_k_min']:13.2f}{case['hottest_c']:9.2f}{case['starts']:14.1f}"
            )
    return "\n".join(lines)


def figure(content: Mapping[str, Any]) -> Any:
    """Savings by climate, and three days of the first climate with rule and foresight."""
    from dcsim.plots.palette import FAINT
    from dcsim.plots.style import house_style, new_figure

    cases = [(env_id, task) for env_id, tasks in content.items() for task in tasks]
    colors = {"rule, full rate": "#bdbdbd", "rule, evenly": "#5c5c5c", "best number": "#0072b2", "foresight": "#cc79a7"}
    with house_style():
        drawing = new_figure(11.0, 2.6 * len(cases))
        axes = drawing.subplots(len(cases), 2, squeeze=False)
        for (env_id, task), (left, right) in zip(cases, axes, strict=True):
            by_climate = content[env_id][task]
            shown = [name for name in colors if name in next(iter(by_climate.values()))["cases"]]
            place = np.arange(len(by_climate))
            for i, name in enumerate(shown):
                savings = [100.0 * found["cases"][name]["saving"] for found in by_climate.values()]
                left.bar(place + (i - 0.5 * (len(shown) - 1)) * 0.25, savings, 0.24, color=colors[name], label=name)
            left.axhline(0.0, color=FAINT, linewidth=0.8)
            left.set_xticks(place, list(by_climate))
            left.set(ylabel="saving (%)", title=f"{env_id.removeprefix('dcsim/')}, {task}")
            left.legend(fontsize="small")
            trace = next(iter(by_climate.values()))["trace"]
            what = "charge" if "charge" in trace["foresight"] else "chillers"
            for name in (REFERENCE[task], *shown[-2:]):
                right.plot(trace[name]["hour"], trace[name][what], color=colors.get(name, FAINT), label=name)
            right.set(
                xlabel=f"hours, {next(iter(by_climate))}", ylabel="cold share of the tank" if what == "charge" else what
            )
            right.legend(fontsize="small")
        drawing.set_layout_engine("constrained")
    return drawing


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="What foresight is worth with a storage tank and with staged chillers."
    )
    parser.add_argument("--envs", nargs="+", default=list(ENVS))
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--climates", nargs="+", default=list(CLIMATES))
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--days", type=float, default=DAYS, help="of an episode")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--figure", type=Path, help="PNG file")
    options = parser.parse_args(arguments)
    content: dict[str, dict[str, dict[str, Any]]] = {}
    for env_id in options.envs:
        content[env_id] = {}
        for task in options.tasks:
            climates = tqdm(options.climates, desc=f"{env_id} {task}", unit="climate", disable=None)
            content[env_id][task] = {
                climate: study(env_id, task, climate, options.episodes, options.days) for climate in climates
            }
            print(table(env_id, task, content[env_id][task]), end="\n\n")
    if options.figure:
        figure(content).savefig(options.figure)
        print(options.figure)
    if options.out:
        write_json(options.out, content)
        print(options.out)


if __name__ == "__main__":
    main()
