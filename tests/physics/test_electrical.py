"""Power chain and figures of merit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import figures_of_merit as merit
from dcsim.physics import power_chain

# efficiency at 10, 25, 50, 75, 100 % of rating, worked from the polynomials to 3 digits
EFFICIENCIES = {
    "ups-modern": (0.937, 0.968, 0.977, 0.978, 0.977),
    "ups-eco": (0.969, 0.985, 0.990, 0.991, 0.991),
    "ups-legacy": (0.727, 0.852, 0.900, 0.915, 0.920),
    "pdu-and-transformer": (0.970, 0.985, 0.988, 0.987, 0.985),
}


@pytest.mark.parametrize(("name", "expected"), EFFICIENCIES.items())
def test_efficiencies_of_the_named_devices(name, expected):
    load = np.array([0.10, 0.25, 0.50, 0.75, 1.00])
    assert_allclose(power_chain.efficiency(load, 1.0, *power_chain.LOSSES[name]), expected, atol=6e-4)


def test_transformer_meets_the_legal_minimum():
    losses = power_chain.LOSSES["transformer-300-kva"]
    # 10 CFR 431.196: 300 kVA low-voltage dry type, 99.02 % at 35 % load
    assert_allclose(power_chain.efficiency(0.35, 1.0, *losses), 0.9902, atol=1e-4)
    assert_allclose(power_chain.efficiency(np.array([0.1, 1.0]), 1.0, *losses), [0.982, 0.984], atol=7e-4)


# 10 CFR 431.196(a)(2): kVA and percent at 35 % load, low-voltage dry-type, three-phase
MINIMA = {
    15: 97.89, 30: 98.23, 45: 98.40, 75: 98.60, 112.5: 98.74, 150: 98.83,
    225: 98.94, 300: 99.02, 500: 99.14, 750: 99.23, 1000: 99.28,
}  # fmt: skip


@pytest.mark.parametrize("rating", MINIMA)
def test_transformers_of_every_rating_just_meet_the_legal_minimum(rating):
    losses = power_chain.transformer_losses(1e3 * rating)
    load = np.linspace(0.05, 1.0, 96)
    efficiency = power_chain.efficiency(load, 1.0, *losses)
    assert_allclose(100.0 * power_chain.efficiency(0.35, 1.0, *losses), MINIMA[rating], rtol=1e-9)
    assert_allclose(load[efficiency.argmax()], 0.35, atol=0.011)  # best where it is measured


def test_transformer_of_300_kilovolt_amperes_has_the_losses_of_the_table():
    assert_allclose(power_chain.transformer_losses(300e3), power_chain.LOSSES["transformer-300-kva"], rtol=2e-3)
    # linear interpolation between ratings
    between = power_chain.efficiency(0.35, 1.0, *power_chain.transformer_losses(400e3))
    assert_allclose(between, 0.5 * (0.9902 + 0.9914), rtol=1e-12)


@given(st.floats(0.01, 1.2), st.floats(1e3, 1e7))
def test_loss_scales_with_rating_and_leaves_a_no_load_part(load, rating):
    losses = power_chain.LOSSES["ups-legacy"]
    assert_allclose(
        power_chain.loss_power(load * rating, rating, *losses),
        rating * power_chain.loss_power(load, 1.0, *losses),
        rtol=1e-12,
    )
    assert power_chain.loss_power(0.0, rating, *losses) == rating * losses[0]


def test_converters_of_frontier():
    # ExaDigiT/RAPS: rectifier (P + 17 W) / 0.96
    assert_allclose(power_chain.drawn_power_with_fixed_loss(943.0, 17.0, 0.96), 1000.0, rtol=1e-14)
    # point-of-load converter (P + 13 W) / 0.98, and both in series
    assert_allclose(power_chain.drawn_power_with_fixed_loss(967.0, 13.0, 0.98), 1000.0, rtol=1e-14)
    node = power_chain.drawn_power_with_fixed_loss(930.0, 13.0, 0.98)
    assert_allclose(power_chain.drawn_power_with_fixed_loss(node, 17.0, 0.96), (943.0 / 0.98 + 17.0) / 0.96, rtol=1e-14)


def test_supplies_lie_in_the_ranges_of_the_stock():
    # LBNL 2024, table 4.3: UPS 80 to 94 % in mid-size halls, 90 to 99 % in the largest; distribution losses 2 to 5 % there,
    # up to 2 % here
    load = np.array([0.25, 0.50, 0.75, 1.00])
    legacy = power_chain.efficiency(load, 1.0, *power_chain.LOSSES["ups-legacy"])
    modern = power_chain.efficiency(load, 1.0, *power_chain.LOSSES["ups-modern"])
    assert np.all((legacy > 0.80) & (legacy < 0.94))
    assert np.all((modern > 0.90) & (modern < 0.99))
    distribution = power_chain.loss_power(load, 1.0, *power_chain.LOSSES["pdu-and-transformer"]) / load
    assert np.all(distribution < 0.02)


def test_pue_and_its_reciprocal():
    assert merit.pue(1.5, 1.0) == 1.5
    assert_allclose(merit.pue(1.5, 1.0) * merit.dcie(1.5, 1.0), 1.0, rtol=1e-15)
    assert_allclose(merit.partial_pue(0.3, 1.0), 1.3, rtol=1e-15)


def test_hot_room_lowers_pue_and_raises_tue():
    cool = {"it": 1000.0, "fans": 20.0, "facility": 1150.0}
    hot = {"it": 1060.0, "fans": 80.0, "facility": 1190.0}
    assert merit.pue(hot["facility"], hot["it"]) < merit.pue(cool["facility"], cool["it"])
    assert merit.tue(hot["facility"], hot["it"], hot["fans"]) > merit.tue(cool["facility"], cool["it"], cool["fans"])
    assert_allclose(
        merit.tue(1190.0, 1060.0, 80.0, 30.0), merit.itue(1060.0, 80.0, 30.0) * merit.pue(1190.0, 1060.0), rtol=1e-14
    )


def test_energy_reuse_of_nrel_esif():
    # NREL ESIF: PUE 1.034, ERE 0.929 -> ERF 0.1015
    assert_allclose(merit.ere(1.034, 0.1015), 0.929, atol=1e-4)
    assert merit.ere(1.3, 0.2) <= 1.3
    assert_allclose(merit.erf(20.0, 130.0), 20.0 / 130.0)


def test_mechanical_load_is_the_part_of_pue_above_one():
    # Modelica Buildings, DataCenterContinuousTimeControl and ...DiscreteTimeControl: 4.1307e10 and 4.1693e10 J in a week
    # beside 500 kW: 68.30 and 68.94 kW
    power = np.array([4.1307e10, 4.1693e10]) / (7.0 * 86400.0)
    assert_allclose(power, [68.30e3, 68.94e3], atol=5.0)
    assert_allclose(merit.partial_pue(power, 500e3), [1.1366, 1.1379], atol=5e-5)
    # ASHRAE 90.4: PUE is 1 and the mechanical and electrical components
    it, mechanical, electrical = 1000.0, 210.0, 90.0
    components = merit.partial_pue(mechanical, it) - 1.0 + merit.partial_pue(electrical, it) - 1.0
    assert_allclose(merit.pue(it + mechanical + electrical, it), 1.0 + components, rtol=1e-14)


def test_water_and_carbon():
    assert_allclose(merit.wue(1800.0, 1000.0), 1.8)
    assert_allclose(merit.wue_source(1.8, 1.2, 2.0), 4.2)
    assert_allclose(merit.cue(1.25, 0.4), 0.5)
