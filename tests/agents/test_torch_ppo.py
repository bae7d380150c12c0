"""PPO on tensors: its advantages against their definition, what it learns where the best is known, and what it saves."""

import numpy as np
import pytest
import torch
from dcsim_agents import make_controller
from dcsim_agents.learned import save_network
from dcsim_agents.torch_ppo import ActorCritic, Options, advantages, train
from dcsim_experiments.torch_ppo import main
from gymnasium.spaces import Box

from dcsim.envs.torch_env import make_torch

CPU = torch.device("cpu")


class Aim:
    """Each step pays ``1 - |a - 0.5 x|^2`` for a new x; after ``length`` steps the clock or the end of all things stops it."""

    def __init__(self, num_envs=64, length=4, is_terminal=False):
        self.num_envs, self.device, self.length, self.is_terminal = num_envs, CPU, length, is_terminal
        self.single_observation_space = self.single_action_space = Box(-1.0, 1.0, (2,))
        self.refreshed = 0

    def reset(self, seed=None):
        self.generator, self.elapsed = torch.Generator().manual_seed(seed), 0
        return self.look(), {}

    def look(self):
        self.x = torch.rand((self.num_envs, 2), generator=self.generator) * 2.0 - 1.0
        return self.x

    def step(self, actions):
        reward = 1.0 - (actions - 0.5 * self.x).square().sum(-1)
        self.elapsed = (self.elapsed + 1) % self.length
        ended = torch.full((self.num_envs,), self.elapsed == 0)
        last = self.look()
        now = self.look() if self.elapsed == 0 else last
        return now, reward, ended & self.is_terminal, ended & (not self.is_terminal), {"final_obs": last}

    def refresh(self, most=None):
        self.refreshed += 1
        return 0


AIM = Options(steps=61_440, rollout_steps=16, learning_rate=3e-3, discount=0.8, reward_scale=1.0, hidden=(32, 32))


def test_advantages_are_the_discounted_sum_of_errors_up_to_the_end_of_the_episode():
    steps, n, gamma, decay = 7, 5, 0.9, 0.8
    generator = torch.Generator().manual_seed(0)
    rewards, values, after = (torch.randn((steps, n), generator=generator, dtype=torch.float64) for _ in range(3))
    ended = torch.rand((steps, n), generator=generator) < 0.3
    terminated = ended & (torch.rand((steps, n), generator=generator) < 0.5)
    assert terminated.any() and (ended & ~terminated).any()
    found = advantages(rewards, values, after, terminated, ended, gamma, decay)
    for t in range(steps):
        for i in range(n):
            expected, weight = 0.0, 1.0
            for later in range(t, steps):
                worth = 0.0 if terminated[later, i] else gamma * after[later, i]
                expected += weight * (rewards[later, i] + worth - values[later, i])
                weight *= gamma * decay
                if ended[later, i]:
                    break
            assert found[t, i] == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_it_finds_the_best_action_and_what_it_is_worth(is_terminal):
    """Cut by the clock an episode is worth 1 / (1 - 0.8) at any step, less the noise; at its last step a terminal one, 1."""
    env = Aim(length=1 if is_terminal else 4, is_terminal=is_terminal)
    told = []
    agent = train(env, AIM, 0, lambda _, progress: told.append(progress))
    x = torch.rand((200, 2), generator=torch.Generator().manual_seed(1)) * 2.0 - 1.0
    with torch.no_grad():
        assert (agent.actor(x) - 0.5 * x).abs().mean() < 0.05
        paid = 1.0 - 2.0 * agent.log_std.exp().square().mean()
        assert agent.value(x).mean() == pytest.approx(float(paid) * (1.0 if is_terminal else 5.0), rel=0.1)
    assert told[-1].reward > told[0].reward + 0.1 and told[-1].steps == 61_440 and env.refreshed == len(told)


def test_the_same_seed_gives_the_same_policy_and_leaves_the_global_generator_alone():
    options = Options(steps=3_000, hidden=(8,))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second, other = (train(Aim(), options, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["actor.0.weight"], other["actor.0.weight"])


def test_a_saved_policy_acts_as_the_network(tmp_path):
    env = make_torch("dcsim/Edge-v0", 3)
    (features,), (actions,) = env.single_observation_space.shape, env.single_action_space.shape
    agent = ActorCritic(features, actions, Options(hidden=(8, 8)), torch.Generator().manual_seed(0))
    with torch.no_grad():
        agent.actor[-1].weight *= 200.0
    controller = make_controller(save_network(agent.actor, "ppo", tmp_path, env), env)
    observation, _ = env.reset(0)
    with torch.no_grad():
        expected = agent.actor(observation).clamp(-1.0, 1.0).numpy()
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(controller.act(observation.numpy()), expected, atol=1e-5)


def test_a_hall_is_controlled_better_than_at_the_start(tmp_path, capsys):
    """The same days for both: mean reward under the mean action, which at the start is nearly the middle of all ranges."""
    folder = main(["--steps", "150000", "--num-envs", "64", "--out", str(tmp_path / "policy")])
    assert "149,504 steps" in capsys.readouterr().out
    env = make_torch("dcsim/Enterprise-v0", 8, weather="chicago")
    controller, rewards = make_controller(folder, env), {}
    (actions,) = env.single_action_space.shape
    for name in ("start", "trained"):
        observation, _ = env.reset(7)
        total = 0.0
        for _ in range(env.steps):
            sent = (
                torch.from_numpy(controller.act(observation.numpy())) if name == "trained" else torch.zeros(8, actions)
            )
            observation, reward, *_ = env.step(sent)
            total += float(reward.mean())
        rewards[name] = total / env.steps
    assert rewards["trained"] > 0.9 * rewards["start"], rewards
