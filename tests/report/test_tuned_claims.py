"""The claims again at tuned rates: other rows, the same rules."""

import pandas as pd
import pytest

from spectral_repro.figures.catalogue import ALL, TUNED
from spectral_repro.figures.command import draw_one
from spectral_repro.figures.select import choose_panels
from spectral_repro.report import claims
from spectral_repro.report.beyond import beyond
from spectral_repro.report.tuned_claims import other_verdicts, tuned_claims
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rates import write_rates
from tests.report.test_claims import judged, verdict_of
from tests.synthetic import all_panels, frame_of, synthetic_rows, tuning_rows

PAPER = [name for name, spec in TUNED.items() if spec.name.startswith("fig")]


@pytest.fixture
def both(trained, tmp_path):
    """Rows at the published rates and at those chosen, of three realizations each."""
    write_rates(to_frame(tuning_rows("paper", range(1000, 1003), 0.002)), tmp_path)
    others = "rates=tuned", f'results_dir="{tmp_path}"'
    again = [row for name in PAPER for row in synthetic_rows(TUNED[name].experiment, "paper", None, others)]
    tuned = frame_of({(r.config_hash, r.seed): r for r in again if r.seed < 3}.values())
    tuned["lr"] = 0.002
    frame = pd.concat([trained, tuned], ignore_index=True)
    frame.attrs["results_dir"] = str(tmp_path)
    return frame


def judged_tuned(frame) -> list[claims.Verdict]:
    return claims.judge_tuned(lambda name, methods: choose_panels(frame, ALL[name], "paper", methods))


def test_the_verdicts_at_tuned_rates_are_from_rows_at_tuned_rates(both):
    assert PAPER == ["fig01_tuned", "fig04_tuned", "fig06_tuned", "fig07_tuned", "fig09_tuned"]
    published, tuned = judged(both), judged_tuned(both)
    assert [(v.number, v.figure) for v in tuned] == [
        (1, "fig01"),
        *((number, name) for number in (3, 4) for name in ("fig01", "fig04", "fig09")),
        *((5, name) for name in ("fig01", "fig04")),
        *((6, name) for name in ("fig06", "fig07")),
    ]
    said = other_verdicts(published, tuned)
    assert said.endswith("0 of the verdicts would be another, of 11 that there are rows for.")
    hit = (both["lr"] == 0.002) & (both["method"] == "sqr") & (both["p"] == 1) & (both["data"] == "fashion_mnist")
    hit &= both["hidden_layers"] == 1
    both.loc[hit, "test_accuracy"] -= 0.1
    assert judged(both) == published
    worse = judged_tuned(both)
    assert verdict_of(4, "fig04", worse).verdict == claims.NOT_REPRODUCED
    assert [v for v in worse if (v.number, v.figure) != (4, "fig04")] == [
        v for v in tuned if (v.number, v.figure) != (4, "fig04")
    ]
    text = other_verdicts(published, worse)
    assert "1 of the verdicts would be another, of 11 that there are rows for:\n\n- claim 4, Fig. 4: relative" in text
    runs = verdict_of(4, "fig04", worse).runs
    assert text.endswith(f"; reproduced at the published rates, which would be not reproduced at these ({runs})")
    whole = beyond(both, all_panels(both), published, worse)
    (line,) = (li for li in whole.splitlines() if li.startswith("| 4 | Fig. 4 | "))
    cells = line.split(" | ")
    assert cells[2:4] == [verdict_of(4, "fig04", worse).measured, claims.NOT_REPRODUCED]
    assert cells[4:] == [
        verdict_of(4, "fig04", published).measured,
        claims.REPRODUCED,
        f"{runs} |",
    ]
    assert whole.count("](figures/fig0") == 5


def test_what_has_no_rows_or_no_rates_is_not_judged(both, trained):
    trained = trained.copy()
    trained.attrs["results_dir"] = both.attrs["results_dir"]
    verdicts = judged_tuned(trained)
    assert {v.verdict for v in verdicts} == {claims.NOT_RUN}
    assert not other_verdicts(judged(trained), verdicts)
    assert "| 0 of 160 networks | not yet run |" in tuned_claims(all_panels(trained), judged(trained), verdicts)
    trained.attrs["results_dir"] = "/nowhere"
    assert not judged_tuned(trained)
    assert not tuned_claims(all_panels(trained), judged(trained), [])


def test_the_papers_figures_are_drawn_at_tuned_rates(both, tmp_path):
    for name in ("fig04_tuned", "fig07_tuned"):
        assert "Fashion-MNIST: profile paper" in draw_one(name, both, tmp_path)
        assert (tmp_path / f"figures/{name}.png").stat().st_size > 10_000
    assert TUNED["fig07_tuned"].title == "Fig. 7: S-QR(p) (tuned rates)"
    assert TUNED["fig07_tuned"].short == "Fig. 7 (tuned rates)"
    assert TUNED["control_budget_tuned"].short.endswith("otherwise (tuned rates)")
