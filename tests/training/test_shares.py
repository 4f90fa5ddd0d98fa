"""A batch dealt to several threads: the numbers of one trainer, however it is dealt and wherever it was cut off."""

import threading

import pytest
import torch

from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import build_stack
from spectral_repro.training.shares import Shares, group_size
from spectral_repro.training.trainer import Trainer
from tests.training.test_trainer import CASES, RULES, SIZES, images, numbers, protocol

SEEDS = (3, 4, 5, 6, 7)
KINDS = [*((case, None) for case in CASES), *((case, rule) for case in ("direct", "sqr") for rule in RULES)]
#: Realizations stop at different epochs.
CHANGES = {"max_epochs": 9, "patience": 2, "min_delta": 0.02}


def trainer(case: str, rule: str | None, seeds=SEEDS) -> Trainer:
    p = protocol(**CHANGES)
    network = build_stack(seeds, sizes=SIZES, activation=p.activation, dtype=torch.float64, **CASES[case])
    masking = (MaskingRule(**RULES[rule]), 0.5) if rule else None
    return Trainer(network, images(), seeds, p, masking=masking)


def dealt(case: str, rule: str | None, size: int, threads: int = 2) -> Shares:
    return Shares(lambda seeds: trainer(case, rule, seeds), SEEDS, size, threads)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("case", "rule"), KINDS)
def test_numbers_do_not_depend_on_how_realizations_are_dealt(case, rule, size):
    whole, states = trainer(case, rule), {}
    whole.on_stop = lambda seed, state: states.update({seed: state})
    seen, threads = [], set()
    whole.run(seen.append)
    shares, told, kept = dealt(case, rule, size), [], {}

    def keep(seed, state):
        threads.add(threading.current_thread())
        kept[seed] = state

    shares.on_stop = keep
    shares.run(told.append)
    assert threads == {threading.main_thread()}
    assert [numbers(o) for o in shares.outcomes] == [numbers(o) for o in whole.outcomes]
    assert told == seen
    for seed, state in states.items():
        for key, value in state.items():
            torch.testing.assert_close(kept[seed][key], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("case", "rule"), KINDS)
def test_a_state_is_that_of_one_trainer_and_can_be_dealt_in_another_way(case, rule):
    whole, states = trainer(case, rule), []
    whole.run()
    dealt(case, rule, 2).run(save=lambda shares: states.append(shares.state()))
    for state in states[::3]:
        for other in (trainer(case, rule), dealt(case, rule, 3)):
            other.restore(state)
            other.run()
            assert [numbers(o) for o in other.outcomes] == [numbers(o) for o in whole.outcomes]
    with pytest.raises(ValueError, match="other realizations"):
        Shares(lambda seeds: trainer(case, rule, seeds), SEEDS[:3], 2, threads=2).restore(states[0])


def test_what_ends_a_thread_ends_the_training():
    shares = dealt("direct", None, 3)

    def broken():
        raise RuntimeError("no memory")

    shares.trainers[1].advance = broken
    with pytest.raises(RuntimeError, match="no memory"):
        shares.run()
    assert all(t.interrupted for t in shares.trainers)


def test_the_threads_of_torch_are_afterwards_as_they_were():
    torch.set_num_threads(1)
    shares = Shares(lambda seeds: trainer("direct", None, seeds), SEEDS, 3, threads=4)
    assert shares.at_once == 2
    try:
        shares.run(lambda _: None)
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("weights", "realizations", "threads", "size"),
    [
        (15_880, 10, 2, 5),
        (79_400, 10, 2, 5),
        (79_400, 10, 16, 1),
        (157_000, 10, 2, 2),
        (397_000, 10, 2, 1),
        (9e6, 3, 2, 1),
    ],
)
def test_few_large_networks_train_together_and_many_small_ones(weights, realizations, threads, size):
    assert group_size(int(weights), realizations, threads) == size
