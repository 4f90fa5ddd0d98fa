"""``python -m spectral_repro.bench.ours METHOD N2 SPARSITY DEVICE``: ten networks as the command line trains them."""

import contextlib
import functools
import sys
from collections.abc import Sequence

import torch

from spectral_repro.bench.turns import BATCH, CLASSES, N1, REALIZATIONS, TRAIN, VALIDATION, serve
from spectral_repro.layers import DirectLinear, QRLinear, SpectralLinear, SVDLinear
from spectral_repro.runner.memory import keep_freed_memory
from spectral_repro.training.network import build_stack
from spectral_repro.training.products import use_products
from spectral_repro.training.protocol import Images, Protocol
from spectral_repro.training.shares import Shares, deal
from spectral_repro.training.trainer import Trainer

LAYERS = {"direct": DirectLinear, "spectral": SpectralLinear, "ssvd": SVDLinear, "sqr": QRLinear}


def random_images(device: torch.device) -> Images:
    """Of MNIST's size; timings do not depend on what they show (values are random, not zeros)."""
    generator, n = torch.Generator().manual_seed(0), TRAIN + VALIDATION
    x = torch.rand(n, N1, generator=generator).to(device)
    y = torch.randint(CLASSES, (n,), generator=generator).to(device)
    return Images(x, y, x[:BATCH], y[:BATCH])


def make_trainer(method: str, n2: int, sparsity: float, device: torch.device) -> Trainer | Shares:
    """With the paper's protocol, and without an end."""
    protocol = Protocol(
        max_epochs=10**6,
        batch_size=BATCH,
        optimizer="adam" if sparsity else "adamax",
        lr=0.005,
        activation="tanh" if sparsity else "relu",
        validation_fraction=VALIDATION / (TRAIN + VALIDATION),
        patience=10**6,
        min_delta=0.0,
    )
    images, layer, sizes = random_images(device), functools.partial(LAYERS[method]), (N1, n2, CLASSES)

    def build(seeds: Sequence[int]) -> Trainer:
        network = build_stack(seeds, sizes=sizes, layer=layer, activation=protocol.activation, sparsity=sparsity)
        return Trainer(network.to(device), images, seeds, protocol)

    return deal(build, range(REALIZATIONS), sizes, device)


class _EpochIsOver(Exception):  # noqa: N818 (nothing went wrong)
    """Ends the training after an epoch."""


def main(method: str, n2: str, sparsity: str, device: str) -> None:
    keep_freed_memory()
    use_products(torch.device(device), "highest")
    trainer = make_trainer(method, int(n2), float(sparsity), torch.device(device))

    def watch(_) -> None:
        raise _EpochIsOver

    def epoch() -> None:
        with contextlib.suppress(_EpochIsOver):
            trainer.run(watch)

    serve(epoch, REALIZATIONS)


if __name__ == "__main__":
    main(*sys.argv[1:])
