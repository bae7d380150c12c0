"""Thick floors: natural convection and radiation between room air and a slab, conduction in its layers.

Air touches the slab, and walls and ceiling that radiate to it; those store nothing here and lie between. Inside, heat moves through layers of
equal thickness. Sun, moisture and the ground below are left out.

Sources: Walton, Thermal Analysis Research Program reference manual, NBSIR 83-2655 (1983), for natural convection; Patankar, Numerical Heat
Transfer and Fluid Flow (1980), for implicit layers.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import Array
from dcsim.physics.smooth import power

TARP_VERTICAL, TARP_UNSTABLE, TARP_STABLE = 1.31, 9.482 / 6.238, 1.810 / 2.382
"""Natural convection at walls, and at level surfaces from which the air rises or on which it stays: W/(m2 K^(4/3)). Walton (1983), as in the
EnergyPlus Engineering Reference, TARP algorithm."""


def natural_convection(difference: Array, coefficient_warmer: Array, coefficient_colder: Array, xp: Any = np) -> Array:
    """Conductance of natural convection.

    Parameters
    ----------
    difference : Array, any shape
        Air less surface [K].
    coefficient_warmer, coefficient_colder : Array, broadcastable
        Of all surfaces [W/K^(4/3)] for air warmer and for air colder than them: area times `TARP_VERTICAL` and its like.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Conductance [W/K], the coefficient times the third root of the difference.
    """
    coefficient = xp.where(difference > 0.0, coefficient_warmer, coefficient_colder)
    return coefficient * power(xp.maximum(difference, -difference), 1.0 / 3.0, xp)


def enclosed_conductance(
    difference: Array,
    slab_coefficients: tuple[Array, Array],
    enclosure_coefficients: tuple[Array, Array],
    radiation: Array,
    xp: Any = np,
) -> Array:
    """Conductance from room air to a slab, by air and by way of the surfaces around it.

    Parameters
    ----------
    difference : Array, any shape
        Air less slab [K].
    slab_coefficients, enclosure_coefficients : tuple of two Arrays, broadcastable
        Natural convection at the slab and at all other surfaces [W/K^(4/3)], air warmer and air colder, see `natural_convection`.
    radiation : Array, broadcastable
        Between the other surfaces and the slab [W/K], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Conductance [W/K].

    Notes
    -----
    The other surfaces stand where convection to them balances radiation from them. Their film is taken at half of the difference, then once
    more at what that film leaves of it: within 2 % of the balance for a slab and an enclosure of twice its area, from 0.5 to 100 K (tested).
    """
    direct = natural_convection(difference, *slab_coefficients, xp)
    film = natural_convection(0.5 * difference, *enclosure_coefficients, xp)
    film = natural_convection(difference * (radiation / (film + radiation)), *enclosure_coefficients, xp)
    return direct + film * radiation / (film + radiation)


class LayeredStep(NamedTuple):
    """A step of a slab before the temperature of the air is known; layers are rows of their own, shape (1, N) each."""

    conductance: Array  # W/K, heat into the slab per kelvin of the air's new temperature above `source_temperature`
    source_temperature: Array  # degC
    stiffness: tuple[Array, ...]  # W/K, from the surface downwards
    uncoupled: tuple[Array, ...]  # degC, of each layer if nothing came from above
    couplings: tuple[Array, ...]  # W/K, from above into each layer

    def temperatures(self, air_temperature: Array) -> tuple[Array, ...]:
        """New temperatures of the layers with that of the air [degC], each of shape (1, N)."""
        above, result = air_temperature, []
        for stiffness, uncoupled, coupling in zip(self.stiffness, self.uncoupled, self.couplings, strict=True):
            above = (stiffness * uncoupled + coupling * above) / (stiffness + coupling)
            result.append(above)
        return tuple(result)


def layered_step(
    temperatures: tuple[Array, ...], heat_capacity: Array, film: Array, conductance: Array, time_step: Array
) -> LayeredStep:
    """Implicit step of a slab in equal layers, warmed from above, adiabatic below.

    Parameters
    ----------
    temperatures : tuple of Arrays, shape (1, N) each
        Of the layers at the start of the step, from the surface downwards [degC].
    heat_capacity : Array, broadcastable
        Of one layer [J/K], above 0.
    film : Array, broadcastable
        From the air to the surface [W/K], above 0.
    conductance : Array, broadcastable
        Through one layer [W/K], above 0.
    time_step : Array, broadcastable
        Length of the step [s], above 0.

    Returns
    -------
    LayeredStep
        Solve the air with ``conductance`` and ``source_temperature``, then ask for the layers' ``temperatures``: what left the air is in
        them to rounding.
    """
    inertia = heat_capacity / time_step
    surface = film * (2.0 * conductance) / (film + 2.0 * conductance)  # half a layer lies between surface and middle
    stiffness, uncoupled = [inertia], [temperatures[-1]]
    for temperature in temperatures[-2::-1]:
        below = conductance * stiffness[0] / (conductance + stiffness[0])
        whole = inertia + below
        uncoupled.insert(0, (inertia * temperature + below * uncoupled[0]) / whole)
        stiffness.insert(0, whole)
    return LayeredStep(
        conductance=surface * stiffness[0] / (surface + stiffness[0]),
        source_temperature=uncoupled[0],
        stiffness=tuple(stiffness),
        uncoupled=tuple(uncoupled),
        couplings=(surface, *[conductance] * (len(temperatures) - 1)),
    )
