"""Which rows a figure shows."""

import pandas as pd

from spectral_repro.figures.catalogue import FIGURES
from spectral_repro.figures.select import choose_panels, select_panel
from tests.synthetic import frame_of, synthetic_rows


def test_real_cifar_comes_first_as_soon_as_there_is_any(whole):
    spec = FIGURES["fig05"]
    (panel,) = choose_panels(whole, spec)
    assert panel.data == "cifar10_jpeg"
    real = frame_of(synthetic_rows("fig05")[:3])
    (panel,) = choose_panels(pd.concat([whole, real]), spec)
    assert panel.data == "cifar10"
    assert panel.found == 3


def test_profiles_never_mix_and_the_complete_one_is_shown(whole):
    paper = frame_of(synthetic_rows("fig01", "paper"))
    part = paper[paper["n2"] < 100]
    (panel,) = choose_panels(pd.concat([whole, part]), FIGURES["fig01"])
    assert panel.profile == "quick"
    assert set(panel.frame["n2"]) == {20, 100, 500, 1000}
    (panel,) = choose_panels(pd.concat([whole, paper]), FIGURES["fig01"])
    assert panel.profile == "paper"
    assert len(panel.frame) == 360
    (panel,) = choose_panels(pd.concat([whole, part]), FIGURES["fig01"], "paper")
    assert "280 of 360 networks missing" in panel.caption


def test_seeds_beyond_the_profile_are_left_out(whole):
    rows = synthetic_rows("fig03")
    extra = [row.model_copy(update={"seed": 99, "test_accuracy": 0.1}) for row in rows]
    panel = select_panel(frame_of([*rows, *extra]), "fig03", "fashion_mnist", "quick")
    assert set(panel.frame["seed"]) == {0, 1, 2}


def test_of_two_profiles_that_wait_the_one_is_shown_that_waits_for_less(whole):
    def profile(*frames):
        (panel,) = choose_panels(pd.concat(frames), FIGURES["fig04"])
        return panel.profile

    paper = frame_of(synthetic_rows("fig04", "paper"))
    few, most = whole[whole["method"] == "sqr"], paper[paper["n2"] < 700]
    assert profile(few, most) == "paper"
    assert profile(whole[whole["method"] != "sqr"], paper[paper["method"] == "sqr"]) == "quick"
    assert profile(few, paper[paper["method"] == "sqr"]) == "paper"
    assert profile(few[few["seed"] == 0]) == "quick"


def test_captions_say_which_cells_have_another_n(trained):
    panel = select_panel(trained, "fig01", "mnist", "paper")
    assert panel.realizations == "n = 3"
    fewer = trained[~((trained["method"] == "sqr") & trained["n2"].isin([700, 2000]) & (trained["seed"] == 2))]
    fewer = fewer[fewer["method"] != "spectral"]
    panel = select_panel(fewer, "fig01", "mnist", "paper")
    assert panel.realizations == "n = 3, but 0 of Spectral; 2 of S-QR (N2 = 700, 2000)"
    panel = select_panel(fewer[fewer["method"] == "sqr"], "fig01", "mnist", "paper")
    assert (
        panel.realizations
        == "few cells yet: n = 2 of S-QR (N2 = 700, 2000); 3 of S-QR (N2 = 20, 50, 100, 200, 300, 500, 1000)"
    )


def test_realizations_beyond_the_wanted_ones_are_shown_once_every_cell_has_them():
    rows = synthetic_rows("fig06")
    seeds = sorted({row.seed for row in rows})
    further = [
        row.model_copy(update={"seed": seeds[-1] + k}) for row in rows if row.seed == seeds[0] for k in (1, 2, 4)
    ]

    def shown(some):
        panel = select_panel(frame_of(some), "fig06", "mnist", "quick")
        assert panel.found == panel.wanted == len(panel.frame)
        return sorted(set(panel.frame["seed"]))

    assert shown(rows) == seeds
    assert shown([*rows, *further[1:]]) == seeds  # one cell has fewer
    assert shown([*rows, *further]) == [*seeds, seeds[-1] + 1, seeds[-1] + 2]  # none has the next one
