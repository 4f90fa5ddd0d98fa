"""What a stranger types first: help, versions, TAB, a terminal without Greek."""

import subprocess
import sys

import pytest

import spectral_repro
from tests.conftest import ROOT, start_cli

COMMANDS = {
    "spectral-repro": "spectral_repro.cli",
    "spectral-repro-collect": "spectral_repro.results.collect",
    "spectral-repro-plot": "spectral_repro.figures.command",
    "spectral-repro-report": "spectral_repro.report.command",
    "spectral-repro-status": "spectral_repro.runner.status",
}


def run(*arguments: str, cwd=ROOT, **environment: str) -> subprocess.CompletedProcess:
    process = start_cli(*arguments, cwd=cwd, **environment)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--help"], ""),
        (["--version"], ""),
        (["-sc", "query=bash"], "spectral-repro method=s"),
        (["-sc", "query=bash"], "spectral-repro trainer.optimizer=adam,"),
        (["-sc", "query=bash"], "spectral-repro --"),
    ],
)
def test_what_needs_no_torch_does_not_wait_for_it(arguments, line):
    program = """
import atexit, sys
heavy = {"torch", "torchvision", "pandas", "scipy", "matplotlib"}
atexit.register(lambda: print("loaded:", *sorted(heavy & sys.modules.keys()), file=sys.stderr))
from spectral_repro.cli import main
main()
"""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"COMP_LINE": line, "PATH": ""}, cwd=ROOT)
    assert done.stderr == "loaded:\n"
    assert done.stdout


def test_the_help_fits_a_terminal_and_names_what_there_is():
    text = run("--help").stdout
    assert max(map(len, text.splitlines())) <= 80
    for word in ("--config-dir", "--version", "--cfg job --resolve", *COMMANDS):
        assert word in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_version(command):
    program = f"import sys; sys.argv = ['{command}', '--version']; from {COMMANDS[command]} import main; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{command} {spectral_repro.__version__} (torch ")
    assert "hydra-core" in done.stdout


def test_a_terminal_without_greek_ends_in_no_error(tmp_path):
    done = run("n2=5", "realizations=2", "trainer.max_epochs=1", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert " +- " in done.stdout
    told = run("--help", PYTHONIOENCODING="ascii")
    assert told.returncode == 0
    assert "start values of lambdain" in told.stdout


def test_a_resolved_configuration_has_what_a_run_would_use(tmp_path):
    text = run("--cfg", "job", "--resolve", "method=sqr", "sparsity=0.9", cwd=tmp_path).stdout
    assert "\n  max_epochs: 90\n" in text
    assert "\n  optimizer: adam\n" in text
    assert "\n  lr: 0.005\n" in text
    assert "\n  eig_in: 1.0\n" in text
    wrong = run("--cfg", "job", "--resolve", "n3=5", cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr == "spectral-repro: n3=5: is no key; did you mean n2? (spectral-repro --help lists the keys)\n"
