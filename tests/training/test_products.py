"""Products are chosen by what they are, not by the name of the processor."""

import pytest
import torch

from spectral_repro.training import products

CPU = torch.device("cpu")


class Machine:
    """Stands in for a processor: rounds the operands of its fast products to so many bits, or multiplies as ever."""

    def __init__(self, monkeypatch, bits: int | None, speed: float) -> None:
        this = self
        self.bits = bits

        class Try(products._Try):
            def __call__(self) -> list[torch.Tensor]:
                return [this.multiply(a, b, self.setting) for a, b in self.operands]

        monkeypatch.setattr(products, "_Try", Try)
        monkeypatch.setattr(products, "_speed", lambda one, other: speed)

    def multiply(self, a: torch.Tensor, b: torch.Tensor, setting: str) -> torch.Tensor:
        if setting == "highest" or self.bits is None:
            return a @ b
        if self.bits == 24:  # another order of summation: other bits, the same accuracy
            return a.flip(-1) @ b.flip(-2)
        return self.rounded(a) @ self.rounded(b)

    def rounded(self, t: torch.Tensor) -> torch.Tensor:
        mantissa, exponent = torch.frexp(t)
        return torch.ldexp((mantissa * 2**self.bits).round() / 2**self.bits, exponent)


@pytest.mark.parametrize(
    ("bits", "speed", "setting", "library", "medium"),
    [
        (24, 2.2, "medium", "oneDNN float32", "oneDNN float32"),  # AVX-512 without AMX: Zen 4 and 5
        (24, 1.0, "medium", "oneDNN float32", "oneDNN float32"),  # the same choice in every run
        (24, 0.5, "highest", "float32", "oneDNN float32"),
        (8, 9.0, "highest", "float32", "oneDNN bf16"),  # AMX
        (11, 9.0, "highest", "float32", "oneDNN TF32"),
        (None, 1.0, "highest", "float32", "float32"),  # one library only: Zen 3
    ],
)
def test_the_fast_library_is_used_where_it_is_as_exact(monkeypatch, bits, speed, setting, library, medium):
    Machine(monkeypatch, bits, speed)
    chosen = products._probe(CPU, "highest")
    assert chosen.setting == setting
    assert chosen.name.endswith(library)
    asked = products._probe(CPU, "medium")
    assert asked.setting == "medium"
    assert asked.name.endswith(medium)


def test_the_products_that_training_uses_here_are_float32_and_the_setting_is_left_alone():
    before = torch.get_float32_matmul_precision()
    chosen = products.find_products(CPU, "highest")
    assert torch.get_float32_matmul_precision() == before
    try:
        assert products.use_products(CPU, "highest") == chosen.name
        assert torch.get_float32_matmul_precision() == chosen.setting
        a, b = torch.randn(300, 700), torch.randn(700, 300)
        exact = a.double() @ b.double()
        assert ((a @ b).double() - exact).abs().max() < 1e-3
    finally:
        torch.set_float32_matmul_precision(before)
    assert chosen.name.endswith("float32")
