"""Sweeps over several processes: shares of the machine, and a process that dies."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from hydra_plugins.spectral_repro import ArrayLauncher, ProcessesLauncher
from omegaconf import OmegaConf

from spectral_repro.config.compose import config_folder, plain_compose
from spectral_repro.config.read import read_config
from spectral_repro.errors import ConfigError, UserError
from spectral_repro.runner import devices, processes, sweep
from spectral_repro.runner.devices import share_of_devices, share_of_threads
from tests import prepared
from tests.conftest import fork_cli, run_cli, start_cli
from tests.test_cli import common, read

PROCESSES = ("hydra/launcher=processes", "hydra.launcher.processes=2")


def workers_of(sweep: subprocess.Popen) -> list[psutil.Process]:
    """The processes that train: children of the one that they are forked from, or (macOS) of the sweep's."""
    found = []
    for process in psutil.Process(sweep.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.ppid() != sweep.pid or "spawn_main" in " ".join(process.cmdline()):
                found.append(process)
    return found


def test_a_killed_process_ends_its_cell_only(two_cells, tmp_path):
    sweep = start_cli(*two_cells.arguments, *PROCESSES, "checkpoint_minutes=0", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("results/checkpoints/*/direct*.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    min(workers_of(sweep), key=lambda worker: worker.pid).kill()
    out, err = sweep.communicate(timeout=100)
    assert sweep.returncode == 1, out + err
    assert "1 cell failed, the others are kept" in err
    assert "its process died: signal 9 (SIGKILL)" in err
    assert "Traceback" not in err
    assert "leaked" not in err
    assert len(read(tmp_path)) == 1
    again = run_cli(*two_cells.arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "1 to train (2 networks" in again.stdout
    assert read(tmp_path) == two_cells.rows
    assert not list(tmp_path.rglob("*.pt"))
    assert not list(tmp_path.rglob("multirun"))
    log = (tmp_path / "results/cells.log").read_text().splitlines()
    assert len(log) == 2
    assert all("2 networks trained -> " in line for line in log)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_sweep(images, tmp_path, signal_number):
    """Started in the background, where a shell has its jobs ignore SIGINT."""
    long = {"trainer.max_epochs": 100_000, "trainer.patience": 99_999, "checkpoint_minutes": 0}
    command = [
        sys.executable,
        "-m",
        "spectral_repro.cli",
        "-m",
        *common(images, method="direct,sqr", **long),
        *PROCESSES,
    ]
    sweep = subprocess.Popen(
        command,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 90
    while len(list(tmp_path.glob("results/checkpoints/*/*.pt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    training, workers = workers_of(sweep), psutil.Process(sweep.pid).children(recursive=True)
    sweep.send_signal(signal_number)
    sweep.wait(timeout=30)
    _, alive = psutil.wait_procs(workers, timeout=10)
    for process in alive:
        process.kill()
    assert len(training) == 2
    assert not alive


def test_jobs_are_spread_over_the_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert [share_of_devices("auto", job) for job in range(5)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:0"]
    assert share_of_devices("cuda:2", 1) == "cuda:2"
    assert share_of_devices("cpu", 1) == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert share_of_devices("auto", 3) == "auto"


def pretend(config, options, telling, interruptible) -> None:
    """Stands in for a job."""
    lines = processes._Lines(telling)
    print(f"epochs of {config['name']}\nhalf a li", end="", file=lines)
    while "after" in config and not Path(config["after"]).exists():
        time.sleep(0.05)
    print("ne", file=lines)
    if config["name"] == "dies":
        os._exit(3)
    if config["name"] == "killed":
        os.kill(os.getpid(), signal.SIGRTMIN + 6)
    if config["name"] == "torn":
        os.write(telling.fileno(), b"\0\0\1\0 half a message")
        os._exit(0)
    special = {"wrong": UserError("n2=0: must be more"), "long": "x" * 2**20}
    telling.send((False, special.get(config["name"], (config["name"], options.device, options.threads))))


def stream(monkeypatch, *jobs, count=2, seen=lambda _: None) -> list:
    """The outcomes, each of which ``seen`` is told when it comes."""
    prepared.start()
    monkeypatch.setattr(processes, "work", pretend)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(processes, "cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    options = read_config(plain_compose()([]))[1]
    told = [(job, options.model_copy(update={"threads": job.get("threads", "auto")})) for job in jobs]
    outcomes = []
    for outcome in ProcessesLauncher(processes=count).stream(told):
        outcomes.append(outcome)
        seen(outcome)
    return outcomes


def test_a_job_takes_the_share_that_has_become_free(monkeypatch, tmp_path):
    """Three jobs on two shares, the second of which ends first; what the jobs print is passed on."""
    written = []
    monkeypatch.setattr(processes.tqdm, "write", written.append)
    last = tmp_path / "c"
    jobs = [{"name": "a", "after": str(last)}, {"name": "b"}, {"name": "c", "threads": 1}]
    outcomes = stream(monkeypatch, *jobs, seen=lambda outcome: outcome[0] == 2 and last.touch())
    assert sorted(outcomes) == [(0, ("a", "cuda:0", 3)), (1, ("b", "cuda:1", 3)), (2, ("c", "cuda:1", 1))]
    assert [i for i, _ in outcomes] == [1, 2, 0]
    assert sorted(written) == sorted([*(f"epochs of {n}" for n in "abc"), *["half a line"] * 3])


def test_the_cores_are_those_of_the_jobs_that_there_are(monkeypatch):
    assert stream(monkeypatch, {"name": "a"}, count=6) == [(0, ("a", "cuda:0", 6))]


def test_what_ends_a_process_is_told(monkeypatch):
    names = ("dies", "killed", "torn", "wrong", "long")
    outcomes = dict(stream(monkeypatch, *({"name": name} for name in names)))
    assert str(outcomes[0]) == "its process died: exit code 3"
    assert str(outcomes[1]) == f"its process died: signal {signal.SIGRTMIN + 6}"
    assert str(outcomes[2]) == "its process died: exit code 0"
    assert str(outcomes[3]) == "n2=0: must be more"
    assert len(outcomes[4]) == 2**20  # more than a pipe holds


def test_a_job_that_cannot_begin_fails_alone(monkeypatch):
    worker, left = processes._Worker, [True]

    def begin(*arguments):
        if left:
            left.pop()
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return worker(*arguments)

    monkeypatch.setattr(processes, "_Worker", begin)
    outcomes = dict(stream(monkeypatch, {"name": "a"}, {"name": "b"}, count=1))
    assert "temporarily unavailable" in str(outcomes[0])
    assert outcomes[1] == ("b", "cuda:0", 6)


@pytest.mark.parametrize("count", [0, -1, 1.5, "two", True])
def test_a_number_of_processes_is_one(count):
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.processes=.*must be an integer of at least 1, or null"):
        ProcessesLauncher(processes=count)


def test_how_many_train_at_a_time_by_default(monkeypatch):
    monkeypatch.setattr(devices, "cores", lambda: 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [devices.training_processes(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == [3, 3, 1, 4]


@pytest.mark.parametrize(
    ("kind", "says"), [("cpu", "processes trains"), ("cuda", "processes=6 trains 6 cells at a time on one GPU")]
)
def test_a_long_sweep_hears_what_would_be_faster(kind, says, monkeypatch):
    class BasicLauncher: ...

    class Other: ...

    todo = [SimpleNamespace(options=SimpleNamespace(device="auto"))] * 2
    monkeypatch.setattr(sweep, "choose_device", lambda name: torch.device(kind))
    monkeypatch.setattr(sweep, "cores", lambda: 6)
    assert says in sweep._faster(BasicLauncher(), todo, 3600)[0]
    for launcher, jobs, seconds in (
        (Other(), todo, 3600),
        (BasicLauncher(), todo[:1], 3600),
        (BasicLauncher(), todo, 9),
    ):
        assert sweep._faster(launcher, jobs, seconds) == []


def test_a_program_without_a_guard_sweeps_once(images, tmp_path):
    """And a file of the user's that has the name of one of Python's modules is not taken for it."""
    arguments = ["spectral-repro", "-m", *common(images, method="direct"), *PROCESSES]
    program = f"import sys\nfrom spectral_repro import cli\nsys.argv = {arguments}\ncli.main()\n"
    (tmp_path / "statistics.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "program").mkdir()
    (tmp_path / "program/sweep.py").write_text(program)
    command = [sys.executable, "program/sweep.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("to train") == 1
    assert len(read(tmp_path)) == 1


def test_what_a_process_warns_of_is_seen(images, tmp_path):
    done = run_cli("-m", *common(images, method="direct", **{"trainer.lr": 1e6}), *PROCESSES, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "trainer.lr=1e+06 may be too high" in done.stdout + done.stderr


def test_threads_are_the_users_else_the_schedulers(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert share_of_threads("auto") is None
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    assert share_of_threads("auto") == 6
    assert share_of_threads(3) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert share_of_threads("auto") is None


def test_missing_package_is_one_line(images, tmp_path):
    """Without hydra-submitit-launcher: which package to install."""
    hide = tmp_path / "hide"
    hide.mkdir()
    hidden = "import sys; sys.modules['hydra_plugins.hydra_submitit_launcher.submitit_launcher'] = None"
    (hide / "sitecustomize.py").write_text(hidden)
    done = run_cli("-m", *common(images), "hydra/launcher=slurm", cwd=tmp_path, PYTHONPATH=str(hide))
    assert done.returncode == 2
    assert "pip install hydra-submitit-launcher" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_tensorboard_curves(images, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    done = run_cli(*common(images, tracker="tensorboard"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (rows,) = read(tmp_path).values()
    for row in rows:
        (folder,) = tmp_path.glob(f"results/tensorboard/*/*/{row['seed']}")
        events = EventAccumulator(str(folder))
        events.Reload()
        curve = events.Scalars("validation_accuracy")
        assert [e.step for e in curve] == list(range(1, int(row["epochs"]) + 1))
        assert abs(curve[-1].value - float(row["validation_accuracy"])) < 1e-6


def test_a_sweep_that_is_terminated_says_so_and_goes_on(images, tmp_path):
    arguments = common(images, **{"trainer.max_epochs": 4000, "trainer.patience": 9999, "checkpoint_minutes": 0})
    process = fork_cli(*arguments, cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "goes on from there" in err
    assert (tmp_path / "results/cells.log").read_text().endswith("  interrupted\n")
    (checkpoint,) = tmp_path.rglob("*.pt")
    assert checkpoint.stat().st_size > 1000


class FakeJob:
    """What our launcher needs of a submitit job that has ended."""

    def __init__(self, overrides: list[str], folder: Path) -> None:
        self.overrides, self.job_id = overrides, "1_0"
        self.paths = SimpleNamespace(result_pickle=folder, stderr="log")

    def wait(self) -> None: ...

    def done(self) -> bool:
        return True

    def results(self) -> list:
        if "n2=3" in self.overrides:
            raise RuntimeError("was cancelled")
        return [SimpleNamespace(return_value=self.overrides)]


def test_arrays_are_split_below_the_schedulers_limit(monkeypatch, tmp_path):
    """And what sbatch is told is what the configuration says."""
    import submitit

    sizes, told = [], {}

    class FakeExecutor:
        def __init__(self, cluster, folder, slurm_max_num_timeout):
            told.update(cluster=cluster, folder=folder, slurm_max_num_timeout=slurm_max_num_timeout)

        def update_parameters(self, **parameters):
            told.update(parameters)

        def map_array(self, function, overrides, *rest):
            sizes.append(len(overrides))
            return [FakeJob(o, tmp_path) for o in overrides]

    monkeypatch.setattr(submitit, "AutoExecutor", FakeExecutor)
    launcher = OmegaConf.to_container(OmegaConf.load(config_folder() / "hydra/launcher/slurm.yaml"), resolve=False)
    del launcher["_target_"]
    launcher.update(name="job", submitit_folder="jobs", array_size=4, gpus_per_node=1)
    outcomes = list(ArrayLauncher(**launcher).stream([[f"n2={i}"] for i in range(10)]))
    assert sizes == [4, 4, 2]
    assert [i for i, _ in outcomes] == list(range(10))
    assert [o for i, o in outcomes if i != 3] == [[f"n2={i}"] for i in range(10) if i != 3]
    assert "died: was cancelled" in str(outcomes[3][1])
    assert told["gpus_per_node"] == 1
    assert told["slurm_max_num_timeout"] == 20
    assert told["slurm_signal_delay_s"] == 120
    assert told["slurm_array_parallelism"] == 256
    assert "slurm_array_size" not in told
    parameters = submitit.slurm.slurm.SlurmExecutor._valid_parameters()
    assert {k.removeprefix("slurm_") for k in told} <= parameters | {
        *("cluster", "folder", "max_num_timeout", "timeout_min", "cpus_per_task", "tasks_per_node", "mem_gb", "name")
    }
