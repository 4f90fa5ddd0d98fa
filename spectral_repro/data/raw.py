"""What every source of images returns, and how an error of a library is told."""

from typing import NamedTuple

import numpy as np


class RawImages(NamedTuple):
    """Pixels ``uint8 (n, …)`` and labels ``int64 (n)`` of the official training and test parts."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
