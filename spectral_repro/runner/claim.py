"""A cell that is being trained is claimed, so that two sweeps into one folder do not train it twice."""

import contextlib
import datetime
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from spectral_repro.config.cell import Cell
from spectral_repro.files import locked, write_atomically

#: Seconds between two signs of life of whoever holds a claim, and without one after which the claim has expired.
BEAT, EXPIRY = 10.0, 60.0


def claim_file(results_dir: Path, cell: Cell) -> Path:
    """``<results_dir>/claims/<data>/<slug>.json``."""
    return results_dir / "claims" / cell.data["name"] / f"{cell.slug}.json"


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[str | None]:
    """Holds the claim ``path`` meanwhile; yields None, or at once who holds it instead, as ``host:process``.

    The claim of a process that is gone expires: at once on its own host, else when its file has not been touched
    for :data:`EXPIRY` seconds, by the clock of the file system, which all hosts share.
    """
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    me = {"host": socket.gethostname(), "process": os.getpid(), "thread": threading.get_ident(), "since": since}
    with locked(path.parent):
        holder = holder_of(path)
        if holder is None:
            write_atomically(path, json.dumps(me).encode())
    if holder is not None:
        yield holder
        return
    over = threading.Event()
    threading.Thread(target=_beat, args=(path, over), daemon=True).start()
    try:
        yield None
    finally:
        over.set()
        with contextlib.suppress(OSError, ValueError):
            if json.loads(path.read_text()) == me:  # nobody took it over
                path.unlink()


def _beat(path: Path, over: threading.Event) -> None:
    while not over.wait(BEAT):
        with contextlib.suppress(OSError):
            os.utime(path)


def holder_of(path: Path) -> str | None:
    """Who holds a claim that has not expired."""
    try:
        told = json.loads(path.read_text())
        host, process, age = told["host"], int(told["process"]), _now(path.parent) - path.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return None
    gone = age > EXPIRY or (host == socket.gethostname() and not process_lives(process))
    return None if gone else f"{host}:{process}"


def _now(folder: Path) -> float:
    """The time of the file system's clock."""
    probe = folder / f".{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with contextlib.suppress(OSError):  # of a folder that cannot be written
            probe.unlink(missing_ok=True)


def process_lives(process: int) -> bool:
    """Whether a process of this host exists."""
    with contextlib.suppress(PermissionError):  # of one that is somebody else's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
