"""A model's logits as a function of its weights, and the products of its linearised form.

The linearised model is ``f(theta_0) + J delta``: ``J delta`` by forward mode, ``J^T c`` by one backward pass. Attention
and experts are computed step by step (eager) meanwhile: fused kernels have no forward mode and no second derivative.

The curvature ``delta^T (H - G) delta / 2`` of theory, section 13.4, is taken by two backward passes along the line
``theta_0 + u delta``: forward mode over forward mode, or over a backward pass, is wrong without a word where a network
has a layer norm (torch 2.13: its forward derivative is not differentiated again).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compresslab.errors import InvalidParameter
from compresslab.lm.curriculum import IGNORE
from compresslab.lm.evaluating import evaluating
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.memory import Parts, in_parts
from compresslab.probe.flat import Layout
from compresslab.probe.preferences import dpo_nats, dpo_slopes
from compresslab.probe.texts import ProbeData
from compresslab.theory.logit_elasticity import linear_range_nats

__all__ = ["Evaluation", "Network", "code_lengths_nats", "gradient", "linearised_gradient", "moved", "plain_kernels"]

Tensor: TypeAlias = Any  # torch is optional, and is not loaded before it is used
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """A model's logits as a function of those weights that are trained.

    Attributes:
        model: the model; nothing of it is changed.
        layout: its trained weights.
        weights: these, as they are: no copies.
    """

    model: HuggingFaceModel
    layout: Layout
    weights: tuple[Tensor, ...]

    @classmethod
    def of(cls, model: HuggingFaceModel) -> Network:
        """Return the network of a model."""
        layout = Layout.of(model.module)
        held = dict(model.module.named_parameters())
        return cls(model, layout, tuple(held[name].detach() for name in layout.names))

    @property
    def tokens(self) -> int:
        """Inputs that are evaluated at once: a quarter of what scoring reads, for what the derivatives hold besides."""
        return max(1, self.model.batch_tokens // 4)

    def logits(self, weights: Sequence[Tensor], ids: Tensor) -> Tensor:
        """Return the logits at other weights, float32 at least: (B, T) to (B, T, V)."""
        import torch

        given = {
            name: w if w.dtype == own.dtype else w.to(own.dtype)
            for name, w, own in zip(self.layout.names, weights, self.weights, strict=True)
        }
        settings = {"input_ids": ids, "use_cache": False}
        with evaluating(self.model.module):
            out = torch.func.functional_call(self.model.module, given, kwargs=settings).logits
        return out if out.dtype == torch.float64 else out.float()

    def batch(self, data: ProbeData, examples: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of examples, where the model is."""
        import torch

        ids, targets = (torch.from_numpy(a).to(self.model.device) for a in data.stream.padded(examples))
        return ids, targets


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a step ``delta`` does to one dataset, response by response; nats, sums over the tokens.

    Attributes:
        first: ``g . delta``, the tangent.
        linearised: the change of the code length under the linearised model.
        slack: what the linearised change can exceed its tangent by: ``sum phi(R)``.
        actual: the change under the model itself at ``theta_0 + delta``.
        curvature: ``delta^T (H - G) delta / 2`` of the whole dataset: what the linearised model leaves out, to leading
            order.
    """

    first: Values
    linearised: Values
    slack: Values
    actual: Values
    curvature: float


@contextmanager
def plain_kernels(model: HuggingFaceModel) -> Iterator[None]:
    """Have a model compute its attention and its experts step by step meanwhile, where it lets one choose."""
    module = model.module
    attention = getattr(module.config, "_attn_implementation", None)
    experts = getattr(module.config, "_experts_implementation", None)
    choices = ((attention, "set_attn_implementation"), (experts, "set_experts_implementation"))
    switches = [(before, getattr(module, name, None)) for before, name in choices if before not in (None, "eager")]
    for _, switch in switches:
        if switch is not None:
            switch("eager")
    try:
        yield
    finally:
        for before, switch in switches:
            if switch is not None:
                switch(before)


def code_lengths_nats(network: Network, weights: Sequence[Tensor], data: ProbeData) -> Values:
    """Return the code length of each response, nats, shape (number of responses,); of pairs the DPO loss of each."""
    import torch

    out, parts = np.zeros(data.responses), Parts()

    def work(rows: NDArray[np.intp], part: slice) -> tuple[NDArray[np.intp], Tensor]:
        some = rows[part.start * data.width : part.stop * data.width]  # pairs stay together
        ids, targets = network.batch(data, some)
        return some, _objective(data, some, _token_nats(network.logits(weights, ids), targets).sum(-1))

    with torch.no_grad():
        for rows in data.everything(network.tokens):
            what = f"scoring under '{network.model.name}'"
            for some, nats in in_parts(partial(work, rows), rows.size // data.width, parts, what):
                _add(out, data, some, nats)
    return out


def gradient(
    network: Network, weights: Sequence[Tensor], data: ProbeData, rows: NDArray[np.intp]
) -> tuple[Values, list[Tensor], int]:
    """Return each example's code length, the gradient of its mean per token, and how many tokens count.

    Of pairs it is the DPO loss of each, the gradient of their mean, and how many pairs there are.
    """
    import torch

    ids, targets = network.batch(data, rows)
    leaves = [w.detach().requires_grad_() for w in weights]
    with torch.enable_grad():
        tokens = _token_nats(network.logits(leaves, ids), targets)
        nats = _objective(data, rows, tokens if data.width == 1 else tokens.sum(-1))
        count = int((targets != IGNORE).sum()) if data.width == 1 else len(nats)
        found = torch.autograd.grad(nats.sum() / count, leaves, allow_unused=True)
    values: Values = nats.detach().double().reshape(len(rows) // data.width, -1).sum(-1).cpu().numpy()
    return values, [torch.zeros_like(w) if g is None else g for g, w in zip(found, leaves, strict=True)], count


def linearised_gradient(
    network: Network, delta: Sequence[Tensor], data: ProbeData, rows: NDArray[np.intp]
) -> list[Tensor]:
    """Return the gradient of the mean code length of the linearised model, at ``delta``: ``J^T (softmax(z) - y)``."""
    import torch

    ids, targets = network.batch(data, rows)
    start, along = _pushed(network, delta, ids)
    cotangent = _residual(start + along, targets) / int((targets != IGNORE).sum())
    leaves = [w.detach().requires_grad_() for w in network.weights]
    with torch.enable_grad():
        found = torch.autograd.grad(network.logits(leaves, ids), leaves, cotangent, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for g, w in zip(found, leaves, strict=True)]


def moved(network: Network, delta: Sequence[Tensor], data: ProbeData) -> Evaluation:
    """Return what a step does to a dataset under the linearised model, and how far that can be trusted.

    Raises:
        InvalidParameter: a change that no float holds.
    """
    import torch

    first, linearised, slack, actual = (np.zeros(data.responses) for _ in range(4))
    curvature = 0.0
    there = [w + d.to(w.dtype) for w, d in zip(network.weights, delta, strict=True)]
    for rows in data.everything(network.tokens):
        ids, targets = network.batch(data, rows)
        start, along = _pushed(network, delta, ids)
        with torch.no_grad():
            tokens = _token_nats(start, targets)
            residual = _residual(start, targets)
            if data.width > 1:
                slopes = dpo_slopes(tokens.sum(-1), _reference(data, rows, tokens), data.beta)
                residual = residual * slopes[:, None, None]
            before = _objective(data, rows, tokens.sum(-1))
            tangent = (residual * along).sum((-1, -2))
            _add(first, data, rows, tangent.view(-1, data.width).sum(-1))
            _add(linearised, data, rows, _objective(data, rows, _token_nats(start + along, targets).sum(-1)) - before)
            spread = (along.amax(-1) - along.amin(-1)).double().cpu().numpy()
            if not np.isfinite(spread).all():
                raise InvalidParameter(
                    f"the linearised change of '{data.name}' is more than a float holds: lower the learning rate, or "
                    "ask for the first order alone (linearised=False, --first-order)"
                )
            if data.width > 1:
                slack[:] = np.nan  # the bound is of a code length: what is rejected counts with the other sign
            else:
                bounds = np.where(targets.cpu().numpy() == IGNORE, 0.0, linear_range_nats(spread))
                _add(slack, data, rows, bounds.sum(-1))
            there_nats = _token_nats(network.logits(there, ids), targets).double().sum(-1)
            _add(actual, data, rows, _objective(data, rows, there_nats) - before)
        curvature += _curvature(network, delta, ids, residual)
    return Evaluation(first, linearised, slack, actual, curvature)


def _pushed(network: Network, delta: Sequence[Tensor], ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``f(theta_0)`` and ``J delta``, in double precision."""
    import torch

    step = tuple(d.to(w.dtype) for d, w in zip(delta, network.weights, strict=True))
    _load_forward_mode()
    try:
        with torch.no_grad():
            start, along = torch.func.jvp(lambda *w: network.logits(w, ids), network.weights, step)
    except (NotImplementedError, RuntimeError) as error:
        if not re.search("forward|autograd.Function", str(error), re.IGNORECASE):
            raise
        raise _refused(network, error) from error
    return start.double(), along.double()


@cache
def _load_forward_mode() -> None:
    """Use forward mode once: torch then scripts rules of its own, and warns whoever runs it that this is deprecated."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit.script`", category=DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.zeros(1),))


def _curvature(network: Network, delta: Sequence[Tensor], ids: Tensor, residual: Tensor) -> float:
    """Return half the second derivative of the logits along ``delta``, summed with the residual ``q - y``."""
    import torch

    along = [d.to(w.dtype) for d, w in zip(delta, network.weights, strict=True)]
    u = torch.zeros((), dtype=along[0].dtype, device=ids.device, requires_grad=True)
    try:
        with torch.enable_grad():
            logits = network.logits([w + u * d for w, d in zip(network.weights, along, strict=True)], ids)
            (slope,) = torch.autograd.grad((logits * residual.to(logits.dtype)).sum(), u, create_graph=True)
            (bend,) = torch.autograd.grad(slope, u, allow_unused=True) if slope.requires_grad else (None,)
    except (NotImplementedError, RuntimeError) as error:
        if "derivative" not in str(error).lower():
            raise
        raise _refused(network, error) from error
    return 0.0 if bend is None else float(bend) / 2


def _refused(network: Network, error: Exception) -> InvalidParameter:
    reason = str(error).partition("\n")[0]
    return InvalidParameter(
        f"'{network.model.name}' ({network.model.module.config.model_type}) has a part without the derivatives that "
        f"the linearised model takes ({reason}): ask for the first order alone (linearised=False, --first-order)"
    )


def _token_nats(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the code length of each target, shape (B, T); 0 where it does not count."""
    import torch

    found = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="none"
    )
    return found.view(targets.shape)


def _residual(logits: Tensor, targets: Tensor) -> Tensor:
    """Return ``softmax(z) - y``, shape (B, T, V); 0 where a target does not count."""
    import torch

    counted = targets != IGNORE
    q = torch.softmax(logits, dim=-1)
    q.scatter_add_(-1, targets.clamp(min=0)[..., None], -torch.ones_like(q[..., :1]))
    return q * counted[..., None]


def _objective(data: ProbeData, rows: NDArray[np.intp], nats: Tensor) -> Tensor:
    """Return what examples cost, given their code lengths: these; of pairs the DPO loss of each."""
    return nats if data.width == 1 else dpo_nats(nats, _reference(data, rows, nats), data.beta)


def _reference(data: ProbeData, rows: NDArray[np.intp], like: Tensor) -> Tensor:
    import torch

    assert data.reference is not None  # a probe of pairs takes a base
    return torch.from_numpy(data.reference[data.stream.plan.document[rows]]).to(like)


def _add(out: Values, data: ProbeData, rows: NDArray[np.intp], nats: Any) -> None:
    """Add what examples, or pairs of them, cost to their responses."""
    sums = nats if isinstance(nats, np.ndarray) else nats.double().cpu().numpy()
    out += np.bincount(data.of(rows), weights=sums, minlength=out.size)
