"""Puts pydantic's findings into words, with the place in the file."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from ucrepl.config.document import Document
from ucrepl.config.models import BY_COLUMN, ONE_FOR_ALL, Config, Cutover, Daemon, Link, Node, PgBouncer, Rule
from ucrepl.config.problems import KeyPath, did_you_mean, nearest, quoted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_STEPS_OF_PYDANTIC = {"[key]", ONE_FOR_ALL, BY_COLUMN}
_NOT_A = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
}
_MUST_BE = {
    "model_type": "a mapping (`key: value`)",
    "dict_type": "a mapping (`key: value`)",
    "list_type": "a list",
    "string_type": "a text",
    "path_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}


def explain(document: Document, error: ValidationError, model_at: Callable[[KeyPath], type[BaseModel]]) -> None:
    """Report every finding of `error` on the document. `model_at` gives the model of the mapping at a place."""
    for finding in error.errors(include_url=False, include_input=False):
        path = _path(document, finding["loc"])
        unknown = finding["type"] == "extra_forbidden"
        message, hint = _unknown_key(path, model_at(path[:-1])) if unknown else _words(finding, document, path)
        about_key = unknown or finding["loc"][-1:] == ("[key]",)
        document.report(path, message, hint, at=document.keys.get(path) if about_key else None)


def _path(document: Document, location: tuple[str | int, ...]) -> KeyPath:
    """Pydantic's location without the steps that are its own: `[key]`, and the branch of a choice of types."""
    path: KeyPath = ()
    for step in location:
        if step not in _STEPS_OF_PYDANTIC or (*path, step) in document.keys:
            path = (*path, step)
    return path


def _unknown_key(path: KeyPath, model: type[BaseModel]) -> tuple[str, str | None]:
    key = str(path[-1])
    words = {name: str(info.validation_alias or name) for name, info in model.model_fields.items()}
    hint = f"did you mean {words[key]!r}?" if key in words else did_you_mean(key, list(words.values()))
    return f"unknown key {quoted(key)}", hint


def model_of_config(path: KeyPath) -> type[BaseModel]:
    """The model of a mapping in the configuration."""
    match path:
        case ("nodes", _):
            model: type[BaseModel] = Node
        case ("links", _):
            model = Link
        case (*_, "rules", _):
            model = Rule
        case ("daemon",):
            model = Daemon
        case (*_, "cutover"):
            model = Cutover
        case (*_, "cutover", "pgbouncer"):
            model = PgBouncer
        case _:
            model = Config
    return model


def _words(finding: "ErrorDetails", document: Document, path: KeyPath) -> tuple[str, str | None]:  # noqa: PLR0911 - one line a kind
    """What is wrong with the value at `path`, and what mends it."""
    kind, context = finding["type"], finding.get("ctx", {})
    text = document.spot(path).text
    value = quoted(text) if text else "this"
    match kind:
        case "ucrepl":
            return context["message"], context["hint"]
        case "missing":
            return f"the key {path[-1]!r} {'has no value' if path in document.keys else 'is missing'}", None
        case "literal_error":
            choices = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return f"{value} is not one of {', '.join(choices)}", nearest(text, choices)
        case "greater_than_equal":
            return f"{value} is too small", f"the least is {context['ge']}"
        case "less_than_equal":
            return f"{value} is too great", f"the greatest is {context['le']}"
        case "too_short" | "string_too_short":
            return "must not be empty", None
        case _ if kind in _NOT_A:
            return f"{value} is not {_NOT_A[kind]}", None
        case _ if kind in _MUST_BE:
            return f"must be {_MUST_BE[kind]}", None
    message = finding["msg"]
    return f"{message[:1].lower()}{message[1:]}", None
