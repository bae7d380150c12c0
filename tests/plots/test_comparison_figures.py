"""Comparisons are drawn with their own numbers, and energy never without violations."""

import matplotlib.colors
import numpy as np
import pytest
from numpy.testing import assert_allclose
from plot_samples import day, texts

from dcsim.plots import comparison_figures, energy_by_component, learning_curve, paired_savings, palette, violations

PARTS = {"g36": {"chillers": 3000.0, "pumps": 1000.0, "leakage": 800.0}, "fixed": {"chillers": 6000.0}}
VIOLATION = {"g36": 1.5, "fixed": 0.0}


def shades(container):
    return matplotlib.colors.to_hex(container.patches[0].get_facecolor())


def test_components_are_stacked_in_their_colours():
    left, right = energy_by_component(PARTS, VIOLATION).axes
    bars = {shades(container): container for container in left.containers}
    chillers, pumps = (bars[palette.COMPONENTS[part][1]] for part in ("chillers", "pumps"))
    assert [bar.get_width() for bar in chillers.patches] == [3000.0, 6000.0]
    assert pumps.patches[0].get_x() == 3000.0 and pumps.patches[0].get_width() == 1000.0
    assert len(bars) == 3  # what nobody uses is left out
    assert [bar.patches[0].get_width() for bar in right.containers] == [1.5, 0.0]


def test_pue_is_written_beside_the_total_energy():
    words = texts(energy_by_component(PARTS, VIOLATION, pue={"g36": 1.234}))
    assert " 4,800  (PUE 1.234)" in words
    assert " 6,000" in words


def test_energy_without_violation_is_refused():
    with pytest.raises(ValueError, match="fixed: energy is not shown without it"):
        energy_by_component(PARTS, {"g36": 1.0})
    with pytest.raises(ValueError, match="without violation_k_min"):
        learning_curve({"sac": {"steps": [1, 2], "thermal_energy_kwh": [5.0, 4.0]}})


def test_an_unknown_component_is_refused():
    with pytest.raises(ValueError, match="unknown component 'boilers'"):
        energy_by_component({"g36": {"boilers": 1.0}}, {"g36": 0.0})


def test_points_stand_at_energy_and_violation_of_a_day(result):
    left, right = violations(result).axes
    points = {
        line.get_color(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in left.lines
        if line.get_marker() != "None"
    }
    assert points[palette.color("sac")] == (4500.0, 4.0)
    assert points[palette.color("g36")] == (5000.0, 1.0)
    assert [text.get_text() for text in right.get_yticklabels()] == ["sac", "g36", "fixed"]  # least energy first


def test_savings_are_percent_of_the_reference_least_first(result):
    left, _ = paired_savings(result).axes
    means = [line.get_xdata()[0] for line in left.lines if line.get_marker() == "o"]
    assert_allclose(means, [-10.0, 0.0, 20.0])
    words = texts(left)
    assert "−10.0 %" in words  # no interval known
    assert "+20.0 %  (+15.0 to +25.0)" in words
    assert "reference" in words


def test_savings_of_a_metric_that_nobody_has_are_refused(result):
    with pytest.raises(ValueError, match="no paired 'water_l'"):
        paired_savings(result, "water_l")


def test_nobody_above_the_limit_is_said(result):
    for metrics in result["controllers"].values():
        metrics["violation_k_min"] = {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert "nobody stood\nabove the limit" in texts(violations(result))


def test_learning_shows_the_median_of_seeds_the_range_and_the_reference():
    energy = np.array([[5.0, 4.0], [7.0, 3.0], [6.0, 9.0]])
    figure = learning_curve(
        {"sac": {"steps": np.array([10, 20]), "thermal_energy_kwh": energy, "violation_k_min": 0.0 * energy}},
        {"name": "g36", "thermal_energy_kwh": 4.5, "violation_k_min": 0.1},
    )
    above, below = figure.axes
    assert_allclose(above.lines[0].get_ydata(), [6.0, 4.0])
    assert_allclose(above.lines[1].get_ydata(), 4.5)
    band = above.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 3.0 and band[:, 1].max() == 9.0
    assert_allclose(below.lines[1].get_ydata(), 0.1)
    assert any("median of 3 seeds" in words for words in texts(figure))


def test_learning_by_return_alone_has_one_row():
    figure = learning_curve({"ppo": {"steps": [1, 2, 3], "episode_return": [-3.0, -2.0, -1.0]}})
    assert len(figure.axes) == 1
    with pytest.raises(ValueError, match="nothing to draw"):
        learning_curve({"ppo": {"steps": [1, 2, 3]}})


def test_figures_are_those_that_there_is_material_for(result, trajectories):
    curves = {"sac": {"steps": [1, 2], "thermal_energy_kwh": [5000.0, 4600.0], "violation_k_min": [3.0, 1.0]}}
    assert list(comparison_figures(result)) == ["savings", "violations", "components"]
    everything = comparison_figures(result, trajectories, curves)
    assert list(everything) == ["savings", "violations", "components", "hall", "day", "learning"]
    for figure in everything.values():
        figure.canvas.draw()
    del result["components"], result["paired"]
    assert list(comparison_figures(result)) == ["violations"]
    of_the_day = comparison_figures(result, trajectories)["components"]
    assert " 4,800  (PUE 1.200)" in texts(of_the_day)


def test_at_most_three_days_stand_side_by_side(result):
    figures = comparison_figures(result, {name: day() for name in ("g36", "sac", "mpc", "pid")})
    assert len(figures["day"].axes) == 3 * 6
    assert len(figures["hall"].axes) == 4 + 1
