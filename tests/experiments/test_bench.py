"""``dcsim bench`` on the shortest measurements: keys, units, and EnergyPlus in the same run where it is installed."""

from types import SimpleNamespace

import pytest
from dcsim_experiments import energyplus_peer
from dcsim_experiments.bench import cases, command, gradients, peers, ppo
from dcsim_experiments.bench.cases import Case
from dcsim_experiments.bench.text import report
from numpy.testing import assert_allclose

SMALL = ("bench", "--batches", "1", "4", "--seconds", "0.01", "--repeats", "2", "--racks", "20", "40")


def test_files_and_keys(run_cli, read, tmp_path, monkeypatch):
    monkeypatch.setattr(ppo, "NUM_ENVS", 4)
    monkeypatch.setattr(ppo, "STEPS", 8)
    monkeypatch.setattr(ppo, "BATCH_SIZE", 16)
    monkeypatch.setattr(gradients, "BATCHES", (1, 2))
    monkeypatch.setattr(gradients, "DAY_S", 1200.0)
    out = tmp_path / "run"
    code, lines, _ = run_cli(*SMALL, "--out", out)
    assert code == 0 and lines[-1] == str(out)
    assert {path.name for path in out.iterdir()} == {"bench.json", "config.json", "bench.png"}
    content = read(out / "bench.json")
    assert {"dcsim_version", "config_sha256", "seed", "created", "results", "machine"} <= set(content)
    keys = {"engine", "dtype", "num_envs", "racks", "threads", "steps_per_s"}
    assert all(keys <= set(result) for result in content["results"])
    assert all(0.0 < r["steps_per_s"] <= r["steps_per_s_best"] for r in content["results"])
    found = [(r["kind"], r["engine"], r["dtype"], r["num_envs"], r["racks"], r["threads"]) for r in content["results"]]
    expected = {
        (kind, engine, dtype, count, 20, 1)
        for kind in ("engine", "vector_env")
        for engine, dtype in command.ENGINES
        for count in (1, 4)
    }
    expected |= {("env", "fused", "float64", 1, 20, 1)}
    expected |= {("vector_env", "fused", dtype, 4, 20, 2) for dtype in ("float64", "float32")}
    expected |= {
        ("racks", "fused", dtype, cases.SIZES_BATCH, racks, 1) for dtype in ("float64", "float32") for racks in (20, 40)
    }
    assert len(found) == len(expected) and set(found) == expected
    assert content["machine"]["cores"] >= 1 and content["machine"]["processor"]
    assert 0.0 < content["import_s"] < 30.0
    assert set(content["reset_ms"]) == {"1", "4"}
    assert 1.0 < content["memory_kib_per_env"] < 1000.0
    assert all(0.0 < r["env_share"] < 1.0 and r["frames_per_s"] > 0.0 for r in content["ppo"])
    assert content["peers"] == {}
    rows = content["gradients"]
    ways = {(n, 4, by, k) for n in (1, 2) for by in ("actions", "actions and parameters") for k in (1, 16)}
    assert {(r["num_envs"], r["steps"], r["by"], r["keep_every"]) for r in rows} == ways and len(rows) == len(ways)
    assert all(r["ratio"] == r["gradient_s"] / r["forward_s"] for r in rows)
    assert all(0.0 < r["backward_s"] < r["gradient_s"] for r in rows)
    assert all(r["memory_kib_per_env"] > 0.0 for r in rows)


@pytest.mark.skipif(not energyplus_peer.available(), reason="EnergyPlus is not installed")
def test_energyplus_runs_beside_it(run_cli, read, tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "ENERGYPLUS_DAYS", 3)
    monkeypatch.setattr(command, "PEER_BATCH", 4)
    code, lines, _ = run_cli(*SMALL, "--no-ppo", "--no-gradients", "--peers", "--out", tmp_path / "run")
    assert code == 0
    peer = read(tmp_path / "run" / "bench.json")["peers"]["energyplus"]
    assert peer["engine"].startswith("EnergyPlus 25.2")
    assert peer["severe_errors"] == 0
    assert set(peer["ratios"]) == {"300", "600"}
    assert all(ratio > 0.0 for ratios in peer["ratios"].values() for ratio in ratios.values())
    assert any("one environment" in line and "times as many" in line for line in lines)


def test_a_missing_energyplus_is_said_before_anything_is_timed(run_cli, tmp_path, monkeypatch):
    monkeypatch.setattr(energyplus_peer, "available", lambda: False)
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    code, _, err = run_cli(*SMALL, "--peers", "--out", tmp_path / "run")
    assert code == 2
    assert "--peers: EnergyPlus is not installed; pip install 'dcsim[validation]'" in err
    assert not (tmp_path / "run").exists()


def test_a_folder_without_sustaindc_is_refused(run_cli, tmp_path):
    code, _, err = run_cli(*SMALL, "--peers", "--sustaindc", tmp_path, "--out", tmp_path / "run")
    assert code == 2
    assert f"--sustaindc {tmp_path}: holds no sustaindc_env.py" in err


SUSTAINDC = """
import pathlib
from gymnasium.spaces import Discrete

class SustainDC:
    def __init__(self, config):
        assert config == {"month": 0} and pathlib.Path("sustaindc_env.py").is_file()
        self.agents, self.action_space, self.steps, self.resets = ["agent_ls", "agent_dc"], [Discrete(3), Discrete(9)], 0, 0

    def reset(self):
        assert pathlib.Path("sustaindc_env.py").is_file()
        self.steps, self.resets = 0, self.resets + 1
        return {}

    def step(self, actions):
        assert set(actions) == set(self.agents) and self.steps < 100
        self.steps += 1
        return {}, {}, {"__all__": False}, {"__all__": self.steps == 100}, {}
"""


def test_sustaindc_is_stepped_from_a_folder_with_its_own_interface(tmp_path, monkeypatch):
    """A stand-in with the interface of its ``sustaindc_env.py``: no package of it is published."""
    (tmp_path / "sustaindc_env.py").write_text(SUSTAINDC)
    monkeypatch.setattr(energyplus_peer, "available", lambda: False)
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    (peer,) = peers.installed(tmp_path)
    peer.time()
    assert peer.name == "sustaindc" and peer.time_step == 900.0
    assert len(peer.rates) == 1 and peer.rates[0] > 0.0


def case(kind, interval, rates, num_envs=1, dtype="float64", **more):
    return Case(kind, "fused", dtype, num_envs, 20, 1, interval, lambda: None, rates=rates, **more)


def test_rates_count_all_environments(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock, calls = Clock(), []
    monkeypatch.setattr(cases, "time", clock)

    def advance():
        calls.append(1)
        clock.now += 0.1

    timed = Case("vector_env", "fused", "float64", 8, 20, 1, 300.0, advance)
    timed.time(0.95)
    assert len(calls) == 10
    assert timed.rates == [pytest.approx(8 / 0.1)]


def test_ratios_are_of_medians_at_the_same_time_step():
    timed = [
        case("env", 300.0, [900.0]),
        case("env", 600.0, [400.0, 500.0, 9000.0]),
        case("vector_env", 600.0, [20_000.0, 30_000.0, 40_000.0], 1024),
        case("vector_env", 600.0, [50_000.0], 1024, dtype="float32"),
    ]
    peer = SimpleNamespace(rates=[100.0, 120.0, 90.0], time_step=600.0, remarks={})
    found = command.against(peer, timed)
    assert found["steps_per_s"] == 100.0 and found["steps_per_s_best"] == 120.0
    assert found["ratios"]["600"] == {"one_env": 5.0, "batch_float64": 300.0, "batch_float32": 500.0}
    assert found["ratios"]["300"] == {"one_env": 9.0, "batch_float64": None, "batch_float32": None}


def test_a_busy_machine_is_admitted():
    machine = {"processor": "p", "cores": 2, "load": 3.0, "bytes_per_s": 1e10}
    content = {"env": "x", "machine": machine, "results": [], "reset_ms": {}, "import_s": 0.1, "ppo": [], "peers": {}}
    content["gradients"] = []
    content["memory_kib_per_env"] = 1.0
    assert "busy" in report(content)
    content["machine"]["load"] = 0.4
    assert "busy" not in report(content)


def test_a_hall_of_more_rack_groups_draws_the_same_power():
    small, large = cases.hall_of(20), cases.hall_of(80)
    assert large.racks == 80
    assert_allclose(large.params.peak_power.sum(), small.params.peak_power.sum(), rtol=1e-12)
