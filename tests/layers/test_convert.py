"""From a network one has: the same outputs, fewer parameters, and only those of the method move."""

import functools

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from spectral_repro.layers import (
    LowRankLinear,
    QRLinear,
    SpectralLinear,
    SVDLinear,
    base,
    replace_linear,
    restore_linear,
    stack,
)

KINDS = {
    "spectral": SpectralLinear,
    "ssvd": SVDLinear,
    "sqr": QRLinear,
    "sqr_p": functools.partial(QRLinear.from_linear, p=0.1),
    "sqr_full": functools.partial(QRLinear.from_linear, core="full"),
}
SHAPES = [(20, 12), (12, 20), (300, 280), (7, 1), (1, 7)]


def converted(kind: str, linear: nn.Linear) -> nn.Module:
    made = KINDS[kind]
    return made.from_linear(linear) if isinstance(made, type) else made(linear)


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_layer_starts_as_the_linear_one(kind, n_in, n_out, dtype):
    linear = nn.Linear(n_in, n_out, dtype=dtype)
    layer = converted(kind, linear)
    x = torch.randn(9, n_in, dtype=dtype)
    within = 1e-6 if dtype == torch.float32 else 1e-13
    torch.testing.assert_close(layer(x), linear(x), rtol=within, atol=within)
    torch.testing.assert_close(layer.weight, linear.weight, rtol=within, atol=within)
    assert (layer.eig_in == 1).all()
    assert (layer.eig_out == 0).all()


def test_what_is_trained_is_that_of_the_method():
    linear = nn.Linear(30, 20)
    counts = {kind: sum(p.numel() for p in converted(kind, linear).parameters()) for kind in KINDS}
    vectors = 30 + 20 + 20
    expected = {"spectral": 0, "ssvd": 20, "sqr": 210, "sqr_p": 20 + 19, "sqr_full": 400}
    assert counts == {kind: vectors + more for kind, more in expected.items()}
    assert converted("spectral", nn.Linear(3, 2, bias=False)).bias is None


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Sequential(nn.Linear(9, 9), nn.ReLU()), nn.Linear(9, 4))


def test_all_linear_layers_of_a_model_are_replaced_in_place():
    model, x = network(), torch.randn(5, 12)
    before = model(x)
    left = replace_linear(model, QRLinear, p=0.2)
    torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-6)
    assert [type(m) for m in model.modules()].count(QRLinear) == 3
    assert not [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert left == sum(p.numel() for p in model.parameters()) < 12 * 9 + 9 * 9 + 9 * 4
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    frozen = {k: v.clone() for k, v in model.named_buffers()}
    for _ in range(3):
        optimizer.zero_grad()
        model(x).pow(2).sum().backward()
        optimizer.step()
    assert all(torch.equal(v, frozen[k]) for k, v in model.named_buffers())
    assert not torch.allclose(model(x), before)


@pytest.mark.parametrize(
    ("where", "replaced"),
    [("0", ["0"]), ("2.*", ["2.0"]), (lambda name, layer: layer.out_features == 9, ["0", "2.0"])],
)
def test_which_ones_is_said_by_name_or_function(where, replaced):
    model = network()
    replace_linear(model, SVDLinear, where=where)
    assert [name for name, m in model.named_modules() if isinstance(m, SVDLinear)] == replaced


def test_frozen_models_train_the_new_parameters_only():
    model = network().requires_grad_(False)
    assert replace_linear(model, SpectralLinear, where="3") == 9 + 4 + 4


def test_a_layer_in_two_places_stays_one():
    shared = nn.Linear(5, 5)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    replace_linear(model, SpectralLinear)
    assert model[0] is model[2]


def test_and_back():
    """Shared layers stay shared, what is silenced is zero, the mode stays."""
    model = network().eval()
    before = [type(m) for m in model.modules()]
    x = torch.randn(3, 12)
    replace_linear(model, QRLinear, p=0.3)
    for m in model.modules():
        if isinstance(m, QRLinear):
            m.sparsity = 0.5
    y = model(x)
    assert restore_linear(model) == sum(t is nn.Linear for t in before)
    assert [type(m) for m in model.modules()] == before
    assert not any(m.training for m in model.modules())
    torch.testing.assert_close(model(x), y)
    twice = nn.Sequential(layer := QRLinear(4, 4), nn.ReLU(), layer)
    assert restore_linear(twice) == 1
    assert twice[0] is twice[2]
    with pytest.raises(ValueError, match="no layer of"):
        restore_linear(twice)
    with pytest.raises(ValueError, match="use to_linear"):
        restore_linear(QRLinear(2, 2))
    with pytest.raises(ValueError, match="a stack of 2 networks"):
        restore_linear(nn.Sequential(stack([QRLinear(2, 2), QRLinear(2, 2)])))


def test_a_layer_in_two_places_is_chosen_by_either_name():
    model = nn.Module()
    model.enc = model.dec = nn.Linear(8, 8)
    replace_linear(model, SpectralLinear, where="dec")
    assert isinstance(model.enc, SpectralLinear)
    assert model.enc is model.dec


@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_a_parameter_that_others_hold_is_not_torn_away(kind):
    """Under any name, in any module, the model itself too."""
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 2))
    model.own = getattr(model[0], kind)
    with pytest.raises(ValueError, match=f"0: its {kind} is also own; choose others with where="):
        replace_linear(model, QRLinear)
    assert type(model[1]) is nn.Linear
    replace_linear(model, QRLinear, where="1")


def test_what_follows_from_the_linear_layer_cannot_be_given():
    with pytest.raises(ValueError, match="bias, eig_in: follows from the linear layer, and cannot be given"):
        SpectralLinear.from_linear(nn.Linear(3, 2), eig_in=0.5, bias=True)
    with pytest.raises(TypeError, match=r"where=\['0'\]: must be a name, a pattern, or a function"):
        replace_linear(network(), QRLinear, where=["0"])


def test_layers_are_drawn_where_there_is_no_float64(monkeypatch):
    """The meta device stands for such a one, as MPS is."""
    monkeypatch.setattr(base, "WITHOUT_FLOAT64", {"meta"})

    class NoFloat64(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            for t in tree_leaves(out):
                assert not (isinstance(t, torch.Tensor) and t.is_meta and t.dtype == torch.float64), function
            return out

    with NoFloat64():
        for layer in (SpectralLinear, SVDLinear, QRLinear):
            with torch.device("meta"):
                assert layer(4, 3).eig_in.is_meta
                assert layer(4, 3, generator=torch.Generator("cpu")).eig_in.is_meta


def test_what_cannot_be_replaced_is_said():
    with pytest.raises(ValueError, match=r"no nn\.Linear to replace; the linear layers are 0, 2\.0, 3"):
        replace_linear(network(), QRLinear, where="nowhere")
    with pytest.raises(ValueError, match="use from_linear"):
        replace_linear(nn.Linear(2, 2), QRLinear)
    with pytest.raises(TypeError, match=r"ReLU is no nn\.Linear"):
        QRLinear.from_linear(nn.ReLU())
    with pytest.raises(TypeError, match="LowRankLinear cannot start from"):
        replace_linear(network(), LowRankLinear)
    tied = nn.Sequential(nn.Embedding(7, 5), nn.Linear(5, 7))
    tied[1].weight = tied[0].weight
    with pytest.raises(ValueError, match=r"1: its weight is also 0\.weight; choose others"):
        replace_linear(tied, SpectralLinear)
    broken = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    with torch.no_grad():
        broken[1].weight.fill_(float("nan"))
    with pytest.raises((ValueError, RuntimeError)):
        replace_linear(broken, SVDLinear)
    assert type(broken[0]) is nn.Linear  # all or none
    attention = nn.MultiheadAttention(8, 2)
    with pytest.raises(ValueError, match="the linear layers are none"):
        replace_linear(attention, QRLinear)
