"""A hall of one zone: all supply air mixes with the zone's, which is what returns, through a plenum where there is one.

Zone and supply air are one node, solved together. The inlet carries no heat of its own.
"""

from typing import Any, NamedTuple

from dcsim.plant import return_air
from dcsim.plant.air_paths import Delivered
from dcsim.plant.loops import Array, total

STOPPED_SHARE = 0.05  # of the nominal flow, below which supply air no longer reaches the racks


class Returned(NamedTuple):
    """Air on its way back to the CRAHs; what leaves the zone is ``zone_return + zone_bypass * supply``."""

    hot_return: Array  # (1) degC, see room.HotSide
    bypass: Array  # (1)
    zone_return: Array  # (1) degC
    zone_bypass: Array  # (1)


def returned(servers: Any, gains: Any, crah_flow: Array, s: Any, p: Any, dt: Array, xp: Any) -> Returned:
    """Mix the racks' air with the zone's; arguments as of `air_paths.returned`."""
    air_stream = p.air_specific_heat * crah_flow
    stiffness = p.hot_air_heat_capacity / dt + air_stream + gains.loss
    zone_bypass = air_stream / stiffness
    zone_return = (
        p.hot_air_heat_capacity / dt * s.hot_air_temperature + total(servers.released, xp) + gains.heat
    ) / stiffness
    if not hasattr(s, "return_air_temperature"):
        return Returned(zone_return, zone_bypass, zone_return, zone_bypass)
    kept = return_air.kept(s, p, air_stream, dt)
    hot_return = kept * s.return_air_temperature + (1.0 - kept) * zone_return
    return Returned(hot_return, (1.0 - kept) * zone_bypass, zone_return, zone_bypass)


def delivered(hot: Any, supply: Array, taken: Array, s: Any, p: Any, dt: Array, xp: Any) -> Delivered:
    """Take supply air into the zone; ``taken`` is the air that the coils took [degC], shape (U, N), the rest as of `air_paths.delivered`."""
    zone = hot.returned
    hot_air = zone.zone_return + zone.zone_bypass * supply
    kept = return_air.kept(s, p, hot.air_stream, dt)
    returned_heat: Array = 0.0
    if hasattr(p, "coil_entering_air_max"):  # what the coil does not take of hotter air comes back to the zone
        share = zone.zone_bypass * (1.0 - kept)
        lacking = kept * s.return_air_temperature if hasattr(s, "return_air_temperature") else 0.0
        hot_air = (hot_air + zone.zone_bypass * (lacking - taken)) / (1.0 - share)
        returned_heat = hot.air_stream * (lacking + (1.0 - kept) * hot_air - taken)
    new = {}
    if hasattr(s, "return_air_temperature"):
        new["return_air_temperature"] = kept * s.return_air_temperature + (1.0 - kept) * hot_air
    # supply air of a fan that has stopped does not reach the racks
    reaches = xp.minimum(hot.crah_flow / (STOPPED_SHARE * p.crah_mass_flow_nominal), 1.0)
    return Delivered(
        new=new,
        hot_air=hot_air,
        cold_air=hot_air + reaches * (1.0 - p.recirculation_min) * (supply - hot_air),
        server_temperature=hot.servers.warmed,
        returned_heat=returned_heat,
    )
