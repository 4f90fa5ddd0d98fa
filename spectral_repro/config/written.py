"""A cell as text that is kept beside its rows: what it is, and the command that makes it."""

import shlex
from pathlib import Path

import yaml

from spectral_repro.config.cell import Cell
from spectral_repro.config.files import conf_file, names_of
from spectral_repro.errors import UserError, as_typed

#: The one in C writes the same, in a tenth of the time.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def command_of(cell: Cell) -> str:
    """The command that trains ``cell``, with every value that decides its numbers, whatever the defaults become."""
    group, method = _data_group(cell), conf_file("method", cell.method)
    data = [f"data={group or cell.data['name']}"]
    if group == "folder":
        own = ("name", "root", "grayscale", "resize")
        data += [f"data.{k}={as_typed(cell.data.get(k), quoted=True)}" for k in own if k in cell.data]
    elif group and group != cell.data["name"]:
        data += [f"data.name={as_typed(cell.data['name'], quoted=True)}"]
    keys = []
    for key, value in cell.settings.items():
        added = "+" * (bool(method) and key.startswith("method.") and key.partition(".")[2] not in method)
        keys.append(f"{added}{key}={value if key in ('method', 'masking') else as_typed(value, quoted=True)}")
    folders = [] if group and method else ["--config-dir=YOUR_CONF"]
    return shlex.join(["spectral-repro", *folders, *data, *keys])


def _data_group(cell: Cell) -> str | None:
    """The file of ``conf/data`` for the images of ``cell``, wherever they are and whatever they are called."""
    groups = (
        [cell.data["name"], *names_of("data")] if cell.data["source"] != "folder" else [cell.data["name"], "folder"]
    )
    same = ("source", "dataset")
    return next((g for g in groups if all(conf_file("data", g).get(k) == cell.data.get(k) for k in same)), None)


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
    return f"# {command_of(cell)}\n" + yaml.dump(settings, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)


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
