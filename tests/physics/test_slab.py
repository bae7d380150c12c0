"""Slabs: natural convection against its source, the enclosure's balance solved otherwise, layers against exact conduction."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import erfc

from dcsim.physics import slab

FLOOR, WALLS = 232.26, 278.71  # m2 of the hall of the EnergyPlus runs; its roof is as large as its floor
AROUND_FLOOR = (slab.TARP_STABLE * FLOOR, slab.TARP_UNSTABLE * FLOOR)
AROUND_ELSE = (
    slab.TARP_VERTICAL * WALLS + slab.TARP_UNSTABLE * FLOOR,
    slab.TARP_VERTICAL * WALLS + slab.TARP_STABLE * FLOOR,
)
RADIATION = 1391.0  # W/K


def test_natural_convection_is_that_of_the_thermal_analysis_research_program():
    # Walton (1983): 1.31 at walls, 1.810 / (1.382 + 1) and 9.482 / (7.238 - 1) at level surfaces, for 1 K
    assert_allclose(slab.TARP_STABLE, 0.7599, atol=5e-5)
    assert_allclose(slab.TARP_UNSTABLE, 1.5200, atol=5e-5)
    assert_allclose(slab.natural_convection(8.0, 10.0, 20.0), 20.0, rtol=1e-12)  # third root of 8
    assert_allclose(slab.natural_convection(-8.0, 10.0, 20.0), 40.0, rtol=1e-12)  # colder air: the other coefficient


@pytest.mark.parametrize("difference", [0.5, 2.0, 9.0, 30.0, 100.0, -0.5, -2.0, -9.0, -30.0])
def test_walls_and_ceiling_stand_where_convection_balances_radiation(difference):
    side = 0 if difference > 0.0 else 1

    def unbalanced(film_difference):
        return AROUND_ELSE[side] * film_difference ** (4.0 / 3.0) - RADIATION * (abs(difference) - film_difference)

    film_difference = brentq(unbalanced, 1e-9, abs(difference))
    by_radiation = RADIATION * (abs(difference) - film_difference) / abs(difference)
    exact = AROUND_FLOOR[side] * abs(difference) ** (1.0 / 3.0) + by_radiation
    found = slab.enclosed_conductance(difference, AROUND_FLOOR, AROUND_ELSE, RADIATION)
    assert_allclose(found, exact, rtol=0.02)


def test_more_difference_conducts_more_and_warm_air_less_than_cold_air_to_the_floor_alone():
    differences = np.array([0.1, 1.0, 10.0, 100.0])
    found = slab.enclosed_conductance(differences, AROUND_FLOOR, AROUND_ELSE, RADIATION)
    assert (np.diff(found) > 0.0).all()
    no_radiation = (AROUND_ELSE, 1e-9)
    warm, cold = (slab.enclosed_conductance(d, AROUND_FLOOR, *no_radiation) for d in (10.0, -10.0))
    assert warm < cold


def marched(layers, time, substeps, film, conductance, heat_capacity, air):
    """Temperatures of the layers after a time in air that stands still, and the heat that left the air."""
    rows, heat = (0.0,) * layers, 0.0
    step = time / substeps
    for _ in range(substeps):
        slab_step = slab.layered_step(rows, heat_capacity / layers, film, conductance * layers, step)
        heat += step * slab_step.conductance * (air - slab_step.source_temperature)
        rows = slab_step.temperatures(air)
    return np.array(rows), heat


def test_what_leaves_the_air_is_in_the_layers_to_rounding():
    rows, heat = marched(5, 1800.0, 7, 900.0, 3958.0, 4.424e7, 40.0)
    assert_allclose((rows * 4.424e7 / 5).sum(), heat, rtol=1e-12)
    assert (np.diff(rows) < 0.0).all() and rows[0] < 40.0  # warmest above


def test_layers_tend_to_a_thick_solid_under_a_film():
    # half-space under a film (Carslaw and Jaeger, Conduction of Heat in Solids, 2.7): heat through its surface, closed form
    conductivity, density_heat, area = 1.73, 2243.0 * 837.0, 232.26
    thickness, film, time = 0.4, 10.0, 1200.0  # thick enough that the bottom does not feel it: 48 mm of reach
    diffusivity = conductivity / density_heat
    number = film / conductivity * np.sqrt(diffusivity * time)
    exact = density_heat * conductivity / film * (np.exp(number**2) * erfc(number) - 1.0) + 2.0 * np.sqrt(
        conductivity * density_heat * time / np.pi
    )
    errors = []
    for layers in (20, 40, 80):
        _, heat = marched(
            layers, time, 600, film * area, conductivity * area / thickness, density_heat * area * thickness, 1.0
        )
        errors.append(abs(heat / area / exact - 1.0))
    assert errors[-1] < 2e-3 and errors[-1] < errors[0]


def test_a_slab_of_one_layer_under_a_great_conductance_is_a_lump():
    step = slab.layered_step((20.0,), 1e6, 500.0, 1e12, 60.0)
    lump = 500.0 / (1.0 + 60.0 * 500.0 / 1e6)  # thermal.coupling_conductance
    assert_allclose(step.conductance, lump, rtol=1e-6)
    assert_allclose(step.temperatures(30.0)[0], (20.0 + 0.03 * 30.0) / 1.03, rtol=1e-6)
