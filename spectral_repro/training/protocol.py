"""What training needs to know and what it tells: the protocol (SPEC 3), the images, the outcome."""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:  # who reads the keys alone does not wait for torch
    from torch import Tensor


Whole = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a network is trained (SPEC 3): the one list of its fields, what each may be, and what it means.

    The keys ``trainer.*`` and the columns of rows follow from it. A title says what is allowed where the limits
    do not speak for themselves.
    """

    max_epochs: Annotated[Whole, Field(description="largest number of epochs")]
    batch_size: Annotated[Whole, Field(description="images of one update (one step of the optimizer)")]
    optimizer: Annotated[
        Literal["adamax", "adam", "adamw", "sgd"], Field(description="optimizer; adamax and adam as Keras writes them")
    ]
    lr: Annotated[
        float,
        Field(
            gt=0,
            le=1e30,
            title="must be above 0, and at most 1e30",
            description="learning rate; not given: the method's for this data set",
        ),
    ]
    activation: Annotated[
        Literal["relu", "tanh", "elu", "gelu", "leaky_relu", "sigmoid", "silu", "softplus"],
        Field(description="activation function of the hidden layers"),
    ]
    validation_fraction: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            title="must be in (0, 1): early stopping needs images to validate on",
            description="share of the training images that is held out for early stopping",
        ),
    ]
    patience: Annotated[Whole, Field(description="training stops after this many epochs in a row without a better one")]
    min_delta: Annotated[
        Share,
        Field(description="an epoch is better if its validation accuracy exceeds the best so far by more than this"),
    ]
    beta1: Annotated[Share, Field(description="decay of the optimizer's first moment")] = 0.9
    beta2: Annotated[Share, Field(description="decay of the optimizer's second moment")] = 0.999
    epsilon: Annotated[Positive, Field(description="added to the optimizer's denominator")] = 1e-7  # Keras' default
    momentum: Annotated[Share, Field(description="momentum of sgd")] = 0.0
    weight_decay: Annotated[NotNegative, Field(description="weight decay of adamw and sgd")] = 0.0
    schedule: Annotated[
        Literal["constant", "cosine"],
        Field(description="course of the learning rate; cosine: it falls to zero at max_epochs"),
    ] = "constant"


@dataclasses.dataclass(frozen=True)
class Images:
    """A data set on the device: pixels in [0, 1] as ``(n, N_1)``, labels as ``(n)``."""

    train_x: "Tensor"
    train_y: "Tensor"
    test_x: "Tensor"
    test_y: "Tensor"


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
    degrees: list[tuple["Tensor", "Tensor"]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Detail:
    """What one realization did in an epoch, for a tracker.

    ``training_loss`` is the mean cross-entropy of the epoch's images, in nats, as each batch met it; ``lr`` the rate
    of the last update; ``vectors`` has by name what the layers train by node: eigenvalues, singular values.
    """

    training_loss: float
    lr: float
    vectors: Mapping[str, "Tensor"]


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
