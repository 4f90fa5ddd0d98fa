"""Smaller networks: exactly the nodes that rank lowest go, and what is left computes what it did without them."""

import copy
import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import spectral_repro
from spectral_repro.layers import DirectLinear, QRLinear, SpectralLinear, SVDLinear, stack
from spectral_repro.training.network import build_network, build_stack, trained_parameters
from spectral_repro.training.pruning import prune
from spectral_repro.training.trainer import Trainer
from tests.training.test_trainer import images, protocol

NODES = functools.partial(SpectralLinear, bias=False, eig_in=0.0, train_eig_in=False, eig_out=(-0.5, 0.5), phi_std=0.2)
SIZES = (20, 12, 9, 3)


def network(layer=NODES, sizes=SIZES, **options):
    made = build_network(sizes, layer, seed=4, dtype=torch.float64, **options)
    for each in made.layers:
        if each.bias is not None:
            with torch.no_grad():
                each.bias.copy_(torch.linspace(-1, 1, each.out_features))
    return made


def widths(made) -> list[int]:
    return [layer.out_features for layer in made.layers[:-1]]


@pytest.mark.parametrize("activation", ["tanh", "elu", "relu"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_removing_by_eigenvalue_is_silencing_by_eigenvalue(share, activation):
    whole, x = network(activation=activation), images().train_x
    smaller = prune(whole, share, "eigenvalue")
    values = torch.cat([layer.eig_out.detach().abs() for layer in whole.layers[:-1]])
    count = min(round(share * 21), 19)
    assert sum(widths(smaller)) == 21 - count
    assert min(widths(smaller)) >= 1
    silenced = copy.deepcopy(whole)
    left = torch.cat([layer.eig_out.detach().abs() for layer in smaller.layers[:-1]])
    assert set(left.tolist()) <= set(values.tolist())
    for layer in silenced.layers[:-1]:
        with torch.no_grad():
            layer.eig_out *= torch.isin(layer.eig_out.abs(), left)
    torch.testing.assert_close(smaller(x), silenced(x), rtol=1e-12, atol=1e-12)
    if 0 < share < 0.9:  # no layer's best had to be spared
        assert left.min() > values.sort().values[count - 1]


@pytest.mark.parametrize("layer", [DirectLinear, QRLinear, SVDLinear, SpectralLinear], ids=lambda c: c.__name__)
def test_by_connectivity_any_layers_lose_what_their_nodes_send(layer):
    whole, x = network(layer), images().train_x
    smaller = prune(whole, 0.4, "connectivity")
    with torch.no_grad():
        weights, biases = zip(*whole.effective_maps(), strict=True)
    sums = [w.abs().sum(1) for w in weights[:-1]]
    limit = torch.cat(sums).sort().values[round(0.4 * 21)]
    assert widths(smaller) == [int((s >= limit).sum()) for s in sums]
    y = x
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        y = y @ w.mT + b
        if k < 2:
            y = torch.relu(y) * (sums[k] >= limit)
    torch.testing.assert_close(smaller(x), y, rtol=1e-12, atol=1e-12)
    kind = layer if layer in (DirectLinear, SpectralLinear) else DirectLinear
    assert all(type(each) is kind for each in smaller.layers)


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), seed=st.integers(0, 99))
def test_what_is_left_is_smaller_and_the_whole_stays(share, seed):
    whole = build_network((5, 4, 6, 2), NODES, seed=seed, dtype=torch.float64)
    before = copy.deepcopy(whole.state_dict())
    smaller = prune(whole, share)
    assert sum(widths(smaller)) == 10 - min(round(10 * share), 8)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), whole.state_dict().values(), strict=True))
    again = prune(smaller, 0.0)
    torch.testing.assert_close(again.state_dict(), smaller.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(("train", "count"), [(None, 12 + 9 + 3), (False, 24), (True, 24 + 20 * 12 + 12 * 9 + 9 * 3)])
def test_eigenvectors_are_trained_on_if_asked(train, count):
    smaller = prune(network(), 0.0, train_eigenvectors=train)
    assert trained_parameters(smaller) == count
    assert trained_parameters(prune(smaller, 0.0)) == count


def test_trained_eigenvectors_learn_as_a_plain_program():
    """``W = (0 − λ) φ`` through autograd, both trained by plain gradient descent, is what the layer does."""
    data, seed = images(), 4
    p = protocol(optimizer="sgd", lr=0.1, max_epochs=2, batch_size=90)
    layers = functools.partial(NODES, train_eigenvectors=True)
    trainer = Trainer(build_stack([seed], sizes=SIZES, layer=layers, dtype=torch.float64), data, [seed], p)
    rows = trainer.feed.train_rows[0]
    values = [(q.eig_out.detach()[0].clone(), q.phi.detach()[0].clone()) for q in trainer.network.layers]
    trainer.run()
    for _ in range(2):
        leaves = [t.requires_grad_() for pair in values for t in pair]
        x = data.train_x[rows]
        for k, (eig, phi) in enumerate(values):
            x = (torch.relu(x) if k else x) @ (-eig.unsqueeze(1) * phi).mT
        gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(x, data.train_y[rows]), leaves)
        moved = [(t - 0.1 * g).detach() for t, g in zip(leaves, gradients, strict=True)]
        values = list(zip(moved[::2], moved[1::2], strict=True))
    for layer, (eig, phi) in zip(trainer.network.layers, values, strict=True):
        torch.testing.assert_close(layer.eig_out[0], eig, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(layer.phi[0], phi, rtol=1e-10, atol=1e-12)


def test_a_network_that_is_not_trained_on_is_judged_as_it_is():
    data, seeds = images(), [3, 4]
    trainer = Trainer(build_stack(seeds, sizes=SIZES, layer=NODES, dtype=torch.float64), data, seeds, protocol())
    state = trainer.network.state_dict()
    judged = Trainer(trainer.network, data, seeds, protocol(max_epochs=0))
    outcomes = judged.run()
    for i, outcome in enumerate(outcomes):
        alone = build_network(SIZES, NODES, seed=seeds[i], dtype=torch.float64)
        right = (alone(data.test_x).argmax(1) == data.test_y).double().mean()
        assert (outcome.epochs, outcome.test_accuracy) == (0, pytest.approx(right.item()))
    assert all(torch.equal(a, b) for a, b in zip(state.values(), judged.network.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("made", "share", "by", "message"),
    [
        (lambda: network(), 1.0, "eigenvalue", r"share=1\.0: must be in \[0, 1\)"),
        (lambda: network(), 0.5, "norm", "by=norm: must be eigenvalue or connectivity"),
        (lambda: network(SpectralLinear), 0.5, "eigenvalue", "needs spectral layers with λin = 0"),
        (lambda: network(functools.partial(NODES, eig_in=0.5)), 0.5, "eigenvalue", "λout = 0 silences a node"),
        (lambda: network(functools.partial(NODES, train_eig_in=True)), 0.5, "eigenvalue", "that is not trained"),
        (lambda: network(DirectLinear), 0.5, "eigenvalue", "by=connectivity ranks the nodes of any layer"),
        (lambda: network(DirectLinear, sparsity=0.5), 0.5, "connectivity", "the network has a cut-off"),
        (lambda: stack([network(), network()]), 0.5, "eigenvalue", "a stack of 2 networks"),
        (lambda: stack([network(), network()]), 0.5, "connectivity", "a stack of 2 networks"),
    ],
)
def test_what_cannot_be_pruned_is_refused(made, share, by, message):
    with pytest.raises(ValueError, match=message):
        prune(made(), share, by)


def test_a_layer_of_ones_own_becomes_direct():
    class Twice(SpectralLinear):
        def eigenvectors(self):
            return 2 * self.phi

    whole, x = network(Twice), images().train_x
    smaller = prune(whole, 0.0, "connectivity")
    torch.testing.assert_close(smaller(x), whole(x), rtol=1e-12, atol=1e-12)
    assert all(type(layer) is DirectLinear for layer in smaller.layers)
    with pytest.raises(ValueError, match="needs spectral layers"):
        prune(network(functools.partial(Twice, bias=False, eig_in=0.0, train_eig_in=False)), 0.5)


def test_prune_is_in_the_package():
    assert spectral_repro.prune is prune
