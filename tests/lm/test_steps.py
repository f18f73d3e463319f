"""What a loop of steps takes: the fused optimizer is the plain one but for rounding; batches come once, in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'lm'")

from compresslab import Dataset  # noqa: E402
from compresslab.lm.curriculum import Source, make_curriculum  # noqa: E402
from compresslab.lm.steps import adam, adamw, batches_ahead  # noqa: E402


def walked(optimizer: Any, weights: list[Any], steps: int) -> list[Any]:
    draw = torch.Generator().manual_seed(3)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 / (1 + step)
        for one in weights:
            one.grad = torch.randn(one.shape, generator=draw).to(one.dtype)
        optimizer.step()
    return [one.detach() for one in weights]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("ours", "plain", "settings"),
    [
        (adam, torch.optim.Adam, {"betas": (0.9, 0.99)}),
        (adamw, torch.optim.AdamW, {"betas": (0.9, 0.95), "weight_decay": 0.1, "eps": 1e-10}),
    ],
)
def test_the_fused_optimizer_steps_as_the_plain_one(
    ours: Any, plain: Any, settings: dict[str, Any], dtype: Any
) -> None:
    def weights() -> list[Any]:
        draw = torch.Generator().manual_seed(1)
        return [torch.randn(n, 3, generator=draw).to(dtype).requires_grad_() for n in (1, 50)]

    one, two = weights(), weights()
    fused = ours(one, lr=1.0, **settings)
    assert fused.defaults["fused"]
    found, wanted = walked(fused, one, 20), walked(plain(two, lr=1.0, foreach=False, **settings), two, 20)
    for a, b in zip(found, wanted, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-14)


def test_weights_that_have_no_fused_kernel_take_the_plain_one() -> None:
    assert not adamw([torch.zeros(2, device="meta", requires_grad=True)], lr=1.0).defaults["fused"]


def test_batches_come_once_in_order_as_the_curriculum_has_them() -> None:
    data = Dataset.from_token_lists([[i] * (1 + i % 3) for i in range(11)], vocab_size=12)
    seen = make_curriculum({"a": Source(data, 1.0)}, length=4, examples=None, seed=0, eos_id=11, prefix_id=11)
    found = list(batches_ahead(seen, 4, range(1, 3), torch.device("cpu")))
    assert [step for step, _, _ in found] == [1, 2]
    for (_, inputs, targets), rows in zip(found, (range(4, 8), range(8, 11)), strict=True):
        for tensor, wanted in zip((inputs, targets), seen.padded(rows), strict=True):
            assert np.array_equal(tensor.numpy(), wanted)
