"""What the content of a storage tank is worth: an episode that ends pays for what it took out, or is paid for what it put in.

Cooling is worth the electricity that the plant draws for it, times price or carbon intensity, in the mean over the episode. Two such
prices are measured on the plant at rest under the resets of ``g36``, at the wet bulb and load of each control step: what it saves for a
unit that a discharged tank gives, and what it draws for a unit that goes into a slowly charged one. A chiller is not as good at all
loads, so they differ; what was taken out costs the dearer, what was put in earns the cheaper. Weather, load and tariff alone decide
these prices, so no controller can move them; they are those of the hall as described, whatever plant an episode draws. Who empties the
tank, or fills it, at an average hour gains nothing; who shifts cooling from dear hours to cheap ones and leaves the tank as it was gains
the difference.
"""

from typing import Any

import numpy as np

from dcsim.envs.meters import J_PER_KWH
from dcsim.envs.settled import SettledStarts
from dcsim.plant.hall import Hall

Value = Any  # float, or array of shape (N,)


class StoredCooling:
    """Content of the tanks of N environments and what it is worth.

    Parameters
    ----------
    hall : Hall
        With a tank.
    starts : SettledStarts
        Of the hall.
    num_envs : int
    sizes : np.ndarray, shape (N,), optional
        Heat capacities of the environments' tanks over that of the hall's, looked up anew whenever they are needed.

    Attributes
    ----------
    kept : np.ndarray, shape (7, N)
        Heat in the tank at the start of the episode [J above 0 degC]; electricity [J], cost and carbon [kg] for a joule of cooling that was
        taken out, and for one that was put in.
    """

    def __init__(self, hall: Hall, starts: SettledStarts, num_envs: int, sizes: np.ndarray | None = None) -> None:
        self._capacity = float(hall.params.tank_heat_capacity[0, 0])
        self._starts, self._sizes = starts, sizes
        self.kept = np.zeros((7, num_envs))

    def begin(
        self,
        index: np.ndarray,
        temperature: np.ndarray,
        wet_bulb: np.ndarray,
        load: np.ndarray,
        price: np.ndarray,
        carbon: np.ndarray,
    ) -> None:
        """Take over the start of episodes.

        Parameters
        ----------
        index : np.ndarray of int, shape (n,)
        temperature : np.ndarray, shape (T, n)
            Of the tanks' nodes [degC].
        wet_bulb, load, price, carbon : np.ndarray, shape (n, steps)
            Of every control step: [degC], mean utilization, [1/kWh], [kg/kWh].
        """
        self.kept[0, index] = self._heat(temperature, index)
        saved, drawn = self._starts.electricity_for_cooling(wet_bulb, load)
        for first, electricity in ((1, np.maximum(saved, drawn)), (4, np.minimum(saved, drawn))):
            self.kept[first, index] = electricity.mean(axis=1)
            self.kept[first + 1, index] = (electricity * price).mean(axis=1) / J_PER_KWH
            self.kept[first + 2, index] = (electricity * carbon).mean(axis=1) / J_PER_KWH

    def taken(self, temperature: np.ndarray) -> np.ndarray:
        """What the tanks lack against the start of their episodes, shape (3, N): electricity [J], cost, carbon [kg].

        Below 0 where they hold more cold.

        Parameters
        ----------
        temperature : np.ndarray, shape (T, N)
            Of their nodes [degC].
        """
        lacking = self._heat(temperature, slice(None)) - self.kept[0]
        result: np.ndarray = np.where(lacking > 0.0, lacking * self.kept[1:4], lacking * self.kept[4:7])
        return result

    def _heat(self, temperature: np.ndarray, index: Any) -> np.ndarray:
        """Heat in the tanks of the environments ``index``, which ``temperature`` is of."""
        heat = temperature[0].copy()  # added in the order of the nodes: the same for any number of columns
        for node in temperature[1:]:
            heat += node
        return heat * self._capacity if self._sizes is None else heat * (self._capacity * self._sizes[index])
