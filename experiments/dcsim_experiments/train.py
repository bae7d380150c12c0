"""``dcsim train``: one controller trained with Stable-Baselines3, in a way that can be stopped and gone on with.

Training runs on the odd weeks of the year. Every so often the policy of the moment, without exploration, controls the
same validation days of those weeks; the best one is what is saved in the end. Test weeks are never touched; only tasks
that say when they start, such as a heat wave, are tested on the days they were trained on, with other loads.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from dcsim_agents.controller import make_controller
from dcsim_agents.learned import save_policy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from tqdm import tqdm

from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.envs.tasks import TASKS
from dcsim.errors import InputError
from dcsim.plant.description import load_hall
from dcsim_experiments import checkpoints
from dcsim_experiments.compare import settings
from dcsim_experiments.config import TrainConfig, check_at_least, check_choice, check_env, training_days, training_seed
from dcsim_experiments.recipes import RECIPES, Recipe, make_model
from dcsim_experiments.rollout import Controls
from dcsim_experiments.run_folder import RunFolder, package_versions

RESULT_FILE = "run.json"
VALIDATION_EPISODES = 16
VALIDATIONS = 20  # over a whole training
VALIDATION_SPACING_MIN = 2_000  # control steps
VALIDATION_SEED_OFFSET = 9_000  # from the seed of the first training row
TRAIN_WEEKS = "the odd weeks of the year (1st, 3rd ... from 1 January)"
TRAIN_DAYS = f"one-day episodes within {TRAIN_WEEKS}"


def main(config: TrainConfig, command: str | None = None) -> Path:
    """Train a controller and save its policy.

    Parameters
    ----------
    config : TrainConfig
    command : str, optional
        As typed, for the record.

    Returns
    -------
    Path
        Folder with the policy, ``run.json`` and TensorBoard events.

    Raises
    ------
    InputError
        If an option is wrong.
    """
    check_env(config.env)
    check_choice("--algo", config.algo, sorted(RECIPES))
    check_at_least(1, steps=config.steps, num_envs=config.num_envs)
    check_at_least(0, seed=config.seed, minutes=config.minutes, checkpoint_minutes=config.checkpoint_minutes)
    if config.resume and config.out is None:
        raise InputError("--resume needs --out, the folder of the run to go on with")
    if config.task is not None:
        check_choice("--task", config.task, sorted(TASKS))
    env = training_env(config)
    env.env.reset(seed=training_seed(config.seed))  # weather or load may not reach over an episode
    folder = RunFolder(config.out, "train", recorded(config), config.seed, RESULT_FILE, resume=config.resume)
    if config.resume and folder.is_finished():
        print("This training is finished already; nothing is left to do.")
        return folder.path
    outcome = train(config, folder, env)
    print(f"{outcome['algo']}: {outcome['steps']:,} control steps in {outcome['seconds']:.0f} s; {last_words(outcome)}")
    return folder.path


def recorded(config: TrainConfig) -> dict[str, Any]:
    """Return what the trained policy depends on: the options, and the recipe behind them."""
    kept = settings(config)
    del kept["checkpoint_minutes"]
    recipe = resolved(config)
    return kept | {
        "steps": recipe.steps,
        "num_envs": recipe.num_envs,
        "recipe": settings(recipe),
        "training_days": [] if has_own_start(config) else list(training_days()),
        "training_seed": training_seed(config.seed),
    }


def resolved(config: TrainConfig) -> Recipe:
    """Return the recipe with what the configuration says otherwise."""
    recipe = RECIPES[config.algo]
    return replace(recipe, steps=config.steps or recipe.steps, num_envs=config.num_envs or recipe.num_envs)


def has_own_start(config: TrainConfig) -> bool:
    """Whether the task that is trained on says when its episodes start."""
    return config.task is not None and TASKS[config.task].find_start is not None


def trained_days(config: TrainConfig) -> str:
    """Say in words on which days a controller is trained."""
    if has_own_start(config):
        return f"the days of the task {config.task}, the same that tests of this task run on, with other loads"
    return TRAIN_DAYS if config.task is None else f"episodes of the task {config.task} within {TRAIN_WEEKS}"


def env_keywords(config: TrainConfig) -> dict[str, Any]:
    """Return the keyword arguments of the training environment."""
    keywords: dict[str, Any] = {
        "weather": list(config.weather),
        "task": config.task,
        "start": None if has_own_start(config) else list(training_days()),
        "workload": config.workload,
        "grid": config.grid,
        "observation": {"forecast": True} if config.forecast else None,
        **config.faults,
    }
    return {name: value for name, value in keywords.items() if value is not None}


def training_env(config: TrainConfig) -> SB3VecEnv:
    """Return the environments that a configuration trains in."""
    recipe = resolved(config)
    limit = load_hall(gym.spec(config.env).kwargs["hall"]).limits.inlet_limit.value
    return SB3VecEnv(
        gym.make_vec(
            config.env,
            num_envs=recipe.num_envs,
            reward=dict(recipe.reward),
            changes={"limits.inlet_limit": limit - recipe.inlet_margin},
            **env_keywords(config),
        ),
        episode_sums=("thermal_energy_kwh", "violation_k_min"),
        reward_scale=recipe.reward_scale,
    )


def train(config: TrainConfig, folder: RunFolder, env: SB3VecEnv) -> dict[str, Any]:
    """Train, and leave policy, events and ``run.json`` in the folder.

    Returns
    -------
    dict
        What ``run.json`` says.

    Raises
    ------
    KeyboardInterrupt
        When asked to stop, after a checkpoint was written.
    """
    torch.set_num_threads(1)  # more gain nothing on small networks and collapse beside other work
    recipe = resolved(config)
    model = make_model(recipe, config.algo, env, config.seed)
    env.seed(training_seed(config.seed))
    model.set_logger(configure(str(folder.path / "tensorboard"), ["tensorboard"]))
    validation = Validation(config)
    with StopRequest() as stop:
        watch = TrainingWatch(config, folder.path, env, validation, stop)
        checkpoint = checkpoints.latest(folder.path) if config.resume else None
        if checkpoint is not None:
            watch.restore(checkpoint, model)
        begun = time.monotonic()
        try:
            model.learn(recipe.steps - model.num_timesteps, callback=watch, reset_num_timesteps=checkpoint is None)
            watch.judge()  # the last policy, too
        finally:
            watch.close()
    seconds = watch.seconds_before + time.monotonic() - begun
    if watch.best is not None:
        model.policy.load_state_dict(watch.best)
    save_policy(model, folder.path, env, recorded(config))
    outcome = {
        "env": config.env,
        "algo": config.algo,
        "steps": int(model.num_timesteps),
        "steps_planned": recipe.steps,
        "is_cut_off": watch.is_cut_off,
        "seconds": seconds,
        "train_days": trained_days(config),
        "faults": config.faults,
        "validation": watch.curve,
        "validation_reference": {"name": "g36", **validation.score(make_controller("g36", validation.env))},
        "packages": package_versions(),
    }
    folder.write(RESULT_FILE, outcome)
    checkpoints.remove_all(folder.path)
    return outcome


def last_words(outcome: dict[str, Any]) -> str:
    """Return the best validation beside that of g36, in words."""
    curve, reference = outcome["validation"], outcome["validation_reference"]
    best = int(np.argmax(curve["episode_return"]))
    words = (
        f"on validation days {curve['thermal_energy_kwh'][best]:.0f} kWh thermal energy a day with "
        f"{curve['violation_k_min'][best]:.2f} K min above the inlet limit (g36: {reference['thermal_energy_kwh']:.0f} "
        f"and {reference['violation_k_min']:.2f})"
    )
    return f"{words}; the clock cut the training off" if outcome["is_cut_off"] else words


class Validation:
    """The same days of the training weeks for every policy.

    Parameters
    ----------
    config : TrainConfig
    """

    def __init__(self, config: TrainConfig) -> None:
        self.env: Any = gym.make_vec(config.env, num_envs=VALIDATION_EPISODES, **env_keywords(config))
        self._seed = training_seed(config.seed) + VALIDATION_SEED_OFFSET

    def score(self, controller: Controls) -> dict[str, float]:
        """Return means of return, thermal energy and violation, the latter two a day."""
        settled = self.env.unwrapped.batch.config
        observation, _ = self.env.reset(seed=self._seed)
        controller.reset(self._seed)
        sums = dict.fromkeys(("episode_return", "thermal_energy_kwh", "violation_k_min"), 0.0)
        for _ in range(settled.episode_steps):
            observation, reward, _, _, info = self.env.step(controller.act(observation))
            last = info.get("final_info", info)
            sums["episode_return"] += float(reward.mean())
            for name in ("thermal_energy_kwh", "violation_k_min"):
                sums[name] += float(last[name].mean())
        days = settled.episode_steps * settled.control_interval_s / 86400.0
        return {name: total if name == "episode_return" else total / days for name, total in sums.items()}


class _Policy:
    """A model's policy without exploration, as a rollout runs it."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def reset(self, seed: int | None = None) -> None:
        """Forget nothing: the policy has no memory."""

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Return the mean action."""
        action: np.ndarray = self._model.predict(observation, deterministic=True)[0]
        return action


class StopRequest:
    """Turns the first interrupt or termination signal into a request; the second one interrupts at once."""

    def __init__(self) -> None:
        self.is_made = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_made:
            raise KeyboardInterrupt("interrupted at once; work since the last checkpoint is lost")
        self.is_made = True


class TrainingWatch(BaseCallback):
    """Progress bar, validation, checkpoints and stopping; all of it between rollouts, where nothing is half done.

    Parameters
    ----------
    config : TrainConfig
    run : Path
    env : SB3VecEnv
    validation : Validation
    stop : StopRequest

    Attributes
    ----------
    best : dict of tensors or None
        Policy with the highest validation return.
    curve : dict of list
        Steps and means of every validation.
    is_cut_off : bool
        Whether the clock ended the training.
    seconds_before : float
        Wall time before it was resumed.
    """

    def __init__(
        self, config: TrainConfig, run: Path, env: SB3VecEnv, validation: Validation, stop: StopRequest
    ) -> None:
        super().__init__()
        self._config, self._run, self._env, self._validation, self._stop = config, run, env, validation, stop
        self._total = resolved(config).steps
        self._next_validation = 0
        self._begun = self._saved = time.monotonic()
        self._bar: Any = None
        self.best: dict[str, torch.Tensor] | None = None
        self.curve: dict[str, list[float]] = {
            name: [] for name in ("steps", "thermal_energy_kwh", "violation_k_min", "episode_return")
        }
        self.is_cut_off = False
        self.seconds_before = 0.0

    @property
    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self._begun

    def restore(self, checkpoint: Path, model: Any) -> None:
        """Go on from a checkpoint."""
        progress, self.best = checkpoints.restore(checkpoint, model, self._env)
        self.curve, self._next_validation = progress["curve"], progress["next_validation"]
        self.seconds_before = progress["seconds"]

    def _on_training_start(self) -> None:
        self._begun = self._saved = time.monotonic()
        self._bar = tqdm(
            total=self._total,
            initial=self.model.num_timesteps,
            unit="step",
            unit_scale=True,
            desc="train",
            disable=None,
        )

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next_validation:
            self.judge()
            self._next_validation += max(VALIDATION_SPACING_MIN, self._total // VALIDATIONS)
        period = 60.0 * self._config.checkpoint_minutes
        if self._stop.is_made or time.monotonic() - self._saved >= period:
            self._save()
        if self._stop.is_made:
            where = f"--out {self._run}"
            raise KeyboardInterrupt(f"stopped at {self.num_timesteps:,} control steps; go on with --resume {where}")

    def _on_step(self) -> bool:
        self._bar.update(self.num_timesteps - self._bar.n)
        minutes = self._config.minutes
        self.is_cut_off = minutes is not None and self._seconds > 60.0 * minutes
        return not self.is_cut_off

    def _on_rollout_end(self) -> None:
        for name in ("thermal_energy_kwh", "violation_k_min"):
            values = [episode[name] for episode in self.model.ep_info_buffer or ()]
            if values:
                self.logger.record(f"rollout/{name}_mean", float(np.mean(values)))

    def judge(self) -> None:
        """Validate the policy of the moment and keep it if it is the best so far."""
        score = self._validation.score(_Policy(self.model))
        if not self.curve["episode_return"] or score["episode_return"] > max(self.curve["episode_return"]):
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.policy.state_dict().items()}
        self.curve["steps"].append(self.num_timesteps)
        for name, value in score.items():
            self.curve[name].append(value)
            self.logger.record(f"validation/{name}", value)
        energy, violation = score["thermal_energy_kwh"], score["violation_k_min"]
        self._bar.set_postfix_str(f"{energy:.0f} kWh/day, {violation:.2f} K min/day")

    def _save(self) -> None:
        progress = {"curve": self.curve, "next_validation": self._next_validation, "seconds": self._seconds}
        checkpoints.save(self._run, self.model, self._env, progress, self.best)
        self._saved = time.monotonic()

    def close(self) -> None:
        """Close the progress bar."""
        if self._bar is not None:
            self._bar.close()
