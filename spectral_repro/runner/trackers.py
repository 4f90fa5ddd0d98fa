"""Kinds of trackers: where curves by epoch go, and results beside them."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from spectral_repro.config.cell import Cell
from spectral_repro.config.written import described
from spectral_repro.files import locked
from spectral_repro.results.epochs import add_curve, curve_file
from spectral_repro.results.rows import Row, read_rows, row_file

#: By seed and name.
Numbers = Mapping[int, Mapping[str, float]]
Vectors = Mapping[int, Mapping[str, Tensor]]
#: Columns of a row: what came out, which cell it is of, and what made it.
RESULTS = ("test_accuracy", "validation_accuracy", "epochs", "trained_parameters", "rho", "seconds", "diverged")
CELL = ("data", "method", "seed", "config_hash")
MADE_BY = ("code_version", "torch_version", "device", "data_digest", "finished_at")


class Tracker:
    """Keeps the curves of a cell's realizations; a subclass with its ``log`` is a kind of tracker.

    Args:
        results_dir: where files go.
        cell: what is trained.
    """

    def __init__(self, results_dir: Path, cell: Cell) -> None:
        self.results_dir, self.cell = results_dir, cell
        self.replaced: dict[int, str] = {}

    def begin(self, seeds: Sequence[int]) -> None:
        """A batch is about to train: notes which of its realizations have a row, which will be written over."""
        rows = read_rows(row_file(self.results_dir, self.cell))
        self.replaced |= {row.seed: row.finished_at for row in rows if row.seed in seeds}

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        """Of every realization that trained in ``epoch``: accuracy, loss, rate; eigenvalues or singular values."""
        raise TypeError(f"{type(self).__name__} does not define log")

    def end(self, seed: int) -> None:
        """A realization has stopped; its result follows when all of its batch have."""

    def result(self, row: Row) -> None:
        """The row of a realization is written, perhaps of one that this process never saw train."""

    def close(self) -> None:
        """Training is over, or was interrupted."""

    @property
    def name(self) -> str:
        """Of the cell."""
        return f"{self.cell.data['name']}/{self.cell.slug}"

    def training(self, seed: int) -> str:
        """The seed and, where a row is written over, when that was finished: the same until the new row is there.

        So a batch that resumes goes on in the runs it had, and a realization that is trained again has a new one.
        """
        stamp = "".join(c for c in self.replaced.get(seed, "")[:19] if c.isalnum())  # 20261231T235959
        return f"{seed}-after-{stamp}" if stamp else str(seed)

    def identity(self, seed: int) -> str:
        """Of a training of a realization in this folder of results."""
        folder = hashlib.sha256(str(self.results_dir.absolute()).encode()).hexdigest()[:8]
        return f"{self.cell.config_hash}-{folder}-{self.training(seed)}"

    @property
    def config(self) -> dict:
        """The effective configuration."""
        return yaml.safe_load(described(self.cell))

    def flat_config(self, seed: int) -> dict[str, Any]:
        """The same with keys such as ``trainer.lr``, and the seed."""
        found = {}
        for key, value in {**self.config, "seed": seed}.items():
            for inner, each in value.items() if isinstance(value, dict) else [("", value)]:
                found[f"{key}.{inner}".strip(".")] = each
        return found


class Csv(Tracker):
    """One file per cell, ``<results_dir>/curves/<data>/<slug>.csv``; an epoch that is trained again is written over."""

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        add_curve(curve_file(self.results_dir, self.cell), epoch, numbers)


class RunTracker(Tracker):
    """One run per realization, open from its first epoch here until its result is told; a subclass opens it."""

    def __init__(self, results_dir: Path, cell: Cell) -> None:
        super().__init__(results_dir, cell)
        self.runs: dict[int, Any] = {}

    def open(self, seed: int, epoch: int | None) -> Any:
        """The run of a realization, a new one or the one it had; ``epoch`` comes first, None if only a result does."""
        raise TypeError(f"{type(self).__name__} does not define open")

    def run(self, seed: int, epoch: int | None = None) -> Any:
        """The run of a realization, opened if it is not yet."""
        if seed not in self.runs:
            self.runs[seed] = self.open(seed, epoch)
        return self.runs[seed]


class TensorBoard(RunTracker):
    """One run per realization, in ``<results_dir>/tensorboard/<data>/<slug>/<seed>``.

    A realization that is trained again, over a row of its own, has ``<seed>-after-<time of that row>``.
    """

    def open(self, seed: int, epoch: int | None) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        folder = self.results_dir / "tensorboard" / self.name / self.training(seed)
        return SummaryWriter(str(folder), purge_step=epoch)  # epochs that are trained again replace the former

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            writer = self.run(seed, epoch)
            for key, value in named.items():
                writer.add_scalar(key, value, epoch)
            for key, values in vectors[seed].items():
                writer.add_histogram(key, values.numpy(), epoch)

    def end(self, seed: int) -> None:
        self.runs[seed].flush()

    def result(self, row: Row) -> None:
        config = {k: v if isinstance(v, bool | int | float) else str(v) for k, v in self.flat_config(row.seed).items()}
        metrics = {f"hparam/{key}": float(getattr(row, key)) for key in RESULTS}
        self.run(row.seed).add_hparams(config, metrics, run_name=".")  # of another name it would be a run of its own
        self.runs.pop(row.seed).close()

    def close(self) -> None:
        for writer in self.runs.values():
            writer.close()


class Wandb(RunTracker):
    """Weights & Biases: one run per realization, grouped by cell; its summary has the result.

    ``WANDB_PROJECT``, ``WANDB_RUN_GROUP`` and ``WANDB_DIR`` win over our project, group and folder, and the variables
    that wandb reads itself are heeded, such as ``WANDB_MODE``. With ``WANDB_NAME`` a run is called
    ``<WANDB_NAME>/<seed>``, as a cell has several realizations.

    A batch that resumes goes on in the runs it had; a realization that is trained again has a new run.
    """

    def __init__(self, results_dir: Path, cell: Cell) -> None:
        import wandb

        super().__init__(results_dir, cell)
        self.wandb = wandb

    def open(self, seed: int, epoch: int | None) -> Any:
        folder = Path(os.environ.get("WANDB_DIR") or self.results_dir)
        folder.mkdir(parents=True, exist_ok=True)
        run = self.wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "spectral-repro",
            group=os.environ.get("WANDB_RUN_GROUP") or self.name,
            name=f"{os.environ.get('WANDB_NAME') or self.name}/{seed}",
            dir=str(folder),
            id=self.identity(seed),
            resume="allow",
            reinit="create_new",
            config={**self.config, "seed": seed},
            settings=self.wandb.Settings(silent=True),
        )
        run.define_metric("*", step_metric="epoch")  # its own steps may not go back, as a resumed batch does
        return run

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            histograms = {key: self.wandb.Histogram(values.numpy()) for key, values in vectors[seed].items()}
            self.run(seed, epoch).log({"epoch": epoch, **named, **histograms})

    def result(self, row: Row) -> None:
        self.run(row.seed).summary.update({key: getattr(row, key) for key in (*RESULTS, *MADE_BY)})
        self.runs.pop(row.seed).finish()

    def close(self) -> None:
        for run in self.runs.values():
            run.finish(exit_code=1)


class Mlflow(RunTracker):
    """MLflow: one run per realization, in ``MLFLOW_TRACKING_URI`` or ``<results_dir>/mlflow.db``; no histograms.

    The result is kept as metrics, what made it as tags. A batch that resumes goes on in the runs it had; a realization
    that is trained again has a new run.
    """

    def __init__(self, results_dir: Path, cell: Cell) -> None:
        from mlflow.tracking import MlflowClient

        super().__init__(results_dir, cell)
        own = f"sqlite:///{(results_dir / 'mlflow.db').absolute()}"
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "spectral-repro")
        with locked(results_dir):  # several processes would make one data base twice
            self.client = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", own))
            found = self.client.get_experiment_by_name(name)
            self.experiment = found.experiment_id if found else self.client.create_experiment(name)

    def open(self, seed: int, epoch: int | None) -> str:
        known = self.client.search_runs([self.experiment], f"tags.realization = '{self.identity(seed)}'")
        if known and known[0].info.status != "FINISHED":
            return known[0].info.run_id
        tags = {"cell": self.name, "realization": self.identity(seed)}
        run = self.client.create_run(self.experiment, run_name=f"{self.name}/{seed}", tags=tags).info.run_id
        for key, value in self.flat_config(seed).items():
            self.client.log_param(run, key, value)
        return run

    def log(self, epoch: int, numbers: Numbers, vectors: Vectors) -> None:
        for seed, named in numbers.items():
            for key, value in named.items():
                self.client.log_metric(self.run(seed, epoch), key, value, step=epoch)

    def result(self, row: Row) -> None:
        run = self.run(row.seed)
        for key in RESULTS:
            self.client.log_metric(run, key, float(getattr(row, key)), step=row.epochs)
        for key in (*CELL, *MADE_BY):
            self.client.set_tag(run, key, str(getattr(row, key)))
        self.client.set_terminated(self.runs.pop(row.seed))

    def close(self) -> None:
        for run in self.runs.values():
            self.client.set_terminated(run, "KILLED")


TRACKERS: dict[str, type[Tracker]] = {"csv": Csv, "tensorboard": TensorBoard, "wandb": Wandb, "mlflow": Mlflow}
