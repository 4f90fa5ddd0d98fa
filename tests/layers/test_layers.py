"""The layers against Appendix B, against themselves in other forms, and as ordinary modules."""

import copy
import functools
import io
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spectral_repro.layers import (
    DiagonalLinear,
    DirectLinear,
    HashedLinear,
    LowRankLinear,
    ProjectionLinear,
    QRLinear,
    SpectralLinear,
    SVDLinear,
    stack,
)
from tests.oracle import block, whole_operator

LAYERS = {
    "direct": DirectLinear,
    "spectral": SpectralLinear,
    "spectral_original": functools.partial(SpectralLinear, eig_in=1.0, train_eig_in=False),
    "ssvd": SVDLinear,
    "ssvd_gaussian": functools.partial(SVDLinear, basis="gaussian"),
    "sqr": QRLinear,
    "sqr_p": functools.partial(QRLinear, p=0.3),
    "sqr_full": functools.partial(QRLinear, core="full"),
    "lowrank": functools.partial(LowRankLinear, rank=3),
    "hashed": functools.partial(HashedLinear, multiple=0.5),
    "diagonal": DiagonalLinear,
    "projection": ProjectionLinear,
}
CONTROLS = ("lowrank", "hashed", "diagonal", "projection")
SPECTRAL = [name for name in LAYERS if name not in ("direct", *CONTROLS)]
FACTORED = [*SPECTRAL, "lowrank", "projection"]
SHAPES = [(7, 4), (4, 7), (5, 5), (6, 1), (1, 6)]


def make(name: str, n_in: int, n_out: int, seed: int = 0, **options):
    options = {"dtype": torch.float64, "generator": torch.Generator().manual_seed(seed), **options}
    layer = LAYERS[name](n_in, n_out, **options)
    with torch.no_grad():
        layer.bias.copy_(torch.linspace(-1, 1, n_out)) if layer.bias is not None else None
    return layer


def phi_of(layer) -> np.ndarray:
    """``φ`` put together in NumPy from what the layer stores, by the definition of its method."""
    if isinstance(layer, SVDLinear):
        return layer.u.numpy() @ np.diag(layer.s.detach().numpy()) @ layer.v.numpy().T
    if isinstance(layer, QRLinear):
        if layer.core == "full":
            r = layer.r.detach().numpy()
        else:
            size = min(layer.in_features, layer.out_features)
            flat = layer.r_frozen.numpy().copy()
            flat[layer.r_index.numpy()] = layer.r.detach().numpy()
            r = flat.reshape(size, size)
        qr = layer.q.numpy() @ r
        return qr if layer.out_features > layer.in_features else qr.T
    return layer.phi.numpy()


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
@pytest.mark.parametrize("name", SPECTRAL)
def test_weight_is_the_block_of_the_whole_operator(name, n_in, n_out):
    layer = make(name, n_in, n_out)
    operator = whole_operator(phi_of(layer), layer.eig_in.detach().numpy(), layer.eig_out.detach().numpy())
    np.testing.assert_allclose(layer.weight.detach().numpy(), block(operator, n_in), atol=1e-12)


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_output_is_affine_in_the_weight(name, n_in, n_out):
    layer = make(name, n_in, n_out)
    for shape in [(n_in,), (3, n_in), (2, 3, n_in), (2, 2, 3, n_in)]:
        x = torch.randn(shape, dtype=torch.float64)
        expected = x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("n_in", "n_out"), [(5, 3), (3, 5)])
@pytest.mark.parametrize("name", LAYERS)
def test_gradcheck(name, n_in, n_out):
    layer = make(name, n_in, n_out)
    parameters = tuple(layer.parameters())
    names = [key for key, _ in layer.named_parameters()]
    x = torch.randn(4, n_in, dtype=torch.float64, requires_grad=True)

    def explicit(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(explicit, (x, *parameters))
    if name in FACTORED:
        assert torch.autograd.gradcheck(lambda x, *_: layer.apply_factored(x), (x, *parameters[:-1], parameters[-1]))


@pytest.mark.parametrize(("n_in", "n_out"), [(30, 20), (20, 30), (60, 52)])
@pytest.mark.parametrize("name", FACTORED)
def test_factored_form_equals_explicit_form(name, n_in, n_out):
    """Values and gradients; chosen by who uses the layer, and never with a cut-off."""
    layer = make(name, n_in, n_out)
    x = torch.randn(5, n_in, dtype=torch.float64, requires_grad=True)
    wanted = [x, *layer.parameters()]
    explicit = layer(x)
    layer.factored = True
    factored = layer(x)
    torch.testing.assert_close(factored, explicit, rtol=1e-10, atol=1e-12)
    for a, b in zip(*(torch.autograd.grad(y.pow(2).sum(), wanted) for y in (factored, explicit)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)
    sparse = make(name, n_in, n_out, sparsity=0.5)
    sparse.factored = True
    torch.testing.assert_close(sparse(x), x @ sparse.weight.T + sparse.bias)


@pytest.mark.parametrize("name", ["sqr", "sqr_full", "ssvd"])
def test_factored_form_under_vmap(name):
    layer = make(name, 300, 280)
    x = torch.randn(3, 5, 300, dtype=torch.float64)
    y = torch.func.vmap(lambda x: layer.apply_factored(x))(x)
    torch.testing.assert_close(y, x @ layer.weight.T)


@pytest.mark.parametrize("form", ["explicit", "factored", "cut off"])
@pytest.mark.parametrize("name", ["direct", "sqr", "sqr_p", "sqr_full", "spectral", "ssvd"])
def test_second_derivatives(name, form):
    layer = make(name, 6, 4, sparsity=0.5 if form == "cut off" else 0.0)
    x = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    wanted = [x, *layer.parameters()]

    def plain():
        weight = layer.dense_weight() * (layer.weight != 0)
        return x @ weight.T + layer.bias

    def ours():
        if form == "factored" and name != "direct":
            return layer.apply_factored(x) + layer.bias
        return layer(x)

    def twice(y):
        first = torch.autograd.grad(y.pow(3).sum(), wanted, create_graph=True)
        return torch.autograd.grad(sum(g.pow(2).sum() for g in first), wanted)

    for a, b in zip(twice(ours()), twice(plain()), strict=True):
        torch.testing.assert_close(a, b)


def test_orthogonal_bases_are_orthonormal():
    for n_in, n_out in [(9, 4), (4, 9)]:
        ssvd, sqr = make("ssvd", n_in, n_out), make("sqr", n_in, n_out)
        for basis in (ssvd.u, ssvd.v, sqr.q):
            torch.testing.assert_close(basis.T @ basis, torch.eye(basis.shape[1], dtype=torch.float64))
    full = make("sqr_full", 4, 9)
    assert full.q.shape == (9, 9)
    assert full.r.shape == (9, 4)


def test_start_values_of_qr_are_the_factors_of_a_gaussian_block():
    layer = make("sqr", 300, 200)
    phi = phi_of(layer)
    assert abs(phi.std() - 0.036) < 0.001
    assert abs(phi.mean()) < 0.001
    assert layer.eig_in.abs().max() <= 0.97
    assert layer.eig_in.std() > 0.5
    assert layer.eig_out.abs().max() <= 0.13


@pytest.mark.parametrize("name", LAYERS)
def test_drops_in_for_linear(name):
    layer = make(name, 6, 4)
    x = torch.randn(5, 6, dtype=torch.float64)
    y = layer(x)
    linear = layer.to_linear()
    assert type(linear) is nn.Linear
    torch.testing.assert_close(linear(x), y)
    torch.testing.assert_close(nn.Sequential(layer, nn.ReLU())(x), y.relu())
    torch.testing.assert_close(copy.deepcopy(layer)(x), y)
    other = make(name, 6, 4, seed=1)
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other(x), y)
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    fresh = make(name, 6, 4, seed=2)
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    torch.testing.assert_close(fresh(x), y)
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    torch.testing.assert_close(torch.load(buffer, weights_only=False)(x), y)
    assert "trained=" in repr(layer)
    assert make(name, 6, 4, bias=False).bias is None
    assert make(name, 6, 4, dtype=torch.float32).weight.dtype == torch.float32
    assert make(name, 6, 4, device="meta").weight.device.type == "meta"


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("name", LAYERS)
def test_vmap_over_layers_equals_one_after_another(name, sparsity):
    layers = [make(name, 6, 4, seed=i, sparsity=sparsity) for i in range(3)]
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    parameters, buffers = torch.func.stack_module_state(layers)
    y = torch.func.vmap(lambda p, b, x: torch.func.functional_call(layers[0], (p, b), (x,)))(parameters, buffers, x)
    torch.testing.assert_close(y, torch.stack([layer(t) for layer, t in zip(layers, x, strict=True)]))


@pytest.mark.parametrize("rows", [3, 60])
@pytest.mark.parametrize(
    ("name", "factor"),
    [("sqr", "q"), ("sqr_p", "q"), ("sqr_full", "q"), ("ssvd", "v"), ("ssvd", "u"), ("spectral", "phi")],
)
def test_a_frozen_factor_may_be_trained_after_all(name, factor, rows):
    layer = make(name, 40, 30)
    setattr(layer, factor, torch.nn.Parameter(getattr(layer, factor)))
    x = torch.randn(rows, 40, dtype=torch.float64)
    got, expected = (
        torch.autograd.grad(y.pow(2).sum(), getattr(layer, factor))[0]
        for y in (layer(x), torch.nn.functional.linear(x, layer.weight, layer.bias))
    )
    torch.testing.assert_close(got, expected)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")  # torch's own
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("name", LAYERS)
def test_transforms_of_torch_func(name, sparsity):
    """Per-sample gradients, and Jacobians in both modes, against plain autograd."""
    layer = make(name, 6, 4, sparsity=sparsity)
    x = torch.randn(5, 6, dtype=torch.float64)
    parameters = dict(layer.named_parameters())

    def loss(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,)).pow(2).sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, x)
    for i in range(5):
        for key, expected in zip(
            parameters, torch.autograd.grad(layer(x[i]).pow(2).sum(), list(parameters.values())), strict=True
        ):
            torch.testing.assert_close(each[key][i], expected)
    torch.testing.assert_close(torch.func.jacrev(layer)(x[0]), layer.weight.detach())
    torch.testing.assert_close(torch.func.jacfwd(layer)(x[0]), layer.weight.detach())


@pytest.mark.parametrize("name", LAYERS)
def test_stack_equals_its_members(name):
    layers = [make(name, 6, 4, seed=i) for i in range(3)]
    stacked = stack(layers)
    for x in (torch.randn(3, 5, 6, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)):
        each = [layer(x if x.ndim == 2 else x[i]) for i, layer in enumerate(layers)]
        torch.testing.assert_close(stacked(x), torch.stack(each))
    with pytest.raises(ValueError, match="stack of 3"):
        stacked.to_linear()


@pytest.mark.parametrize("name", LAYERS)
def test_wide_stack_takes_an_input_shared_by_all(name):
    layers = [make(name, 300, 600, seed=i) for i in range(3)]
    x = torch.randn(20, 300, dtype=torch.float64)
    torch.testing.assert_close(stack(layers)(x), torch.stack([layer(x) for layer in layers]))


def test_loading_is_in_place_and_takes_over_which_entries_are_trained():
    """The optimizer goes on moving what it moved, whatever entries the other network had drawn."""
    layer, other = make("sqr_p", 9, 7), make("sqr_p", 9, 7, seed=1)
    assert not torch.equal(layer.r_index, other.r_index)
    held, optimizer = layer.r, torch.optim.SGD(layer.parameters(), lr=0.1)
    layer.load_state_dict(other.state_dict())
    assert layer.r is held
    before, x = layer.r.detach().clone(), torch.randn(5, 9, dtype=torch.float64)
    torch.testing.assert_close(layer(x), other(x))
    layer(x).pow(2).sum().backward()
    optimizer.step()
    assert (layer.r != before).all()
    with pytest.raises(RuntimeError, match="size mismatch for r:"):
        make("sqr", 9, 7).load_state_dict(other.state_dict())


@pytest.mark.parametrize("name", LAYERS)
def test_reset_parameters_draws_anew_in_place(name):
    layer, fresh = make(name, 6, 4), make(name, 6, 4, seed=7, bias=False)
    held = {key: value.data_ptr() for key, value in layer.state_dict().items()}
    layer.reset_parameters(torch.Generator().manual_seed(7))
    assert {key: value.data_ptr() for key, value in layer.state_dict().items()} == held
    for key, value in fresh.state_dict().items():
        assert torch.equal(layer.state_dict()[key], value), key
    assert not layer.bias.any()
    with pytest.raises(ValueError, match="unstack"):
        stack([layer, make(name, 6, 4)]).reset_parameters()


@pytest.mark.parametrize("name", LAYERS)
def test_made_on_the_meta_device_and_filled_later(name):
    with torch.device("meta"):
        layer = LAYERS[name](6, 4, dtype=torch.float64)
    assert all(value.is_meta for value in layer.state_dict().values())
    layer = layer.to_empty(device="cpu")
    layer.reset_parameters(torch.Generator().manual_seed(3))
    assert torch.equal(layer.weight, make(name, 6, 4, seed=3).weight)


def test_stack_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="nothing"):
        stack([])
    with pytest.raises(ValueError, match="cannot be stacked"):
        stack([make("direct", 3, 2), make("direct", 4, 2)])
    plain = make("direct", 3, 2)
    for other in (make("direct", 3, 2, bias=False), make("sqr", 3, 2), make("direct", 3, 2, sparsity=0.5)):
        for pair in ([plain, other], [other, plain]):
            with pytest.raises(ValueError, match="cannot be stacked"):
                stack(pair)
    with pytest.raises(ValueError, match="cannot be stacked"):
        stack([nn.Sequential(plain), nn.Sequential()])


def test_what_is_frozen_stays_frozen_in_a_stack():
    layers = [make("sqr", 3, 2, seed) for seed in range(2)]
    for layer in layers:
        layer.bias.requires_grad_(False)
    assert {name for name, p in stack(layers).named_parameters() if not p.requires_grad} == {"bias"}


@pytest.mark.parametrize("name", LAYERS)
def test_all_of_a_layer_is_on_the_default_device(name):
    with torch.device("meta"):
        layer = LAYERS[name](6, 4, generator=torch.Generator(device="cpu"))
    assert {t.device.type for t in (*layer.parameters(), *layer.buffers())} == {"meta"}


@given(size=st.integers(1, 40), p=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_share_of_trained_entries_is_exact(size, p, seed):
    """The diagonal and ``round(p M(M−1)/2)`` others, no entry twice; so shapes follow from ``p`` alone (App. D)."""
    layer = QRLinear(size + 3, size, p=p, generator=torch.Generator().manual_seed(seed))
    assert layer.r.numel() == size + round(p * size * (size - 1) / 2)
    assert len(set(layer.r_index.tolist())) == layer.r.numel()
    diagonal = torch.arange(size) * (size + 1)
    assert torch.isin(diagonal, layer.r_index).all()
    rows, columns = layer.r_index // size, layer.r_index % size
    assert (rows <= columns).all()


def test_every_off_diagonal_entry_is_as_likely_to_be_trained():
    size, draws = 6, 400
    counts = torch.zeros(size * size)
    for seed in range(draws):
        counts[QRLinear(size, size, p=0.4, generator=torch.Generator().manual_seed(seed)).r_index] += 1
    upper = torch.ones(size, size).triu(1).flatten().bool()
    assert (counts[upper] - 0.4 * draws).abs().max() < 5 * np.sqrt(draws * 0.4 * 0.6)


def test_generator_decides_everything():
    for name in LAYERS:
        a, b, c = make(name, 6, 4, seed=1), make(name, 6, 4, seed=1), make(name, 6, 4, seed=2)
        torch.manual_seed(123)
        assert torch.equal(a.weight, b.weight)
        assert not torch.equal(a.weight, c.weight)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: QRLinear(3, 2, p=1.5), "p=1.5"),
        (lambda: QRLinear(3, 2, core="lower"), "core='lower'"),
        (lambda: QRLinear(3, 2, p=0.5, core="full"), "p=0.5"),
        (lambda: SVDLinear(3, 2, basis="none"), "basis='none'"),
        (lambda: DirectLinear(0, 2), "in_features=0"),
        (lambda: DirectLinear(2, 2, sparsity=1.0), "sparsity=1.0"),
        (lambda: SpectralLinear(2, 2, eig_in=(1.0, 0.0)), "start value"),
        (lambda: SpectralLinear(2, 2, eig_in="wide"), "start value"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        build()


def weight_by_definition(layer) -> np.ndarray:
    """SPEC 9, written out in NumPy."""
    numbers = {name: value.detach().numpy() for name, value in layer.state_dict().items()}
    if isinstance(layer, LowRankLinear):
        return numbers["a"] @ numbers["b"]
    if isinstance(layer, DiagonalLinear):
        return np.diag(numbers["a"]) @ numbers["phi"] @ np.diag(numbers["b"])
    if isinstance(layer, ProjectionLinear):
        return numbers["d"] @ numbers["q"].T
    return np.array(
        [
            [s * numbers["h"][k] for s, k in zip(signs, buckets, strict=True)]
            for signs, buckets in zip(numbers["sign"], numbers["bucket"], strict=True)
        ]
    )


@pytest.mark.parametrize(("n_in", "n_out"), SHAPES)
@pytest.mark.parametrize("name", CONTROLS)
def test_controls_are_what_the_specification_says(name, n_in, n_out):
    layer = make(name, n_in, n_out)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter))
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight_by_definition(layer), atol=1e-12)
    if name == "projection":
        torch.testing.assert_close(layer.q.T @ layer.q, torch.eye(layer.rank, dtype=torch.float64))
        m = min(n_in, n_out)
        like = m * (m + 1) / 2 + n_in + n_out
        assert layer.rank == n_in or abs(layer.d.numel() - like) <= n_out / 2
    if name == "hashed":
        assert (layer.sign.abs() == 1).all()
        assert layer.h.numel() == max(1, round(0.5 * (n_in + n_out)))


@pytest.mark.parametrize("name", [*CONTROLS, "direct"])
def test_controls_start_with_the_variance_of_glorot(name):
    layer = make(name, 400, 300)
    assert layer.weight.var().item() == pytest.approx(2 / 700, rel={"lowrank": 0.25, "hashed": 0.2}.get(name, 0.05))
    assert abs(layer.weight.mean().item()) < 0.004


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (LowRankLinear, {"rank": 0}, "rank=0: must be at least 1"),
        (ProjectionLinear, {"rank": -2}, "rank=-2: must be at least 1"),
        (HashedLinear, {"multiple": 0}, "multiple=0: must be above 0"),
    ],
)
def test_controls_refuse_what_cannot_be(cls, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        cls(4, 3, **options)
