import pytest

from dcsim.drivers.tables import read_table
from dcsim.drivers.units import Quantity, conversion
from dcsim.errors import InputError

QUANTITIES = {
    "dry_bulb": Quantity("temperature", ("temp_air",), -70.0, 70.0),
    "power": Quantity("power", (), 0.0, 1e9),
    "price": Quantity("price", (), -20.0, 20.0),
}

GOOD = "time,dry_bulb [degC]\n2023-01-01T00:00,1\n2023-01-01T01:00,2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("# a=1\n", "only comments, no header"),
        ("time,dry_bulb [degC]\n", "line 1: no rows after the header"),
        ("dry_bulb [degC]\n1\n", "line 1: no column 'time'"),
        (GOOD.replace(",2", ",two"), "line 3, field 'dry_bulb [degC]': 'two' is not a number"),
        (GOOD.replace(",2", ",2,3"), "line 3: 3 fields where the header has 2"),
        (GOOD.replace(",2", ",200"), "line 3, field 'dry_bulb [degC]': 200 is outside the believable range -70 to 70"),
        (GOOD.replace("T01", "T00"), "line 3, field 'time': the timestamp repeats at 2023-01-01T00:00"),
        (GOOD.replace("2023-01-01T01", "2022-01-01T01"), "line 3, field 'time': time runs backwards"),
        (GOOD.replace("2023-01-01T01:00", "1.1.2023 01:00"), "line 3, field 'time': '1.1.2023 01:00' is not an ISO"),
        (GOOD.replace("2023-01-01T01", "2024-06-01T01"), "line 3: the file covers more than a year"),
        (
            GOOD.replace("[degC]", "[degX]"),
            "line 1, field 'dry_bulb [degX]': unit 'degX' is no temperature: did you mean",
        ),
        (GOOD.replace(" [degC]", ""), "line 1, field 'dry_bulb': no unit in the header, write 'dry_bulb [degC]'"),
        (
            GOOD.replace("dry_bulb", "dry_blub"),
            "field 'dry_blub [degC]': unknown column, did you mean 'dry_bulb [degC]'?",
        ),
        (GOOD.replace("dry_bulb [degC]", "wind [m/s]"), "line 1: no known column among ['time', 'wind [m/s]']"),
        (GOOD.replace("dry_bulb [degC]", "dry_bulb_0 [degC]"), "'dry_bulb' cannot come as numbered columns"),
        ("# utc_offset=900\n" + GOOD, "the UTC offset 900 h is outside -14 to 14"),
        ("# utc_offset=west\n" + GOOD, "field 'utc_offset': 'west' is not a number"),
        (GOOD.replace(",2", f",{'2' * 140_000}"), "line 3: field larger than field limit"),
        (GOOD.replace("time", "t" * 140_000, 1), "line 1: field larger than field limit"),
        (GOOD.replace(",1", ',"1') + "2023-01-01T02:00,3\n" * 10_000, "line 2: field larger than field limit"),
        ("time,dry_bulb [degC],temp_air [K]\n2023-01-01,1,2\n", "a second column of 'dry_bulb'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(write_csv, text, message):
    path = write_csv(text)
    with pytest.raises(InputError) as caught:
        read_table(path, QUANTITIES)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_are_found_by_name_alias_and_unit(write_csv):
    table = read_table(
        write_csv(
            "wind [m/s],Time,Temp Air [degF],price [EUR/MWh],power_1 [kW]\n3,2023-01-01,212,50,2\n".replace("212", "50")
        ),
        QUANTITIES,
        indexed=("power",),
    )
    assert table.columns["dry_bulb"] == pytest.approx([10.0])
    assert table.columns["price"] == pytest.approx([0.05])
    assert table.columns["power_1"] == pytest.approx([2000.0])
    assert table.currency == "EUR"


def test_units_may_stand_at_the_end_of_a_name(write_csv):
    table = read_table(write_csv("time_utc,temp_air_F,price_usd_MWh\n2023-01-01,50,-20\n"), QUANTITIES, utc_offset=1.0)
    assert table.columns["dry_bulb"] == pytest.approx([10.0])
    assert table.columns["price"] == pytest.approx([-0.02])
    assert table.currency == "USD"
    assert table.time_s == pytest.approx([3600.0])


def test_a_byte_order_mark_and_comments_between_rows_do_no_harm(write_csv):
    assert len(read_table(write_csv("\ufeff" + GOOD + "# end\n"), QUANTITIES).time_s) == 2


def test_time_runs_on_over_new_year_and_leaves_the_leap_day_out(write_csv):
    table = read_table(
        write_csv("time,dry_bulb [degC]\n2023-12-31T23:00,1\n2024-01-01T00:00,2\n2024-02-29T00:00,3\n2024-03-01,4\n"),
        QUANTITIES,
    )
    assert table.time_s / 3600.0 == pytest.approx([8759.0, 8760.0, 8760.0 + 59 * 24])


def test_empty_cells_are_missing_values(write_csv):
    table = read_table(write_csv(GOOD.replace(",2", ",") + "2023-01-01T02:00,NaN\n"), QUANTITIES)
    assert str(table.columns["dry_bulb"].tolist()) == "[1.0, nan, nan]"


@pytest.mark.parametrize(
    ("kind", "unit", "value", "canonical"),
    [
        ("temperature", "degF", 32.0, 0.0),
        ("temperature", "K", 273.15, 0.0),
        ("pressure", "inHg", 29.9213, 101_325.0),
        ("pressure", "psi", 14.69595, 101_325.0),
        ("carbon", "lbCO2/MWh", 823.0, 0.3733063),
        ("carbon", "gCO2/kWh", 366.0, 0.366),
        ("carbon", "tCO2/MWh", 0.366, 0.366),
        ("price", "USD/MWh", 80.6, 0.0806),
        ("power", "MW", 1.5, 1.5e6),
        ("humidity_ratio", "g/kg", 7.0, 0.007),
        ("fraction", "%", 50.0, 0.5),
    ],
)
def test_units_are_converted(kind, unit, value, canonical):
    factor, offset, _ = conversion(kind, unit)
    assert factor * value + offset == pytest.approx(canonical, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize(("kind", "unit"), [("price", "gCO2/kWh"), ("power", "mW"), ("carbon", "USD/MWh")])
def test_a_unit_of_something_else_is_refused(kind, unit):
    with pytest.raises(InputError, match=f"unit '{unit}' is no {kind}"):
        conversion(kind, unit)
