"""A feedforward stack of layers, for one network or for all realizations of a cell at once."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from spectral_repro.layers import ReparametrizedLinear, stack
from spectral_repro.layers.base import affine, linear_of
from spectral_repro.training.masking import FixedMasks, Masking
from spectral_repro.training.random import stream

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    **{name: getattr(nn.functional, name) for name in ("elu", "gelu", "leaky_relu", "sigmoid", "silu", "softplus")},
}
#: The same as modules.
_MODULES: dict[str, type[nn.Module]] = {
    **{"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "gelu": nn.GELU, "leaky_relu": nn.LeakyReLU},
    **{"sigmoid": nn.Sigmoid, "silu": nn.SiLU, "softplus": nn.Softplus},
}

#: Builds one layer: ``factory(in_features, out_features, generator=…, sparsity=…, dtype=…)``.
LayerFactory = Callable[..., ReparametrizedLinear]


class Network(nn.Module):
    """``ℓ`` layers of neurons, ``sizes = (N_1, …, N_ℓ)``, joined by ``ℓ − 1`` maps; softmax is left to the loss.

    Args:
        layers: the maps, in order.
        activation: of the hidden layers, one of :data:`ACTIVATIONS`.

    ``masking`` is set by a trainer that silences weights in another way than the layers' own cut-off.
    """

    layers: Sequence[ReparametrizedLinear]

    def __init__(self, layers: Sequence[ReparametrizedLinear], activation: str = "relu") -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)  # type: ignore[assignment]  # torch does not say of what it is a list
        self.activation = activation
        self.masking: Masking | FixedMasks | None = None

    def forward(self, x: Tensor, product: Tensor | None = None) -> Tensor:
        """``(…, N_1)`` to logits ``(…, N_ℓ)``; ``product`` is the first layer's frozen product, if known."""
        if self.masking:
            return self.apply_maps(self._maps(), x)
        activate = ACTIVATIONS[self.activation]
        for i, layer in enumerate(self.layers):
            x = layer(x, product) if i == 0 else layer(activate(x))
        return x

    @property
    def sparse(self) -> bool:
        """Whether any weights are silenced."""
        return self.masking is not None or any(layer.sparsity for layer in self.layers)

    @property
    def masking_in_training(self) -> Masking | None:
        """``masking`` as a trainer has set it.

        Raises:
            TypeError: if it is that of a network that was trained.
        """
        if isinstance(self.masking, FixedMasks):
            raise TypeError("the masks of this network are fixed: it was trained")
        return self.masking

    @torch.no_grad()
    def effective_maps(self) -> list[tuple[Tensor, Tensor | None]]:
        """``(W, b)`` of every layer, after the cut-off: all that evaluation needs."""
        return self._maps()

    def _maps(self) -> list[tuple[Tensor, Tensor | None]]:
        if not self.masking:
            return [(layer.weight, layer.bias) for layer in self.layers]
        weights = self.masking.weights([layer.dense_weight() for layer in self.layers])
        return [(weight, layer.bias) for weight, layer in zip(weights, self.layers, strict=True)]

    def to_sequential(self) -> nn.Sequential:
        """The same network of plain ``nn.Linear``, zero where weights are silenced, and torch's activations between.

        Raises:
            ValueError: if this is a stack of networks.
        """
        parts: list[nn.Module] = []
        for weight, bias in self.effective_maps():
            if weight.ndim != 2:
                raise ValueError(f"a stack of {weight.shape[0]} networks is not one network; unstack it first")
            parts += [linear_of(weight, bias), _MODULES[self.activation]()]
        return nn.Sequential(*parts[:-1]).train(self.training)

    @torch.no_grad()
    def state_of(self, i: int) -> dict[str, Tensor]:
        """Of a stack, the parameters and buffers of network ``i`` as its own, and masks that its layers do not have."""
        state = {}
        for prefix, module in self.named_modules():
            shared = getattr(module, "shared", ())
            for key, value in (*module._parameters.items(), *module._buffers.items()):
                if value is not None:
                    state[f"{prefix}.{key}"] = (value if key in shared else value[i]).detach().clone()
        if self.masking:
            state |= {f"masks.{k}": weight[i] != 0 for k, (weight, _) in enumerate(self.effective_maps())}
        return state

    def apply_maps(self, maps: Sequence[tuple[Tensor, Tensor | None]], x: Tensor) -> Tensor:
        """Logits from :meth:`effective_maps`, so that many chunks share the cost of building the weights."""
        activate = ACTIVATIONS[self.activation]
        for i, (weight, bias) in enumerate(maps):
            x = affine(x if i == 0 else activate(x), weight, bias)
        return x


def build_network(
    sizes: Sequence[int],
    layer: LayerFactory,
    first_layer: LayerFactory | None = None,
    *,
    seed: int,
    activation: str = "relu",
    sparsity: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> Network:
    """One realization, on the CPU; start values are drawn in float64 from ``seed`` and rounded to ``dtype``."""
    generator = stream(seed, "init")
    layers = [
        (first_layer if first_layer and k == 0 else layer)(
            sizes[k], sizes[k + 1], generator=generator, sparsity=sparsity, dtype=dtype
        )
        for k in range(len(sizes) - 1)
    ]
    return Network(layers, activation)


def build_stack(seeds: Sequence[int], **network) -> Network:
    """The networks of all ``seeds`` as one."""
    return stack([build_network(seed=seed, **network) for seed in seeds])


def trained_parameters(module: nn.Module) -> int:
    """How many numbers an optimizer of this (unstacked) module updates."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def direct_parameters(sizes: Sequence[int]) -> int:
    """``Σ (N_k + 1) N_{k+1}``: the parameters of the same network in direct space, biases included."""
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
