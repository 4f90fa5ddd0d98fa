"""How each method is drawn, everywhere: one colour, one symbol and one line, apart in grey and to the colour-blind.

No two methods share a colour or a symbol. Those that meet in a figure also differ in lightness or, to eyes that do not
see red and green, in hue. Filled symbols stand for the learning rates of the paper's code, open ones for tuned rates.
"""

from typing import Any, NamedTuple

from spectral_repro.config.files import conf_file


class Style(NamedTuple):
    """Colour, marker and line as matplotlib names them."""

    color: str
    marker: str
    line: str


#: As in the paper Spectral has blue triangles, S-SVD olive pentagons, S-QR red diamonds, and direct is black.
STYLES = {
    "direct": Style("#000000", "s", "-"),
    "spectral": Style("#2b6fd6", "^", "--"),
    "spectral_original": Style("#7ec3f0", "v", ":"),
    "spectral_nodes": Style("#12306e", "$λ$", ":"),
    "ssvd": Style("#a3a321", "p", "-."),
    "sqr": Style("#c4122f", "D", "-"),
    "lowrank": Style("#d650a0", "h", "-"),
    "hashed": Style("#2fd0e6", "*", "--"),
    "diagonal": Style("#5f3a1c", "<", ":"),
    "projection": Style("#c9bfa5", "H", "-."),
    "linear": Style("#707070", "8", "-"),
    "random_features": Style("#4fae5a", ">", "--"),
}
#: S-QR that trains a share p of R: S-QR's colour, a thin diamond.
PARTIAL = STYLES["sqr"]._replace(marker="d")
#: Ways to silence the weights of direct: name and style. The cut-off is the paper's, and drawn as direct is.
WAYS = {
    "cutoff": ("cut-off", STYLES["direct"]),
    "straight_through": ("straight-through", Style("#00806a", "o", "--")),
    "gradual": ("gradual", Style("#f0a030", "P", "-.")),
    "rigl": ("RigL", Style("#8e4bc0", "X", ":")),
}
#: A method of one's own.
_OTHER = Style("#a0522d", "D", ":")

#: Of matplotlib, whose type for them lists all that there are. Sizes are those in print.
SETTINGS: dict[Any, Any] = {
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.ymargin": 0.08,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 0.9,
    "lines.markersize": 3.6,
    "lines.markeredgewidth": 0.7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "spectral_repro",
}


def style_of(method: str) -> Style:
    """The style of a method; one of one's own, which has none, is drawn in sienna."""
    return STYLES.get(method, _OTHER)


def way_of(method: str, masking: str | None) -> tuple[str, Style]:
    """Label and style of a method, of a sparse network as it is silenced in one of several ways."""
    if method != "direct" or not masking:
        return label_of(method), style_of(method)
    name, style = WAYS.get(masking, (masking, _OTHER))
    return f"direct ({name})", style


def label_of(method: str) -> str:
    """The printed label, from ``conf/method``."""
    return conf_file("method", method).get("label", method)
