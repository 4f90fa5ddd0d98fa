"""A figure's sweep on a real Slurm, disturbed: ``python -m tests.slurm_check [--install]`` (as root, on loopback).

Starts a one-node Slurm with accounting (slurmctld, slurmd, slurmdbd, MariaDB, munge) in a temporary folder, runs
a sweep with ``hydra/launcher=submitit_slurm``, tells one job that its time is up, requeues another, cancels a
third, runs the command again, and compares all rows with those of the same sweep on this machine. ``--install``
gets Debian's packages first. Exit code 0 if the rows are the same, 77 if Slurm cannot be had or started here.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import ROOT
from tests.faults import rows

PACKAGES = ["slurmctld", "slurmd", "slurm-client", "slurmdbd", "mariadb-server", "munge"]
SWEEP = (
    *(
        "experiment=fig01",
        "profile=quick",
        "data=mnist5k",
        "method=direct,sqr",
        "n2=10,30",
        "realizations=2",
        "device=cpu",
        "threads=1",
    ),
    # long enough that a job of 6 s still trains when Slurm kills it, KillWait after its signal
    *("trainer.max_epochs=900", "trainer.patience=900", "checkpoint_minutes=0"),
)
LAUNCHER = (
    *("hydra/launcher=submitit_slurm", "hydra.launcher.partition=debug", "hydra.launcher.timeout_min=20"),
    *("hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2", "hydra.launcher.array_size=3"),
)
SLURM_CONF = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=6817
SlurmdPort=6818
AuthType=auth/munge
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
KillWait=2
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=6819
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0,requeue_delay=1
MpiDefault=none
ReturnToService=2
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""
DBD_CONF = """
AuthType=auth/munge
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort=6819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
LogFile={base}/slurmdbd.log
PidFile={base}/slurmdbd.pid
"""


class ClusterError(Exception):
    """Slurm itself cannot be started or does not answer: nothing is known of our launcher."""


def sh(*command: str, check: bool = True, **how) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **how)
    if check and done.returncode:
        raise ClusterError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what: str, condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def answers(*command: str, word: str = "") -> bool:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and word in done.stdout


def install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def slurm(base: Path) -> Iterator[None]:
    """A cluster of this machine; all that was started is stopped at the end."""
    host, processes = socket.gethostname().partition(".")[0], []
    memory = int(0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)
    names = {"host": host, "base": base, "cpus": os.cpu_count(), "memory": memory}
    (base / "slurm.conf").write_text(SLURM_CONF.format(**names))
    (base / "slurmdbd.conf").write_text(DBD_CONF.format(**names))
    (base / "slurmdbd.conf").chmod(0o600)
    for name in ("state", "spool", "mysql"):
        (base / name).mkdir()
    base.chmod(0o755)
    shutil.chown(base / "mysql", "mysql", "mysql")
    os.environ["SLURM_CONF"] = str(base / "slurm.conf")
    sh("mariadb-install-db", "--user=mysql", f"--datadir={base}/mysql", "--skip-test-db")
    database = ("--user=mysql", f"--datadir={base}/mysql", f"--socket={base}/mysql/s", f"--pid-file={base}/mysql/pid")
    sh("install", "-d", "-o", "munge", "-g", "munge", "-m", "0755", "/run/munge")
    munge = subprocess.run(["munge", "-n"], capture_output=True).returncode != 0
    log = (base / "daemons.log").open("w")

    def begin(*command: str) -> None:
        processes.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    try:
        if munge:
            begin("setpriv", "--reuid", "munge", "--regid", "munge", "--clear-groups", "/usr/sbin/munged", "-F")
        begin("mariadbd", "--no-defaults", *database, "--bind-address=127.0.0.1", "--port=13306")
        client = ("mariadb", "--no-defaults", f"--socket={base}/mysql/s", "-e")
        wait_for("MariaDB answers", lambda: answers(*client, "select 1"))
        sh(*client, "create user slurm@'127.0.0.1' identified by 'slurm'; create database slurm_acct_db;")
        sh(*client, "grant all on slurm_acct_db.* to slurm@'127.0.0.1';")
        begin("slurmdbd", "-D")
        wait_for("slurmdbd answers", lambda: answers("sacctmgr", "-n", "show", "cluster"))
        sh("sacctmgr", "-i", "add", "cluster", "local", check=False)
        begin("slurmctld", "-D")
        begin("slurmd", "-D")
        wait_for("the node is idle", lambda: answers("sinfo", "-h", "-o", "%T", word="idle"))
        yield
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "spectral_repro.cli", *SWEEP, f"results_dir={folder}/results", *more]


def disturb(sweep: subprocess.Popen, folder: Path, spared: set[str], action: Callable[[str, str], object]) -> str:
    """Does ``action`` to a job that is training: not in ``spared``, running for seconds, its state being saved."""
    found = []

    def act() -> bool:
        if sweep.poll() is not None:
            raise SystemExit("the sweep ended early:\n" + "".join(sweep.communicate()))
        for line in sh("squeue", "-h", "-t", "R", "-o", "%i %M %A").splitlines():
            job, minutes, number = line.split()
            training = minutes[-2:] >= "06" and list(folder.glob("results/checkpoints/*/*.pt"))
            if job not in spared and training:
                action(job, number)
                found.append(job)
                return True
        return False

    wait_for("a job that is training", act, 120)
    return found[0]


def tell_that_time_is_up(_: str, number: str) -> None:
    """What Slurm does before a job's time limit: SIGUSR2 to its tasks."""
    for line in sh("scontrol", "listpids", number).splitlines()[1:]:
        pid, _, step, *_ = line.split()
        if step not in ("batch", "extern") and b"submitit" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(int(pid), signal.SIGUSR2)


def check(base: Path) -> None:
    reference, folder = base / "reference", base / "cluster"
    reference.mkdir()
    folder.mkdir()
    subprocess.run(command(reference, "hydra/launcher=processes"), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    expected = rows(reference)
    print(f"{len(expected)} rows trained on this machine", flush=True)
    with slurm(base):
        started = time.perf_counter()
        sweep = subprocess.Popen(
            command(folder, *LAUNCHER), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        spared: set[str] = set()
        for what, action in (
            ("told that its time is up", tell_that_time_is_up),
            ("requeued by the scheduler", lambda job, _: sh("scontrol", "requeue", job)),
            ("cancelled", lambda job, _: sh("scancel", job)),
        ):
            job = disturb(sweep, folder, spared, action)
            spared.add(job)
            print(f"job {job} {what}", flush=True)
        while sweep.poll() is None:  # Slurm lets a requeued job wait for two minutes; we do not
            for job in sh("squeue", "-h", "-t", "PD", "-o", "%i %r").splitlines():
                if job.endswith("BeginTime"):
                    answers("scontrol", "update", f"JobId={job.split()[0]}", "StartTime=now")
            time.sleep(1)
        out, err = sweep.communicate()
        if sweep.returncode != 1 or "1 cell failed" not in err:
            raise SystemExit(f"expected one failed cell, got exit code {sweep.returncode}\n{out}\n{err}")
        print(
            f"sweep of {len(expected) // 2} cells ended after {time.perf_counter() - started:.0f} s, 1 cell cancelled"
        )
        states = sh("sacct", "-n", "-X", "--duplicates", "-o", "JobID,State")
        print(states.rstrip())
        if "CANCELLED" not in states:
            raise SystemExit("the cancelled job is not seen in the accounting")
        again = subprocess.run(command(folder, *LAUNCHER), cwd=ROOT, timeout=300, capture_output=True, text=True)
        if again.returncode:
            raise SystemExit(f"the same command did not complete the sweep:\n{again.stderr}")
    got = rows(folder)
    log = (folder / "results/cells.log").read_text()
    print(f"{log.count('interrupted')} cells were interrupted in training and went on from their checkpoints")
    lost, different = expected.keys() - got.keys(), [k for k in expected if k in got and got[k] != expected[k]]
    doubled = [k for k in got if len(got[k]) > 1 or k not in expected]
    print(f"{len(expected)} rows compared: {len(lost)} lost, {len(doubled)} doubled, {len(different)} different")
    for key in different[:1]:
        ours, theirs = expected[key][0], got[key][0]
        print({column: (ours[column], theirs[column]) for column in ours if ours[column] != theirs[column]})
    if lost or doubled or different:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.slurm_check", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install Debian's packages first (as root)")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    given = parser.parse_args()
    if given.install:
        try:
            install()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"Slurm cannot be installed here: {error}")
            sys.exit(77)
    if not shutil.which("slurmctld") or not shutil.which("slurmdbd"):
        print("Slurm is not installed; --install gets it")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the daemons are stopped on the way out
    base = Path(tempfile.mkdtemp(prefix="slurm"))
    try:
        check(base)
    except ClusterError as error:
        print(f"Slurm does not work on this machine: {error}")
        sys.exit(77)
    finally:
        if given.keep:
            print(base)
        else:
            shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
