"""Annual PUE against published bands: sums that add up, verdicts, and what makes a better equipped hall better."""

import numpy as np
import pytest
from dcsim_experiments.validation import bands
from dcsim_experiments.validation.figures import pue_beside_bands
from dcsim_experiments.validation.results import entry
from numpy.testing import assert_allclose

import dcsim


def test_bands_are_judged_by_where_a_value_stands():
    band = bands.Band(1.1, 1.3, "a source")
    assert bands.verdict(1.2, band) == "inside 1.1-1.3"
    assert bands.verdict(1.05, band) == "0.050 below 1.1-1.3"
    assert bands.verdict(1.32, band) == "0.020 above 1.1-1.3"


# Lei and Masanet, UE.csv of github.com/nuoaleon/UEcalculator_dash_app: 5th and 95th percentile of PUE in zones 1A, 2A, 2B, 3C, 4A, 5A, 5B
PUBLISHED = {
    "dcsim/Enterprise-v0": (
        (1.498608887, 1.488, 1.481375503, 1.469226622, 1.470, 1.466999528, 1.480144504),
        (1.789717656, 1.777, 1.769073826, 1.754055718, 1.754, 1.751027652, 1.77460506),
    ),
    "dcsim/Hyperscale-v0": (
        (1.106980543, 1.099, 1.083599853, 1.074122687, 1.084, 1.082783862, 1.079867705),
        (1.290444576, 1.250, 1.200920688, 1.182618024, 1.202, 1.1958826, 1.193522223),
    ),
    "dcsim/Edge-v0": (
        (1.992396933, 1.951, 2.023914249, 1.851913088, 1.892, 1.881470315, 1.906718765),
        (2.521183262, 2.449, 2.572834374, 2.276489336, 2.346, 2.32610873, 2.355999018),
    ),
}
# L/kWh, least 5th and greatest 95th percentile over all zones
PUBLISHED_WATER = {
    "dcsim/Enterprise-v0": (2.342594421, 3.738868427),
    "dcsim/Hyperscale-v0": (1.724105363, 2.62901392),
    "dcsim/Edge-v0": (0.025015924, 0.103105163),
}


@pytest.mark.parametrize("env_id", PUBLISHED)
def test_bands_are_the_published_percentiles(env_id):
    found = bands.BANDS[env_id]
    zones = dict.fromkeys(bands.ZONES.values())
    assert list(zones) == ["1A", "2A", "2B", "3C", "4A", "5A", "5B"]
    published = dict(zip(zones, np.transpose(PUBLISHED[env_id]), strict=True))
    for climate, band in found.pue.items():
        assert_allclose(band[:2], published[bands.ZONES[climate]], atol=5.1e-4)
    assert_allclose(found.wue[:2], PUBLISHED_WATER[env_id], atol=5.1e-3)


def test_bands_of_the_stock_are_those_of_the_national_report():
    # LBNL 2024, 10th to 90th percentile in 2023: mid size and colocation, hyperscale, AI, small
    expected = {"Enterprise": (1.55, 1.88), "Hyperscale": (1.16, 1.28), "LiquidAI": (1.09, 1.19), "Edge": (1.78, 2.12)}
    assert {f"dcsim/{name}-v0": band for name, band in expected.items()} == {
        env_id: found.pue_stock[:2] for env_id, found in bands.BANDS.items()
    }


def test_a_year_adds_up_and_legacy_operation_lies_inside_its_band():
    found = bands.years("dcsim/Enterprise-v0", ["chicago"], ["fixed", "rules"], days=6)["chicago"]
    for total in found.values():
        assert_allclose(1.0 + sum(total["parts"].values()), total["pue"], rtol=1e-9)
        assert 0.45 < total["load"] < 0.55  # the usual load of such halls, physics of the published bands
    assert 1.467 < found["fixed"]["pue"] < 1.751  # Lei and Masanet 2022, mid size, water-cooled chiller, zone 5A
    assert found["rules"]["pue"] < found["fixed"]["pue"]


USUAL = "dcsim/Enterprise-v0"


@pytest.mark.parametrize(
    "env_id", [each if each == USUAL else pytest.param(each, marks=pytest.mark.slow) for each in bands.BANDS]
)
def test_every_hall_stands_inside_the_band_of_its_class_as_that_is_run(env_id):
    for climate, rows in bands.years(env_id, list(bands.ZONES), [bands.BANDS[env_id].operated], days=10).items():
        (row,) = rows.values()
        assert row["bands"]["pue"]["inside"], (climate, row["bands"]["pue"]["verdict"])
        assert row["without"] == []


def test_every_built_in_hall_has_bands():
    assert set(bands.BANDS) == {env_id for env_id in dcsim.ids() if "Replay" not in env_id}


def test_the_years_of_the_command_are_whole():
    days = bands.days_of_year(bands.DAYS)
    assert len(set(days)) == 365 and (days[0], days[-1]) == ("2023-01-01", "2023-12-31")


def test_published_fans_draw_what_their_ranges_make_of_them():
    # by hand: 300 Pa / 0.9 over 10 K and 1000 Pa / 0.65 over 5 K; 400 Pa / 0.9 over 19.4 K and 600 Pa / 0.65 over 13.9 K
    assert_allclose(bands.SMALL_FANS.shares, (0.02761, 0.25488), rtol=1e-3)
    assert_allclose(bands.LARGE_FANS.shares, (0.01898, 0.05501), rtol=1e-3)


@pytest.mark.parametrize("env_id", [env_id for env_id, found in bands.BANDS.items() if found.fans is not None])
def test_a_class_is_run_by_the_controller_whose_fans_draw_what_is_published(env_id):
    low, high = bands.BANDS[env_id].fans.shares
    found = bands.years(env_id, ["miami"], ["fixed", "rules"], days=6)["miami"]
    shares = {name: row["parts"]["crah_fan"] for name, row in found.items()}
    assert low < shares[bands.BANDS[env_id].operated] < high
    if bands.BANDS[env_id].operated == "fixed":
        assert shares["rules"] < low


@pytest.mark.parametrize(
    ("env_id", "taken"),
    [
        ("dcsim/Enterprise-v0", ["drives on the fans"]),
        ("dcsim/Edge-v0", ["drives on the fans", "supply air above 17 degC"]),
    ],
)
def test_the_equipment_that_a_class_lacks_makes_the_difference(env_id, taken):
    row = bands.years(env_id, ["miami"], ["g36"], days=6)["miami"]["g36"]
    assert row["pue"] < bands.BANDS[env_id].pue["miami"].low
    steps = row["without"]
    assert [step["inside"] for step in steps] == [False] * (len(taken) - 1) + [True]
    assert steps[-1]["taken"] == taken
    assert row["pue"] < steps[0]["pue"] <= steps[-1]["pue"]
    text = " ".join(bands.remarks(env_id, {bands.BANDS[env_id].operated: row, "g36": row}))
    assert f"{' and '.join(taken)}, which halls of the class have not, make the difference" in text


def test_a_case_judges_the_hall_as_its_class_is_operated_and_reports_the_rest():
    rows = bands.years("dcsim/Enterprise-v0", ["chicago"], ["fixed", "rules"], days=3)["chicago"]
    case = bands.case_of("dcsim/Enterprise-v0", "chicago", rows)
    found = {quantity.name: entry(quantity) for quantity in case.quantities}
    assert_allclose(found["pue"]["reference"], 0.5 * (1.467 + 1.751))
    assert_allclose(found["pue"]["tolerance"]["error"], 0.5 * (1.751 - 1.467))
    assert found["pue"]["passed"] is True
    assert found["pue_rules"]["passed"] is None and found["wue"]["passed"] is None
    assert "crah fan -" in case.note and "K min a day above the limit" in case.note
    assert_allclose(found["pue_rules_without_extras"]["dcsim"], rows["rules"]["without"][-1]["pue"])
    assert np.isclose(found["wue"]["dcsim"], rows["fixed"]["water_l"] / rows["fixed"]["it_kwh"])
    axes = pue_beside_bands([case]).axes[0]
    (band,) = axes.patches
    assert_allclose((band.get_x(), band.get_x() + band.get_width()), (1.467, 1.751))
    drawn = sorted(float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1)
    assert_allclose(drawn, sorted(of["dcsim"] for name, of in found.items() if name.startswith("pue")))
