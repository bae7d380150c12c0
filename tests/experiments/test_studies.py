"""The kept scripts: what they find on small settings, and that they notice what they are there to notice."""

import json

import gymnasium as gym
import numpy as np
import pytest
from dcsim_experiments import accuracy, soak, static_optimum, static_search
from numpy.testing import assert_allclose

import dcsim
from dcsim.plant.hall import build_hall

HALLS = ("enterprise-1mw", "hyperscale-10mw")


@pytest.mark.slow
@pytest.mark.parametrize("faults", [[], ["--faults"]], ids=["without faults", "with faults"])
def test_random_actions_break_nothing(tmp_path, capsys, faults):
    out = tmp_path / "soak.json"
    assert soak.main(["--steps", "6000", "--num-envs", "25", "--out", str(out), *faults]) == 0
    results = json.loads(out.read_text())["results"]
    assert {(r["env"], r["task"]) for r in results} >= {(env_id, "load-step") for env_id in dcsim.ids()}
    least = 6_000 // len(results) // 25 * 25  # whole steps of all environments
    assert all(r["steps"] >= least and r["residual"] < 1e-10 for r in results)
    assert f"0 of {len(results)} cases failed" in capsys.readouterr().out


def test_a_soak_notices_what_is_wrong():
    env = gym.make_vec("dcsim/Enterprise-v0", num_envs=2)
    observation, info = env.reset(seed=0)
    observation, reward, *_, info = env.step(np.zeros(env.action_space.shape, np.float32))
    assert soak.breaches(env, observation, reward, info)[0] == []
    unbalanced = info | {"energy_residual_w": np.array([0.0, 1.0])}
    assert soak.breaches(env, observation, reward, unbalanced)[0][0].startswith("energy residual of ")
    outside = observation.copy()
    outside[1, 3] = np.nan
    found, _ = soak.breaches(env, outside, reward * np.nan, info | {"pue": np.array([1.0, np.inf])})
    assert found == ["observation outside its space", "reward not finite", "info pue not finite"]


@pytest.mark.parametrize("hall_name", HALLS)
def test_a_search_beats_its_starting_points_and_stays_at_rest_within_the_ranges(hall_name):
    air = static_search.outdoors(("chicago",), (2.0, 14.0, 24.0))
    study = static_optimum.study(hall_name, air, loads=(0.5,), generations=6, population=32)
    optimum, low, high = study.operations["optimum"], *static_search.box(build_hall(hall_name))
    assert optimum.is_at_rest.all()
    for name in static_optimum.BASELINES:
        assert (optimum.cost <= study.operations[name].cost + 1e-6).all()
    x = static_optimum.variables_of(study.plant.hall, optimum.setpoints)
    assert (x >= low[:, None] - 1e-9).all() and (x <= high[:, None] + 1e-9).all()
    assert_allclose(sum(air.share["chicago"]), 1.0, rtol=1e-9)


def test_halving_the_sub_step_brings_the_run_nearer_to_the_exact_solution():
    result = accuracy.compare("enterprise-1mw", accuracy.CASES["enterprise-1mw, chillers"][1], (60.0, 30.0), steps=4)
    coarse, fine = result[60.0], result[30.0]
    for name in ("server_temperature", "rack_inlet_temperature", "hot_air_temperature"):
        assert fine.percentile[name] < 0.6 * coarse.percentile[name]
        assert fine.percentile[name] < 0.01  # K
