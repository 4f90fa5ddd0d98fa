"""Where gradients are written, so that an optimizer need not copy them."""

from torch import Tensor


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
