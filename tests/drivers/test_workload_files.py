import numpy as np
import pytest

from dcsim.drivers import load_workload, read_workload_csv
from dcsim.errors import InputError

DAY = 86_400.0


def csv_text(header: str, rows, step_minutes: int = 60, comment: str = "") -> str:
    start = np.datetime64("2023-01-02T00:00")
    lines = (f"{start + np.timedelta64(step_minutes * k, 'm')},{row}" for k, row in enumerate(rows))
    return comment + f"time,{header}\n" + "\n".join(lines) + "\n"


def test_a_hall_keeps_its_mean_and_the_groups_differ(write_csv):
    workload = load_workload(write_csv(csv_text("utilization [%]", range(20, 68, 2))))
    load = workload.generate([1, 2], DAY, 300.0, 288, 40)
    assert load.shape == (2, 288, 40)
    # The spread sums to zero over the groups; what is left is the mean of 40 fast noises.
    np.testing.assert_allclose(
        load.mean(axis=2).reshape(2, 24, 12).mean(axis=2), np.arange(20, 68, 2) / 100.0 + np.zeros((2, 1)), atol=0.03
    )
    assert load[:, 0].std(axis=1).min() > 0.03
    assert np.abs(load[0] - load[1]).max() > 0.05
    np.testing.assert_array_equal(workload.generate([2], DAY, 300.0, 288, 40)[0], load[1])


def test_columns_of_groups_are_taken_as_they_are(write_csv):
    rows = [f"{k / 100},{k / 50}" for k in range(24)]
    workload = load_workload(write_csv(csv_text("utilization_1 [-],utilization_2 [-]", rows)))
    load = workload.generate([1, 2], [DAY, DAY + 3600.0], 3600.0, 3, 2)
    np.testing.assert_allclose(load[0], [[0.0, 0.0], [0.01, 0.02], [0.02, 0.04]])
    np.testing.assert_allclose(load[1], [[0.01, 0.02], [0.02, 0.04], [0.03, 0.06]])


def test_columns_are_ordered_by_number_not_by_place(write_csv):
    rows = ["0.9,0.1"] * 24
    workload = load_workload(write_csv(csv_text("utilization_1 [-],utilization_0 [-]", rows)))
    np.testing.assert_allclose(workload.generate([0], DAY, 3600.0, 1, 2), [[[0.1, 0.9]]])


def test_power_needs_its_rating_and_is_a_straight_line_from_idle(write_csv):
    text = csv_text("power [kW]", [300, 400, 500] * 8)
    with pytest.raises(InputError, match=r"a power column needs the rated power, add a first line '# rated_power=<W>'"):
        load_workload(write_csv(text))
    for workload in (
        read_workload_csv(write_csv(text), rated_power=500e3, idle_fraction=0.4),
        load_workload(write_csv(text.replace("time", "# rated_power=500000 idle_fraction=0.4\ntime"))),
    ):
        np.testing.assert_allclose(workload.load.means(DAY, 3600.0, 3), [1.0 / 3.0, 2.0 / 3.0, 1.0])
    with pytest.raises(InputError, match=r"line 4, field 'power': above the rated power of 400000 W"):
        read_workload_csv(write_csv(text), rated_power=400e3)
    with pytest.raises(InputError, match=r"field 'rated_power': 'much' is not a number"):
        load_workload(write_csv(text.replace("time", "# rated_power=much\ntime")))


def test_control_intervals_get_the_mean_of_the_rows_they_cover(write_csv):
    rows = [0.1 * (k % 5) for k in range(288)]
    workload = load_workload(write_csv(csv_text("load [-]", rows, step_minutes=5)))
    expected = np.array(rows).reshape(-1, 6).mean(axis=1)
    np.testing.assert_allclose(workload.load.means(DAY, 1800.0, 48), expected, rtol=1e-9)


def test_expected_is_the_mean_day_of_the_file(write_csv):
    rows = [0.2 + 0.01 * (k % 24) + 0.1 * (k // 24) for k in range(48)]
    workload = load_workload(write_csv(csv_text("utilization [-]", rows)))
    np.testing.assert_allclose(workload.expected(np.arange(24) * 3600.0), 0.25 + 0.01 * np.arange(24))
    half = load_workload(write_csv(csv_text("utilization [-]", [0.3] * 12), "half.csv"))
    np.testing.assert_allclose(half.expected([6 * 3600.0, 18 * 3600.0]), 0.3)


def test_expected_of_a_moment_knows_the_days_before_it_only(write_csv):
    rows = np.random.default_rng(0).uniform(0.2, 0.8, 72)
    workload = load_workload(write_csv(csv_text("utilization [-]", rows)))
    hours = np.arange(24) * 3600.0
    second, third = 2 * DAY + hours, 3 * DAY + hours  # the file begins on 2 January
    assert np.isnan(workload.expected(DAY + hours, now_s=DAY + 23 * 3600.0)).all()
    np.testing.assert_allclose(workload.expected(second + 3600.0, now_s=second), np.roll(rows[:24], -1))
    np.testing.assert_allclose(workload.expected(third, now_s=third), 0.5 * (rows[:24] + rows[24:48]))
    shuffled = load_workload(write_csv(csv_text("utilization [-]", [*rows[:48], *rows[:47:-1]]), "other.csv"))
    np.testing.assert_array_equal(workload.expected(third, now_s=third), shuffled.expected(third, now_s=third))


@pytest.mark.parametrize("groups", [1, 2])
def test_an_episode_may_span_the_whole_file(write_csv, groups):
    header = ",".join(f"utilization_{k} [-]" for k in range(groups))
    rows = [",".join(f"{(k + 1) / 100}" for _ in range(groups)) for k in range(24)]
    workload = load_workload(write_csv(csv_text(header, rows)))
    # The hour before shows the change at the first row, and the last observation comes after the last row.
    load = workload.generate([0], DAY - 3600.0, 300.0, 12 + 288 + 1, groups)[0]
    np.testing.assert_allclose(load[:24], 0.01)
    np.testing.assert_allclose(load[-13:], 0.24)


def test_a_file_says_what_it_covers(write_csv):
    workload = load_workload(write_csv(csv_text("utilization [-]", ["0.5"] * 48)))
    np.testing.assert_array_equal(workload.covers(np.arange(5) * DAY, DAY), [False, True, True, False, False])
    year = load_workload(write_csv(csv_text("utilization [-]", ["0.5"] * 8760), "year.csv"))
    assert year.covers(np.arange(365) * DAY, 3 * DAY).all()
    turn = (
        csv_text("utilization [-]", ["0.5"] * 48)
        .replace("2023-01-02", "2022-12-31")
        .replace("2023-01-03", "2023-01-01")
    )
    workload = load_workload(write_csv(turn, "turn.csv"))
    np.testing.assert_array_equal(workload.covers([364 * DAY, 0.0, DAY], DAY), [True, True, False])
    with pytest.raises(InputError, match="it covers 12-31 00:00 to 01-02 00:00"):
        workload.generate([0], 5 * DAY, 300.0, 12, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (csv_text("utilization [%]", [50, 150]), "line 3, field 'utilization [%]': 150 is outside"),
        (csv_text("utilization [%]", [50, "high"]), "line 3, field 'utilization [%]': 'high' is not a number"),
        (csv_text("utilization [%],power [W]", ["50,1", "50,1"]), "both utilization and power"),
        (csv_text("utilization [-],utilization_0 [-]", ["0.5,1", "0.5,1"]), "of the hall and of groups"),
        (csv_text("utilization_0 [-],utilization_2 [-]", ["0.5,1", "0.5,1"]), "numbered without gaps from 0 or 1"),
        (csv_text("utilization [-]", ["0.5", "", "0.5"]), "line 3, field 'utilization [-]': value missing (1 h)"),
        (csv_text("utilizatoin [-]", ["0.5", "0.5"]), "unknown column, did you mean 'utilization [-]'?"),
    ],
)
def test_bad_files_are_refused_with_their_place(write_csv, text, message):
    with pytest.raises(InputError) as caught:
        load_workload(write_csv(text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_number_of_groups_is_refused(write_csv):
    workload = load_workload(write_csv(csv_text("utilization_0 [-],utilization_1 [-]", ["0.5,1"] * 24)))
    with pytest.raises(InputError, match="the file has 2 rack groups, the hall has 5"):
        workload.generate([0], DAY, 300.0, 12, 5)


def test_time_outside_the_file_is_refused(write_csv):
    workload = load_workload(write_csv(csv_text("utilization [-]", ["0.5"] * 24)))
    with pytest.raises(InputError, match=r"has no data at 01-03 02:00: it covers 01-02 00:00 to 01-03 00:00"):
        workload.generate([0], DAY + 12 * 3600.0, 300.0, 288, 5)
