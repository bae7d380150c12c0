"""Train PPO where environments, networks and updates stay on one device; leaves the folder of a policy.

``python -m dcsim_experiments.torch_ppo --env dcsim/Enterprise-v0 --device cuda --num-envs 4096 --steps 20000000 --out runs/mine``

Reward, inlet margin and hyperparameters are those of ``dcsim train --algo ppo``, and so are the training days; there are neither
validation nor checkpoints, and the last policy is what is saved.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gymnasium as gym
from dcsim_agents.learned import save_network
from dcsim_agents.torch_ppo import ActorCritic, Options, Progress, train

from dcsim.envs.torch_env import make_torch
from dcsim.plant.description import load_hall
from dcsim_experiments.config import check_at_least, check_env, training_days, training_seed
from dcsim_experiments.recipes import RECIPES

TELL_S = 5.0  # how often


def main(arguments: Sequence[str] | None = None) -> Path:
    """Command line; returns the policy's folder."""
    recipe = RECIPES["ppo"]
    parser = argparse.ArgumentParser(description="PPO on a device.")
    parser.add_argument("--env", default="dcsim/Enterprise-v0", help="id of the environment")
    parser.add_argument("--device", default="cpu", help="as of torch.device")
    parser.add_argument("--num-envs", type=int, default=recipe.num_envs)
    parser.add_argument("--steps", type=int, default=recipe.steps, help="over all environments")
    parser.add_argument("--weather", nargs="+", default=["chicago"])
    parser.add_argument(
        "--refresh-most", type=int, help="episodes that the host draws anew between rollouts; by default all played"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/torch-ppo"))
    given = parser.parse_args(arguments)
    check_env(given.env)
    check_at_least(1, steps=given.steps, num_envs=given.num_envs)
    check_at_least(0, seed=given.seed, refresh_most=given.refresh_most)
    limit = load_hall(gym.spec(given.env).kwargs["hall"]).limits.inlet_limit.value
    env = make_torch(
        given.env,
        given.num_envs,
        device=given.device,
        weather=given.weather,
        start=list(training_days()),
        reward=dict(recipe.reward),
        changes={"limits.inlet_limit": limit - recipe.inlet_margin},
    )
    options = Options(steps=given.steps, refresh_most=given.refresh_most)
    start = told = time.perf_counter()
    last: list[Progress] = []

    def tell() -> None:
        progress, seconds = last[-1], time.perf_counter() - start
        print(
            f"{progress.steps:,} steps, {progress.steps / seconds:,.0f} a second: reward {progress.reward:.4f}, "
            f"explained variance {progress.explained_variance:.2f}, noise {progress.std:.3f}",
            flush=True,
        )

    def watch(_: ActorCritic, progress: Progress) -> None:
        nonlocal told
        last[:] = [progress]
        if time.perf_counter() - told > TELL_S:
            tell()
            told = time.perf_counter()

    agent = train(env, options, training_seed(given.seed), watch)
    tell()
    recorded: dict[str, Any] = {**vars(given), "out": str(given.out), "options": asdict(options)}
    folder = save_network(agent.actor, "ppo", given.out, env, recorded)
    print(folder)
    return folder


if __name__ == "__main__":
    main()
