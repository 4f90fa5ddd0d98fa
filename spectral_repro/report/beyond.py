"""Beyond the paper (SPEC 9): the controls, in tables and sentences that the intervals support."""

from collections.abc import Mapping, Sequence

import pandas as pd

from spectral_repro.figures.select import Panel
from spectral_repro.report.budgets import budgets
from spectral_repro.report.claims import Verdict
from spectral_repro.report.tuned_claims import tuned_claims
from spectral_repro.report.tuning import rates
from spectral_repro.report.ways import sparse


def beyond(
    frame: pd.DataFrame,
    panels: Mapping[str, list[Panel]],
    published: Sequence[Verdict] = (),
    tuned: Sequence[Verdict] = (),
) -> str:
    """The part of the report; of what has no rows it says which command makes them.

    ``published`` and ``tuned`` are the verdicts on the paper's claims at the two kinds of rates.
    """
    parts = [
        "## Beyond the paper",
        *(sparse(name, panels[name]) for name in ("control_sparse", "control_sparse_tuned") if name in panels),
        *(budgets(name, frame, panels[name]) for name in ("control_budget", "control_budget_tuned") if name in panels),
        tuned_claims(panels, published, tuned),
        rates(frame),
    ]
    return "\n\n".join(filter(None, parts))
