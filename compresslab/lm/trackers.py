"""Trackers of experiments (TensorBoard, Weights & Biases, MLflow, ...), fed through the callbacks of transformers.

Whatever the ``report_to`` of transformers' Trainer takes is taken here, is set up by the environment as there
(``TENSORBOARD_LOGGING_DIR``, ``WANDB_PROJECT``, ``MLFLOW_TRACKING_URI``, ...), and is sent the same calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from compresslab.errors import InvalidParameter, MissingExtra, UnknownName, did_you_mean

__all__ = ["check_trackers", "curves", "track"]


def check_trackers(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of trackers, each once, if all of them can be used here; before any work is done for them.

    Raises:
        UnknownName: transformers has no such tracker.
        InvalidParameter: its package is not installed, or it cannot be started.
        MissingExtra: transformers is not installed.

    Example:
        >>> check_trackers([])
        ()
    """
    return tuple(_callbacks(names))


def track(
    names: Sequence[str],
    rows: Iterable[tuple[int, Mapping[str, float]]],
    folder: str | PathLike[str],
    run: str | None = None,
) -> None:
    """Send rows to trackers.

    Args:
        names: of the trackers, as transformers has them: "tensorboard", "wandb", "mlflow", ...
        rows: step and values, rising in their steps.
        folder: where those are written that keep files: TensorBoard's below ``runs/`` in it.
        run: what the run is called.

    Raises:
        UnknownName: as of `check_trackers`.
        InvalidParameter: likewise; or it failed at its work, as those do whose server cannot be reached.
        MissingExtra: likewise.
    """
    callbacks = _callbacks(names)
    if not callbacks:
        return
    from transformers import TrainerControl, TrainerState, TrainingArguments

    arguments = TrainingArguments(output_dir=str(folder), run_name=run, report_to="none", use_cpu=True)
    sent = list(rows)
    for name, callback in callbacks.items():
        state, control = TrainerState(), TrainerControl()
        try:
            callback.on_train_begin(arguments, state, control)
            for step, values in sent:
                state.global_step = step
                callback.on_log(arguments, state, control, logs=dict(values))
            callback.on_train_end(arguments, state, control)
        except Exception as error:  # each has errors of its own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InvalidParameter(
                f"the tracker '{name}' failed: {reason}; what was measured is not lost with it: see --rows and --report"
            ) from error


def curves(
    rows: Sequence[Mapping[str, Any]], labels: Sequence[str], step: str = "examples"
) -> list[tuple[int, dict[str, float]]]:
    """Return flat rows as what a tracker is sent at each step: ``label/label/column`` -> number.

    Args:
        rows: flat.
        labels: the columns that name a curve; those that a row leaves None are left out of its name.
        step: the column that holds the step, a whole number.

    Example:
        >>> curves([{"data": "a", "examples": 4, "nats": 0.5}, {"data": "b", "examples": 4, "nats": None}], ["data"])
        [(4, {'a/nats': 0.5})]
    """
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        name = "/".join(str(row[label]) for label in labels if row[label] is not None)
        for column, value in row.items():
            if column != step and column not in labels and type(value) in (int, float):
                found.setdefault(int(row[step]), {})[f"{name}/{column}"] = value
    return sorted(found.items(), key=lambda one: one[0])


def _callbacks(names: Sequence[str]) -> dict[str, Any]:
    """Return the callback of each tracker."""
    if not names:
        return {}
    try:
        from transformers.integrations import integration_utils
    except ImportError as error:
        raise MissingExtra("a tracker of experiments", "lm") from error
    known: dict[str, Any] = integration_utils.INTEGRATION_TO_CALLBACK
    found: dict[str, Any] = {}
    for name in names:
        if name not in known:
            raise UnknownName(f"unknown tracker {name!r}: {did_you_mean(name, known)}")
        try:
            found[name] = found.get(name) or known[name]()
        except (ImportError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InvalidParameter(
                f"the tracker '{name}' cannot be used here: {reason}; install its package, or leave it out (--log)"
            ) from error
    return found
