"""What a sweep would do: every cell checked, and which of its realizations are missing."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path

from spectral_repro import data
from spectral_repro.config.cell import Cell, masking_name
from spectral_repro.config.compose import Composer, Job
from spectral_repro.config.keys import Run
from spectral_repro.config.read import read_config, require_packages
from spectral_repro.errors import as_typed
from spectral_repro.files import require_writable
from spectral_repro.results.degrees import degree_file, read_degrees
from spectral_repro.results.rows import Row, own_rows, row_file
from spectral_repro.results.weights import weights_file
from spectral_repro.runner.devices import choose_device
from spectral_repro.runner.task import check_digest, known_digest


@dataclasses.dataclass(frozen=True, eq=False)
class Planned:
    """One job of a sweep and what it would do."""

    job: Job
    cell: Cell
    options: Run
    missing: int
    rows: Sequence[Row] = ()


def plan_sweep(jobs: Sequence[Job], compose: Composer) -> list[Planned]:
    """Every job's cell, checked; what two jobs want of the same cell is planned once.

    Raises:
        UserError: at the first configuration, device, folder or data set that cannot be used.
    """
    read = [(job, config, *read_config(config)) for job, config in ((job, compose(job)) for job in jobs)]
    idle = {masking_name(config["masking"]) for _, config, cell, _ in read if not cell.sparsity}
    for name in sorted(idle - {"cutoff"}):  # of a sweep over sparsities that is no mistake
        warnings.warn(f"masking={name} changes nothing at sparsity=0", stacklevel=2)
    wanted: dict[tuple, list[tuple[Job, Cell, Run]]] = {}
    for job, _, cell, options in read:
        require_packages(options)
        _want(wanted.setdefault((cell.config_hash, options.results_dir), []), job, cell, options)
    for device, results_dir in {(options.device, options.results_dir): None for *_, options in read}:
        choose_device(device)
        require_writable(results_dir, "results_dir")
    planned: list[Planned] = []
    digests: dict[tuple[Path, str], str | None] = {}
    for job, cell, options in (one for same in wanted.values() for one in same):
        seeds, rows = missing_seeds(cell, options)
        if not (options.overwrite and seeds):  # what stays beside overwritten rows is looked at before each of them
            digests.setdefault(_images(cell, options), known_digest(rows, row_file(options.results_dir, cell)))
        planned.append(Planned(job, cell, options, len(seeds), rows))
    needed = {_images(p.cell, p.options) for p in planned if p.missing}
    for *_, cell, options in read:  # the jobs as they were given: two folders may have one name
        images = _images(cell, options)
        if digest := data.identify(cell.data, options.data_dir, images in needed):
            check_digest(cell, digest, digests.get(images))
            digests[images] = digest
    return planned


def _images(cell: Cell, options: Run) -> tuple[Path, str]:
    """Where results are kept that must be of the same images."""
    return options.results_dir, cell.data["name"]


def _want(same: list[tuple[Job, Cell, Run]], job: Job, cell: Cell, options: Run) -> None:
    """Adds a job to those of the same cell; where one's realizations are among the other's, one job does both."""
    for i, (other_job, _, other) in enumerate(same):
        few, many = sorted([(options, job), (other, other_job)], key=lambda pair: pair[0].realizations)
        if set(few[0].seeds) <= set(many[0].seeds):
            idle = {"degrees": False, "weights": False, "tracker": "none"}
            more = {
                k: getattr(few[0], k) for k, off in idle.items() if getattr(many[0], k) == off != getattr(few[0], k)
            }
            words = [f"{key}={as_typed(value)}" for key, value in more.items()]
            same[i] = (*many[1], *words), cell, many[0].model_copy(update=more)
            return
    same.append((job, cell, options))


def missing_seeds(cell: Cell, options: Run) -> tuple[list[int], list[Row]]:
    """Seeds still to train, and the rows that stay; a damaged file of rows is set aside, with a warning."""
    rows = own_rows(row_file(options.results_dir, cell), cell.config_hash)
    if options.overwrite:
        return list(options.seeds), [row for row in rows if row.seed not in options.seeds]
    done = {row.seed for row in rows}
    if options.degrees:
        done &= {line[0] for line in read_degrees(degree_file(options.results_dir, cell))}
    if options.weights:
        done = {seed for seed in done if weights_file(options.results_dir, cell, seed).exists()}
    return [seed for seed in options.seeds if seed not in done], rows
