"""Memory, files and time of an audit, before a large model is touched: from its settings alone."""

from __future__ import annotations

from collections.abc import Mapping

from compresslab.audit.settings import AuditSettings
from compresslab.probe.planning import Plan, measured_flops, plan_probe

__all__ = ["plan_audit"]

_STEP, _BOTH = 3.0, 2.0  # passes over the tokens: a step of training, and a look with two models


def plan_audit(
    parameters: int,
    data_bytes: Mapping[str, Mapping[str, int]],
    settings: AuditSettings,
    *,
    pairs: int = 1,
    keeps: bool = False,
    bytes_per_token: float = 4,
    flops: float | None = None,
) -> Plan:
    """Return what an audit takes, roughly, where the first learning rate passes the gate.

    Args:
        parameters: weights of one model.
        data_bytes: role -> dataset -> bytes of what is used of it.
        settings: of the audit.
        pairs: how many, of one base.
        keeps: whether stages are kept, of weights and moments, each of which is in memory twice while it is written.
        bytes_per_token: about; 1 for a model over bytes.
        flops: multiplications and additions a second; measured here where None.

    Raises:
        InvalidParameter: no weights.

    Example:
        >>> data = {"pretrain": {"a": 4000}, "align": {"b": 4000}, "perturb": {"c": 4000}}
        >>> plan = plan_audit(10**8, data, AuditSettings(linearised=False), flops=1e11)
        >>> plan.tokens, plan.memory_bytes // 10**8, plan.seconds > 60
        (3000, 32, True)
    """
    speed = measured_flops() if flops is None else flops
    sizes = {
        name: max(1, round(size / bytes_per_token))
        for role, sets in data_bytes.items()
        if role != "neutral"
        for name, size in sets.items()
    }
    perturbations, neutral = len(data_bytes["perturb"]), bool(data_bytes.get("neutral"))
    probe = plan_probe(parameters, sizes, settings.probe(), perturbations=perturbations, verify=False, flops=speed)
    arms, length = pairs + 1 + neutral, min(settings.length, 1 + probe.tokens / max(1, len(sizes)))
    aligned = settings.neutral_examples(settings.learning_rate) if neutral else 0
    trained = settings.seeds * length * (settings.last * perturbations * arms + aligned)
    looks = settings.seeds * perturbations * arms * (1 + len(settings.examples)) + pairs
    passes = _STEP * trained + _BOTH * looks * probe.tokens
    return Plan(
        parameters,
        probe.tokens,
        # Beside the other model: a probe; or a copy that is trained, where it began, its gradient, the two moments.
        4 * parameters + max(probe.memory_bytes, (24 + 24 * keeps) * parameters),
        max(probe.disk_bytes, 12 * parameters * (perturbations + neutral) * keeps),
        (1 + pairs) * (probe.seconds or 0.0) + 2 * parameters * passes / speed,
    )
