"""``PYTHON peer_jax.py METHOD N2 SPARSITY FORM``: ten networks as one would train them in JAX, which PYTHON has.

``vmap`` over the networks, ``jit`` of a ``scan`` over the steps of an epoch, and Optax. FORM is ``explicit`` (``W`` is
built in every step) or ``factored`` (Eq. 3, dense networks only). The file needs nothing of this package but ``turns``.
"""

import functools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

sys.path.insert(0, str(Path(__file__).parent))
from turns import BATCH, CLASSES, N1, REALIZATIONS, TRAIN, VALIDATION, serve


def start(method: str, n_in: int, n_out: int, key: jax.Array) -> tuple[dict, dict]:
    """Trained and frozen arrays of a layer; ``φᵀ`` is what is kept."""
    keys = jax.random.split(key, 3)
    bias = {"b": jnp.zeros(n_out)}
    if method == "direct":
        return {**bias, "w": jax.nn.initializers.glorot_uniform()(keys[0], (n_in, n_out))}, {}
    phi = 0.036 * jax.random.normal(keys[0], (n_in, n_out))
    trained = {
        **bias,
        "in": jax.random.uniform(keys[1], (n_in,), minval=-0.97, maxval=0.97),
        "out": jax.random.uniform(keys[2], (n_out,), minval=-0.13, maxval=0.13),
    }
    if method == "spectral":
        return trained, {"phi": phi}
    if method == "ssvd":
        u, s, v = jnp.linalg.svd(phi, full_matrices=False)
        return {**trained, "s": s}, {"u": u, "v": v}
    q, r = jnp.linalg.qr(phi if n_out <= n_in else phi.T)
    return {**trained, "r": r}, {"q": q}


def through(t: dict, f: dict, x: jax.Array) -> jax.Array:
    """``x φᵀ`` factor by factor."""
    if "phi" in f:
        return x @ f["phi"]
    if "s" in t:
        return ((x @ f["u"]) * t["s"]) @ f["v"]
    r = jnp.triu(t["r"])
    return (x @ f["q"]) @ r if len(f["q"]) == x.shape[-1] else (x @ r.T) @ f["q"].T


def weight(t: dict, f: dict) -> jax.Array:
    """``Wᵀ``, explicitly."""
    if "w" in t:
        return t["w"]
    if "phi" in f:
        phi = f["phi"]
    elif "s" in t:
        phi = (f["u"] * t["s"]) @ f["v"]
    else:
        qr = f["q"] @ jnp.triu(t["r"])
        phi = qr if qr.shape == (len(t["in"]), len(t["out"])) else qr.T
    return (t["in"][:, None] - t["out"]) * phi


def silence(w: jax.Array, sparsity: float) -> jax.Array:
    """All but the largest entries are zero."""
    if not sparsity:
        return w
    left = w.size - round(sparsity * w.size)
    least = jax.lax.top_k(jax.lax.stop_gradient(jnp.abs(w)).ravel(), left)[0][-1]
    return jnp.where(jnp.abs(w) >= least, w, 0)


def affine(form: str, sparsity: float, t: dict, f: dict, x: jax.Array) -> jax.Array:
    if form == "explicit" or "w" in t:
        return x @ silence(weight(t, f), sparsity) + t["b"]
    return through(t, f, x * t["in"]) - t["out"] * through(t, f, x) + t["b"]


def main(method: str, n2: str, sparsity: str, form: str) -> None:
    apply = functools.partial(affine, form, float(sparsity))
    activate = jnp.tanh if float(sparsity) else jax.nn.relu
    sizes, key = (N1, int(n2), CLASSES), jax.random.key(0)
    x = jax.random.uniform(key, (TRAIN + VALIDATION, N1))
    y = jax.random.randint(key, (TRAIN + VALIDATION,), 0, CLASSES)
    optimizer = (optax.adam if float(sparsity) else optax.adamax)(0.005)

    def make(key: jax.Array) -> tuple:
        layers = zip(sizes, sizes[1:], jax.random.split(key, 2), strict=False)
        return tuple(zip(*(start(method, a, b, k) for a, b, k in layers), strict=True))

    def logits(t: tuple, f: tuple, x: jax.Array) -> jax.Array:
        return apply(t[1], f[1], activate(apply(t[0], f[0], x)))

    def loss(t: tuple, f: tuple, x: jax.Array, y: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(logits(t, f, x), y).mean()

    def step(t: tuple, moments, f: tuple, rows: jax.Array) -> tuple:
        updates, moments = optimizer.update(jax.grad(loss)(t, f, x[rows], y[rows]), moments, t)
        return optax.apply_updates(t, updates), moments

    @jax.jit
    def epoch(t: tuple, moments, f: tuple, orders: jax.Array) -> tuple:
        """``orders (steps, R, B)``."""

        def body(carry: tuple, rows: jax.Array) -> tuple:
            return jax.vmap(step)(*carry, f, rows), None

        t, moments = jax.lax.scan(body, (t, moments), orders)[0]
        right = jax.vmap(lambda t, f: (logits(t, f, x[TRAIN:]).argmax(-1) == y[TRAIN:]).mean())(t, f)
        return t, moments, right

    keys = jax.random.split(key, REALIZATIONS)
    trained, frozen = jax.vmap(make)(keys)
    state = trained, jax.vmap(optimizer.init)(trained)

    def train() -> None:
        nonlocal state
        orders = jnp.stack([jax.random.permutation(k, TRAIN) for k in keys], 1).reshape(-1, BATCH, REALIZATIONS)
        *state, right = epoch(*state, frozen, orders.swapaxes(1, 2))
        jax.block_until_ready(right)

    serve(train, REALIZATIONS)


if __name__ == "__main__":
    main(*sys.argv[1:])
