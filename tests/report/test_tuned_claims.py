"""The claims again at tuned rates: other rows, the same rules."""

from pathlib import Path

import pandas as pd
import pytest

from spectral_repro.config.jobs import cells_of
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
    assert other_verdicts(published, tuned).endswith(", 0 of 11 verdicts would be the contrary.")
    hit = (both["lr"] == 0.002) & (both["method"] == "sqr") & (both["p"] == 1) & (both["data"] == "fashion_mnist")
    hit &= both["hidden_layers"] == 1
    both.loc[hit, "test_accuracy"] -= 0.1
    assert judged(both) == published
    worse = judged_tuned(both)
    was, at = (verdict_of(4, "fig04", verdicts) for verdicts in (published, worse))
    assert at.verdict == claims.NOT_REPRODUCED
    assert [v for v in worse if v != at] == [v for v in tuned if (v.number, v.figure) != (4, "fig04")]
    head, _, line = other_verdicts(published, worse).partition(":\n\n")
    assert head.endswith("(see “Beyond the paper”), 1 of 11 verdicts would be the contrary")
    assert line == (
        f"- claim 4, Fig. 4: {at.measured}: not reproduced ({at.runs}); at the published rates {was.measured}: "
        f"reproduced ({was.runs})"
    )
    whole = beyond(both, all_panels(both), published, worse)
    (line,) = (li for li in whole.splitlines() if li.startswith("| 4 | Fig. 4 | "))
    cells = line.split(" | ")
    assert cells[2:5] == [at.measured, claims.NOT_REPRODUCED, at.runs]
    assert cells[5:] == [was.measured, claims.REPRODUCED, f"{was.runs} |"]
    assert whole.count("](figures/fig0") == 5


def test_what_is_undecided_at_tuned_rates_is_named_apart(both):
    hit = (both["lr"] == 0.002) & (both["method"] == "sqr") & (both["data"] == "mnist") & (both["seed"] == 0)
    both.loc[hit, "test_accuracy"] -= 0.03
    text = other_verdicts(judged(both), judged_tuned(both))
    assert "0 of 11 verdicts would be the contrary.\n\nUndecided at one of the two" in text
    assert "\n- claim 4, Fig. 1: relative accuracy" in text
    assert ": undecided (MNIST: profile paper (at most 90 epochs), n = 3, " in text


def test_the_same_networks_are_not_judged_twice(both):
    """Direct has the published rate on MNIST: claim 5, on direct alone, is not asked again there."""
    rates = Path(both.attrs["results_dir"]) / "rates.yaml"
    text = rates.read_text()
    mnist = text.index("  mnist:")
    rates.write_text(text[:mnist] + text[mnist:].replace("direct: 0.002", "direct: 0.015", 1))
    cells_of.cache_clear()
    asked = [(v.number, v.figure) for v in judged_tuned(both)]
    assert (5, "fig01") not in asked
    assert {(5, "fig04"), (4, "fig01")} <= set(asked)


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
    for name in ("fig04", "fig07"):
        assert "tuned rates, Fashion-MNIST: profile paper" in draw_one(name, both, tmp_path)
        assert (tmp_path / f"figures/{name}.png").stat().st_size > 10_000
    assert TUNED["fig07_tuned"].title == "Fig. 7: S-QR(p) (tuned rates)"
    assert TUNED["fig07_tuned"].short == "Fig. 7 (tuned rates)"
    assert TUNED["control_budget_tuned"].short.endswith("otherwise (tuned rates)")
