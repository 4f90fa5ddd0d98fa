"""Means, ratios and intervals against hand-computed values and a simulation of coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectral_repro.results.statistics import Measured, average, difference, mean, ratio


def test_mean_by_hand():
    estimate = mean({0: 0.9, 1: 0.8, 2: 1.0})
    assert estimate == pytest.approx((0.9, 0.1, 3))
    assert estimate.standard_error == pytest.approx(0.1 / math.sqrt(3))
    low, high = estimate.interval()
    assert (low, high) == pytest.approx((0.9 - 4.302653 * 0.1 / math.sqrt(3), 0.9 + 4.302653 * 0.1 / math.sqrt(3)))


def test_one_or_no_realization():
    one, none = mean({3: 0.5}), mean({})
    assert one.value == 0.5
    assert math.isnan(one.spread)
    assert one.interval() == (-math.inf, math.inf)
    assert none.n == 0
    assert ratio({0: 0.5}, {}).n == 0
    assert math.isnan(ratio({0: 0.5}, {0: 0.6}).spread)


def test_ratio_by_hand_with_and_without_shared_seeds():
    a, b = {0: 0.8, 1: 0.9}, {0: 0.9, 1: 1.0}
    # means 0.85, 0.95; both variances and the covariance are 0.005
    q = 0.85 / 0.95
    spread = q * math.sqrt(0.005 / 0.85**2 + 0.005 / 0.95**2 - 2 * 0.005 / (0.85 * 0.95))
    assert ratio(a, b) == pytest.approx((q, spread, 2))
    apart = ratio(a, {5: 0.9, 6: 1.0})
    assert apart == pytest.approx((q, q * math.sqrt(0.005 / 0.85**2 + 0.005 / 0.95**2), 2))


def test_ratio_of_a_thing_to_itself_has_no_spread():
    a = {0: 0.8, 1: 0.9, 2: 0.85}
    assert ratio(a, a) == pytest.approx((1.0, 0.0, 3), abs=1e-8)


def test_measured_ratio_has_the_error_of_the_ratio():
    a, b = {0: 0.8, 1: 0.9, 2: 0.7}, {0: 0.5, 1: 0.2, 2: 0.9}
    q, expected = Measured.of("a", a) / Measured.of("b", b), ratio(a, b)
    assert (q.value, q.standard_error, q.n) == pytest.approx((expected.value, expected.standard_error, 3))
    assert q.interval() == pytest.approx(expected.interval())
    assert q.freedom == pytest.approx(2)
    apart = {5: 0.5, 6: 0.2, 7: 0.9}
    q, expected = Measured.of("a", a) / Measured.of("b", apart), ratio(a, apart)
    assert q.standard_error == pytest.approx(expected.standard_error)


def test_one_cell_is_its_mean():
    a = {0: 0.9, 1: 0.8, 2: 1.0}
    assert Measured.of("a", a).interval() == pytest.approx(mean(a).interval())
    assert (Measured.of("a", a) - Measured.of("a", a)).standard_error == 0
    assert Measured.of("a", {0: 0.5}).interval() == (-math.inf, math.inf)
    nothing = difference({}, {})
    assert nothing.n == 0
    assert math.isnan(nothing.value)
    assert nothing.interval() == (-math.inf, math.inf)
    assert math.isnan((Measured.of("a", a) / Measured.of("b", {0: 0.0, 1: 0.0})).value)


def test_difference_is_paired_where_seeds_are_shared():
    a, b = {0: 0.8, 1: 0.9}, {0: 0.7, 1: 0.78}
    assert difference(a, b).value == pytest.approx(0.11)
    assert difference(a, b).standard_error == pytest.approx(0.01)
    apart = difference(a, {8: 0.7, 9: 0.78})
    assert apart.value == pytest.approx(0.11)
    assert apart.standard_error == pytest.approx(math.sqrt((0.005 + 0.0032) / 2))


def test_degrees_of_freedom_follow_the_error():
    """Between those of the cells, nearest to those of the cell that the error comes from."""
    few, many = {0: 0.0, 1: 1.0, 2: 2.0}, {s: float(s % 2) for s in range(10, 20)}
    assert difference(few, {s: 1e-6 * x for s, x in many.items()}).freedom == pytest.approx(2)
    assert difference({s: 1e-6 * x for s, x in few.items()}, many).freedom == pytest.approx(9)
    assert 2 < difference(few, many).freedom < 9
    assert difference({0: 0.5, 1: 0.5}, {0: 0.25, 1: 0.25, 2: 0.25}).freedom == 1


@given(st.lists(st.floats(0.1, 1), min_size=2, max_size=6), st.lists(st.floats(0.1, 1), min_size=2, max_size=6))
def test_slopes_are_derivatives(first, second):
    """Of an expression in which both cells occur twice, by finite differences."""

    def expression(shift_a: float, shift_b: float) -> Measured:
        a = Measured.of("a", {s: x + shift_a for s, x in enumerate(first)})
        b = Measured.of("b", {s: x + shift_b for s, x in enumerate(second)})
        return average([a / b, a - b, a + b / a])

    at, h = expression(0, 0), 1e-6
    for cell, shifts in (("a", (h, 0)), ("b", (0, h))):
        back = tuple(-x for x in shifts)
        slope = (expression(*shifts).value - expression(*back).value) / (2 * h)
        assert at.slopes[cell] == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_intervals_of_cells_of_unequal_n_cover_the_truth(shared):
    """The mean over three sizes of a method's accuracy over direct's; one size has three realizations, others ten."""
    generator = np.random.default_rng(2)
    truth, s, inside, trials = [(0.90, 0.97), (0.92, 0.975), (0.95, 0.98)], 0.01, 0, 1000
    for _ in range(trials):
        found = []
        for k, (a, b) in enumerate(truth):
            n = 3 if k == 2 else 10
            common = generator.normal(size=n)
            cells = []
            for name, level in (("a", a), ("b", b)):
                noise = math.sqrt(shared) * common + math.sqrt(1 - shared) * generator.normal(size=n)
                cells.append(Measured.of((name, k), dict(enumerate(level + s * noise))))
            found.append(cells[0] / cells[1])
        low, high = average(found).interval()
        inside += low < sum(a / b for a, b in truth) / 3 < high
    assert 0.93 < inside / trials < 0.99


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_delta_method_covers_the_true_ratio(correlation):
    """Intervals from ten realizations of known distributions contain the true ratio about 95 times in 100."""
    generator = np.random.default_rng(1)
    true_a, true_b, s = 0.90, 0.97, 0.01
    covariance = s**2 * np.array([[1, correlation], [correlation, 1]])
    inside, trials = 0, 2000
    for _ in range(trials):
        a, b = generator.multivariate_normal([true_a, true_b], covariance, size=10).T
        low, high = ratio(dict(enumerate(a)), dict(enumerate(b))).interval()
        inside += low < true_a / true_b < high
    assert 0.93 < inside / trials < 0.97
