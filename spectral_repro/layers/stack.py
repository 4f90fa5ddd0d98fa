"""Many networks of one shape as one: parameters and buffers gain a leading dimension, but for shared buffers."""

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from spectral_repro.layers.base import ReparametrizedLinear

M = TypeVar("M", bound=nn.Module)


def stack(modules: Sequence[M]) -> M:
    """One module of the same class whose parameters and buffers are ``(R, …)``, one slice per module.

    Raises:
        ValueError: if ``modules`` is empty or differ in structure.
    """
    if not modules:
        raise ValueError("nothing to stack")
    stacked = copy.deepcopy(modules[0])
    for name, part in stacked.named_modules():
        parts, structure = [m.get_submodule(name) for m in modules], _structure(part)
        for other in parts:
            if _structure(other) != structure:
                raise ValueError(f"{name or 'the module'}: {part!r} and {other!r} cannot be stacked")
        if isinstance(part, ReparametrizedLinear):
            part.stacked = True
        for key, value in part._parameters.items():
            if value is not None:
                together = _stack([q.detach() for p in parts if (q := p._parameters[key]) is not None], key)
                part._parameters[key] = nn.Parameter(together, value.requires_grad)
        for key, value in part._buffers.items():
            if value is not None and key not in getattr(part, "shared", ()):
                part._buffers[key] = _stack([b for p in parts if (b := p._buffers[key]) is not None], key)
    return stacked


def unstack(module: M) -> list[M]:
    """The ``R`` networks of a stack, each with parameters and buffers of its own: the way back from :func:`stack`.

    Raises:
        ValueError: if ``module`` has no layers of ours that are stacked.
    """
    ours = [part for part in module.modules() if isinstance(part, ReparametrizedLinear) and part.stacked]
    if not ours:
        raise ValueError(f"{type(module).__name__} is no stack of networks")
    networks = []
    for i in range(len(next(ours[0].parameters()))):
        own: dict[int, Any] = {}  # for deepcopy: what takes the place of a tensor
        for part in module.modules():
            own |= {id(p): nn.Parameter(p[i].detach().clone(), p.requires_grad) for p in part.parameters(recurse=False)}
            shared = getattr(part, "shared", ())
            own |= {id(b): b[i].clone() for key, b in part.named_buffers(recurse=False) if key not in shared}
        network = copy.deepcopy(module, own)
        for part in network.modules():
            if isinstance(part, ReparametrizedLinear):
                part.stacked = False
        networks.append(network)
    return networks


def _structure(part: nn.Module) -> tuple:
    """Class, what is trained and what is frozen, submodules, and how sparse it is."""
    trained = {key: None if value is None else value.requires_grad for key, value in part._parameters.items()}
    frozen = {key for key, value in part._buffers.items() if value is not None}
    return type(part), trained, frozen, part._modules.keys(), getattr(part, "sparsity", 0.0)


def _stack(values: list[Tensor], key: str) -> Tensor:
    if any(v.shape != values[0].shape for v in values):
        raise ValueError(f"{key}: shapes {sorted({tuple(v.shape) for v in values})} cannot be stacked")
    return torch.stack(values)
