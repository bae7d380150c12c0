"""How far the default sub-step is from the exact solution of the plant's differential equations.

    python -m dcsim_experiments.accuracy --out accuracy.json

The right-hand side is what a pass of the plant tends to as it gets shorter, (sweep(dt) - state) / dt, extrapolated from dt and dt / 2. It is
solved by DOP853 with tight tolerances from one control step to the next; what follows from the rest at once is left out, and nothing fast
is left. Chillers that are off jump there at the start of a step and then stand still; valves and tower air are held to their ranges before
rates are taken, so that a bound is not a stiff spring.

Load, weather and set-points vary smoothly, those of the CRAH groups and racks with phases of their own. Both solutions start at rest and go
their own ways from there; each latches set-points, mode, staging and protection at the start of a control step by the plant's own rules. If
they ever latch differently, that is said and the comparison ends there.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from tqdm import tqdm

from dcsim.engines import make_engine
from dcsim.engines.model import pack, unpack
from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim_experiments.run_folder import write_json

Array = np.ndarray

CASES = {
    "enterprise-1mw, chillers": ("enterprise-1mw", MECHANICAL),
    "hyperscale-10mw, economizer and chillers": ("hyperscale-10mw", INTEGRATED),
    "hyperscale-10mw, economizer": ("hyperscale-10mw", FREE),
}
INTERVAL_S = 300.0
STEPS = 48
SUBSTEPS_S = (60.0, 30.0, 15.0)
PASS_S = 1e-4  # the pass taken for a vanishing one; its error, (pass / time constant)**2, is below 1e-10
JUMP_S = (
    1e-9  # a pass in which nothing moves but what jumps at the start of a control step: chillers that are switched off
)
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-8, 1e-8
MOVING = (
    "server_temperature",
    "rack_inlet_temperature",
    "server_fan_speed",
    "hot_air_temperature",
    "mass_temperature",
    "supply_air_temperature",
    "crah_fan_speed",
    "valve_fraction",
    "chilled_water_supply_temperature",
    "chilled_water_return_temperature",
    "condenser_water_supply_temperature",
    "tower_air_fraction",
    "chiller_loading",
)
"""What is compared."""
LATCHES = ("mode", "chillers_on", "protection")
COOLING = (
    "crah_fan_energy",
    "chilled_water_pump_energy",
    "condenser_water_pump_energy",
    "chiller_energy",
    "tower_fan_energy",
)


def driven(hall: Hall, mode: float, step: int) -> Array:
    """Inputs of a control step, shape (input rows, 1): waves of one to six hours around usual values."""
    hours = step * INTERVAL_S / 3600.0
    ranges = hall.description.setpoints

    def wave(mean: float, swing: float, period: float, phase: Any = 0.0) -> Any:
        return mean + swing * np.sin(2.0 * np.pi * (hours / period + phase))

    def within(allowed: Any, mean: float, swing: float, period: float, phase: Any = 0.0) -> Any:
        return wave(
            allowed.low + mean * (allowed.high - allowed.low), swing * (allowed.high - allowed.low), period, phase
        )

    groups, racks = np.arange(hall.crah_groups)[:, None] / 4.0, np.arange(hall.racks)[:, None] / hall.racks
    wet_bulb = wave(4.0 if mode == FREE else 15.0, 2.0, 6.0, 0.3)
    values: dict[str, Any] = {
        "supply_air_setpoint": within(ranges.supply_air_temperature, 0.5, 0.15, 2.0, groups),
        "crah_fan_speed": within(ranges.crah_fan_speed, 0.75, 0.15, 1.5, 0.5 * groups),
        "chilled_water_setpoint": within(ranges.chilled_water_temperature, 0.4, 0.12, 3.0),
        "condenser_water_setpoint": 13.0 if mode == FREE else wave(19.0, 2.0, 2.5),
        "chilled_water_pump_speed": wave(0.85, 0.1, 1.2),
        "condenser_water_flow": wave(0.8, 0.15, 1.0),
        "mode_request": mode,
        "utilization": wave(0.5, 0.15, 4.0) + wave(0.0, 0.08, 1.0, racks),
        "wet_bulb_temperature": wet_bulb,
        "dry_bulb_temperature": wet_bulb + 4.0,
        "outdoor_humidity_ratio": 0.005,
    }
    return packed_inputs(hall, 1, values)


class Exact:
    """The differential equations of a hall, solved over control steps.

    Parameters
    ----------
    hall : Hall
    engine : Any
        Of the hall; only its rows are used.
    """

    def __init__(self, hall: Hall, engine: Any) -> None:
        self._params, self._rows, self._input_rows = hall.params, engine.state_slices, engine.input_slices
        self._types, self._model = hall.types, hall_model(hall)
        self._power = hall.design_it_power

    def step(self, state: Array, inputs: Array) -> Array:
        """Return the packed state after one control step, shape (state rows, 1)."""
        p = self._params
        u = unpack(inputs, self._types.Inputs, self._input_rows)
        latched, held = self._model.begin(unpack(state, self._types.State, self._rows), u, p, INTERVAL_S, np)
        start = self._whole(latched)
        after = self._model.sweep(start, u, held, p, JUMP_S, np)
        moving = [name for name in self._rows if getattr(after, name) is not getattr(start, name)]
        y0 = pack(after, self._rows, 1)
        index = np.concatenate([np.arange(self._rows[name].start, self._rows[name].stop) for name in moving])
        is_off = (np.arange(len(y0)) >= self._rows["chiller_loading"].start) & (y0[:, 0] == 0.0)
        is_off[self._rows["chiller_loading"].stop :] = False
        index = index[~is_off[index]]
        index = index[~self._follows(y0, index, u, held)]
        solution = solve_ivp(
            self._rate,
            (0.0, INTERVAL_S),
            y0[index, 0],
            method="DOP853",
            rtol=RELATIVE_TOLERANCE,
            atol=self._tolerances()[index],
            args=(y0, index, u, held),
        )
        if not solution.success:
            raise RuntimeError(f"the reference solution failed: {solution.message}")
        y = y0.copy()
        y[index, 0] = solution.y[:, -1]
        settled = self._model.sweep(unpack(y, self._types.State, self._rows), u, held, p, JUMP_S, np)
        end = self._model.monitor(settled, u, held, p, INTERVAL_S, np)
        return pack(end, self._rows, 1)

    def _follows(self, y0: Array, index: Array, u: Any, held: Any) -> Array:
        """Which of the rows ``index`` follow from the others at once and have no rate, such as the air onto the coils: bool, shape (rows,)."""
        follows = np.ones(len(index), bool)
        for change in (1e-3, -1e-3):  # of which one may lie beyond a bound
            moved = np.repeat(y0, len(index) + 1, 1)
            moved[index, np.arange(1, len(index) + 1)] += change
            s = unpack(moved, self._types.State, self._rows)
            after = pack(self._model.sweep(s, u, held, self._params, JUMP_S, np), self._rows, moved.shape[1])
            follows &= np.abs(np.diagonal(after[index, 1:]) - after[index, 0]) < 0.5 * abs(change)
        return follows

    def _rate(self, _: float, y: Array, y0: Array, index: Array, u: Any, held: Any) -> Array:
        """Rates of change of the rows ``index``, shape (rows,) or (rows, k) as ``y``."""
        p, rows = self._params, self._rows
        columns = y.reshape(len(index), -1)
        full = np.repeat(y0, columns.shape[1], 1)
        full[index] = columns
        for name, low, high in (
            ("valve_fraction", p.valve_fraction_min, held.chilled_water_pump_speed),
            ("tower_air_fraction", p.tower_air_fraction_min, 1.0),
        ):
            np.clip(full[rows[name]], low, high, out=full[rows[name]])
        s = unpack(full, self._types.State, rows)
        whole, half = (
            (pack(self._model.sweep(s, u, held, p, dt, np), rows, full.shape[1]) - full) / dt
            for dt in (PASS_S, 0.5 * PASS_S)
        )
        result: Array = (2.0 * half - whole)[index].reshape(y.shape)
        return result

    def _tolerances(self) -> Array:
        """Absolute tolerances by row: 1e-8 of the order of each quantity, 1 K or full opening, or the design power over a step."""
        energy = self._power * INTERVAL_S
        order = np.ones(max(part.stop for part in self._rows.values()))
        for name in self._types.energies:
            order[self._rows[name]] = energy
        for name in self._types.water:
            order[self._rows[name]] = energy / 2.5e6  # kg that this heat would evaporate
        return ABSOLUTE_TOLERANCE * order

    def _whole(self, s: Any) -> Any:
        return unpack(pack(s, self._rows, 1), self._types.State, self._rows)


class Errors(NamedTuple):
    """Errors of one sub-step length against the exact solution."""

    largest: dict[str, float]  # by field: K or fraction, over steps and rows
    percentile: dict[str, float]  # 99th, likewise
    energy: float  # of the cooling energy of all steps, relative
    energy_step: float  # greatest of a control step, relative to the mean cooling energy of a step
    steps: int  # compared


def compare(
    hall_name: str, mode: float, substeps_s: Sequence[float] = SUBSTEPS_S, steps: int = STEPS, progress: Any = iter
) -> dict[float, Errors]:
    """Run a hall for some control steps with each sub-step length and exactly.

    Parameters
    ----------
    hall_name : str
    mode : float
        Cooling mode asked for.
    substeps_s : sequence of float
        Lengths of sub-steps [s]; whole parts of the control interval.
    steps : int
        Control steps of 300 s.
    progress : callable
        Wraps the sequence of steps, for instance ``tqdm``.

    Returns
    -------
    dict of float to Errors
    """
    hall = build_hall(hall_name)
    engine = make_engine("fused", hall_model(hall), hall.params)
    exact = Exact(hall, engine)
    first = driven(hall, mode, 0)
    start = cold_state(hall, 1)
    if "economizer" in hall:
        start[engine.state_slices["mode"]] = mode
    start = rested(engine, hall, start, first, 12)
    states = dict.fromkeys(substeps_s, start)
    reference = start
    trajectory: list[Array] = []
    runs: dict[float, list[Array]] = {length: [] for length in substeps_s}
    for step in progress(range(1, steps + 1)):
        inputs = driven(hall, mode, step)
        reference = exact.step(reference, inputs)
        trajectory.append(reference)
        for length in substeps_s:
            states[length] = engine.step(states[length], inputs, INTERVAL_S, substeps=round(INTERVAL_S / length))
            runs[length].append(states[length])
    return {
        length: errors(np.stack(run), np.stack(trajectory), engine.state_slices, MOVING) for length, run in runs.items()
    }


def errors(run: Array, exact: Array, rows: Mapping[str, slice], moving: Sequence[str]) -> Errors:
    """Compare two trajectories, shape (steps, state rows, 1) each, as far as they latch alike."""
    alike = np.all([run[:, rows[name]] == exact[:, rows[name]] for name in LATCHES if name in rows], axis=0).all((1, 2))
    count = int(np.argmin(alike)) if not alike.all() else len(alike)
    run, exact = run[:count], exact[:count]
    difference = {name: np.abs(run[:, rows[name]] - exact[:, rows[name]]) for name in moving}
    cooling, true = (sum(x[:, rows[name]].sum((1, 2)) for name in COOLING) for x in (run, exact))
    return Errors(
        {name: float(values.max(initial=0.0)) for name, values in difference.items()},
        {name: float(np.percentile(values, 99)) if count else 0.0 for name, values in difference.items()},
        float(np.sum(cooling) / np.sum(true) - 1.0) if count else 0.0,
        float(np.abs(cooling - true).max(initial=0.0) / np.mean(true)) if count else 0.0,
        count,
    )


def table(case: str, result: Mapping[float, Errors], steps: int) -> str:
    """Errors by field and sub-step length, as text."""
    lengths = list(result)
    lines = [
        f"{case}: greatest error and 99th percentile over {steps} control steps, by sub-step; K, or share of full",
        f"{'':36}" + "".join(f"{length:>17g} s  " for length in lengths),
    ]
    for name in next(iter(result.values())).largest:
        cells = (f"{e.largest[name]:10.5f} {e.percentile[name]:8.5f} " for e in result.values())
        lines.append(f"  {name:34}" + "".join(cells))
    lines.append(
        f"  {'cooling energy, sum and a step':34}"
        + "".join(f"{100 * e.energy:9.4f}% {100 * e.energy_step:7.4f}%" for e in result.values())
    )
    lines += [
        f"  the {length:g} s run latches differently from step {e.steps + 1} on; compared up to there"
        for length, e in result.items()
        if e.steps < steps
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Error of the sub-steps against a tight solution of the equations.")
    parser.add_argument("--steps", type=int, default=STEPS, help="control steps of 300 s")
    parser.add_argument("--substeps", type=float, nargs="+", default=SUBSTEPS_S, help="lengths [s]")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args(arguments)
    content: dict[str, Any] = {}
    for case in options.cases:
        hall, mode = CASES[case]
        result = compare(
            hall, mode, options.substeps, options.steps, lambda steps, case=case: tqdm(steps, desc=case, unit="step")
        )
        content[case] = {f"{length:g}": found._asdict() for length, found in result.items()}
        print(table(case, result, options.steps), end="\n\n")
    if options.out:
        write_json(options.out, content)
        print(options.out)


if __name__ == "__main__":
    main()
