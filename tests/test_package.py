"""What a stranger installs: a wheel from the sdist, with nothing of the test environment but what it depends on."""

import os
import re
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

#: What the extras install, and nothing else does: not there for who has the base install.
EXTRAS = ("safetensors", "tensorboard", "submitit", "hydra_plugins.hydra_submitit_launcher", "psutil", "hypothesis")
EXTRAS += ("pytest", "polars", "mypy", "playwright", "vl_convert")


def python(*arguments: object, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> dict[str, Path]:
    """The sdist of this checkout, and the wheel that is built from what it unpacks to."""
    folder = tmp_path_factory.mktemp("built")
    python("hatchling", "build", "-t", "sdist", "-d", folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (source,) = (folder / "unpacked").iterdir()
    python("hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return {"sdist": sdist, "source": source, "wheel": wheel}


@pytest.fixture(scope="session")
def installed(built, tmp_path_factory) -> Path:
    """The folder of commands of a new environment that has the wheel and the base install.

    What we depend on comes from this environment, where it was installed, and what only extras bring is hidden.
    """
    environment = tmp_path_factory.mktemp("fresh") / "venv"
    python("venv", "--without-pip", environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    python("pip", "install", "-q", "--no-deps", "--target", packages, built["wheel"])
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    # Not by a sitecustomize, of which Debian's Python has its own.
    (packages / "hidden.pth").write_text(f"import sys; sys.modules.update(dict.fromkeys({EXTRAS}))\n")
    bins = environment / "bin"
    for script in (packages / "bin").iterdir():
        text = script.read_text()
        (bins / script.name).write_text(re.sub(r"\A#!.*", f"#!{bins / 'python'}", text))
        (bins / script.name).chmod(0o755)
    return bins


def run(command: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "HOME": str(cwd)}
    command = [str(command), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment, timeout=240)


def test_the_sdist_has_every_room_and_no_rows(built):
    tracked = {p.relative_to(ROOT) for p in (ROOT / "spectral_repro").rglob("*.py")}
    missing = {p for p in tracked if not (built["source"] / p).exists()}
    assert not missing
    assert not (built["source"] / "results").exists()


def test_the_wheel_has_what_it_needs(built):
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    for name in (
        "spectral_repro/results/rows.py",
        "spectral_repro/conf/config.yaml",
        "spectral_repro/py.typed",
        "spectral_repro/page/assets/index.html",
        "spectral_repro/page/assets/main.js",
    ):
        assert name in names
    assert {"spectral_repro/claims.py", "spectral_repro/report/templates/report.md.j2"} <= names
    assert "hydra_plugins/spectral_repro.py" in names
    assert not [n for n in names if n.startswith(("results", "tests", "conf/"))]


def test_the_extras_that_are_hidden_are_those_of_the_project():
    """Or a new one would be there by accident."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {re.match(r"[\w-]+", r)[0] for extra in project["optional-dependencies"].values() for r in extra}
    base = {re.match(r"[\w-]+", r)[0] for r in project["dependencies"]}
    hidden = {name.partition(".")[0].replace("_", "-") for name in EXTRAS}
    tools = {"spectral-repro", "hydra-submitit-launcher", "wandb", "mlflow", "hatchling", "pytest-xdist", "ruff"}
    tools |= {"vl-convert-python"}  # hidden by the name of its module
    assert extras - base - tools <= hidden


def test_it_runs_from_an_empty_folder(installed, tmp_path):
    done = run(installed / "spectral-repro", "n2=20", "realizations=2", "trainer.max_epochs=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "direct  mnist5k  20" in done.stdout
    where = run(installed / "python", "-c", "import spectral_repro; print(spectral_repro.__file__)", cwd=tmp_path)
    assert str(installed.parent) in where.stdout
    sweep = ("-m", "n2=5,6", "realizations=1", "trainer.max_epochs=1", "hydra/launcher=processes")
    swept = run(installed / "spectral-repro", *sweep, cwd=tmp_path)
    assert swept.returncode == 0, swept.stderr
    missing = run(installed / "spectral-repro", "weights=true", cwd=tmp_path)
    assert missing.returncode == 2
    assert missing.stderr == ("spectral-repro: weights=true: needs a package: pip install safetensors\n")


def test_the_base_install_writes_what_is_committed(installed, tmp_path):
    """One test, as its minute would else be spent by each process of tests: table, report, leaderboard, figures."""
    for name in ("runs", "degrees", "bench", "curves", "spectra", "pruning.csv"):
        if (path := ROOT / "results" / name).exists():
            (tmp_path / "results").mkdir(exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / "results" / name)
    for command in ("collect", "report", "plot"):
        done = run(installed / f"spectral-repro-{command}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    tables = [f"tables/{path.name}" for path in (ROOT / "results/tables").iterdir()]
    assert len(tables) == len(list((tmp_path / "results/tables").iterdir()))
    for name in ("results.csv", "rates.yaml", "REPORT.md", "LEADERBOARD.md", "claims.json", *tables):
        assert (tmp_path / "results" / name).read_bytes() == (ROOT / "results" / name).read_bytes(), name
    drawn = {path.name for path in (tmp_path / "results/figures").iterdir()}
    assert drawn == {path.name for path in (ROOT / "results/figures").iterdir()}
