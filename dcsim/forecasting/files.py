"""Forecasters as files: numbers as torch keeps them, everything else as JSON; nothing in either can run code."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from dcsim.errors import InputError
from dcsim.forecasting.features import Scale, layout_of
from dcsim.forecasting.forecaster import Forecaster
from dcsim.forecasting.linear import Linear
from dcsim.forecasting.network import Network
from dcsim.forecasting.panel import Member
from dcsim.forecasting.trust import MODES, Trust

FORMAT = 1
NUMBERS_FILE, TEXT_FILE = "forecaster.pt", "forecaster.json"


def save(forecaster: Forecaster, folder: Path, told: Mapping[str, Any]) -> None:
    """Write ``forecaster.json``, which says what it needs and is, and ``forecaster.pt``, the numbers, into a folder."""
    f = forecaster
    tensors = {f"network.{name}": value for name, value in f.network.state_dict().items()}
    tensors |= {"usual": f.usual, "moved": f.moved, "seen": f.seen}
    tensors |= {f"linear.{mode}": each.weights for mode, each in f.linear.items()}
    tensors |= {
        f"trust.{mode}.{name}": value for mode, each in f.trust.items() for name, value in each._asdict().items()
    }
    text = {
        "format": FORMAT,
        **told,
        "step_s": f.step_s,
        "horizons": f.horizons,
        "channels": [asdict(each) for each in f.members],
        "scales": {signal: list(scale) for signal, scale in f.scales.items()},
        "strengths": {mode: each.strengths for mode, each in f.linear.items()},
        "network": {
            "width": f.network.width,
            "said": f.network.said,
            "own": f.network.own,
            "members": f.network.members,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in (
        (NUMBERS_FILE, lambda path: torch.save(tensors, path)),
        (TEXT_FILE, lambda path: path.write_text(json.dumps(text, indent=1) + "\n")),
    ):
        part = folder / f"{name}.part"
        write(part)
        part.replace(folder / name)


def load(folder: Path) -> Forecaster:
    """Read a forecaster; nothing in its files can run code.

    Raises
    ------
    InputError
        If a file is missing, or not what `save` wrote.
    """
    path = folder / TEXT_FILE
    try:
        text = json.loads(path.read_text())
        if text["format"] != FORMAT:
            raise InputError(f"{path}: format {text['format']}; this version reads {FORMAT}")
        path = folder / NUMBERS_FILE
        tensors = torch.load(path, weights_only=True, map_location="cpu")
        members = tuple(Member(**each) for each in text["channels"])
        network = Network(**text["network"])
        network.grow(layout_of(members), is_new=False)
        network.load_state_dict({name[8:]: value for name, value in tensors.items() if name.startswith("network.")})
        return Forecaster(
            members=members,
            step_s=float(text["step_s"]),
            horizons=int(text["horizons"]),
            scales={signal: Scale(*map(float, scale)) for signal, scale in text["scales"].items()},
            linear={mode: Linear(tensors[f"linear.{mode}"], text["strengths"][mode]) for mode in MODES},
            network=network,
            usual=tensors["usual"],
            trust={mode: Trust(**{name: tensors[f"trust.{mode}.{name}"] for name in Trust._fields}) for mode in MODES},
            moved=tensors["moved"],
            seen=tensors["seen"],
        )
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as problem:
        raise InputError(f"{path}: {problem.strerror}; a folder that `dcsim forecast fit` wrote is wanted") from None
    except InputError:
        raise
    except Exception as problem:  # torch raises many kinds for a file that is not one of its own
        raise InputError(
            f"{path}: not a forecaster ({type(problem).__name__}: {str(problem).splitlines()[0][:100]})"
        ) from None
