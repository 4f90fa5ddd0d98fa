"""The bench's table as a figure."""

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from spectral_repro.bench.peers import best_jax
from spectral_repro.figures.command import render
from spectral_repro.figures.style import SETTINGS, label_of

_COLORS = {"ours": "#1f5fbf", "JAX": "#e69f00", "plain": "#7f7f7f"}


def draw(lines: Sequence[tuple], device: str) -> bytes:
    """PNG: for each cell the seconds per epoch and network of each program, as it is and beside a busy neighbour."""
    cells = list(dict.fromkeys(line[:3] for line in lines))
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        ax = figure.subplots()
        for i, cell in enumerate(cells):
            for neighbours in (0, 1):
                mine = {line[3]: line[5] for line in lines if line[:3] == cell and line[4] == neighbours}
                for j, (program, color) in enumerate(_COLORS.items()):
                    if (value := best_jax(mine).get(program)) is None:
                        continue
                    fill = {"color": color} if not neighbours else {"fill": False, "edgecolor": color}
                    label = program + ", beside a busy process" * neighbours if i == 0 else None
                    ax.bar(i + 0.25 * j - 0.25, value, 0.25, label=label, zorder=2 - neighbours, **fill)
                if "floor" in mine:
                    label = "floor" if i == 0 else None
                    ax.plot([i - 0.4, i + 0.4], [mine["floor"]] * 2, color="black", linewidth=1.5, label=label)
        names = [f"{label_of(m)}\n{n2}" + (f"\ns = {s:g}" if s else "") for m, n2, s in cells]
        ax.set_xticks(range(len(cells)), names, fontsize=7)
        ax.set(yscale="log", ylabel="s per epoch and network", title=device)
        ax.legend(ncols=4, fontsize=7)
    return render(figure, "png")
