"""Images in folders, ``data=folder``: one folder a class, decoded once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectral_repro.data.cache import cached
from spectral_repro.data.raw import RawImages, one_line
from spectral_repro.errors import ConfigError, UserError

#: Wider images than this do not belong in a fully connected network, and could exhaust the memory.
MAX_SIDE = 512
#: Modes of images whose pixels Pillow converts to bytes without losing or inventing anything.
_EIGHT_BIT = ("1", "L", "P", "RGB", "CMYK", "YCbCr")
#: Files that ``torchvision.datasets.ImageFolder`` takes for images.
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def folder(data_dir: Path, *, root: str | None, name: str, **options) -> RawImages:
    """``root/train/<class>/*`` and ``root/test/<class>/*``, images of one size; decoded once, then cached.

    ``options`` may have ``grayscale`` and ``resize``, see :func:`folder_options`.

    Raises:
        UserError: if a part is missing, has one class only, other classes than the other part, or images
            of unequal or absurd size.
    """
    base, samples = _samples(root)
    classes = sorted({label for label, _ in samples["train"]})
    if len(classes) < 2:
        raise UserError(f"data.root={root}: train/ has {len(classes)} class folder with images; at least 2 are needed")
    unknown = sorted({label for label, _ in samples["test"]} - set(classes))
    if unknown:
        raise UserError(f"data.root={root}: class {unknown[0]!r} of test/ does not occur in train/")
    number = {label: i for i, label in enumerate(classes)}

    def decode() -> RawImages:
        arrays = []
        for part in ("train", "test"):
            labels, paths = zip(*samples[part], strict=True)
            arrays.append(_decode_all(base, paths, **folder_options(options)))
            arrays.append(np.array([number[label] for label in labels], dtype=np.int64))
        if arrays[0].shape[1:] != arrays[2].shape[1:]:
            raise UserError(
                f"data.root={root}: images of train/ are {arrays[0].shape[1:3]}, of test/ {arrays[2].shape[1:3]}; "
                "all must have one size (or data.resize=28)"
            )
        return RawImages(*arrays)

    files = [path for part in samples.values() for _, path in part]
    return RawImages(*cached(data_dir / "cache", name, base, files, folder_options(options), decode))


def folder_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """How images of a folder become pixels: ``grayscale``, and ``resize`` to so many pixels a side, if given."""
    resize = {"resize": options["resize"]} if options.get("resize") else {}
    return {"grayscale": bool(options.get("grayscale")), **resize}


def folder_files(data_dir: Path, *, root: str | None, **_) -> tuple[Path, list[Path]]:
    """The images below ``root``."""
    del data_dir
    base, samples = _samples(root)
    return base, [path for part in samples.values() for _, path in part]


def _samples(root: str | None) -> tuple[Path, dict[str, list[tuple[str, Path]]]]:
    if root is None:
        raise ConfigError("data.root", root, "must name a folder with train/<class>/* and test/<class>/*")
    base = Path(root).expanduser()
    return base, {part: _list_samples(base, part) for part in ("train", "test")}


def _list_samples(base: Path, part: str) -> list[tuple[str, Path]]:
    """``(class, path)`` of every image, in the order of ``torchvision.datasets.ImageFolder``.

    Not by it: its import takes nearly as long as torch's.
    """
    top = base / part
    if not top.is_dir():
        raise UserError(f"data.root={base}: has no folder {part}/; expected train/<class>/* and test/<class>/*")
    classes = sorted(entry.name for entry in os.scandir(top) if entry.is_dir())
    if not classes:
        raise UserError(f"data.root={base}: no class folders in {part}/; expected {part}/<class>/*")
    found = [
        (label, Path(folder, file))
        for label in classes
        for folder, _, files in sorted(os.walk(top / label, followlinks=True))
        for file in sorted(files)
        if file.lower().endswith(_EXTENSIONS)
    ]
    if not found:
        raise UserError(f"data.root={base}: no images in {part}/<class>/")
    return found


def _decode_all(base: Path, paths: tuple[Path, ...], grayscale: bool, resize: int | None = None) -> np.ndarray:
    from PIL import Image
    from tqdm import tqdm

    out, size = np.empty(0, dtype=np.uint8), None
    for i, path in enumerate(tqdm(paths, desc=f"decode {base.name}", disable=None, leave=False)):
        try:
            with Image.open(path) as image:
                size = image.size if size is None or resize else size
                if max(size) > MAX_SIDE and not resize:
                    raise UserError(
                        f"{path}: is {size[0]}×{size[1]} pixels; at most {MAX_SIDE}×{MAX_SIDE} (or data.resize=28)"
                    )
                if image.size != size:
                    raise UserError(
                        f"{path}: is {image.size[0]}×{image.size[1]} pixels, {paths[0].name} is {size[0]}×{size[1]}; "
                        "all must have one size (or data.resize=28)"
                    )
                alpha = " with transparency" * ("transparency" in image.info)
                if alpha or image.mode not in _EIGHT_BIT:
                    allowed = f"must be {', '.join(_EIGHT_BIT)}, without transparency: convert it first"
                    raise UserError(f"{path}: has mode {image.mode}{alpha}; {allowed}")
                converted = image.convert("L" if grayscale else "RGB")
                if resize:  # averages where it shrinks
                    converted = converted.resize((resize, resize), Image.Resampling.BILINEAR)
                pixels = np.asarray(converted)
        except UserError:
            raise
        except Exception as damaged:
            raise UserError(f"{path}: is not a readable image ({one_line(damaged)}); replace or remove it") from damaged
        if i == 0:
            out = np.empty((len(paths), *pixels.shape), dtype=np.uint8)
        out[i] = pixels
    return out
