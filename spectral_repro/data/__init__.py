"""Data sets as tensors on the device; there is no data loader to wait for."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from spectral_repro.data.cache import digest
from spectral_repro.data.sources import SOURCES, RawImages
from spectral_repro.errors import UserError
from spectral_repro.training.protocol import Images


class Dataset(NamedTuple):
    """A loaded data set: its tensors, number of classes, and the first 16 hex digits of its SHA-256."""

    images: Images
    classes: int
    digest: str


def load(spec: Mapping, data_dir: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> Dataset:
    """The data set ``spec`` (a file of ``conf/data``) on ``device``; the last one is kept for the next cell.

    Raises:
        UserError: if it is missing, damaged or inconsistent.
    """
    return _load(json.dumps(dict(spec), sort_keys=True, default=str), data_dir, device, dtype)


@functools.lru_cache(maxsize=1)
def _load(spec: str, data_dir: Path, device: torch.device, dtype: torch.dtype) -> Dataset:
    options = json.loads(spec)
    raw = SOURCES[options["source"]](data_dir, **options)
    classes = int(raw.train_y.max()) + 1
    if raw.test_y.max() >= classes or min(raw.train_y.min(), raw.test_y.min()) < 0:
        raise UserError(f"data={options['name']}: labels of the test part do not occur in the training part")
    return Dataset(to_images(raw, device, dtype), classes, digest(raw)[:16])


def to_images(raw: RawImages, device: torch.device, dtype: torch.dtype = torch.float32) -> Images:
    """Pixels divided by 255 and flattened row by row, labels as they are (SPEC 3)."""

    def pixels(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x.reshape(len(x), -1)).to(device).to(dtype).div_(255)

    def labels(y: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(y).to(device)

    return Images(pixels(raw.train_x), labels(raw.train_y), pixels(raw.test_x), labels(raw.test_y))
