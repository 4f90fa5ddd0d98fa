#!/usr/bin/env python
"""Makes JPEG copies of CIFAR-10, as the rows of ``data=cifar10_jpeg`` were trained on: jpeg_copies.py DATA_DIR.

DATA_DIR/CIFAR10_JPEG/{train,test}/<class>/<nnnn>.jpg, as ``torchvision.datasets.ImageFolder`` reads it, has all 60,000
images with the official split, numbered within their class in torchvision's order. The encoder is that of Pillow
(libjpeg) at quality 75, with its default tables and chroma at half the width and height (4:2:0). The files that made
our rows have these tables and this sampling, and their own size if they are encoded again; in which order their images
were numbered is not known. torchvision downloads CIFAR-10 to DATA_DIR if it is not there.
"""

import argparse
import collections
import tempfile
from pathlib import Path

from torchvision.datasets import CIFAR10

QUALITY, CHROMA = 75, "4:2:0"


def write_copies(data_dir: Path) -> Path:
    """The folder of the copies; one that is there already stays as it is."""
    folder = data_dir / "CIFAR10_JPEG"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=data_dir) as temporary:
        whole = Path(temporary) / folder.name
        for part, train in (("train", True), ("test", False)):
            _write_part(CIFAR10(str(data_dir), train=train, download=True), whole / part)
        whole.rename(folder)
    return folder


def _write_part(images: CIFAR10, folder: Path) -> None:
    count: collections.Counter[int] = collections.Counter()
    for image, label in images:
        path = folder / images.classes[label] / f"{count[label]:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, "JPEG", quality=QUALITY, subsampling=CHROMA)
        count[label] += 1


def main(arguments: list[str] | None = None) -> None:
    """Writes the copies, and where they are."""
    parser = argparse.ArgumentParser(description="Make JPEG copies of CIFAR-10 for data=cifar10_jpeg.")
    parser.add_argument("data_dir", type=Path, help="where data sets live, as data_dir= of spectral-repro")
    given = parser.parse_args(arguments)
    given.data_dir.mkdir(parents=True, exist_ok=True)
    print(write_copies(given.data_dir))


if __name__ == "__main__":
    main()
