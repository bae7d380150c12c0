"""Stratified water tank against the Modelica Buildings library.

The tank has 0.1 m3 in 7 nodes. Its walls have no outside in these runs: the ports for it are not connected, so the walls
only lead heat between the nodes, by way of a point at their mean temperature. dcsim's implicit step is of first order, so
steps are short here; halls take longer ones.
"""

from collections.abc import Callable

import numpy as np

from dcsim.physics import storage_tank
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_reference import Reference, ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

NODES = 7
SIZE = storage_tank.size_tank(0.1, 3.0, NODES, 0.3)
START = 20.0  # degC
RATE = 1000.0 / 3600.0 / 4.0 * WATER_SPECIFIC_HEAT  # W/K, of a full tank in 24 minutes
STEP_S = 1.0
HALF = 3600.0  # s, of loading, and again of unloading
SHOWN = {"top": 0, "middle": 3, "bottom": 6}  # nodes
CLOSE = Tolerance(f"{NOTES}: 0.038 K at worst, 0.014 K in the root mean square", rmse=0.014, greatest=0.038)


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the cases of storage."""
    return [loading(files), *(uniform_flow(files, *run) for run in (("heaTan", 1.0, 40.0), ("cooTan", -1.0, 20.0)))]


def loading(files: ReferenceFolder) -> Case:
    """A tank that is emptied from below and filled from above, each for an hour."""
    reference = files("Fluid_Storage_Validation_StratifiedLoadingUnloading")
    start = np.full(NODES, START)

    def flow(now: float) -> tuple[float, float]:
        return (-RATE, 20.0) if now % (2.0 * HALF) < HALF else (RATE, 40.0)

    return _case("tank_loading", "Tank of 7 nodes, filled with warm water and drawn off", reference, "tan", flow, start)


def uniform_flow(files: ReferenceFolder, series: str, sign: float, entering: float) -> Case:
    """A layered tank with warm water entering at the top, or cold water at the bottom."""
    reference = files("Fluid_Storage_Validation_StratifiedNonUniformInitial")
    start = np.arange(40.0, 40.0 - NODES, -1.0)
    name, words = (
        ("tank_heated", "warm water at the top") if sign > 0.0 else ("tank_cooled", "cold water at the bottom")
    )
    return _case(name, f"Layered tank, {words}", reference, series, lambda _: (sign * RATE, entering), start)


def _case(
    key: str,
    title: str,
    reference: Reference,
    series: str,
    flow: Callable[[float], tuple[float, float]],
    start: Array,
) -> Case:
    own = trajectory(reference.time, flow, start)
    return Case(
        key,
        title,
        reference.source,
        [
            Quantity(name, "degC", reference.celsius(f"{series}.vol[{k + 1}].T"), own[k], CLOSE)
            for name, k in SHOWN.items()
        ],
        Axis("time", "s", reference.time),
        note=f"The first, fourth and last of {NODES} nodes; steps of {STEP_S:g} s, whose error falls with their length.",
    )


def trajectory(time: Array, flow: Callable[[float], tuple[float, float]], start: Array) -> Array:
    """Temperatures of the nodes [degC].

    Parameters
    ----------
    time : Array, shape (T,)
        s; the flow changes only at whole steps from one to the next.
    flow : callable
        Downward rate [W/K] and entering temperature [degC] at a time.
    start : Array, shape (nodes,)
        degC.

    Returns
    -------
    Array, shape (nodes, T)
    """
    numbers = storage_tank.node_numbers(NODES)
    temperature, states = start[:, None], [start]
    for begin, end in zip(time[:-1], time[1:], strict=True):
        count = max(1, round((end - begin) / STEP_S))
        step = (end - begin) / count
        for k in range(count):
            rate, entering = flow(begin + (k + 0.5) * step)
            temperature = storage_tank.tank_step(
                temperature,
                numbers,
                NODES,
                SIZE.heat_capacity,
                SIZE.conduction,
                SIZE.side_conductance,
                np.zeros((1, 1)),
                temperature.mean(axis=0, keepdims=True),
                np.array([[rate]]),
                np.array([[entering]]),
                np.array([[step]]),
            ).temperature(np.array([[entering]]))
        states.append(temperature[:, 0])
    return np.array(states).T
