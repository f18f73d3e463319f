"""Training: pre-training and fine-tuning of a model, by transformers' Trainer (on accelerate: also on several GPUs).

What is seen is fixed before the first step (`compresslab.lm.curriculum`), so a training that is killed at any point and
started again with the same call goes on from its last whole checkpoint and ends, on the same machine, in the same
weights, bit for bit. A run's folder holds

=====================  ==========================================================================================
``training.json``      the settings, the digest of what is seen, the model's fingerprint before
``seen.npz``           which window of which response of which source each example is
``checkpoint-N/``      the state after N steps (the last two); whole if its ``whole.json`` says so
``model/``             the trained model, which `compresslab.lm.checkpoints.load` reads
``result.json``        losses and the fingerprint after
=====================  ==========================================================================================
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from compresslab._support.files import rename, temporary_folder, write_atomic
from compresslab._support.interrupts import if_stopped
from compresslab._support.json_text import read_json
from compresslab._support.temporaries import part_folder
from compresslab.data.dataset import Dataset
from compresslab.errors import CompressLabError, CorruptFile, InvalidParameter, MissingExtra, did_you_mean
from compresslab.lm.checkpoint_weights import take_renamed
from compresslab.lm.checkpoints import load, quiet_transformers, save
from compresslab.lm.complete_folders import WHOLE, is_whole, last_whole, mark_whole
from compresslab.lm.curriculum import Curriculum, Source, make_curriculum
from compresslab.lm.hugging_face import HuggingFaceModel
from compresslab.lm.scoring import check_tokens
from compresslab.lm.trackers import check_trackers
from compresslab.lm.trainer import make_trainer

__all__ = ["SCHEDULES", "Trained", "Training", "train"]

SCHEDULES = ("constant", "linear", "cosine")
RUN, RESULT, SEEN, MODEL = "training.json", "result.json", "seen.npz", "model"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Training:
    """The settings of a training.

    Attributes:
        steps: optimizer steps; one pass over the only dataset where None.
        batch: examples of a step, over all processes.
        length: inputs of an example at most.
        learning_rate: the highest.
        schedule: "constant", "linear" or "cosine" (down to 0), after the warm-up.
        warmup: steps in which the learning rate rises from 0.
        weight_decay: AdamW's.
        clip: the largest norm of a gradient.
        betas: AdamW's.
        packed: join responses into full examples (pre-training); otherwise one response, or a part, an example.
        seed: of every random choice.
        save_every: steps between checkpoints; none where None.

    Raises:
        InvalidParameter: a setting outside its domain.
    """

    steps: int | None = None
    batch: int = 8
    length: int = 256
    learning_rate: float = 3e-4
    schedule: str = "cosine"
    warmup: int = 0
    weight_decay: float = 0.0
    clip: float = 1.0
    betas: tuple[float, float] = (0.9, 0.95)
    packed: bool = False
    seed: int = 0
    save_every: int | None = None

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise InvalidParameter(f"unknown schedule {self.schedule!r}: {did_you_mean(str(self.schedule), SCHEDULES)}")
        for name in ("steps", "batch", "length", "save_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidParameter(f"{name} is {value}: it must be a whole number, 1 or more")
        for name in ("warmup", "weight_decay", "seed"):
            if getattr(self, name) < 0:
                raise InvalidParameter(f"{name} is {getattr(self, name)}: it must not be negative")
        if not 0 < self.learning_rate < 1:
            raise InvalidParameter(f"learning_rate is {self.learning_rate}: it must lie between 0 and 1")


@dataclass(frozen=True)
class Trained:
    """What a training did.

    Attributes:
        steps: optimizer steps, those before a resumption included.
        losses_bits: mean bits per predicted symbol of each step, before its update.
        symbols: symbols seen of each source, repeats counted.
        seen: digest of what was seen, in order.
        before: the model's fingerprint before.
        after: the model's fingerprint after.
        resumed_from: the step that this call went on from; 0 for a fresh start.
    """

    steps: int
    losses_bits: tuple[float, ...]
    symbols: dict[str, int]
    seen: str
    before: str
    after: str
    resumed_from: int


def train(
    model: HuggingFaceModel,
    data: Dataset | Mapping[str, Dataset | tuple[Dataset, float]],
    settings: Training,
    folder: str | PathLike[str] | None = None,
    *,
    log: Sequence[str] = (),
    progress: Progress | None = None,
) -> Trained:
    """Train a model, in place.

    Weights are trained in float32, computed in bfloat16 where the model is on a GPU that has it, and go back to the
    model's own dtype at the end. Global random states are left as they were.

    Args:
        model: the model.
        data: a dataset in the model's tokens; or several by name, each with its volume (1 where none is given).
        settings: see `Training`.
        folder: where to keep checkpoints, the record and the result. If it holds an unfinished run of the same call,
            that is gone on with; if a finished one, its model is loaded and its result returned.
        log: trackers that are sent loss, rate and norm of every step: what the ``report_to`` of transformers takes,
            such as "tensorboard", which writes below ``runs/`` in the folder; see `compresslab.lm.trackers`.
        progress: called with (steps done, steps in all).

    Raises:
        UnknownName: a tracker that transformers does not have.
        InvalidParameter: the folder holds another run; examples longer than the context; a batch that the processes
            cannot share; a tracker that is not installed, or without a folder.
        MismatchedVocabulary: data that is not in the model's tokens.
        MissingExtra: transformers or accelerate is not installed.
    """
    trackers = check_trackers(log)
    if trackers and folder is None:
        raise InvalidParameter("what trackers are sent is kept with a run: give a folder, or leave log out")
    given = {data.name or "data": data} if isinstance(data, Dataset) else data
    sources = {name: Source(one, 1.0) if isinstance(one, Dataset) else Source(*one) for name, one in given.items()}
    for source in sources.values():
        check_tokens(model, source.dataset)
    if model.context is not None and settings.length > model.context:
        raise InvalidParameter(
            f"examples of {settings.length} tokens are longer than the context of '{model.name}', {model.context}: "
            f"give length={model.context} or less"
        )
    curriculum = make_curriculum(
        sources,
        length=settings.length,
        examples=None if settings.steps is None else settings.steps * settings.batch,
        seed=settings.seed,
        eos_id=model.eos_id,
        prefix_id=model.prefix_id,
        packed=settings.packed,
    )
    if settings.save_every is not None and folder is not None:
        _check_checkpoints(model)
    if folder is None:
        with temporary_folder() as temporary:
            return _train(model, curriculum, settings, temporary, False, progress, ())
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    run = _facts(model, curriculum, settings, sources)
    done = _open_run(target, run)
    if done is not None and _take(model, target / MODEL):
        return done
    if not (target / RUN).is_file():
        curriculum.save(target / SEEN)
        write_atomic(target / RUN, [json.dumps(run, indent=2).encode()])
    return _train(model, curriculum, settings, target, True, progress, trackers)


def _check_checkpoints(model: HuggingFaceModel) -> None:
    """Raise InvalidParameter where transformers cannot write an adapter, before anything is trained."""
    if not getattr(model.module, "_hf_peft_config_loaded", False):
        return
    with temporary_folder() as temporary:
        try:
            model.module.save_pretrained(str(temporary))
        except (ImportError, ValueError) as error:
            raise InvalidParameter(
                f"checkpoints of the adapter '{model.name}' cannot be written here ({error}): leave save_every out"
            ) from error


def _facts(
    model: HuggingFaceModel, curriculum: Curriculum, settings: Training, sources: Mapping[str, Source]
) -> dict[str, Any]:
    """Return what a run is, as JSON: another call with the same facts is the same run."""
    return {
        "settings": json.loads(json.dumps(asdict(settings))),
        "volumes": {name: source.volume for name, source in sources.items()},
        "symbols": curriculum.symbols,
        "seen": curriculum.digest(),
        "before": model.fingerprint(),
    }


def _take(model: HuggingFaceModel, folder: Path) -> bool:
    """Give a model the weights of a finished run, and tell whether they are whole; if not, the run is gone on with."""
    if (folder / WHOLE).exists() and not is_whole(folder):
        return False
    try:
        trained = load(folder, device=str(model.device), dtype="auto", tokenizer=model.tokenizer)
        model.module.load_state_dict(trained.module.state_dict())
    except (CompressLabError, RuntimeError):  # RuntimeError: weights of other shapes
        return False
    return True


def _open_run(folder: Path, run: dict[str, Any]) -> Trained | None:
    """Return the result of a finished run, None for one to go on with or to begin; refuse another run's folder."""
    if not (folder / RUN).is_file():
        return None
    try:
        found = read_json(folder / RUN)
    except (OSError, ValueError) as error:
        raise CorruptFile(f"{folder} holds a run that cannot be read ({error}): delete it") from error
    if not isinstance(found, dict):
        raise CorruptFile(f"{folder / RUN} is not a JSON object: delete {folder}")
    if found != run:
        differing = sorted(key for key in run if found.get(key) != run[key])
        raise InvalidParameter(
            f"{folder} holds another run (its {', '.join(differing)} differ{'s' * (len(differing) == 1)}): "
            "delete it, or train in another folder"
        )
    try:
        result = read_json(folder / RESULT)
        return Trained(**{**result, "losses_bits": tuple(map(float, result["losses_bits"]))})
    except (OSError, ValueError, LookupError, TypeError):
        return None  # not there yet, or damaged: it is made again from the last checkpoint


def _train(
    model: HuggingFaceModel,
    curriculum: Curriculum,
    settings: Training,
    folder: Path,
    keep: bool,
    progress: Progress | None,
    trackers: Sequence[str],
) -> Trained:
    before, dtype = model.fingerprint(), model.module.dtype
    checkpoint, start = last_whole(folder) if keep else (None, 0)
    with _random_states(), quiet_transformers():
        model.module.float()
        try:
            trainer = make_trainer(model, curriculum, settings, folder, keep, progress, trackers)
        except ImportError as error:  # transformers' Trainer needs accelerate
            raise MissingExtra("training a model", "lm") from error
        if checkpoint is not None:
            take_renamed(model.module, checkpoint)
        with if_stopped(lambda: _kept(folder if keep else None)):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        model.module.to(dtype).eval()
    losses = tuple(entry["bits"] for entry in trainer.state.log_history if "bits" in entry)
    result = Trained(
        int(trainer.state.global_step), losses, curriculum.symbols, curriculum.digest(), before,
        model.fingerprint(), start,
    )  # fmt: skip
    if keep and trainer.is_world_process_zero():
        with part_folder(folder) as part:
            save(model, part / MODEL)
            mark_whole(part / MODEL)
            shutil.rmtree(folder / MODEL, ignore_errors=True)
            rename(part / MODEL, folder / MODEL)
        write_atomic(folder / RESULT, [json.dumps(asdict(result), indent=2).encode()])
    return result


def _kept(folder: Path | None) -> str:
    """Say what an interrupted training leaves behind."""
    steps = 0 if folder is None else last_whole(folder)[1]
    if not steps:
        return "the training had no checkpoint yet; the same command begins again"
    return f"the training is kept in {folder} up to step {steps:,}; the same command goes on from there"


@contextmanager
def _random_states() -> Iterator[None]:
    """Leave the global random states of Python, numpy and torch as they were: Trainer seeds them."""
    import torch

    own, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(own)
            np.random.set_state(legacy)  # noqa: NPY002
