"""Controllers for dcsim: practised baselines, and policies that were learned.

``make_controller(name, env)`` returns one that fits an environment. Torch and Stable-Baselines3 are loaded only where a
policy is trained or saved.
"""

from dcsim_agents.controller import Controller, EnvView, controller_names, make_controller, register_controller, view_of
from dcsim_agents.signal_io import Reading, SetpointWriter, SignalReader

__all__ = [
    "Controller",
    "EnvView",
    "Reading",
    "SetpointWriter",
    "SignalReader",
    "controller_names",
    "make_controller",
    "register_controller",
    "view_of",
]
