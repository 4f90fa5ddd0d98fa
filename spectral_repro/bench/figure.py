"""The bench's table as a figure."""

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from spectral_repro.figures.command import render
from spectral_repro.figures.style import SETTINGS, label_of

_COLORS = {"batched": "#1f5fbf", "other products": "#6baed6", "one at a time": "#808000", "plain": "#d62728"}


def draw(lines: Sequence[tuple], device: str) -> bytes:
    """PNG: for each method and size the seconds per epoch and network of each variant, and the floor as a line."""
    speed = [line for line in lines if line[0] == "speed"]
    cells = list(dict.fromkeys((line[1], line[3], line[5]) for line in speed))
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        ax = figure.subplots()
        for i, cell in enumerate(cells):
            mine = {line[7]: line[8] for line in speed if (line[1], line[3], line[5]) == cell}
            for j, (variant, color) in enumerate(_COLORS.items()):
                ax.bar(i + 0.2 * j - 0.3, mine[variant], 0.2, color=color, label=variant if i == 0 else None)
            label = "floor" if i == 0 else None
            ax.plot([i - 0.4, i + 0.4], [mine["floor"]] * 2, color="black", linewidth=1.5, label=label)
        names = [f"{label_of(m)}\n{n2}" + (f"\ns = {s:g}" if s else "") for m, n2, s in cells]
        ax.set_xticks(range(len(cells)), names, fontsize=7)
        ax.set(yscale="log", ylabel="s per epoch and network", title=device)
        ax.legend(ncols=5, fontsize=7)
    return render(figure, "png")
