"""The page of a validation: what was compared with what, each quantity with its tolerance, and the figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcsim_experiments.html_page import Block, Section, command, facts, figure, listed, paragraph, table, write_page
from dcsim_experiments.validation.results import HEADER, rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTIONS = {
    "bands": "PUE of each year beside the published range. Hollow: run again without equipment that halls of the class have not.",
    "deviation": "Each quantity's deviation over what its tolerance allows; of several limits the one used most. Red is outside.",
    "scatter": "Each point of each series: on the grey line dcsim and the reference are equal.",
    "trajectories": "Both curves along the case, and their difference beneath.",
    "error": "Mean deviation, and the band that holds nine tenths of the points.",
}


def write_validation(path: Path, result: Mapping[str, Any], figures: Mapping[str, "Figure"]) -> Path:
    """Write the page.

    Parameters
    ----------
    path : Path
        Its folder is there.
    result : mapping
        Content of ``validation.json``.
    figures : mapping
        As of ``validation_figures``.

    Returns
    -------
    Path
    """
    counts = result["passed"].values()
    passed, of = sum(count["passed"] for count in counts), sum(count["quantities"] for count in counts)
    sections = [_part(part, result, figures) for part in result["passed"]]
    sections.append(Section("How to repeat it", _repeat(result)))
    opening = [paragraph(f"Not run: {reason}", "note") for reason in result.get("not_run", {}).values()]
    return write_page(
        path, "Validation of dcsim", f"{passed} of {of} quantities are within their tolerance.", sections, opening
    )


def _part(part: str, result: Mapping[str, Any], figures: Mapping[str, "Figure"]) -> Section:
    lines = rows(result, part)
    failed = [line for line in lines if line[-1] == "FAILED"]
    blocks: list[Block] = []
    if failed:
        names = ", ".join(f"{line[1]} of {line[0]}" for line in failed)
        blocks.append(paragraph(f"Outside their tolerance: {names}."))
    blocks += [
        figure(drawing, CAPTIONS["bands" if key == "deviation_bands" else key.partition("_")[0]])
        for key, drawing in figures.items()
        if key.startswith((f"deviation_{part}", f"scatter_{part}"))
    ]
    for name, about in result["about"].items():
        if about["part"] != part:
            continue
        sources = {of["tolerance_source"] for of in result["cases"][name].values()}
        entries = {"case": name, "reference": about["source"], "tolerances": "; ".join(sorted(sources))}
        blocks += [paragraph(about["title"], "headline"), facts(entries)]
        blocks += _note(about["note"])
        for kind in ("trajectories", "error"):
            drawing = figures.get(f"{kind}_{name}")
            if drawing is not None:
                blocks.append(figure(drawing, CAPTIONS[kind], alt=f"{about['title']}: {CAPTIONS[kind]}"))
    blocks += [
        paragraph("All quantities", "headline"),
        table([name or "verdict" for name in HEADER], _said_once(lines)),
    ]
    return Section(part, blocks)


def _said_once(lines: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The lines with the name of a case at its first one alone."""
    before = ["", *(line[0] for line in lines)]
    return [("" if line[0] == name else line[0], *line[1:]) for name, line in zip(before, lines, strict=False)]


def _note(text: str) -> list[Block]:
    """A remark as a paragraph, several as a list."""
    lines = text.splitlines()
    return [listed(lines)] if len(lines) > 1 else [paragraph(text, "note")] if text else []


def _repeat(result: Mapping[str, Any]) -> list[Block]:
    entries = {
        "dcsim": result["dcsim_version"],
        "configuration (SHA-256)": result["config_sha256"],
        "seed": str(result["seed"]),
        "made": result["created"],
        "versions": ", ".join(f"{name} {version}" for name, version in result.get("packages", {}).items()),
    }
    return [*([command(str(result["command"]))] if result.get("command") else []), facts(entries)]
