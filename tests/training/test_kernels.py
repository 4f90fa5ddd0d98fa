"""The trainer's kernels against the layers' plain formulas, and the cut-off against a sort."""

import functools
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spectral_repro.layers import DirectLinear, SpectralLinear, cutoff, stack
from spectral_repro.training.backpropagation import Backpropagation, loss_of
from spectral_repro.training.feed import Batch
from spectral_repro.training.kernels import KERNELS, Kernel
from spectral_repro.training.kernels.cutoff import kth_smallest, limits, survivors
from spectral_repro.training.kernels.triangular import triangular_gradient, triangular_product
from spectral_repro.training.network import Network
from tests.layers.test_layers import FACTORED as FACTORED_LAYERS
from tests.layers.test_layers import LAYERS as BY_NAME

LAYERS = {**BY_NAME, "spectral_learning": functools.partial(SpectralLinear, train_eigenvectors=True)}


def made(name: str, sizes, sparsity: float = 0.0) -> Network:
    """Three networks as one, whose biases are not zero, in float64."""
    networks = []
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        options = {"generator": generator, "sparsity": sparsity, "dtype": torch.float64}
        layers = [LAYERS[name](a, b, **options) for a, b in itertools.pairwise(sizes)]
        for layer in layers:
            layer.bias.data.normal_(generator=generator)
        networks.append(Network(layers, "tanh"))
    return stack(networks)


def found(network: Network, batch: Batch) -> list[torch.Tensor]:
    """The gradients of the kernels, in the order of the parameters."""
    gradients = [torch.full_like(p, float("nan")) for p in network.parameters() if p.requires_grad]
    Backpropagation(network, gradients).find(batch)
    return gradients


#: Of these the factored form can be forced.
FACTORED = {*FACTORED_LAYERS} - {"spectral_learning"}
FORMS = [
    (name, form, sparsity)
    for name in LAYERS
    for form, sparsity in (("explicit", 0.0), ("factored", 0.0), ("chosen", 0.0), ("explicit", 0.7))
    if form != "factored" or name in FACTORED
]


@pytest.mark.parametrize("sizes", [(30, 20, 10), (20, 30, 10), (300, 280, 10), (260, 300, 10)], ids=str)
@pytest.mark.parametrize(("name", "form", "sparsity"), FORMS)
def test_gradients_are_those_of_the_plain_formula(name, form, sparsity, sizes, monkeypatch):
    """Of every parameter, through two layers; with blocks of a triangle and one, few rows and many."""
    network = made(name, sizes, sparsity)
    if form != "chosen":
        monkeypatch.setattr(Kernel, "prefers_factors", lambda *_: form == "factored")
    for rows in (7, 400):
        x, labels = torch.randn(3, rows, sizes[0], dtype=torch.float64), torch.randint(10, (3, rows))
        leaves = [p for p in network.parameters() if p.requires_grad]
        expected = torch.autograd.grad(loss_of(network(x), labels), leaves)
        factor = Backpropagation(network, [torch.empty_like(p) for p in leaves]).kernels[0].frozen_factor()
        products = [None] if factor is None or sparsity else [None, x @ factor]
        for product in products:
            for got, wanted in zip(found(network, Batch(x, labels, product)), expected, strict=True):
                torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("sparsity", [0.0, 0.7])
def test_gradients_go_through_frozen_layers(sparsity):
    """Of random features: with and without the products that never change, in a first layer and above."""
    trained = (True, False, True), (False, False, True), (False, True, True)
    for case in trained:
        layers = [*zip(itertools.pairwise((20, 15, 12, 10)), case, strict=True)]
        options = {"sparsity": sparsity, "dtype": torch.float64}
        network = stack(
            [Network([DirectLinear(*p, train_weight=t, **options) for p, t in layers], "tanh") for _ in range(2)]
        )
        x, labels = torch.randn(2, 9, 20, dtype=torch.float64), torch.randint(10, (2, 9))
        leaves = list(network.parameters())
        assert len(leaves) == 2 * sum(case)
        expected = torch.autograd.grad(loss_of(network(x), labels), leaves)
        factor = Backpropagation(network, [torch.empty_like(p) for p in leaves]).kernels[0].frozen_factor()
        assert (factor is None) == case[0]
        for product in [None] if factor is None or sparsity else [None, x @ factor]:
            for got, wanted in zip(found(network, Batch(x, labels, product)), expected, strict=True):
                torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("sparsity", [0.0, 0.7])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_are_those_of_the_layers(name, sparsity):
    network = made(name, (280, 270, 10), sparsity)
    leaves = [p for p in network.parameters() if p.requires_grad]
    maps = Backpropagation(network, [torch.empty_like(p) for p in leaves]).maps()
    for (weight, bias), layer in zip(maps, network.layers, strict=True):
        torch.testing.assert_close(weight, layer.weight)
        assert bias is layer.bias


def test_a_class_that_derives_from_ours_is_computed_by_its_own_formula():
    class Squared(SpectralLinear):
        def dense_weight(self):
            return super().dense_weight() ** 2

    network = stack([Network([Squared(6, 4, dtype=torch.float64)], "relu") for _ in range(2)])
    assert type(network.layers[0]) not in KERNELS
    x, labels = torch.randn(2, 5, 6, dtype=torch.float64), torch.randint(4, (2, 5))
    expected = torch.autograd.grad(loss_of(network(x), labels), list(network.parameters()))
    for got, wanted in zip(found(network, Batch(x, labels, None)), expected, strict=True):
        torch.testing.assert_close(got, wanted)


@given(size=st.integers(1, 40) | st.sampled_from([255, 256, 300, 511, 512, 600]), transpose=st.booleans())
@settings(max_examples=25, deadline=None)
def test_triangular_product_is_the_product(size, transpose):
    x, y = torch.randn(2, 2, 3, size, dtype=torch.float64)
    r = torch.randn(2, size, size, dtype=torch.float64).triu()
    torch.testing.assert_close(triangular_product(x, r, transpose), x @ (r.mT if transpose else r))
    torch.testing.assert_close(triangular_gradient(x, y).triu(), (x.mT @ y).triu())


@given(
    values=hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(0, 5, width=32)),
    share=st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=100, deadline=None)
def test_kth_smallest_is_that_of_a_sort(values, share):
    k = int(share * values.size)
    assert kth_smallest(torch.from_numpy(values)[None], k)[0] == np.sort(values)[k]


@given(
    values=hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(-5, 5, width=32) | st.just(np.nan)),
    near=st.floats(-1, 6, width=32) | st.just(np.nan),
    share=st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=200, deadline=None)
def test_what_is_said_to_be_near_changes_no_result(values, near, share):
    k, row = int(share * values.size), torch.from_numpy(values)[None]
    wanted = np.nan if np.isnan(values).any() else np.sort(np.abs(values))[k]
    for hint in (torch.tensor([near]), torch.tensor([wanted]), torch.tensor([near, near])):
        assert np.array_equal(kth_smallest(row, k, hint).numpy(), np.float32([wanted]), equal_nan=True)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9, 0.95, 0.99, 0.9999])
@pytest.mark.parametrize("kind", ["normal", "constant", "two values", "sorted", "tiny share large", "float32"])
def test_kth_smallest_of_many(kind, share):
    """Above the size where a sample brackets the result, and for distributions that mislead a sample."""
    generator = np.random.default_rng(0)
    values = {
        "normal": np.abs(generator.normal(size=50_000)),
        "constant": np.ones(50_000),
        "two values": generator.integers(0, 2, 50_000).astype(float),
        "sorted": np.linspace(0, 1, 50_000),
        "tiny share large": np.concatenate([np.zeros(49_990), np.arange(10.0)]),
        "float32": np.abs(generator.normal(size=50_000)).astype(np.float32),
    }[kind]
    k = int(share * values.size)
    assert kth_smallest(torch.from_numpy(values)[None], k).item() == np.sort(values)[k]
    values[20_000] *= -1
    assert kth_smallest(torch.from_numpy(values)[None], k).item() == np.sort(np.abs(values))[k]
    values[30_000] = np.nan
    assert kth_smallest(torch.from_numpy(values)[None], k).isnan()


def test_rows_are_spread_over_threads():
    values = torch.rand(5, 30_000, dtype=torch.float64)
    wanted = values.sort(-1).values[:, 20_000]
    torch.set_num_threads(3)
    try:
        assert torch.equal(kth_smallest(values, 20_000), wanted)
    finally:
        torch.set_num_threads(1)
    assert torch.equal(kth_smallest(values, 20_000), wanted)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_the_cut_off_of_a_stack_is_that_of_the_layers(share, transposed):
    """Forward and backward, in any layout; into memory that is given."""
    weight = torch.randn(3, 30, 40)
    weight = weight.mT.contiguous().mT if transposed else weight
    limit, d = limits(weight, share), torch.randn(3, 30, 40)
    expected = cutoff(weight, share)
    if limit is None:
        assert torch.equal(expected, weight)
        return
    assert torch.equal(survivors(weight, weight, limit), expected)
    out = torch.full((3, 30, 40), float("nan"))
    assert survivors(d, weight, limit, out).data_ptr() == out.data_ptr()
    assert torch.equal(out, d * (expected != 0))


@pytest.mark.parametrize("position", [0, 20, 63, 77])
def test_a_network_that_has_diverged_does_not_look_healthy(position):
    weight = torch.randn(2, 6, 13)
    weight[1].view(-1)[position] = float("nan")
    healthy, diverged = survivors(weight, weight, limits(weight, 0.5))
    assert torch.equal(healthy, cutoff(weight[0], 0.5))
    assert diverged.isnan().all()


def test_weights_that_are_all_zero_all_survive():
    weight = torch.zeros(2, 30, 40)
    assert (survivors(torch.ones_like(weight), weight, limits(weight, 0.5)) == 1).all()
