"""What training needs to know and what it tells: the protocol (SPEC 3), the images, the outcome."""

import dataclasses
import math
from collections.abc import Mapping

from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a network is trained (SPEC 3). Rates and moments are those of the optimizer's definition."""

    max_epochs: int
    batch_size: int
    optimizer: str
    lr: float
    activation: str
    validation_fraction: float
    patience: int
    min_delta: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7  # Keras' default
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: str = "constant"


@dataclasses.dataclass(frozen=True)
class Images:
    """A data set on the device: pixels in [0, 1] as ``(n, N_1)``, labels as ``(n)``."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


@dataclasses.dataclass
class Outcome:
    """What one realization reached, with the weights of its last epoch.

    ``diverged`` says that its weights are not finite. ``degrees`` has, for each hidden layer of a sparse network,
    the number of surviving links into and out of each node, ``(N_k)`` and ``(N_k)``.
    """

    seed: int
    test_accuracy: float = math.nan
    validation_accuracy: float = math.nan
    epochs: int = 0
    diverged: bool = False
    degrees: list[tuple[Tensor, Tensor]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Detail:
    """What one realization did in an epoch, for a tracker.

    ``training_loss`` is the mean cross-entropy of the epoch's images, in nats, as each batch met it; ``lr`` the rate
    of the last update; ``vectors`` has by name what the layers train by node: eigenvalues, singular values.
    """

    training_loss: float
    lr: float
    vectors: Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Progress:
    """State of a batch after an epoch, for whoever watches; accuracies on the validation part by seed.

    ``details`` are of those that trained in this epoch, if the trainer was asked to keep them.
    """

    epoch: int
    validation_accuracy: Mapping[int, float]
    running_seeds: frozenset[int]
    stopped: int
    details: Mapping[int, Detail] = dataclasses.field(default_factory=dict)

    @property
    def running(self) -> int:
        return len(self.running_seeds)


class EarlyStopping:
    """Keras' rule: better means above the best by more than ``min_delta``; stop after ``patience`` others in a row."""

    def __init__(self, patience: int, min_delta: float) -> None:
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited = -math.inf, 0

    def should_stop(self, accuracy: float) -> bool:
        if accuracy - self.min_delta > self.best:
            self.best, self.waited = accuracy, 0
        else:
            self.waited += 1
        return self.waited >= self.patience
