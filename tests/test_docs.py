"""The pages of docs/: their files, commands and programs, as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_cli
from tests.test_cli import read

PAGES = sorted((ROOT / "docs").glob("*.md"))


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def run_python(program: str, cwd: Path) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_readme_names_every_page(page):
    assert f"(docs/{page.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_experiments_of_ones_own(tmp_path):
    """Each of the page's files is what the page says it is, through the command."""
    for text in blocks("experiments.md", "yaml"):
        path = tmp_path / re.search(r"^# (my_conf/\S+)$", text, flags=re.MULTILINE)[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    fast = ("--config-dir", "my_conf", "realizations=1", "trainer.max_epochs=1", "data=mnist5k", "device=cpu")
    for name, cells in (("small", 1), ("sizes", 3), ("compare", 6)):
        done = run_cli(*fast, f"experiment={name}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{cells} cells: ")
    assert run_cli(*fast, "experiment=small", "n2=20,50", cwd=tmp_path).stdout.startswith("2 cells: ")
    plan = run_cli("--config-dir", "my_conf", "experiment=compare", "plan=true", cwd=tmp_path)
    assert plan.stdout.startswith("6 cells: 0 done, 6 to train (30 networks")
    rows = [row for cell in read(tmp_path).values() for row in cell]
    assert {row["method"] for row in rows} == {"direct", "spectral", "ssvd", "sqr"}


def test_from_python(tmp_path):
    first, second = blocks("python.md", "python")
    assert "sqr  50" in re.sub(r" +", "  ", run_python(first, tmp_path))
    assert 0.1 < float(run_python(second.replace("n2=50", "n2=20, trainer={'max_epochs': 2}"), tmp_path)) < 1


def test_from_another_program(tmp_path):
    (program,) = blocks("sweepers.md", "python")
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "program.py", "method=sqr"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout == "sqr 100\n"


def test_the_table_from_pandas():
    (program,) = blocks("tables.md", "python")
    lines = run_python(program, ROOT).splitlines()
    assert any(line.split()[:1] == ["500"] and line.split()[-1] == "10" for line in lines), lines


def test_networks_of_ones_own(tmp_path):
    """Each block is a program."""
    classes, parametrizations, attention = (run_python(program, tmp_path) for program in blocks("layers.md", "python"))
    assert "Linear(in_features=784, out_features=500, bias=True)" in classes
    assert "torch.Size([144]) torch.Size([32]) torch.Size([82]) torch.Size([144, 32])" in parametrizations
    assert "3.parametrizations.weight.original2" in parametrizations
    left, whole = map(int, attention.split(" of "))
    assert left < whole / 4
