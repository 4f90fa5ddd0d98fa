"""What all parametrizations share: an affine map whose weight is computed from other quantities."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spectral_repro.layers.cutoff import cutoff

#: Kinds of device that have no float64.
WITHOUT_FLOAT64 = {"mps"}
_LARGEST = torch.finfo(torch.float64).max

#: How a start value is given: a number, or the two ends of a uniform distribution.
Start = float | Sequence[float]


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x Wᵀ + b`` for one network, or for a stack of networks with a leading dimension.

    Args:
        x: ``(…, N_in)`` for one network; ``(R, B, N_in)``, or ``(B, N_in)`` shared by all, for a stack.
        weight: ``(N_out, N_in)`` or ``(R, N_out, N_in)``.
        bias: ``(N_out)``, ``(R, N_out)`` or None.
    """
    if weight.ndim == 2:
        return nn.functional.linear(x, weight, bias)
    y = x @ weight.mT
    return y if bias is None else y + bias.unsqueeze(-2)


def _of_autocast(y: Tensor) -> Tensor:
    """As ``nn.Linear`` returns it: under autocast in its type, whichever way and however large the input was."""
    kind = y.device.type
    if y.dtype == torch.float32 and torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        return y.to(torch.get_autocast_dtype(kind))
    return y


@torch.no_grad()
def linear_of(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A plain ``nn.Linear`` with a copy of ``weight (N_out, N_in)`` and ``bias (N_out)``."""
    n_out, n_in = weight.shape
    linear = nn.Linear(n_in, n_out, bias is not None, device=weight.device, dtype=weight.dtype)
    linear.weight.copy_(weight)
    if bias is not None:
        linear.bias.copy_(bias)
    return linear


def draw_start(start: Start, size: int, generator: torch.Generator | None) -> Tensor:
    """``(size)`` start values in float64: constant, or uniform in ``[low, high)``.

    Raises:
        ValueError: if ``start`` is neither a finite number nor an ordered pair of such.
    """
    ends = [start] if isinstance(start, str) or not isinstance(start, Sequence) else start
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if numbers and not all(abs(end) <= _LARGEST for end in ends):
        raise ValueError(f"{start!r}: a start value is finite")
    if numbers and ends[0] is start:
        return torch.full((size,), float(start), dtype=torch.float64, **on_device_of(generator))
    if not numbers or len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError(f"{start!r}: a start value is a number, or the ends [low, high] of a uniform distribution")
    low, high = map(float, ends)
    return low + (high - low) * torch.rand(size, generator=generator, dtype=torch.float64, **on_device_of(generator))


def draw_normal(rows: int, columns: int, std: float, generator: torch.Generator | None) -> Tensor:
    """``(rows, columns)`` independent ``N(0, std²)`` entries in float64."""
    return std * torch.randn(rows, columns, generator=generator, dtype=torch.float64, **on_device_of(generator))


def draw_orthonormal(rows: int, columns: int, generator: torch.Generator | None) -> Tensor:
    """``(rows, columns)``, ``columns <= rows``: orthonormal columns, Haar distributed (QR with fixed signs)."""
    q, r = torch.linalg.qr(draw_normal(rows, columns, 1.0, generator))
    return q * torch.sign(r.diagonal())


def on_device_of(generator: torch.Generator | None) -> dict:
    """Where numbers of this generator are drawn, as an argument of torch's functions."""
    if generator is not None:
        return {"device": generator.device}
    return {"device": "cpu"} if torch.empty(0).device.type in WITHOUT_FLOAT64 else {}


def in_float64(values: Tensor) -> Tensor:
    """``values`` in float64, where there is such a thing."""
    return (values.cpu() if values.device.type in WITHOUT_FLOAT64 else values).double()


class ReparametrizedLinear(nn.Module):
    """An affine map ``y = x Wᵀ + b`` that drops in for ``nn.Linear``.

    A subclass says what its parameters and buffers start as (``start_values``) and how ``W`` follows from them
    (``dense_weight``), and may say how to apply it without building it (``apply_factored``). Everything that is frozen
    is a buffer, everything that is trained a ``Parameter``.

    All code is written for any number of leading dimensions, so that the stack of ``R`` networks that
    :func:`spectral_repro.layers.stack` builds is a module of the same class, whose parameters are
    ``(R, …)`` and whose input is ``(R, B, N_in)``.

    Args:
        in_features: ``N_in``, at least 1.
        out_features: ``N_out``, at least 1.
        bias: whether ``b (N_out)``, zero at the start, is added.
        sparsity: fraction of ``W`` that the adaptive cut-off silences at every step, in [0, 1) (SPEC 2).

    Raises:
        ValueError: if a size is below 1, the sparsity outside [0, 1), or ``dtype`` of no real floating-point numbers.
    """

    bias: nn.Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool, sparsity: float, device, dtype) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(f"in_features={in_features}, out_features={out_features}: must be at least 1")
        if not 0 <= sparsity < 1:
            raise ValueError(f"sparsity={sparsity}: must be in [0, 1)")
        self.in_features, self.out_features, self.sparsity = in_features, out_features, float(sparsity)
        device = torch.empty(0).device if device is None else device  # torch 2.7 tells not of `with torch.device(…)`
        dtype = dtype or torch.get_default_dtype()
        if not dtype.is_floating_point:
            raise ValueError(f"dtype={dtype}: must be of real floating-point numbers")
        self._factory = {"device": device, "dtype": dtype}
        self.register_parameter("bias", nn.Parameter(torch.zeros(out_features, **self._factory)) if bias else None)

    #: The parameter that is ``W`` itself, entry by entry, if there is one.
    entries: str | None = None
    #: Whether to apply the layer without building ``W`` (Eq. 3): yours to set, and cheaper for few rows. A cut-off
    #: needs ``W``, whatever this says.
    factored = False
    #: Whether this is a stack of networks, of which each has its own rows of the input.
    stacked = False
    #: Buffers that are the same in all networks of a stack, which has them once, without a leading dimension.
    shared: frozenset[str] = frozenset()

    def start_values(self, generator: torch.Generator | None) -> dict[str, Tensor]:
        """By name, what the parameters and buffers (but the bias, which is zero) are before training; float64."""
        raise TypeError(f"{type(self).__name__} does not define start_values")

    def initialize(self, generator: torch.Generator | None, frozen: Sequence[str] = ()) -> None:
        """Makes parameters of the start values, buffers of those named ``frozen``; the last line of an ``__init__``."""
        for name, value in self.start_values(generator).items():
            if value.is_floating_point():
                value = value.to(self._factory["dtype"])  # before the device: MPS has no float64
            value = value.to(self._factory["device"]).contiguous()  # factors come from LAPACK in Fortran's order
            if name in frozen:
                self.register_buffer(name, value)
            else:
                self.register_parameter(name, nn.Parameter(value))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws all start values anew, frozen ones too, in place; for instance after ``to_empty``.

        Several processes that train one network need equal generators: frozen values are each process's own.

        Raises:
            ValueError: if this is a stack of networks.
        """
        for name, value in self.start_values(generator).items():
            here = getattr(self, name)
            if here.shape != value.shape:
                raise ValueError(f"{name} has shape {tuple(here.shape)}, not {tuple(value.shape)}; unstack it first")
            value = value.to(here.dtype)
            if hasattr(here, "device_mesh"):  # sharded by FSDP2
                from torch.distributed.tensor import distribute_tensor

                value = distribute_tensor(value.to(here.device), here.device_mesh, here.placements)
            here.copy_(value)
        if self.bias is not None:
            self.bias.zero_()

    def dense_weight(self) -> Tensor:
        """``W (…, N_out, N_in)`` before the cut-off."""
        raise TypeError(f"{type(self).__name__} does not define dense_weight")

    @property
    def weight(self) -> Tensor:
        """The effective ``W (…, N_out, N_in)``, after the cut-off; computed anew, so writing into it does nothing."""
        return cutoff(self.dense_weight(), self.sparsity)

    def apply_factored(self, x: Tensor) -> Tensor:
        """``x Wᵀ`` of shape ``(…, N_out)`` without building ``W``."""
        raise TypeError(f"{type(self).__name__} has no factored form")

    def forward(self, x: Tensor) -> Tensor:
        """``(…, N_in)`` to ``(…, N_out)``."""
        if self.stacked and x.ndim > 3:
            return self.forward(x.flatten(1, -2)).unflatten(1, x.shape[1:-1])
        if self.factored and not self.sparsity:
            y = self.apply_factored(x)
            return _of_autocast(y if self.bias is None else y + self._per_row(self.bias, y))
        return _of_autocast(affine(x, cutoff(self.dense_weight(), self.sparsity), self.bias))

    @staticmethod
    def _per_row(vector: Tensor, like: Tensor) -> Tensor:
        """``vector (…, N)`` broadcast over the rows of ``like (…, B, N)``."""
        return vector.unsqueeze(-2) if like.ndim > 1 and vector.ndim > 1 else vector

    @torch.no_grad()
    def to_linear(self) -> nn.Linear:
        """A plain ``nn.Linear`` with the same outputs (of one network, not of a stack)."""
        weight = self.weight
        if weight.ndim != 2:
            raise ValueError(f"a stack of {weight.shape[0]} networks is not one nn.Linear; unstack it first")
        return linear_of(weight, self.bias)

    def extra_repr(self) -> str:
        trained = sum(p.numel() for p in self.parameters())
        text = f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        if self.sparsity:
            text += f", sparsity={self.sparsity:g}"
        return f"{text}, trained={trained:,}"
