"""dcsim: a data-centre cooling simulator for reinforcement-learning and controls research.

Importing registers the environments ``dcsim/Enterprise-v0``, ``dcsim/Hyperscale-v0``, ``dcsim/LiquidAI-v0``, ``dcsim/Edge-v0``
and ``dcsim/Replay-v0`` with Gymnasium.
"""

from gymnasium.envs.registration import register, registry

__version__ = "0.1.0"

_HALLS = {
    "dcsim/Enterprise-v0": "enterprise-1mw",
    "dcsim/Hyperscale-v0": "hyperscale-10mw",
    "dcsim/LiquidAI-v0": "ai-d2c-20mw",
    "dcsim/Edge-v0": "edge-dx-50kw",
}


def ids() -> list[str]:
    """Ids of the environments that need no data of the user's; ``dcsim/Replay-v0`` needs a log."""
    return list(_HALLS)


for _id, _hall in _HALLS.items():
    if _id not in registry:
        register(
            _id,
            entry_point="dcsim.envs.env:HallEnv",
            vector_entry_point="dcsim.envs.vector_env:HallVectorEnv",
            kwargs={"hall": _hall},
        )

if "dcsim/Replay-v0" not in registry:
    register(
        "dcsim/Replay-v0",
        entry_point="dcsim.envs.replay:ReplayEnv",
        vector_entry_point="dcsim.envs.replay:ReplayVectorEnv",
    )
