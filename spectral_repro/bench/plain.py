"""What a reader of the paper would write: one network, ``W`` built at every step, a DataLoader, torch.optim."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


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


class PlainProgram:
    """Trains one network; ``steps(n)`` does ``n`` updates."""

    def __init__(self, method: str, sizes, x: Tensor, y: Tensor, batch_size: int, sparsity: float = 0.0) -> None:
        layers = [PlainLayer(method, a, b, sparsity) for a, b in pairwise(sizes)]
        activations = [nn.ReLU() if not sparsity else nn.Tanh() for _ in layers[1:]]
        chain = [part for pair in zip(layers, [*activations, nn.Identity()], strict=True) for part in pair]
        self.network = nn.Sequential(*chain).to(x.device)
        optimizer = torch.optim.Adam if sparsity else torch.optim.Adamax
        self.optimizer = optimizer(self.network.parameters(), lr=0.005)
        self.loader = DataLoader(TensorDataset(x, y), batch_size=batch_size, shuffle=True)

    def steps(self, count: int) -> None:
        for done, (x, y) in enumerate(self.loader, start=1):
            self.optimizer.zero_grad()
            nn.functional.cross_entropy(self.network(x), y).backward()
            self.optimizer.step()
            if done == count:
                return
