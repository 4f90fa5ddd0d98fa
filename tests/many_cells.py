"""A week of small jobs in miniature: ``python -m tests.many_cells [--cells 2000]``.

A sweep of tiny cells on synthetic images: resident memory of the process along the way, time per cell beyond
training, and how long a second call takes that finds everything done.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.conftest import ROOT, write_images


def resident_mib(pid: int) -> float:
    """Resident memory of a process, or 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.many_cells", description=__doc__)
    parser.add_argument("--cells", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rates = ",".join(f"{0.001 + 1e-5 * i:g}" for i in range(given.cells // 8))
        command = [sys.executable, "-m", "spectral_repro.cli", "-m", "method=direct,sqr", "n2=4,8,12,16"]
        command += [f"trainer.lr={rates}", "realizations=1", "trainer.max_epochs=1", "trainer.batch_size=12"]
        command += ["data=folder", f"data.root={write_images(folder / 'shapes')}", "device=cpu"]
        command += [f"results_dir={folder}/results", f"data_dir={folder}/data"]
        walls = []
        for _ in range(2):
            started = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
            memory = []
            while process.poll() is None:
                memory.append((time.perf_counter() - started, resident_mib(process.pid)))
                time.sleep(0.5)
            walls.append(time.perf_counter() - started)
            print(f"exit code {process.returncode} after {walls[-1]:.1f} s; MiB by time:", end=" ")
            print(" ".join(f"{t:.0f}s:{mib:.0f}" for t, mib in memory[:: max(1, len(memory) // 8)]), flush=True)
        rows = [row for p in folder.glob("results/runs/*/*.csv") for row in csv.DictReader(p.read_text().splitlines())]
        trained = sum(float(row["seconds"]) for row in rows)
        overhead = (walls[0] - walls[1] - trained) / len(rows)
        print(
            f"{len(rows)} cells: {1000 * trained / len(rows):.0f} ms of training and {1000 * overhead:.0f} ms beyond it"
        )


if __name__ == "__main__":
    main()
