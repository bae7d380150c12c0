import numpy as np
from dcsim_experiments.tune_g36 import TrainingDays, tune

from dcsim.plant.operation import ResetConstants


def test_sets_of_constants_are_compared_on_the_same_days() -> None:
    days = TrainingDays("dcsim/Hyperscale-v0", 0, 3, climates=("chicago",), months=(7,))
    scores = days.scores({"inlet_target": np.array([24.0, 24.0, 26.9])})
    assert scores["objective"].shape == (3,)
    assert scores["cost"][0] == scores["cost"][1]
    assert scores["thermal_energy_kwh"][2] < scores["thermal_energy_kwh"][0]
    assert scores["objective"][2] > scores["cost"][2]
    assert scores["objective"][0] == scores["cost"][0]
    np.testing.assert_array_equal(days.scores({"inlet_target": np.array([24.0, 24.0, 26.9])})["cost"], scores["cost"])


def test_what_is_frozen_is_the_best_on_days_the_search_did_not_see() -> None:
    content = tune("hyperscale-10mw", budget_steps=1, seeds=(0,), climates=("chicago",), months=(7,), population=4)
    scores = content["scores_on_fresh_days"]
    assert set(scores) == {"published", "seed 0"}
    assert content["chosen"] == min(scores, key=lambda name: scores[name]["objective"])
    assert content["sha256"] == ResetConstants(**content["constants"]).digest()
