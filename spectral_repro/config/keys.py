"""Every key of the command line: its type, what it may be, and what it means.

The checks, ``spectral-repro --help``, the completion of values and the README's table all follow from here; the
defaults are in ``conf/config.yaml``. A title says what is allowed where the limits do not speak for themselves.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from spectral_repro.training.protocol import NotNegative, Positive, Protocol, Share, Whole


def _folder(value: Any) -> Path:
    if not value or not isinstance(value, str):
        raise ValueError
    return Path(value).expanduser()


Widths = Annotated[list[Whole], Field(min_length=1, title="must be a list of whole numbers, for instance [500,200]")]
Folder = Annotated[Path, BeforeValidator(_folder), Field(title="must name a folder")]
Auto = Literal["auto"]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", title="must be auto, cpu, cuda, cuda:N or mps")]
#: Reaches the results as the name of a folder or a file.
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        title="must be letters, digits, '_', '.' or '-', at most 64",
    ),
]


def _start(value: Any) -> Any:
    from spectral_repro.layers.base import draw_start

    draw_start(value, 1, None)
    return value


#: The same values as :data:`spectral_repro.layers.base.Start`.
Start = Annotated[
    Any,
    BeforeValidator(_start),
    Field(title="must be a start value: a number, or the ends [low, high] of a uniform distribution"),
]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Trainer(_Keys, Protocol):  # type: ignore[misc]  # a model has the fields of a dataclass that it inherits
    """``trainer.*``: the protocol, and how much of it happens at once."""

    realizations_per_batch: Whole | Auto = Field(
        description="how many realizations are trained together, as one batched network"
    )


class Masking(_Keys):
    """``masking.*``: a file of ``conf/masking``; see :class:`spectral_repro.training.masking.MaskingRule`."""

    name: Name
    schedule: Literal["constant", "cubic"] = Field(
        description="course of the sparsity; cubic: it rises over the first steps"
    )
    ramp: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="of cubic: the share of all steps in which the sparsity rises"
    )
    allocation: Literal["uniform", "dense_output", "global"] = Field(
        description="where weights are silenced: in every layer alike, in all but the last, or by one cut-off for all"
    )
    gradient: Literal["survivors", "all"] = Field(
        description="which weights get a gradient: the surviving ones, or all"
    )
    choice: Literal["magnitude", "rigl"] = Field(
        description="which weights are silenced: those of least magnitude, or those that RigL's exchange leaves out"
    )
    interval: Whole = Field(description="of rigl: steps between two exchanges of links")
    exchange: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="of rigl: share of the links exchanged at first; it falls as a cosine"
    )
    until: Annotated[float, Field(gt=0, le=1)] = Field(
        description="of rigl: share of all steps after which no link is exchanged"
    )


class Method(BaseModel):
    """``method.*``: a file of ``conf/method``; all other keys of it are options of its layer class."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    layer: str
    protocols: Mapping[str, Mapping[str, Any]]
    label: str | None = None
    first_layer: Mapping[str, Any] | None = None
    #: Of a method without hidden layers, whatever the key ``hidden_layers`` says.
    hidden_layers: Literal[0] | None = None


class Data(_Keys):
    """``data.*``: a file of ``conf/data``."""

    name: Name
    source: Literal["mnist5k", "torchvision", "folder"]
    label: str | None = None
    dataset: str | None = None
    root: Folder | None = Field(None, description="of data=folder: the folder with train/<class>/* and test/<class>/*")
    grayscale: bool = Field(False, description="of data=folder: read one channel instead of three")
    resize: Annotated[int, Field(ge=1, le=512)] | None = Field(
        None, description="of data=folder: scale all images to this many pixels a side"
    )
    lr: Mapping[str, Any] | None = None
    lr_as: str | None = None
    shape: Mapping[str, Any] | None = None


#: The default of options, which are checked only where they are given.
_NOT_GIVEN: Any = None


class Options(BaseModel):
    """Options of our own layers, ``method.<option>``; each class has some of them."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)

    p: Annotated[float, Field(ge=0, le=1)] = Field(
        _NOT_GIVEN, description="of sqr: share of R's off-diagonal entries that is trained"
    )
    core: Literal["triangular", "full"] = Field(
        _NOT_GIVEN, description="of sqr: which entries of R are trained, its upper triangle or all"
    )
    eig_in: Start = Field(_NOT_GIVEN, description="start values of λin")
    eig_out: Start = Field(_NOT_GIVEN, description="start values of λout")
    train_weight: bool = Field(_NOT_GIVEN, description="of direct layers: whether they are trained")
    train_eig_in: bool = Field(_NOT_GIVEN, description="whether λin is trained")
    train_eigenvectors: bool = Field(_NOT_GIVEN, description="of spectral layers: whether φ is trained, too")
    bias: bool = Field(_NOT_GIVEN, description="whether layers have a bias; written `+method.bias=false`")
    phi_std: Positive = Field(_NOT_GIVEN, description="standard deviation of the entries of φ at the start")
    singular_values: Start = Field(_NOT_GIVEN, description="of ssvd: start values of Σ")
    basis: Literal["orthogonal", "gaussian"] = Field(_NOT_GIVEN, description="of ssvd: how U and V are drawn")
    basis_std: Positive = Field(
        _NOT_GIVEN, description="of basis=gaussian: standard deviation of the entries of U and V"
    )
    rank: Whole | None = Field(
        None, description="of lowrank and projection: the rank; null (projection only): as many trained numbers as S-QR"
    )
    multiple: Positive = Field(
        _NOT_GIVEN, description="of hashed: number of trained values, as a multiple of N_in + N_out"
    )


class Run(_Keys):
    """How a cell is run: nothing here changes its numbers beyond rounding."""

    realizations: Annotated[int, Field(ge=1, le=100_000)] = Field(
        description="how many networks of one cell are trained; realization i has seed `seed + i`"
    )
    seed: Annotated[int, Field(ge=0)] = Field(
        description="seed of the first realization: start values, validation split, batch order; those from 1000 on "
        "are for choosing rates and enter no table of results"
    )
    device: Device = Field(description="where to train; auto: on a GPU if there is one")
    data_dir: Folder = Field(description="folder of the data sets; missing ones are downloaded to it")
    results_dir: Folder = Field(description="folder of the results")
    overwrite: bool = Field(description="train finished realizations again")
    plan: bool = Field(description="print what would be trained and how long it takes, and train nothing")
    degrees: bool = Field(description="of sparse networks: keep how many links each hidden node has")
    weights: bool = Field(
        description="keep trained networks in results_dir/weights; a finished one that was not kept is trained again"
    )
    claimed: Literal["wait", "skip"] = Field(
        description="what to do with a cell that another process is training: wait for it, or skip it"
    )
    checkpoint_minutes: NotNegative = Field(
        description="minutes between two saved states, from which an interrupted training goes on"
    )
    threads: Whole | Auto = Field(description="CPU threads of one process; auto: its share of the cores")
    tracker: Literal["none", "csv", "tensorboard", "wandb", "mlflow"] = Field(
        description="who records accuracy, loss, learning rate and spectra after every epoch; csv: results_dir/curves"
    )
    trainer: Trainer

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.realizations)


class Keys(Run):
    """All of ``conf/config.yaml``: to :class:`Run` it adds what decides what is computed."""

    n2: Whole = Field(description="neurons in each hidden layer")
    hidden_layers: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="number of hidden layers, ℓ − 2 in the paper"
    )
    hidden: Widths | None = Field(
        description="neurons in each hidden layer, where they differ; instead of `n2` and `hidden_layers`"
    )
    sparsity: Share = Field(description="fraction of the weights that is silenced: set to zero, the smallest first")
    precision: Literal["highest", "high", "medium"] = Field(
        description="accuracy of matrix products; highest: that of float32; high, medium: less, where it is faster"
    )
    protocol: Literal["auto", "dense", "sparse"] = Field(
        description="optimizer, activation, stopping rule, as in the paper's dense or sparse figures; auto: by sparsity"
    )
    rates: Literal["published", "tuned"] = Field(
        description="learning rates where trainer.lr is not given: the published ones, or those that validation prefers"
    )
    method: Method
    masking: Masking
    data: Data
    protocols: Mapping[str, Any]
    sweep: Any = None
    grid: Any = None


#: Composed from files, not given one by one.
GROUPS = {"method", "masking", "data", "protocols", "sweep", "grid", "trainer"}


def described() -> dict[str, FieldInfo]:
    """Every key with its description, in the order of the help."""
    order = ["n2", "hidden_layers", "hidden", "sparsity", "realizations", "seed", "device", "precision", "protocol"]
    top = {k: f for k, f in Keys.model_fields.items() if k not in GROUPS}
    return {
        **{k: top[k] for k in sorted(top, key=lambda k: order.index(k) if k in order else len(order))},
        **{f"trainer.{k}": f for k, f in Trainer.model_fields.items()},
        **{f"method.{k}": f for k, f in Options.model_fields.items()},
        **{f"masking.{k}": f for k, f in Masking.model_fields.items() if f.description},
        **{f"data.{k}": f for k, f in Data.model_fields.items() if f.description},
    }
