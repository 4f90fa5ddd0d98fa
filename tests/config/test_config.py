"""Every file of conf/, what it comes to, and what the hash of a cell covers."""

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from omegaconf import DictConfig, OmegaConf

from spectral_repro.config.cell import import_layer, source_of_others
from spectral_repro.config.compose import Composer, config_folder, hydra_compose, plain_compose, plain_composer
from spectral_repro.config.jobs import cells_of, expand, figure_jobs
from spectral_repro.config.keys import Run
from spectral_repro.config.read import read_config
from spectral_repro.config.written import command_of, described
from spectral_repro.errors import ConfigError
from spectral_repro.figures.catalogue import FIGURES, TUNED
from spectral_repro.figures.hubs import kind_of
from spectral_repro.results.commands import commands_of
from spectral_repro.runner import plan
from spectral_repro.runner.plan import plan_sweep

CONF = config_folder()


def names(group: str) -> list[str]:
    return sorted(p.stem for p in (CONF / group).glob("*.yaml"))


def cell(*overrides: str):
    return read_config(plain_composer()(overrides))[0]


@pytest.mark.parametrize("data", names("data"))
@pytest.mark.parametrize("method", names("method"))
def test_every_method_and_data_set_composes(method, data):
    root = ["data.root=/some/pictures"] if data == "folder" else []
    for sparsity in ("0", "0.9"):
        made = cell(f"method={method}", f"data={data}", f"sparsity={sparsity}", *root)
        assert made.method == method
        assert made.data["name"] == ("pictures" if data == "folder" else data)
        assert made.trainer["lr"] > 0
        assert import_layer(made.layer).__module__.startswith("spectral_repro.layers")


@pytest.mark.parametrize(
    ("data", "method", "dense", "sparse"),
    [
        ("mnist", "direct", 0.015, 0.005),
        ("mnist", "spectral", 0.015, None),
        ("mnist", "ssvd", 0.015, None),
        ("mnist", "sqr", 0.005, 0.005),
        ("mnist5k", "sqr", 0.005, 0.005),
        ("fashion_mnist", "direct", 0.001, 0.001),
        ("fashion_mnist", "spectral", 0.015, None),
        ("fashion_mnist", "ssvd", 0.015, None),
        ("fashion_mnist", "sqr", 0.001, 0.001),
        ("cifar10", "direct", 0.002, 0.0001),
        ("cifar10", "ssvd", 0.015, None),
        ("cifar10", "sqr", 0.003, 0.003),
        ("cifar10_jpeg", "sqr", 0.003, 0.003),
        ("cifar10_jpeg", "direct", 0.002, 0.0001),
    ],
)
def test_learning_rates_of_the_specification(data, method, dense, sparse):
    assert cell(f"data={data}", f"method={method}").trainer["lr"] == dense
    if sparse is not None:
        assert cell(f"data={data}", f"method={method}", "sparsity=0.5").trainer["lr"] == sparse
    assert cell(f"data={data}", f"method={method}", "trainer.lr=0.5").trainer["lr"] == 0.5


def test_protocols_of_the_specification():
    dense, sparse = cell("method=sqr").trainer, cell("method=sqr", "sparsity=0.5").trainer
    shared = {"max_epochs": 90, "batch_size": 200, "min_delta": 0.005, "lr": 0.005}
    shared |= {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "momentum": 0.0, "weight_decay": 0.0}
    shared["schedule"] = "constant"
    assert dense == {
        **shared,
        "optimizer": "adamax",
        "activation": "relu",
        "validation_fraction": 0.2,
        "patience": 8,
    }
    assert sparse == {**shared, "optimizer": "adam", "activation": "tanh", "validation_fraction": 0.3, "patience": 5}
    assert cell("protocol=sparse").trainer["activation"] == "tanh"
    assert cell("method=sqr").method_options["eig_in"] == [-0.97, 0.97]
    assert cell("method=sqr", "sparsity=0.5").method_options["eig_in"] == 1.0
    assert cell("method=sqr", "sparsity=0.5", "method.eig_in=0.5").method_options["eig_in"] == 0.5


def test_original_method_differs_from_the_second_layer_on():
    made = cell("method=spectral_original")
    assert made.method_options["train_eig_in"] is False
    assert made.method_options["eig_in"] == 1.0
    assert made.first_layer == {"train_eig_in": True, "eig_in": [-0.97, 0.97]}


CHANGES = [
    ("n2=50", True),
    ("hidden_layers=2", True),
    ("hidden=[100]", False),
    ("hidden=[100,100]", True),
    ("sparsity=0.5", True),
    ("method.p=0.5", True),
    ("method.core=full", True),
    ("method.phi_std=0.1", True),
    ("data=mnist", True),
    ("data=cifar10_jpeg", True),
    ("trainer.lr=0.1", True),
    ("trainer.batch_size=100", True),
    ("trainer.max_epochs=9", True),
    ("trainer.patience=9", True),
    ("trainer.min_delta=0.1", True),
    ("trainer.optimizer=adam", True),
    ("trainer.activation=tanh", True),
    ("trainer.validation_fraction=0.5", True),
    ("trainer.beta1=0.8", True),
    ("trainer.beta2=0.99", True),
    ("trainer.epsilon=1e-8", True),
    ("trainer.beta1=0.9", False),
    ("trainer.optimizer=sgd trainer.momentum=0.5", True),
    ("trainer.momentum=0.0", False),
    ("trainer.optimizer=adamw trainer.weight_decay=0.1", True),
    ("trainer.schedule=cosine", True),
    ("trainer.schedule=constant", False),
    ("precision=medium", True),
    ("protocol=dense", False),
    ("trainer.batch_size=200", False),
    ("device=cpu", False),
    ("realizations=3", False),
    ("seed=7", False),
    ("data_dir=/elsewhere", False),
    ("results_dir=/elsewhere", False),
    ("overwrite=true", False),
    ("trainer.realizations_per_batch=2", False),
    ("checkpoint_minutes=0", False),
    ("threads=1", False),
    ("tracker=tensorboard", False),
]


def test_widths_that_are_alike_are_the_network_of_before():
    alike, other = cell("hidden=[70,70]"), cell("hidden=[70,20]")
    assert alike == cell("n2=70", "hidden_layers=2")
    assert alike.hidden == ()
    assert (other.widths, other.n2, other.hidden_layers) == ((70, 20), 70, 2)
    assert other.slug == f"direct-n2_70_20-h2-s0-{other.config_hash}"
    assert len({c.config_hash for c in (alike, other, cell("hidden=[20,70]"), cell("hidden=[70,20,20]"))}) == 4


def test_an_image_folder_that_is_resized_is_another_cell():
    plain, small = (cell("data=folder", "data.root=/x/cats", *more) for more in ([], ["data.resize=8"]))
    assert "resize" not in plain.data
    assert (plain.data["name"], small.data["name"]) == ("cats", "cats_8px")
    assert cell("data=folder", "data.root=/x/cats", "data.resize=8", "data.name=mine").data["name"] == "mine"
    assert plain.config_hash != small.config_hash


@pytest.mark.parametrize(("change", "matters"), CHANGES)
def test_the_hash_covers_the_mathematics_and_nothing_else(change, matters):
    assert (cell("method=sqr").config_hash != cell("method=sqr", *change.split()).config_hash) is matters


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ("masking=cutoff", False),
        ("masking=straight_through", True),
        ("masking=gradual", True),
        ("masking=rigl", True),
        ("masking.allocation=global", True),
        ("masking.ramp=0.9", False),  # of a constant sparsity nothing rises
        ("masking.interval=7", False),
    ],
)
def test_the_hash_covers_what_matters_of_masking(change, matters):
    sparse = ("method=direct", "sparsity=0.9")
    assert (cell(*sparse).config_hash != cell(*sparse, change).config_hash) is matters
    assert cell("method=direct").config_hash == cell("method=direct", change).config_hash  # dense


def test_what_the_optimizer_reads_is_part_of_the_hash():
    for optimizer, change in (("sgd", "momentum=0.5"), ("sgd", "weight_decay=0.1"), ("adamw", "weight_decay=0.1")):
        plain = cell(f"trainer.optimizer={optimizer}")
        assert plain.config_hash != cell(f"trainer.optimizer={optimizer}", f"trainer.{change}").config_hash


@pytest.mark.parametrize(
    ("rule", "same"),
    [
        (("masking=straight_through",), ("masking.gradient=all",)),
        (("masking=gradual",), ("masking.schedule=cubic", "masking.name=mine")),
        (("masking=rigl",), ("masking=straight_through", "masking.gradient=survivors", "masking.choice=rigl")),
        (("masking=gradual", "masking.gradient=all"), ("masking=straight_through", "masking.schedule=cubic")),
    ],
)
def test_a_way_to_silence_is_called_by_what_it_does(rule, same):
    """One hash, one file, one label, whatever it was written as."""
    sparse = ("method=direct", "sparsity=0.9")
    one, other = cell(*sparse, *rule), cell(*sparse, *same)
    assert one == other
    assert one.slug == other.slug
    assert one.masking_names == other.masking_names
    assert cell(*shlex.split(command_of(one))[1:]) == one
    assert one.masking_names[0] == ("gradual+straight_through" if len(rule) > 1 else rule[0].partition("=")[2])


def test_what_does_not_go_with_rigl_is_refused():
    for change, message in (
        (
            "masking.allocation=global",
            "masking.allocation=global: must be uniform or dense_output with masking.choice=rigl",
        ),
        ("masking.schedule=cubic", "masking.schedule=cubic: must be constant with masking.choice=rigl"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            cell("method=direct", "sparsity=0.9", "masking=rigl", change)


def test_committed_rows_keep_their_names():
    """A changed hash would orphan every row that was ever made: bump HASH_VERSION on purpose only."""
    assert cell("data=mnist", "method=sqr").config_hash == "c4e188145997a"
    assert cell("data=mnist", "method=direct", "n2=500").config_hash == "cfb9ec074f1fa"
    committed = {p.stem.rpartition("-")[2] for p in (CONF.parent / "results/runs").glob("*/*.csv")}
    stood_in = [(name, "cifar10_jpeg") for name in ("fig01", "fig02", "fig05", "fig08", "rates")]  # the JPEG copies
    known = {
        c.config_hash
        for name, data in [*((name, None) for name in JOBS), *stood_in]
        for profile in ("paper", "quick")
        for c, _ in cells_of(name, profile, data)
    }
    tuned = "rates=tuned", f'results_dir="{CONF.parent / "results"}"'
    for spec in TUNED.values():
        for data in spec.datasets:
            with contextlib.suppress(ConfigError):  # no rates yet
                known |= {c.config_hash for c, _ in cells_of(spec.experiment, "paper", data, tuned)}
    for name in ("fig02", "fig05"):  # of the JPEG copies, a figure of which is not complete
        known |= {c.config_hash for c, _ in cells_of(name, "paper", "cifar10_jpeg", tuned)}
    commands = commands_of(CONF.parent / "results")
    others = committed - known  # networks of results/pruning.csv before they were pruned, and narrow ones beside them
    assert len(others) == 10
    for config_hash in others:
        assert cell(*shlex.split(commands[config_hash])[1:]).config_hash == config_hash


def test_two_image_folders_are_two_cells():
    a, b = (cell("data=folder", f"data.root=/x/{name}") for name in ("cats", "dogs"))
    assert a.config_hash != b.config_hash
    assert cell("data=folder", "data.root=/y/cats").config_hash == a.config_hash
    assert cell("data=folder", "data.root=/x/cats", "data.name=felines").data["name"] == "felines"


def test_the_slug_is_readable_and_ends_with_the_hash():
    made = cell("method=sqr", "n2=70", "method.p=0.25", "sparsity=0.9")
    assert made.slug == f"sqr-n2_70-h1-s0.9-p_0.25-triangular-{made.config_hash}"


#: Jobs of each experiment at both profiles, counted by hand from SPEC 4.
JOBS = {
    "fig01": (4 * 9, 4 * 4),
    "fig02": (3 * 2 * 9, 3 * 2 * 4),
    "fig03": (3 * 8, 3 * 4),
    "fig04": (4 * 8, 4 * 4),
    "fig05": (4 * 8, 4 * 4),
    "fig06": (2 + 8, 2 + 4),
    "fig07": (2 + 8, 2 + 4),
    "fig08": (2 + 8, 2 + 4),
    "fig09": (4 * 7, 4 * 4),
    "fig10": (2 * 9, 2 * 4),
    "hubs": (4, 4),
    "findings": (3 * 8 + 2 * 4 + 2 * 2, 3 * 4 + 2 * 4 + 2 * 2),
    "control_sparse": (2 * (4 + 1) * 2 * 4, 2 * (4 + 1) * 2 * 2),
    "control_budget": (2 * (4 * 8 + 4 + 7 + 10 + 7 + 2 + 4), 2 * (4 * 4 + 2 + 3 + 3 + 2 + 2 + 2)),
    "curves": (2 * (4 + 2 + 1), 2 * (4 + 2 + 1)),
    "rates": ((2 * (10 + 4 + 1) + 4 + 4 + 1) * 6, (2 * (10 + 4 + 1) + 4 + 4 + 1) * 3),
}


def test_every_experiment_is_counted():
    assert set(JOBS) == set(names("experiment"))
    assert set(FIGURES) <= set(JOBS)


@pytest.mark.parametrize("experiment", JOBS)
def test_jobs_of_every_experiment(experiment):
    for profile, count in zip(("paper", "quick"), JOBS[experiment], strict=True):
        jobs = figure_jobs(plain_composer().whole, [f"experiment={experiment}", f"profile={profile}"])
        twice = 2 * (experiment == "control_budget")  # S-QR at p = 1 is one of its sizes too
        assert len(jobs) == len(set(jobs)) == count + twice
        cells = cells_of(experiment, profile)
        assert len(cells) == count
        realizations = 3 if profile == "quick" else 5 if experiment == "fig08" else 10
        if experiment == "rates":
            realizations = 2 if profile == "quick" else 3
            assert {seeds.start for _, seeds in cells} == {1000}
        assert {len(seeds) for _, seeds in cells} == {realizations}
        protocol = {c.trainer["optimizer"] for c, _ in cells}
        adam = experiment in ("fig02", "fig10", "hubs", "control_sparse")
        both = experiment in ("rates", "findings", "curves")
        assert protocol == ({"adam"} if adam else {"adam", "adamax"} if both else {"adamax"})


def test_budgets_are_used_as_far_as_they_go():
    """One node, rank or bucket more would be too many."""
    budgets = [2304, 6209, 30000, 127609]

    def direct(n2):
        return (784 + 1) * n2 + (n2 + 1) * 10

    def low_rank(r):  # the last layer has at most rank 10
        return r * (784 + 500) + min(r, 10) * 510 + 510

    def hashed(k):  # nor more numbers than weights
        return k * (784 + 500) + min(k * 510, 5000) + 510

    grid = plain_compose()(["profile=paper"])["grid"]
    assert grid["n2_budgets"] == [max(n for n in range(1, 999) if direct(n) <= b) for b in budgets]
    for count, values in ((low_rank, grid["ranks"]), (hashed, grid["multiples"])):
        assert {max(n for n in range(1, 999) if count(n) <= b) for b in budgets} <= set(values)
    cells = {c.n2: c for c, _ in cells_of("control_budget", "paper", "mnist") if c.method == "direct"}
    assert {2, 7, 37, 160} <= cells.keys()


def test_full_grids_of_the_specification():
    cells = [c for c, _ in cells_of("fig01", "paper")]
    assert sorted({c.n2 for c in cells}) == [20, 50, 100, 200, 300, 500, 700, 1000, 2000]
    assert {c.method for c in cells} == {"direct", "spectral", "ssvd", "sqr"}
    assert max(c.n2 for c, _ in cells_of("fig09", "paper")) == 700
    assert {c.hidden_layers for c, _ in cells_of("fig09", "paper")} == {2}
    sparse = [c for c, _ in cells_of("fig02", "paper")]
    assert sorted({c.sparsity for c in sparse}) == [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99]
    assert {c.n2 for c in sparse} == {500}
    shares = [c.method_options["p"] for c, _ in cells_of("fig08", "paper") if c.method == "sqr"]
    assert sorted(shares) == [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1]
    assert {c.n2 for c, _ in cells_of("fig08", "paper")} == {700}


def test_figures_share_their_cells():
    hashes = {
        name: {c.config_hash for c, _ in cells_of(name, "paper")} for name in ("fig01", "fig03", "fig04", "fig06")
    }
    assert len(hashes["fig03"] & hashes["fig04"]) == 16
    assert len(hashes["fig01"] & hashes["fig06"]) == 3  # direct, S-SVD and S-QR(p = 1) at N2 = 500
    quick = {c.config_hash for c, _ in cells_of("fig01", "quick")}
    assert not quick & hashes["fig01"]  # rows of the two profiles never mix


def test_several_experiments_in_one_call_are_all_run():
    both = figure_jobs(plain_compose(), ["experiment=fig01,fig04", "profile=quick"])
    assert len(both) == 32
    one = figure_jobs(plain_compose(), ["experiment=fig04", "profile=quick", "n2=10,30", "realizations=2"])
    assert len(one) == 4 * 2
    assert all("realizations=2" in job for job in one)
    narrowed = figure_jobs(plain_compose(), ["experiment=fig06", "profile=quick", "method.p=0.5"])
    assert sum("method.p=0.5" in job for job in narrowed) == 1
    assert len(narrowed) == 3


@pytest.mark.parametrize(
    "overrides",
    [
        ("method=sqr,ssvd", "n2=5,6", "sparsity=0,0.5", "realizations=3"),
        ("method=sqr", "method.core=triangular,full", "trainer.lr=1e-3,0.5", "seed=4"),
        ("data=mnist,cifar10_jpeg", "data_dir=/somewhere", "method.p=0,1", "method=sqr"),
        ("method=ssvd", "method.singular_values='[0,1]','[1,2]'", "device=cpu,auto"),
    ],
)
def test_fast_composition_is_hydras(overrides):
    """The planner sets plain values itself; the outcome must be what Hydra composes."""
    fast = Composer(hydra_compose)
    jobs = list(expand(list(overrides)))
    assert len(jobs) > 1
    for job in jobs:
        job = tuple(text.replace("'", "") for text in job)
        assert fast(job) == plain_compose()(list(job))


def test_config_errors_name_key_value_and_what_is_allowed():
    config = plain_compose()([])
    with pytest.raises(ConfigError, match=r"^n2=0: must be a whole number, at least 1$"):
        read_config({**config, "n2": 0})


def test_options_are_not_part_of_the_cell():
    made, options = read_config(plain_compose()(["seed=5", "realizations=3", "results_dir=/r"]))
    assert list(options.seeds) == [5, 6, 7]
    assert options.results_dir == Path("/r")
    assert not {f.name for f in dataclasses.fields(made)} & Run.model_fields.keys() - {"trainer"}


def planned(*overrides: str, results_dir):
    jobs = figure_jobs(plain_compose(), [*overrides, f"results_dir={results_dir}", "device=cpu"])
    return plan_sweep(jobs, plain_composer())


def test_what_two_experiments_want_of_a_cell_is_planned_once(tmp_path, monkeypatch):
    monkeypatch.setattr(plan.data, "identify", lambda *_: None)  # there are no images here
    found = planned("experiment=fig02,hubs", "profile=paper", "data=mnist", results_dir=tmp_path)
    assert len(found) == 20
    with_degrees = [p for p in found if p.options.degrees]
    kinds = {(kind_of(p.cell), p.cell.sparsity) for p in with_degrees}
    assert kinds == {(kind, 0.97) for kind in ("direct", "direct straight_through", "sqr", "sqr full")}
    assert all("degrees=true" in p.job or "degrees=True" in p.job for p in with_degrees)
    both = planned("experiment=fig05,fig08", "profile=paper", results_dir=tmp_path)
    shared = [p for p in both if p.cell.n2 == 700 and p.cell.method == "direct"]
    assert [p.options.realizations for p in shared] == [10]
    monkeypatch.setattr("spectral_repro.config.read.find_spec", lambda _: True)
    for choice in ("false,true", "true,false"):
        (kept,) = planned(f"weights={choice}", results_dir=tmp_path)
        assert kept.options.weights
        assert read_config(plain_composer()(kept.job))[1].weights
    (followed,) = planned("tracker=csv,none", results_dir=tmp_path)
    assert followed.options.tracker == read_config(plain_composer()(followed.job))[1].tracker == "csv"
    apart = planned("seed=0,10", "realizations=10", results_dir=tmp_path)
    assert [p.options.seed for p in apart] == [0, 10]


def test_a_way_to_silence_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(plan.data, "identify", lambda *_: None)
    with pytest.warns(UserWarning, match="changes nothing") as said:
        planned("masking=rigl,straight_through", "sparsity=0,0.9", results_dir=tmp_path)
    assert [str(w.message) for w in said] == [
        "masking=rigl changes nothing at sparsity=0",
        "masking=straight_through changes nothing at sparsity=0",
    ]
    planned("masking=rigl", "sparsity=0.9", results_dir=tmp_path)  # a warning would be an error


CELLS = [
    ("method=direct", "data=mnist"),
    ("method=spectral_original", "n2=50", "hidden_layers=2"),
    ("method=sqr", "sparsity=0.9", "data=fashion_mnist", "trainer.lr=3e-05"),
    ("method=sqr", "method.p=0.25", "method.eig_in=[0,1]", "trainer.beta1=0.5"),
    ("method=ssvd", "method.basis=gaussian", "precision=medium", "protocol=sparse"),
    ("method=sqr", "data=cifar10_jpeg", "trainer.activation=tanh"),
    ("method=direct", "sparsity=0.9", "masking=rigl", "masking.exchange=0.2"),
    ("method=hashed", "method.multiple=4", "sparsity=0.5", "masking=gradual", "masking.allocation=global"),
    ("method=ssvd", "hidden=[50,20,30]"),
    ("method=direct", "+method.bias=false"),
    ("method=spectral_nodes", "trainer.patience=100", "trainer.min_delta=0.0"),
    ("method=direct", "data=folder", "data.root=/cats", "data.resize=8"),
    ("method=direct", "data=mnist5k", "data.name=mine"),
    ("method=direct", "data=folder", "'data.root=/some/pictures of cats'", "data.grayscale=true"),
]


@pytest.mark.parametrize("overrides", CELLS, ids=" ".join)
def test_the_command_of_a_cell_makes_that_cell(overrides):
    made = cell(*(o.strip("'").replace("=/some/pictures of cats", "='/some/pictures of cats'") for o in overrides))
    program, *arguments = shlex.split(command_of(made))
    assert program == "spectral-repro"
    assert cell(*arguments) == made
    text = described(made)
    assert text.startswith(f"# {command_of(made)}\n")
    assert yaml.safe_load(text)["trainer"] == dict(made.trainer)
    assert yaml.safe_load(text)["config_hash"] == made.config_hash


def test_the_command_of_what_is_not_ours_asks_for_its_folder():
    made = cell("method=sqr", "data=mnist")
    own = dataclasses.replace(made, method="tied")
    other = dataclasses.replace(made, data={"name": "kmnist", "source": "torchvision", "dataset": "KMNIST"})
    assert command_of(own).startswith("spectral-repro --config-dir=YOUR_CONF data=mnist method=tied ")
    assert command_of(other).startswith("spectral-repro --config-dir=YOUR_CONF data=kmnist method=sqr ")


def test_the_hash_covers_the_source_of_a_layer_that_is_not_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hashes = []
    for std in (1, 2):
        source = f"from spectral_repro.layers import *\nclass Own(DirectLinear):\n    std = {std}\n"
        (tmp_path / "own_layers.py").write_text(source)
        source_of_others.cache_clear()
        hashes.append(dataclasses.replace(cell("method=direct"), layer="own_layers.Own").config_hash)
    assert len({*hashes, cell("method=direct").config_hash}) == 3


@pytest.mark.parametrize(
    "job",
    [
        ("method=sqr", "data=cifar10_jpeg", "masking=rigl"),
        ("profile=quick", "method=ssvd", "data=mnist", "method.basis=gaussian", "masking.allocation=global"),
        ("data=folder", "data.root=/x/y", "method=direct", "n2=7", "data_dir=/elsewhere"),
        ("method=direct", "method=sqr", "data=mnist"),
        ("method=hashed", "data=mnist", "+data.note=1"),
    ],
)
def test_groups_put_together_are_what_hydra_composes(job):
    assert Composer(hydra_compose)(job) == plain_compose()(list(job))


def of_ones_own(job: Sequence[str]) -> DictConfig:
    """Composes a folder with a method that reads a size and the data, and one that changes more than its group."""
    methods = {
        "plain": {"method": {"name": "plain"}},
        "reading": {"method": {"name": "reading", "rank": "${n2}", "outputs": "${data.classes}"}},
        "wide": {"method": {"name": "wide"}, "n2": 900},
    }
    data = {"ten": {"name": "ten", "classes": 10}, "two": {"name": "two", "classes": 2}}
    given = dict(text.split("=") for text in job)
    config = {"n2": 100, "data": data[given.pop("data", "ten")], **methods[given.pop("method", "plain")]}
    return OmegaConf.create({**config, **{key: int(value) for key, value in given.items()}})


@pytest.mark.parametrize(
    "job", [("method=wide", "data=two"), ("method=reading", "n2=8"), ("data=two", "method=reading")]
)
def test_what_reads_or_changes_more_than_its_group_is_composed_as_a_whole(job):
    assert Composer(of_ones_own)(job) == OmegaConf.to_container(of_ones_own(job), resolve=True)


def test_a_group_of_values_is_merged():
    job = ("trainer={lr:0.1}", "method=sqr")
    assert Composer(hydra_compose)(job) == plain_compose()(list(job))


def test_a_grid_that_an_experiment_does_not_read_is_refused():
    message = "grid.n2=[20,50]: experiment=fig01 does not read it, but grid.n2_mnist"
    with pytest.raises(ConfigError, match=re.escape(message)):
        figure_jobs(plain_compose(), ["experiment=fig01", "grid.n2=[20,50]"])
    jobs = figure_jobs(plain_compose(), ["experiment=fig01", "grid.n2_mnist=[20,50]"])
    assert {next(t for t in job if t.startswith("n2=")) for job in jobs} == {"n2=20", "n2=50"}
    assert len(figure_jobs(plain_compose(), ["experiment=fig04", "grid.n2=[20]"])) == 4
