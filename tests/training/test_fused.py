"""The compiled passes against the same formulas in torch, in float64 and float32, and torch's own gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spectral_repro.training import activations, fused
from spectral_repro.training.network import ACTIVATIONS
from spectral_repro.training.optimizers import OPTIMIZERS

SHAPE = (2, 7, 37)  # no multiple of a vector's length
KINDS = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


def normal(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@KINDS
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_gradients(name, dtype):
    y, b, d = normal(*SHAPE, dtype=dtype), normal(2, 37, dtype=dtype, seed=1), normal(*SHAPE, dtype=dtype, seed=2)
    leaf, bias = y.clone().requires_grad_(), b.clone().requires_grad_()
    expected = ACTIVATIONS[name](leaf + bias.unsqueeze(1))
    expected.backward(d)
    got, d_bias = activations.activate(name, y, b), torch.empty_like(b)
    activations.activation_backward(name, d, y, got, d_bias)
    torch.testing.assert_close(got, expected.detach())
    torch.testing.assert_close(d, leaf.grad)
    torch.testing.assert_close(d_bias, bias.grad)


@KINDS
def test_gradient_of_the_loss(dtype):
    logits, labels = normal(2, 7, 5, dtype=dtype) * 30, torch.arange(14).view(2, 7) % 5
    leaf = logits.clone().requires_grad_()
    sum(nn.functional.cross_entropy(z, t) for z, t in zip(leaf, labels, strict=True)).backward()
    d_bias = logits.new_empty(2, 5)
    activations.cross_entropy_gradient(logits, labels, d_bias)
    torch.testing.assert_close(logits, leaf.grad)
    torch.testing.assert_close(d_bias, leaf.grad.sum(1))


@pytest.mark.parametrize("name", ["adamax", "adam", "adamw"])
def test_one_pass_of_an_optimizer_is_its_formula(name):
    start, each = normal(2, 300), {}
    for in_one_pass in (True, False):
        optimizer = OPTIMIZERS[name]([start], weight_decay=0.1)
        if not in_one_pass:
            optimizer._one_pass = None
        for step in range(5):
            optimizer.gradients[0].copy_(normal(2, 300, seed=step))
            optimizer.step(0.01)
        each[in_one_pass] = [*optimizer.parameters, *optimizer.first, *optimizer.second]
    for one, other in zip(each[True], each[False], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-15)


@settings(deadline=None, max_examples=40)
@given(rows=st.integers(1, 20), columns=st.integers(1, 40), sign=st.sampled_from([1, -1]), seed=st.integers(0, 99))
def test_products_with_a_difference(rows, columns, sign, seed):
    phi, d = normal(2, rows, columns, seed=seed), normal(2, rows, columns, seed=seed + 1)
    r, c = normal(2, rows, seed=seed + 2), normal(2, columns, seed=seed + 3)
    leaves = [t.clone().requires_grad_() for t in (phi, r, c)]
    expected = sign * (leaves[2].unsqueeze(1) - leaves[1].unsqueeze(2)) * leaves[0]
    expected.backward(d)
    got, d_r, d_c = torch.empty_like(phi), torch.empty_like(r), torch.empty_like(c)
    fused.difference_product(phi.numpy(), r.numpy(), c.numpy(), sign, got.numpy())
    arrays = (t.numpy() for t in (d, phi, r, c))
    fused.difference_product_backward(*arrays, sign, d_r.numpy(), d_c.numpy())
    for value, leaf in ((got, expected.detach()), (d, leaves[0].grad), (d_r, leaves[1].grad), (d_c, leaves[2].grad)):
        torch.testing.assert_close(value, leaf, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("networks", [1, 2])
def test_entries_are_put_and_taken(networks):
    values, index = normal(2, 6).numpy(), np.array([[5, 0, 9, 2, 3, 7], [1, 2, 3, 4, 5, 6]])[:networks]
    out, back = np.zeros((2, 10)), np.empty((2, 6))
    fused.put(values, index, out)
    for r in range(2):
        np.testing.assert_array_equal(out[r, index[min(r, networks - 1)]], values[r])
    fused.take(out, index, back)
    np.testing.assert_array_equal(back, values)


def test_nan_stays():
    y = torch.tensor([[[float("nan"), -1.0]]])
    h = activations.activate("relu", y, torch.zeros(1, 2))
    assert h.isnan().tolist() == [[[True, False]]]
    optimizer = OPTIMIZERS["adamax"]([torch.zeros(1, 1)])
    optimizer.gradients[0].fill_(float("nan"))
    optimizer.step(0.1)
    assert optimizer.parameters[0].isnan().all()


def test_where_no_folder_can_be_written_nothing_is_kept(monkeypatch):
    def nowhere(*arguments, **options):
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return lambda function: function

    monkeypatch.setattr(fused.numba, "njit", nowhere)
    assert fused._compiled(len) is len
