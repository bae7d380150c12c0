"""``dcsim compare``: controllers on the same weather, load and seeds, with intervals on the differences."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from dcsim_agents.controller import FACTORIES, make_controller
from dcsim_agents.learned import read_policy
from tqdm import tqdm

from dcsim.drivers import load_weather
from dcsim.drivers.calendar import time_label
from dcsim.envs.tasks import TASKS
from dcsim.errors import InputError
from dcsim_experiments import results
from dcsim_experiments.config import (
    CompareConfig,
    calendar_days,
    check_at_least,
    check_choice,
    check_env,
    spread,
    test_weeks,
)
from dcsim_experiments.faults import in_words
from dcsim_experiments.results import Evaluation, Group
from dcsim_experiments.rollout import Rollout, Scenario, record, run
from dcsim_experiments.run_folder import RunFolder, package_versions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULT_FILE = "compare.json"
ORDINARY_DAYS = 7.0  # of an episode without a task: a whole test week
ABOUT = {
    "fixed": "legacy operation: fans and pumps at full speed, constant set-points",
    "rules": "loops as building management systems run them",
    "pid": "proportional-integral loops on every set-point that a measurement can drive",
    "g36-default": "resets in the style of ASHRAE Guideline 36 with published constants",
    "g36": "the same resets with the constants tuned for the hall and frozen",
}
SHOWN = 3  # controllers whose day is drawn
DAY_S = 86400.0


def main(config: CompareConfig, command: str | None = None) -> Path:
    """Compare controllers, print the table and who won, write the results.

    Parameters
    ----------
    config : CompareConfig
    command : str, optional
        As typed, for the report.

    Returns
    -------
    Path
        Folder with ``compare.json``, figures and ``report.html``.

    Raises
    ------
    InputError
        If an option is wrong.
    """
    check_env(config.env)
    check_at_least(1, episodes=config.episodes)
    check_at_least(0, seed=config.seed)
    controllers = named(config.controllers)
    reference = chosen_reference(config.reference, list(controllers))
    scenarios = scenarios_of(config)
    check_controllers(controllers, scenarios)
    folder = RunFolder(config.out, "compare", settings(config), config.seed, RESULT_FILE)
    evaluation = evaluate(controllers, scenarios)
    result = results.content(evaluation, reference) | context(config, scenarios, controllers, command)
    if aims := results.aims(evaluation, reference):
        result["aims"] = aims
    policies = {name: read_policy(place) for name, place in controllers.items() if place not in FACTORIES}
    if policies:
        seeds = [policy["config"].get("seed") for policy in policies.values()]
        result["seeds"] = [seed for seed in seeds if seed is not None]
        result["seen_in_training"] = {
            name: [group.label for group in evaluation.groups if is_seen(policy["config"], group)]
            for name, policy in policies.items()
        }
    publish(folder, result, list(policies), recordings(controllers, scenarios[0], evaluation, result))
    return folder.path


def settings(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration that results depend on."""
    return {name: value for name, value in asdict(config).items() if name not in ("out", "resume")}


def named(words: Sequence[str]) -> dict[str, str]:
    """Return controllers by the name they go under: a policy folder by its own name, or with its parent's if that is taken.

    Raises
    ------
    InputError
        If there is none, or one appears twice.
    """
    if not words:
        raise InputError("--controllers: expected at least one name or policy folder")
    names: dict[str, str] = {}
    for word in words:
        path = Path(word)
        candidates = [word] if word in FACTORIES else [path.name, f"{path.parent.name}/{path.name}", word]
        free = [name for name in candidates if name and name not in names and (name == word or name not in FACTORIES)]
        if not free or word in names.values():
            raise InputError(f"--controllers: '{word}' appears twice; name it once")
        names[free[0]] = word
    return names


def chosen_reference(wished: str | None, names: Sequence[str]) -> str:
    """Return the controller that the others are compared with."""
    if wished is not None:
        check_choice("--reference", wished, names)
        return wished
    return "g36" if "g36" in names else names[0]


def scenarios_of(config: CompareConfig) -> list[Scenario]:
    """Return the scenarios of a configuration: one for each task and climate.

    Raises
    ------
    InputError
        If a task or climate is not known.
    """
    for word in config.tasks:
        check_choice("--tasks:", word, sorted(TASKS))
    if not config.weather:
        raise InputError("--weather: expected at least one climate or file")
    if config.episode_days is not None and not config.episode_days > 0.0:
        raise InputError(f"--episode-days {config.episode_days:g}: expected more than 0")
    scenarios = []
    tasks: tuple[str | None, ...] = config.tasks or (None,)
    for task in tasks:
        starts = config.start
        if not starts and (task is None or TASKS[task].find_start is None):
            starts = test_weeks()
        days = ORDINARY_DAYS if config.episode_days is None and task is None else config.episode_days
        for weather in config.weather:
            keywords: dict[str, Any] = {
                "weather": weather,
                "task": task,
                "episode_days": days,
                "workload": config.workload,
                "grid": config.grid,
                "observation": {"forecast": True} if config.forecast else None,
                **config.faults,
            }
            given = {name: value for name, value in keywords.items() if value is not None}
            own = spread(starts, config.episodes, config.seed) if starts else ()
            scenarios.append(Scenario(config.env, config.episodes, config.seed, given, own))
    return scenarios


def check_controllers(controllers: Mapping[str, str], scenarios: Sequence[Scenario]) -> None:
    """Start all episodes and make every controller once, so that what is wrong is told before anything is written.

    Raises
    ------
    InputError
        Naming the controller, or what of the environment is wrong.
    """
    for scenario in scenarios:
        env = scenario.make_vec()
        env.reset(seed=scenario.seed)  # weather or load may not reach over an episode
        for place in controllers.values():
            make_controller(place, env)
        env.close()


def evaluate(controllers: Mapping[str, str], scenarios: Sequence[Scenario]) -> Evaluation:
    """Run all controllers over the episodes of all scenarios, with a progress bar.

    Parameters
    ----------
    controllers : mapping of str to str
        What ``make_controller`` takes, by the name it goes under.
    scenarios : sequence of Scenario

    Returns
    -------
    Evaluation
    """
    rollouts: dict[str, list[Rollout]] = {name: [] for name in controllers}
    groups = []
    envs = [scenario.make_vec() for scenario in scenarios]
    total = len(controllers) * sum(env.unwrapped.batch.config.episode_steps for env in envs)
    with tqdm(total=total, unit="step", desc="compare", disable=None) as bar:
        for scenario, env in zip(scenarios, envs, strict=True):
            for name, place in controllers.items():
                bar.set_postfix_str(name)
                rollouts[name].append(run(make_controller(place, env), env, scenario.seed, bar.update))
            first = rollouts[name][-1]
            groups.append(_group(scenario, env, first))
            env.close()

    def joined(of: str, name: str) -> dict[str, np.ndarray]:
        parts = [getattr(rollout, of) for rollout in rollouts[name]]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    return Evaluation(
        metrics={name: joined("metrics", name) for name in controllers},
        energies={name: joined("energies", name) for name in controllers},
        trips={name: sum(int(rollout.is_tripped.sum()) for rollout in rollouts[name]) for name in controllers},
        groups=groups,
    )


def _group(scenario: Scenario, env: Any, rollout: Rollout) -> Group:
    settled = env.unwrapped.batch.config
    return Group(
        task=scenario.keywords.get("task"),
        weather=str(scenario.keywords["weather"]),
        days=settled.episode_steps * settled.control_interval_s / DAY_S,
        dates=[time_label(start) for start in rollout.start_s],
        seeds=list(range(scenario.seed, scenario.seed + scenario.episodes)),
    )


def recordings(
    controllers: Mapping[str, str], scenario: Scenario, evaluation: Evaluation, result: Mapping[str, Any]
) -> dict[str, dict[str, np.ndarray]]:
    """Record the first day of the most demanding episode of a scenario under the controllers that are shown.

    Shown are the reference, the best, every policy and then the others by energy, ``SHOWN`` in all. The most demanding
    episode is the one in which the reference needs most thermal energy.
    """
    reference = result["reference"]
    policies = [name for name, place in controllers.items() if place not in FACTORIES]
    order = dict.fromkeys([reference, results.by_energy(result)[0], *policies, *results.by_energy(result)])
    energy = evaluation.metrics[reference][results.HEADLINE][: scenario.episodes]
    episode = int(np.argmax(energy))
    trajectories = {}
    for name in list(order)[:SHOWN]:
        env = scenario.make(episode)
        steps = round(DAY_S / env.unwrapped.batch.config.control_interval_s)
        trajectories[name] = record(make_controller(controllers[name], env), env, scenario.seed + episode, steps)
    return trajectories


def context(
    config: Any, scenarios: Sequence[Scenario], controllers: Mapping[str, str], command: str | None
) -> dict[str, Any]:
    """Return what a reader of the result needs to know beside the numbers."""
    env = scenarios[0].make()
    settled = env.unwrapped.batch.config
    tasks = dict.fromkeys(scenario.keywords.get("task") or "ordinary weeks" for scenario in scenarios)
    return {
        "env": config.env,
        "weather": list(dict.fromkeys(str(scenario.keywords["weather"]) for scenario in scenarios)),
        "tasks": list(tasks),
        "workload": scenarios[0].keywords.get("workload") or settled.hall.description.workload,
        "grid": settled.grid.name,
        "faults": scenarios[0].faults,
        "episodes": sum(scenario.episodes for scenario in scenarios),
        "control_interval_s": settled.control_interval_s,
        "limits": {"inlet_limit": settled.hall.description.limits.inlet_limit.value},
        "about": {name: about(place) for name, place in controllers.items()},
        "versions": package_versions(),
        **({"command": command} if command else {}),
    }


def about(place: str) -> str:
    """Return one line on a controller."""
    if place not in FACTORIES:
        policy = read_policy(place)
        steps = policy["config"].get("steps")
        words = f" trained for {steps:,} control steps" if isinstance(steps, int) else ""
        words += f" on the task {policy['config']['task']}" if policy["config"].get("task") else ""
        words += f" with faults {in_words(policy['config']['faults'])}" if policy["config"].get("faults") else ""
        return f"{policy['algo'].upper()} policy{words}"
    if place in ABOUT:
        return ABOUT[place]
    module, _, attribute = FACTORIES[place].partition(":")
    text = getattr(importlib.import_module(module), attribute).__doc__ or place
    return str(text).strip().splitlines()[0].rstrip(".")


def is_seen(training: Mapping[str, Any], group: Group) -> bool:
    """Whether a training met the task and climate of a group on a day that the group is tested on.

    Parameters
    ----------
    training : mapping
        As of ``train.recorded``; of other makers, who may have left anything in it, nothing is known.
    group : Group
    """
    weather, days = training.get("weather"), training.get("training_days")
    if training.get("task") != group.task or not isinstance(weather, list) or group.weather not in weather:
        return False
    task = TASKS[group.task] if group.task else None
    if task is not None and task.find_start is not None:
        trained = calendar_days(time_label(task.find_start(load_weather(group.weather))), task.episode_days)
    else:
        trained = {str(day)[5:] for day in days} if isinstance(days, list) else set()
    return any(trained & calendar_days(date, group.days) for date in group.dates)


def publish(
    folder: RunFolder,
    result: dict[str, Any],
    learned: Sequence[str],
    trajectories: Mapping[str, Mapping[str, np.ndarray]],
    more: "Mapping[str, Figure] | None" = None,
) -> None:
    """Print table and verdict; write figures, ``more`` of them at the end, the report and, last, ``compare.json``."""
    from dcsim.plots import comparison_figures
    from dcsim_experiments.report import write_report

    sentence = results.verdict(result, learned)
    result |= {"episode_days": results.mean_days(result), "days": [row["start"] for row in result["rows"]]}
    if result["faults"]:
        print(f"faults: {in_words(result['faults'])}\n")
    print(results.table(result))
    if len(result["groups"]) > 1:
        print(f"\n{results.group_table(result)}")
    if aims := results.aim_table(result):
        print(f"\n{aims}")
    print(f"\n{sentence}")
    stored = folder.path / "trajectories"
    stored.mkdir(exist_ok=True)
    for name, trajectory in trajectories.items():
        np.savez_compressed(stored / f"{name.replace('/', '-')}.npz", **trajectory)  # type: ignore[arg-type]
    figures = {**comparison_figures(result, trajectories), **(more or {})}
    for key, figure in figures.items():
        figure.savefig(folder.path / f"{key}.png", dpi=150)
    whole = {**folder.identity, **result, "verdict": sentence}
    write_report(folder.path / "report.html", whole, figures, headline=sentence)
    folder.write(RESULT_FILE, {**result, "verdict": sentence})
