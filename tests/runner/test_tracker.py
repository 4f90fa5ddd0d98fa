"""Trackers: each is told every epoch of every realization once; packages that are not installed are played."""

import sys
import warnings
from types import SimpleNamespace

import pytest
import torch

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.errors import ConfigError
from spectral_repro.results.curves import Point, add_curve, curve_file, read_curves
from spectral_repro.runner.tracker import TRACKERS, Tracker, track
from spectral_repro.training.protocol import Detail, Progress

CELL = read_config(plain_compose()(["method=sqr"]))[0]


def epochs() -> list[Progress]:
    """Three epochs of seeds 0 and 1; the second stops after its second."""
    found = []
    for epoch, running, ran in ((1, {0, 1}, (0, 1)), (2, {0}, (0, 1)), (3, set(), (0,))):
        details = {s: Detail(1 / epoch + s, 0.5, {"layers.0.eig_in": torch.arange(4.0) + s}) for s in ran}
        accuracies = {0: 0.1 * epoch, 1: 0.1 * min(epoch, 2)}
        found.append(Progress(epoch, accuracies, frozenset(running), len(ran) - len(running), details))
    return found


def told(kind: str, folder) -> None:
    with track(kind, folder, CELL) as watcher:
        watch = watcher([0, 1])
        for progress in epochs():
            watch(progress)


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


def test_tensorboard_has_numbers_and_histograms(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told("tensorboard", tmp_path)
    for seed, last in ((0, 3), (1, 2)):
        (folder,) = tmp_path.glob(f"tensorboard/*/*/{seed}")
        events = EventAccumulator(str(folder))
        events.Reload()
        assert [e.step for e in events.Scalars("training_loss")] == list(range(1, last + 1))
        assert events.Scalars("training_loss")[-1].value == pytest.approx(EXPECTED[seed, last].training_loss)
        assert events.Scalars("lr")[0].value == 0.5
        histogram = events.Histograms("layers.0.eig_in")[-1].histogram_value
        assert (histogram.min, histogram.max, histogram.num) == (seed, seed + 3, 4)


def test_wandb_is_told_run_by_run(tmp_path, monkeypatch):
    calls = []

    class Run:
        def __init__(self, **options):
            calls.append(("init", options["name"].rpartition("/")[2], options["group"], options["config"]["n2"]))
            self.seed = int(options["id"].rpartition("-")[2])

        def define_metric(self, *_, **__):
            pass

        def log(self, values):
            calls.append((self.seed, values["epoch"], values["training_loss"], values["layers.0.eig_in"]))

        def finish(self):
            calls.append((self.seed, "finish"))

    played = SimpleNamespace(init=Run, Histogram=lambda values: values.tolist(), Settings=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "wandb", played)
    told("wandb", tmp_path)
    group = f"mnist5k/{CELL.slug}"
    eigenvalues = {s: [s, s + 1.0, s + 2.0, s + 3.0] for s in (0, 1)}
    assert calls[:2] == [("init", "0", group, 100), ("init", "1", group, 100)]
    assert calls[2:4] == [(s, 1, EXPECTED[s, 1].training_loss, eigenvalues[s]) for s in (0, 1)]
    assert calls[6:] == [(1, "finish"), (0, 3, pytest.approx(1 / 3), eigenvalues[0]), (0, "finish")]


def test_mlflow_is_told_run_by_run(tmp_path, monkeypatch):
    metrics, ended, parameters, runs = {}, [], {}, {}

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
            run = SimpleNamespace(run_id=(experiment, int(run_name.rpartition("/")[2])), status="RUNNING")
            runs[f"tags.realization = '{tags['realization']}'"] = SimpleNamespace(info=run)
            return SimpleNamespace(info=run)

        def log_param(self, run, key, value):
            parameters[run[1], key] = value

        def log_metric(self, run, key, value, step):
            metrics.setdefault((run[1], step), {})[key] = value

        def set_terminated(self, run, status="FINISHED"):
            ended.append((run[1], status))
            next(r for r in runs.values() if r.info.run_id == run).info.status = status

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "mlflow.tracking", SimpleNamespace(MlflowClient=MlflowClient))
    told("mlflow", tmp_path)
    assert metrics == {at: point._asdict() for at, point in EXPECTED.items()}
    assert ended == [(1, "FINISHED"), (0, "FINISHED")]
    assert parameters[1, "n2"] == 100
    assert parameters[0, "trainer.lr"] == CELL.trainer["lr"]
    assert parameters[0, "seed"] == 0
    ended.clear(), metrics.clear(), runs.clear()
    first, second, third = epochs()
    for part in ([first, second], [third]):  # interrupted after the second epoch, resumed with the seed that is left
        with track("mlflow", tmp_path, CELL) as watcher:
            watch = watcher([0, 1])
            for progress in part:
                watch(progress)
    assert ended == [(1, "FINISHED"), (0, "KILLED"), (0, "FINISHED")]
    assert len(runs) == 2
    assert metrics == {at: point._asdict() for at, point in EXPECTED.items()}


class Broken(Tracker):
    def log(self, epoch, numbers, vectors):
        raise OSError("disk full")


def test_a_tracker_that_fails_does_not_end_the_training(tmp_path, monkeypatch):
    monkeypatch.setitem(TRACKERS, "csv", Broken)
    with pytest.warns(UserWarning, match="tracker=csv: OSError: disk full; training goes on without it") as said:
        told("csv", tmp_path)
    assert len(said) == 1


@pytest.mark.parametrize("kind", ["csv", "tensorboard"])
def test_a_network_that_diverged_is_tracked_as_far_as_it_goes(kind, tmp_path):
    vector = torch.tensor([1.0, float("nan"), float("inf")])
    detail = Detail(float("nan"), 0.5, {"layers.0.eig_in": vector, "layers.1.eig_in": vector[1:]})
    with track(kind, tmp_path, CELL) as watcher, warnings.catch_warnings():
        warnings.simplefilter("error")
        watcher([0])(Progress(1, {0: 0.1}, frozenset(), 1, {0: detail}))


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
    with pytest.raises(ConfigError, match=rf"tracker={kind}: needs a package: pip install 'spectral-repro\[{kind}\]'"):
        read_config(plain_compose()([f"tracker={kind}"]))
