"""Temperatures one hour ahead: from logs or simulations, with intervals.

`panel` brings sensors on an even grid, `corpus` makes windows of it, `forecaster` learns and forecasts, `scores` says what that is worth.
`simulated` makes panels of simulated halls. Needs torch; reading logs needs pandas and pyarrow, as `dcsim.logs` does.
"""

from dcsim.forecasting.files import load, save
from dcsim.forecasting.forecaster import Forecast, Forecaster, Settings, fit
from dcsim.forecasting.panel import Member, Panel, panel_of, panel_of_signals
from dcsim.forecasting.scores import aligned, foretold, table
from dcsim.forecasting.simulated import simulated

__all__ = [
    "Forecast",
    "Forecaster",
    "Member",
    "Panel",
    "Settings",
    "aligned",
    "fit",
    "foretold",
    "load",
    "panel_of",
    "panel_of_signals",
    "save",
    "simulated",
    "table",
]
