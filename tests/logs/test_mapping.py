"""Mappings: patterns, signals, what the hall has, and one clear line for every slip."""

import pytest
import yaml

from dcsim.errors import InputError
from dcsim.logs import check_hall, check_log, first_mapping, load_mapping, read_log, signals_of
from dcsim.logs.mapping import Mapped, parse_mapping
from dcsim.logs.signals import SIGNALS, find_signal
from dcsim.logs.units import HOUSE_UNITS
from dcsim.plant.description import load_hall


@pytest.fixture
def log(course, write):
    time, columns = course
    inlet, power = columns["inlet_temp [degC]"], columns["it_power [W]"]
    return read_log(
        write(
            time,
            {
                "rack01_inlet [degC]": inlet,
                "rack02_inlet [degC]": inlet + 1.0,
                "crac1_discharge [degC]": inlet - 2.0,
                "it_power [W]": power,
            },
        )
    )


def mapping(**channels):
    return parse_mapping({"channels": channels}, "m.yaml")


def test_numbers_of_a_pattern_go_into_the_signal(log):
    found = signals_of(
        log, mapping(**{"rack{k}_inlet": {"signal": "rack_inlet_temperature_{k}"}, "it_*": {"signal": "it_power"}})
    )
    assert found == [
        ("rack01_inlet", "rack_inlet_temperature", 1),
        ("rack02_inlet", "rack_inlet_temperature", 2),
        ("it_power", "it_power", 0),
    ]


def test_the_first_pattern_decides_and_ignored_channels_have_no_signal(log):
    found = signals_of(
        log, mapping(**{"rack01*": {"ignore": True}, "rack{k}_inlet": {"signal": "rack_inlet_temperature_{k}"}})
    )
    assert [each.channel for each in found] == ["rack02_inlet"]


def test_a_unit_of_the_mapping_goes_before_that_of_the_header(course, write):
    time, columns = course
    path = write(time, {"inlet_temp [degC]": 32.0 + 1.8 * columns["inlet_temp [degC]"]})
    log = read_log(path, mapping(inlet_temp={"unit": "degF"}))
    assert log["inlet_temp"].raw == pytest.approx(columns["inlet_temp [degC]"], abs=1e-9)
    assert log.channel("inlet_temp").unit_source == "mapping"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"chanels": {}}, ["chanels", "did you mean 'channels'"]),
        ({"clock": {"zon": "UTC"}}, ["clock.zon", "did you mean 'zone'"]),
        ({"clock": {"zone": "Mars/Olympus"}}, ["Mars/Olympus", "Europe/Berlin"]),
        ({"clock": {"order": "year first"}}, ["clock.order", "day first"]),
        ({"clock": {"date": "yesterday"}}, ["clock.date", "yesterday"]),
        ({"channels": {"a": {"unit": "furlong"}}}, ["'furlong'", "unit"]),
        (
            {"channels": {"a": {"signal": "rack_inlt_temperature"}}},
            ["rack_inlt_temperature", "did you mean 'rack_inlet_temperature'"],
        ),
        ({"channels": {"a*": {"signal": "rack_inlet_temperature_{k}"}}}, ["takes a number"]),
        ({"channels": {"a": {"signal": "it_power_3"}}}, ["it_power", "leave the number out"]),
        ({"channels": ["a"]}, ["channels"]),
        ([], ["expected the sections"]),
    ],
)
def test_slips_get_one_line_with_the_remedy(content, words):
    with pytest.raises(InputError) as caught:
        parse_mapping(content, "m.yaml")
    text = str(caught.value)
    assert text.startswith("m.yaml") and "\n" not in text
    for word in words:
        assert word in text


def test_files_that_are_no_mapping(tmp_path):
    for name, content in (
        ("a.yaml", b"a: [1"),
        ("b.yaml", b"\xff\xfe\x00"),
        ("c.yaml", b"!!python/object/apply:os.system ['true']"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            load_mapping(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load_mapping(tmp_path / "none.yaml")


def test_a_pattern_that_fits_nothing_and_a_signal_of_another_quantity(log):
    with pytest.raises(InputError, match=r"rack03_inlet.*did you mean 'rack0"):
        check_log(mapping(rack03_inlet={"ignore": True}), log, "m.yaml")
    with pytest.raises(InputError, match="is a power, the channel is a temperature"):
        signals_of(log, mapping(rack01_inlet={"signal": "it_power"}))


def test_what_a_hall_does_not_have_is_refused(log):
    hall = load_hall("edge-dx-50kw")
    with pytest.raises(InputError, match="rack groups; nearest is"):
        check_hall(signals_of(log, mapping(rack01_inlet={"signal": "rack_inlet_temperature_99"})), hall)
    with pytest.raises(InputError, match="no chilled water"):
        check_hall(signals_of(log, mapping(rack01_inlet={"signal": "chilled_water_supply_temperature"})), hall)
    check_hall(signals_of(log, mapping(rack01_inlet={"signal": "rack_inlet_temperature_1"})), hall)


def test_the_first_mapping_reads_back_and_names_what_was_guessed(log):
    text = first_mapping(log)
    again = parse_mapping(yaml.safe_load(text), "first")
    check_log(again, log, "first")
    assert {each.channel: (each.signal, each.number) for each in signals_of(log, again)} == {
        "rack01_inlet": ("rack_inlet_temperature", 1),
        "rack02_inlet": ("rack_inlet_temperature", 2),
        "crac1_discharge": ("supply_air_temperature", 1),
        "it_power": ("it_power", 0),
    }
    assert "rack_inlet_temperature_2" in text and "brick: Air_Temperature_Sensor" in text


def test_signals_measure_quantities_of_the_house():
    for name, signal in SIGNALS.items():
        assert set(signal.quantities) <= {*HOUSE_UNITS, "relative_humidity"}, name


def test_a_channel_may_have_several_signals(log):
    both = {"signal": ["it_power", "rack_power_{k}"], "unit": "W"}
    assert signals_of(log, mapping(**{"it_power": {"signal": ["it_power", "facility_power", "it_power"]}})) == [
        ("it_power", "it_power", 0),
        ("it_power", "facility_power", 0),
    ]
    with pytest.raises(InputError, match="takes a number that the pattern does not have"):
        mapping(it_power=both)
    with pytest.raises(InputError, match="expected the name of a signal"):
        mapping(it_power={"signal": ["it_power", 3]})


def test_a_share_is_said_in_one_way():
    with pytest.raises(InputError, match="either nominal or on_above"):
        mapping(fan={"signal": "outdoor_air_share", "nominal": 240, "on_above": 100})


@pytest.mark.parametrize(
    ("signal", "hall", "words"),
    [
        ("compressor_on_1", "enterprise-1mw", "no direct-expansion units"),
        ("outdoor_air_share", "edge-dx-50kw", "no dampers for outdoor air"),
        ("coolant_setpoint", "edge-dx-50kw", "no liquid-cooled racks"),
        ("coolant_flow_9", "ai-d2c-20mw", "has 5 CDU groups; nearest is 'coolant_flow_5'"),
    ],
)
def test_signals_of_plants_that_a_hall_lacks_are_refused(signal, hall, words):
    name, number = find_signal(signal)
    with pytest.raises(InputError, match=words):
        check_hall([Mapped("channel", name, number)], load_hall(hall))


BRICK_1_4_4 = {
    "Air_Temperature_Sensor": "Measures the temperature of air",
    "Chilled_Water_Flow_Sensor": "Measures the rate of flow in a chilled water circuit",
    "Condenser_Water_Flow_Sensor": "Measures the flow of the condenser water",
    "Damper_Position_Command": "Controls the position (the degree of openness) of a damper",
    "Electric_Power_Sensor": "Measures the amount of instantaneous electric power consumed",
    "Entering_Chilled_Water_Temperature_Sensor": "Measures the temperature of chilled water that is enteringed to a cooling tower",
    "Entering_Condenser_Water_Temperature_Sensor": "Measures the temperature of the entering condenser water",
    "Fan_Speed_Command": "Controls the speed of fans",
    "Leaving_Chilled_Water_Temperature_Sensor": "Measures the temperature of chilled water that is supplied from a chiller",
    "Leaving_Chilled_Water_Temperature_Setpoint": "Temperature setpoint for leaving chilled water",
    "Leaving_Condenser_Water_Temperature_Sensor": "Measures the temperature of the leaving condenser water",
    "Leaving_Condenser_Water_Temperature_Setpoint": "The temperature setpoint for the leaving condenser water",
    "On_Off_Status": "Indicates the on/off status of a control loop, relay or equipment",
    "Outside_Air_Dewpoint_Sensor": "Senses the dewpoint temperature of outside air",
    "Outside_Air_Humidity_Sensor": "Measures the relative humidity of outside air",
    "Outside_Air_Temperature_Sensor": "Measures the temperature of outside air",
    "Outside_Air_Wet_Bulb_Temperature_Sensor": "A sensor measuring the wet-bulb temperature of outside air",
    "Pump_Command": "Controls or reports the speed of a pump (typically as a proportion of its full pumping capacity)",
    "Return_Air_Temperature_Sensor": "Measures the temperature of return air",
    "Return_Air_Temperature_Setpoint": "The target temperature for return air, often used as an approximation of zone air temperature",
    "Speed_Sensor": "Measures the magnitude of velocity of some form of movement",
    "Supply_Air_Temperature_Sensor": "Measures the temperature of supply air",
    "Supply_Air_Temperature_Setpoint": "Temperature setpoint for supply air",
    "Thermal_Power_Sensor": "",
    "Valve_Command": "Controls or reports the openness of a valve (typically as a proportion of its full range of motion)",
    "Zone_Air_Dewpoint_Sensor": "Measures dewpoint of zone air",
    "Zone_Air_Humidity_Sensor": "Measures the relative humidity of zone air",
    "Zone_Air_Temperature_Sensor": "A physical or virtual sensor which represents the temperature of an HVAC Zone",
}
"""Points of the ontology and their ``skos:definition``, none of them deprecated: Brick.ttl, owl:versionInfo 1.4.4. Of its substances it says
"Leaving_Condenser_Water: ... being brought to the condenser side of a heat-rejection device (e.g. chiller). It is the 'cold' side."
"""


def test_brick_classes_are_in_the_ontology_and_measure_what_the_signal_is():
    from dcsim.logs import SIGNALS

    words = {"power": "power", "temperature": "temperature", "volume_flow": "flow", "relative_humidity": "humidity"}
    for name, signal in SIGNALS.items():
        if not signal.brick:
            continue
        assert signal.brick in BRICK_1_4_4, name
        said = BRICK_1_4_4[signal.brick].lower().replace("dewpoint", "dewpoint temperature") + signal.brick.lower()
        of = words.get(signal.quantities[0])
        assert of is None or of in said, name
        assert ("setpoint" in name) == signal.brick.endswith("Setpoint"), name
    assert SIGNALS["condenser_water_supply_temperature"].brick.startswith("Leaving")  # from the tower: the cold side
    assert SIGNALS["condenser_water_return_temperature"].brick.startswith("Entering")
