"""What lies beyond the paper: drawn, grouped and said as the rows have it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from spectral_repro.config.compose import cells_of, plain_compose
from spectral_repro.config.rates import read_rates
from spectral_repro.config.read import read_config
from spectral_repro.errors import ConfigError, UserError
from spectral_repro.figures import pruning
from spectral_repro.figures.catalogue import CONTROLS, TUNED
from spectral_repro.figures.controls import budget_points, draw_control, pareto_front, ways
from spectral_repro.figures.pruning import by_place, draw_pruning
from spectral_repro.figures.select import choose_panels
from spectral_repro.report import leaderboard
from spectral_repro.report.beyond import beyond
from spectral_repro.results.frame import to_frame
from spectral_repro.results.rates import write_rates
from spectral_repro.results.rows import Row
from tests.results.test_rows import ROW

#: Invented, to test the arithmetic alone.
WAY = {"cutoff": 0.90, "straight_through": 0.93, "gradual": 0.91, "rigl": 0.92}


def rows_of(name: str, profile: str = "paper", seeds=range(3)) -> list[Row]:
    rows = []
    for cell, _ in cells_of(name, profile):
        masking, allocation = cell.masking_names
        base = WAY[masking] + 0.05 * (cell.method == "sqr") if masking else 0.8 + 0.0001 * cell.n2
        for seed in seeds:
            accuracy = base - 0.1 * cell.sparsity + 0.001 * np.sin(7 * seed + len(cell.method))
            changes = {
                "data": cell.data["name"],
                "method": cell.method,
                "n2": cell.n2,
                "sparsity": cell.sparsity,
                "seed": seed,
                "test_accuracy": accuracy,
                "validation_accuracy": accuracy,
                "trained_parameters": 100 * cell.n2 + 7 * len(cell.method),
                "max_epochs": cell.trainer["max_epochs"],
                "lr": cell.trainer["lr"],
                "masking": masking,
                "allocation": allocation,
                "config_hash": cell.config_hash,
                "patience": cell.trainer["patience"],
                "hidden_layers": cell.hidden_layers,
                **{f"pruned_{k}": v for k, v in cell.pruning.items()},
            }
            rows.append(Row(**{**dict(ROW), **changes}))
    return rows


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = {(r.config_hash, r.seed): r for name in CONTROLS for r in rows_of(name)}
    return to_frame(rows.values())


def test_every_way_to_silence_is_a_curve_of_its_own(frame):
    spec = CONTROLS["control_sparse"]
    panels = choose_panels(frame, spec)
    figure = draw_control(spec, panels)
    assert len(figure.get_axes()) == 4
    for ax, panel in zip(figure.get_axes()[::2], panels, strict=True):
        lines = {line.get_gid(): line.get_xydata() for line in ax.get_lines() if line.get_gid()}
        assert set(lines) == {*(f"direct {way}" for way in WAY), "sqr cutoff"}
        rows = ways(panel, "uniform")["direct", "rigl"]
        mean = rows[rows["sparsity"] == 0.95]["test_accuracy"].mean()
        assert dict(lines["direct rigl"])[0.95] == pytest.approx(mean)
    assert "sqr" not in {method for method, masking in ways(panels[0], "uniform") if masking != "cutoff"}


def test_the_pareto_front_by_hand():
    points = pd.DataFrame(
        {"method": list("abcde"), "trained": [1, 2, 2, 3, 4], "value": [0.5, 0.4, 0.6, 0.55, 0.7], "spread": 0, "n": 3}
    )
    assert pareto_front(points)["method"].tolist() == ["a", "c", "e"]


def test_the_budget_figure_has_a_point_per_cell_and_its_front(frame):
    spec = CONTROLS["control_budget"]
    panels = choose_panels(frame, spec)
    points = budget_points(panels[0])
    assert len(points) == len(panels[0].cells)
    figure = draw_control(spec, panels)
    (front,) = (line for line in figure.get_axes()[0].get_lines() if line.get_gid() == "front")
    assert set(front.get_ydata()) <= set(points["value"])


def entry(way: str, values: list[float], trained: int = 100, validation: float = 0.5) -> leaderboard.Entry:
    return leaderboard.Entry(way, dict(enumerate(values)), validation, trained, 0.1, way, "mnist", "", 10)


def test_groups_are_what_the_intervals_separate():
    a, b = entry("a", [0.90, 0.91, 0.92]), entry("b", [0.899, 0.909, 0.923])
    c, d = entry("c", [0.80, 0.81, 0.82]), entry("d", [0.70, 0.72, 0.71])
    assert leaderboard.grouped([a, b, c, d]) == [1, 1, 2, 3]
    assert leaderboard.grouped([]) == []


def test_test_images_decide_nothing():
    lucky, solid = entry("a", [0.95] * 3, validation=0.80), entry("a", [0.90] * 3, validation=0.91)
    other = entry("b", [0.92] * 3)
    assert leaderboard.best_of_each([lucky, solid, other]) == [other, solid]


def test_the_leaderboard_leaves_out_what_is_short_tuned_or_of_too_few(frame, tmp_path):
    text = leaderboard.build(frame, tmp_path)
    assert text == leaderboard.build(frame, tmp_path)
    for title in ("## fashion_mnist", "### At most 6,209 trained parameters, dense", "### Sparsity 0.99"):
        assert title in text
    assert "direct, straight_through, dense_output" in text
    for other in (
        frame.assign(max_epochs=5),
        frame.assign(seed=frame["seed"] + leaderboard.TUNING_SEEDS),
        frame[frame["seed"] < 2],
        to_frame([]),
    ):
        assert "###" not in leaderboard.build(other, tmp_path)


def test_the_verdict_is_what_the_rows_say(frame):
    def said(rows) -> str:
        return beyond(rows, all_panels(rows))

    assert "Of 16 comparisons that are decided by full-length rows, the lead is of: S-QR in 16." in said(frame)
    worse = frame.copy()
    worse.loc[(worse["method"] == "sqr") & (worse["sparsity"] > 0), "test_accuracy"] -= 0.06
    assert "the lead is of: direct, straight-through in 16." in said(worse)
    assert "| MNIST | 6,209 |" in said(frame)
    nothing = said(to_frame([]))
    assert "the lead is of" not in nothing
    assert "spectral-repro experiment=control_sparse" in nothing
    assert "experiment=rates" in nothing


def test_pruning_is_drawn_and_judged_by_network(frame):
    spec = CONTROLS["pruning"]
    panels = choose_panels(frame, spec)
    found = by_place(panels[0])
    assert set(found) == {(layers, a) for layers in (1, 2, 3) for a in ("tanh", "elu", "relu")}
    shares = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95]
    for ways_there in found.values():
        assert set(ways_there) == set(pruning.WAYS)
        for way, points in ways_there.items():
            assert sorted(points) == ([] if "retrained" in way or way == "pre" else [0.0]) + shares
    narrow = found[2, "elu"]["narrow"][0.9]
    rows = frame[(frame["data"] == "mnist") & (frame["n2"] == 50) & (frame["hidden_layers"] == 2)]
    cells = [c for c, _ in cells_of("pruning", "paper", "mnist") if c.n2 == 50 and c.hidden_layers == 2]
    (cell,) = (c for c in cells if c.trainer["activation"] == "elu")
    rows = rows[rows["config_hash"] == cell.config_hash]
    assert narrow == dict(zip(rows["seed"], rows["test_accuracy"], strict=True))
    axes = draw_pruning(spec, panels).get_axes()
    assert len(axes) == 2 * 9
    assert {line.get_gid() for line in axes[0].get_lines()} == set(pruning.WAYS)
    text = beyond(frame, all_panels(frame))
    for where, count in (("one hidden layer", 2 * 3 * 7), ("several hidden layers", 2 * 2 * 3 * 7)):
        assert f"“direct, narrow from the start”, {where}, {count} comparisons of full-length rows" in text
    assert "the deeper layers are emptied first" in text
    assert "at most 120 epochs" in panels[0].caption
    part = panels[0].frame.iloc[:40]
    assert "cells of" in dataclasses.replace(panels[0], frame=part).realizations


def test_what_was_trained_without_early_stopping_leads_no_board(frame):
    mine = frame[frame["config_hash"].isin({c.config_hash for c, _ in cells_of("pruning", "paper")})]
    assert len(mine)
    assert not len(leaderboard.full_length(mine))


def tuning_rows(profile: str, seeds, best: float) -> list[Row]:
    """Rows of ``experiment=rates`` whose validation accuracy is highest at one rate, and test accuracy at another."""
    return [
        r.model_copy(update={"validation_accuracy": 0.9 - abs(r.lr - best), "test_accuracy": r.lr})
        for r in rows_of("rates", profile, seeds)
    ]


def all_panels(frame: pd.DataFrame) -> dict:
    specs = {**CONTROLS, **TUNED}
    return {name: panels for name, spec in specs.items() if (panels := choose_panels(frame, spec))}


def test_the_best_rate_is_that_of_validation():
    rows = to_frame(tuning_rows("quick", range(1000, 1002), 0.002))
    text = beyond(rows, all_panels(rows))
    line = next(li for li in text.splitlines() if li.startswith("| mnist | S-QR | 0 |"))
    assert line.split(" | ")[3:5] == ["0.001", "0.005"]
    assert sum(li.startswith("| fashion_mnist") for li in text.splitlines()) == 8 + 5
    assert "profile=quick" in text


def test_tuned_rates_are_kept_used_and_drawn(tmp_path):
    rows = tuning_rows("paper", range(1000, 1003), 0.002)
    incomplete = [r for r in rows if not (r.method == "hashed" and r.data == "fashion_mnist" and r.seed == 1002)]
    frame = to_frame(incomplete)
    write_rates(frame, tmp_path)
    rates = read_rates(tmp_path)
    assert rates["dense"]["mnist"] == dict.fromkeys(
        ("direct", "spectral", "ssvd", "sqr", "lowrank", "hashed", "diagonal", "projection"), 0.002
    )
    assert "hashed" not in rates["dense"]["fashion_mnist"]
    assert set(rates["sparse"]["mnist"]) == {*(f"direct/{way}" for way in WAY), "sqr/cutoff"}
    assert {"0.002 (rates missing)"} & set(" | ".join(beyond(frame, all_panels(frame)).splitlines()).split(" | "))

    def cell(*overrides: str):
        return read_config(plain_compose()([f"results_dir={tmp_path}", *overrides]))[0]

    tuned = cell("method=sqr", "data=mnist", "rates=tuned")
    assert tuned == cell("method=sqr", "data=mnist", "trainer.lr=0.002")
    assert cell("method=sqr", "data=mnist").trainer["lr"] == 0.005
    assert cell("method=sqr", "data=mnist", "rates=tuned", "trainer.lr=0.1").trainer["lr"] == 0.1
    sparse = cell("data=mnist", "sparsity=0.9", "masking=rigl", "rates=tuned")
    assert sparse.trainer["lr"] == 0.002
    with pytest.raises(ConfigError, match=r"rates=tuned: .* has none for hashed on fashion_mnist, protocol dense"):
        cell("method=hashed", "data=fashion_mnist", "rates=tuned")
    frame.attrs["results_dir"] = str(tmp_path)
    panels = all_panels(frame)
    assert [p.data for p in panels["control_budget_tuned"]] == ["mnist"]
    assert {p.data for p in panels["control_sparse_tuned"]} == {"mnist", "fashion_mnist"}
    assert {c.trainer["lr"] for p in panels["control_budget_tuned"] for c in p.cells} == {0.002}
    assert panels["control_budget_tuned"][0].command.startswith(
        "spectral-repro experiment=control_budget profile=paper"
    )
    assert "rates=tuned" in panels["control_budget_tuned"][0].command
    text = beyond(frame, panels)
    assert "(tuned rates)" in text
    (tmp_path / "rates.yaml").write_text("- 1")
    with pytest.raises(UserError, match="is no table of learning rates"):
        cell("method=sqr", "data=mnist", "rates=tuned")
