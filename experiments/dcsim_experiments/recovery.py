"""Whether calibration finds the truth: halls drawn from the priors write logs with noise and faults, and are fitted from the hall file.

``python -m dcsim_experiments.recovery --hall enterprise-1mw --cases 20`` prints, for every parameter, in how many cases the log told it, and in
how many of these the truth lay in its interval of 90 %. A case is a hall whose parameters are all drawn from their priors, half a day of minutes
on jumping loads and set-points, which are logged with the machines that ran, sensors with an offset and noise, single dips, one that stuck for
two hours, half an hour without a reading. Where compressors cycle within the hour, an interval of 10 s shows when they switched
(``--hall edge-dx-50kw --interval 10 --steps 1440``).
"""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from dcsim.calibration import drawn_hall, fit, parameters_of
from dcsim.logs import load_mapping, read_log
from dcsim.plant.description import load_hall
from dcsim.replay import boundaries
from dcsim_experiments.run_folder import write_json
from dcsim_experiments.synthetic_log import GIVEN, course, frame, rules

DRAWN_MAX = 2.0  # spreads that a truth lies from its prior's centre, at most
TEMPERATURE_NOISE, OFFSET = 0.1, 0.25  # K
RELATIVE_NOISE = 0.01
DIPS = 0.002  # share of readings
MEASURED = (
    "rack_inlet_temperature",
    "rack_outlet_temperature",
    "return_air_temperature",
    "supply_air_temperature",
    "cooling_power",
    "chiller_power",
    "crah_fan_power",
    "chilled_water_supply_temperature",
    "chilled_water_return_temperature",
    "condenser_water_supply_temperature",
    "compressor_power",
    "tower_fan_power",
    "chilled_water_pump_power",
)


def case(hall: str, seed: int, steps: int, starts: int, step_s: float = 60.0) -> dict[str, dict[str, Any]]:
    """Return truth and interval of every parameter of one drawn hall."""
    description = load_hall(hall)
    parameters = parameters_of(description)
    random = np.random.default_rng(seed)
    truth, z = drawn_hall(description, parameters, random, z_max=DRAWN_MAX)
    minute = 60.0 / step_s
    shown = course(truth, steps, seed, step_s, held=round(25 * minute))
    signals = tuple(name for name in MEASURED if name in shown)
    written = frame(shown, (*GIVEN, "utilization", *signals), step_s)
    driving = {name for name in written if name.rpartition("_")[0] in (*GIVEN, "utilization")}
    for name in written:
        if name not in driving:
            written[name] = _as_sensed(written[name], "_temperature" in name, random)
    stuck = random.choice([name for name in written if name.startswith("rack_inlet")])
    at, hole = int(random.integers(steps // 2)), int(random.integers(steps - round(30 * minute)))
    written.loc[written.index[at : at + round(120 * minute)], stuck] = written[stuck].iloc[at]
    written = written.drop(written.index[hole : hole + round(30 * minute)])
    with tempfile.TemporaryDirectory() as folder:
        path, map_path = Path(folder) / "log.csv", Path(folder) / "mapping.yaml"
        written.round(4).to_csv(path, index_label="time")
        map_path.write_text(yaml.safe_dump({"channels": rules(written)}))
        mapping = load_mapping(map_path)
        taken = boundaries(read_log(path, mapping), mapping, description, step_s)
    found = fit(taken, description, parameters, starts=starts, seed=seed)
    return {
        each.parameter.name: {
            "truth": parameter.of(truth),
            "value": each.value,
            "low": each.low,
            "high": each.high,
            "identifiable": each.is_identifiable,
            "away": (each.place - at_z) / each.spread,
        }
        for each, parameter, at_z in zip(found.parameters, parameters, z, strict=True)
    }


def _as_sensed(values: pd.Series, is_temperature: bool, random: np.random.Generator) -> pd.Series:
    """What a sensor with an offset, noise and single dips shows."""
    if is_temperature:
        shown = values + OFFSET * random.standard_normal() + TEMPERATURE_NOISE * random.standard_normal(len(values))
    else:
        shown = values * (1.0 + RELATIVE_NOISE * random.standard_normal(len(values)))
    return shown.where(random.random(len(values)) >= DIPS, 0.0)


def main(words: list[str] | None = None) -> None:
    """Run cases and print how often intervals hold the truth."""
    parser = argparse.ArgumentParser(prog="python -m dcsim_experiments.recovery", description=__doc__)
    parser.add_argument("--hall", default="enterprise-1mw")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--steps", type=int, default=720, help="of each log")
    parser.add_argument("--interval", type=float, default=60.0, help="of a step [s]")
    parser.add_argument("--starts", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=None, help="a JSON file")
    options = parser.parse_args(words)
    with ProcessPoolExecutor(options.processes) as pool:
        waiting = [
            pool.submit(case, options.hall, seed, options.steps, options.starts, options.interval)
            for seed in range(options.cases)
        ]
        cases = []
        for k, each in enumerate(waiting, 1):
            cases.append(each.result())
            print(f"\r{k} of {options.cases}", end="\n" if k == options.cases else "", file=sys.stderr, flush=True)
    told = held = 0
    whole = sum(all(x["low"] <= x["truth"] <= x["high"] for x in each.values() if x["identifiable"]) for each in cases)
    for name in cases[0]:
        entries = [each[name] for each in cases if each[name]["identifiable"]]
        within = sum(x["low"] <= x["truth"] <= x["high"] for x in entries)
        told, held = told + len(entries), held + within
        spread = float(np.std([x["away"] for x in entries])) if entries else float("nan")
        print(
            f"{name:45s} told in {len(entries):3d} of {len(cases)}, truth within in {within:3d}; scatter over interval {spread:.2f}"
        )
    print(
        f"all: {held} of {told} intervals hold the truth ({held / max(told, 1):.0%}); in {whole} of {len(cases)} cases all do"
    )
    if options.out:
        write_json(options.out, {"hall": options.hall, "cases": cases})


if __name__ == "__main__":
    main()
