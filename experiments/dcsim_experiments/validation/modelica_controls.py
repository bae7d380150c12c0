"""Resets and cooling modes of dcsim's controllers against the sequences of the Modelica Buildings library.

The library samples requests on one grid of time and first acts a delay and a period after the device starts; while a
device is off, its set-point is the initial one.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from dcsim_agents.modes import EXCHANGER_APPROACH, FREE, MECHANICAL, mode_by_deadbands
from dcsim_agents.signal_io import Reading
from dcsim_agents.trim_respond import TrimRespond, trim_and_respond

from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_reference import ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

EXACT = Tolerance("the same sequence; set-points kept in single precision", greatest=1e-4)
STATIC_PRESSURE = TrimRespond(
    low=37.0, high=370.0, period_s=120.0, trim=-10.0, respond=15.0, respond_max=37.0, ignored=2.0, delay_s=300.0
)
PLANT = TrimRespond(
    low=0.0, high=1.0, period_s=300.0, trim=-0.02, respond=0.03, respond_max=0.07, ignored=2.0, delay_s=900.0
)
HALL = TrimRespond(low=0.0, high=1.0, period_s=20.0, trim=-0.01, respond=0.03, respond_max=0.03, ignored=0.0)
"""Of the data-center plant: one step up where the actuator's error is at least 0, a smaller one down elsewhere."""
MODE_WAIT = 30.0  # s that a condition holds before the library changes its cooling mode
HOLD_MIN = 300.0  # s, of the sequence with a hold signal; 900 for the plant's

Spans = tuple[tuple[float, float], ...]


class Device(NamedTuple):
    """When the device of a reset runs, and when its reset is held.

    Attributes
    ----------
    on : tuple of pairs
        Spans of time [s].
    held : tuple of pairs
        Likewise; each lasts at least ``hold_min``.
    hold_min : float
        s.
    """

    on: Spans
    held: Spans = ()
    hold_min: float = 0.0


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the cases of controls."""
    return [trim_respond(files), hall_reset(files), plant_reset(files), cooling_mode(files)]


def trim_respond(files: ReferenceFolder) -> Case:
    """Four resets of a set-point: called back by requests, of the other sign, with a hold, with a device that stops."""
    reference = files("Controls_OBC_ASHRAE_G36_Generic_Validation_TrimAndRespond")
    time = reference.time
    falling = STATIC_PRESSURE._replace(trim=10.0, respond=-15.0, respond_max=-37.0)
    always = Device(on=((0.0, np.inf),))
    pulsed = Device(on=((660.0, 3600.0), (4260.0, np.inf)))
    holds = tuple(
        (2000.0 * k + start, 2000.0 * k + end) for k in range(4) for start, end in ((500.0, 1000.0), (1500.0, 1600.0))
    )

    def waving(now: float) -> float:
        return float(np.round(abs(6.0 * np.sin(2.0 * np.pi * now / 5400.0))))

    runs = {
        "setpoint": ("trimRespondLogic", STATIC_PRESSURE, always, "set-point"),
        "setpoint_falling": ("trimRespondLogic1", falling, always, "set-point, falling on requests"),
        "setpoint_held": (
            "trimRespondLogicHold",
            STATIC_PRESSURE,
            always._replace(held=holds, hold_min=HOLD_MIN),
            "set-point with holds",
        ),
        "setpoint_of_pulsed_device": ("trimRespondLogic2", STATIC_PRESSURE, pulsed, "set-point, device off twice"),
    }
    # between the end of delay and period and the next sample the library shows a value that it then takes back
    starting = (time > 420.0) & (time <= 480.0)
    quantities = [
        Quantity(
            name,
            "Pa",
            reference[f"{series}.y"][~starting],
            sequence(time, waving, 120.0, reset, device)[~starting],
            EXACT,
            words,
        )
        for name, (series, reset, device, words) in runs.items()
    ]
    whole = sequence(time, waving, 120.0, STATIC_PRESSURE, always)
    is_equal = np.abs(whole - reference["trimRespondLogic.y"]) < 1e-3
    quantities.append(
        Quantity(
            "exact_sample_share",
            "-",
            np.ones(1),
            np.array([is_equal.mean()]),
            Tolerance(f"{NOTES}: 98 % of the samples, the rest at the start", error=0.02),
            "share of samples that are equal",
        )
    )
    return Case(
        "trim_and_respond",
        "Trim and respond of Guideline 36: four sequences",
        reference.source,
        quantities,
        Axis("time", "s", time[~starting]),
        note="The sample at 432 s, where the library is between its delay and its first sample, counts in the share only.",
    )


def hall_reset(files: ReferenceFolder) -> Case:
    """The reset of the data-center plant under three actuators: a pulse and two waves."""
    reference = files("Examples_ChillerPlant_BaseClasses_Controls_Examples_TrimAndRespond")

    def waves(offset: float, frequency: float) -> Callable[[float], float]:
        return lambda now: float(offset + np.sin(2.0 * np.pi * frequency * now) >= 0.0)

    asked = {"pulse": lambda _: 1.0, "slow_wave": waves(0.3, 1e-3), "fast_wave": waves(0.2, 2e-3)}
    # the library's first step is at time 0, from 0.1
    return Case(
        "trim_and_respond_plant",
        "Trim and respond of the data-center plant under three actuators",
        reference.source,
        [
            Quantity(
                name,
                "-",
                reference[f"triAndRes[{k}].y"],
                sequence(reference.time, requests, 0.12, HALL, Device(on=((0.0, np.inf),))),
                Tolerance("the same sequence, kept in single precision", greatest=1e-6),
            )
            for k, (name, requests) in enumerate(asked.items(), start=1)
        ],
        Axis("time", "s", reference.time),
    )


def plant_reset(files: ReferenceFolder) -> Case:
    """The plant's reset signal with staging holds and an end of operation."""
    reference = files("Templates_Plants_Controls_Setpoints_Validation_PlantReset")
    device = Device(
        on=((2000.0, 19000.0),), held=tuple((start, start + 800.0) for start in (2e3, 1e4, 1.8e4)), hold_min=900.0
    )
    times = np.array([0.0, 12000.0, 13500.0, 15000.0, 16500.0, 18000.0])
    asked = np.array([0.0, 4.0, 3.0, 2.0, 1.0, 0.0])

    def requests(now: float) -> float:
        return float(asked[np.searchsorted(times, now, side="right") - 1])

    return Case(
        "plant_reset",
        "Reset signal of a plant (Guideline 36) with three holds while stages change",
        reference.source,
        [
            Quantity(
                "reset_signal",
                "-",
                reference["res.triRes.y"],
                sequence(reference.time, requests, 1.0, PLANT, device),
                Tolerance("the same sequence, kept in single precision", greatest=1e-6),
            )
        ],
        Axis("time", "s", reference.time),
    )


def cooling_mode(files: ReferenceFolder) -> Case:
    """Mode that the rule asks for at each sample, beside the mode that the library takes once it has waited."""
    reference = files("Applications_DataCenters_ChillerCooled_Controls_Validation_CoolingMode")
    time, economizer_water = reference.time, reference.celsius("TCHWLeaWSE.y")
    mode = FREE + 1.0 - reference["cooModCon.y"]  # the library counts 1, 2, 3 from free to mechanical
    wait = round(MODE_WAIT / (time[1] - time[0]))
    changes = np.flatnonzero((np.diff(mode) != 0.0) | (np.diff(economizer_water) != 0.0)) + 1
    # a sample at the instant of a change shows what was before it, so what began at 0 s shows in the first after
    began = np.array([max((1, *changes[changes <= k])) for k in range(len(time))])
    ended = began + wait
    is_settled = ended < len(time)
    # where the water changes while the library waits, what it would have done is not known
    for k in np.flatnonzero(is_settled):
        is_settled[k] = np.all(economizer_water[began[k] : ended[k]] == economizer_water[k])
    wanted = mode_by_deadbands(
        reading(
            mode=mode,
            chilled_water_supply_temperature=economizer_water,
            chilled_water_return_temperature=reference.celsius("TCHWEntWSE.y"),
            condenser_water_supply_temperature=economizer_water - EXCHANGER_APPROACH,
            wet_bulb_temperature=reference.celsius("TWetBub.y"),
        ),
        reference.celsius("TCHWLeaSet.y"),
    )
    return Case(
        "cooling_mode",
        "Cooling modes of chillers with a waterside economizer by deadbands",
        reference.source,
        [
            Quantity(
                "next_mode",
                "-",
                mode[np.minimum(ended, len(time) - 1)][is_settled],
                wanted[is_settled],
                Tolerance("the same decisions", greatest=0.0),
                f"next mode ({MECHANICAL:.0f} mechanical to {FREE:.0f} free)",
            )
        ],
        Axis("time", "s", time[is_settled]),
        note=f"The library changes after {MODE_WAIT:g} s in which the condition holds, a hall of dcsim once its mode has lasted "
        "for its least time: only what is decided is compared. The library assumes an approach of 5 K from wet bulb to chilled "
        f"water, dcsim one of the tower and {EXCHANGER_APPROACH:g} K of the exchanger.",
    )


def reading(**values: Array) -> Reading:
    """Readings of named signals, each of shape (N,)."""
    rows = {name: [row] for row, name in enumerate(values)}
    table = np.array(list(values.values()))
    return Reading(table.T, table, rows)


def sequence(
    time: Array, requests: Callable[[float], float], initial: float, reset: TrimRespond, device: Device
) -> Array:
    """Set-point just before each instant.

    Parameters
    ----------
    time : Array, shape (T,)
        Rising [s].
    requests : callable
        Their number at a time [s].
    initial : float
        Set-point at first and while the device is off.
    reset : TrimRespond
    device : Device

    Returns
    -------
    Array, shape (T,)
    """
    held = tuple((start, max(end, start + device.hold_min)) for start, end in device.held)
    samples = np.arange(0.0, float(time[-1]) + reset.period_s, reset.period_s)
    changes = sorted({*samples, *(at for span in device.on for at in span if np.isfinite(at))})
    setpoint, values, at = initial, np.empty_like(time), 0
    for now in changes:
        while at < len(time) and time[at] <= now:
            values[at] = setpoint
            at += 1
        started = next((start for start, end in device.on if start <= now < end), None)
        if started is None:
            setpoint = initial
        elif now % reset.period_s == 0.0:
            acts = now >= started + reset.delay_s + reset.period_s and not any(
                start <= now < end for start, end in held
            )
            setpoint = float(trim_and_respond(setpoint, requests(now), reset, acts))
    values[at:] = setpoint
    return values
