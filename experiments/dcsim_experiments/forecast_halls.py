"""Forecasts of simulated halls under set-points that jump: weather, load and actions held out.

``python -m dcsim_experiments.forecast_halls --hall hyperscale-10mw`` simulates days of several climates, learns from them, and prints errors and
intervals by kind of sensor for days of climates that were not learned from, with future load and weather known and taken to stay.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from dcsim.envs.config import configure
from dcsim.forecasting import Panel, Settings, fit, foretold, simulated, table
from dcsim_experiments.forecast import words
from dcsim_experiments.run_folder import write_json

LEARNED = ("phoenix", "chicago", "miami", "golden", "oklahoma-city")
HELD_OUT = ("denver", "san-francisco", "las-vegas")
FIRST_SEED_HELD_OUT = 10_000


def panels(hall: str, climates: tuple[str, ...], episodes: int, days: float, seed: int) -> list[Panel]:
    """Simulate so many episodes in each climate."""
    found: list[Panel] = []
    for number, climate in enumerate(climates):
        config = configure(hall=hall, weather=climate, episode_days=days)
        found += simulated(config, episodes, seed + 1000 * number)
    return found


def main(words_typed: list[str] | None = None) -> None:
    """Simulate, learn, and print what forecasts are worth."""
    parser = argparse.ArgumentParser(prog="python -m dcsim_experiments.forecast_halls", description=__doc__)
    parser.add_argument("--hall", default="hyperscale-10mw")
    parser.add_argument("--episodes", type=int, default=16, help="in each climate learned from")
    parser.add_argument("--days", type=float, default=2.0, help="of an episode")
    parser.add_argument("--steps", type=int, default=1500, help="of learning")
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="a JSON file")
    options = parser.parse_args(words_typed)
    torch.set_num_threads(options.threads)
    learned_from = panels(options.hall, LEARNED, options.episodes, options.days, options.seed)
    held_out = panels(options.hall, HELD_OUT, 4, options.days, FIRST_SEED_HELD_OUT + options.seed)
    begun = time.perf_counter()
    settings = Settings(members=options.members, steps=options.steps, seed=options.seed)
    forecaster = fit(learned_from, 12, settings, _tell if sys.stderr.isatty() else None)
    took = time.perf_counter() - begun
    worth = foretold(forecaster, held_out)
    result = {
        "horizon_min": 60.0,
        "scored": [HELD_OUT[0], HELD_OUT[-1]],
        **table(worth["known"]),
        "future_by_persistence": table(worth["persistence"]),
    }
    print(words(result))
    for heading, found in (("known", result), ("taken to stay", result["future_by_persistence"])):
        cover = ", ".join(f"{each['minutes']:.0f} min {each['coverage90']:.1%}" for each in found["horizons"][::3])
        print(f"90 % intervals hold, {heading}: {cover}, {found['horizons'][-1]['coverage90']:.1%} at the last")
    print(
        f"learned in {took:.0f} s from {sum(each.values.shape[1] for each in learned_from)} steps of {len(forecaster.targets)} targets"
    )
    if options.out:
        write_json(options.out, result)


def _tell(what: str, done: int, of: int) -> None:
    print(f"\r\033[K{what}: {done} of {of}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
