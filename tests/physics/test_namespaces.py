"""Every law gives the same numbers on NumPy arrays and torch tensors, leaves its inputs alone, and has a gradient."""

import functools
import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dcsim.engines import graph
from dcsim.physics import (
    air_economizer,
    chiller,
    coil,
    cooling_tower,
    dx_coil,
    economizer,
    envelopes,
    evaporative,
    fan,
    figures_of_merit,
    moist_air,
    moisture,
    power_chain,
    pump,
    room_air,
    room_metrics,
    server,
    slab,
    smooth,
    thermal,
    valve,
)

A = chiller.CURVE_SETS["A"]
CURVES = [chiller.column(c) for c in (A.capacity_curve, A.eir_curve, A.box)]
PART_LOAD = chiller.column(A.part_load_curve)


def draw(*ranges, rows=1, count=40):
    rng = np.random.default_rng(5)
    return [rng.uniform(low, high, (rows, count)) for low, high in ranges]


def used_paths(crah, servers, reach, demand, leakage, least, gain, xp):
    """Paths as a plain tuple, with what is read off them."""
    paths = room_air.air_paths(crah, servers, reach, demand, leakage, least, gain, xp)
    supply = room_air.supply_enthalpy(paths, 18.0 + crah, reach, xp)
    bypass, hot = room_air.return_mix(paths, 30.0 + servers, reach, xp)
    return paths.used, paths.recirculated, paths.entering_share, supply, bypass, hot


def with_dx_map(law, *arguments, xp):
    """A law of DX coils with the columns of its curves as its last five arguments."""
    return law(*arguments[:-5], performance=dx_coil.DxMap(*arguments[-5:]), xp=xp)


def dx_full_load(wet_bulb, outdoor, flow, *columns, xp):
    return with_dx_map(dx_coil.full_load, wet_bulb, outdoor, flow, *columns, xp=xp)


def dx_wet_bulb(wet_bulb, temperature, outdoor, mass_flow, flow, bypass, pressure, *columns, xp):
    law = functools.partial(dx_coil.effective_wet_bulb, capacity_reference=50e3, pressure=pressure)
    return with_dx_map(law, wet_bulb, temperature, outdoor, mass_flow, flow, bypass, *columns, xp=xp)


def condensing_coil(air, temperature, ratio, water, water_temperature, conductance, share, pressure, xp):
    dew_point = moist_air.dew_point_temperature(ratio, pressure, xp)
    return coil.condensing_coil(
        air, temperature, ratio, dew_point, water, water_temperature, conductance, share, pressure, xp
    )


def latent_heat(*arguments, xp):
    return condensing_coil(*arguments, xp=xp).latent_heat_flow


AIR = draw((-30.0, 45.0), (0.0005, 0.02), (70e3, 105e3))
MIXED = draw((20.0, 45.0), (0.003, 0.015), (-20.0, 45.0), (0.0005, 0.018))
WETTED = draw((1.0, 9.0), (25.0, 45.0), (0.002, 0.012), (10.0, 24.0))
ROOM_AIR = draw((0.002, 0.015), (300.0, 900.0), (0.0, 2.0))
DX = list(dx_coil.columns(dx_coil.CURVE_SETS["carrier-50pg24"]))
DX_AIR = draw((2.0, 5.0), (22.0, 40.0), (0.003, 0.012))
WATERS = draw((-2.0, 26.0), (-5.0, 45.0))
ROOM = [
    *draw((0.0, 6.0), rows=2),
    *draw((0.1, 1.0), rows=5),
    np.random.default_rng(6).uniform(0.1, 1.0, (2, 5)),
    *draw((0.1, 1.0), rows=5),
    *draw((0.0, 0.3)),
    np.full((5, 1), 0.08),
    np.full((5, 1), 3.0),
]

# law with its arguments but the namespace
LAWS = {
    "smooth_maximum": (smooth.smooth_maximum, draw((-2, 2), (-2, 2), (0.01, 1))),
    "smooth_minimum": (smooth.smooth_minimum, draw((-2, 2), (-2, 2), (0.01, 1))),
    "rounded_maximum": (smooth.rounded_maximum, draw((-2, 2), (-2, 2), (0.01, 1))),
    "clip_smooth": (smooth.clip_smooth, [*draw((-2, 2)), -1.0, 1.0, 0.1]),
    "clip": (smooth.clip, [*draw((-2, 2)), -1.0, 1.0]),
    "positive_part": (smooth.positive_part, draw((-2, 2), (0.01, 1))),
    "smooth_step": (smooth.smooth_step, draw((-2, 2), (0.01, 1))),
    "power": (smooth.power, [*draw((0.0, 2.0)), 0.8]),
    "relaxed": (thermal.relaxed, draw((10, 30), (10, 30), (0, 3))),
    "relaxed_implicitly": (thermal.relaxed_implicitly, draw((10, 30), (10, 30), (0, 3))),
    "node_temperature": (thermal.node_temperature, draw((10, 30), (1e3, 1e5), (1, 1e3), (0, 1e4), (1, 60))),
    "coupling_conductance": (thermal.coupling_conductance, draw((1, 1e3), (1e3, 1e5), (1, 60))),
    "heated": (thermal.heated, draw((10, 30), (1e3, 1e5), (-1e3, 1e3), (1, 60))),
    "heat_to_cool": (thermal.heat_to_cool, draw((10, 30), (10, 30), (1e3, 1e5), (1, 60))),
    "loop_step": (thermal.loop_step, draw((5, 15), (10, 30), (1e6, 1e8), (1e6, 1e8), (1e4, 1e6), (0, 1e6), (1, 60))),
    "natural_convection": (slab.natural_convection, draw((-30, 80), (100, 900), (100, 900))),
    "enclosed_conductance": (
        lambda d, a, b, c, e, r, xp: slab.enclosed_conductance(d, (a, b), (c, e), r, xp),
        draw((-30, 80), (100, 900), (100, 900), (100, 900), (100, 900), (500, 2000)),
    ),
    "layered_step": (
        lambda t1, t2, t3, *a: slab.layered_step((t1, t2, t3), *a).temperatures(35.0)[2],
        draw((20, 40), (20, 40), (20, 40), (1e5, 1e7), (100, 2000), (1e3, 1e5), (1, 60)),
    ),
    "saturation_pressure": (moist_air.saturation_pressure, AIR[:1]),
    "humidity_ratio": (moist_air.humidity_ratio, [AIR[0], *draw((0.05, 1.0)), AIR[2]]),
    "humidity_ratio_from_dew_point": (moist_air.humidity_ratio_from_dew_point, [AIR[0], AIR[2]]),
    "relative_humidity": (moist_air.relative_humidity, AIR),
    "specific_volume": (moist_air.specific_volume, AIR),
    "density": (moist_air.density, AIR),
    "temperature_from_enthalpy": (moist_air.temperature_from_enthalpy, [*draw((0.0, 9e4)), AIR[1]]),
    "dew_point_temperature": (moist_air.dew_point_temperature, AIR[1:]),
    "log_vapor_pressure": (moist_air.log_vapor_pressure, AIR[1:]),
    "wet_bulb_temperature": (moist_air.wet_bulb_temperature, AIR),
    "standard_pressure": (moist_air.standard_pressure, draw((0, 3000))),
    "saturation_enthalpy": (moist_air.saturation_enthalpy, [AIR[0], AIR[2]]),
    "saturation_temperature": (moist_air.saturation_temperature, [*draw((-1e4, 1e5)), AIR[2]]),
    "dynamic_power": (server.dynamic_power, [*draw((0, 1)), 100.0, 250.0, 1.4]),
    "sleep_state_power": (server.sleep_state_power, [*draw((0, 1)), 58.4, 38.2, 49.4, 78.0]),
    "leakage_power": (server.leakage_power, [*draw((50, 200), (15, 40)), 0.0025, 20.0]),
    "fan_speed_setpoint": (server.fan_speed_setpoint, [*draw((15, 45)), 0.3, 27.0, 37.0]),
    "air_mass_flow": (server.air_mass_flow, [*draw((0, 1), (0.3, 1)), 0.05, 0.3]),
    "server fan_power": (server.fan_power, [*draw((0, 1), (0.3, 1)), 15.0]),
    "released_heat_flow": (server.released_heat_flow, [*draw((20, 60), (15, 40), (0.01, 0.1)), 0.9]),
    "fan_power": (fan.fan_power, [*draw((0, 1)), 1e3, 0.2]),
    "polynomial_power": (fan.polynomial_power, [*draw((0, 1)), 1e3, fan.POWER_CURVES["tower"]]),
    "pump_power": (pump.pump_power, [*draw((0, 1), (0, 1)), 1e3]),
    "some pumps' power": (
        lambda *a, xp: pump.pump_power(*a[:3], xp, a[3]),
        [*draw((0, 1), (0, 1)), 1e3, *draw((0.1, 1))],
    ),
    "friction_and_static_power": (pump.friction_and_static_power, [*draw((0, 1)), 1e3, 0.3]),
    "parallel_power": (pump.parallel_power, [*draw((0, 1), (0.1, 1), (0.2, 1)), 1e3]),
    "head_fraction": (pump.head_fraction, draw((0, 1), (0, 0.3), (0, 1), (0, 0.3))),
    "air_paths": (used_paths, ROOM),
    "jet_entrainment": (lambda *a, xp: room_air.jet_entrainment(*a), draw((0, 3), (1, 5), (0.5, 3))),
    "level_supply_factor": (
        lambda *a, xp: room_air.level_supply_factor(*a),
        [*draw((0.1, 1.0)), 0.1, *draw((0, 2), rows=3)],
    ),
    "used_mass_flow": (room_air.used_mass_flow, [*draw((0, 2), (0.1, 1)), 0.08, 3.0]),
    "two_zone_recirculation": (room_metrics.two_zone_recirculation, [*draw((0.3, 2.0)), 0.08, 0.1, 0.02]),
    "rack_cooling_index_high": (room_metrics.rack_cooling_index_high, [*draw((15, 35), rows=6), 27.0, 32.0, 0.2]),
    "rack_cooling_index_low": (room_metrics.rack_cooling_index_low, draw((10, 35), rows=6)),
    "supply_heat_index": (room_metrics.supply_heat_index, [*draw((20, 25), (30, 40), (15, 18), (0.1, 1), rows=4)]),
    "counterflow": (coil.counterflow_effectiveness, draw((0, 6), (0, 1))),
    "parallel flow": (coil.parallel_flow_effectiveness, draw((0, 6), (0, 1))),
    "crossflow unmixed": (coil.crossflow_unmixed_effectiveness, draw((0, 6), (0, 1))),
    "crossflow smaller mixed": (coil.crossflow_smaller_mixed_effectiveness, draw((0, 6), (0, 1))),
    "crossflow larger mixed": (coil.crossflow_larger_mixed_effectiveness, draw((0, 6), (0, 1))),
    "phase change": (coil.phase_change_effectiveness, draw((0, 6))),
    "counterflow_conductance": (coil.counterflow_conductance, draw((1e3, 1e5), (0, 1), (0.1, 0.9))),
    "coil_conductance": (coil.coil_conductance, [*draw((0, 1.2), (0, 1.2)), 5e3, 0.6]),
    "air_side_duty": (coil.air_side_duty, draw((0, 1e4), (0, 1e4), (0, 1e4))),
    "wet_coil": (
        coil.wet_coil,
        [*draw((1, 5), (22, 40), (0.004, 0.02), (1, 5), (5, 20), (1e3, 1e4)), 0.6, 101325.0],
    ),
    "make_up_air": (moisture.make_up_air, [AIR[0], AIR[1], 10.0, AIR[2]]),
    "condensing_coil": (
        condensing_coil,
        [*draw((1, 5), (22, 40), (0.004, 0.018), (0.1, 5), (5, 20), (1e2, 1e4)), 0.6, 101325.0],
    ),
    "valve": (valve.equal_percentage_characteristic, [*draw((0, 1)), 50.0, 1e-4, 0.01]),
    "installed_flow_fraction": (valve.installed_flow_fraction, [*draw((0, 1)), 0.5]),
    "full_load": (chiller.full_load, [*WATERS, *CURVES, 1.5, 7.0, 0.3]),
    "eir_power": (chiller.eir_power, [*draw((0, 9e5), (9e5, 1.1e6)), 5.96, *draw((0.5, 1.3)), PART_LOAD, 0.1, 0.1]),
    "held eir_power": (
        lambda *a, xp: chiller.eir_power(*a, xp=xp),
        [*draw((0, 9e5), (9e5, 1.1e6)), 5.96, *draw((0.5, 1.3)), PART_LOAD, 0.1, 0.1, *draw((9e5, 1.2e6)), 8.0],
    ),
    "lift_full_load": (
        chiller.lift_full_load,
        [
            *draw((4.0, 12.0), (15.0, 35.0)),
            6.667,
            29.44,
            2.682759,
            chiller.column(chiller.TWO_ZONE_CHILLER.capacity_curve),
            chiller.column(chiller.TWO_ZONE_CHILLER.power_curve),
        ],
    ),
    "held_capacity": (chiller.held_capacity, [*WATERS, CURVES[0], CURVES[2], 27.0]),
    "flow_lift": (chiller.flow_lift, draw((1e5, 1e6), (1e4, 1e5), (1e4, 1e5))),
    "pressure_limited_capacity": (chiller.pressure_limited_capacity, [*draw((10, 70), (1e4, 1e6)), 6.0]),
    "economizer conductance": (economizer.conductance, [*draw((0, 1), (0, 1)), 3e5]),
    "economizer effectiveness": (economizer.effectiveness, draw((0, 1e6), (1e4, 1e6), (1e4, 1e6))),
    "mixed_temperature": (thermal.mixed_temperature, draw((10, 30), (0, 1e6), (1e4, 1e6))),
    "carnot_cop": (chiller.carnot_cop, [*WATERS, 0.6, 6.0]),
    "condenser_heat_flow": (chiller.condenser_heat_flow, [*draw((0, 1e6), (0, 2e5)), 1.0]),
    "york": (cooling_tower.york_approach_temperature_difference, draw((2, 20), (-20, 26), (0.75, 4))),
    "equivalent_specific_heat": (cooling_tower.equivalent_specific_heat, [*draw((0, 25), (25, 40)), 101325.0]),
    "merkel_conductance": (cooling_tower.merkel_conductance, [*draw((0, 1.2), (0, 1.2), (-20, 30)), 1713.0, 25.6]),
    "merkel_heat_flow": (
        cooling_tower.merkel_heat_flow,
        [*draw((15, 45), (0.3, 1.1), (-10, 28)), 101325.0, *draw((0.0, 0.7), (300, 1713))],
    ),
    "fan_power_fraction": (cooling_tower.fan_power_fraction, draw((0, 1))),
    "free_convection_fraction": (cooling_tower.free_convection_fraction, draw((0, 1))),
    "evaporation_mass_flow": (cooling_tower.evaporation_mass_flow, [*draw((0, 1), (10, 40), (0.002, 0.01)), 101325.0]),
    "evaporation_from_heat_flow": (
        cooling_tower.evaporation_from_heat_flow,
        [*draw((0.3, 1), (0, 3e4), (0, 40), (0.002, 0.01)), 101325.0],
    ),
    "blowdown_mass_flow": (cooling_tower.blowdown_mass_flow, [*draw((0, 3), (0, 1)), 4.0, 1e-3]),
    "makeup_mass_flow": (cooling_tower.makeup_mass_flow, [*draw((0, 3), (0, 300)), 5e-5, 4.0]),
    "economizer": (economizer.heat_flow, [0.8, *draw((0, 1e5), (0, 1e5), (5, 25), (0, 30))]),
    "free_fraction": (economizer.free_fraction, [*draw((15, 25), (5, 25), (5, 14)), 0.02]),
    "dx full_load": (dx_full_load, [*draw((10, 28), (-10, 50), (0.4, 1.4)), *DX]),
    "dx bypass_factor": (dx_coil.bypass_factor, draw((0.0, 5.0), (2.0, 9.0))),
    "dx effective_wet_bulb": (
        dx_wet_bulb,
        [*draw((10, 22), (22, 40), (-10, 50), (2, 5), (0.5, 1.2), (0.05, 0.3)), 101325.0, *DX],
    ),
    "dx leaving_air": (dx_coil.leaving_air, [*DX_AIR, *draw((0, 6e4), (0, 1), (0.05, 0.3)), 101325.0]),
    "dx heat_flow_to_reach": (dx_coil.heat_flow_to_reach, [*draw((15, 25)), *DX_AIR, *draw((0.05, 0.3)), 101325.0]),
    "dx part_load": (dx_coil.part_load, [*draw((0, 6e4), (3e4, 6e4)), 0.3]),
    "dx part_load_fraction": (dx_coil.part_load_fraction, draw((0, 1))),
    "dx compressor_power": (
        dx_coil.compressor_power,
        [*draw((0, 6e4)), 3.5, *draw((0.5, 1.5), (0.3, 1), (0, 1)), chiller.column(dx_coil.PART_LOAD["inverter"][0])],
    ),
    "dx economizer_eir_fraction": (dx_coil.economizer_eir_fraction, draw((-10, 55))),
    "outdoor_air_fraction": (
        air_economizer.outdoor_air_fraction,
        [*MIXED, *draw((14.0, 27.0)), 0.05, 0.9, *draw((0.0, 1.0))],
    ),
    "mixed_air": (air_economizer.mixed_air, [*MIXED, *draw((0.0, 1.0))]),
    "exchanged_air": (air_economizer.exchanged_air, [*draw((1.0, 50.0)), *MIXED, *draw((0.0, 1.0))]),
    "air economizer enable_margin": (
        air_economizer.enable_margin,
        [*MIXED[2:], 99e3, *draw((20.0, 25.0)), -20.0, *draw((10.0, 15.0)), -12.0, 55e3],
    ),
    "air economizer differential_margin": (air_economizer.differential_margin, MIXED),
    "pad_effectiveness": (evaporative.pad_effectiveness, draw((0.0, 5.0), (0.1, 0.45))),
    "direct_cooler": (evaporative.direct_cooler, [*WETTED, *draw((0.0, 0.95), (0.0, 1e5))]),
    "wetted_share": (evaporative.wetted_share, [*WETTED[1:2], *WETTED[3:], *draw((15, 40), (0.3, 0.9))]),
    "indirect_cooler_temperature": (evaporative.indirect_cooler_temperature, draw((15, 45), (10, 25), (0.0, 0.9))),
    "indirect_cooler_heat_flow": (evaporative.indirect_cooler_heat_flow, [*WETTED[:3], *draw((15, 25))]),
    "evaporative makeup_mass_flow": (
        evaporative.makeup_mass_flow,
        [*draw((0.0, 0.1), (0.0, 0.5), (2.0, 8.0)), 1e-6],
    ),
    "evaporative pump_power": (evaporative.pump_power, draw((0, 1), (100, 900))),
    "extra_fan_power": (evaporative.extra_fan_power, [*draw((0, 1.2)), 10.0, 300.0, 0.6]),
    "dry_air_mass": (moisture.dry_air_mass, [5e3, *AIR]),
    "humidity_step": (
        moisture.humidity_step,
        [*ROOM_AIR, *draw((0.0, 0.02), (0.0, 0.01), (0.0, 0.05), (1.0, 600.0))],
    ),
    "latent_heat_flow": (moisture.latent_heat_flow, draw((0.0, 0.05))),
    "sensible_heat_flow": (moisture.sensible_heat_flow, draw((0.0, 1e5), (0.0, 0.05))),
    "latent_energy": (moisture.latent_energy, [*ROOM_AIR[1:2], *ROOM_AIR[:1], 0.008]),
    "stream_heat_flow": (
        moisture.stream_heat_flow,
        draw((0, 2), (-10, 40), (0.001, 0.018), (20, 30), (0.004, 0.012)),
    ),
    "steam_humidifier": (moisture.steam_humidifier, draw((0.0, 0.05), (5, 25), (0.8, 1.0))),
    "adiabatic_humidifier": (moisture.adiabatic_humidifier, draw((0.0, 0.05), (4e6, 1e7), (0.5, 0.8))),
    "humidifier_command": (
        moisture.humidifier_command,
        [*draw((0.002, 0.012), (4.0, 10.0), (1.0, 5.0)), 101325.0, *draw((0.0, 0.01))],
    ),
    "humidifier_rise": (moisture.humidifier_rise, [0.01, *ROOM_AIR, *draw((0.0, 0.05), (1.0, 600.0))]),
    "guarded_temperature": (moisture.guarded_temperature, [*draw((5.0, 25.0), (5.0, 18.0)), 2.0]),
    "temperature_margin": (
        lambda t, xp: envelopes.temperature_margin(t, envelopes.ALLOWABLE["A1"], xp),
        draw((10.0, 36.0)),
    ),
    "humidity_margin": (
        lambda t, w, p, xp: envelopes.humidity_margin(t, w, p, envelopes.ALLOWABLE["A1"], xp),
        draw((16.0, 34.0), (0.002, 0.016), (80e3, 104e3)),
    ),
    "loss_power": (power_chain.loss_power, [*draw((0, 1e6)), 1e6, *power_chain.LOSSES["ups-legacy"]]),
    "tue": (figures_of_merit.tue, draw((1.1, 2), (1, 1.05), (0.01, 0.1))),
}


def results(law, arguments, arrays):
    given = [arrays.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    names = inspect.signature(law).parameters
    given_before = [np.copy(a) if isinstance(a, np.ndarray) else None for a in arguments]
    values = law(*given, xp=arrays.xp) if "xp" in names else law(*given)
    for before, argument in zip(given_before, given, strict=True):
        if before is not None:
            assert np.array_equal(before, arrays.to_numpy(argument))
    return [arrays.to_numpy(v) for v in (values if isinstance(values, tuple) else (values,))]


@pytest.mark.parametrize("name", LAWS)
def test_laws_agree_between_namespaces_and_leave_their_inputs_alone(name, arrays):
    law, arguments = LAWS[name]
    on_numpy = {"xp": np} if "xp" in inspect.signature(law).parameters else {}
    with np.errstate(all="raise", under="ignore"):
        expected = law(*arguments, **on_numpy)
    for value, reference in zip(
        results(law, arguments, arrays), expected if isinstance(expected, tuple) else (expected,), strict=True
    ):
        assert value.dtype == np.float64
        assert_allclose(value, reference, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", LAWS)
def test_batch_gives_each_environment_what_it_gets_alone(name):
    law, arguments = LAWS[name]
    has_namespace = "xp" in inspect.signature(law).parameters

    def run(of):
        picked = [a[:, of] if isinstance(a, np.ndarray) and a.ndim == 2 and a.shape[1] == 40 else a for a in arguments]
        values = law(*picked, xp=np) if has_namespace else law(*picked)
        return values if isinstance(values, tuple) else (values,)

    for whole, alone in zip(run(slice(None)), run(slice(7, 8)), strict=True):
        assert_allclose(alone, whole[:, 7:8], rtol=1e-13, atol=1e-13)  # BLAS does not promise the last bit


def host_values(law, arguments):
    """Results of a law that was traced, by the meaning that each operation has on the host."""
    trace, known, given = graph.Graph(), {}, []
    for i, a in enumerate(arguments):
        symbol = a
        if isinstance(a, np.ndarray):
            kind, level = ("param", graph.PARAM) if a.shape[1] == 1 else ("state", graph.STEP)
            symbol = trace.leaf(kind, str(i), a.shape[0], level)
            known[symbol.index] = a
        given.append(symbol)
    has_namespace = "xp" in inspect.signature(law).parameters
    values = law(*given, xp=graph.Namespace(trace)) if has_namespace else law(*given)
    for symbol in trace.symbols:
        if symbol.op == "const":
            known[symbol.index] = np.float64(symbol.args[0])
        elif symbol.op != "leaf":
            known[symbol.index] = graph.HOST[symbol.op](
                *(known[a.index] if isinstance(a, graph.Symbol) else a for a in symbol.args)
            )
    return [known[trace.symbol(v).index] for v in (values if isinstance(values, tuple) else (values,))]


@pytest.mark.parametrize("name", [name for name in LAWS if name != "air_paths"])  # which needs a parameter matrix
def test_traced_laws_compute_the_same(name):
    law, arguments = LAWS[name]
    on_numpy = {"xp": np} if "xp" in inspect.signature(law).parameters else {}
    expected = law(*arguments, **on_numpy)
    with np.errstate(all="ignore"):  # an operand that `where` does not choose may be anything
        values = host_values(law, arguments)
    for value, reference in zip(values, expected if isinstance(expected, tuple) else (expected,), strict=True):
        assert_allclose(np.broadcast_to(value, np.shape(reference)), reference, rtol=1e-11, atol=1e-11)


# --- gradients ------------------------------------------------------------------------------------------------------

# law, arguments that are differentiated, the rest. Beside general points: just either side of kinks, and limits.
GRADIENTS = {
    "wet bulb through freezing": (moist_air.wet_bulb_temperature, [5.0, 0.0019, 101325.0]),
    "wet bulb of warm air": (moist_air.wet_bulb_temperature, [30.0, 0.012, 95e3]),
    "dew point over ice": (moist_air.dew_point_temperature, [0.002, 101325.0]),
    "saturation below the triple point": (moist_air.saturation_pressure, [0.005]),
    "saturation above the triple point": (moist_air.saturation_pressure, [0.015]),
    "used flow at the corner": (room_air.used_mass_flow, [0.92, 1.0, 0.08, 3.0]),
    "used flow short of supply": (room_air.used_mass_flow, [0.8, 1.0, 0.08, 3.0]),
    "used flow far short": (room_air.used_mass_flow, [0.2, 1.0, 0.08, 3.0]),
    "counterflow near balance": (coil.counterflow_effectiveness, [1.5, 0.99999]),
    "counterflow of nothing": (coil.counterflow_effectiveness, [0.001, 0.5]),
    "coil at part flow": (coil.coil_conductance, [0.4, 0.1, 5e3, 0.6]),
    "full load in the box": (lambda x, y, xp: chiller_ratio(x, y, xp), [7.0, 25.0]),
    "full load of warm water": (lambda x, y, xp: chiller_ratio(x, y, xp), [18.0, 31.0]),
    "full load at the guarded lift": (lambda x, y, xp: chiller_ratio(x, y, xp), [18.0, 15.5]),
    "chiller just above cycling": (lambda q, c, xp: chiller_power(q, c, xp), [0.101e6, 1e6]),
    "chiller cycling": (lambda q, c, xp: chiller_power(q, c, xp), [0.05e6, 1e6]),
    "tower": (lambda *a, xp: cooling_tower.merkel_heat_flow(*a, xp=xp)[0], [33.0, 1.0, 20.0, 101325.0, 0.5, 1500.0]),
    "tower in frost": (
        lambda *a, xp: cooling_tower.merkel_heat_flow(*a, xp=xp)[0],
        [12.0, 1.0, -8.0, 101325.0, 0.2, 700.0],
    ),
    "wet coil": (lambda *a, xp: coil.wet_coil(*a, xp=xp).heat_flow, [2.6, 26.7, 0.009, 3.8, 6.0, 4.7e3, 0.6, 101325.0]),
    "partly wet coil": (latent_heat, [1.0, 30.0, 0.013, 0.2, 6.67, 900.0, 0.6, 101325.0]),
    "coil wet all over": (latent_heat, [2.6, 26.7, 0.0175, 3.8, 6.0, 4.7e3, 0.6, 101325.0]),
    "coil that stays dry": (
        lambda *a, xp: condensing_coil(*a, xp=xp).air_leaving_temperature,
        [1.0, 30.0, 0.008, 0.2, 14.0, 900.0, 0.6, 101325.0],
    ),
    "server fan ramp": (server.fan_speed_setpoint, [30.0, 0.3, 27.0, 37.0]),
    "server power": (server.dynamic_power, [0.01, 100.0, 250.0, 1.4]),
    "pump": (pump.pump_power, [0.8, 0.5, 1e3]),
    "pumps in parallel": (pump.parallel_power, [0.5, 0.6, 0.5, 1e3]),
    "economizer": (economizer.heat_flow, [0.8, 3e4, 4e4, 18.0, 12.0]),
    "dx coil, dry": (lambda *a, xp: dx_capacity(*a, xp=xp), [12.0, 33.0, 30.0, 3.0, 0.9, 0.15]),
    "dx coil, wet": (lambda *a, xp: dx_capacity(*a, xp=xp), [20.0, 26.0, 30.0, 3.0, 0.9, 0.15]),
    "air behind a wet dx coil": (
        lambda *a, xp: dx_coil.leaving_air(*a, xp=xp).temperature,
        [3.0, 26.0, 0.012, 5e4, 0.7, 0.15, 101325.0],
    ),
    "heat of a wet dx coil": (dx_coil.heat_flow_to_reach, [14.0, 3.0, 26.0, 0.012, 0.15, 101325.0]),
    "airside economizer that modulates": (
        air_economizer.outdoor_air_fraction,
        [35.0, 0.009, 10.0, 0.005, 22.0, 0.05, 0.9, 1.0],
    ),
    "limits of an airside economizer": (
        lambda t, w, p, xp: air_economizer.enable_margin(t, w, p, xp=xp),
        [15.0, 0.009, 1e5],
    ),
    "pad": (evaporative.pad_effectiveness, [2.0, 0.2]),
    "direct cooler": (lambda *a, xp: evaporative.direct_cooler(*a)[2], [2.0, 35.0, 0.008, 20.0, 0.7, 8e4]),
    "humidity of a room": (
        lambda *a, xp: moisture.humidity_step(*a, xp=xp).removal,
        [0.009, 500.0, 0.5, 0.006, 1e-3, 2e-3, 60.0],
    ),
    "humidifier in its band": (moisture.humidifier_command, [0.006, 8.0, 4.0, 1e5, 0.002]),
    "pumped refrigerant": (dx_coil.economizer_eir_fraction, [6.0]),
}


def dx_capacity(wet_bulb, temperature, outdoor, mass_flow, flow, bypass, xp):
    columns = [xp.asarray(c) for c in DX]
    effective = dx_wet_bulb(wet_bulb, temperature, outdoor, mass_flow, flow, bypass, 101325.0, *columns, xp=xp)
    return dx_full_load(effective, outdoor, flow, *columns, xp=xp)[0]


def chiller_ratio(x, y, xp):
    curves = [xp.asarray(c) for c in CURVES]
    return chiller.full_load(x, y, *curves, 1.5, 7.0, 0.0, xp=xp)[1]


def chiller_power(heat, capacity, xp):
    return chiller.eir_power(heat, capacity, 6.0, 1.0, xp.asarray(PART_LOAD), 0.1, 0.1, xp=xp)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_equal_finite_differences(name, torch_arrays):
    import torch

    law, point = GRADIENTS[name]
    # each argument in its own unit of size, so that one finite step suits all
    sizes = [abs(p) if p else 1.0 for p in point]
    variables = [
        torch.tensor([[p / s]], dtype=torch.float64, requires_grad=True) for p, s in zip(point, sizes, strict=True)
    ]

    def value(*x):
        return law(*(v * s for v, s in zip(x, sizes, strict=True)), xp=torch_arrays.xp)

    size = float(value(*variables).detach().abs())

    def scaled(*x):
        return value(*x) / size

    assert torch.autograd.gradcheck(scaled, variables, eps=1e-7, atol=2e-5, rtol=2e-5)


# where the slope jumps or a flow stops: the gradient must still be a number
KINKS = {
    "nothing supplied": (room_air.used_mass_flow, [0.0, 1.0, 0.08, 3.0]),
    "nothing drawn": (room_air.used_mass_flow, [1.0, 0.0, 0.08, 3.0]),
    "neither": (room_air.used_mass_flow, [0.0, 0.0, 0.08, 3.0]),
    "flow ratio of one": (room_air.used_mass_flow, [1.0, 1.0, 0.08, 3.0]),
    "balanced flow": (coil.counterflow_effectiveness, [1.5, 1.0]),
    "no exchanger": (coil.counterflow_effectiveness, [0.0, 1.0]),
    "no exchanger, unmixed": (coil.crossflow_unmixed_effectiveness, [0.0, 0.0]),
    "coil without air": (coil.coil_conductance, [0.0, 1.0, 5e3, 0.6]),
    "coil without flow": (coil.coil_conductance, [0.0, 0.0, 5e3, 0.6]),
    "duty without flow": (coil.air_side_duty, [0.0, 0.0, 0.0]),
    "duty at balanced flow": (coil.air_side_duty, [4e3, 4e3, 5e3]),
    "condensing coil without flow": (latent_heat, [0.0, 30.0, 0.013, 0.0, 6.67, 900.0, 0.6, 1e5]),
    "condensing coil without water": (latent_heat, [1.0, 30.0, 0.013, 0.0, 6.67, 1e-9, 0.6, 1e5]),
    "condensing coil of water as warm as the air": (latent_heat, [1.0, 30.0, 0.013, 0.5, 30.0, 900.0, 0.6, 1e5]),
    "idle server": (server.dynamic_power, [0.0, 100.0, 250.0, 1.4]),
    "start of the fan ramp": (server.fan_speed_setpoint, [27.0, 0.3, 27.0, 37.0]),
    "air as warm as the slab": (slab.natural_convection, [0.0, 400.0, 300.0]),
    "stopped pump": (pump.pump_power, [0.0, 0.0, 1e3]),
    "stopped pumps in parallel": (pump.parallel_power, [0.0, 0.0, 0.0, 1e3]),
    "freezing": (moist_air.saturation_pressure, [0.01]),
    "wet bulb at freezing": (moist_air.wet_bulb_temperature, [0.0, 0.0037, 101325.0]),
    "bone-dry air": (moist_air.dew_point_temperature, [0.0, 101325.0]),
    "corner of the box": (chiller_ratio, [8.89, 12.78]),
    "no lift": (chiller_ratio, [20.0, 5.0]),
    "least part load": (chiller_power, [0.1e6, 1e6]),
    "chiller off": (chiller_power, [0.0, 0.0]),
    "tower without air": (
        lambda *a, xp: cooling_tower.merkel_heat_flow(*a, xp=xp)[0],
        [30.0, 1.0, 20.0, 1e5, 0.0, 0.0],
    ),
    "tower without water": (
        lambda *a, xp: cooling_tower.merkel_heat_flow(*a, xp=xp)[0],
        [30.0, 0.0, 20.0, 1e5, 0.5, 500.0],
    ),
    "tower at the wet bulb": (
        lambda *a, xp: cooling_tower.merkel_heat_flow(*a, xp=xp)[0],
        [20.0, 1.0, 20.0, 1e5, 0.5, 500.0],
    ),
    "outdoor air like the return": (
        air_economizer.outdoor_air_fraction,
        [25.0, 0.008, 25.0, 0.008, 25.0, 0.05, 1.0, 1.0],
    ),
    "saturated air in front of pads": (evaporative.wetted_share, [20.0, 20.0, 18.0, 0.7]),
    "bone-dry room": (
        lambda *a, xp: moisture.humidity_step(*a, xp=xp).humidity_ratio,
        [0.0, 500.0, 0.0, 0.0, 0.0, 0.0, 60.0],
    ),
    "humidifier of no band": (moisture.humidifier_command, [0.006, 8.0, 0.0, 1e5, 0.0]),
    "no air through a dx coil": (dx_coil.bypass_factor, [0.0, 5.0]),
    "dx coil that rests": (
        lambda *a, xp: dx_coil.leaving_air(*a, xp=xp).temperature,
        [0.0, 30.0, 0.008, 0.0, 0.0, 0.0, 1e5],
    ),
    "dx coil that need not cool": (dx_coil.heat_flow_to_reach, [25.0, 3.0, 25.0, 0.009, 0.15, 1e5]),
    "dx machine that is off": (lambda *a, xp: dx_coil.part_load(*a, xp=xp)[1], [0.0, 0.0, 1.0]),
    "between two points of the economizer": (dx_coil.economizer_eir_fraction, [15.4444]),
    "economizer at no difference": (economizer.heat_flow, [0.8, 3e4, 3e4, 15.0, 15.0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_values_and_gradients_stay_finite_at_kinks_and_limits(name, torch_arrays):
    import torch

    law, point = KINKS[name]
    variables = [torch.tensor([[p]], dtype=torch.float64, requires_grad=True) for p in point]
    value = law(*variables, xp=torch_arrays.xp)
    gradients = torch.autograd.grad(value.sum(), variables, allow_unused=True)
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(g).all() for g in gradients if g is not None)
