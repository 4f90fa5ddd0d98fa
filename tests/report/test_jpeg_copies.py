"""The JPEG copies of CIFAR-10, and the versions that made the rows."""

import importlib.util
import re
import tomllib

import numpy as np
import pandas as pd
from PIL import Image, JpegImagePlugin

from tests.conftest import ROOT


class TwoClasses:
    """In place of torchvision's CIFAR-10: four images, of which the last class has three."""

    def __init__(self, root: str, train: bool, download: bool) -> None:
        self.classes = ["cat", "ship"]
        generator = np.random.default_rng(train)
        pixels = generator.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
        self.pairs = [(Image.fromarray(x), label) for x, label in zip(pixels, (1, 0, 1, 1), strict=True)]

    def __iter__(self):
        return iter(self.pairs)


def test_copies_are_a_folder_of_images(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("jpeg_copies", ROOT / "scripts/jpeg_copies.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "CIFAR10", TwoClasses)
    script.main([str(tmp_path)])
    folder = tmp_path / "CIFAR10_JPEG"
    assert list(tmp_path.iterdir()) == [folder]
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.jpg"))
    each = ["cat/0000.jpg", "ship/0000.jpg", "ship/0001.jpg", "ship/0002.jpg"]
    assert files == [f"{part}/{name}" for part in ("test", "train") for name in each]
    with Image.open(folder / "train/ship/0000.jpg") as image:
        assert (image.format, image.size, JpegImagePlugin.get_sampling(image)) == ("JPEG", (32, 32), 2)  # 4:2:0
        assert list(image.quantization[0])[:4] == [8, 6, 5, 8]  # of quality 75
    before = (folder / "train/ship/0000.jpg").stat().st_mtime_ns
    script.main([str(tmp_path)])
    assert (folder / "train/ship/0000.jpg").stat().st_mtime_ns == before


def test_the_lock_has_the_torch_of_the_rows_and_all_that_we_need():
    lock = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    usual = pd.read_csv(ROOT / "results/results.csv")["torch_version"].mode()[0]
    assert lock["torch"] == usual.partition("+")[0]
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.match(r"[\w-]+", name)[0] for name in needed} <= lock.keys()
