"""Steps with fixed addresses are the plain steps; what a GPU would record freezes nothing that must change."""

import json
import subprocess
import sys

import pytest
import torch

from spectral_repro.layers import DirectLinear
from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import build_stack
from spectral_repro.training.optimizers import Adam, Adamax
from spectral_repro.training.replay import FixedSteps
from spectral_repro.training.trainer import Trainer
from tests.conftest import ROOT
from tests.training.test_trainer import CASES, flat, images, numbers, protocol

SIZES = (20, 14, 3)


class Recorder:
    """Plays a device: ``recorded`` has for each recording how often it was repeated."""

    def __init__(self, fails: str | None = None) -> None:
        self.fails, self.recorded = fails, []

    def beside(self, step):
        step()

    def record(self, step):
        if self.fails == "at once":
            raise RuntimeError("operation not permitted when stream is capturing")
        at, self.recorded = len(self.recorded), [*self.recorded, 0]
        if self.fails == "runs":  # on a device that is not the one which records
            step()

        def repeat():
            self.recorded[at] += 1
            if not self.fails:
                step()

        return repeat


@pytest.fixture(autouse=True)
def _one_formula():
    """Compiled passes round otherwise, and numbers that are read on a device do not go through them."""
    with pytest.MonkeyPatch.context() as patch:
        for optimizer in (Adamax, Adam):
            patch.setattr(optimizer, "_one_pass", None)
        yield


def trained(case: str, monkeypatch, recorder=None, fixed: bool = True, rule: MaskingRule | None = None, **changes):
    """Some realizations stop before others; 90 training rows are four whole batches and a part of one."""
    options = {"max_epochs": 6, "patience": 1, "min_delta": 0.02, "batch_size": 20, **changes}
    if fixed:
        monkeypatch.setattr(Trainer, "_recorder", lambda t: recorder)
        monkeypatch.setattr(Trainer, "_fixed_steps", lambda t, r: FixedSteps(t.updater, t.feed, 20, r))
    network = build_stack([3, 4, 5, 6], sizes=SIZES, dtype=torch.float64, **CASES[case])
    masking = None if rule is None else (rule, 0.6)
    trainer = Trainer(network, images(), [3, 4, 5, 6], protocol(**options), masking=masking)
    trainer.follow, details = True, []
    trainer.run(lambda progress: details.append({s: (d.training_loss, d.lr) for s, d in progress.details.items()}))
    monkeypatch.undo()
    return trainer, details


@pytest.mark.parametrize("optimizer", ["adamax", "adam", "adamw", "sgd"])
@pytest.mark.parametrize("case", CASES)
def test_fixed_steps_are_the_plain_steps(case, optimizer, monkeypatch):
    changes = {"optimizer": optimizer, "schedule": "cosine", "weight_decay": 0.1, "momentum": 0.5}
    plain, expected = trained(case, monkeypatch, fixed=False, **changes)
    other, details = trained(case, monkeypatch, **changes)
    assert [numbers(o) for o in other.outcomes] == [numbers(o) for o in plain.outcomes]
    assert len({o.epochs for o in plain.outcomes}) > 1 or case != "direct"
    if optimizer == "sgd":  # adds with one rounding less
        torch.testing.assert_close(flat(other), flat(plain), rtol=1e-12, atol=1e-14)
    else:
        assert torch.equal(flat(other), flat(plain))
        assert details == expected


def test_fixed_steps_with_a_rule_of_masking(monkeypatch):
    rule = MaskingRule(gradient="all")
    plain, _ = trained("direct", monkeypatch, fixed=False, rule=rule)
    other, _ = trained("direct", monkeypatch, rule=rule)
    assert torch.equal(flat(other), flat(plain))
    assert other.network.masking.step == plain.network.masking.step


def test_fixed_steps_in_single_precision_round_the_same(monkeypatch):
    def run(fixed):
        if fixed:
            monkeypatch.setattr(Trainer, "_fixed_steps", lambda t, r: FixedSteps(t.updater, t.feed, 10))
        network = build_stack([3, 4], sizes=SIZES, dtype=torch.float32, **CASES["sqr"])
        trainer = Trainer(network, images(dtype=torch.float32), [3, 4], protocol())
        trainer.run()
        monkeypatch.undo()
        return flat(trainer)

    assert torch.equal(run(True), run(False))


def test_a_step_is_recorded_after_a_few_and_anew_when_networks_leave(monkeypatch):
    recorder = Recorder()
    plain, _ = trained("direct", monkeypatch, fixed=False)
    other, _ = trained("direct", monkeypatch, recorder)
    assert torch.equal(flat(other), flat(plain))
    epochs = sorted(o.epochs for o in plain.outcomes)
    assert len(recorder.recorded) == len(set(epochs))
    assert sum(recorder.recorded) == 4 * epochs[-1] - 3 * len(recorder.recorded)


@pytest.mark.parametrize("fails", ["at once", "runs", "does nothing"])
def test_what_cannot_be_recorded_is_launched_step_by_step(fails, monkeypatch):
    """Said once, though networks leave later; a recording that repeats nothing is noticed."""
    plain, _ = trained("direct", monkeypatch, fixed=False)
    assert len({o.epochs for o in plain.outcomes}) > 1
    with pytest.warns(UserWarning, match="the steps cannot be recorded") as told:
        other, _ = trained("direct", monkeypatch, Recorder(fails))
    assert len(told) == 1
    assert torch.equal(flat(other), flat(plain))


def test_rules_whose_steps_differ_are_not_recorded():
    network = build_stack([3], sizes=SIZES, dtype=torch.float64, **CASES["direct"])
    for rule, constant in (({"gradient": "all"}, True), ({"schedule": "cubic"}, False), ({"choice": "rigl"}, False)):
        trainer = Trainer(network, images(), [3], protocol(), masking=(MaskingRule(**rule), 0.5))
        assert trainer.network.masking.constant is constant


def test_layers_of_ones_own_are_not_recorded():
    class Mine(DirectLinear):
        pass

    trainer = Trainer(build_stack([3], sizes=SIZES, layer=Mine, dtype=torch.float64), images(), [3], protocol())
    trainer.feed.device = torch.device("cuda:7")
    assert trainer._recorder() is None


def test_every_method_on_a_device_that_refuses_to_mix():
    """The whole trainer through its branches for other devices than the CPU: same numbers, no waits, nothing frozen."""
    pytest.importorskip("torch.utils.backend_registration")
    program = [sys.executable, "-m", "tests.training.stand_in"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=280)
    if "_setup_privateuseone_for_python_backend" in done.stderr:
        pytest.skip("this torch has no backends in Python")
    assert done.returncode == 0, done.stderr[-2000:]
    *cases, control = map(json.loads, done.stdout.splitlines())
    assert len(cases) == 2 * len(CASES) + 6
    for case in cases:
        assert case["same outcomes"], case
        assert case["same numbers"], case
        assert case["waits"] == {}, case
        assert case["fixed"] is not case["case"].endswith(("gradual", "rigl")), case
        assert not case["frozen"], case
    assert any(len(set(case["epochs"])) > 1 for case in cases)
    frozen = {name for found in control["plain"] for name in ("slice", "addcdiv_") if f"aten.{name}." in found}
    assert frozen == {"slice", "addcdiv_"}  # the rows, the rate
    assert len(control["plain"]) < 20
