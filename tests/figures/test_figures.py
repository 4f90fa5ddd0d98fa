"""Figures show the numbers of the rows."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from spectral_repro.config.jobs import cells_of
from spectral_repro.figures import command, curves, draw, hubs
from spectral_repro.figures.catalogue import FIGURES, SPARSE
from spectral_repro.figures.select import choose_panels, load_frame
from spectral_repro.figures.style import label_of
from spectral_repro.report import command as report
from spectral_repro.results import rows as results
from tests.results.test_rows import ROW
from tests.synthetic import frame_of, synthetic_rows


def lines_of(figure: Figure) -> list[dict[str, np.ndarray]]:
    """For each axes, what its curves show."""
    return [
        {
            line.get_gid(): line.get_xydata()
            for line in ax.get_lines()
            if not line.get_gid().startswith("level") and not line.get_gid().endswith("networks")
        }
        for ax in figure.get_axes()
    ]


def test_relative_figure_draws_the_ratio_of_the_means(whole):
    spec = FIGURES["fig01"]
    (panel,) = choose_panels(whole, spec)
    upper, middle, lower = lines_of(draw.draw_figure(spec, [panel]))
    assert set(upper) == {"spectral", "ssvd", "sqr"}
    assert set(lower) == {m + counted for m in upper for counted in ("", " counted")}
    direct = panel.frame[panel.frame["method"] == "direct"].groupby("n2")["test_accuracy"].mean()
    np.testing.assert_allclose(middle["direct"], direct.reset_index())
    for method, points in upper.items():
        mine = panel.frame.groupby(["method", "n2"])["test_accuracy"].mean()
        for n2, drawn in points:
            assert drawn == pytest.approx(mine[method, n2] / mine["direct", n2])
        assert sorted(points[:, 0]) == [20, 100, 500, 1000]
    assert 784 in lower["sqr counted"][:, 0]  # where ρ is largest
    for method in upper:
        points = lower[method]
        rho = panel.frame.groupby(["method", "n2"])["rho"].mean()
        assert [p[1] for p in points] == pytest.approx([rho[method, n2] for n2 in (20, 100, 500, 1000)])


def test_sparse_figure_has_three_panels_and_names_the_stand_in(whole):
    spec = FIGURES["fig02"]
    panels = choose_panels(whole, spec)
    assert [p.data for p in panels] == ["mnist", "fashion_mnist", "cifar10_jpeg"]
    figure = draw.draw_figure(spec, panels)
    assert [ax.get_title(loc="left") for ax in figure.get_axes()] == [
        "MNIST",
        "Fashion-MNIST",
        "CIFAR-10 (JPEG copies)",
    ]
    foot = " ".join(figure.get_supxlabel().replace("\u00a0", " ").split())
    assert "CIFAR-10 (JPEG copies), trained for at most 5 epochs (profile quick)" in foot
    for panel, lines in zip(panels, lines_of(figure), strict=True):
        for method in ("direct", "sqr"):
            expected = curves.accuracy_curve(panel.frame, method, "sparsity")
            np.testing.assert_allclose(lines[method], expected[["x", "value"]])


def test_trained_share_figure_has_the_reference_line(whole):
    (panel,) = choose_panels(whole, FIGURES["fig06"])
    (lines,) = lines_of(draw.draw_figure(FIGURES["fig06"], [panel]))
    assert lines["sqr"][:, 0].tolist() == [0, 0.05, 0.2, 1]
    mean = panel.frame.groupby("method")["test_accuracy"].mean()
    assert lines["ssvd"][0, 1] == pytest.approx(mean["ssvd"] / mean["direct"])


@pytest.mark.parametrize("name", FIGURES)
def test_without_runs_each_figure_says_which_command_makes_them(name):
    spec = FIGURES[name]
    panels = choose_panels(frame_of([]), spec)
    figure = draw.draw_figure(spec, panels)
    texts = [" ".join(text.get_text().split()) for ax in figure.get_axes() for text in ax.texts]
    assert any(f"spectral-repro experiment={name} profile=paper" in text for text in texts)
    assert not any(lines for lines in lines_of(figure))
    assert command.render(figure, "png").startswith(b"\x89PNG")


def test_files_are_the_same_each_time(whole, tmp_path):
    for row in synthetic_rows("fig03"):
        results.add_rows(tmp_path / f"runs/fashion_mnist/{row.method}-{row.config_hash}.csv", [row])
    frame = load_frame(tmp_path)
    assert len(frame) == 36
    content = []
    for _ in range(2):
        command.draw_one("fig03", frame, tmp_path)
        content.append([(tmp_path / f"figures/fig03.{kind}").read_bytes() for kind in ("png", "pdf")])
    assert content[0] == content[1]
    assert content[0][1].startswith(b"%PDF")


def test_plot_command_refuses_damaged_rows_and_unknown_figures(tmp_path, capsys):
    file = tmp_path / "runs/mnist/a.csv"
    results.add_rows(file, [ROW])
    file.write_text(file.read_text()[:-20])
    for run in (command.main, report.main):
        with pytest.raises(SystemExit) as ended:
            run(["--results-dir", str(tmp_path)])
        assert ended.value.code == 2
        assert "a.csv" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["fig99"])
    assert not (tmp_path / "figures").exists()


def test_labels_stand_in_one_place():
    assert [label_of(m) for m in ("direct", "spectral", "ssvd", "sqr")] == ["direct", "Spectral", "S-SVD", "S-QR"]
    assert label_of("my_method") == "my_method"


def test_the_line_of_rho_is_counted():
    by_method = {cell.method: cell for cell, _ in cells_of("fig01", "paper") if cell.n2 == 500}
    expected = {"direct": 1, "spectral": 0.005796, "ssvd": 0.007079, "sqr": 0.321021}  # SPEC 1, 784–500–10
    for method, rho in expected.items():
        assert curves.rho_line(by_method[method], [500]) == [pytest.approx(rho, abs=5e-7)]
    assert curves.rho_line(by_method["sqr"], [2000]) == [pytest.approx(0.197847, abs=5e-7)]
    line = curves.rho_line(by_method["sqr"], [700, 784, 900])
    assert line[1] > max(line[0], line[2])  # its peak is at N2 = N1


def test_figures_of_quick_rows_are_stamped_and_of_the_papers_from_three_realizations_on(whole):
    def stamps(frame):
        (panel,) = choose_panels(frame, FIGURES["fig04"])
        texts = [t.get_text() for ax in draw.draw_figure(FIGURES["fig04"], [panel]).get_axes() for t in ax.texts]
        return panel.profile, texts.count("PRELIMINARY")

    assert stamps(whole) == ("quick", 3)
    paper = frame_of(synthetic_rows("fig04", "paper"))
    for enough, expected in ((paper["seed"] < 3, ("paper", 0)), (paper["seed"] < 2, ("quick", 3))):
        assert stamps(pd.concat([whole, paper[enough]])) == expected


def test_degree_survival_by_hand():
    x, share = hubs.degree_survival(pd.DataFrame({"degree": [3, *[1] * 6, 3]}))
    assert x.tolist() == [1, 3]
    assert share.tolist() == [1.0, 0.25]


def test_every_sparse_figure_is_of_the_sparse_protocol():
    for name, spec in FIGURES.items():
        if spec.kind == SPARSE:
            assert {c.trainer["activation"] for c, _ in cells_of(name, "paper")} == {"tanh"}
