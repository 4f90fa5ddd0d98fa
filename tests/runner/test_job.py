"""Cells that do not go as planned: too little memory, and those that are only looked at."""

import dataclasses

import pytest
import torch

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.layers import DirectLinear
from spectral_repro.runner import batch, devices, job
from spectral_repro.runner.entry import for_hydra
from spectral_repro.runner.table import print_table
from spectral_repro.training.feed import PRODUCT_BYTES
from tests.conftest import run_cli
from tests.test_cli import common, read


def trained(images, folder, monkeypatch, most: int) -> list[int]:
    """Sizes of the batches that are tried if no more than ``most`` networks fit."""
    cell, options = read_config(plain_compose()([*common(images, realizations=7, results_dir=folder)]))
    tried, train = [], job.train_batch

    def train_batch(task, options, seeds, *others):
        tried.append(len(seeds))
        if len(seeds) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train(task, options, seeds, *others)

    monkeypatch.setattr(job, "train_batch", train_batch)
    report = job.run_cell(cell, options)
    assert [row.seed for row in report.rows] == list(range(7))
    return tried


def test_a_batch_that_does_not_fit_is_halved(images, tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="7 networks need more memory than there is; 3 now"):
        assert trained(images, tmp_path, monkeypatch, most=3) == [7, 3, 3, 1]


def test_one_network_that_does_not_fit_fails(images, tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="more memory"), pytest.raises(torch.OutOfMemoryError):
        trained(images, tmp_path, monkeypatch, most=0)


class Odd(DirectLinear):
    """A method of one's own whose options have names of ours."""

    def __init__(self, *sizes, p, rank, core, **options):
        super().__init__(*sizes, **options)


def test_options_of_ones_own_may_have_the_names_of_columns(images, tmp_path):
    cell, options = read_config(plain_compose()([*common(images), "trainer.max_epochs=1", f"results_dir={tmp_path}"]))
    odd = {"p": "auto", "rank": "half", "core": 3}
    cell = dataclasses.replace(cell, layer=f"{__name__}.Odd", method_options=odd)
    report = job.run_cell(cell, options)
    print_table([(cell, report.rows)])
    assert {(row.p, row.rank, row.core) for row in report.rows} == {(None, None, None)}


def test_a_gpu_is_filled_as_far_as_it_is_free(monkeypatch):
    gpu = torch.device("cuda:0")
    for free in (1e9, 80e9):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 80e9))
        fit = devices.realizations_that_fit(100_000, gpu)
        assert fit == max(1, int(0.6 * free / (20 * 100_000 + PRODUCT_BYTES)))


@pytest.mark.parametrize(
    ("arguments", "sweeps"),
    [
        (["n2=4", "plan=True"], True),
        (["--config-dir", "mine", "method=tied", "plan=true"], True),
        (["--config-dir=mine", "experiment=fig06"], True),
        (["--cfg", "job", "experiment=fig06"], False),
        (["n2=4"], False),
    ],
)
def test_what_is_planned_is_a_sweep(arguments, sweeps):
    assert (for_hydra(arguments)[0] == "-m") == sweeps


def test_weights_are_not_gone_on_with_where_they_were_not_kept(images, tmp_path):
    """Of networks that have stopped a checkpoint has no weights."""
    cell, options = read_config(plain_compose()(common(images, results_dir=tmp_path)))
    task = job.prepare(cell, options, torch.device("cpu"))
    seeds = list(options.seeds)
    trainer = batch.make_trainer(task, seeds)
    immediately = options.model_copy(update={"checkpoint_minutes": 0})
    batch.make_checkpoint(task, immediately, seeds).save(trainer)
    assert batch.make_checkpoint(task, options, seeds).load()
    kept = options.model_copy(update={"weights": True})
    with pytest.warns(UserWarning, match="made with weights False, now True"):
        assert batch.make_checkpoint(task, kept, seeds).load() is None


def test_a_plan_trains_nothing(images, tmp_path):
    assert run_cli(*common(images, method="sqr", realizations=1), cwd=tmp_path).returncode == 0
    before = read(tmp_path)
    arguments = [*common(images, method="direct,sqr", realizations=3), "plan=true"]
    done = run_cli("-m", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, header, *lines = done.stdout.splitlines()
    assert first.startswith("2 cells: 0 done, 2 to train (5 networks")
    assert header.split()[:5] == ["method", "data", "N2", "done", "missing"]
    assert [line.split()[3:5] for line in lines] == [["0", "3"], ["1", "2"]]
    assert read(tmp_path) == before
    single = run_cli(*common(images, method="sqr", realizations=1), "plan=true", cwd=tmp_path)
    assert single.stdout.startswith("1 cell: 1 done, 0 to train; nothing to do"), single.stderr
