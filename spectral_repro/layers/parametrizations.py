"""Any weight of any module by its spectrum, used as ``torch.nn.utils.parametrizations.weight_norm`` is.

``qr(module)`` returns ``module``, whose ``weight`` is computed from then on from what S-QR trains. At the start it is
the weight that the module had. One of more than two dimensions is the matrix ``W = weight.flatten(1)``: that of a
convolution ``(C_out, C_in/groups · k²)``, that of attention ``in_proj_weight (3 E, E)``. Transposed convolutions, and
``Conv1D`` of HuggingFace's transformers, keep the weight the other way round: there ``W`` is ``weight.flatten(1).T``,
``(C_out/groups · k², C_in)``.

What is trained are parameters of ``module.parametrizations.weight``, also if the weight was frozen before; torch calls
them ``original0``, ``original1``, …. What is frozen are buffers of ``module.parametrizations.weight[0]``:

============ ============= ============= ============= ==============================================
function     ``original0`` ``original1`` ``original2`` buffers
============ ============= ============= ============= ==============================================
``spectral`` ``eig_in``    ``eig_out``                 ``phi``
``svd``      ``eig_in``    ``eig_out``   ``s``         ``u``, ``v``
``qr``       ``eig_in``    ``eig_out``   ``r``         ``q``; of a triangle ``r_frozen``, ``r_index``
============ ============= ============= ============= ==============================================

``torch.nn.utils.parametrize`` does the rest: ``remove_parametrizations(module, "weight")`` makes the weight plain, and
under ``cached()`` it is built once, however often it is read. ``module.weight = value`` starts anew from ``value``.
"""

import warnings
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

from spectral_repro.layers.qr import QRLinear
from spectral_repro.layers.spectral import STAYS_ZERO, EigenvalueLinear, SpectralLinear, started_as, stays_zero
from spectral_repro.layers.svd import SVDLinear

Module = TypeVar("Module", bound=nn.Module)


class Spectral(nn.Module):
    """``w_ij = (λin_j − λout_i) φ_ij`` (Eq. 2) with frozen ``φ``; a subclass has other eigenvectors.

    Args:
        transposed: whether the weight is ``Wᵀ``, as ``W`` is ``(N_out, N_in)``.
        seed: as of :meth:`EigenvalueLinear.from_linear`.
        options: of the layer class that starts as the same ``W``.
    """

    layer: type[EigenvalueLinear] = SpectralLinear

    def __init__(self, transposed: bool = False, seed: int = 0, **options: Any) -> None:
        super().__init__()
        self.transposed, self.seed, self.options = transposed, seed, options
        self.trained: list[str] = []

    def right_inverse(self, weight: Tensor) -> list[Tensor]:
        """The start of what is trained: ``λin = 1``, ``λout = 0``, and factors of ``W``; the frozen ones stay here."""
        matrix = weight.flatten(1)
        matrix = matrix.mT if self.transposed else matrix
        layer = started_as(self.layer, matrix, None, self.seed, self.options)
        for name, value in layer.named_buffers():
            self.register_buffer(name, value)
        trained = dict(layer.named_parameters())
        self.shape, self.wide, self.trained = weight.shape, layer.out_features > layer.in_features, list(trained)
        return [p.detach() for p in trained.values()]

    def forward(self, *trained: Tensor) -> Tensor:
        """The weight, in the shape that it had."""
        values = dict(self.named_buffers()) | dict(zip(self.trained, trained, strict=True))
        w = (values["eig_in"] - values["eig_out"].unsqueeze(-1)) * self.eigenvectors(values)
        return (w.mT.contiguous() if self.transposed else w).reshape(self.shape)

    def eigenvectors(self, values: dict[str, Tensor]) -> Tensor:
        """``φ (N_out, N_in)`` from what is trained and frozen, by name."""
        return values["phi"]

    def extra_repr(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.options.items())


class SVD(Spectral):
    """``φ = U Σ Vᵀ`` with frozen ``U`` and ``V``."""

    layer = SVDLinear

    def eigenvectors(self, values: dict[str, Tensor]) -> Tensor:
        return (values["u"] * values["s"]) @ values["v"].mT


class QR(Spectral):
    """``φ = Q R`` for ``N_out > N_in``, else ``φᵀ = Q R``, with frozen ``Q``."""

    layer = QRLinear

    def eigenvectors(self, values: dict[str, Tensor]) -> Tensor:
        q, r = values["q"], values["r"]
        if "r_index" in values:  # where in the triangle the trained entries are
            r = values["r_frozen"].scatter(0, values["r_index"], r).view(q.shape[1], q.shape[1])
        return q @ r if self.wide else r.mT @ q.mT


def spectral(
    module: Module, name: str = "weight", *, train_eig_in: bool = True, train_eigenvectors: bool = False
) -> Module:
    """Trains of ``module.<name>`` the eigenvalues, ``λin = 1`` and ``λout = 0`` at the start; ``φ`` is that weight.

    A weight of zeros stays zero unless ``φ`` is trained: a warning says so.

    Args:
        module: any module with such a parameter.
        train_eig_in: whether ``λin`` is trained; if not, it is a buffer, and ``original0`` is ``eig_out``.
        train_eigenvectors: whether ``φ`` is trained, too, as the last of the originals.

    Returns:
        ``module``, in place.

    Raises:
        ValueError: if there is no such parameter, if it is no matrix, or if it is parametrized already.
    """
    options = {"train_eig_in": train_eig_in, "train_eigenvectors": train_eigenvectors}
    return _register(module, name, Spectral(_is_transposed(module), **options))


def svd(module: Module, name: str = "weight") -> Module:
    """Trains of ``module.<name>`` the eigenvalues and the singular values; arguments and errors of :func:`spectral`."""
    return _register(module, name, SVD(_is_transposed(module)))


def qr(module: Module, name: str = "weight", p: float = 1.0, core: str = "triangular", seed: int = 0) -> Module:
    """Trains of ``module.<name>`` the eigenvalues and ``R``, or a part of it; else as :func:`spectral`.

    Args:
        p: share of the entries above the diagonal of ``R`` that is trained; the diagonal always is.
        core: ``triangular``, or ``full``: all entries of ``R``, as in the published code.
        seed: of the positions that ``p < 1`` trains; they depend on it, on ``p`` and on the shape of ``W``.
    """
    return _register(module, name, QR(_is_transposed(module), seed, p=p, core=core))


def is_conv1d(module: nn.Module) -> bool:
    """Whether it is what HuggingFace's transformers has for ``nn.Linear``; its weight is ``(N_in, N_out)``."""
    return (type(module).__name__, type(module).__module__) == ("Conv1D", "transformers.pytorch_utils")


def _is_transposed(module: nn.Module) -> bool:
    """Whether its weight is ``(N_in, N_out, …)``."""
    return is_conv1d(module) or isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)


def _register(module: Module, name: str, parametrization: Spectral) -> Module:
    kind = type(module).__name__
    if is_parametrized(module, name):
        raise ValueError(f"{kind}.{name} is parametrized already; remove_parametrizations(module, {name!r}) first")
    own = dict(module.named_parameters(recurse=False))
    if name not in own:
        raise ValueError(f"{kind} has no parameter {name!r}; its own are {', '.join(own) or 'none'}")
    if own[name].ndim < 2:
        raise ValueError(f"{kind}.{name} has shape {tuple(own[name].shape)}: must have two dimensions or more")
    register_parametrization(module, name, parametrization)
    for p in module.get_submodule(f"parametrizations.{name}").parameters(recurse=False):
        p.requires_grad_(True)
    if stays_zero(parametrization.trained, own[name]):
        warnings.warn(STAYS_ZERO, stacklevel=3)
    return module
