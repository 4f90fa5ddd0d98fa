"""Rows as a table."""

from collections.abc import Iterable

import pandas as pd

from spectral_repro.results.rows import COLUMNS, Row


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a table with the columns of :class:`Row`."""
    frame = pd.DataFrame([tuple(dict(row).values()) for row in rows], columns=list(COLUMNS))
    alike = ["-".join([str(n2)] * layers) for n2, layers in zip(frame["n2"], frame["hidden_layers"], strict=True)]
    frame["hidden"] = frame["hidden"].fillna(pd.Series(alike, index=frame.index, dtype=object))  # of the first rows
    return frame


def diverged(rows: pd.DataFrame) -> int:
    """How many of the networks have weights that are not finite."""
    return int((rows["diverged"] == True).sum())  # noqa: E712 (None where it is not known)
