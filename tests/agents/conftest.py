from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def steady_weather(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], str]:
    """Weather files of a year without change, by dry bulb [degC]; half saturated air."""
    folder = tmp_path_factory.mktemp("weather")

    def file(dry_bulb: float) -> str:
        path: Path = folder / f"steady_{dry_bulb:g}.csv"
        if not path.exists():
            hours = np.datetime64("2023-01-01T00:00") + np.arange(8760).astype("timedelta64[h]")
            rows = [f"{hour},{dry_bulb},50" for hour in hours]
            path.write_text("\n".join(["time,dry_bulb [degC],relative_humidity [%]", *rows]) + "\n")
        return str(path)

    return file
