"""Query parameters, read as strictly as Google reads them.

A name the method does not have, a number that is none and an enum value that does not exist are
refused with HTTP 400; a discovery document says what each method takes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sandbox.google.errors import GoogleError, invalid_argument

Value: TypeAlias = "str | int | bool | tuple[str, ...]"

STANDARD = frozenset(
    {
        "$.xgafv",
        "access_token",
        "alt",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "prettyPrint",
        "quotaUser",
        "uploadType",
        "upload_protocol",
    }
)
"""Parameters every method takes (the ``parameters`` of a discovery document)."""

_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_LIMITS = {"int32": 2**31 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter of a method.

    Attributes:
        kind: ``string``, ``boolean``, or the format of a number.
        repeated: Whether it may come several times.
        choices: Allowed values; empty allows any.
        between: Smallest and largest value, where a value outside is refused.
        required: Whether it has to be there.
    """

    kind: Literal["string", "boolean", "int32", "uint32", "uint64"] = "string"
    repeated: bool = False
    choices: tuple[str, ...] = ()
    between: tuple[int, int] | None = None
    required: bool = False


def read_parameters(
    query: Iterable[tuple[str, str]], known: Mapping[str, Parameter]
) -> dict[str, Value]:
    """The values of a request's parameters, by name; those not given are left out.

    Raises:
        GoogleError: 400, with the sentence Google has for it.
    """
    values: dict[str, Value] = {}
    for name, text in query:
        if name in STANDARD:
            continue
        parameter = known.get(name)
        if parameter is None:
            raise _unknown(name)
        value = _value(name, text, parameter)
        if parameter.repeated:
            earlier = values.get(name, ())
            values[name] = (*(earlier if isinstance(earlier, tuple) else ()), str(value))
        else:
            values[name] = value
    for name, parameter in known.items():
        if parameter.required and not values.get(name):
            raise GoogleError(
                400,
                f"Missing required parameter: {name}",
                "required",
                location=("parameter", name),
            )
    return values


def _value(name: str, text: str, parameter: Parameter) -> str | int | bool:
    if parameter.kind == "boolean":
        if text.lower() not in _TRUE | _FALSE:
            raise _malformed(name, "TYPE_BOOL", text)
        return text.lower() in _TRUE
    if parameter.kind == "string":
        if parameter.choices and text not in parameter.choices:
            raise _malformed(name, "TYPE_ENUM", text)
        return text
    unsigned = parameter.kind.startswith("u")
    digits = text if unsigned else text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or int(text) > _LIMITS[parameter.kind]:
        raise _malformed(name, f"TYPE_{parameter.kind.upper()}", text)
    number = int(text)
    if parameter.between is not None:
        low, high = parameter.between
        if not low <= number <= high:
            message = f"Invalid value '{text}'. Values must be within the range: [{low}, {high}]"
            raise GoogleError(
                400, message, "invalidParameter", location=("parameter", name), status=None
            )
    return number


def _malformed(name: str, kind: str, text: str) -> GoogleError:
    message = f"Invalid value at '{name}' ({kind}), \"{text}\""
    return _bad_request(message, name)


def _unknown(name: str) -> GoogleError:
    return _bad_request(
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message.",
        "",
    )


def _bad_request(message: str, field: str) -> GoogleError:
    violation = {"description": message, **({"field": field} if field else {})}
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    error = invalid_argument(message, "invalid")
    error.details = [detail]
    return error
