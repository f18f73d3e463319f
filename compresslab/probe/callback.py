"""A callback for the Trainer of transformers: overlaps and code lengths every n steps of a training, as JSON lines."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from compresslab._support.files import read_buffer, temporary_folder, unreadable, write_atomic
from compresslab._support.json_text import finite, parse_saved
from compresslab.errors import CorruptFile, InvalidParameter, MismatchedVocabulary, MissingExtra
from compresslab.lm.evaluating import evaluating
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.protocol import LanguageModel
from compresslab.lm.registry import get_model
from compresslab.probe.gradients import measure_gradients
from compresslab.probe.json_form import stationarity_as_json, table_as_json
from compresslab.probe.overlaps import measure_overlaps, stationarities
from compresslab.probe.prediction import symbols_of
from compresslab.probe.probing import ROLES, check_named, in_tokens, trainable
from compresslab.probe.products import Network
from compresslab.probe.settings import ProbeSettings
from compresslab.probe.texts import Given, ProbeData
from compresslab.theory.estimates import ratio_standard_error

__all__ = ["probe_callback", "read_steps"]

Row = dict[str, Any]


def probe_callback(
    model: str | LanguageModel,
    path: str | PathLike[str],
    *,
    pretrain: Mapping[str, Given] | None = None,
    align: Mapping[str, Given] | None = None,
    other: Mapping[str, Given] | None = None,
    perturb: Mapping[str, Given] | None = None,
    every: int = 100,
    settings: ProbeSettings | None = None,
    **changes: Any,
) -> Any:
    """Return a ``TrainerCallback`` that records code lengths of data, and gradient overlaps, while a model is trained.

    A row is written where training begins, after every ``every`` steps, and where it ends. Nothing of the training is
    changed: neither weights, gradients, random numbers, nor what is in training mode. Where a training is resumed from
    a checkpoint, rows of later steps, which are trained again, are written again.

    Args:
        model: with the tokens of what is trained; its ``module``, or a copy of it, or that with an adapter of peft.
        path: of the rows, one JSON object a line: ``step``, ``epoch`` and ``learning_rate`` as the trainer has them;
            ``code_length_nats`` and ``code_length_standard_error_nats`` of each dataset, per token; ``gradient_norm``;
            ``overlap``, ``i -> t -> g_i . P g_t``, of the weights that are trained; ``cosine``; ``stationarity``, as
            the probe's JSON has it; ``of``, a digest of data and settings.
        pretrain: data like that of pre-training, by name, as `compresslab.probe.probing.probe` takes it.
        align: data like that of alignment.
        other: data in neither.
        perturb: what it may be trained on later.
        every: steps between rows.
        settings: of the overlaps: optimiser, batch, length, template, groups and seed count.
        changes: fields of `ProbeSettings` that differ, such as ``optimizer="sgd"``.

    Raises:
        InvalidParameter: no data, one name for two datasets, ``every`` below 1; when training begins: rows of other
            data or settings, or of a training that is not the one that is resumed; weights that are shared out over
            processes (FSDP, DeepSpeed's stage 3).
        EmptyDataset: a dataset without responses.
        MismatchedVocabulary: data, or what is trained, in other tokens than the model's.
        MissingExtra: transformers is not installed.

    Source: theory, sections 9 and 11.
    """
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise MissingExtra("a callback for the Trainer of transformers", "lm") from error
    if type(every) is not int or every < 1:
        raise InvalidParameter(f"every is a number of steps, 1 or more: not {every!r}")
    chosen = (settings or ProbeSettings()).changed(changes)
    if chosen.align_loss == "dpo":
        raise InvalidParameter("a callback records code lengths, not the DPO loss: leave align_loss out")
    if chosen.lora:
        raise InvalidParameter("a callback measures the weights that are trained, of a LoRA its own: leave lora out")
    given = {"pretrain": pretrain or {}, "align": align or {}, "other": other or {}, "perturb": perturb or {}}
    check_named(given)
    if not any(given.values()):
        raise InvalidParameter(f"there is nothing to measure: give data of a role ({', '.join(ROLES)})")
    held = trainable(get_model(model) if isinstance(model, str) else model)
    rows = _Rows(Path(path), held, in_tokens(held, given, chosen), chosen)

    class Record(TrainerCallback):  # type: ignore[misc]
        """Write a row every so many steps."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            rows.begin(args, state)
            if rows.last < 0 or state.global_step % every == 0:
                rows.record(state, given)

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if state.global_step % every == 0:
                rows.record(state, given)

        def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            rows.record(state, given)

    return Record()


def read_steps(path: str | PathLike[str]) -> list[Row]:
    """Return the rows that a callback wrote, by rising step; ``[]`` where there is no file.

    What a kill left of the last line is passed over.

    Raises:
        CorruptFile: a line that is not a row, and is not the last.
        UnreadableFile: the file cannot be read.
    """
    if not Path(path).exists():
        return []
    *lines, rest = read_buffer(path).tobytes().split(b"\n")  # a whole line ends in a line feed
    found: list[Row] = []
    for number, line in enumerate(lines, 1):
        try:
            row = parse_saved(line)
            if (
                type(row["step"]) is not int
                or type(row["of"]) is not str
                or (found and row["step"] <= found[-1]["step"])
            ):
                raise ValueError("its step does not rise")
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) and not rest:  # the line feed may reach the disk before the rest of its line
                continue
            raise CorruptFile(f"line {number} of {path} is not a row of a probe's callback: {error}") from error
        found.append(row)
    return found


class _Rows:
    """The rows of one training, and what they are measured with."""

    def __init__(self, path: Path, model: HuggingFaceModel, sets: Sequence[ProbeData], settings: ProbeSettings) -> None:
        self.path, self.model, self.sets, self.settings = path, model, sets, settings
        digests = {f"{data.role} {data.name}": data.stream.digest() for data in sets}
        said = json.dumps([asdict(settings), digests], sort_keys=True)
        self.of = hashlib.sha256(said.encode()).hexdigest()[:16]
        self.last = -1

    def begin(self, args: Any, state: Any) -> None:
        """Keep the rows up to the step where training begins; raise InvalidParameter where they are of another one."""
        deepspeed = getattr(getattr(args, "hf_deepspeed_config", None), "is_zero3", lambda: False)()
        if deepspeed or getattr(args, "fsdp", None):
            raise InvalidParameter(
                "weights that are shared out over processes (FSDP, DeepSpeed's stage 3) are not all here: probe the "
                "checkpoints that are saved, with compresslab probe"
            )
        if not state.is_world_process_zero:
            return
        rows = read_steps(self.path)
        if any(row["of"] != self.of for row in rows):
            raise InvalidParameter(f"{self.path} holds rows of other data or settings: name another file")
        if rows and not state.global_step:
            raise InvalidParameter(
                f"{self.path} holds rows up to step {rows[-1]['step']}, and training begins anew: resume it "
                "(resume_from_checkpoint), or name another file"
            )
        kept = [row for row in rows if row["step"] <= state.global_step]
        self.last = kept[-1]["step"] if kept else -1
        write_atomic(self.path, (_line(row) for row in kept))

    def record(self, state: Any, given: Mapping[str, Any]) -> None:
        """Measure, and append a row, unless the step has one."""
        if not state.is_world_process_zero or state.global_step <= self.last:
            return
        scheduler = given.get("lr_scheduler")
        row = {
            "step": state.global_step,
            "epoch": state.epoch,
            "learning_rate": None if scheduler is None else float(scheduler.get_last_lr()[0]),
            **self._measured(given["model"]),
            "of": self.of,
        }
        try:
            with open(self.path, "ab") as file:
                file.write(_line(finite(row)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unreadable(self.path, error, "write") from error
        self.last = state.global_step

    def _measured(self, module: Any) -> Row:
        sets, names = self.sets, [data.name for data in self.sets]
        with evaluating(module), temporary_folder() as folder:
            network = Network.of(_as_trained(self.model, module))
            found = measure_gradients(network, sets, self.settings, folder)
            overlaps = measure_overlaps(found, self.settings)
        nats = dict(zip(names, found.nats, strict=True))
        return {
            "code_length_nats": {one.name: float(nats[one.name].sum()) / one.symbols for one in sets},
            "code_length_standard_error_nats": {
                one.name: ratio_standard_error(nats[one.name], symbols_of(one)) for one in sets
            },
            "gradient_norm": dict(zip(names, np.sqrt(np.diag(overlaps.products)).tolist(), strict=True)),
            "overlap": table_as_json(overlaps.matrix, names),
            "cosine": table_as_json(overlaps.cosine, names),
            "stationarity": {pair: stationarity_as_json(one) for pair, one in stationarities(overlaps, sets).items()},
        }


def _line(row: Row) -> bytes:
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _as_trained(model: HuggingFaceModel, module: Any) -> HuggingFaceModel:
    """Return a model whose weights are those that are trained.

    Raises:
        MismatchedVocabulary: what is trained does not predict the tokens that the data were put into.
    """
    import torch

    with torch.no_grad():
        first = torch.tensor([[model.prefix_id]], device=module.device)
        size = int(module(input_ids=first, use_cache=False).logits.shape[-1])
    if size != model.vocab_size:
        raise MismatchedVocabulary(
            f"what is trained has {size:,} tokens, '{model.name}', which read the data, {model.vocab_size:,}: give "
            "the callback the model that is trained"
        )
    found = copy.copy(model)
    found.module = module
    return found
