"""The adaptive cut-off of SPEC 2: exact, per layer and per network, and its gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_repro.layers import DirectLinear, QRLinear, cutoff
from spectral_repro.layers.cutoff import selected


def test_each_network_of_a_stack_has_its_own_threshold():
    weight = torch.randn(3, 40, 60) * torch.tensor([1.0, 10.0, 0.1])[:, None, None]
    together = cutoff(weight, 0.8)
    for one, all_ in zip(weight, together, strict=True):
        torch.testing.assert_close(cutoff(one, 0.8), all_)
        assert (all_ == 0).sum() == round(0.8 * 2400)


@pytest.mark.parametrize("stack", [(), (3,), (2, 3)])
def test_layout_in_memory_does_not_matter(stack):
    torch.manual_seed(0)
    base = torch.randn(*stack, 200, 150)
    kept = base.abs() >= base.abs().flatten(-2).sort(-1).values[..., 21_000, None, None]
    upstream = torch.randn(*stack, 150, 200)
    for weight in (base.mT, base.mT.contiguous(), torch.stack([base, base], -1)[..., 0].mT):
        weight = weight.detach().requires_grad_()
        for d in (upstream, upstream.mT.contiguous().mT, torch.ones(()).expand(upstream.shape)):
            sparse = cutoff(weight, 0.7)
            assert torch.equal(sparse, base.mT * kept.mT)
            assert torch.equal(torch.autograd.grad(sparse, weight, d)[0], d * kept.mT)


@pytest.mark.parametrize("position", [0, 20, 63, 77])
def test_a_weight_that_is_no_number_stays_one(position):
    weight = torch.randn(2, 6, 13)
    weight[1].view(-1)[position] = float("nan")
    healthy, diverged = cutoff(weight.requires_grad_(), 0.5)
    assert torch.equal(healthy, cutoff(weight[0], 0.5))
    assert diverged.view(-1)[position].isnan()
    torch.autograd.grad(cutoff(weight, 0.5).sum(), weight)


def test_half_precision_and_weights_that_are_all_zero():
    weight = torch.randn(2, 30, 40, dtype=torch.bfloat16).requires_grad_()
    sparse = cutoff(weight, 0.5)
    assert ((sparse != 0) == (weight.abs() >= weight.abs().flatten(1).kthvalue(601).values[:, None, None])).all()
    zero = torch.zeros(30, 40, requires_grad=True)
    (gradient,) = torch.autograd.grad(cutoff(zero, 0.5).sum(), zero)
    assert (gradient == 1).all()  # |W| ≥ C = 0 holds everywhere


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 0.999))
@settings(max_examples=60, deadline=None)
def test_fraction_of_zeros(n_out, n_in, sparsity):
    weight = torch.randn(n_out, n_in, dtype=torch.float64)
    silenced = int((cutoff(weight, sparsity) == 0).sum())
    assert abs(silenced - sparsity * n_out * n_in) <= 1


def test_survivors_are_unchanged_and_largest():
    weight = torch.randn(30, 50)
    sparse = cutoff(weight, 0.7)
    kept = sparse != 0
    assert torch.equal(sparse[kept], weight[kept])
    assert weight[kept].abs().min() > weight[~kept].abs().max()


def test_no_sparsity_is_the_dense_network():
    weight = torch.randn(4, 5)
    assert cutoff(weight, 0.0) is weight
    for layer in (DirectLinear, QRLinear):
        dense, sparse = (layer(6, 4, sparsity=s, generator=torch.Generator().manual_seed(0)) for s in (0.0, 0))
        x = torch.randn(3, 6)
        assert torch.equal(dense(x), sparse(x))


def test_silenced_weights_get_no_gradient_in_direct_space():
    layer = DirectLinear(20, 10, sparsity=0.6)
    layer(torch.randn(8, 20)).pow(2).sum().backward()
    silenced = layer.weight == 0
    assert silenced.sum() == 120
    assert (layer.dense.grad[silenced] == 0).all()
    assert (layer.dense.grad[~silenced] != 0).all()


def test_gradient_is_that_of_the_masked_network():
    """``R`` and ``λ`` learn through the survivors only, and nothing flows through the threshold."""
    layer = QRLinear(20, 10, sparsity=0.6, dtype=torch.float64)
    x = torch.randn(8, 20, dtype=torch.float64)
    wanted = list(layer.parameters())
    got = torch.autograd.grad(layer(x).pow(2).sum(), wanted)
    mask = (layer.weight != 0).double()
    masked = x @ (layer.dense_weight() * mask).T + layer.bias
    for a, b in zip(got, torch.autograd.grad(masked.pow(2).sum(), wanted), strict=True):
        torch.testing.assert_close(a, b)


def train_plainly(layer, steps: int = 50):
    """Gradient descent without momentum: only what the method itself does; yields the layer after each step."""
    x, target = torch.randn(64, 20), torch.randn(64, 10)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (layer(x) - target).pow(2).mean().backward()
        optimizer.step()
        yield layer


def test_silenced_weights_return_in_sqr():
    layer = QRLinear(20, 10, sparsity=0.8)
    before = layer.weight != 0
    *_, layer = train_plainly(layer)
    assert ((layer.weight != 0) & ~before).sum() > 0


def test_silenced_weights_do_not_move_in_direct_space():
    layer = DirectLinear(20, 10, sparsity=0.8)
    dense, silenced = layer.dense.detach().clone(), layer.weight == 0
    for after in train_plainly(layer):
        assert torch.equal(after.dense[silenced], dense[silenced])
        dense, silenced = after.dense.detach().clone(), after.weight == 0


@given(st.integers(1, 60), st.floats(0, 0.999), st.booleans())
@settings(max_examples=60, deadline=None)
def test_selection_is_that_of_a_sort(n, share, ties):
    values = torch.rand(3, n, dtype=torch.float64)
    values = (4 * values).round() if ties else values
    k = int(share * n)
    assert torch.equal(selected(values, k), values.sort(-1).values[:, k])


@pytest.mark.parametrize("sparsity", [-0.5, 1, 1.5, float("nan")])
def test_a_share_is_one(sparsity):
    with pytest.raises(ValueError, match="must be in"):
        cutoff(torch.randn(3, 4), sparsity)
