"""The weights of a network that exists already by their spectra: layers in the place of others, or parametrizations."""

import contextlib
import fnmatch
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized, remove_parametrizations

from spectral_repro.layers.base import ReparametrizedLinear
from spectral_repro.layers.parametrizations import Spectral, is_conv1d
from spectral_repro.layers.spectral import EigenvalueLinear

#: Which layers: a name or pattern (``blocks.*.fc1``), or a function of name and layer.
Where = str | Callable[[str, Any], bool]

#: Modules that :func:`parametrize_all` takes unless told otherwise.
KINDS: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.MultiheadAttention)
KINDS += (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def replace_linear(
    model: nn.Module, layer: type[EigenvalueLinear], where: Where | None = None, seed: int = 0, **options
) -> int:
    """Puts ``layer.from_linear(linear, seed, **options)`` in the place of linear layers of ``model``; outputs stay.

    A layer that stands in several places is replaced in all of them if one is chosen, and is one afterwards.
    Subclasses of ``nn.Linear``, as inside ``nn.MultiheadAttention``, which reads their weights itself, are left alone;
    hooks of what is replaced go with it, and a new bias is a parameter of its own, and trained. What else the model
    trains, it trains on; freeze that before, with ``model.requires_grad_(False)``, to train the new parameters only.

    ``Conv1D`` of HuggingFace's transformers (GPT-2) counts as the ``nn.Linear`` of the transposed weight, also for a
    function ``where``. Warnings of ``from_linear`` name the layer, for instance that an all-zero weight cannot learn.

    Args:
        where: which ones; None: all.
        seed: of the positions that S-QR with ``p < 1`` trains. All layers have the same seed, so that layers of one
            shape train the same positions, whichever others are replaced.

    Returns:
        How many numbers of ``model`` are left to train.

    Raises:
        TypeError: if ``layer`` cannot start from a linear one, or ``where`` is neither pattern nor function.
        ValueError: if there is none to replace, if the model itself is a linear layer, or if a weight or bias is tied
            to another module.
    """
    if not hasattr(layer, "from_linear"):
        raise TypeError(f"{layer.__name__} cannot start from an nn.Linear; SpectralLinear, SVDLinear and QRLinear can")
    if isinstance(model, nn.Linear):
        raise ValueError("the model itself is an nn.Linear, which cannot be replaced in itself; use from_linear")
    if _is_linear(model):
        raise ValueError("the model itself is a Conv1D, which cannot be replaced in itself; put it into another module")
    found = {name: m for name, m in model.named_modules(remove_duplicate=False) if _is_linear(m)}
    chosen = _choose(found, where, "no nn.Linear to replace; the linear layers")
    _refuse_tied(model, [(name, m, key) for name, m in chosen.items() for key, _ in m.named_parameters()])
    made: dict[nn.Module, nn.Module] = {}
    for name, linear in chosen.items():
        if linear not in made:
            with _warnings_of(name):
                made[linear] = layer.from_linear(_as_linear(linear), seed, **options)
    _put(model, chosen, made)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def parametrize_all(
    model: nn.Module,
    parametrization: Callable[..., nn.Module],
    where: Where | None = None,
    kinds: tuple[type[nn.Module], ...] = KINDS,
    **options,
) -> int:
    """Calls ``parametrization(module, name, **options)`` for the weights of ``model``; outputs stay.

    For instance ``parametrize_all(model, qr, p=0.1)``, with one of :mod:`spectral_repro.layers.parametrizations`.
    Beside :func:`replace_linear` it takes convolutions and attention. The modules stay what they are, and build their
    weights at each call; the layers of ``replace_linear`` do without where that is cheaper. Weights that are
    parametrized already are left alone. Biases stay as they are, frozen ones frozen; what else the model trains, it
    trains on. ``Conv1D`` of transformers counts as ``nn.Linear``. Warnings name the module.

    Args:
        where: which modules, by name, pattern, or function of name and module; None: all of these kinds.
        kinds: classes whose parameters called ``…weight``, of two dimensions or more, are parametrized. Attention has
            ``in_proj_weight``, or one each of queries, keys and values, and ``out_proj``, which is a linear layer.

    Returns:
        How many numbers of ``model`` are left to train.

    Raises:
        TypeError: if ``where`` is neither pattern nor function.
        ValueError: if there is none to parametrize, or if a weight is tied to another module. After an error of any
            kind ``model`` is as it was before.
    """
    modules = model.named_modules(remove_duplicate=False)
    conv1d = nn.Linear in kinds
    found = {name: m for name, m in modules if (isinstance(m, kinds) or (conv1d and is_conv1d(m))) and _weights(m)}
    chosen = _choose(found, where, "no weight to parametrize; the modules that have one")
    weights = {(m, key): name for name, m in chosen.items() for key in _weights(m)}
    _refuse_tied(model, [(name, m, key) for (m, key), name in weights.items()])
    before = {(m, key): getattr(m, key) for m, key in weights}
    try:
        for (module, key), name in weights.items():
            with _warnings_of(name):
                parametrization(module, key, **options)
    except BaseException:
        for (module, key), weight in before.items():
            if is_parametrized(module, key):
                _merge(module, key)
                setattr(module, key, weight)
        raise
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def restore_linear(model: nn.Module) -> int:
    """Puts a plain ``nn.Linear`` in the place of every layer of ours in ``model``, and makes its weights plain.

    Outputs stay. The way back from :func:`replace_linear` and :func:`parametrize_all`, and to a network for programs
    that know nothing of spectra. What the cut-off silences is zero, and trained from there on if the model is.

    Returns:
        How many layers were replaced and weights made plain.

    Raises:
        ValueError: if there is none, if the model itself is one, or if one is a stack of networks.
    """
    if isinstance(model, ReparametrizedLinear):
        raise ValueError("the model itself is such a layer, which cannot be replaced in itself; use to_linear")
    ours = {name: m for name, m in model.named_modules(remove_duplicate=False) if isinstance(m, ReparametrizedLinear)}
    parametrized = _parametrized(model)
    if not ours and not parametrized:
        raise ValueError("no layer of spectral_repro.layers to replace, and no weight that it parametrizes")
    made: dict[nn.Module, nn.Module] = {layer: layer.to_linear() for layer in dict.fromkeys(ours.values())}
    _put(model, ours, made)
    for module, key in parametrized:
        _merge(module, key)
    return len(made) + len(parametrized)


def _choose(found: Mapping[str, nn.Module], where: Where | None, none: str) -> dict[str, nn.Module]:
    """Those of ``found`` that are wanted, under all their names if under one."""
    if not (where is None or isinstance(where, str) or callable(where)):
        raise TypeError(f"where={where!r}: must be a name, a pattern, or a function of name and layer")
    wanted = {m for name, m in found.items() if _wanted(where, name, _as_linear(m) if is_conv1d(m) else m)}
    if not wanted:
        raise ValueError(f"where={where!r}: {none} are {', '.join(found) or 'none'}")
    return {name: m for name, m in found.items() if m in wanted}


def _refuse_tied(model: nn.Module, parameters: Iterable[tuple[str, nn.Module, str]]) -> None:
    """If one of these, each with its name, module and key, is another module's, too."""
    for name, module, kind in parameters:
        own = getattr(module, kind)
        if tied := [
            f"{other}.{key}".lstrip(".") for other, m, key, p in _holders(model) if m is not module and p is own
        ]:
            raise ValueError(f"{name}: its {kind} is also {tied[0]}; choose others with where=")


@contextlib.contextmanager
def _warnings_of(name: str) -> Iterator[None]:
    """Warnings name the layer, and the line that called the function which has this block."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        yield
    for warning in given:
        warnings.warn(f"{name}: {warning.message}", warning.category, stacklevel=4)


def _weights(module: nn.Module) -> list[str]:
    """What it calls its own matrices."""
    own = module.named_parameters(recurse=False)
    return [key for key, p in own if key.endswith("weight") and p.ndim > 1]


def _parametrized(model: nn.Module) -> list[tuple[nn.Module, str]]:
    """Modules and names of the weights that are parametrized by us."""
    found = []
    for name, m in model.named_modules():
        if isinstance(m, ParametrizationList) and isinstance(m[0], Spectral):
            parent, key = name.rsplit("parametrizations.", 1)
            found.append((model.get_submodule(parent.rstrip(".")), key))
    return found


def _merge(module: nn.Module, key: str) -> None:
    """Makes a parametrized weight plain, in this module alone.

    A deep copy shares the class that torch made for the module, and ``remove_parametrizations`` changes that class.
    """
    shared = type(module)
    module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
    remove_parametrizations(module, key)


def _is_linear(module: nn.Module) -> bool:
    """Whether it is a plain ``nn.Linear`` or what transformers has in its place."""
    return type(module) is nn.Linear or is_conv1d(module)


def _as_linear(module: nn.Module) -> nn.Linear:
    """The ``nn.Linear`` that does the same; of a ``Conv1D`` with the memory of its weight and its own bias."""
    if isinstance(module, nn.Linear):
        return module
    conv: Any = module
    n_in, n_out = conv.weight.shape
    linear = nn.Linear(n_in, n_out, device="meta")
    linear.weight = nn.Parameter(conv.weight.detach().T, conv.weight.requires_grad)
    linear.bias = conv.bias
    return linear.train(conv.training)


def _put(model: nn.Module, places: Mapping[str, nn.Module], made: Mapping[nn.Module, nn.Module]) -> None:
    """Replaces each module in all its places; all or none, as they are made by now."""
    for name, old in places.items():
        parent, _, key = name.rpartition(".")
        setattr(model.get_submodule(parent), key, made[old].train(old.training))


def _holders(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Parameter]]:
    """Every module of ``model`` with each of its own parameters."""
    for name, module in model.named_modules():
        yield from ((name, module, key, p) for key, p in module.named_parameters(recurse=False, remove_duplicate=False))


def _wanted(where: Where | None, name: str, linear: nn.Module) -> bool:
    if where is None:
        return True
    return fnmatch.fnmatchcase(name, where) if isinstance(where, str) else bool(where(name, linear))
