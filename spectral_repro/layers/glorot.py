"""The variance that a weight has at the start, for layers that are not spectral."""


def glorot_variance(n_in: int, n_out: int) -> float:
    """``2 / (N_in + N_out)``, that of Glorot's uniform distribution."""
    return 2 / (n_in + n_out)
