"""Which weights of a sparse network are silenced: when, where, by what, and what learns meanwhile (SPEC 9).

The paper's own way, the same cut-off in every layer at every step with a gradient for the survivors, is that of the
layers themselves; here are the others, for all layers of a stack of networks together.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spectral_repro.training.kernels.cutoff import limits, survivors
from spectral_repro.training.random import stream


@dataclasses.dataclass(frozen=True)
class MaskingRule:
    """How to silence; the four choices are independent, but that ``rigl`` has a constant sparsity of each layer.

    Args:
        schedule: ``constant``, or ``cubic``: ``s_t = s (1 − (1 − t/T)³)`` over the first ``T = ramp · steps`` steps.
        ramp: share of all steps.
        allocation: ``uniform``, ``dense_output`` (the last layer stays dense), ``global`` (one cut-off for all layers).
        gradient: ``survivors``, or ``all`` (straight-through: silenced weights are moved as if they were not).
        choice: ``magnitude``, or ``rigl`` (a mask, random at first, that drops the smallest links and grows others).
        interval: of ``rigl``, steps between two exchanges.
        exchange: share of the links that is exchanged at first; it falls as a cosine.
        until: share of all steps at which it is zero.
    """

    schedule: str = "constant"
    ramp: float = 0.25
    allocation: str = "uniform"
    gradient: str = "survivors"
    choice: str = "magnitude"
    interval: int = 100
    exchange: float = 0.3
    until: float = 0.75

    @classmethod
    def of(cls, masking: Mapping[str, Any]) -> "MaskingRule":
        """The rule of a cell, whose ``masking`` has what matters of it."""
        return cls(**masking)

    @property
    def ramp_share(self) -> float:
        """Share of all steps in which the sparsity rises."""
        return self.ramp if self.schedule == "cubic" else 0.0

    @property
    def settled_share(self) -> float:
        """Share of all steps after which neither sparsity nor links change: patience counts from then on."""
        return max(self.ramp_share, self.until if self.choice == "rigl" else 0.0)


class Masking:
    """The state of a rule while a stack of networks is trained.

    Args:
        rule: what to do.
        sparsity: fraction of the weights that is silenced in the end; with ``dense_output`` of all layers but the last.
        steps: how many updates a training to its last epoch would have.
        shapes: ``(N_out, N_in)`` of each layer.
        seeds: one per network; each draws that network's first ``rigl`` mask.
        device: of the masks.
    """

    def __init__(
        self,
        rule: MaskingRule,
        sparsity: float,
        steps: int,
        shapes: Sequence[tuple[int, int]],
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        self.rule, self.sparsity, self.step = rule, sparsity, 0
        self._ramp = round(rule.ramp_share * steps)
        self._last_exchange = rule.until * steps
        self.masks: list[Tensor] = []
        self._limits: list[Tensor | None] = [None] * len(shapes)
        if rule.choice == "rigl":
            self.masks = [
                torch.stack([_random_mask(shape, share, stream(seed, "mask", k)) for seed in seeds]).to(device)
                for k, (shape, share) in enumerate(zip(shapes, self._shares(len(shapes)), strict=True))
            ]

    @property
    def constant(self) -> bool:
        """Whether all steps are the same."""
        return self.rule.schedule == "constant" and not self.masks

    @property
    def ramping(self) -> bool:
        """Whether the sparsity still rises."""
        return self.step < self._ramp

    @property
    def settled(self) -> bool:
        """Whether neither sparsity nor links change any more: patience counts from then on."""
        return not self.ramping and (not self.masks or self.step >= self._last_exchange)

    @property
    def now(self) -> float:
        """The sparsity at this step."""
        return self.sparsity * (1 - (1 - self.step / self._ramp) ** 3) if self.ramping else self.sparsity

    def _shares(self, layers: int) -> list[float]:
        """Of each layer, the fraction that is silenced."""
        last = 0.0 if self.rule.allocation == "dense_output" else self.now
        return [self.now] * (layers - 1) + [last]

    def weights(self, dense: Sequence[Tensor]) -> list[Tensor]:
        """The effective weights ``(R, N_out, N_in)`` of all layers, from those before the cut-off; no gradients."""
        if self.masks:
            return _masked(dense, self.masks)
        if self.rule.allocation == "global":
            whole = torch.cat([w.flatten(-2) for w in dense], -1)
            self._limits = [limits(whole, self.now, self._limits[0])] * len(dense)
        else:
            both = zip(dense, self._shares(len(dense)), self._limits, strict=True)
            self._limits = [limits(w, share, before) for w, share, before in both]
        return [w if at is None else survivors(w, w, at) for w, at in zip(dense, self._limits, strict=True)]

    def gradient(self, k: int, d: Tensor, dense: Tensor) -> Tensor:
        """The gradient of layer ``k``'s weight before the cut-off, from ``d``, that of the last :meth:`weights`.

        Args:
            d: ``(R, N_out, N_in)``, which may be written over.
            dense: the weight before the cut-off.
        """
        if self.rule.gradient == "all":  # straight-through: as if nothing were silenced
            return d
        if self.masks:
            return d.mul_(self.masks[k].to(d))
        limit = self._limits[k]
        return d if limit is None else survivors(d, dense, limit, d)

    def advance(self) -> bool:
        """Counts a step, which is about to be taken; whether links are exchanged instead of an update."""
        self.step += 1
        return bool(self.masks) and self.step % self.rule.interval == 0 and self.step < self._last_exchange

    @torch.no_grad()
    def exchange(self, effective: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """RigL's drop and grow; the links ``(R, N_out, N_in)`` of each layer that are new.

        Of each network and layer the share of the links with the smallest ``|w|`` is dropped, and as many are grown
        where ``|∂L/∂w|`` is largest among all that are not left (one that was just dropped may return).

        Args:
            effective: the weights in use.
            gradients: of the loss with respect to all of them, silenced ones too.
        """
        share = self.rule.exchange / 2 * (1 + math.cos(math.pi * self.step / self._last_exchange))
        grown = []
        for k, (w, g, mask) in enumerate(zip(effective, gradients, self.masks, strict=True)):
            before, links = mask.flatten(1), int(mask[0].sum())
            count = round(share * links) if links < before.shape[1] else 0
            size = torch.where(before, w.flatten(1).abs(), -1.0)
            left = _largest(size, links - count)
            wanted = torch.where(left, -1.0, g.flatten(1).abs())
            after = left | _largest(wanted, count)
            self.masks[k] = after.view_as(mask)
            grown.append((after & ~before).view_as(mask))
        return grown

    def keep(self, index: Tensor) -> None:
        """Drops all networks but those at ``index``."""
        self.masks = [mask[index] for mask in self.masks]

    def restore(self, step: int, masks: Sequence[Tensor]) -> None:
        """Takes over the step and the masks of a checkpoint.

        Raises:
            ValueError: if they are those of other networks.
        """
        if [m.shape for m in masks] != [m.shape for m in self.masks]:
            raise ValueError("the masks are those of other networks")
        self.step, self.masks = step, [m.to(here.device) for m, here in zip(masks, self.masks, strict=True)]


class FixedMasks(nn.Module):
    """Stands in for :class:`Masking` in a network that was trained: what is silenced stays silenced.

    Buffers: ``mask_k (N_out, N_in)`` of each layer k.
    """

    def __init__(self, masks: Sequence[Tensor]) -> None:
        super().__init__()
        for k, mask in enumerate(masks):
            self.register_buffer(f"mask_{k}", mask)

    @property
    def masks(self) -> list[Tensor]:
        """Where a link is, by layer."""
        return list(self.buffers())

    def weights(self, dense: Sequence[Tensor]) -> list[Tensor]:
        """The effective weights, from those of the layers."""
        return _masked(dense, self.masks)


def _masked(dense: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
    # Of one type: a product with truth values takes four times as long, and so does its gradient.
    return [w * mask.to(w) for w, mask in zip(dense, masks, strict=True)]


def _random_mask(shape: tuple[int, int], share: float, generator: torch.Generator) -> Tensor:
    """``True`` where a link is, of all but ``round(share · n)`` of ``n``, and never none."""
    n = shape[0] * shape[1]
    silenced = torch.randperm(n, generator=generator)[: min(round(share * n), n - 1)]
    return torch.ones(n, dtype=torch.bool).index_fill(0, silenced, False).view(shape)


def _largest(values: Tensor, count: int) -> Tensor:
    """``True`` at the ``count`` largest of each row of ``values (R, n)``."""
    return torch.zeros_like(values, dtype=torch.bool).scatter(1, values.topk(count, dim=1).indices, True)
