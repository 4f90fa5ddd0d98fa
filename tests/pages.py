"""README and the pages of docs/ as tests see them: their links, their blocks, and how a command of theirs is run."""

import contextlib
import re
import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from spectral_repro.config.compose import Composer, hydra_compose
from spectral_repro.config.jobs import figure_jobs
from spectral_repro.config.read import read_config
from tests.conftest import ROOT, fork_cli
from tests.prepared import Program

PAGES = {path.stem: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}

#: First words of commands that are not run, and why.
EXCUSED = {
    "source": "activates the environment that these tests are in",
    "eval": "changes the shell; tests/config/test_keys.py asks for completions as a shell does",
    "python3": "makes a new environment",
    ".venv/bin/pip": "downloads torch",
    ".venv/bin/python": "runs tests",
    "tensorboard": "opens a server",
    "mlflow": "opens a server",
    "wandb": "needs an account",
}
#: Parts of commands of ours that are only composed, and why. Of each, all cells are composed and checked.
COMPOSED = {
    "hydra/sweeper=optuna": "needs a package; tests/test_hydra.py plays such a sweeper",
    "hydra/launcher=slurm": "needs Slurm; make slurm has one",
    "tracker=wandb": "needs a package; tests/runner/test_tracking.py plays it",
    "tracker=mlflow": "needs a package; tests/runner/test_tracking.py plays it",
    **dict.fromkeys(("mnist", "fashion_mnist", "cifar10", "kmnist"), "needs a download"),
}
#: What is not made shorter: the next line names the hash of its cell.
WHOLE = "spectral-repro n2=20 realizations=2 weights=true"
SHORT = {"realizations": "1", "trainer.max_epochs": "1", "device": "cpu"}
#: Flags that answer without training.
ANSWERED = {"--help", "--cfg", "--config-of"}

MODULES = {
    "spectral-repro-status": "spectral_repro.runner.status",
    "spectral-repro-collect": "spectral_repro.results.collect",
    "spectral-repro-plot": "spectral_repro.figures.command",
}


class Block(NamedTuple):
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that it is to be, as one of its first two lines says."""
        found = re.match(r"(?:# @package _global_\n)?# (\S+\.(?:py|yaml))\n", self.text)
        return found[1] if found else None


def blocks(page: str) -> list[Block]:
    text = PAGES[page].read_text(encoding="utf-8")
    return [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def commands(page: str) -> list[str]:
    """The lines of the blocks of a shell."""
    return [line for b in blocks(page) if b.language == "sh" for line in b.text.splitlines() if line]


def inline_commands(page: str) -> list[str]:
    """What stands in the text as a command: ``spectral-repro …`` and ``make …``."""
    prose = re.sub(r"^```.*?^```$", "", PAGES[page].read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [c for c in re.findall(r"`((?:spectral-repro|make) [^`…]+)`", prose) if not c.startswith("make_")]


def links(page: Path) -> list[tuple[str, str]]:
    """File and anchor of each relative link and picture."""
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [t for t in re.findall(r"\]\(([^)\s]+)\)", prose) if not t.startswith("http")]
    return [(target.partition("#")[0], target.partition("#")[2]) for target in targets]


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def words_of(command: str) -> list[str]:
    """Without comment and without what is set for the environment."""
    words = shlex.split(command, comments=True)
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words


def run_command(command: str, folder: Path) -> str:
    """Runs a line of a page in ``folder``, or checks as much of it as can be; returns what was done."""
    program, *arguments = words_of(command)
    if program == "spectral-repro":
        return _run_ours(command, arguments, folder)
    if program in MODULES:
        _finished(Program(MODULES[program], arguments, folder, {}), command)
        return "run"
    if program == "make":
        targets = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(a for a in arguments if "=" not in a) <= set(targets), command
        return "looked up"
    if program == "pip":
        _check_pip(arguments)
        return "looked up"
    if program == "python":
        assert (ROOT / arguments[0]).is_file(), command
        return "looked up"
    assert program in EXCUSED, f"{command}: is not run, and no reason is given"
    return EXCUSED[program]


def _check_pip(arguments: list[str]) -> None:
    """The extra is one of ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if extra := re.search(r"^\.\[(\w+)\]$", arguments[-1]):
        assert extra[1] in project["optional-dependencies"], arguments


def _run_ours(command: str, arguments: list[str], folder: Path) -> str:
    flags = ANSWERED.intersection(arguments)
    reasons = [COMPOSED[part] for a in arguments for part in (a, a.partition("=")[2]) if part in COMPOSED]
    if "--help" not in arguments and "--config-of" not in arguments:
        sets = compose(arguments, folder)
        reasons += [COMPOSED[name] for name in sets if name in COMPOSED]
    if reasons and not flags:
        return reasons[0]
    if not flags and " ".join([words_of(command)[0], *arguments]) != WHOLE:
        kept = [a for a in arguments if a.partition("=")[0] not in SHORT]
        arguments = [*kept, *(f"{key}={value}" for key, value in SHORT.items())]
    _finished(fork_cli(*arguments, cwd=folder), command)
    return "run"


def compose(arguments: list[str], folder: Path) -> set[str]:
    """Composes and checks every cell of a command; the names of their data sets."""
    own, overrides = None, []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if before == "--config-dir":
            own = str(folder / argument)
        elif argument[0] != "-" and before != "--cfg" and not argument.startswith("hydra"):
            overrides.append(argument)
    overrides = [re.sub(r"=(tag|choice|interval)\(.*$", "=1", o) for o in overrides]
    composer = Composer(lambda job: hydra_compose(job, own))
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.syspath_prepend(folder)
        jobs = figure_jobs(composer.whole, overrides)
        cells = [read_config(composer(job))[0] for job in jobs]
    assert cells, arguments
    return {cell.data["name"] for cell in cells}


def run_program(name: str, folder: Path) -> str:
    """What the file ``name.py`` of a folder prints."""
    return _finished(Program(name, [], folder, {}), name)


def _finished(process, what: str) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, f"{what}\n{out}\n{err}"
    return out
