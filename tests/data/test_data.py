"""Data sets: what is read is right, what is damaged is refused in one line, what was decoded is not decoded again."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS, ImageFolder

from spectral_repro import data
from spectral_repro.data import folders, sources
from spectral_repro.errors import UserError
from tests.conftest import write_images

CPU = torch.device("cpu")


def spec(root, **options):
    return {"source": "folder", "name": "shapes", "root": str(root), "grayscale": False, **options}


def load(root, tmp_path, **options):
    data._load.cache_clear()
    data._identify.cache_clear()
    return data.load(spec(root, **options), tmp_path / "data", CPU)


def test_mnist5k_is_whole_stratified_and_disjoint():
    raw = sources.mnist5k(None)
    assert raw.train_x.shape == (4000, 784)
    assert raw.test_x.shape == (1000, 784)
    assert (np.bincount(raw.train_y) == 400).all()
    assert (np.bincount(raw.test_y) == 100).all()
    assert raw.train_x.max() == 255
    assert len(set(raw.train_y[:50])) > 5  # shuffled: the file is sorted
    every = {x.tobytes() for x in np.concatenate([raw.train_x, raw.test_x])}
    assert len(every) == 5000
    again = sources.mnist5k(None)
    assert all(np.array_equal(a, b) for a, b in zip(raw, again, strict=True))


@pytest.mark.parametrize("grayscale", [False, True])
def test_folder_pixels_labels_and_scale(images, tmp_path, grayscale):
    loaded = load(images, tmp_path, grayscale=grayscale)
    assert loaded.classes == 3
    assert loaded.images.train_x.shape == (60, 6 * 6 * (1 if grayscale else 3))
    assert loaded.images.test_x.shape[0] == 30
    assert loaded.images.train_x.dtype == torch.float32
    first = np.asarray(Image.open(images / "train/class0/000.png").convert("L" if grayscale else "RGB"))
    np.testing.assert_allclose(loaded.images.train_x[0].numpy(), first.flatten() / np.float32(255), rtol=1e-6)
    assert loaded.images.train_y.tolist() == [0] * 20 + [1] * 20 + [2] * 20


def test_folder_is_listed_as_torchvision_does(tmp_path):
    top = tmp_path / "shapes/train"
    for name in (
        "b/2.png",
        "b/10.PNG",
        "b/deep/1.jpeg",
        "b/deep-er/1.webp",
        "a c/x.tif",
        "a/x.bmp",
        "a/notes.txt",
        "C/.pgm",
    ):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    (top / "empty").mkdir()
    (top / "b/away").symlink_to(top / "a")
    (top / "linked").symlink_to(top / "a c")
    (top / "file.png").touch()
    expected = ImageFolder(str(top), allow_empty=True)
    listed = [(expected.classes[label], Path(path)) for path, label in expected.samples]
    assert folders._list_samples(tmp_path / "shapes", "train") == listed
    assert len(listed) == 9
    assert folders._EXTENSIONS == IMG_EXTENSIONS


def test_folder_is_decoded_once_and_again_when_it_changed(images, tmp_path, monkeypatch):
    decoded = []
    original = folders._decode_all
    monkeypatch.setattr(folders, "_decode_all", lambda *a, **o: decoded.append(1) or original(*a, **o))
    first = load(images, tmp_path)
    assert len(decoded) == 2
    second = load(images, tmp_path)
    assert len(decoded) == 2
    assert torch.equal(first.images.train_x, second.images.train_x)
    assert first.digest == second.digest
    Image.fromarray(np.full((6, 6), 9, np.uint8)).save(images / "train/class0/000.png")
    third = load(images, tmp_path)
    assert len(decoded) == 4
    assert third.digest != first.digest
    (images / "test/class1/000.png").unlink()
    assert len(load(images, tmp_path).images.test_x) == 29


@pytest.mark.parametrize("damage", ["truncate", "noise", "flip", "empty"])
def test_damaged_cache_is_set_aside_and_built_again(images, tmp_path, damage):
    before = load(images, tmp_path)
    (cache,) = (tmp_path / "data/cache").glob("*.npz")
    content = bytearray(cache.read_bytes())
    if damage == "truncate":
        content = content[: len(content) // 2]
    elif damage == "noise":
        content = bytearray(np.random.default_rng(0).bytes(len(content)))
    elif damage == "flip":
        content[len(content) // 3] ^= 0xFF
    else:
        content = bytearray()
    cache.write_bytes(content)
    with pytest.warns(UserWarning, match="set aside"):
        after = load(images, tmp_path)
    assert torch.equal(before.images.train_x, after.images.train_x)
    assert (cache.parent / f"{cache.name}.damaged-1").read_bytes() == bytes(content)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda root: (root / "train").rename(root / "training"), "no folder train/"),
        (lambda root: [p.unlink() for p in root.glob("test/*/*")], "no images in test/"),
        (lambda root: [p.unlink() for c in ("1", "2") for p in root.glob(f"*/class{c}/*")], "1 class folder"),
        (lambda root: (root / "test/class1").rename(root / "test/other"), "'other' of test/"),
        (lambda root: Image.new("L", (7, 6)).save(root / "train/class1/003.png"), "7×6 pixels"),
        (lambda root: [Image.new("L", (5, 5)).save(p) for p in root.glob("test/*/*.png")], "one size"),
        (lambda root: (root / "train/class1/003.png").write_bytes(b"not an image"), "not a readable image"),
        (lambda root: Image.new("L", (900, 900)).save(root / "train/class0/000.png"), "900×900"),
    ],
)
def test_unusable_folders(images, tmp_path, break_it, message):
    break_it(images)
    with pytest.raises(UserError, match=message) as caught:
        load(images, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "data").glob("cache/*")), "nothing half-read is kept"


def write_idx(folder, n=40, side=28, seed=0):
    """MNIST files as torchvision expects them."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for part, count in (("train", n), ("t10k", n // 2)):
        x = generator.integers(0, 256, (count, side, side), dtype=np.uint8)
        y = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, count, side, side) + x.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + y.tobytes())


def test_torchvision_files(tmp_path):
    write_idx(tmp_path / "MNIST/raw")
    raw = sources.torchvision(tmp_path, dataset="MNIST")
    assert raw.train_x.shape == (40, 28, 28)
    assert raw.test_y.tolist() == [i % 10 for i in range(20)]


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_truncated_idx_file(tmp_path, keep):
    write_idx(tmp_path / "MNIST/raw")
    file = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match="MNIST cannot be read") as caught:
        sources.torchvision(tmp_path, dataset="MNIST")
    assert "\n" not in str(caught.value)


def test_fewer_labels_than_images(tmp_path):
    write_idx(tmp_path / "MNIST/raw")
    labels = tmp_path / "MNIST/raw/train-labels-idx1-ubyte"
    labels.write_bytes(struct.pack(">II", 2049, 39) + bytes(39))
    with pytest.raises(UserError, match="40 images but 39 labels"):
        sources.torchvision(tmp_path, dataset="MNIST")


def test_failed_download_says_what_to_do(tmp_path, monkeypatch):
    import torchvision.datasets

    def no_network(self):
        raise OSError("Name or service not known")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", no_network)
    with pytest.raises(UserError, match=r"download failed.*mnist5k") as caught:
        sources.torchvision(tmp_path / "new", dataset="MNIST")
    assert "\n" not in str(caught.value)


def test_unknown_torchvision_class(tmp_path):
    with pytest.raises(UserError, match=r"data\.dataset=MMNIST"):
        sources.torchvision(tmp_path, dataset="MMNIST")


def test_another_folder_of_the_same_name_is_another_cache(tmp_path):
    a = write_images(tmp_path / "a/shapes")
    b = write_images(tmp_path / "b/shapes", seed=1)
    assert load(a, tmp_path).digest != load(b, tmp_path).digest


@pytest.mark.parametrize("old", [False, True], ids=["", "before 3.11.4"])
@pytest.mark.parametrize("kind", ["file", "above", "link"])
def test_archives_write_files_into_their_folder_only(kind, old, tmp_path, monkeypatch):
    import io
    import tarfile

    import torchvision.datasets

    class Packed:
        data, targets = np.zeros((1, 2, 2)), [0]

        def __init__(self, root, train, download):
            if not download:
                raise RuntimeError("Dataset not found")
            archive = Path(root) / "packed.tar"
            with tarfile.open(archive, "w") as tar:
                member = tarfile.TarInfo({"file": "part/one", "above": "../outside", "link": "link"}[kind])
                member.size = 4 if kind != "link" else 0
                member.type, member.linkname = (tarfile.SYMTYPE, "/etc") if kind == "link" else (tarfile.REGTYPE, "")
                tar.addfile(member, io.BytesIO(b"text"))
            with tarfile.open(archive) as tar:
                tar.extractall(root)

    if old:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    elif not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has no filter")
    monkeypatch.setattr(torchvision.datasets, "Packed", Packed, raising=False)
    before = tarfile.TarFile.extractall, getattr(tarfile.TarFile, "extraction_filter", None)
    if kind == "file":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 and 3.13, where there is a filter
            assert sources.torchvision(tmp_path / "data", dataset="Packed").train_y.tolist() == [0]
        assert (tmp_path / "data/part/one").read_text() == "text"
    else:
        with pytest.raises(UserError, match="download failed"):
            sources.torchvision(tmp_path / "data", dataset="Packed")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "data/link").exists()
    assert before == (tarfile.TarFile.extractall, getattr(tarfile.TarFile, "extraction_filter", None))


def test_a_cache_that_cannot_be_written_costs_time_only(images, tmp_path):
    (tmp_path / "data").write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be written.*decoded again the next time"):
        loaded = load(images, tmp_path)
    assert len(loaded.images.train_x) == 60


def test_images_of_any_size_are_scaled_to_one(images, tmp_path):
    odd = images / "train/class1/000.png"
    Image.fromarray(np.full((700, 30), 128, dtype=np.uint8)).save(odd)
    with pytest.raises(UserError, match=r"data\.resize"):
        load(images, tmp_path, grayscale=True)
    loaded = load(images, tmp_path, grayscale=True, resize=3)
    assert loaded.images.train_x.shape == (60, 9)
    assert loaded.images.test_x.shape == (30, 9)
    torch.testing.assert_close(loaded.images.train_x[20], torch.full((9,), 128 / 255))
    with Image.open(images / "test/class0/000.png") as image:  # 6 × 6: every new pixel averages some old ones
        pixels = np.asarray(image, dtype=np.float64)
    weights = np.array([[3, 3, 1, 0, 0, 0], [0, 1, 3, 3, 1, 0], [0, 0, 0, 1, 3, 3]], dtype=np.float64)
    weights /= weights.sum(1, keepdims=True)
    expected = weights @ pixels @ weights.T / 255
    np.testing.assert_allclose(loaded.images.test_x[0].numpy(), expected.flatten(), atol=1.5 / 255)
    other = load(images, tmp_path, grayscale=True, resize=4)
    assert other.digest != loaded.digest
    assert data.identify(spec(images, grayscale=True, resize=4), tmp_path / "data", False) == other.digest
