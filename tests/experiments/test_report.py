"""The report says what the numbers say, stands alone and is never half written."""

import base64
import html
import io
import re

import pytest
from dcsim_experiments import html_page, report
from dcsim_experiments.html_page import Section, listed, paragraph, table, write_page
from dcsim_experiments.report import headline_of, write_report
from dcsim_experiments.results import keeps_limit
from matplotlib.figure import Figure
from PIL import Image

DAYS = 2.0


def entry(mean, spread=0.0):
    return {"mean": mean, "iqm": mean, "low": mean - spread, "high": mean + spread, "values": [mean]}


def metrics(energy, violation):
    """Totals of an episode from thermal energy and violation of a day."""
    return {
        "thermal_energy_kwh": entry(DAYS * energy, DAYS * 10.0),
        "cooling_energy_kwh": entry(DAYS * 0.9 * energy),
        "facility_energy_kwh": entry(DAYS * 10.0 * energy),
        "server_fan_energy_kwh": entry(1.0),
        "pue": entry(1.2345, 0.001),
        "tue": entry(1.25),
        "water_l": entry(DAYS * 4321.0),
        "carbon_kg": entry(DAYS * 777.0),
        "energy_cost": entry(DAYS * 88.88),
        "violation_k_min": entry(DAYS * violation),
        "rack_inlet_max_c": {**entry(26.54), "values": [25.54, 27.54]},
        "actuator_travel": entry(DAYS * 3.21),
        "interventions": entry(0.0),
        "act_ms": entry(0.37),
    }


def sums(energy, violation):
    return {"thermal_energy_kwh": DAYS * energy, "violation_k_min": DAYS * violation}


def change(mean, spread=0.005):
    return {"thermal_energy_kwh": {"mean": mean, "low": mean - spread, "high": mean + spread}}


@pytest.fixture
def result():
    """The learned controller uses least but breaks the limit; tuned rules win; the oracle is no competitor."""
    days = {
        "fixed": (1300.0, 0.0),
        "g36": (1000.0, 0.5),
        "static-opt": (950.0, 0.9),
        "sac": (900.0, 40.0),
        "oracle": (880.0, 0.0),
    }
    return {
        "controllers": {name: metrics(*of) for name, of in days.items()},
        "trips": dict.fromkeys(days, 0),
        "rows": [{"task": None, "weather": "chicago", "days": DAYS, "seed": 0, "start": "06-25 00:00"}],
        "groups": {"ordinary weeks, chicago": {name: sums(*of) for name, of in days.items()}},
        "reference": "g36",
        "paired": {"fixed": change(0.3), "static-opt": change(-0.05), "sac": change(-0.1), "oracle": change(-0.12)},
        "gap_share": {"static-opt": {"mean": 0.417, "low": 0.3, "high": 0.5}},
        "episode_days": DAYS,
        "episodes": 6,
        "env": "dcsim/Hyperscale-v0",
        "weather": ["chicago", "miami"],
        "days": ["06-25 00:00", "11-12 00:00"],
        "limits": {"inlet_limit": 27.0},
        "about": {"sac": "learned policy, runs/sac"},
        "command": "dcsim compare --env dcsim/Hyperscale-v0",
        "versions": {"numpy": "2.4.6"},
        "dcsim_version": "0.1.0",
        "config_sha256": "c0ffee" * 10,
        "seed": 7,
        "created": "2026-01-01T00:00:00+00:00",
    }


@pytest.fixture
def drawing():
    figure = Figure(figsize=(2.0, 1.0))
    figure.subplots().plot([0, 1], [0, 1])
    return figure


def written(tmp_path, result, figures=None, **options):
    return write_report(tmp_path / "report.html", result, figures or {}, **options).read_text(encoding="utf-8")


def plain(page):
    """The words of a page without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ")


def test_the_tables_hold_the_numbers_of_a_day(tmp_path, result):
    page = written(tmp_path, result)
    for number in (
        "1,000",
        "990 to 1,010",
        "950",
        "27.54",
        "mean 26.54",
        "1.2345",
        "10,000",
        "4.32",
        "777",
        "88.88",
        "3.21",
        "0.37",
        "40.00",
    ):
        assert f">{number}<" in page, number
    assert "−10.0\u00a0%" in page and "−10.5\u00a0% to −9.5\u00a0%" in page
    assert "+30.0\u00a0%" in page


def test_less_energy_by_breaking_the_limit_does_not_win(tmp_path, result):
    words = plain(written(tmp_path, result))
    assert (
        "Least thermal energy of those that kept the inlet limit: static-opt used 950 kWh/day, 5.0 % less than g36"
        in words
    )
    kept, broke = words.index("Kept the limit"), words.index("Broke the limit")
    learned = words.index("the learned controller sac used 900 kWh/day, 10.0 % less than g36")
    assert (
        kept
        < words.index("static-opt used", kept)
        < words.index("g36 used", kept)
        < words.index("fixed used", kept)
        < broke
        < learned
    )
    assert "40.00 K min/day above the limit" in words[learned:]


def test_the_oracle_is_a_bound_and_no_competitor(tmp_path, result):
    words = plain(written(tmp_path, result))
    bound = words.index("no competitor")
    assert words.index("oracle used 880 kWh/day, 12.0 % less") > bound
    assert "share of the gap from g36 to it that others close: static-opt 42 %" in words


def test_a_reference_that_nobody_beats_is_said(result):
    for name in ("static-opt", "sac", "oracle"):
        del result["controllers"][name]
    assert headline_of(result).startswith(
        "No other controller that kept the inlet limit used less thermal energy than the reference: g36"
    )


def test_a_difference_that_may_be_none_is_said(result):
    result["paired"]["static-opt"] = change(-0.004)
    assert "cannot tell from no difference" in headline_of(result)


def test_a_controller_that_trips_keeps_no_limit(result):
    assert keeps_limit(result, "static-opt")
    result["trips"]["static-opt"] = 1
    assert not keeps_limit(result, "static-opt")
    assert "g36 used" in headline_of(result)


def test_nobody_wins_where_nobody_keeps_the_limit(tmp_path, result):
    for of in result["groups"].values():
        for name, numbers in of.items():
            numbers["violation_k_min"] = DAYS * {"fixed": 1.5, "oracle": 0.0}.get(name, 600.0)
    assert headline_of(result).startswith("No controller kept the inlet limit, so none won. fixed came nearest")
    page = written(tmp_path, result)
    words = plain(page)
    assert "The reference g36 itself broke the limit" in words
    assert "won:" not in words and "Kept the limit" not in words
    assert "at most 1 K min/day above it in the mean for each climate and task" in words


def test_energy_stands_with_violation_in_every_table(tmp_path, result):
    page = written(tmp_path, result)
    heads = [head for head in re.findall(r"<thead>(.*?)</thead>", page) if "energy" in head]
    assert len(heads) == 2
    assert all("thermal energy" in head and "above the limit" in head for head in heads)


def test_climates_and_tasks_are_told_apart(tmp_path, result):
    result["rows"] = [
        {"task": None, "weather": "chicago", "days": 7.0, "seed": 0, "start": "06-25 00:00"},
        {"task": "load-step", "weather": "chicago", "days": 1.0, "seed": 0, "start": "06-25 00:00"},
    ]
    numbers = {"thermal_energy_kwh": 7000.0, "violation_k_min": 70.0}
    result["groups"] = {
        label: dict.fromkeys(result["controllers"], numbers)
        for label in ("ordinary weeks, chicago", "load-step, chicago")
    }
    page = written(tmp_path, result)
    assert "<td>1,000<small>10.00 K min/day</small></td><td>7,000<small>70.00 K min/day</small></td>" in page


def test_what_was_compared_and_how_to_repeat_it_is_told(tmp_path, result):
    words = plain(written(tmp_path, result))
    for text in (
        "dcsim/Hyperscale-v0",
        "chicago, miami",
        "06-25, 11-12",
        "6 for each controller",
        "learned policy, runs/sac",
    ):
        assert text in words
    for text in ("dcsim compare --env dcsim/Hyperscale-v0", "numpy 2.4.6", "c0ffee", "0.1.0", "27 °C"):
        assert text in words


def test_missing_numbers_are_dashes(tmp_path, result):
    result["controllers"]["sac"]["pue"] = {"mean": None, "low": None, "high": None}
    del result["controllers"]["sac"]["water_l"]
    result["paired"]["sac"] = {"thermal_energy_kwh": {"mean": None, "low": None, "high": None}}
    page = written(tmp_path, result)
    row = re.search(r"<tr><td><i[^>]*></i>sac</td>.*?</tr>", page).group()
    assert row.count(report.DASH) == 2
    assert "nan" not in plain(page).lower().split()


def test_text_is_escaped(tmp_path, result, drawing):
    result["controllers"]["<b>bad&</b>"] = metrics(1100.0, 0.0)
    result["trips"]["<b>bad&</b>"] = 0
    result["groups"]["ordinary weeks, chicago"]["<b>bad&</b>"] = sums(1100.0, 0.0)
    result["about"]["<b>bad&</b>"] = '"<script>alert(1)</script>"'
    result["command"] = "dcsim compare > 'x' && echo <i>"
    page = written(
        tmp_path, result, {"day": drawing}, headline="1 < 2 & <i>x</i>", captions={"day": 'a "quoted" <caption>'}
    )
    assert "<script" not in page and "<b>bad" not in page and "<i>x" not in page
    assert "1 &lt; 2 &amp; &lt;i&gt;x&lt;/i&gt;" in page
    assert 'alt="a &quot;quoted&quot; &lt;caption&gt;"' in page
    assert "&amp;&amp; echo &lt;i&gt;" in page


def test_the_page_stands_alone(tmp_path, result, drawing):
    page = written(tmp_path, result, {"savings": drawing, "my_own": drawing})
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 2 == page.count("<img")
    for data in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (300, 150)
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    assert report.CAPTIONS["savings"] in html.unescape(page)
    assert "my own" in page


def test_the_same_result_gives_the_same_page(tmp_path, result, drawing):
    assert written(tmp_path, result, {"day": drawing}) == written(tmp_path, result, {"day": drawing})


def test_a_page_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("before")

    def fails(*_):
        raise OSError("no space left")

    monkeypatch.setattr(html_page.os, "replace", fails)
    with pytest.raises(OSError, match="no space left"):
        write_page(path, "title", "headline", [])
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_pages_of_other_verbs_are_made_of_the_same_blocks(tmp_path):
    sections = [
        Section(
            "One & all",
            [paragraph("text <x>", "note"), table(["a", "b"], [["x", ("1.0", "0.9 to 1.1")], ["y", 2]], marked=1)],
        ),
        Section("Order", [listed(["first", "second"], is_ranked=True)]),
    ]
    page = write_page(tmp_path / "page.html", "Replay", "It fits.", sections).read_text(encoding="utf-8")
    assert "<h2>One &amp; all</h2>" in page
    assert '<p class="note">text &lt;x&gt;</p>' in page
    assert "<td>1.0<small>0.9 to 1.1</small></td>" in page
    assert '<tr class="marked"><td>y</td><td>2</td></tr>' in page
    assert "<ol><li>first</li><li>second</li></ol>" in page
