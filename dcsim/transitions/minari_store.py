"""Episodes as a data set of Minari, for offline learning.

Observations and actions are as the environment gives and takes them, float32; of a log observations are in units, actions scaled by the ranges
of the hall. The data set is written through Minari's own storage, episode by episode, where `create_dataset_from_buffers` would hold all of
them in memory.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from dcsim.errors import InputError
from dcsim.transitions.episode import Episode, Layout

NAMESPACE = "dcsim"
MISSING = "--format minari: Minari is not installed; pip install 'dcsim[offline-rl]'"


def check_minari() -> None:
    """Refuse where Minari or its storage is not installed.

    Raises
    ------
    InputError
        Naming the remedy.
    """
    try:
        import h5py  # noqa: F401
        import minari  # noqa: F401
    except ImportError:
        raise InputError(MISSING) from None


def write_minari(
    root: Path,
    name: str,
    layout: Layout,
    episodes: Iterable[Episode],
    about: Callable[[], Mapping[str, Any]],
    spec: EnvSpec | None,
    algorithm: str,
    description: str,
) -> Path:
    """Write the data set ``dcsim/<name>`` below ``root``, and move it into place when it is whole.

    Parameters
    ----------
    root : Path
        What ``MINARI_DATASETS_PATH`` is to be when it is loaded; not there yet.
    name : str
        With its version, such as ``Hyperscale-g36-v0``.
    layout : Layout
    episodes : iterable of Episode
        Drawn one by one.
    about : callable
        Returns, when all are written, what the data set is, JSON-able; stands in its metadata under ``dcsim``.
    spec : EnvSpec, optional
        Of the environment, for ``recover_environment``.
    algorithm, description : str

    Returns
    -------
    Path
        Folder of the data set.

    Raises
    ------
    InputError
        If Minari is not installed, or the place cannot be written.
    """
    check_minari()
    import minari
    from minari.dataset.minari_storage import MinariStorage

    temporary = root.absolute().with_name(f".tmp-{root.name}")  # Minari takes its size by whole paths
    place = temporary / NAMESPACE / name
    unbounded = spec is None
    observations = Box(
        -np.inf if unbounded else -1.0, np.inf if unbounded else 1.0, (len(layout.observation),), np.float32
    )
    actions = Box(-1.0, 1.0, (len(layout.action),), np.float32)
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        place.mkdir(parents=True)
        (place.parent / "namespace_metadata.json").write_text(json.dumps({"description": "Exported by dcsim"}))
        storage = MinariStorage.new(place / "data", observations, actions, spec, "hdf5", jpeg_encoding=False)
        storage.update_metadata(
            {
                "dataset_id": f"{NAMESPACE}/{name}",
                "minari_version": minari.__version__,
                "algorithm_name": algorithm,
                "description": description,
            }
        )
        for episode in episodes:
            storage.update_episodes([_buffer(layout, episode)])
        storage.update_metadata({"dcsim": about()})
        os.replace(temporary, root)
    except OSError as error:
        raise InputError(f"{root}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return root / NAMESPACE / name


def _buffer(layout: Layout, episode: Episode) -> Any:
    from minari.data_collector import EpisodeBuffer

    start = episode.origin.get("start_option")
    return EpisodeBuffer(
        seed=episode.origin.get("seed"),
        options=None if start is None else {"start": start},
        observations=episode.raw_observation,
        actions=episode.raw_action,
        rewards=episode.reward,
        terminations=episode.terminated,
        truncations=episode.truncated,
        infos=dict(zip(layout.keys, episode.outcome.T, strict=True)),
    )
