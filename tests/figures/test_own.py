"""One's own sweeps drawn: no average over unlike rows, and what cannot be drawn is said in one line."""

import pandas as pd
import pytest

from spectral_repro.errors import UserError
from spectral_repro.figures import command
from spectral_repro.figures.own import OwnFigure, curves_of, draw_own
from spectral_repro.results import rows as results
from spectral_repro.results.frame import to_frame
from tests.results.test_rows import ROW


def rows() -> list[results.Row]:
    made = []
    for method, level in (("direct", 0.9), ("sqr", 0.8)):
        for n2 in (10, 1000):
            for lr in (0.1, 0.2):
                for seed in range(3):
                    changes = {"method": method, "n2": n2, "lr": lr, "seed": seed, "config_hash": f"{method}{n2}{lr}"}
                    changes["test_accuracy"] = level + n2 / 1e5 + lr / 100 + seed / 1000
                    made.append(ROW.model_copy(update=changes))
    return made


FRAME = to_frame(rows())


def test_means_spreads_and_n_by_hand():
    found = curves_of(FRAME, OwnFigure("n2", where="lr == 0.1"))
    assert list(found) == [("direct",), ("sqr",)]
    direct = found["direct",]
    assert direct["x"].tolist() == [10, 1000]
    assert direct["value"].tolist() == pytest.approx([0.9021, 0.912])
    assert direct["spread"].tolist() == pytest.approx([0.001, 0.001])
    assert direct["n"].tolist() == [3, 3]


def test_ratios_are_paired_by_seed():
    (curve,) = curves_of(FRAME, OwnFigure("n2", where="lr == 0.1", relative_to="direct")).values()
    assert curve["value"].tolist() == pytest.approx([0.8021 / 0.9021, 0.812 / 0.912])
    assert (curve["spread"] < 0.0002).all()  # both rise by as much with the seed


def test_diverged_networks_and_curves_without_a_partner_are_told(capsys):
    frame = FRAME[FRAME["lr"] == 0.1].copy()
    frame["diverged"] = (frame["method"] == "sqr") & (frame["seed"] == 1)
    labels = [t.get_text() for t in draw_own(frame, OwnFigure("n2")).legends[0].get_texts()]
    assert labels == ["direct (n = 3)", "S-QR (n = 3, 2 diverged)"]
    frame = FRAME[(FRAME["method"] == "sqr") | (FRAME["lr"] == 0.1)]
    found = curves_of(frame, OwnFigure("n2", by=["method", "lr"], relative_to="direct"))
    assert set(found) == {("sqr", 0.1)}
    assert "left out, without rows of direct to divide by: method = sqr, lr = 0.2" in capsys.readouterr().err


def test_several_columns_make_curves_of_their_own():
    wanted = OwnFigure("n2", by=["method", "lr"])
    assert len(curves_of(FRAME, wanted)) == 4
    relative = OwnFigure("n2", by=["method", "lr"], relative_to="direct")
    assert set(curves_of(FRAME, relative)) == {("sqr", 0.1), ("sqr", 0.2)}
    labels = [text.get_text() for text in draw_own(FRAME, wanted).legends[0].get_texts()]
    assert "direct, lr = 0.1 (n = 3)" in labels
    assert draw_own(FRAME, wanted).get_axes()[0].get_xscale() == "log"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            OwnFigure("n2"),
            "rows of 2 cells fall on one point (method=direct, n2=10); they differ in lr",
        ),
        (OwnFigure("n3"), "n3: no such column; did you mean n2?"),
        (OwnFigure("n2", where="lr =="), "--where 'lr ==':"),
        (OwnFigure("n2", where="lr > 3"), "no rows to draw with --where 'lr > 3'"),
        (OwnFigure("method"), "method: has no numbers"),
        (OwnFigure("n2", where="n2"), "--where 'n2': is no condition"),
        (OwnFigure("n2", where="lr == 0.1", relative_to="ssvd"), "--relative-to ssvd: must be one of direct, sqr"),
    ],
)
def test_what_cannot_be_drawn_is_said(wanted, message):
    with pytest.raises(UserError) as raised:
        curves_of(FRAME, wanted)
    assert message in str(raised.value)


def test_the_command_writes_both_files(tmp_path, capsys):
    for key, mine in FRAME.groupby("config_hash"):
        made = [r for r in rows() if r.config_hash == key]
        results.add_rows(tmp_path / f"runs/mnist/{key}-{len(mine)}.csv", made)
    command.main(["--x", "n2", "--where", "lr == 0.1", "--results-dir", str(tmp_path)])
    assert "test_accuracy-by-n2.png" in capsys.readouterr().out
    assert (tmp_path / "figures/test_accuracy-by-n2.png").stat().st_size > 5000
    assert (tmp_path / "figures/test_accuracy-by-n2.pdf").exists()
    with pytest.raises(SystemExit) as stopped:
        command.main(["--x", "n2", "--results-dir", str(tmp_path)])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_many_curves_look_different_and_epochs_are_not_squeezed():
    frame = pd.concat([FRAME.assign(lr=k, config_hash=f"{k}") for k in range(16)], ignore_index=True)
    frame = frame[(frame["method"] == "sqr") & (frame["n2"] == 10)].drop_duplicates(["lr", "seed"]).assign(epoch=1)
    frame = pd.concat([frame, frame.assign(epoch=90)], ignore_index=True)
    (ax,) = draw_own(frame, OwnFigure("epoch", "validation_accuracy", by=["lr"])).get_axes()
    assert (
        len(
            {
                (line.get_color(), line.get_marker(), line.get_linestyle())
                for line in ax.get_lines()
                if line.get_linestyle() != "None"
            }
        )
        == 16
    )
    assert ax.get_xscale() == "linear"


def test_networks_that_a_rate_was_tuned_on_are_left_out():
    more = FRAME[FRAME["lr"] == 0.1].assign(seed=lambda f: f["seed"] + 1000, test_accuracy=0.1)
    both = curves_of(pd.concat([FRAME, more]), OwnFigure("n2", where="lr == 0.1"))
    assert both["direct",].equals(curves_of(FRAME, OwnFigure("n2", where="lr == 0.1"))["direct",])
    assert curves_of(more, OwnFigure("n2"))["direct",]["value"].tolist() == pytest.approx([0.1, 0.1])
