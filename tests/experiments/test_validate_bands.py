"""Annual PUE against published bands: sums that add up, verdicts, and what makes a better equipped hall better."""

import numpy as np
from dcsim_experiments.validation import bands
from dcsim_experiments.validation.results import entry
from numpy.testing import assert_allclose


def test_bands_are_judged_by_where_a_value_stands():
    band = bands.Band(1.1, 1.3, "a source")
    assert bands.verdict(1.2, band) == "inside 1.1-1.3"
    assert bands.verdict(1.05, band) == "0.050 below 1.1-1.3"
    assert bands.verdict(1.32, band) == "0.020 above 1.1-1.3"


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
