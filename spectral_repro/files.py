"""Files that are written whole or not at all, and never deleted; and small tables that are read or damaged."""

import contextlib
import csv
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from spectral_repro.errors import UserError


def write_atomically(path: Path, content: bytes | memoryview, sync: bool = True) -> None:
    """Writes a temporary file beside ``path``, syncs it, and renames it over ``path``.

    ``sync=False`` is for what can be made again: it is whole, but may be gone after the machine has lost its power.

    Raises:
        UserError: if the folder cannot be created or written, or the disk is full; ``path`` is as before.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        temporary = None
        if sync:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); nothing was changed") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):  # interrupted just after it was renamed
                os.unlink(temporary)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes of ours that want the same out of ``folder`` meanwhile, where the file system can."""
    lock = FileLock(folder / ".lock", mode=0o666 & ~_umask())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(NotImplementedError):  # some network file systems cannot
            lock.acquire()
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); nothing was changed") from error
    try:
        yield
    finally:
        lock.release()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def set_aside(path: Path) -> Path:
    """Renames a damaged file to ``<name>.damaged-<n>``, the first free one; returns the new path."""
    n = 1
    while (moved := path.with_name(f"{path.name}.damaged-{n}")).exists():
        n += 1
    path.rename(moved)
    return moved


def require_writable(folder: Path, key: str) -> None:
    """Checks, without writing, that files can be made in ``folder`` or in the parent that would hold it.

    Raises:
        UserError: if not.
    """
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise UserError(f"{key}={folder}: {existing} is a file; must be a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{key}={folder}: {existing} is not writable")


def read_table(path: Path, columns: Sequence[str], types: Sequence[type]) -> list[tuple]:
    """The lines of a CSV file with exactly these columns; none if there is no such file, or if it is damaged."""
    return _table(path, columns, types) or []


def table_to_extend(path: Path, columns: Sequence[str], types: Sequence[type]) -> list[tuple]:
    """The same for who is about to write it: a damaged file is set aside, with a warning."""
    lines = _table(path, columns, types)
    if lines is None:
        warnings.warn(f"{path}: is damaged; set aside as {set_aside(path).name}", stacklevel=2)
    return lines or []


def extend_table(
    path: Path, columns: Sequence[str], types: Sequence[type], stays: Callable[[tuple], bool], lines: Iterable[tuple]
) -> None:
    """Enters ``lines`` into a table, in order; of those that are there, the ones that ``stays`` approves of stay."""
    with locked(path.parent):
        known = [line for line in table_to_extend(path, columns, types) if stays(line)]
        text = "".join(",".join(map(str, line)) + "\n" for line in [columns, *sorted([*known, *lines])])
        write_atomically(path, text.encode())


def _table(path: Path, columns: Sequence[str], types: Sequence[type]) -> list[tuple] | None:
    """None if it is damaged."""
    try:
        header, *lines = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
        if tuple(header) == tuple(columns):
            return [tuple(kind(value) for kind, value in zip(types, line, strict=True)) for line in lines]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error):
        pass
    return None
