"""Pictures of a running hall show its state."""

import subprocess
import sys

import gymnasium as gym
import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dcsim
from dcsim.envs.batch import Batch
from dcsim.envs.config import configure
from dcsim.envs.rendering import HALL_BOX, HEIGHT, WIDTH, HallRenderer
from dcsim.plant.description import load_hall
from dcsim.plots import palette


def made(env_id="dcsim/Enterprise-v0", **options):
    env = gym.make(
        env_id, **{"render_mode": "rgb_array", "start": "2023-07-15", "disable_env_checker": True, **options}
    )
    env.reset(seed=0)
    return env


@pytest.fixture(scope="module")
def shared():
    """Environment, renderer and info whose state tests may write into."""
    env = made()
    _, info = env.reset(seed=0)
    batch = env.unwrapped.batch
    return batch, HallRenderer(batch), info


def corner_color(picture, renderer, rack):
    """Mean colour of a rack group's upper left corner, where neither text, load bar nor frame is."""
    left, bottom, _, height = renderer._hall.rack_boxes[rack]
    x, y = int(HALL_BOX[0] + left) + 6, int(HEIGHT - HALL_BOX[1] - bottom - height) + 6
    return picture[y : y + 5, x : x + 5].reshape(-1, 3).mean(0) / 255.0


@pytest.mark.parametrize("env_id", dcsim.ids())
def test_a_frame_is_a_picture_at_reset_and_after_a_step(env_id):
    env = made(env_id)
    first = env.render()
    env.step(env.action_space.sample())
    second = env.render()
    for picture in (first, second):
        assert picture.shape == (HEIGHT, WIDTH, 3)
        assert picture.dtype == np.uint8
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    assert (first != second).any()


def test_cells_have_the_colour_of_their_temperature(shared):
    batch, renderer, info = shared
    inlets = batch.state.rack_inlet_temperature
    inlets[:, 0] = np.linspace(18.0, 34.0, len(inlets))
    picture = renderer.frame(info)
    for rack, temperature in enumerate(inlets[:, 0]):
        expected = palette.heat(np.array(temperature), 27.0, 32.0)
        assert_allclose(corner_color(picture, renderer, rack), expected, atol=0.01)


def test_only_the_rack_that_warms_and_the_figures_of_the_hottest_change(shared):
    batch, renderer, info = shared
    inlets = batch.state.rack_inlet_temperature
    inlets[:, 0] = 22.0
    inlets[3, 0] = 24.0
    before = renderer.frame(info)
    inlets[12, 0] = 23.0
    after = renderer.frame(info)
    left, bottom, width, height = renderer._hall.rack_boxes[12]
    y, x = np.nonzero((before != after).any(axis=2))
    assert len(x) > 1000
    assert x.min() >= HALL_BOX[0] + left - 1 and x.max() <= HALL_BOX[0] + left + width + 1
    assert y.min() >= HEIGHT - HALL_BOX[1] - bottom - height - 1 and y.max() <= HEIGHT - HALL_BOX[1] - bottom + 1


def test_the_plant_half_shows_its_own_temperatures(shared):
    batch, renderer, info = shared
    before = renderer.frame(info)
    batch.state.condenser_water_supply_temperature[0, 0] += 7.0
    after = renderer.frame(info)
    changed = np.nonzero((before != after).any(axis=(0, 2)))[0]
    assert len(changed) > 20
    assert changed.min() > HALL_BOX[0] + HALL_BOX[2]


def test_a_crah_group_that_cannot_run_is_crossed_out(shared):
    batch, renderer, info = shared
    before = renderer.frame(info)
    batch.view("input.crah_available")[1, 0] = 0.0
    after = renderer.frame(info)
    batch.view("input.crah_available")[1, 0] = 1.0
    red = np.array([179, 38, 30])

    def reds(picture):
        left_half = picture[:, : HALL_BOX[0] + 110].astype(int)
        return int((np.abs(left_half - red).max(axis=2) < 40).sum())

    assert reds(before) == 0
    assert reds(after) > 200
    assert_array_equal(renderer.frame(info), before)


def test_the_plants_own_protection_is_announced(shared):
    batch, renderer, info = shared
    before = renderer.frame(info)
    batch.state.protection[:] = 1.0
    after = renderer.frame(info)
    batch.state.protection[:] = 0.0
    red = np.array([int(palette.LIMIT[i : i + 2], 16) for i in (1, 3, 5)])
    assert (after == red).all(axis=2).sum() > 1500
    assert not (before == red).all(axis=2).any()
    lowest = batch.config.hall.description.setpoints.supply_air_temperature.low
    assert renderer._hall_values().supply_air_setpoint.min() >= lowest
    batch.state.protection[:] = 1.0
    assert_array_equal(renderer._hall_values().supply_air_setpoint, lowest)
    batch.state.protection[:] = 0.0
    assert_array_equal(renderer.frame(info), before)


def test_a_frame_depends_on_the_state_alone():
    env = made("dcsim/Hyperscale-v0")
    batch = env.unwrapped.batch
    seasoned = HallRenderer(batch)
    for _ in range(3):
        *_, info = env.step(env.action_space.sample())
        seasoned.frame(info)
    assert_array_equal(seasoned.frame(info), HallRenderer(batch).frame(info))


def test_the_users_own_matplotlib_settings_do_not_matter(shared):
    batch, renderer, info = shared
    expected = renderer.frame(info)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "black", "text.color": "red"}):
        assert_array_equal(HallRenderer(batch).frame(info), expected)


def test_halls_of_other_shapes_are_drawn():
    description = load_hall("enterprise-1mw").replaced(
        {
            "racks.groups": 240,
            "racks.racks_per_group": 1,
            "racks.rack_power": 4000.0,
            "racks.relative_power": [1.0] * 240,
            "room.relative_recirculation": [1.0] * 240,
            "room.hot_air_cells": 1,
            "crahs.groups": 12,
            "chillers.count": 9,
        }
    )
    batch = Batch(configure(hall=description, start="2023-07-15"), 2)
    batch.reset(np.arange(2), [0, 1])
    info = {name: float(values[1]) for name, values in batch.info().items()}
    picture = HallRenderer(batch, env=1).frame(info)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (picture != 255).any(axis=2).mean() > 0.3


def test_a_vector_environment_shows_its_first_row():
    envs = gym.make_vec("dcsim/Enterprise-v0", num_envs=2, render_mode="rgb_array", start="2023-07-15")
    envs.reset(seed=0)
    (picture,) = envs.render()
    assert_array_equal(picture, made().render())


def test_matplotlib_is_loaded_by_the_first_picture_and_pyplot_never():
    program = """
import sys, gymnasium as gym, dcsim
env = gym.make("dcsim/Enterprise-v0", render_mode="rgb_array", disable_env_checker=True)
env.reset(seed=0)
env.step(env.action_space.sample())
assert not {"matplotlib", "PIL"} & set(sys.modules)
env.render()
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
