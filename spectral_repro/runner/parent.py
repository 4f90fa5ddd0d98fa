"""Worker processes that end with the sweep that started them, however it ended."""

import os
import threading
import time

from spectral_repro.runner.claim import process_lives

#: Names the process of a sweep to its workers.
VARIABLE = "SPECTRAL_REPRO_SWEEP"
#: Seconds between two looks.
_INTERVAL = 1.0


def end_with_parent() -> None:
    """Ends this process soon after the sweep's is gone; does nothing where no sweep is named.

    A worker that a shell's background job started ignores SIGINT, and submitit has it ignore SIGTERM; a parent that
    was killed sends neither. Rows and checkpoints are written whole or not at all, so nothing is lost.
    """
    parent = os.environ.get(VARIABLE, "")
    if parent.isdigit():
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while process_lives(parent):
        time.sleep(_INTERVAL)
    os._exit(143)
