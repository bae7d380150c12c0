"""Reference results of the Modelica Buildings library, and of EnergyPlus as that library keeps them, beside dcsim.

Laws of physics are given the library's own inputs; controllers its requests; the plant week is simulated. Results,
tables and weather stand in the folder ``modelica_ref``; its README names the runs.
"""

from pathlib import Path

from dcsim_experiments.validation import (
    modelica_air,
    modelica_chillers,
    modelica_controls,
    modelica_dx,
    modelica_exchangers,
    modelica_plant_week,
    modelica_storage,
    modelica_towers,
)
from dcsim_experiments.validation.modelica_reference import FOLDER, ReferenceFolder
from dcsim_experiments.validation.results import Case, NoDataError

SUBJECTS = (
    modelica_air,
    modelica_chillers,
    modelica_towers,
    modelica_exchangers,
    modelica_dx,
    modelica_storage,
    modelica_controls,
    modelica_plant_week,
)


def cases(data_dir: Path | None) -> list[Case]:
    """Return the cases of all subjects.

    Parameters
    ----------
    data_dir : Path or None
        Folder that holds ``modelica_ref``.

    Raises
    ------
    NoDataError
        If there is no such folder or nothing in it.
    InputError
        If a file of it is missing or malformed.
    """
    if data_dir is None:
        raise NoDataError(f"modelica: has no data without --data DIR, a folder that holds {FOLDER}")
    files = ReferenceFolder(data_dir)
    return [case for subject in SUBJECTS for case in subject.cases(files)]
