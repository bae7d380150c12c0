"""What the controller cannot choose: weather, IT load, grid."""

from dcsim.drivers.calendar import parse_start
from dcsim.drivers.grid import GRID_PROFILES, Grid, GridValues, load_grid, read_grid_csv
from dcsim.drivers.random_numbers import RandomNumbers
from dcsim.drivers.slots import SlottedLoad, SlottedWorkload, slotted, within_capacity
from dcsim.drivers.training import TRAINING_PROFILES, TrainingWorkload
from dcsim.drivers.typical_year import read_epw, read_tmy3
from dcsim.drivers.weather import OutdoorAir, Weather
from dcsim.drivers.weather_files import built_in_climates, load_weather, read_weather_csv
from dcsim.drivers.workload import GeneratedWorkload, Workload
from dcsim.drivers.workload_files import RecordedWorkload, load_workload, read_workload_csv
from dcsim.drivers.workload_profiles import PROFILES as WORKLOAD_PROFILES

__all__ = [
    "GRID_PROFILES",
    "TRAINING_PROFILES",
    "WORKLOAD_PROFILES",
    "GeneratedWorkload",
    "Grid",
    "GridValues",
    "OutdoorAir",
    "RandomNumbers",
    "RecordedWorkload",
    "SlottedLoad",
    "SlottedWorkload",
    "TrainingWorkload",
    "Weather",
    "Workload",
    "built_in_climates",
    "load_grid",
    "load_weather",
    "load_workload",
    "parse_start",
    "read_epw",
    "read_grid_csv",
    "read_tmy3",
    "read_weather_csv",
    "read_workload_csv",
    "slotted",
    "within_capacity",
]
