"""A recorded trajectory is what the environment did."""

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dcsim  # noqa: F401  (registers the environments)
from dcsim.plots.recording import Recorder, component_energy

STEPS = 6


@pytest.fixture(scope="module")
def episode():
    """Trajectory, infos, and what drove each step, of a short episode."""
    env = gym.make("dcsim/Hyperscale-v0", start="2023-07-15", task="crah-failure", disable_env_checker=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    batch = env.unwrapped.batch
    recorder = Recorder(batch)
    infos, driven = [], []
    for _ in range(STEPS):
        driven.append(
            (batch.view("input.utilization")[:, 0].copy(), float(batch.view("input.wet_bulb_temperature")[0, 0]))
        )
        infos.append(env.step(env.action_space.sample())[4])
        recorder.add(infos[-1])
    return recorder.trajectory(), infos, driven, batch


def test_fields_have_time_first(episode):
    trajectory, *_, batch = episode
    hall = batch.config.hall
    rows = {"rack_inlet_temperature": hall.racks, "utilization": hall.racks}
    rows |= dict.fromkeys(
        ("supply_air_temperature", "supply_air_setpoint", "crah_fan_speed", "crah_available"), hall.crah_groups
    )
    constants = {
        "inlet_limit",
        "inlet_allowable",
        "supply_limit",
        "crah_groups",
        "design_it_power",
        "control_interval_s",
    }
    for name, values in trajectory.items():
        expected = () if name in constants else (STEPS, rows[name]) if name in rows else (STEPS,)
        assert values.shape == expected, name
        assert np.isfinite(values).all(), name


def test_drivers_are_those_of_the_step_and_states_those_at_its_end(episode):
    trajectory, infos, driven, batch = episode
    assert_array_equal(trajectory["utilization"], [load for load, _ in driven])
    assert_array_equal(trajectory["wet_bulb_temperature"], [wet_bulb for _, wet_bulb in driven])
    assert_array_equal(trajectory["rack_inlet_temperature"][-1], batch.state.rack_inlet_temperature[:, 0])
    assert_array_equal(trajectory["time_s"], [info["time_s"] for info in infos])


def test_components_sum_to_the_thermal_energy(episode):
    trajectory, infos, *_ = episode
    days = STEPS * float(trajectory["control_interval_s"]) / 86400.0
    total = sum(info["thermal_energy_kwh"] for info in infos) / days
    assert_allclose(sum(component_energy(trajectory).values()), total, rtol=1e-12)
    assert_allclose(
        component_energy(trajectory)["chillers"], np.mean([info["chiller_power_w"] for info in infos]) * 0.024
    )


def test_a_trajectory_survives_a_file(episode, tmp_path):
    trajectory = episode[0]
    np.savez_compressed(tmp_path / "day.npz", **trajectory)
    with np.load(tmp_path / "day.npz") as stored:
        assert set(stored) == set(trajectory)
        for name in stored:
            assert_array_equal(stored[name], trajectory[name])


def test_an_empty_recording_is_refused(episode):
    with pytest.raises(ValueError, match="no step"):
        Recorder(episode[3]).trajectory()
