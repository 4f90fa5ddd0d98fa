"""Every key of the command line: its type, what it may be, and what it means.

The checks, ``spectral-repro --help``, the completion of values and the README's table all follow from here; the
defaults are in ``conf/config.yaml``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.fields import FieldInfo

from spectral_repro.errors import ConfigError, did_you_mean


class Says(str):
    """Metadata of a type whose constraints do not speak for themselves: the words for what is allowed."""


def _folder(value: Any) -> Path:
    if not value or not isinstance(value, str):
        raise ValueError
    return Path(value).expanduser()


Whole = Annotated[int, Field(ge=1)]
Widths = Annotated[list[Whole], Field(min_length=1), Says("must be a list of whole numbers, for instance [500,200]")]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Folder = Annotated[Path, BeforeValidator(_folder), Says("must name a folder")]
Auto = Literal["auto"]
Device = Annotated[
    str, StringConstraints(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"), Says("must be auto, cpu, cuda, cuda:N or mps")
]
#: Reaches the results as the name of a folder or a file.
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"),
    Says("must be letters, digits, '_', '.' or '-', at most 64"),
]


def _start(value: Any) -> Any:
    from spectral_repro.layers.base import draw_start

    draw_start(value, 1, None)
    return value


#: The same values as :data:`spectral_repro.layers.base.Start`.
Start = Annotated[
    Any,
    BeforeValidator(_start),
    Says("must be a start value: a number, or the ends [low, high] of a uniform distribution"),
]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Protocol(_Keys):
    """How a network is trained (SPEC 3); what is not given comes from the ``protocol``."""

    max_epochs: Whole = Field(description="largest number of epochs")
    batch_size: Whole = Field(description="images of one update (one step of the optimizer)")
    optimizer: Literal["adamax", "adam", "adamw", "sgd"] = Field(
        description="optimizer; adamax and adam as Keras writes them"
    )
    lr: Annotated[float, Field(gt=0, le=1e30), Says("must be above 0, and at most 1e30")] = Field(
        description="learning rate; not given: the method's for this data set"
    )
    activation: Literal["relu", "tanh", "elu", "gelu", "leaky_relu", "sigmoid", "silu", "softplus"] = Field(
        description="activation function of the hidden layers"
    )
    validation_fraction: Annotated[
        float, Field(gt=0, lt=1), Says("must be in (0, 1): early stopping needs images to validate on")
    ] = Field(description="share of the training images that is held out for early stopping")
    patience: Whole = Field(description="training stops after this many epochs in a row without a better one")
    min_delta: Share = Field(
        description="an epoch is better if its validation accuracy exceeds the best so far by more than this"
    )
    beta1: Share = Field(description="decay of the optimizer's first moment")
    beta2: Share = Field(description="decay of the optimizer's second moment")
    epsilon: Positive = Field(description="added to the optimizer's denominator")
    momentum: Share = Field(description="momentum of sgd")
    weight_decay: NotNegative = Field(description="weight decay of adamw and sgd")
    schedule: Literal["constant", "cosine"] = Field(
        description="course of the learning rate; cosine: it falls to zero at max_epochs"
    )


class Trainer(Protocol):
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


def _parts(field: FieldInfo) -> list[FieldInfo]:
    """The alternatives of a union, None apart."""
    union = get_origin(field.annotation) in (Union, UnionType)
    return [FieldInfo.from_annotation(p) for p in get_args(field.annotation) if p is not NoneType] if union else []


def choices(field: FieldInfo) -> list[str]:
    """The values that a key may have, where they can be listed."""
    if parts := _parts(field):
        return [value for part in parts for value in choices(part)]
    if get_origin(field.annotation) is Literal:
        return list(get_args(field.annotation))
    return ["true", "false"] if field.annotation is bool else []


def allowed(field: FieldInfo) -> str:
    """What a key may be, as the end of a sentence: ``must be a whole number, at least 1``."""
    if said := [m for m in field.metadata if isinstance(m, Says)]:
        return said[-1]
    if parts := _parts(field):
        return ", or ".join([allowed(parts[0]), *(allowed(part).removeprefix("must be ") for part in parts[1:])])
    if listed := choices(field):
        return f"must be {', '.join(listed[:-1])}{' or ' * (len(listed) > 1)}{listed[-1]}"
    bounds = {name: getattr(m, name) for m in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(m, name)}
    low, high = (bounds.get(f"{b}e", bounds.get(f"{b}t")) for b in "gl")
    if field.annotation is int:
        return f"must be a whole number, {f'at least {low}' if high is None else f'from {low} to {high}'}"
    if low is None:
        return "must be text" if field.annotation is str else "must be a group of keys"
    if high is None:
        return f"must be {'at least' if 'ge' in bounds else 'above'} {low}"
    return f"must be in {'[' if 'ge' in bounds else '('}{low}, {high}{']' if 'le' in bounds else ')'}"


def check(model: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> Any:
    """``values`` as an instance of ``model``.

    Raises:
        ConfigError: naming the first key that is wrong, its value and what is allowed.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    owner, node, field = model, values, None
    path: list[str] = []
    for part in map(str, first["loc"]):
        path.append(part)
        field = owner.model_fields.get(part)
        value = node.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)) or not isinstance(value, Mapping):
            break
        owner, node = inner, value
    key = prefix + ".".join(path)
    if field is None:
        if key in described():  # written with its dot into a file
            group, _, name = key.rpartition(".")
            raise ConfigError(key, value, f"write {group}: {{{name}: {value}}}")
        raise ConfigError(key, value, f"no such key{did_you_mean(key, described())}")
    raise ConfigError(key, value, allowed(field))
