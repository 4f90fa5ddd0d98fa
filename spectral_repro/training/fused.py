"""Passes over memory on a CPU, compiled by numba: each reads and writes every number once, in a fixed order.

Nothing is reassociated, so that a sum has the same bits on every processor. Arrays are C-contiguous; ``R`` networks,
``B`` images. The same formulas for tensors elsewhere stand where these are called.
"""

from collections.abc import Callable

import numba
import numpy as np
from torch import Tensor

#: Partial sums of a row, as many as a vector register holds: their order does not depend on the register's width.
_LANES = 16
#: Entries that are counted before some are taken one by one.
_BLOCK = 64


def _compiled(function: Callable) -> Callable:
    """``function`` compiled at its first call, kept on disk where a folder for that can be written."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder
        return numba.njit(nogil=True, error_model="numpy")(function)


def on_cpu(tensor: Tensor) -> bool:
    """Whether these passes apply."""
    return tensor.device.type == "cpu"


@_compiled
def bias_relu(y, b):
    """``y ← max(y + b, 0)``; ``y (R, B, N)``, ``b (R, N)``."""
    zero = y.dtype.type(0)
    for r in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                v = y[r, i, j] + b[r, j]
                y[r, i, j] = zero if v <= zero else v  # NaN stays


@_compiled
def relu_backward(d, h, d_bias):
    """``d ← d · [h > 0]`` and ``d_bias ← Σ_B d``; ``d, h (R, B, N)``, ``d_bias (R, N)``."""
    zero = d.dtype.type(0)
    for r in range(d.shape[0]):
        d_bias[r] = zero
        for i in range(d.shape[1]):
            for j in range(d.shape[2]):
                v = zero if h[r, i, j] <= zero else d[r, i, j]
                d[r, i, j] = v
                d_bias[r, j] += v


@_compiled
def tanh_backward(d, h, d_bias):
    """``d ← d (1 − h²)`` and ``d_bias ← Σ_B d``; shapes as of :func:`relu_backward`."""
    zero, one = d.dtype.type(0), d.dtype.type(1)
    for r in range(d.shape[0]):
        d_bias[r] = zero
        for i in range(d.shape[1]):
            for j in range(d.shape[2]):
                v = d[r, i, j] * (one - h[r, i, j] * h[r, i, j])
                d[r, i, j] = v
                d_bias[r, j] += v


@_compiled
def cross_entropy_gradient(z, labels, d_bias):
    """``z ← (softmax(z) − onehot(labels)) / B`` and ``d_bias ← Σ_B z``; ``z (R, B, classes)``, ``labels (R, B)``."""
    zero, share = z.dtype.type(0), z.dtype.type(1) / z.dtype.type(z.shape[1])
    for r in range(z.shape[0]):
        d_bias[r] = zero
        for i in range(z.shape[1]):
            row = z[r, i]
            most, total = row[0], zero
            for j in range(1, row.size):
                most = row[j] if row[j] > most else most
            for j in range(row.size):
                row[j] = np.exp(row[j] - most)
                total += row[j]
            for j in range(row.size):
                v = row[j] / total * share
                row[j] = v - share if j == labels[r, i] else v
                d_bias[r, j] += row[j]


@_compiled
def column_dots(a, x, out):
    """``out_j ← Σ_B a_bj x_bj``; ``a, x (R, B, N)``, ``out (R, N)``."""
    for r in range(a.shape[0]):
        out[r] = a.dtype.type(0)
        for i in range(a.shape[1]):
            for j in range(a.shape[2]):
                out[r, j] += a[r, i, j] * x[r, i, j]


@_compiled
def difference_product(phi, rows, columns, sign, out):
    """``out_ij ← s (columns_j − rows_i) φ_ij``; ``φ (R, I, J)``, ``rows (R, I)``, ``columns (R, J)``, ``s`` ±1."""
    s = phi.dtype.type(sign)
    for r in range(phi.shape[0]):
        for i in range(phi.shape[1]):
            for j in range(phi.shape[2]):
                out[r, i, j] = s * (columns[r, j] - rows[r, i]) * phi[r, i, j]


@_compiled
def difference_product_backward(d, phi, rows, columns, sign, d_rows, d_columns):
    """From ``d``, the gradient of ``s (columns_j − rows_i) φ_ij``, those of both; ``d`` becomes that of ``φ``."""
    zero, s = d.dtype.type(0), d.dtype.type(sign)
    sums = np.empty(_LANES, d.dtype)
    for r in range(d.shape[0]):
        d_columns[r] = zero
        for i in range(d.shape[1]):
            sums[:] = zero
            for at in range(0, d.shape[2], _LANES):
                for k in range(min(_LANES, d.shape[2] - at)):
                    j = at + k
                    e = s * (d[r, i, j] * phi[r, i, j])
                    d_columns[r, j] += e
                    sums[k] += e
                    d[r, i, j] *= s * (columns[r, j] - rows[r, i])
            total = zero
            for k in range(_LANES):
                total += sums[k]
            d_rows[r, i] = -total


@_compiled
def put(values, index, out):
    """``out_{r, index} ← values``; ``values (R, n)``, ``index (R, n)`` or ``(1, n)``, ``out (R, m)``."""
    for r in range(values.shape[0]):
        at = index[min(r, index.shape[0] - 1)]
        for k in range(values.shape[1]):
            out[r, at[k]] = values[r, k]


@_compiled
def take(values, index, out):
    """``out ← values_{r, index}``; shapes as of :func:`put`, values and out exchanged."""
    for r in range(out.shape[0]):
        at = index[min(r, index.shape[0] - 1)]
        for k in range(out.shape[1]):
            out[r, k] = values[r, at[k]]


@_compiled
def between(values, low, high, out):
    """How many ``|values|`` are below ``low``, and how many not above ``high`` either, which ``out`` gets; NaN, too.

    The second number is −1 if they are more than ``out`` holds.
    """
    below = count = 0
    for at in range(0, values.size, _BLOCK):
        block = values[at : at + _BLOCK]
        under = over = np.int32(0)
        for i in range(block.size):
            under += np.int32(abs(block[i]) < low)
            over += np.int32(abs(block[i]) > high)
        below += int(under)
        if under + over < block.size:
            for i in range(block.size):
                v = abs(block[i])
                if not (v < low or v > high):
                    if count == out.size:
                        return below, -1
                    out[count] = v
                    count += 1
    return below, count


@_compiled
def adamax(theta, m, u, g, beta1, beta2, epsilon, scale):
    """One update of flat arrays (see :class:`spectral_repro.training.optimizers.Adamax`)."""
    t = theta.dtype.type
    c, b, e, s = t(1 - beta1), t(beta2), t(epsilon), t(scale)
    for i in range(theta.size):
        m[i] += c * (g[i] - m[i])
        old, new = u[i] * b, abs(g[i])
        u[i] = old if old >= new else new
        theta[i] -= s * m[i] / (u[i] + e)


@_compiled
def adam(theta, m, v, g, beta1, beta2, epsilon, scale, decay):
    """One update of flat arrays (see :class:`spectral_repro.training.optimizers.Adam`)."""
    t = theta.dtype.type
    c, b, d, e, s, keep = t(1 - beta1), t(beta2), t(1 - beta2), t(epsilon), t(scale), t(decay)
    for i in range(theta.size):
        m[i] += c * (g[i] - m[i])
        v[i] = b * v[i] + d * (g[i] * g[i])
        theta[i] = keep * theta[i] - s * m[i] / (np.sqrt(v[i]) + e)
