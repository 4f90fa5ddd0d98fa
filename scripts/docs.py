#!/usr/bin/env python
"""Writes what follows from code and rows: docs/keys.md, the story in README.md, and the tables of docs/speed.md."""

from pathlib import Path

import pandas as pd

from spectral_repro.bench.peers import PROGRAMS, best_jax
from spectral_repro.config.compose import plain_compose
from spectral_repro.config.help import table
from spectral_repro.figures.select import load_frame
from spectral_repro.figures.style import label_of
from spectral_repro.report.formats import markdown
from spectral_repro.report.story import story

ROOT = Path(__file__).resolve().parents[1]

_HEAD = """\
# What can I set on the command line?

`spectral-repro key=value …` trains one *cell*: one configuration, as several *realizations*, networks that differ in
their seed only. The same keys stand in YAML files, and `spectral-repro --help` prints this list. Of two defaults joined
by "or" the first is that of dense networks, the second that of sparse ones (`protocol`).

```sh
spectral-repro method=sqr method.p=0.1 n2=50 trainer.lr=0.01
spectral-repro method=sqr sparsity=0.9 --cfg job --resolve     # all values that this would use; trains nothing
eval "$(spectral-repro --shell-completion install=bash)"       # then TAB completes keys and values
```

Four keys choose a file: `method`, `masking` and `data` ([which there are](methods.md)), `experiment`
([the paper's and yours](experiments.md)). `profile` chooses the grids of experiments, `hydra/launcher`
[where cells are trained](sweeps.md).
"""

_SECTIONS = {
    "": "Network and run",
    "trainer": "Training: `trainer.…`",
    "method": "Options of methods: `method.…`",
    "masking": "Sparse networks: `masking.…`",
    "data": "Data: `data.…`",
}
#: The end of a section.
_NOTES = {"method": "Defaults are in the method's file, [conf/method](../conf/method), and so are its learning rates."}


def keys_page() -> str:
    """The whole page of keys, one table for each group of keys."""
    lines = table(plain_compose()([]))
    parts = [_HEAD]
    for group, title in _SECTIONS.items():
        own = [line for line in lines if line[0].rpartition(".")[0] == group]
        defaults = any(default for *_, default in own)
        columns = ["key", "meaning", "what it may be", *["default"] * defaults]
        shown = [
            (f"`{key}`", meaning.replace("<", "&lt;"), may, *[f"`{default}`" if default else ""] * defaults)
            for key, meaning, may, default in own
        ]
        parts.append(f"## {title}\n\n{markdown(columns, shown)}")
        parts.append(f"\n{_NOTES[group]}\n" if group in _NOTES else "")
    return "\n".join(parts).rstrip() + "\n"


def speed_tables() -> str:
    """Of each machine that the bench has run on, seconds an epoch and network, and how many times ours is as fast."""
    parts = []
    for path in sorted((ROOT / "results/bench").glob("*.csv")):
        frame = pd.read_csv(path)
        first = frame.iloc[0]
        parts.append(f"**{first['device']}**, torch {first['torch_version']}, {first['finished_at'][:10]}")
        names = [p for p in PROGRAMS if frame["program"].str.startswith(p).any()]
        peers = [name for name in ("JAX", "plain") if name in names]
        beside = [name for name in ("ours", "JAX") if name in names and (frame["neighbours"] == 1).any()]
        columns = ["method", "N2", "s", *names, *[f"{name} ÷ ours" for name in peers], "ours ÷ floor"]
        columns += [f"{name}, times as long beside a neighbour" for name in beside]
        lines = []
        for (method, n2, s), cell in frame.groupby(["method", "n2", "sparsity"], sort=False):
            quiet, busy = (
                best_jax(dict(cell.loc[cell["neighbours"] == n, ["program", "seconds"]].values)) for n in (0, 1)
            )
            shown = [label_of(method), f"{n2}", f"{s:g}", *(_number(quiet.get(name)) for name in names)]
            shown += [_ratio(quiet.get(name), quiet["ours"]) for name in peers]
            shown += [_ratio(quiet["ours"], quiet.get("floor"))]
            shown += [_ratio(busy.get(name), quiet.get(name)) for name in beside]
            lines.append(shown)
        parts.append(markdown(columns, lines))
    return "\n\n".join(parts) + "\n"


def _number(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3g}"


def _ratio(one: float | None, other: float | None) -> str:
    return "" if one is None or other is None else f"{one / other:.2f}"


def replaced(page: str, name: str, text: str) -> str:
    """A page with this text between its markers ``<!-- name -->`` and ``<!-- /name -->``."""
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = page.split(first)
    return f"{before}{first}{text}{last}{rest.split(last)[1]}"


def pages() -> dict[str, str]:
    """What is written, by file."""
    readme, speed = ((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/speed.md"))
    return {
        "README.md": replaced(readme, "story", story(load_frame(ROOT / "results"))),
        "docs/keys.md": keys_page(),
        "docs/speed.md": replaced(speed, "bench", speed_tables()),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")
