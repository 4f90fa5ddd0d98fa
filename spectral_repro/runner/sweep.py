"""A sweep: all cells are checked before the first is trained, finished ones are left out, the rest goes on."""

import collections
import contextlib
import dataclasses
import functools
import shlex
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from spectral_repro.config.compose import Composer
from spectral_repro.config.jobs import figure_jobs
from spectral_repro.config.messages import one_line
from spectral_repro.config.written import command_of
from spectral_repro.errors import UserError, as_typed, interrupted
from spectral_repro.runner import estimate
from spectral_repro.runner.devices import choose_device, cores
from spectral_repro.runner.job import Report, run_in_sweep, tidy, warnings_as_lines
from spectral_repro.runner.plan import Planned, plan_sweep
from spectral_repro.runner.progress import SweepProgress
from spectral_repro.runner.table import print_plan, print_table
from spectral_repro.runner.tracking import nothing_new
from spectral_repro.terminal import counted

#: Seconds from which on a sweep is long.
_LONG = 600
#: Cells that share a GPU well: networks of the figures leave most of a large one idle.
_SHARE_A_GPU = 8
#: Cells of which a table is printed in the end.
_SHORT = 60


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
    composer = Composer(functools.partial(_compose, hydra_context.config_loader, config))
    with warnings_as_lines():
        planned = plan_sweep(figure_jobs(composer.whole, arguments), composer)
    if not planned:
        raise UserError(f"{' '.join(arguments)}: there are no cells to sweep")
    todo = [p for p in planned if p.missing]
    at_once = launcher.at_once(planned[0].options.device) if hasattr(launcher, "at_once") else 1
    times = estimate.seconds(planned) if todo and at_once else [None] * len(planned)
    left = [t for t, p in zip(times, planned, strict=True) if p.missing]
    expected = estimate.together(left, at_once)
    for line in (_plan_line(planned, todo, expected), *_untracked(planned), *_faster(launcher, todo, expected)):
        print(line, flush=True)
    if planned[0].options.plan:
        print_plan([(p.cell, len(p.options.seeds), p.missing, t) for p, t in zip(planned, times, strict=True)])
        return []
    for p in planned:
        if not p.missing:
            tidy(p.cell, p.options)
    ended = _train(todo, launcher, max_batch_size, SweepProgress(left, expected)) if todo else {}
    _report(planned, ended)
    if failures := [(p, ended[p]) for p in todo if _failed(p, ended)]:
        raise SweepError(_failure_text(failures))
    return []


def _compose(loader: Any, config: Any, overrides: list[str]) -> DictConfig:
    """Hydra's composition of one job, without its own part, of which our sweeper's ``params`` are kept."""
    composed = loader.load_sweep_config(config, list(overrides))
    OmegaConf.set_readonly(composed, False)
    OmegaConf.set_struct(composed, False)
    if params := OmegaConf.select(composed, "hydra.sweeper.params"):
        composed["sweep"] = {**(composed.get("sweep") or {}), "params": params}
    del composed["hydra"]
    return composed


def _train(
    todo: Sequence[Planned], launcher: Any, max_batch_size: int | None, progress: SweepProgress
) -> dict[Planned, Any]:
    """Trains the cells and tells of each as it ends; of each its report, or the exception that ended it."""
    ended: dict[Planned, Any] = {}
    with progress:
        for last in (False, True):  # what others are training comes last, and is waited for
            left = [p for p in todo if p not in ended]
            jobs = left if last else [_not_waiting(p) for p in left]
            with contextlib.closing(_launch(launcher, jobs, max_batch_size)) as outcomes:
                for i, outcome in outcomes:
                    words = " ".join(left[i].job)
                    if not last and getattr(outcome, "holder", None):
                        continue
                    if isinstance(outcome, Report):
                        tqdm.write(f"{words}: {counted(outcome.trained, 'network')} -> {outcome.path}")
                    else:
                        tqdm.write(f"failed: {words}: {one_line(outcome)}", file=sys.stderr)
                    ended[left[i]] = outcome
                    progress.ended(todo.index(left[i]))
    return ended


def _not_waiting(planned: Planned) -> Planned:
    options = planned.options.model_copy(update={"claimed": "skip"})
    return dataclasses.replace(planned, job=(*planned.job, "claimed=skip"), options=options)


def _launch(
    launcher: Any, planned: Sequence[Planned], max_batch_size: int | None
) -> Generator[tuple[int, Any], None, None]:
    """Runs the jobs; yields which one ended and its report, or the exception that ended it.

    By default they run in this process, without Hydra, which takes a tenth of a second to compose each. Our own
    launchers tell of each job as it ends. Any other of Hydra's is given ``max_batch_size`` jobs at a time.
    """
    if not planned:
        return
    if type(launcher).__name__ == "BasicLauncher":
        for i, p in enumerate(planned):
            try:
                yield i, run_in_sweep(p.cell, p.options)
            except Exception as error:
                if interrupted(error):
                    raise KeyboardInterrupt from error
                yield i, error
        return
    if type(launcher).__name__ == "ProcessesLauncher":
        yield from launcher.stream([(p.cell, p.options) for p in planned])
        return
    jobs = [[*p.job, *_absolute(p)] for p in planned]
    if hasattr(launcher, "stream"):
        yield from launcher.stream(jobs)
        return
    size = max_batch_size or len(jobs)
    for start in range(0, len(jobs), size):
        batch = jobs[start : start + size]
        try:
            returned = [r.return_value for r in launcher.launch(batch, initial_job_idx=start)]
        except Exception as died:  # of one job, and such a launcher says no more of the others
            returned = [died] * len(batch)
        yield from enumerate(returned, start=start)


def _absolute(planned: Planned) -> list[str]:
    """Overrides that make the folders of a job absolute, which may run in another folder."""
    folders = {key: getattr(planned.options, key) for key in ("results_dir", "data_dir")}
    if planned.cell.data["source"] == "folder":
        folders["data.root"] = Path(planned.cell.data["root"]).expanduser()
    return [f"{key}={as_typed(folder.absolute(), quoted=True)}" for key, folder in folders.items()]


def _plan_line(planned: Sequence[Planned], todo: Sequence[Planned], seconds: float | None) -> str:
    line = f"{counted(len(planned), 'cell')}: {len(planned) - len(todo)} done, {len(todo)} to train"
    if not todo:
        return line + "; nothing to do"
    networks = counted(sum(p.missing for p in todo), "network")
    return f"{line} ({networks}{'' if seconds is None else f', about {estimate.readable(seconds)}'})"


def _untracked(planned: Sequence[Planned]) -> list[str]:
    """Of cells that are finished and were to be tracked, one line for each kind of tracker."""
    finished: collections.Counter[str] = collections.Counter()
    for p in planned:
        if not p.missing and p.options.tracker != "none":
            finished[p.options.tracker] += len(p.options.seeds)
    return [nothing_new(kind, n) for kind, n in finished.items()]


def _faster(launcher: Any, todo: Sequence[Planned], seconds: float | None) -> list[str]:
    """What to add to the command of a long sweep, if anything.

    On a CPU two processes of one thread wait less for each other; one process does not fill a GPU with small networks.
    """
    alone = type(launcher).__name__ == "BasicLauncher" and len(todo) > 1 and cores() > 1
    if not alone or (seconds or 0) < _LONG:
        return []
    many = min(_SHARE_A_GPU, cores())
    words = {
        "cuda": f"hydra/launcher=processes hydra.launcher.processes={many} trains {many} cells at a time on one GPU, "
        "which is faster, most of all under NVIDIA's MPS",
        "cpu": "hydra/launcher=processes trains several cells at a time, which is faster on a CPU",
    }
    kind = choose_device(todo[0].options.device).type
    return [words[kind]] if kind in words else []


def _report(planned: Sequence[Planned], ended: Mapping[Planned, Any]) -> None:
    """The table of what did not fail, and where the rows of all are."""
    if len(planned) <= _SHORT:
        rows = [(p, ended[p].rows if p in ended else p.rows) for p in planned if not _failed(p, ended)]
        print_table([(p.cell, [row for row in found if row.seed in p.options.seeds]) for p, found in rows])
    for folder in sorted({p.options.results_dir for p in planned}):
        print(f"rows: {Path(folder, 'runs').resolve()}/  (spectral-repro-collect joins them)")


def _failed(planned: Planned, ended: Mapping[Planned, Any]) -> bool:
    return isinstance(ended.get(planned), Exception)


def _failure_text(failures: Sequence[tuple[Planned, Exception]]) -> str:
    commands = "".join(f"\n  {_command(p)}    # {one_line(e)}" for p, e in failures)
    failed = counted(len(failures), "cell")
    return f"{failed} failed, the others are kept; the same command tries again, or:{commands}"


def _command(planned: Planned) -> str:
    """What trains this cell alone: its overrides, or all that they amount to where an experiment says more."""
    if not any(text.startswith("experiment=") for text in planned.job):
        return shlex.join(["spectral-repro", *planned.job])
    return f"{command_of(planned.cell)} {shlex.join([f'results_dir={planned.options.results_dir}'])}"
