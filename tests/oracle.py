"""Appendix B in float64 and NumPy, written from the paper alone: the whole transfer operator."""

import numpy as np


def whole_operator(phi: np.ndarray, eig_in: np.ndarray, eig_out: np.ndarray) -> np.ndarray:
    """``A = Φ Λ (2·1 − Φ)``, ``(N_in + N_out)²``, for the block ``φ (N_out, N_in)``."""
    n_out, n_in = phi.shape
    size = n_in + n_out
    big_phi = np.eye(size)
    big_phi[n_in:, :n_in] = phi
    inverse = 2 * np.eye(size) - big_phi
    np.testing.assert_allclose(big_phi @ inverse, np.eye(size), atol=1e-12)
    return big_phi @ np.diag(np.concatenate([eig_in, eig_out])) @ inverse


def block(operator: np.ndarray, n_in: int) -> np.ndarray:
    """The subdiagonal block: the weights."""
    return operator[n_in:, :n_in]


class KerasOptimizer:
    """Adamax and Adam as Keras documents them, for one array."""

    def __init__(self, name: str, theta: np.ndarray, lr: float, beta1=0.9, beta2=0.999, epsilon=1e-7) -> None:
        self.name, self.lr, self.beta1, self.beta2, self.epsilon = name, lr, beta1, beta2, epsilon
        self.theta, self.m, self.v, self.t = theta.copy(), np.zeros_like(theta), np.zeros_like(theta), 0

    def step(self, g: np.ndarray) -> np.ndarray:
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        if self.name == "adamax":
            self.v = np.maximum(self.beta2 * self.v, np.abs(g))
            self.theta = self.theta - self.lr / (1 - self.beta1**self.t) * self.m / (self.v + self.epsilon)
        else:
            self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
            rate = self.lr * np.sqrt(1 - self.beta2**self.t) / (1 - self.beta1**self.t)
            self.theta = self.theta - rate * self.m / (np.sqrt(self.v) + self.epsilon)
        return self.theta
