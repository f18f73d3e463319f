"""Who wrote the chunks of a `.clz` file: the model by its content, and the machine that its floats came from.

A name or a path says nothing about content, so neither is compared. The same floats on another machine are the same
file; other floats are no damage. So content, machine and probe are kept apart, and an error says which of them differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Identity", "differences"]


@dataclass(frozen=True)
class Identity:
    """What a file is coded under.

    Attributes:
        model: digest of weights and of all settings of them that change a probability, hexadecimal.
        tokenizer: digest of the tokenizer's content; empty where there is none, or it is part of the model.
        template: digest of the template that texts are put in; empty where there is none.
        probe: digest of the integer weights of a few fixed steps, as this machine computes them: what decides. Empty
            for a model of whole numbers.
        machine: what the floats depend on, for people: processor, libraries, kernels. Empty for a model of whole
            numbers.
    """

    model: str
    tokenizer: str = ""
    template: str = ""
    probe: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Say in which facts two machines differ, in the order of the first; empty where they do not.

    Example:
        >>> differences({"torch": "2.13.0", "kernels": "AVX512"}, {"torch": "2.13.0", "kernels": "AVX2"})
        'kernels AVX512 there, AVX2 here'
        >>> differences({"threads": 2}, {"MKL_CBWR": "COMPATIBLE", "threads": 2})
        'MKL_CBWR not set there, COMPATIBLE here'
    """
    absent = "not set"
    return "; ".join(
        f"{key} {there.get(key, absent)} there, {here.get(key, absent)} here"
        for key in [*there, *(key for key in here if key not in there)]
        if there.get(key) != here.get(key)
    )
