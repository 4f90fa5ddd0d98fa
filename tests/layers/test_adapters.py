"""What was trained, in a file of its own, and back into a model that was converted in the same way."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spectral_repro.layers import QRLinear, SpectralLinear, SVDLinear, load_trained, replace_linear, trained_state

KINDS = {
    "spectral": (SpectralLinear, {}),
    "ssvd": (SVDLinear, {}),
    "sqr": (QRLinear, {}),
    "sqr_p": (QRLinear, {"p": 0.3}),
    "sqr_full": (QRLinear, {"core": "full"}),
}


def base() -> nn.Sequential:
    generator, model = torch.Generator().manual_seed(0), nn.Sequential(nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(generator=generator)
    return model


def model_of(kind: str, torch_seed: int, **options) -> nn.Module:
    torch.manual_seed(torch_seed)
    model = base().requires_grad_(False)
    layer, own = KINDS[kind]
    replace_linear(model, layer, **own, **options)
    return model


def train(model: nn.Module) -> nn.Module:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.05)
    for _ in range(4):
        optimizer.zero_grad()
        model(torch.randn(8, 12)).pow(2).sum().backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_another_conversion_with_the_file_is_the_trained_model(kind, tmp_path):
    trained, other = train(model_of(kind, 1)), model_of(kind, 2)
    x = torch.randn(20, 12)
    assert not torch.equal(trained(x), other(x))
    save_file(trained_state(trained), tmp_path / "adapter.safetensors")
    load_trained(other, load_file(tmp_path / "adapter.safetensors"))
    assert torch.equal(trained(x), other(x))
    assert all(p.requires_grad for p in other.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_alone_are_enough_under_any_seed_of_torch(kind):
    trained, other, x = train(model_of(kind, 1)), model_of(kind, 2), torch.randn(20, 12)
    other.load_state_dict(dict(trained.named_parameters()), strict=False)
    assert torch.equal(trained(x), other(x))


def test_the_state_is_what_is_trained_and_where():
    model = model_of("sqr_p", 0)
    model[2].eig_out.requires_grad_(False)
    state = trained_state(model)
    of_a_layer = ["bias", "eig_in", "eig_out", "r", "r_index"]
    assert sorted(state) == [f"{i}.{name}" for i in (0, 2) for name in of_a_layer if (i, name) != (2, "eig_out")]
    assert not any(value.requires_grad for value in state.values())
    assert state["0.r"].data_ptr() == model[0].r.data_ptr()
    assert "r_index" in trained_state(model[0])
    assert not [name for name in trained_state(model_of("sqr", 0)) if "index" in name]
    model[0].r.requires_grad_(False)
    assert "0.r_index" not in trained_state(model)


def test_other_positions_are_refused():
    trained = train(model_of("sqr_p", 0))
    with pytest.raises(ValueError, match=r"^0\.r_index: trained at other positions: convert with the same seed$"):
        load_trained(model_of("sqr_p", 0, seed=1), trained_state(trained))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("2.r"), r"^2\.r: trained in this model, but not in the state; "),
        (lambda s: s.pop("2.r_index"), r"^2\.r_index: trained in this model, but not in the state; "),
        (lambda s: s.update({"1.weight": torch.ones(1)}), r"^1\.weight: in the state, but not trained in this model; "),
        (lambda s: s.update({"2.bias": torch.ones(1)}), r"^2\.bias: has shape \(10,\), but \(1,\) in the state; "),
        (lambda s: s.update({"2.r_index": s["2.r_index"].flip(0)}), r"^2\.r_index: trained at other positions"),
    ],
)
def test_all_or_nothing_is_loaded(change, message):
    state, model = copy.deepcopy(trained_state(train(model_of("sqr_p", 0)))), model_of("sqr_p", 0)
    before = copy.deepcopy(model.state_dict())
    change(state)
    with pytest.raises(ValueError, match=message):
        load_trained(model, state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_another_share_and_what_is_not_frozen_are_refused():
    state = trained_state(model_of("sqr_p", 0))
    model = base().requires_grad_(False)
    replace_linear(model, QRLinear, p=0.5)
    with pytest.raises(ValueError, match=r"^0\.r: has shape \(27,\), but \(20,\) in the state; convert with the same"):
        load_trained(model, state)
    with pytest.raises(ValueError, match=r"^0\.weight: trained in this model, but not in the state; freeze"):
        load_trained(base(), state)


def test_a_layer_in_two_places_is_loaded_in_both():
    def shared() -> nn.Module:
        model = nn.Sequential(nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 4))
        model.load_state_dict({k: torch.linspace(-1, 1, v.numel()).view_as(v) for k, v in model.state_dict().items()})
        model.insert(1, model[0])
        replace_linear(model, QRLinear, p=0.2)
        return model

    trained, other, x = train(shared()), shared(), torch.randn(5, 12)
    state = trained_state(trained)
    assert not [name for name in state if name.startswith("1.")]
    load_trained(other, {name: value.clone() for name, value in state.items()})
    assert other[0] is other[1]
    assert torch.equal(trained(x), other(x))
