"""Figures of merit of a site, from energies or from powers.

Official values are ratios of *annual* energies. The same ratio of powers is an instantaneous one and must be labelled
so. Server fans count as IT in PUE, so a warmer room can lower PUE while the site draws more: TUE, or total power, shows
it.
"""

from dcsim.physics.constants import Array


def pue(facility_energy: Array, it_energy: Array) -> Array:
    """Power usage effectiveness: what the site draws over what the IT draws, its fans included.

    Parameters
    ----------
    facility_energy : Array, any shape
        Whole site, IT included [J], or power [W].
    it_energy : Array, broadcastable
        IT equipment [same unit], above 0.

    Returns
    -------
    Array, broadcast shape
        PUE [-], at least 1.

    References
    ----------
    .. [1] ISO/IEC 30134-2.
    """
    return facility_energy / it_energy


def dcie(facility_energy: Array, it_energy: Array) -> Array:
    """Data-center infrastructure efficiency, 1 / PUE.

    Parameters
    ----------
    facility_energy, it_energy : Array
        As for `pue`.

    Returns
    -------
    Array, broadcast shape
        DCiE [-], at most 1.
    """
    return it_energy / facility_energy


def partial_pue(zone_energy: Array, it_energy: Array) -> Array:
    """PUE with only some of the infrastructure counted, for instance its cooling.

    Parameters
    ----------
    zone_energy : Array, any shape
        Infrastructure that is counted [J], IT not included.
    it_energy : Array, broadcastable
        IT equipment [same unit], above 0.

    Returns
    -------
    Array, broadcast shape
        Partial PUE [-].
    """
    return 1.0 + zone_energy / it_energy


def itue(it_energy: Array, server_fan_energy: Array, power_supply_loss_energy: Array = 0.0) -> Array:
    """Power usage effectiveness of the IT itself (ITUE): what the IT draws over what reaches its electronics.

    Parameters
    ----------
    it_energy : Array, any shape
        IT equipment, fans and power supplies included [J].
    server_fan_energy : Array, broadcastable
        Fans inside it [same unit].
    power_supply_loss_energy : Array, broadcastable
        Losses of its power supplies [same unit].

    Returns
    -------
    Array, broadcast shape
        ITUE [-], at least 1.

    References
    ----------
    .. [1] Patterson et al., TUE, a new energy-efficiency metric applied at ORNL's Jaguar, ISC 2013.
    """
    return it_energy / (it_energy - server_fan_energy - power_supply_loss_energy)


def tue(
    facility_energy: Array, it_energy: Array, server_fan_energy: Array, power_supply_loss_energy: Array = 0.0
) -> Array:
    """Total power usage effectiveness, ITUE times PUE: what the site draws over what reaches the electronics.

    Parameters
    ----------
    facility_energy : Array, any shape
        Whole site, IT included [J], or power [W].
    it_energy, server_fan_energy, power_supply_loss_energy : Array
        As for `itue`.

    Returns
    -------
    Array, broadcast shape
        TUE [-], at least PUE.
    """
    return facility_energy / (it_energy - server_fan_energy - power_supply_loss_energy)


def wue(water_volume_l: Array, it_energy_kwh: Array) -> Array:
    """Water usage effectiveness of the site.

    Parameters
    ----------
    water_volume_l : Array, any shape
        Water drawn by the site [L].
    it_energy_kwh : Array, broadcastable
        IT energy [kWh]; *not* total energy, which some reports divide by.

    Returns
    -------
    Array, broadcast shape
        WUE [L/kWh].

    References
    ----------
    .. [1] ISO/IEC 30134-9.
    """
    return water_volume_l / it_energy_kwh


def wue_source(wue: Array, pue: Array, grid_water_l_per_kwh: Array) -> Array:
    """Water usage effectiveness with the water of electricity generation.

    Parameters
    ----------
    wue : Array, any shape
        Of the site [L/kWh].
    pue : Array, broadcastable
        Power usage effectiveness [-].
    grid_water_l_per_kwh : Array, broadcastable
        Water used per electricity from the grid [L/kWh].

    Returns
    -------
    Array, broadcast shape
        WUE at source [L/kWh].
    """
    return wue + pue * grid_water_l_per_kwh


def cue(pue: Array, grid_kg_co2_per_kwh: Array) -> Array:
    """Carbon usage effectiveness of a site that draws all its energy from the grid.

    Parameters
    ----------
    pue : Array, any shape
        Power usage effectiveness [-].
    grid_kg_co2_per_kwh : Array, broadcastable
        Carbon per electricity from the grid [kg CO2e/kWh].

    Returns
    -------
    Array, broadcast shape
        CUE [kg CO2e per kWh of IT energy].

    References
    ----------
    .. [1] ISO/IEC 30134-8:2022.
    """
    return pue * grid_kg_co2_per_kwh


def erf(reused_energy: Array, facility_energy: Array) -> Array:
    """Energy reuse factor.

    Parameters
    ----------
    reused_energy : Array, any shape
        Energy that leaves the site and is used elsewhere [J].
    facility_energy : Array, broadcastable
        Whole site [same unit], above 0.

    Returns
    -------
    Array, broadcast shape
        ERF [-], 0 to 1.

    References
    ----------
    .. [1] ISO/IEC 30134-6:2021.
    """
    return reused_energy / facility_energy


def ere(pue: Array, erf: Array) -> Array:
    """Energy reuse effectiveness: PUE with reused energy taken off.

    Parameters
    ----------
    pue : Array, any shape
        Power usage effectiveness [-].
    erf : Array, broadcastable
        Energy reuse factor [-].

    Returns
    -------
    Array, broadcast shape
        ERE [-], at most PUE.
    """
    return (1.0 - erf) * pue
