"""The trainer: each realization as if alone, as a plain PyTorch program would train it, and what never moves."""

import functools

import numpy as np
import pytest
import torch
from torch.nn.functional import linear

from spectral_repro.layers import DirectLinear, HashedLinear, QRLinear, SpectralLinear, SVDLinear
from spectral_repro.training.network import ACTIVATIONS, build_network, build_stack, trained_parameters
from spectral_repro.training.protocol import EarlyStopping, Images, Outcome, Protocol
from spectral_repro.training.random import stream
from spectral_repro.training.trainer import Trainer
from tests.oracle import KerasOptimizer
from tests.training.test_network import METHODS

SIZES = (20, 14, 3)
CASES = {
    **METHODS,
    "sqr_p": {"layer": functools.partial(QRLinear, p=0.3)},
    "direct_sparse": {"layer": DirectLinear, "sparsity": 0.7},
    "sqr_sparse": {"layer": functools.partial(QRLinear, eig_in=1.0, eig_out=0.0), "sparsity": 0.7},
}
#: Rules of masking beside the layers' own cut-off.
RULES = {
    "straight_through": {"gradient": "all"},
    "gradual": {"schedule": "cubic", "allocation": "global"},
    "rigl": {"choice": "rigl", "interval": 3, "allocation": "dense_output"},
}


def protocol(**changes) -> Protocol:
    values = {
        "max_epochs": 6,
        "batch_size": 10,
        "optimizer": "adamax",
        "lr": 0.02,
        "activation": "relu",
        "validation_fraction": 0.25,
        "patience": 100,
        "min_delta": 0.0,
    }
    return Protocol(**{**values, **changes})


def images(n_in: int = 20, n: int = 120, dtype=torch.float64, classes: int = 3) -> Images:
    generator = torch.Generator().manual_seed(5)
    centres = torch.rand(classes, n_in, generator=generator, dtype=torch.float64)
    y = torch.randint(classes, (2, n), generator=generator)
    x = (centres[y] + 0.3 * torch.rand(2, n, n_in, generator=generator, dtype=torch.float64)).to(dtype)
    return Images(x[0], y[0], x[1], y[1])


def train(case: str, seeds, sizes=SIZES, data=None, dtype=torch.float64, **changes) -> Trainer:
    p = protocol(**changes)
    network = build_stack(seeds, sizes=sizes, activation=p.activation, dtype=dtype, **CASES[case])
    trainer = Trainer(network, data or images(sizes[0], dtype=dtype), seeds, p)
    trainer.run()
    return trainer


def numbers(outcome: Outcome) -> tuple:
    return outcome.seed, outcome.epochs, outcome.validation_accuracy, outcome.test_accuracy


def flat(trainer: Trainer) -> torch.Tensor:
    """``(R, P)``: all trained parameters."""
    return torch.cat([p.flatten(1) for p in trainer.updater.optimizer.parameters], 1)


@pytest.mark.parametrize("sizes", [SIZES, (8, 14, 14, 3)])
@pytest.mark.parametrize("case", CASES)
def test_a_realization_in_a_batch_equals_it_alone(case, sizes):
    """Six epochs of nine steps each, to 1e-10 (and every number of every epoch's order)."""
    together = train(case, [3, 4, 5], sizes)
    for i, seed in enumerate((3, 4, 5)):
        alone = train(case, [seed], sizes)
        for (name, a), (_, b) in zip(
            together.network.named_parameters(), alone.network.named_parameters(), strict=True
        ):
            torch.testing.assert_close(a[i], b[0], rtol=1e-10, atol=1e-10, msg=f"{case} {seed} {name}")
        assert numbers(together.outcomes[i]) == numbers(alone.outcomes[0])


@pytest.mark.parametrize("optimizer", ["adamax", "adam"])
@pytest.mark.parametrize("case", CASES)
def test_equals_a_plain_program(case, optimizer):
    """One network, W built at every step, Keras' rule in NumPy: what a reader of the paper would write."""
    seed, data = 11, images()
    p = protocol(optimizer=optimizer)
    network = build_network(SIZES, seed=seed, dtype=torch.float64, **CASES[case])
    parameters = list(network.parameters())
    rules = [KerasOptimizer(optimizer, q.detach().numpy(), p.lr) for q in parameters]
    split = torch.randperm(120, generator=stream(seed, "split"))[:90]
    for epoch in range(p.max_epochs):
        order = torch.randperm(90, generator=stream(seed, "order", epoch))
        for rows in split[order].split(p.batch_size):
            hidden = torch.relu(linear(data.train_x[rows], network.layers[0].weight, network.layers[0].bias))
            logits = linear(hidden, network.layers[1].weight, network.layers[1].bias)
            loss = torch.nn.functional.cross_entropy(logits, data.train_y[rows])
            with torch.no_grad():
                for q, rule, g in zip(parameters, rules, torch.autograd.grad(loss, parameters), strict=True):
                    q.copy_(torch.from_numpy(rule.step(g.numpy())))
    trainer = train(case, [seed], data=data, optimizer=optimizer)
    for (name, a), (_, b) in zip(trainer.network.named_parameters(), network.named_parameters(), strict=True):
        torch.testing.assert_close(a[0], b, rtol=1e-8, atol=1e-8, msg=f"{case} {name}")


@pytest.mark.parametrize("sizes", [(20, 14, 3), (8, 14, 3)])
@pytest.mark.parametrize("case", ["sqr", "sqr_p", "sqr_sparse", "spectral", "spectral_original", "ssvd"])
def test_what_is_frozen_stays_bit_for_bit(case, sizes):
    seeds = [0, 1, 2]
    start = build_stack(seeds, sizes=sizes, dtype=torch.float32, **CASES[case])
    end = train(case, seeds, sizes, dtype=torch.float32).network
    for (name, a), (_, b) in zip(start.named_buffers(), end.named_buffers(), strict=True):
        assert torch.equal(a, b), name
    for before, after in zip(start.layers, end.layers, strict=True):
        if isinstance(before, QRLinear):
            r0, r1 = before.r_matrix(), after.r_matrix()
            size = r0.shape[-1]
            trained = torch.zeros(3, size * size + 1, dtype=torch.bool).scatter(1, before.r_index.expand(3, -1), True)
            trained = trained[:, :-1].unflatten(1, (size, size))
            assert torch.equal(r0[~trained], r1[~trained])
            assert (r1.tril(-1) == 0).all()
            assert not trained.tril(-1).any()
            if size > 1:
                assert not torch.equal(r0[trained], r1[trained])


@pytest.mark.parametrize("case", [c for c in CASES if not c.endswith("sparse")])
def test_the_optimizer_updates_as_many_numbers_as_are_counted(case):
    """With tanh every unit is alive, so every number that the optimizer holds has moved."""
    seeds = [0, 1, 2]
    start = build_stack(seeds, sizes=SIZES, dtype=torch.float64, **CASES[case])
    before = torch.cat([p.detach().flatten(1) for p in start.parameters()], 1)
    after = flat(train(case, seeds, activation="tanh"))
    moved = [(a != b).sum().item() for a, b in zip(before, after, strict=True)]
    for i in range(3):  # of few weights, some buckets of a hashed layer get none
        empty = sum(m.h.shape[-1] - len(m.bucket[i].unique()) for m in start.layers if isinstance(m, HashedLinear))
        assert moved[i] == trained_parameters(start) // 3 - empty


def test_sparse_network_has_the_sparsity_after_training_and_counts_its_links():
    trainer = train("sqr_sparse", [0, 1])
    for outcome, w1, w2 in zip(trainer.outcomes, *(w for w, _ in trainer.network.effective_maps()), strict=True):
        assert (w1 == 0).sum() == round(0.7 * w1.numel())
        ((into, out_of),) = outcome.degrees
        assert torch.equal(into, (w1 != 0).sum(1))
        assert torch.equal(out_of, (w2 != 0).sum(0))


def test_keras_rule_of_early_stopping():
    rule = EarlyStopping(patience=2, min_delta=0.01)
    #        better  better  not: 0.01 is not more than min_delta; not → stop
    assert [rule.should_stop(a) for a in (0.5, 0.52, 0.53, 0.525)] == [False, False, False, True]
    rule = EarlyStopping(patience=2, min_delta=0.01)
    assert [rule.should_stop(a) for a in (0.5, 0.5, 0.52, 0.52, 0.52)] == [False, False, False, False, True]


def test_realizations_stop_on_their_own_and_leave_the_others_unchanged():
    seeds = list(range(6))
    changes = {"max_epochs": 30, "patience": 2, "min_delta": 0.02}
    together = train("direct", seeds, **changes)
    epochs = [o.epochs for o in together.outcomes]
    assert len(set(epochs)) > 1
    for seed, outcome in zip(seeds, together.outcomes, strict=True):
        assert train("direct", [seed], **changes).outcomes[0] == outcome


def test_accuracy_is_that_of_the_last_epoch_on_all_test_images():
    trainer = train("ssvd", [1])
    network = trainer.network
    x, y = trainer.feed.images.test_x, trainer.feed.images.test_y
    right = (network(x)[0].argmax(-1) == y).float().mean().item()
    assert trainer.outcomes[0].test_accuracy == pytest.approx(right)
    rows = torch.randperm(120, generator=stream(1, "split"))[90:]
    x, y = trainer.feed.images.train_x[rows], trainer.feed.images.train_y[rows]
    right = (network(x)[0].argmax(-1) == y).float().mean().item()
    assert trainer.outcomes[0].validation_accuracy == pytest.approx(right)


def test_seed_alone_decides_and_methods_share_splits_and_orders():
    a, b = train("direct", [5]), train("direct", [5])
    assert torch.equal(flat(a), flat(b))
    assert not torch.equal(flat(a), flat(train("direct", [6])))
    assert torch.equal(a.feed.train_rows, train("sqr", [5]).feed.train_rows)
    assert set(a.feed.train_rows[0].tolist()).isdisjoint(a.feed.validation_rows[0].tolist())


def test_frozen_products_change_nothing():
    """The same training with and without the first layer's products kept in memory."""
    sizes, seeds = (300, 280, 3), [0, 1]
    for layer in (SpectralLinear, SVDLinear, QRLinear, DirectLinear):
        results = []
        first = functools.partial(DirectLinear, train_weight=False) if layer is DirectLinear else None
        for memory in (2**31, 0):
            network = build_stack(seeds, sizes=sizes, layer=layer, first_layer=first, dtype=torch.float64)
            trainer = Trainer(network, images(300), seeds, protocol(max_epochs=2), product_bytes=memory)
            results.append((trainer.feed.products is not None, trainer))
            trainer.run()
        with_products, without = results
        if layer is not SpectralLinear:
            assert with_products[0]
        assert not without[0]
        torch.testing.assert_close(flat(with_products[1]), flat(without[1]), rtol=1e-9, atol=1e-9)


def test_last_batch_may_be_smaller():
    trainer = train("direct", [0], batch_size=32)
    assert trainer.updater.optimizer.steps == 6 * int(np.ceil(90 / 32))


def test_what_all_networks_share_is_kept_once():
    """And still is when some have stopped."""
    stacked = build_stack([0, 1, 2], sizes=SIZES, dtype=torch.float64, **CASES["sqr"])
    layer = stacked.layers[0]
    size = layer.q.shape[-1]
    assert layer.r_index.shape == (size * (size + 1) // 2,)
    assert layer.r_frozen.shape == (size * size,)
    singles = [build_network(seed=seed, sizes=SIZES, dtype=torch.float64, **CASES["sqr"]) for seed in range(3)]
    for i, single in enumerate(singles):
        assert torch.equal(layer.r_matrix()[i], single.layers[0].r_matrix())
    part = build_stack([0, 1], sizes=SIZES, dtype=torch.float64, **CASES["sqr_p"]).layers[0]
    assert part.r_index.shape[0] == 2


def test_a_cosine_rate_falls_to_zero_with_the_last_step():
    trainer = train("direct", [0], max_epochs=4, schedule="cosine")
    steps = 4 * 9
    assert trainer.updater.optimizer.steps == steps
    assert trainer.updater.lr == pytest.approx(0, abs=1e-12)
    trainer.updater.optimizer.steps = steps // 2
    assert trainer.updater.lr == pytest.approx(0.01)
    trainer.updater.optimizer.steps = 0
    assert trainer.updater.lr == 0.02


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_activation_and_optimizer_learns(activation, optimizer):
    lr, momentum = (0.02, 0.0) if optimizer == "adamw" else (0.1, 0.9)
    changes = {"max_epochs": 15, "lr": lr, "momentum": momentum, "weight_decay": 1e-3}
    trainer = train("direct", [0, 1], activation=activation, optimizer=optimizer, **changes)
    assert min(o.test_accuracy for o in trainer.outcomes) > 0.6


@pytest.mark.parametrize("case", ["direct", "sqr_p"])
def test_details_are_those_of_the_epoch_and_change_nothing(case):
    """One batch an epoch: the loss is that of the start values; one of three seeds stops early."""
    data, seeds = images(), [3, 4, 5]
    changes = {"batch_size": 90, "max_epochs": 3, "schedule": "cosine", "lr": 0.1}
    plain = train(case, seeds, data=data, **changes)
    p = protocol(**changes)
    trainer = Trainer(build_stack(seeds, sizes=SIZES, dtype=torch.float64, **CASES[case]), data, seeds, p)
    trainer.follow, seen = True, []
    trainer.run(seen.append)
    assert torch.equal(flat(plain), flat(trainer))
    assert [set(s.details) for s in seen] == [set(seeds)] * 3
    first = {seed: build_network(SIZES, seed=seed, dtype=torch.float64, **CASES[case]) for seed in seeds}
    for seed, network in first.items():
        rows = torch.randperm(120, generator=stream(seed, "split"))[:90]
        loss = torch.nn.functional.cross_entropy(network(data.train_x[rows]), data.train_y[rows])
        assert seen[0].details[seed].training_loss == pytest.approx(loss.item(), rel=1e-12)
    assert [s.details[3].lr for s in seen] == pytest.approx([0.1, 0.1 * 0.75, 0.1 * 0.25])
    names = {f"layers.{k}.{v}" for k in (0, 1) for v in ("eig_in", "eig_out")} if case == "sqr_p" else set()
    assert set(seen[0].details[3].vectors) >= names
    for i, seed in enumerate(seeds):
        for name, vector in seen[-1].details[seed].vectors.items():
            assert torch.equal(vector, dict(trainer.network.named_parameters())[name][i])
