"""How numbers and tables are written."""

import math
from collections.abc import Iterable, Sequence

from spectral_repro.results.statistics import Estimate, Measured


def signed(text: str) -> str:
    """With a minus sign in place of a hyphen."""
    return text.replace("-", "−")


def interval(e: Estimate | Measured, form: str = ".3f", confidence: float = 0.95) -> str:
    """The value and its interval, ``0.981 [0.980, 0.982]``; the value alone where there is no interval."""
    low, high = e.interval(confidence)
    form = form.replace(".", "z.")  # no minus before a zero
    return signed(f"{e.value:{form}}" + (f" [{low:{form}}, {high:{form}}]" if math.isfinite(low) else ""))


def accuracy_interval(e: Estimate | Measured) -> str:
    """As :func:`interval`, of an accuracy: no interval reaches beyond 0 or 1."""
    low, high = (min(max(x, 0.0), 1.0) for x in e.interval())
    return f"{e.value:.4f}" + (f" [{low:.4f}, {high:.4f}]" if e.n > 1 else "")


def gap(e: Measured) -> str:
    """A difference with its interval; nothing of networks that were not run."""
    return interval(e, "+.4f") if e.n > 1 else ""


def listed(values: Iterable[object], none: str = "none") -> str:
    """``20, 50``, or what stands for nothing."""
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values) or none


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
