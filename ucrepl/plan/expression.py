"""PostgreSQL expressions that people write in rules and on the command line: read, checked, and printed anew.

What is printed is made of checked pieces only: names of columns, literals that are quoted again, and operators and
functions of a list. So nothing of the text can reach the server but what is meant here.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, TokenError

from ucrepl.config.problems import did_you_mean, nearest
from ucrepl.errors import ConfigError
from ucrepl.plan.text import literal

# Functions that sqlglot knows: all of them immutable or stable.
_FUNCTIONS: dict[type[exp.Expression], str] = {
    exp.Abs: "abs", exp.Ascii: "ascii", exp.Ceil: "ceil", exp.Chr: "chr", exp.Coalesce: "coalesce",
    exp.Concat: "concat", exp.ConcatWs: "concat_ws", exp.CurrentDate: "current_date", exp.CurrentTimestamp: "now",
    exp.Extract: "extract", exp.Floor: "floor", exp.Greatest: "greatest", exp.Initcap: "initcap", exp.Least: "least",
    exp.Left: "left", exp.Length: "length", exp.Localtimestamp: "localtimestamp", exp.Lower: "lower",
    exp.MD5: "md5", exp.Mod: "mod", exp.Nullif: "nullif", exp.Overlay: "overlay", exp.Pad: "lpad", exp.Pow: "power",
    exp.RegexpReplace: "regexp_replace", exp.Repeat: "repeat", exp.Replace: "replace", exp.Reverse: "reverse",
    exp.Right: "right", exp.Round: "round", exp.Sign: "sign", exp.SplitPart: "split_part",
    exp.StartsWith: "starts_with", exp.StrPosition: "strpos", exp.StrToDate: "to_date", exp.Substring: "substring",
    exp.TimestampTrunc: "date_trunc", exp.TimeToStr: "to_char", exp.ToNumber: "to_number",
    exp.Translate: "translate", exp.Trim: "trim", exp.Trunc: "trunc", exp.UnixToTime: "to_timestamp",
    exp.Upper: "upper",
}  # fmt: skip
# Those that it takes as they are written.
_OTHER_FUNCTIONS = frozenset({
    "age", "bit_length", "cardinality", "character_length", "char_length",
    "hashtext", "hashtextextended", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object",
    "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_set", "jsonb_strip_nulls", "jsonb_typeof",
    "make_date", "octet_length", "regexp_match", "substr", "to_jsonb",
})  # fmt: skip
KNOWN = frozenset(_FUNCTIONS.values()) | _OTHER_FUNCTIONS
"""The functions that an expression may use."""

_OPERATORS: tuple[type[exp.Expression], ...] = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.DPipe, exp.Paren, exp.Not, exp.And, exp.Or, exp.EQ, exp.NEQ,
    exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Like, exp.ILike,
    exp.Escape, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.Case, exp.If, exp.Any, exp.Array, exp.AtTimeZone,
    exp.JSONBExtractScalar, exp.JSONBExtract, exp.ArrayContainsAll, exp.JSONBContains,
)  # fmt: skip
# What needs no look at it by itself: the nodes above have seen to it.
_PLAIN = frozenset({
    exp.Boolean, exp.Null, exp.Identifier, exp.DataTypeParam, exp.Interval, exp.JSONPath, exp.JSONPathRoot,
    exp.JSONPathKey, exp.JSONPathSubscript,
})  # fmt: skip
_TYPES = frozenset({
    exp.DataType.Type.BIGINT, exp.DataType.Type.BOOLEAN, exp.DataType.Type.CHAR, exp.DataType.Type.DATE,
    exp.DataType.Type.DECIMAL, exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT, exp.DataType.Type.INT,
    exp.DataType.Type.INTERVAL, exp.DataType.Type.JSON, exp.DataType.Type.JSONB, exp.DataType.Type.SMALLINT,
    exp.DataType.Type.TEXT, exp.DataType.Type.TIME, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ,
    exp.DataType.Type.UUID, exp.DataType.Type.VARBINARY, exp.DataType.Type.VARCHAR, exp.DataType.Type.ARRAY,
})  # fmt: skip
_SPAN = re.compile(r"\s*[-+]?\d+(\.\d+)?\s+[A-Za-z]+\s*|[-+\s\w.:]*")
_TYPE_HINT = "cast to text, integer, numeric, date and the like"
_STRING_HINT = "write a text in single quotes, '' for a quote in it"
_NUMBER = re.compile(r"\d+(\.\d*)?([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?")


class _Printer(Postgres.Generator):  # type: ignore[misc,valid-type]
    """Prints strings as our own statements have them, and negations in parentheses."""

    TRANSFORMS = {  # noqa: RUF012 - as in the class above
        **Postgres.Generator.TRANSFORMS,
        exp.Literal: lambda _self, e: literal(e.this) if e.is_string else e.this,
        exp.Not: lambda self, e: f"(NOT {self.sql(e, 'this')})",
    }


def compile_expression(text: str, columns: Collection[str], alias: str) -> str:
    """The expression `text` as SQL over the row `alias`, whose columns are `columns`.

    Raises ConfigError for what is no expression, or uses what it may not: a subquery, an aggregate, a volatile or an
    unknown function, another type, an unknown column.
    """
    try:
        tree = _parse(text)
        for node in tree.walk():
            _check(node, text)
        for column in list(tree.find_all(exp.Column)):
            _resolve(column, columns, alias)
        return str(_Printer(dialect="postgres", comments=False, normalize_functions="lower").generate(tree))
    except RecursionError:
        message = f"the expression {_short(text)} is nested too deeply"
        raise ConfigError(message, "write it in a shorter way") from None


def unknown_columns(text: str, columns: Collection[str]) -> set[str]:
    """The columns that an expression uses, and that are not among these. Raises ConfigError for what is none."""
    names = (c.this for c in _parse(text).find_all(exp.Column) if isinstance(c.this, exp.Identifier))
    return {n.this if n.args.get("quoted") else n.this.lower() for n in names} - set(columns)


def _parse(text: str) -> exp.Expression:
    if "\0" in text or not text.strip():
        message = f"there is no expression in {text!r}"
        raise ConfigError(message, "write one as in SQL: lower(email), 'user' || id, null")
    try:
        _check_tokens(text)
        trees = sqlglot.Dialect.get_or_raise("postgres").parse_into(exp.Condition, text)
    except (ParseError, TokenError) as error:
        message = f"{_short(text)} is not an expression{_where(error)}"
        raise ConfigError(message, "write one as in SQL: lower(email), 'user' || id; no statement") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        message = f"{_short(text)} is not one expression"
        raise ConfigError(message, "write a single one")
    return trees[0]


def _check_tokens(text: str) -> None:
    """Refuses what sqlglot would pass over, or read in another way than PostgreSQL."""
    before = None
    for token in Postgres().tokenize(text):
        if token.token_type is TokenType.SEMICOLON:
            message = f"there is a ';' in the expression {_short(text)}"
            raise ConfigError(message, "write a single expression; no statement")
        if token.comments:
            message = f"there is a comment in the expression {_short(text)}"
            raise ConfigError(message, "leave it out")
        if before is TokenType.INTERVAL and token.token_type is TokenType.STRING and not _SPAN.fullmatch(token.text):
            message = f"{token.text!r} is not an interval, in the expression {_short(text)}"
            raise ConfigError(message, "write it as: interval '30 days'")
        before = token.token_type


def _where(error: Exception) -> str:
    found = getattr(error, "errors", None)
    while found and isinstance(found[0], dict) and not found[0].get("highlight") and error.__cause__:
        error = error.__cause__  # type: ignore[assignment]
        found = getattr(error, "errors", None)
    highlight = found[0].get("highlight") if found else None
    return f", at {highlight!r}" if highlight else ""


def _check(node: Any, text: str) -> None:  # noqa: ANN401 - sqlglot's nodes have no common attributes
    """Raises ConfigError for a node that is on no list."""
    kind = type(node)
    if kind in _FUNCTIONS or kind in _OPERATORS:
        _check_parts(node, text)
    elif kind in _CHECKS:
        _CHECKS[kind](node, text)
    elif kind not in _PLAIN:
        what, hint = _why(node)
        _refuse(what, text, hint)


def _check_function(node: exp.Anonymous, text: str) -> None:
    name = str(node.this)
    if name.lower() not in _OTHER_FUNCTIONS or not isinstance(node.this, str):
        _refuse(f"the function {name!r} can't be used", text, _of_functions(name))


def _check_column(node: exp.Column, text: str) -> None:
    if node.args.get("table") or not isinstance(node.this, exp.Identifier):
        _refuse(f"{_sql(node)!r} can't be used", text, "write a column by its name alone")


def _check_literal(node: exp.Literal, text: str) -> None:
    if not node.is_string and not _NUMBER.fullmatch(node.this):
        _refuse(f"{node.this!r} is no number", text, None)


def _check_type(node: exp.DataType, text: str) -> None:
    if node.this not in _TYPES:
        _refuse(f"the type {_sql(node)!r} can't be used", text, _TYPE_HINT)


def _check_unit(node: exp.Var, text: str) -> None:
    if not (node.name.isalpha() and isinstance(node.parent, _WITH_UNITS)):
        _refuse(f"{node.name!r} can't be used", text, None)


_WITH_UNITS = (exp.Interval, exp.Extract, exp.TimestampTrunc)


def _check_parts(node: Any, text: str) -> None:  # noqa: ANN401
    if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest") or node.args.get("field")):
        _refuse("a subquery can't be used", text, "write the values: x IN (1, 2)")
    if isinstance(node, exp.CurrentTimestamp | exp.CurrentDate) and node.this is not None:
        _refuse(f"{_sql(node)!r} can't be used", text, "write now() or current_date")


def _check_cast(node: exp.Cast, text: str) -> None:
    if node.args.get("format") or node.args.get("action") or not isinstance(node.args["to"], exp.DataType):
        _refuse(f"the type {_sql(node.args['to'])!r} can't be used", text, _TYPE_HINT)


def _check_json(node: Any, text: str) -> None:  # noqa: ANN401
    """A key or a place, which is printed as it was written."""
    path = node.expression
    if isinstance(path, exp.JSONPath):
        parts = path.expressions
        key = parts[1].this if len(parts) == 2 else None  # noqa: PLR2004 - the root and one step
        if isinstance(key, str) and re.fullmatch(r"[\w.-]+", key):
            node.set("expression", exp.Literal.string(key))
            return
        if isinstance(key, int):
            node.set("expression", exp.Literal.number(key))
            return
    _refuse(f"{_sql(node)!r} can't be used", text, "after -> and ->> write one key: name->>'en_US'")


_CHECKS: dict[type[exp.Expression], Callable[[Any, str], None]] = {
    exp.Anonymous: _check_function,
    exp.Cast: _check_cast,
    exp.Column: _check_column,
    exp.DataType: _check_type,
    exp.JSONExtract: _check_json,
    exp.JSONExtractScalar: _check_json,
    exp.Literal: _check_literal,
    exp.Var: _check_unit,
}


def _resolve(column: exp.Column, columns: Collection[str], alias: str) -> None:
    identifier = column.this
    name = identifier.this if identifier.args.get("quoted") else identifier.this.lower()
    if name not in columns:
        message = f"there is no column {name!r}"
        raise ConfigError(message, did_you_mean(name, sorted(columns)))
    column.set("this", exp.to_identifier(name, quoted=True))
    column.set("table", exp.to_identifier(alias, quoted=True))


def _why(node: Any) -> tuple[str, str | None]:  # noqa: ANN401
    """Why a node can't be used, and what to do instead."""
    piece = _sql(node)
    if isinstance(node, exp.Query | exp.Exists | exp.Subquery):
        return f"the subquery {_short(piece)} can't be used", "only columns of the row itself can be used"
    if isinstance(node, exp.AggFunc | exp.Window):
        return f"{_short(piece)} looks at several rows", "only columns of the row itself can be used"
    if isinstance(node, exp.ByteString | exp.RawString | exp.UnicodeString | exp.National | exp.HexString):
        return f"the text {_short(piece)} can't be used", _STRING_HINT
    if isinstance(node, exp.Func):
        name = piece.partition("(")[0].lower()
        return f"the function {name!r} can't be used", _of_functions(name)
    return f"{_short(piece)} can't be used", "use columns, literals, operators and plain functions"


def _of_functions(name: str) -> str:
    return nearest(name.lower(), sorted(KNOWN)) or "use one that gives the same result for the same arguments"


def _refuse(what: str, text: str, hint: str | None) -> None:
    message = f"{what}, in the expression {_short(text)}"
    raise ConfigError(message, hint)


def _sql(node: Any) -> str:  # noqa: ANN401
    return str(node.sql(dialect="postgres", comments=False)) if isinstance(node, exp.Expression) else str(node)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")  # noqa: PLR2004 - a line
