"""What our autograd functions share: where they stand aside, and where gradients are written."""

import torch
from torch import Tensor
from torch._C import _get_dispatch_mode, _TorchDispatchModeKey
from torch._C._functorch import is_legacy_batchedtensor
from torch.autograd import forward_ad

_TRACING = (_TorchDispatchModeKey.PROXY, _TorchDispatchModeKey.FAKE)


def plain_formula() -> bool:
    """Whether plain operations are to be used instead of our autograd functions: compiled, traced, or in forward mode.

    Those have no rule for forward mode (``jvp``): torch drops the tangents of an outer level inside such a rule, so
    that derivatives of derivatives would be wrong, and ``torch.compile`` refuses a function that has one. And one of
    them reads numbers, which ``make_fx`` would keep as constants and a fake tensor does not have; TorchScript cannot
    save them.
    """
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing() or any(map(_get_dispatch_mode, _TRACING))
    return traced or forward_ad._current_level >= 0


def many_at_once(*tensors: Tensor) -> bool:
    """Whether ``torch.autograd`` takes many derivatives in one pass (``is_grads_batched``, ``vectorize``).

    Its tensors know neither ``out=`` nor autograd functions.
    """
    return any(map(is_legacy_batchedtensor, tensors))


def minus_scaled(a: Tensor, scale: Tensor, b: Tensor) -> Tensor:
    """``a − scale ∘ b``."""
    if plain_formula():  # torch 2.14 dies of compiling the forward mode of the other
        return a - scale * b
    return torch.addcmul(a, scale, b, value=-1)


def take_gradient_buffer(parameter: Tensor) -> Tensor | None:
    """Where a trainer wants the gradient of this parameter to be written, if it said so since the last call.

    The first operation of a graph that uses the parameter may write its share of the gradient there instead of
    into new memory; the next ones are given None, and autograd adds up. Such a graph runs backward once. An
    operation that does not know of this costs a copy, no more.
    """
    buffer = getattr(parameter, "gradient_buffer", None)
    if buffer is not None:
        parameter.gradient_buffer = None  # type: ignore[attr-defined]  # our own
    return buffer
