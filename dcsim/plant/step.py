"""A control step of a hall: how its parts follow each other.

Heat goes from the servers to the air that passes them, into well-mixed hot-air cells, through the CRAHs into whatever cools their coils,
and outdoors; of liquid-cooled racks also into cold plates, coolant, facility water and dry coolers. ``sweep`` follows that path once, node
by node, linear-implicitly (first order, L-stable); the engine extrapolates sweeps to second order. Every flux that leaves a node enters
another as the very same number, so the energy balance closes to rounding for any flows and any step.

A control step is ``begin``, then for each sub-step extrapolated sweeps and ``monitor``; ``audit`` closes the books.

Left out: transport delays, single fans and pumps (a group acts as one machine, of which a share may fail).
"""

from typing import Any

from dcsim.physics.smooth import clip
from dcsim.plant import (
    chilled_water,
    coils,
    district_cooling,
    dry_coolers,
    dx,
    liquid,
    outdoor_air,
    room,
    supervision,
    tower,
)
from dcsim.plant.audit import stored_energy
from dcsim.plant.factors import scaled
from dcsim.plant.loops import Array, distance, total
from dcsim.plant.parts import PARTS, Types


class Step:
    """The three functions of a hall that an engine runs.

    Parameters
    ----------
    types : Types
        Of the hall.
    """

    def __init__(self, types: Types) -> None:
        self.types = types
        self._modules = [PARTS[name] for name in types.parts]

    def begin(self, s: Any, u: Any, p: Any, interval: Array, xp: Any) -> tuple[Any, Any]:
        """Latch what a control step holds: set-points within their rates, what the parts decide by themselves; clear the meters.

        Parameters
        ----------
        s, u, p : State, Inputs, Params
            Of shapes ``(rows, N)``.
        interval : Array or float
            Length of the control step [s].
        xp : namespace

        Returns
        -------
        tuple of State and Held
        """
        types, p = self.types, scaled(p, u, self.types.factors)
        zero = 0.0 * s.trip_time
        now: dict[str, Array] = dict.fromkeys(types.energies, zero)
        travel: Array = zero
        for name, asked, _ in types.setpoints:
            before, step = getattr(s, name), getattr(p, f"{name}_rate") * interval
            now[name] = before + clip(getattr(u, asked) - before, -step, step, xp)
            travel = travel + total(distance(now[name], before, xp), xp) / getattr(p, f"{name}_range")
        now["travel"] = travel / p.setpoint_count
        now["protection"] = supervision.protection(s, p, xp)
        now["stored_energy_before"] = stored_energy(types, s, p, xp)
        held: dict[str, Array] = {}
        for module in self._modules:
            if hasattr(module, "begin"):
                latched, fixed = module.begin(s, u, p, held | now, interval, xp)
                now |= latched
                held |= fixed
        return s._replace(**now), types.Held(**held)

    def sweep(self, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Any:
        """One pass of length ``dt`` [s] along the path of the heat.

        Parameters
        ----------
        s, u, h, p : State, Inputs, Held, Params
            Of shapes ``(rows, N)``.
        dt : Array or float
            Length of the pass [s].
        xp : namespace

        Returns
        -------
        State
            First order in ``dt``; latched and monitored fields are handed back untouched.
        """
        has, p = self.types.parts.__contains__, scaled(p, u, self.types.factors)
        plates = liquid.cooled(s, u, h, p, dt, xp) if has("liquid") else None
        hot = room.hot_side(s, u, h, p, dt, xp, plates)
        box = outdoor_air.mixed(hot, s, u, h, p, dt, xp) if has("outdoor_air") else None
        onto = hot if box is None else box.hot  # the air that the units see
        if has("dx"):
            expanded = dx.cooled(onto, s, u, h, p, dt, xp)
            cold = room.cold_side(hot, expanded.supply, s, u, h, p, dt, xp)
            new, powers = cold.new | expanded.new, cold.powers | expanded.powers
        elif has("district_cooling"):
            bought = district_cooling.cooled(onto, s, u, h, p, dt, xp)
            cold = room.cold_side(hot, bought.supply, s, u, h, p, dt, xp)
            new, powers = cold.new | bought.new, cold.powers | bought.powers
        else:
            cooled = coils.cooled(onto, s, u, h, p, dt, xp)
            cold = room.cold_side(hot, cooled.supply, s, u, h, p, dt, xp, cooled.taken)
            chilled = chilled_water.chilled(cooled.heat, s, u, h, p, dt, xp)
            new = cold.new | cooled.new | chilled.new
            powers = cold.powers | cooled.powers | chilled.powers
            if has("tower"):
                towers = tower.rejected(chilled.condenser_heat, s, u, h, p, dt, xp)
                new, powers = new | towers.new, powers | towers.powers
        if box is not None:
            supply, humidity = new["supply_air_temperature"], new["humidity_ratio"]
            exchange = outdoor_air.exchanged(box, hot, supply, humidity, s, u, h, p, xp)
            new, powers = new | exchange.new, powers | exchange.powers
        if plates is not None:
            coolers = dry_coolers.rejected(plates, s, u, h, p, dt, xp)
            new, powers = new | plates.new | coolers.new, powers | plates.powers | coolers.powers
        return s._replace(**new, **{name: getattr(s, name) + dt * power for name, power in powers.items()})

    def monitor(self, s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> Any:
        """Watch limits and ends at the end of a sub-step."""
        p = scaled(p, u, self.types.factors)
        seen: dict[str, Array] = {"stored_energy": stored_energy(self.types, s, p, xp)}
        for module in self._modules:
            if hasattr(module, "monitor"):
                seen |= module.monitor(s, u, h, p, time_step, xp)
        return s._replace(**seen)
