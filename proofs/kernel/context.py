"""What a step may see while it is checked: the facts before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import sympy as sp

from .algebra import PLAIN, Normal
from .facts import Fact, Step
from .language import Diff, Int, Lim, Mean, replace, walk
from .signs import SIGNS

__all__ = ["Context", "NotShown", "Rules", "settled"]

Expr = Any
Rules = Mapping[type[Step], Callable[[Any, Any], str]]  # each says what was checked, or raises NotShown


class NotShown(Exception):
    """A step's check failed: its claim is not proved. The message says what did not come out."""


def settled(fact: Fact, head: Any, places: int) -> Any:
    """Return the places of the head that a fact gives a value: then it converges (see :class:`Context`)."""
    open_ = any(isinstance(node, Diff | Int | Lim | Mean) for node in walk(fact.right))
    if open_ or fact.relation != "=" or not isinstance(fact.left, head) or len(fact.left.args) != places:
        raise NotShown(f"the fact cited does not give a {head.__name__} with {places} places a finite value")
    return fact.left.args


@dataclass
class Context:
    """The facts known so far, which rest on no premise; what a rule looks at is recorded in ``cited``.

    They hold whatever value > 0 a head has where nothing converges: so where one gives a head a value, it converges.
    """

    form: ClassVar[Normal] = PLAIN
    known: Mapping[str, Fact]
    cited: set[str] = field(default_factory=set)

    def cite(self, name: str) -> Fact:
        """Return an earlier fact by name."""
        if name not in self.known:
            raise NotShown(f"it cites {name!r}, which is no earlier fact")
        self.cited.add(name)
        return self.known[name]

    def vanishes(self, expr: Expr) -> bool:
        """Tell whether an expression is zero wherever it is defined."""
        return self.form.vanishes(expr)

    def sign(self, expr: Expr, *, strict: bool = False) -> bool:
        """Tell whether an expression is non-negative (positive if ``strict``)."""
        found = SIGNS.of(expr, strict)
        return found is not None and (found or not strict)

    def defined(self, *exprs: Expr, at: Mapping[Expr, Expr] | None = None) -> None:
        """Fail unless denominators are not 0, and what logarithms and other powers are taken of is positive.

        Some symbols may be looked ``at`` values. What stands under a head must be defined too: of a derivative at its
        place, of others for every value of what is bound (where the ``at`` symbols do not occur: they are elementary).
        """
        at = dict(at or {})
        for expr in exprs:
            if isinstance(expr, Diff):
                f, x, x0, _ = expr.args
                self.defined(f, at={**at, x: replace(x0, at)})
                self.defined(x0, at=at)
            elif isinstance(expr, Int | Lim | Mean):
                self.defined(expr.args[0])
            elif not isinstance(expr, sp.Indexed):
                self.defined(*((expr.function,) if isinstance(expr, sp.Sum) else expr.args), at=at)
            whole = isinstance(expr, sp.Pow) and expr.exp.is_Integer
            if (whole and expr.exp >= 0) or not isinstance(expr, sp.Pow | sp.log | sp.uppergamma):
                continue
            inner = replace(expr.args[1] if isinstance(expr, sp.uppergamma) else expr.args[0], at)
            if not (self.sign(inner, strict=True) or (whole and self.sign(-inner, strict=True))):
                what = "different from zero" if whole else "positive"
                raise NotShown(f"{inner} in {expr} is not known to be {what}")
