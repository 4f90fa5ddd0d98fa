"""A batch of realizations that goes on within itself: its state on disk, whole or not at all."""

import hashlib
import io
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from spectral_repro.config.cell import Cell
from spectral_repro.errors import UserError
from spectral_repro.files import set_aside, write_atomically
from spectral_repro.training.shares import Shares
from spectral_repro.training.trainer import Trainer

_MAGIC = b"spectral_repro checkpoint 1\n"


class Checkpoint:
    """The state of one batch of a cell, saved at the end of an epoch when ``interval`` seconds have passed.

    Args:
        path: see :func:`checkpoint_file`.
        identity: what must be the same for the state to be of use: cell, images, code, versions, device.
        interval: seconds between two saves; 0 saves after every epoch.
    """

    def __init__(self, path: Path, identity: dict[str, str], interval: float) -> None:
        self.path, self.identity, self.interval = path, identity, interval
        self._saved = time.monotonic()

    def save(self, trainer: Trainer | Shares) -> None:
        """Writes the state if it is time; ``Trainer.run`` calls it between epochs."""
        if time.monotonic() - self._saved >= self.interval:
            buffer = io.BytesIO()
            torch.save({"identity": self.identity, "state": trainer.state()}, buffer)
            content = buffer.getvalue()
            self._saved = time.monotonic()
            try:
                write_atomically(self.path, _MAGIC + hashlib.sha256(content).digest() + content)
            except UserError as error:  # training itself is not in danger
                warnings.warn(f"{error}; training goes on without it", stacklevel=2)

    def load(self) -> dict[str, Any] | None:
        """The saved state; None, with a warning, if it is damaged or was made in another way."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        head, content = content[: len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
        try:
            if head != _MAGIC + hashlib.sha256(content).digest():
                raise ValueError("the checksum does not match")
            stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # data, never code
        except Exception:
            self.give_up("damaged checkpoint")
            return None
        for key, value in self.identity.items():
            if (old := stored["identity"].get(key)) != value:
                warnings.warn(f"{self.path}: made with {key} {old}, now {value}; training starts anew", stacklevel=2)
                return None
        return stored["state"]

    def give_up(self, why: object) -> None:
        """Sets the file aside, which holds no state of these networks, and warns."""
        aside = set_aside(self.path).name
        warnings.warn(f"{self.path}: {why}; set aside as {aside}, training starts anew", stacklevel=2)

    def remove(self) -> None:
        """The batch's rows are written: its state is not needed any more."""
        self.path.unlink(missing_ok=True)


def checkpoint_file(results_dir: Path, cell: Cell, seeds: Sequence[int]) -> Path:
    """``<results_dir>/checkpoints/<data>/<slug>.<seeds>.pt``, the seeds as hyphenated runs: ``0-4_7-7``."""
    starts = [i for i, seed in enumerate(seeds) if i == 0 or seed != seeds[i - 1] + 1]
    ends = [*(i - 1 for i in starts[1:]), len(seeds) - 1]
    name = "_".join(f"{seeds[a]}-{seeds[b]}" for a, b in zip(starts, ends, strict=True))
    return results_dir / "checkpoints" / cell.data["name"] / f"{cell.slug}.{name}.pt"


def resumable_batches(results_dir: Path, cell: Cell, missing: Sequence[int]) -> list[list[int]]:
    """The batches of ``cell`` that have a checkpoint and of which nothing is finished yet, disjoint."""
    found: list[list[int]] = []
    left = set(missing)
    for _, seeds in _checkpoints(results_dir, cell):
        if left.issuperset(seeds):
            found.append(seeds)
            left -= set(seeds)
    return found


def remove_finished(results_dir: Path, cell: Cell, done: Collection[int]) -> None:
    """Drops checkpoints of batches that are finished: who is killed between writing rows and that leaves one."""
    for path, seeds in _checkpoints(results_dir, cell):
        if set(done).issuperset(seeds):
            path.unlink(missing_ok=True)


def _checkpoints(results_dir: Path, cell: Cell) -> Iterator[tuple[Path, list[int]]]:
    """The checkpoints of ``cell`` and their seeds."""
    folder = results_dir / "checkpoints" / cell.data["name"]
    for path in sorted(folder.glob(f"{cell.slug}.*.pt")):
        try:
            runs = [run.split("-") for run in path.name.removesuffix(".pt").rpartition(".")[2].split("_")]
            seeds = [seed for a, b in runs for seed in range(int(a), int(b) + 1)]
        except ValueError:
            continue  # not a name of ours
        if seeds:
            yield path, seeds
