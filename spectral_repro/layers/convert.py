"""Spectral layers in the place of the linear ones of a network that exists already."""

import fnmatch
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from spectral_repro.layers.base import ReparametrizedLinear
from spectral_repro.layers.spectral import EigenvalueLinear

#: Which layers: a name or pattern (``blocks.*.fc1``), or a function of name and layer.
Where = str | Callable[[str, nn.Linear], bool]


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
    if not (where is None or isinstance(where, str) or callable(where)):
        raise TypeError(f"where={where!r}: must be a name, a pattern, or a function of name and layer")
    found = {name: m for name, m in model.named_modules(remove_duplicate=False) if _is_linear(m)}
    wanted = {m for name, m in found.items() if _wanted(where, name, _as_linear(m))}
    chosen = {name: m for name, m in found.items() if m in wanted}
    if not chosen:
        raise ValueError(
            f"where={where!r}: no nn.Linear to replace; the linear layers are {', '.join(found) or 'none'}"
        )
    for name, linear in chosen.items():
        for kind, own in linear.named_parameters():
            if tied := [
                f"{other}.{key}".lstrip(".") for other, m, key, p in _holders(model) if m is not linear and p is own
            ]:
                raise ValueError(f"{name}: its {kind} is also {tied[0]}; choose others with where=")
    made = {}
    for name, linear in chosen.items():
        if linear not in made:
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                made[linear] = layer.from_linear(_as_linear(linear), seed, **options)
            for warning in given:
                warnings.warn(f"{name}: {warning.message}", warning.category, stacklevel=2)
    _put(model, chosen, made)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def restore_linear(model: nn.Module) -> int:
    """Puts a plain ``nn.Linear`` in the place of every layer of ours in ``model``; outputs stay.

    The way back from :func:`replace_linear`, and to a network for programs that know nothing of spectra. What the
    cut-off silences is zero, and trained from there on if the model is.

    Returns:
        How many layers were replaced.

    Raises:
        ValueError: if there is none, if the model itself is one, or if one is a stack of networks.
    """
    if isinstance(model, ReparametrizedLinear):
        raise ValueError("the model itself is such a layer, which cannot be replaced in itself; use to_linear")
    ours = {name: m for name, m in model.named_modules(remove_duplicate=False) if isinstance(m, ReparametrizedLinear)}
    if not ours:
        raise ValueError("no layer of spectral_repro.layers to replace")
    made: dict[nn.Module, nn.Module] = {layer: layer.to_linear() for layer in dict.fromkeys(ours.values())}
    _put(model, ours, made)
    return len(made)


def _is_linear(module: nn.Module) -> bool:
    """Whether it is a plain ``nn.Linear`` or what transformers has in its place, whose weight is ``(N_in, N_out)``."""
    kind = type(module)
    return kind is nn.Linear or (kind.__name__, kind.__module__) == ("Conv1D", "transformers.pytorch_utils")


def _as_linear(module: nn.Module) -> nn.Linear:
    """The ``nn.Linear`` that does the same; of a ``Conv1D`` with the memory of its weight and its own bias."""
    if type(module) is nn.Linear:
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


def _wanted(where: Where | None, name: str, linear: nn.Linear) -> bool:
    if where is None:
        return True
    return fnmatch.fnmatchcase(name, where) if isinstance(where, str) else bool(where(name, linear))
