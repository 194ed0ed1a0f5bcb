"""Finding sources: by manifest in this collection, by entry point in other packages.

A source is a folder with a `datasource.yaml`. Folders below `exporters/` are found by themselves. A
separate package names its folder, as a package, under the entry-point group
`data_getters.exporters`:

```toml
[project.entry-points."data_getters.exporters"]
notion = "acme_notion.source"          # a package that holds datasource.yaml
```

Finding a source imports none of its code, so listing sources is quick and works without their
vendors' SDKs.
"""

import difflib
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from documents.errors import ConfigurationError

ENTRY_POINT_GROUP: Final = "data_getters.exporters"
MANIFEST: Final = "datasource.yaml"


class CredentialField(BaseModel):
    """One part of a source's credentials.

    Attributes:
        environment: Variables that may hold it, the first one set wins.
        description: What it is and where a person gets it.
        required: Whether the source works without it.
        secret: Whether it is to be seen nowhere. A name or an address that others know is not: it
            would be taken out of every mail that names it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: tuple[str, ...] = Field(min_length=1)
    description: str
    required: bool = True
    secret: bool = True


class SourceManifest(BaseModel):
    """What is known of a source before any of its code is imported.

    Attributes:
        name: The source's name: in document ids, settings and commands.
        title: What a person calls it.
        summary: What it brings, in a sentence.
        exporter: `module:class` of its `BaseExporter`.
        settings: `module:class` of its `SourceSettings`.
        document_type: `module:class` of its `AIDocument`.
        processing: `module:function` of its own processing step, if it has one.
        schemas: `module:name` of what its payloads must hold, see `exporters.schemas`.
        requires: Modules of vendors' SDKs it imports.
        extra: The extra of the distribution that installs them.
        distribution: The distribution that brings the source.
        documentation: Where its page is.
        credentials: The secrets it needs, by field name.
        credentials_page: Web page that says how a person makes them, in most cases the vendor's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    summary: str
    exporter: str = Field(pattern=r"^[\w.]+:\w+$")
    settings: str = Field(pattern=r"^[\w.]+:\w+$")
    document_type: str = Field(pattern=r"^[\w.]+:\w+$")
    processing: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    schemas: str | None = Field(default=None, pattern=r"^[\w.]+:\w+$")
    requires: tuple[str, ...] = ()
    extra: str | None = None
    distribution: str = "prefect-data-getters"
    documentation: str = ""
    credentials: Mapping[str, CredentialField] = Field(default_factory=dict)
    credentials_page: str | None = Field(default=None, pattern=r"^https://\S+$")

    def missing_packages(self) -> list[str]:
        """Modules it needs that are not installed."""
        return [module for module in self.requires if not _is_installed(module)]

    def load(self, reference: str) -> Any:
        """Imports what one of the `module:name` fields refers to.

        Raises:
            ConfigurationError: A package is missing, with how to install it, or the manifest names
                something that does not exist.
        """
        if missing := self.missing_packages():
            package = f"{self.distribution}[{self.extra}]" if self.extra else self.distribution
            raise ConfigurationError(
                f"{self.title} needs {', '.join(missing)}, which is not installed.",
                hint=f"Run: pip install '{package}'",
            )
        module, _, name = reference.partition(":")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"The manifest of {self.name} names {reference}, which cannot be imported: {error}."
            ) from error

    @property
    def configured(self) -> bool:
        """Whether the environment holds a secret for it, be it enough or not."""
        return bool(self.credentials_from_environment())

    def credentials_from_environment(self) -> dict[str, str]:
        """The secrets that are set in the environment, by field name; empty variables are none."""
        found = {}
        for name, field in self.credentials.items():
            value = next((os.environ[v] for v in field.environment if os.environ.get(v)), None)
            if value:
                found[name] = value.strip()
        return found


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # of `google.auth`, not even `google` is there


@lru_cache(maxsize=1)
def sources() -> Mapping[str, SourceManifest]:
    """Every source that can be found, by name.

    Raises:
        ConfigurationError: A manifest cannot be read, or two sources have one name.
    """
    found: dict[str, SourceManifest] = {}
    for origin, text in _manifests():
        manifest = _parsed(origin, text)
        if manifest.name in found:
            raise ConfigurationError(
                f"Two sources are called {manifest.name!r}; one of them is {origin}.",
                hint="Uninstall one of the packages that bring it.",
            )
        found[manifest.name] = manifest
    return dict(sorted(found.items()))


def source(name: str) -> SourceManifest:
    """A source by its name.

    Raises:
        ConfigurationError: There is none.
    """
    known = sources()
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
        raise ConfigurationError(f"There is no source {name!r}.", hint=advice)
    return known[name]


def _manifests() -> list[tuple[str, str]]:
    here = Path(__file__).parent
    found = [(str(path), path.read_text("utf-8")) for path in sorted(here.glob(f"*/{MANIFEST}"))]
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        try:
            text = files(point.value).joinpath(MANIFEST).read_text("utf-8")
        except (ImportError, OSError, TypeError) as error:
            raise ConfigurationError(
                f"The source {point.name!r} is announced as {point.value}, but its {MANIFEST} "
                f"cannot be read: {error}.",
                hint="Reinstall or uninstall the package that brings it.",
            ) from error
        found.append((f"{point.value}/{MANIFEST}", text))
    return found


def _parsed(origin: str, text: str) -> SourceManifest:
    try:
        return SourceManifest.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{origin} is not YAML: {error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its top level"
        raise ConfigurationError(f"{origin}: {where}: {first['msg']}.") from error
