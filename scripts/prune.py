#!/usr/bin/env python
"""Makes trained networks smaller, node by node (Buffoni et al., arXiv 2108.00940), and tests what is left.

prune.py [HASH …] [--shares 0.5 0.9] [--by eigenvalue] [--epochs 0 20] takes the networks that ``weights=true`` kept,
of the cells with these hashes or of all cells. It removes the hidden nodes that rank lowest and trains all of what is
left as the cell says. ``<results_dir>/pruning.csv`` has one row per network; a row that is there is not made again.
"""

import argparse
import collections
import csv
import datetime
import io
import itertools
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import torch

from spectral_repro import load_network, prune
from spectral_repro.config.cell import Cell
from spectral_repro.config.compose import plain_compose
from spectral_repro.config.keys import Run
from spectral_repro.config.read import read_config
from spectral_repro.errors import UserError, as_typed, told_in_one_line
from spectral_repro.files import locked, read_table, table_to_extend, write_atomically
from spectral_repro.layers import stack
from spectral_repro.layers.pruning import RANKINGS
from spectral_repro.results.commands import commands_of
from spectral_repro.results.provenance import code_version, device_name
from spectral_repro.results.rows import hidden_column, read_rows, row_file
from spectral_repro.results.weights import weights_file
from spectral_repro.runner.devices import choose_device
from spectral_repro.runner.task import Task, prepare
from spectral_repro.terminal import parser_of
from spectral_repro.training.network import Network, trained_parameters
from spectral_repro.training.products import use_products
from spectral_repro.training.protocol import Protocol
from spectral_repro.training.trainer import Trainer

#: ``config_hash`` is that of the whole network, ``hidden`` has the widths that are left, ``epochs`` how many at most.
COLUMNS = {
    **{"data": str, "method": str, "config_hash": str, "seed": int, "share": float, "by": str, "epochs": int},
    **{"hidden": str, "trained_parameters": int, "test_accuracy": float, "validation_accuracy": float},
    **{"test_accuracy_before": float, "code_version": str, "torch_version": str, "device": str, "finished_at": str},
}
#: Tells a row from others: from ``config_hash`` to ``epochs``.
KEY = slice(2, 7)
#: Share, ranking, epochs.
Way = tuple[float, str, int]


def main(arguments: list[str] | None = None) -> None:
    """Makes what is missing; exits with 2 and one line if something cannot be used."""
    parser = parser_of("Prune the networks that weights=true kept, and train what is left on.")
    parser.add_argument(
        "cells", nargs="*", metavar="HASH", help="config_hash of a cell, or its beginning; without: all cells"
    )
    parser.add_argument(
        "--shares",
        nargs="+",
        type=float,
        default=[0.5, 0.9],
        help="shares of the hidden nodes to remove; default: 0.5 0.9",
    )
    parser.add_argument(
        "--by", nargs="+", choices=RANKINGS, default=RANKINGS[1:], help="what ranks the nodes; default: connectivity"
    )
    parser.add_argument("--epochs", nargs="+", type=int, default=[0], help="how long to train what is left; default: 0")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where data sets are; default: data")
    parser.add_argument("--config-dir", help="folder with methods and data sets of your own")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda; default: auto")
    given = parser.parse_args(arguments)
    if not all(0 <= share < 1 for share in given.shares) or min(given.epochs) < 0:
        parser.error("shares must be in [0, 1), epochs at least 0")
    with told_in_one_line(parser.prog):
        for cell, options in kept_cells(given):
            prune_cell(cell, options, list(itertools.product(given.shares, given.by, given.epochs)))


def kept_cells(given: argparse.Namespace) -> list[tuple[Cell, Run]]:
    """The cells of which networks are kept, by the commands beside their rows."""
    hashes = [path.name.rpartition("-")[2] for path in sorted((given.results_dir / "weights").glob("*/*"))]
    for begin in given.cells or [""]:
        if not any(config_hash.startswith(begin) for config_hash in hashes):
            raise UserError(f"{given.results_dir}: no networks {f'of {begin} ' * bool(begin)}are kept (weights=true)")
    own = {"results_dir": given.results_dir, "data_dir": given.data_dir, "device": given.device}
    commands, found = commands_of(given.results_dir), []
    for config_hash in hashes:
        if config_hash.startswith(tuple(given.cells or [""])):
            words = [w for w in shlex.split(commands.get(config_hash, ""))[1:] if not w.startswith("--config-dir")]
            words += [f"{key}={as_typed(value, quoted=True)}" for key, value in own.items()]
            found.append(read_config(plain_compose(given.config_dir)(words)))
            if found[-1][0].config_hash != config_hash:
                raise UserError(f"{config_hash}: there is no command beside its rows, or it makes another cell by now")
    return found


def prune_cell(cell: Cell, options: Run, ways: Sequence[Way]) -> None:
    """Prunes the networks of a cell in each way that they have no row of; the rows of a way are written together."""
    file, name = options.results_dir / "pruning.csv", f"{cell.data['name']}/{cell.slug}"
    done = {line[KEY] for line in read_table(file, [*COLUMNS], [*COLUMNS.values()])}
    rows = read_rows(row_file(options.results_dir, cell))
    kept = {row.seed: weights_file(options.results_dir, cell, row.seed) for row in rows}
    kept = {seed: path for seed, path in kept.items() if path.exists()}
    missing = {way: [seed for seed in kept if (cell.config_hash, seed, *way) not in done] for way in ways}
    if not any(missing.values()):
        return
    device = choose_device(options.device)
    use_products(device, cell.precision)
    task = prepare(cell, options, device, rows)
    networks, before = {s: load_network(kept[s]) for s in kept}, {row.seed: row.test_accuracy for row in rows}
    refused = set()
    for way, seeds in missing.items():
        try:
            made = prune_networks(task, {seed: networks[seed] for seed in seeds}, before, way)
        except ValueError as error:
            refused.add(f"{name} is left out: {error}")
            continue
        if made:
            add_lines(file, made)
            whole, left = (fmean(line[[*COLUMNS].index(f"test_accuracy{x}")] for line in made) for x in ("_before", ""))
            print(f"{name} share={way[0]:g} by={way[1]} epochs={way[2]}: {whole:.4f} → {left:.4f}, n = {len(made)}")
    print(*sorted(refused), sep="\n", end="\n" * bool(refused))


def prune_networks(task: Task, networks: Mapping[int, Network], before: Mapping[int, float], way: Way) -> list[tuple]:
    """One line per network, given by seed; what is left of them is trained together where its widths are equal."""
    share, by, epochs = way
    groups: dict[tuple[int, ...], dict[int, Network]] = collections.defaultdict(dict)
    for seed, network in networks.items():
        smaller = prune(network, share, by, train_eigenvectors=True if epochs else None)
        groups[tuple(layer.out_features for layer in smaller.layers[:-1])][seed] = smaller
    protocol, lines = Protocol(**{**task.cell.trainer, "max_epochs": epochs}), []
    of, made_by = (task.cell.data["name"], task.cell.method, task.cell.config_hash), (code_version(), torch.__version__)
    for widths, members in groups.items():
        trainer = Trainer(stack([*members.values()]).to(task.device), task.dataset.images, [*members], protocol)
        parameters = trained_parameters(trainer.network) // len(members)
        for end in trainer.run():
            accuracies = end.test_accuracy, end.validation_accuracy, before[end.seed]
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            left = hidden_column(widths), parameters
            lines.append((*of, end.seed, *way, *left, *accuracies, *made_by, device_name(task.device), now))
    return lines


def add_lines(file: Path, lines: Sequence[tuple]) -> None:
    """Merges lines into the file, which is written whole or not at all; a damaged one is set aside."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    with locked(file.parent):
        there = table_to_extend(file, [*COLUMNS], [*COLUMNS.values()])
        merged = {line[KEY]: line for line in (*there, *lines)}
        writer.writerows([[*COLUMNS], *sorted(merged.values())])
        write_atomically(file, buffer.getvalue().encode())


if __name__ == "__main__":
    main()
