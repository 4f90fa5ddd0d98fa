"""The parameters of a stack of networks, and the steps that move them."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spectral_repro.training.backpropagation import Backpropagation, loss_of
from spectral_repro.training.feed import Batch
from spectral_repro.training.masking import Masking
from spectral_repro.training.network import Network
from spectral_repro.training.optimizers import OPTIMIZERS
from spectral_repro.training.protocol import Protocol


class Updater:
    """Updates a stack of networks batch by batch; realizations do not mix, and can be dropped.

    Args:
        network: parameters ``(R, …)``; its modules hold the optimizer's tensors from now on.
        protocol: the optimizer and its rates.
        steps: how many updates a training to its last epoch would have.
    """

    def __init__(self, network: Network, protocol: Protocol, steps: int) -> None:
        self.network, self.protocol, self.total = network, protocol, steps
        leaves = [q for q in network.parameters() if q.requires_grad]
        kind = OPTIMIZERS[protocol.optimizer]
        p = protocol
        self.optimizer = kind(leaves, p.beta1, p.beta2, p.epsilon, p.momentum, p.weight_decay)
        #: Sums of the losses of each network since :meth:`follow`, and how many images they are of.
        self.losses: Tensor | None = None
        self.seen, self.last_lr = 0, self.lr
        self._bind()

    def follow(self) -> None:
        """From here on adds up the training loss of each network, which costs a little."""
        leaf, self.seen = self.leaves[0], 0
        if self.losses is None or len(self.losses) != len(leaf):
            self.losses = leaf.new_zeros(len(leaf))
        self.losses.zero_()

    @property
    def lr(self) -> float:
        """The rate of the next update."""
        return self.lr_after(self.optimizer.steps)

    def lr_after(self, steps: int) -> float:
        """The rate is constant, or falls as a cosine to zero at the last step of the last epoch."""
        if self.protocol.schedule == "constant":
            return self.protocol.lr
        return self.protocol.lr / 2 * (1 + math.cos(math.pi * steps / max(1, self.total)))

    def _bind(self) -> None:
        """Lets the modules hold the optimizer's tensors as their parameters."""
        self.leaves: list[nn.Parameter] = []
        values = iter(self.optimizer.parameters)
        for module in self.network.modules():
            for key, value in module._parameters.items():
                if value is not None and value.requires_grad:
                    leaf = module._parameters[key] = nn.Parameter(next(values))
                    self.leaves.append(leaf)
        self.backpropagation = Backpropagation(self.network, self.optimizer.gradients)

    def step(self, batch: Batch) -> None:
        """One update of every network, or now and then an exchange of links (see :class:`Masking`)."""
        masking = self.network.masking_in_training
        if masking and masking.advance():
            return self._exchange(batch, masking)
        self.find_gradients(batch)
        self.count(batch.labels.shape[1])
        self.optimizer.step(self.last_lr)

    def count(self, images: int) -> None:
        """Notes what the next update is: its rate, and that its losses are of so many images."""
        self.last_lr, self.seen = self.lr, self.seen + images

    def find_gradients(self, batch: Batch) -> None:
        """The gradients of a batch, into those of the optimizer; nothing on the host changes."""
        logits = self.backpropagation.find(batch, keep_logits=self.losses is not None)
        if self.losses is not None and logits is not None:
            self.losses += nn.functional.cross_entropy(logits.mT, batch.labels, reduction="none").sum(-1)

    def _exchange(self, batch: Batch, masking: Masking) -> None:
        """New links of a layer whose parameter is ``W`` itself begin at zero, without moments; others as they are."""
        network = self.network
        maps = self.backpropagation.maps()
        maps = [(weight.requires_grad_(), bias) for weight, bias in maps]
        weights = [weight for weight, _ in maps]
        gradients = torch.autograd.grad(loss_of(network.apply_maps(maps, batch.x), batch.labels), weights)
        optimizer = self.optimizer
        for layer, grown in zip(network.layers, masking.exchange(weights, gradients), strict=True):
            for i, leaf in enumerate(self.leaves):
                if layer.entries and leaf is getattr(layer, layer.entries):
                    for tensors in (optimizer.parameters, optimizer.first, optimizer.second):
                        tensors[i].masked_fill_(grown, 0.0)

    def keep(self, rows: list[int]) -> None:
        """Drops all networks but ``rows``."""
        index = torch.tensor(rows).to(self.leaves[0].device)
        for module in self.network.modules():
            for key, value in module._buffers.items():
                if value is not None and key not in getattr(module, "shared", ()):
                    module._buffers[key] = value[index]
        self.optimizer.keep(index)
        if masking := self.network.masking_in_training:
            masking.keep(index)
        self._bind()

    def finite(self) -> list[bool]:
        """Of each network, whether all that it trains is finite."""
        return torch.stack([p.flatten(1).isfinite().all(1) for p in self.optimizer.parameters]).all(0).tolist()

    def tensors(self) -> list[Tensor]:
        """Parameters and moments, which together with the number of steps are the state."""
        optimizer = self.optimizer
        return [*optimizer.parameters, *optimizer.first, *optimizer.second]

    @torch.no_grad()
    def restore(self, tensors: Sequence[Tensor], steps: int) -> None:
        """Takes over the values of :meth:`tensors`.

        Raises:
            ValueError: if they are those of other networks.
        """
        for here, there in zip(self.tensors(), tensors, strict=True):
            if here.shape != there.shape or here.dtype != there.dtype:
                raise ValueError(f"the state has {tuple(there.shape)} numbers, this trainer {tuple(here.shape)}")
            here.copy_(there)
        self.optimizer.steps = steps
