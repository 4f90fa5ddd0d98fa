"""``python -m spectral_repro.bench.plain METHOD N2 SPARSITY DEVICE``: one network as a reader of the paper would do it.

``W`` is built at every step; a DataLoader, torch.optim.
"""

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from spectral_repro.bench.ours import random_images
from spectral_repro.bench.turns import BATCH, CLASSES, N1, TRAIN, serve


class PlainLayer(nn.Module):
    """One layer of ``method`` (``direct``, ``spectral``, ``ssvd``, ``sqr``), straight from SPEC 1."""

    phi: Tensor
    q: Tensor
    u: Tensor
    v: Tensor

    def __init__(self, method: str, n_in: int, n_out: int, sparsity: float) -> None:
        super().__init__()
        self.method, self.sparsity, self.wide = method, sparsity, n_out > n_in
        self.bias = nn.Parameter(torch.zeros(n_out))
        rank = min(n_in, n_out)
        if method == "direct":
            self.w = nn.Parameter(torch.empty(n_out, n_in))
            nn.init.xavier_uniform_(self.w)
            return
        self.eig_in = nn.Parameter(torch.empty(n_in).uniform_(-0.97, 0.97))
        self.eig_out = nn.Parameter(torch.empty(n_out).uniform_(-0.13, 0.13))
        phi = 0.036 * torch.randn(n_out, n_in)
        if method == "spectral":
            self.register_buffer("phi", phi)
        elif method == "ssvd":
            u, _, vt = torch.linalg.svd(phi, full_matrices=False)
            self.register_buffer("u", u)
            self.register_buffer("v", vt.T.contiguous())
            self.s = nn.Parameter(3 * torch.rand(rank))
        else:
            q, r = torch.linalg.qr(phi if self.wide else phi.T)
            self.register_buffer("q", q)
            self.r = nn.Parameter(r)

    def weight(self) -> Tensor:
        w: Tensor
        if self.method == "direct":
            w = self.w
        else:
            if self.method == "spectral":
                phi = self.phi
            elif self.method == "ssvd":
                phi = self.u @ torch.diag(self.s) @ self.v.T
            else:
                phi = self.q @ torch.triu(self.r)
                phi = phi if self.wide else phi.T
            w = (self.eig_in.unsqueeze(0) - self.eig_out.unsqueeze(1)) * phi
        if self.sparsity:
            magnitude = w.detach().abs()
            threshold = magnitude.flatten().kthvalue(round(self.sparsity * w.numel()) + 1).values
            w = w * (magnitude >= threshold)
        return w

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight(), self.bias)


def main(method: str, n2: str, sparsity: str, device: str) -> None:
    images, sparse = random_images(torch.device(device)), float(sparsity)
    parts = [PlainLayer(method, N1, int(n2), sparse), nn.Tanh() if sparse else nn.ReLU()]
    network = nn.Sequential(*parts, PlainLayer(method, int(n2), CLASSES, sparse)).to(device)
    optimizer = (torch.optim.Adam if sparse else torch.optim.Adamax)(network.parameters(), lr=0.005)
    x, y = images.train_x, images.train_y
    loader = DataLoader(TensorDataset(x[:TRAIN], y[:TRAIN]), batch_size=BATCH, shuffle=True)

    def epoch() -> None:
        for batch, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(batch), labels).backward()
            optimizer.step()
        with torch.no_grad():
            (network(x[TRAIN:]).argmax(-1) == y[TRAIN:]).float().mean().item()

    serve(epoch, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
