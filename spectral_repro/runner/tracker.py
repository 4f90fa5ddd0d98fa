"""Optional curves by epoch while training (``tracker=csv``, ``tensorboard``, ``wandb``, ``mlflow``); off by default."""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from torch import Tensor

from spectral_repro.config.cell import Cell
from spectral_repro.config.written import described
from spectral_repro.files import locked
from spectral_repro.results.curves import Point, add_curve, curve_file
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
        seeds: of the realizations that train; each is a run of its own.
    """

    def __init__(self, results_dir: Path, cell: Cell, seeds: Sequence[int]) -> None:
        self.results_dir, self.cell = results_dir, cell

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        """Of every realization that trained in ``epoch``: accuracy, loss, rate; eigenvalues or singular values."""
        raise TypeError(f"{type(self).__name__} does not define log")

    def end(self, seed: int) -> None:
        """A realization has stopped."""

    def close(self) -> None:
        """Training is over, or was interrupted."""

    @property
    def name(self) -> str:
        """Of the cell."""
        return f"{self.cell.data['name']}/{self.cell.slug}"

    def identity(self, seed: int) -> str:
        """Of a realization in this folder of results."""
        folder = hashlib.sha256(str(self.results_dir.absolute()).encode()).hexdigest()[:8]
        return f"{self.cell.config_hash}-{folder}-{seed}"

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
    """Weights & Biases: one run per realization, grouped by cell; ``WANDB_PROJECT``, ``WANDB_MODE`` are heeded.

    A batch that resumes goes on in the runs it had.
    """

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
                id=self.identity(seed),
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
    """MLflow: one run per realization, in ``MLFLOW_TRACKING_URI`` or ``<results_dir>/mlflow.db``; no histograms.

    A batch that resumes goes on in the runs it had.
    """

    def __init__(self, results_dir: Path, cell: Cell, seeds: Sequence[int]) -> None:
        from mlflow.tracking import MlflowClient

        super().__init__(results_dir, cell, seeds)
        own = f"sqlite:///{(results_dir / 'mlflow.db').absolute()}"
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "spectral-repro")
        with locked(results_dir):  # several processes would make one data base twice
            self.client = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", own))
            found = self.client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else self.client.create_experiment(name)
            self.runs = {seed: self._run(experiment, seed) for seed in seeds}

    def _run(self, experiment: str, seed: int) -> str:
        known = self.client.search_runs([experiment], f"tags.realization = '{self.identity(seed)}'")
        if known and known[0].info.status != "FINISHED":
            return known[0].info.run_id
        tags = {"cell": self.name, "realization": self.identity(seed)}
        run = self.client.create_run(experiment, run_name=f"{self.name}/{seed}", tags=tags).info.run_id
        for key, value in {**self.config, "seed": seed}.items():
            for inner, each in value.items() if isinstance(value, dict) else [("", value)]:
                self.client.log_param(run, f"{key}.{inner}".strip("."), each)
        return run

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            for key, value in named.items():
                self.client.log_metric(self.runs[seed], key, value, step=epoch)

    def end(self, seed: int) -> None:
        self.client.set_terminated(self.runs.pop(seed))

    def close(self) -> None:
        for run in self.runs.values():
            self.client.set_terminated(run, "KILLED")


TRACKERS: dict[str, type[Tracker]] = {"csv": Csv, "tensorboard": TensorBoard, "wandb": Wandb, "mlflow": Mlflow}


@contextlib.contextmanager
def track(kind: str, results_dir: Path, cell: Cell) -> Iterator[Watcher]:
    """What tells trackers of this kind the epochs of each batch; they do not end a training that they fail in."""
    trackers: list[Tracker] = []

    def watcher(seeds: Sequence[int]):
        tracker, failed = None, False

        def watch(progress: Progress) -> None:
            nonlocal tracker, failed
            try:
                if tracker is None and not failed:  # of those that train: others of a batch may have ended before
                    tracker = TRACKERS[kind](results_dir, cell, list(progress.details))
                    trackers.append(tracker)
                if tracker and not failed:
                    _tell(tracker, progress)
            except Exception as error:
                failed = True
                what = f"{type(error).__name__}: {' '.join(str(error).split())}"
                warnings.warn(f"tracker={kind}: {what}; training goes on without it", stacklevel=2)

        return watch

    try:
        yield watcher
    finally:
        for tracker in trackers:
            with contextlib.suppress(Exception):
                tracker.close()


def _tell(tracker: Tracker, progress: Progress) -> None:
    numbers, vectors = {}, {}
    for seed, detail in progress.details.items():
        accuracy = progress.validation_accuracy[seed]
        numbers[seed] = Point(accuracy, detail.training_loss, detail.lr)._asdict()
        vectors[seed] = {name: v[v.isfinite()] for name, v in detail.vectors.items() if v.isfinite().any()}
    tracker.log(progress.epoch, numbers, vectors)
    for seed in numbers.keys() - progress.running_seeds:
        tracker.end(seed)
