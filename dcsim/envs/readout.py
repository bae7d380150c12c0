"""What a batch reports of a control step, as one function of its table: info, reward, and the observation of exact sensors.

The function is traced and compiled like the plant, so that a step of any number of environments makes one call for all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dcsim.engines import Model, make_engine
from dcsim.envs import rewards
from dcsim.envs.config import EnvConfig
from dcsim.envs.meters import J_PER_KWH, Meters
from dcsim.envs.signals import Block, scaling
from dcsim.envs.table import READ, Table
from dcsim.plant.hall import Hall


class Readout:
    """The report of one configuration.

    Parameters
    ----------
    config : EnvConfig
    blocks : sequence of Block
        Of the observation.
    sees : bool
        Whether the report ends with the observation: where sensors are exact.

    Attributes
    ----------
    keys : tuple of str
        Of ``info``, rewards included.
    rows : dict of str to int
        Of the report: the ``keys``, then ``reward``, ``is_tripped``, what is measured, and the observation.
    measured : dict of str to tuple of str
        Rows that a block of the observation named ``measured.<name>`` stands for.
    """

    def __init__(self, config: EnvConfig, blocks: Sequence[Block], sees: bool) -> None:
        hall = config.hall
        self._config, self._blocks = config, blocks if sees else ()
        self._meters = Meters(hall, config.control_interval_s)
        self._reward = rewards.Reward(config.weights)
        self.keys = (*self._meters.keys, *(f"reward_{name}" for name in rewards.TERMS))
        self._groups = _groups(hall)
        self.measured: dict[str, tuple[str, ...]] = {name: (name,) for name in ("cooling_power", "thermal_power")}
        for name, (_, count) in self._groups.items():
            self.measured[name] = tuple(f"{name}_{k}" for k in range(count))
        names = [name for names in self.measured.values() for name in names]
        self.rows = dict.fromkeys([*self.keys, "reward", "is_tripped", *names], 1)
        self._scaling: dict[str, np.ndarray] = {}
        for k, block in enumerate(self._blocks):
            offset, factor = scaling(block.signals)
            self._scaling[f"offset_{k}"] = (block.zero + offset * block.per_unit)[:, None]
            self._scaling[f"factor_{k}"] = (factor / block.per_unit)[:, None]
            part, _, name = block.place.partition(".")
            places = self.measured[name] if part == "measured" else (name,)
            self.rows |= {f"seen_{part}_{place}": len(block.signals) // len(places) for place in places}

    def bind(self, table: Table) -> Callable[[], None]:
        """Return a function that writes the report of a table's environments."""
        inputs: dict[str, int] = {}
        parts = {f"state_{field}": (name, count) for name, (field, count) in self._groups.items()}
        for place, rows in ((f"{part}_{name}", rows) for part in READ for name, rows in table.rows[part].items()):
            name, count = parts.get(place, ("", 0))
            inputs |= {f"{name}_{k}": rows // count for k in range(count)} or {place: rows}
        params = self._scaling or {"none": np.zeros((1, 1))}
        state, given, fixed = (_named(names) for names in (self.rows, inputs, params))
        model = Model(
            lambda s, u, p, interval, xp: (state(**self._report(u, p, interval, xp)), None),
            lambda s, *_: s,
            lambda s, *_: s,
            state,
            given,
            fixed,
            self.rows,
            inputs,
        )
        engine = self._config.engine
        reader = make_engine(engine.name, model, fixed(**params), 1, threads=engine.threads)
        read = table.array[: table.row("report")]
        return reader.bind(table.view("report"), read, self._config.control_interval_s)

    def _report(self, u: Any, p: Any, interval: Any, xp: Any) -> dict[str, Any]:
        """Rows of the report, from those of the table."""
        hall, meters, design = self._config.hall, self._meters, self._config.hall.design_it_power
        readings = [getattr(u, f"state_{name}") for name in meters.fields]
        time = u.clock_start_s + u.clock_elapsed * interval
        inlet_mean = xp.sum(u.state_zone_inlet_mean, 0, keepdims=True) / float(hall.crah_groups)
        has_run = u.clock_has_run
        info, transition = meters.read(readings, time, inlet_mean, u.clock_price_paid, u.clock_carbon_emitted, has_run)
        taken = None
        if "tank" in hall:
            energy, cost, carbon = u.clock_energy_taken, u.clock_cost_taken, u.clock_carbon_taken
            info["energy_cost"] = info["energy_cost"] + cost
            info["carbon_kg"] = info["carbon_kg"] + carbon
            per_kwh = J_PER_KWH / (design * interval)
            taken = rewards.Taken(energy / (design * interval), cost * per_kwh, carbon * per_kwh)
        report = dict(info)
        is_tripped = xp.where(u.state_is_tripped > 0.5, 1.0, 0.0)
        left = float(self._config.episode_steps) - u.clock_elapsed
        reward: Any = 0.0
        for name, value in self._reward.terms(transition, is_tripped, left, taken, xp).items():
            report[f"reward_{name}"] = has_run * value
            reward = reward + has_run * value
        report |= {"reward": reward, "is_tripped": is_tripped}
        report |= {"cooling_power": info["cooling_power_w"] / design, "thermal_power": info["thermal_power_w"] / design}
        for name in self._groups:
            report |= {row: xp.max(getattr(u, row), 0, keepdims=True) for row in self.measured[name]}
        for k, block in enumerate(self._blocks):
            offset, factor = getattr(p, f"offset_{k}"), getattr(p, f"factor_{k}")
            part, _, name = block.place.partition(".")
            if part != "measured":
                report[f"seen_{part}_{name}"] = _seen(getattr(u, f"{part}_{name}"), offset, factor, xp)
                continue
            for row, place in enumerate(self.measured[name]):
                one = slice(row, row + 1)
                report[f"seen_{part}_{place}"] = _seen(report[place], offset[one], factor[one], xp)
        return report


def _groups(hall: Hall) -> dict[str, tuple[str, int]]:
    """Fields of which the greatest of every zone is measured: by name of what is seen, the field and the number of zones."""
    groups = {"rack_inlet_max": ("rack_inlet_temperature", hall.crah_groups)}
    if "liquid" in hall:
        groups["case_max"] = ("case_temperature_peak", hall.cdu_groups)
    return groups


def _seen(value: Any, offset: Any, factor: Any, xp: Any) -> Any:
    """Scaled to -1 to 1 and cut there."""
    return xp.maximum(xp.minimum((value - offset) * factor, 1.0), -1.0)


def _named(fields: Mapping[str, Any]) -> Any:
    return NamedTuple("Rows", [(name, Any) for name in fields])
