"""`python -m deployments.check`: what of `prefect.yaml` Prefect would ignore, misread or leak.

Needs no server. Prints one sentence for each finding and ends with 1 if there is any.
"""

import difflib
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.utilities.importtools import import_object
from prefect.utilities.schema_tools import validate
from prefect.utilities.schema_tools.validation import ValidationError as SchemaError
from pydantic import BaseModel, ValidationError

from deployments import prefect_file
from deployments.prefect_file import PREFECT_FILE, TAG, Deployment, PrefectFile, Schedule, Step
from documents.errors import ConfigurationError
from exporters.redaction import redactor

_VARIABLE: Final = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")
_BLOCK: Final = re.compile(r"\{\{\s*prefect\.blocks\.")
_TEMPLATE: Final = re.compile(r"\{\{\s*(?!ctx\.|prefect\.variables\.)[^}]*\}\}")
_SECRET_NAME: Final = re.compile(r"(token|secret|passw|api_?key|private_?key|credential)", re.I)
_SHOWN_CHARS: Final = 60
_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "": PrefectFile,
    "deployments": Deployment,
    "schedules": Schedule,
    "work_pool": prefect_file.WorkPool,
    "concurrency_limit": prefect_file.ConcurrencyLimit,
}


def findings(path: Path = PREFECT_FILE) -> list[str]:
    """Everything that is wrong with the file, a sentence each; none is a file in order.

    What the file's shape gets wrong comes alone: without it the rest cannot be told.
    """
    try:
        raw = prefect_file.load_raw(path)
        file = PrefectFile.model_validate(raw)
    except ConfigurationError as error:
        return [error.sentence()]
    except ValidationError as error:
        return sorted({_shape(raw, detail) for detail in error.errors(include_url=False)})
    return [*_names(file), *_steps("The file", file.pull)] + [
        f"{deployment.name}: {finding}"
        for deployment in file.deployments
        for finding in _deployment(deployment)
    ]


def flow_of(entrypoint: str) -> Flow[Any, Any]:
    """The flow that an entrypoint names.

    Raises:
        ConfigurationError: It is no module path, or there is no flow.
    """
    module, _, name = entrypoint.rpartition(".")
    if not module or re.search(r"[:/]", entrypoint):
        raise ConfigurationError(
            f"The entrypoint {entrypoint} is not of the form package.module.flow.",
            hint="A file's path puts its folder first on the import path, where flows/github.py "
            "would hide the package github.",
        )
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The entrypoint {entrypoint} cannot be imported: {error}."
        ) from error
    if not isinstance(found, Flow):
        raise ConfigurationError(f"The entrypoint {entrypoint} is not a flow.")
    return found


def _names(file: PrefectFile) -> Iterator[str]:
    """A deployment is known by its flow and its name."""
    if not file.deployments:
        yield "The file names no deployment."
    counted = Counter((deployment.entrypoint, deployment.name) for deployment in file.deployments)
    for (entrypoint, name), times in counted.items():
        if times > 1:
            yield f"{name}: {times} deployments of {entrypoint} have this name; the last one wins."


def _deployment(deployment: Deployment) -> Iterator[str]:
    if TAG not in deployment.tags:
        yield f"the tag {TAG} is missing, by which deployments.prune knows what is ours."
    limit = deployment.concurrency_limit
    if deployment.schedules and limit is None:
        yield "it has schedules and no concurrency_limit: a run that meets another one fails."
    kept = deployment.model_dump(exclude={"pull", "triggers"})
    yield from _templates(kept)
    yield from _secrets("job_variables", deployment.work_pool.job_variables)
    yield from _secrets("parameters", deployment.parameters, naming=False)
    yield from _steps("pull", deployment.pull)
    slugs = Counter(schedule.slug for schedule in deployment.schedules)
    for slug in (slug for slug, times in slugs.items() if times > 1):
        yield f"two schedules have the slug {slug}."
    for schedule in deployment.schedules:
        yield from (f"schedule {schedule.slug}: {finding}" for finding in _schedule(schedule))
    try:
        flow = flow_of(deployment.entrypoint)
    except ConfigurationError as error:
        yield error.sentence()
        return
    yield from _parameters(flow, deployment.parameters, complete=False)
    for schedule in deployment.schedules:
        # The server lays them over the deployment's, name by name; a mapping replaces a mapping.
        together = {**deployment.parameters, **schedule.parameters}
        for finding in _parameters(flow, together, complete=True):
            yield f"schedule {schedule.slug}: {finding}"


def _schedule(schedule: Schedule) -> Iterator[str]:
    if schedule.active:
        yield "`active: true` starts it again where somebody paused it; leave it out."
    if schedule.parameters:
        yield "Prefect empties its parameters when somebody pauses it; make it a deployment."
    if (schedule.cron or schedule.rrule) and not schedule.timezone:
        yield "timezone is missing."
    elif schedule.timezone:
        try:
            ZoneInfo(schedule.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            yield f"there is no time zone {schedule.timezone}."
            return
    given = [way for way in ("cron", "interval", "rrule") if getattr(schedule, way) is not None]
    if len(given) != 1:
        yield f"exactly one of cron, interval and rrule is needed, not {len(given)}."
        return
    try:
        if schedule.cron is not None:
            CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
        elif schedule.rrule is not None:
            RRuleSchedule(rrule=schedule.rrule, timezone=schedule.timezone)
        else:
            IntervalSchedule.model_validate({"interval": schedule.interval})
    except ValueError:
        yield f"{given[0]} is {getattr(schedule, given[0])!r}, which makes no sense."


def _parameters(
    flow: Flow[Any, Any], parameters: Mapping[str, Any], *, complete: bool
) -> Iterator[str]:
    known = flow.parameters.properties
    for name in parameters:
        if name not in known:
            yield f"the flow has no parameter {name!r}.{_did_you_mean(name, known)}"
    schema = flow.parameters.model_dump_for_openapi()
    given = {name: value for name, value in parameters.items() if name in known}
    try:
        validate(given, schema, raise_on_error=True, ignore_required=not complete)
        if complete:
            flow.validate_parameters(given)
    except (SchemaError, ValueError) as error:
        yield f"parameters: {str(error).rstrip('.')}."


def _templates(values: Any) -> Iterator[str]:
    for text in _texts(values):
        if _BLOCK.search(text):
            yield f"{text!r} would be stored in plain text; only pull steps keep it a reference."
            continue
        variables = _VARIABLE.findall(text)
        for variable in (name for name in variables if name not in os.environ):
            yield f"{text!r} stays as it is, since {variable} is not set here."
        if not variables and _TEMPLATE.search(text):
            yield f"{text!r} is a template that nothing fills in."


def _secrets(where: str, values: Mapping[str, Any], *, naming: bool = True) -> Iterator[str]:
    """What Prefect stores in plain text and anybody who may look at the deployment can read."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _secrets(f"{where}.{name}", value, naming=naming)
        elif isinstance(value, str) and value:
            looks_so = redactor.text(value) != value
            if looks_so or (naming and _SECRET_NAME.search(name)):
                yield (
                    f"{where}.{name} looks like a secret, which Prefect would store in plain text; "
                    "save a credentials block, or set it in the worker's environment."
                )


def _steps(where: str, steps: list[Step] | None) -> Iterator[str]:
    for step in steps or ():
        [(name, inputs)] = step.items()
        if isinstance(inputs, Mapping) and inputs.get("requires"):
            continue  # installed by the worker
        try:
            import_object(name)
        except (ImportError, AttributeError, ValueError):
            yield f"{where} has the step {name}, which does not exist."


def _shape(raw: Any, detail: Any) -> str:
    """A complaint of pydantic about the file's shape as a sentence."""
    place, path = raw, []
    for part in detail["loc"]:
        if isinstance(part, int) and isinstance(place, list):
            place = place[part]
            entry = place if isinstance(place, dict) else {}
            path.append(entry.get("slug") or entry.get("name") or f"number {part + 1}")
        elif isinstance(place, dict) and (part in place or part == detail["loc"][-1]):
            place = place.get(part)
            path.append(str(part))
    where = ": ".join(path[1:] if path[0] == "deployments" and path[1:] else path)
    where = where.replace(": schedules: ", ": ")
    if detail["type"] == "extra_forbidden":
        sections = [part for part in detail["loc"][:-1] if part in _MODELS]
        known = _MODELS[str(sections[-1]) if sections else ""].model_fields
        return f"{where}: there is no such key.{_did_you_mean(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"{where}: it is missing."
    found = redactor.text(repr(detail["input"]))[:_SHOWN_CHARS]
    return f"{where or 'The file'}: {detail['msg'].removeprefix('Value error, ')}, not {found}."


def _did_you_mean(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _texts(value)


@click.command()
@click.option(
    "--file", "path", type=click.Path(path_type=Path), default=PREFECT_FILE, help="The file."
)
def main(path: Path) -> None:
    """Check prefect.yaml: one sentence for each finding, exit code 1 if there is any."""
    found = findings(path)
    for finding in found:
        click.echo(finding, err=True)
    if not found:
        click.echo(f"{path.name} is in order.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
