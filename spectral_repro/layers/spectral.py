"""Spectral training: the eigenvalues are trained, the eigenvectors frozen (Eq. 2)."""

import warnings
from collections.abc import Collection, Mapping
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn

from spectral_repro.layers.base import (
    ReparametrizedLinear,
    Start,
    draw_normal,
    draw_start,
    in_float64,
)


class EigenvalueLinear(ReparametrizedLinear):
    """``w_ij = (λin_j − λout_i) φ_ij`` (Eq. 2) for an eigenvector block ``φ`` that a subclass defines.

    In factored form (Eq. 3) ``y = (x ∘ λin) φᵀ − λout ∘ (x φᵀ)``; a subclass that knows how to apply ``φ``
    cheaply says so in ``through_eigenvectors``.

    Args:
        eig_in: start of ``λin``: a number or ``[low, high]`` of a uniform distribution.
        eig_out: start of ``λout``, likewise.
    """

    eig_in: Tensor
    eig_out: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool,
        sparsity: float,
        eig_in: Start,
        eig_out: Start,
        device,
        dtype,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, device, dtype)
        self.eig_in_start, self.eig_out_start = eig_in, eig_out

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        return {
            "eig_in": draw_start(self.eig_in_start, self.in_features, generator),
            "eig_out": draw_start(self.eig_out_start, self.out_features, generator),
        }

    @classmethod
    def from_linear(cls, linear: nn.Linear, seed: int = 0, **options) -> Self:
        """A layer that starts as ``linear`` and trains what this method trains: ``φ = W``, ``λin = 1``, ``λout = 0``.

        The factors of ``W`` are found in float64; the outputs are those of ``linear`` to rounding. The layer follows
        from the arguments alone: torch's global generators are neither read nor moved. A warning says if ``W`` is zero
        and nothing that is trained could change that.

        Args:
            linear: ``(N_in, N_out)``; it is left as it is, and its bias is trained on.
            seed: of the positions that S-QR with ``p < 1`` trains; they depend on it, on ``p`` and on the shape.
            options: of this class, for instance ``p=0.1``; not ``eig_in``, ``eig_out``, which are given.

        Raises:
            TypeError: if ``linear`` is no ``nn.Linear``, if there is no such option, or if ``factors_of`` of a class
                of one's own leaves out a parameter or buffer.
            ValueError: if an option is not allowed.
        """
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"{type(linear).__name__} is no nn.Linear")
        layer = started_as(cls, linear.weight, linear.bias, seed, options)
        if stays_zero(dict(layer.named_parameters()), linear.weight):
            warnings.warn(STAYS_ZERO, stacklevel=2)
        return layer

    def factors_of(self, phi: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """By name, the parameters and buffers that make up the eigenvector block ``phi (N_out, N_in)``.

        What the layer has beside them is to be among them, too, but ``eig_in``, ``eig_out`` and the bias.

        Args:
            generator: of the CPU, for what ``phi`` does not decide.
        """
        raise TypeError(f"{type(self).__name__} does not define factors_of")

    def eigenvectors(self) -> Tensor:
        """``φ (…, N_out, N_in)``, the subdiagonal block of ``Φ``."""
        raise TypeError(f"{type(self).__name__} does not define eigenvectors")

    def through_eigenvectors(self, x: Tensor) -> Tensor:
        """``x φᵀ``: ``(…, N_in)`` to ``(…, N_out)``."""
        return x @ self.eigenvectors().mT

    def dense_weight(self) -> Tensor:
        return (self.eig_in.unsqueeze(-2) - self.eig_out.unsqueeze(-1)) * self.eigenvectors()

    def apply_factored(self, x: Tensor) -> Tensor:
        scaled = self.through_eigenvectors(x * self._per_row(self.eig_in, x))
        plain = self.through_eigenvectors(x)
        return scaled - self._per_row(self.eig_out, plain) * plain


Layer = TypeVar("Layer", bound=EigenvalueLinear)

#: What is to be said of a layer that stays zero.
STAYS_ZERO = "all weights are zero, and stay so: eigenvalues only scale them; SVDLinear and QRLinear learn others"


def started_as(cls: type[Layer], weight: Tensor, bias: Tensor | None, seed: int, options: Mapping[str, Any]) -> Layer:
    """A layer of class ``cls`` whose ``W`` is ``weight (N_out, N_in)``, in memory of its own.

    See :meth:`EigenvalueLinear.from_linear` for what is drawn and raised.
    """
    if fixed := {"eig_in", "eig_out", "bias", "device", "dtype"} & options.keys():
        raise ValueError(f"{', '.join(sorted(fixed))}: follows from the linear layer, and cannot be given")
    if "generator" in options:
        raise ValueError("generator: cannot be given; seed= decides which entries are trained")
    weight = weight.detach()
    n_out, n_in = weight.shape
    given = {**options, "bias": bias is not None, "eig_in": 1.0, "eig_out": 0.0, "dtype": weight.dtype}
    with torch.device("meta"):  # shapes alone: no start is drawn
        layer = cls(n_in, n_out, device="meta", **given)
    layer._factory["device"] = weight.device
    values = {"eig_in": torch.ones_like(weight[0]), "eig_out": torch.zeros_like(weight[:, 0])}
    values |= layer.factors_of(in_float64(weight), torch.Generator("cpu").manual_seed(seed))
    if bias is not None:
        values["bias"] = bias
    own: dict[str, Tensor] = dict(layer.named_parameters()) | dict(layer.named_buffers())
    if odd := own.keys() ^ values.keys():
        raise TypeError(f"{cls.__name__}: factors_of and the layer differ in {', '.join(sorted(odd))}")
    for name, empty in own.items():
        with torch.no_grad():
            value = torch.empty_like(empty, device=weight.device).copy_(values[name])
        part, _, key = name.rpartition(".")
        trained = isinstance(empty, nn.Parameter)
        setattr(layer.get_submodule(part), key, nn.Parameter(value, empty.requires_grad) if trained else value)
    return layer


def stays_zero(trained: Collection[str], weight: Tensor) -> bool:
    """Whether what starts as ``weight`` is zero, and none of the parameters ``trained`` could change that."""
    weight = weight.detach()
    has_numbers = type(weight) is Tensor and not weight.is_meta
    return {*trained} <= {"eig_in", "eig_out", "bias"} and has_numbers and not bool(weight.any())


class SpectralLinear(EigenvalueLinear):
    """*Spectral*: ``λin`` and ``λout`` are trained, ``φ`` is random and frozen (Sec. III).

    ``SpectralLinear(…, eig_in=1, train_eig_in=False)`` is a layer of the original method (Ref. 12, Fig. 3).

    ``SpectralLinear(…, bias=False, eig_in=0, train_eig_in=False)`` has one eigenvalue a node (Ref. 16).

    Parameters (trained): ``eig_in (N_in)``, ``eig_out (N_out)``, ``bias (N_out)``. Buffer: ``phi (N_out, N_in)``.

    Args:
        train_eig_in: whether ``λin`` is trained (not in the original method, from the second layer on).
        phi_std: standard deviation of the entries of ``φ``.
        train_eigenvectors: whether ``φ`` is trained, too.
    """

    phi: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        eig_in: Start = (-0.97, 0.97),
        eig_out: Start = (-0.13, 0.13),
        train_eig_in: bool = True,
        phi_std: float = 0.036,
        train_eigenvectors: bool = False,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__(in_features, out_features, bias, sparsity, eig_in, eig_out, device, dtype)
        self.phi_std = phi_std
        frozen = [*["phi"] * (not train_eigenvectors), *["eig_in"] * (not train_eig_in)]
        self.initialize(generator, frozen=frozen)

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        eigenvalues = super().start_values(generator)
        return {**eigenvalues, "phi": draw_normal(self.out_features, self.in_features, self.phi_std, generator)}

    def factors_of(self, phi: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        del generator
        return {"phi": phi}

    def eigenvectors(self) -> Tensor:
        return self.phi
