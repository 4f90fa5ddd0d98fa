"""Hydra's sweeper of this program; the work is done in :mod:`spectral_repro.runner.sweep`."""

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper


class ResumingSweeper(Sweeper):
    """Hydra's basic sweeper, but every job is checked before the first one starts and finished ones are left out.

    Args:
        max_batch_size: jobs per call of a launcher that runs jobs elsewhere, for instance below a
            scheduler's limit on arrays; null: all at once.
        params: sweeps given in configuration, as for the basic sweeper; the command line wins.
    """

    def __init__(self, max_batch_size: int | None = None, params: dict[str, str] | None = None) -> None:
        super().__init__()
        self.max_batch_size, self.params = max_batch_size, params or {}

    def setup(self, *, hydra_context, task_function, config) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]):
        from spectral_repro.runner.sweep import run_sweep

        given = {a.partition("=")[0] for a in arguments}
        params = [f"{k}={v}" for k, v in self.params.items() if k not in given]
        return run_sweep([*params, *arguments], self.hydra_context, self.config, self.launcher, self.max_batch_size)
