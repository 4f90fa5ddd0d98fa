"""Parameter counts and ρ of SPEC 1, and the network as a stack of layers."""

import functools
import itertools

import pytest
import torch

from spectral_repro.layers import (
    DiagonalLinear,
    DirectLinear,
    HashedLinear,
    LowRankLinear,
    ProjectionLinear,
    QRLinear,
    SpectralLinear,
    SVDLinear,
)
from spectral_repro.training.network import build_network, build_stack, direct_parameters, trained_parameters

ORIGINAL = {
    "layer": functools.partial(SpectralLinear, eig_in=1.0, train_eig_in=False),
    "first_layer": SpectralLinear,
}
FULL = {"layer": functools.partial(QRLinear, core="full")}
METHODS = {
    "direct": {"layer": DirectLinear},
    "spectral": {"layer": SpectralLinear},
    "spectral_original": ORIGINAL,
    "ssvd": {"layer": SVDLinear},
    "sqr": {"layer": QRLinear},
    "sqr_full": FULL,
    "lowrank": {"layer": functools.partial(LowRankLinear, rank=6)},
    "hashed": {"layer": functools.partial(HashedLinear, multiple=2)},
    "diagonal": {"layer": DiagonalLinear},
    "projection": {"layer": ProjectionLinear},
    "random_features": {
        "layer": DirectLinear,
        "first_layer": functools.partial(DirectLinear, train_weight=False),
    },
}


def count(method: str, sizes: tuple[int, ...]) -> int:
    return trained_parameters(build_network(sizes, seed=0, **METHODS[method]))


def formula(method: str, sizes: tuple[int, ...]) -> int:
    """SPEC 1, written out."""
    pairs = list(itertools.pairwise(sizes))
    bias = sum(sizes[1:])
    eigenvalues = sizes[0] + sizes[-1] + 2 * sum(sizes[1:-1])
    smaller = [min(pair) for pair in pairs]
    return (
        bias
        + {
            "direct": sum(a * b for a, b in pairs),
            "spectral": eigenvalues,
            "spectral_original": sum(sizes),
            "ssvd": eigenvalues + sum(smaller),
            "sqr": eigenvalues + sum(m * (m + 1) // 2 for m in smaller),
            "sqr_full": eigenvalues + sum(a * b if b > a else b * b for a, b in pairs),
            "lowrank": sum((a + b) * min(6, a, b) for a, b in pairs),
            "random_features": sum(a * b for a, b in pairs[1:]) - sizes[1],
            "hashed": sum(min(2 * (a + b), a * b) for a, b in pairs),
            "diagonal": sum(a + b for a, b in pairs),
            "projection": sum(
                b * min(a, round((m * (m + 1) / 2 + a + b) / b)) for (a, b), m in zip(pairs, smaller, strict=True)
            ),
        }[method]
    )


@pytest.mark.parametrize(
    ("method", "trained", "rho"),
    [
        ("direct", 397_510, 1.0),
        ("spectral", 2_304, 0.005796),
        ("spectral_original", 1_804, 0.004538),
        ("ssvd", 2_814, 0.007079),
        ("sqr", 127_609, 0.321021),
        ("sqr_full", 252_404, 0.635),
        ("diagonal", 2_304, 0.005796),
        ("projection", 127_570, 0.320923),
        ("random_features", 5_010, 0.012603),
    ],
)
def test_counts_of_the_specification(method, trained, rho):
    sizes = (784, 500, 10)
    assert count(method, sizes) == trained
    assert trained / direct_parameters(sizes) == pytest.approx(rho, abs=5e-7 if method != "sqr_full" else 5e-4)


def test_wide_networks_of_the_specification():
    assert direct_parameters((784, 2000, 10)) == 1_590_010
    assert count("sqr", (784, 2000, 10)) == 314_579
    assert pytest.approx(0.197847, abs=5e-7) == 314_579 / 1_590_010
    assert count("sqr_full", (784, 1000, 10)) == 787_904
    assert direct_parameters((784, 1000, 10)) == 795_010


@pytest.mark.parametrize("sizes", [(30, 12, 4), (12, 30, 4), (30, 12, 12, 4), (12, 30, 30, 4), (8, 8, 8, 8)])
@pytest.mark.parametrize("method", METHODS)
def test_counts_follow_the_formulas(method, sizes):
    assert count(method, sizes) == formula(method, sizes)


def test_forward_is_the_composition_of_effective_maps():
    x = torch.randn(5, 12, dtype=torch.float64)
    for method, layers in METHODS.items():
        for activation in ("relu", "tanh"):
            network = build_network((12, 30, 7, 4), seed=3, activation=activation, dtype=torch.float64, **layers)
            y = x
            for i, (weight, bias) in enumerate(network.effective_maps()):
                y = (y if i == 0 else getattr(torch, activation)(y)) @ weight.T + (0 if bias is None else bias)
            torch.testing.assert_close(network(x), y, msg=method)
            torch.testing.assert_close(network.apply_maps(network.effective_maps(), x), y)


@pytest.mark.parametrize("p", [0, 0.3, 0.5, 1])
def test_every_network_of_a_stack_trains_the_share_of_r_that_p_says(p):
    stacked = build_stack([0, 1, 2, 3], sizes=(12, 9, 4), layer=functools.partial(QRLinear, p=p))
    eigenvalues_and_biases = (12 + 9 + 9) + (9 + 4 + 4)
    entries = 9 + round(p * 9 * 8 / 2) + 4 + round(p * 4 * 3 / 2)
    assert trained_parameters(stacked) == 4 * (eigenvalues_and_biases + entries)
