"""``dcsim replay LOG --hall H --controller C``: runs it, and shows and writes what came of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.errors import InputError
from dcsim.plant.description import HallDescription, load_hall
from dcsim.replay import Replayed
from dcsim_experiments import counterfactual, replay
from dcsim_experiments.compare import named
from dcsim_experiments.config import ReplayConfig
from dcsim_experiments.counterfactual import LOGGED, Arm, Calibration, Setting, hottest, meter_of, run_plausible
from dcsim_experiments.run_folder import RunFolder, package_versions

FIGURE_FILE, LOGGED_FIGURE_FILE = "counterfactual.png", "replay.png"


def main(config: ReplayConfig, command: str | None = None) -> Path:
    """Run controllers on a log, show and write what they would have used.

    Parameters
    ----------
    config : ReplayConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``replay.json``, two figures and ``report.html``.

    Raises
    ------
    InputError
        If the log, the mapping, the hall and the controllers do not fit each other; nothing is written then.
    """
    description = load_hall(config.hall)
    controllers = named(config.controller)
    if LOGGED in controllers:
        raise InputError(f"--controller: {LOGGED} is the log's own, which runs beside the others anyway; leave it out")
    log, mapping, origin = replay.read_mapped(config.log, config.mapping)
    options = {"observation": {"forecast": True}} if config.forecast else {}

    def setting_of(hall: HallDescription) -> Setting:
        ends = replay.span(config)
        return Setting(log, mapping, hall, config.control_interval_s, config.weather, origin, *ends, options)

    setting, errors = setting_of(description), Calibration(config.hall, description)
    arms = list(counterfactual.run_arms(setting, controllers, config.seed))
    settings = {
        "log": str(config.log),
        "hall": config.hall,
        "mapping": str(config.mapping) if config.mapping else None,
        "weather": config.weather,
        "controllers": controllers,
        "control_interval_s": config.control_interval_s,
        "forecast": config.forecast,
        "plausible_halls": config.plausible_halls,
        "start": config.start,
        "end": config.end,
    }
    folder = RunFolder(config.out, "replay", settings, config.seed, replay.RESULT_FILE)
    logged = _counted(setting, arms[0])
    result = replay.content(log, logged, None) | counterfactual.content(
        setting,
        arms,
        errors,
        lambda: run_plausible(setting_of, errors.halls(config.plausible_halls, config.seed), controllers, config.seed),
    )
    result |= {"packages": package_versions(), **({"command": command} if command else {})}
    print(text(result))
    _publish(folder.path, result, setting, arms, errors, logged)
    folder.write(replay.RESULT_FILE, result)
    return folder.path


def _counted(setting: Setting, logged: Arm) -> Replayed:
    """The log's own controller, with nothing measured in the steps that are not counted."""
    measured = tuple(
        replace(each, values=np.where(setting.counted, each.values, np.nan)) for each in setting.taken.measured
    )
    return Replayed(replace(setting.taken, measured=measured), logged.replayed.signals)


TOTALS_HEADER = (
    "controller",
    "metered [kWh]",
    "90 %",
    "cooling [kWh]",
    "thermal [kWh]",
    "facility [kWh]",
    "PUE",
    "hottest inlet [degC]",
    "95 %",
    "violation [K min]",
    "95 %",
)


def totals_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Energies and temperatures of controllers as text."""
    found: list[tuple[str, ...]] = []
    for name, each in result["controllers"].items():
        meter = each.get("metered")
        found.append(
            (
                name,
                f"{meter['energy_kwh']:.5g}" if meter else "-",
                f"{meter['low']:.5g} to {meter['high']:.5g}" if meter and "low" in meter else "-",
                f"{each['cooling_energy_kwh']:.5g}",
                f"{each['thermal_energy_kwh']:.5g}",
                f"{each['facility_energy_kwh']:.5g}",
                f"{each['pue']:.3f}",
                f"{each['rack_inlet_max_c']:.2f}",
                f"{each['rack_inlet_max_high_c']:.2f}" if "rack_inlet_max_high_c" in each else "-",
                f"{each['violation_k_min']:.4g}",
                f"{each['violation_high_k_min']:.4g}" if "violation_high_k_min" in each else "-",
            )
        )
    return found


SAVINGS_HEADER = (
    "controller",
    "saving",
    "90 %",
    "by the hall's errors",
    "by its parameters",
    "violation [K min]",
    "hottest inlet in plausible halls [degC]",
    "violation there, at most [K min]",
    "servers trip in",
)


def savings_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Savings as text, with what they may cost."""
    found: list[tuple[str, ...]] = []
    for name, each in result["savings"].items():
        outcomes = result["plausible_halls"][name]
        whole = [outcome for outcome in outcomes if outcome]
        warmest = [outcome["rack_inlet_max_c"] for outcome in whole]
        found.append(
            (
                name,
                f"{each['saving']:.1%}",
                f"{each['low']:.1%} to {each['high']:.1%}",
                f"±{each['of_error']:.1%}",
                "-" if each["of_parameters"] is None else f"±{each['of_parameters']:.1%}",
                f"{result['controllers'][name]['violation_k_min']:.4g}",
                f"{min(warmest):.2f} to {max(warmest):.2f}" if whole else "-",
                f"{max(outcome['violation_k_min'] for outcome in whole):.4g}" if whole else "-",
                f"{len(outcomes) - len(whole)} of {len(outcomes)}",
            )
        )
    return found


BEYOND_HEADER = ("controller", "set-point", "unit", "in the log", "asked for", "beyond the log", "logged")


def beyond_rows(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Set-points that go beyond the log, or are not in it, as text."""
    return [
        (
            name,
            setpoint,
            each["unit"],
            f"{each['log'][0]:.4g} to {each['log'][1]:.4g}",
            f"{each['used'][0]:.4g} to {each['used'][1]:.4g}",
            f"{each['outside']:.0%} of the time",
            "yes" if each["is_logged"] else "no",
        )
        for name, entry in result["beyond_the_log"].items()
        for setpoint, each in entry.items()
    ]


def sentences(result: Mapping[str, Any]) -> list[str]:
    """What may be said of savings."""
    lines = []
    if check := result["check"]:
        words = f"{check['quantity']} under the logged actions: {check['simulated_kwh']:.5g} kWh simulated, "
        words += f"{check['measured_kwh']:.5g} kWh measured"
        if check["error"] is not None:
            words += f", {check['error']:+.1%}"
        if check["low"] is not None:
            words += f"; from the hold-out {check['low']:+.1%} to {check['high']:+.1%} is to be expected: " + (
                "reproduced" if check["passed"] else "NOT reproduced"
            )
        lines.append(words)
    if result["no_saving"]:
        lines.append(f"no saving is told: {result['no_saving']}")
    for name, each in result["savings"].items():
        if each["low"] <= 0.0 <= each["high"]:
            lines.append(f"{name}: the saving may be none")
        beyond = [key for key, entry in result["beyond_the_log"][name].items() if entry["outside"] > 0.0]
        if beyond:
            lines.append(
                f"{name} asks for {', '.join(beyond)} beyond all that the log has, of which the hall's errors know nothing"
            )
    unlogged = [name for name, source in result["actions"].items() if not source.startswith("log")]
    if unlogged:
        lines.append(f"not in the log, so the log's own controller is assumed to have asked for: {', '.join(unlogged)}")
    return lines


def _stretches(result: Mapping[str, Any]) -> str:
    count = len(result["segments"])
    return f"in {count} stretches between holes, " if count > 1 else ""


def text(result: Mapping[str, Any]) -> str:
    """Return the result as text."""
    lines = [
        f"{result['log']} on hall {result['hall']}: {result['hours']:.4g} h from {result['counted'][0]} on, {_stretches(result)}"
        f"a decision every {result['control_interval_s']:g} s",
        "",
    ]
    tables = (
        (TOTALS_HEADER, totals_rows(result), 1),
        (SAVINGS_HEADER, savings_rows(result), 1),
        (BEYOND_HEADER, beyond_rows(result), 2),
    )
    for header, rows, left in tables:
        if not rows:
            continue
        shown = [header, *rows]
        widths = [max(len(row[k]) for row in shown) for k in range(len(header))]
        for row in shown:
            cells = enumerate(zip(row, widths, strict=True))
            lines.append("  ".join(c.ljust(w) if k < left else c.rjust(w) for k, (c, w) in cells))
        lines.append("")
    return "\n".join([*lines, *sentences(result)])


def _publish(
    folder: Path,
    result: Mapping[str, Any],
    setting: Setting,
    arms: Sequence[Arm],
    errors: Calibration,
    logged: Replayed,
) -> None:
    from dcsim.plots.counterfactual import Course
    from dcsim.plots.counterfactual import counterfactual as drawn
    from dcsim.plots.replay_channels import replay_channels, worst_first
    from dcsim_experiments.html_page import Section, command, figure, listed, paragraph, table, write_page

    meter, taken = meter_of(setting.taken.measured), setting.taken
    inlets = errors.inlets(taken.measured, taken.hall.racks)
    signals = setting.env.signals.action
    units = {name: entry["unit"] for name, entry in next(iter(result["beyond_the_log"].values())).items()}
    courses = {
        arm.name: Course(
            meter.of(arm) if meter else None,
            arm.infos["rack_inlet_max_c"],
            hottest(arm, inlets) if inlets is not None else None,
            {
                name: arm.setpoints[[k for k, each in enumerate(signals) if each.name.startswith(name)]].mean(axis=0)
                for name in units
            },
        )
        for arm in arms
    }
    relative = None
    if meter and "low" in (entry := result["controllers"][LOGGED]["metered"]):
        relative = entry["high"] / entry["energy_kwh"] - 1.0
    drawing = drawn(
        taken.time.astype("datetime64[ns]"),
        courses,
        meter.measured if meter else None,
        meter.name if meter else "",
        setting.env.batch.config.hall.description.limits.inlet_limit.value,
        relative,
        units,
        f"{result['log']} under other controllers, hall {result['hall']}",
    )
    channels = worst_first(
        logged, [each for each in logged.boundaries.measured if each.name in result["channels"]], replay.FIGURE_ROWS_MAX
    )
    beside = replay_channels(logged, channels, f"{result['log']} under its own controller, in closed loop")
    for each, name in ((drawing, FIGURE_FILE), (beside, LOGGED_FIGURE_FILE)):
        temporary = folder / f".tmp-{name}"
        each.savefig(temporary, format="png", dpi=120)
        os.replace(temporary, folder / name)
    sections = [
        Section(
            "What would have been",
            [
                table(TOTALS_HEADER, totals_rows(result)),
                *([table(SAVINGS_HEADER, savings_rows(result))] if result["savings"] else []),
                listed(sentences(result)),
                paragraph(
                    "Metered is what the log measures of it; its interval of 90 % is from the hourly errors of the fitted hall on "
                    "what it was not fitted to. Thermal energy is that for cooling, server fans and leakage. Savings are ratios of "
                    "simulated energies; their interval has the hall's error twice, once for each controller, and the scatter over plausible "
                    "halls, whose parameters are drawn from what the fit left unknown. The 95 % "
                    "columns take every inlet as warm as nineteen in twenty of its errors allow.",
                    "note",
                ),
            ],
        ),
        Section("Hour by hour", [figure(drawing, "Power, energy saved, hottest inlet and set-points.")]),
        Section(
            "Set-points beyond the log",
            [
                paragraph(
                    "Where a controller asks for what the log never had, the hall extrapolates, and no error on the log tells how well.",
                    "note",
                ),
                table(BEYOND_HEADER, beyond_rows(result)),
            ],
        ),
        Section(
            "The log's own controller in closed loop",
            [
                table(replay.HEADER, replay.rows(dict(result))),
                figure(beside, "Measured, and simulated with the logged actions as set-points."),
            ],
        ),
        Section("What drove the hall", [listed(result["notes"])]),
        *([Section("What the reader warned of", [listed(result["warnings"])])] if result["warnings"] else []),
        *([Section("How to repeat it", [command(result["command"])])] if "command" in result else []),
    ]
    headline = sentences(result)[0] if result["check"] else result["no_saving"]
    write_page(folder / replay.PAGE_FILE, f"{result['log']} under other controllers", headline, sections)
