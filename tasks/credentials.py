"""Finding the secrets of a run: in a saved Prefect block, or in the environment."""

from typing import cast

from documents.errors import ConfigurationError
from exporters.redaction import redactor
from exporters.registry import SourceManifest


def find_credentials(manifest: SourceManifest, block_name: str | None) -> dict[str, str]:
    """The secrets for a run. Every one found is registered for redaction.

    Args:
        manifest: The source.
        block_name: Name of a saved block of the source's type; None looks in the environment, which
            works without any Prefect server.

    Raises:
        ConfigurationError: The block does not exist, or the source needs a secret and none is set.
    """
    if block_name:
        values = _from_block(manifest, block_name)
    else:
        values = manifest.credentials_from_environment()
    redactor.register(*(values[name] for name in values if manifest.credentials[name].secret))
    for name, field in manifest.credentials.items():
        if field.required and name not in values:
            raise ConfigurationError(
                f"There is no {name} for {manifest.title}.",
                hint=f"Set {field.environment[0]}, or save a credentials block in Prefect and "
                "give its name with --credentials.",
            )
    return values


def _from_block(manifest: SourceManifest, block_name: str) -> dict[str, str]:
    from tasks.blocks import BLOCKS, SourceCredentials, block_type_name  # noqa: PLC0415 (imports Prefect, 1 s)

    try:
        block = BLOCKS[manifest.name].load(block_name, _sync=True)  # type: ignore[call-arg]
    except ValueError as error:
        raise ConfigurationError(
            f"There is no saved block {block_name!r} of the type {block_type_name(manifest)!r}.",
            hint="Save one in the Prefect UI under Blocks, after registering the type with "
            "`python -m prefect block register -m tasks.blocks`.",
        ) from error
    return cast("SourceCredentials", block).values()
