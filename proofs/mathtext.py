r"""Mathematics for people: one line of plain text, or LaTeX.

Example:
    >>> from .expressions import Diff, index, masses, size, total
    >>> import sympy as sp
    >>> p, j, x = masses("p"), index("j", size("M")), sp.Symbol("epsilon")
    >>> plain(total(p[j] * sp.log(p[j] + x), j) / 2)
    '(Σ_j ln(ε + p_j) p_j)/2'
    >>> latex(total(p[j], j))
    '\\sum_{j} p_{j}'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from .expressions import Int, Lim, free_names, type_of
from .facts import Fact
from .notation import Notation

__all__ = ["abbreviate", "latex", "latex_fact", "plain", "plain_fact"]

Expr = Any
_GREEK = {
    "alpha": "α",
    "beta": "β",
    "delta": "δ",
    "epsilon": "ε",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "omega": "ω",
    "Omega": "Ω",
    "rho": "ρ",
    "sigma": "σ",
}
_RELATIONS = {"=": "=", "<=": "≤", "<": "<", ">=": "≥", ">": ">"}
_LATEX_RELATIONS = {"=": "=", "<=": r"\le", "<": "<", ">=": r"\ge", ">": ">"}


def _name(text: str) -> str:
    return _GREEK.get(text, text)


def _digits(order: Expr) -> str:
    return "" if order == 1 else {2: "²", 3: "³"}.get(int(order), f"^{order}")


def _binders(expr: Expr) -> tuple[list[Expr], Expr]:
    """Return the indices of nested sums, outermost first, and what is summed."""
    names: list[Expr] = []
    while isinstance(expr, sp.Sum):
        names += [limit[0] for limit in reversed(expr.limits)]
        expr = expr.function
    return names, expr


class _Plain(StrPrinter):  # type: ignore[misc]
    """sympy's text printer with sums, indices and derivatives as a person writes them."""

    printmethod = "_plain_text"  # not the one that sympy's own classes bring

    def _print_Symbol(self, expr: Expr) -> str:
        return _name(expr.name)

    def _print_Dummy(self, expr: Expr) -> str:
        return _name(expr.name)

    def _print_Indexed(self, expr: Expr) -> str:
        base, places = _name(str(expr.base.label)), [self._print(i) for i in expr.indices]
        places = [f"({place})" if len(place) > 2 else place for place in places]
        joint = "" if "_" in base or base.endswith("_") else "_"
        return f"{base}{joint}{''.join(places)}"

    def _print_Sum(self, expr: Expr) -> str:
        names, body = _binders(expr)
        text = self.parenthesize(body, PRECEDENCE["Mul"], strict=True)
        return f"Σ_{','.join(self._print(name) for name in names)} {text}"

    def _print_Mul(self, expr: Expr) -> str:
        return str(super()._print_Mul(expr)).replace("*", " ") if not expr.has(sp.Pow) else self._product(expr)

    def _product(self, expr: Expr) -> str:
        return str(super()._print_Mul(expr)).replace("**", "^").replace("*", " ")

    def _print_Pow(self, expr: Expr, rational: bool = False) -> str:
        return str(super()._print_Pow(expr, rational=rational)).replace("**", "^")

    def _print_log(self, expr: Expr) -> str:
        return f"ln({self._print(expr.args[0])})"

    def _print_exp(self, expr: Expr) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_ceiling(self, expr: Expr) -> str:
        return f"⌈{self._print(expr.args[0])}⌉"

    def _print_uppergamma(self, expr: Expr) -> str:
        return f"Γ({self._print(expr.args[0])}, {self._print(expr.args[1])})"

    def _print_KroneckerDelta(self, expr: Expr) -> str:
        return f"[{self._print(expr.args[0])}={self._print(expr.args[1])}]"

    def _print_Infinity(self, _: Expr) -> str:
        return "∞"

    def _print_Diff(self, expr: Expr) -> str:
        f, x, x0, order = expr.args
        power = _digits(order)
        return f"d{power}/d{self._print(x)}{power}|{self._print(x)}={self._print(x0)} [{self._print(f)}]"

    def _print_Lim(self, expr: Expr) -> str:
        f, x, x0 = expr.args
        return f"lim[{self._print(x)}→{self._print(x0)}] ({self._print(f)})"

    def _print_Int(self, expr: Expr) -> str:
        f, x, a, b = expr.args
        return f"∫[{self._print(a)}..{self._print(b)}] {self.parenthesize(f, PRECEDENCE['Mul'])} d{self._print(x)}"

    def _print_Mean(self, expr: Expr) -> str:
        return f"E{_over(expr, self._print, '_{}')}[{self._print(expr.args[0])}]"

    def _print_Huffman(self, expr: Expr) -> str:
        return f"L_huff({', '.join(self._print(arg) for arg in expr.args)})"

    def parenthesize(self, item: Expr, level: int, strict: bool = False) -> str:
        """Put parentheses around sums, derivatives and the like inside products."""
        text = str(super().parenthesize(item, level, strict))
        if level < PRECEDENCE["Mul"] or text.startswith("("):
            return text
        loose = isinstance(item, sp.Sum | Int | Lim)
        quotient = isinstance(item, sp.Symbol) and "/" in item.name and level >= PRECEDENCE["Pow"]
        return f"({text})" if loose or quotient else text


def _over(mean: Expr, write: Callable[[Expr], str], form: str) -> str:
    """Return what a mean is taken over, where another draw is left free in it; else nothing."""
    kinds = [type_of(name, array=array) for name in free_names(mean) for array in (False, True)]
    free = any(kind is not None and kind.law is not None for kind in kinds)
    return form.format(",".join(map(write, mean.args[1:]))) if free else ""


def _raised(text: str, exp: str | None) -> str:
    return f"{{{text}}}^{{{exp}}}" if exp else text


class _Latex(LatexPrinter):  # type: ignore[misc]
    """sympy's LaTeX printer with the same conventions."""

    def _print_Indexed(self, expr: Expr) -> str:
        base = self._print(expr.base.label)
        places = "".join(self._print(i) for i in expr.indices)
        if len(expr.indices) > 1 and any(len(str(i)) > 2 for i in expr.indices):
            places = ",".join(self._print(i) for i in expr.indices)
        if base.endswith("_{}"):
            return f"{base[:-3]}_{{{places}}}"
        if "_{" in base:
            return f"{base[:-1]}{places}}}"
        return f"{base}_{{{places}}}"

    def _print_Sum(self, expr: Expr) -> str:
        names, body = _binders(expr)
        text = self._print(body)
        if isinstance(body, sp.Add):
            text = f"({text})"
        return rf"\sum_{{{','.join(self._print(name) for name in names)}}} {text}"

    def _print_Diff(self, expr: Expr, exp: str | None = None) -> str:
        f, x, x0, order = expr.args
        power = "" if order == 1 else f"^{order}"
        d = rf"\tfrac{{d{power}}}{{d{self._print(x)}{power}}}"
        return _raised(rf"{d}\bigl[{self._print(f)}\bigr]_{{{self._print(x)}={self._print(x0)}}}", exp)

    def _print_Lim(self, expr: Expr, exp: str | None = None) -> str:
        f, x, x0 = expr.args
        return _raised(rf"\lim_{{{self._print(x)}\to {self._print(x0)}}} \bigl({self._print(f)}\bigr)", exp)

    def _print_Int(self, expr: Expr, exp: str | None = None) -> str:
        f, x, a, b = expr.args
        return _raised(rf"\int_{{{self._print(a)}}}^{{{self._print(b)}}} {self._print(f)}\,d{self._print(x)}", exp)

    def _print_Mean(self, expr: Expr, exp: str | None = None) -> str:
        return _raised(rf"E{_over(expr, self._print, '_{{{}}}')}\bigl[{self._print(expr.args[0])}\bigr]", exp)

    def _print_Huffman(self, expr: Expr, exp: str | None = None) -> str:
        return _raised(rf"L_{{\mathrm{{huff}}}}({', '.join(self._print(arg) for arg in expr.args)})", exp)

    def _print_KroneckerDelta(self, expr: Expr, exp: str | None = None) -> str:
        return _raised(rf"[{self._print(expr.args[0])}={self._print(expr.args[1])}]", exp)

    def _needs_mul_brackets(self, expr: Expr, first: bool = False, last: bool = False) -> bool:
        loose = type(expr).__name__ in {"Sum", "Int"} and not last
        return bool(loose or super()._needs_mul_brackets(expr, first=first, last=last))


_PLAIN = _Plain()
_LATEX = _Latex({"ln_notation": True})


def plain(expr: Expr) -> str:
    """Return an expression as one line of text."""
    return str(_PLAIN.doprint(expr)).replace("**", "^")


def latex(expr: Expr) -> str:
    """Return an expression as LaTeX that may break across lines at its outer operators."""
    text = str(_LATEX.doprint(expr))
    return text.replace(r"\left(", "(").replace(r"\right)", ")").replace(r"\left[", "[").replace(r"\right]", "]")


def abbreviate(expr: Expr, notation: Sequence[Notation]) -> Expr:
    """Put short names for the expressions that have one; the largest first."""
    for item in _largest_first(tuple(notation)):
        symbol = sp.Symbol(item.name, positive=True)
        expr = expr.xreplace({item.expr: symbol, -item.expr: -symbol})
    return expr


@lru_cache(maxsize=1_000)
def _largest_first(notation: tuple[Notation, ...]) -> tuple[Notation, ...]:
    return tuple(sorted(notation, key=lambda n: -len(str(n.expr))))


def plain_fact(fact: Fact, notation: Sequence[Notation] = ()) -> str:
    """Return a fact as one line of text."""
    left, right = abbreviate(fact.left, notation), abbreviate(fact.right, notation)
    return f"{plain(left)} {_RELATIONS[fact.relation]} {plain(right)}"


def latex_fact(fact: Fact, notation: Sequence[Notation] = ()) -> str:
    """Return a fact as LaTeX."""
    names = {sp.Symbol(n.name, positive=True): sp.Symbol(n.latex, positive=True) for n in notation}
    sides = [latex(abbreviate(side, notation).xreplace(names)) for side in (fact.left, fact.right)]
    return f"{sides[0]} {_LATEX_RELATIONS[fact.relation]} {sides[1]}"
