"""Which parts a hall consists of, and the named arrays that follow: its parameters, state, inputs and held values.

A part is a module of this package, or a class of one, that declares, next to its equations, what it adds to the hall. Only what a hall has
is computed: the equations of a part that is not there never reach an engine. A part may define

``Params, State, Inputs, Held``
    NamedTuples of the fields it adds; the comment behind each field gives its rows and, where the name does not tell it, its unit. Letters:
    R rack groups, F their fronts by level, U CRAH groups, Z hot-air cells, C chillers, T tank nodes, D CDU groups, L liquid-cooled rack
    groups. Arrays are ``(rows, N)``, the environments last; parameters ``(rows, 1)``, or ``(rows, N)`` where every environment has its
    own; matrices ``(out, in)``.
``ROWS``
    Fields of more than one row, by what they count (see ``Hall.counts``).
``MATRICES``
    Parameters that are matrices.
``SETPOINTS``
    What a controller sends; every one moves within its rate.
``REQUESTS``
    Further inputs that a controller sends, which the plant heeds in its own way.
``AVAILABILITY``
    Inputs that say what can run, by the name of the component.
``UNITS``
    Of these, components whose units act as one and share a row, by what counts the units (see ``Hall.counts``).
``DRIVERS``
    Inputs that neither a controller nor a failure decides: load and weather.
``HEAT_CAPACITIES``
    Temperatures that store heat, with the parameter that says how much.
``METERS``
    Electric energies that count as cooling, by the name under which they are reported.
``REJECTED, GAINED``
    Energies that leave the site, and that enter it other than by electricity.
``WATER``
    Make-up water.
``WATCHED``
    Fields that are reported as they are, by key of ``info``.
``COSTS``
    Fields in K s that count in the safety cost, by the key of ``info`` under which they are reported in K min.
``stored_energy(s, p, xp)``
    What stores energy other than by a temperature.
``sized(description)``
    Values of the parameters.
``begin(s, u, p, now, interval, xp)``
    What is latched and what is held at the start of a control step: two dicts. ``now`` has the set-points in force,
    ``protection``, and what the parts before have latched or hold.
``monitor(s, u, h, p, time_step, xp)``
    What is watched at the end of a sub-step: a dict.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dcsim.plant import (
    air_condensers,
    air_paths,
    chilled_water,
    coils,
    district_cooling,
    dry_coolers,
    dx,
    economizer,
    liquid,
    moisture,
    outdoor_air,
    pump_motors,
    rack_fronts,
    return_air,
    room,
    server_fans,
    slab,
    staging,
    supervision,
    tank,
    tower,
)
from dcsim.plant.description import HallDescription
from dcsim.plant.factors import Factors, factor_input
from dcsim.plant.loops import Setpoint

PARTS: Mapping[str, Any] = {
    "ramp_fans": server_fans.Ramp,
    "curve_fans": server_fans.Curve,
    "given_fans": server_fans.Given,
    "metered_power": room.MeteredPower,
    "direct_heat": room.DirectHeat,
    "inlet_sensors": server_fans.InletSensors,
    "air_paths": air_paths,
    "room": room,
    "rack_fronts": rack_fronts,
    "return_air": return_air,
    "actual_reach": return_air.ActualReach,
    "return_plenum": return_air.Plenum,
    "sol_air": room.SolAir,
    "moisture": moisture,
    "outdoor_air": outdoor_air,
    "given_dampers": outdoor_air.GivenDampers,
    "evaporative": outdoor_air.Evaporative,
    "surroundings": room.Surroundings,
    "district_cooling": district_cooling,
    "slab": slab,
    "coils": coils,
    "wetted_coils": coils.WetBelowDewPoint,
    "entering_limit": coils.EnteringLimit,
    "dx": dx,
    "given_compressors": dx.GivenCompressors,
    "staging": staging,
    "chiller_load_limit": chilled_water.LoadLimit,
    "leaving_control": chilled_water.LeavingControl,
    "given_chillers": chilled_water.GivenChillers,
    "economizer": economizer,
    "tank": tank,
    "chilled_water": chilled_water,
    "condensing_coils": coils.Condensing,
    "tower": tower,
    "pump_motors": pump_motors,
    "tower_fan_curve": tower.FanCurve,
    "free_convection": tower.FreeConvection,
    "tower_load_limit": tower.LoadLimit,
    "air_condensers": air_condensers,
    "liquid": liquid,
    "dry_coolers": dry_coolers,
    "supervision": supervision,
}
"""All parts, in the order in which a hall lists those it has."""


class Types(NamedTuple):
    """Classes of the named arrays of a kind of hall, and what its parts declare, joined."""

    parts: tuple[str, ...]
    Params: type
    State: type
    Inputs: type
    Held: type
    rows: Mapping[str, str]
    matrices: frozenset[str]
    setpoints: tuple[Setpoint, ...]
    requests: tuple[str, ...]  # inputs that a controller sends, in the order of actions; they come first
    availability: Mapping[str, str]
    units: Mapping[str, str]
    drivers: tuple[str, ...]  # they come last
    factors: Factors  # multiples of parameters, whose inputs stand before the drivers
    heat_capacities: Mapping[str, str]
    meters: Mapping[str, tuple[str, ...]]
    rejected: tuple[str, ...]
    gained: tuple[str, ...]
    water: tuple[str, ...]
    watched: Mapping[str, str]
    costs: Mapping[str, str]

    @property
    def energies(self) -> tuple[str, ...]:
        """Fields of the state that add up over a control step and start it at 0."""
        metered = [field for fields in self.meters.values() for field in fields]
        more = [field for part in self.parts for field in getattr(PARTS[part], "SUMS", ())]
        return tuple(dict.fromkeys([*metered, *self.rejected, *self.gained, *self.water, *more]))


def parts_of(description: HallDescription) -> tuple[str, ...]:
    """Names of the parts that a described hall has."""
    return tuple(name for name in PARTS if getattr(description, name, True) is not None)


@functools.lru_cache(maxsize=64)
def types_of(parts: tuple[str, ...], factors: Factors = ()) -> Types:
    """Join what the parts declare.

    Parameters
    ----------
    parts : tuple of str
    factors : Factors
        Multiples of parameters that become inputs.

    Raises
    ------
    ValueError
        If two parts declare the same field.
    """
    modules = [PARTS[name] for name in parts]

    def declared(name: str) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for module in modules:
            merged |= getattr(module, name, {})
        return merged

    setpoints = tuple(setpoint for module in modules for setpoint in getattr(module, "SETPOINTS", ()))
    meters: dict[str, tuple[str, ...]] = {}
    for module in modules:
        for name, fields in getattr(module, "METERS", {}).items():
            meters[name] = (*meters.get(name, ()), *fields)

    def listed(name: str) -> tuple[str, ...]:
        return tuple(field for module in modules for field in getattr(module, name, ()))

    requests = (*(setpoint.input for setpoint in setpoints), *listed("REQUESTS"))
    rates = [name for setpoint in setpoints for name in (f"{setpoint.state}_rate", f"{setpoint.state}_range")]
    multiples = [factor_input(name) for name, _ in factors]
    return Types(
        parts=parts,
        Params=_joined("Params", modules, extra=[*rates, "setpoint_count"]),
        State=_joined("State", modules),
        Inputs=_joined("Inputs", modules, first=requests, last=(*multiples, *listed("DRIVERS"))),
        Held=_joined("Held", modules),
        rows=declared("ROWS"),
        matrices=frozenset(listed("MATRICES")),
        setpoints=setpoints,
        requests=requests,
        availability=declared("AVAILABILITY"),
        units=declared("UNITS"),
        drivers=listed("DRIVERS"),
        factors=factors,
        heat_capacities=declared("HEAT_CAPACITIES"),
        meters=meters,
        rejected=listed("REJECTED"),
        gained=listed("GAINED"),
        water=listed("WATER"),
        watched=declared("WATCHED"),
        costs=declared("COSTS"),
    )


def _joined(
    kind: str, modules: list[Any], extra: Sequence[str] = (), first: Sequence[str] = (), last: Sequence[str] = ()
) -> type:
    fields = [field for module in modules if hasattr(module, kind) for field in getattr(module, kind)._fields]
    fields = [*first, *(field for field in fields if field not in (*first, *last)), *extra, *last]
    if len(set(fields)) < len(fields):
        twice = sorted({field for field in fields if fields.count(field) > 1})
        raise ValueError(f"{kind}: more than one part declares {', '.join(twice)}")
    joined: Any = NamedTuple(kind, [(field, Any) for field in fields])  # type: ignore[misc]
    result: type = joined
    return result
