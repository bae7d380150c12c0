"""The EnergyPlus model writer, without the engine."""

import json
import math
from dataclasses import replace
from datetime import date

import pytest
from dcsim_experiments.energyplus_model import model_objects, site_elevation, write_model
from dcsim_experiments.energyplus_sizes import Crah, EnergyPlusModel, Setpoints


def test_coil_design_point_gives_the_conductance_back():
    # Inverse of the counterflow relation: NTU = ln((1 - eps Cr) / (1 - eps)) / (1 - Cr) with C_min on the air side.
    crah = Crah()
    outlet = crah.coil_air_outlet_temperature(elevation=0.0)
    air = 32.0 * 101325.0 / (287.0 * 293.15) * (1004.84 + 1858.95 * 0.0075)
    water = 0.01035 * 999.7 * 4195.0
    effectiveness, ratio = (33.0 - outlet) / (33.0 - 10.0), air / water
    ntu = math.log((1.0 - effectiveness * ratio) / (1.0 - effectiveness)) / (1.0 - ratio)
    assert ratio < 1.0
    assert ntu * air == pytest.approx(crah.coil_conductance, rel=1e-12)


def test_thinner_air_leaves_the_coil_colder():
    outlet = [Crah().coil_air_outlet_temperature(elevation) for elevation in (0.0, 800.0, 1600.0)]
    assert outlet[0] > outlet[1] > outlet[2] > 10.0


def test_every_branch_chains_its_components_through_shared_nodes():
    for branch in model_objects(EnergyPlusModel())["Branch"].values():
        parts = branch["components"]
        for before, after in zip(parts[:-1], parts[1:], strict=True):
            assert before["component_outlet_node_name"] == after["component_inlet_node_name"]


def test_nothing_is_autosized_and_nothing_is_reported():
    text = json.dumps(model_objects(EnergyPlusModel()))
    assert "Autosize" not in text and "Output:" not in text.replace("OutputControl:", "")


def test_condenser_water_follows_the_wet_bulb_only_where_no_number_is_given():
    following = model_objects(EnergyPlusModel())
    fixed = model_objects(EnergyPlusModel(setpoints=Setpoints(condenser_water=22.0)))
    assert "SetpointManager:FollowOutdoorAirTemperature" in following
    assert "SetpointManager:FollowOutdoorAirTemperature" not in fixed
    assert fixed["Schedule:Constant"]["Condenser Water Setpoint"]["hourly_value"] == 22.0


@pytest.mark.parametrize("time_step", [30, 700, 7200])
def test_a_time_step_that_does_not_divide_an_hour_is_refused(time_step):
    with pytest.raises(ValueError, match=f"time_step={time_step}"):
        model_objects(EnergyPlusModel(time_step=time_step))


@pytest.mark.parametrize(("start", "days"), [(date(2017, 1, 1), 366), (date(2017, 12, 31), 2), (date(2020, 1, 1), 5)])
def test_a_run_period_outside_one_plain_year_is_refused(start, days):
    with pytest.raises(ValueError, match=f"days={days}"):
        model_objects(replace(EnergyPlusModel(), start=start, days=days))


def test_the_run_period_ends_on_its_last_day():
    run = model_objects(EnergyPlusModel(start=date(2017, 2, 27), days=3))["RunPeriod"]["Run"]
    assert (run["end_month"], run["end_day_of_month"]) == (3, 1)


def test_elevation_comes_from_the_first_line_of_the_weather_file(tmp_path):
    weather = tmp_path / "site.epw"
    weather.write_text("LOCATION,Somewhere,XX,YYY,TMY3,000000,40.0,-105.0,-7.0,1650.0\n", encoding="latin-1")
    assert site_elevation(weather) == 1650.0
    write_model(EnergyPlusModel(), weather, tmp_path / "hall.epJSON")
    coil = json.loads((tmp_path / "hall.epJSON").read_text())["Coil:Cooling:Water"]["CRAH Coil"]
    assert coil["design_outlet_air_temperature"] == pytest.approx(Crah().coil_air_outlet_temperature(1650.0))
