"""Control steps a second on tensors that stay on a device: of the torch engine, the plant alone, or of whole environments.

``python -m dcsim_experiments.device_bench --device cuda --num-envs 65536 --dtype float32 [--whole]``
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

import dcsim  # noqa: F401  (registers the environments)
from dcsim.engines import make_engine
from dcsim.envs.torch_env import make_torch
from dcsim.plant.run import hall_model

SETTLED = 64  # environments that are settled one by one; larger batches repeat them
ROUNDS = 5


def device_rates(
    env_id: str, device: str, num_envs: int, dtype: str, seconds: float = 1.0, substeps: int | None = None
) -> dict[str, Any]:
    """Time control steps from a settled start, each from the state that the step before left.

    Parameters
    ----------
    env_id : str
        Environment whose hall and control interval are used.
    device : str
        As of ``torch.device``.
    num_envs : int
    dtype : {"float64", "float32"}
    seconds : float
        Least time [s] of each of five rounds.
    substeps : int, optional
        In a control step; the environment's own number by default.

    Returns
    -------
    dict
        ``steps_per_s`` over all environments, median of the rounds, and ``best``; of a kernel also ``registers`` and
        ``local_bytes`` of a thread.
    """
    import torch

    env: Any = gym.make_vec(env_id, num_envs=min(num_envs, SETTLED))
    env.reset(seed=0)
    batch = env.unwrapped.batch
    config = batch.config
    engine: Any = make_engine(f"torch:{device}", hall_model(config.hall), config.hall.params, dtype=dtype)
    rows = (batch.state, [batch.view(f"input.{name}") for name in config.hall.input_rows])
    repeats = -(-num_envs // min(num_envs, SETTLED))
    state, inputs = (
        torch.tensor(np.tile(np.concatenate(part), repeats)[:, :num_envs], dtype=getattr(torch, dtype), device=device)
        for part in rows
    )
    count = config.substeps if substeps is None else substeps

    def steps(number: int) -> float:
        """Time [s] of some steps; reading a number waits for the device."""
        start = time.perf_counter()
        for _ in range(number):
            engine.step(state, inputs, config.control_interval_s, state, count)
        state[0, 0].item()
        return time.perf_counter() - start

    with torch.no_grad():
        rates = _rates(steps, num_envs, seconds)
    kernel = engine.kernel
    return {
        "env": env_id,
        "device": _name(device),
        "dtype": dtype,
        "num_envs": num_envs,
        "substeps": count,
        **rates,
        **({} if kernel is None else {"registers": kernel.registers, "local_bytes": kernel.local_bytes}),
    }


def whole_rates(env_id: str, device: str, num_envs: int, dtype: str, seconds: float = 1.0) -> dict[str, Any]:
    """Time ``HallTorchEnv.step`` with random actions near the middle; parameters and what comes back as of `device_rates`."""
    import torch

    env = make_torch(env_id, num_envs, device=device, dtype=dtype, episodes_per_env=1)
    env.reset(0)
    action = 0.6 * torch.rand((num_envs, *(env.single_action_space.shape or ())), device=env.device) - 0.3

    def steps(number: int) -> float:
        start = time.perf_counter()
        for _ in range(number):
            observation, *_ = env.step(action)
        observation[0, 0].item()
        return time.perf_counter() - start

    found = {"env": env_id, "device": _name(device), "dtype": dtype, "num_envs": num_envs}
    return found | _rates(steps, num_envs, seconds)


def _rates(steps: Callable[[int], float], num_envs: int, seconds: float) -> dict[str, float]:
    """Median and best rate of five rounds; ``steps`` makes some and returns the time [s] that they took."""
    steps(1)  # compiles
    number = max(1, round(seconds / max(steps(1), 1e-6)))
    rates = sorted(num_envs * number / steps(number) for _ in range(ROUNDS))
    return {"steps_per_s": rates[ROUNDS // 2], "best": rates[-1]}


def _name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Control steps a second of the plant on a device.")
    parser.add_argument("--env", nargs="+", default=["dcsim/Enterprise-v0"], help="ids of environments")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--num-envs", type=int, nargs="+", default=[4096, 65536])
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"], choices=["float32", "float64"])
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round, of which there are five")
    parser.add_argument("--substeps", type=int, help="in a control step of the plant; the environment's own by default")
    parser.add_argument(
        "--whole", action="store_true", help="whole environments: observation, reward, info and autoreset"
    )
    options = parser.parse_args(arguments)
    for env_id in options.env:
        for dtype in options.dtype:
            for num_envs in options.num_envs:
                given = (env_id, options.device, num_envs, dtype, options.seconds)
                found = whole_rates(*given) if options.whole else device_rates(*given, options.substeps)
                print(
                    *(
                        f"{name}={value:,.0f}" if isinstance(value, float) else f"{name}={value}"
                        for name, value in found.items()
                    )
                )


if __name__ == "__main__":
    main()
