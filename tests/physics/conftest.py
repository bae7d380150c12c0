"""The array namespaces on which every law must give the same numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# the same examples in every run, on machines of any speed
settings.register_profile("physics", deadline=None, derandomize=True, database=None)
settings.load_profile("physics")


@dataclass(frozen=True)
class Arrays:
    """A namespace with the way into it and back."""

    xp: Any
    asarray: Callable[[Any], Any]
    to_numpy: Callable[[Any], np.ndarray]


def torch_namespace() -> Arrays:
    torch = pytest.importorskip("torch")
    from dcsim.engines.torch_namespace import TorchNamespace

    def asarray(x: Any) -> Any:
        return x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=torch.float64)

    return Arrays(TorchNamespace(torch.float64), asarray, lambda x: x.detach().numpy())


@pytest.fixture(params=["numpy", "torch"])
def arrays(request: pytest.FixtureRequest) -> Arrays:
    return Arrays(np, np.asarray, np.asarray) if request.param == "numpy" else torch_namespace()


@pytest.fixture
def torch_arrays() -> Arrays:
    return torch_namespace()
