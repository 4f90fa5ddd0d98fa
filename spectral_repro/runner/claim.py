"""A cell that is being trained is claimed, so that two sweeps into one folder do not train it twice.

A claim is a lock of the operating system, which ends with its holder, however that ends, and on all hosts that share
the folder. A file system without locks costs work that is done twice, and no row: rows are merged by seed.
"""

import contextlib
import datetime
import json
import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from spectral_repro.config.cell import Cell


def claim_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/claims/<data>/<slug>.json``: who holds the lock beside it, and since when."""
    return results_dir / "claims" / cell.data["name"] / f"{cell.slug}.json"


@contextlib.contextmanager
def claimed(path: Path, wait: bool = False) -> Iterator[str | None]:
    """Holds the claim ``path`` meanwhile; yields None, or at once who holds it instead, as ``host:process``.

    With ``wait`` the claim is waited for, and a warning says so.
    """
    lock = _lock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            if not wait:
                yield _told(path)[0]
                return
            warnings.warn(f"{path.stem}: {_told(path)[0]} is training this cell; waiting for it", stacklevel=3)
            lock.acquire(poll_interval=0.5)
    except (NotImplementedError, OSError):  # no locks here, or nothing can be written, which the rows will tell
        yield None
        return
    try:
        since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        path.write_text(json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": since}))
        yield None
        Path(lock.lock_file).unlink(missing_ok=True)  # all is trained: who waits at this file finds nothing to do
    finally:
        path.unlink(missing_ok=True)
        lock.release()


def holder_of(path: Path) -> tuple[str, str] | None:
    """Who holds a claim, and since when; None if nobody does."""
    if not path.exists():
        return None
    try:
        with _lock(path).acquire(blocking=False):
            return None  # its holder was killed
    except (Timeout, NotImplementedError, OSError):  # held; or a folder in which it cannot be tried
        return _told(path)


def _lock(path: Path) -> FileLock:
    return FileLock(path.with_suffix(".lock"))


def _told(path: Path) -> tuple[str, str]:
    try:
        told = json.loads(path.read_text())
        return f"{told['host']}:{told['process']}", str(told["since"])
    except (OSError, ValueError, KeyError, TypeError):  # just begun, or just ended
        return "another process", "an unknown time"
