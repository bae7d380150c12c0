"""``dcsim demo``: the main job in minutes. One controller is trained, then compared with all baselines on other weeks."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcsim_experiments import checkpoints, results
from dcsim_experiments.compare import (
    RESULT_FILE,
    check_controllers,
    context,
    evaluate,
    publish,
    recordings,
    scenarios_of,
    settings,
)
from dcsim_experiments.config import CompareConfig, DemoConfig, TrainConfig, check_at_least, check_env
from dcsim_experiments.recipes import RECIPES
from dcsim_experiments.run_folder import RunFolder
from dcsim_experiments.train import RESULT_FILE as TRAINED_FILE
from dcsim_experiments.train import TRAIN_DAYS, last_words, recorded, train, training_env

BASELINES = ("fixed", "rules", "pid", "g36-default", "g36")
STEPS = {"ppo": 2_400_000, "sac": 40_000}  # a good half minute of a fast core, three minutes of a slow one


def main(config: DemoConfig, command: str | None = None) -> Path:
    """Train, compare and show.

    Parameters
    ----------
    config : DemoConfig
    command : str, optional
        As typed, for the report.

    Returns
    -------
    Path
        Folder with ``compare.json``, figures, ``report.html`` and the trained policy.

    Raises
    ------
    InputError
        If an option is wrong.
    """
    from dcsim.plots import learning_curve

    begun = time.monotonic()
    check_env(config.env)
    check_at_least(1, steps=config.steps, episodes=config.episodes)
    check_at_least(0, seed=config.seed, minutes=config.minutes)
    training = TrainConfig(
        env=config.env,
        algo=config.algo,
        seed=config.seed,
        steps=config.steps or STEPS[config.algo],
        weather=config.weather,
        minutes=config.minutes,
        checkpoint_minutes=float("inf"),
    )
    comparison = CompareConfig(
        env=config.env, controllers=BASELINES, episodes=config.episodes, weather=config.weather, seed=config.seed
    )
    scenarios = scenarios_of(comparison)
    baselines = dict.fromkeys(BASELINES)
    check_controllers({name: name for name in baselines}, scenarios)
    kept = settings(config) | {"training": recorded(training), "comparison": settings(comparison)}
    folder = RunFolder(config.out, "demo", kept, config.seed, RESULT_FILE)

    learner = folder.path / config.algo
    print(
        f"1 of 2: training {config.algo} on {config.env}, {', '.join(config.weather)}: {TRAIN_DAYS}; "
        f"{training.steps:,} control steps"
    )
    outcome = _trained(training, learner)
    print(f"  {outcome['steps']:,} control steps in {outcome['seconds']:.0f} s; {last_words(outcome)}")

    print(f"2 of 2: {len(baselines) + 1} controllers on {config.episodes} even weeks, which the training has not seen")
    controllers = {**{name: name for name in BASELINES}, config.algo: str(learner)}
    evaluation = evaluate(controllers, scenarios)
    result = results.content(evaluation, "g36") | context(comparison, scenarios, controllers, command)
    result |= {"seeds": [config.seed], "train_days": TRAIN_DAYS, "algo": config.algo}
    result["about"][config.algo] = (
        f"{config.algo.upper()} trained for {outcome['steps']:,} control steps with {RECIPES[config.algo].num_envs} "
        f"environments side by side{'; cut off by the clock' if outcome['is_cut_off'] else ''}"
    )
    learning = learning_curve({config.algo: outcome["validation"]}, outcome["validation_reference"])
    days = recordings(controllers, scenarios[0], evaluation, result)
    publish(folder, result, [config.algo], days, {"learning": learning})
    print(f"\nThe whole took {time.monotonic() - begun:.0f} s. Open {folder.path / 'report.html'} in a browser.")
    return folder.path


def _trained(training: TrainConfig, path: Path) -> dict[str, Any]:
    """Train in a folder of its own, go on with what an interrupted demo left there, or take what is finished."""
    goes_on = checkpoints.latest(path) is not None or (path / TRAINED_FILE).is_file()
    folder = RunFolder(path, "train", recorded(training), training.seed, TRAINED_FILE, resume=goes_on)
    if folder.is_finished():
        print("  this folder holds the finished training already")
        outcome: dict[str, Any] = json.loads((path / TRAINED_FILE).read_text(encoding="utf-8"))
        return outcome
    try:
        return train(replace(training, resume=goes_on), folder, training_env(training))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; the same command with --out {path.parent} goes on with the training"
        ) from None
