"""What Hydra finds of ours: a sweeper and two launchers, which import what they need when they run.

Hydra takes plugins from the name space ``hydra_plugins`` only, and imports this file in every program that uses it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

try:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher
except ImportError:

    class SlurmLauncher(Launcher):  # type: ignore[no-redef]
        """Stands in for Hydra's submitit launcher where that is not installed."""

        def __init__(self, **_: Any) -> None:
            from spectral_repro.errors import ConfigError

            raise ConfigError("hydra/launcher", "slurm", "needs a package: pip install hydra-submitit-launcher")

        def setup(self, **_: Any) -> None: ...

        def launch(self, job_overrides, initial_job_idx): ...


class ResumingSweeper(Sweeper):
    """Hydra's basic sweeper, but every job is checked before the first one starts and finished ones are left out.

    Args:
        max_batch_size: jobs per call of a launcher that runs jobs elsewhere, for instance below a
            scheduler's limit on arrays; null: all at once.
        params: sweeps given in configuration, as for the basic sweeper; the command line wins.
    """

    def __init__(self, max_batch_size: int | None = None, params: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.max_batch_size, self.params = max_batch_size, params or {}

    def setup(self, *, hydra_context, task_function, config) -> None:
        from spectral_repro.runner.entry import refuse_idle_keys

        refuse_idle_keys(config.hydra)
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]):
        from omegaconf import OmegaConf

        from spectral_repro.config.compose import in_containers
        from spectral_repro.config.jobs import as_sweep
        from spectral_repro.runner.sweep import run_sweep

        given = {a.partition("=")[0] for a in arguments}
        written = in_containers(OmegaConf.create(dict(self.params)))
        params = [as_sweep(k, v) for k, v in written.items() if k not in given]
        return run_sweep([*params, *arguments], self.hydra_context, self.config, self.launcher, self.max_batch_size)


class ProcessesLauncher(Launcher):
    """Several processes on this machine, each with its share of the cores and one GPU if there are several.

    Args:
        processes: how many at a time; null: one for each GPU, or on a CPU one for two cores, at least two.

    Raises:
        ConfigError: if that is no number of processes.
    """

    def __init__(self, processes: int | None = None) -> None:
        from spectral_repro.errors import ConfigError

        if processes is not None and (not isinstance(processes, int) or isinstance(processes, bool) or processes < 1):
            raise ConfigError("hydra.launcher.processes", processes, "must be an integer of at least 1, or null")
        self.processes = processes

    def setup(self, **_: Any) -> None: ...

    def launch(self, job_overrides, initial_job_idx):
        from spectral_repro.errors import ConfigError

        raise ConfigError("hydra/launcher", "processes", "needs hydra/sweeper=resuming")

    def at_once(self, device: str) -> int:
        """How many cells run at the same time."""
        from spectral_repro.runner.devices import training_processes

        return self.processes or training_processes(device)

    def stream(self, jobs: Sequence[tuple[Any, Any]]) -> Iterator[tuple[int, Any]]:
        """Runs some cells at a time, each given with how to run it; yields outcomes in the order in which they end."""
        from spectral_repro.runner.processes import stream

        yield from stream(jobs, self.at_once(jobs[0][1].device))


class ArrayLauncher(SlurmLauncher):
    """Slurm job arrays, one job a cell, split below the scheduler's limit.

    Args:
        array_size: jobs per array (Slurm's MaxArraySize is 1001 by default).
    """

    def __init__(self, array_size: int = 1000, **params: Any) -> None:
        super().__init__(**params)
        self.array_size = array_size

    def at_once(self, device: str) -> int:
        """The scheduler decides: nothing can be said of the time."""
        return 0

    def stream(self, jobs: Sequence[Sequence[str]]) -> Iterator[tuple[int, Any]]:
        """Submits one array after the other; yields outcomes in the order of the jobs, which compose for themselves."""
        from spectral_repro.runner.slurm import stream

        yield from stream(self, jobs, dict(self.params), self.array_size)
