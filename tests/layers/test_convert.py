"""From a network one has: the same outputs, fewer parameters, and only those of the method move."""

import copy
import functools
import warnings

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from spectral_repro.layers import (
    EigenvalueLinear,
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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_layers_of_half_precision_start_as_the_linear_one(kind, dtype):
    linear = nn.Linear(20, 12, dtype=dtype)
    layer = converted(kind, linear)
    assert {value.dtype for value in layer.state_dict().values()} <= {dtype, torch.int64}
    torch.testing.assert_close(layer.weight, linear.weight, rtol=0, atol=0.01)
    assert layer(torch.randn(3, 20, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_linear_layers_without_numbers_give_such_layers(kind):
    layer = converted(kind, nn.Linear(6, 4, device="meta"))
    assert all(value.is_meta for value in layer.state_dict().values())
    with FakeTensorMode():
        assert converted(kind, nn.Linear(4, 6))(torch.empty(3, 4)).shape == (3, 6)


class Calls(TorchDispatchMode):
    """Names of the operations that are done with numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if any(isinstance(t, torch.Tensor) and not t.is_meta for t in tree_leaves(out)):
            self.names.append(str(function.overloadpacket).removeprefix("aten."))
        return out


@pytest.mark.parametrize(("kind", "factors"), [("spectral", 0), ("ssvd", 1), ("sqr", 1), ("sqr_p", 1), ("sqr_full", 1)])
def test_nothing_is_drawn_or_factored_to_be_thrown_away(kind, factors):
    linear = nn.Linear(12, 20)
    with Calls() as calls:
        converted(kind, linear)
    assert sum("linalg_" in name for name in calls.names) == factors
    drawing = {"randn", "rand", "normal_", "uniform_", "randperm"}
    assert [name for name in calls.names if name in drawing] == ["randperm"] * (kind == "sqr_p")


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_layer_follows_from_the_arguments_alone(kind, n_in, n_out):
    """Not from torch's global generator, which stays where it is, nor from the memory that it gets."""
    linear, layers = nn.Linear(n_in, n_out), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        layers.append(converted(kind, linear))
        assert torch.equal(torch.get_rng_state(), before)
    torch.use_deterministic_algorithms(True)  # fills what torch.empty gives with NaN
    try:
        layers.append(converted(kind, linear))
    finally:
        torch.use_deterministic_algorithms(False)
    first, *others = (layer.state_dict() for layer in layers)
    assert all(torch.equal(value, other[key]) for other in others for key, value in first.items())


def test_the_seed_chooses_what_is_trained_and_nothing_else():
    linear = nn.Linear(30, 20)
    same, other = (QRLinear.from_linear(linear, seed=seed, p=0.2) for seed in (0, 1))
    assert torch.equal(QRLinear.from_linear(linear, p=0.2).r_index, same.r_index)
    assert not torch.equal(same.r_index, other.r_index)
    assert torch.equal(same.r_matrix(), other.r_matrix())
    twin = QRLinear.from_linear(nn.Linear(50, 20, bias=False, dtype=torch.float64), p=0.2)
    assert torch.equal(twin.r_index, same.r_index)  # R is of the same size


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
@pytest.mark.parametrize("options", [{}, {"p": 0.1}, {"core": "full"}])
def test_the_diagonal_of_r_is_not_negative(n_in, n_out, options):
    """Q and R are the library's times signs, and so the Cholesky factor of the Gram matrix."""
    linear = nn.Linear(n_in, n_out, dtype=torch.float64)
    layer = QRLinear.from_linear(linear, **options)
    size = min(n_in, n_out)
    r = layer.r_matrix()[:size, :size]
    assert (r.diagonal() >= 0).all()
    phi = linear.weight if n_out > n_in else linear.weight.mT
    torch.testing.assert_close(r, torch.linalg.cholesky(phi.mT @ phi).mT)
    torch.testing.assert_close(layer.q.mT @ layer.q, torch.eye(layer.q.shape[1], dtype=torch.float64))


class WithGain(SpectralLinear):
    def start_values(self, generator):
        return {**super().start_values(generator), "gain": torch.ones(1)}


class WithGainOfOne(WithGain):
    def factors_of(self, phi, generator):
        return {**super().factors_of(phi, generator), "gain": torch.ones(1)}


def test_nothing_of_a_class_of_ones_own_is_left_without_a_value():
    with pytest.raises(TypeError, match="WithGain: factors_of and the layer differ in gain"):
        WithGain.from_linear(nn.Linear(3, 2))
    assert WithGainOfOne.from_linear(nn.Linear(3, 2)).gain == 1
    with pytest.raises(TypeError, match="EigenvalueLinear"):
        EigenvalueLinear.from_linear(nn.Linear(3, 2))


def zero(linear: nn.Module) -> nn.Module:
    with torch.no_grad():
        linear.weight.zero_()
    return linear


LEARNS = {"p_0": functools.partial(QRLinear.from_linear, p=0.0)}
LEARNS |= {"phi": functools.partial(SpectralLinear.from_linear, train_eigenvectors=True)}


@pytest.mark.parametrize("kind", ["ssvd", "sqr", "sqr_p", "sqr_full", *LEARNS])
@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
def test_a_zero_weight_learns_where_factors_are_trained(kind, n_in, n_out):
    torch.manual_seed(0)
    linear = zero(nn.Linear(n_in, n_out))
    layer = LEARNS[kind](linear) if kind in LEARNS else converted(kind, linear)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    x, y = torch.randn(9, n_in), torch.randn(9, n_out)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        losses.append(loss := (layer(x) - y).pow(2).mean())
        loss.backward()
        optimizer.step()
    assert layer.weight.any()
    assert losses[0] > losses[1] > losses[2]


def test_a_zero_weight_that_only_eigenvalues_would_scale_is_warned_of():
    with pytest.warns(UserWarning, match="^all weights are zero, and stay so") as given:
        layer = SpectralLinear.from_linear(zero(nn.Linear(4, 3)))
    assert len(given) == 1
    assert given[0].filename == __file__
    layer(torch.randn(5, 4)).pow(2).sum().backward()
    assert not layer.eig_in.grad.any()
    assert not layer.eig_out.grad.any()
    model = network()
    zero(model[2][0])
    with pytest.warns(UserWarning, match=r"^2\.0: all weights are zero") as given:
        replace_linear(model, SpectralLinear)
    assert len(given) == 1
    assert given[0].filename == __file__
    model = zero(network()[3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        converted("ssvd", model)
        model.to("meta")
        converted("spectral", model)


class Conv1D(nn.Module):
    """As transformers has it."""

    __module__ = "transformers.pytorch_utils"

    def __init__(self, nf: int, nx: int) -> None:
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight = nn.Parameter(torch.randn(nx, nf))
        self.bias = nn.Parameter(torch.randn(nf))

    def forward(self, x):
        return x @ self.weight + self.bias


def block() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Conv1D(9, 12), nn.ReLU(), nn.Sequential(Conv1D(4, 9)), nn.Linear(4, 4))


@pytest.mark.parametrize("layer", [SpectralLinear, SVDLinear, QRLinear])
def test_conv1d_of_transformers_is_replaced_as_the_transposed_linear_layer(layer):
    model, x = block().eval(), torch.randn(5, 12)
    kept = copy.deepcopy(model)
    before = model(x)
    replace_linear(model, layer)
    assert [type(m) for m in (model[0], model[2][0], model[3])] == [layer] * 3
    assert (model[0].in_features, model[0].out_features) == (12, 9)
    torch.testing.assert_close(model[0].weight, kept[0].weight.mT, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-5)
    assert restore_linear(model) == 3
    assert [type(m) for m in (model[0], model[2][0], model[3])] == [nn.Linear] * 3
    assert not any(m.training for m in model.modules())
    torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-5)


def test_conv1d_of_transformers_is_left_as_it_was():
    """The new layer has memory of its own."""
    model = block()
    old = model[0]
    kept = copy.deepcopy(old.state_dict())
    replace_linear(model, SpectralLinear)
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(1)
    assert all(torch.equal(value, kept[key]) for key, value in old.state_dict().items())


@pytest.mark.parametrize("where", ["2.*", lambda name, layer: layer.in_features == 9])
def test_which_conv1d_is_said_by_name_or_function(where):
    model = block()
    replace_linear(model, QRLinear, where=where)
    assert [name for name, m in model.named_modules() if isinstance(m, QRLinear)] == ["2.0"]
    assert isinstance(model[0], Conv1D)


def test_what_is_said_of_linear_layers_is_said_of_conv1d():
    with pytest.raises(ValueError, match=r"the linear layers are 0, 2\.0, 3$"):
        replace_linear(block(), QRLinear, where="nowhere")
    with pytest.raises(ValueError, match="the model itself is a Conv1D"):
        replace_linear(Conv1D(3, 2), QRLinear)
    tied = nn.Sequential(nn.Embedding(5, 7), Conv1D(7, 5))
    tied[1].weight = tied[0].weight
    with pytest.raises(ValueError, match=r"1: its weight is also 0\.weight; choose others"):
        replace_linear(tied, SpectralLinear)
    shared = nn.Sequential(one := Conv1D(5, 5), nn.ReLU(), one)
    replace_linear(shared, QRLinear)
    assert shared[0] is shared[2]
    zero_one = nn.Sequential(zero(Conv1D(5, 5)))
    with pytest.warns(UserWarning, match="^0: all weights are zero"):
        replace_linear(zero_one, SpectralLinear)
    ours = type("Conv1D", (Conv1D,), {"__module__": __name__})
    with pytest.raises(ValueError, match="the linear layers are none"):
        replace_linear(nn.Sequential(ours(3, 3)), QRLinear)


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
    with pytest.raises(ValueError, match="generator: cannot be given; seed= decides"):
        replace_linear(network(), QRLinear, p=0.5, generator=torch.Generator())
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
