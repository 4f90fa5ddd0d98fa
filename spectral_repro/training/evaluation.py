"""What networks reach: accuracies and the degrees of their hidden nodes."""

import itertools
from collections.abc import Iterable

import torch
from torch import Tensor

from spectral_repro.training.feed import Feed
from spectral_repro.training.network import Network

#: Rows that are evaluated at a time: large enough to be efficient, small enough for the cache.
_ROWS = 2048


def judge_validation(network: Network, feed: Feed) -> list[float]:
    """Fraction of right answers of each network on its own validation rows."""
    rows, images = feed.validation_rows, feed.images
    parts = (rows[:, start : start + _ROWS] for start in range(0, rows.shape[1], _ROWS))
    chunks = ((feed.gather(images.train_x, part, "evaluation"), images.train_y[part]) for part in parts)
    return _accuracies(network, chunks, rows.shape[1])


def judge_test(network: Network, feed: Feed) -> list[float]:
    """Fraction of right answers of each network on the test images."""
    x, y = feed.images.test_x, feed.images.test_y
    return _accuracies(network, zip(x.split(_ROWS), y.split(_ROWS), strict=True), len(x))


@torch.no_grad()
def _accuracies(network: Network, chunks: Iterable[tuple[Tensor, Tensor]], n: int) -> list[float]:
    maps = network.effective_maps()
    right = torch.tensor(0)
    for x, labels in chunks:
        right = right + (network.apply_maps(maps, x).argmax(-1) == labels).sum(-1)
    return [count / n for count in right.tolist()]


def degrees(network: Network) -> list[tuple[Tensor, Tensor]]:
    """For each hidden layer, the surviving links into and out of each node, ``(R, N_k)`` both."""
    links = [weight != 0 for weight, _ in network.effective_maps()]  # (R, N_out, N_in)
    return [(a.sum(-1).cpu(), b.sum(-2).cpu()) for a, b in itertools.pairwise(links)]
