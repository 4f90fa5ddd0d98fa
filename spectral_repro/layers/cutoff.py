"""The adaptive cut-off of sparse training (Figs. 2 and 10): silence the smallest weights at every step."""

from torch import Tensor


def cutoff(weight: Tensor, sparsity: float) -> Tensor:
    """``W ⊙ [|W| ≥ C]`` with ``C`` the ``sparsity``-quantile of ``|W|``, for each network of a stack on its own.

    The ``round(sparsity · n)`` smallest of the ``n`` entries become zero (exactly so many unless entries tie
    at ``C``, and never all); gradients flow through the survivors only, and none flows through ``C``.

    Args:
        weight: ``(…, N_out, N_in)``.
        sparsity: in [0, 1); 0 returns ``weight`` itself.

    Raises:
        ValueError: if it is not.
    """
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity={sparsity}: must be in [0, 1)")
    if sparsity == 0:
        return weight
    entries = int(weight.shape[-1]) * int(weight.shape[-2])  # tensors while torch.jit traces
    silenced = min(round(sparsity * entries), entries - 1)
    if silenced == 0:
        return weight
    magnitude = weight.detach().abs()
    return weight * (magnitude >= selected(magnitude.flatten(-2), silenced)[..., None, None])


def selected(values: Tensor, k: int) -> Tensor:
    """The entry of rank ``k`` (0-based, ascending) in each row of ``values (…, n)``; nothing makes the host wait.

    By ``topk``, as ``kthvalue`` has one block of threads per row on a GPU. NaN counts as the greatest.
    """
    n = values.shape[-1]
    if 2 * k < n:
        return values.topk(k + 1, largest=False, sorted=False).values.amax(-1)
    return values.topk(n - k, sorted=False).values.amin(-1)
