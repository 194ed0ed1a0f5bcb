"""Indices behind aliases, generation after generation.

`data-getters-documents-slack` is an alias; the index behind it is
`data-getters-documents-slack-v1`, and after a reindex `...-v2`. Of the generations of an alias the
lower numbers are old ones that were kept, and a higher one than the current is a reindex that was
stopped half way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from stores.elasticsearch.connection import Connection
from stores.elasticsearch.templates import LAYOUT, META, IndexSchema, index_settings
from stores.errors import StoreError, StoreVersionError

_GENERATION: Final = re.compile(r"(?P<alias>.+)-v(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Generation:
    """One index behind an alias, or one that was.

    Attributes:
        name: Of the index.
        number: Of the generation, from 1.
        current: Whether the alias points to it.
        about: What it says of itself.
    """

    name: str
    number: int
    current: bool
    about: Mapping[str, Any]

    def matches(self, schema: IndexSchema) -> bool:
        """Whether it looks as this code would make it."""
        return self.about.get("fingerprint") == schema.fingerprint


class Indices:
    """Finds and makes indices. Safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ready: set[str] = set()
        self._lock = Lock()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a new index on this server."""
        target = self._connection.target
        return index_settings(
            shards=target.shards,
            replicas=target.replicas,
            serverless=self._connection.serverless,
        )

    def generations(self, alias: str) -> list[Generation]:
        """All indices of an alias, oldest first.

        Raises:
            StoreError: Something else is in the way of the alias.
            StoreVersionError: The current one was made by a newer version of this collection.
        """
        client = self._connection.client
        found = self._connection.call(
            lambda: client.indices.get(
                index=f"{alias},{alias}-v*",
                ignore_unavailable=True,
                allow_no_indices=True,
                features="aliases,mappings",
            )
        )
        generations = []
        for name, index in found.items():
            match = _GENERATION.fullmatch(name)
            current = alias in index["aliases"]
            if name == alias:
                raise _in_the_way(
                    f"There is an index named {alias}, where an alias of that name is needed"
                )
            about = index["mappings"].get("_meta", {}).get(META)
            if match is None or match["alias"] != alias or not isinstance(about, dict):
                if current or (match is not None and match["alias"] == alias):
                    raise _in_the_way(f"The index {name} was not made by this collection")
                continue
            if current and int(about["layout"]) > LAYOUT:
                raise StoreVersionError(
                    f"The index {name} was made by a newer version of this collection.",
                    hint="Update prefect-data-getters, or choose another prefix in the URL.",
                )
            generations.append(Generation(name, int(match["number"]), current, about))
        generations.sort(key=lambda generation: generation.number)
        if sum(generation.current for generation in generations) > 1:
            raise _in_the_way(f"The alias {alias} points to several indices")
        return generations

    def current(self, alias: str) -> Generation | None:
        """The index behind an alias; None where nothing was written yet.

        Raises:
            StoreError: See `generations`.
        """
        return next((g for g in self.generations(alias) if g.current), None)

    def aliases(self, group: str) -> list[str]:
        """The aliases of a group's indices, sorted."""
        client = self._connection.client
        found = self._connection.call(
            lambda: client.indices.get_alias(name=f"{group}-*"),
        )
        names = {name for index in found.values() for name in index["aliases"]}
        return sorted(names - {group})

    def ensure(self, schema: IndexSchema) -> None:
        """Makes sure that there is an index behind the alias; asks the server once.

        Raises:
            StoreError: Something else is in the way.
            StoreVersionError: The index is of another layout.
        """
        if schema.alias in self._ready:
            return
        with self._lock:
            if schema.alias in self._ready:
                return
            current = self.current(schema.alias)
            if current is None:
                self.create(schema, current=True)
            elif int(current.about["layout"]) < LAYOUT:
                raise StoreVersionError(
                    f"The index {current.name} is of an older layout.",
                    hint="Run `data-getters reindex`; searches go on meanwhile.",
                )
            self._ready.add(schema.alias)

    def forget(self, alias: str) -> None:
        """Asks the server again at the next write."""
        self._ready.discard(alias)

    def create(
        self, schema: IndexSchema, *, current: bool, settings: Mapping[str, Any] | None = None
    ) -> str:
        """Makes the next generation, by its template.

        Args:
            schema: How it looks.
            current: Whether the aliases point to it from the start.
            settings: Besides those of the schema, until `set`.

        Returns:
            The name of the index.
        """
        client = self._connection.client
        self._connection.change(
            lambda: client.indices.put_index_template(name=schema.alias, **schema.template())
        )
        existing = self.generations(schema.alias)
        number = existing[-1].number + 1 if existing else 1
        name = f"{schema.alias}-v{number}"
        aliases = [alias for alias in (schema.alias, schema.group) if alias]
        try:
            self._connection.change(
                lambda: client.indices.create(
                    index=name,
                    aliases={alias: {} for alias in aliases} if current else None,
                    settings=dict(settings) if settings else None,
                )
            )
        except StoreError:
            # Another process may have been first.
            if not current or self.current(schema.alias) is None:
                raise
        return name

    def set(self, name: str, settings: Mapping[str, Any]) -> None:
        """Changes settings of an index."""
        client = self._connection.client
        self._connection.change(
            lambda: client.indices.put_settings(index=name, settings=dict(settings))
        )

    def switch(self, schema: IndexSchema, old: str | None, new: str) -> None:
        """Lets the aliases point to another index, in one step."""
        client = self._connection.client
        actions: list[dict[str, Any]] = []
        for alias in filter(None, (schema.alias, schema.group)):
            if old is not None:
                actions.append({"remove": {"index": old, "alias": alias}})
            actions.append({"add": {"index": new, "alias": alias}})
        try:
            self._connection.change(lambda: client.indices.update_aliases(actions=actions))
        except StoreError:
            # An answer may have been lost, and the second attempt finds it done.
            current = self.current(schema.alias)
            if current is None or current.name != new:
                raise

    def discard(self, alias: str, name: str) -> None:
        """Deletes an index that was built in vain; never the one that is in use."""
        current = self.current(alias)
        if current is None or current.name != name:
            self.delete(name)

    def delete(self, name: str) -> None:
        """Deletes an index that no alias needs."""
        client = self._connection.client
        self._connection.change(lambda: client.indices.delete(index=name, ignore_unavailable=True))

    def refresh(self, *names: str) -> None:
        """Makes what was written visible to searches."""
        client = self._connection.client
        self._connection.change(
            lambda: client.indices.refresh(index=",".join(names), ignore_unavailable=True)
        )


def _in_the_way(what: str) -> StoreError:
    return StoreError(
        f"{what}.",
        hint="Move it away, or choose another prefix in the URL (?prefix=...).",
    )
