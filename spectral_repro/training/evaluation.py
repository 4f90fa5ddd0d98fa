"""What networks reach: accuracies and the degrees of their hidden nodes."""

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from spectral_repro.training.activations import activate
from spectral_repro.training.backpropagation import Map
from spectral_repro.training.feed import Feed
from spectral_repro.training.kernels.multiply import multiply
from spectral_repro.training.network import Network

#: Rows that are evaluated at a time: large enough to be efficient, small enough for the cache of a core, if it is one.
_ROWS, _ROWS_ON_CPU = 2048, 256


def judge_validation(network: Network, maps: Sequence[Map], feed: Feed) -> list[float]:
    """Fraction of right answers of each network on its own validation rows."""
    rows, images = feed.validation_rows, feed.images
    size = _ROWS_ON_CPU if feed.device.type == "cpu" else _ROWS
    parts = (rows[:, start : start + size] for start in range(0, rows.shape[1], size))
    chunks = ((feed.gather(images.train_x, part, "evaluation"), images.train_y[part]) for part in parts)
    return _accuracies(network, maps, chunks, rows.shape[1])


def judge_test(network: Network, maps: Sequence[Map], feed: Feed) -> list[float]:
    """Fraction of right answers of each network on the test images."""
    x, y = feed.images.test_x, feed.images.test_y
    chunks = zip(x.split(_ROWS), y.split(_ROWS), strict=True)
    return _accuracies(
        network, maps, ((part.expand(len(maps[0][0]), -1, -1), labels) for part, labels in chunks), len(x)
    )


@torch.no_grad()
def _accuracies(network: Network, maps: Sequence[Map], chunks: Iterable[tuple[Tensor, Tensor]], n: int) -> list[float]:
    right = torch.tensor(0)
    for x, labels in chunks:
        right = right + (_logits(network, maps, x).argmax(-1) == labels).sum(-1)
    return [count / n for count in right.tolist()]


def _logits(network: Network, maps: Sequence[Map], x: Tensor) -> Tensor:
    """Of ``x (R, B, N_1)``; as :meth:`Network.apply_maps`, with less memory to go through."""
    *hidden, (weight, bias) = maps
    for w, b in hidden:
        x = activate(network.activation, multiply(x, w.mT), b)
    y = multiply(x, weight.mT)
    return y if bias is None else y.add_(bias.unsqueeze(-2))


def degrees(maps: Sequence[Map]) -> list[tuple[Tensor, Tensor]]:
    """For each hidden layer, the surviving links into and out of each node, ``(R, N_k)`` both."""
    links = [weight != 0 for weight, _ in maps]  # (R, N_out, N_in)
    return [(a.sum(-1).cpu(), b.sum(-2).cpu()) for a, b in itertools.pairwise(links)]
