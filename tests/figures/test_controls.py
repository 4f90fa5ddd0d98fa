"""The figures beyond the paper are drawn as the rows have it."""

import dataclasses

import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_repro.config.jobs import cells_of
from spectral_repro.figures import pruning
from spectral_repro.figures.catalogue import CONTROLS
from spectral_repro.figures.controls import budget_points, draw_control, pareto_front, ways
from spectral_repro.figures.pruning import by_place, draw_pruning
from spectral_repro.figures.scales import scale_accuracy
from spectral_repro.figures.select import choose_panels
from spectral_repro.report.beyond import beyond
from tests.synthetic import WAY, all_panels


def test_every_way_to_silence_is_a_curve_of_its_own(controls):
    spec = CONTROLS["control_sparse"]
    panels = choose_panels(controls, spec)
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


def test_the_budget_figure_has_a_point_per_cell_and_its_front(controls):
    spec = CONTROLS["control_budget"]
    panels = choose_panels(controls, spec)
    points = budget_points(panels[0])
    assert len(points) == len(panels[0].cells)
    figure = draw_control(spec, panels)
    (front,) = (line for line in figure.get_axes()[0].get_lines() if line.get_gid() == "front")
    assert set(front.get_ydata()) <= set(points["value"])
    labels = [text.get_text() for text in figure.get_axes()[0].get_legend().get_texts()]
    assert {"S-QR", "S-QR(p), p < 1"} < set(labels)
    partial = points[points["partial"]]
    assert set(partial["method"]) == {"sqr"}
    assert len(partial) == sum(c.method_options.get("p", 1) < 1 for c in panels[0].cells)


@pytest.mark.parametrize("limits", [(0.6, 0.98), (0.842, 0.888), (0.981, 0.989)])
def test_an_axis_of_accuracies_has_enough_marks_to_read_it(limits):
    ax = Figure().subplots()
    ax.plot([0, 1], limits)
    scale_accuracy(ax)
    assert 4 <= len(ax.get_yticks()) <= 12
    assert [float(t.get_text()) for t in ax.get_yticklabels()] == list(ax.get_yticks())


def test_pruning_is_drawn_and_judged_by_network(controls):
    spec = CONTROLS["pruning"]
    panels = choose_panels(controls, spec)
    found = by_place(panels[0])
    assert set(found) == {(layers, a) for layers in (1, 2, 3) for a in ("tanh", "elu", "relu")}
    shares = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95]
    for ways_there in found.values():
        assert set(ways_there) == set(pruning.WAYS)
        for way, points in ways_there.items():
            assert sorted(points) == ([] if "retrained" in way or way == "pre" else [0.0]) + shares
    narrow = found[2, "elu"]["narrow"][0.9]
    rows = controls[(controls["data"] == "mnist") & (controls["n2"] == 50) & (controls["hidden_layers"] == 2)]
    cells = [c for c, _ in cells_of("pruning", "paper", "mnist") if c.n2 == 50 and c.hidden_layers == 2]
    (cell,) = (c for c in cells if c.trainer["activation"] == "elu")
    rows = rows[rows["config_hash"] == cell.config_hash]
    assert narrow == dict(zip(rows["seed"], rows["test_accuracy"], strict=True))
    axes = draw_pruning(spec, panels).get_axes()
    assert len(axes) == 2 * 9
    assert {line.get_gid() for line in axes[0].get_lines()} == set(pruning.WAYS)
    text = beyond(controls, all_panels(controls))
    for where, count in (("one hidden layer", 2 * 3 * 7), ("several hidden layers", 2 * 2 * 3 * 7)):
        assert f"“direct, narrow from the start”, {where}: {count} comparisons; the first leads in" in text
    assert "the deeper layers are emptied first" in text
    assert "at most 120 epochs" in panels[0].caption
    part = panels[0].frame.iloc[:40]
    assert "cells of" in dataclasses.replace(panels[0], frame=part).realizations
