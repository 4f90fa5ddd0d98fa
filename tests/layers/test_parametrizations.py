"""Weights of any module by their spectra: as the layers are, as the paper has it, and among torch's tools."""

import copy
import functools
import io
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import cached, remove_parametrizations

from spectral_repro.layers import (
    QRLinear,
    SpectralLinear,
    SVDLinear,
    load_trained,
    parametrize_all,
    restore_linear,
    trained_state,
)
from spectral_repro.layers.convert import KINDS
from spectral_repro.layers.parametrizations import qr, spectral, svd
from tests.layers.test_convert import Conv1D
from tests.oracle import block, whole_operator

METHODS = {
    "spectral": spectral,
    "spectral_phi": functools.partial(spectral, train_eigenvectors=True),
    "spectral_original": functools.partial(spectral, train_eig_in=False),
    "ssvd": svd,
    "sqr": qr,
    "sqr_p": functools.partial(qr, p=0.3, seed=1),
    "sqr_full": functools.partial(qr, core="full"),
}
LAYERS = {
    "spectral": SpectralLinear.from_linear,
    "spectral_phi": functools.partial(SpectralLinear.from_linear, train_eigenvectors=True),
    "spectral_original": functools.partial(SpectralLinear.from_linear, train_eig_in=False),
    "ssvd": SVDLinear.from_linear,
    "sqr": QRLinear.from_linear,
    "sqr_p": functools.partial(QRLinear.from_linear, p=0.3, seed=1),
    "sqr_full": functools.partial(QRLinear.from_linear, core="full"),
}
double = {"dtype": torch.float64}


class SelfAttention(nn.Module):
    """Queries, keys and values are of one input, of ``other`` features where these differ."""

    def __init__(self, other: int = 8) -> None:
        super().__init__()
        self.other, self.attention = other, nn.MultiheadAttention(8, 2, kdim=other, batch_first=True, **double)

    def forward(self, x):
        return self.attention(x, x[..., : self.other], x, need_weights=False)[0]


#: Modules, and the shape of an input.
MODULES = {
    "linear": (lambda: nn.Linear(6, 5, **double), (4, 6)),
    "linear_wide": (lambda: nn.Linear(5, 6, **double), (4, 5)),
    "conv1d": (lambda: nn.Conv1d(3, 5, 2, **double), (4, 3, 7)),
    "conv2d": (lambda: nn.Conv2d(3, 5, 2, padding=1, **double), (4, 3, 6, 6)),
    "conv2d_wide": (lambda: nn.Conv2d(1, 9, 2, bias=False, **double), (4, 1, 6, 6)),
    "conv2d_groups": (lambda: nn.Conv2d(4, 6, 3, groups=2, **double), (4, 4, 6, 6)),
    "conv3d": (lambda: nn.Conv3d(2, 5, 2, **double), (4, 2, 4, 4, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 2, **double), (4, 3, 4, 4)),
    "transposed_groups": (lambda: nn.ConvTranspose2d(4, 6, 2, groups=2, **double), (4, 4, 4, 4)),
    "attention": (SelfAttention, (4, 3, 8)),
    "attention_separate": (lambda: SelfAttention(6), (4, 3, 8)),
    "embedding": (lambda: nn.Embedding(7, 4, **double), (4, 3)),
    "several": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3, **double), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3, **double)),
        (4, 1, 4, 4),
    ),
}


def plain(kind: str) -> nn.Module:
    torch.manual_seed(0)
    return MODULES[kind][0]()


def inputs(kind: str, seed: int = 1) -> torch.Tensor:
    generator, shape = torch.Generator().manual_seed(seed), MODULES[kind][1]
    return torch.randint(7, shape, generator=generator) if kind == "embedding" else torch.randn(shape, **double)


def converted(kind: str, method: str, moved: bool = True, **options) -> nn.Module:
    """Its trained numbers are no longer those of the start if ``moved``."""
    module = plain(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parametrize_all(module, METHODS[method], kinds=(*KINDS, nn.Embedding), **options)
    if moved:
        with torch.no_grad():
            for p in module.parameters():
                p += 0.1 * torch.randn(p.shape, **double)
    return module


everywhere = pytest.mark.parametrize("kind", MODULES)
by_all = pytest.mark.parametrize("method", METHODS)
by_three = pytest.mark.parametrize("method", ["spectral", "ssvd", "sqr_p"])


@everywhere
@by_all
def test_the_module_starts_as_it_was_and_becomes_plain_again(kind, method):
    x, before = inputs(kind), plain(kind)
    module = converted(kind, method, moved=False)
    torch.testing.assert_close(module(x), before(x), rtol=0, atol=1e-12)
    assert not module.state_dict().keys() & {name for name, p in before.named_parameters() if p.ndim > 1}
    trained = converted(kind, method)
    y, names = trained(x), set(before.state_dict())
    assert not torch.allclose(y, before(x))
    restore_linear(trained)
    assert set(trained.state_dict()) == set(dict(trained.named_parameters())) == names
    assert [type(m) for m in trained.modules()] == [type(m) for m in before.modules()]
    assert all(p.is_contiguous() and p.requires_grad for p in trained.parameters())
    torch.testing.assert_close(trained(x), y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sizes", [(30, 20), (20, 30), (1, 4), (4, 1), (300, 260)])
@by_all
def test_of_a_linear_layer_it_is_what_the_layer_is(sizes, method):
    """The numbers that are trained, the outputs, and the gradients."""
    linear, x = nn.Linear(*sizes, **double), torch.randn(9, sizes[0], **double)
    layer = LAYERS[method](linear)
    module = METHODS[method](copy.deepcopy(linear))
    theirs = [p for name, p in layer.named_parameters() if name != "bias"]
    ours = list(module.parametrizations.weight.parameters(recurse=False))
    for _ in range(2):  # at the start, and elsewhere
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        y, expected = module(x), layer(x)
        torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
        got = torch.autograd.grad(y.pow(2).mean(), ours)
        torch.testing.assert_close(got, torch.autograd.grad(expected.pow(2).mean(), theirs), rtol=1e-10, atol=1e-10)
        with torch.no_grad():
            for a, b in zip(ours, theirs, strict=True):
                b.copy_(a.add_(torch.randn_like(a)))


def factors(module: nn.Module) -> dict[str, np.ndarray]:
    parts = module.parametrizations.weight
    names = parts[0].trained
    values = {name: getattr(parts, f"original{i}") for i, name in enumerate(names)} | dict(parts[0].named_buffers())
    return {name: value.detach().numpy() for name, value in values.items()}


def eigenvectors(n_out: int, n_in: int, phi=None, u=None, s=None, v=None, q=None, r=None, r_frozen=None, r_index=None):
    """``φ`` as the paper's text has it, in NumPy."""
    if phi is not None:
        return phi
    if s is not None:
        return u @ np.diag(s) @ v.T
    if r_index is not None:
        size = min(n_in, n_out)
        entries = r_frozen.copy()
        entries[r_index] = r
        r = entries.reshape(size, size)
        assert not np.tril(r, -1).any()
    return q @ r if n_out > n_in else (q @ r).T


@pytest.mark.parametrize("wide", [False, True])
@by_all
def test_a_convolution_is_the_paper_s_map_of_every_patch(method, wide):
    """The subdiagonal block of the whole operator, times the columns of ``unfold``."""
    channels, features = (1, 9) if wide else (3, 5)
    conv = METHODS[method](nn.Conv2d(channels, features, 2, stride=2, padding=1, bias=False, **double))
    with torch.no_grad():
        for p in conv.parameters():
            p += torch.randn(p.shape, **double)
    values, n_in = factors(conv), channels * 4
    eig_in, eig_out = values.pop("eig_in"), values.pop("eig_out")
    assert (eig_in.shape, eig_out.shape) == ((n_in,), (features,))
    w = block(whole_operator(eigenvectors(features, n_in, **values), eig_in, eig_out), n_in)
    x = torch.randn(3, channels, 6, 8, **double)
    expected = w @ nn.functional.unfold(x, 2, stride=2, padding=1).numpy()
    np.testing.assert_allclose(conv(x).detach().flatten(2).numpy(), expected, rtol=1e-10, atol=1e-10)


def as_saved(module: nn.Module) -> dict[str, torch.Tensor]:
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def by_functional_call(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The gradient of the sum of squares, by torch.func."""
    state = dict(module.named_parameters())
    return torch.func.grad(lambda s: torch.func.functional_call(module, s, (x,)).pow(2).sum())(state)


def by_autograd(module: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    state = dict(module.named_parameters())
    return dict(zip(state, torch.autograd.grad(module(x).pow(2).sum(), list(state.values())), strict=True))


def saved_and_loaded(kind, method, state_of):
    module, other, x = converted(kind, method), converted(kind, method, moved=False), inputs(kind)
    other.load_state_dict(state_of(module))
    assert torch.equal(module(x), other(x))


def deep_copied(kind, method):
    module, x = converted(kind, method), inputs(kind)
    other = copy.deepcopy(module)
    assert torch.equal(module(x), other(x))
    restore_linear(other)
    torch.testing.assert_close(module(x), other(x))  # which has its parametrizations still
    assert by_autograd(module, x).keys() == dict(module.named_parameters()).keys()


def compiled(kind, method):
    torch.compiler.reset()
    module, x = converted(kind, method), inputs(kind)
    made = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(made(x), module(x))
    y, wanted = made(x), list(module.parameters())
    got = torch.autograd.grad(y.pow(2).sum(), wanted)
    torch.testing.assert_close(got, tuple(by_autograd(module, x).values()))


def functional(kind, method):
    module, x = converted(kind, method), inputs(kind)
    torch.testing.assert_close(by_functional_call(module, x), by_autograd(module, x))


def per_sample(kind, method):
    module, x = converted(kind, method), inputs(kind)
    state = dict(module.named_parameters())

    def loss(s, one):
        return torch.func.functional_call(module, s, (one.unsqueeze(0),)).pow(2).sum()

    together = torch.func.vmap(torch.func.grad(loss), (None, 0))(state, x)
    for i, one in enumerate(x):
        torch.testing.assert_close({k: v[i] for k, v in together.items()}, by_autograd(module, one.unsqueeze(0)))


def with_autocast(kind, method):
    module, x = converted(kind, method).float(), inputs(kind)
    x = x if kind == "embedding" else x.float()
    with torch.autocast("cpu", torch.bfloat16):
        y = module(x)
        expected = plain(kind).float()(x)
    assert y.dtype == expected.dtype
    torch.testing.assert_close(y.float(), module(x), rtol=0.1, atol=0.1)
    y.float().pow(2).sum().backward()
    assert all(p.grad.dtype == torch.float32 for p in module.parameters())


def cached_once(kind, method):
    module, x = converted(kind, method), inputs(kind)
    calls = []
    for m in module.modules():
        if type(m).__name__ == "ParametrizationList":
            m.register_forward_hook(lambda m, *_: calls.append(m))
    with cached():
        y = module(x), module(x)
    assert len(calls) == len(set(calls)) > 0
    assert torch.equal(y[0], y[1])
    assert torch.equal(y[0], module(x))


def adapted(kind, method):
    module, other, x = converted(kind, method), converted(kind, method, moved=False), inputs(kind)
    load_trained(other, load(save(trained_state(module))))
    assert torch.equal(module(x), other(x))


def on_meta(kind, method):
    module = plain(kind).to("meta")
    parametrize_all(module, METHODS[method], kinds=(*KINDS, nn.Embedding))
    assert all(value.is_meta for value in module.state_dict().values())
    module.to_empty(device="cpu").load_state_dict(converted(kind, method).state_dict())


TOOLS = {
    "state_dict": functools.partial(saved_and_loaded, state_of=as_saved),
    "safetensors": functools.partial(saved_and_loaded, state_of=lambda module: load(save(module.state_dict()))),
    "trained_state": adapted,
    "deepcopy": deep_copied,
    "compile": compiled,
    "functional_call": functional,
    "vmap": per_sample,
    "autocast": with_autocast,
    "cached": cached_once,
    "meta": on_meta,
}


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # torch's attention under vmap
@everywhere
@by_three
@pytest.mark.parametrize("tool", TOOLS)
def test_torch_s_tools(tool, method, kind):
    TOOLS[tool](kind, method)


@by_three
def test_the_fast_path_of_attention_reads_the_weight(method):
    """That of ``eval`` without gradients, which knows of no modules."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0).eval()
    x = torch.randn(3, 5, 8)
    before = layer(x)
    parametrize_all(layer, METHODS[method])
    wanted = ["self_attn.parametrizations.in_proj_weight", "self_attn.out_proj.parametrizations.weight"]
    wanted += ["linear1.parametrizations.weight", "linear2.parametrizations.weight"]
    assert {name.rpartition(".")[0] for name, _ in layer.named_parameters() if "original" in name} == set(wanted)
    torch.testing.assert_close(layer(x), before, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        for name, p in layer.named_parameters():
            p += 0.1 * torch.randn(p.shape) * ("original" in name)
        fast = layer(x)
    torch.testing.assert_close(fast, layer(x), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(fast, before, atol=1e-3)


@by_three
def test_conv1d_of_transformers_is_the_transposed_linear_layer(method):
    model, x = nn.Sequential(Conv1D(5, 6)).double(), torch.randn(4, 6, **double)
    linear = nn.Linear(6, 5, **double)
    with torch.no_grad():
        linear.weight.copy_(model[0].weight.mT)
    before = model(x)
    parametrize_all(model, METHODS[method])
    torch.testing.assert_close(model(x), before)
    theirs = METHODS[method](linear).parametrizations.weight.parameters(recurse=False)
    ours = model[0].parametrizations.weight.parameters(recurse=False)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    restore_linear(model)
    assert type(model[0]) is Conv1D
    assert model[0].weight.is_contiguous()


@by_three
def test_a_recurrent_layer_by_the_names_of_its_weights(method):
    lstm, x = nn.LSTM(3, 4, **double), torch.randn(5, 3, **double)
    before = lstm(x)[0]
    for name in ("weight_ih_l0", "weight_hh_l0"):
        METHODS[method](lstm, name)
    torch.testing.assert_close(lstm(x)[0], before)
    twin = nn.LSTM(3, 4, **double)
    with torch.no_grad():
        for p in lstm.parameters():
            p += torch.randn(p.shape, **double)
        for name, p in twin.named_parameters():
            p.copy_(getattr(lstm, name))
    torch.testing.assert_close(lstm(x)[0], twin(x)[0])


def test_only_what_the_method_trains_moves():
    """Under any optimizer; what is frozen are buffers."""
    conv = converted("conv2d", "sqr_p", moved=False)
    assert [name for name, _ in conv.named_parameters()] == [
        "bias", *(f"parametrizations.weight.original{i}" for i in range(3))
    ]  # fmt: skip
    assert sum(p.numel() for p in conv.parameters()) == 5 + 12 + 5 + (5 + 3)
    frozen = {name: value.clone() for name, value in conv.named_buffers()}
    optimizer = torch.optim.AdamW(conv.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        conv(inputs("conv2d")).pow(2).sum().backward()
        optimizer.step()
    assert all(torch.equal(value, frozen[name]) for name, value in conv.named_buffers())
    parts = conv.parametrizations.weight
    r = frozen["parametrizations.weight.0.r_frozen"].scatter(0, parts[0].r_index, parts.original2).view(5, 5)
    assert not r.tril(-1).any()
    assert "QR(p=0.3, core=triangular)" in repr(conv)


@by_three
def test_what_is_assigned_is_a_new_start(method):
    conv = converted("conv2d", method)
    weight = torch.randn(5, 3, 2, 2, **double)
    conv.weight = weight
    torch.testing.assert_close(conv.weight, weight)
    assert (conv.parametrizations.weight.original0 == 1).all()


def test_half_precision_and_devices_move_as_one():
    for method in METHODS:
        conv = converted("conv2d", method).to(torch.bfloat16)
        assert conv(inputs("conv2d").bfloat16()).dtype == torch.bfloat16
        half = METHODS[method](nn.Linear(20, 12, dtype=torch.bfloat16))
        assert half.weight.dtype == torch.bfloat16


def test_frozen_weights_are_trained_by_their_spectra_and_biases_stay():
    model = plain("several").requires_grad_(False)
    left = parametrize_all(model, svd)
    assert left == (9 + 4 + 4) + (16 + 3 + 3)
    assert not model[0].bias.requires_grad
    restore_linear(model)
    assert model[0].weight.requires_grad


def test_where_and_kinds_choose():
    model = plain("several")
    parametrize_all(model, spectral, where="0")
    assert parametrize_all(model, qr, where=lambda name, module: isinstance(module, nn.Linear), p=0.5) > 0
    assert type(model[3].parametrizations.weight[0]).__name__ == "QR"
    with pytest.raises(ValueError, match=r"^where=None: no weight to parametrize; the modules that have one are none$"):
        parametrize_all(model, svd)
    only = plain("several")
    parametrize_all(only, svd, kinds=(nn.Conv2d,))
    assert type(only[3]) is nn.Linear
    with pytest.raises(ValueError, match=r"no weight to parametrize; the modules that have one are 0, 3$"):
        parametrize_all(plain("several"), svd, where="conv*")
    with pytest.raises(TypeError, match=r"where=\['0'\]: must be a name, a pattern, or a function"):
        parametrize_all(plain("several"), svd, where=["0"])


def test_a_module_in_two_places_is_parametrized_once():
    model = nn.Sequential(one := nn.Linear(4, 4), nn.ReLU(), one)
    assert parametrize_all(model, svd, where="2") == 4 + 4 + 4 + 4
    assert model[0] is model[2]
    assert restore_linear(model) == 1


def test_tied_weights_are_refused():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5))
    model[1].weight = model[0].weight
    with pytest.raises(ValueError, match=r"^1: its weight is also 0\.weight; choose others with where=$"):
        parametrize_all(model, qr)
    assert type(model[1]) is nn.Linear


def test_after_an_error_the_model_is_as_it_was():
    model = plain("several")
    with torch.no_grad():
        model[3].weight.fill_(float("nan"))
    before = dict(model.named_parameters())
    with pytest.raises(torch.linalg.LinAlgError):
        parametrize_all(model, svd)
    assert {name: id(p) for name, p in model.named_parameters()} == {name: id(p) for name, p in before.items()}
    assert type(model[0]) is nn.Conv2d


def test_zero_weights_that_stay_zero_are_warned_of():
    conv = nn.Conv2d(2, 3, 3)
    nn.init.zeros_(conv.weight)
    model = nn.Sequential(copy.deepcopy(conv))
    with pytest.warns(UserWarning, match="^all weights are zero, and stay so") as given:
        spectral(copy.deepcopy(conv))
    assert given[0].filename == __file__
    with pytest.warns(UserWarning, match="^0: all weights are zero, and stay so") as given:
        parametrize_all(model, spectral)
    assert given[0].filename == __file__
    for method in ("spectral_phi", "ssvd", "sqr"):
        learns = METHODS[method](copy.deepcopy(conv))
        optimizer = torch.optim.SGD(learns.parameters(), 0.1)
        for _ in range(2):
            optimizer.zero_grad()
            (learns(torch.randn(4, 2, 5, 5)) - 1).pow(2).mean().backward()
            optimizer.step()
        assert learns.weight.any()


@pytest.mark.parametrize("method", [spectral, svd, qr])
def test_what_has_no_such_matrix_is_refused_in_one_line(method):
    with pytest.raises(ValueError, match=r"^Linear has no parameter 'phi'; its own are weight, bias$"):
        method(nn.Linear(3, 2), "phi")
    with pytest.raises(ValueError, match=r"^MultiheadAttention has no parameter 'q_proj_weight'; its own are in_"):
        method(nn.MultiheadAttention(4, 2), "q_proj_weight")
    with pytest.raises(ValueError, match=r"^LayerNorm\.weight has shape \(4,\): must have two dimensions or more$"):
        method(nn.LayerNorm(4))
    with pytest.raises(ValueError, match=r"Linear\.weight is parametrized already; remove_parametrizations\(module, "):
        method(weight_norm(nn.Linear(3, 2)))
    with pytest.raises(ValueError, match=r"dtype=torch.complex64: must be of real"):
        method(nn.Linear(3, 2, dtype=torch.complex64))


def test_options_are_checked_before_anything_changes():
    linear = nn.Linear(3, 2)
    for options in ({"p": 1.5}, {"core": "half"}, {"core": "full", "p": 0.5}):
        with pytest.raises(ValueError, match=next(iter(options))):
            qr(linear, **options)
    assert type(linear) is nn.Linear


def test_other_positions_are_refused_as_those_of_layers():
    state = trained_state(converted("several", "sqr_p"))
    assert [name for name in state if "index" in name] == [f"{i}.parametrizations.weight.0.r_index" for i in (0, 3)]
    other = plain("several")
    parametrize_all(other, qr, p=0.3, seed=2)
    with pytest.raises(ValueError, match=r"^0\.parametrizations\.weight\.0\.r_index: trained at other positions"):
        load_trained(other, state)
    other[0].parametrizations.weight.original2.requires_grad_(False)
    assert "0.parametrizations.weight.0.r_index" not in trained_state(other)


def test_torch_s_own_way_back():
    linear = qr(nn.Linear(6, 4), p=0.3)
    weight = linear.weight
    assert type(remove_parametrizations(linear, "weight")) is nn.Linear
    assert torch.equal(linear.weight, weight)
