"""Optional curves by epoch while training (``tracker=csv``, ``tensorboard``, ``wandb``, ``mlflow``); off by default."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from torch import Tensor

from spectral_repro.config.cell import Cell
from spectral_repro.config.written import described
from spectral_repro.results.curves import add_curve, curve_file
from spectral_repro.runner.experiment import Watcher
from spectral_repro.training.protocol import Progress

#: By seed and name.
Numbers = Mapping[int, Mapping[str, float]]
Vectors = Mapping[int, Mapping[str, Tensor]]


class Tracker:
    """Keeps the curves of one batch of realizations; a subclass with its ``log`` is a kind of tracker.

    Args:
        results_dir: where files go.
        cell: what is trained.
        seeds: of the realizations; each is a run of its own.
    """

    def __init__(self, results_dir: Path, cell: Cell, seeds: Sequence[int]) -> None:
        self.results_dir, self.cell, self.seeds = results_dir, cell, list(seeds)

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        """Of every realization that trained in ``epoch``: accuracy, loss, rate; eigenvalues or singular values."""
        raise TypeError(f"{type(self).__name__} does not define log")

    def end(self, seed: int) -> None:
        """A realization has stopped."""

    @property
    def name(self) -> str:
        """Of the cell."""
        return f"{self.cell.data['name']}/{self.cell.slug}"

    @property
    def config(self) -> dict:
        """The effective configuration."""
        return yaml.safe_load(described(self.cell))


class Csv(Tracker):
    """One file per cell, ``<results_dir>/curves/<data>/<slug>.csv``; an epoch that is trained again is written over."""

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        add_curve(curve_file(self.results_dir, self.cell), epoch, numbers)


class TensorBoard(Tracker):
    """One run per realization, in ``<results_dir>/tensorboard/<data>/<slug>/<seed>``."""

    def __init__(self, results_dir: Path, cell: Cell, seeds: Sequence[int]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        super().__init__(results_dir, cell, seeds)
        self.writers = {s: SummaryWriter(str(results_dir / "tensorboard" / self.name / str(s))) for s in seeds}

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            for key, value in named.items():
                self.writers[seed].add_scalar(key, value, epoch)
            for key, values in vectors[seed].items():
                self.writers[seed].add_histogram(key, values.numpy(), epoch)

    def end(self, seed: int) -> None:
        self.writers[seed].close()


class Wandb(Tracker):
    """Weights & Biases: one run per realization, grouped by cell; ``WANDB_PROJECT``, ``WANDB_MODE`` are heeded."""

    def __init__(self, results_dir: Path, cell: Cell, seeds: Sequence[int]) -> None:
        import wandb

        super().__init__(results_dir, cell, seeds)
        results_dir.mkdir(parents=True, exist_ok=True)
        project = os.environ.get("WANDB_PROJECT", "spectral-repro")
        shared = {"project": project, "group": self.name, "dir": str(results_dir), "reinit": "create_new"}
        self.runs = {
            seed: wandb.init(
                **shared,
                name=f"{self.name}/{seed}",
                id=f"{cell.config_hash}-{seed}",
                resume="allow",
                config={**self.config, "seed": seed},
                settings=wandb.Settings(silent=True),
            )
            for seed in seeds
        }
        self.histogram = wandb.Histogram
        for run in self.runs.values():
            run.define_metric("*", step_metric="epoch")  # its own steps may not go back, as a resumed batch does

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            histograms = {key: self.histogram(values.numpy()) for key, values in vectors[seed].items()}
            self.runs[seed].log({"epoch": epoch, **named, **histograms})

    def end(self, seed: int) -> None:
        self.runs[seed].finish()


class Mlflow(Tracker):
    """MLflow: one run per realization, in ``MLFLOW_TRACKING_URI`` or ``<results_dir>/mlflow.db``; no histograms."""

    def __init__(self, results_dir: Path, cell: Cell, seeds: Sequence[int]) -> None:
        from mlflow.tracking import MlflowClient

        super().__init__(results_dir, cell, seeds)
        results_dir.mkdir(parents=True, exist_ok=True)
        own = f"sqlite:///{(results_dir / 'mlflow.db').absolute()}"
        self.client = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", own))
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "spectral-repro")
        found = self.client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self.client.create_experiment(name)
        self.runs = {}
        for seed in seeds:
            run = self.client.create_run(experiment, run_name=f"{self.name}/{seed}", tags={"cell": self.name})
            self.runs[seed] = run.info.run_id
            for key, value in {**self.config, "seed": seed}.items():
                for inner, each in value.items() if isinstance(value, dict) else [("", value)]:
                    self.client.log_param(self.runs[seed], f"{key}.{inner}".strip("."), each)

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            for key, value in named.items():
                self.client.log_metric(self.runs[seed], key, value, step=epoch)

    def end(self, seed: int) -> None:
        self.client.set_terminated(self.runs[seed])


TRACKERS: dict[str, type[Tracker]] = {"csv": Csv, "tensorboard": TensorBoard, "wandb": Wandb, "mlflow": Mlflow}


def track(kind: str, results_dir: Path, cell: Cell) -> Watcher:
    """What tells a tracker of this kind the epochs of each batch."""

    def watcher(seeds: Sequence[int]):
        tracker = None

        def watch(progress: Progress) -> None:
            nonlocal tracker
            if tracker is None:  # not before an epoch has been trained
                tracker = TRACKERS[kind](results_dir, cell, seeds)
            numbers, vectors = {}, {}
            for seed, detail in progress.details.items():
                accuracy = progress.validation_accuracy[seed]
                numbers[seed] = {
                    "validation_accuracy": accuracy,
                    "training_loss": detail.training_loss,
                    "lr": detail.lr,
                }
                vectors[seed] = detail.vectors
            tracker.log(progress.epoch, numbers, vectors)
            for seed in numbers.keys() - progress.running_seeds:
                tracker.end(seed)

        return watch

    return watcher
