"""What each verb of the command line can be told; the fields are the options and their texts the help.

Training and testing use different weeks of the year: training episodes lie within odd weeks (the 1st, 3rd ... from
1 January), test episodes start with even ones and last a week, so no test hour was seen in training. Tasks that say when
they start, such as a heat wave, are the exception: they are trained on and tested on the same days. Seeds, and with them
loads, always differ: training draws from ``TRAINING_SEED`` on, tests from small numbers.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from dcsim.errors import InputError
from dcsim_experiments.faults import in_words, read_faults

TRAINING_SEED = 10_000  # seeds below belong to tests
_SEEDS_PER_TRAINING = 10_000  # more than any batch has rows
_FIRST_DAY = datetime.date(2023, 1, 1)  # any year of 365 days
WEEKS = 52
DAY_S = 86_400.0
SEED_MAX = 2**31 - 1  # more than some generators take

CommaList = Annotated[
    tuple[str, ...],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="A,B,..",
        instance_from_str=lambda words: tuple(word.strip() for word in words[0].split(",") if word.strip()),
        is_instance=lambda value: isinstance(value, tuple) and all(isinstance(item, str) for item in value),
        str_from_instance=lambda value: [",".join(value)],
    ),
]
"""Words separated by commas."""


class WrongOption(Exception):
    """What is wrong with the value of an option. No ValueError, as tyro would break the lines of that, paths included."""


def _faults(words: Sequence[str]) -> dict[str, Any]:
    try:
        return read_faults(words[0])
    except InputError as error:
        raise WrongOption(f"--faults: {error}") from None


Faults = Annotated[
    dict[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="YAML",
        instance_from_str=_faults,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda value: [in_words(value) if value else "{}"],
    ),
]
"""Keyword arguments ``sensors``, ``actuators``, ``failures`` and ``domain_randomization`` of an environment."""


def test_weeks() -> tuple[str, ...]:
    """First days of the even weeks of the year, as ISO dates."""
    return tuple(_day(7 * week) for week in range(WEEKS) if week % 2 == 1)


def spread(starts: Sequence[str], episodes: int, seed: int) -> tuple[str, ...]:
    """Deal starts to episodes, evenly spread over the list, so that few test weeks still cover all seasons.

    Parameters
    ----------
    starts : sequence of str
    episodes : int
        Where there are more than starts, whole rounds come first.
    seed : int
        Shifts the choice by as many starts, so that another seed gives other ones.

    Returns
    -------
    tuple of str
        The start of each episode.
    """
    count = len(starts)
    last = episodes % count  # of the round that is not whole
    chosen = [*range(count)] * (episodes // count) + [(2 * i + 1) * count // (2 * last) for i in range(last)]
    return tuple(starts[(index + seed) % count] for index in chosen)


def training_days() -> tuple[str, ...]:
    """All days of the odd weeks of the year, as ISO dates."""
    return tuple(_day(7 * week + day) for week in range(WEEKS) if week % 2 == 0 for day in range(7))


def calendar_days(start: str, days: float) -> set[str]:
    """Days of the year, ``MM-DD``, of an episode that starts at ``MM-DD HH:MM``."""
    first = datetime.datetime.fromisoformat(f"{_FIRST_DAY.year}-{start}")
    last = first + datetime.timedelta(days=days, seconds=-1)
    return {f"{first + datetime.timedelta(days=k):%m-%d}" for k in range((last.date() - first.date()).days + 1)}


def _day(number: int) -> str:
    return (_FIRST_DAY + datetime.timedelta(days=number)).isoformat()


def training_seed(seed: int) -> int:
    """First seed of the rows of training number ``seed``."""
    return TRAINING_SEED + seed * _SEEDS_PER_TRAINING


@dataclass(frozen=True)
class DemoConfig:
    """Train one controller in minutes, compare it with the baselines on weeks it has not seen, and show the result."""

    env: str = "dcsim/Enterprise-v0"
    """Id of the environment."""
    algo: Literal["ppo", "sac"] = "ppo"
    """Learning algorithm; ppo learns more in the same minutes."""
    seed: int = 0
    """Seed of the training and first seed of the test episodes."""
    weather: CommaList = ("chicago",)
    """Climates or weather files, of which each episode draws one."""
    steps: int | None = None
    """Control steps to train for; by default as many as fit the demo."""
    minutes: float = 3.5
    """Training is cut off here on slow machines, and the report says so."""
    episodes: int = 8
    """Test weeks to compare on."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""


@dataclass(frozen=True)
class TrainConfig:
    """Train one controller with Stable-Baselines3 and save its policy."""

    env: str = "dcsim/Enterprise-v0"
    """Id of the environment."""
    algo: Literal["ppo", "sac"] = "sac"
    """Learning algorithm."""
    seed: int = 0
    """Seed of networks, episodes and sampling: the same seed gives the same policy."""
    steps: int | None = None
    """Control steps to train for, over all rows; by default the recipe's."""
    num_envs: int | None = None
    """Environments that run side by side; by default the recipe's."""
    weather: CommaList = ("chicago",)
    """Climates or weather files, of which each episode draws one."""
    task: str | None = None
    """Stress task to train on, in the training weeks or on its own days; by default ordinary days."""
    workload: str | None = None
    """Load profile; by default the hall's own."""
    grid: str | None = None
    """Grid profile, which gives price and carbon intensity; by default the task's, or us-average."""
    forecast: bool = False
    """Observations carry forecasts of weather, load and price."""
    faults: Faults = field(default_factory=dict)
    """What is wrong with sensors, actuators and equipment, or unknown of the plant, while training: a YAML file, or YAML such as
    '{sensors: {noise: {temperature: 0.1}}, failures: {random: {chiller: {mtbf_hours: 200, repair_hours: 8}}}}'."""
    minutes: float | None = None
    """Stop after so many minutes even if steps are left."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints, from which --resume goes on."""
    resume: bool = False
    """Go on with the interrupted training in --out."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""


@dataclass(frozen=True)
class CompareConfig:
    """Run controllers on the same episodes and say how they differ."""

    env: str = "dcsim/Enterprise-v0"
    """Id of the environment."""
    controllers: CommaList = ("fixed", "rules", "pid", "g36-default", "g36")
    """Names of controllers or folders of saved policies."""
    episodes: int = 8
    """Episodes for each climate and task."""
    weather: CommaList = ("chicago",)
    """Climates or weather files."""
    tasks: CommaList = ()
    """Stress tasks; by default ordinary weeks that no training has seen."""
    seed: int = 0
    """Seed of the first episode; the others follow. It also shifts which weeks they start in."""
    reference: str | None = None
    """Controller that the others are compared with; by default g36, or the first where g36 does not take part."""
    episode_days: float | None = None
    """Length of an episode; by default the task's, or a week."""
    start: CommaList = ()
    """ISO dates over which the starts of the episodes are spread; by default the test weeks, or the task's own."""
    workload: str | None = None
    """Load profile; by default the hall's or the task's own."""
    grid: str | None = None
    """Grid profile, which gives price and carbon intensity; by default the task's, or us-average."""
    forecast: bool = False
    """Observations carry forecasts, as policies trained with --forecast need."""
    faults: Faults = field(default_factory=dict)
    """What is wrong with sensors, actuators and equipment, or unknown of the plant, the same for all controllers: a YAML file, or YAML such as
    '{sensors: {noise: {temperature: 0.1}}, failures: {random: {chiller: {mtbf_hours: 200, repair_hours: 8}}}}'."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""


@dataclass(frozen=True)
class ValidateConfig:
    """Compare the simulator with other programs', published and measured numbers."""

    parts: tyro.conf.Positional[tuple[Literal["energyplus", "modelica", "bands", "rise"], ...]] = ()
    """What to compare with; by default everything there is data for."""
    data: Path | None = None
    """Folder that holds energyplus_ref, modelica_ref and rise_pod2_exp1; without it energyplus runs the engine itself."""
    weather: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="EPW ..")] = ()
    """Weather of the runs of EnergyPlus that are made where there is no --data: EPW files, or names of the engine's own
    such as usa_fl_miami; Chicago by default."""
    seed: int = 0
    """Seed of whatever is drawn; the references themselves need none."""
    readme: Path | None = None
    """File in which the table between the marks 'dcsim validate: begin' and 'end' is replaced by what was found."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""


@dataclass(frozen=True)
class BenchConfig:
    """Measure control steps per second by engine, batch size and precision."""

    env: str = "dcsim/Enterprise-v0"
    """Id of the environment."""
    batches: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ..")] = (1, 16, 64, 256, 1024)
    """Numbers of environments in a batch."""
    seconds: float = 0.3
    """Time for one measurement; each is repeated, interleaved with the others."""
    repeats: int = 5
    """Repetitions, of which the median and the best are reported."""
    threads: int = 2
    """Threads that share the largest batch, beside one alone."""
    racks: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N ..")] = (20, 40, 100, 200, 400, 1000, 2000)
    """Rack groups of the halls whose cost is compared, multiples of 20; none to leave this out."""
    ppo: bool = True
    """Also train PPO for a moment, for its frames per second and the environment's share of the time."""
    gradients: bool = True
    """Also take derivatives of a day by actions and parameters, for their time over that of the day run forward."""
    peers: bool = False
    """Also run other simulators that are installed: EnergyPlus through its Python API, Sinergym."""
    sustaindc: Path | None = None
    """Folder of a copy of SustainDC, to be run with --peers."""
    seed: int = 0
    """Seed of the episodes."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""


@dataclass(frozen=True)
class InspectConfig:
    """Read a sensor log and say what was understood: clock, channels, units, faults."""

    log: tyro.conf.Positional[Path]
    """A log file (text, Parquet, Excel, SQL dump, blocks of ipmitool; gz and xz are unpacked), a tar archive, or a folder with
    one file a sensor."""
    mapping: Path | None = None
    """What you know of the log, a YAML file; without one, a first mapping to edit is written."""
    hall: str | None = None
    """Hall that the signals of the mapping are checked against: a built-in name or a YAML file."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""


@dataclass(frozen=True)
class ReplayConfig:
    """Drive a hall by the weather, load and actions of a sensor log, and compare it with what was measured."""

    log: tyro.conf.Positional[Path]
    """A log, as of inspect."""
    hall: str
    """Built-in hall, or a YAML file."""
    mapping: Path | None = None
    """What the channels are, a YAML file; without one, signals are guessed from the names of channels, and said."""
    weather: str | None = None
    """Climate or weather file for what the log lacks of outdoor air."""
    step_s: float | None = None
    """Step of the replay [s]; by default 60 s, or the step of the log up to 300 s."""
    start: str | None = None
    """First time to replay, ISO, universal time unless it has an offset."""
    end: str | None = None
    """Last time to replay, likewise."""
    ahead: bool = True
    """Also forecast one step and one hour ahead, from a state estimated by what was measured before."""
    controller: CommaList = ()
    """Instead, what other controllers would have done on the log's weather and load, beside its own: names, or folders of policies."""
    control_interval_s: float = 300.0
    """Of those controllers; it divides a day evenly."""
    forecast: bool = False
    """Observations carry forecasts, as policies trained with --forecast need."""
    plausible_halls: int = 20
    """In which those controllers run too, with parameters drawn from what the fit left unknown, for the intervals of savings."""
    seed: int = 0
    """Of the ensemble that estimates the state, and of controllers that draw."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_at_least(0, seed=self.seed, plausible_halls=self.plausible_halls)
        if self.controller and self.step_s is not None:
            raise InputError(
                "--step-s: is of a replay of the log's own actions; with --controller say --control-interval-s"
            )
        if not 1.0 <= self.control_interval_s <= 3600.0 or 86_400.0 % self.control_interval_s:
            raise InputError(
                f"--control-interval-s {self.control_interval_s:g}: expected 1 to 3600 s that divide a day evenly"
            )
        if self.step_s is not None and not 1.0 <= self.step_s <= 3600.0:
            raise InputError(f"--step-s {self.step_s:g}: expected 1 to 3600 s")


@dataclass(frozen=True)
class CalibrateConfig:
    """Fit parameters of a hall to a sensor log and say how well it foretells what it was not fitted to."""

    log: tyro.conf.Positional[Path]
    """A log, as of inspect."""
    hall: str
    """Built-in hall, or a YAML file: where the fit begins, and the centre of what is thought likely."""
    mapping: Path | None = None
    """What the channels are, a YAML file; without one, signals are guessed from the names of channels, and said."""
    holdout: Path | None = None
    """Another log of the same channels that nothing is fitted to; by default the last part of the log."""
    holdout_share: float = 0.4
    """Share of the log, at its end, that nothing is fitted to, where no other log is named."""
    parameters: CommaList = ()
    """What to fit, by its place in a hall file (coils.conductance); by default all that usually is uncertain and the hall has."""
    starts: int = 8
    """Points that the search begins at."""
    weather: str | None = None
    """Climate or weather file for what the log lacks of outdoor air."""
    step_s: float | None = None
    """Step of the replay [s]; by default 60 s, or the step of the log up to 300 s."""
    start: str | None = None
    """First time to take, ISO, universal time unless it has an offset."""
    end: str | None = None
    """Last time to take, likewise."""
    threads: int = 2
    """Processor cores."""
    seed: int = 0
    """Of the points that the search begins at."""
    resume: bool = False
    """Go on where an interrupted calibration in the same folder stopped."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_at_least(0, seed=self.seed)
        check_at_least(1, starts=self.starts, threads=self.threads)
        if self.step_s is not None and not 1.0 <= self.step_s <= 3600.0:
            raise InputError(f"--step-s {self.step_s:g}: expected 1 to 3600 s")
        if not 0.0 < self.holdout_share < 0.9:
            raise InputError(f"--holdout-share {self.holdout_share:g}: expected a share above 0 and below 0.9")


@dataclass(frozen=True)
class ForecastConfig:
    """Learn to forecast the temperatures of a sensor log (fit), or say what a forecaster is worth on one (score)."""

    action: tyro.conf.Positional[Literal["fit", "score"]]
    """fit learns from the first part of the log and scores the rest; score takes the forecaster of --model."""
    log: tyro.conf.Positional[Path]
    """A log, as of inspect."""
    mapping: Path | None = None
    """What the channels are, a YAML file; without one, signals are guessed from the names of channels, and said."""
    model: Path | None = None
    """Of score: folder that fit wrote."""
    horizon: str = "60min"
    """How far ahead: a number with s, min or h."""
    step_s: float = 300.0
    """Step of the forecasts [s]; the log's own interval where that is longer."""
    holdout_share: float = 0.3
    """Of fit: share of the log, at its end, that nothing is learned from."""
    ignore: CommaList = ()
    """Channels to leave out, patterns with * and ?."""
    steps: int = 1500
    """Of fit: steps that a network learns at most."""
    members: int = 3
    """Of fit: networks in the ensemble."""
    threads: int = 2
    """Processor cores."""
    seed: int = 0
    """Of the first weights and of what is learned when."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_at_least(0, seed=self.seed)
        check_at_least(1, steps=self.steps, members=self.members, threads=self.threads)
        if not 10.0 <= self.step_s <= 3600.0:
            raise InputError(f"--step-s {self.step_s:g}: expected 10 to 3600 s")
        if not 0.0 < self.holdout_share < 0.9:
            raise InputError(f"--holdout-share {self.holdout_share:g}: expected a share above 0 and below 0.9")
        if self.action == "score" and self.model is None:
            raise InputError("score: --model is missing; name the folder that dcsim forecast fit wrote")
        if self.action == "fit" and self.model is not None:
            raise InputError("--model: fit begins anew; name the folder to write with --out")
        if not 60.0 <= self.horizon_s <= DAY_S:
            raise InputError(f"--horizon {self.horizon}: expected 1min to 24h")

    @property
    def horizon_s(self) -> float:
        """Horizon [s]."""
        found = re.fullmatch(r"\s*([0-9.]+)\s*(s|min|h)\s*", self.horizon)
        try:
            return float(found[1]) * {"s": 1.0, "min": 60.0, "h": 3600.0}[found[2]] if found else 0.0
        except ValueError:
            return 0.0


@dataclass(frozen=True)
class ExportConfig:
    """Write a trained policy as ONNX, or the transitions of simulations or of a sensor log as a table or a data set of Minari."""

    what: tyro.conf.Positional[str]
    """The id of an environment, the folder of a run (train, compare, replay), a log, or for onnx the folder of a policy."""
    format: Literal["minari", "parquet", "csv", "onnx"]
    """What to write."""
    controller: CommaList = ()
    """Of simulations: names of controllers or policy folders, each of which runs all episodes; by default g36, or those of the run."""
    episodes: int | None = None
    """Of simulations: how many with each controller; by default 8, or as many as the run."""
    seed: int | None = None
    """Of simulations: seed of the first episode, the others follow; by default 10000, as seeds below belong to tests, or that of the run."""
    weather: CommaList = ()
    """Climates or weather files: of an environment each episode draws one, chicago by default; of a log, what it lacks of outdoor air."""
    task: str | None = None
    """Of an environment: stress task."""
    episode_days: float | None = None
    """Of an environment: length of an episode; by default the task's, or a day."""
    start: CommaList = ()
    """Of an environment: ISO dates of which each episode draws one, by default days of the training weeks; of a log, the first time to take."""
    end: str | None = None
    """Of a log: the last time to take, ISO, universal time unless it has an offset."""
    workload: str | None = None
    """Of an environment: load profile."""
    grid: str | None = None
    """Of an environment: grid profile, which gives price and carbon intensity."""
    forecast: bool = False
    """Of an environment: observations carry forecasts, as policies trained with --forecast need."""
    faults: Faults = field(default_factory=dict)
    """Of an environment: what is wrong with sensors, actuators and equipment, or unknown of the plant: a YAML file, or YAML."""
    hall: str | None = None
    """Of a log: built-in hall, or a YAML file."""
    mapping: Path | None = None
    """Of a log: what its channels are, a YAML file; without one, signals are guessed from the names of channels, and said."""
    step_s: float | None = None
    """Of a log: step [s]; by default 60 s, or the step of the log up to 300 s."""
    out: Path | None = None
    """Folder of the results; by default a dated one under runs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_at_least(1, episodes=self.episodes)
        check_at_least(0, seed=self.seed)
        if self.step_s is not None and not 1.0 <= self.step_s <= 3600.0:
            raise InputError(f"--step-s {self.step_s:g}: expected 1 to 3600 s")
        if self.episode_days is not None and not self.episode_days > 0.0:
            raise InputError(f"--episode-days {self.episode_days:g}: expected more than 0")
        if self.task is not None:
            from dcsim.envs.tasks import TASKS

            check_choice("--task", self.task, sorted(TASKS))


def check_at_least(least: float, **values: float | None) -> None:
    """Refuse values below ``least`` and a ``seed`` above ``SEED_MAX``; None passes.

    Raises
    ------
    InputError
        Naming the option.
    """
    for name, value in values.items():
        if value is not None and not value >= least:
            raise InputError(f"--{name.replace('_', '-')} {value:g}: expected at least {least:g}")
        if name == "seed" and value is not None and value > SEED_MAX:
            raise InputError(f"--seed {value}: expected at most {SEED_MAX}")


def check_env(env: str) -> None:
    """Refuse an id that is not one of dcsim's environments.

    Raises
    ------
    InputError
        Naming the nearest one.
    """
    check_choice("--env", env, _ids())


def check_choice(place: str, word: str, choices: Sequence[str]) -> None:
    """Refuse a word that is not among ``choices``.

    Raises
    ------
    InputError
        Naming the place and the nearest choice.
    """
    if word not in choices:
        from dcsim.drivers.messages import nearest

        raise InputError(f"{place} '{word}' is not known; {nearest(word, choices)}")


def _ids() -> list[str]:
    import dcsim

    return dcsim.ids()
