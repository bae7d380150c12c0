import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from dcsim_agents import make_controller, view_of
from dcsim_agents.controller import EnvView
from dcsim_agents.learned import POLICY_FILE, WEIGHTS_FILE, load_policy, save_policy
from episodes import ENV_IDS
from stable_baselines3 import PPO, SAC, TD3
from torch import nn

from dcsim.envs.sb3_vec_env import SB3VecEnv
from dcsim.errors import InputError

ALGORITHMS: dict[str, Any] = {
    "ppo": lambda env: PPO("MlpPolicy", env, policy_kwargs={"net_arch": [16, 8]}, seed=0, device="cpu"),
    "sac": lambda env: SAC("MlpPolicy", env, policy_kwargs={"net_arch": [16]}, seed=0, device="cpu", buffer_size=10),
    "sac-sde": lambda env: SAC(
        "MlpPolicy", env, use_sde=True, policy_kwargs={"net_arch": [8]}, seed=0, device="cpu", buffer_size=10
    ),
    "td3": lambda env: TD3("MlpPolicy", env, policy_kwargs={"net_arch": [8, 8]}, seed=0, device="cpu", buffer_size=10),
}


@pytest.fixture(scope="module")
def vector() -> Any:
    return gym.make_vec(ENV_IDS[1], num_envs=4, start="2023-05-15")


@pytest.fixture
def folder(vector: Any, tmp_path: Path) -> Path:
    return save_policy(ALGORITHMS["sac"](SB3VecEnv(vector)), tmp_path / "policy", vector, {"seed": 0})


def stretched(model: Any) -> Any:
    """The model with weights so large that its actions fill the range."""
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter *= 5.0
    return model


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_loaded_policy_acts_as_the_trained_one(algorithm: str, vector: Any, tmp_path: Path) -> None:
    model = stretched(ALGORITHMS[algorithm](SB3VecEnv(vector)))
    controller = make_controller(save_policy(model, tmp_path / "policy", vector), vector)
    observation, _ = vector.reset(seed=0)
    for scale in (1.0, 0.1):
        expected, _ = model.predict(scale * observation, deterministic=True)
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(controller.act(scale * observation), expected, atol=2e-5)
    single = make_controller(tmp_path / "policy", gym.make(ENV_IDS[1]))
    np.testing.assert_allclose(
        single.act(observation[1]), model.predict(observation[1], deterministic=True)[0], atol=2e-5
    )


class _Recurrent(nn.Module):
    """The parts of a recurrent policy of sb3-contrib."""

    class FlattenExtractor:
        """Stands for SB3's, which hands observations on as they are."""

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.pi_features_extractor = self.FlattenExtractor()
        self.lstm_actor = nn.LSTM(features, 12)
        self.mlp_extractor = nn.Module()
        self.mlp_extractor.policy_net = nn.Sequential(nn.Linear(12, 8), nn.Tanh())
        self.action_net = nn.Linear(8, actions)
        self.squash_output = False


def test_a_recurrent_policy_remembers_as_torch_does(vector: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    observation, _ = vector.reset(seed=0)
    policy = _Recurrent(observation.shape[1], vector.single_action_space.shape[0])
    model = type("RecurrentPPO", (), {"policy": policy})()
    controller = make_controller(save_policy(model, tmp_path / "policy", vector), vector)
    state = None
    for k in range(5):
        seen = (0.5 + 0.1 * k) * observation
        with torch.no_grad():
            hidden, state = policy.lstm_actor(torch.as_tensor(seen, dtype=torch.float32)[None], state)
            expected = policy.action_net(policy.mlp_extractor.policy_net(hidden[0])).clamp(-1.0, 1.0).numpy()
        np.testing.assert_allclose(controller.act(seen.astype(np.float32)), expected, atol=2e-6)
    controller.reset()
    again = controller.act((0.5 * observation).astype(np.float32))
    assert not np.allclose(again, expected)


def test_other_signals_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(InputError, match=r"trained on other signals: .*mode_request") as error:
        make_controller(folder, gym.make(ENV_IDS[0]))
    assert "\n" not in str(error.value)
    forecast = gym.make(ENV_IDS[1], observation={"forecast": True})
    with pytest.raises(InputError, match="observation has besides wet_bulb_forecast_1h, utilization_forecast_1h"):
        make_controller(folder, forecast)


def test_many_other_signals_are_counted(folder: Path, vector: Any) -> None:
    view = view_of(vector)
    renamed, stretched = (
        tuple(signal._replace(**{field: value(signal)}) for signal in view.signals.observation)
        for field, value in (("name", lambda s: f"other_{s.name}"), ("high", lambda s: s.high + 1.0))
    )
    count = len(view.signals.observation) - 3
    for observation in (renamed, stretched):
        with pytest.raises(InputError, match=f" and {count} more") as error:
            load_policy(folder, EnvView(type(view.signals)(observation, view.signals.action), view.hall, 300.0))
        assert len(str(error.value)) < 600


def test_another_range_or_order_is_refused(folder: Path, vector: Any) -> None:
    view = view_of(vector)
    signals = list(view.signals.observation)
    signals[0] = signals[0]._replace(high=50.0)
    changed = type(view.signals)(tuple(signals), view.signals.action)
    with pytest.raises(InputError, match="rack_inlet_max_1 was 10 to 45 degC, is 10 to 50 degC"):
        load_policy(folder, EnvView(changed, view.hall, 300.0))
    swapped = type(view.signals)((*view.signals.observation[1::-1], *view.signals.observation[2:]), view.signals.action)
    with pytest.raises(InputError, match="observation has another order"):
        load_policy(folder, EnvView(swapped, view.hall, 300.0))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def rehashed(folder: Path) -> None:
    """Make the description vouch for whatever weights lie there."""
    import hashlib

    content = json.loads((folder / POLICY_FILE).read_text())
    content["weights_sha256"] = hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    (folder / POLICY_FILE).write_text(json.dumps(content))


def edited(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / POLICY_FILE).read_text()) | changes
    (folder / POLICY_FILE).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / POLICY_FILE).unlink(), "policy.json: no such file"),
        (lambda f: (f / WEIGHTS_FILE).unlink(), "policy.npz: no such file"),
        (lambda f: cut(f / POLICY_FILE), "policy.json: not valid JSON"),
        (lambda f: (f / POLICY_FILE).write_bytes(b"\xff\xfe\x00"), "policy.json: not valid JSON"),
        (lambda f: (f / POLICY_FILE).write_text("[]"), "format None, expected 1"),
        (lambda f: edited(f, format=9), "format 9, expected 1"),
        (lambda f: edited(f, steps=[{"kind": "exec"}]), "not the description of a policy"),
        (lambda f: edited(f, observation=[["x", "K", 1.0, 0.0]]), "not the description of a policy"),
        (lambda f: (f / POLICY_FILE).write_text("[" * 100_000), "policy.json: not valid JSON"),
        *(
            (lambda f, value=value: edited(f, config=value), "not the description of a policy")
            for value in (None, [], 3)
        ),
        (lambda f: edited(f, algo=None), "not the description of a policy"),
        (lambda f: edited(f, observation=[["x", "K", "0", "1"]]), "not the description of a policy"),
        (lambda f: cut(f / WEIGHTS_FILE), "does not match its hash"),
        (lambda f: (cut(f / WEIGHTS_FILE), rehashed(f)), "not the weights of this policy"),
        (lambda f: ((f / WEIGHTS_FILE).write_text("no zip"), rehashed(f)), "not the weights of this policy"),
        (lambda f: (np.savez(f / WEIGHTS_FILE, step_0_0=np.zeros(3)), rehashed(f)), "not the weights of this policy"),
    ],
)
def test_spoiled_files_are_refused_in_one_line(folder: Path, vector: Any, spoil: Any, message: str) -> None:
    spoil(folder)
    with pytest.raises(InputError, match=message) as error:
        load_policy(folder, vector)
    assert "\n" not in str(error.value)


def test_weights_of_another_shape_or_kind_are_refused(folder: Path, vector: Any) -> None:
    with np.load(folder / WEIGHTS_FILE) as arrays:
        weights = dict(arrays)
    for change in ({"step_0_0": np.zeros((3, 3))}, {"step_0_1": np.full(16, np.nan)}):
        np.savez(folder / WEIGHTS_FILE, **(weights | change))
        rehashed(folder)
        with pytest.raises(InputError, match=r"weights of step 0 \(linear\) do not fit"):
            load_policy(folder, vector)


def test_a_pickle_among_the_weights_is_not_opened(folder: Path, vector: Any) -> None:
    with np.load(folder / WEIGHTS_FILE) as arrays:
        weights = dict(arrays)
    np.savez(folder / WEIGHTS_FILE, **(weights | {"step_0_0": np.array([print], dtype=object)}))
    rehashed(folder)
    with pytest.raises(InputError, match="not the weights of this policy"):
        load_policy(folder, vector)


def test_a_network_that_cannot_be_saved_is_refused(vector: Any, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", SB3VecEnv(vector), policy_kwargs={"activation_fn": nn.Softplus}, device="cpu")
    with pytest.raises(InputError, match="Softplus cannot be saved"):
        save_policy(model, tmp_path, vector)


def test_what_is_saved_tells_how_it_came_about(folder: Path) -> None:
    content = json.loads((folder / POLICY_FILE).read_text())
    assert content["algo"] == "sac"
    assert content["net_arch"] == [16]
    assert content["config"] == {"seed": 0}
    assert set(content["versions"]) == {"dcsim", "stable_baselines3", "torch", "numpy"}
    assert content["action"][0] == ["supply_air_setpoint_1", "degC", 18.0, 27.0]
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="no controller and no policy folder"):
        make_controller(folder, gym.make(ENV_IDS[1]))
