"""Sensor logs as they are: read, understood, checked, and mapped to a hall.

`read_log` goes one way: `files` opens whatever holds the log and yields tables; `layout` says which columns are times, sensors and
readings; `stamps` and `clock` settle the times; `units` the units; `faults` and `cross_checks` look for what is wrong; `mapping`
says what a channel is in a hall. Faulty samples are masked with a reason and nothing is ever filled.
"""

from dcsim.logs.log import MASKS, Channel, Clock, Fault, Log, Samples
from dcsim.logs.mapping import Mapping, check_hall, first_mapping, load_mapping
from dcsim.logs.reader import read_log
from dcsim.logs.signals import SIGNALS
from dcsim.logs.storage import write_log

__all__ = [
    "MASKS",
    "SIGNALS",
    "Channel",
    "Clock",
    "Fault",
    "Log",
    "Mapping",
    "Samples",
    "check_hall",
    "first_mapping",
    "load_mapping",
    "read_log",
    "write_log",
]
