#!/usr/bin/env python
"""Writes docs/keys.md, the page of all keys, from their description in spectral_repro/config/keys.py."""

from pathlib import Path

from spectral_repro.config.compose import plain_compose
from spectral_repro.config.help import table

PAGE = Path(__file__).resolve().parents[1] / "docs/keys.md"

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


def page() -> str:
    """The whole page, one table for each group of keys."""
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


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
