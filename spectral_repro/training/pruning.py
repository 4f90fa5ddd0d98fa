"""Smaller networks: the hidden nodes of a trained one that matter least are taken out (Buffoni et al., 2108.00940)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from spectral_repro.layers.pruning import importance, part_of
from spectral_repro.training.network import Network


def prune(network: Network, share: float, by: str = "eigenvalue", train_eigenvectors: bool | None = None) -> Network:
    """A smaller network without the share of hidden nodes that rank lowest, all hidden layers together.

    What a removed node would send to the next layer is gone; all else is copied, and ``network`` is left as it is.
    Where every ``λin`` and bias is zero and the activation maps zero to zero, that is to set ``λout = 0`` for it.
    Layers of kinds other than ``DirectLinear`` and ``SpectralLinear`` become direct ones: part of an
    orthogonal factor is not orthogonal.

    Args:
        network: one network, not a stack, without a cut-off.
        share: of the hidden nodes, in [0, 1); ``round(share · count)`` go, but the best of each layer stays.
        by: ``eigenvalue`` ranks node i by ``|λout_i|``, which silences it only if ``λin`` of its layer is zero and
            frozen; ``connectivity`` by ``Σ_j |w_ij|`` over the weights into it, whose number differs
            from layer to layer.
        train_eigenvectors: of spectral layers, whether ``φ`` is trained from here on; None: as before.

    Raises:
        TypeError: if ``network`` is not a :class:`~spectral_repro.training.network.Network`.
        ValueError: if the share or the ranking is not allowed, or not with this network.
    """
    if not isinstance(network, Network):
        raise TypeError(f"{type(network).__name__} is no spectral_repro.training.network.Network")
    if not 0 <= share < 1:
        raise ValueError(f"share={share}: must be in [0, 1)")
    if network.sparse:
        raise ValueError("the network has a cut-off, which another size of its layers would change")
    kept = _kept([importance(layer, by) for layer in network.layers[:-1]], share)
    inputs = [torch.arange(network.layers[0].in_features), *kept]
    outputs = [*kept, torch.arange(network.layers[-1].out_features)]
    layers = [
        part_of(layer, rows, columns, train_eigenvectors)
        for layer, rows, columns in zip(network.layers, outputs, inputs, strict=True)
    ]
    return Network(layers, network.activation).train(network.training)


def _kept(values: Sequence[Tensor], share: float) -> list[Tensor]:
    """Of each hidden layer, the nodes that stay, ascending."""
    ranked = torch.cat([v.double().cpu() for v in values]) if values else torch.zeros(0)
    sizes = [len(v) for v in values]
    best = torch.zeros(len(ranked), dtype=torch.bool)
    for part, flags in zip(ranked.split(sizes), best.split(sizes), strict=True):
        flags[part.argmax()] = True
    order = torch.argsort(torch.where(best, torch.inf, ranked), stable=True)
    stays = torch.ones(len(ranked), dtype=torch.bool)
    stays[order[: min(round(share * len(ranked)), len(ranked) - len(sizes))]] = False
    return [flags.nonzero().flatten() for flags in stays.split(sizes)]
