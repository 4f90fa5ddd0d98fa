"""Checkpoints: training that goes on within itself gives bit for bit what it gives undisturbed."""

import io
import os

import pytest
import torch

from spectral_repro.runner.checkpoint import Checkpoint, checkpoint_file, resumable_batches
from spectral_repro.training.network import build_stack
from spectral_repro.training.trainer import Trainer
from tests.config.test_config import cell as cell_of
from tests.training.test_trainer import CASES, SIZES, images, numbers, protocol


def trainer(case: str, seeds=(0, 1, 2), **changes) -> Trainer:
    p = protocol(**changes)
    network = build_stack(seeds, sizes=SIZES, activation=p.activation, dtype=torch.float32, **CASES[case])
    made = Trainer(network, images(SIZES[0], dtype=torch.float32), seeds, p)
    for i, rule in enumerate(made.stopping):
        rule.patience += 2 * i
    return made


@pytest.mark.parametrize("optimizer", ["adamax", "adam"])
@pytest.mark.parametrize("case", sorted(CASES))
def test_resumed_training_is_bit_for_bit_the_same(case, optimizer, tmp_path):
    """Realizations stop at different epochs, before and after the cut."""
    changes = {"max_epochs": 12, "patience": 2, "min_delta": 1.0, "optimizer": optimizer}
    whole = trainer(case, **changes)
    whole.run()
    checkpoints = [Checkpoint(tmp_path / f"{epoch}.pt", {"code": "a"}, 0) for epoch in range(1, 7)]
    trainer(case, **changes).run(save=lambda t: checkpoints[t.epoch - 1].save(t))
    assert [o.epochs for o in whole.outcomes] == [3, 5, 7]  # min_delta 1: nothing is better than the first epoch
    for after in (1, 3, 4, 6):
        resumed = trainer(case, **changes)
        resumed.restore(checkpoints[after - 1].load())
        assert resumed.epoch == after
        resumed.run()
        assert [numbers(o) for o in resumed.outcomes] == [numbers(o) for o in whole.outcomes]
        for (a, b), (c, d) in zip(resumed.network.effective_maps(), whole.network.effective_maps(), strict=True):
            assert torch.equal(a, c)
            assert b is d is None or torch.equal(b, d)
        for mine, theirs in zip(resumed.outcomes, whole.outcomes, strict=True):
            pairs = zip(mine.degrees, theirs.degrees, strict=True)
            assert all(torch.equal(x, y) for m, t in pairs for x, y in zip(m, t, strict=True))


def test_state_of_other_networks_is_refused():
    first = trainer("direct")
    first.train_epoch()
    with pytest.raises(ValueError, match="other realizations"):
        trainer("direct", seeds=(0, 1)).restore(first.state())
    with pytest.raises(ValueError, match="numbers"):
        trainer("spectral").restore(first.state())


def test_written_only_when_it_is_time(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c.pt", {}, interval=3600)
    checkpoint.save(trainer("spectral"))
    assert not checkpoint.path.exists()
    checkpoint.interval = 0
    checkpoint.save(trainer("spectral"))
    assert checkpoint.path.exists()
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "noise"])
def test_damaged_checkpoint_is_set_aside(tmp_path, damage):
    checkpoint = Checkpoint(tmp_path / "c.pt", {}, 0)
    checkpoint.save(trainer("spectral"))
    content = bytearray(checkpoint.path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    checkpoint.path.write_bytes(
        {"truncate": content[:-9], "flip": content, "empty": b"", "noise": b"\x80" * 500}[damage]
    )
    with pytest.warns(UserWarning, match=r"damaged checkpoint; set aside as c\.pt\.damaged-1"):
        assert checkpoint.load() is None
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt.damaged-1"]


def test_checkpoint_of_other_code_is_not_used(tmp_path):
    Checkpoint(tmp_path / "c.pt", {"code_version": "1"}, 0).save(trainer("spectral"))
    with pytest.warns(UserWarning, match="made with code_version 1, now 2"):
        assert Checkpoint(tmp_path / "c.pt", {"code_version": "2"}, 0).load() is None


def test_nothing_but_data_is_unpickled(tmp_path):
    """A state that would run code when unpickled is refused, even with a right checksum."""
    import hashlib

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    buffer = io.BytesIO()
    torch.save({"identity": {}, "state": Evil()}, buffer)
    content = buffer.getvalue()
    path = tmp_path / "c.pt"
    path.write_bytes(b"spectral_repro checkpoint 1\n" + hashlib.sha256(content).digest() + content)
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        assert Checkpoint(path, {}, 0).load() is None
    assert not (tmp_path / "ran").exists()


def test_batches_go_on_as_they_were(tmp_path):
    cell = cell_of()
    for seeds in ([0, 1, 2], [5, 7, 8], [9], [2, 3]):
        path = checkpoint_file(tmp_path, cell, seeds)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "checkpoints" / cell.data["name"] / f"{cell.slug}.odd.pt").touch()
    (tmp_path / "checkpoints" / cell.data["name"] / f"{cell.slug}.3-2.pt").touch()  # of no network
    assert resumable_batches(tmp_path, cell, range(10)) == [[0, 1, 2], [5, 7, 8], [9]]
    assert resumable_batches(tmp_path, cell, [1, 2, 3, 5, 9]) == [[2, 3], [9]]
    assert resumable_batches(tmp_path / "nowhere", cell, range(10)) == []


def test_a_full_disk_does_not_end_training(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    checkpoint = Checkpoint(tmp_path / "c.pt", {}, 0)
    monkeypatch.setattr("os.fsync", full)
    with pytest.warns(UserWarning, match="No space left on device.*training goes on without it"):
        checkpoint.save(trainer("spectral"))
    assert list(tmp_path.iterdir()) == []


def test_interrupted_just_after_the_file_was_renamed(tmp_path, monkeypatch):
    """Its temporary name is gone then: that it cannot be removed must not hide the interruption."""
    replace = os.replace

    def interrupted(*names):
        replace(*names)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Checkpoint(tmp_path / "c.pt", {}, 0).save(trainer("spectral"))
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_a_state_that_does_not_fit_is_given_up(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c.pt", {}, 0)
    checkpoint.save(trainer("spectral"))
    with pytest.warns(UserWarning, match=r"no; set aside as c\.pt\.damaged-1, training starts anew"):
        checkpoint.give_up(ValueError("no"))
    assert checkpoint.load() is None
