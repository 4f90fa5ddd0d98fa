"""What our autograd functions share: where gradients are written, and the derivative of a product.

Each function has a rule for forward mode (``jvp``), with which ``torch.compile`` refuses it; compiled, the plain
formula takes its place.
"""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.autograd import forward_ad


def take_gradient_buffer(parameter: Tensor) -> Tensor | None:
    """Where a trainer wants the gradient of this parameter to be written, if it said so since the last call.

    The first operation of a graph that uses the parameter may write its share of the gradient there instead of
    into new memory; the next ones are given None, and autograd adds up. Such a graph runs backward once. An
    operation that does not know of this costs a copy, no more.
    """
    buffer = getattr(parameter, "gradient_buffer", None)
    if buffer is not None:
        parameter.gradient_buffer = None
    return buffer


def product_rule(
    product: Callable[..., Tensor], factors: Sequence[Tensor], tangents: Sequence[Tensor | None]
) -> Tensor | None:
    """The derivative of a product, linear in each of its factors, along their tangents; None means zero."""
    total = None
    for i, tangent in enumerate(tangents):
        if tangent is not None:
            term = product(*factors[:i], tangent, *factors[i + 1 :])
            total = term if total is None else total + term
    return total


def save(ctx, *tensors: Tensor) -> None:
    """Saves tensors for both modes."""
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def has_tangent(*tensors: Tensor) -> bool:
    """Whether one of them is a dual number: a backward pass inside forward mode."""
    return any(forward_ad.unpack_dual(t).tangent is not None for t in tensors)
