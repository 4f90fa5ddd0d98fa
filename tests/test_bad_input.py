"""Bad input: one line that names key, value and what is allowed; exit code not 0; nothing written, nothing lost."""

import os
import sys

import numpy as np
import pytest

from spectral_repro import cli, data
from tests.conftest import run_cli, write_images

#: overrides, and what the line must contain
BAD = [
    ("method=qr", "method=qr: must be one of diagonal, direct, hashed, linear, lowrank, projection"),
    ("data=mnits", "did you mean mnist?"),
    ("profile=fast", "profile=fast: must be one of paper, quick"),
    ("experiment=fig11", "experiment=fig11: must be one of control_budget, control_sparse, curves"),
    ("method=linear hidden=[30]", "hidden=[30]: goes with hidden layers, of which method=linear has none"),
    (
        "method=linear sparsity=0.5 masking.allocation=dense_output",
        "masking.allocation=dense_output: goes with hidden layers, of which method=linear has none",
    ),
    ("n2=0", "n2=0: must be a whole number, at least 1"),
    ("n2=-5", "n2=-5: must be a whole number, at least 1"),
    ("n2=abc", "n2=abc: must be a whole number"),
    ("n2=1.5", "n2=1.5: must be a whole number"),
    ("n2=null", "n2=null: must be a whole number"),
    ("n2=true", "n2=true: must be a whole number"),
    ("n2=50,100", "several values need a sweep: spectral-repro -m n2=50,100"),
    ("n2=", "n2=: must be a whole number"),
    ("hidden_layers=0", "hidden_layers=0: must be a whole number, from 1 to 1000"),
    ("sparsity=1", "sparsity=1: must be in [0, 1)"),
    ("sparsity=-0.1", "sparsity=-0.1: must be in [0, 1)"),
    ("sparsity=nan", "sparsity=nan: must be in [0, 1)"),
    ("sparsity=half", "sparsity=half: must be in [0, 1)"),
    ("method=sqr method.p=1.5", "method.p=1.5: must be in [0, 1]"),
    ("method=sqr method.p=-1", "method.p=-1: must be in [0, 1]"),
    ("method=sqr method.core=lower", "must be triangular or full"),
    ("method=sqr method.core=full method.p=0.5", "method.p=0.5: must be 1 with core=full"),
    ("method=direct method.p=0.5", "method.p=0.5: is no key"),
    ("method=direct +method.p=0.5", "method.p=0.5: method direct has no such key"),
    ("method=ssvd method.basis=random", "must be orthogonal or gaussian"),
    ("method=spectral method.eig_in=[1,0]", "start value"),
    ("method=spectral method.eig_in=nan", "method.eig_in=nan: must be a start value"),
    ("method=spectral method.eig_in=[a,1]", "method.eig_in=[a,1]: must be a start value"),
    ("method=spectral method.eig_in=[null,1]", "method.eig_in=[null,1]: must be a start value"),
    ("method=spectral method.eig_in=[[1],[2]]", "method.eig_in=[[1],[2]]: must be a start value"),
    ("method=spectral method.eig_in=1" + "0" * 400, "must be a start value"),
    ("method=ssvd method.singular_values=[0,inf]", "method.singular_values=[0,inf]: must be a start value"),
    ("method=null", "method=null: must be one of diagonal, direct"),
    ("experiment=null", "experiment=null: must be one of control_budget"),
    ("~method.protocols", "~method.protocols: must be a group of keys"),
    ("data.lr_as=[x]", "data.lr_as=[x]: must be the name of a data set"),
    ("+data.lr=3", "data.lr=3: must be learning rates by method"),
    ("method=hashed method.multiple=1e308", "method.{'multiple': 1e+308}: cannot convert float infinity"),
    ("trainer=null", "trainer=null: must be a group of keys"),
    ("protocol=[dense]", "protocol=[dense]: must be auto, dense or sparse"),
    ("data.label=3", "data.label=3: must be text"),
    ("-m n2=glob(*)", "n2=glob(*): there are no cells to sweep"),
    ("realizations=0", "realizations=0: must be a whole number, from 1 to 100000"),
    ("seed=-1", "seed=-1: must be a whole number, at least 0"),
    ("device=tpu", "device=tpu: must be auto, cpu, cuda, cuda:N or mps"),
    ("device=cuda:99", "device=cuda:99: there is no such device here; must be one of auto, cpu"),
    ("precision=fast", "precision=fast: must be highest, high or medium"),
    ("protocol=thin", "protocol=thin: must be auto, dense or sparse"),
    ("overwrite=maybe", "overwrite=maybe: must be true or false"),
    ("n3=100", "n3=100: is no key; did you mean n2?"),
    ("trainer.epochs=3", "trainer.epochs=3: is no key; did you mean trainer.max_epochs?"),
    ("+colour=red", "spectral-repro: +colour=red: no such key"),
    ("++colour=red", "spectral-repro: ++colour=red: no such key"),
    ("hydra.job.chdir=true", "hydra.job.chdir=true: means nothing here: all files go to results_dir"),
    ("-m hydra.sweep.dir=elsewhere", "hydra.sweep.dir=elsewhere: means nothing here"),
    ("hydra.run.dir=elsewhere", "hydra.run.dir=elsewhere: means nothing here"),
    (
        "experiment=fig04 experiment=fig05",
        "is the second; several are one list: experiment=fig04,fig05",
    ),
    ("hidden=[50,20] n2=30", "n2=30: means nothing beside hidden=[50,20]"),
    ("hydra/launcher=slurm hydra.launcher.partition=x n2=0", "n2=0: must be a whole number, at least 1"),
    ("methd=sqr", "methd=sqr: is no key; did you mean method?"),
    ("trainer.lr=0.1.2", "trainer.lr=0.1.2: must be above 0, and at most 1e30"),
    ("experiment=fig04 hydra/sweeper=basic", "experiment=fig04: lists cells, which hydra/sweeper=resuming"),
    ("trainer.batch_size=0", "trainer.batch_size=0: must be a whole number"),
    ("trainer.max_epochs=0", "trainer.max_epochs=0: must be a whole number"),
    ("trainer.batch_size=99999", "trainer.batch_size=99999: must be at most 3200"),
    ("trainer.optimizer=lion", "trainer.optimizer=lion: must be adamax, adam, adamw or sgd"),
    ("trainer.activation=swish", "trainer.activation=swish: must be relu, tanh, elu, gelu"),
    ("trainer.lr=0", "trainer.lr=0: must be above 0"),
    ("trainer.lr=1e300", "trainer.lr=1e+300: must be above 0, and at most 1e30"),
    ("trainer.momentum=0.9", "trainer.momentum=0.9: goes with trainer.optimizer=sgd only"),
    ("trainer.weight_decay=0.5", "trainer.weight_decay=0.5: goes with trainer.optimizer=adamw or sgd only"),
    ("trainer.optimizer=sgd trainer.beta1=0.8", "trainer.beta1=0.8: goes with trainer.optimizer=adamax or adam or"),
    ("grid.n2=[20,50]", "grid.n2=[20,50]: is read by experiment=… only"),
    ("realizations=10000000000 plan=true", "realizations=10000000000: must be a whole number, from 1 to 100000"),
    ("hidden_layers=1000000", "hidden_layers=1000000: must be a whole number, from 1 to 1000"),
    ("method.layer=torch.nn.Linear", "method.layer=torch.nn.Linear: must be a subclass of spectral_repro.layers."),
    ("trainer.validation_fraction=1", "trainer.validation_fraction=1: must be in (0, 1)"),
    ("trainer.validation_fraction=0.00001", "leaves 0 of 4000 images to validate on"),
    ("trainer.patience=0", "trainer.patience=0: must be a whole number"),
    ("trainer.beta1=1", "trainer.beta1=1: must be in [0, 1)"),
    ("trainer.epsilon=0", "trainer.epsilon=0: must be above 0"),
    ("trainer.min_delta=-1", "trainer.min_delta=-1: must be in [0, 1)"),
    ("trainer.realizations_per_batch=0", "trainer.realizations_per_batch=0: must be a whole number"),
    ("threads=0", "threads=0: must be a whole number, at least 1"),
    ("checkpoint_minutes=-1", "checkpoint_minutes=-1: must be at least 0"),
    ("tracker=neptune", "tracker=neptune: must be none, csv, tensorboard, wandb or mlflow"),
    ("data=mnist5k +data.resize=8", "data.resize=8: goes with data=folder only"),
    ("rates=tuned", "rates=tuned: results/rates.yaml has none for direct on mnist5k, protocol dense; first"),
    ("rates=mine", "rates=mine: must be published or tuned"),
    ("hidden=[]", "hidden=[]: must be a list of whole numbers, for instance [500,200]"),
    ("hidden=[50,0]", "must be a list of whole numbers, for instance [500,200]"),
    ("hidden=50", "hidden=50: must be a list of whole numbers, for instance [500,200]"),
    ("data=folder data.root=/tmp data.resize=0", "data.resize=0: must be a whole number, from 1 to 512"),
    ("-m hydra/launcher=pbs", "hydra/launcher=pbs: must be one of basic, processes, slurm"),
    ("masking=dense", "masking=dense: must be one of cutoff, gradual, rigl, straight_through"),
    ("masking.allocation=all", "masking.allocation=all: must be uniform, dense_output or global"),
    ("masking.ramp=0", "masking.ramp=0: must be in (0, 1)"),
    ("method=lowrank method.rank=0", "method.rank=0: must be a whole number, at least 1"),
    ("method=hashed method.multiple=0", "method.multiple=0: must be above 0"),
    ("trainer.schedule=linear", "trainer.schedule=linear: must be constant or cosine"),
    ("degrees=true", "degrees=true: needs sparsity above 0"),
    ("data=folder", "data.root=null: must name a folder"),
    ("data=folder data.root=nowhere", "data.root=nowhere: has no folder train/"),
    ("data=folder data.root=one_class", "1 class folder"),
    ("data=folder data.root=unequal", "pixels"),
    ("data=folder data.root=images data.name=../up", "data.name=../up: must be letters"),
    ("data=mnist data_dir=truncated", "MNIST cannot be read"),
    ("results_dir=a_file", "results_dir=a_file: "),
    ("results_dir=a_file/below", "is a file; must be a folder"),
    ("data_dir=", "data_dir=: must name a folder"),
    ("method=sqr n2", "n2: cannot be read; needs =value"),
    ("method=direct method.core=full", "method.core=full: is no key of this method"),
    ("experiment=fig1", "did you mean fig01?"),
    ('n2="50"', 'n2="50": must be a whole number, at least 1 (without quotes)'),
    ("results_dir=résultats", "quotes around the value, and others around them: 'results_dir=\"résultats\"'"),
    ("results_dir=~/x", "'results_dir=\"~/x\"'"),
    ("-m results_dir=~/x n2=3,4", "'results_dir=\"~/x\"'"),
    ("~tracker", "~tracker: is needed, and cannot be removed"),
    ("~method", "~method: is needed, and cannot be removed"),
    ("lr=0.1", "lr=0.1: is no key; did you mean trainer.lr?"),
    ("p=0.5", "p=0.5: is no key; did you mean method.p?"),
    ("data=MNIST", "did you mean mnist?"),
    ("method=SQR", "did you mean sqr?"),
    ("method=sqr method.phi_std=-1", "method.phi_std=-1: must be above 0"),
    ("data=folder data.root=deep", "has mode I;16; must be 1, L, P, RGB, CMYK, YCbCr"),
    ("data=folder data.root=alpha", "has mode RGBA; must be 1, L"),
    ("data=folder data.root=see_through", "has mode P with transparency"),
    ("--config-dir my_conf method=rank_on", "did you mean rank_one?"),
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A folder with one of each thing that can be wrong."""
    from PIL import Image

    from tests.data.test_data import write_idx

    folder = tmp_path_factory.mktemp("workshop")
    write_images(folder / "images")
    write_images(folder / "one_class", classes=1)
    Image.new("L", (9, 9)).save(write_images(folder / "unequal") / "train/class0/odd.png")
    write_idx(folder / "truncated/MNIST/raw")
    file = folder / "truncated/MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:5000])
    deep = Image.fromarray(np.full((6, 6), 40_000, np.uint16))
    deep.save(write_images(folder / "deep") / "train/class0/deep.png")
    Image.new("RGBA", (6, 6)).save(write_images(folder / "alpha") / "train/class0/alpha.png")
    Image.new("P", (6, 6)).save(write_images(folder / "see_through") / "train/class0/a.png", transparency=0)
    (folder / "my_conf/method").mkdir(parents=True)
    (folder / "my_conf/method/rank_one.yaml").write_text("name: rank_one")
    (folder / "a_file").write_text("kept")
    return folder


def contents(folder) -> dict:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*")}


def run_here(arguments: list[str], monkeypatch, capfd) -> tuple[int, str]:
    """The command line in this process: exit code and standard error."""
    monkeypatch.setattr(sys, "argv", ["spectral-repro", *arguments])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    return code if isinstance(code, int) else 1, capfd.readouterr().err


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[b[0] for b in BAD])
def test_one_line_and_nothing_written(arguments, message, workshop, monkeypatch, capfd):
    monkeypatch.chdir(workshop)
    before = contents(workshop)
    data._load.cache_clear()
    data._identify.cache_clear()
    code, err = run_here(arguments.split(" "), monkeypatch, capfd)
    lines = [line for line in err.splitlines() if line.strip()]
    assert code != 0
    assert len(lines) == 1, err
    assert lines[0].startswith("spectral-repro: ")
    assert message in lines[0]
    assert "Traceback" not in err
    assert contents(workshop) == before


@pytest.mark.parametrize("arguments", ["n2=50,0", "method=direct,qr", "n2=20 sparsity=0,2", "n2=20,30 device=cuda:99"])
def test_a_sweep_is_checked_whole_before_it_starts(arguments, workshop, monkeypatch, capfd):
    monkeypatch.chdir(workshop)
    before = contents(workshop)
    code, err = run_here(["-m", *arguments.split(" ")], monkeypatch, capfd)
    assert code != 0
    assert err.count("\n") == 1, err
    assert contents(workshop) == before


def test_in_a_process_of_its_own_and_the_trace_on_request(workshop):
    done = run_cli("n2=0", cwd=workshop)
    assert done.returncode == 2
    assert done.stderr == "spectral-repro: n2=0: must be a whole number, at least 1\n"
    assert "Traceback" in run_cli("n2=0", cwd=workshop, HYDRA_FULL_ERROR="1").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_unwritable_results(tmp_path, monkeypatch, capfd):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    monkeypatch.chdir(tmp_path)
    code, err = run_here([f"results_dir={locked}"], monkeypatch, capfd)
    assert code != 0
    assert "not writable" in err


def test_unwritable_for_anyone(tmp_path, monkeypatch, capfd):
    """A folder on a file system that takes no files, even from the superuser."""
    code, err = run_here(["results_dir=/proc/spectral", "trainer.max_epochs=1"], monkeypatch, capfd)
    assert code != 0
    assert "/proc/spectral" in err
    assert err.count("\n") == 1
