"""From a description to what an engine runs: parameter arrays, row counts, and where each row stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.physics import chiller, coil, cooling_tower, room_air
from dcsim.physics.chiller_curves import CURVE_SETS
from dcsim.physics.constants import STANDARD_PRESSURE, WATER_SPECIFIC_HEAT
from dcsim.physics.server import mass_flow_per_power
from dcsim.plant.description import HallDescription, Range, load_hall
from dcsim.plant.model import MATRICES, Inputs, Params, State


@dataclass(frozen=True)
class Hall:
    """A described hall, ready to run.

    Attributes
    ----------
    description : HallDescription
    params : Params
        Arrays ``(rows, 1)`` and matrices ``(out, in)``, float64.
    """

    description: HallDescription
    params: Params

    @property
    def racks(self) -> int:
        """Number of rack groups R."""
        return self.description.racks.groups

    @property
    def crah_groups(self) -> int:
        """Number of CRAH groups U."""
        return self.description.crahs.groups

    @property
    def chillers(self) -> int:
        """Number of chillers C."""
        return self.description.chillers.count

    @property
    def has_economizer(self) -> bool:
        """Whether there is a waterside economizer."""
        return self.description.economizer.effectiveness.value > 0.0

    @property
    def design_it_power(self) -> float:
        """W, the power that rewards and sizes refer to."""
        return self.description.design_it_power.value

    @cached_property
    def state_rows(self) -> Mapping[str, int]:
        """Rows of each field of ``State``."""
        return self._rows(State)

    @cached_property
    def input_rows(self) -> Mapping[str, int]:
        """Rows of each field of ``Inputs``."""
        return self._rows(Inputs)

    def _rows(self, fields: Any) -> Mapping[str, int]:
        of_racks = {"server_temperature", "rack_inlet_temperature", "server_fan_speed", "utilization"}
        of_cells = {"hot_air_temperature", "mass_temperature"}
        of_crahs = {
            "supply_air_temperature",
            "crah_fan_speed",
            "valve_fraction",
            "supply_air_setpoint",
            "crah_fan_setpoint",
            "zone_inlet_mean",
            "zone_flow_ratio",
            "crah_available",
        }
        of_chillers = {"chiller_loading", "chiller_available"}
        count = {
            **dict.fromkeys(of_racks, self.racks),
            **dict.fromkeys(of_cells, self.description.room.hot_air_cells),
            **dict.fromkeys(of_crahs, self.crah_groups),
            **dict.fromkeys(of_chillers, self.chillers),
        }
        return {name: count.get(name, 1) for name in fields._fields}


def build_hall(hall: str | Path | HallDescription) -> Hall:
    """Size and lay out a hall.

    Parameters
    ----------
    hall : str, Path or HallDescription
        Name of a built-in hall, a YAML file, or a description.

    Raises
    ------
    InputError
        If the description cannot be read or is not valid.
    """
    description = hall if isinstance(hall, HallDescription) else load_hall(hall)
    return Hall(description, _params(description))


def _params(d: HallDescription) -> Params:
    racks, room, crahs = d.racks, d.room, d.crahs
    groups, cells = crahs.groups, room.hot_air_cells
    peak = racks.rack_power.value * racks.racks_per_group * np.array(racks.relative_power.values)
    server_flow = peak * mass_flow_per_power(racks.temperature_rise.value)
    place = (np.arange(racks.groups) + 0.5) / racks.groups
    heads = (np.arange(groups) + 0.5) / groups
    middles = (np.arange(cells) + 0.5) / cells
    tower, chill, economizer, setpoints = d.tower, d.chillers, d.economizer, d.setpoints
    design_heat = WATER_SPECIFIC_HEAT * tower.water_flow.value * tower.design_range.value
    curve_set = CURVE_SETS[chill.part_load_curves]
    capacity_curve, eir_curve, box, cop = _efficiency(d)
    rejected = chill.capacity.value * (1.0 + 1.0 / cop)
    waters = [WATER_SPECIFIC_HEAT * flow for flow in (crahs.coil_water_flow.value, tower.water_flow.value)]
    per_minute = 1.0 / 60.0
    values: dict[str, Any] = dict(
        idle_power=racks.idle_fraction.value * peak,
        peak_power=peak,
        power_exponent=racks.power_exponent.value,
        leakage_coefficient=racks.leakage_coefficient.value,
        leakage_reference_temperature=racks.leakage_reference_temperature.value,
        server_mass_flow_nominal=server_flow,
        server_fan_speed_min=racks.fan_speed_min.value,
        server_fan_ramp_start_temperature=racks.fan_ramp_start_temperature.value,
        server_fan_ramp_end_temperature=racks.fan_ramp_end_temperature.value,
        server_fan_power_max=racks.fan_power_max_fraction.value * peak,
        server_fan_time_constant=racks.fan_time_constant.value,
        server_heat_capacity=racks.heat_capacity_per_power.value * peak,
        server_effectiveness=racks.effectiveness.value,
        cold_air_heat_capacity=room.cold_air_heat_capacity.value * server_flow / server_flow.sum(),
        recirculation_min=room.recirculation_min.value * np.array(room.relative_recirculation.values),
        starvation_gain=np.full(racks.groups, room.starvation_gain.value),
        supply_reach=room_air.reach_from_distance(np.abs(heads[:, None] - place), room.supply_reach_length.value),
        demand_following=room.demand_following.value,
        supply_leakage=room.supply_leakage.value,
        cell_share=room_air.cell_share_from_distance(np.abs(middles[:, None] - place), room.hot_cell_length.value),
        hot_air_heat_capacity=np.full(cells, room.hot_air_heat_capacity.value / cells),
        mass_heat_capacity=np.full(cells, room.mass_heat_capacity.value / cells),
        mass_conductance=np.full(cells, room.mass_conductance.value / cells),
        envelope_conductance=room.envelope_conductance.value,
        crah_mass_flow_nominal=np.full(groups, crahs.mass_flow.value / groups),
        crah_fan_power_nominal=np.full(groups, crahs.fan_power.value / groups),
        crah_fan_linear_share=crahs.fan_linear_share.value,
        crah_fan_time_constant=crahs.fan_time_constant.value,
        flow_ratio_min=crahs.flow_ratio_min.value,
        coil_conductance_nominal=np.full(groups, crahs.coil_conductance.value / groups),
        coil_air_resistance_share=crahs.coil_air_resistance_share.value,
        coil_water_flow_nominal=np.full(groups, crahs.coil_water_flow.value / groups),
        valve_fraction_min=crahs.valve_fraction_min.value,
        valve_time_constant=crahs.valve_time_constant.value,
        supply_air_heat_capacity=np.full(groups, crahs.supply_air_heat_capacity.value / groups),
        humidifier_power=crahs.humidifier_power.value,
        chilled_water_supply_heat_capacity=d.chilled_water.supply_heat_capacity.value,
        chilled_water_return_heat_capacity=d.chilled_water.return_heat_capacity.value,
        chilled_water_flow_share_min=d.chilled_water.flow_share_min.value,
        chilled_water_pump_power_nominal=d.chilled_water.pump_power.value,
        chiller_capacity=chill.capacity.value,
        chiller_cop=cop,
        chiller_capacity_curve=capacity_curve,
        chiller_eir_curve=eir_curve,
        chiller_part_load_curve=curve_set.part_load_curve,
        chiller_curve_box=box,
        chiller_part_load_min=curve_set.part_load_min,
        chiller_unloading_min=curve_set.part_load_min,
        chiller_cop_max=chill.cop_max.value,
        chiller_hold_temperature=_hold_temperature(d),
        chiller_condenser_stream=rejected / chill.condenser_range.value,
        chiller_chilled_head_share=chill.chilled_water_head.value,
        chiller_condenser_head_share=chill.condenser_water_head.value,
        chiller_order=np.tril(np.ones((chill.count, chill.count)), -1),
        chiller_start_time_constant=chill.start_time_constant.value,
        chiller_control_time_constant=chill.control_time_constant.value,
        condenser_water_temperature_min=chill.condenser_water_temperature_min.value,
        stage_up_load=chill.stage_up_load.value,
        stage_down_load=chill.stage_down_load.value,
        stage_time_min=chill.stage_time_min.value,
        economizer_effectiveness=economizer.effectiveness.value,
        economizer_conductance=coil.counterflow_conductance(
            min(waters), min(waters) / max(waters), economizer.effectiveness.value
        ),
        economizer_chilled_head_share=economizer.chilled_water_head.value,
        economizer_condenser_head_share=economizer.condenser_water_head.value,
        mode_time_min=economizer.mode_time_min.value,
        mode_hysteresis=economizer.mode_hysteresis.value,
        free_cooling_excess_max=economizer.free_cooling_excess_max.value,
        condenser_water_flow_nominal=tower.water_flow.value,
        condenser_water_heat_capacity=tower.heat_capacity.value,
        condenser_water_pump_power_nominal=tower.pump_power.value,
        condenser_water_static_share=tower.pump_static_share.value,
        tower_conductance_nominal=cooling_tower.size_conductance(
            design_heat,
            tower.design_wet_bulb_temperature.value,
            tower.design_approach.value,
            tower.design_range.value,
            tower.air_flow.value,
            STANDARD_PRESSURE,
        ),
        tower_air_flow_nominal=tower.air_flow.value,
        tower_wet_bulb_nominal=tower.design_wet_bulb_temperature.value,
        tower_fan_power_nominal=tower.fan_power.value,
        tower_air_fraction_min=tower.air_fraction_min.value,
        tower_time_constant=tower.time_constant.value,
        drift_fraction=tower.drift_fraction.value,
        cycles_of_concentration=tower.cycles_of_concentration.value,
        ups_rated_power=d.electrical.ups_rated_power.value,
        ups_loss=d.electrical.ups_loss.values,
        distribution_rated_power=d.electrical.distribution_rated_power.value,
        distribution_loss=d.electrical.distribution_loss.values,
        lighting_power=d.electrical.lighting_power.value,
        inlet_limit=d.limits.inlet_limit.value,
        inlet_allowable=d.limits.inlet_allowable.value,
        supply_limit=d.limits.supply_limit.value,
        trip_temperature=d.limits.trip_temperature.value,
        trip_time_min=d.limits.trip_time.value,
        protection_release_temperature=d.limits.protection_release_temperature.value,
        supply_air_setpoint_min=setpoints.supply_air_temperature.low,
        chilled_water_setpoint_min=setpoints.chilled_water_temperature.low,
        supply_air_setpoint_rate=setpoints.supply_air_temperature.rate_per_minute * per_minute,
        fan_speed_rate=setpoints.crah_fan_speed.rate_per_minute * per_minute,
        chilled_water_setpoint_rate=setpoints.chilled_water_temperature.rate_per_minute * per_minute,
        condenser_water_setpoint_rate=setpoints.condenser_water_temperature.rate_per_minute * per_minute,
        pump_speed_rate=setpoints.chilled_water_pump_speed.rate_per_minute * per_minute,
        zone_mean=np.kron(np.eye(groups), np.full(racks.groups // groups, groups / racks.groups)),
        racks_per_zone=racks.groups // groups,
        setpoint_count=2 * groups + 4,
        supply_air_setpoint_range=_width(setpoints.supply_air_temperature),
        crah_fan_range=_width(setpoints.crah_fan_speed),
        chilled_water_setpoint_range=_width(setpoints.chilled_water_temperature),
        condenser_water_setpoint_range=_width(setpoints.condenser_water_temperature),
        chilled_water_pump_range=_width(setpoints.chilled_water_pump_speed),
        condenser_water_flow_range=_width(setpoints.condenser_water_flow),
    )
    arrays = {
        name: np.ascontiguousarray(value, float) if name in MATRICES else np.reshape(np.asarray(value, float), (-1, 1))
        for name, value in values.items()
    }
    return Params(**arrays)


def _width(allowed: Range) -> float:
    return allowed.high - allowed.low


def _efficiency(d: HallDescription) -> tuple[Any, Any, Any, float]:
    """Capacity curve, EIR curve, range of both and reference COP of the chillers.

    The Carnot form is the curve form whose range has shrunk to the rating point: constant there, corrected for the true lift elsewhere.
    """
    if d.chillers.curves == "carnot":
        chilled, condenser = 20.0, 25.0
        constant = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        refrigerant = chilled - chiller.EVAPORATOR_APPROACH, condenser + chiller.CONDENSER_RISE
        cop = float(chiller.carnot_cop(*refrigerant, d.chillers.carnot_effectiveness.value, chiller.LIFT_MIN))  # type: ignore[union-attr]
        return constant, constant, (chilled, chilled, condenser, condenser), cop
    curves = CURVE_SETS[d.chillers.curves]
    return curves.capacity_curve, curves.eir_curve, curves.box, d.chillers.cop.value  # type: ignore[union-attr]


def _hold_temperature(d: HallDescription) -> float:
    """Condenser water from which on the no-load power of the chillers is held."""
    if d.chillers.curves == "carnot":
        return 100.0  # constant capacity
    return chiller.power_peak_temperature(CURVE_SETS[d.chillers.curves])
