"""``dcsim validate``: the simulator beside other programs', published and measured numbers.

Each part is a module of this package with a function ``cases(data_dir) -> list[Case]``, where ``data_dir`` is the folder
given with ``--data`` (laid out like the data folder that the README describes) or None. It raises ``NoDataError`` where
what it compares with is not there, and ``InputError`` where a file cannot be understood. A part that is named must run;
without names all parts run, and of one without data that is said.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dcsim.errors import InputError
from dcsim_experiments.compare import settings
from dcsim_experiments.config import ValidateConfig, check_at_least
from dcsim_experiments.run_folder import RunFolder, package_versions
from dcsim_experiments.validation.agreement import around_marks, markdown, write_between_marks
from dcsim_experiments.validation.results import Case, NoDataError, content, table

RESULT_FILE = "validation.json"
PACKAGE = "dcsim_experiments.validation"


class Part(NamedTuple):
    """Where a part of the validation stands.

    Attributes
    ----------
    module : str
        In this package.
    folder : str
        Below ``--data``; empty where the reference numbers are published ones kept with the code.
    needs_folder : bool
        Whether there is nothing to compare with without that folder.
    does : str
    """

    module: str
    folder: str
    needs_folder: bool
    does: str


PARTS = {
    "energyplus": Part("energyplus", "energyplus_ref", False, "a hall of CRAHs, chiller and tower in EnergyPlus"),
    "modelica": Part("modelica", "modelica_ref", True, "reference results of the Modelica Buildings library"),
    "bands": Part("bands", "", False, "published PUE and WUE by climate"),
    "rise": Part("rise", "rise_pod2_exp1", True, "a measured hall under load steps"),
}


def main(config: ValidateConfig, command: str | None = None) -> Path:
    """Run the parts, print what they found, write results, figures and a page.

    Parameters
    ----------
    config : ValidateConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``validation.json``, the figures and ``report.html``.

    Raises
    ------
    InputError
        If an option is wrong, a named part has no data, or a file of it cannot be understood.
    """
    check_at_least(0, seed=config.seed)
    names = chosen(config.parts)
    if config.weather:
        names = _for_weather(config, names)
    if config.data is not None and not config.data.is_dir():
        raise InputError(f"--data {config.data}: is not a folder; give the one that holds {_folders()}")
    is_named = bool(config.parts or config.weather)
    ready, missing = prepared(names, config.data, is_named)
    if config.readme is not None:
        around_marks(config.readme)
    folder = RunFolder(config.out, "validate", _settings(config), config.seed, RESULT_FILE)
    parts: dict[str, Sequence[Case]] = {}
    for name in ready:
        module = importlib.import_module(f"{PACKAGE}.{PARTS[name].module}")
        try:
            parts[name] = module.cases(config.data, *([config.weather] if config.weather else []))
        except NoDataError as error:
            if is_named:
                raise
            missing[name] = str(error)
    if not any(parts.values()):
        raise InputError(f"nothing to compare with: {'; '.join(missing.values())}")
    result = content(parts)
    result["not_run"] = missing
    result |= {"packages": package_versions(), **({"command": command} if command else {})}
    print(table(result))
    for reason in missing.values():
        print(f"not run: {reason}")
    _show(folder, parts, result)
    folder.write(RESULT_FILE, result)
    if config.readme is not None:
        write_between_marks(config.readme, markdown(result))
    return folder.path


def chosen(words: Sequence[str]) -> list[str]:
    """Return the names of the parts to run, in the order of ``PARTS``; all if none is named.

    Raises
    ------
    InputError
        For a name given twice.
    """
    twice = [word for word in words if words.count(word) > 1]
    if twice:
        raise InputError(f"part '{twice[0]}' appears twice; name it once")
    return [name for name in PARTS if not words or name in words]


def _for_weather(config: ValidateConfig, names: Sequence[str]) -> list[str]:
    """Return the one part that weather files are for.

    Raises
    ------
    InputError
        If the options do not go together.
    """
    if config.data is not None:
        raise InputError(
            "--weather and --data: give the weather of runs to make, or the folder of those that were made"
        )
    if config.parts and names != ["energyplus"]:
        raise InputError("--weather: is for energyplus alone; leave the other parts out")
    return ["energyplus"]


def prepared(names: Sequence[str], data: Path | None, is_named: bool) -> tuple[list[str], dict[str, str]]:
    """Return the parts that can be tried, and why the others cannot.

    Parameters
    ----------
    names : sequence of str
    data : Path or None
        Folder given by the user.
    is_named : bool
        Whether the user named the parts, so that each of them has to run.

    Raises
    ------
    InputError
        If no part can be tried, or not each that was named.
    """
    reasons = {name: _why_not(name, data) for name in names}
    missing = {name: reason for name, reason in reasons.items() if reason}
    ready = [name for name in names if name not in missing]
    if missing and (is_named or not ready):
        raise InputError("; ".join(missing.values()))
    return ready, missing


def _why_not(name: str, data: Path | None) -> str:
    """Return the reason for which a part cannot be tried, or nothing."""
    part = PARTS[name]
    if part.needs_folder and data is None:
        return f"{name}: has no data without --data DIR, a folder that holds {part.folder}"
    if part.needs_folder and data is not None and not (data / part.folder).is_dir():
        return f"{name}: has no data, since --data {data} holds no folder {part.folder}"
    if importlib.util.find_spec(f"{PACKAGE}.{part.module}") is None:
        return f"{name}: is not in this version"
    return ""


def _folders() -> str:
    return ", ".join(part.folder for part in PARTS.values() if part.folder)


def _settings(config: ValidateConfig) -> dict[str, Any]:
    """Return what the results depend on, JSON-able."""
    paths = {
        "data": None if config.data is None else str(config.data),
        "weather": [str(path) for path in config.weather],
    }
    kept = {name: value for name, value in settings(config).items() if name != "readme"}
    return kept | paths


def _show(folder: RunFolder, parts: dict[str, Sequence[Case]], result: dict[str, Any]) -> None:
    """Write the figures and the page that shows them."""
    from dcsim_experiments.html_page import FIGURE_DPI
    from dcsim_experiments.validation.figures import validation_figures
    from dcsim_experiments.validation.page import write_validation

    figures = validation_figures(parts)
    for key, drawing in figures.items():
        drawing.savefig(folder.path / f"{key}.png", dpi=FIGURE_DPI)
    write_validation(folder.path / "report.html", {**folder.identity, **result}, figures)
