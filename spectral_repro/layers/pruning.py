"""Which nodes of a layer matter, and the layer between some of its nodes only (Buffoni et al., 2108.00940)."""

from typing import Any

import torch
from torch import Tensor

from spectral_repro.layers.base import ReparametrizedLinear
from spectral_repro.layers.direct import DirectLinear
from spectral_repro.layers.spectral import SpectralLinear

#: What nodes are ranked by.
RANKINGS = ("eigenvalue", "connectivity")


@torch.no_grad()
def importance(layer: ReparametrizedLinear, by: str) -> Tensor:
    """How much each node that the layer leads to matters, ``(N_out)``.

    Args:
        by: ``eigenvalue``: ``|λout_i|``, which needs ``λin = 0``, frozen; ``connectivity``: ``Σ_j |w_ij|``.

    Raises:
        ValueError: if the ranking is none of these, or not defined for this layer, or if it is a stack.
    """
    if by == "connectivity":
        weight = layer.weight
        if weight.ndim != 2:
            raise ValueError(f"a stack of {len(weight)} networks has no one ranking; prune each")
        return weight.abs().sum(-1)
    if by != "eigenvalue":
        raise ValueError(f"by={by}: must be {' or '.join(RANKINGS)}")
    if type(layer) is not SpectralLinear or layer.eig_in.requires_grad or layer.eig_in.any():
        raise ValueError(
            "by=eigenvalue: needs spectral layers with λin = 0 that is not trained, where λout = 0 silences a node; "
            "by=connectivity ranks the nodes of any layer"
        )
    if layer.eig_out.ndim != 1:
        raise ValueError(f"a stack of {len(layer.eig_out)} networks has no one ranking; prune each")
    return layer.eig_out.abs()


@torch.no_grad()
def part_of(
    layer: ReparametrizedLinear, rows: Tensor, columns: Tensor, train_eigenvectors: bool | None
) -> ReparametrizedLinear:
    """A copy of what leads from the nodes ``columns`` to the nodes ``rows``: spectral if it is, else direct.

    ``train_eigenvectors`` says whether ``φ`` of a spectral layer is trained from here on; None: as before.
    """
    has_bias, like = layer.bias is not None, next(layer.parameters())
    options: dict[str, Any] = {"device": like.device, "dtype": like.dtype}
    rows, columns = rows.to(like.device), columns.to(like.device)
    part: ReparametrizedLinear
    if type(layer) is SpectralLinear:  # a class of one's own may make other weights of the same numbers
        options["train_eig_in"] = layer.eig_in.requires_grad
        options["train_eigenvectors"] = layer.phi.requires_grad if train_eigenvectors is None else train_eigenvectors
        part = SpectralLinear(len(columns), len(rows), has_bias, **options)
        values = {"eig_in": layer.eig_in[columns], "eig_out": layer.eig_out[rows], "phi": layer.phi[rows][:, columns]}
    else:
        part = DirectLinear(len(columns), len(rows), has_bias, **options)
        values = {"dense": layer.weight[rows][:, columns]}
    if layer.bias is not None:
        values["bias"] = layer.bias[rows]
    for name, value in values.items():
        getattr(part, name).copy_(value)
    return part
