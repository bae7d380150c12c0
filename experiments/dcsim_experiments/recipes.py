"""How each algorithm is trained on a hall."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcsim.envs.sb3_vec_env import SB3VecEnv


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of one algorithm.

    Attributes
    ----------
    steps : int
        Control steps to train for, over all rows.
    num_envs : int
        Rows of the vector environment.
    learning_rate : float
        At the start; it falls linearly to 0 at the end of the training.
    reward : mapping
        Weights of reward terms while training that differ from the environment's. A policy that explores is judged
        without its noise later, so a heavier penalty here keeps its margin to the limit.
    inlet_margin : float
        K by which the inlet limit is lower while training. Exploring noise is gone later, but test days are hotter than
        training days: with the limit as it is, policies learn to ride on it and break it by tenths of a kelvin.
    reward_scale : float
        Of the rewards the algorithm sees.
    hidden : tuple of int
        Units of the hidden layers, of actor and critic alike.
    activation : str
        Class of ``torch.nn``.
    minibatches : int
        Parts of a rollout that are learned from one after the other; 0 for algorithms with a replay buffer.
    options : mapping
        More keyword arguments of the algorithm.
    policy : mapping
        More keyword arguments of its policy.
    """

    steps: int
    num_envs: int
    learning_rate: float
    reward: Mapping[str, float]
    inlet_margin: float
    reward_scale: float
    hidden: tuple[int, ...]
    activation: str
    minibatches: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


RECIPES = {
    "ppo": Recipe(
        steps=5_000_000,
        num_envs=256,
        learning_rate=3e-3,
        reward={"inlet_excess": 0.3},
        inlet_margin=0.25,
        reward_scale=10.0,
        hidden=(64, 64),
        activation="Tanh",
        minibatches=4,
        options={"n_steps": 16, "n_epochs": 3, "gamma": 0.9, "gae_lambda": 0.9},
        policy={"log_std_init": -1.0},
    ),
    "sac": Recipe(
        steps=100_000,
        num_envs=16,
        learning_rate=1e-3,
        reward={"inlet_excess": 0.3},
        inlet_margin=0.25,
        reward_scale=20.0,
        hidden=(64, 64),
        activation="ReLU",
        options={
            "train_freq": 1,
            "gradient_steps": 8,
            "batch_size": 256,
            "gamma": 0.9,
            "buffer_size": 300_000,
            "learning_starts": 3_000,
        },
    ),
}
"""What did best on validation days of the recipes that were tried for a few minutes of one core on ``dcsim/Enterprise-v0``."""


def make_model(recipe: Recipe, algo: str, env: SB3VecEnv, seed: int) -> Any:
    """Return a new Stable-Baselines3 model.

    Parameters
    ----------
    recipe : Recipe
    algo : {"ppo", "sac"}
    env : SB3VecEnv
        Its rows are seeded, too; call its ``seed`` afterwards for others.
    seed : int
        Of networks and sampling.
    """
    import stable_baselines3
    from torch import nn

    options = dict(recipe.options)
    if recipe.minibatches:
        options["batch_size"] = options["n_steps"] * env.num_envs // recipe.minibatches
    return getattr(stable_baselines3, algo.upper())(
        "MlpPolicy",
        env,
        learning_rate=lambda progress_remaining: recipe.learning_rate * progress_remaining,
        seed=seed,
        device="cpu",
        policy_kwargs={
            "net_arch": list(recipe.hidden),
            "activation_fn": getattr(nn, recipe.activation),
            **recipe.policy,
        },
        stats_window_size=env.num_envs,
        **options,
    )
