"""A cell as text that is kept beside its rows: what it is, and the command that makes it."""

import shlex
from pathlib import Path

import yaml

from spectral_repro.config.cell import Cell
from spectral_repro.config.compose import config_folder
from spectral_repro.errors import UserError


def command_of(cell: Cell) -> str:
    """The command that trains ``cell``, with every value that decides its numbers, whatever the defaults become."""
    data = [f"data={cell.data['name']}"]
    if not _is_named(cell):
        data = [
            "data=folder",
            *(
                f"data.{k}={_written(cell.data.get(k))}"
                for k in ("name", "root", "grayscale", "resize")
                if k in cell.data
            ),
        ]
    network = [f"n2={cell.n2}", f"hidden_layers={cell.hidden_layers}"]
    network = [f"hidden={_written(cell.hidden)}"] if cell.hidden else network
    network += [f"sparsity={cell.sparsity!r}"]
    added = _added(cell)
    options = [f"{'+' * (k in added)}method.{k}={_written(v)}" for k, v in cell.method_options.items()]
    network += [f"masking={cell.masking['name']}"] if cell.masking else []
    network += [f"masking.{k}={_written(v)}" for k, v in cell.masking.items() if k != "name"]
    network += [f"pruning.{k}={_written(v)}" for k, v in cell.pruning.items()]
    trainer = [f"trainer.{k}={_written(v)}" for k, v in cell.trainer.items()]
    keys = [*data, f"method={cell.method}", *options, *network, *trainer, f"precision={cell.precision}"]
    return shlex.join(["spectral-repro", *keys])


def _is_named(cell: Cell) -> bool:
    """Whether ``data=<name>`` stands for the data set, wherever its files are."""
    return (config_folder() / "data" / f"{cell.data['name']}.yaml").exists()


def _added(cell: Cell) -> set[str]:
    """The options that the file of ``conf/method`` does not have, if there is such a file here."""
    path = config_folder() / "method" / f"{cell.method}.yaml"
    return set(cell.method_options) - set(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.exists() else set()


def _written(value: object) -> str:
    """A value as Hydra reads it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return value if value.isidentifier() else '"' + value.replace('"', '\\"') + '"'
    return "[" + ",".join(map(_written, value)) + "]" if isinstance(value, list | tuple) else repr(value)


def described(cell: Cell) -> str:
    """YAML: the effective configuration, below a comment with the command."""
    settings = {
        "config_hash": cell.config_hash,
        "data": {k: v for k, v in cell.data.items() if k != "root" or not _is_named(cell)},
        "method": cell.method,
        "layer": cell.layer,
        "options": dict(cell.method_options),
        "first_layer": dict(cell.first_layer),
        "hidden_layers": cell.hidden_layers,
        "n2": cell.n2,
        **({"hidden": list(cell.hidden)} if cell.hidden else {}),
        "sparsity": cell.sparsity,
        **({"masking": dict(cell.masking)} if cell.masking else {}),
        **({"pruning": dict(cell.pruning)} if cell.pruning else {}),
        "trainer": dict(cell.trainer),
        "precision": cell.precision,
    }
    return f"# {command_of(cell)}\n" + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def find_config(results_dir: Path, config_hash: str) -> str:
    """What :func:`described` wrote for the cell with this hash, or its beginning.

    Raises:
        UserError: if there is none, or if several begin so.
    """
    found = sorted((results_dir / "runs").glob(f"*/*-{config_hash}*.yaml"))
    if len(found) != 1:
        names = f" ({', '.join(p.stem for p in found[:3])} …)" if found else ""
        raise UserError(f"--config-of {config_hash}: {len(found)} cells in {results_dir / 'runs'} have it{names}")
    return found[0].read_text(encoding="utf-8")
