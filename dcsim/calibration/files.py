"""What a calibration leaves for others to use: the fitted hall and what is known of its sensors, as YAML."""

import json
from collections.abc import Iterable
from typing import Any

from dcsim.logs.mapping import Mapped, Mapping
from dcsim.plant.description import HallDescription
from dcsim.replay import Measured


def hall_text(description: HallDescription, heading: str = "") -> str:
    """Return a hall file, one line a quantity."""
    lines = [f"# {line}" for line in heading.splitlines()]
    for key, value in description.model_dump(mode="json", exclude_none=True).items():
        if isinstance(value, dict) and "source" not in value:
            lines += ["", f"{key}:", *_section(value, "  ")]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _section(content: dict[str, Any], indent: str) -> Iterable[str]:
    for key, value in content.items():
        if isinstance(value, dict) and "source" not in value:
            yield f"{indent}{key}:"
            yield from _section(value, indent + "  ")
        else:
            yield f"{indent}{key}: {json.dumps(value)}"


def mapping_text(mapping: Mapping, mapped: Iterable[Mapped], sensors: Iterable[Measured], heading: str = "") -> str:
    """Return a mapping file in which fitted sensors have lines of their own before those of the mapping.

    Parameters
    ----------
    mapping : Mapping
    mapped : iterable of Mapped
        Its channels.
    sensors : iterable of Measured
        With offset, share of room air and time constant as fitted; those that stand for several channels keep the mapping's lines.
    heading : str
        Comment in the first lines.
    """
    signals: dict[str, list[str]] = {}
    for each in mapped:
        signals.setdefault(each.channel, []).append(f"{each.signal}_{each.number}" if each.number else each.signal)
    channels: dict[str, dict[str, Any]] = {}
    for sensor in sensors:
        if len(sensor.channels) > 1 or sensor.unit != "degC":
            continue
        (name,) = sensor.channels
        rule = mapping.of_channel(name).model_dump(mode="json", exclude_defaults=True)
        own = {"offset": sensor.offset, "room_share": sensor.room_share, "time_constant": sensor.time_constant}
        channels[name] = {**rule, "signal": signals[name], **{key: round(value, 6) for key, value in own.items()}}
    for pattern, rule_of in mapping.channels.items():
        channels.setdefault(pattern, rule_of.model_dump(mode="json", exclude_defaults=True))
    lines = [f"# {line}" for line in heading.splitlines()]
    lines.append(f"clock: {json.dumps(mapping.clock.model_dump(mode='json', exclude_none=True))}")
    lines.append("channels:")
    lines += [f"  {json.dumps(name)}: {json.dumps(rule)}" for name, rule in channels.items()]
    return "\n".join(lines) + "\n"
