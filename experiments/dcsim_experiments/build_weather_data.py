"""Make the built-in typical years of `dcsim.drivers` from the TMY3 files in the wheel of EnergyPlus.

    python -m dcsim_experiments.build_weather_data

reads the EPW files that `pyenergyplus-lbnl` installs and writes ``dcsim/drivers/data/<city>.csv.gz`` and
``PROVENANCE.md``: dry bulb, relative humidity and pressure as the whole numbers that the files hold, so that nothing
is lost. The same input and version of zlib give the same bytes.
"""

import argparse
import gzip
import hashlib
import importlib.util
from pathlib import Path

from dcsim.drivers.weather_files import DATA_DIRECTORY
from dcsim.errors import InputError

#: Built-in name -> what the file name of its station contains.
CITIES = {
    "boulder": "USA_CO_Boulder-Broomfield",
    "chicago": "USA_IL_Chicago-OHare",
    "colorado-springs": "USA_CO_Colorado.Springs",
    "denver": "USA_CO_Denver-Aurora-Buckley",
    "fresno": "USA_CA_Fresno",
    "golden": "USA_CO_Golden-NREL",
    "las-vegas": "USA_NV_Las.Vegas",
    "miami": "USA_FL_Miami",
    "newark": "USA_NJ_Newark",
    "oklahoma-city": "USA_OK_Oklahoma.City",
    "orlando": "USA_FL_Orlando",
    "phoenix": "USA_AZ_Phoenix-Sky.Harbor",
    "san-francisco": "USA_CA_San.Francisco",
    "washington": "USA_VA_Sterling-Washington.Dulles",
    "tampa": "USA_FL_Tampa",
    "urbana": "USA_IL_University.of.Illinois",
}

_INTRODUCTION = """# Where the built-in weather comes from

Typical meteorological years TMY3 of the US National Renewable Energy Laboratory: S. Wilcox and W. Marion, *Users
Manual for TMY3 Data Sets*, NREL/TP-581-43156, May 2008. Works of the United States Government, in the public domain.
They were taken from the EPW form in the wheel `pyenergyplus-lbnl` by

    python -m dcsim_experiments.build_weather_data

which keeps three columns, as whole numbers and without loss: dry bulb [0.1 degC], relative humidity [%] and station
pressure [hPa], one row per hour labelled by its end, 8760 rows, local standard time. Every month comes from another
year.

| name | station | WMO | latitude | longitude | elevation [m] | UTC offset [h] | SHA-256 of the EPW file |
|---|---|---|---|---|---|---|---|
"""


def weather_folder() -> Path:
    """Return the folder of the EPW files that come with `pyenergyplus-lbnl`."""
    spec = importlib.util.find_spec("pyenergyplus")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("pyenergyplus is not installed: pip install 'dcsim[validation]'")
    return Path(spec.submodule_search_locations[0]) / "data" / "weather"


def build(source: Path, target: Path) -> list[Path]:
    """Write one file per city and the provenance table; return the files written.

    Parameters
    ----------
    source : Path
        Folder of EPW files.
    target : Path
        Folder to write into.
    """
    target.mkdir(parents=True, exist_ok=True)
    written = []
    table = [_INTRODUCTION]
    for city, station in CITIES.items():
        found = sorted(source.glob(f"{station}*_TMY3.epw"))
        if len(found) != 1:
            raise InputError(f"{source}: {len(found)} files match '{station}*_TMY3.epw', one is needed")
        raw = found[0].read_bytes()
        lines = raw.decode("ascii").splitlines()
        place = [field.strip() for field in lines[0].split(",")]
        header = (
            f"# source: NREL TMY3 (2008), public domain; {place[1]}, {place[2]}, WMO {place[5]}; from {found[0].name}\n"
            f"# latitude: {place[6]}\n# longitude: {place[7]}\n# elevation: {place[9]}\n# utc_offset: {place[8]}\n"
            "dry_bulb [0.1 degC],relative_humidity [%],pressure [hPa]\n"
        )
        rows = [_row(found[0], number, line) for number, line in enumerate(lines[8:], start=9)]
        path = target / f"{city}.csv.gz"
        # A fixed time stamp: the same input gives the same bytes.
        path.write_bytes(gzip.compress((header + "".join(rows)).encode("ascii"), compresslevel=9, mtime=0))
        written.append(path)
        digest = hashlib.sha256(raw).hexdigest()
        cells = [city, f"{place[1]}, {place[2]}", place[5], place[6], place[7], place[9], place[8], f"`{digest}`"]
        table.append(f"| {' | '.join(cells)} |\n")
    provenance = target / "PROVENANCE.md"
    provenance.write_text("".join(table), encoding="utf-8")
    return [*written, provenance]


def _row(path: Path, line: int, text: str) -> str:
    cells = text.split(",")
    dry_bulb, relative_humidity, pressure = (
        round(factor * float(cells[column]), 6) for column, factor in ((6, 10.0), (8, 1.0), (9, 0.01))
    )
    if not (dry_bulb.is_integer() and relative_humidity.is_integer() and pressure.is_integer()):
        raise InputError(f"{path}, line {line}: finer than 0.1 degC, 1 % or 1 hPa, whole numbers would lose it")
    return f"{dry_bulb:.0f},{relative_humidity:.0f},{pressure:.0f}\n"


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", type=Path, default=None, help="folder of EPW files (default: the wheel's)")
    parser.add_argument("--out", type=Path, default=DATA_DIRECTORY, help="folder to write into")
    arguments = parser.parse_args()
    for path in build(arguments.source or weather_folder(), arguments.out):
        print(path)


if __name__ == "__main__":
    main()
