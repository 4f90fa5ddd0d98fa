#!/usr/bin/env python
"""Writes what follows from code and rows: docs/keys.md, the page of all keys, and the story in README.md."""

from pathlib import Path

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.help import table
from spectral_repro.figures.select import load_frame
from spectral_repro.report.story import story

ROOT = Path(__file__).resolve().parents[1]
MARKERS = "<!-- story -->\n", "<!-- /story -->"

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
        parts.append(f"## {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for key, meaning, may, default in own:
            shown = [f"`{key}`", meaning.replace("<", "&lt;"), may, *[f"`{default}`" if default else ""] * defaults]
            parts.append(f"| {' | '.join(shown)} |".replace("  |", " |"))
        parts.append(f"\n{_NOTES[group]}\n" if group in _NOTES else "")
    return "\n".join(parts).rstrip() + "\n"


def with_story(readme: str, told: str) -> str:
    """README with this story between its markers."""
    before, rest = readme.split(MARKERS[0])
    return f"{before}{MARKERS[0]}{told}{MARKERS[1]}{rest.split(MARKERS[1])[1]}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_story(readme.read_text("utf-8"), story(load_frame(ROOT / "results"))), encoding="utf-8")
    (ROOT / "docs/keys.md").write_text(keys_page(), encoding="utf-8")
