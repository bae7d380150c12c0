"""Chillers, pumps and tower cells that run on request, in place of the plant's own staging.

A part of halls whose description says ``chillers.staging: action``. A controller asks for numbers; the plant brings one machine a control
step, keeps every chiller on and off for its minimum times, books energy for every start, runs as many pumps and cells as the water
needs, and brings back chillers when the water gets too warm, whatever was asked for.
"""

from typing import Any, NamedTuple

from dcsim.physics.pump import RUN_OUT
from dcsim.plant.description import HallDescription
from dcsim.plant.economizer import FREE, INTEGRATED
from dcsim.plant.loops import Array, distance, total

REQUEST_HYSTERESIS = 0.1  # machines beyond half way to the next number, as of the cooling mode: assumed


class Params(NamedTuple):
    """How often a chiller may start, what it costs, and how many pumps and cells there are."""

    minimum_on_time: Array  # (1) s of a chiller
    minimum_off_time: Array  # (1) s of a chiller
    chiller_start_energy: Array  # (1) J of a start, into the condenser water
    chilled_water_pumps: Array  # (1) number
    condenser_water_pumps: Array  # (1) number
    tower_cells: Array  # (1) number


class State(NamedTuple):
    """Which machines run."""

    chiller_running: Array  # (C) 1 from the control step on in which its start is booked
    chiller_time: Array  # (C) s since it was started or stopped
    chiller_must_run: (
        Array  # (C) 1 for a machine that turns and has not served its minimum time, at the start of the step
    )
    chiller_starts: Array  # (1) booked in the control step
    chiller_call: Array  # (1) 1 from when too warm water has called the next chiller until the end of the control step
    chilled_water_pumps_on: Array  # (1)
    condenser_water_pumps_on: Array  # (1)
    tower_cells_on: Array  # (1)


class Inputs(NamedTuple):
    """Numbers asked for, continuous; the nearest wins."""

    chillers_requested: Array  # (1)
    chilled_water_pumps_requested: Array  # (1)
    condenser_water_pumps_requested: Array  # (1)
    tower_cells_requested: Array  # (1)


class Held(NamedTuple):
    """What starts cost, and who comes when called."""

    chiller_called_target: Array  # (C) share of capacity the machines load up to once the next one is called
    chiller_start_power: Array  # (1) W, energy of the starts spread over the control step


ROWS = dict.fromkeys(("chiller_running", "chiller_time", "chiller_must_run"), "chillers")
REQUESTS = (
    "chillers_requested",
    "chilled_water_pumps_requested",
    "condenser_water_pumps_requested",
    "tower_cells_requested",
)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.chilled_water is not None and d.chillers is not None and d.tower is not None
    chill = d.chillers
    return dict(
        minimum_on_time=chill.minimum_on_time.value,  # type: ignore[union-attr]
        minimum_off_time=chill.minimum_off_time.value,  # type: ignore[union-attr]
        chiller_start_energy=chill.start_energy.value,  # type: ignore[union-attr]
        chilled_water_pumps=d.chilled_water.pumps,
        condenser_water_pumps=d.tower.pumps,
        tower_cells=d.tower.cells,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Numbers of pumps and tower cells: what is asked for, and no fewer than the water needs; one more or less a control step."""
    can, turns, since = _turning(s, u, xp)
    protects = now["protection"] > 0.5
    chilled_flow = total(p.coil_water_flow_nominal * s.valve_fraction, xp) / total(p.coil_water_flow_nominal, xp)
    condenser_flow, static = now["condenser_water_flow"], p.condenser_water_static_share
    condenser_speed = xp.sqrt(static + (1.0 - static) * condenser_flow * condenser_flow)

    def moved(on: Array, request: Array, needed: Array, count: Array) -> Array:
        more = xp.where(protects, 1.0, xp.where(needed > on, 1.0, xp.where(request > on + half, 1.0, 0.0)))
        may_fall = xp.where(request < on - half, xp.where(needed > on - 1.0, 0.0, 1.0), 0.0)
        return xp.minimum(xp.maximum(on + xp.where(more > 0.5, 1.0, -may_fall), 1.0), count)

    half = 0.5 + REQUEST_HYSTERESIS
    return dict(
        chiller_must_run=turns * can * xp.where(since < p.minimum_on_time, 1.0, 0.0),
        chilled_water_pumps_on=moved(
            s.chilled_water_pumps_on,
            u.chilled_water_pumps_requested,
            chilled_flow * p.chilled_water_pumps / (RUN_OUT * now["chilled_water_pump_speed"]),
            p.chilled_water_pumps,
        ),
        condenser_water_pumps_on=moved(
            s.condenser_water_pumps_on,
            u.condenser_water_pumps_requested,
            condenser_flow * p.condenser_water_pumps / (RUN_OUT * condenser_speed),
            p.condenser_water_pumps,
        ),
        # a cell takes no more than its nominal flow
        tower_cells_on=moved(
            s.tower_cells_on, u.tower_cells_requested, condenser_flow * p.tower_cells - 1e-9, p.tower_cells
        ),
    ), {}


def _turning(s: Any, u: Any, xp: Any) -> tuple[Array, Array, Array]:
    """Which chillers can run, which turn, and since when [s], shape (C, N) each.

    One that turns without having been booked was called by warm water, or by free cooling that failed, within the last control step.
    """
    can = xp.where(u.chiller_available > 0.0, 1.0, 0.0)
    turns = xp.where(s.chiller_loading > 0.0, 1.0, 0.0)
    return can, turns, xp.where(distance(turns, s.chiller_running, xp) > 0.5, 0.0, s.chiller_time)


def chillers(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Choose the chillers that run, as of ``begin``.

    One more or less than before, towards the number asked for; one more, whatever is asked for, where the water comes too warm or the
    over-temperature protection acts. Machines that must stay on come first, then those that run, then those that have rested for their
    minimum time, each in their order. Free cooling stops all, and the chosen ones stand by.
    """
    can, turns, since = _turning(s, u, xp)
    must = now["chiller_must_run"]
    rested = xp.where(turns > 0.5, 1.0, xp.where(since < p.minimum_off_time, 0.0, 1.0))
    ready = can * (1.0 - must) * rested
    too_warm = s.chilled_water_supply_temperature - s.chilled_water_setpoint > p.supply_excess_max
    on, half = s.chillers_on + s.chiller_call, 0.5 + REQUEST_HYSTERESIS
    step = xp.where(u.chillers_requested > on + half, 1.0, xp.where(u.chillers_requested < on - half, -1.0, 0.0))
    step = xp.where(too_warm, 1.0, xp.where(now["protection"] > 0.5, 1.0, step))
    wanted = xp.minimum(xp.maximum(on + step, 0.0), total(can, xp)) - total(must, xp)

    running_on, idle = ready * turns, ready * (1.0 - turns)
    rank = xp.where(
        turns > 0.5, xp.matmul(p.chiller_order, running_on), total(running_on, xp) + xp.matmul(p.chiller_order, idle)
    )
    chosen = must + ready * xp.where(rank < wanted - 0.5, 1.0, 0.0)
    spare = idle * (1.0 - chosen)  # none that stops now: it has to rest
    called = chosen + spare * xp.where(xp.matmul(p.chiller_order, spare) < 0.5, 1.0, 0.0)
    running = chosen
    if "mode" in now:
        running = xp.where(now["mode"] > 0.5 * (INTEGRATED + FREE), 0.0, chosen)
    starts = total(xp.maximum(running - s.chiller_running, 0.0), xp)
    stops = turns * (1.0 - running)  # and may not come back when free cooling fails at once
    number = total(chosen, xp)
    return dict(
        chillers_on=number,
        stage_time=interval + xp.where(distance(number, s.chillers_on, xp) > 0.5, 0.0, s.stage_time),
        chiller_running=running,
        chiller_time=interval + xp.where(distance(running, turns, xp) > 0.5, 0.0, since),
        chiller_starts=starts,
        chiller_call=0.0 * starts,
    ), dict(
        chiller_target=(1.0 - stops) * chosen * u.chiller_available,
        chiller_called_target=(1.0 - stops) * called * u.chiller_available,
        chiller_start_power=starts * p.chiller_start_energy / interval,
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Water that comes too warm calls the next chiller at once; while cooling is free, the economizer gives way first."""
    too_warm = xp.where(
        s.chilled_water_supply_temperature - h.chilled_water_setpoint > p.supply_excess_max, 1.0, s.chiller_call
    )
    if hasattr(s, "mode"):
        too_warm = xp.where(s.mode > 0.5 * (INTEGRATED + FREE), s.chiller_call, too_warm)
    return dict(chiller_call=too_warm)
