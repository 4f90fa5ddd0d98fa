"""``spectral-repro-status``: what of a folder of results is finished, what is running, what failed, and since when."""

import contextlib
import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from spectral_repro.errors import told_in_one_line
from spectral_repro.results.rows import Row, all_rows
from spectral_repro.runner.claim import holder_of
from spectral_repro.terminal import counted, parser_of

#: A line of ``cells.log``: time, where, cell, how long, what.
_LINE = re.compile(r"^(?P<time>\S+)  (?P<where>.*?)  (?P<cell>[^ /]+/\S+)  (?P<seconds>[\d.]+) s  (?P<what>.*)$")


def main(arguments: list[str] | None = None) -> None:
    """Prints it; exits with 2 and one line if the folder is not there or a file of rows is damaged."""
    parser = parser_of("Say what is finished, running and failed in a folder of results.")
    given = parser.parse_args(arguments)
    with told_in_one_line(parser.prog):
        print("\n".join(status(given.results_dir)))


def status(results_dir: Path) -> list[str]:
    """A line per data set and method that has rows, per cell that is running, and per cell that last ended badly."""
    rows = all_rows(results_dir)
    groups: dict[tuple[str, str], list] = {}
    for row in rows:
        groups.setdefault((row.data, row.method), []).append(row)
    lines = [f"finished: {_counts(rows)}"]
    for (data, method), mine in sorted(groups.items()):
        last = max(r.finished_at for r in mine)
        lines.append(f"  {data}, {method}: {_counts(mine)}, last {last}")
    running = _running(results_dir)
    lines.append(f"running: {counted(len(running), 'cell')}")
    lines += [f"  {cell}: {holder}, since {since}" for cell, holder, since in running]
    failed = _failed(results_dir, {cell for cell, *_ in running})
    lines.append(f"failed or interrupted: {counted(len(failed), 'cell')}")
    return lines + [f"  {cell}: {what} ({time})" for cell, (time, what) in sorted(failed.items())]


def _counts(rows: Sequence[Row]) -> str:
    return f"{counted(len({r.config_hash for r in rows}), 'cell')}, {counted(len(rows), 'network')}"


def _running(results_dir: Path) -> list[tuple[str, str, str]]:
    """Cells that are claimed, who holds them, and since when."""
    claims = [(path, holder_of(path)) for path in sorted((results_dir / "claims").glob("*/*.json"))]
    return [(f"{path.parent.name}/{path.stem}", *holder) for path, holder in claims if holder]


def _failed(results_dir: Path, running: set[str]) -> dict[str, tuple[str, str]]:
    """Cells that nobody trains now and that were not finished, by ``cells.log`` or by a checkpoint that is left."""
    last = {}
    for path in sorted((results_dir / "checkpoints").glob("*/*.pt")):
        with contextlib.suppress(OSError):
            time = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).isoformat(timespec="seconds")
            cell = path.name.removesuffix(".pt").rpartition(".")[0]
            last[f"{path.parent.name}/{cell}"] = time, "cut off; has a checkpoint"
    with contextlib.suppress(OSError):
        for text in (results_dir / "cells.log").read_text(encoding="utf-8", errors="replace").splitlines():
            line = _LINE.match(text)
            if line and line["time"] >= last.get(line["cell"], ("",))[0]:
                last[line["cell"]] = line["time"], line["what"]
    return {cell: end for cell, end in last.items() if " trained -> " not in end[1] and cell not in running}
