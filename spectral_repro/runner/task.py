"""A cell and its images, checked against each other before anything is trained."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from spectral_repro import data
from spectral_repro.config.cell import Cell
from spectral_repro.config.keys import Run
from spectral_repro.errors import ConfigError
from spectral_repro.results.rows import Row, first_digest, row_file


@dataclasses.dataclass(frozen=True)
class Task:
    """What training needs: the cell, and its images on the device."""

    cell: Cell
    dataset: data.Dataset

    @property
    def sizes(self) -> tuple[int, ...]:
        """``(N_1, N_2, …, N_ℓ)``."""
        return (self.dataset.images.train_x.shape[1], *self.cell.widths, self.dataset.classes)

    @property
    def device(self) -> torch.device:
        return self.dataset.images.train_x.device


def prepare(
    cell: Cell, options: Run, device: torch.device, rows: Sequence[Row] = (), dtype: torch.dtype = torch.float32
) -> Task:
    """Loads the images of ``cell``; ``rows`` are those of the cell that stay.

    Raises:
        UserError: if the images cannot be used, or not with this cell or these rows.
    """
    task = Task(cell, data.load(cell.data, options.data_dir, device, dtype))
    _check_protocol(task)
    check_digest(cell, task.dataset.digest, known_digest(rows, row_file(options.results_dir, cell)))
    return task


def _check_protocol(task: Task) -> None:
    n, protocol = len(task.dataset.images.train_x), task.cell.trainer
    held_out = round(protocol["validation_fraction"] * n)
    if not 0 < held_out < n:
        raise ConfigError(
            "trainer.validation_fraction",
            protocol["validation_fraction"],
            f"leaves {held_out} of {n} images to validate on; both parts need at least one",
        )
    if protocol["batch_size"] > n - held_out:
        raise ConfigError(
            "trainer.batch_size",
            protocol["batch_size"],
            f"must be at most {n - held_out}, the images to train on",
        )


def check_digest(cell: Cell, digest: str, known: str | None) -> None:
    """All rows of one name are of the same images.

    Args:
        digest: of the images at hand.
        known: of those that rows under this name were made from, if there are any.

    Raises:
        ConfigError: if they differ.
    """
    if known not in (None, digest):
        where = f" than those of data.root={cell.data['root']}" if cell.data.get("root") else " than those in data_dir"
        raise ConfigError(
            "data.name",
            cell.data["name"],
            f"results under this name were made from other images{where}; choose another name or results_dir",
        )


def known_digest(rows: Sequence[Row], path: Path) -> str | None:
    """Of the images that ``rows`` were made from or, without any, those in the files beside ``path``."""
    return rows[0].data_digest if rows else first_digest(path.parent, besides=path.name)
