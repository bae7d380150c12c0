"""``dcsim replay LOG --hall H --controller C``: the log's weather and load, another controller, and what may be believed of the difference.

The log's own controller and every other one run the same environment (`dcsim/Replay-v0`) in closed loop. Two things are said before any
saving is: whether the hall reproduces the logged energy under the logged actions, within the band of its errors on what it was not fitted to,
and how far set-points go beyond all that the log has.

Savings are ratios of simulated energies. Two independent parts make their intervals.

* The hall's error on what it was not fitted to counts for both of a ratio as if independent, though much of it drops out: ``sqrt(2)`` of it.
* Another controller takes machines to where the log tells little of them. What the fit leaves unknown of the parameters is drawn from (a normal
  distribution around the fitted hall, with its spreads and correlations); every plausible hall runs all controllers. The root mean square of
  their savings about the fitted hall's, by Student's factor for their number, is the other part.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dcsim_agents.controller import Controller, make_controller, view_of
from dcsim_agents.logged import LoggedController
from scipy import stats

from dcsim.calibration import drawn_hall, parameters_of
from dcsim.calibration.bands import LEVEL, error_of_mean
from dcsim.envs.env import HallEnv
from dcsim.envs.sensed_steps import SensedSteps
from dcsim.errors import InputError
from dcsim.logs import Log
from dcsim.logs import Mapping as LogMapping
from dcsim.logs.clock import iso
from dcsim.plant.description import HallDescription
from dcsim.replay import Boundaries, Measured, Replayed, boundaries, self_driven, site

Array = np.ndarray

LOGGED = "logged"  # the name of the log's own controller
CALIBRATION_FILE = "calibration.json"  # beside a fitted hall
WARM_UP_S = 3600.0  # at the start, which is settled: not counted
STRETCH_S = 21_600.0  # between holes of the log, from which a stretch counts beside the longest
J_PER_KWH = 3.6e6
SECOND = 1_000_000_000  # ns

WHOLE = "cooling_power"
PARTS = ("chiller_power", "compressor_power", "crah_fan_power", "tower_fan_power", "chilled_water_pump_power")
HEAT = "heat_removed"
INLETS = (
    "rack_inlet_temperature",
    "rack_front_bottom_temperature",
    "rack_front_middle_temperature",
    "rack_front_top_temperature",
)
OUTSIDE = 0.01  # of a set-point's range, from which it counts as beyond what the log has

SUMS = (
    "thermal_energy_kwh",
    "cooling_energy_kwh",
    "facility_energy_kwh",
    "water_l",
    "carbon_kg",
    "energy_cost",
    "violation_k_min",
)
"""Of ``info``, added up over the steps counted."""


@dataclass(frozen=True)
class Arm:
    """A controller on the log's weather and load.

    Attributes
    ----------
    name : str
    infos : mapping of str to ndarray, shape (T,)
        ``info`` of every step.
    setpoints : ndarray, shape (A, T)
        As asked for, in the order of the action.
    replayed : Replayed
        What the sensors of the log would have shown.
    """

    name: str
    infos: Mapping[str, Array]
    setpoints: Array
    replayed: Replayed


@dataclass(frozen=True)
class Outcome:
    """What a controller comes to in one plausible hall, over the steps counted.

    Attributes
    ----------
    metered_kwh : float
    rack_inlet_max_c : float
    violation_k_min : float
    """

    metered_kwh: float
    rack_inlet_max_c: float
    violation_k_min: float


class Tripped(InputError):
    """Servers trip, so that what is left of an energy can be compared with nothing."""


@dataclass(frozen=True)
class Meter:
    """Channels of the log that together are the energy a saving is told of.

    Attributes
    ----------
    name : str
        Signal, or the parts of cooling power that are measured.
    channels : tuple of Measured
    """

    name: str
    channels: tuple[Measured, ...]

    @property
    def measured(self) -> Array:
        """Their sum, shape (T,)."""
        return np.asarray(np.sum([each.values for each in self.channels], axis=0))

    def of(self, arm: Arm) -> Array:
        """What they would have shown, shape (T,)."""
        shown = [arm.replayed.reading(each) for each in self.channels]
        return np.asarray(sum(each for each in shown if each is not None))


class Setting:
    """A log as an environment, and the log's own controller in it.

    Parameters
    ----------
    log : Log
    mapping : Mapping
    description : HallDescription
    control_interval_s : float
    weather : str, optional
        For what the log lacks of outdoor air.
    origin : str
        Name of the mapping, for messages.
    start, end : int, optional
        First and last time [ns] instead of the log's.
    options : mapping, optional
        More keywords of the environment.

    Attributes
    ----------
    envs : list of HallEnv
        An episode of each is a stretch of the log in which load, weather and actions are known: the longest, and all others of six hours
        and more, in the order of time; of one longer than a year the last year.
    taken : Boundaries
        Of the steps of all episodes.
    counted : ndarray of bool, shape (T,)
        Steps behind the first hour of an episode.

    Raises
    ------
    InputError
        As `dcsim.replay.boundaries` and `dcsim.replay.site`.
    """

    def __init__(
        self,
        log: Log,
        mapping: LogMapping,
        description: HallDescription,
        control_interval_s: float = 300.0,
        weather: str | None = None,
        origin: str = "mapping",
        start: int | None = None,
        end: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        own = self_driven(description)
        taken = boundaries(log, mapping, description, control_interval_s, weather, origin, start, end)
        step, warm = round(control_interval_s * SECOND), math.ceil(WARM_UP_S / control_interval_s)
        longest = max(part.stop - part.start for part in taken.segments)
        least = min(longest, math.ceil(STRETCH_S / control_interval_s))
        parts, self.envs = [], []
        for stretch in taken.segments:
            if stretch.stop - stretch.start < least:
                continue
            ends = int(taken.time[stretch.start]), int(taken.time[stretch.stop - 1]) + step
            found = site(log, mapping, own, weather, origin, *ends)
            begin = int(np.datetime64(found.start, "ns").astype(np.int64))
            first = stretch.start + math.ceil((begin - ends[0]) / step)
            left = int((begin - int(taken.time[first])) / SECOND + found.length_s) // round(control_interval_s)
            steps = min(stretch.stop - first, left)
            if steps <= warm:
                raise InputError(
                    f"{log.name}: the longest stretch in which load, weather and actions are known lasts {(ends[1] - ends[0]) / 3.6e12:.1f} h; "
                    "a comparison needs more than two hours"
                )
            parts.append(slice(first, first + steps))
            self.envs.append(
                HallEnv(
                    hall=own,
                    weather=found.weather,
                    workload=found.workload,
                    start=str(taken.time[first].astype("datetime64[ns]").astype("datetime64[s]")),
                    episode_days=steps * control_interval_s / 86_400.0,
                    control_interval_s=control_interval_s,
                    **(options or {}),
                )
            )
        self.taken = _joined(taken, parts)
        self.counted = np.concatenate([np.arange(part.stop - part.start) >= warm for part in self.taken.segments])

    @property
    def env(self) -> HallEnv:
        """Of the first stretch, with whose signals and hall all others agree."""
        return self.envs[0]

    @property
    def hours(self) -> float:
        """That are counted."""
        return float(self.counted.sum()) * self.taken.step_s / 3600.0

    def logged(self) -> list[LoggedController]:
        """Return the log's own controller, one for each episode."""
        asked = {name: values for name, (values, _) in self._asked().items()}
        return [
            LoggedController(view_of(env), {name: values[..., part] for name, values in asked.items()})
            for env, part in zip(self.envs, self.taken.segments, strict=True)
        ]

    def sources(self) -> dict[str, str]:
        """Where each kind of set-point of the log's own controller is from."""
        return {name: source for name, (_, source) in self._asked().items()}

    def _asked(self) -> dict[str, tuple[Array, str]]:
        found = {}
        for name in self.env.batch.config.hall.types.requests:
            logged = "outdoor_air_share" if name == "outdoor_air_share_max" else name  # which dampers went to
            for each in (logged, name):
                if each in self.taken.hall.input_rows:
                    found[name] = self.taken.rows(each), self.taken.sources[each]
                    break
        return found

    def run(
        self, name: str, controllers: Sequence[Controller], seed: int, progress: Callable[[int], Any] | None = None
    ) -> Arm:
        """Run a controller, one of its kind for each episode, through all of them.

        Raises
        ------
        Tripped
            If a rack or a chip trips before the end.
        """
        infos, asked, signals = [], [], []
        for env, controller, part in zip(self.envs, controllers, self.taken.segments, strict=True):
            observation, _ = env.reset(seed=seed)
            controller.reset(seed)
            watched = SensedSteps(env.batch)
            for step in range(part.start, part.stop):
                observation, _, is_tripped, _, info = env.step(controller.act(observation))
                watched.add()
                infos.append(info)
                asked.append(env.batch.setpoints[:, 0].copy())
                if is_tripped:
                    raise Tripped(
                        f"controller {name}: servers trip at {iso(int(self.taken.time[step]))}, of which no energy can be told"
                    )
                if progress is not None:
                    progress(step + 1)
            signals.append(watched.signals())
        shown = {key: np.concatenate([each[key] for each in signals], axis=1) for key in signals[0]}
        columns = {key: np.array([each[key] for each in infos]) for key in infos[0]}
        return Arm(name, columns, np.stack(asked, axis=1), Replayed(self.taken, shown))


def _joined(taken: Boundaries, parts: Sequence[slice]) -> Boundaries:
    """Boundaries of some steps of several stretches, one behind the other."""
    ends = np.cumsum([part.stop - part.start for part in parts]).tolist()
    segments = tuple(slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True))
    steps = np.concatenate([np.arange(part.start, part.stop) for part in parts])
    measured = tuple(replace(each, values=each.values[steps]) for each in taken.measured)
    return replace(taken, time=taken.time[steps], inputs=taken.inputs[:, steps], segments=segments, measured=measured)


def meter_of(measured: Sequence[Measured]) -> Meter | None:
    """Return what a log has of the energy for cooling: all of it, its parts, or the heat that is carried away; None where nothing."""
    for signals, name in (((WHOLE,), WHOLE), (PARTS, ""), ((HEAT,), HEAT)):
        channels = tuple(each for each in measured if each.signal in signals)
        if channels:
            return Meter(name or " + ".join(dict.fromkeys(each.signal for each in channels)), channels)
    return None


class Calibration:
    """What is known of a fitted hall: its errors on what it was not fitted to, and what is left unknown of its parameters.

    Parameters
    ----------
    hall : str
        As named by the user.
    description : HallDescription

    Attributes
    ----------
    lacking : str
        Why nothing is known; empty where it is.

    Raises
    ------
    InputError
        If the file beside the hall is not what a calibration writes.
    """

    def __init__(self, hall: str, description: HallDescription) -> None:
        file = Path(hall).with_name(CALIBRATION_FILE)
        self.lacking, self._channels = "", {}
        self._description, self._names, self._covariance = description, (), np.zeros((0, 0))
        if not Path(hall).is_file() or not file.is_file():
            self.lacking = f"no {CALIBRATION_FILE} beside hall {hall}: fit it to a log with dcsim calibrate, which tells how far it is off"
            return
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            digest, self._channels = content["hall_sha256"], dict(content["channels"]["holdout"])
            for entry in self._channels.values():
                entry["mean"] + entry["bias"], list(entry["hourly_errors"]), sorted(entry["errors_90"])
            spreads = np.array([entry["spread_left"] for entry in content["parameters"].values()], float)
            self._names = tuple(content["parameters"])
            self._covariance = np.array(content["correlation"], float).reshape(2 * (len(spreads),)) * np.outer(
                spreads, spreads
            )
            if not np.isfinite(self._covariance).all():
                raise ValueError("a correlation is no number")
        except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
            raise InputError(f"{file}: is not what dcsim calibrate writes ({error!r}); calibrate again") from None
        if digest != description.digest():
            self.lacking = f"{file} is of another hall: {hall} was changed since; calibrate again"

    def band(self, meter: Meter, hours: float) -> float:
        """Return within what share of itself the simulated energy of a meter is right over hours to come.

        Raises
        ------
        InputError
            If it is not known.
        """
        missing = [each.name for each in meter.channels if each.name not in self._channels]
        if self.lacking or missing:
            raise InputError(
                self.lacking or f"{CALIBRATION_FILE} has no errors of {', '.join(missing)} in its hold-out"
            )
        entries = [self._channels[each.name] for each in meter.channels]
        hourly = np.array([entry["hourly_errors"] for entry in entries], float)
        mean = sum(entry["mean"] + entry["bias"] for entry in entries)
        if not mean > 0.0:
            raise InputError(f"{meter.name} is nothing in the hold-out, of which no error in per cent can be told")
        try:
            return error_of_mean(hourly.sum(axis=0) / mean, hours)
        except ValueError as error:
            raise InputError(f"hold-out too short: {error}") from None

    def halls(self, count: int, seed: int) -> list[HallDescription]:
        """Return halls with parameters drawn from what the fit left unknown."""
        parameters = parameters_of(self._description, self._names)
        random = np.random.default_rng(seed)
        return [drawn_hall(self._description, parameters, random, self._covariance)[0] for _ in range(count)]

    def inlets(self, measured: Sequence[Measured], racks: int) -> Array | None:
        """Return the ends of nine tenths of the errors of each rack group's inlet [K], shape (2, R); None where none was measured.

        A group without a sensor of its own has the median of the others.
        """
        known = [each for each in measured if each.signal in INLETS and each.name in self._channels]
        if self.lacking or not known:
            return None
        errors = [self._channels[each.name]["errors_90"] for each in known]
        ends = np.repeat(np.median(errors, axis=0)[:, None], racks, axis=1)
        for each, own in zip(known, errors, strict=True):
            if each.signal == INLETS[0] and each.number:
                ends[:, each.number - 1] = own
        return ends


def _progress_of(name: str, steps: int) -> Callable[[int], None] | None:
    """Say how far a controller is, on a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda step: print(
        f"\r{name}: {step / steps:4.0%}", end="" if step < steps else "\n", file=sys.stderr, flush=True
    )


def _made(setting: Setting, controllers: Mapping[str, str]) -> dict[str, Sequence[Controller]]:
    made: dict[str, Sequence[Controller]] = {LOGGED: setting.logged()}
    return made | {name: [make_controller(place, env) for env in setting.envs] for name, place in controllers.items()}


def run_arms(setting: Setting, controllers: Mapping[str, str], seed: int) -> Iterator[Arm]:
    """Run the log's own controller and others by name; all are made before the first runs."""
    for name, made in _made(setting, controllers).items():
        yield setting.run(name, made, seed, _progress_of(name, len(setting.taken.time)))


def run_plausible(
    setting_of: Callable[[HallDescription], Setting],
    halls: Sequence[HallDescription],
    controllers: Mapping[str, str],
    seed: int,
) -> list[dict[str, Outcome | None]]:
    """Run all controllers in each of the halls; return what they come to by name, None where servers trip.

    Halls in which servers trip under the logged actions are none that wrote the log, and are left out.
    """
    found = []
    for number, hall in enumerate(halls, 1):
        setting = setting_of(hall)
        meter = meter_of(setting.taken.measured)
        assert meter is not None
        outcomes: dict[str, Outcome | None] = {}
        for name, made in _made(setting, controllers).items():
            words = f"plausible hall {number} of {len(halls)}, {name}"
            try:
                arm = setting.run(name, made, seed, _progress_of(words, len(setting.taken.time)))
            except Tripped:
                outcomes[name] = None
                if name == LOGGED:
                    break
                continue
            outcomes[name] = Outcome(
                _energy(setting, meter.of(arm)),
                float(arm.infos["rack_inlet_max_c"][setting.counted].max()),
                float(arm.infos["violation_k_min"][setting.counted].sum()),
            )
        if outcomes[LOGGED] is not None:
            found.append(outcomes)
    return found


def content(
    setting: Setting,
    arms: Sequence[Arm],
    errors: Calibration,
    plausible: Callable[[], Sequence[Mapping[str, Outcome | None]]] = tuple,
) -> dict[str, Any]:
    """Return what controllers would have used, how hot it would have been, and what of it may be believed, JSON-able.

    Parameters
    ----------
    setting : Setting
    arms : sequence of Arm
        The log's own first.
    errors : Calibration
    plausible : callable
        Returns what controllers come to in plausible halls; called only if a saving can be told.
    """
    meter = meter_of(setting.taken.measured)
    band: float | None = None
    why = ""
    if meter is None:
        why = "the log measures no power for cooling, and no heat that is carried away"
    else:
        try:
            band = errors.band(meter, setting.hours)
        except InputError as error:
            why = str(error)
    check = _check(setting, arms[0], meter, band) if meter else None
    if check and not why:
        if not check["passed"]:
            why = (
                f"under the logged actions the hall uses {check['error']:+.1%} of the {check['quantity']} measured, "
                f"outside of {check['low']:+.1%} to {check['high']:+.1%}, its errors on the hold-out"
            )
        elif check["quantity"] == HEAT:
            why = "the log measures heat and no power for cooling, of whose model nothing is known"
    inlets = errors.inlets(setting.taken.measured, setting.taken.hall.racks)
    savings: dict[str, Any] = {}
    drawn: Sequence[Mapping[str, Outcome | None]] = ()
    if meter and band and not why:
        drawn = plausible()
        savings = {arm.name: _saving(setting, arms[0], arm, meter, band, drawn) for arm in arms[1:]}
    return {
        "control_interval_s": setting.taken.step_s,
        "counted": [iso(int(time)) for time in setting.taken.time[setting.counted][[0, -1]]],
        "hours": setting.hours,
        "controllers": {arm.name: _totals(setting, arm, meter, band, inlets) for arm in arms},
        "check": check,
        "savings": savings,
        "plausible_halls": {
            arm.name: [asdict(one) if (one := each[arm.name]) else None for each in drawn] for arm in arms
        },
        "no_saving": why,
        "actions": setting.sources(),
        "beyond_the_log": {arm.name: _beyond(setting, arms[0], arm) for arm in arms[1:]},
    }


def _energy(setting: Setting, power: Array) -> float:
    """Sum in kWh over the steps counted, of a power [W], shape (T,)."""
    return float(power[setting.counted].sum() * setting.taken.step_s / J_PER_KWH)


def _check(setting: Setting, logged: Arm, meter: Meter, band: float | None) -> dict[str, Any]:
    """Whether the hall uses under the logged actions what the meter shows, where that is known."""
    measured, simulated = meter.measured[setting.counted], meter.of(logged)[setting.counted]
    known = np.isfinite(measured)
    if not known.any():
        raise InputError(f"{meter.name} is never measured while load, weather and actions are known")
    of_meter, of_hall = float(measured[known].mean()), float(simulated[known].mean())
    scale = setting.hours / 1e3
    found: dict[str, Any] = {
        "quantity": meter.name,
        "channels": [each.name for each in meter.channels],
        "known": float(known.mean()),
        "measured_kwh": of_meter * scale,
        "simulated_kwh": of_hall * scale,
        "error": of_hall / of_meter - 1.0 if of_meter else None,
        "low": None,
        "high": None,
        "passed": False,
    }
    if band is not None and of_meter:  # the band is a share of what is simulated
        found["low"], found["high"] = 1.0 / (1.0 + band) - 1.0, 1.0 / (1.0 - band) - 1.0 if band < 1.0 else math.inf
        found["passed"] = bool(found["low"] <= found["error"] <= found["high"])
    return found


def _saving(
    setting: Setting,
    logged: Arm,
    arm: Arm,
    meter: Meter,
    band: float,
    plausible: Sequence[Mapping[str, Outcome | None]],
) -> dict[str, Any]:
    """Share of the log's own energy that is saved, of what the meter is of."""
    ratio = _energy(setting, meter.of(arm)) / _energy(setting, meter.of(logged))
    of_error, of_parameters = math.sqrt(2.0) * band * ratio, None
    ratios = [
        own.metered_kwh / base.metered_kwh for each in plausible if (own := each[arm.name]) and (base := each[LOGGED])
    ]
    if len(ratios) > 1:
        away = math.sqrt(float(np.mean((np.array(ratios) - ratio) ** 2)))
        of_parameters = float(stats.t.ppf(0.5 + 0.5 * LEVEL, len(ratios))) * away
    half = math.hypot(of_error, of_parameters or 0.0)
    return {
        "quantity": meter.name,
        "saving": 1.0 - ratio,
        "low": 1.0 - ratio - half,
        "high": 1.0 - ratio + half,
        "of_error": of_error,
        "of_parameters": of_parameters,
    }


def _totals(
    setting: Setting, arm: Arm, meter: Meter | None, band: float | None, inlets: Array | None
) -> dict[str, Any]:
    counted, step_s = setting.counted, setting.taken.step_s
    sums = {name: float(arm.infos[name][counted].sum()) for name in SUMS}
    it, fans = (_energy(setting, arm.infos[name]) for name in ("it_power_w", "server_fan_power_w"))
    found: dict[str, Any] = sums | {
        "it_energy_kwh": it,
        "server_fan_energy_kwh": fans,
        "pue": sums["facility_energy_kwh"] / it,
        "tue": sums["facility_energy_kwh"] / (it - fans),
        "rack_inlet_max_c": float(arm.infos["rack_inlet_max_c"][counted].max()),
    }
    if meter is not None:
        energy = _energy(setting, meter.of(arm))
        found["metered"] = {"quantity": meter.name, "energy_kwh": energy}
        if band is not None:
            found["metered"] |= {"low": energy * (1.0 - band), "high": energy * (1.0 + band)}
    if inlets is not None:
        warm = hottest(arm, inlets)[1][counted]
        limit = setting.env.batch.config.hall.description.limits.inlet_limit.value
        found["rack_inlet_max_high_c"] = float(warm.max())
        found["violation_high_k_min"] = float(np.maximum(warm - limit, 0.0).sum() * step_s / 60.0)
    return found


def hottest(arm: Arm, inlets: Array) -> tuple[Array, Array]:
    """Lowest and highest that the hottest inlet may have been at each step [degC], shape (T,) each."""
    simulated = arm.replayed.signals["rack_inlet_temperature"]
    low, high = inlets[:, :, None]
    return (simulated - high).max(axis=0), (simulated - low).max(axis=0)


def _beyond(setting: Setting, logged: Arm, arm: Arm) -> dict[str, Any]:
    """By kind of set-point, the range in the log and of a controller, and the share of steps in which that is beyond the log's."""
    found: dict[str, Any] = {}
    sources = setting.sources()
    for name in setting.env.batch.config.hall.types.requests:
        rows = [
            k
            for k, each in enumerate(setting.env.signals.action)
            if each.name == name or each.name.startswith(f"{name}_")
        ]
        of_log, own = logged.setpoints[rows][:, setting.counted], arm.setpoints[rows][:, setting.counted]
        signal = setting.env.signals.action[rows[0]]
        margin = OUTSIDE * (signal.high - signal.low)
        low, high = float(of_log.min()), float(of_log.max())
        outside = ((own < low - margin) | (own > high + margin)).any(axis=0)
        found[name] = {
            "unit": signal.unit,
            "log": [low, high],
            "used": [float(own.min()), float(own.max())],
            "outside": float(outside.mean()),
            "is_logged": sources.get(name, "").startswith("log"),
        }
    return found
