"""Forward mode: derivatives along a direction, and second derivatives by both modes, against reverse mode alone."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

from spectral_repro.layers import stack
from tests.layers.test_layers import FACTORED, LAYERS, make

SHAPES = [(6, 4), (4, 6), (300, 280)]  # the last has a triangle of more than one block


class Loss(nn.Module):
    """A scalar of the outputs, by one of the layer's forms."""

    def __init__(self, layer, factored: bool) -> None:
        super().__init__()
        self.layer, self.factored = layer, factored

    def forward(self, x):
        y = self.layer(x)
        if self.factored:
            y = self.layer.apply_factored(x, None) + self.layer.bias.unsqueeze(-2)
        return y.pow(3).sum()


def loss_and_point(name, form, shape, networks):
    """The loss as a function of ``(parameters, x)``, a point in it and a direction."""
    torch.manual_seed(0)
    options = {"sparsity": 0.5 if form == "cut off" else 0.0}
    layers = [make(name, *shape, seed=i, **options) for i in range(networks)]
    module = Loss(stack(layers) if networks > 1 else layers[0], form == "factored")
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
    with forward_ad.dual_level():
        dual = {k: forward_ad.make_dual(v.requires_grad_(), of_parameters[k]) for k, v in point[0].items()}
        x = forward_ad.make_dual(point[1].requires_grad_(), of_x)
        tangents = [forward_ad.unpack_dual(g).tangent for g in torch.autograd.grad(loss(dual, x), [*dual.values(), x])]
    check(tangents, [*second[0].values(), second[1]])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")  # torch's own
@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_hessian(name, networks):
    """``torch.func.hessian`` is forward over reverse, under ``vmap``."""
    loss, (parameters, x), _ = loss_and_point(name, "factored" if name in FACTORED else "explicit", (6, 4), networks)
    got = torch.func.hessian(lambda p: loss(p, x))(parameters)
    torch.testing.assert_close(got, torch.func.jacrev(torch.func.jacrev(lambda p: loss(p, x)))(parameters))
    torch.testing.assert_close(torch.func.jacfwd(loss)(parameters, x), torch.func.grad(loss)(parameters, x))
