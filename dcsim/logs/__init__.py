"""Sensor logs as they are: read, understood, checked, and mapped to a hall.

`read_log` goes one way: `files` opens whatever holds the log, `tables` turns it into batches of columns; `layout` says which columns hold
stamps, names of sensors and readings; `clock` settles the times, `units` the units; `faults` looks for what is wrong. `mapping` says what a
channel is in a hall. Faulty samples are masked with a reason; nothing is ever filled.
"""

from dcsim.logs.faults import KINDS
from dcsim.logs.log import Channel, Clock, Fault, Log, Series
from dcsim.logs.mapping import Mapping, check_hall, check_log, first_mapping, load_mapping, signals_of
from dcsim.logs.reader import read_log
from dcsim.logs.signals import SIGNALS
from dcsim.logs.store import write_log

__all__ = [
    "KINDS",
    "SIGNALS",
    "Channel",
    "Clock",
    "Fault",
    "Log",
    "Mapping",
    "Series",
    "check_hall",
    "check_log",
    "first_mapping",
    "load_mapping",
    "read_log",
    "signals_of",
    "write_log",
]
