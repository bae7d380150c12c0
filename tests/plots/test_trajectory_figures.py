"""Halls and days are drawn with the numbers of their trajectories."""

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from numpy.testing import assert_allclose
from plot_samples import day, texts

from dcsim.plots import day_trajectories, hall_map, palette
from dcsim.plots.style import STYLE, house_style, name_lines, new_figure, tag


def cells(figure, panel):
    """Colours of the rack groups of a panel."""
    (racks,) = figure.axes[panel].findobj(lambda artist: type(artist) is PolyCollection)
    return racks.get_facecolor()[:, :3]


def test_a_hall_map_colours_each_group_by_its_own_hottest(trajectories):
    figure = hall_map(trajectories)
    for panel, trajectory in enumerate(trajectories.values()):
        hottest = trajectory["rack_inlet_temperature"].max(0)
        assert_allclose(cells(figure, panel), palette.heat(hottest, 27.0, 32.0), atol=1e-9)
    assert {"28.0", "26.0", "23.0"} <= set(texts(figure))


def test_the_worst_moment_is_that_of_the_hottest_inlet(trajectories):
    figure = hall_map(trajectories, moment="worst")
    at_worst = trajectories["sac"]["rack_inlet_temperature"][7]
    assert_allclose(cells(figure, 1), palette.heat(at_worst, 27.0, 32.0), atol=1e-9)
    assert "23.0" not in texts(figure)  # reached at another time


def test_a_hall_map_says_energy_with_violation(trajectories):
    words = "\n".join(texts(hall_map(trajectories)))
    assert "hottest 28.1 °C, above limit 60 K min/day\nthermal energy 4320 kWh/day" in words


@pytest.mark.parametrize("count", [1, 4, 5])
def test_any_number_of_halls_can_be_drawn(count):
    figure = hall_map({f"policy-{k}": day() for k in range(count)})
    figure.canvas.draw()
    assert len(figure.axes) == count + 1  # and the scale


def test_hall_map_refuses_what_it_cannot_draw(trajectories):
    with pytest.raises(ValueError, match="'highest' or 'worst'"):
        hall_map(trajectories, moment="best")
    with pytest.raises(ValueError, match="no trajectory"):
        hall_map({})


def test_a_day_shows_every_controller_on_one_scale(trajectories):
    figure = day_trajectories(trajectories)
    figure.canvas.draw()
    grid = np.array(figure.axes).reshape(6, 2)
    for left, right in grid:
        assert left.get_ylim() == right.get_ylim()
        assert left.get_xlim() == right.get_xlim() == (0.0, 24.0)
    hottest = grid[0, 1].lines[0]
    assert_allclose(hottest.get_ydata(), trajectories["sac"]["rack_inlet_max"])
    assert_allclose(hottest.get_xdata()[[0, -1]], [1.0, 24.0])


def test_a_day_says_energy_pue_and_violation(trajectories):
    words = texts(day_trajectories(trajectories))
    assert "thermal energy 4800 kWh/day, PUE 1.200\nabove the limit 0.00 K min/day" in words
    assert "thermal energy 4320 kWh/day, PUE 1.180\nabove the limit 60 K min/day" in words
    assert {"g36", "sac", "free cooling", "integrated", "limit", "chillers"} <= set(words)


def test_powers_are_stacked_to_the_thermal_power(trajectories):
    axes = day_trajectories({"g36": trajectories["g36"]}).axes[3]
    tops = [max(path.vertices[:, 1].max() for path in band.get_paths()) for band in axes.collections]
    assert_allclose(tops[-1], 200e3)
    assert tops == sorted(tops)


@pytest.mark.parametrize(("steps", "expected"), [(6, "The same 6 h"), (24, "The same 24 h"), (72, "The same 3 days")])
def test_a_day_names_its_length(steps, expected):
    whole = day()
    trajectory = {name: np.resize(v, (steps, *v.shape[1:])) if v.ndim else v for name, v in whole.items()}
    trajectory["time_s"] = whole["time_s"][0] + 3600.0 * np.arange(steps)
    assert any(words.startswith(expected) for words in texts(day_trajectories({"g36": trajectory})))


def test_too_many_days_are_refused():
    with pytest.raises(ValueError, match="expected 1 to 4"):
        day_trajectories({f"policy-{k}": day() for k in range(5)})


def test_names_of_lines_are_pushed_apart_in_order():
    with house_style():
        axes = new_figure(4.0, 2.0).subplots()
        axes.set_ylim(0.0, 10.0)
        name_lines(axes, [tag(5.0, "b", "k"), tag(5.0, "c", "k"), tag(0.0, "a", "k"), tag(np.nan, "lost", "k")])
    places = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert set(places) == {"a", "b", "c"}
    assert places["a"] < places["b"] < places["c"]
    assert places["c"] - places["b"] > 0.5
    assert_allclose(places["b"] + places["c"], 10.0)


def test_the_users_settings_are_back_after_a_figure(trajectories):
    with matplotlib.rc_context({"font.size": 31.0}):
        figure = hall_map(trajectories)
        assert matplotlib.rcParams["font.size"] == 31.0
    assert max(text.get_fontsize() for text in figure.texts) < 20.0
    assert STYLE["font.size"] == 9.0
