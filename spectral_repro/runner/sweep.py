"""A sweep: all cells are checked before the first is trained, finished ones are left out, the rest goes on."""

import collections
import contextlib
import shlex
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from spectral_repro.config.compose import Composer
from spectral_repro.config.jobs import figure_jobs
from spectral_repro.config.messages import one_line
from spectral_repro.config.written import as_override, command_of
from spectral_repro.errors import UserError
from spectral_repro.results.rows import read_rows, row_file
from spectral_repro.runner import estimate
from spectral_repro.runner.devices import choose_device, cores
from spectral_repro.runner.experiment import Report, tidy
from spectral_repro.runner.job import run_job
from spectral_repro.runner.plan import Planned, plan_sweep
from spectral_repro.runner.progress import SweepProgress
from spectral_repro.runner.table import print_plan, print_table
from spectral_repro.runner.tracker import nothing_new

#: Seconds from which on a sweep is long.
_LONG = 600
#: Cells that share a GPU well: networks of the figures leave most of a large one idle.
_SHARE_A_GPU = 8


class SweepError(UserError):
    """Some cells of a sweep failed; the others are kept."""

    exit_code = 1


def run_sweep(
    arguments: list[str], hydra_context: Any, config: Any, launcher: Any, max_batch_size: int | None
) -> list[Any]:
    """Plans, prints what is done and what remains, launches the rest and reports; Hydra's sweeper calls it.

    Raises:
        UserError: if the plan is not valid (nothing has run then), or if cells failed (the others are kept).
    """
    loader = hydra_context.config_loader

    def compose(overrides: list[str]) -> DictConfig:
        composed = loader.load_sweep_config(config, list(overrides))
        OmegaConf.set_readonly(composed, False)
        OmegaConf.set_struct(composed, False)
        if params := OmegaConf.select(composed, "hydra.sweeper.params"):
            composed["sweep"] = {**(composed.get("sweep") or {}), "params": params}
        del composed["hydra"]
        return composed

    composer = Composer(compose)
    planned = plan_sweep(figure_jobs(composer.whole, arguments), composer)
    if not planned:
        raise UserError(f"{' '.join(arguments)}: there are no cells to sweep")
    todo = [p for p in planned if p.missing]
    at_once = launcher.at_once(planned[0].options.device) if hasattr(launcher, "at_once") else 1
    times = estimate.seconds(planned) if todo and at_once else [None] * len(planned)
    expected = estimate.together([t for t, p in zip(times, planned, strict=True) if p.missing], at_once)
    print(_plan_line(planned, todo, expected), flush=True)
    for line in _untracked(planned):
        print(line, flush=True)
    if hint := _faster(launcher, todo, expected):
        print(hint, flush=True)
    if planned[0].options.plan:
        print_plan(
            [(p.cell, len(p.options.seeds) - p.missing, p.missing, t) for p, t in zip(planned, times, strict=True)]
        )
        return []
    for p in planned:
        if not p.missing:
            tidy(p.cell, p.options)
    failures: list[tuple[Planned, Exception]] = []
    if todo:
        known = [t for t in times if t]
        typical = sum(known) / len(known) if known else 1.0
        costs = [t or typical for t, p in zip(times, planned, strict=True) if p.missing]
        with SweepProgress(costs, expected) as progress:
            left = list(range(len(todo)))
            for more in (("claimed=skip",), ()):  # what others are training comes last, and is waited for
                jobs, at, left = [[*todo[i].job, *more, *_absolute(launcher, todo[i])] for i in left], left, []
                with contextlib.closing(_launch(launcher, jobs, composer, max_batch_size)) as outcomes:
                    for n, outcome in outcomes:
                        i = at[n]
                        if more and getattr(outcome, "holder", None):
                            left.append(i)
                            continue
                        if isinstance(outcome, Report):
                            tqdm.write(f"{' '.join(todo[i].job)}: {outcome.trained} networks -> {outcome.path}")
                        else:
                            failures.append((todo[i], outcome))
                            tqdm.write(f"failed: {' '.join(todo[i].job)}: {one_line(outcome)}", file=sys.stderr)
                        progress.ended(i)
    _report(planned, failures)
    if failures:
        raise SweepError(_failure_text(failures))
    return []


def _absolute(launcher: Any, planned: Planned) -> list[str]:
    """Overrides that make the folders of a job absolute, for a launcher that may run it in another folder."""
    if type(launcher).__name__ in ("BasicLauncher", "ProcessesLauncher"):
        return []
    folders = {key: getattr(planned.options, key) for key in ("results_dir", "data_dir")}
    if planned.cell.data["source"] == "folder":
        folders["data.root"] = Path(planned.cell.data["root"]).expanduser()
    return [f"{key}={as_override(folder.absolute())}" for key, folder in folders.items()]


def _launch(
    launcher: Any, jobs: Sequence[list[str]], compose: Composer, max_batch_size: int | None
) -> Generator[tuple[int, Any], None, None]:
    """Runs the jobs; yields which one ended and its report, or the exception that ended it.

    By default they run in this process, without Hydra, which takes a tenth of a second to compose each. Our own
    launchers tell of each job as it ends. Any other of Hydra's is given ``max_batch_size`` jobs at a time.
    """
    if not jobs:
        return
    if type(launcher).__name__ == "BasicLauncher":
        for i, job in enumerate(jobs):
            try:
                yield i, run_job(compose(tuple(job)), i)
            except Exception as error:
                if _interrupted(error):
                    raise KeyboardInterrupt from error
                yield i, error
        return
    if hasattr(launcher, "stream"):
        yield from launcher.stream(jobs, compose)
        return
    size = max_batch_size or len(jobs)
    for start in range(0, len(jobs), size):
        batch = jobs[start : start + size]
        try:
            returned = [r.return_value for r in launcher.launch(batch, initial_job_idx=start)]
        except Exception as died:  # of one job, and such a launcher says no more of the others
            returned = [died] * len(batch)
        yield from enumerate(returned, start=start)


def _interrupted(error: BaseException | None) -> bool:
    """Whether a library has turned an interruption into this error."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _plan_line(planned: Sequence[Planned], todo: Sequence[Planned], seconds: float | None) -> str:
    line = f"{len(planned)} cells: {len(planned) - len(todo)} done, {len(todo)} to train"
    if not todo:
        return line + "; nothing to do"
    networks = sum(p.missing for p in todo)
    return f"{line} ({networks} networks{'' if seconds is None else f', about {estimate.readable(seconds)}'})"


def _untracked(planned: Sequence[Planned]) -> list[str]:
    """Of cells that are finished and were to be tracked, one line for each kind of tracker."""
    finished: collections.Counter[str] = collections.Counter()
    for p in planned:
        if not p.missing and p.options.tracker != "none":
            finished[p.options.tracker] += len(p.options.seeds)
    return [nothing_new(kind, n) for kind, n in finished.items()]


def _faster(launcher: Any, todo: Sequence[Planned], seconds: float | None) -> str | None:
    """What to add to the command of a long sweep.

    On a CPU two processes of one thread wait less for each other; one process does not fill a GPU with small networks.
    """
    alone = type(launcher).__name__ == "BasicLauncher" and len(todo) > 1 and cores() > 1
    if not alone or (seconds or 0) < _LONG:
        return None
    kind = choose_device(todo[0].options.device).type
    if kind == "cuda":
        many = min(_SHARE_A_GPU, cores())
        return (
            f"hydra/launcher=processes hydra.launcher.processes={many} has {many} cells share a GPU, "
            "which is faster, most of all under NVIDIA's MPS"
        )
    faster = "hydra/launcher=processes trains several cells at a time, which is faster on a CPU"
    return faster if kind == "cpu" else None


def _report(planned: Sequence[Planned], failures: Sequence[tuple[Planned, Exception]]) -> None:
    failed = {id(p) for p, _ in failures}
    rows = []
    for p in planned:
        if id(p) not in failed:
            path = row_file(p.options.results_dir, p.cell)
            rows.append((p.cell, [r for r in read_rows(path) if r.seed in p.options.seeds]))
    if len(rows) <= 60:
        print_table(rows)
    for folder in sorted({p.options.results_dir for p in planned}):
        print(f"rows: {Path(folder, 'runs').resolve()}/  (spectral-repro-collect joins them)")


def _failure_text(failures: Sequence[tuple[Planned, Exception]]) -> str:
    commands = "".join(f"\n  {_command(p)}    # {one_line(e)}" for p, e in failures)
    return f"{len(failures)} cells failed, the others are kept; the same command tries again, or:{commands}"


def _command(planned: Planned) -> str:
    """What trains this cell alone: its overrides, or all that they amount to where an experiment says more."""
    if not any(text.startswith("experiment=") for text in planned.job):
        return shlex.join(["spectral-repro", *planned.job])
    return f"{command_of(planned.cell)} {shlex.join([f'results_dir={planned.options.results_dir}'])}"
