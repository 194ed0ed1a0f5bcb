"""Settings: typed, from arguments, environment and file, and told clearly where they are wrong.

A value comes from, in order of strength: an explicit argument, the environment
(`DATA_GETTERS_<SECTION>__<FIELD>`), the section `[<section>]` of a TOML file (`data-getters.toml`
in the working directory, or the path in `DATA_GETTERS_CONFIG`), the field's default. Mappings of
several places are joined key by key.

A section is a class and a name:

    class PipelineSettings(Settings):
        queue_items: Annotated[int, Field(ge=1), Unit("items")] = Field(
            default=500, description="Items that may wait between two stages."
        )

    settings = load_settings(PipelineSettings, "pipeline")
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from documents.errors import ConfigurationError

CONFIG_VARIABLE: Final = "DATA_GETTERS_CONFIG"
CONFIG_FILE: Final = "data-getters.toml"

_SHOWN_CHARS: Final = 60
_USER_INFO: Final = re.compile(r"(?<=://)[^/\s'\"]*@")


@dataclass(frozen=True, slots=True)
class Unit:
    """What the number of a setting counts; shown in errors and in the documentation."""

    name: str


@dataclass(frozen=True, slots=True)
class DefaultText:
    """How the documentation calls a default that differs from machine to machine."""

    text: str


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), Unit("seconds")]
Bytes = Annotated[int, Field(gt=0), Unit("bytes")]


class Settings(BaseSettings):
    """The settings of one section. Immutable; made by `load_settings`.

    A field of type `SecretStr` or with `repr=False` may hold a secret: errors do not quote it.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only `load_settings` reads the environment: it knows the section and so the names."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


_S = TypeVar("_S", bound=Settings)


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """One setting, for the generated documentation.

    Attributes:
        name: The key in the section of the TOML file.
        variable: The environment variable.
        default: The default as TOML or JSON text; empty for none.
        unit: What a number counts; empty where nothing is counted.
        description: What it does.
    """

    name: str
    variable: str
    default: str
    unit: str
    description: str


def variable_name(section: str, field: str) -> str:
    """The environment variable of a setting: `DATA_GETTERS_SLACK__PAGE_SIZE`."""
    return f"{_prefix(section)}{field}".upper()


def without_user_info(text: str) -> str:
    """A text in which no address shows a user name and a password."""
    return _USER_INFO.sub("", text)


def load_settings(
    cls: type[_S],
    section: str,
    explicit: Mapping[str, Any] | None = None,
    *,
    config_file: Path | None = None,
    beside_credentials: bool = False,
    shown: Callable[[str], str] = without_user_info,
) -> _S:
    """Reads the settings of a section.

    Args:
        cls: Its class.
        section: The section of the file and part of the variables' names.
        explicit: Values that win over everything else. None counts as not given, so that optional
            parameters can be passed on as they are.
        config_file: The TOML file, instead of the one found by the usual rules.
        beside_credentials: Whether credentials have variables of the same form. Then only an
            evident slip in a variable's name is refused, otherwise every unknown one.
        shown: Takes secrets out of a wrong value before an error quotes it.

    Raises:
        ConfigurationError: A value makes no sense, a key is unknown, or the file cannot be read.
    """
    path = config_file or _config_file()
    given = {name: value for name, value in (explicit or {}).items() if value is not None}
    layers = (
        _Layer(lambda name: f"The argument `{name}`", given),
        _Layer(
            lambda name: variable_name(section, name),
            _environment(cls, section, beside_credentials=beside_credentials),
        ),
        _Layer(
            lambda name: f"`{name}` in [{section}] of {path}",
            _section(path, section) if path else {},
        ),
    )
    for layer in layers:
        for name in layer.values:
            if name not in cls.model_fields:
                raise _unknown_key(cls, layer.naming(name), name)
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        values = merged(values, layer.values)
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        raise _wrong_value(cls, section, layers, detail, shown) from None


def describe_settings(cls: type[Settings], section: str) -> list[SettingDescription]:
    """Every setting of a section in the order of its class, for the generated documentation."""
    return [
        SettingDescription(
            name=name,
            variable=variable_name(section, name),
            default=_default_text(field),
            unit=_unit(field),
            description=field.description or "",
        )
        for name, field in cls.model_fields.items()
    ]


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two layers of values, mappings joined key by key.

    A model in them becomes a mapping of what was given to it, so that one of its numbers can be
    changed without the others.
    """
    joined = dict(_plain(below))
    for name, value in _plain(above).items():
        under = joined.get(name)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        joined[name] = merged(under or {}, value) if both else value
    return joined


@dataclass(frozen=True, slots=True)
class _Layer:
    """One place that values come from, and how a person calls a value of it."""

    naming: Callable[[str], str]
    values: Mapping[str, Any]

    def holds(self, path: tuple[int | str, ...]) -> bool:
        """Whether the value at `path` came from here."""
        value: Any = self.values
        for part in path:
            value = _plain(value)
            if not isinstance(value, Mapping) or part not in value:
                return False
            value = value[part]
        return True


def _prefix(section: str) -> str:
    return f"DATA_GETTERS_{section.upper()}__"


def _environment(
    cls: type[Settings], section: str, *, beside_credentials: bool
) -> Mapping[str, Any]:
    prefix = _prefix(section)
    for variable in os.environ:
        name = variable.upper().removeprefix(prefix)
        field = name.partition("__")[0].lower()
        if name == variable.upper() or field in cls.model_fields:
            continue
        if not beside_credentials or difflib.get_close_matches(field, cls.model_fields, cutoff=0.8):
            raise _unknown_key(cls, variable, field)
    try:
        return EnvSettingsSource(
            cls,
            env_prefix=prefix,
            env_nested_delimiter="__",
            env_ignore_empty=True,
            case_sensitive=False,
        )()
    except SettingsError as error:
        # The library names only the field whose value is no JSON.
        name = next(field for field in cls.model_fields if f'"{field}"' in str(error))
        raise ConfigurationError(
            f"{variable_name(section, name)} is not JSON.", hint=_example(cls.model_fields[name])
        ) from None


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    usual = Path(CONFIG_FILE)
    return usual.absolute() if usual.is_file() else None


def _section(path: Path, section: str) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(
            f"The settings file {path} cannot be read: {reason}.",
            hint=f"Correct the path in {CONFIG_VARIABLE}, or unset it.",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The settings file {path} is not TOML: {error}.") from None
    values = content.get(section, {})
    if not isinstance(values, dict):
        raise ConfigurationError(f"`{section}` in {path} must be a section, as in [{section}].")
    return values


def _unknown_key(cls: type[Settings], where: str, name: str) -> ConfigurationError:
    nearest = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.5)
    advice = (
        f"Did you mean `{nearest[0]}`?" if nearest else f"Known are {', '.join(cls.model_fields)}."
    )
    return ConfigurationError(f"{where} is not a setting.", hint=advice)


def _wrong_value(
    cls: type[Settings],
    section: str,
    layers: tuple[_Layer, ...],
    detail: ErrorDetails,
    shown: Callable[[str], str],
) -> ConfigurationError:
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    expected = expected.partition(", unable to")[0].rstrip(".")
    path = detail["loc"]
    if not path:  # two values that do not go together
        return ConfigurationError(f"The settings of {section}: {expected}.")
    name = str(path[0])
    missing = detail["type"] == "missing"
    if missing and len(path) == 1:
        return ConfigurationError(
            f"The setting `{name}` of {section} is missing.",
            hint=f"Set {variable_name(section, name)}.",
        )
    looked_for = path[:-1] if missing else path
    layer = next((layer for layer in layers if layer.holds(looked_for)), layers[-1])
    inside = ".".join(map(str, path[1:]))
    where = layer.naming(name) + (f" at `{inside}`" if inside else "")
    if missing:
        return ConfigurationError(f"{where} is missing.")
    field = cls.model_fields.get(name)
    found = repr(detail["input"])
    if field is not None and _may_be_secret(field):
        found = "wrong (not shown: it may hold a secret)"
    unit = _unit(field) if field else ""
    return ConfigurationError(
        f"{where} is {shown(found)[:_SHOWN_CHARS]}; "
        f"expected: {expected}{f' ({unit})' if unit else ''}."
    )


def _may_be_secret(field: FieldInfo) -> bool:
    return not field.repr or SecretStr in {field.annotation, *get_args(field.annotation)}


def _unit(field: FieldInfo) -> str:
    return next((extra.name for extra in field.metadata if isinstance(extra, Unit)), "")


def _example(field: FieldInfo) -> str:
    example = field.examples[0] if field.examples else _plain(_default(field))
    if isinstance(example, Mapping):
        example = dict(list(example.items())[:1])  # of a long default one entry is enough
    return f"An example of its form: {json.dumps(example, default=str)}."


def _default_text(field: FieldInfo) -> str:
    for extra in field.metadata:
        if isinstance(extra, DefaultText):
            return extra.text
    default = _default(field)
    if default is None or isinstance(default, SecretStr):
        return ""
    return json.dumps(_plain(default), default=str)


def _default(field: FieldInfo) -> Any:
    default = field.get_default(call_default_factory=True)
    return None if default is PydanticUndefined else default


def _plain(value: Any) -> Any:
    """Models in a value as mappings of what was given to them."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value
