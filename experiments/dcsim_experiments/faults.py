"""Faults of sensors, actuators and equipment, and plants that are not as described, as an option of the command line: YAML, or a file of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcsim.errors import InputError, shown

FAULTS = ("sensors", "actuators", "failures", "domain_randomization")
"""Keyword arguments of the environments."""


def read_faults(words: str) -> dict[str, Any]:
    """Read and check faults, as far as that can be done without a hall.

    Parameters
    ----------
    words : str
        A YAML file, or YAML itself (JSON is a part of it): a mapping with some of the keys ``FAULTS``, as the environments take them.

    Returns
    -------
    dict
        Empty for nothing.

    Raises
    ------
    InputError
        Naming the file, the place in it, and the nearest choice; the command line names the option.
    """
    import yaml

    from dcsim.envs.actuators import ActuatorOptions
    from dcsim.envs.failures import FailureOptions, mapping
    from dcsim.envs.randomization import DomainOptions
    from dcsim.envs.sensors import SensorOptions

    is_file = "\n" not in words and "{" not in words and Path(words).is_file()
    place = f"{words}: " if is_file else ""
    try:
        value: Any = yaml.safe_load(Path(words).read_text(encoding="utf-8") if is_file else words)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where else ""
        raise InputError(f"{place}{line}not YAML: {getattr(error, 'problem', None) or error}") from None
    if value is not None and not isinstance(value, Mapping):
        raise InputError(
            f"{place or f'{shown(words)}: '}expected a YAML file or a mapping of {', '.join(FAULTS)}, "
            "such as '{sensors: {noise: {temperature: 0.1}}}'"
        )
    try:
        faults = {name: of for name, of in mapping("faults", value, FAULTS).items() if of}
        for name, options in zip(FAULTS, (SensorOptions, ActuatorOptions, FailureOptions, DomainOptions), strict=True):
            options.parse(faults.get(name))  # type: ignore[attr-defined]
    except InputError as error:
        raise InputError(f"{place}{error}") from None
    return faults


def in_words(faults: Mapping[str, Any]) -> str:
    """Return faults as YAML on one line that ``read_faults`` reads, ``none`` where there are none."""
    import yaml

    text = yaml.safe_dump(dict(faults), default_flow_style=True, width=float("inf"), sort_keys=False)
    return text.strip() if faults else "none"
