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


class TorchNamespace:
    """The functions that laws may call, on float64 torch tensors; plain numbers are promoted as NumPy does."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self.exp, self.log, self.sqrt, self.tanh, self.matmul = (
            torch.exp,
            torch.log,
            torch.sqrt,
            torch.tanh,
            torch.matmul,
        )

    def asarray(self, x: Any) -> Any:
        return x if isinstance(x, self._torch.Tensor) else self._torch.as_tensor(x, dtype=self._torch.float64)

    def maximum(self, x: Any, y: Any) -> Any:
        return self._torch.maximum(self.asarray(x), self.asarray(y))

    def minimum(self, x: Any, y: Any) -> Any:
        return self._torch.minimum(self.asarray(x), self.asarray(y))

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        return self._torch.where(condition, self.asarray(x), self.asarray(y))

    def sum(self, x: Any, axis: int, keepdims: bool) -> Any:
        return self._torch.sum(x, axis, keepdim=keepdims)

    def max(self, x: Any, axis: int, keepdims: bool) -> Any:
        return self._torch.amax(x, axis, keepdim=keepdims)


def torch_namespace() -> Arrays:
    pytest.importorskip("torch")
    namespace = TorchNamespace()
    return Arrays(namespace, namespace.asarray, lambda x: x.detach().numpy())


@pytest.fixture(params=["numpy", "torch"])
def arrays(request: pytest.FixtureRequest) -> Arrays:
    return Arrays(np, np.asarray, np.asarray) if request.param == "numpy" else torch_namespace()


@pytest.fixture
def torch_arrays() -> Arrays:
    return torch_namespace()
