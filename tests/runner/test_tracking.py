"""Trackers: each is told every epoch of every realization once; packages that are not installed are played."""

import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config, require_packages
from spectral_repro.errors import ConfigError
from spectral_repro.results.epochs import Point, add_curve, curve_file, read_curves
from spectral_repro.results.rows import Row, add_rows, read_rows, row_file
from spectral_repro.runner import batch, job
from spectral_repro.runner.trackers import RESULTS, TRACKERS, Tracker
from spectral_repro.runner.tracking import Tracking
from spectral_repro.training.protocol import Detail, Progress
from tests.conftest import run_cli
from tests.test_cli import common

CELL = read_config(plain_compose()(["method=sqr"]))[0]


def epochs() -> list[Progress]:
    """Three epochs of seeds 0 and 1; the second stops after its second."""
    found = []
    for epoch, running, ran in ((1, {0, 1}, (0, 1)), (2, {0}, (0, 1)), (3, set(), (0,))):
        details = {s: Detail(1 / epoch + s, 0.5, {"layers.0.eig_in": torch.arange(4.0) + s}) for s in ran}
        accuracies = {0: 0.1 * epoch, 1: 0.1 * min(epoch, 2)}
        found.append(Progress(epoch, accuracies, frozenset(running), len(ran) - len(running), details))
    return found


def row(seed: int, finished_at: str) -> Row:
    made_by = {"device": "cpu", "code_version": "1", "torch_version": "2", "data_digest": "d", "precision": "float32"}
    sizes = {"hidden_layers": 1, "n1": 784, "n2": 100, "n_out": 10, "sparsity": 0, "direct_parameters": 1000}
    result = {"test_accuracy": 0.75 + seed / 8, "validation_accuracy": 0.3, "epochs": 3, "diverged": False}
    cost = {"trained_parameters": 250, "rho": 0.25, "seconds": 1.5, "realizations_in_batch": 2}
    cell = {"data": "mnist5k", "method": "sqr", "seed": seed, "config_hash": CELL.config_hash}
    return Row(
        **{**CELL.trainer, **cell, **sizes, **result, **cost, **made_by},
        **{"p": 0.1, "core": None, "hidden": "[100]", "finished_at": finished_at},
    )


def written(tracking: Tracking, folder: Path, finished_at: str) -> None:
    """The rows of both seeds, on disk and then told."""
    rows = [row(seed, finished_at) for seed in (0, 1)]
    add_rows(row_file(folder, CELL), rows)
    tracking.finish(rows)


def told(kind: str, folder: Path, finished_at: str = "2026-01-01T12:00:00+00:00") -> None:
    with Tracking(kind, folder, CELL) as tracking:
        watch = tracking.follow([0, 1])
        for progress in epochs():
            watch(progress)
        written(tracking, folder, finished_at)


def told_in_two_parts(kind: str, folder: Path, finished_at: str) -> None:
    """Interrupted after the second epoch, in which seed 1 stopped; resumed with the seed that is left."""
    first, second, third = epochs()
    with Tracking(kind, folder, CELL) as tracking:
        watch = tracking.follow([0, 1])
        watch(first), watch(second)
    if kind == "tensorboard":
        time.sleep(1.1)  # it reads files in the order of their seconds
    with Tracking(kind, folder, CELL) as tracking:
        tracking.follow([0, 1])(third)
        written(tracking, folder, finished_at)


EXPECTED = {
    (0, 1): Point(0.1, 1.0, 0.5),
    (0, 2): Point(0.2, 0.5, 0.5),
    (0, 3): Point(pytest.approx(0.3), pytest.approx(1 / 3), 0.5),
    (1, 1): Point(0.1, 2.0, 0.5),
    (1, 2): Point(0.2, 1.5, 0.5),
}


def test_csv_holds_every_epoch_and_a_second_training_replaces_the_first(tmp_path):
    for _ in range(2):
        told("csv", tmp_path)
        assert read_curves(curve_file(tmp_path, CELL)) == EXPECTED


def test_epochs_that_are_trained_again_are_written_over(tmp_path):
    path, points = tmp_path / "curve.csv", {a: Point(a, 1.5, 0.1) for a in (0.5, 0.6, 0.65, 0.7)}
    for epoch, accuracy in ((1, 0.5), (2, 0.6), (3, 0.7)):
        add_curve(path, epoch, {seed: points[accuracy]._asdict() for seed in (0, 1)})
    add_curve(path, 2, {0: points[0.65]._asdict()})
    left = {(0, 1): 0.5, (0, 2): 0.65, (1, 1): 0.5, (1, 2): 0.6, (1, 3): 0.7}
    assert read_curves(path) == {at: points[accuracy] for at, accuracy in left.items()}
    path.write_text("torn")
    assert read_curves(path) == {}


def events_of(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def configuration(events) -> dict:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in values.items()}


def runs(folder: Path) -> list[str]:
    """The runs that TensorBoard shows of a folder with one cell, in order."""
    (root,) = folder.glob("tensorboard/*/*")
    return sorted({str(path.parent.relative_to(root)) for path in root.rglob("events.*")})


def test_tensorboard_has_numbers_histograms_and_results(tmp_path):
    told("tensorboard", tmp_path)
    assert runs(tmp_path) == ["0", "1"]
    for seed, last in ((0, 3), (1, 2)):
        (folder,) = tmp_path.glob(f"tensorboard/*/*/{seed}")
        events = events_of(folder)
        assert [e.step for e in events.Scalars("training_loss")] == list(range(1, last + 1))
        assert events.Scalars("training_loss")[-1].value == pytest.approx(EXPECTED[seed, last].training_loss)
        assert events.Scalars("lr")[0].value == 0.5
        histogram = events.Histograms("layers.0.eig_in")[-1].histogram_value
        assert (histogram.min, histogram.max, histogram.num) == (seed, seed + 3, 4)
        result = {key: [e.value for e in events.Scalars(f"hparam/{key}")] for key in RESULTS}
        assert result == {key: [pytest.approx(float(getattr(row(seed, "-"), key)))] for key in RESULTS}
        shown = configuration(events)
        assert (shown["method"], shown["n2"], shown["seed"]) == ("sqr", 100, seed)
        assert shown["trainer.lr"] == CELL.trainer["lr"]


def test_tensorboard_has_a_new_run_of_what_is_trained_again_and_goes_on_in_it(tmp_path):
    told("tensorboard", tmp_path, "2026-01-01T12:00:00+00:00")
    told_in_two_parts("tensorboard", tmp_path, "2026-01-02T12:00:00+00:00")
    told("tensorboard", tmp_path, "2026-01-03T12:00:00+00:00")
    after = ["", "-after-20260101T120000", "-after-20260102T120000"]
    assert runs(tmp_path) == [f"{seed}{a}" for seed in (0, 1) for a in after]
    for folder in tmp_path.glob("tensorboard/*/*/*"):
        events = events_of(folder)
        assert [e.step for e in events.Scalars("lr")] == ([1, 2, 3] if folder.name[0] == "0" else [1, 2])
        assert len(events.Scalars("hparam/test_accuracy")) == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_realization_that_stopped_before_a_batch_was_resumed_gets_its_result(
    images, tmp_path, monkeypatch, overwrite
):
    """Real training: seed 0 stops in epoch 3, all is cut off after epoch 5, of which the state is not kept yet."""
    changes = {"checkpoint_minutes": 0, "trainer.max_epochs": 6, "trainer.patience": 2, "trainer.min_delta": 0.999}
    cell, options = read_config(
        plain_compose()([*common(images, results_dir=tmp_path, tracker="tensorboard", **changes)])
    )
    make_trainer = batch.make_trainer

    def patient(*arguments):
        made = make_trainer(*arguments)
        made.stopping[1].patience = 99
        return made

    monkeypatch.setattr(batch, "make_trainer", patient)

    def bar(cell, seeds, position):
        def watch(progress):
            seen.append((progress.epoch, sorted(progress.details)))

        return watch

    class Cut(Tracking):
        """Interrupted just after it was told the fifth epoch."""

        def follow(self, seeds):
            tell = super().follow(seeds)

            def watch(progress):
                tell(progress)
                if progress.epoch == 5:
                    raise KeyboardInterrupt

            return watch

    monkeypatch.setattr(job, "epoch_bar", bar)

    def run(options, tracking=Tracking):
        monkeypatch.setattr(job, "Tracking", tracking)
        job.run_cell(cell, options)

    seen, names = [], ["0", "1"]
    if overwrite:
        run(options)
        before = {row.seed: row.finished_at[:19] for row in read_rows(row_file(tmp_path, cell))}
        names = [f"{s}-after-{before[s].replace('-', '').replace(':', '')}" for s in (0, 1)]
        options = options.model_copy(update={"overwrite": True})
        seen.clear()
    with pytest.raises(KeyboardInterrupt):
        run(options, Cut)
    assert seen[2:] == [(3, [0, 1]), (4, [1]), (5, [1])]
    seen.clear()
    time.sleep(1.1)
    run(options)
    assert seen == [(5, [1]), (6, [1])]
    assert runs(tmp_path) == sorted({"0", "1", *names})
    rows = read_rows(row_file(tmp_path, cell))
    for name, row_, last in zip(names, rows, (3, 6), strict=True):
        (folder,) = tmp_path.glob(f"tensorboard/*/*/{name}")
        events = events_of(folder)
        assert [e.step for e in events.Scalars("validation_accuracy")] == list(range(1, last + 1))
        (accuracy,) = events.Scalars("hparam/test_accuracy")
        assert accuracy.value == pytest.approx(row_.test_accuracy)
        (epochs,) = events.Scalars("hparam/epochs")
        assert epochs.value == row_.epochs == last


def test_results_from_the_command_line_and_what_is_said_of_finished_cells(images, tmp_path):
    arguments = common(images, tracker="tensorboard", method="sqr")
    for more in ((), ("overwrite=true",)):
        done = run_cli(*arguments, *more, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    first, again, *others = runs(tmp_path / "results")
    assert (first, again[:8], len(others)) == ("0", "0-after-", 2)
    (path,) = tmp_path.glob("results/runs/*/*.csv")
    last = read_rows(path)[0]
    (folder,) = tmp_path.glob(f"results/tensorboard/*/*/{again}")
    events = events_of(folder)
    assert events.Scalars("hparam/test_accuracy")[0].value == pytest.approx(last.test_accuracy)
    assert events.Scalars("hparam/rho")[0].value == pytest.approx(last.rho)
    assert configuration(events)["config_hash"] == last.config_hash
    hint = "tracker=tensorboard: 2 realizations were finished already and have no new curves; overwrite=true trains"
    assert hint in run_cli(*arguments, cwd=tmp_path).stdout
    swept = run_cli("-m", *arguments, "n2=5,6", cwd=tmp_path)
    assert swept.stdout.splitlines()[1].startswith(hint)
    again = run_cli("-m", *arguments, "n2=5,6", cwd=tmp_path)
    assert again.stdout.splitlines()[:2] == [
        "2 cells: 2 done, 0 to train; nothing to do",
        "tracker=tensorboard: 4 realizations were finished already and have no new curves; "
        "overwrite=true trains them again",
    ]
    assert "tracker=" not in run_cli("-m", *arguments, "n2=5,6", "tracker=none", cwd=tmp_path).stdout


@pytest.fixture
def wandb_runs(monkeypatch) -> list:
    """Every run that is opened, in place of W&B's."""
    opened = []

    class Run:
        def __init__(self, **options):
            self.options, self.summary, self.logged, self.ended = options, {}, [], None
            opened.append(self)

        def define_metric(self, *_, **__):
            pass

        def log(self, values):
            assert self.ended is None
            self.logged.append((values["epoch"], values["training_loss"], values["layers.0.eig_in"]))

        def finish(self, exit_code=0):
            self.ended = exit_code

    for key in ("PROJECT", "RUN_GROUP", "NAME", "DIR"):
        monkeypatch.delenv(f"WANDB_{key}", raising=False)
    played = SimpleNamespace(init=Run, Histogram=lambda values: values.tolist(), Settings=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "wandb", played)
    return opened


def test_wandb_is_told_run_by_run(tmp_path, wandb_runs):
    told("wandb", tmp_path)
    name = f"mnist5k/{CELL.slug}"
    for seed, run in enumerate(wandb_runs):
        options = [run.options[key] for key in ("project", "group", "name", "dir")]
        assert options == ["spectral-repro", name, f"{name}/{seed}", str(tmp_path)]
        assert (run.options["config"]["n2"], run.options["config"]["seed"]) == (100, seed)
        points = {epoch: point for (s, epoch), point in EXPECTED.items() if s == seed}
        vector = [seed, seed + 1.0, seed + 2.0, seed + 3.0]
        assert run.logged == [(epoch, point.training_loss, vector) for epoch, point in points.items()]
        assert run.summary["test_accuracy"] == 0.75 + seed / 8
        assert (run.summary["rho"], run.summary["code_version"]) == (0.25, "1")
        assert run.ended == 0
    assert len(wandb_runs) == 2


def test_wandb_has_a_new_run_of_what_is_trained_again_and_goes_on_in_it(tmp_path, wandb_runs):
    told("wandb", tmp_path, "2026-01-01T12:00:00+00:00")
    told_in_two_parts("wandb", tmp_path, "2026-01-02T12:00:00+00:00")
    ids = [run.options["id"] for run in wandb_runs]
    assert ids[4:] == ids[2:4]
    assert len(set(ids)) == 4
    assert [run.ended for run in wandb_runs] == [0, 0, 1, 1, 0, 0]
    assert [run.summary.get("test_accuracy") for run in wandb_runs[2:]] == [None, None, 0.75, 0.875]
    assert {run.options["resume"] for run in wandb_runs} == {"allow"}


def test_variables_of_wandb_win_over_ours(tmp_path, wandb_runs, monkeypatch):
    for key, value in (("PROJECT", "p"), ("RUN_GROUP", "g"), ("NAME", "mine"), ("DIR", str(tmp_path / "kept"))):
        monkeypatch.setenv(f"WANDB_{key}", value)
    told("wandb", tmp_path)
    for seed, run in enumerate(wandb_runs):
        options = [run.options[key] for key in ("project", "group", "name", "dir")]
        assert options == ["p", "g", f"mine/{seed}", str(tmp_path / "kept")]
    assert (tmp_path / "kept").is_dir()


def test_mlflow_is_told_run_by_run(tmp_path, monkeypatch):
    metrics, results, ended, parameters, tagged, runs = {}, {}, [], {}, {}, {}

    class MlflowClient:
        def __init__(self, tracking_uri):
            assert tracking_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"

        def get_experiment_by_name(self, name):
            return None

        def create_experiment(self, name):
            return name

        def search_runs(self, experiments, query):
            assert experiments == ["spectral-repro"]
            return [runs[query]] if query in runs else []

        def create_run(self, experiment, run_name, tags):
            run = SimpleNamespace(run_id=(len(runs), int(run_name.rpartition("/")[2])), status="RUNNING")
            runs[f"tags.realization = '{tags['realization']}'"] = SimpleNamespace(info=run)
            return SimpleNamespace(info=run)

        def log_param(self, run, key, value):
            parameters[run[1], key] = value

        def log_metric(self, run, key, value, step):
            if key in Point._fields:
                metrics.setdefault((run[1], step), {})[key] = value
            if key in RESULTS:  # the last value stands
                results.setdefault(run, {})[key] = value

        def set_tag(self, run, key, value):
            tagged[run[1], key] = value

        def set_terminated(self, run, status="FINISHED"):
            ended.append((run[1], status))
            next(r for r in runs.values() if r.info.run_id == run).info.status = status

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mlflow.tracking", SimpleNamespace(MlflowClient=MlflowClient))
    told("mlflow", tmp_path)
    final = {(seed, 3): {"validation_accuracy": 0.3} for seed in (0, 1)}  # of the rows, at their epoch
    curves = {at: point._asdict() for at, point in EXPECTED.items()}
    assert metrics == {at: {**curves.get(at, {}), **final.get(at, {})} for at in {**curves, **final}}
    assert ended == [(0, "FINISHED"), (1, "FINISHED")]
    assert results == {(s, s): {key: getattr(row(s, "-"), key) for key in RESULTS} for s in (0, 1)}
    assert parameters[1, "n2"] == 100
    assert parameters[0, "trainer.lr"] == CELL.trainer["lr"]
    assert parameters[0, "seed"] == 0
    assert tagged[1, "config_hash"] == CELL.config_hash
    assert (tagged[1, "code_version"], tagged[1, "method"], tagged[1, "seed"]) == ("1", "sqr", "1")
    ended.clear(), metrics.clear(), results.clear()
    told_in_two_parts("mlflow", tmp_path, "2026-01-02T12:00:00+00:00")  # again, over the rows
    assert ended == [(0, "KILLED"), (1, "KILLED"), (0, "FINISHED"), (1, "FINISHED")]
    assert len(runs) == 4
    assert results.keys() == {(2, 0), (3, 1)}
    assert metrics == {at: {**curves.get(at, {}), **final.get(at, {})} for at in {**curves, **final}}


class Broken(Tracker):
    def log(self, epoch, numbers, vectors):
        raise OSError("disk full")


def test_a_tracker_that_fails_does_not_end_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(TRACKERS, "csv", Broken)
    with pytest.warns(UserWarning, match="tracker=csv: OSError: disk full; training goes on without it") as said:
        told("csv", tmp_path)
    assert len(said) == 1


class BrokenAtTheEnd(TRACKERS["csv"]):
    def result(self, row):
        raise ConnectionError("no network")


class BrokenAtTheBeginning(TRACKERS["csv"]):
    def begin(self, seeds):
        raise ConnectionError("no network")


@pytest.mark.parametrize("kind", [BrokenAtTheEnd, BrokenAtTheBeginning])
def test_nor_does_one_that_cannot_begin_or_keep_results(kind, images, tmp_path, monkeypatch):
    monkeypatch.setitem(TRACKERS, "csv", kind)
    cell, options = read_config(plain_compose()(common(images, results_dir=tmp_path, tracker="csv")))
    with pytest.warns(UserWarning, match="no network; training goes on without it") as said:
        rows = job.run_cell(cell, options).rows
    assert [row.seed for row in rows] == [0, 1]
    assert len(said) == 1


def test_one_failure_loses_no_other_result(tmp_path, monkeypatch):
    """Of a batch whose epochs were not taken, and of one whose first result was not."""
    results = []

    class Moody(Tracker):
        def log(self, epoch, numbers, vectors):
            if results == []:
                raise OSError("disk full")

        def result(self, row):
            if row.seed == 0:
                raise ConnectionError("no network")
            results.append(row.seed)

    monkeypatch.setitem(TRACKERS, "csv", Moody)
    with pytest.warns(UserWarning, match="training goes on") as said:
        told("csv", tmp_path)
    assert results == [1]
    assert [str(w.message).split(";")[0] for w in said] == [
        *("tracker=csv: OSError: disk full", "tracker=csv: ConnectionError: no network")
    ]


def test_an_interruption_that_a_tracker_swallows_is_one(tmp_path, monkeypatch):
    class Wrapping(Tracker):
        def log(self, epoch, numbers, vectors):
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                raise RuntimeError("wrapped") from error

    monkeypatch.setitem(TRACKERS, "csv", Wrapping)
    with pytest.raises(KeyboardInterrupt):
        told("csv", tmp_path)


@pytest.mark.parametrize("kind", ["csv", "tensorboard"])
def test_a_network_that_diverged_is_tracked_as_far_as_it_goes(kind, tmp_path):
    vector = torch.tensor([1.0, float("nan"), float("inf")])
    detail = Detail(float("nan"), 0.5, {"layers.0.eig_in": vector, "layers.1.eig_in": vector[1:]})
    with Tracking(kind, tmp_path, CELL) as tracking, warnings.catch_warnings():
        warnings.simplefilter("error")
        tracking.follow([0])(Progress(1, {0: 0.1}, frozenset(), 1, {0: detail}))


def test_curves_of_another_form_are_set_aside(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("seed,epoch,validation_accuracy\n0,1,0.5\n")
    with pytest.warns(UserWarning, match="set aside as"):
        add_curve(path, 1, {0: EXPECTED[0, 1]._asdict()})
    assert read_curves(path) == {(0, 1): EXPECTED[0, 1]}
    assert (tmp_path / "curve.csv.damaged-1").read_text().endswith("0,1,0.5\n")


@pytest.mark.parametrize("kind", sorted(set(TRACKERS) - {"csv"}))
def test_a_missing_package_is_said_before_anything_is_trained(kind, monkeypatch):
    monkeypatch.setattr("spectral_repro.config.read.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"tracker={kind}: needs a package: pip install {kind}"):
        require_packages(read_config(plain_compose()([f"tracker={kind}"]))[1])
