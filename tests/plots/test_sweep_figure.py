import numpy as np
import pytest

from dcsim.plots import supply_air_sweep

SUPPLY = np.linspace(18.0, 24.0, 7)
SWEEP = {
    "supply_air_setpoint": SUPPLY.tolist(),
    "is_reached": [False] + [True] * 6,
    "thermal": (0.12 + 0.001 * (SUPPLY - 21.0) ** 2).tolist(),
    "pue": (1.30 + 0.002 * (SUPPLY - 23.0) ** 2).tolist(),
    "rack_inlet_max": (SUPPLY + 4.5).tolist(),
    "wet_bulb": 14.0,
    "load": 0.5,
}


def test_the_best_of_each_is_marked_where_it_is():
    figure = supply_air_sweep({"a hall": SWEEP})
    power, pue = figure.axes
    marks = [next(line for line in axes.lines if line.get_marker() == "o") for axes in (power, pue)]
    assert [float(mark.get_xdata()[0]) for mark in marks] == [21.0, 23.0]
    assert [float(mark.get_ydata()[0]) for mark in marks] == pytest.approx([12.0, 1.30])
    assert "least power: 12.00 at 21 °C" in {text.get_text() for text in power.texts}


def test_what_is_not_reached_is_left_out_and_what_is_too_hot_is_thin():
    power = supply_air_sweep({"a hall": SWEEP}).axes[0]
    thin, thick = power.lines[:2]
    assert float(np.min(thin.get_xdata())) == 19.0
    inlet = np.array(SWEEP["rack_inlet_max"])[1:]
    np.testing.assert_array_equal(np.isnan(thick.get_ydata()), inlet > 27.0)
