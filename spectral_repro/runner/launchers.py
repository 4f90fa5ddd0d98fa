"""Launchers that survive a killed job: each outcome is told as it comes, a dead job is an outcome like any other.

Hydra's own submitit launcher, whose jobs these are, loses the outcomes of a whole sweep with the first dead job.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.plugins.launcher import Launcher
from tqdm import tqdm

from spectral_repro.errors import ConfigError
from spectral_repro.runner.devices import SLOT, cores
from spectral_repro.runner.parent import VARIABLE

try:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher, SlurmLauncher
except ImportError:

    class LocalLauncher(Launcher):
        """Stands in for Hydra's submitit launcher where that is not installed."""

        def __init__(self, **_: Any) -> None:
            raise ConfigError(
                "hydra/launcher", "processes or slurm", "needs a package: pip install 'spectral-repro[slurm]'"
            )

        def setup(self, **_: Any) -> None: ...

        def launch(self, job_overrides, initial_job_idx): ...

    SlurmLauncher = LocalLauncher

#: What became of a job: its place in the sweep and what it returned, or the exception that ended it.
JobOutcome = tuple[int, Any]


def _arguments(overrides: Sequence[str], number: int) -> tuple:
    return list(overrides), "hydra.sweep.dir", number, f"job_{number}", Singleton.get_state()


def _returned(job) -> Any:
    try:
        return job.results()[0].return_value
    except Exception as error:  # submitit has several, for jobs that were killed, cancelled or timed out
        text = str(error).strip().splitlines() or [type(error).__name__]
        return RuntimeError(f"job {job.job_id} died: {text[-1].strip()} (see {job.paths.stderr})")


def _wait(job) -> None:
    """Waits until a Slurm job has ended for good; submitit takes one that is being queued again for ended."""
    looks = 0
    while looks < 3:
        job.wait()
        if job.paths.result_pickle.exists():
            return
        time.sleep(2)
        looks = 0 if _is_queued(job.job_id) else looks + 1
        job.watcher.clear()
        job.watcher.register_job(job.job_id)


def _is_queued(job_id: str) -> bool:
    """Whether the scheduler still means to run the job, or is running it."""
    shown = subprocess.run(["scontrol", "-o", "show", "job", job_id], capture_output=True, text=True).stdout
    return any(f"JobState={state}" in shown for state in ("PENDING", "RUNNING", "REQUEUE", "COMPLETING", "SUSPENDED"))


class _Output:
    """What a process prints, passed on as it comes: its epochs and its warnings, not what submitit says."""

    def __init__(self, path: Path) -> None:
        self.path, self.read = path, 0

    def pass_on(self) -> None:
        """Writes the lines that came since the last call."""
        with suppress(OSError), open(self.path, "rb") as file:
            file.seek(self.read)
            whole, end, _ = file.read().rpartition(b"\n")
            self.read += len(whole) + len(end)
            for line in whole.decode(errors="replace").splitlines():
                if line and not line.startswith("submitit "):
                    tqdm.write(line)
                    sys.stdout.flush()


class ProcessesLauncher(LocalLauncher):
    """Several processes on this machine, each with its share of the cores and one GPU if there are several.

    Args:
        processes: how many at a time; null: one for each GPU, or else one for two cores, at least two.
    """

    def __init__(self, processes: int | None = None, **params: Any) -> None:
        super().__init__(**params)
        self.processes = processes

    @property
    def at_once(self) -> int:
        """How many cells run at the same time."""
        return self.processes or _processes_that_fit()

    def stream(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Iterator[JobOutcome]:
        """Runs at most ``processes`` jobs at a time; yields outcomes in the order in which jobs end."""
        import submitit

        at_once = self.at_once
        executor = submitit.AutoExecutor(cluster="local", folder=self.params["submitit_folder"])
        executor.update_parameters(timeout_min=self.params["timeout_min"], name=self.params["name"])
        waiting, running = iter(enumerate(job_overrides)), {}
        share = {"OMP_NUM_THREADS": str(max(1, cores() // at_once)), VARIABLE: str(os.getpid())}
        free = list(range(at_once))
        try:
            while True:
                for i, overrides in itertools.islice(waiting, len(free)):
                    slot = free.pop(0)
                    with _default_environment({**share, SLOT: str(slot)}):
                        job = executor.submit(self, *_arguments(overrides, initial_job_idx + i))
                    running[i] = job, slot, _Output(job.paths.stdout)
                if not running:
                    return
                time.sleep(0.05)
                for _, _, output in running.values():
                    output.pass_on()
                for i, (job, slot, output) in [(i, one) for i, one in running.items() if one[0].done()]:
                    del running[i]
                    free.append(slot)
                    outcome = _returned(job)
                    output.pass_on()
                    if not isinstance(outcome, Exception):  # of a dead job the log is kept
                        paths = job.paths
                        for path in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.stderr):
                            path.unlink(missing_ok=True)
                    yield i, outcome
        finally:
            for job, _, _ in running.values():
                job.cancel()
            with suppress(OSError):
                os.rmdir(self.params["submitit_folder"])


class ArrayLauncher(SlurmLauncher):
    """Slurm job arrays, one job a cell, split below the scheduler's limit.

    Args:
        array_size: jobs per array (Slurm's MaxArraySize is 1001 by default).
    """

    at_once = 0  #: the scheduler decides: nothing can be said of the time

    def __init__(self, array_size: int = 1000, **params: Any) -> None:
        super().__init__(**params)
        self.array_size = array_size

    def stream(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Iterator[JobOutcome]:
        """Submits one array after the other; yields outcomes in the order of the jobs."""
        import submitit

        params = dict(self.params)
        executor = submitit.AutoExecutor(
            cluster="slurm", folder=params.pop("submitit_folder"), slurm_max_num_timeout=params.pop("max_num_timeout")
        )
        shared = {"timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name"}
        shared |= {"stderr_to_stdout"}
        executor.update_parameters(**{k if k in shared else f"slurm_{k}": v for k, v in params.items()})
        for start in range(0, len(job_overrides), self.array_size):
            array = job_overrides[start : start + self.array_size]
            arguments = [_arguments(o, initial_job_idx + start + i) for i, o in enumerate(array)]
            jobs = executor.map_array(self, *zip(*arguments, strict=True))
            try:
                for i, job in enumerate(jobs, start=start):
                    _wait(job)
                    yield i, _returned(job)
            finally:
                for job in jobs:
                    with suppress(Exception):
                        if not job.done():
                            job.cancel()


def _processes_that_fit() -> int:
    import torch

    gpus = torch.cuda.device_count()
    return gpus if gpus > 1 else max(2, cores() // 2)


@contextmanager
def _default_environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets variables that the user has not set, for the processes started meanwhile."""
    mine = {k: v for k, v in variables.items() if k not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for key in mine:
            del os.environ[key]
