"""The script that times a device, on the processor."""

from dcsim_experiments.device_bench import device_rates, main


def test_rates_are_of_the_plant_on_the_device_asked_for(capsys):
    found = device_rates("dcsim/Edge-v0", "cpu", 3, "float32", seconds=0.0, substeps=1)
    assert found["best"] >= found["steps_per_s"] > 0.0
    assert (found["device"], found["num_envs"], found["substeps"]) == ("cpu", 3, 1)
    main(["--env", "dcsim/Edge-v0", "--device", "cpu", "--num-envs", "2", "--dtype", "float64", "--seconds", "0"])
    assert "env=dcsim/Edge-v0 device=cpu dtype=float64 num_envs=2 substeps=10 steps_per_s=" in capsys.readouterr().out
    main(
        [
            "--env",
            "dcsim/Edge-v0",
            "--device",
            "cpu",
            "--num-envs",
            "2",
            "--dtype",
            "float64",
            "--seconds",
            "0",
            "--whole",
        ]
    )
    assert "env=dcsim/Edge-v0 device=cpu dtype=float64 num_envs=2 steps_per_s=" in capsys.readouterr().out
