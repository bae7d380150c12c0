"""What the tests of the controllers share."""

from typing import Any

import gymnasium as gym
import numpy as np
from dcsim_agents import Controller

import dcsim
from dcsim.plant.description import load_hall

ENV_IDS = tuple(dcsim.ids())
KINDS = {env_id: load_hall(gym.spec(env_id).kwargs["hall"]).kind for env_id in ENV_IDS}
ON_WATER = tuple(env_id for env_id in ENV_IDS if KINDS[env_id] == "chilled-water")
ON_DX = tuple(env_id for env_id in ENV_IDS if KINDS[env_id] == "dx")
ON_LIQUID = tuple(env_id for env_id in ENV_IDS if KINDS[env_id] == "liquid")
BASELINES = ("fixed", "rules", "pid", "g36-default", "g36")


def run_episode(
    env: gym.Env[Any, Any], controller: Controller, seed: int, steps: int | None = None
) -> dict[str, np.ndarray]:
    """Infos, rewards, actions and observations of an episode, a row a step."""
    controller.reset(seed)
    observation, _ = env.reset(seed=seed)
    kept: dict[str, list[Any]] = {"observation": [observation], "action": [], "reward": []}
    is_over = False
    while not is_over and (steps is None or len(kept["reward"]) < steps):
        action = controller.act(observation)
        observation, reward, terminated, truncated, info = env.step(action)
        is_over = terminated or truncated
        for name, value in (("observation", observation), ("action", action), ("reward", reward), *info.items()):
            kept.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in kept.items()}
