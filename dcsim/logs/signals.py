"""What a channel of a log can be in a hall: names, quantities, what they are numbered by, Brick classes.

Brick classes are those of points in Brick 1.4.4 (brickschema.org), where there is one that means it: Brick has none for the air at racks, whose
intake and exhaust air are those of the building, and its condenser water leaves the tower and enters it.
"""

import re
from typing import NamedTuple

from dcsim.drivers.messages import nearest
from dcsim.errors import InputError

__all__ = ["SIGNALS", "Signal", "find_signal", "suggested"]


class Signal(NamedTuple):
    """A quantity of a hall that a sensor may measure."""

    quantities: tuple[str, ...]
    counted_by: str  # rack, unit, chiller, cdu; "" for one in the hall
    meaning: str
    brick: str
    words: str  # pattern of channel names that speak of it, for the first mapping


_T, _P, _F = ("temperature",), ("power",), ("fraction",)
_FLOW = ("volume_flow", "mass_flow", "fraction")

SIGNALS: dict[str, Signal] = {
    "dry_bulb_temperature": Signal(
        _T,
        "",
        "outdoor air",
        "Outside_Air_Temperature_Sensor",
        r"outdoor(?!.*(dew|wet|rh))|outside.*temp|dry.?bulb|oa_db|(^|_)oat",
    ),
    "wet_bulb_temperature": Signal(
        _T, "", "outdoor air", "Outside_Air_Wet_Bulb_Temperature_Sensor", r"wet.?bulb|oa_wb"
    ),
    "dew_point_temperature": Signal(
        _T, "", "outdoor air", "Outside_Air_Dewpoint_Sensor", r"outdoor.*dew|oa_dp|^dew.?point(?!.*(in|room))"
    ),
    "outdoor_relative_humidity": Signal(
        ("relative_humidity", "fraction"),
        "",
        "outdoor air",
        "Outside_Air_Humidity_Sensor",
        r"outdoor.*(rh|humid)|rh_oa|^rh$|^humidity|humid\w* out",
    ),
    "atmospheric_pressure": Signal(("pressure",), "", "outdoor air", "", r"^pressure|baro|p_oa|atmos"),
    "room_temperature": Signal(
        _T, "", "room air", "Zone_Air_Temperature_Sensor", r"room(?!.*(dew|rh|humid|set))|zone.*temp|t_zone|ambient"
    ),
    "room_relative_humidity": Signal(
        ("relative_humidity", "fraction"),
        "",
        "room air",
        "Zone_Air_Humidity_Sensor",
        r"room.*(rh|humid)|rh_zone|humid\w* in",
    ),
    "room_dew_point": Signal(_T, "", "room air", "Zone_Air_Dewpoint_Sensor", r"room.*dew|dew point in"),
    "rack_front_bottom_temperature": Signal(
        _T,
        "rack",
        "air before the racks, lowest level",
        "Air_Temperature_Sensor",
        r"front.*(bottom|lower)|(bottom|lower).*front",
    ),
    "rack_front_middle_temperature": Signal(
        _T,
        "rack",
        "air before the racks, middle level",
        "Air_Temperature_Sensor",
        r"front.*middle|middle.*front",
    ),
    "rack_front_top_temperature": Signal(
        _T,
        "rack",
        "air before the racks, highest level",
        "Air_Temperature_Sensor",
        r"front.*(top|upper)|(top|upper).*front",
    ),
    "rack_inlet_temperature": Signal(
        _T,
        "rack",
        "air onto the servers",
        "Air_Temperature_Sensor",
        r"(rack|server|srv|node|ite).*(inlet|front|intake|(^|_)in(_|$))|^inlet",
    ),
    "rack_outlet_temperature": Signal(
        _T,
        "rack",
        "air off the servers",
        "Air_Temperature_Sensor",
        r"(rack|server|srv|ite).*(outlet|rear|exhaust|(^|_)out(_|$))|out rack|^outlet",
    ),
    "rack_power": Signal(
        _P, "rack", "power of a rack group", "Electric_Power_Sensor", r"(pdu|rack|server|node).*(power|_w$)"
    ),
    "utilization": Signal(_F, "rack", "load of a rack group over its peak", "", r"util|cpu|load_frac"),
    "supply_air_temperature": Signal(
        _T,
        "unit",
        "air off a cooling unit",
        "Supply_Air_Temperature_Sensor",
        r"supply.*air|discharge|t_supply|(^|_)sat",
    ),
    "supply_air_setpoint": Signal(
        _T,
        "unit",
        "set-point of the air off a cooling unit",
        "Supply_Air_Temperature_Setpoint",
        r"(supply|discharge).*set",
    ),
    "return_air_setpoint": Signal(
        _T, "unit", "set-point of the air onto a cooling unit", "Return_Air_Temperature_Setpoint", r"return.*air.*set"
    ),
    "return_air_temperature": Signal(
        _T, "unit", "air onto a cooling unit", "Return_Air_Temperature_Sensor", r"return(?!.*(water|chw))|(^|_)rat"
    ),
    "crah_fan_speed": Signal(
        ("fraction", "rotation", "power"),
        "unit",
        "fan speed of a cooling unit",
        "Fan_Speed_Command",
        r"(cra[ch]|cooler|ahu|fan).*(signal|speed|pct)(?!.*(max|min))",
    ),
    "crah_fan_power": Signal(
        _P,
        "unit",
        "fan power of a cooling unit",
        "Electric_Power_Sensor",
        r"(cra[ch]|ahu|exhaust_)?fan.*(power|kw|_w$)|p_fan|^fan",
    ),
    "compressor_on": Signal(
        ("fraction", "power"),
        "unit",
        "compressor of a direct-expansion unit: 1 running, 0 at rest",
        "On_Off_Status",
        r"compressor.*(on|run|status|state)",
    ),
    "compressor_power": Signal(
        _P,
        "unit",
        "compressor and condenser fans of a direct-expansion unit",
        "Electric_Power_Sensor",
        r"compressor.*(power|kw|_w$)",
    ),
    "valve_fraction": Signal(_F, "unit", "chilled-water valve of a cooling unit", "Valve_Command", r"valve"),
    "it_power": Signal(
        _P,
        "",
        "all IT equipment",
        "Electric_Power_Sensor",
        r"(^|_|\b)it(_|\b).*(power|kw|cluster)|cluster|ite_cpu|it power",
    ),
    "facility_power": Signal(
        _P,
        "",
        "all the site draws",
        "Electric_Power_Sensor",
        r"facility|electrical.power.(\()?in|p_building|total.*power",
    ),
    "cooling_power": Signal(_P, "", "all cooling draws", "Electric_Power_Sensor", r"hvac|cooling.power|ac_l\d"),
    "heat_removed": Signal(
        _P,
        "",
        "heat that chilled water or coils carry away",
        "Thermal_Power_Sensor",
        r"thermal.power|building load|cooling.load|q_evap|q_coil_tot|heat.out",
    ),
    "chilled_water_supply_temperature": Signal(
        _T, "", "water to the coils", "Leaving_Chilled_Water_Temperature_Sensor", r"chw.*sup|chilled.*(supply|leaving)"
    ),
    "chilled_water_return_temperature": Signal(
        _T,
        "",
        "water from the coils",
        "Entering_Chilled_Water_Temperature_Sensor",
        r"chw.*ret|chilled.*(return|entering)",
    ),
    "chilled_water_setpoint": Signal(
        _T, "", "set-point of the chilled water", "Leaving_Chilled_Water_Temperature_Setpoint", r"(chw|chilled).*set"
    ),
    "chilled_water_flow": Signal(
        _FLOW, "", "chilled water", "Chilled_Water_Flow_Sensor", r"(chw|chilled).*(flow|rate)|m_chw"
    ),
    "chilled_water_pump_speed": Signal(
        ("fraction", "rotation", "power"),
        "",
        "speed of the chilled-water pumps",
        "Pump_Command",
        r"(chw|chilled).*pump.*speed",
    ),
    "chilled_water_pump_power": Signal(_P, "", "chilled-water pumps", "Electric_Power_Sensor", r"chw.*pump|p_chw"),
    "chiller_power": Signal(
        _P, "chiller", "compressor of a chiller", "Electric_Power_Sensor", r"chiller.*(power|energy|kw)|p_chiller"
    ),
    "chiller_on": Signal(
        ("fraction", "power"),
        "chiller",
        "chiller: 1 running, 0 at rest",
        "On_Off_Status",
        r"chiller.*(on|run|status|state)$",
    ),
    "condenser_water_supply_temperature": Signal(
        _T,
        "",
        "water from the tower",
        "Leaving_Condenser_Water_Temperature_Sensor",
        r"cooling.water|t_cw_in|condenser.*(entering|supply)",
    ),
    "condenser_water_setpoint": Signal(
        _T,
        "",
        "set-point of the water from the tower",
        "Leaving_Condenser_Water_Temperature_Setpoint",
        r"(condenser|cooling.water|(^|_)cw(_|$)).*set",
    ),
    "condenser_water_return_temperature": Signal(
        _T,
        "",
        "water to the tower",
        "Entering_Condenser_Water_Temperature_Sensor",
        r"t_cw_out|condenser.*(leaving|return)",
    ),
    "condenser_water_flow": Signal(
        _FLOW, "", "condenser water", "Condenser_Water_Flow_Sensor", r"m_cw|condenser.*flow"
    ),
    "tower_fan_power": Signal(_P, "", "fans of the tower", "Electric_Power_Sensor", r"tower.*(fan|power)"),
    "tower_air_fraction": Signal(_F, "", "fan speed of the tower", "Fan_Speed_Command", r"tower.*speed"),
    "server_fan_speed": Signal(("rotation", "fraction"), "rack", "server fans", "Speed_Sensor", r"fan.*rpm|rpm"),
    "coolant_supply_temperature": Signal(_T, "", "coolant to the cold plates", "", r"coolant.*(supply|in)"),
    "coolant_return_temperature": Signal(_T, "", "coolant from the cold plates", "", r"coolant.*(return|out)"),
    "coolant_setpoint": Signal(_T, "", "set-point of the coolant to the cold plates", "", r"coolant.*set"),
    "coolant_flow": Signal(
        (*_FLOW, "rotation", "power"), "cdu", "coolant of a distribution unit, or its pumps", "", r"coolant.*flow"
    ),
    "facility_water_supply_temperature": Signal(
        _T, "", "water from the dry coolers", "", r"facility.*water.*(supply|in)|dry.?cooler.*leav"
    ),
    "facility_water_return_temperature": Signal(
        _T, "", "water to the dry coolers", "", r"facility.*water.*(return|out)|dry.?cooler.*enter"
    ),
    "facility_water_setpoint": Signal(_T, "", "set-point of the water from the dry coolers", "", r"facility.*set"),
    "economizer_mode": Signal(
        ("fraction", "power", "rotation", "volume_flow", "mass_flow"),
        "",
        "waterside economizer: 0 out of use, 1 before the chillers, 2 in their place",
        "",
        r"(economi[sz]er|wse|free.?cooling).*(mode|status|state|on|enable)",
    ),
    "outdoor_air_share": Signal(
        ("fraction", "power"),
        "unit",
        "outdoor air over supply air, as the dampers, or fans that draw it through the room, let it in",
        "Damper_Position_Command",
        r"damper|outdoor.*share",
    ),
}


def find_signal(text: str) -> tuple[str, int]:
    """Split ``rack_inlet_temperature_3`` into a signal's name and its number, 0 for none.

    Raises
    ------
    InputError
        For an unknown name, with the nearest one, and for a number where the hall has one only.
    """
    name, number = text, 0
    match = re.fullmatch(r"(.+?)_(\d+)", text)
    if text not in SIGNALS and match:
        name, number = match[1], int(match[2])
    if name not in SIGNALS:
        raise InputError(f"signal '{text}' is not known; {_short(nearest(name, SIGNALS).replace('-', '_'))}")
    if number and not SIGNALS[name].counted_by:
        raise InputError(f"signal '{text}': a hall has one {name}; leave the number out")
    return name, number


def _short(remedy: str) -> str:
    found = re.match(r"did you mean '([^']*)'\?", remedy)
    return found[0] if found else f"known: {', '.join(sorted(SIGNALS))}"


def suggested(channel_name: str, quantity: str) -> str:
    """Return the signal that a channel's name and quantity speak of, numbered by the number in the name, or ""."""
    lower = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", channel_name).lower()
    if re.search(r"set.?p|(^|_)(max|min)(_|$)|signal_(max|min)", lower) and quantity != "temperature":
        return ""
    wants_setpoint = re.search(r"set.?p", lower) is not None
    for name, signal in SIGNALS.items():
        if quantity not in signal.quantities or ("setpoint" in name) != wants_setpoint:
            continue
        if re.search(signal.words, lower):
            if not signal.counted_by:
                return name
            digits = re.search(r"(\d+)", lower)
            return f"{name}_{int(digits[1])}" if digits and 0 < int(digits[1]) < 10_000 else name
    return ""
