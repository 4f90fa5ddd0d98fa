"""Forward mode, alone, nested and with reverse mode, against reverse mode alone."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from spectral_repro.layers import stack
from tests.layers.test_layers import FACTORED, LAYERS, make

SHAPES = [(6, 4), (4, 6), (300, 280)]  # the last has a triangle of more than one block


class Loss(nn.Module):
    """The sum of a power of the outputs, by one of the layer's forms."""

    def __init__(self, layer, factored: bool, power: int) -> None:
        super().__init__()
        self.layer, self.factored, self.power = layer, factored, power

    def forward(self, x):
        y = self.layer(x)
        if self.factored:
            y = self.layer.apply_factored(x) + self.layer.bias.unsqueeze(-2)
        return y.pow(self.power).sum()


def loss_and_point(name, form, shape, networks, power=3):
    """The loss as a function of ``(parameters, x)``, a point in it and a direction."""
    torch.manual_seed(0)
    options = {"sparsity": 0.5 if form == "cut off" else 0.0}
    layers = [make(name, *shape, seed=i, **options) for i in range(networks)]
    module = Loss(stack(layers) if networks > 1 else layers[0], form == "factored", power)
    parameters = {key: value.detach().clone() for key, value in module.named_parameters()}
    x = torch.randn(*[networks] * (networks > 1), 5, shape[0], dtype=torch.float64)
    direction = {key: torch.randn_like(value) for key, value in parameters.items()}, torch.randn_like(x)

    def loss(parameters, x):
        return torch.func.functional_call(module, parameters, (x,))

    return loss, (parameters, x), direction


def along(gradients, direction):
    """The sum of the entries of a pair ``(by parameter, of x)`` times those of another."""
    return sum((gradients[0][key] * d).sum() for key, d in direction[0].items()) + (gradients[1] * direction[1]).sum()


CASES = [
    pytest.param(name, form, shape, networks, id=f"{name}-{form}-{shape[0]}x{shape[1]}-{networks}")
    for name in LAYERS
    for form in ("explicit", "factored", "cut off")
    if form != "factored" or name in FACTORED
    for shape in SHAPES
    for networks in (1, 2)
]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")  # torch's own
@pytest.mark.parametrize(("name", "form", "shape", "networks"), CASES)
def test_forward_mode(name, form, shape, networks):
    loss, point, direction = loss_and_point(name, form, shape, networks)
    gradient = torch.func.grad(loss, argnums=(0, 1))

    def check(got, expected):
        torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-8)

    gradients, (of_parameters, of_x) = gradient(*point), direction
    check(torch.func.jvp(loss, point, direction)[1], along(gradients, direction))
    only = torch.func.jvp(lambda p: loss(p, point[1]), point[:1], (of_parameters,))[1]
    check(only, along(gradients, (of_parameters, torch.zeros_like(of_x))))
    check(torch.func.jvp(lambda x: loss(point[0], x), point[1:], (of_x,))[1], along(gradients, ({}, of_x)))

    second = torch.func.grad(lambda *point: along(gradient(*point), direction), argnums=(0, 1))(*point)
    check(torch.func.jvp(gradient, point, direction)[1], second)
    check(torch.func.grad(lambda *at: torch.func.jvp(loss, at, direction)[1], argnums=(0, 1))(*point), second)
    check(tangents_of_gradients(loss, point, direction), [*second[0].values(), second[1]])
    nested = torch.func.jvp(lambda *at: torch.func.jvp(loss, at, direction)[1], point, direction)[1]
    check(nested, along(second, direction))


def tangents_of_gradients(loss, point, direction):
    """Reverse inside forward mode, without ``torch.func``: by parameter, and of ``x`` last."""
    with forward_ad.dual_level():
        dual = {k: forward_ad.make_dual(v.clone().requires_grad_(), direction[0][k]) for k, v in point[0].items()}
        x = forward_ad.make_dual(point[1].clone().requires_grad_(), direction[1])
        gradients = torch.autograd.grad(loss(dual, x), [*dual.values(), x])
        return [forward_ad.unpack_dual(gradient).tangent for gradient in gradients]


@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_reverse_in_forward_mode_of_a_linear_loss(name, networks):
    """What comes back has no tangent, and the weights have."""
    loss, point, direction = loss_and_point(name, "cut off", (6, 4), networks, power=1)
    (_, of_x) = torch.func.jvp(torch.func.grad(loss, argnums=(0, 1)), point, direction)[1]
    torch.testing.assert_close(tangents_of_gradients(loss, point, direction)[-1], of_x)


@pytest.mark.parametrize("name", FACTORED)
def test_forward_mode_over_vmap_is_vmap_over_forward_mode(name):
    layer, xs = make(name, 300, 280), torch.randn(4, 5, 300, dtype=torch.float64)
    parameters = {key: value.detach() for key, value in layer.named_parameters()}
    direction = {key: torch.randn_like(value) for key, value in parameters.items()}

    def of(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,))

    outer = torch.func.jvp(lambda p: torch.func.vmap(lambda x: of(p, x))(xs), (parameters,), (direction,))
    inner = torch.func.vmap(lambda x: torch.func.jvp(lambda p: of(p, x), (parameters,), (direction,)))(xs)
    torch.testing.assert_close(outer, inner)


@pytest.mark.parametrize("name", ["spectral", "ssvd", "sqr"])
def test_compiled_forward_mode(name):
    torch.compiler.reset()
    layer = make(name, 300, 280)
    x, direction = torch.randn(2, 5, 300, dtype=torch.float64)
    layer.factored = True
    compiled = torch.compile(lambda x, t: torch.func.jvp(layer, (x,), (t,)), backend="aot_eager")
    expected = layer(x), torch.nn.functional.linear(direction, layer.weight)
    torch.testing.assert_close(compiled(x, direction), expected)


def test_forward_mode_under_autocast():
    layer, x = make("sqr", 200, 150, dtype=torch.float32), torch.randn(5, 200)
    direction = {"eig_in": torch.randn(200)}
    parameters = {"eig_in": layer.eig_in.detach()}

    def of(parameters):
        with torch.autocast("cpu", torch.bfloat16):
            return torch.func.functional_call(layer, parameters, (x,))

    y, tangent = torch.func.jvp(of, (parameters,), (direction,))
    assert y.dtype == tangent.dtype
    expected = (x * direction["eig_in"]) @ layer.eigenvectors().T
    assert (tangent - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")  # torch's own
@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_hessian(name, networks):
    """``torch.func.hessian`` is forward over reverse, under ``vmap``."""
    loss, (parameters, x), _ = loss_and_point(name, "factored" if name in FACTORED else "explicit", (6, 4), networks)
    got = torch.func.hessian(lambda p: loss(p, x))(parameters)
    torch.testing.assert_close(got, torch.func.jacrev(torch.func.jacrev(lambda p: loss(p, x)))(parameters))
    torch.testing.assert_close(torch.func.jacfwd(loss)(parameters, x), torch.func.grad(loss)(parameters, x))
