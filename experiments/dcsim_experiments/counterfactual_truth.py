"""Whether savings told from a log are those that would have come: halls drawn from the priors run a log's controller and others in truth.

``python -m dcsim_experiments.counterfactual_truth --cases 6`` prints for every case and controller the saving told by ``dcsim replay
--controller`` on a hall fitted to the log, its interval, and the saving in the hall that wrote the log. A case is a hall whose parameters are
all drawn, days of a summer under one controller, a log of that with noise, and a fit to three fifths of it that starts from the hall file.
"""

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from dcsim_agents.controller import make_controller

from dcsim.calibration import drawn_hall, parameters_of
from dcsim.envs.env import HallEnv
from dcsim.plant.description import load_hall
from dcsim_experiments import cli
from dcsim_experiments.synthetic_log import frame, rules, run

LOGGED = (
    "dry_bulb_temperature",
    "dew_point_temperature",
    "atmospheric_pressure",
    "utilization",
    "rack_power",
    "supply_air_setpoint",
    "crah_fan_speed",
    "chilled_water_setpoint",
    "chilled_water_pump_speed",
    "condenser_water_setpoint",
    "condenser_water_flow",
    "chiller_on",
    "rack_inlet_temperature",
    "return_air_temperature",
    "cooling_power",
)
DRAWN_MAX = 2.0  # spreads of a prior
TEMPERATURE_NOISE, POWER_NOISE = 0.1, 0.01  # K; of a reading
INTERVAL_S = 300.0
COUNTED_FROM = 24  # steps: an hour before the episode, and one that settles


def case(name: str, seed: int, days: float, own: str, others: tuple[str, ...]) -> dict[str, Any]:
    """Return what is told and what is true of each of the other controllers."""
    random = np.random.default_rng(seed)
    description = load_hall(name)
    truth = drawn_hall(description, parameters_of(description), random, z_max=DRAWN_MAX)[0]
    env = HallEnv(hall=truth, weather="chicago", start="2023-07-03", episode_days=days, control_interval_s=INTERVAL_S)
    written = frame(run(env, make_controller(own, env), seed), LOGGED, INTERVAL_S)
    for column in written:
        noise = random.standard_normal(len(written))
        if "_temperature" in column:
            written[column] += TEMPERATURE_NOISE * noise
        elif "_power" in column:
            written[column] *= 1.0 + POWER_NOISE * noise
    energy = {each: _cooling(env, each, seed) for each in (own, *others)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        written.round(4).to_csv(folder / "log.csv", index_label="time")
        (folder / "mapping.yaml").write_text(yaml.safe_dump({"channels": rules(written)}))
        words = [folder / "log.csv", "--hall", name, "--mapping", folder / "mapping.yaml", "--starts", "1"]
        _quietly("calibrate", *words, "--out", folder / "fit")
        fitted = [words[0], "--hall", folder / "fit" / "hall.yaml", "--mapping", folder / "fit" / "mapping.yaml"]
        _quietly("replay", *fitted, "--controller", ",".join(others), "--out", folder / "told")
        told = json.loads((folder / "told" / "replay.json").read_text())
    return {
        "check": told["check"],
        "no_saving": told["no_saving"],
        "savings": {
            each: {**told["savings"].get(each, {}), "truth": 1.0 - energy[each] / energy[own]} for each in others
        },
    }


def _cooling(env: HallEnv, name: str, seed: int) -> float:
    """Electricity for cooling in truth [kWh]."""
    controller = make_controller(name, env)
    observation, _ = env.reset(seed=seed)
    controller.reset(seed)
    used, is_over = [], False
    while not is_over:
        observation, _, is_tripped, is_over, info = env.step(controller.act(observation))
        is_over = is_over or is_tripped
        used.append(info["cooling_energy_kwh"])
    return sum(used[COUNTED_FROM:])


def _quietly(*words: Any) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = cli.main([str(word) for word in words])
    if code:
        raise RuntimeError(f"dcsim {words[0]} ended with {code}: {said.getvalue()}")


def main(words: list[str] | None = None) -> None:
    """Run cases and print how often intervals hold the truth."""
    parser = argparse.ArgumentParser(prog="python -m dcsim_experiments.counterfactual_truth", description=__doc__)
    parser.add_argument("--hall", default="enterprise-1mw")
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--days", type=float, default=4.0)
    parser.add_argument("--own", default="rules", help="the log's controller")
    parser.add_argument("--others", default="pid,g36,fixed")
    options = parser.parse_args(words)
    others = tuple(options.others.split(","))
    told = dict.fromkeys(others, 0)
    held = dict.fromkeys(others, 0)
    for seed in range(options.cases):
        found = case(options.hall, seed, options.days, options.own, others)
        check = found["check"]
        print(
            f"case {seed}: {check['error']:+.2%} under the logged actions, {check['low']:+.2%} to {check['high']:+.2%} expected"
        )
        for name, each in found["savings"].items():
            if "saving" not in each:
                print(f"  {name}: truth {each['truth']:.1%}; nothing told: {found['no_saving']}")
                continue
            parts = f"errors ±{each['of_error']:.1%}, parameters ±{each['of_parameters']:.1%}"
            is_within = each["low"] <= each["truth"] <= each["high"]
            told[name], held[name] = told[name] + 1, held[name] + is_within
            print(
                f"  {name}: told {each['saving']:.1%} ({each['low']:.1%} to {each['high']:.1%}; {parts}), truth {each['truth']:.1%}"
            )
    for name in others:
        print(f"{name}: {held[name]} of {told[name]} intervals of 90 % hold the truth")


if __name__ == "__main__":
    main()
