"""A device that is none: its tensors hold tensors of the CPU, and an operation on both kinds at once is refused.

``python -m tests.training.stand_in`` trains every method on it and on the CPU and prints what differed, one line of
JSON per case; to be run in a process of its own, as it occupies torch's place for other backends.
"""

import json
import os
from collections import Counter

import torch
from torch import Tensor, nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from spectral_repro.training.masking import MaskingRule
from spectral_repro.training.network import build_stack
from spectral_repro.training.protocol import Images
from spectral_repro.training.replay import FixedSteps
from spectral_repro.training.trainer import Trainer
from tests.training.test_trainer import CASES, RULES, images, protocol

_setup_privateuseone_for_python_backend("standin")
DEVICE = torch.device("standin:0")
#: Operations that would make the host wait for the device, or copy between them.
WAITS: Counter[str] = Counter()
_READ = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select")


class Log:
    """What operations are given: numbers, and the addresses of memory that they did not make themselves."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, list]] = []
        self.made: dict[int, Tensor] = {}  # by address; kept, so that no other gets it

    def enter(self, name: str, given, out) -> None:
        tensors = [a for a in _pytree.tree_leaves(given) if isinstance(a, Tensor)]
        self.operations.append((name, [self._noted(a) for a in _pytree.tree_leaves(given)]))
        taken = {_memory(t) for t in tensors}
        for t in _pytree.tree_leaves(out):
            if isinstance(t, Tensor) and _memory(t) not in taken:
                self.made[_memory(t)] = t

    def _noted(self, value):
        if not isinstance(value, Tensor):
            return str(value)
        return "own" if _memory(value) in self.made else value.data_ptr(), tuple(value.shape), value.stride()


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


#: Where operations are noted, if anywhere.
LOG: Log | None = None


class OnDevice(Tensor):
    """A tensor of the device; ``inner`` has its numbers."""

    @staticmethod
    def __new__(cls, inner: Tensor):
        like = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        made = Tensor._make_wrapper_subclass(cls, inner.shape, device=DEVICE, **like)
        made.inner = inner
        return made

    def __repr__(self) -> str:
        return f"OnDevice({self.inner})"

    def data_ptr(self) -> int:
        return self.inner.data_ptr()

    def tolist(self) -> list:
        WAITS["tolist"] += 1
        return self.inner.tolist()

    def cpu(self) -> Tensor:
        WAITS["cpu"] += 1
        return self.inner.clone()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})


class Mode(TorchDispatchMode):
    """While it lasts, tensors can be made on the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})


def _run(function, args, kwargs):
    given = [a for a in _pytree.tree_leaves((args, kwargs)) if isinstance(a, Tensor)]
    here = any(isinstance(a, OnDevice) for a in given)
    target = kwargs.get("device")
    wanted = target is not None and torch.device(target).type == DEVICE.type
    if not here and not wanted:
        return function(*args, **kwargs)
    name = function.__name__.partition(".")[0]
    copies = name in ("_to_copy", "copy_")
    if here and not copies and any(a.dim() and not isinstance(a, OnDevice) for a in given):
        raise RuntimeError(f"{function}: {[(tuple(a.shape), str(a.device)) for a in given]}")
    if (
        name in _READ
        or (copies and any(not isinstance(a, OnDevice) for a in given))
        or (here and target and not wanted)
    ):
        WAITS[str(function)] += 1
    inner_args, inner_kwargs = _pytree.tree_map(lambda a: a.inner if isinstance(a, OnDevice) else a, (args, kwargs))
    if target is not None:
        inner_kwargs["device"] = "cpu"
    out = function(*inner_args, **inner_kwargs)
    if LOG is not None:
        LOG.enter(str(function), (inner_args, inner_kwargs), out)
    if kwargs.get("out") is not None:
        return kwargs["out"]
    if function._schema.is_mutable and name.endswith("_"):
        return args[0]
    stays = wanted or (here and target is None)
    return _pytree.tree_map(lambda t: OnDevice(t) if isinstance(t, Tensor) else t, out) if stays else out


def to_device(tensor: Tensor) -> OnDevice:
    return OnDevice(tensor.detach().clone())


def make(case: str, sizes, data: Images, seeds, on_device: bool, rule: str | None, **changes) -> Trainer:
    """A trainer, with all its tensors on the device or on the CPU."""
    p = protocol(**changes)
    network = build_stack(seeds, sizes=sizes, activation=p.activation, dtype=torch.float64, **CASES[case])
    if on_device:
        for module in network.modules():
            for key, value in module._parameters.items():
                if value is not None:
                    module._parameters[key] = nn.Parameter(to_device(value), value.requires_grad)
            for key, value in module._buffers.items():
                if value is not None:
                    module._buffers[key] = to_device(value)
        data = Images(*(to_device(t) for t in (data.train_x, data.train_y, data.test_x, data.test_y)))
    masking = None if rule is None else (MaskingRule(**RULES[rule]), 0.6)
    return Trainer(network, data, seeds, p, masking=masking)


ALL = [
    *((case, sizes, None) for case in CASES for sizes in ((20, 14, 3), (8, 14, 14, 3))),
    *((case, (20, 14, 3), rule) for case in ("direct", "sqr") for rule in RULES),
]


def compare(case: str, sizes, rule: str | None) -> dict:
    """What differs after five epochs, of which some realizations take part in fewer."""
    data, seeds = images(sizes[0]), [3, 4, 5, 6]
    changes = {"max_epochs": 5, "patience": 1, "min_delta": 0.02, "batch_size": 40}
    changes |= {"optimizer": "adam", "activation": "tanh"} if rule or "sparse" in case else {}
    here = make(case, sizes, data, seeds, False, rule, **changes)
    here.run()
    with Mode():
        there = make(case, sizes, data, seeds, True, rule, **changes)
        fixed = isinstance(there.fixed, FixedSteps)
        WAITS.clear()
        log = _two_steps(there) if fixed else None
        waits = dict(WAITS)
        there = make(case, sizes, data, seeds, True, rule, **changes)
        there.run()
    outcomes = [[(o.seed, o.epochs, o.test_accuracy, o.validation_accuracy) for o in t.outcomes] for t in (here, there)]
    pairs = zip(here.updater.optimizer.parameters, there.updater.optimizer.parameters, strict=True)
    return {
        "case": f"{case} {sizes} {rule}",
        "fixed": fixed,
        "epochs": [o.epochs for o in there.outcomes],
        "same outcomes": outcomes[0] == outcomes[1],
        "same numbers": all(torch.allclose(a, b.inner, rtol=1e-9, atol=1e-10) for a, b in pairs),
        "waits": waits,
        "frozen": log,
    }


def _two_steps(trainer: Trainer) -> list[str]:
    """What a recording of a fixed step would freeze."""
    trainer.train_epoch(2)
    trainer.fixed._load(trainer.feed.order(1), 3)
    WAITS.clear()
    return differing(trainer.fixed.step, trainer.fixed.step)


def differing(*steps) -> list[str]:
    """Operations that the second of two steps gives other addresses or numbers than the first.

    Memory that a step makes for itself does not count: a recording has its own.
    """
    global LOG
    logs = []
    for step in steps:
        LOG = Log()
        step()
        logs.append(LOG)
    LOG = None
    first, second = (log.operations for log in logs)
    found = [f"{a} {b}" for a, b in zip(first, second, strict=False) if a != b]
    return found + [f"{len(first)} operations, then {len(second)}"] * (len(first) != len(second))


def plain_steps() -> list[str]:
    """The same of the steps that the CPU takes: it is known to differ, in where the batch lies and in the rate."""
    with Mode():
        trainer = make("direct", (20, 14, 3), images(), [3, 4], True, None, schedule="cosine")
        batches = trainer.feed.epoch(0, 20)
        trainer.updater.step(next(batches))
        return differing(*(lambda: trainer.updater.step(next(batches)) for _ in range(2)))


def main() -> None:
    for arguments in ALL:
        print(json.dumps(compare(*arguments)), flush=True)
    print(json.dumps({"plain": plain_steps()}), flush=True)
    os._exit(0)  # threads of a device in Python may end the process with an error


if __name__ == "__main__":
    main()
