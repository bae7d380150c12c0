"""The network beside the linear path: a small simulator, learned, with weights shared by all sensors of a signal, in several members.

Every sensor to forecast has a state of its own, made from its window (see `features`). It goes from step to step with what is known of that
step, planned actions, weather and load, and with what the others tell: each sensor says something, a vector, and hears the means of what those
of each signal say, and of what those with its own number say. So mixtures are learned as they are, air of several units by their flows
for instance, and changes follow one another as causes do.

Weights go by names of signals, whatever the number of racks. What tells a sensor from others of its signal, the end of a row from its
middle, is a short vector of its own, near 0 at first. The members are one batch of matrices, trained on the same steps from different
weights. A member tells of each target and step how far it has changed from now, and how far off it expects to be.

References
----------
.. [1] Lakshminarayanan, Pritzel, Blundell, Simple and scalable predictive uncertainty estimation using deep ensembles, NeurIPS (2017).
.. [2] Zaheer et al., Deep Sets, NeurIPS (2017): weights shared over the members of a set.
.. [3] Battaglia et al., Interaction networks for learning about objects, relations and physics, NeurIPS (2016).
.. [4] Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP (2014): gated units.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn

from dcsim.forecasting.features import FUTURE, STATIC, UNKNOWN, Features, Layout

Tensor = torch.Tensor

PLACES = 0.1  # of their usual size once learned, at first


class Network(nn.Module):
    """An ensemble of small networks with shared weights over sensors.

    Parameters
    ----------
    width : int
        Of a sensor's state.
    said : int
        Of what a sensor tells the others.
    own : int
        Of the vector that tells it from its like.
    members : int
    seed : int
    """

    def __init__(self, width: int = 48, said: int = 12, own: int = 6, members: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.width, self.said, self.own, self.members = width, said, own, members
        self._seed = torch.Generator().manual_seed(seed)
        self.static = nn.ParameterDict()
        self.future = nn.ParameterDict()
        self.heard = nn.ParameterDict()
        self.begin = nn.ParameterDict()
        self.bias = nn.ParameterDict()
        self.out = nn.ParameterDict()
        self.say = nn.Parameter(self._drawn(width, said))
        self.heard_own = nn.Parameter(self._drawn(said, 2 * width))
        self.change = nn.Parameter(self._drawn(1, 2 * width))
        self.turn = nn.Parameter(self._drawn(width, 2 * width))
        self.places = nn.Parameter(torch.zeros(members, 0, own))  # of no site yet
        self.place_begin = nn.Parameter(self._drawn(own, width))
        self.place_bias = nn.Parameter(self._drawn(own, 2 * width))
        self.place_out = nn.Parameter(self._drawn(own, width))

    def _drawn(self, rows: int, columns: int, fan_in: int | None = None) -> Tensor:
        return torch.randn(self.members, rows, columns, generator=self._seed) / math.sqrt(fan_in or rows)

    def grow(self, layout: Layout, is_new: bool) -> None:
        """Add weights for slots, signals and targets: drawn for a new network, none for one whose weights come from a file.

        Parameters
        ----------
        layout : Layout
        is_new : bool
        """
        self.places = nn.Parameter(PLACES * self._drawn(len(layout.targets), self.own, 1))
        fan_in, width = STATIC * len(layout.slots), self.width
        for slot in layout.slots:
            key = _key(slot.key)
            if key not in self.static:
                self.static[key] = nn.Parameter(self._drawn(STATIC + UNKNOWN * slot.is_known, width, fan_in) * is_new)
            if slot.is_known and key not in self.future:
                self.future[key] = nn.Parameter(self._drawn(FUTURE, 2 * width, fan_in) * is_new)
        signals = list(dict.fromkeys(layout.signals))
        for signal in signals:
            key = _key(signal)
            if key not in self.heard:
                self.heard[key] = nn.Parameter(self._drawn(self.said, 2 * width, self.said * len(signals)) * is_new)
                self.begin[key] = nn.Parameter(self._drawn(1, width) * is_new)
                self.bias[key] = nn.Parameter(self._drawn(1, 2 * width) * is_new)
                self.out[key] = nn.Parameter(torch.zeros(self.members, 2, width))

    def forward(self, found: Features, layout: Layout, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each member says of windows (N) of targets (C) at every step (P).

        Parameters
        ----------
        found : Features
            Of these targets.
        layout : Layout
        targets : Tensor of int, shape (C,)
            Which of the layout's targets.

        Returns
        -------
        mean : Tensor, shape (M, N, C, P)
            Change from now in the unit of its signal's scale.
        log_scale : Tensor, likewise
        """
        n, c = found.own_static.shape[:2]
        steps, width, members = found.own_future.shape[2], self.width, self.members
        signals = [layout.signals[int(k)] for k in targets]
        order = list(dict.fromkeys(signals))
        which = torch.tensor([order.index(signal) for signal in signals])
        state, driven = self._first(found.own_static, found.own_future, layout, layout.own)
        state_all, driven_all = self._first(found.all_static, found.all_future, layout, layout.whole)
        begin, bias, out = (
            torch.stack([part[_key(signal)] for signal in order], dim=1)[:, which]
            for part in (self.begin, self.bias, self.out)
        )
        place = self.places[:, targets]  # (M, C, E)
        begin = begin.transpose(1, 2) + torch.bmm(place, self.place_begin)[:, None]
        bias = bias + torch.bmm(place, self.place_bias)[:, :, None]
        gain = 1.0 + torch.bmm(place, self.place_out)[:, None]
        h = torch.tanh(state + state_all + begin).flatten(1, 2)  # (M, N C, W)
        driven = driven + driven_all + bias[:, None]  # (M, N, C, P, 2 W)
        by_signal = _means(which)
        group = torch.unique(torch.as_tensor(layout.partners)[targets], return_inverse=True)[1]
        by_group = _means(group)
        heard = torch.cat([self.heard[_key(signal)] for signal in order], dim=1)  # (M, S D, 2 W)
        change = h.new_zeros(members, n, c)
        means, scales = [], []
        for k in range(steps):
            told = torch.tanh(torch.bmm(h, self.say)).view(members, n, c, self.said)
            of_all = torch.bmm(torch.matmul(by_signal, told).flatten(2), heard)  # (M, N, 2 W)
            of_own = torch.matmul(torch.matmul(by_group, told), self.heard_own[:, None])[:, :, group]
            a = torch.bmm(h, self.turn).view(members, n, c, 2 * width) + driven[..., k, :]
            a = a + of_all[:, :, None] + of_own + change[..., None] * self.change[:, None]
            gate, new = a.view(members, n * c, 2 * width).chunk(2, dim=-1)
            h = h + torch.sigmoid(gate) * (torch.tanh(new) - h)
            seen = h.view(members, n, c, width)
            change = change + (seen * gain * out[:, None, :, 0]).sum(dim=-1)
            means.append(change)
            scales.append((seen * out[:, None, :, 1]).sum(dim=-1))
        return torch.stack(means, dim=-1), torch.stack(scales, dim=-1)

    def _first(self, static: Tensor, future: Tensor, layout: Layout, slots: Sequence[int]) -> tuple[Tensor, Tensor]:
        """What slots add to a state's begin, (M, N, C, width), and to each step, (M, N, C, P, 2 width)."""
        chosen = [layout.slots[k] for k in slots]
        known = [slot for slot in chosen if slot.is_known]
        weights = torch.cat(
            [self.static[_key(slot.key)][:, :STATIC] for slot in chosen]
            + [self.static[_key(slot.key)][:, STATIC:] for slot in known],
            dim=1,
        )
        n, c, steps, _ = future.shape
        begin = torch.matmul(static.reshape(n * c, -1), weights).view(self.members, n, c, self.width)
        if not known:
            return begin, begin.new_zeros(1, 1, 1, steps, 1)
        ahead = torch.cat([self.future[_key(slot.key)] for slot in known], dim=1)
        driven = torch.matmul(future.reshape(n * c * steps, -1), ahead)
        return begin, driven.view(self.members, n, c, steps, 2 * self.width)


def _means(which: Tensor) -> Tensor:
    """Matrix that takes means over the members of each group, shape (G, C)."""
    into = torch.nn.functional.one_hot(which).to(torch.float32).T
    return into / into.sum(dim=1, keepdim=True)


def _key(name: str) -> str:
    """A name as torch takes it for parameters, which are told apart by dots."""
    return name.replace(".", "·")
