"""Command-line options made from a pydantic model's fields."""

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from click.core import ParameterSource
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from documents.errors import ConfigurationError


def options_of(model: type[BaseModel], *, only: frozenset[str] | None = None) -> list[click.Option]:
    """An option for each field of a model, described as the field is.

    Args:
        model: The model.
        only: Names of the fields to take; None for all.
    """
    return [
        _option(name, field)
        for name, field in model.model_fields.items()
        if only is None or name in only
    ]


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


def _option(name: str, field: FieldInfo) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    description = (field.description or "").rstrip(".")
    inner = _without_none(field.annotation)
    if inner is bool:
        declared = [f"{flag}/--no-{name.replace('_', '-')}"] if field.default else [flag]
        return click.Option(declared, is_flag=True, default=field.default, help=description)
    if get_origin(inner) is list:
        [item] = get_args(inner)
        choices = get_args(item) if get_origin(item) is Literal else ()
        return click.Option(
            [flag],
            multiple=True,
            metavar="|".join(choices) if choices else "NAME",
            help=f"{description} (may be given several times, or with commas)",
        )
    return click.Option(
        [flag],
        type=_type(inner),
        default=None,
        help=description,
        show_default=str(field.default) if field.default is not None else False,
    )


def _type(annotation: Any) -> Any:
    if annotation is Path:
        return click.Path(path_type=Path)
    return {int: int, float: float}.get(annotation, str)


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
        name = str(first["loc"][0]).replace("_", "-")
        expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise ConfigurationError(f"--{name} is {first['input']}; expected: {expected}.") from None
