"""Many halls side by side on the boundaries of one log: what each set of parameters would have shown.

All sets of a fit, starts and the small steps for its derivatives, are environments of one batch, so that a set costs what one environment of a
batch does. Derivatives are central differences over a small part of a prior's spread. They are those of all channels at all times, which a fit
by least squares needs and reverse differentiation, one sum at a time, would not give.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from dcsim.calibration.parameters import Parameter, with_values
from dcsim.engines import Engine, make_engine
from dcsim.plant.description import HallDescription
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.replay import Boundaries, Measured, Start
from dcsim.replay.run import begun, course, shown
from dcsim.replay.sensors import signal_of

Array = np.ndarray

SLOW_FIELDS = {"mass_temperature": 3.0, "slab_temperature": 3.0, "tank_temperature": 3.0, "humidity_ratio": 1e-3}
"""What remembers more of what was before a log than its first minutes tell, and how far from rest it usually is [K, kg/kg]."""
STARTS_MAX = 4  # segments, the longest, whose start is estimated


class Bench:
    """A log and a hall whose parameters are on trial.

    Parameters
    ----------
    boundaries : Boundaries
        Made with the hall as described.
    description : HallDescription
    parameters : sequence of Parameter
        P of them.
    channels : sequence of Measured
        C that are compared; the hall has a signal for each.
    threads : int
    """

    def __init__(
        self,
        boundaries: Boundaries,
        description: HallDescription,
        parameters: Sequence[Parameter],
        channels: Sequence[Measured],
        threads: int = 1,
    ) -> None:
        self.boundaries, self.description, self.parameters = boundaries, description, tuple(parameters)
        self.channels = tuple(channels)
        self.hall, self._threads = boundaries.hall, threads
        self._model = hall_model(self.hall)
        self._engines: dict[int, Engine] = {}
        self._own = self._that_change()
        by_length = sorted(
            range(len(boundaries.segments)), key=lambda k: boundaries.segments[k].start - boundaries.segments[k].stop
        )
        self.starts = tuple(
            Start(k, field)
            for k in sorted(by_length[:STARTS_MAX])
            for field in SLOW_FIELDS
            if field in self.hall.state_rows
        )

    def hall_at(self, z: Array) -> HallDescription:
        """Return the hall with parameters at ``z``, shape (P,), as the log drives it."""
        return self.boundaries.driven(with_values(self.description, self.parameters, z))

    def _that_change(self) -> tuple[str, ...]:
        """Fields of the engine's parameters that any of the fitted ones reaches."""
        usual = self.hall.params._asdict()
        found = set()
        for k, each in enumerate(self.parameters):
            for z in (0.1, -0.1):
                if each.bounds[0] <= z <= each.bounds[1]:
                    at = np.zeros(len(self.parameters))
                    at[k] = z
                    other = build_hall(self.hall_at(at)).params._asdict()
                    found |= {name for name, x in usual.items() if not np.array_equal(x, other[name])}
        return tuple(name for name in usual if name in found)

    def run(self, z: Array, starts: Array, until: int | None = None) -> Iterator[tuple[slice, Array, Array]]:
        """Run halls through the log; yield blocks of steps with what the channels' signals are.

        Parameters
        ----------
        z : ndarray, shape (P, N)
        starts : ndarray, shape (number of starts, N)
            Temperatures of `starts` above what they are before a segment otherwise [K].
        until : int, optional
            Step to stop before.

        Yields
        ------
        steps : slice
        signals : ndarray, shape (C, number of steps, N)
            Without offsets, of the air itself.
        room : ndarray, shape (number of steps, N)
            Mean temperature of the room's hot air [degC].
        """
        params = [build_hall(self.hall_at(column)).params for column in z.T]
        matrices = [name for name in self._own if name in self.hall.types.matrices]
        groups: dict[bytes, list[int]] = {}
        for k, each in enumerate(params):
            groups.setdefault(b"".join(getattr(each, name).tobytes() for name in matrices), []).append(k)
        until = len(self.boundaries.time) if until is None else until
        last: dict[bytes, Array | None] = dict.fromkeys(groups)  # states at the end of the segment before
        for number, whole in enumerate(self.boundaries.segments):
            segment = slice(whole.start, min(whole.stop, until))
            if segment.start >= segment.stop:
                break
            runs = []
            for key, members in groups.items():
                engine = self._engine([params[k] for k in members])
                state = begun(self.boundaries, engine, number, last[key], len(members))
                for row, start in enumerate(self.starts):
                    if start.segment == number:
                        state[engine.state_slices[start.field]] += starts[row, members]
                beside = len(params) - len(members)
                runs.append((key, engine, course(self.boundaries, engine, segment, state, beside)))
            while True:
                blocks = [(key, engine, next(blocks, None)) for key, engine, blocks in runs]
                if blocks[0][2] is None:
                    break
                steps = blocks[0][2][0]
                found = np.empty((len(self.channels), steps.stop - steps.start, len(params)))
                room = np.empty(found.shape[1:])
                for key, engine, block in blocks:
                    assert block is not None and block[0] == steps
                    members, last[key] = groups[key], block[1][:, -1]
                    signals = shown(self.boundaries, engine, block[1], steps)
                    for row, channel in enumerate(self.channels):
                        found[row][:, members] = signal_of(signals, channel.signal, channel.number)
                    room[:, members] = signals["room_temperature"][0]
                yield steps, found, room

    def _engine(self, params: list) -> Engine:
        """Return an engine of these halls; compiled once for each number of them."""
        own = {
            name: np.concatenate([getattr(each, name) for each in params], axis=1)
            for name in self._own
            if name not in self.hall.types.matrices
        }
        joined = params[0]._replace(**own)
        key = len(params)
        if key not in self._engines:
            self._engines[key] = make_engine("fused", self._model, joined, threads=self._threads)
            return self._engines[key]
        return self._engines[key].with_params(joined)
