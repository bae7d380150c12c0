"""Direct-expansion coil against EnergyPlus, by a series that the Modelica Buildings library keeps for its own validation.

EnergyPlus 7.1, example DXCoilSystemAuto with 10.5 kW in Chicago, one summer day: the hours in which the coil runs, at full
load.
"""

import numpy as np

from dcsim.physics import dx_coil, moist_air
from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_reference import ReferenceFolder
from dcsim_experiments.validation.results import Axis, Case, Quantity, Tolerance

PRESSURE = 99_063.0  # Pa, standard atmosphere at the 190 m of Chicago
AIR_FLOW = 1.6759  # kg/s of dry air, from the enthalpies and heat flows of the series
FLOW_FRACTION = (26.6667 + 273.15) * (1.0 + 1.6077687 * 0.01125) / 293.15
"""The coil is rated with air of 26.67 degC and 0.01125 kg/kg; its fan moves dry air of 20 degC."""
SENSIBLE_RATIO = 0.798655  # at the rating, as that program sizes it
TO_KWH = 1e-3  # of a mean power [W] over an hour


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the case of the direct-expansion coil."""
    table = files.hourly_table("dx_singlespeed_hourly.csv")
    runs = table["plr_onOff"] > 0.0
    hours = {name: values[runs][None] for name, values in table.items()}
    temperature, ratio, outdoor = hours["TEvaIn"], hours["XEvaIn"], hours["TCIn"]
    curves = dx_coil.CURVE_SETS["curve-ii"]
    columns = dx_coil.columns(curves)
    surface = dx_coil.size_surface(curves.capacity_reference, SENSIBLE_RATIO, AIR_FLOW / FLOW_FRACTION, PRESSURE)
    bypass = dx_coil.bypass_factor(np.full_like(temperature, AIR_FLOW), surface)
    fraction = np.full_like(temperature, FLOW_FRACTION)
    wet_bulb = moist_air.wet_bulb_temperature(temperature, ratio, PRESSURE)
    effective = dx_coil.effective_wet_bulb(
        wet_bulb, temperature, outdoor, AIR_FLOW, fraction, bypass, curves.capacity_reference, columns, PRESSURE
    )
    capacity, eir = dx_coil.full_load(effective, outdoor, fraction, columns)
    heat = curves.capacity_reference * capacity
    power = dx_coil.compressor_power(
        heat, curves.cop_reference, eir, 1.0, 1.0, dx_coil.column(dx_coil.PART_LOAD["single-stage"][0])
    )
    air = dx_coil.leaving_air(AIR_FLOW, temperature, ratio, heat, 1.0, bypass, PRESSURE)
    at = {
        "heat_energy_kwh": ("kWh", -hours["Q_flowEPlu"] * TO_KWH, heat * TO_KWH, _hours("heat within 0.40 %", 4.0e-3)),
        "compressor_energy_kwh": (
            "kWh",
            hours["PEPlu"] * TO_KWH,
            power * TO_KWH,
            _hours("power within 0.12 %", 1.2e-3),
        ),
        "leaving_air": (
            "degC",
            hours["TOutEPlu"],
            air.temperature,
            Tolerance("0.40 % of the heat, over the capacity rate of the air", greatest=0.04),
        ),
        "leaving_humidity": (
            "kg/kg",
            hours["XEvaOutEPlu"],
            air.humidity_ratio,
            Tolerance("0.40 % of the heat as vapor in the flow of air, of which a fifth is latent", greatest=2e-5),
        ),
    }
    return [
        Case(
            "dx_coil",
            "Direct-expansion coil against EnergyPlus: the hours of a day in Chicago in which it runs",
            "EnergyPlus 7.1, example DXCoilSystemAuto, by Modelica Buildings",
            [Quantity(name, unit, theirs[0], own[0], within) for name, (unit, theirs, own, within) in at.items()],
            Axis("hour", "h", hours["hour"][0]),
            hour=hours["hour"][0],
            note="All at full load; entering air, outdoor air and the flow of air are EnergyPlus's.",
        )
    ]


def _hours(words: str, share: float) -> Tolerance:
    return Tolerance(f"{NOTES}: {words} in every hour; here in all, and in the root mean square", share, cvrmse=share)
