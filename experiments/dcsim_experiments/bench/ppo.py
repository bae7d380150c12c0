"""Frames a second of PPO, and the environment's share of its time."""

import time
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO

from dcsim.envs.sb3_vec_env import SB3VecEnv

NUM_ENVS, STEPS, BATCH_SIZE, EPOCHS = 64, 64, 1024, 10  # 4,096 frames an iteration


def measured(env_id: str, engine: str, dtype: str, seed: int, iterations: int = 2) -> dict[str, Any]:
    """Train on the CPU with one torch thread and Stable-Baselines3's usual network; the first iteration warms up.

    Returns
    -------
    dict
        ``frames_per_s`` and ``env_share``, the part of the wall time that is spent in the environment's step.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        env = SB3VecEnv(gym.make_vec(env_id, num_envs=NUM_ENVS, engine=engine, dtype=dtype))
        spent = [0.0]
        env.step_wait = _timed(env.step_wait, spent)  # type: ignore[method-assign]
        model = PPO(
            "MlpPolicy", env, n_steps=STEPS, batch_size=BATCH_SIZE, n_epochs=EPOCHS, seed=seed, device="cpu", verbose=0
        )
        model.learn(NUM_ENVS * STEPS)
        spent[0], begun = 0.0, time.perf_counter()
        model.learn(iterations * NUM_ENVS * STEPS, reset_num_timesteps=False)
        passed = time.perf_counter() - begun
    finally:
        torch.set_num_threads(threads)
    return {
        "num_envs": NUM_ENVS,
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "engine": engine,
        "dtype": dtype,
        "frames_per_s": iterations * NUM_ENVS * STEPS / passed,
        "env_share": spent[0] / passed,
    }


def _timed(step: Callable[[], Any], spent: list[float]) -> Callable[[], Any]:
    def timed() -> Any:
        begun = time.perf_counter()
        result = step()
        spent[0] += time.perf_counter() - begun
        return result

    return timed
