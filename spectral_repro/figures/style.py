"""Markers, colours and labels of the paper's figures, readable in grey and by colour-blind people."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from spectral_repro.config.compose import config_folder


class Style(NamedTuple):
    """How a method is drawn."""

    color: str
    marker: str
    line: str


#: As the captions say: Spectral blue triangles, S-SVD olive pentagons, S-QR red diamonds; pentagons also of Fig. 3.
STYLES = {
    "direct": Style("black", "D", "-"),
    "spectral": Style("#1f5fbf", "^", "--"),
    "spectral_original": Style("#2ca0c4", "p", ":"),
    "ssvd": Style("#808000", "p", "-."),
    "sqr": Style("#d62728", "D", "-"),
    "lowrank": Style("#6a3d9a", "s", "-"),
    "hashed": Style("#17becf", "v", "--"),
    "diagonal": Style("#8c564b", "*", ":"),
    "projection": Style("#e377c2", "X", "-."),
}
#: Ways to silence the weights of direct, in the figure that compares them: name and style.
WAYS = {
    "cutoff": ("cut-off", Style("black", "D", "-")),
    "straight_through": ("straight-through", Style("#1f5fbf", "^", "--")),
    "gradual": ("gradual", Style("#17becf", "v", "-.")),
    "rigl": ("RigL", Style("#6a3d9a", "s", ":")),
}
_OTHER = Style("#6a3d9a", "s", "-")
#: In the sparse figures direct has black diamonds and S-QR red pentagons.
SPARSE_STYLES = {**STYLES, "sqr": Style("#d62728", "p", "--")}
#: Beside seven others, without lines, direct needs a marker of its own.
BUDGET_STYLES = {**STYLES, "direct": Style("black", "o", "-")}

#: Of matplotlib, whose type for them lists all that there are.
SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "lines.markersize": 5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "spectral_repro",
}


def style_of(method: str, styles: Mapping[str, Style] = STYLES) -> Style:
    """A method without a style of its own gets a purple square."""
    return styles.get(method, _OTHER)


def label_of(method: str) -> str:
    """The printed label, from ``conf/method``."""
    path = config_folder() / "method" / f"{method}.yaml"
    return yaml.safe_load(path.read_text())["label"] if path.exists() else method
