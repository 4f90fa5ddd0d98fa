"""Ways to silence weights: exact fractions, exact gradients, and what each does between steps."""

import dataclasses
import itertools

import pytest
import torch

from spectral_repro.training.kernels import Kernel
from spectral_repro.training.masking import Masking, MaskingRule
from spectral_repro.training.network import build_stack
from spectral_repro.training.trainer import Trainer
from tests.training.test_trainer import CASES, SIZES, images, numbers, protocol

RULES = {
    "cutoff": MaskingRule(),
    "straight_through": MaskingRule(gradient="all"),
    "gradual": MaskingRule(schedule="cubic", ramp=0.5),
    "rigl": MaskingRule(choice="rigl", interval=3),
    "rigl_all": MaskingRule(choice="rigl", interval=3, gradient="all"),
    "dense_output": MaskingRule(allocation="dense_output"),
    "rigl_dense_output": MaskingRule(choice="rigl", interval=3, allocation="dense_output"),
    "global": MaskingRule(allocation="global"),
    "global_through": MaskingRule(allocation="global", gradient="all", schedule="cubic"),
}
SPARSITY = 0.8


def made(method: str, rule: MaskingRule, seeds=(0, 1, 2), sparsity=SPARSITY, **changes) -> Trainer:
    p = protocol(**changes)
    network = build_stack(seeds, sizes=SIZES, activation=p.activation, dtype=torch.float64, **CASES[method])
    return Trainer(network, images(), seeds, p, masking=(rule, sparsity))


def zeros(trainer: Trainer) -> list[list[int]]:
    """By layer and network; of RigL those without a link: a new one is zero until it is updated."""
    if trainer.network.masking.masks:
        return [(~mask).flatten(1).sum(1).tolist() for mask in trainer.network.masking.masks]
    return [(weight == 0).flatten(1).sum(1).tolist() for weight, _ in trainer.network.effective_maps()]


def wanted(rule: MaskingRule, share: float) -> list[list[int]]:
    sizes = [a * b for a, b in itertools.pairwise(SIZES)]
    return [[round(share * n)] * 3 for n in sizes[:-1]] + [
        [0 if rule.allocation == "dense_output" else round(share * sizes[-1])] * 3
    ]


@pytest.mark.parametrize("method", ["direct", "sqr_p", "hashed"])
@pytest.mark.parametrize("name", RULES)
def test_the_fraction_of_zeros_is_exact_after_every_step(name, method):
    """Hashed weights have equal magnitudes, of which a cut-off silences none or all."""
    rule, p = RULES[name], protocol()
    trainer = made(method, rule)
    steps, total = p.max_epochs * 9, sum(a * b for a, b in itertools.pairwise(SIZES))
    ramp = round(rule.ramp * steps) if rule.schedule == "cubic" else 0
    step = 0
    for epoch in range(p.max_epochs):
        for batch in trainer.feed.epoch(epoch, p.batch_size):
            trainer.updater.step(batch)
            step += 1
            share = SPARSITY * (1 - (1 - step / ramp) ** 3) if step < ramp else SPARSITY
            assert trainer.network.masking.now == pytest.approx(share)
            found = zeros(trainer)
            if method == "hashed" and rule.choice == "magnitude":
                assert sum(map(sum, found)) <= 3 * round(share * total)
            elif rule.allocation == "global":
                assert [sum(each) for each in zip(*found, strict=True)] == [round(share * total)] * 3
            else:
                assert found == wanted(rule, share)


@pytest.mark.parametrize("method", ["direct", "sqr", "ssvd", "lowrank"])
def test_the_papers_rule_is_what_the_layers_do(method):
    """The same cut-off, by the network instead of by each layer; to rounding, as other kernels run."""
    rule = made(method, RULES["cutoff"])
    case = {**CASES[method], "sparsity": SPARSITY}
    layers = Trainer(build_stack((0, 1, 2), sizes=SIZES, dtype=torch.float64, **case), images(), (0, 1, 2), protocol())
    for a, b in zip(rule.run(), layers.run(), strict=True):
        assert numbers(a) == numbers(b)
    for a, b in zip(rule.updater.leaves, layers.updater.leaves, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", ["direct", "sqr", "spectral"])
def test_straight_through_without_sparsity_is_dense_bit_for_bit(method, monkeypatch):
    through = made(method, RULES["straight_through"], sparsity=0.0)
    network = build_stack((0, 1, 2), sizes=SIZES, dtype=torch.float64, **CASES[method])
    monkeypatch.setattr(Kernel, "prefers_factors", lambda *_: False)  # W is built, as straight-through has to
    dense = Trainer(network, images(), (0, 1, 2), protocol(), product_bytes=0)
    through.run()
    dense.run()
    for a, b in zip(through.updater.leaves, dense.updater.leaves, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["straight_through", "global_through"])
def test_the_gradient_passes_straight_through(name):
    """It is that of a dense layer which has the masked weights."""
    rule = dataclasses.replace(RULES[name], schedule="constant")
    masking = Masking(rule, 0.7, 10, [(6, 5), (4, 6)], [0, 1], torch.device("cpu"))
    dense = [torch.randn(2, 6, 5, dtype=torch.float64), torch.randn(2, 4, 6, dtype=torch.float64)]
    x = torch.randn(2, 9, 5, dtype=torch.float64)

    def output(weights) -> torch.Tensor:
        return (torch.tanh(x @ weights[0].mT) @ weights[1].mT).pow(3).sum()

    masked = [w.clone().requires_grad_() for w in masking.weights(dense)]
    assert sum((w == 0).sum() for w in masked) > 0
    plain = torch.autograd.grad(output(masked), masked)
    for k, (d, w) in enumerate(zip(plain, dense, strict=True)):
        assert torch.equal(masking.gradient(k, d, w), d)


def test_a_global_cut_off_is_one_for_all_layers():
    masking = Masking(RULES["global"], 0.6, 10, [(30, 20), (4, 30)], [0, 1], torch.device("cpu"))
    dense = [torch.randn(2, 30, 20), 5 * torch.randn(2, 4, 30)]
    first, last = masking.weights(dense)
    for i in range(2):
        silenced = [d[i][w[i] == 0].abs().max() for d, w in zip(dense, (first, last), strict=True) if (w[i] == 0).any()]
        kept = [d[i][w[i] != 0].abs().min() for d, w in zip(dense, (first, last), strict=True)]
        assert max(silenced) < min(kept)
    assert (last == 0).float().mean() < 0.3 < (first == 0).float().mean()


def by_hand(w, g, links, share):
    """RigL's exchange of one layer of one network, by sorting; the indices of the links afterwards."""
    count = round(share * len(links))
    left = sorted(links, key=lambda i: -abs(w[i]))[: len(links) - count]
    return set(left) | set(sorted((i for i in range(len(w)) if i not in left), key=lambda i: -abs(g[i]))[:count])


def test_rigl_drops_the_smallest_and_grows_where_the_gradient_is_largest():
    masking = Masking(RULES["rigl"], 0.75, 100, [(8, 7), (3, 8)], [4, 5], torch.device("cpu"))
    assert [m.flatten(1).sum(1).tolist() for m in masking.masks] == [[14, 14], [6, 6]]
    assert not torch.equal(masking.masks[0][0], masking.masks[0][1])
    for step in (3, 30, 60):
        masking.step = step
        share = 0.15 * (1 + torch.cos(torch.tensor(torch.pi * step / 75, dtype=torch.float64)).item())
        before = [m.clone() for m in masking.masks]
        dense = [torch.randn(2, 8, 7, dtype=torch.float64), torch.randn(2, 3, 8, dtype=torch.float64)]
        weights = masking.weights(dense)
        gradients = [torch.randn_like(w) for w in weights]
        grown = masking.exchange(weights, gradients)
        for k in range(2):
            for i in range(2):
                links = before[k][i].flatten().nonzero().flatten().tolist()
                w, g = weights[k][i].flatten().tolist(), gradients[k][i].flatten().tolist()
                after = set(masking.masks[k][i].flatten().nonzero().flatten().tolist())
                assert after == by_hand(w, g, links, share)
                assert set(grown[k][i].flatten().nonzero().flatten().tolist()) == after - set(links)


def test_rigl_exchanges_when_it_should_and_starts_new_links_of_direct_at_zero():
    trainer = made("direct", MaskingRule(choice="rigl", interval=4, until=0.5))
    changed, step = [], 0
    for epoch in range(6):
        for batch in trainer.feed.epoch(epoch, 10):
            before = [m.clone() for m in trainer.network.masking.masks]
            weights = [p.clone() for p in trainer.updater.optimizer.parameters]
            trainer.updater.step(batch)
            step += 1
            masks = trainer.network.masking.masks
            if any(not torch.equal(a, b) for a, b in zip(before, masks, strict=True)):
                changed.append(step)
                for k, layer in enumerate(trainer.network.layers):
                    new = masks[k] & ~before[k]
                    assert (layer.dense[new] == 0).all()
                    assert torch.equal(layer.dense[~new], weights[_place(trainer, layer)][~new])
                    assert (trainer.updater.optimizer.first[_place(trainer, layer)][new] == 0).all()
    assert changed == list(range(4, 27, 4))  # 54 steps in all, until half of them


def _place(trainer, layer) -> int:
    return next(i for i, leaf in enumerate(trainer.updater.leaves) if leaf is layer.dense)


def test_no_network_stops_while_the_sparsity_rises():
    """min_delta = 1: nothing is better than the first epoch that counts."""
    trainer = made("direct", MaskingRule(schedule="cubic", ramp=0.5), max_epochs=10, patience=2, min_delta=1.0)
    assert [o.epochs for o in trainer.run()] == [7, 7, 7]  # five epochs of ramp, in the last step of which it is over
    constant = made("direct", MaskingRule(gradient="all"), max_epochs=10, patience=2, min_delta=1.0)
    assert [o.epochs for o in constant.run()] == [3, 3, 3]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("method", ["direct", "sqr_p"])
def test_realizations_do_not_mix_and_a_restored_training_goes_on_bit_for_bit(name, method):
    together = made(method, RULES[name])
    outcomes = together.run()
    alone = made(method, RULES[name], seeds=(1,))
    assert numbers(alone.run()[0]) == numbers(outcomes[1])

    class EnoughError(Exception): ...

    states = []

    def save(trainer: Trainer) -> None:
        states.append(trainer.state())
        if trainer.epoch == 3:
            raise EnoughError

    with pytest.raises(EnoughError):
        made(method, RULES[name]).run(save=save)
    resumed = made(method, RULES[name])
    resumed.restore(states[-1])
    assert [numbers(o) for o in resumed.run()] == [numbers(o) for o in outcomes]
    for a, b in zip(resumed.updater.leaves, together.updater.leaves, strict=True):
        assert torch.equal(a, b)


def test_networks_that_have_stopped_leave_the_masks():
    rule = dataclasses.replace(RULES["rigl"], until=1 / 12)  # the first epoch
    trainer = made("direct", rule, max_epochs=12, patience=2, min_delta=1.0)
    for i, stopping in enumerate(trainer.stopping):
        stopping.patience += 2 * i
    assert [o.epochs for o in trainer.run()] == [3, 5, 7]
    alone = made("direct", rule, seeds=(2,), max_epochs=12, patience=6, min_delta=1.0)
    assert numbers(alone.run()[0]) == numbers(trainer.outcomes[2])


def test_no_network_stops_while_links_are_exchanged():
    """Nine of twelve epochs, and then as many as patience has."""
    trainer = made("direct", RULES["rigl"], max_epochs=12, patience=2, min_delta=1.0)
    assert [o.epochs for o in trainer.run()] == [11, 11, 11]


def test_half_of_all_links_of_a_random_mask_differ_between_seeds():
    masking = Masking(RULES["rigl"], 0.5, 10, [(40, 50)], [0, 1], torch.device("cpu"))
    (mask,) = masking.masks
    assert mask.flatten(1).sum(1).tolist() == [1000, 1000]
    assert 0.4 < (mask[0] != mask[1]).float().mean() < 0.6
