"""A hall on the boundary conditions of a sensor log, and beside what its sensors measured.

Needs pandas and pyarrow where a log is read, as `dcsim.logs` does.
"""

from dcsim.replay.boundaries import Boundaries, Measured, boundaries, described, metered
from dcsim.replay.estimate import Ahead, ahead
from dcsim.replay.run import Replayed, Start, open_loop
from dcsim.replay.scores import Score, score
from dcsim.replay.sensors import sensed
from dcsim.replay.site import Site, self_driven, site

__all__ = [
    "Ahead",
    "Boundaries",
    "Measured",
    "Replayed",
    "Score",
    "Site",
    "Start",
    "ahead",
    "boundaries",
    "described",
    "metered",
    "open_loop",
    "score",
    "self_driven",
    "sensed",
    "site",
]
