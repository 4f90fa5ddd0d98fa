"""Fault injection against the real command line: ``python -m tests.faults [--kills 60] [--seed 0] [fault …]``.

Each trial disturbs a small sweep on synthetic images, then runs the same command once more, and compares all
rows with those of an undisturbed run. Each fault and each comparison is one line of standard output, with the
seconds since the line before; the tally is the last, also after Ctrl-C. Exit code 1 if a row was lost, doubled or
different. Most of the time goes into starting Python and torch anew and into checkpoints that reach the disk.
"""

import argparse
import contextlib
import csv
import dataclasses
import gzip
import hashlib
import http.server
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil

from tests.conftest import ROOT, write_images

#: What differs between two runs of the same code, and where a commit is made meanwhile.
OTHERS = ("seconds", "finished_at", "code_version")
#: At ``precision=highest`` the library that multiplies is chosen by its speed, which here is that of a busy machine.
SWEEP = (
    *("-m", "method=direct,sqr", "n2=5,9", "realizations=3", "trainer.realizations_per_batch=2"),
    *("trainer.max_epochs=30", "trainer.patience=99", "trainer.batch_size=12", "checkpoint_minutes=0", "device=cpu"),
    "precision=medium",
)


@dataclasses.dataclass
class Tally:
    """What happened to one kind of fault."""

    injected: int = 0
    compared: int = 0
    lost: int = 0
    doubled: int = 0
    different: int = 0

    @property
    def bad(self) -> int:
        return self.lost + self.doubled + self.different

    def __str__(self) -> str:
        return f"{self.injected} injected, {self.compared} compared, {self.bad} bad"


def command(folder: Path, images: Path, *more: str) -> list[str]:
    data = () if any(m.startswith("data=") for m in more) else ("data=folder", f"data.root={images}")
    where = (f"results_dir={folder}/results", f"data_dir={folder}/data")
    return [sys.executable, "-m", "spectral_repro.cli", *SWEEP, *data, *where, *more]


#: All that were started, for ``end_all``.
PROCESSES: list[subprocess.Popen] = []


def start(arguments: list[str], prefix: tuple[str, ...] = (), limit_bytes: int | None = None, **environment: str):
    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # even if this suite runs in a shell's background
        if limit_bytes:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    process = subprocess.Popen(
        [*prefix, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=prepare,
    )
    PROCESSES.append(process)
    return process


def end_all() -> None:
    """Kills what still runs: sessions of their own do not hear Ctrl-C."""
    for process in PROCESSES:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait(process: subprocess.Popen, seconds: float) -> bool:
    """Whether it still runs after ``seconds``; earlier if it ends."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    return process.poll() is None


def finish(process) -> tuple[int, str]:
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def run(arguments: list[str], **how) -> tuple[int, str]:
    return finish(start(arguments, **how))


def must_work(arguments: list[str], **how) -> None:
    code, err = run(arguments, **how)
    if code:
        raise SystemExit(f"the undisturbed command failed with {code}:\n{err}")


def must_fail(arguments: list[str], message: str, **how) -> None:
    """The fault is noticed: an exit code, one clear line, no traceback."""
    code, err = run(arguments, **how)
    if code == 0 or message not in err or "Traceback" in err:
        raise SystemExit(f"expected a failure that says {message!r}, got {code}:\n{err}")


def rows(folder: Path) -> dict[tuple[str, str], list[dict]]:
    """Rows by file and seed, without times."""
    found: dict[tuple[str, str], list[dict]] = {}
    for path in sorted((folder / "results/runs").glob("*/*.csv")):
        for row in csv.DictReader(path.read_text().splitlines()):
            found.setdefault((path.name, row["seed"]), []).append({k: v for k, v in row.items() if k not in OTHERS})
    return found


def last_write(folder: Path) -> int:
    """When something in its results was last written, in nanoseconds; 0 if nothing is there yet."""
    newest = 0
    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
        for path in (folder / "results").rglob("*"):
            newest = max(newest, path.stat().st_mtime_ns)
    return newest


class Suite:
    """The trials; each method that starts with ``fault_`` is one kind of fault."""

    def __init__(self, base: Path, kills: int, seed: int, only: tuple[str, ...] = ()) -> None:
        self.base, self.random = base, random.Random(seed)
        self.images = write_images(base / "shapes", per_class=40)
        self.tallies: dict[str, Tally] = {}
        self.count = 0
        few = max(2, kills // 10)
        injects = {
            **{"cache": 5, "clock": 3, "concurrent": 20, "damaged_rows": 7, "download": 4, "full_disk": 3},
            **{"sigint": few, "sigkill": kills, "sigterm": few, "two_hosts": 2, "unwritable": 1},
            "workers": 2 * max(1, kills // 20),
        }
        self.planned = {name: injects[name] for name in fault_names() if not only or name in only}
        self.last_line = time.perf_counter()

    def run(self) -> None:
        whole, seconds = self.folder(), []
        for _ in range(2):
            started = time.perf_counter()
            must_work(command(whole, self.images))
            seconds.append(time.perf_counter() - started)
        self.training = seconds[0] - seconds[1]  # the second run finds all rows there
        self.whole = rows(whole)
        assert len(self.whole) == 12, len(self.whole)
        self.say(f"nothing disturbed: {seconds[1]:.1f} s of start, {self.training:.1f} s of training")
        for name, count in self.planned.items():
            expected = self.injected + count
            getattr(self, f"fault_{name}")()
            if left_out := expected - self.injected:
                self.planned[name] -= left_out
                self.say(f"{name}: {left_out} left out; they need root's mount, or faketime")

    @property
    def injected(self) -> int:
        return sum(tally.injected for tally in self.tallies.values())

    def say(self, what: str) -> None:
        """A line: faults so far, of how many, and the seconds since the line before."""
        now = time.perf_counter()
        print(f"{self.injected:3} of {sum(self.planned.values())} {now - self.last_line:5.1f} s  {what}", flush=True)
        self.last_line = now

    def until_random_moment(self, process: subprocess.Popen, folder: Path) -> bool:
        """Waits while a sweep starts and for a part of what it has to train; whether it still runs then."""
        left, before = 1 - len(rows(folder)) / len(self.whole), last_write(folder)
        while process.poll() is None and last_write(folder) == before:
            time.sleep(0.02)
        alive = wait(process, self.random.uniform(0, 0.9) * left * self.training)
        if not alive:
            self.training *= 0.9  # measured while the machine was busier
        return alive

    def folder(self) -> Path:
        self.count += 1
        made = self.base / f"trial{self.count}"
        made.mkdir()
        return made

    def compare(self, kind: str, folder: Path, *more: str, expected=None, injected: int = 1, **how) -> None:
        """Runs the command once more and holds the rows against the undisturbed ones."""
        must_work(command(folder, self.images, *more), **how)
        got, expected = rows(folder), self.whole if expected is None else expected
        tally = self.tallies.setdefault(kind, Tally())
        before = tally.bad
        tally.injected += injected
        tally.compared += 1
        tally.lost += len(expected.keys() - got.keys())
        tally.doubled += sum(len(v) > 1 for v in got.values()) + len(got.keys() - expected.keys())
        tally.different += sum(got[k][0] != expected[k][0] for k in got.keys() & expected.keys())
        bad = tally.bad - before
        self.say(f"{kind}: {f'{bad} ROWS WRONG' if bad else f'all {len(expected)} rows right'} ({tally})")
        left = [p for p in (folder / "results").rglob("*") if p.suffix in (".pt",)]
        if left:
            raise SystemExit(f"{kind}: checkpoints of finished cells were left: {left}")
        shutil.rmtree(folder)

    def _signals(self, kind: str, number: int, count: int) -> None:
        left, tally = count, self.tallies.setdefault(kind, Tally())
        while left > 0:
            folder, sent = self.folder(), 0
            for _ in range(min(left, self.random.randint(1, 4))):
                process = start(command(folder, self.images))
                alive = self.until_random_moment(process, folder)
                if alive:
                    os.killpg(process.pid, number)
                code, err = finish(process)
                if number != signal.SIGKILL and (code not in (0, 128 + number, -number) or "Traceback" in err):
                    raise SystemExit(f"{kind}: exit code {code}\n{err}")
                if not alive:
                    self.say(f"{kind}: not sent, the sweep had ended")
                    break
                sent += 1
                tally.injected += 1
                written = len(rows(folder))
                self.say(f"{kind}: sent with {written} of {len(self.whole)} rows written ({tally})")
                if written == len(self.whole):
                    break
            left -= sent
            if sent:
                self.compare(kind, folder, injected=0)

    def fault_sigkill(self) -> None:
        self._signals("SIGKILL at a random moment", signal.SIGKILL, self.planned["sigkill"])

    def fault_sigterm(self) -> None:
        self._signals("SIGTERM", signal.SIGTERM, self.planned["sigterm"])

    def fault_sigint(self) -> None:
        self._signals("SIGINT", signal.SIGINT, self.planned["sigint"])

    def fault_workers(self) -> None:
        """The sweep's process ends alone; its workers, deaf to SIGINT as below a background job, end with it."""
        background = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
        for number in (signal.SIGTERM, signal.SIGKILL) * (self.planned["workers"] // 2):
            folder = self.folder()
            process, workers = start(command(folder, self.images, "hydra/launcher=processes"), prefix=background), []
            while process.poll() is None and len(workers) < 4:  # two, what they are forked from, and a tracker
                time.sleep(0.1)
                with contextlib.suppress(psutil.NoSuchProcess):
                    workers = psutil.Process(process.pid).children(recursive=True)
            wait(process, self.random.uniform(0, 0.5) * self.training)
            with contextlib.suppress(psutil.NoSuchProcess):
                workers = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(number)
            process.wait(timeout=60)
            _, alive = psutil.wait_procs(workers, timeout=10)
            if alive:
                raise SystemExit(f"{len(alive)} workers outlived their sweep by ten seconds: {alive}")
            self.compare("end of a sweep with workers", folder)

    def fault_two_hosts(self) -> None:
        """Two hosts sweep into one folder: each cell is trained by one of them; one is killed, the other goes on."""
        site = self.base / "hosts"
        site.mkdir()
        (site / "sitecustomize.py").write_text("import os, socket\nsocket.gethostname = lambda: os.environ['NAME']\n")
        for killed in (False, True):
            folder = self.folder()
            both = [start(command(folder, self.images), NAME=n, PYTHONPATH=str(site)) for n in ("north", "south")]
            if killed and self.until_random_moment(both[0], folder):
                os.killpg(both[0].pid, signal.SIGKILL)
            codes = [finish(process) for process in both]
            if codes[1][0] or (codes[0][0] and not killed):
                raise SystemExit(f"a sweep beside another failed: {codes}")
            cells = [line.split("  ")[2] for line in (folder / "results/cells.log").read_text().splitlines()]
            if len(set(cells)) != len(cells):
                raise SystemExit(f"a cell was trained by two hosts: {cells}")
            self.compare("two hosts, one killed" if killed else "two hosts", folder)

    def fault_full_disk(self) -> None:
        folder = self.folder()  # a limit on the bytes of a file
        must_fail(command(folder, self.images), "cannot be written", limit_bytes=600)
        self.compare("quota: no row fits", folder)
        folder = self.folder()
        must_work(command(folder, self.images), limit_bytes=6000)
        self.compare("quota: no checkpoint fits", folder)
        with self._mounted("size=8k") as folder:
            if folder:
                must_fail(command(folder, self.images, f"data_dir={self.base}/data"), "No space left")
                remount(folder / "results", "size=10m")
                self.compare("disk full", folder)

    def fault_unwritable(self) -> None:
        with self._mounted("size=10m") as folder:
            if folder:
                remount(folder / "results", "ro")
                must_fail(command(folder, self.images), "results_dir=")
                remount(folder / "results", "rw")
                self.compare("results folder read-only", folder)

    @contextlib.contextmanager
    def _mounted(self, options: str) -> Iterator[Path | None]:
        """A trial folder whose ``results`` is a small file system of its own; None where mounting is not allowed."""
        folder = self.folder()
        (folder / "results").mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder / "results")]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
            yield None
            return
        real_rmtree = shutil.rmtree
        shutil.rmtree = lambda *_, **__: None  # after the unmount
        try:
            yield folder
        finally:
            shutil.rmtree = real_rmtree
            end_all()
            subprocess.run(["umount", str(folder / "results")], check=True)

    def fault_concurrent(self) -> None:
        for processes, what in ((2, ()), (8, ()), (2, ("n2=5", "method=sqr")), (8, ("n2=5", "method=sqr"))):
            folder = self.folder()
            for code, err in map(finish, [start(command(folder, self.images, *what)) for _ in range(processes)]):
                if code:
                    raise SystemExit(f"{processes} processes: exit code {code}\n{err}")
            expected = {k: v for k, v in self.whole.items() if not what or k[0].startswith("sqr-n2_5-")}
            kind = f"{processes} processes on one {'cell' if what else 'sweep'}"
            self.compare(kind, folder, *what, expected=expected, injected=processes)

    def fault_clock(self) -> None:
        if not shutil.which("faketime"):
            return
        folder = self.folder()
        for date in ("2001-01-01 00:00:00", "2037-12-31 23:59:59", "1999-02-03 04:05:06"):
            process = start(command(folder, self.images), prefix=("faketime", date), DONT_FAKE_MONOTONIC="1")
            if self.until_random_moment(process, folder):
                os.killpg(process.pid, signal.SIGKILL)
            finish(process)
        self.compare("the clock jumps", folder, injected=3)

    def fault_damaged_rows(self) -> None:
        def damage(how: Callable[[bytes], bytes], pattern: str, kind: str) -> None:
            folder = self.folder()
            process = start(command(folder, self.images))
            while process.poll() is None and not list((folder / "results").glob(pattern)):
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGKILL)
            finish(process)
            victims = sorted((folder / "results").glob(pattern))
            for victim in victims:
                victim.write_bytes(how(victim.read_bytes()))
            must_work(command(folder, self.images))
            aside = list(folder.rglob("*.damaged-1"))
            if victims and not aside:
                raise SystemExit(f"{kind}: {victims} damaged, nothing set aside")
            self.compare(kind, folder)

        noise = random.Random(1).randbytes(900)
        for how in (lambda b: b[:-20], lambda b: noise, lambda b: b"", lambda b: b.replace(b",0.", b",x.")):
            damage(how, "runs/*/*.csv", "row file damaged")
        for how in (lambda b: b[: len(b) // 2], lambda b: noise, lambda b: b[:200] + b"x" + b[201:]):
            damage(how, "checkpoints/*/*.pt", "checkpoint damaged")

    def fault_cache(self) -> None:
        for i in range(3):
            folder = self.folder()
            process = start(command(folder, self.images))
            while process.poll() is None and not list((folder / "data").rglob("*")):
                time.sleep(0.002)
            if i:
                time.sleep(0.01 * i)
            os.killpg(process.pid, signal.SIGKILL)
            finish(process)
            self.compare("cache build killed", folder)
        for how in (lambda b: b[:-100], lambda b: b"noise"):
            folder = self.folder()
            must_work(command(folder, self.images, "method=direct", "n2=5"))
            (cache,) = (folder / "data/cache").glob("*.npz")
            cache.write_bytes(how(cache.read_bytes()))
            self.compare("cache damaged", folder)

    def fault_download(self) -> None:
        """MNIST from a server on this machine that breaks off, sends noise, or dies in the middle of unpacking."""
        data = ("data=mnist",)
        with Mirror(self.base / "mirror") as mirror:
            folder = self.folder()
            must_work(command(folder, self.images, *data), **mirror.environment)
            expected = rows(folder)
            for fault in ("break", "noise"):
                folder = self.folder()
                mirror.fault = fault
                must_fail(command(folder, self.images, *data), "download failed", **mirror.environment)
                mirror.fault = ""
                self.compare(f"download: {fault}", folder, *data, expected=expected, **mirror.environment)
            for raw in ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
                folder = self.folder()
                must_work(command(folder, self.images, *data, "method=direct", "n2=5"), **mirror.environment)
                file = folder / "data/MNIST/raw" / raw
                whole = file.read_bytes()
                file.write_bytes(whole[: len(whole) // 2])
                must_fail(command(folder, self.images, *data), "cannot be read", **mirror.environment)
                shutil.rmtree(folder / "data/MNIST")  # as the message says
                self.compare("unpacking cut off", folder, *data, expected=expected, **mirror.environment)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


class Mirror:
    """Serves tiny MNIST files on 127.0.0.1 and makes torchvision (of a child process) download from there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.files, self.fault = {}, ""
        generator = np.random.default_rng(0)
        for name, n in (("train", 60), ("t10k", 30)):
            x = generator.integers(0, 256, (n, 28, 28), dtype=np.uint8)
            y = (np.arange(n) % 3).astype(np.uint8)
            for kind, head, body in (("images-idx3", (2051, n, 28, 28), x), ("labels-idx1", (2049, n), y)):
                raw = np.array(head, dtype=">i4").tobytes() + body.tobytes()
                self.files[f"{name}-{kind}-ubyte.gz"] = gzip.compress(raw, mtime=0)
        sums = [(name, hashlib.md5(content).hexdigest()) for name, content in self.files.items()]
        mirror, files = self, self.files

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = files[self.path.strip("/")]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                sent = {"break": content[: len(content) // 2], "noise": bytes(len(content))}.get(mirror.fault, content)
                self.wfile.write(sent)

            def log_message(self, *_) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        site = folder / "sitecustomize.py"
        site.write_text(
            "import torchvision.datasets as d\n"
            f"d.MNIST.mirrors = ['http://127.0.0.1:{self.server.server_port}/']\nd.MNIST.resources = {sums!r}\n"
        )
        self.environment = {"PYTHONPATH": str(folder)}

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()


def fault_names() -> list[str]:
    return [name.removeprefix("fault_") for name in dir(Suite) if name.startswith("fault_")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("faults", nargs="*", choices=[*fault_names(), []], help="default: all")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        suite = Suite(Path(folder), given.kills, given.seed, tuple(given.faults))
        try:
            suite.run()
        except KeyboardInterrupt:
            print("interrupted; so far:", flush=True)
            sys.exit(130)
        finally:
            end_all()
            total = print_tallies(suite.tallies)
    sys.exit(1 if total.bad else 0)


def print_tallies(tallies: dict[str, Tally]) -> Tally:
    """One line a kind, and their sum, which is returned."""
    total = Tally()
    print(f"{'fault':32} {'injected':>8} {'compared':>8} {'lost':>5} {'doubled':>7} {'different':>9}")
    for kind, tally in tallies.items():
        print(f"{kind:32} " + "{:8} {:8} {:5} {:7} {:9}".format(*dataclasses.astuple(tally)))
        total = Tally(*(a + b for a, b in zip(dataclasses.astuple(total), dataclasses.astuple(tally), strict=True)))
    print(f"{'all':32} " + "{:8} {:8} {:5} {:7} {:9}".format(*dataclasses.astuple(total)))
    return total


if __name__ == "__main__":
    main()
