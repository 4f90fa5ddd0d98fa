"""Data sets as tensors on the device; there is no data loader to wait for."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from spectral_repro.data.cache import digest, fingerprint, remembered
from spectral_repro.data.sources import SOURCES, RawImages
from spectral_repro.errors import UserError
from spectral_repro.training.protocol import Images


class Dataset(NamedTuple):
    """A loaded data set: its tensors, number of classes, and ``d`` with the first 16 hex digits of its SHA-256."""

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
    raw = SOURCES[options["source"]].read(data_dir, **options)
    classes = int(raw.train_y.max()) + 1
    if raw.test_y.max() >= classes or min(raw.train_y.min(), raw.test_y.min()) < 0:
        raise UserError(f"data={options['name']}: labels of the test part do not occur in the training part")
    return Dataset(to_images(raw, device, dtype), classes, f"d{digest(raw)[:16]}")


def identify(spec: Mapping, data_dir: Path, needed: bool) -> str | None:
    """The digest of the images that :func:`load` would give; None if they are not there and not ``needed``.

    Images whose files have the sizes and times that they had when last looked at are not decoded.

    Raises:
        UserError: if they are missing (those that can be downloaded: only if they are needed) or damaged.
    """
    return _identify(json.dumps(dict(spec), sort_keys=True, default=str), data_dir, needed)


@functools.lru_cache(maxsize=256)
def _identify(spec: str, data_dir: Path, needed: bool) -> str | None:
    options = json.loads(spec)
    source = SOURCES[options["source"]]

    def compute() -> str:
        return digest(source.read(data_dir, **options))[:16]

    base, files = source.files(data_dir, **options) if source.files else (data_dir, [])
    if not files:
        return f"d{compute()}" if needed or not source.files else None
    told = {"base": str(base.resolve()), "grayscale": options.get("grayscale")}
    told |= {"resize": options["resize"]} if options.get("resize") else {}
    known = data_dir / "cache" / f"{options['name']}-{fingerprint(base, files, told)}.digest"
    return f"d{remembered(known, compute)}"


def to_images(raw: RawImages, device: torch.device, dtype: torch.dtype = torch.float32) -> Images:
    """Pixels divided by 255 and flattened row by row, labels as they are (SPEC 3)."""

    def pixels(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x.reshape(len(x), -1)).to(device).to(dtype).div_(255)

    def labels(y: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(y).to(device)

    return Images(pixels(raw.train_x), labels(raw.train_y), pixels(raw.test_x), labels(raw.test_y))
