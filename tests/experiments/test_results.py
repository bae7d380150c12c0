"""What is said of a comparison: keys, table and the plain sentence, on made-up numbers."""

import numpy as np
import pytest
from dcsim_experiments import results
from dcsim_experiments.results import Evaluation, Group
from dcsim_experiments.rollout import METRICS

CONTRACT = {
    "thermal_energy_kwh",
    "cooling_energy_kwh",
    "facility_energy_kwh",
    "server_fan_energy_kwh",
    "pue",
    "tue",
    "water_l",
    "carbon_kg",
    "energy_cost",
    "violation_k_min",
    "rack_inlet_max_c",
    "actuator_travel",
    "interventions",
    "act_ms",
}
REFERENCE = np.array([200.0, 260.0, 320.0, 210.0])  # kWh in two days


def evaluation(energy, violation=None, trips=None):
    """Energies as shares of the reference's, violations in K min a day."""
    violation, trips = violation or {}, trips or {}
    noise = np.array([2.0, -2.0, 1.0, -1.0])  # kWh, which leave the total as it is

    def metrics(name):
        values = dict.fromkeys(METRICS, np.ones(4))
        kwh = REFERENCE if name == "g36" else energy[name] * REFERENCE + noise
        return values | {"thermal_energy_kwh": kwh, "violation_k_min": np.full(4, 2.0 * violation.get(name, 0.0))}

    names = ["g36", *energy]
    return Evaluation(
        metrics={name: metrics(name) for name in names},
        energies={name: {"chillers": REFERENCE} for name in names},
        trips={name: trips.get(name, 0) for name in names},
        groups=[
            Group(None, "chicago", 2.0, ["01-08 00:00", "01-22 00:00"], [0, 1]),
            Group("load-step", "miami", 2.0, ["01-08 00:00", "02-05 00:00"], [0, 1]),
        ],
    )


def test_the_content_has_the_agreed_keys_and_no_others_among_the_metrics():
    result = results.content(evaluation({"ppo": 0.9, "oracle": 0.8}), "g36")
    assert set(METRICS) == CONTRACT
    for of in result["controllers"].values():
        assert set(of) == CONTRACT
        assert all(set(entry) == {"mean", "iqm", "low", "high", "values"} for entry in of.values())
    assert set(result["paired"]) == {"ppo", "oracle"}
    assert set(result["paired"]["ppo"]) == CONTRACT
    assert set(result["paired"]["ppo"]["pue"]) == {"mean", "low", "high"}
    assert result["reference"] == "g36"
    assert set(result["gap_share"]) == {"ppo", "oracle"}
    assert result["gap_share"]["ppo"]["mean"] == pytest.approx(0.5, abs=0.02)
    assert [row["weather"] for row in result["rows"]] == ["chicago", "chicago", "miami", "miami"]
    assert result["components"]["ppo"]["chillers"] == pytest.approx(REFERENCE.sum() / 8.0)


def test_groups_are_means_of_their_own_episodes():
    result = results.content(evaluation({"ppo": 0.9}), "g36")
    assert result["groups"]["ordinary weeks, chicago"]["g36"]["thermal_energy_kwh"] == 230.0
    assert result["groups"]["load-step, miami"]["g36"]["thermal_energy_kwh"] == 265.0
    assert "265" not in results.group_table(result).splitlines()[1]
    assert "115" in results.group_table(result)  # kWh a day


def test_a_learned_controller_that_saves_and_keeps_the_limit_wins():
    result = results.content(evaluation({"ppo": 0.9, "rules": 1.1}, {"ppo": 0.4}), "g36")
    sentence = results.verdict(result, ["ppo"])
    assert sentence.startswith("ppo won: 111 kWh thermal energy a day with 0.40 K min a day above the inlet limit")
    assert "10.0 % less than g36 (95 % interval -1" in sentence
    assert "did not win" not in sentence


def test_a_learned_controller_that_uses_more_is_said_to_have_lost():
    sentence = results.verdict(results.content(evaluation({"ppo": 1.05}), "g36"), ["ppo"])
    assert sentence.startswith("g36 won")
    assert "The learned controller ppo did not win: 5.0 % more than g36" in sentence


def test_energy_that_was_saved_by_breaking_the_limit_never_wins():
    result = results.content(evaluation({"ppo": 0.7, "pid": 0.8, "rules": 0.95}, {"ppo": 30.0, "pid": 9.0}), "g36")
    sentence = results.verdict(result, ["ppo"])
    assert sentence.startswith("rules won")
    assert "The learned controller ppo did not win" in sentence
    assert "stood 30.0 K min a day above the inlet limit in ordinary weeks, chicago" in sentence
    assert "pid used less but stood 9.0 K min a day above the inlet limit" in sentence


def test_a_reference_that_breaks_the_limit_excuses_nobody():
    result = results.content(evaluation({"ppo": 0.9, "rules": 1.1}, {"ppo": 600.2, "g36": 600.0, "rules": 1.0}), "g36")
    sentence = results.verdict(result, ["ppo"])
    assert sentence.startswith("rules won: ")
    assert "The reference g36 itself stood 600.0 K min a day above the inlet limit" in sentence
    assert "The learned controller ppo did not win" in sentence


def test_where_nobody_keeps_the_limit_there_is_no_winner():
    result = results.content(evaluation({"ppo": 0.5, "rules": 1.1}, {"ppo": 90.0, "g36": 2.0, "rules": 1.5}), "g36")
    sentence = results.verdict(result, ["ppo"])
    assert sentence.startswith("No controller kept the inlet limit (at most 1 K min a day")
    assert "rules came nearest: it stood 1.5 K min a day" in sentence
    assert " won:" not in sentence and "The learned controller ppo did not win" in sentence


def test_the_limit_is_to_be_kept_in_every_group_not_in_the_mean():
    uneven = evaluation({"ppo": 0.9})
    uneven.metrics["ppo"]["violation_k_min"] = np.array([0.0, 0.0, 3.0, 3.0])  # of two days: 0.75 in the mean
    result = results.content(uneven, "g36")
    assert results.worst_group(result, "ppo") == ("load-step, miami", 1.5)
    assert results.verdict(result, ["ppo"]).startswith("g36 won")


def test_one_that_is_handed_the_true_future_never_wins():
    result = results.content(evaluation({"ppo": 0.9, "oracle": 0.8}), "g36")
    sentence = results.verdict(result, ["ppo"])
    assert sentence.startswith("ppo won") and "oracle" not in sentence


def test_days_that_were_trained_on_are_told():
    result = results.content(evaluation({"ppo": 0.9}), "g36") | {"seen_in_training": {"ppo": ["load-step, miami"]}}
    assert "ppo was trained on days that it is tested on here (load-step, miami)" in results.verdict(result, ["ppo"])
    result["seen_in_training"] = {"ppo": []}
    assert "trained on days" not in results.verdict(result, ["ppo"])


def test_a_controller_that_tripped_never_wins():
    result = results.content(evaluation({"ppo": 0.5}, trips={"ppo": 1}), "g36")
    sentence = results.verdict(result, ["ppo"])
    assert sentence.startswith("g36 won")
    assert "tripped in 1 of 4 episodes" in sentence
    assert "ppo (1 trips)" in results.table(result)


def test_a_difference_that_the_episodes_cannot_tell_is_said_to_be_none():
    result = results.content(evaluation({"ppo": 0.999}), "g36")
    assert "cannot tell from no difference" in results.verdict(result, ["ppo"])


def test_the_table_shows_energy_with_violation_beside_it_the_least_first():
    result = results.content(evaluation({"ppo": 0.9, "rules": 1.1}, {"ppo": 0.4}), "g36")
    lines = results.table(result).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["ppo", "g36", "rules"]
    header = lines[0].split()
    assert header.index("violation") > header.index("thermal")
    assert "0.40" in lines[2] and "-10.0 %" in lines[2]
