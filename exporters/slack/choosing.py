"""Finding the channels a person asked for."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from documents.errors import ConfigurationError

_C = TypeVar("_C", bound=Mapping[str, Any])


def chosen_channels(channels: Iterable[_C], wanted: Sequence[str] | None) -> list[_C]:
    """The channels named, each once, in the order they were named; all if none is.

    Args:
        channels: With `id` and `name`.
        wanted: Names, with or without `#`, or ids.

    Raises:
        ConfigurationError: One of them does not exist, or not for this token.
    """
    everything = list(channels)
    if wanted is None:
        return everything
    by_name = {channel["name"]: channel for channel in everything if channel.get("name")}
    by_id = {channel["id"]: channel for channel in everything}
    chosen: dict[str, _C] = {}
    for entry in wanted:
        name = entry.strip().removeprefix("#")
        channel = by_id.get(name) or by_name.get(name)
        if channel is None:
            raise _unknown(name, list(by_name))
        chosen[channel["id"]] = channel
    return list(chosen.values())


def _unknown(name: str, known: list[str]) -> ConfigurationError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = (
        f"Did you mean {near[0]!r}?"
        if near
        else ("A private channel is seen only after the app was invited to it.")
    )
    return ConfigurationError(f"There is no channel {name!r} that can be read here.", hint=hint)
