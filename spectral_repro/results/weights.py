"""Trained networks, one file per realization, and the way back to a module (``weights=true``)."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from spectral_repro.config.cell import Cell, import_layer, source_of_others
from spectral_repro.config.written import described
from spectral_repro.errors import UserError
from spectral_repro.files import write_atomically
from spectral_repro.training.masking import FixedMasks
from spectral_repro.training.network import Network, build_network

_MASK = "masks."


def weights_file(results_dir: Path, cell: Cell, seed: int) -> Path:
    """``<results_dir>/weights/<data>/<method>-…-<config hash>/<seed>.safetensors``."""
    return results_dir / "weights" / cell.data["name"] / cell.slug / f"{seed}.safetensors"


def save_network(path: Path, cell: Cell, sizes: Sequence[int], state: dict[str, Tensor]) -> None:
    """Writes one network; ``state`` is from :meth:`spectral_repro.training.network.Network.state_of`."""
    from safetensors.torch import save

    config = {**yaml.safe_load(described(cell)), "sizes": list(sizes), "source": source_of_others(cell.layer)}
    tensors = {name: value.cpu().contiguous() for name, value in state.items()}
    write_atomically(path, save(tensors, metadata={"spectral_repro": json.dumps(config)}))


def load_network(path: str | Path) -> Network:
    """The network of a file that ``weights=true`` wrote, as a module on the CPU, ready to be used or trained on.

    ``network.config`` is its effective configuration with the sizes, ``network.layers`` are its layers, each with
    ``to_linear``. Its input are images flattened row by row, channels last, in [0, 1]. Weights that another way than
    the layers' own cut-off silenced stay silenced in the network (``network.effective_maps()``), not in its layers.

    Raises:
        UserError: if the file is not there or not one of ours, or if the layer class has been changed since.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such file")
    try:
        with safe_open(str(path), framework="pt") as file:
            config = json.loads(file.metadata()["spectral_repro"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: is not a network that weights=true wrote ({type(error).__name__})") from None
    if config.get("source") != source_of_others(config["layer"]):
        raise UserError(f"{path}: {config['layer']} is not what it was when this network was trained")
    network = _build(config)
    masks = [tensors.pop(f"{_MASK}{k}") for k in range(len(network.layers)) if f"{_MASK}{k}" in tensors]
    network.load_state_dict(tensors)
    if masks:
        network.masking = FixedMasks(masks)
    network.config = config
    return network


def _build(config: dict[str, Any]) -> Network:
    layer = import_layer(config["layer"])
    return build_network(
        config["sizes"],
        functools.partial(layer, **config["options"]),
        functools.partial(layer, **{**config["options"], **config["first_layer"]}),
        seed=0,
        activation=config["trainer"]["activation"],
        sparsity=0.0 if config.get("masking") else config["sparsity"],
        dtype=torch.float32,
    )
