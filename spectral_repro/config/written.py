"""A cell as text that is kept beside its rows: what it is, and the command that makes it."""

import shlex
from pathlib import Path

import yaml

from spectral_repro.config.cell import Cell, masking_name
from spectral_repro.config.compose import config_folder
from spectral_repro.errors import UserError


def command_of(cell: Cell) -> str:
    """The command that trains ``cell``, with every value that decides its numbers, whatever the defaults become."""
    folders = []
    if (group := _data_group(cell)) is None:
        folders, group = [_OWN], cell.data["name"]
    data = [f"data={group}"]
    if group == "folder":
        own = ("name", "root", "grayscale", "resize")
        data += [f"data.{k}={as_override(cell.data.get(k))}" for k in own if k in cell.data]
    elif group != cell.data["name"]:
        data += [f"data.name={as_override(cell.data['name'])}"]
    network = [f"n2={cell.n2}", f"hidden_layers={cell.hidden_layers}"]
    network = [f"hidden={as_override(cell.hidden)}"] if cell.hidden else network
    network += [f"sparsity={cell.sparsity!r}"]
    if (added := _added(cell)) is None:
        folders, added = [_OWN], set()
    options = [f"{'+' * (k in added)}method.{k}={as_override(v)}" for k, v in cell.method_options.items()]
    network += [f"masking={masking_name(cell.masking).partition('+')[0]}"] if cell.masking else []
    network += [f"masking.{k}={as_override(v)}" for k, v in cell.masking.items()]
    trainer = [f"trainer.{k}={as_override(v)}" for k, v in cell.trainer.items()]
    keys = [*data, f"method={cell.method}", *options, *network, *trainer, f"precision={cell.precision}"]
    return shlex.join(["spectral-repro", *folders, *keys])


#: Stands where a data set or a method is not one of ours.
_OWN = "--config-dir=YOUR_CONF"


def _data_group(cell: Cell) -> str | None:
    """The file of ``conf/data`` for the images of ``cell``, wherever they are and whatever they are called."""
    groups = [cell.data["name"], *sorted(path.stem for path in (config_folder() / "data").glob("*.yaml"))]
    groups = groups if cell.data["source"] != "folder" else [cell.data["name"], "folder"]
    for group in groups:
        path = config_folder() / "data" / f"{group}.yaml"
        there = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        if all(there.get(k) == cell.data.get(k) for k in ("source", "dataset")):
            return group
    return None


def _added(cell: Cell) -> set[str] | None:
    """The options that the file of ``conf/method`` does not have; None if there is no such file here."""
    path = config_folder() / "method" / f"{cell.method}.yaml"
    return set(cell.method_options) - set(yaml.safe_load(path.read_text(encoding="utf-8"))) if path.exists() else None


def as_override(value: object) -> str:
    """A value as Hydra reads it on a command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        return value if value.isidentifier() else '"' + value.replace('"', '\\"') + '"'
    return "[" + ",".join(map(as_override, value)) + "]" if isinstance(value, list | tuple) else repr(value)


def described(cell: Cell) -> str:
    """YAML: the effective configuration, below a comment with the command."""
    settings = {
        "config_hash": cell.config_hash,
        "data": {k: v for k, v in cell.data.items() if k != "root" or _data_group(cell) == "folder"},
        "method": cell.method,
        "layer": cell.layer,
        "options": dict(cell.method_options),
        "first_layer": dict(cell.first_layer),
        "hidden_layers": cell.hidden_layers,
        "n2": cell.n2,
        **({"hidden": list(cell.hidden)} if cell.hidden else {}),
        "sparsity": cell.sparsity,
        **({"masking": {"name": cell.masking_names[0], **cell.masking}} if cell.masking else {}),
        "trainer": dict(cell.trainer),
        "precision": cell.precision,
    }
    return f"# {command_of(cell)}\n" + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def find_config(results_dir: Path, config_hash: str) -> str:
    """What :func:`described` wrote for the cell with this hash, or its beginning, with or without the ``c``.

    Raises:
        UserError: if there is none, if several begin so, or if it cannot be read.
    """
    found = sorted({path for c in ("", "c") for path in (results_dir / "runs").glob(f"*/*-{c}{config_hash}*.yaml")})
    if len(found) != 1:
        names = f" ({', '.join(p.stem for p in found[:3])} …)" if found else ""
        raise UserError(f"--config-of {config_hash}: {len(found)} cells in {results_dir / 'runs'} have it{names}")
    try:
        return found[0].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{found[0]}: is no readable configuration ({type(error).__name__})") from None
