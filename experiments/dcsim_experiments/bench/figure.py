"""The measurements as a picture: steps a second over the batch, and the time of a step over the racks."""

from collections.abc import Mapping
from typing import Any

from dcsim.plots.palette import FAINT, INK
from dcsim.plots.style import house_style, new_figure

COLORS = {("fused", "float64"): "#0072B2", ("fused", "float32"): "#D55E00", ("numpy", "float64"): "#009E73"}


def drawn(content: Mapping[str, Any]) -> Any:
    """Return the figure."""
    with house_style():
        figure = new_figure(11.0, 4.5)
        batches, racks = figure.subplots(1, 2, width_ratios=(1.3, 1.0))
        _batches(batches, content)
        _racks(racks, content)
        figure.set_layout_engine("constrained")
    return figure


def _batches(axes: Any, content: Mapping[str, Any]) -> None:
    interval = content["results"][0]["control_interval_s"]
    rows = [r for r in content["results"] if r["control_interval_s"] == interval and r["threads"] == 1]
    for (engine, dtype), color in COLORS.items():
        for kind, line in (("engine", "--"), ("vector_env", "-")):
            here = [r for r in rows if (r["kind"], r["engine"], r["dtype"]) == (kind, engine, dtype)]
            label = f"{engine} {dtype}, {'plant alone' if kind == 'engine' else 'full env.step'}"
            x, y = [r["num_envs"] for r in here], [r["steps_per_s"] for r in here]
            axes.plot(x, y, line, color=color, marker="o", markersize=3.5, label=label)
    single = next(r for r in rows if r["kind"] == "env")
    axes.plot([1], [single["steps_per_s"]], "D", color=INK, label="single environment, full env.step", zorder=3)
    for name, peer in content["peers"].items():
        axes.axhline(peer["steps_per_s"], color=FAINT, linestyle=":")
        axes.annotate(
            f"{peer.get('engine', name)} ({peer['time_step_s']:.0f} s steps)",
            (1.0, peer["steps_per_s"]),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            color=FAINT,
        )
    counts = sorted({r["num_envs"] for r in rows if r["kind"] != "racks"})
    axes.set(xscale="log", yscale="log", xlabel="environments in the batch", ylabel="control steps per second")
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.set_title(f"{content['env']}, {interval:.0f} s control steps, 1 thread")
    axes.legend(loc="best", fontsize=7.5)


def _racks(axes: Any, content: Mapping[str, Any]) -> None:
    rows = [r for r in content["results"] if r["kind"] == "racks"]
    for dtype in ("float64", "float32"):
        here = [r for r in rows if r["dtype"] == dtype]
        times = [1e6 / r["steps_per_s"] for r in here]
        axes.plot([r["racks"] for r in here], times, "-o", color=COLORS["fused", dtype], markersize=3.5, label=dtype)
    if rows:
        first = next(r for r in rows if r["dtype"] == "float64")
        last = max(r["racks"] for r in rows)
        time = 1e6 / first["steps_per_s"]
        axes.plot([first["racks"], last], [time, time * last / first["racks"]], ":", color=FAINT, label="in proportion")
    axes.set(xscale="log", yscale="log", xlabel="rack groups of the hall", ylabel="time of a control step [us]")
    axes.grid(axis="y")
    axes.set_title("cost against number of rack groups")
    axes.legend(loc="best", fontsize=7.5)
