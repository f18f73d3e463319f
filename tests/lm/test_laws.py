"""The law suite itself: every law can be broken, and a broken one is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from compresslab import Dataset
from compresslab.errors import BrokenLaw, CompressLabError
from compresslab.lm.tree_model import TreeModel, TreeStepper
from compresslab.testing import check_language_model


def honest() -> TreeModel:
    return TreeModel.of(Dataset.from_texts(["to be", "or not", "to be"]), 3, smoothing=0.1)


class Wrapped(TreeModel):
    """A tree model to be spoiled."""

    def __init__(self) -> None:
        base = honest()
        super().__init__(base.tree, base.smoothing, base.tokenizer)


class Unnormalised(Wrapped):
    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return super().log_probs(ids) + 0.01


class HalfPrecision(Wrapped):
    def log_probs(self, ids: npt.ArrayLike) -> Any:
        return super().log_probs(ids).astype(np.float16)


class Future(Wrapped):
    """Looks at the last token from everywhere."""

    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        rows = super().log_probs(ids)
        shift = np.zeros_like(rows)
        shift[:, :, 0] = 0.5 * (np.asarray(ids)[:, -1] % 2)[:, None]
        rows = rows + shift
        return rows - np.log(np.exp(rows).sum(-1, keepdims=True))


class StepsApart(Wrapped):
    """Its steps are not its passes."""

    def stepper(self, batch: int) -> TreeStepper:
        return TreeStepper(self._nodes, self.smoothing * 2, batch)

    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return honest().log_probs(ids)


class Restless(Wrapped):
    """No two steppers agree to the last bit."""

    count = 0

    def stepper(self, batch: int) -> TreeStepper:
        Restless.count += 1
        return TreeStepper(self._nodes, self.smoothing + 1e-9 * Restless.count, batch)


class RowsMatter(Wrapped):
    """Scores depend on the row."""

    def token_nats(self, ids: npt.ArrayLike, targets: npt.ArrayLike) -> npt.NDArray[np.float64]:
        nats = super().token_nats(ids, targets)
        return nats + 0.1 * np.arange(len(nats))[:, None]


class Forgetful(Wrapped):
    """Claims to be lossless and drops the last byte."""

    def decode(self, tokens: object) -> bytes:
        return super().decode(tokens)[:-1]


class Careless(Wrapped):
    """Takes whatever it is given."""

    def log_probs(self, ids: npt.ArrayLike) -> npt.NDArray[np.float64]:
        array = np.clip(np.nan_to_num(np.atleast_2d(np.asarray(ids, dtype=float))), 0, self.vocab_size - 1)
        return super().log_probs(array.astype(np.int64))


@pytest.mark.parametrize(
    ("model", "law"),
    [
        (Unnormalised(), "rows are distributions"),
        (HalfPrecision(), "rows are distributions': log_probs gave float16"),
        (Future(), "what stands to the right changes nothing"),
        (StepsApart(), "token by token equals one pass"),
        (Restless(), "token by token twice gives equal bits"),
        (RowsMatter(), "batching and windows of any place change nothing"),
        (Forgetful(), "texts come back from their tokens"),
        (Careless(), "wrong calls are refused"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, TreeModel) else "",
)
def test_every_law_can_be_broken(model: TreeModel, law: str) -> None:
    with pytest.raises(BrokenLaw, match=law):
        check_language_model(model)


def test_a_variant_with_the_same_fingerprint_breaks_a_law() -> None:
    with pytest.raises(BrokenLaw, match="the fingerprint names the model \\(off by 1, allowed 0\\)"):
        check_language_model(honest(), variants=[honest()])


def test_a_broken_law_is_an_assertion_and_one_of_our_errors() -> None:
    assert issubclass(BrokenLaw, AssertionError)
    assert issubclass(BrokenLaw, CompressLabError)


def test_laws_say_how_far_the_model_was_from_them() -> None:
    laws = check_language_model(honest(), tolerance_nats=1e-6)
    assert all(law.kept and 0 <= law.error <= law.tolerance for law in laws)
    assert {law.tolerance for law in laws} == {0.0, 1e-6}


def test_the_package_gives_its_public_names_when_asked() -> None:
    import compresslab.lm as lm

    for name in lm.__all__:
        if name in ("Training", "train"):
            pytest.importorskip("transformers", reason="needs the extra 'lm'")
        assert getattr(lm, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'scores'"):
        lm.scores  # noqa: B018
