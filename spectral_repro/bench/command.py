"""``scripts/bench.py``: speed on this machine, quiet and beside a busy neighbour; a table, a CSV and a figure."""

import contextlib
import csv
import datetime
import io
import statistics
import time
from pathlib import Path

import torch

from spectral_repro.bench import figure, peers
from spectral_repro.bench.floor import floor_seconds
from spectral_repro.bench.ours import LAYERS
from spectral_repro.bench.turns import Neighbour, Program
from spectral_repro.errors import ConfigError, told_in_one_line
from spectral_repro.files import require_writable, write_atomically
from spectral_repro.results import provenance
from spectral_repro.runner.devices import choose_device
from spectral_repro.terminal import parser_of

SIZES, SPARSE_SIZE, SPARSITY = (100, 500, 1000), 500, 0.95
COLUMNS = ("method", "n2", "sparsity", "program", "neighbours", "seconds", "least", "most", "rounds")


def main(arguments: list[str] | None = None) -> None:
    """Measures and writes ``<results_dir>/bench/<device>.csv`` and ``.png``; prints the table.

    Exits with 2 and one line, before anything is measured, if an argument cannot be used.
    """
    parser = parser_of("Measure the trainer's speed on this machine, beside plain PyTorch, JAX and the floor.")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; default: 3")
    parser.add_argument("--jax", metavar="PYTHON", help="a Python that has jax and optax; default: this one, if it has")
    parser.add_argument("--quick", action="store_true", help="only S-QR with N2 = 20, one round: to see that it runs")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        device = choose_device(given.device)
        require_writable(given.results_dir, "results_dir")
        if given.rounds < 1:
            raise ConfigError("rounds", given.rounds, "must be at least 1")
        jax = peers.python_with_jax(given.jax)
    started, rounds = time.perf_counter(), 1 if given.quick else given.rounds
    cells = [*((m, n2, 0.0) for n2 in SIZES for m in LAYERS), *((m, SPARSE_SIZE, SPARSITY) for m in ("direct", "sqr"))]
    cells = [("sqr", 20, 0.0)] if given.quick else cells
    stamp = {
        "device": provenance.device_name(device),
        "torch_version": torch.__version__,
        "code_version": provenance.code_version(),
    }
    print("seconds per epoch (48,000 training images in batches of 200, 12,000 of validation) and network;")
    print("ours and JAX train ten networks at once; floor: the fewest operations at the rate of the fastest product")
    print(f"{'method':9} {'N2':>5} {'s':>5} {'neighbours':>10}  " + " ".join(f"{p:>8}" for p in peers.PROGRAMS))
    base = given.results_dir / "bench" / "".join(c if c.isalnum() else "_" for c in stamp["device"]).strip("_")
    lines: list[tuple] = []
    for cell in cells:
        lines += _measure(*cell, device, jax, rounds)
        _write(base, lines, stamp)
    print(f"{(time.perf_counter() - started) / 60:.1f} min; {base}.csv, .png")


def _write(base: Path, lines: list[tuple], stamp: dict[str, str]) -> None:
    """After every cell, so that a run that is ended early keeps what it has measured."""
    stamp = {**stamp, "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow((*COLUMNS, *stamp))
    writer.writerows((*line, *stamp.values()) for line in lines)
    write_atomically(base.with_suffix(".csv"), buffer.getvalue().encode())
    write_atomically(base.with_suffix(".png"), figure.draw(lines, stamp["device"]))


def _measure(method: str, n2: int, sparsity: float, device: torch.device, jax: str | None, rounds: int) -> list[tuple]:
    """One line for each program and number of neighbours; all take turns, so that a slow moment hits all alike."""
    commands = peers.commands(method, n2, sparsity, device, jax)
    times: dict[tuple[str, int], list[float]] = {}
    busy = (0, 1) if device.type == "cpu" else (0,)
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(Program(*command)) for name, command in commands.items()}
        for _ in range(rounds):
            if not sparsity:
                times.setdefault(("floor", 0), []).append(floor_seconds(method, n2, device))
            for neighbours in busy:
                with Neighbour() if neighbours else contextlib.nullcontext():
                    for name, program in running.items():
                        times.setdefault((name, neighbours), []).append(program.seconds())
    found = {key: statistics.median(values) for key, values in times.items()}
    for neighbours in busy:
        shown = peers.best_jax({name: value for (name, n), value in found.items() if n == neighbours})
        cells = " ".join(f"{shown[p]:8.3f}" if p in shown else f"{'–':>8}" for p in peers.PROGRAMS)
        print(f"{method:9} {n2:5} {sparsity:5g} {neighbours:10}  {cells}", flush=True)
    return [
        (method, n2, sparsity, name, neighbours, found[name, neighbours], min(values), max(values), rounds)
        for (name, neighbours), values in times.items()
    ]
