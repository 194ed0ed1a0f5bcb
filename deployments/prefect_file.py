"""`prefect.yaml`, read strictly: a key that Prefect would ignore is a finding here.

Prefect drops unknown keys of a deployment in silence, so a slip in `schedules` deploys without a
schedule. The models below name what this collection uses of
https://docs.prefect.io/v3/how-to-guides/deployments/prefect-yaml; other keys are added here first.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from documents.errors import ConfigurationError

PREFECT_FILE: Final = Path(__file__).parents[1] / "prefect.yaml"

TAG: Final = "data-getters"
"""Carried by everything this collection puts on a server, and by nothing else."""

Step = Annotated[dict[str, Any], Field(min_length=1, max_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(_Strict):
    """When a deployment runs by itself.

    Attributes:
        slug: Its name; by it a schedule is found again when the file is deployed anew.
        parameters: Laid over the deployment's own, name by name.
    """

    slug: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    cron: str | None = None
    interval: float | None = Field(default=None, gt=0)
    rrule: str | None = None
    timezone: str | None = None
    active: bool | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    replaces: str | None = None
    day_or: bool | None = None
    anchor_date: str | None = None


class ConcurrencyLimit(_Strict):
    """How many runs of a deployment there are at once, and what becomes of the next one."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]
    grace_period_seconds: int | None = None


class WorkPool(_Strict):
    """Where runs are carried out."""

    name: str
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = Field(default_factory=dict)


class Deployment(_Strict):
    """One deployment."""

    name: str
    entrypoint: str
    description: str = Field(min_length=1)
    tags: tuple[str, ...]
    version: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    enforce_parameter_schema: bool | None = None
    work_pool: WorkPool
    concurrency_limit: ConcurrencyLimit | None = None
    schedules: tuple[Schedule, ...] = ()
    paused: bool | None = None
    pull: list[Step] | None = None
    triggers: tuple[dict[str, Any], ...] = ()


class PrefectFile(_Strict):
    """The whole file. `definitions` is a place for YAML anchors."""

    name: str
    prefect_version: str | None = Field(default=None, alias="prefect-version")
    definitions: Any = None
    pull: list[Step] | None = None
    deployments: tuple[Deployment, ...]


def load_raw(path: Path) -> dict[str, Any]:
    """The file as plain values.

    Raises:
        ConfigurationError: It cannot be read, is no YAML mapping, or says a key twice.
    """
    try:
        text = path.read_text("utf-8")
        content = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 (it is a safe loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {_one_line(error)}.") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no mapping.")
    return content


def load_file(path: Path = PREFECT_FILE) -> PrefectFile:
    """The file, held to the models above.

    Raises:
        ConfigurationError: It cannot be read, or Prefect would ignore or misread some of it.
    """
    try:
        return PrefectFile.model_validate(load_raw(path))
    except ValidationError:
        raise ConfigurationError(
            f"{path} is not in order.", hint="See `python -m deployments.check`."
        ) from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets the last of two equal keys win in silence; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        own = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = {key for key in own if own.count(key) > 1} - {"<<"}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {min(twice)!r} stands twice", node.start_mark
            )
        mapping: Mapping[Any, Any] = super().construct_mapping(node, deep=deep)
        return dict(mapping)


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem} in line {mark.line + 1}" if mark else problem
