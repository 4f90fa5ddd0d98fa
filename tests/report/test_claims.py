"""Verdicts follow the rows, and what their intervals support."""

import itertools

import numpy as np
import pandas as pd
import pytest

from spectral_repro.claims import CLAIMS, thresholds
from spectral_repro.figures import curves
from spectral_repro.figures.select import select_panel
from spectral_repro.report import judges, verdicts
from spectral_repro.report.hubs import Hubs, top_place, top_share
from spectral_repro.report.measures import relative_by_size
from spectral_repro.report.panels import Rows
from tests.synthetic import frame_of, synthetic_rows

COLUMNS = ["kind", "seed", "layer", "node", "direction", "degree"]


def nodes(kind: str, *counted: tuple[int, int]) -> list[tuple]:
    """Of three networks: nodes of each degree, of which there are so many, in and out."""
    degrees = [degree for degree, count in counted for _ in range(count)]
    ways = itertools.product(range(3), ("in", "out"), enumerate(degrees))
    return [(kind, seed, 1, node, way, degree) for seed, way, (node, degree) in ways]


DEGREES = nodes("direct", (10, 95), (12, 5)) + nodes("sqr", (5, 95), (100, 5))


@pytest.fixture
def judged(monkeypatch):
    """The verdicts on a frame at the published rates; ``degrees`` are those of the hidden nodes."""

    def judge(frame, degrees=DEGREES) -> list[verdicts.Verdict]:
        hubs = Hubs(pd.DataFrame(degrees, columns=COLUMNS))
        monkeypatch.setattr(judges.Hubs, "read", lambda *_: hubs)
        return [v for v in verdicts.judge(Rows(frame)) if v.rates == "published"]

    return judge


def of(found, number: str, figure: str = "") -> list[verdicts.Verdict]:
    return [v for v in found if v.claim.number == number and figure in (v.figure, "")]


def said(found, number: str, figure: str = "") -> set[str]:
    return {v.verdict for v in of(found, number, figure)}


def test_claims_follow_the_rows(judged, whole, trained):
    assert {v.verdict for v in judged(whole) if v.figure.startswith("fig")} == {verdicts.NOT_JUDGED}
    found = judged(trained)
    assert [*dict.fromkeys(v.claim.number for v in found)] == list(CLAIMS)
    for number in ("1", "2b", "3", "4", "7", "8"):
        assert said(found, number) == {verdicts.REPRODUCED}, number
    assert said(found, "2a") == said(found, "10") == {verdicts.NOT_RUN}
    worse = trained.copy()
    worse.loc[worse["method"] == "sqr", "test_accuracy"] -= 0.1
    assert said(judged(worse), "4") == {verdicts.NOT_REPRODUCED}
    swapped = trained.copy()
    swapped["method"] = swapped["method"].replace({"direct": "sqr", "sqr": "direct"})
    assert said(judged(swapped), "7") == {verdicts.NOT_REPRODUCED}


def test_what_the_intervals_reach_across_is_undecided(judged, trained):
    """S-QR's mean above 0.98 of direct, but one seed far below."""
    torn = trained.copy()
    hit = (torn["method"] == "sqr") & (torn["seed"] == 0) & (torn["data"] == "mnist")
    torn.loc[hit, "test_accuracy"] -= 0.03
    found = judged(torn)
    assert said(found, "4", "fig01") == {verdicts.UNDECIDED}
    assert verdicts.overall(of(found, "4", "fig01")) == "undecided"
    assert verdicts.overall(of(found, "4")) == "in part"


def test_one_size_contradicts_only_beyond_chance(judged, trained):
    def with_gap(gap: float, scatter: float) -> verdicts.Verdict:
        frame = trained.copy()
        here = (frame["data"] == "mnist") & (frame["n2"] == 300) & (frame["sparsity"] == 0)
        level = frame.loc[here & (frame["method"] == "spectral"), "test_accuracy"].mean()
        for method, offset in (("spectral", 0), ("ssvd", gap)):
            for seed, sign in ((0, -1), (1, 0), (2, 1)):
                rows = here & (frame["method"] == method) & (frame["seed"] == seed)
                frame.loc[rows, "test_accuracy"] = level + offset + sign * (scatter if method == "ssvd" else 0)
        return of(judged(frame), "3", "fig01")[0]

    assert with_gap(0.02, 0.001).verdict == verdicts.REPRODUCED
    assert with_gap(-0.001, 0.01).verdict == verdicts.REPRODUCED
    assert "not at N2 = 300 (beyond chance: none)" in with_gap(-0.001, 0.01).measured
    assert with_gap(-0.02, 0.0001).verdict == verdicts.NOT_REPRODUCED
    assert "not at N2 = 300 (beyond chance: 300)" in with_gap(-0.02, 0.0001).measured


def test_a_claim_waits_for_its_own_methods_only(judged, whole, trained):
    found = judged(pd.concat([whole, trained[trained["method"] == "direct"]]))
    assert said(found, "5", "fig04") <= {verdicts.REPRODUCED, verdicts.NOT_REPRODUCED, verdicts.UNDECIDED}
    assert said(found, "4", "fig04") == {verdicts.NOT_JUDGED}


def test_nodes_without_input_make_no_hubs(judged, trained):
    """Links of few nodes, all alike: concentrated among all, but not among those that have any."""
    silent = nodes("direct", (10, 95), (12, 5)) + nodes("sqr", (0, 70), (10, 30))
    (found,) = of(judged(trained, silent), "8")
    assert found.verdict == verdicts.NOT_REPRODUCED
    assert "(S-QR 30.0% of all, direct 100.0%)" in found.measured
    assert "most in-links of a node: S-QR 10, direct 12" in found.measured
    (without,) = of(judged(trained, []), "8")
    assert without.verdict == verdicts.NOT_RUN


def test_means_over_sizes_are_those_of_the_drawn_curve(judged):
    """Also where some sizes have fewer realizations."""
    more = frame_of(synthetic_rows("fig01", "paper"))
    fewer = more[(more["n2"] != 2000) | (more["seed"] > 5)]
    panel = select_panel(fewer, "fig01", "mnist", "paper")
    curve = curves.relative_curve(panel.frame, "ssvd", "n2")
    points = relative_by_size(panel.frame, "ssvd")
    assert [e.value for e in points.values()] == pytest.approx(curve["value"].tolist())
    (found,) = of(judged(fewer), "3", "fig01")
    assert found.short.startswith(f"{curve['value'].mean():.3f} [")


def test_claims_without_enough_runs_say_so(judged, trained):
    assert {v.verdict for v in judged(frame_of([]))} == {verdicts.NOT_RUN}
    assert {v.verdict for v in judged(trained[trained["seed"] == 0])} == {verdicts.NOT_RUN}
    assert {v.verdict for v in judged(trained[trained["n2"] != 100]) if v.figure == "fig01"} == {verdicts.NOT_RUN}


def test_top_share_by_hand():
    degrees = pd.Series([1] * 90 + [10] * 9 + [50])
    # five of a hundred nodes: one with 50 links and four with 10, of 90 + 90 + 50 links
    assert top_share(degrees) == pytest.approx((50 + 4 * 10) / 230)
    assert top_share(degrees[:50]) == pytest.approx(2.5 / 50)  # two nodes and a half


def test_top_place_by_hand():
    degrees = pd.Series([0] * 96 + [5] * 4)
    assert top_place(degrees, 0.04) == pytest.approx((96 + 97 + 98 + 99) / 4 / 99)
    assert top_place(degrees[::-1].reset_index(drop=True), 0.04) == pytest.approx(1.5 / 99)
    random = [top_place(pd.Series(np.random.default_rng(seed).permutation(500))) for seed in range(100)]
    assert np.mean(random) == pytest.approx(0.5, abs=0.02)


def test_one_verdict_on_each_claim(judged, trained):
    assert list(CLAIMS) == ["1", "2a", "2b", *(str(n) for n in range(3, 11))]
    worse = trained.copy()
    worse.loc[(worse["method"] == "sqr") & (worse["data"] == "mnist"), "test_accuracy"] -= 0.1
    found = judged(worse)
    assert verdicts.overall(of(found, "4")) == "in part"
    assert verdicts.overall(of(found, "4", "fig01")) == "not reproduced"
    less = judged(worse[worse["data"] != "fashion_mnist"])
    assert verdicts.overall(of(less, "4")) == "in part (2 of 4 judged)"


def test_claim_6_has_two_parts(judged, trained):
    """Above S-SVD at some p, and above 0.98 of direct at some p."""
    (found,) = of(judged(trained), "6", "fig06")
    assert found.verdict == verdicts.REPRODUCED
    for p in (0.01, 0.05, 0.1, 0.2, 0.4):
        assert f"p = {p:g}: " in found.measured
    lower = trained.copy()
    hit = (lower["method"] == "sqr") & (lower["data"] == "mnist") & (lower["p"] < 1)
    lower.loc[hit, "test_accuracy"] -= 0.03
    (part,) = of(judged(lower), "6", "fig06")
    assert part.verdict == verdicts.IN_PART
    assert part.short.endswith("above 0.98 at no p")
    lower.loc[hit, "test_accuracy"] -= 0.1
    assert said(judged(lower), "6", "fig06") == {verdicts.NOT_REPRODUCED}


def test_sizes_with_collapsed_networks_decide_no_mean(judged, trained):
    """Ratios to networks at chance would lift S-SVD above direct."""
    lost = trained.copy()
    hit = (lost["method"] == "direct") & (lost["n2"] == 20) & (lost["data"] == "cifar10_jpeg")
    lost.loc[hit & (lost["seed"] < 2), "test_accuracy"] = 0.1
    (after,) = of(judged(lost), "3", "fig05")
    assert after.verdict == verdicts.REPRODUCED
    assert after.measured.endswith("between the two at 7 of 7 sizes; left out: N2 = 20 (2 of 3 of direct at chance)")


def test_claim_2a_is_of_mnist(judged):
    """The mean gain by hand."""
    frame = frame_of(synthetic_rows("findings", "paper"))
    mine = frame[frame["sparsity"] == 0].groupby(["method", "n2"])["test_accuracy"].mean()
    gain = ((mine["spectral"] - mine["spectral_original"]) / mine["direct"]).mean()
    (found,) = of(judged(frame), "2a")
    assert found.verdict == verdicts.REPRODUCED
    assert found.short.startswith(f"{gain:+.4f} [")
    part = frame[(frame["method"] != "spectral_original") | (frame["n2"] != 300)]
    assert said(judged(part), "2a") == {verdicts.NOT_RUN}


def test_claim_9_needs_less_time_and_less_work(trained, tmp_path):
    """With a machine on which S-QR's epochs are short it still takes more multiply-adds."""
    trained = trained.copy()
    trained.attrs["results_dir"] = str(tmp_path)

    def verdict() -> verdicts.Verdict:
        return next(v for v in verdicts.judge(Rows(trained)) if (v.claim.number, v.figure) == ("9", "fig01"))

    assert (verdict().verdict, verdict().short) == (verdicts.NOT_JUDGED, "no machine was measured")
    (tmp_path / "bench").mkdir()
    lines = ["method,n2,sparsity,program,neighbours,seconds,device"]
    lines += [f"{m},500,0,ours,0,{s},a cpu" for m, s in (("direct", 2), ("spectral", 2), ("ssvd", 4), ("sqr", 1))]
    (tmp_path / "bench/cpu.csv").write_text("\n".join(lines) + "\n")
    judges.cost._epochs.cache_clear()
    assert verdict().verdict == verdicts.NOT_REPRODUCED
    assert verdict().short.startswith("S-QR takes 0.5–0.5 times the seconds, ")


def test_claim_10_is_at_the_count_of_spectral(judged, controls):
    controls = controls.assign(trained_parameters=controls["n2"].where(controls["method"] == "direct", 400))
    found = of(judged(controls), "10")
    assert {v.data for v in found} == {"mnist", "fashion_mnist"}
    mine = controls[(controls["data"] == "mnist") & (controls["sparsity"] == 0) & (controls["method"] != "sqr")]
    means = mine.groupby(["method", "n2"])["test_accuracy"].mean()
    assert found[0].data == "mnist"
    assert found[0].short.startswith(f"{means['spectral', 500] - means['direct', 300]:+.3f}".replace("-", "−"))
    assert "at 400 against 300 (N2 = 300) parameters" in found[0].measured


def test_thresholds_are_those_of_the_rules():
    assert thresholds("fig01") == [
        (0.875, "claim 1: from 0.875"),
        (0.945, "claim 1: to 0.945"),
        (0.98, "claim 4: above 0.98"),
    ]
    assert thresholds("fig07_tuned") == [(0.98, "claim 6: above 0.98")]
    assert not thresholds("fig02")
    for claim in CLAIMS.values():
        for value, _ in claim.lines:
            assert f"{value:g}" in claim.rule
