"""The figures beyond the paper are drawn as the rows have it."""

import dataclasses

import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_repro.figures.budget import budget_points, pareto_front
from spectral_repro.figures.catalogue import CONTROLS
from spectral_repro.figures.controls import links, ways
from spectral_repro.figures.draw import draw_figure
from spectral_repro.figures.scales import scale_accuracy
from spectral_repro.figures.select import choose_panels
from tests.synthetic import WAY


def curves_in(ax) -> dict:
    return {line.get_gid(): line.get_xydata() for line in ax.get_lines() if not line.get_gid().endswith("networks")}


def test_every_way_to_silence_is_a_curve_of_its_own_by_links_on_one_scale(controls):
    spec = CONTROLS["control_sparse"]
    panels = choose_panels(controls, spec)
    axes = draw_figure(spec, panels).get_axes()
    assert len(axes) == 4
    for ax, beside, panel in zip(axes[::2], axes[1::2], panels, strict=True):
        lines = curves_in(ax)
        assert set(lines) == {*(f"direct {way}" for way in WAY), "sqr cutoff"}
        rows = ways(panel, "uniform")["direct", "rigl"]
        mean = rows[rows["sparsity"] == 0.95]["test_accuracy"].mean()
        assert dict(lines["direct rigl"])[19_850] == pytest.approx(mean)  # 0.05 · (784 · 500 + 500 · 10)
        assert (ax.get_xlim(), ax.get_ylim()) == (beside.get_xlim(), beside.get_ylim())
    assert "sqr" not in {method for method, masking in ways(panels[0], "uniform") if masking != "cutoff"}


def test_links_are_counted(controls):
    cells = choose_panels(controls, CONTROLS["control_sparse"])[0].cells
    found = {cell.masking_names[1]: links(cell) for cell in cells if cell.sparsity == 0.99}
    assert found == {"uniform": 3_970, "dense_output": 8_920}  # SPEC 9, Links


def test_a_caption_counts_many_cells_and_names_few(controls):
    panel = choose_panels(controls, CONTROLS["control_sparse"])[0]
    part = dataclasses.replace(panel, frame=panel.frame.iloc[: 9 * 3])
    assert part.realizations == "few cells yet: n = 3 of direct (9 cells of 32)"


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
    figure = draw_figure(spec, panels)
    (front,) = (line for line in figure.get_axes()[0].get_lines() if line.get_gid() == "front")
    assert set(front.get_ydata()) <= set(points["value"])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
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
