"""Halls fitted to the sensor log of a site, with intervals, and what the log cannot tell.

Needs pandas and pyarrow where a log is read, as `dcsim.logs` does.
"""

from dcsim.calibration.files import hall_text, mapping_text
from dcsim.calibration.fit import Fit, Fitted, comparable, fit
from dcsim.calibration.parameters import MORE, PRIORS, Parameter, Prior, drawn_hall, parameters_of, with_values

__all__ = [
    "MORE",
    "PRIORS",
    "Fit",
    "Fitted",
    "Parameter",
    "Prior",
    "comparable",
    "drawn_hall",
    "fit",
    "hall_text",
    "mapping_text",
    "parameters_of",
    "with_values",
]
