"""The real command line end to end, in processes of its own, on synthetic images."""

import csv
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from spectral_repro import load_network, prune
from spectral_repro.data import to_images
from spectral_repro.data.sources import SOURCES
from tests.conftest import ROOT, fork_cli, run_cli, start_cli, write_images

TIMES = ("seconds", "finished_at", "realizations_in_batch")


def common(images, **changes) -> list[str]:
    values = {
        "data": "folder",
        "data.root": images,
        "n2": 5,
        "realizations": 2,
        "trainer.batch_size": 12,
        "trainer.max_epochs": 3,
        "device": "cpu",
        **changes,
    }
    return [f"{k}={v}" for k, v in values.items()]


def read(folder: Path) -> dict[str, list[dict]]:
    """All rows by file name, without what depends on the time."""
    found = {}
    for path in sorted(folder.glob("results/runs/*/*.csv")):
        rows = csv.DictReader(path.read_text().splitlines())
        found[path.name] = [{k: v for k, v in row.items() if k not in TIMES} for row in rows]
    return found


def stamps(folder: Path) -> dict[str, list[str]]:
    return {
        path.name: [line["finished_at"] + line["seed"] for line in csv.DictReader(path.read_text().splitlines())]
        for path in sorted(folder.glob("results/runs/*/*.csv"))
    }


def test_one_cell_from_any_folder(images, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    done = run_cli(*common(images, method="sqr"), cwd=away)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    header, line, where = done.stdout.splitlines()[-3:]
    assert header.split() == ["method", "data", "N2", "accuracy", "n", "rho", "epochs", "s/net"]
    assert line.split()[:3] == ["S-QR", "shapes", "5"]
    assert "±" in line
    path = away / where.removeprefix("rows: ")
    assert path.parent == away / "results/runs/shapes"
    (rows,) = read(away).values()
    assert [r["seed"] for r in rows] == ["0", "1"]
    assert rows[0]["n1"] == "108"
    assert rows[0]["core"] == "triangular"
    assert path.stem.endswith(rows[0]["config_hash"])
    trained = 108 + 5 + 5 + 3 + 15 + 6 + 5 + 3
    assert rows[0]["trained_parameters"] == str(trained)
    assert float(rows[0]["rho"]) == pytest.approx(trained / (109 * 5 + 6 * 3))
    assert sorted(p.name for p in away.iterdir()) == ["data", "results"]  # nothing of Hydra's own


def test_more_realizations_train_only_the_new_ones(images, tmp_path):
    run_cli(*common(images, realizations=2), cwd=tmp_path)
    first = stamps(tmp_path)
    time.sleep(1.1)
    done = run_cli(*common(images, realizations=4), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    second = stamps(tmp_path)
    (name,) = first
    assert second[name][:2] == first[name]
    assert [s[-1] for s in second[name]] == ["0", "1", "2", "3"]
    again = run_cli(*common(images, realizations=4), cwd=tmp_path)
    assert "all realizations were finished already" in again.stdout
    assert stamps(tmp_path) == second
    time.sleep(1.1)
    run_cli(*common(images, realizations=1, overwrite="true"), cwd=tmp_path)
    third = stamps(tmp_path)
    assert third[name][0] != second[name][0]
    assert third[name][1:] == second[name][1:]


def test_sweep_resumes_and_never_trains_twice(images, tmp_path):
    first = run_cli("-m", *common(images, method="direct,sqr"), cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "2 cells: 0 done, 2 to train (4 networks" in first.stdout
    before = stamps(tmp_path)
    assert len(before) == 2
    second = run_cli("-m", *common(images, method="direct,sqr,spectral_original,ssvd"), cwd=tmp_path)
    assert "4 cells: 2 done, 2 to train (4 networks" in second.stdout
    after = stamps(tmp_path)
    assert {k: after[k] for k in before} == before
    third = run_cli("-m", *common(images, method="direct,sqr,spectral_original,ssvd"), cwd=tmp_path)
    assert "4 cells: 4 done, 0 to train; nothing to do" in third.stdout
    assert len(third.stdout.splitlines()) == 7
    assert stamps(tmp_path) == after


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_sweep_goes_on_where_it_was(two_cells, tmp_path, signal_number):
    for attempt in range(3):  # again if this process was held up until the sweep had ended
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = fork_cli(*two_cells.arguments, cwd=folder)
        deadline = time.monotonic() + 60
        while not list(folder.glob("results/runs/*/*.csv")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal_number)
        _, err = process.communicate(timeout=60)
        kept = stamps(folder)
        if len(kept) == 1:
            break
    assert len(kept) == 1
    if signal_number == signal.SIGINT:
        assert process.returncode == 130
        assert "goes on from there" in err
        assert "Traceback" not in err
    done = run_cli(*two_cells.arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert read(folder) == two_cells.rows
    after = stamps(folder)
    assert {k: after[k] for k in kept} == kept
    assert not list(folder.rglob("*.tmp")) or signal_number == signal.SIGKILL


def test_damaged_row_file_is_set_aside_and_trained_again(images, tmp_path):
    run_cli(*common(images), cwd=tmp_path)
    before = read(tmp_path)
    (path,) = tmp_path.glob("results/runs/*/*.csv")
    path.write_text(path.read_text()[:-30])
    done = run_cli(*common(images), cwd=tmp_path)
    assert done.returncode == 0
    assert "set aside as" in done.stdout + done.stderr
    assert read(tmp_path) == before
    assert len(list(path.parent.glob("*.damaged-1"))) == 1


def test_other_images_under_the_same_name_are_refused(images, tmp_path):
    run_cli(*common(images), cwd=tmp_path)
    other = write_images(tmp_path / "other/shapes", seed=9)
    done = run_cli(*common(other, realizations=3), cwd=tmp_path)
    assert done.returncode == 2
    assert "made from other images" in done.stderr


def test_overwriting_with_other_images_is_refused_where_rows_stay(images, tmp_path):
    run_cli(*common(images, realizations=3), cwd=tmp_path)
    before = read(tmp_path)
    other = write_images(tmp_path / "other/shapes", seed=9)
    done = run_cli(*common(other, realizations=2, overwrite="true"), cwd=tmp_path)
    assert done.returncode == 2
    assert "made from other images" in done.stderr
    assert read(tmp_path) == before
    mixed = run_cli(*common(other, method="sqr"), cwd=tmp_path)  # another cell of the same name
    assert mixed.returncode == 2
    assert "made from other images" in mixed.stderr
    whole = run_cli(*common(other, realizations=3, overwrite="true"), cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr


def test_one_failing_cell_does_not_stop_the_others(images, tmp_path):
    """A batch larger than the training part is found only when the images are known."""
    done = run_cli("-m", *common(images, **{"trainer.batch_size": "12,5000"}), cwd=tmp_path)
    assert done.returncode == 1
    assert "1 cell failed, the others are kept" in done.stderr
    assert "trainer.batch_size=5000" in done.stderr
    assert len(read(tmp_path)) == 1


def test_sweep_flag_may_stand_anywhere(images, tmp_path):
    done = run_cli("n2=4,5", "-m", *[a for a in common(images) if not a.startswith("n2")], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path)) == 2


def test_help_and_config_are_readable(tmp_path):
    text = run_cli("--help", cwd=tmp_path).stdout
    for word in ("n2", "sparsity", "realizations", "method", "sqr", "mnist5k", "experiment"):
        assert word in text
    assert "precision: highest" in run_cli("--cfg", "job", cwd=tmp_path).stdout


#: Every figure's sweep, shrunken: its own grid of methods, two points on each axis, tiny networks.
SHRUNKEN = {
    "fig01": "n2=3,200",
    "fig02": "n2=4 sparsity=0,0.5",
    "fig03": "n2=3,5",
    "fig04": "n2=3,5",
    "fig05": "n2=3,5",
    "fig06": "n2=4 method.p=0,0.5",
    "fig07": "n2=4 method.p=0,1",
    "fig08": "n2=4 method.p=0.5",
    "fig09": "n2=3,5",
    "fig10": "n2=4 sparsity=0,0.5",
    "hubs": "n2=6 sparsity=0.5",
    "findings": "n2=3,200 sparsity=0.5",
    "control_sparse": "n2=4 sparsity=0.5",
    "control_budget": "n2=4 method.p=0,1 method.rank=2 method.multiple=1",
    "curves": "n2=4",
    "rates": "n2=4 trainer.lr=0.01",
}


def test_every_experiment_end_to_end(images, tmp_path, shrunken_results):
    for experiment in SHRUNKEN:
        assert f"{experiment}: " in shrunken_results, experiment
    counts = json.loads(shrunken_results["counts"])
    assert counts["fig01"] == 8
    assert counts["fig02"] == 4
    assert counts["fig03"] == 6
    assert counts["fig06"] == 4
    assert counts["fig09"] == 8
    assert counts["hubs"] == 4
    assert counts["findings"] == 2 * 3 + 2 * 4 + 2 * 2
    assert counts["control_sparse"] == (4 + 1) * 2
    assert counts["control_budget"] == 4 + 1 + 4 + 2  # p = 1 is S-QR itself
    assert counts["curves"] == 4 + 2 + 1
    assert counts["rates"] == 10 + 4 + 1
    assert set(SHRUNKEN) == {p.stem for p in (ROOT / "conf/experiment").glob("*.yaml")}


@pytest.fixture(scope="module")
def shrunken_results(shared_images, tmp_path_factory):
    """Runs every experiment in one process, and says how many cells each had."""
    folder = tmp_path_factory.mktemp("experiments")
    program = """
import contextlib, io, json, re, sys
from spectral_repro import cli
common, experiments = json.loads(sys.argv[1]), json.loads(sys.argv[2])
counts = {}
for name, changes in experiments.items():
    sys.argv = ["spectral-repro", f"experiment={name}", *common, *changes.split()]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli.main()
    counts[name] = int(re.match(r"(\\d+) cells", out.getvalue()).group(1))
    print(f"{name}: {counts[name]}", file=sys.stderr)
print(json.dumps(counts))
"""
    fixed = [a for a in common(shared_images) if not a.startswith(("n2=", "data="))]
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(["data=folder", *fixed]), json.dumps(SHRUNKEN)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": ""},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names = {f"{name}: " for name in SHRUNKEN if f"{name}: " in done.stderr}
    return {**dict.fromkeys(names, True), "counts": done.stdout.splitlines()[-1]}


def test_wheel_carries_its_configuration(tmp_path):
    """What pip installs works without the checkout."""
    build = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT],
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stderr
    import zipfile

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    site = tmp_path / "site"
    assert (site / "spectral_repro/conf/config.yaml").exists()
    assert (site / "spectral_repro/py.typed").exists()
    done = subprocess.run(
        [sys.executable, "-m", "spectral_repro.cli", "method=sqr", "n2=4", "realizations=1", "trainer.max_epochs=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "mnist5k" in done.stdout


def test_another_folder_of_the_same_name_is_refused_even_where_all_is_finished(images, tmp_path):
    other = write_images(tmp_path / "other/shapes", seed=9)
    run_cli(*common(images), cwd=tmp_path)
    before = stamps(tmp_path)
    for arguments in (common(other), ["-m", *common(other)], ["-m", *common(f"{images},{other}")]):
        done = run_cli(*arguments, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert f"than those of data.root={other}" in done.stderr
        assert done.stderr.count("\n") == 1
    fresh = run_cli("-m", *common(f"{images},{other}", results_dir="fresh"), cwd=tmp_path)
    assert fresh.returncode == 2
    assert f"than those of data.root={other}" in fresh.stderr
    assert not (tmp_path / "fresh").exists()
    shutil.copytree(images, tmp_path / "copy/shapes")  # the same images elsewhere are the same cell
    same = run_cli("-m", *common(f"{images},{tmp_path}/copy/shapes"), cwd=tmp_path)
    assert "1 cell: 1 done" in same.stdout, same.stderr
    assert stamps(tmp_path) == before


def test_images_that_were_added_are_noticed(images, tmp_path):
    run_cli(*common(images), cwd=tmp_path)
    added = write_images(tmp_path / "new", seed=9) / "train/class0/000.png"
    shutil.copy(added, images / "train/class0/999.png")
    done = run_cli(*common(images), cwd=tmp_path)
    assert done.returncode == 2
    assert "made from other images" in done.stderr


def test_every_override_reaches_the_grid_of_an_experiment(images, tmp_path):
    fixed = [a for a in common(images) if not a.startswith(("n2=", "data="))]
    done = run_cli("experiment=fig03", "grid.n2=[3,4]", "data=folder", *fixed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 cells: 0 done, 6 to train" in done.stdout
    assert {row["n2"] for rows in read(tmp_path).values() for row in rows} == {"3", "4"}


def test_networks_that_diverged_or_guess_are_said_and_marked(images, tmp_path):
    def diverged(done):
        assert done.returncode == 0, done.stderr
        return [row["diverged"] for rows in read(tmp_path).values() for row in rows]

    assert diverged(run_cli(*common(images, method="sqr"), cwd=tmp_path)) == ["False", "False"]
    done = run_cli(*common(images, method="sqr", overwrite="true", **{"trainer.lr": 1e30}), cwd=tmp_path)
    assert sorted(diverged(done)) == ["False", "False", "True", "True"]
    assert "weights that are not finite: 2 of 2 networks (seed 0, 1); trainer.lr=1e+30" in done.stdout + done.stderr
    guess = run_cli(*common(images, method="direct", **{"trainer.lr": 1e-9, "trainer.max_epochs": 1}), cwd=tmp_path)
    assert "no better than chance" in guess.stdout + guess.stderr


def test_rows_say_what_was_run(images, tmp_path):
    run_cli(*common(images, method="ssvd", **{"method.basis": "gaussian"}), cwd=tmp_path)
    ((row, _),) = read(tmp_path).values()
    assert (row["lr"], row["max_epochs"], row["optimizer"], row["activation"]) == ("0.015", "3", "adamax", "relu")
    told = run_cli("--config-of", row["config_hash"], cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert yaml.safe_load(told.stdout)["options"]["basis"] == "gaussian"
    command = shlex.split(told.stdout.splitlines()[0].removeprefix("# spectral-repro "))
    again = run_cli(*command, "realizations=2", "device=cpu", cwd=tmp_path)
    assert "finished already" in again.stdout, again.stderr
    missing = run_cli("--config-of", "0123456789ab", "results_dir=results", cwd=tmp_path)
    assert missing.returncode == 2
    assert "0 cells in results/runs have it" in missing.stderr


def test_glob_over_a_group(images, tmp_path):
    done = run_cli("-m", "method=glob(s*,exclude=spectral*)", *common(images), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.split("-")[0] for path in read(tmp_path)} == {"sqr", "ssvd"}


def test_a_data_set_that_is_missing_is_said_once_before_the_first_cell(tmp_path):
    done = run_cli("experiment=fig05", "data_dir=/proc/nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "CIFAR10 is not there and the download failed" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--help", "--info=all"])
def test_a_reader_that_has_seen_enough(flag, tmp_path):
    command = f"{sys.executable} -m spectral_repro.cli {flag} | head -1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("delay", [0.4, 1.5])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_starts(images, tmp_path, delay, number):
    """Inside an import, the exception would be swallowed, or leave half a module behind."""
    long = {"trainer.max_epochs": 100_000, "trainer.patience": 99_999}
    process = start_cli("-m", *common(images, method="direct,sqr", **long), cwd=tmp_path)
    time.sleep(delay)
    process.send_signal(number)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert "goes on from there" in err
    assert "Traceback" not in err


def test_kept_networks_are_pruned_by_the_script(images, tmp_path):
    """Two hidden layers, whose widths differ by seed; what is there is not made again, what is wrong in one line."""

    def prune_them(*arguments):
        command = [sys.executable, str(ROOT / "scripts/prune.py"), "--device", "cpu", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    nothing = prune_them()
    assert (nothing.returncode, nothing.stderr) == (2, "prune.py: results: no networks are kept (weights=true)\n")
    kept = common(images, n2=6, hidden_layers=2, realizations=3, weights="true")
    assert run_cli("-m", *kept, "method=sqr,spectral_nodes", cwd=tmp_path).returncode == 0
    before = read(tmp_path)
    whole = {(rows[0]["config_hash"], row["seed"]): row for rows in before.values() for row in rows}
    nodes = next(rows[0]["config_hash"] for rows in before.values() if rows[0]["method"] == "spectral_nodes")
    first = prune_them(nodes[:6], "--shares", "0.5", "--by", "eigenvalue", "--epochs", "0")
    assert first.returncode == 0, first.stderr
    file = tmp_path / "results/pruning.csv"
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + 3
    both = ("--shares", "0.5", "0.75", "--by", "eigenvalue", "connectivity", "--epochs", "0", "2")
    second = prune_them(*both)
    assert second.returncode == 0, second.stderr
    assert second.stdout.count("is left out: by=eigenvalue: needs spectral layers") == 1
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert len(rows) == 3 * (2 * 2 + 2 * 2 * 2)
    assert set(lines) <= set(file.read_text().splitlines())
    for row in rows:
        widths = json.loads(row["hidden"])
        assert sum(widths) == {"0.5": 6, "0.75": 3}[row["share"]]
        mine = whole[row["config_hash"], row["seed"]]
        assert (row["data"], row["method"]) == (mine["data"], mine["method"])
        assert row["test_accuracy_before"] == mine["test_accuracy"]
        sizes = [108, *widths, 3]
        each = sum(a * b for a, b in itertools.pairwise(sizes)), sum(sizes[1:])
        trained = sum(each) if row["method"] == "sqr" or row["epochs"] == "2" else each[1]
        assert int(row["trained_parameters"]) == trained
        if row["epochs"] == "0":
            (path,) = tmp_path.glob(f"results/weights/*/*{row['config_hash']}/{row['seed']}.safetensors")
            smaller = prune(load_network(path), float(row["share"]), row["by"])
            data = to_images(SOURCES["folder"].read(tmp_path, root=str(images), name="x"), torch.device("cpu"))
            right = (smaller(data.test_x).argmax(1) == data.test_y).float().mean().item()
            assert right == pytest.approx(float(row["test_accuracy"]), abs=1e-6)
    made = file.read_bytes()
    assert prune_them(*both).returncode == 0
    assert file.read_bytes() == made
    assert read(tmp_path) == before
    file.write_bytes(made[:-30])
    again = prune_them(*both)
    assert again.returncode == 0, again.stderr
    assert "pruning.csv: is damaged; set aside as pruning.csv.damaged-1" in again.stderr
    assert len(file.read_bytes()) == len(made)
    (tmp_path / "shapes/test/class0/000.png").write_bytes((tmp_path / "shapes/test/class1/000.png").read_bytes())
    other = prune_them("--shares", "0.25")
    assert other.returncode == 2
    assert "made from other images" in other.stderr


def test_an_interruption_that_a_library_swallows_comes_again():
    program = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # these tests may have been started without
from spectral_repro import cli
cli._AGAIN = 1
cli._Signals().begin()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(9)
except KeyboardInterrupt:
    print("swallowed", flush=True)
try:
    time.sleep(30)
except KeyboardInterrupt:
    print("again")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["swallowed", "again"]
