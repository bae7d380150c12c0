"""Proximal policy optimization [1]_ on tensors: environment, networks and updates on one device, in one file to read.

Where an episode is cut by the clock, what would have come is the critic's value of its last observation; where it ended for good, nothing.
Advantages are those of [2]_.

.. [1] Schulman et al. (2017), Proximal policy optimization algorithms, arXiv:1707.06347.
.. [2] Schulman et al. (2016), High-dimensional continuous control using generalized advantage estimation, arXiv:1506.02438.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import torch
from gymnasium.spaces import Box
from torch import Tensor, nn


class TensorEnv(Protocol):
    """What is learned from: ``dcsim.envs.torch_env.HallTorchEnv``, or anything like it."""

    num_envs: int
    device: torch.device
    single_observation_space: Box
    single_action_space: Box

    def reset(self, seed: int | None = None) -> tuple[Tensor, dict[str, Any]]:
        """Return observations, shape (N, F), and info."""

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Any]]:
        """Return observations, rewards, terminated, truncated and info, whose ``final_obs`` are those before an episode was started anew."""

    def refresh(self, most: int | None = None) -> int:
        """Draw new episodes in place of those that were played, ``most`` of them."""


@dataclass(frozen=True)
class Options:
    """Hyperparameters; the defaults are those of ``dcsim train --algo ppo``.

    Attributes
    ----------
    steps : int
        To train for, over all environments; rounded to whole rollouts.
    rollout_steps, epochs, minibatches : int
        Steps of each environment that are learned from at a time, how often, in how many parts.
    learning_rate : float
        At the start; it falls linearly to 0.
    discount, trace_decay : float
        Gamma and lambda of generalized advantage estimation.
    clip_range : float
        How far the probability of an action may move from 1 times what it was.
    value_weight, gradient_norm_max : float
    reward_scale : float
        Of the rewards that are learned from.
    hidden : tuple of int
        Units of the hidden layers, of actor and critic alike.
    log_std : float
        Of the exploring noise at the start.
    refresh_most : int, optional
        New episodes that are drawn after a rollout, at most; all that were played by default. The host needs some tenths of a
        millisecond for each, which a fast device may not want to wait for.
    """

    steps: int = 5_000_000
    rollout_steps: int = 16
    epochs: int = 3
    minibatches: int = 4
    learning_rate: float = 3e-3
    discount: float = 0.9
    trace_decay: float = 0.9
    clip_range: float = 0.2
    value_weight: float = 0.5
    gradient_norm_max: float = 0.5
    reward_scale: float = 10.0
    hidden: tuple[int, ...] = (64, 64)
    log_std: float = -1.0
    refresh_most: int | None = None


class Progress(NamedTuple):
    """What a rollout and the updates after it were like."""

    steps: int  # so far, over all environments
    reward: float  # mean of a step, unscaled
    explained_variance: float  # of returns by the critic, 1 at best
    kl: float  # of the last minibatch, approximate
    std: float  # of the noise, mean over actions


class ActorCritic(nn.Module):
    """Two networks of their own: mean of a normal distribution of actions, and value. Weights are drawn from ``generator``, on the CPU."""

    def __init__(self, observations: int, actions: int, options: Options, generator: torch.Generator) -> None:
        super().__init__()
        self.actor = _network([observations, *options.hidden, actions], 0.01, generator)
        self.critic = _network([observations, *options.hidden, 1], 1.0, generator)
        self.log_std = nn.Parameter(torch.full((actions,), options.log_std))

    def value(self, observations: Tensor) -> Tensor:
        """Value of observations, shape (..., F)."""
        return self.critic(observations).squeeze(-1)

    def log_probability(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Logarithm of the density of actions, shape (..., A)."""
        # validation would wait for the device
        normal = torch.distributions.Normal(self.actor(observations), self.log_std.exp(), validate_args=False)
        return normal.log_prob(actions).sum(-1)

    def sample(self, observations: Tensor, generator: torch.Generator) -> Tensor:
        """Actions with noise."""
        mean = self.actor(observations)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + noise * self.log_std.exp()


def _network(units: list[int], gain: float, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inward, outward in pairwise(units):
        is_last = len(layers) == 2 * (len(units) - 2)
        linear = nn.utils.skip_init(nn.Linear, inward, outward)
        nn.init.orthogonal_(linear.weight, gain if is_last else 2.0**0.5, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear] if is_last else [linear, nn.Tanh()]
    return nn.Sequential(*layers)


def advantages(
    rewards: Tensor, values: Tensor, next_values: Tensor, terminated: Tensor, ended: Tensor, gamma: float, decay: float
) -> Tensor:
    """Generalized advantages of T steps of N environments, all arguments and the result of shape (T, N).

    Parameters
    ----------
    rewards, values : Tensor
    next_values : Tensor
        Of what each step led to, before any new start.
    terminated, ended : Tensor of bool
        Whether nothing comes after; whether the next step belongs to another episode.
    gamma, decay : float
    """
    errors = rewards + gamma * next_values * ~terminated - values
    result, later = torch.empty_like(errors), torch.zeros_like(errors[0])
    for t in reversed(range(len(errors))):
        later = errors[t] + gamma * decay * later * ~ended[t]
        result[t] = later
    return result


def train(
    env: TensorEnv, options: Options, seed: int = 0, watch: Callable[[ActorCritic, Progress], None] | None = None
) -> ActorCritic:
    """Train a policy; the same seed gives the same policy on the same device.

    Parameters
    ----------
    env : TensorEnv
        Reset with ``seed``, too.
    options : Options
    seed : int
    watch : callable, optional
        Called after every rollout that was learned from.
    """
    device, n, size = env.device, env.num_envs, options.rollout_steps
    (features,), (actions,) = env.single_observation_space.shape, env.single_action_space.shape
    generator = torch.Generator(device).manual_seed(seed)
    agent = ActorCritic(features, actions, options, torch.Generator().manual_seed(seed)).to(device)
    optimizer = torch.optim.Adam(agent.parameters(), options.learning_rate, eps=1e-5)
    rollouts = max(1, round(options.steps / (n * size)))
    seen, led_to, sent = (torch.zeros((size, n, k), device=device) for k in (features, features, actions))
    rewards = torch.zeros((size, n), device=device)
    terminated, ended = (torch.zeros((size, n), dtype=torch.bool, device=device) for _ in range(2))

    observation, _ = env.reset(seed)
    for rollout in range(rollouts):
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * (1.0 - rollout / rollouts)
        with torch.no_grad():
            for t in range(size):
                seen[t] = observation
                sent[t] = agent.sample(observation, generator)
                observation, reward, terminated[t], truncated, info = env.step(sent[t])
                rewards[t], ended[t], led_to[t] = reward, terminated[t] | truncated, info["final_obs"]
            values, before = agent.value(seen), agent.log_probability(seen, sent)
            scaled = options.reward_scale * rewards
            ahead = advantages(
                scaled, values, agent.value(led_to), terminated, ended, options.discount, options.trace_decay
            )
            returns = ahead + values
        flat = [x.flatten(0, 1) for x in (seen, sent, before, ahead, returns)]
        for _ in range(options.epochs):
            order = torch.randperm(n * size, generator=generator, device=device)
            for part in order.chunk(options.minibatches):
                kl = _update(agent, optimizer, options, *(x[part] for x in flat))
        if watch is not None:
            explained = 1.0 - (returns - values).var() / returns.var()
            numbers = torch.stack([rewards.mean(), explained, kl, agent.log_std.detach().exp().mean()]).tolist()
            watch(agent, Progress((rollout + 1) * n * size, *numbers))
        env.refresh(options.refresh_most)
    return agent


def _update(
    agent: ActorCritic,
    optimizer: torch.optim.Optimizer,
    options: Options,
    seen: Tensor,
    sent: Tensor,
    before: Tensor,
    ahead: Tensor,
    returns: Tensor,
) -> Tensor:
    """One step of the optimizer on a minibatch; returns how far the policy had moved, as an approximate KL divergence."""
    log_ratio = agent.log_probability(seen, sent) - before
    ratio = log_ratio.exp()
    normal = (ahead - ahead.mean()) / (ahead.std() + 1e-8)
    cut = ratio.clamp(1.0 - options.clip_range, 1.0 + options.clip_range)
    policy_loss = -torch.minimum(normal * ratio, normal * cut).mean()
    value_loss = (agent.value(seen) - returns).square().mean()
    optimizer.zero_grad()
    (policy_loss + options.value_weight * value_loss).backward()
    nn.utils.clip_grad_norm_(agent.parameters(), options.gradient_norm_max)
    optimizer.step()
    return (ratio.detach() - 1.0 - log_ratio.detach()).mean()
