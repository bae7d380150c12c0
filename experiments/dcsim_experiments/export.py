"""``dcsim export WHAT --format ...``: a trained policy for other programs, or transitions of simulations and logs for offline learning.

Nothing is written before all that can be wrong with the options was found; what is written gets its name when it is whole.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import gymnasium as gym
from dcsim_agents.controller import FACTORIES, make_controller
from dcsim_agents.learned import POLICY_FILE, read_policy
from pydantic import TypeAdapter, ValidationError
from tqdm import tqdm

import dcsim
from dcsim.drivers.messages import nearest
from dcsim.errors import InputError, shown
from dcsim.transitions import Episode, Layout, logged, whole, write_minari, write_table
from dcsim.transitions.episode import layout_of_environment
from dcsim.transitions.minari_store import check_minari
from dcsim_experiments import compare
from dcsim_experiments.config import (
    TRAINING_SEED,
    CompareConfig,
    ExportConfig,
    ReplayConfig,
    TrainConfig,
    check_env,
    training_days,
    training_seed,
)
from dcsim_experiments.rollout import Scenario, transitions
from dcsim_experiments.run_folder import CONFIG_FILE, RunFolder, package_versions

RESULT_FILE = "export.json"
DATA_FILES = {"parquet": "transitions.parquet", "csv": "transitions.csv", "onnx": "policy.onnx", "minari": "minari"}
"""What is written beside ``export.json``, by format; of Minari the folder that ``MINARI_DATASETS_PATH`` names."""
EPISODES = 8
OF_LOGS = ("hall", "mapping", "step_s", "end")
OF_SIMULATIONS = ("controller", "episodes", "seed")
OF_ENVIRONMENTS = ("task", "episode_days", "workload", "grid", "forecast", "faults")
OF_BOTH = ("weather", "start")

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Source:
    """What transitions are made of.

    Attributes
    ----------
    kind : str
        ``"simulation"`` or ``"log"``.
    layout : Layout
    episodes : callable
        Begins the stream of episodes; takes what is to be told of every step made.
    steps : int
        How many there will be at most.
    settings : dict
        Everything the data depend on, JSON-able.
    seed : int
    name : str
        Of a data set, without version.
    algorithm : str
        Who acted, in a few words.
    notes : tuple of str
    about : dict
        What else is to be told, JSON-able.
    spec : gymnasium EnvSpec, optional
    """

    kind: str
    layout: Layout
    episodes: Callable[[Callable[[int], Any]], Iterator[Episode]]
    steps: int
    settings: dict[str, Any]
    seed: int
    name: str
    algorithm: str
    notes: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    spec: Any = None


def main(config: ExportConfig, command: str | None = None) -> Path:
    """Write a policy or transitions.

    Parameters
    ----------
    config : ExportConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with the file or data set and ``export.json``.

    Raises
    ------
    InputError
        If an option is wrong, or does not fit what is exported; nothing is written then.
    """
    check_out(config)
    if config.format == "onnx":
        return export_policy(config, command)
    if config.format == "minari":
        check_minari()
    return export_transitions(source_of(config), config, command)


def check_out(config: ExportConfig) -> None:
    """Refuse a place that is no folder's name, or that holds an export already."""
    if config.out is None:
        return
    if config.out.suffix in (".parquet", ".csv", ".onnx", ".hdf5") and not config.out.is_dir():
        raise InputError(
            f"--out {config.out}: is the name of a folder, in which {DATA_FILES[config.format]} is written; leave the ending out"
        )
    for name in (RESULT_FILE, DATA_FILES[config.format]):
        if (config.out / name).exists():
            raise InputError(f"--out {config.out}: holds an export already ({name}); name another folder")


def refuse(config: ExportConfig, names: tuple[str, ...], why: str) -> None:
    """Refuse options that were given and have no meaning here."""
    for name in names:
        if getattr(config, name) not in ((), None, False, {}):
            raise InputError(f"--{name.replace('_', '-')}: {why}; leave it out")


# --- policies ---------------------------------------------------------------------------------------------------------


def export_policy(config: ExportConfig, command: str | None) -> Path:
    """Write a policy as an ONNX file."""
    from dcsim_agents.onnx_policy import check_onnx, policy_folder, write_onnx

    refuse(config, (*OF_LOGS, *OF_SIMULATIONS, *OF_ENVIRONMENTS, *OF_BOTH), "has no meaning for --format onnx")
    if config.what in (*dcsim.ids(), *FACTORIES):
        raise InputError(
            f"--format onnx: '{config.what}' is no trained policy; give the folder of one, as dcsim train makes"
        )
    place = policy_folder(config.what)
    policy = read_policy(place)
    check_onnx()
    settings = {"what": config.what, "format": config.format, "weights_sha256": policy["weights_sha256"]}
    seed = policy["config"].get("seed")
    folder = RunFolder(config.out, "export", settings, seed if isinstance(seed, int) else 0, RESULT_FILE)
    file = folder.path / DATA_FILES["onnx"]
    written = write_onnx(place, file, folder.identity)
    folder.write(
        RESULT_FILE,
        {
            "format": "onnx",
            "what": config.what,
            "kind": "policy",
            "file": file.name,
            **{key: value for key, value in written.items() if key not in folder.identity},
            "packages": package_versions(),
            **({"command": command} if command else {}),
        },
    )
    print(
        f"{file.name}: {policy['algo'].upper()} policy, {len(policy['observation'])} observations, {len(policy['action'])} actions; "
        f"its actions as run by {written['verified_with']} are within {written['error_max']:.1g} of the policy's"
    )
    return folder.path


# --- transitions ------------------------------------------------------------------------------------------------------


def export_transitions(source: Source, config: ExportConfig, command: str | None) -> Path:
    """Write the episodes of a source in the format that was asked for, and say what they are."""
    folder = RunFolder(config.out, "export", source.settings, source.seed, RESULT_FILE)
    origins: list[dict[str, Any]] = []
    place = folder.path / DATA_FILES[config.format]
    dataset = f"{re.sub(r'[^-_0-9A-Za-z]+', '-', source.name).strip('-')}-v0"

    def kept(episodes: Iterator[Episode]) -> Iterator[Episode]:
        for episode in episodes:
            origins.append(dict(episode.origin))
            yield episode

    def content() -> dict[str, Any]:
        return {
            "format": config.format,
            "what": config.what,
            "kind": source.kind,
            "file": place.name,
            **({"dataset": f"dcsim/{dataset}"} if config.format == "minari" else {}),
            "transitions": sum(origin["steps"] for origin in origins),
            **source.about,
            "notes": list(source.notes),
            **source.layout.described(),
            "episodes": origins,
            "packages": package_versions(),
            **({"command": command} if command else {}),
        }

    def identified() -> dict[str, Any]:
        return {**folder.identity, **content()}

    with tqdm(total=source.steps, unit="step", desc="export", disable=None) as bar:
        episodes = kept(source.episodes(bar.update))
        if config.format == "minari":
            description = f"{source.kind} {config.what}, actions by {source.algorithm}, dcsim {dcsim.__version__}"
            write_minari(
                place, dataset, source.layout, episodes, identified, source.spec, source.algorithm, description
            )
        else:
            write_table(place, source.layout, episodes, identified)
    folder.write(RESULT_FILE, content())
    for note in source.notes:
        print(note)
    print(
        f"{len(origins)} episodes, {sum(origin['steps'] for origin in origins):,} transitions, {len(source.layout.observation)} "
        f"observations, {len(source.layout.action)} actions"
    )
    if config.format == "minari":
        print(f"MINARI_DATASETS_PATH={place.absolute()} lets minari.load_dataset('dcsim/{dataset}') find them")
    return folder.path


def source_of(config: ExportConfig) -> Source:
    """Return what transitions are made of.

    Raises
    ------
    InputError
        If it is nothing that has transitions, or an option does not fit it.
    """
    path = Path(config.what)
    if config.what in dcsim.ids():
        refuse(config, OF_LOGS, f"belongs to a log, and {config.what} is an environment")
        return of_environment(config)
    if config.what == "dcsim/Replay-v0":
        raise InputError("dcsim/Replay-v0: needs a log; give the log itself, with --hall and --mapping")
    if not _exists(path):
        if re.fullmatch(r"([\w-]+/)?[\w-]+-v\d+", config.what):
            raise InputError(f"'{config.what}' is no environment of dcsim; {nearest(config.what, dcsim.ids())}")
        raise InputError(
            f"{shown(config.what)}: no such file or folder; give a log, the folder of a run, or one of {', '.join(dcsim.ids())}"
        )
    if (path / CONFIG_FILE).is_file():
        return of_run(path, config)
    if (path / POLICY_FILE).is_file():
        raise InputError(
            f"{path}: holds a policy, but not where it was trained; name the environment: dcsim export {dcsim.ids()[0]} "
            f"--controller {path} --format {config.format}"
        )
    refuse(config, (*OF_SIMULATIONS, *OF_ENVIRONMENTS), f"belongs to a simulation, and {path} is a log")
    return of_log(config)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False


def of_environment(config: ExportConfig) -> Source:
    """Return episodes of an environment, by default days of the training weeks, so that whoever learns of them can be tested on the others."""
    keywords: dict[str, Any] = {
        "weather": list(config.weather or ("chicago",)),
        "task": config.task,
        "start": list(config.start) or None,
        "episode_days": config.episode_days,
        "workload": config.workload,
        "grid": config.grid,
        "observation": {"forecast": True} if config.forecast else None,
        **config.faults,
    }
    from dcsim.envs.tasks import TASKS

    if not config.start and (config.task is None or TASKS[config.task].find_start is None):
        keywords["start"] = list(training_days())
    given = {name: value for name, value in keywords.items() if value is not None}
    seed = TRAINING_SEED if config.seed is None else config.seed
    scenario = Scenario(config.what, config.episodes or EPISODES, seed, given)
    return of_scenarios([scenario], config.controller or ("g36",), config, {})


def of_run(path: Path, config: ExportConfig) -> Source:
    """Return episodes of what a run folder holds, in the environment it was made in."""
    held = _read_json(path / CONFIG_FILE)
    verb, stored = held.get("verb"), held.get("config")
    known = {"train": TrainConfig, "compare": CompareConfig, "replay": ReplayConfig}
    if verb not in known or not isinstance(stored, dict):
        inside = next((child.parent for child in sorted(path.glob(f"*/{POLICY_FILE}"))), None)
        remedy = f"; did you mean {inside}?" if inside else f"; give a folder of {', '.join(known)}"
        raise InputError(f"{path}: a run of '{verb}' has no transitions{remedy}")
    refuse(config, (*OF_LOGS, *OF_ENVIRONMENTS, *OF_BOTH), f"{path} says it already")
    origin = {"run": str(path), "run_config_sha256": str(held.get("config_sha256"))}
    place = path / CONFIG_FILE
    if verb == "replay":
        refuse(config, OF_SIMULATIONS, f"belongs to a simulation, and {path} replays a log")
        run = _parsed(ReplayConfig, stored, place)
        asked = replace(
            config,
            what=str(run.log),
            hall=run.hall,
            mapping=run.mapping,
            weather=(run.weather,) if run.weather else (),
            step_s=run.step_s,
            start=(run.start,) if run.start else (),
            end=run.end,
        )
        return replace(of_log(asked), about=origin)
    if verb == "train":
        from dcsim_experiments.train import env_keywords  # torch and Stable-Baselines3 with it

        training = _parsed(TrainConfig, stored, place)
        check_env(training.env)
        if not config.controller and not (path / POLICY_FILE).is_file():
            raise InputError(
                f"{path}: holds no policy ({POLICY_FILE}); finish the training with --resume, or name --controller"
            )
        seed = training_seed(training.seed) if config.seed is None else config.seed
        scenario = Scenario(training.env, config.episodes or EPISODES, seed, env_keywords(training))
        return of_scenarios([scenario], config.controller or (str(path),), config, origin)
    comparison = _parsed(CompareConfig, stored, place)
    comparison = replace(
        comparison,
        episodes=config.episodes or comparison.episodes,
        seed=comparison.seed if config.seed is None else config.seed,
    )
    check_env(comparison.env)
    scenarios = compare.scenarios_of(comparison)
    return of_scenarios(scenarios, config.controller or comparison.controllers, config, origin)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise InputError(f"{path}: is not readable as JSON; give another run") from None
    return content if isinstance(content, dict) else {}


def _parsed(kind: type[Settings], stored: Mapping[str, Any], place: Path) -> Settings:
    """Options of a verb as a run folder has them, checked."""
    try:
        return TypeAdapter(kind).validate_python(dict(stored))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place}, config.{where}: {first['msg']}; give a folder that dcsim wrote") from None


def of_scenarios(
    scenarios: list[Scenario], words: tuple[str, ...], config: ExportConfig, origin: Mapping[str, Any]
) -> Source:
    """Return the episodes of scenarios under controllers, one controller after another."""
    controllers = compare.named(words)
    envs = [scenario.make() for scenario in scenarios]
    signals = envs[0].unwrapped.signals
    for scenario, env in zip(scenarios, envs, strict=True):
        if env.unwrapped.signals != signals:
            task = scenario.keywords.get("task")
            raise InputError(
                f"{config.what}: the task '{task}' has other signals than the rest of the run; compare it by itself"
            )
        env.reset(seed=scenario.seed)  # weather or load may not reach over an episode
        for place in controllers.values():
            make_controller(place, env)

    def episodes(advance: Callable[[int], Any]) -> Iterator[Episode]:
        for name, place in controllers.items():
            for scenario, env in zip(scenarios, envs, strict=True):
                controller = make_controller(place, env)
                known = {
                    "controller": name,
                    "weather": scenario.keywords.get("weather"),
                    "task": scenario.keywords.get("task"),
                }
                for k in range(scenario.episodes):
                    start = scenario.starts[k] if scenario.starts else None
                    yield transitions(controller, env, scenario.seed + k, start, known, advance)

    weights = {
        name: read_policy(place)["weights_sha256"] for name, place in controllers.items() if place not in FACTORIES
    }
    spec = copy.deepcopy(gym.spec(scenarios[0].env))
    spec.kwargs = {**spec.kwargs, **scenarios[0].keywords}
    lengths = [
        env.unwrapped.batch.config.episode_steps * scenario.episodes
        for scenario, env in zip(scenarios, envs, strict=True)
    ]
    several = (
        "environment: that of the first of the scenarios, weather and task of the others stand with their episodes",
    )
    return Source(
        kind="simulation",
        layout=layout_of_environment(signals),
        episodes=episodes,
        steps=len(controllers) * sum(lengths),
        settings={
            "what": config.what,
            "format": config.format,
            "scenarios": [asdict(scenario) for scenario in scenarios],
            "controllers": controllers,
            "weights_sha256": weights,
            **origin,
        },
        seed=scenarios[0].seed,
        name=f"{scenarios[0].env.partition('/')[2].partition('-v')[0]}-{'-'.join(controllers)}",
        algorithm=", ".join(controllers),
        notes=several if len(scenarios) > 1 else (),
        about={
            "env": scenarios[0].env,
            "keywords": dict(scenarios[0].keywords),
            "step_s": float(envs[0].unwrapped.batch.config.control_interval_s),
            "reward": "sum of the environment's terms, in shares of design IT power, with weights "
            + json.dumps(envs[0].unwrapped.batch.config.weights),
            "weights_sha256": weights,
            **origin,
        },
        spec=spec,
    )


def of_log(config: ExportConfig) -> Source:
    """Return the transitions of a sensor log."""
    from dcsim.plant.description import load_hall
    from dcsim_experiments.replay import moment, read_mapped

    if config.hall is None:
        raise InputError(
            f"{config.what}: --hall is missing; name the hall that the log is of, a built-in one or a YAML file"
        )
    if len(config.weather) > 1 or len(config.start) > 1:
        name = "--weather" if len(config.weather) > 1 else "--start"
        raise InputError(f"{name}: expected one for a log")
    hall = load_hall(config.hall)
    log, mapping, origin = read_mapped(Path(config.what), config.mapping)
    begin = moment(config.start[0], "start") if config.start else None
    end = moment(config.end, "end") if config.end else None
    weather = config.weather[0] if config.weather else None
    found = logged(log, mapping, hall, config.step_s, weather, origin, begin, end)
    if config.format == "minari":
        found = whole(found, log.name)

    def episodes(advance: Callable[[int], Any]) -> Iterator[Episode]:
        for episode in found.episodes:
            yield episode
            advance(episode.steps)

    return Source(
        kind="log",
        layout=found.layout,
        episodes=episodes,
        steps=sum(episode.steps for episode in found.episodes),
        settings={
            "what": config.what,
            "format": config.format,
            "hall": config.hall,
            "mapping": mapping.model_dump(),
            "weather": weather,
            "step_s": found.episodes[0].step_s,
            "start": config.start[0] if config.start else None,
            "end": config.end,
        },
        seed=0,
        name=f"{hall.name}-{log.name.partition('.')[0]}",
        algorithm="the logged controller",
        notes=found.notes,
        about={
            "hall": hall.name,
            "hall_sha256": hall.digest(),
            "step_s": found.episodes[0].step_s,
            "reader_warnings": list(log.warnings),
        },
    )
