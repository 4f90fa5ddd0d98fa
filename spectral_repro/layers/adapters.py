"""What training a converted model changes, to keep without the model: a file of its own, as LoRA's adapter is."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from spectral_repro.layers.parametrizations import QR
from spectral_repro.layers.qr import QRLinear


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """By name, what is trained of ``model``, and the positions of the entries that S-QR with ``p < 1`` trains.

    The tensors are detached and share memory with the model, as those of ``state_dict`` do. Parameters are trained if
    they require gradients, so freeze the others before this. Buffers that move without gradients, as the averages of
    batch normalization do, are not among them.
    """
    trained = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    return trained | _positions(model)


@torch.no_grad()
def load_trained(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copies what :func:`trained_state` gave into a model that was converted from equal weights in the same way.

    All or nothing is loaded. Parameters that stand in several places are loaded in all of them.

    Raises:
        ValueError: naming the key, if names, shapes or positions are not those of ``model``.
    """
    positions, wanted = _positions(model), trained_state(model)
    for name in [*wanted, *state]:
        if name not in state:
            raise ValueError(f"{name}: trained in this model, but not in the state; freeze and convert it as that one")
        if name not in wanted:
            raise ValueError(f"{name}: in the state, but not trained in this model; freeze and convert it as that one")
        here, there = tuple(wanted[name].shape), tuple(state[name].shape)
        if here != there:
            raise ValueError(f"{name}: has shape {here}, but {there} in the state; convert with the same options")
    for name, index in positions.items():
        if not torch.equal(index, state[name].to(index.device)):
            raise ValueError(f"{name}: trained at other positions: convert with the same seed")
    for name, value in wanted.items():
        if name not in positions:
            value.copy_(state[name])


def _positions(model: nn.Module) -> dict[str, Tensor]:
    """By name, where in ``R`` the trained entries are, of every layer or parametrization that does not train all."""
    layers = {name: m for name, m in model.named_modules() if isinstance(m, QRLinear)}
    found = {f"{name}.r_index".lstrip("."): m.r_index for name, m in layers.items() if m.p < 1 and m.r.requires_grad}
    lists = {name: m for name, m in model.named_modules() if isinstance(m, ParametrizationList)}
    return found | {
        f"{name}.0.r_index": m[0].get_buffer("r_index")
        for name, m in lists.items()
        if isinstance(m[0], QR) and m[0].options["p"] < 1 and m.get_parameter("original2").requires_grad
    }
