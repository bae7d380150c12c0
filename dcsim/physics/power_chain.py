"""Electrical losses between the utility and the racks."""

from types import MappingProxyType

import numpy as np

from dcsim.physics.constants import Array

LOSSES = MappingProxyType(
    {
        "ups-modern": (0.006, 0.006, 0.012),
        "ups-eco": (0.003, 0.002, 0.004),
        "ups-legacy": (0.034, 0.033, 0.020),
        "pdu-and-transformer": (0.003, 0.0, 0.012),
        "transformer-300-kva": (0.00173, 0.0, 0.01414),
    }
)
"""No-load, proportional and square-law loss over rated power.

Engineering choices, set to: "ups-modern" a vendor's "up to 97.5 %" for double conversion; "ups-eco" 99 % claims for
line-interactive operation; "ups-legacy" the 80 to 94 % range of mid-size rooms in LBNL's 2024 data-center energy
report, table 4.3; "transformer-300-kva" the US minimum of 99.02 % at 35 % load (10 CFR 431.196); "pdu-and-transformer"
two windings and cable."""


TRANSFORMER_EFFICIENCIES = MappingProxyType(
    {
        15e3: 0.9789,
        30e3: 0.9823,
        45e3: 0.9840,
        75e3: 0.9860,
        112.5e3: 0.9874,
        150e3: 0.9883,
        225e3: 0.9894,
        300e3: 0.9902,
        500e3: 0.9914,
        750e3: 0.9923,
        1000e3: 0.9928,
    }
)
"""Least efficiency at 35 % load by rating [VA]: three-phase low-voltage dry-type transformers sold in the US since 2016. 10 CFR
431.196."""

TRANSFORMER_TEST_LOAD = 0.35
"""Load over rating at which that efficiency is measured."""


def transformer_losses(rated_power: float) -> tuple[float, float, float]:
    """Losses of a transformer that just meets the US minimum, for setting up a hall.

    Parameters
    ----------
    rated_power : float
        Rating of one transformer [VA], 15e3 to 1e6, at a power factor of 1.

    Returns
    -------
    tuple of 3 floats
        ``a0``, 0 and ``a2`` for `loss_power` [-].

    Notes
    -----
    Between ratings the efficiency is interpolated, as the rule has it, and held beyond them. The rule says nothing about how the
    loss is divided: here no-load and load loss are alike at the test load, where the efficiency is then greatest, which is what a
    transformer built for the test has.

    References
    ----------
    .. [1] 10 CFR 431.196(a)(2): efficiency standards of distribution transformers.
    """
    ratings, efficiencies = zip(*TRANSFORMER_EFFICIENCIES.items(), strict=True)
    least = float(np.interp(rated_power, ratings, efficiencies))
    half = 0.5 * TRANSFORMER_TEST_LOAD * (1.0 / least - 1.0)
    return half, 0.0, half / TRANSFORMER_TEST_LOAD**2


def loss_power(load_power: Array, rated_power: Array, a0: Array, a1: Array, a2: Array) -> Array:
    """Power lost in a device of the electrical chain.

    Parameters
    ----------
    load_power : Array, shape (1, N)
        What the device delivers [W].
    rated_power : Array, shape (1, 1) or (1, N)
        Rating [W].
    a0, a1, a2 : Array, broadcastable
        No-load, proportional and square-law loss at full load, over the rating [-].

    Returns
    -------
    Array, shape (1, N)
        Loss [W], heat where the device stands.

    Notes
    -----
    Domain: 0 to about 1.2 of the rating. In 2N redundancy each device carries at most half its rating: pass twice the
    rating of one.
    """
    x = load_power / rated_power
    return rated_power * (a0 + x * (a1 + x * a2))


def efficiency(load_power: Array, rated_power: Array, a0: Array, a1: Array, a2: Array) -> Array:
    """Delivered over drawn power of a device of the electrical chain.

    Parameters
    ----------
    load_power, rated_power, a0, a1, a2 : Array
        As for `loss_power`; ``load_power`` above 0.

    Returns
    -------
    Array, shape (1, N)
        Efficiency [-].
    """
    return load_power / (load_power + loss_power(load_power, rated_power, a0, a1, a2))


def drawn_power_with_fixed_loss(load_power: Array, fixed_loss_power: Array, conversion_efficiency: Array) -> Array:
    """Power drawn by a converter that loses a fixed power before it converts.

    Parameters
    ----------
    load_power : Array, any shape
        What it delivers [W].
    fixed_loss_power : Array, broadcastable
        Lost at any load [W].
    conversion_efficiency : Array, broadcastable
        Of the conversion itself [-].

    Returns
    -------
    Array, broadcast shape
        Drawn power [W].

    References
    ----------
    .. [1] ExaDigiT/RAPS, configuration of Frontier: rectifiers (P + 17 W) / 0.96, point-of-load converters (P + 13 W) /
       0.98.
    """
    return (load_power + fixed_loss_power) / conversion_efficiency
