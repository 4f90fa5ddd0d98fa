"""Speed beside what a user would write instead, in plain PyTorch and in JAX, and beside the floor below all."""
