"""Random numbers of many environments at once: a counter-based generator, written as array operations.

Number k of a stream is a hash of its key and of k, so the numbers of an environment are the same alone and in any batch, streams can be
taken up anywhere, and nothing loops over environments. Streams for several purposes come from one key by name; what is drawn for
one purpose does not move what is drawn for another.
"""

import functools
import math
import zlib
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["RandomNumbers", "load_streams"]

Keys = NDArray[np.uint64]
Array = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # odd, nearest to 2^64 over the golden ratio
_ALTERNATING = np.uint64(0xAAAAAAAAAAAAAAAA)
_MASK = (1 << 64) - 1


class RandomNumbers:
    """Streams of n environments, drawn from together.

    Parameters
    ----------
    keys : np.ndarray of uint64, shape (n,)
        One stream each; ``of_seeds`` makes them from seeds.

    Attributes
    ----------
    keys : np.ndarray of uint64, shape (n,)

    Notes
    -----
    SplitMix64: number k is a bijective hash of ``key + k gamma``, gamma an odd hash of the key.

    References
    ----------
    Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.

    Examples
    --------
    >>> alone, together = RandomNumbers.of_seeds([7]), RandomNumbers.of_seeds([6, 7])
    >>> bool((alone.of("load").normal(3)[0] == together.of("load").normal(3)[1]).all())
    True
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._gamma: Keys | None = None  # made when something is drawn
        self._drawn = 0  # of every stream

    @classmethod
    def of_seeds(cls, seeds: Iterable[int]) -> Self:
        """Return the streams of whole numbers; of those beyond 64 bits the lowest 64 count."""
        return cls(_mixed(np.array([int(seed) & _MASK for seed in seeds], np.uint64) + _GOLDEN))

    def of(self, purpose: str, number: Any = 0) -> "RandomNumbers":
        """Return streams of their own for a purpose, at their beginning.

        Parameters
        ----------
        purpose : str
        number : int or np.ndarray of int, shape (n,)
            Which of several, for instance the episode or the step.
        """
        return RandomNumbers(_mixed(self.keys + (_tag(purpose) + _GOLDEN * np.atleast_1d(number).astype(np.uint64))))

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, rows: slice) -> "RandomNumbers":
        """Streams of some of the environments, at their beginning."""
        return RandomNumbers(self.keys[rows])

    def uniform(self, *shape: int) -> Array:
        """Return the next numbers, uniform between 0 and 1 and never either, shape (n, *shape)."""
        count = math.prod(shape)
        place = np.arange(self._drawn, self._drawn + count, dtype=np.uint64)
        self._drawn += count
        if self._gamma is None:
            self._gamma = _gamma(self.keys)
        bits = self._gamma[:, None] * place
        bits += self.keys[:, None]
        _mix(bits)
        bits >>= np.uint64(12)
        numbers = bits.astype(np.float64)
        numbers += 0.5
        numbers *= 2.0**-52
        return numbers.reshape(len(self), *shape)

    def normal(self, *shape: int) -> Array:
        """Return the next numbers, standard normal, shape (n, *shape); pairs of polar coordinates, angles in float32."""
        count = math.prod(shape)
        pairs = (count + 1) // 2
        radius, angle = self.uniform(2, pairs).swapaxes(0, 1)
        radius = np.sqrt(-2.0 * np.log(radius))
        turn = (2.0 * np.pi * angle).astype(np.float32)
        numbers = np.empty((len(self), 2 * pairs))
        np.multiply(radius, np.cos(turn), out=numbers[:, :pairs])
        np.multiply(radius, np.sin(turn), out=numbers[:, pairs:])
        return numbers[:, :count].reshape(len(self), *shape)

    def exponential(self, *shape: int) -> Array:
        """Return the next numbers, standard exponential, shape (n, *shape)."""
        numbers = self.uniform(*shape)
        np.log(numbers, out=numbers)
        return np.negative(numbers, out=numbers)

    def choice(self, count: Any) -> NDArray[np.int64]:
        """Return one number of 0 to ``count`` - 1 of each stream, shape (n,); ``count`` may differ between them."""
        chosen: NDArray[np.int64] = (self.uniform(1)[:, 0] * count).astype(np.int64)
        return chosen


def load_streams(seeds: "Iterable[int] | RandomNumbers") -> RandomNumbers:
    """Return the streams that a load is drawn from, each at its beginning; integers are seeds of the load alone."""
    return seeds[:] if isinstance(seeds, RandomNumbers) else RandomNumbers.of_seeds(seeds).of("load")


def _mix(bits: Keys) -> None:
    """Hash in place; Stafford's variant 13 of the finalizer of MurmurHash3."""
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)


@functools.lru_cache(maxsize=256)
def _tag(purpose: str) -> np.uint64:
    """Hash a name."""
    tag: np.uint64 = _mixed(np.array([zlib.crc32(purpose.encode())], np.uint64))[0]
    return tag


def _mixed(bits: Keys) -> Keys:
    result = bits.copy()
    _mix(result)
    return result


def _gamma(keys: Keys) -> Keys:
    """Return an odd step for each key, one without long runs of equal bits, which would show in the numbers."""
    gamma = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    gamma = (gamma ^ (gamma >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    gamma = (gamma ^ (gamma >> np.uint64(33))) | np.uint64(1)
    changes = np.bitwise_count(gamma ^ (gamma >> np.uint64(1)))
    return np.where(changes < 24, gamma ^ _ALTERNATING, gamma)
