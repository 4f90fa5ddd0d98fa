"""What is told of the time: from like cells, and as cells end."""

import types

import pytest

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.results import provenance
from spectral_repro.runner import estimate, progress
from tests.results.test_rows import ROW

CPU = provenance.device_name(estimate.choose_device("cpu"))


def planned(*overrides: str, missing: int = 0, seconds: float = 0.0, epochs: int = 10):
    cell, options = read_config(plain_compose()(["data=mnist", "device=cpu", *overrides]))
    row = ROW.model_copy(update={"seconds": seconds, "epochs": epochs, "device": CPU})
    return types.SimpleNamespace(cell=cell, options=options, missing=missing, rows=[row] * 3 if seconds else [])


def test_a_cell_takes_as_long_as_one_of_its_own_method_and_size():
    done = [
        planned("method=direct", "n2=500", seconds=50.0, epochs=20),
        planned("method=sqr", "n2=500", seconds=300.0, epochs=30),
        planned("method=sqr", "n2=20", seconds=3.0, epochs=30),
    ]
    same = planned("method=sqr", "n2=500", "seed=50", missing=4)
    bigger = planned("method=sqr", "n2=1000", missing=1)
    times = estimate.seconds([*done, same, bigger])
    assert times[:3] == [0.0, 0.0, 0.0]
    assert times[3] == pytest.approx(4 * 30 * 10.0)
    assert times[4] == pytest.approx(30 * 10.0 * estimate.work(bigger.cell) / estimate.work(same.cell))
    short = planned("method=sqr", "n2=500", "trainer.max_epochs=5", missing=1)
    assert estimate.seconds([*done, short])[-1] == pytest.approx(5 * 10.0)


@pytest.mark.parametrize(("masking", "epochs"), [("cutoff", 10), ("gradual", 90 / 4 + 5), ("rigl", 90 * 3 / 4 + 5)])
def test_patience_counts_from_when_the_links_are_settled(masking, epochs):
    sparse = ("method=direct", "n2=500", "sparsity=0.9")
    done = planned(*sparse, seconds=20.0, epochs=10)
    wanted = planned(*sparse, f"masking={masking}", "seed=50", missing=2)
    assert estimate.seconds([done, wanted])[1] == pytest.approx(2 * epochs * 2.0)
    like = planned(*sparse, f"masking={masking}", "masking.allocation=dense_output", seconds=3 * epochs, epochs=epochs)
    speed = 2.0 if masking == "cutoff" else 3.0  # per epoch, of the first that is as like as any
    lasts = max(epochs, (10 + epochs) / 2)
    assert estimate.seconds([done, like, wanted])[2] == pytest.approx(2 * lasts * speed)


def test_what_cannot_stop_early_goes_on_to_its_end():
    done = planned("method=direct", "n2=500", seconds=50.0, epochs=25)
    wanted = planned("method=direct", "n2=500", "trainer.patience=90", missing=4)
    assert estimate.seconds([done, wanted]) == pytest.approx([0.0, 4 * 90 * 2.0])


def test_without_any_finished_cell_the_speed_of_a_product_is_measured():
    (time,) = estimate.seconds([planned("method=direct", missing=2)])
    assert time > 0
    assert estimate.seconds([planned("data=folder", "data.root=/x", missing=1)]) == [None]


def test_rows_of_a_cpu_say_nothing_of_a_gpu(monkeypatch):
    done, wanted = planned("method=direct", seconds=1e6), planned("method=direct", "seed=50", missing=1)
    monkeypatch.setattr(provenance, "device_name", lambda device: "cuda (NVIDIA H100)")
    assert estimate.seconds([done, wanted])[1] < 1e5


def test_cells_that_run_at_the_same_time():
    assert estimate.together([10.0, 20.0, 30.0], 1) == 60
    assert estimate.together([10.0, 20.0, 30.0], 2) == 30
    assert estimate.together([10.0, 10.0, 10.0, 10.0], 2) == 20
    assert estimate.together([10.0, None], 2) is None
    assert estimate.together([], 2) is None


def test_the_line_corrects_the_estimate_by_what_has_ended(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    sweep = progress.SweepProgress([1.0, 1.0, 2.0], estimate=600)
    assert sweep.line() == "0 of 3 cells done, about 10 min left"
    with sweep:
        now[0] += 60
        sweep.ended(0)
        assert sweep.line() == "1 of 3 cells done, about 4 min left"
        now[0] += 60
        assert sweep.line() == "1 of 3 cells done, about 3 min left"
        sweep.ended(1)
        sweep.ended(2)
    assert sweep.line() == "3 of 3 cells done"


def test_one_small_cell_says_little_about_the_large_ones(monkeypatch):
    """The first took thirty times as long as expected, most of it its start; the second as long as expected."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.SweepProgress([10.0, 890.0, 900.0], estimate=1800) as sweep:
        now[0] += 300
        sweep.ended(0)
        assert sweep.line() == "1 of 3 cells done, about 75 min left"
        now[0] += 890
        sweep.ended(1)
        assert sweep.line() == "2 of 3 cells done, about 19 min left"
    now[0] = 0.0
    with progress.SweepProgress([10.0, 90.0], None) as sweep:
        now[0] += 60
        assert sweep.line() == "0 of 2 cells done"
        sweep.ended(0)
        assert sweep.line() == "1 of 2 cells done, about 9 min left"


def test_without_a_terminal_there_are_lines(monkeypatch, capsys):
    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    monkeypatch.setattr(progress, "_shown", lambda: False)
    with progress.SweepProgress([1.0, 1.0], None) as sweep:
        sweep.ended(0)
        sweep._over.wait(0.2)
    assert "1 of 2 cells done" in capsys.readouterr().out
    cell = planned("method=sqr", "n2=30").cell
    watch = progress.epoch_bar(cell, [0, 1], 0)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    watch(progress.Progress(3, {0: 0.5, 1: 0.7}, frozenset({0}), 1))
    assert capsys.readouterr().out == "S-QR mnist N2=30: epoch 3, val 0.6000, running 1 of 2, at most 90 epochs\n"
