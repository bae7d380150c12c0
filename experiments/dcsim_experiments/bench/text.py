"""The measurements in lines of text."""

from collections.abc import Iterator, Mapping
from typing import Any

BUSY = 0.5  # running processes a core from which the rates cannot be trusted


def report(content: Mapping[str, Any]) -> str:
    """Return the measurements in lines of text."""
    return "\n".join(
        [
            *_cases(content),
            *_rest(content),
            *_ppo(content),
            *_gradients(content),
            *(line for peer in content["peers"].items() for line in _peer(*peer)),
        ]
    )


def _cases(content: Mapping[str, Any]) -> Iterator[str]:
    machine = content["machine"]
    yield f"{content['env']} on {machine['processor']}, {machine['cores']} cores"
    yield (
        f"{'what':<11} {'engine':<7} {'dtype':<8} {'envs':>5} {'racks':>5} {'threads':>7} {'step':>6} {'steps/s':>12} "
        f"{'best':>12}  of the core's flops"
    )
    for r in content["results"]:
        yield (
            f"{r['kind']:<11} {r['engine']:<7} {r['dtype']:<8} {r['num_envs']:>5} {r['racks']:>5} {r['threads']:>7} "
            f"{r['control_interval_s']:>4.0f} s {r['steps_per_s']:>12,.0f} {r['steps_per_s_best']:>12,.0f}{_share(r, machine)}"
        )


def _share(r: Mapping[str, Any], machine: Mapping[str, Any]) -> str:
    """How near to the peak of a core, in operations; bytes are far from it wherever operations are not."""
    if "flops" not in r:
        return ""
    return f"  {r['steps_per_s'] * r['flops'] / machine['flops_' + r['dtype']]:.0%}"


def _rest(content: Mapping[str, Any]) -> Iterator[str]:
    machine = content["machine"]
    work = next((r for r in content["results"] if "flops" in r), None)
    if work is not None:
        yield (
            f"a control step is {work['flops'] / 1e3:,.0f} kflop and at least {work['bytes'] / 1e3:.1f} kB; a core does "
            f"{machine['flops_float64'] / 1e9:.0f} Gflop/s in float64, {machine['flops_float32'] / 1e9:.0f} in float32, "
            f"and copies {machine['bytes_per_s'] / 1e9:.0f} GB/s"
        )
    yield from _threads(content)
    resets = ", ".join(f"{count}: {time_ms:.1f} ms" for count, time_ms in content["reset_ms"].items())
    yield (
        f"import dcsim {content['import_s']:.2f} s; reset of a batch of {resets}; "
        f"{content['memory_kib_per_env']:.0f} KiB for one more environment"
    )
    if machine["load"] > BUSY * machine["cores"]:
        yield "the machine was busy with other work when this began, so these rates are too low"


def _threads(content: Mapping[str, Any]) -> Iterator[str]:
    for r in content["results"]:
        same = ("kind", "engine", "dtype", "num_envs", "control_interval_s")
        alone = [x for x in content["results"] if x["threads"] == 1 and all(x[key] == r[key] for key in same)]
        if r["threads"] > 1 and alone:
            times = r["steps_per_s"] / alone[0]["steps_per_s"]
            yield f"{r['threads']} threads, {r['num_envs']} environments, {r['dtype']}: {times:.2f} times one"


def _ppo(content: Mapping[str, Any]) -> Iterator[str]:
    for r in content["ppo"]:
        yield (
            f"PPO, {r['num_envs']} environments, batch {r['batch_size']}, {r['engine']} {r['dtype']}: "
            f"{r['frames_per_s']:,.0f} frames/s, of which the environment takes {r['env_share']:.0%}"
        )


def _gradients(content: Mapping[str, Any]) -> Iterator[str]:
    for r in content["gradients"]:
        kept = "every state" if r["keep_every"] == 1 else f"every {r['keep_every']}th state"
        yield (
            f"derivatives of {r['steps']} steps by {r['by']}, {r['num_envs']} environments, {kept} kept: "
            f"{1e3 * r['gradient_s']:.1f} ms, {r['ratio']:.2f} times forward alone (the way back {r['backward_s'] / r['forward_s']:.2f}), "
            f"{r['memory_kib_per_env']:,.0f} KiB an environment"
        )


def _peer(name: str, peer: Mapping[str, Any]) -> Iterator[str]:
    yield f"{peer.get('engine', name)}: {peer['steps_per_s']:,.0f} steps/s of {peer['time_step_s']:.0f} s"
    for interval, ratios in peer["ratios"].items():
        parts = {
            "one_env": "one environment",
            "batch_float64": f"{peer['batch']} on one thread in float64",
            "batch_float32": "in float32",
        }
        said = [f"{text} {ratios[key]:.1f} times as many" for key, text in parts.items() if ratios[key] is not None]
        yield f"  in control steps of {interval} s: {', '.join(said)}"
