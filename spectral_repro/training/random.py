"""Independent random streams: a realization's seed alone decides its start values, split and batch order."""

import hashlib

import torch


def stream(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one purpose of one seed, for instance ``stream(0, "order", epoch)``.

    Streams of different purposes are independent, so that methods that draw different numbers of start
    values still share their splits and batch orders.
    """
    digest = hashlib.sha256("/".join(map(str, (seed, *purpose))).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
