"""How the MCP server is run. The section is `mcp`: a variable is `DATA_GETTERS_MCP__<FIELD>`."""

from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator

from documents.settings import Settings, Unit, load_settings

SECTION: Final = "mcp"

_SHORTEST_TOKEN: Final = 16


class McpSettings(Settings):
    """Settings of the MCP server. Immutable; made by `load_mcp_settings`."""

    as_user: str | None = Field(
        default=None,
        description="Whom agents search for, by e-mail address, where no option of "
        "`data-getters mcp` says it.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="What a client sends as `Authorization: Bearer <token>` over HTTP; at least 16 "
        "characters. Without it only this machine is listened to.",
    )
    text_characters: Annotated[int, Field(ge=1_000, le=1_000_000), Unit("characters")] = Field(
        default=40_000,
        description="Text that one `fetch` gives of a document; the rest by a further call.",
    )

    @field_validator("token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None or not token.get_secret_value():
            return None
        if (
            len(token.get_secret_value()) < _SHORTEST_TOKEN
            or not token.get_secret_value().isascii()
        ):
            raise ValueError(f"at least {_SHORTEST_TOKEN} ASCII characters")
        return token


def load_mcp_settings() -> McpSettings:
    """Reads the settings of the MCP server.

    Raises:
        ConfigurationError: A value makes no sense, a key is unknown, or the file cannot be read.
    """
    return load_settings(McpSettings, SECTION)
