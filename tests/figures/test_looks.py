"""How figures look: one style a method, every network a dot, thresholds, sentences, nothing cut."""

import collections
import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from spectral_repro.claims import thresholds
from spectral_repro.figures import curves
from spectral_repro.figures.catalogue import DEGREES, FIGURES, LEARNING, RELATIVE
from spectral_repro.figures.command import DRAWN
from spectral_repro.figures.draw import draw_figure
from spectral_repro.figures.hubs import KINDS
from spectral_repro.figures.layout import COLUMN, PAGE
from spectral_repro.figures.marks import Series, draw_series
from spectral_repro.figures.scales import scale_log
from spectral_repro.figures.select import choose_panels, select_panel
from spectral_repro.figures.style import PARTIAL, STYLES, WAYS, Style

#: Invented.
LINKS = pd.DataFrame(
    [
        (kind, seed, 1, node, way, (node * (seed + 1)) % 3)
        for kind in KINDS
        for seed in range(3)
        for way in ("in", "out")
        for node in range(60)
    ],
    columns=["kind", "seed", "layer", "node", "direction", "degree"],
)


def points_of(panels) -> pd.DataFrame:
    """Invented, too: five epochs of every network."""
    rows = pd.concat([panel.frame for panel in panels])
    epochs = [rows.assign(epoch=e, validation_accuracy=rows["validation_accuracy"] + e / 200) for e in range(1, 6)]
    return pd.concat(epochs).assign(stops=3.2)


@pytest.fixture(scope="module")
def drawn(whole, controls):
    """Each figure with its panels; as if they had been tuned again, where that is done."""
    found = {}
    for name, spec in DRAWN.items():
        panels = choose_panels(whole if name in FIGURES else controls, spec)
        tuned = panels if name in ("fig04", "fig06", "control_sparse", "control_budget") else ()
        beside = points_of(panels) if spec.kind == LEARNING else LINKS
        found[name] = draw_figure(spec, panels, tuned, beside), panels
        FigureCanvasAgg(found[name][0])
        found[name][0].draw_without_rendering()
    return found


def test_no_two_methods_share_a_colour_or_a_symbol():
    styles = [*STYLES.values(), *(style for way, (_, style) in WAYS.items() if way != "cutoff")]
    for values in zip(*((s.color, s.marker) for s in styles), strict=True):
        assert len(set(values)) == len(styles)
    assert PARTIAL.marker not in {s.marker for s in styles}
    assert (STYLES["direct"].color, STYLES["sqr"].marker, STYLES["ssvd"].marker) == ("#000000", "D", "p")


def test_methods_that_meet_differ_in_grey_or_in_their_lines():
    def lightness(style: Style) -> float:
        channels = np.array([int(style.color[i : i + 2], 16) / 255 for i in (1, 3, 5)]) ** 2.2
        return 116 * float(channels @ [0.2126, 0.7152, 0.0722]) ** (1 / 3) - 16

    sparse = [STYLES["sqr"], *(style for _, style in WAYS.values())]
    for group in (sparse, [STYLES[m] for m in ("direct", "spectral", "ssvd", "sqr")]):
        for a, b in itertools.combinations(group, 2):
            assert abs(lightness(a) - lightness(b)) > 10 or a.line != b.line


def test_a_method_has_the_same_style_in_every_figure(drawn):
    looks = collections.defaultdict(set)
    for figure, _ in drawn.values():
        for ax in figure.get_axes():
            for line in ax.get_lines():
                if line.get_label()[0] != "_" and line.get_marker() != "None":
                    looks[line.get_label()].add((line.get_color(), line.get_marker()))
    looks["direct"] |= looks.pop("direct (cut-off)")
    looks["S-QR(p)"] |= looks.pop("S-QR(p), p < 1")
    assert {label: len(found) for label, found in looks.items()} == dict.fromkeys(looks, 1)
    assert len(set.union(*looks.values())) == len(looks) >= 13


def test_filled_symbols_are_published_rates_and_open_ones_tuned(drawn):
    for name in ("fig04", "fig06", "control_sparse", "control_budget"):
        lines = [line for ax in drawn[name][0].get_axes() for line in ax.get_lines()]
        curves_ = [li for li in lines if li.get_marker() != "None" and not li.get_gid().endswith("networks")]
        faces = {li.get_gid().endswith(" tuned"): li.get_markerfacecolor() for li in curves_}
        assert faces[True] == "white" != faces[False]
    assert {str(li.get_gid()) for li in drawn["fig04"][0].get_axes()[2].get_lines()} == {
        *("direct", "direct networks", "level claim 5: best 90 %")
    }  # of one rate, drawn once


def dots_of(figure: Figure) -> int:
    lines = [line for ax in figure.get_axes() for line in ax.get_lines()]
    return sum(len(line.get_xdata()) for line in lines if str(line.get_gid()).endswith("networks"))


def test_every_network_is_a_dot(drawn):
    expected = {name: sum(len(p.frame) for p in panels) for name, (_, panels) in drawn.items()}
    for name in ("fig04", "fig06", "control_sparse", "control_budget"):
        expected[name] *= 2
    expected["fig03"] += sum(drawn["fig03"][1][0].frame["method"] == "spectral")  # their gains
    expected["fig04"] -= sum(drawn["fig04"][1][0].frame["method"] == "direct")  # of one rate, drawn once
    for name in ("fig06", "fig07", "fig08"):  # direct is the line at 1
        expected[name] -= sum(drawn[name][1][0].frame["method"] == "direct") * (2 if name == "fig06" else 1)
    del expected["hubs"], expected["curves"]
    assert {name: dots_of(drawn[name][0]) for name in expected} == expected


def test_dots_are_ratios_to_direct_of_the_same_seed(whole):
    (panel,) = choose_panels(whole, FIGURES["fig01"])
    frame = panel.frame
    dots = curves.networks(frame, "sqr", "n2", relative=True).set_index(["x", "seed"])["value"]
    by = frame.set_index(["method", "n2", "seed"])["test_accuracy"]
    assert dots[100, 1] == pytest.approx(by["sqr", 100, 1] / by["direct", 100, 1])
    fewer = frame[~((frame["method"] == "direct") & (frame["seed"] == 1))]
    dots = curves.networks(fewer, "sqr", "n2", relative=True).set_index(["x", "seed"])["value"]
    mean = fewer[(fewer["method"] == "direct") & (fewer["n2"] == 100)]["test_accuracy"].mean()
    assert dots[100, 1] == pytest.approx(by["sqr", 100, 1] / mean)


def test_more_than_ten_networks_are_a_band_of_one_standard_deviation():
    ax = Figure().subplots()
    scale_log(ax, [10, 100], [10])
    curve = pd.DataFrame({"x": [10, 100], "value": [0.9, 0.95], "spread": [0.01, 0.02], "n": [11, 11]})
    networks = pd.DataFrame({"x": [10] * 11, "seed": range(11), "value": 0.9})
    draw_series(ax, Series(curve, networks, STYLES["sqr"], "S-QR", "sqr"))
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.89, 0.97))
    assert [line.get_gid() for line in ax.get_lines()] == ["sqr"]


def test_the_thresholds_of_the_claims_are_drawn_inside_the_panels(drawn):
    for name, (figure, _) in drawn.items():
        ax = figure.get_axes()[0]
        levels = {line.get_gid(): line.get_ydata()[0] for line in ax.get_lines()}
        for value, said in thresholds(name):
            assert f"level {said}" in levels
            assert ax.get_ylim()[0] < value < ax.get_ylim()[1]
            assert said in {text.get_text() for text in ax.texts}
    _, gain, direct = drawn["fig03"][0].get_axes()
    assert {line.get_gid(): line.get_ydata()[0] for line in gain.get_lines()}["level claim 2b: substantial"] == 0.01
    assert len(direct.get_lines()) > 1
    assert "level claim 5: best 98 %" in {li.get_gid() for li in drawn["fig01"][0].get_axes()[1].get_lines()}


def test_no_panel_is_empty_and_axes_end_with_the_data(drawn):
    for figure, _ in drawn.values():
        for ax in figure.get_axes():
            data = [line for line in ax.get_lines() if not str(line.get_gid()).startswith("level")]
            assert data
            x = np.concatenate([line.get_xdata() for line in data])
            ends, to = ax.get_xlim(), ax.xaxis.get_transform().transform
            assert np.abs(to(np.array([x.min(), x.max()])) - to(np.array(ends))).max() < 0.5 * np.ptp(
                to(np.array(ends))
            )


def test_captions_are_sentences_that_name_n_data_and_rates(drawn):
    for name, (figure, panels) in drawn.items():
        foot = " ".join(figure.get_supxlabel().replace("\u00a0", " ").split())
        assert foot.endswith(".")
        assert "n = 3" in foot
        assert all(panel.label in foot for panel in panels)
        assert "earning rates" in foot
        dots = "each dot is one network" in foot
        assert dots == (DRAWN[name].kind not in (DEGREES, LEARNING))
        assert ("divided by that of direct at the same size and seed" in foot) == name.startswith(
            tuple(n for n, spec in DRAWN.items() if spec.kind == RELATIVE or n in ("fig06", "fig07", "fig08"))
        )


def test_in_print_no_text_is_small_cut_or_over_another(drawn):
    for name, (figure, _) in drawn.items():
        assert figure.get_figwidth() in (COLUMN, PAGE)
        axes = figure.get_axes()
        texts = [figure._supxlabel, *figure.legends[0].get_texts()]
        texts += [t for ax in axes for t in (ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title)]
        for axis in (axis for ax in axes for axis in (ax.xaxis, ax.yaxis)):
            low, high = axis.get_view_interval()  # other marks are not drawn
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
        assert min(t.get_fontsize() for t in (*texts, *(t for ax in axes for t in ax.texts))) >= 6
        for text, box in boxes:
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, (name, text)
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, (name, text)
        for (a, first), (b, second) in itertools.combinations(boxes, 2):
            assert not first.overlaps(second), (name, a, b)


def test_one_network_far_above_does_not_press_the_others_together(trained):
    other = trained.copy()
    uneven = (other["method"] == "direct") & (other["n2"] == 50) & (other["seed"] == 0)
    other.loc[uneven, "test_accuracy"] = 0.2
    panel = select_panel(other, "fig04", "fashion_mnist", "paper")
    ax = draw_figure(FIGURES["fig04"], [panel]).get_axes()[0]
    means = np.concatenate([li.get_ydata() for li in ax.get_lines() if li.get_gid() in STYLES])
    assert ax.get_ylim()[0] < means.min() < means.max() < ax.get_ylim()[1] < 4
    assert ax.get_title(loc="left").startswith("3 dots lie above the frame, at 4.")


def test_the_axis_of_sparsity_shows_what_happens_near_one(drawn):
    (ax,) = drawn["fig10"][0].get_axes()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "0.5", "0.8", "0.9", "0.95", "0.98", "0.99"]
    at = ax.transData.transform([[s, 0] for s in (0.9, 0.99, 0)])[:, 0]
    assert at[1] - at[0] == pytest.approx(at[0] - at[2])
