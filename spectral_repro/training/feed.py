"""What each realization sees, and when: its validation split and batch orders, gathered for all of them at once."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spectral_repro.layers import ReparametrizedLinear
from spectral_repro.training.protocol import Images
from spectral_repro.training.random import stream

#: Memory for the frozen products of one network: 48,000 images at N2 = 2000.
PRODUCT_BYTES = 4e8


class Batch(NamedTuple):
    """Images ``(R, B, N_1)``, labels ``(R, B)`` and frozen products ``(R, B, M)``, if there are any."""

    x: Tensor
    labels: Tensor
    product: Tensor | None


class Order(NamedTuple):
    """Of an epoch, ``(R, n_train)`` each: rows of the images, their labels, and places in all frozen products."""

    rows: Tensor
    labels: Tensor
    places: Tensor | None

    def part(self, columns: slice | Tensor) -> "Order":
        """The same of some of the images."""
        places = None if self.places is None else self.places[:, columns]
        return Order(self.rows[:, columns], self.labels[:, columns], places)


class Feed:
    """The images in the order in which each of the ``R`` realizations sees them; realizations can be dropped.

    Args:
        images: the data set.
        seeds: one per realization; each decides that one's split and batch orders.
        validation_fraction: of the training images, held out.
    """

    def __init__(self, images: Images, seeds: Sequence[int], validation_fraction: float) -> None:
        self.images, self.seeds = images, list(seeds)
        self.device = images.train_x.device
        n = len(images.train_x)
        held_out = round(validation_fraction * n)
        splits = torch.stack([torch.randperm(n, generator=stream(seed, "split")) for seed in seeds])
        self.train_rows = splits[:, : n - held_out].to(self.device)
        self.validation_rows = splits[:, n - held_out :].to(self.device)
        self.products: Tensor | None = None
        self._gathered: dict[str, Tensor] = {}

    @torch.no_grad()
    def keep_products(self, layer: ReparametrizedLinear, batch_size: int, product_bytes: float) -> None:
        """Computes ``(R, n_train, M)``, the first layer's ``x F`` of every training row, if it pays and fits."""
        rows, factor = self.train_rows, None
        if layer.prefers_factors(batch_size, False, True):
            factor = layer.frozen_factor()
        if factor is not None and rows.shape[1] * factor.shape[-1] * factor.element_size() <= product_bytes:
            self.products = factor.new_empty(*rows.shape, factor.shape[-1])
            for out, r, f in zip(self.products, rows, factor, strict=True):
                torch.mm(self.images.train_x[r], f, out=out)

    def epoch(self, number: int, batch_size: int, steps: int | None = None) -> Iterator[Batch]:
        """The batches of one pass over everyone's training rows, in everyone's own order; at most ``steps``."""
        order, n = self.order(number), self.train_rows.shape[1]
        for start in itertools.islice(range(0, n, batch_size), steps):
            yield self.batch(*order.part(slice(start, min(start + batch_size, n))))

    def order(self, number: int) -> Order:
        """Everyone's own order in an epoch."""
        n = self.train_rows.shape[1]
        orders = [torch.randperm(n, generator=stream(seed, "order", number)) for seed in self.seeds]
        order = torch.stack(orders).to(self.device)
        rows = self.train_rows.gather(1, order)
        if self.products is not None:
            order += torch.arange(len(order), device=self.device).unsqueeze(1) * n
        return Order(rows, self.images.train_y[rows], None if self.products is None else order)

    def batch(self, rows: Tensor, labels: Tensor, places: Tensor | None) -> Batch:
        """The images of part of an :class:`Order`, in memory that the next batch writes over."""
        x = self.gather(self.images.train_x, rows, "x")
        product = None
        if places is not None and self.products is not None:
            product = self.gather(self.products.flatten(0, 1), places, "product")
        return Batch(x, labels, product)

    def gather(self, source: Tensor, rows: Tensor, use: str) -> Tensor:
        """``source[rows]``, in memory that the next call for the same ``use`` writes over."""
        buffer = self._gathered.get(use)
        if buffer is None or len(buffer) < rows.numel():
            buffer = self._gathered[use] = source.new_empty(rows.numel(), source.shape[1])
        out = buffer[: rows.numel()]
        torch.index_select(source, 0, rows.flatten(), out=out)
        return out.view(*rows.shape, -1)

    def keep(self, rows: list[int]) -> None:
        """Drops all realizations but ``rows``."""
        index = torch.tensor(rows).to(self.device)
        self.seeds = [self.seeds[i] for i in rows]
        self.train_rows, self.validation_rows = self.train_rows[index], self.validation_rows[index]
        if self.products is not None:
            for to, row in enumerate(rows):  # ascending: in place, as both copies may not fit
                if to != row:
                    self.products[to] = self.products[row]
            self.products = self.products[: len(rows)]
