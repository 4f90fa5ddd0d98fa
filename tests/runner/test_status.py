"""What of a folder is finished, running and failed."""

import json
import os

import pytest

from spectral_repro.figures import command
from spectral_repro.figures.own import OwnFigure, curves_of
from spectral_repro.figures.select import load_frame
from spectral_repro.results.epochs import read_curves
from spectral_repro.results.frame import by_epoch
from spectral_repro.runner import status
from spectral_repro.runner.claim import claimed
from tests.conftest import run_cli
from tests.test_cli import common, read


def test_finished_running_and_failed_are_told_apart(images, tmp_path, capsys):
    assert run_cli(*common(images, method="sqr", tracker="csv"), cwd=tmp_path).returncode == 0
    folder = tmp_path / "results"
    claim = folder / "claims/shapes/direct-n2_5.json"
    for cell, what in (("ssvd-n2_5", "failed: no memory"), ("direct-n2_5", "interrupted"), ("sqr-n2_9", "interrupted")):
        with open(folder / "cells.log", "a") as log:
            log.write(f"2026-01-02T00:00:00+00:00  here:1 cpu (x, 2 threads) MKL  shapes/{cell}  1.5 s  {what}\n")
    with open(folder / "cells.log", "a") as log:
        log.write("2026-01-02T00:00:00+00:00  here:1 cpu (x)  shapes/sqr-n2_9  1.5 s  3 networks trained -> x\n")
    left = folder / "checkpoints/shapes/spectral-n2_5-h1-s0.9-abc.0-2.pt"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"")
    os.utime(left, (1767312000, 1767312000))
    with claimed(claim):
        holder = {"host": "here", "process": 7, "since": "2026-01-01T00:00:00+00:00"}
        claim.write_text(json.dumps(holder))
        status.main(["--results-dir", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "finished: 1 cell, 2 networks"
    assert lines[1].startswith("  shapes, sqr: 1 cell, 2 networks, last 20")
    assert lines[2:4] == [
        "running: 1 cell",
        "  shapes/direct-n2_5: here:7, since 2026-01-01T00:00:00+00:00",
    ]
    assert lines[4:] == [
        "failed or interrupted: 2 cells",
        "  shapes/spectral-n2_5-h1-s0.9-abc: cut off; has a checkpoint (2026-01-02T00:00:00+00:00)",
        "  shapes/ssvd-n2_5: failed: no memory (2026-01-02T00:00:00+00:00)",
    ]
    (path,) = folder.glob("curves/shapes/*.csv")
    curves, (rows,) = read_curves(path), read(tmp_path).values()
    for row in rows:
        epochs = sorted(epoch for seed, epoch in curves if seed == int(row["seed"]))
        assert epochs == list(range(1, int(row["epochs"]) + 1))
        last = curves[int(row["seed"]), epochs[-1]]
        assert last.validation_accuracy == pytest.approx(float(row["validation_accuracy"]))
        assert last.lr == float(row["lr"])
        assert 0 < last.training_loss < 2
    command.main(["--results-dir", str(folder), "--x", "epoch", "--y", "training_loss"])
    assert (folder / "figures/training_loss-by-epoch.png").stat().st_size > 5000
    frame = by_epoch(load_frame(folder), folder)
    (curve,) = curves_of(frame, OwnFigure("epoch", "validation_accuracy")).values()
    at = [[p.validation_accuracy for (_, epoch), p in curves.items() if epoch == e] for e in curve["x"]]
    assert curve["value"].tolist() == pytest.approx([sum(v) / len(v) for v in at])
    assert curve["n"].tolist() == [len(v) for v in at]


def test_a_folder_that_is_not_there_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        status.main(["--results-dir", str(tmp_path / "nowhere")])
    assert stopped.value.code == 2
    assert "is not a folder" in capsys.readouterr().err
