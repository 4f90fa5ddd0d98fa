"""Means, ratios and intervals against hand-computed values and a simulation of coverage."""

import math

import numpy as np
import pytest

from spectral_repro.results.statistics import difference, linearised_ratio, mean, ratio


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


def test_linearised_ratio_has_the_mean_and_the_spread_of_the_ratio():
    a, b = {0: 0.8, 1: 0.9, 2: 0.7}, {0: 0.5, 1: 0.2, 2: 0.9}
    values = linearised_ratio(a, b)
    assert mean(values).value == pytest.approx(ratio(a, b).value, rel=1e-12)
    assert mean(values).spread == pytest.approx(ratio(a, b).spread, rel=1e-12)
    assert linearised_ratio(a, {5: 1.0}) == {}


def test_difference_is_paired_where_seeds_are_shared():
    a, b = {0: 0.8, 1: 0.9}, {0: 0.7, 1: 0.78}
    assert difference(a, b) == pytest.approx((0.11, 0.0141421, 2), abs=1e-6)
    apart = difference(a, {8: 0.7, 9: 0.78})
    assert apart.value == pytest.approx(0.11)
    assert apart.spread == pytest.approx(math.sqrt(0.1**2 / 2 + 0.08**2 / 2))


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
