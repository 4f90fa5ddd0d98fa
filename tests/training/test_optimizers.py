"""Adamax and Adam against Keras' formulas in NumPy and against torch.optim."""

import numpy as np
import pytest
import torch

from spectral_repro.training.optimizers import OPTIMIZERS
from tests.oracle import KerasOptimizer


def put(optimizer, gradients) -> None:
    """What the kernels do: gradients are written where the optimizer has them."""
    for here, gradient in zip(optimizer.gradients, gradients, strict=True):
        here.copy_(gradient)


def keras(name: str, start, gradients, lr):
    optimizer = KerasOptimizer(name, start, lr)
    for g in gradients:
        optimizer.step(g)
    return optimizer.theta


def run(name: str, start, gradients, lr):
    """All columns but three as one parameter, the rest as another."""

    def split(a):
        return [torch.from_numpy(part.copy()) for part in np.split(a, [a.shape[1] - 3], axis=1)]

    optimizer = OPTIMIZERS[name](split(start))
    for g in gradients:
        put(optimizer, split(g))
        optimizer.step(lr)
    return torch.cat(optimizer.parameters, 1).numpy()


@pytest.mark.parametrize("columns", [7, 300_000])
@pytest.mark.parametrize("name", ["adamax", "adam"])
def test_is_keras_rule(name, columns):
    generator = np.random.default_rng(0)
    start = generator.normal(size=(3, columns))
    gradients = [generator.normal(size=start.shape) * 10.0 ** generator.integers(-6, 2) for _ in range(8)]
    gradients[0][:, ::2] = 0  # pixels that are always black
    np.testing.assert_allclose(run(name, start, gradients, 0.01), keras(name, start, gradients, 0.01), rtol=1e-10)


@pytest.mark.parametrize("name", ["adamax", "adam"])
def test_agrees_with_torch_optim(name):
    """torch places epsilon elsewhere: for gradients far above it the two agree closely, not exactly."""
    generator = np.random.default_rng(0)
    start = generator.normal(size=(2, 50))
    gradients = [0.1 + generator.random(size=start.shape) for _ in range(20)]
    theta = torch.nn.Parameter(torch.from_numpy(start.copy()))
    reference = {"adamax": torch.optim.Adamax, "adam": torch.optim.Adam}[name]([theta], lr=0.01, eps=1e-7)
    for g in gradients:
        theta.grad = torch.from_numpy(g)
        reference.step()
    np.testing.assert_allclose(run(name, start, gradients, 0.01), theta.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zero_gradients_move_nothing(name):
    start = np.ones((2, 4))
    assert np.array_equal(run(name, start, [np.zeros_like(start)] * 5, 0.1), start)


def test_keep_goes_on_as_if_the_others_had_never_been():
    generator = np.random.default_rng(0)
    start = generator.normal(size=(4, 6))
    gradients = [generator.normal(size=start.shape) for _ in range(6)]
    optimizer = OPTIMIZERS["adamax"]([torch.from_numpy(start)])
    for t, g in enumerate(gradients):
        if t == 3:
            optimizer.keep(torch.tensor([1, 3]))
        put(optimizer, [torch.from_numpy(g if t < 3 else g[[1, 3]])])
        optimizer.step(0.01)
    np.testing.assert_allclose(optimizer.parameters[0].numpy(), run("adamax", start, gradients, 0.01)[[1, 3]])


@pytest.mark.parametrize(
    ("name", "options", "reference", "within"),
    [
        ("sgd", {}, torch.optim.SGD, 1e-12),
        ("sgd", {"momentum": 0.9, "weight_decay": 0.01}, torch.optim.SGD, 1e-12),
        ("adamw", {"weight_decay": 0.1}, torch.optim.AdamW, 1e-6),
        ("adamw", {}, torch.optim.Adam, 1e-6),
    ],
)
def test_is_the_rule_of_torch(name, options, reference, within):
    generator = np.random.default_rng(0)
    start = generator.normal(size=(2, 50))
    gradients = [0.1 + generator.random(size=start.shape) for _ in range(20)]
    theta = torch.nn.Parameter(torch.from_numpy(start.copy()))
    plain = reference([theta], lr=0.01, **options)
    ours = OPTIMIZERS[name]([torch.from_numpy(start.copy())], **options)
    for g in gradients:
        theta.grad = torch.from_numpy(g)
        plain.step()
        put(ours, [torch.from_numpy(g)])
        ours.step(0.01)
    np.testing.assert_allclose(ours.parameters[0].numpy(), theta.detach().numpy(), atol=within)
