"""A small hall-like model of all an engine must handle: several row counts, a matrix, latches, monitors, meters."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.engines import Model

RACKS, UNITS = 7, 3


class Params(NamedTuple):
    capacity: Any  # (RACKS) J/K
    conductance: Any  # (RACKS) W/K
    idle: Any  # (RACKS) W
    mixing: Any  # matrix (UNITS, RACKS)
    flow: Any  # (UNITS)
    lag: Any  # (1) s
    water_capacity: Any  # (1)
    curve: Any  # (3)
    limit: Any  # (1)
    release: Any  # (1)
    rate: Any  # (1)


class State(NamedTuple):
    server: Any  # (RACKS)
    air: Any  # (UNITS)
    water: Any  # (1)
    speed: Any  # (UNITS)
    energy: Any  # (1) accumulated
    rejected: Any  # (1) accumulated
    setpoint: Any  # (UNITS) latched
    alarm: Any  # (1) latched
    hottest: Any  # (1) monitored
    excess: Any  # (RACKS) monitored
    serial: Any  # (1) never touched


class Inputs(NamedTuple):
    load: Any  # (RACKS)
    setpoint: Any  # (UNITS)
    outdoor: Any  # (1)
    unused: Any  # (1)


class Held(NamedTuple):
    heat: Any
    cooling: Any
    alarm_before: Any
    constant: Any


def begin(s, u, p, interval, xp):
    move = p.rate * interval
    setpoint = s.setpoint + xp.minimum(xp.maximum(u.setpoint - s.setpoint, -move), move)
    hottest = xp.max(s.server, 0, keepdims=True)
    alarm = xp.where(hottest > p.limit, 1.0, xp.where(hottest <= p.release, 0.0, s.alarm))
    zero = 0.0 * s.alarm
    heat = p.idle * (1.0 + u.load * u.load)
    held = Held(heat, xp.matmul(p.mixing, heat) / xp.sum(heat, 0, keepdims=True), s.alarm, 2.0)
    return s._replace(setpoint=setpoint, alarm=alarm, energy=zero, rejected=zero, hottest=hottest, excess=0.0), held


def sweep(s, u, h, p, dt, xp):
    target = xp.where(s.alarm > 0.5, 1.0, 0.5 + 0.1 * xp.tanh(s.air - s.setpoint))
    speed = (s.speed + dt / p.lag * target) / (1.0 + dt / p.lag)
    fan = xp.exp(0.6 * xp.log(xp.maximum(speed, 1e-6)))
    flow = p.flow * fan
    share = flow / xp.sum(flow, 0, keepdims=True)
    supply = xp.matmul(p.mixing.T, share * s.air) / xp.matmul(p.mixing.T, share)
    k = dt / p.capacity
    g = p.conductance * (1.0 + 0.01 * xp.sqrt(xp.maximum(s.server, 0.0)))
    server = (s.server + k * (h.heat + g * supply)) / (1.0 + k * g)
    leaving = g * (server - supply)
    back = xp.matmul(p.mixing, leaving)
    effect = 1.0 - xp.exp(-fan / (1.0 + h.cooling))
    water_air = effect * flow * 100.0
    air = (s.air + dt / 2e4 * (back + water_air * s.water)) / (1.0 + dt / 2e4 * water_air)
    into = xp.sum(water_air * (air - s.water), 0, keepdims=True)
    curve = p.curve[0:1] + u.outdoor * (p.curve[1:2] + p.curve[2:3] * u.outdoor)
    away = 800.0 * curve * xp.maximum(s.water - u.outdoor, 0.0) / (h.constant + s.water / 100.0)
    water = s.water + dt / p.water_capacity * (into - away)
    return s._replace(
        server=server, air=air, water=water, speed=speed, energy=s.energy + dt * into, rejected=s.rejected + dt * away
    )


def monitor(s, u, h, p, dt, xp):
    hottest = xp.max(s.server, 0, keepdims=True)
    over = xp.maximum(s.server - p.release, 0.0)
    return s._replace(hottest=xp.maximum(s.hottest, hottest), excess=s.excess + dt * over * h.constant + h.alarm_before)


MODEL = Model(
    begin,
    sweep,
    monitor,
    State,
    Inputs,
    Params,
    dict(
        server=RACKS,
        air=UNITS,
        water=1,
        speed=UNITS,
        energy=1,
        rejected=1,
        setpoint=UNITS,
        alarm=1,
        hottest=1,
        excess=RACKS,
        serial=1,
    ),
    dict(load=RACKS, setpoint=UNITS, outdoor=1, unused=1),
    frozenset({"mixing"}),
)


def make_params(rng: np.random.Generator, num_envs: int = 1, own: tuple[str, ...] = ()) -> Params:
    """Random parameters; those named in ``own`` differ between environments."""

    def around(name: str, rows: int, value: float) -> np.ndarray:
        return value * rng.uniform(0.8, 1.2, (rows, num_envs if name in own else 1))

    mixing = rng.uniform(0.1, 1.0, (UNITS, RACKS))
    return Params(
        capacity=around("capacity", RACKS, 2e4),
        conductance=around("conductance", RACKS, 60.0),
        idle=around("idle", RACKS, 400.0),
        mixing=mixing / mixing.sum(0),
        flow=around("flow", UNITS, 1.5),
        lag=around("lag", 1, 40.0),
        water_capacity=around("water_capacity", 1, 4e5),
        curve=np.array([[1.0], [0.01], [-1e-4]]) * np.ones((3, num_envs if "curve" in own else 1)),
        limit=around("limit", 1, 40.0),
        release=around("release", 1, 30.0),
        rate=around("rate", 1, 0.01),
    )


def make_state(rng: np.random.Generator, num_envs: int) -> np.ndarray:
    rows = [
        rng.uniform(25, 45, (RACKS, num_envs)),
        rng.uniform(18, 26, (UNITS, num_envs)),
        rng.uniform(10, 16, (1, num_envs)),
        rng.uniform(0.4, 1.0, (UNITS, num_envs)),
        rng.uniform(0, 1, (2, num_envs)),
        rng.uniform(18, 24, (UNITS, num_envs)),
        rng.integers(0, 2, (1, num_envs)).astype(float),
        rng.uniform(0, 1, (1 + RACKS, num_envs)),
        np.arange(num_envs, dtype=float)[None],
    ]
    return np.concatenate(rows)


def make_inputs(rng: np.random.Generator, num_envs: int) -> np.ndarray:
    return np.concatenate(
        [
            rng.uniform(0, 1, (RACKS, num_envs)),
            rng.uniform(18, 24, (UNITS, num_envs)),
            rng.uniform(-5, 8, (1, num_envs)),
            rng.uniform(0, 1, (1, num_envs)),
        ]
    )
