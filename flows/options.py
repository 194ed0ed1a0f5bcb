"""Command-line options made from a pydantic model's fields."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from click.core import ParameterSource
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from documents.errors import ConfigurationError


def options_of(model: type[BaseModel], *, only: frozenset[str] | None = None) -> list[click.Option]:
    """An option for each field of a model, described as the field is.

    Args:
        model: The model.
        only: Names of the fields to take; None for all.
    """
    return [
        _option(name, field, _naming_flags(field.description or "", model))
        for name, field in model.model_fields.items()
        if only is None or name in only
    ]


def flag_of(field: str) -> str:
    """The option of a field: `--days-ago` of `days_ago`."""
    return f"--{field.replace('_', '-')}"


def given(ctx: click.Context, values: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The values a person gave for a model's fields; defaults are left to the model."""
    return {
        name: _plain(values[name])
        for name in model.model_fields
        if name in values and ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [part.strip() for entry in value for part in entry.split(",") if part.strip()]
    return value


def _naming_flags(description: str, model: type[BaseModel]) -> str:
    """A description that calls other fields as one types them here."""
    for name in model.model_fields:
        if "_" in name:
            description = re.sub(rf"`?\b{name}\b`?", flag_of(name), description)
    return f"{description}." if description and not description.endswith(".") else description


def _option(name: str, field: FieldInfo, description: str) -> click.Option:
    flag = flag_of(name)
    inner = _without_none(field.annotation)
    if inner is bool:
        declared = f"{flag}/--no-{name.replace('_', '-')}" if field.default else flag
        told = f"{description}  [default: yes]" if field.default else description
        return click.Option([declared], is_flag=True, default=field.default, help=told)
    if get_origin(inner) is list:
        [item] = get_args(inner)
        return click.Option(
            [flag],
            multiple=True,
            metavar="KIND" if get_origin(item) is Literal else "NAME",
            help=f"{description} Repeat the option or put commas between.",
        )
    default = "" if field.default is None else f"  [default: {field.default}]"
    type_, metavar = _type(inner)
    return click.Option([flag], type=type_, metavar=metavar, help=f"{description}{default}")


def _type(annotation: Any) -> tuple[Any, str]:
    if annotation is Path:
        return click.Path(path_type=Path), "FILE"
    return {int: (int, "NUMBER"), float: (float, "NUMBER")}.get(annotation, (str, "TEXT"))


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, UnionType}:
        [inner] = [part for part in get_args(annotation) if part is not type(None)]
        return inner
    return annotation


_M = TypeVar("_M", bound=BaseModel)


def validated(model: type[_M], values: Mapping[str, Any]) -> _M:
    """A model of what a person gave.

    Raises:
        ConfigurationError: A value makes no sense; the sentence names the option.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = flag_of(str(first["loc"][0]))
        raise ConfigurationError(
            f"{option} is {first['input']}; expected: {_expected(first)}."
        ) from None


def _expected(detail: ErrorDetails) -> str:
    """What a value should have been, in everyday words."""
    bounds = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return f"{bounds['ge']:g} or more"
        case "less_than_equal":
            return f"{bounds['le']:g} or less"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
