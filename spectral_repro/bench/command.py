"""``scripts/bench.py``: one command, one table, one CSV and one figure for this machine."""

import csv
import datetime
import functools
import io
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from spectral_repro.bench import figure, measure
from spectral_repro.bench.measure import REALIZATIONS
from spectral_repro.errors import ConfigError, told_in_one_line
from spectral_repro.files import require_writable, write_atomically
from spectral_repro.results import provenance
from spectral_repro.runner.devices import choose_device
from spectral_repro.runner.memory import keep_freed_memory
from spectral_repro.terminal import parser_of
from spectral_repro.training.products import find_products, use_products

COLUMNS = ("kind", "method", "n1", "n2", "hidden_layers", "sparsity", "realizations", "quantity", "value", "unit")
VARIANTS = ("batched", "other products", "one at a time", "plain")


def main(arguments: list[str] | None = None) -> None:
    """Measures and writes ``<results_dir>/bench/<device>.csv`` and ``.png``; prints the table.

    Exits with 2 and one line, before anything is measured, if an argument cannot be used.
    """
    parser = parser_of("Measure the trainer's speed on this machine.")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; default: 3")
    parser.add_argument("--quick", action="store_true", help="only N2 = 100, one round: to see that it runs")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        device = choose_device(given.device)
        require_writable(given.results_dir, "results_dir")
        if given.rounds < 1:
            raise ConfigError("rounds", given.rounds, "must be at least 1")
    sizes, rounds = ((100,), 1) if given.quick else ((100, 500, 1000), given.rounds)
    keep_freed_memory()
    started = time.perf_counter()
    lines = _table(device, sizes, rounds)
    lines += [*_growth(device, given.quick), *_overheads(device)]
    minutes = (time.perf_counter() - started) / 60
    stamp = {
        "device": provenance.device_name(device),
        "torch_version": torch.__version__,
        "code_version": provenance.code_version(),
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow((*COLUMNS, *stamp))
    writer.writerows((*line, *stamp.values()) for line in lines)
    base = given.results_dir / "bench" / "".join(c if c.isalnum() else "_" for c in stamp["device"]).strip("_")
    write_atomically(base.with_suffix(".csv"), buffer.getvalue().encode())
    write_atomically(base.with_suffix(".png"), figure.draw(lines, stamp["device"]))
    print(f"{minutes:.1f} min; {base}.csv, .png")


def _table(device: torch.device, sizes: tuple[int, ...], rounds: int) -> list[tuple]:
    images = measure.synthetic_images(784, device)
    lines: list[tuple] = []
    use_products(device, "highest")
    chosen, other = (find_products(device, s) for s in ("highest", "medium"))
    if chosen.setting == "medium":
        other = chosen._replace(name="torch's default")
    for n2 in sizes:
        rate = 2e-9 * measure.product_rate(device, n2)
        lines.append(("rate", "", 784, n2, 0, 0, 0, "fastest float32 product", rate, "GFLOP/s"))
        print(f"fastest float32 product of a network with N2 = {n2}: {rate:.0f} GFLOP/s")
    print(f"products: {chosen.name}; other products: {other.name}")
    print(f"seconds per epoch (48,000 images, batch 200) and network, {REALIZATIONS} realizations a batch; floor:")
    print("the fewest operations at that rate, measured each time; most: plain/floor, what no batching can exceed;")
    print("other: how much slower the other products are; last: where the time of a batched step goes")
    columns = " ".join(f"{v:>14}" for v in (*VARIANTS, "floor"))
    print(f"{'method':9} {'N2':>5} {'s':>5} {columns} {'/floor':>7} {'plain/':>7} {'most':>6} {'other':>6}")
    cells = [(m, n2, 0.0) for n2 in sizes for m in measure.LAYERS]
    cells += [(m, sizes[-2:][0], 0.95) for m in ("direct", "sqr")]
    for method, n2, sparsity in cells:
        seconds, shares = measure.compare(method, n2, images, REALIZATIONS, sparsity, rounds)
        key = (method, 784, n2, 1, sparsity, REALIZATIONS)
        lines += [("speed", *key, variant, value, "s/epoch/network") for variant, value in seconds.items()]
        lines += [("profile", *key, part, share, "share of a step") for part, share in shares.items()]
        print(f"{method:9} {n2:5} {sparsity:5g} " + " ".join(f"{s:14.4f}" for s in seconds.values()), end="")
        ratios = (
            seconds["batched"] / seconds["floor"],
            seconds["plain"] / seconds["batched"],
            seconds["plain"] / seconds["floor"],
            seconds["other products"] / seconds["batched"],
        )
        print(" {:7.2f} {:7.2f} {:6.2f} {:6.2f}".format(*ratios), end="  ")
        print(", ".join(f"{part} {share:.0%}" for part, share in shares.items() if share > 0), flush=True)
    return lines


def _growth(device: torch.device, quick: bool) -> list[tuple]:
    """Fitted exponents: how the time of a step grows with N2, N1, the realizations and the layers."""
    axes = {
        "n2": [(784, n2, 1, 2) for n2 in ((50, 100) if quick else (125, 250, 500, 1000))],
        "n1": [(n1, 300, 1, 2) for n1 in ((400, 784) if quick else (400, 784, 1568, 3072))],
        "realizations": [(784, 100, 1, r) for r in ((1, 2) if quick else (1, 2, 5, 10))],
        "hidden_layers": [(300, 300, h, 2) for h in ((1, 2) if quick else (1, 2, 4))],
    }
    lines = []
    for axis, points in axes.items():
        for method in ("direct", "sqr"):
            at, times = [], []
            for n1, n2, hidden, realizations in points:
                images = measure.synthetic_images(n1, device, 6000)
                trainer = measure.make_trainer(method, (n1, *[n2] * hidden, 10), realizations, images)
                times.append(measure.timed(functools.partial(trainer.train_epoch, 8), device) / 8)
                at.append({"n2": n2, "n1": n1, "realizations": realizations, "hidden_layers": hidden}[axis])
            exponent = float(np.polyfit(np.log(at), np.log(times), 1)[0])
            lines.append(("growth", method, 0, 0, 0, 0, 0, axis, exponent, "exponent"))
            print(f"{method}: time of a step grows as {axis}^{exponent:.2f} over {at[0]}–{at[-1]}", flush=True)
    return lines


def _overheads(device: torch.device) -> list[tuple]:
    """Peak memory of this process, and what Hydra, planning and files cost per job."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = [("memory", "", 0, 0, 0, 0, 0, "peak of this process", peak, "GiB")]
    if device.type == "cuda":
        used = torch.cuda.max_memory_allocated(device) / 2**30
        lines.append(("memory", "", 0, 0, 0, 0, 0, "peak on the device", used, "GiB"))
    jobs = 200 if device.type == "cpu" else 50
    one, many = _beyond_training(1, device), _beyond_training(jobs, device)
    each = (many - one) / (jobs - 1)
    lines.append(("overhead", "", 0, 0, 0, 0, 0, "start-up, images and first job beyond training", one, "s"))
    lines.append(("overhead", "", 0, 0, 0, 0, 0, "per further job beyond training", each, "s"))
    print(f"beyond training: start-up, images and first job {one:.1f} s, per further job {1000 * each:.0f} ms;", end="")
    print(f" peak memory {peak:.1f} GiB")
    return [line for line in lines if not math.isnan(line[8])]


def _beyond_training(jobs: int, device: torch.device) -> float:
    """Seconds of a sweep of tiny networks that are not training: start-up, Hydra, images, planning, files."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "spectral_repro.cli", "-m", f"n2={','.join(map(str, range(1, jobs + 1)))}"]
        command += ["realizations=1", "trainer.max_epochs=1", f"results_dir={folder}", f"device={device}"]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall = time.perf_counter() - started
        trained = 0.0
        for path in Path(folder).glob("runs/*/*.csv"):
            with path.open() as file:
                trained += sum(float(row["seconds"]) for row in csv.DictReader(file))
    return wall - trained
