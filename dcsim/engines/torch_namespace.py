"""The functions that laws call, on torch tensors, spelled like NumPy's.

They do what NumPy does, NaN in minima and maxima included. Where operands tie, `maximum`, `minimum` and `max` share the
gradient out evenly among them: of one argument that sits on its bound half of it passes, which is the mean of both
one-sided derivatives and what a central difference gives. `where` passes it to the branch that was taken.

Numbers in laws must be Python's own: NumPy's, on the left of an operator, would turn tensors into arrays.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor


class TorchNamespace:
    """What a law sees as ``xp`` where it runs on tensors.

    Parameters
    ----------
    dtype : torch.dtype
    device : torch.device
        Of the plain numbers that laws hand in.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device | str = "cpu"):
        self.dtype, self.device = dtype, torch.device(device)
        self._numbers: dict[float, Tensor] = {}

    def asarray(self, x: Any) -> Tensor:
        """Return a number or NumPy array as a tensor; a tensor as it is."""
        if isinstance(x, Tensor):
            return x
        if isinstance(x, np.ndarray):
            return torch.tensor(x, dtype=self.dtype, device=self.device)
        known = self._numbers.get(x)
        if known is None:
            # filled on the device: a copy from the host would hold up the host
            known = self._numbers[x] = torch.full((), x, dtype=self.dtype, device=self.device)
        return known

    def exp(self, x: Any) -> Tensor:
        """Exponential."""
        return torch.exp(self.asarray(x))

    def log(self, x: Any) -> Tensor:
        """Natural logarithm."""
        return torch.log(self.asarray(x))

    def sqrt(self, x: Any) -> Tensor:
        """Square root."""
        return torch.sqrt(self.asarray(x))

    def tanh(self, x: Any) -> Tensor:
        """Hyperbolic tangent."""
        return torch.tanh(self.asarray(x))

    def maximum(self, x: Any, y: Any) -> Tensor:
        """Greater of two."""
        return torch.maximum(self.asarray(x), self.asarray(y))

    def minimum(self, x: Any, y: Any) -> Tensor:
        """Lesser of two."""
        return torch.minimum(self.asarray(x), self.asarray(y))

    def where(self, condition: Any, yes: Any, no: Any) -> Tensor:
        """Choose by a comparison."""
        if isinstance(condition, bool | np.bool_):
            return self.asarray(yes if condition else no)
        return torch.where(condition, self.asarray(yes), self.asarray(no))

    def sum(self, x: Tensor, axis: int, keepdims: bool = False) -> Tensor:
        """Sum over components."""
        return torch.sum(x, axis, keepdim=keepdims)

    def max(self, x: Tensor, axis: int, keepdims: bool = False) -> Tensor:
        """Greatest of the components."""
        return torch.amax(x, axis, keepdim=keepdims)

    def matmul(self, matrix: Tensor, x: Tensor) -> Tensor:
        """Product of a matrix and a column of components."""
        return torch.matmul(matrix, x)
