"""Annual PUE against published bands: sums that add up, verdicts, and what makes a better equipped hall better."""

import numpy as np
import pytest
from dcsim_experiments.validation import bands
from dcsim_experiments.validation.results import entry
from numpy.testing import assert_allclose


def test_bands_are_judged_by_where_a_value_stands():
    band = bands.Band(1.1, 1.3, "a source")
    assert bands.verdict(1.2, band) == "inside 1.1-1.3"
    assert bands.verdict(1.05, band) == "0.050 below 1.1-1.3"
    assert bands.verdict(1.32, band) == "0.020 above 1.1-1.3"


# Lei and Masanet, UE.csv of github.com/nuoaleon/UEcalculator_dash_app: 5th and 95th percentile of PUE in zones 1A, 2B, 3C, 5A, 5B
PUBLISHED = {
    "dcsim/Enterprise-v0": (
        (1.498608887, 1.481375503, 1.469226622, 1.466999528, 1.480144504),
        (1.789717656, 1.769073826, 1.754055718, 1.751027652, 1.77460506),
    ),
    "dcsim/Hyperscale-v0": (
        (1.106980543, 1.083599853, 1.074122687, 1.082783862, 1.079867705),
        (1.290444576, 1.200920688, 1.182618024, 1.1958826, 1.193522223),
    ),
    "dcsim/Edge-v0": (
        (1.992396933, 2.023914249, 1.851913088, 1.881470315, 1.906718765),
        (2.521183262, 2.572834374, 2.276489336, 2.32610873, 2.355999018),
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
    assert list(found.pue) == ["miami", "phoenix", "san-francisco", "chicago", "denver"]
    assert_allclose([band[:2] for band in found.pue.values()], np.transpose(PUBLISHED[env_id]), atol=5.1e-4)
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


def test_a_case_judges_the_hall_as_its_class_is_operated_and_reports_the_rest():
    rows = bands.years("dcsim/Enterprise-v0", ["chicago"], ["fixed", "rules"], days=3)["chicago"]
    case = bands.case_of("dcsim/Enterprise-v0", "chicago", rows)
    found = {quantity.name: entry(quantity) for quantity in case.quantities}
    assert_allclose(found["pue"]["reference"], 0.5 * (1.467 + 1.751))
    assert_allclose(found["pue"]["tolerance"]["error"], 0.5 * (1.751 - 1.467))
    assert found["pue"]["passed"] is True
    assert found["pue_rules"]["passed"] is None and found["wue"]["passed"] is None
    assert "crah fan -" in case.note and "K min a day above the limit" in case.note
    assert np.isclose(found["wue"]["dcsim"], rows["fixed"]["water_l"] / rows["fixed"]["it_kwh"])
