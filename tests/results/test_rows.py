"""Row files: whole or not at all, merged by seed, refused when damaged."""

import contextlib
import csv
import dataclasses
import errno
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_repro import files
from spectral_repro.errors import UserError
from spectral_repro.results import rows as results
from spectral_repro.results.collect import collect
from spectral_repro.results.degrees import add_degrees, read_degrees
from spectral_repro.training.protocol import Outcome

ROW = results.Row(
    data="mnist",
    method="sqr",
    hidden_layers=1,
    n1=784,
    n2=100,
    n_out=10,
    sparsity=0.0,
    p=1.0,
    core="triangular",
    seed=0,
    test_accuracy=0.9,
    validation_accuracy=0.91,
    epochs=5,
    trained_parameters=6209,
    direct_parameters=79510,
    rho=6209 / 79510,
    seconds=1.5,
    realizations_in_batch=2,
    device="cpu (some, 2 threads)",
    precision="highest",
    config_hash="c0123456789ab",
    code_version="0.1.0",
    torch_version="2.15.0",
    finished_at="2026-11-24T00:00:00+00:00",
    data_digest="d" + "ab" * 8,
    max_epochs=90,
    batch_size=200,
    optimizer="adamax",
    lr=0.005,
    activation="relu",
    validation_fraction=0.2,
    patience=8,
    min_delta=0.005,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-7,
    diverged=False,
    momentum=0.0,
    weight_decay=0.0,
    schedule="constant",
    hidden="[100]",
)


def rows(*seeds, **changes):
    return [ROW.model_copy(update={"seed": seed, **changes}) for seed in seeds]


def test_columns_are_those_of_the_specification():
    expected = (
        "data, method, hidden_layers, n1, n2, n_out, sparsity, p, core, seed, test_accuracy, validation_accuracy, "
        "epochs, trained_parameters, direct_parameters, rho, seconds, realizations_in_batch, device, precision, "
        "config_hash, code_version, torch_version, finished_at"
    )
    assert results.COLUMNS[:24] == tuple(expected.split(", "))


@given(st.floats(0, 1), st.floats(1e-9, 1e9), st.one_of(st.none(), st.floats(0, 1)))
@settings(max_examples=50, deadline=None)
def test_rows_survive_the_file_bit_for_bit(tmp_path_factory, accuracy, seconds, p):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    written = rows(3, 1, test_accuracy=accuracy, seconds=seconds, p=p, core=None)
    results.add_rows(path, written)
    assert results.read_rows(path) == sorted(written, key=lambda r: r.seed)


def test_rows_merge_by_seed(tmp_path):
    path = tmp_path / "runs/mnist/a.csv"
    results.add_rows(path, rows(0, 1, test_accuracy=0.5))
    merged = results.add_rows(path, rows(1, 2, test_accuracy=0.6))
    assert [(r.seed, r.test_accuracy) for r in merged] == [(0, 0.5), (1, 0.6), (2, 0.6)]
    assert results.read_rows(path) == merged


DAMAGE = {
    "torn row": lambda text: text[: len(text) - 40],
    "half header": lambda text: text[10:],
    "empty": lambda text: "",
    "noise": lambda text: "\x00\x01\x02" * 50,
    "missing value": lambda text: text.replace(",0.91,", ",", 1),
    "word for a number": lambda text: text.replace("0.91", "high", 1),
    "accuracy above one": lambda text: text.replace("0.91", "9.1", 1),
    "not finite": lambda text: text.replace("1.5", "nan", 1),
    "zeros": lambda text: "\x00" * 200_000,
    "seed twice": lambda text: text + text.splitlines()[1] + "\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused_and_named(tmp_path, damage):
    path = tmp_path / "runs/mnist/a.csv"
    results.add_rows(path, rows(0, 1))
    path.write_text(DAMAGE[damage](path.read_text()))
    with pytest.raises(UserError, match=r"a\.csv") as caught:
        results.read_rows(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError):
        collect(tmp_path)
    assert not (tmp_path / "results.csv").exists()
    content = path.read_bytes()
    with pytest.warns(UserWarning, match=r"a\.csv.* set aside as a\.csv\.damaged-1") as told:
        found = results.own_rows(path, ROW.config_hash)
    (warning,) = (str(w.message) for w in told)
    assert found == []
    assert "set aside as a.csv.damaged-1" in warning
    assert path.with_name("a.csv.damaged-1").read_bytes() == content
    assert not path.exists()


def test_what_another_process_has_mended_is_not_set_aside(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("damaged")
    lock = results.locked

    @contextlib.contextmanager
    def locked(folder):
        path.unlink()
        monkeypatch.setattr(results, "locked", lock)
        results.add_rows(path, rows(0))
        yield

    monkeypatch.setattr(results, "locked", locked)
    assert results.own_rows(path, ROW.config_hash) == rows(0)
    assert [p.name for p in tmp_path.glob("*.csv*")] == ["a.csv"]


def test_damaged_degrees_are_set_aside(tmp_path):
    path, outcome = tmp_path / "d.csv", Outcome(3, degrees=[(torch.tensor([1, 0]), torch.tensor([1, 0]))])
    add_degrees(path, [outcome])
    path.write_text(path.read_text() + "broken,line\n")
    assert read_degrees(path) == []
    with pytest.warns(UserWarning, match=r"d\.csv: is damaged; set aside as d\.csv\.damaged-1"):
        add_degrees(path, [dataclasses.replace(outcome, seed=4)])
    assert {line[0] for line in read_degrees(path)} == {4}


def test_rows_of_another_cell_are_set_aside(tmp_path):
    path = tmp_path / "a.csv"
    results.add_rows(path, rows(0))
    with pytest.warns(UserWarning, match="another cell"):
        assert results.own_rows(path, "f" * 12) == []


def test_collect_joins_and_sorts(tmp_path):
    results.add_rows(tmp_path / "runs/mnist/b.csv", rows(1, 0, config_hash="b" * 12))
    results.add_rows(tmp_path / "runs/mnist/a.csv", rows(0, config_hash="a" * 12, method="direct", p=None, core=None))
    (tmp_path / "runs/mnist/a.csv.damaged-1").write_text("ignored")
    path, joined = collect(tmp_path)
    assert [(r.method, r.seed) for r in joined] == [("direct", 0), ("sqr", 0), ("sqr", 1)]
    with path.open() as file:
        table = list(csv.DictReader(file))
    assert [line["method"] for line in table] == ["direct", "sqr", "sqr"]
    assert table[0]["p"] == ""


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    results.add_rows(path, rows(0))
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        results.add_rows(path, rows(1))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == ["a.csv"]


def test_processes_that_write_the_same_file_lose_nothing(tmp_path):
    """Sixteen writers at once, each with rows of its own (the lock is between open files, so threads will do)."""
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "cell.csv"
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: results.add_rows(path, rows(3 * i, 3 * i + 1, 3 * i + 2)), range(16)))
    assert [row.seed for row in results.read_rows(path)] == list(range(48))
