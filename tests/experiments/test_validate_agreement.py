"""The table of agreement tells what was judged, by how much it deviates and what failed, and goes where the marks are."""

import numpy as np
import pytest
from dcsim_experiments.validation.agreement import BEGIN, END, around_marks, markdown, write_between_marks
from dcsim_experiments.validation.results import Case, Quantity, Tolerance, content

from dcsim.errors import InputError


def quantity(name: str, dcsim: list[float], unit: str = "kWh", **limits: float) -> Quantity:
    return Quantity(name, unit, np.full(len(dcsim), 100.0), np.array(dcsim), Tolerance("a test", **limits))


def case(name: str, title: str, *quantities: Quantity) -> Case:
    return Case(name=name, title=title, source="a test", quantities=quantities)


FEW = case(
    "few",
    "A plant, a year",
    quantity("chiller_energy_kwh", [100.0, 101.0], error=0.01),
    quantity("supply_air_temperature", [100.1, 99.9], "degC", rmse=0.3),
    quantity("cooling_power", [98.0, 102.0], "W", cvrmse=0.03),
    quantity("pue", [98.0], "-", error=1.5),
    quantity("return_air_temperature", [101.0, 101.0], "degC", rmse=0.3),
    quantity("it_power", [0.0, 0.0], "W"),
)


def test_a_line_tells_each_deviation_and_what_is_outside_by_itself() -> None:
    line = markdown(content({"energyplus": [FEW]}) | {"not_run": {"rise": "no data"}}).splitlines()[2:]
    assert line == [
        "| A plant, a year | 3 of 5 | chiller energy +0.50 %, supply air temperature RMSE 0.1 K, cooling power CV(RMSE) 2.00 % | "
        "PUE 98.00 in 98.50 to 101.5, return air temperature RMSE 1 K |",
        "| rise | not run | | no data |",
    ]


def test_many_cases_share_a_line_that_tells_the_worst() -> None:
    cases = [
        case(
            f"chiller_{k}",
            f"Chiller, point {k}",
            *(quantity(f"power_{j}", [100.0 + 0.01 * (3 * k + j)] * 2, "W", error=1.0) for j in range(3)),
        )
        for k in range(10)
    ]
    lines = markdown(content({"modelica": cases})).splitlines()[2:]
    assert len(lines) == 1
    assert lines[0].startswith(
        "| Chiller | 30 of 30 | 30 by less than half; nearest to their limits point 9: power 2 +0.2900 W (29 % of it), point 9: power 1"
    )


def test_the_table_replaces_what_stands_between_the_marks_and_nothing_else(tmp_path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for text in ("new", "newer\nstill"):
        write_between_marks(file, text)
        assert file.read_text() == f"before\n{BEGIN}\n{text}\n{END}\nafter\n"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}\n{END}\n{BEGIN}\n{END}"])
def test_a_file_without_a_place_is_told_before_anything_runs(tmp_path, text) -> None:
    file = tmp_path / "README.md"
    file.write_text(text)
    with pytest.raises(InputError, match="put a line '<!-- dcsim validate: begin -->' and after it"):
        around_marks(file)
    with pytest.raises(InputError, match="cannot be read"):
        around_marks(tmp_path / "nowhere.md")
