"""What a sweep would do: every cell checked, and which of its realizations are missing."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from spectral_repro import data
from spectral_repro.config.cell import Cell, masking_name
from spectral_repro.config.compose import Composer, Job
from spectral_repro.config.keys import Run
from spectral_repro.config.read import read_config, require_packages
from spectral_repro.files import require_writable
from spectral_repro.results.degrees import degree_file, read_degrees
from spectral_repro.results.rows import Row, read_own_rows, row_file
from spectral_repro.results.weights import weights_file
from spectral_repro.runner.devices import choose_device
from spectral_repro.runner.task import check_digest, known_digest


@dataclasses.dataclass(frozen=True)
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
    wanted: dict[tuple, list[tuple[Job, Cell, Run]]] = {}
    checked: set[tuple] = set()
    read, idle = [], set()
    for job in jobs:
        config = compose(job)
        cell, options = read_config(config)
        read.append((job, cell, options))
        if not cell.sparsity:
            idle.add(masking_name(config["masking"]))
    for name in sorted(idle - {"cutoff"}):  # of a sweep over sparsities that is no mistake
        tqdm.write(f"spectral-repro: masking={name} changes nothing at sparsity=0", file=sys.stderr)
    for job, cell, options in read:
        require_packages(options)
        if (options.device, options.results_dir) not in checked:
            choose_device(options.device)
            require_writable(options.results_dir, "results_dir")
            checked.add((options.device, options.results_dir))
        _want(wanted.setdefault((cell.config_hash, options.results_dir), []), job, cell, options)
    planned: list[Planned] = []
    digests: dict[tuple[Path, str], str | None] = {}
    for job, cell, options in (one for same in wanted.values() for one in same):
        seeds, rows, warning = missing_seeds(cell, options)
        if warning:
            tqdm.write(f"spectral-repro: {warning}", file=sys.stderr)
        if not (options.overwrite and seeds):  # what stays beside overwritten rows is looked at before each of them
            digests.setdefault(_images(cell, options), known_digest(rows, row_file(options.results_dir, cell)))
        planned.append(Planned(job, cell, options, len(seeds), rows))
    needed = {_images(p.cell, p.options) for p in planned if p.missing}
    for _, cell, options in read:  # the jobs as they were given: two folders may have one name
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
            more: dict[str, bool | str] = {
                key: True for key in ("degrees", "weights") if getattr(few[0], key) and not getattr(many[0], key)
            }
            if many[0].tracker == "none" != few[0].tracker:
                more["tracker"] = few[0].tracker
            words = [f"{key}={'true' if value is True else value}" for key, value in more.items()]
            same[i] = (*many[1], *words), cell, many[0].model_copy(update=more)
            return
    same.append((job, cell, options))


def missing_seeds(cell: Cell, options: Run) -> tuple[list[int], list[Row], str | None]:
    """Seeds still to train, the rows that are there, and a warning if a damaged file was set aside."""
    path = row_file(options.results_dir, cell)
    rows, warning = read_own_rows(path, cell.config_hash)
    if options.overwrite:
        return list(options.seeds), [row for row in rows if row.seed not in options.seeds], warning
    done = {row.seed for row in rows}
    if options.degrees:
        done &= {line[0] for line in read_degrees(degree_file(options.results_dir, cell))}
    if options.weights:
        done = {seed for seed in done if weights_file(options.results_dir, cell, seed).exists()}
    return [seed for seed in options.seeds if seed not in done], rows, warning
