"""Makes our sweeper and launchers known to Hydra, for this program alone."""

from hydra.core.plugins import Plugins

from spectral_repro.runner.processes import ProcessesLauncher
from spectral_repro.runner.slurm import ArrayLauncher
from spectral_repro.runner.sweeper import ResumingSweeper


def register() -> None:
    """Registers the plugins under the names that ``conf/hydra`` gives them.

    A package ``hydra_plugins`` would be imported by every program of the environment that uses Hydra. Yet Hydra
    accepts a ``_target_`` below that name only, whatever the module of a registered class is called.
    """
    plugins = Plugins.instance()
    for cls in (ResumingSweeper, ProcessesLauncher, ArrayLauncher):
        plugins.register(cls)
        plugins.class_name_to_class[f"hydra_plugins.spectral_repro.{cls.__name__}"] = cls
