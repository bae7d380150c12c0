"""``dcsim bench`` on the shortest measurements: keys, units, and EnergyPlus in the same run where it is installed."""

from types import SimpleNamespace

import pytest
from dcsim_experiments import bench, energyplus_peer
from dcsim_experiments.bench import Case, against, report

SMALL = ("bench", "--batches", "1", "4", "--seconds", "0.01", "--repeats", "2")


def test_files_and_keys(run_cli, read, tmp_path):
    out = tmp_path / "run"
    code, lines, _ = run_cli(*SMALL, "--out", out)
    assert code == 0 and lines[-1] == str(out)
    assert {path.name for path in out.iterdir()} == {"bench.json", "config.json", "steps_per_second.png"}
    content = read(out / "bench.json")
    assert {"dcsim_version", "config_sha256", "seed", "created", "results", "machine"} <= set(content)
    keys = {"engine", "dtype", "num_envs", "racks", "threads", "steps_per_s"}
    assert all(keys <= set(result) for result in content["results"])
    assert all(0.0 < r["steps_per_s"] <= r["steps_per_s_best"] for r in content["results"])
    cases = {(r["kind"], r["engine"], r["dtype"], r["num_envs"]) for r in content["results"]}
    expected = {
        (kind, engine, dtype, count)
        for kind in ("engine", "vector_env")
        for engine, dtype in bench.ENGINES
        for count in (1, 4)
    }
    assert cases == expected | {("env", "fused", "float64", 1)}
    assert {r["racks"] for r in content["results"]} == {20}
    assert content["machine"]["cores"] >= 1 and content["machine"]["processor"]
    assert 0.0 < content["import_s"] < 30.0
    assert set(content["reset_ms"]) == {"1", "4"}
    assert 1.0 < content["memory_kib_per_env"] < 1000.0
    assert content["energyplus"] is None


@pytest.mark.skipif(not energyplus_peer.available(), reason="EnergyPlus is not installed")
def test_energyplus_runs_beside_it(run_cli, read, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "PEER_DAYS", 3)
    code, lines, _ = run_cli(*SMALL, "--peers", "--out", tmp_path / "run")
    assert code == 0
    peer = read(tmp_path / "run" / "bench.json")["energyplus"]
    assert peer["engine"].startswith("EnergyPlus 25.2")
    assert peer["severe_errors"] == 0
    assert peer["ratio_one_env"] > 0.0 and peer["batch"] == 1024
    assert any("one environment is" in line and "times as fast" in line for line in lines)


def test_a_missing_energyplus_is_said_before_anything_is_timed(run_cli, tmp_path, monkeypatch):
    monkeypatch.setattr(energyplus_peer, "available", lambda: False)
    code, _, err = run_cli(*SMALL, "--peers", "--out", tmp_path / "run")
    assert code == 2
    assert "--peers: EnergyPlus is not installed; pip install 'dcsim[validation]'" in err
    assert not (tmp_path / "run").exists()


def test_rates_count_all_environments():
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock, calls = Clock(), []

    def advance():
        calls.append(1)
        clock.now += 0.1

    case = Case("vector_env", "fused", "float64", 8, 300.0, advance)
    original, bench.time = bench.time, clock
    try:
        case.time(0.95)
    finally:
        bench.time = original
    assert len(calls) == 10
    assert case.rates == [pytest.approx(8 / 0.1)]


def test_ratios_are_of_medians_at_the_same_time_step():
    def case(kind, interval, rates, num_envs=1):
        return Case(kind, "fused", "float64", num_envs, interval, lambda: None, rates)

    cases = [
        case("env", 300.0, [9.0]),
        case("env", 600.0, [400.0, 500.0, 9000.0]),
        case("vector_env", 600.0, [20_000.0, 30_000.0, 40_000.0], 1024),
    ]
    peers = [
        SimpleNamespace(steps_per_s=rate, time_step=600, engine="EnergyPlus 25.2.0", severe_errors=0)
        for rate in (100.0, 120.0, 90.0)
    ]
    found = against(peers, cases)
    assert found["steps_per_s"] == 100.0 and found["steps_per_s_best"] == 120.0
    assert found["ratio_one_env"] == 5.0
    assert found["ratio_batch_per_core"] == 300.0


def test_a_busy_machine_is_admitted():
    content = {
        "env": "x",
        "machine": {"processor": "p", "cores": 2, "load": 3.0},
        "results": [],
        "reset_ms": {},
        "import_s": 0.1,
        "memory_kib_per_env": 1.0,
        "energyplus": None,
    }
    assert "busy" in report(content)
    content["machine"]["load"] = 0.4
    assert "busy" not in report(content)
