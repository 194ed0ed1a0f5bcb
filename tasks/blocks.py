"""Credential blocks: one Prefect block type for each source, made from its manifest.

Register them with `python -m prefect block register -m tasks.blocks`; then save a block in the
Prefect UI and name it in a flow's `credentials` parameter. Prefect keeps the secrets encrypted.
"""

from abc import ABC
from collections.abc import Mapping
from typing import Any, Final

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from exporters.registry import SourceManifest, sources


class SourceCredentials(Block, ABC):  # Prefect registers no type that names ABC itself
    """The secrets of one source. Each source has its own subclass."""

    def values(self) -> dict[str, str]:
        """The secrets by field name, those that are set, without the space a paste brings along."""
        fields = {name: getattr(self, name, None) for name in type(self).model_fields}
        return {
            name: value.get_secret_value().strip()
            for name, value in fields.items()
            if isinstance(value, SecretStr) and value.get_secret_value().strip()
        }


def credentials_block(manifest: SourceManifest) -> type[SourceCredentials]:
    """The block type of a source.

    Fields are only ever added to it: a renamed one would silently lose what was saved.
    """
    class_name = f"{''.join(part.capitalize() for part in manifest.name.split('_'))}Credentials"
    namespace: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": (
            f"Credentials for {manifest.title}.\n\nExample:\n"
            f"    ```python\n    from tasks.blocks import {class_name}\n\n"
            f'    {class_name}.load("BLOCK_NAME").values()\n    ```\n'
        ),
        "_block_type_name": block_type_name(manifest),
        "_block_type_slug": f"data-getters-{manifest.name.replace('_', '-')}",
        "_description": f"Credentials with which {manifest.title} is synced.",
        "_documentation_url": manifest.credentials_page,
        "__annotations__": {},
    }
    for name, field in manifest.credentials.items():
        namespace["__annotations__"][name] = SecretStr if field.required else SecretStr | None
        namespace[name] = Field(
            default=... if field.required else None,
            title=name.replace("_", " ").capitalize(),
            description=field.description,
        )
    return type(class_name, (SourceCredentials,), namespace)


def block_type_name(manifest: SourceManifest) -> str:
    """What the UI calls the block type of a source."""
    return f"Data Getters {manifest.title} Credentials"


BLOCKS: Final[Mapping[str, type[SourceCredentials]]] = {
    name: credentials_block(manifest) for name, manifest in sources().items()
}
"""Block types by source."""

# `prefect block register -m` looks for classes among a module's attributes.
globals().update({block.__name__: block for block in BLOCKS.values()})
