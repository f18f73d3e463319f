"""transformers' Trainer, set up so that a run depends on its curriculum and settings alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from compresslab.errors import InvalidParameter
from compresslab.lm.complete_folders import mark_whole
from compresslab.lm.curriculum import IGNORE, Curriculum
from compresslab.lm.hugging_face import HuggingFaceModel

__all__ = ["make_trainer"]


def _trainer_class() -> Any:
    import torch
    from transformers import Trainer

    class MeanTrainer(Trainer):  # type: ignore[misc]
        """Mean cross-entropy over the targets that count, each logit beside its own target (nothing is shifted)."""

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            targets = inputs["labels"]
            outputs = model(input_ids=inputs["input_ids"], use_cache=False)
            loss = torch.nn.functional.cross_entropy(
                outputs.logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORE
            )
            return (loss, outputs) if return_outputs else loss

    return MeanTrainer


def _watch(progress: Callable[[int, int], None] | None) -> Any:
    """Return what notes the loss of every step, tells the progress, and marks checkpoints that are whole."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs is not None and "loss" in logs:
                state.log_history[-1]["bits"] = float(logs["loss"]) / math.log(2)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if progress is not None:
                progress(state.global_step, state.max_steps)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    return Watch()


def make_trainer(
    model: HuggingFaceModel,
    curriculum: Curriculum,
    settings: Any,
    folder: Path,
    keep: bool,
    progress: Callable[[int, int], None] | None,
    trackers: Sequence[str] = (),
) -> Any:
    """Return a Trainer that shows the model the curriculum, in its order, once; checkpoints are made to be kept."""
    import torch
    from transformers import TrainingArguments

    on_gpu = model.device.type == "cuda"
    saving = keep and settings.save_every is not None
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(settings.schedule, settings.schedule),
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        adam_beta1=settings.betas[0],
        adam_beta2=settings.betas[1],
        max_grad_norm=settings.clip,
        seed=settings.seed,
        train_sampling_strategy="sequential",
        bf16=on_gpu and torch.cuda.is_bf16_supported(),
        use_cpu=not on_gpu,
        save_strategy="steps" if saving else "no",
        save_steps=settings.save_every or 1,
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(trackers) or "none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=on_gpu,
        log_level="error",
        ddp_find_unused_parameters=False,
    )
    if settings.batch % arguments.world_size:
        raise InvalidParameter(
            f"a batch of {settings.batch} cannot be shared by {arguments.world_size} processes: make it a multiple"
        )
    arguments.per_device_train_batch_size = settings.batch // arguments.world_size
    arguments._n_gpu = min(1, arguments.n_gpu)  # one GPU a process: `accelerate launch` starts several

    def collate(examples: list[int]) -> dict[str, Any]:
        ids, targets = curriculum.padded(examples)
        return {"input_ids": torch.from_numpy(ids), "labels": torch.from_numpy(targets)}

    trainer = _trainer_class()(
        model=model.module,
        args=arguments,
        train_dataset=range(len(curriculum)),  # an example is its number
        data_collator=collate,
        callbacks=[_watch(progress)],
    )
    for printing in ("PrinterCallback", "ProgressCallback"):
        for callback in list(trainer.callback_handler.callbacks):
            if type(callback).__name__ == printing:
                trainer.remove_callback(callback)
    return trainer
