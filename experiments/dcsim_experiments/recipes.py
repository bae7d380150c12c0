"""How each algorithm is trained on a hall; every number is what did best of those tried, see README."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    reward_scale : float
        Of the rewards the algorithm sees.
    hidden : tuple of int
        Units of the hidden layers, of actor and critic alike.
    activation : str
        Class of ``torch.nn``.
    options : mapping
        Keyword arguments of the algorithm.
    policy : mapping
        More keyword arguments of its policy.
    """

    steps: int
    num_envs: int
    reward_scale: float
    hidden: tuple[int, ...]
    activation: str
    options: Mapping[str, Any]
    policy: Mapping[str, Any]


RECIPES = {
    "ppo": Recipe(
        steps=4_000_000,
        num_envs=256,
        reward_scale=10.0,
        hidden=(64, 64),
        activation="Tanh",
        options={
            "n_steps": 16,
            "batch_size": 1024,
            "n_epochs": 6,
            "learning_rate": 2e-3,
            "gamma": 0.9,
            "gae_lambda": 0.9,
        },
        policy={"log_std_init": -1.0},
    ),
    "sac": Recipe(
        steps=300_000,
        num_envs=16,
        reward_scale=20.0,
        hidden=(64, 64),
        activation="ReLU",
        options={
            "train_freq": 1,
            "gradient_steps": 8,
            "batch_size": 256,
            "learning_rate": 1e-3,
            "gamma": 0.9,
            "buffer_size": 300_000,
            "learning_starts": 3_000,
        },
        policy={},
    ),
}


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

    return getattr(stable_baselines3, algo.upper())(
        "MlpPolicy",
        env,
        seed=seed,
        device="cpu",
        policy_kwargs={
            "net_arch": list(recipe.hidden),
            "activation_fn": getattr(nn, recipe.activation),
            **recipe.policy,
        },
        stats_window_size=env.num_envs,
        **recipe.options,
    )
