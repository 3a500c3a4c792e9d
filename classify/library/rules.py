"""Rules that choose tracks: ``energy > 0.7 and 120 <= tempo <= 130``.

A rule is parsed by Python's own grammar, and of that only what is named here is taken: comparisons,
``and``, ``or``, ``not``, ``in``, arithmetic, numbers, texts and the names of columns. Nothing is
ever evaluated as Python: every part is computed over whole columns, so that a hundred thousand
rows take milliseconds, and no rule can call, read or write anything.

What is missing is never found: neither ``tempo > 100`` nor ``not tempo > 100`` chooses a track
without a tempo; ``missing(tempo)`` does.
"""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earmark.classify.library import columns
from earmark.extract.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Rule", "parse"]

Values = NDArray[Any]

LONGEST = 2000
"""Signs of a rule."""

DEEPEST = 50
"""Parts that lie within each other."""

COMPARED: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

CALCULATED: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

MISSING = "missing"
"""The only function: of a column, where it says nothing."""

HINT = "a rule is made of columns, numbers, 'texts', < <= > >= == != in, + - * /, and, or, not"


@dataclass(frozen=True)
class Rule:
    """A rule that was parsed.

    Parameters
    ----------
    text : str
        As it was written.
    tree : ast.expr
        What of Python's grammar it is.
    names : frozenset of str
        The columns that it asks for.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]

    def holds(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """Tell for each row of a table whether the rule holds.

        Raises
        ------
        SettingsError
            The table has no such column, or a text is compared with a number.

        Examples
        --------
        >>> tracks = pd.DataFrame({"tempo": [90.0, 124, None], "genre": ["Jazz", "House", "House"]})
        >>> parse("120 <= tempo <= 130 and genre in ('house', 'techno')").holds(tracks).tolist()
        [False, True, False]
        """
        for name in sorted(self.names):
            if name not in table.columns:
                raise SettingsError(f"rule {self.text!r}: {columns.unknown(name, table)}")
        found = _Evaluation(self.text, table).truth(self.tree)
        return found.yes


def parse(text: str) -> Rule:
    """Parse a rule.

    Parameters
    ----------
    text : str
        Texts are compared without regard to case; ``'rock' in genre`` asks for a part of a text,
        ``genre in ('rock', 'pop')`` for one of several. Arithmetic is in numbers.

    Raises
    ------
    SettingsError
        It is no rule; the message says which part is not.
    """
    if len(text) > LONGEST:
        raise SettingsError(f"a rule may have {LONGEST} signs; this has {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        where = getattr(error, "offset", None)
        at = f" at sign {where}" if where else ""
        raise SettingsError(f"rule {text!r} cannot be read{at}; {HINT}") from error
    names: set[str] = set()
    _check(tree, text, names, 0)
    return Rule(text, tree, frozenset(names))


def _check(node: ast.AST, text: str, names: set[str], depth: int) -> None:
    """Refuse everything that a rule has no use for, and gather the columns."""
    if depth > DEEPEST:
        raise SettingsError(f"rule {text!r} has more than {DEEPEST} parts within each other")
    match node:
        case ast.Name(id=name):
            names.add(name)
            return
        case ast.Constant(value=value) if isinstance(value, str | int | float | bool):
            return
        case ast.BoolOp(values=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=part):
            parts = [part]
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in CALCULATED:
            parts = [left, right]
        case ast.Compare(left=left, ops=signs, comparators=others) if all(
            type(sign) in COMPARED or isinstance(sign, ast.In | ast.NotIn) for sign in signs
        ):
            parts = [left, *others]
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            if not all(isinstance(part, ast.Constant) for part in parts):
                raise SettingsError(f"rule {text!r}: a list holds numbers and texts alone")
        case ast.Call(func=ast.Name(id=name), args=[ast.Name() as column], keywords=[]) if (
            name == MISSING
        ):
            parts = [column]
        case _:
            said = ast.get_source_segment(text.strip(), node) if hasattr(node, "lineno") else None
            raise SettingsError(f"rule {text!r}: {said or text!r} is not understood; {HINT}")
    for part in parts:
        _check(part, text, names, depth + 1)


@dataclass(frozen=True)
class _Truth:
    """Where something holds, and where that is known; yes implies known."""

    yes: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class _Evaluation:
    """A rule over the columns of a table, by Kleene's logic: what is unknown stays so."""

    text: str
    table: pd.DataFrame

    def truth(self, node: ast.expr) -> _Truth:
        match node:
            case ast.BoolOp(op=sign, values=parts):
                truths = [self.truth(part) for part in parts]
                joined = truths[0]
                for other in truths[1:]:
                    joined = (
                        _both(joined, other)
                        if isinstance(sign, ast.And)
                        else _not(_both(_not(joined), _not(other)))
                    )
                return joined
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return _not(self.truth(part))
            case ast.Call(args=[ast.Name(id=name)]):
                gone = self.table[name].isna().to_numpy()
                return _Truth(gone, np.ones(len(self.table), bool))
            case ast.Compare(left=left, ops=signs, comparators=others):
                pairs = zip([left, *others], signs, others, strict=False)
                truths = [self._compared(a, sign, b) for a, sign, b in pairs]
                joined = truths[0]
                for other in truths[1:]:
                    joined = _both(joined, other)
                return joined
            case ast.Constant(value=bool() as value):
                everywhere = np.ones(len(self.table), bool)
                return _Truth(everywhere & value, everywhere)
            case ast.Name(id=name) if pd.api.types.is_bool_dtype(self.table[name].dtype):
                known = self.table[name].notna().to_numpy()
                return _Truth(self.table[name].fillna(False).to_numpy(bool), known)
        said = ast.get_source_segment(self.text.strip(), node)
        raise SettingsError(
            f"rule {self.text!r}: {said!r} is a value, and not true or false; compare it"
        )

    def _compared(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> _Truth:
        if isinstance(sign, ast.In | ast.NotIn):
            found = self._within(left, right)
            return _not(found) if isinstance(sign, ast.NotIn) else found
        if isinstance(left, ast.Tuple | ast.List | ast.Set) or isinstance(
            right, ast.Tuple | ast.List | ast.Set
        ):
            raise SettingsError(f"rule {self.text!r}: write 'in' before a list")
        a, b = self._value(left), self._value(right)
        if _is_text(a) != _is_text(b):
            raise SettingsError(f"rule {self.text!r} compares a text with a number")
        known = _known(a) & _known(b) & np.ones(len(self.table), bool)
        if _is_text(a):
            a, b = _blank(a), _blank(b)
        with np.errstate(invalid="ignore"):
            holds = COMPARED[type(sign)](a, b)
        return _Truth(np.asarray(holds, bool) & known, known)

    def _within(self, left: ast.expr, right: ast.expr) -> _Truth:
        everywhere = np.ones(len(self.table), bool)
        if isinstance(right, ast.Tuple | ast.List | ast.Set):
            value = self._value(left)
            listed = [_plain(item.value) for item in right.elts if isinstance(item, ast.Constant)]
            if any(isinstance(item, str) != _is_text(value) for item in listed):
                raise SettingsError(f"rule {self.text!r} compares a text with a number")
            known = _known(value) & everywhere
            return _Truth(np.isin(_blank(value), listed) & known, known)
        part, whole = self._value(left), self._value(right)
        if not (isinstance(part, str) and isinstance(whole, np.ndarray) and _is_text(whole)):
            raise SettingsError(
                f"rule {self.text!r}: 'in' asks for a text in a column ('live' in title), or for a "
                "column in a list (genre in ('rock', 'pop'))"
            )
        known = _known(whole)
        codes, texts = pd.factorize(whole)
        holds = np.array([part in text for text in texts], bool)
        yes = np.zeros(len(whole), bool)
        yes[codes >= 0] = holds[codes[codes >= 0]]
        return _Truth(yes, known)

    def _value(self, node: ast.expr) -> Any:
        """Return a number, a text, or an array of either; texts are in small letters."""
        match node:
            case ast.Constant(value=value):
                return _plain(value)
            case ast.Name(id=name):
                return _column(self.table[name])
            case ast.UnaryOp(op=sign, operand=part) if not isinstance(sign, ast.Not):
                value = self._number(part)
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp(left=left, op=sign, right=right):
                with np.errstate(all="ignore"):
                    a, b = np.float64(self._number(left)), self._number(right)
                    return CALCULATED[type(sign)](a, b)
        said = ast.get_source_segment(self.text.strip(), node)
        raise SettingsError(f"rule {self.text!r}: {said!r} is no value to compare")

    def _number(self, node: ast.expr) -> Any:
        value = self._value(node)
        if _is_text(value):
            raise SettingsError(f"rule {self.text!r} calculates with a text")
        return value


def _both(a: _Truth, b: _Truth) -> _Truth:
    no = (a.known & ~a.yes) | (b.known & ~b.yes)
    return _Truth(a.yes & b.yes, (a.known & b.known) | no)


def _not(a: _Truth) -> _Truth:
    return _Truth(a.known & ~a.yes, a.known)


def _plain(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else float(value)


def _column(column: pd.Series) -> Values:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    codes, texts = pd.factorize(column)
    plain = np.array([*(str(text).casefold() for text in texts), None], object)
    return plain[codes]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype == object)


def _known(value: Any) -> NDArray[np.bool_]:
    return np.asarray(pd.notna(value))


def _blank(value: Any) -> Any:
    """Return texts, with an empty one where there is none: they can be compared."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.where(pd.isna(value), "", value).astype(str)
    return value
