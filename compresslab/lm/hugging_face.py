"""Any causal model of transformers as a `compresslab.lm.protocol.LanguageModel`. Nothing is downloaded.

=============  ================================================================================================
tokens         prefix and EOS by the rule of `compresslab.lm.special_tokens`
V              the width of the logits, which may be larger than the tokenizer's vocabulary
dtype          float32 on a CPU, bfloat16 on a GPU, unless told otherwise; log-softmax is always in float32
context        ``max_position_embeddings``, where the model has it; with long RoPE what it had before it was extended
=============  ================================================================================================
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from compresslab._support.arrays import UIntArray
from compresslab.data.tokenizers import Tokenizer, tokenizer_fingerprint
from compresslab.errors import DecodingError, InvalidParameter, MismatchedVocabulary
from compresslab.lm.evaluating import evaluating
from compresslab.lm.memory import call_tokens, free_bytes, tokens_that_fit
from compresslab.lm.places import Apart, fetched, head_apart, nats_at, places_of, sent
from compresslab.lm.protocol import as_ids
from compresslab.lm.special_tokens import end_token, start_token
from compresslab.lm.stepping import HuggingFaceStepper, Way, way_to_step

__all__ = ["HuggingFaceModel", "check_decoder"]

_BATCH_BYTES = {"cpu": 1 << 28, "cuda": 1 << 32}  # logits of a batch, as float32
_BATCH_TOKENS = {"cpu": 1 << 12, "cuda": 1 << 16}  # more are slower on a CPU: what a layer makes leaves its caches
# What a config says about where it came from, not about what it computes.
_NOT_SETTINGS = {"_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype", "use_cache"}


class HuggingFaceModel:
    """A causal language model of transformers.

    Args:
        module: what ``AutoModelForCausalLM`` gives, on its device, in its dtype; it is set to evaluation, and evaluated
            so even where a training has left it in another mode since.
        tokenizer: what its tokens come from; None for a model over bare numbers.
        name: for tables.
        eos_id: the token that ends a document, by its number or its spelling; by the rule where None.
        prefix_id: the token that starts it, likewise.
        rule: of `compresslab.lm.special_tokens`: "tokenizer", or "config", which files that it codes keep to.

    Raises:
        InvalidParameter: the model is an encoder, not causal, or has no EOS or several, and none is given.
        MismatchedVocabulary: the tokenizer has more tokens than the model.
    """

    def __init__(
        self,
        module: Any,
        tokenizer: Tokenizer | None,
        *,
        name: str = "model",
        eos_id: int | str | None = None,
        prefix_id: int | str | None = None,
        rule: str = "tokenizer",
    ) -> None:
        self.name, self.module, self.tokenizer = name, module.eval(), tokenizer
        config = module.config
        check_decoder(config, name)
        _settle(module)
        self.context: int | None = _context(config.get_text_config())
        self.vocab_size = self._probe()
        about = (module, tokenizer, name, self.vocab_size)
        self.eos_id = end_token(*about, eos_id, rule)
        self.prefix_id = start_token(*about, prefix_id, rule, self.eos_id)
        if tokenizer is not None and tokenizer.vocab_size > self.vocab_size:
            raise MismatchedVocabulary(
                f"the tokenizer '{tokenizer.name}' has {tokenizer.vocab_size} tokens, the model '{name}' only "
                f"{self.vocab_size}: they do not belong together"
            )
        self._way: Way | None = None
        most, budget = (sizes.get(self.device.type, sizes["cpu"]) for sizes in (_BATCH_TOKENS, _BATCH_BYTES))
        self.batch_tokens = max(1, min(most, budget // (4 * self.vocab_size)))

    @property
    def device(self) -> Any:
        """The torch device that the weights are on."""
        return self.module.device

    def _probe(self) -> int:
        """Return V, having checked that a later token does not change what is predicted before it."""
        import torch

        size = int(self.module.config.get_text_config().vocab_size)
        if self.device.type == "meta":  # without weights nothing is computed: its settings say what it is
            if _is_encoder(self.module.config):
                raise self._not_causal()
            return size
        first, second = (torch.tensor([[0, 1, 2, last]], device=self.device) % size for last in (3, 4))
        with torch.inference_mode():
            found: list[Any] = [
                getattr(self.module(input_ids=ids, use_cache=False), "logits", None) for ids in (first, second)
            ]
        if not all(logits is not None and logits.dim() == 3 for logits in found):
            raise InvalidParameter(
                f"'{self.name}' ({type(self.module).__name__}) gives no logits of a next token: load it by "
                "AutoModelForCausalLM"
            )
        if found[0].shape[1] != first.shape[1]:
            raise InvalidParameter(
                f"'{self.name}' ({type(self.module).__name__}) gives {found[0].shape[1]} rows of logits for "
                f"{first.shape[1]} tokens, as a prompt that was learned adds its own: give a model without one, or an "
                "adapter of weights, such as a LoRA"
            )
        a, b = (logits[0].float() for logits in found)
        before, after = ((a - b)[part].abs().max().item() for part in (slice(3), slice(3, 4)))
        # Equal shapes give equal bits on most devices; a thousandth leaves room for those on which they do not.
        room = 0.0 if _is_encoder(self.module.config) else 1e-3 * after + 1e-5 * a.abs().max().item()
        if before > room:
            raise self._not_causal()
        return int(a.shape[-1])

    def _not_causal(self) -> InvalidParameter:
        return InvalidParameter(
            f"'{self.name}' ({self.module.config.model_type}) is not causal, a later token changes what it "
            "predicts before it: encoders such as BERT give no code lengths, use a decoder"
        )

    def encode(self, text: bytes) -> UIntArray:
        """Return the tokens of one text."""
        return self._known_tokenizer().encode(text)

    def decode(self, tokens: object) -> bytes:
        """Return the text of tokens."""
        return self._known_tokenizer().decode(tokens)

    def _known_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise DecodingError(f"'{self.name}' was loaded without a tokenizer: give it one to read and write text")
        return self.tokenizer

    def log_probs(self, ids: npt.ArrayLike) -> NDArray[np.float32]:
        """Return ``ln p(next token)`` at every position: (B, T) to (B, T, V), float32."""
        import torch

        with torch.inference_mode():
            logits = self._logits(ids)
            rows: NDArray[np.float32] = torch.log_softmax(logits.float(), dim=-1).cpu().numpy()
        return rows

    def token_nats(self, ids: npt.ArrayLike, targets: npt.ArrayLike) -> NDArray[np.float64]:
        """Return ``-ln p(targets[b, t] | ids[b, :t + 1])``, float64, (B, T); no table of (B, T, V) is made."""
        return self.begin_token_nats(ids, targets)()

    def begin_token_nats(self, ids: npt.ArrayLike, targets: npt.ArrayLike) -> Callable[[], NDArray[np.float64]]:
        """Begin with `token_nats`, and return what waits for it: meanwhile a GPU can be given the next batch."""
        import torch

        wanted = as_ids(targets, self.vocab_size)
        if wanted.shape != np.shape(ids):
            raise InvalidParameter(f"targets have shape {wanted.shape}, ids {np.shape(ids)}: give one target per token")
        tokens = as_ids(ids, self.vocab_size, self.context)
        with torch.inference_mode():
            places = places_of(self.module, self.apart, sent(tokens, self.device))
            found = nats_at(places, sent(wanted, self.device).flatten()).double()
        return fetched(found, wanted.shape)

    @property
    def apart(self) -> Apart | None:
        """The layers and the output layer, where they can be called one after the other; else None."""
        found: tuple[Any, Apart | None] | None = self.__dict__.get("_apart")
        if found is None or found[0] is not self.module:  # a copy may have been given another module
            found = self._apart = (self.module, head_apart(self.module))
        return found[1]

    @property
    def free_padding(self) -> int:
        """Tokens of padding in a batch that cost no more than another batch would."""
        layers = int(getattr(self.module.config.get_text_config(), "num_hidden_layers", 1) or 1)
        return call_tokens(self.device.type, layers, sum(int(one.numel()) for one in self.module.parameters()))

    @property
    def scoring_tokens(self) -> int:
        """Inputs of a batch whose logits are not all made: on a GPU as many as the free memory has room for."""
        free = free_bytes(self.device)
        if free is None or self.apart is None:
            return self.batch_tokens
        config = self.module.config.get_text_config()
        return max(self.batch_tokens, tokens_that_fit(free, config, self.module.dtype.itemsize))

    def _logits(self, ids: npt.ArrayLike) -> Any:
        import torch

        tokens = as_ids(ids, self.vocab_size, self.context)
        with evaluating(self.module):
            return self.module(input_ids=torch.from_numpy(tokens).to(self.device), use_cache=False).logits

    def with_tokens(self, prefix_id: int, eos_id: int) -> HuggingFaceModel:
        """Return the same model, weights shared, whose documents start from and end in other tokens."""
        other = copy.copy(self)
        other.prefix_id, other.eos_id = prefix_id, eos_id
        return other

    def stepper(self, batch: int) -> HuggingFaceStepper:
        """Return ``batch`` empty sequences, which carry what the model keeps of them.

        Raises:
            InvalidParameter: ``batch`` below 1; or the model does not predict token by token what it predicts in one
                pass, as those that keep their state to themselves.
        """
        if batch < 1:
            raise InvalidParameter(f"a stepper needs at least one sequence, not {batch}")
        if self._way is None:
            self._way = way_to_step(self)
        return HuggingFaceStepper(self, batch, self._way)

    def former_stepper(self, batch: int) -> HuggingFaceStepper:
        """Return what files of stream version 1 and 2 were coded by: each step copies the cache, sums are the same."""
        stepper = self.stepper(batch)
        stepper.grows_in_place = False
        return stepper

    def fingerprint(self) -> str:
        """Return the SHA-256 of the weights, the settings, the dtype, the kind of device, and the tokenizer."""
        config, tokenizer = self.module.config, self.tokenizer
        return self._digest(
            {
                "config": _settings(config.to_dict()),
                "attention": getattr(config, "_attn_implementation", None),
                "device": self.device.type,
                "eos": self.eos_id,
                "prefix": self.prefix_id,
                "tokenizer": None if tokenizer is None else tokenizer_fingerprint(tokenizer),
            }
        )

    def content_fingerprint(self) -> str:
        """Return the SHA-256 of the weights, the dtype, and those settings that are not the default.

        Neither names nor places, nor what a machine has; so the same on every machine, and for every copy.
        """
        return self._digest(_settings(self.module.config.to_diff_dict()))

    def _digest(self, facts: dict[str, Any]) -> str:
        import torch

        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
            raw = tensor.detach().contiguous().view(-1).view(torch.uint8)
            digest.update(raw.cpu().numpy().data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        weights = sum(parameter.numel() for parameter in self.module.parameters())
        return (
            f"HuggingFaceModel({self.name!r}, {self.module.config.model_type}, {weights:,} weights, "
            f"{self.module.dtype}, {self.device})".replace("torch.", "")
        )


def check_decoder(config: Any, name: str) -> None:
    """Raise InvalidParameter for the settings of an encoder-decoder, whose decoder alone is another model."""
    if getattr(config, "is_encoder_decoder", False):
        raise InvalidParameter(
            f"'{name}' is an encoder-decoder ({config.model_type}), not a causal language model: use a decoder"
        )


def _context(config: Any) -> int | None:
    """Return the most tokens that a sequence may hold, by the settings of a model; None where they name no limit.

    Long RoPE (Phi-3) turns all positions otherwise as soon as a sequence, or its neighbour in a batch, is longer than
    before the model was extended: what is predicted early then depends on how long the whole is, which no code allows.
    """
    held = [getattr(config, "max_position_embeddings", None)]
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    for one in (rope, *(part for part in rope.values() if isinstance(part, dict))):  # or one for each kind of layer
        if one.get("rope_type", one.get("type")) == "longrope":
            own = getattr(config, "original_max_position_embeddings", None)
            held.append(one.get("original_max_position_embeddings") or own)
    return min((int(length) for length in held if length), default=None)


def _settle(module: Any) -> None:
    """Settle how a module computes, before it does.

    RWKV divides weights by powers of 2 while it evaluates, so that float16 holds the states of many layers: saved then,
    they would be divided again. Grouped products of experts, the default of transformers, are not there for float64.
    """
    import torch

    config = module.config
    if getattr(config, "rescale_every", 0) and module.dtype != torch.float16:
        divided = any(getattr(part, "layers_are_rescaled", False) for part in module.modules())
        config.rescale_every = config.rescale_every if divided else 0
    if module.dtype == torch.float64 and getattr(config, "_experts_implementation", None) == "grouped_mm":
        module.set_experts_implementation("eager")


def _settings(held: dict[str, Any]) -> dict[str, Any]:
    """Return what a config, and the configs in it, say about what is computed."""
    return {
        key: _settings(value) if isinstance(value, dict) else value
        for key, value in held.items()
        if key not in _NOT_SETTINGS
    }


def _is_encoder(config: Any) -> bool:
    """Return whether a model with such settings sees what comes after a token, as those that fill in gaps do."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

    return type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
