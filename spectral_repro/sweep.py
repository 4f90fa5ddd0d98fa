"""A sweep: all cells are checked before the first is trained, finished ones are left out, the rest goes on."""

import dataclasses
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from tqdm import tqdm

from spectral_repro import estimate, results
from spectral_repro.cell import Cell, Options
from spectral_repro.compose import Composer, Job, figure_jobs
from spectral_repro.config import read_config
from spectral_repro.errors import UserError
from spectral_repro.experiment import Report, choose_device, missing_seeds
from spectral_repro.files import require_writable
from spectral_repro.messages import one_line
from spectral_repro.run import run_job
from spectral_repro.table import print_table


class SweepError(UserError):
    """Some cells of a sweep failed; the others are kept."""

    exit_code = 1


@dataclasses.dataclass(frozen=True)
class Planned:
    """One job of a sweep and what it would do."""

    job: Job
    cell: Cell
    options: Options
    missing: int
    rows: Sequence[results.Row] = ()


def plan_sweep(jobs: Sequence[Job], compose: Composer) -> list[Planned]:
    """Every job's cell, checked; what two jobs want of the same cell is planned once.

    Raises:
        UserError: at the first configuration, device or folder that cannot be used.
    """
    wanted: dict[tuple, list[tuple[Job, Cell, Options]]] = {}
    checked: set[tuple] = set()
    for job in jobs:
        cell, options = read_config(compose(job))
        if (options.device, options.results_dir) not in checked:
            choose_device(options.device)
            require_writable(options.results_dir, "results_dir")
            checked.add((options.device, options.results_dir))
        _want(wanted.setdefault((cell.config_hash, options.results_dir), []), job, cell, options)
    planned = []
    for job, cell, options in (one for same in wanted.values() for one in same):
        seeds, rows, warning = missing_seeds(cell, options)
        if warning:
            tqdm.write(f"spectral-repro: {warning}", file=sys.stderr)
        planned.append(Planned(job, cell, options, len(seeds), rows))
    return planned


def _want(same: list[tuple[Job, Cell, Options]], job: Job, cell: Cell, options: Options) -> None:
    """Adds a job to those of the same cell; where one's realizations are among the other's, one job does both."""
    for i, (other_job, _, other) in enumerate(same):
        few, many = sorted([(options, job), (other, other_job)], key=lambda pair: pair[0].realizations)
        if set(few[0].seeds) <= set(many[0].seeds):
            degrees, job = options.degrees or other.degrees, many[1]
            job += ("degrees=true",) if degrees and not many[0].degrees else ()
            same[i] = job, cell, dataclasses.replace(many[0], degrees=degrees)
            return
    same.append((job, cell, options))


def run_sweep(
    arguments: list[str], hydra_context: Any, config: Any, launcher: Any, max_batch_size: int | None
) -> list[Any]:
    """Plans, prints what is done and what remains, launches the rest and reports; Hydra's sweeper calls it.

    Raises:
        UserError: if the plan is not valid (nothing has run then), or if cells failed (the others are kept).
    """
    loader = hydra_context.config_loader

    def compose(overrides: list[str]) -> dict[str, Any]:
        composed = loader.load_sweep_config(config, list(overrides))
        OmegaConf.set_readonly(composed, False)
        OmegaConf.set_struct(composed, False)
        del composed["hydra"]
        return OmegaConf.to_container(composed, resolve=True)

    composer = Composer(compose)
    planned = plan_sweep(figure_jobs(compose, arguments), composer)
    todo = [p for p in planned if p.missing]
    print(_plan_line(planned, todo), flush=True)
    failures: list[tuple[Planned, Exception]] = []
    if todo:
        with tqdm(total=sum(p.missing for p in todo), desc="sweep", unit="net", disable=None, position=0) as bar:
            for i, outcome in _launch(launcher, [list(p.job) for p in todo], composer, max_batch_size):
                if isinstance(outcome, Report):
                    bar.write(f"{' '.join(todo[i].job)}: {outcome.trained} networks -> {outcome.path}")
                else:
                    failures.append((todo[i], outcome))
                    bar.write(f"failed: {' '.join(todo[i].job)}: {one_line(outcome)}", file=sys.stderr)
                bar.update(todo[i].missing)
    _report(planned, failures)
    if failures:
        raise SweepError(_failure_text(failures))
    return []


def _launch(
    launcher: Any, jobs: Sequence[list[str]], compose: Composer, max_batch_size: int | None
) -> Iterator[tuple[int, Any]]:
    """Runs the jobs; yields which one ended and its report, or the exception that ended it.

    By default they run in this process, without Hydra, which takes a tenth of a second to compose each. Our own
    launchers tell of each job as it ends. Any other of Hydra's is given ``max_batch_size`` jobs at a time.
    """
    if type(launcher).__name__ == "BasicLauncher":
        for i, job in enumerate(jobs):
            try:
                yield i, run_job(compose(tuple(job)), i)
            except Exception as error:
                yield i, error
        return
    if hasattr(launcher, "stream"):
        yield from launcher.stream(jobs, 0)
        return
    size = max_batch_size or len(jobs)
    for start in range(0, len(jobs), size):
        batch = jobs[start : start + size]
        try:
            returned = [r.return_value for r in launcher.launch(batch, initial_job_idx=start)]
        except Exception as died:  # of one job, and such a launcher says no more of the others
            returned = [died] * len(batch)
        yield from enumerate(returned, start=start)


def _plan_line(planned: Sequence[Planned], todo: Sequence[Planned]) -> str:
    line = f"{len(planned)} cells: {len(planned) - len(todo)} done, {len(todo)} to train"
    if not todo:
        return line + "; nothing to do"
    seconds = estimate.seconds(planned)
    networks = sum(p.missing for p in todo)
    return f"{line} ({networks} networks{'' if seconds is None else f', about {estimate.readable(seconds)}'})"


def _report(planned: Sequence[Planned], failures: Sequence[tuple[Planned, Exception]]) -> None:
    failed = {id(p) for p, _ in failures}
    rows = []
    for p in planned:
        if id(p) not in failed:
            path = results.row_file(p.options.results_dir, p.cell)
            rows.append((p.cell, [r for r in results.read_rows(path) if r.seed in p.options.seeds]))
    if len(rows) <= 60:
        print_table(rows)
    for folder in sorted({p.options.results_dir for p in planned}):
        print(f"rows: {Path(folder, 'runs').resolve()}/  (spectral-repro-collect joins them)")


def _failure_text(failures: Sequence[tuple[Planned, Exception]]) -> str:
    commands = "".join(f"\n  spectral-repro {shlex.join(p.job)}    # {one_line(e)}" for p, e in failures)
    return f"{len(failures)} cells failed, the others are kept; the same command tries again, or:{commands}"
