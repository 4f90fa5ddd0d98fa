"""The layers among torch's tools: compiled, traced, exported, under autocast, stacked and sharded."""

import io

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from spectral_repro.layers import QRLinear, ReparametrizedLinear, stack, unstack
from tests.layers.test_layers import LAYERS, make


@pytest.mark.parametrize(("n_in", "n_out", "sparsity"), [(6, 4, 0.5), (300, 260, 0.0)])
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("name", ["direct", "spectral", "ssvd", "sqr"])
def test_works_under_compile(name, stacked, n_in, n_out, sparsity):
    """``aot_eager`` traces forward and backward as inductor does, without a C++ compiler."""
    torch.compiler.reset()
    layer = make(name, n_in, n_out, sparsity=sparsity)
    x = torch.randn(5, n_in, dtype=torch.float64)
    if stacked:
        layer, x = stack([layer, make(name, n_in, n_out, 1, sparsity=sparsity)]), x.expand(2, -1, -1)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    y = compiled(x)
    torch.testing.assert_close(y, layer(x))
    wanted = list(layer.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(y.pow(2).sum(), wanted), torch.autograd.grad(layer(x).pow(2).sum(), wanted)
    )


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_a_traced_step_is_one_of_other_numbers_too(name, networks, sparsity):
    """``make_fx`` of the gradient keeps nothing of the weights that it was traced with."""
    layers = [make(name, 60, 40, seed=i, sparsity=sparsity) for i in range(2 * networks)]
    traced, other = (stack(some) if networks > 1 else some[0] for some in (layers[:networks], layers[networks:]))
    x = torch.randn(*[networks] * (networks > 1), 5, 60, dtype=torch.float64)

    def gradient(state, x):
        def loss(parameters):
            return torch.func.functional_call(traced, {**state, **parameters}, (x,)).pow(2).sum()

        return torch.func.grad(loss)({key: state[key] for key, _ in traced.named_parameters()})

    step = make_fx(gradient)(traced.state_dict(), x)
    torch.testing.assert_close(step(other.state_dict(), x), gradient(other.state_dict(), x))


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("name", LAYERS)
def test_tensors_without_numbers_pass(name, sparsity):
    """As tools use them that want to know shapes, or how much memory a step takes."""
    net = stack([make(name, 60, 40, seed=i, sparsity=sparsity) for i in range(2)])
    with FakeTensorMode() as mode:
        state = {key: mode.from_tensor(value) for key, value in net.named_buffers()}
        state |= {key: mode.from_tensor(value).requires_grad_() for key, value in net.named_parameters()}
        y = torch.func.functional_call(net, state, (torch.empty(2, 5, 60, dtype=torch.float64),))
        y.sum().backward()
    assert y.shape == (2, 5, 40)
    assert all(state[key].grad.shape == value.shape for key, value in net.named_parameters())


@pytest.mark.parametrize("rows", [8, 200])
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize(("n_in", "n_out"), [(300, 260), (260, 300), (90, 30), (30, 90)])
@pytest.mark.parametrize("name", LAYERS)
def test_works_under_autocast(name, n_in, n_out, rows, sparsity):
    """Triangles of several blocks, and of one, in either form."""
    layers = [make(name, n_in, n_out, i, dtype=torch.float32, sparsity=sparsity) for i in range(2)]
    x = torch.randn(2, rows, n_in, requires_grad=True)
    for layer, rows_of in ((layers[0], x[0]), (stack(layers), x)):
        with torch.autocast("cpu", torch.bfloat16):
            y = layer(rows_of)
        exact = layer(rows_of)
        if not sparsity:  # of weights that differ, others are the smallest
            torch.testing.assert_close(y.float(), exact, rtol=0.05, atol=0.1)
        wanted = [x, *layer.parameters()]
        got, expected = (torch.autograd.grad(v.float().sum(), wanted) for v in (y, exact))
        for a, b in zip(got, expected, strict=True):
            assert a.dtype == b.dtype
            if sparsity:
                assert a.isfinite().all()
            else:
                torch.testing.assert_close(a, b, rtol=0.1, atol=0.05 * b.abs().max().item())


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("name", LAYERS)
def test_exports_for_any_number_of_rows(name, sparsity):
    torch.compiler.reset()
    layers = [make(name, 60, 20, sparsity=sparsity), make(name, 20, 10, 1, sparsity=sparsity)]
    net = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    shapes = ({0: torch.export.Dim("rows", min=1, max=4096)},)
    exported = torch.export.export(net, (torch.randn(8, 60, dtype=torch.float64),), dynamic_shapes=shapes).module()
    for rows in (1, 1000):
        x = torch.randn(rows, 60, dtype=torch.float64)
        torch.testing.assert_close(exported(x), net(x))


def test_an_exported_program_runs_with_gradients():
    layer = make("sqr", 6, 4)
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.allclose(torch.export.export(layer, (x,)).module()(x), layer(x))


@pytest.mark.filterwarnings("ignore")  # it is deprecated, and says so
@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize(("n_in", "n_out"), [(9, 7), (7, 9), (300, 260)])
@pytest.mark.parametrize("name", LAYERS)
def test_torch_jit_traces_saves_and_loads_it(name, n_in, n_out, sparsity):
    layer = make(name, n_in, n_out, sparsity=sparsity)
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(layer, torch.randn(4, n_in, dtype=torch.float64)), file)
    file.seek(0)
    x = torch.randn(11, n_in, dtype=torch.float64)
    torch.testing.assert_close(torch.jit.load(file)(x), layer(x))


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("name", LAYERS)
def test_an_exported_program_has_no_operators_of_ours(name, sparsity):
    layer = make(name, 30, 20, sparsity=sparsity)
    program = torch.export.export(layer, (torch.randn(3, 30, dtype=torch.float64),))
    targets = {str(node.target) for node in program.graph.nodes}
    assert any("aten" in target for target in targets)
    assert not any("spectral_repro" in target for target in targets)


@pytest.mark.parametrize("rows", [1, 8, 3000])
@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_the_type_under_autocast_is_that_of_nn_linear(name, networks, rows):
    layers = [make(name, 300, 270, i, dtype=torch.float32) for i in range(networks)]
    layer = stack(layers) if networks > 1 else layers[0]
    x = torch.randn(*[networks] * (networks > 1), rows, 300)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
        assert layer.double()(x.double()).dtype == torch.float64  # which autocast leaves alone
    assert layer.float()(x).dtype == torch.float32


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("networks", [1, 2])
@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (300, 270)])
@pytest.mark.parametrize("name", LAYERS)
def test_many_gradients_in_one_pass(name, shape, networks, sparsity):
    """As ``torch.autograd.functional`` takes them with ``vectorize=True``."""
    layers = [make(name, *shape, i, sparsity=sparsity) for i in range(networks)]
    layer = stack(layers) if networks > 1 else layers[0]
    x = torch.randn(*[networks] * (networks > 1), 3, shape[0], dtype=torch.float64, requires_grad=True)
    wanted, y = [x, *layer.parameters()], layer(x)
    directions = torch.randn(4, *y.shape, dtype=torch.float64)
    together = torch.autograd.grad(y, wanted, directions, is_grads_batched=True, retain_graph=True)
    each = [torch.autograd.grad(y, wanted, d, retain_graph=True) for d in directions]
    for got, expected in zip(together, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(got, torch.stack(expected))


@pytest.mark.parametrize("name", LAYERS)
def test_a_stack_takes_sequences(name):
    """Also where there are as many of them as networks."""
    layers = [make(name, 6, 4, seed=i) for i in range(3)]
    x = torch.randn(3, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(stack(layers)(x), torch.stack([layer(t) for layer, t in zip(layers, x, strict=True)]))


@pytest.mark.parametrize("name", LAYERS)
def test_unstack_gives_back_what_was_stacked(name):
    layers = [make(name, 6, 4, seed=i) for i in range(3)]
    layers[0].bias.requires_grad_(False)
    with pytest.raises(ValueError, match="cannot be stacked"):
        stack(layers)
    together = stack([nn.Sequential(layer, nn.ReLU()) for layer in layers[1:]])
    back = unstack(together)
    for (one, _), layer in zip(back, layers[1:], strict=True):
        assert type(one) is type(layer)
        assert not one.stacked
        assert one.state_dict().keys() == layer.state_dict().keys()
        assert all(torch.equal(value, layer.state_dict()[key]) for key, value in one.state_dict().items())
    with torch.no_grad():
        back[0][0].bias += 1  # nothing is shared
    assert torch.equal(together[0].bias[0], layers[1].bias)
    with pytest.raises(ValueError, match="QRLinear is no stack"):
        unstack(QRLinear(3, 2))


@pytest.mark.parametrize(("n_in", "n_out"), [(60, 20), (20, 60)])
@pytest.mark.parametrize("name", LAYERS)
def test_memory_is_in_the_order_that_tools_expect(name, n_in, n_out):
    """Flattened, saved and broadcast as it lies."""
    layer = make(name, n_in, n_out)
    converted = type(layer).from_linear(layer.to_linear()) if hasattr(layer, "from_linear") else layer
    for value in (*layer.state_dict().values(), *converted.state_dict().values()):
        assert value.is_contiguous()


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning")  # torch 2.7: a prototype
def test_inputs_that_are_not_strided():
    layer = make("sqr", 60, 20)
    rows = [torch.randn(n, 60, dtype=torch.float64) for n in (3, 90)]
    y = layer(torch.nested.nested_tensor(rows, layout=torch.jagged))
    for got, x in zip(y.unbind(), rows, strict=True):
        torch.testing.assert_close(got, layer(x))
    x = torch.randn(90, 60, dtype=torch.float64).relu()
    torch.testing.assert_close(layer(x.to_sparse_csr()), layer(x))


def test_an_error_in_a_layer_of_ones_own_is_not_hidden():
    class Mistaken(ReparametrizedLinear):
        def __init__(self) -> None:
            super().__init__(3, 2, True, 0.0, None, None)

        def dense_weight(self):
            return self.no_such_thing

    with pytest.raises(AttributeError, match="no_such_thing"):
        Mistaken()(torch.randn(4, 3))


@pytest.mark.parametrize("name", LAYERS)
def test_complex_numbers_are_refused(name):
    with pytest.raises(ValueError, match=r"dtype=torch.complex64: must be of real"):
        LAYERS[name](3, 2, dtype=torch.complex64)


@pytest.mark.parametrize("name", LAYERS)
def test_sharded_from_the_meta_device(name, tmp_path):
    """As large models are made: shard, then allocate, then draw."""
    dist = torch.distributed
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        with torch.device("meta"):
            layer = LAYERS[name](30, 20, dtype=torch.float64)
        torch.distributed.fsdp.fully_shard(layer)
        layer.to_empty(device="cpu")
        layer.reset_parameters(torch.Generator().manual_seed(5))
        x = torch.randn(4, 30, dtype=torch.float64)
        torch.testing.assert_close(layer(x), make(name, 30, 20, seed=5, bias=False)(x))
    finally:
        dist.destroy_process_group()
