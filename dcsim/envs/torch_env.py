"""N environments whose observations, actions and plants are tensors that stay on one device.

They are the environments of ``dcsim.envs.vector_env``: the same plant, action map, report and episodes. What differs is where an
episode comes from when another ends. Drawing one needs the host, so some for each environment are drawn ahead and kept on the device:
a start (settled state, set-points, clock) and a table of what drives it. ``HallTorchEnv.refresh`` draws anew what has been played.
"""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from dcsim.engines import ENGINES
from dcsim.envs.batch import Batch, Started
from dcsim.envs.config import checked_engine, configure
from dcsim.envs.env import box
from dcsim.envs.signals import Signals
from dcsim.errors import InputError, shown
from dcsim.plant.factors import factor_input

Info = dict[str, Any]


class HallTorchEnv:
    """N data halls at once on a torch device; no Gymnasium environment, but its methods and numbers are those of one.

    Row ``i`` after ``reset(seed=s)`` plays the episodes that row ``i`` of ``HallVectorEnv`` plays after ``reset(seed=s)``, one after the
    other, as long as `refresh` keeps up; where it does not, those that are there are played again. An environment whose episode ends starts
    the next within the same step (``AutoresetMode.SAME_STEP``).

    On a CUDA device nothing in ``step`` waits for the device. It is not differentiable; the plant alone is, see ``TorchEngine``.

    Parameters
    ----------
    num_envs : int
    device : str
        As of ``torch.device``.
    dtype : {"float64", "float32"}, optional
        Of arithmetic, reward and ``info``; observations are float32. By default float64 on the CPU and float32 elsewhere, where a time of
        the year is told to 2 s only.
    engine : str, optional
        What runs the plant, as of ``make_engine``: on the CPU ``fused`` by default, which shares memory with the tensors; elsewhere it is
        always that device's.
    episodes_per_env : int
        How many are kept on the device, each with its table of drivers; with 1, an environment plays the same one again and again.
    max_episode_steps : int, optional
        Shortens the episodes.
    threads : int
        Most threads that share a large batch on the CPU.
    **options
        As of ``dcsim.envs.config.configure``.

    Attributes
    ----------
    num_envs : int
    device : torch.device
    dtype : torch.dtype
    batch : Batch
        The host's, which draws episodes and says what all numbers mean. It does not follow the steps.
    single_observation_space, single_action_space : gymnasium.spaces.Box

    Raises
    ------
    InputError
        If an option is wrong; also for sensors or actuators that err and for storage tanks, which only the environments of arrays know.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        device: str = "cpu",
        dtype: str | None = None,
        engine: str | None = None,
        episodes_per_env: int = 2,
        max_episode_steps: int | None = None,
        threads: int = 1,
        **options: Any,
    ) -> None:
        for name, value in (("num_envs", num_envs), ("episodes_per_env", episodes_per_env)):
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{name}={shown(value)}: expected a whole number of at least 1")
        on_host = str(device).startswith("cpu")
        if engine is not None and not (on_host and engine in ENGINES):
            raise InputError(
                f"engine={shown(engine)}: known on the CPU: {', '.join(ENGINES)}; elsewhere it is the device's own, so leave it out"
            )
        precision = dtype or ("float64" if on_host else "float32")
        name = engine or ("fused" if on_host else f"torch:{device}")
        takes_tensors = name.startswith("torch")
        if takes_tensors:  # starts are settled on the host in any case
            config = configure(**options)
            plant: Any = checked_engine(config.hall, name, precision, threads)
        else:
            config = configure(engine=name, dtype=precision, threads=threads, **options)
            plant = config.engine
        self.batch = batch = Batch(config, num_envs)
        if batch.faulty:
            raise InputError(f"{batch.faulty[0]}: on a device they are exact and at once; leave the option out")
        if batch.stored is not None:
            raise InputError(f"hall {config.hall.description.name}: a storage tank is not settled on a device")
        self.num_envs, self.dtype = num_envs, getattr(torch, precision)
        self.single_observation_space = box(len(self.signals.observation))
        self.single_action_space = box(len(self.signals.action))
        self.steps = min(max_episode_steps or config.episode_steps, config.episode_steps)

        # engines of arrays see the memory of the tensors
        self.device = plant.device if takes_tensors else torch.device("cpu")
        kind = self.dtype if takes_tensors else torch.float64
        on_device: dict[str, Any] = {"device": self.device, "dtype": kind}
        asked = torch.zeros((len(self.signals.action), num_envs), **on_device)
        rows = batch.table.around(torch.zeros(batch.table.array.shape, **on_device))
        bound, given = (rows, asked) if takes_tensors else (batch.table.around(rows.array.numpy()), asked.numpy())
        arithmetic = precision if takes_tensors else "float64"  # of report and action map
        self._advance = plant.bind(bound.state, bound.inputs, config.control_interval_s, config.substeps)
        self._report = batch.readout.bind(bound, plant, arithmetic)
        self._scale = batch.action_map.bind_scale(given, bound.inputs[: len(asked)], plant, arithmetic)
        self._asked = asked

        self._reported = rows.view("report")[: len(batch.keys) + 2]
        self._seen = rows.view("report")[len(rows.view("report")) - len(self.signals.observation) :]
        self._domain = {name: rows.view(f"input.{factor_input(name)}")[0] for name in config.domain.names}
        self._before_report = rows.array[: rows.row("report")]
        self._elapsed_row, self._has_run = rows.view("clock.elapsed")[0], rows.view("clock.has_run")[0]
        tariff, paid = rows.row("driven.price"), rows.row("clock.price_paid")
        self._tariff, self._paid = rows.array[tariff : tariff + 2], rows.array[paid : paid + 2]

        # episode r of environment i stands in place (r mod episodes_per_env) * N + i of the pool
        pool = num_envs * episodes_per_env
        self._starts = torch.zeros((len(self._before_report), pool), **on_device)
        first = batch.started(np.arange(0))
        driven = {"drivers": first.drivers} | {f"input.{name}": table for name, table in first.available.items()}
        self._driven = [
            (rows.view(place), torch.zeros((pool, *table.shape[1:]), device=self.device))
            for place, table in driven.items()
        ]
        self._round, self._elapsed, self._env = (
            torch.zeros(num_envs, dtype=torch.int64, device=self.device) for _ in range(3)
        )
        torch.arange(num_envs, out=self._env)
        self._pool_rounds = np.zeros((episodes_per_env, num_envs), np.int64)  # which episode stands in each place

    @property
    def signals(self) -> Signals:
        """Tables of every element of observation and action."""
        return self.batch.signals

    @property
    def domain(self) -> dict[str, Tensor]:
        """Factors of the hall's parameters in the episodes that run, shape (N,), where ``domain_randomization`` draws them."""
        return {name: factors.clone() for name, factors in self._domain.items()}

    # --- episodes ---------------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def reset(self, seed: int | None = None) -> tuple[Tensor, Info]:
        """Start an episode in every environment: with a seed, of a new pool; without, the next that is there.

        Returns
        -------
        observation : Tensor, shape (N, F), float32
        info : dict of str to Tensor, shape (N,)
        """
        everywhere = torch.ones(self.num_envs, dtype=torch.bool, device=self.device)
        if seed is not None or not self.batch.is_seeded:
            index = np.arange(self.num_envs)
            seeds = None if seed is None else [seed + i for i in range(self.num_envs)]
            self._round.fill_(-1)
            for number in range(len(self._pool_rounds)):
                self._draw(index, np.full(self.num_envs, number), seeds if number == 0 else None)
            # steps for nothing: what they compile or bring to the device, no later step has to
            self._begin(everywhere)
            self._scale()
            self._advance()
            self._round.fill_(-1)
        self._begin(everywhere)
        return self._observation(), self._info(self._told())

    def refresh(self, most: int | None = None) -> int:
        """Draw new episodes on the host in place of those that have been played; best called between rollouts, as it waits for the device.

        Parameters
        ----------
        most : int, optional
            No more than so many, those first that are played soonest. One takes about as long as a reset of an environment.

        Returns
        -------
        int
            How many were drawn.
        """
        if not self.batch.is_seeded:
            raise InputError("no episode runs: call reset first")
        count, now = len(self._pool_rounds), self._round.cpu().numpy()
        drawn = 0
        for ahead in range(1, count):
            number = now + ahead
            index = np.flatnonzero(self._pool_rounds[number % count, np.arange(self.num_envs)] < number)
            index = index if most is None else index[: most - drawn]
            if len(index):
                self._draw(index, number[index])
            drawn += len(index)
        return drawn

    def _draw(self, index: np.ndarray, number: np.ndarray, seeds: list[int] | None = None) -> None:
        """Draw the next episode of the environments ``index``, each the one of its ``number``, into the pool."""
        self.batch.reset(index, seeds)
        started: Started = self.batch.started(index)
        which = number % len(self._pool_rounds)
        self._pool_rounds[which, index] = number
        place = torch.from_numpy(which * self.num_envs + index).to(self.device)
        self._starts[:, place] = torch.from_numpy(started.rows).to(self._starts)
        for (_, table), values in zip(self._driven, (started.drivers, *started.available.values()), strict=True):
            table[place] = torch.from_numpy(values).to(table)

    def _begin(self, where: Tensor) -> None:
        """Start the next episode in the environments where the mask says so, and report."""
        self._round += where
        self._elapsed.masked_fill_(where, 0)
        self._before_report.copy_(torch.where(where, self._starts.index_select(1, self._place()), self._before_report))
        self._report()

    def _place(self) -> Tensor:
        """Where in the pool the episode of each environment stands."""
        return self._round % len(self._pool_rounds) * self.num_envs + self._env

    # --- steps ------------------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Info]:
        """Hold the set-points asked for over one control interval in every environment.

        Parameters
        ----------
        actions : Tensor, shape (N, A)
            On the device; what is beyond -1 to 1 is cut. On a CUDA device nobody looks whether they are numbers: an environment that was
            sent NaN shows NaN until its episode ends.

        Returns
        -------
        observation : Tensor, shape (N, F), float32
            Of a new episode where one ended.
        reward : Tensor, shape (N,)
        terminated, truncated : Tensor of bool, shape (N,)
        info : dict
            As of ``HallVectorEnv``, tensors of shape (N,); ``final_obs``, ``final_info`` and where they count, ``_final_obs`` and
            ``_final_info``, are always there.

        Raises
        ------
        InputError
            If the shape or the device is wrong, on the CPU if an element is not a number, and before the first reset.
        """
        if not self.batch.is_seeded:
            raise InputError("no episode runs: call reset first")
        if actions.shape != self._asked.T.shape or actions.device != self.device:
            got, wanted = (f"{tuple(x.shape)} on {x.device}" for x in (actions, self._asked.T))
            raise InputError(f"action has shape {got}, expected {wanted}")
        on_host = self.device.type == "cpu"
        self._asked.copy_(actions.T)
        if on_host:
            self.batch.action_map.refuse_nan(self._asked.numpy())
        self._scale()
        self._advance()
        self._elapsed += 1
        self._elapsed_row.copy_(self._elapsed)
        self._has_run.fill_(1.0)
        self._paid.copy_(self._tariff)
        place = self._place()
        for row, table in self._driven:
            row.copy_(table[place, self._elapsed].T)
        self._report()
        observation, told = self._observation(), self._told()
        reward, terminated = told[-2], told[-1] > 0.5
        truncated = (self._elapsed >= self.steps) & ~terminated
        ended = terminated | truncated
        info = self._info(told)
        last = {"final_obs": observation, "_final_obs": ended, "final_info": info, "_final_info": ended}
        if not on_host or bool(ended.any()):  # to ask a device would be to wait for it
            self._begin(ended)
            observation, info = self._observation(), self._info(self._told())
        return observation, reward, terminated, truncated, info | last

    def _observation(self) -> Tensor:
        return self._seen.T.to(torch.float32, memory_format=torch.contiguous_format, copy=True)

    def _told(self) -> Tensor:
        return self._reported.to(self.dtype, copy=True)

    def _info(self, told: Tensor) -> Info:
        return dict(zip(self.batch.keys, told, strict=False))


def make_torch(env_id: str, num_envs: int = 1, **options: Any) -> HallTorchEnv:
    """Make the torch environment of a registered id, as ``gym.make_vec`` makes the one of arrays.

    Parameters
    ----------
    env_id : str
        For instance ``dcsim/Enterprise-v0``.
    num_envs : int
    **options
        As of `HallTorchEnv`.
    """
    return HallTorchEnv(num_envs, **{**gym.spec(env_id).kwargs, **options})
