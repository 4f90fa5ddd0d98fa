"""Slurm jobs: each outcome is told as it comes, a dead job is an outcome like any other.

Hydra's own submitit launcher, whose jobs these are, loses the outcomes of a whole sweep with the first dead job.
"""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from hydra.core.singleton import Singleton

from spectral_repro.runner.processes import JobOutcome


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
    """Whether the scheduler still means to run the job, or is running it, or does not answer."""
    shown = subprocess.run(["scontrol", "-o", "show", "job", job_id], capture_output=True, text=True)
    if shown.returncode:
        return "Invalid job id" not in shown.stderr
    return any(
        f"JobState={state}" in shown.stdout for state in ("PENDING", "RUNNING", "REQUEUE", "COMPLETING", "SUSPENDED")
    )


def stream(
    launcher: Any, jobs: Sequence[Sequence[str]], params: dict[str, Any], array_size: int
) -> Iterator[JobOutcome]:
    """Submits one array of ``launcher`` calls after the other; yields outcomes in the order of the jobs.

    Args:
        launcher: is called in each job with :func:`_arguments`.
        params: of submitit, as ``conf/hydra/launcher/slurm.yaml`` has them.
        array_size: jobs per array.
    """
    import submitit

    executor = submitit.AutoExecutor(
        cluster="slurm", folder=params.pop("submitit_folder"), slurm_max_num_timeout=params.pop("max_num_timeout")
    )
    shared = {"timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name"}
    shared |= {"stderr_to_stdout"}
    executor.update_parameters(**{k if k in shared else f"slurm_{k}": v for k, v in params.items()})
    for start in range(0, len(jobs), array_size):
        array = jobs[start : start + array_size]
        arguments = [_arguments(overrides, i) for i, overrides in enumerate(array, start=start)]
        submitted = executor.map_array(launcher, *zip(*arguments, strict=True))
        try:
            for i, job in enumerate(submitted, start=start):
                _wait(job)
                yield i, _returned(job)
        finally:
            for job in submitted:
                with suppress(Exception):
                    if not job.done():
                        job.cancel()
