"""Transitions of simulations and logs: what was observed, done and paid, step by step, as one file or a data set of Minari.

`episode` says what an episode is, `logged` makes episodes of a sensor log, `tables` writes and `minari_store` hands them to Minari. Needs
pandas and pyarrow, as `dcsim.logs` does.
"""

from dcsim.transitions.episode import Episode, Layout, episode_of_environment
from dcsim.transitions.logged import Logged, logged, whole
from dcsim.transitions.minari_store import write_minari
from dcsim.transitions.tables import write_table

__all__ = ["Episode", "Layout", "Logged", "episode_of_environment", "logged", "whole", "write_minari", "write_table"]
