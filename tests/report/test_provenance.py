"""What made the rows: are networks of one device better than those of another?"""

import numpy as np
import pandas as pd

from spectral_repro.report.provenance import Comparison, between_devices, made_by


def rows(shift: float, cells: int = 200, each: int = 5) -> pd.DataFrame:
    """Invented: half of each cell's networks are of a GPU, and better by ``shift`` standard deviations."""
    generator, frames = np.random.default_rng(0), []
    for cell in range(cells):
        devices = ["cpu (A, 1 threads)", "cpu (B, 2 threads)", "cuda (C)"]
        device = np.repeat(devices, [each - 1, 1, each])
        accuracy = 0.9 + 0.01 * (generator.normal(size=2 * each) + shift * (device == "cuda (C)"))
        columns = {"config_hash": str(cell), "seed": range(2 * each), "device": device, "test_accuracy": accuracy}
        frames.append(pd.DataFrame(columns))
    same = {"precision": "highest", "products": None, "torch_version": "2", "code_version": "1", "seconds": 3600.0}
    return pd.concat(frames, ignore_index=True).assign(**same)


def compared(frame: pd.DataFrame) -> Comparison:
    (found,) = between_devices(frame)
    assert (found.first, found.second) == ("cpu", "cuda")
    return found


def test_devices_that_are_alike_are_not_separated():
    found = compared(rows(0))
    assert (found.cells, found.seeds) == (200, (5, 5))
    low, high = found.gap.interval()
    assert low < 0 < high
    assert abs(found.gap.value) < 0.15


def test_a_device_that_is_better_is_noticed():
    gap = compared(rows(2)).gap
    assert gap.interval()[0] > 0
    assert 1.2 < gap.value < 1.6  # in units of the spread of both together, which the shift widens from 1 to 1.4


def test_cells_with_the_same_seeds_are_no_independent_evidence():
    """What a seed decides is alike in all cells: a lucky seed on one device proves nothing, however many the cells."""
    frame = rows(0)
    luck = np.array([0, 1, -1, 0, -1, 1, 2, -0.5, 1.5, 0])
    frame["test_accuracy"] += 0.03 * luck[frame["seed"]]
    gap = compared(frame).gap
    low, high = gap.interval()
    assert abs(gap.value) > 0.3
    assert low < 0 < high


def test_seeds_of_few_cells_do_not_count():
    frame = rows(0)
    few = frame[frame["config_hash"].isin(["0", "1"])].copy()
    few["seed"] += 100
    few["test_accuracy"] += 0.02 * (few["device"] == "cuda (C)")
    found = compared(pd.concat([frame, few], ignore_index=True))
    assert (found.cells, found.seeds) == (200, (5, 5))
    assert abs(found.gap.value) < 0.15


def test_devices_that_share_no_cell_are_not_compared():
    frame = rows(0)
    apart = frame[(frame["device"] == "cuda (C)") == (frame["config_hash"].astype(int) < 100)]
    assert not list(between_devices(apart))
    line = made_by(apart).set_index("device").loc["cuda (C)"]
    assert (line["products"], line["networks"], line["hours"]) == ("not noted", 500, 500.0)
