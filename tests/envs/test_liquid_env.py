"""What the liquid-cooled environment reports beyond the others: peaks inside a step, cases, dew point; and how it ends."""

import gymnasium as gym
import numpy as np
import pytest
from numpy.testing import assert_allclose

from dcsim.envs.sensors import is_measured

ID = "dcsim/LiquidAI-v0"


@pytest.fixture(scope="module")
def day():
    """A day of training load with the settled set-points held: infos, and what drove each step."""
    env = gym.make(ID, weather="chicago", start="2023-05-15").unwrapped
    env.reset(seed=3)
    batch = env.batch
    held = batch.action_map.actions(batch.setpoints)[0]
    rows = []
    for _ in range(288):
        drivers = {name: batch.view(f"input.{name}")[:, 0].copy() for name in ("utilization", "swing_share", "swing")}
        *_, info = env.step(held)
        rows.append({**info, **drivers, "case_max": batch.view("measured.case_max")[:, 0].copy()})
    return batch.config.hall, {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_load_swings_between_idle_and_full_inside_control_steps(day):
    hall, rows = day
    zones = rows["swing"].reshape(288, hall.crah_groups, -1)
    assert_allclose(zones.mean(2), 0.0, atol=1e-6)
    slots = (
        rows["utilization"].reshape(288, hall.crah_groups, -1, 1)
        + rows["swing_share"].reshape(288, hall.crah_groups, -1, 1) * zones[:, :, None]
    )
    assert slots.min() > -1e-6 and slots.max() < 1.0 + 1e-6
    assert ((slots.max(3) - slots.min(3)) > 0.9).any()
    is_air_cooled = hall.params.air_share[:, 0] == 1.0
    assert (rows["swing_share"][:, is_air_cooled] == 0.0).all()


def test_peaks_are_reported_beside_means(day):
    hall, rows = day
    assert (rows["it_power_peak_w"] > rows["it_power_w"] - 1.0).all()
    assert (rows["it_power_peak_w"] - rows["it_power_w"]).max() > 0.2 * hall.design_it_power
    is_still = np.abs(rows["swing"]).max(1) == 0.0
    steady = is_still[1:] & is_still[:-1] & (np.abs(np.diff(rows["utilization"], axis=0)).max(1) < 1e-6)
    assert_allclose(rows["it_power_peak_w"][1:][steady], rows["it_power_w"][1:][steady], rtol=0.02)
    assert_allclose(rows["case_temperature_max_c"], rows["case_max"].max(1))


def test_thermal_power_is_cooling_fans_and_leakage_of_racks_and_plates(day):
    _, rows = day
    leakage = rows["thermal_power_w"] - rows["cooling_power_w"] - rows["server_fan_power_w"]
    share = leakage / rows["it_power_w"]
    assert (share > 0.0).all()
    # coolant between 25 and 35 degC: 0.25 % a kelvin above 20 degC of 83 % of the power, and a little of the rest
    assert 0.01 < share.mean() < 0.04


def test_every_signal_of_plates_and_coolers_can_be_read_wrongly(day):
    env = gym.make(ID).unwrapped
    measured = {signal.name for signal in env.signals.observation if is_measured(signal)}
    for name in ("case_max_1", "coolant_supply_temperature_5", "facility_water_supply_temperature", "peak_power"):
        assert name in measured


def test_a_hall_whose_pumps_all_stop_trips_within_minutes_and_pays_for_the_rest_of_the_day():
    failures = {"schedule": [{"component": "cdu_pump", "units": "all", "start_hour": 1.0, "hours": 2.0}]}
    env = gym.make(ID, start="2023-05-15", failures=failures).unwrapped
    env.reset(seed=0)
    held = env.batch.action_map.actions(env.batch.setpoints)[0]
    for k in range(1, 289):  # noqa: B007 (read after the loop)
        _, reward, terminated, truncated, info = env.step(held)
        if terminated:
            break
    assert terminated and not truncated
    assert k == 13
    assert info["case_temperature_max_c"] > 95.0 and info["rack_inlet_max_c"] < 40.0
    assert info["violation_k_min"] > 30.0
    assert info["reward_trip"] == -(288 - k)
    assert reward <= -(288 - k)


def test_the_guard_warms_the_coolant_when_a_humid_front_comes(tmp_path):
    """Into a room whose make-up air is not dried, as warm as it comes; coils hold the dew point near their water."""
    hours = np.datetime64("2023-01-01T00:00") + np.arange(8760).astype("timedelta64[h]")
    front = np.datetime64("2023-05-15T06:00")
    rows = [f"{hour},{24.0 if hour >= front else 12.0},{99 if hour >= front else 40}" for hour in hours]
    file = tmp_path / "front.csv"
    file.write_text("\n".join(["time,dry_bulb [degC],relative_humidity [%]", *rows]) + "\n")
    humid = {"moisture.make_up_air_temperature": 40.0, "moisture.ventilation": 4.0}
    env = gym.make(ID, weather=str(file), start="2023-05-15", workload="flat", changes=humid).unwrapped
    env.reset(seed=0)
    signals = [signal.name for signal in env.signals.action]
    action = np.zeros(len(signals), np.float32)
    action[signals.index("coolant_setpoint")] = action[signals.index("facility_water_setpoint")] = -1.0
    action[signals.index("chilled_water_setpoint")] = 1.0
    state, seen = env.batch.state, []
    for _ in range(120):
        *_, info = env.step(action)
        seen.append(
            (state.facility_water_supply_temperature[0, 0], state.coolant_floor[0, 0], state.room_dew_point[0, 0])
        )
        parts = [name for name in info if name.endswith("_k_min")]
        assert_allclose(info["cost"], sum(info[name] for name in parts), atol=1e-12)
        assert "coolant_dew_point_k_min" in parts
    coldest, floor, dew = np.array(seen).T
    assert_allclose(floor[1:], dew[:-1] + 2.0, atol=1e-9)
    assert coldest[50] < 20.5 and floor[50] < 5.0
    assert floor[-1] > 21.5
    assert (coldest > floor - 0.3).all()
