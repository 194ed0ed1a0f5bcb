"""What the payloads of a source look like: looked at before anything is made of them.

A source may say, beside its manifest, what each of its entities must at least hold:

```python
class Page(PayloadSchema):
    id: str
    body: str

SCHEMAS = {"page": Page}
```

An extraction lands a payload that looks otherwise too, sets it aside with the reason, and makes
nothing of it. What a schema does not name is let through: vendors add fields all the time.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from exporters.registry import SourceManifest


class PayloadSchema(BaseModel):
    """What a payload must hold at least, each field with its type; nothing is converted."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


Schemas = Mapping[str, type[PayloadSchema]]
"""By entity; payloads of an entity that is not named pass."""

_PLACES_SHOWN = 3


def schemas_of(manifest: SourceManifest) -> Schemas:
    """The schemas that a source names in its manifest; none if it names none."""
    if manifest.schemas is None:
        return {}
    schemas: Schemas = manifest.load(manifest.schemas)
    return schemas


def complaint(schemas: Schemas, entity: str, payload: Mapping[str, Any]) -> str | None:
    """What is wrong with a payload, as a sentence without its content; None if nothing is."""
    schema = schemas.get(entity)
    if schema is None:
        return None
    try:
        schema.model_validate(payload)
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        more = f" and {len(found) - _PLACES_SHOWN} more" if found[_PLACES_SHOWN:] else ""
        places = "; ".join(found[:_PLACES_SHOWN])
        return f"The payload does not fit the schema of {entity} ({places}{more})."
    return None
