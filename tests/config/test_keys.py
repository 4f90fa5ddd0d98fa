"""The one description of every key, held against the configuration, and the help."""

import re

import pytest
import yaml

from spectral_repro.config import check, keys
from spectral_repro.config.compose import config_folder, plain_compose
from spectral_repro.config.help import FLAGS, completions, help_text, table
from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import ACTIVATIONS
from spectral_repro.training.optimizers import OPTIMIZERS
from spectral_repro.training.protocol import Protocol
from tests.conftest import ROOT, run_cli

CONFIG = plain_compose()([])


def test_config_yaml_has_every_key_and_no_other():
    written = yaml.safe_load((config_folder() / "config.yaml").read_text(encoding="utf-8"))
    assert written.keys() - {"defaults", "hydra"} == keys.Keys.model_fields.keys() - {
        *("method", "masking", "data", "grid", "realizations")  # from groups: method, masking, data, profile
    }
    assert written["trainer"].keys() == keys.Trainer.model_fields.keys()
    for protocol in written["protocols"].values():
        assert protocol.keys() == Protocol.__dataclass_fields__.keys() - {"lr"}


def test_training_has_the_choices_that_are_described():
    assert check.choices(keys.Trainer.model_fields["optimizer"]) == list(OPTIMIZERS)
    assert check.choices(keys.Trainer.model_fields["activation"]) == list(ACTIVATIONS)


def test_options_of_methods_are_described():
    for path in (config_folder() / "method").glob("*.yaml"):
        options = yaml.safe_load(path.read_text(encoding="utf-8")).keys() - keys.Method.model_fields.keys()
        assert options <= keys.Options.model_fields.keys(), path.name


def test_every_key_says_what_it_means_and_may_be():
    for key, field in keys.described().items():
        assert field.description, key
        assert check.allowed(field).startswith("must "), key


def test_the_help_has_every_key_with_its_default():
    text = help_text(CONFIG, config_folder())
    unwrapped = re.sub(r"\n {8}", " ", text)
    for key, meaning, allowed, default in table(CONFIG):
        assert f"  {key}{f' = {default}' if default else ''}\n      {meaning} ({allowed})\n" in unwrapped
    assert "  trainer.optimizer = adamax or adam\n" in text
    assert "  trainer.batch_size = 200\n" in text
    names = "diagonal, direct, hashed, linear, lowrank, projection, random_features, spectral, spectral_nodes, "
    assert f"method: {names}spectral_original, sqr, ssvd\n" in re.sub(r"\n {4}", " ", text)
    assert "masking: cutoff, gradual, rigl, straight_through\n" in text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("trainer.optimizer=a", [f"trainer.optimizer={o}" for o in ("adamax", "adam", "adamw")]),
        ("precision=h", ["precision=highest", "precision=high"]),
        ("threads=", ["threads=auto"]),
        ("overwrite=t", ["overwrite=true"]),
        ("n2=", []),
        ("method", []),
        ("no.key=", []),
        ("precision=highest,", ["precision=highest,high", "precision=highest,medium"]),
        ("method=direct,ss", ["method=direct,ssvd"]),
        ("masking=rigl,cutoff,g", ["masking=rigl,cutoff,gradual"]),
        ("--c", ["--config-dir", "--cfg", "--config-of"]),
        ("-", list(dict.fromkeys(flag.partition(" ")[0] for flag in FLAGS))),
    ],
)
def test_completion_of_values(word, expected):
    assert completions(word, [ROOT / "conf"]) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {**CONFIG["data"], "grayscale": "maybe"}}, "data.grayscale=maybe: must be true or false"),
        ({"threads": 0}, "threads=0: must be a whole number, at least 1, or auto"),
        ({"results_dir": None}, "results_dir=null: must name a folder"),
        ({"trainer": {**CONFIG["trainer"], "lr": float("inf")}}, "trainer.lr=inf: must be above 0, and at most 1e30"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    from spectral_repro.config.read import read_config
    from spectral_repro.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        read_config({**CONFIG, **change})
    assert str(caught.value) == message


@pytest.mark.parametrize("where", ["--config-dir {}", "-cd {}", "--config-dir={}"])
def test_own_configurations_are_completed(tmp_path, where):
    """Through the command itself, as a shell calls it."""
    (tmp_path / "method").mkdir()
    (tmp_path / "method/rank_one.yaml").write_text("name: rank_one")
    line = f"spectral-repro {where.format(tmp_path)} method=rank"
    done = run_cli("-sc", "query=bash", cwd=tmp_path, COMP_LINE=line)
    assert done.stdout.split() == ["method=rank_one"], done.stderr


def test_masking_has_the_fields_that_are_described():
    assert keys.Masking.model_fields.keys() - {"name"} == MaskingRule.__dataclass_fields__.keys()
    for path in (config_folder() / "masking").glob("*.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["name"] == path.stem
