"""Upkeep of the raw landing: is it whole, what may go, what is to be merged."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from documents.errors import ConfigurationError
from stores.ledger.ledger import Ledger
from stores.raw.store import RawStore
from stores.raw.types import CompactionReport
from stores.raw.upkeep import StoredFile, VerificationReport
from stores.settings import StoreSettings, load_store_settings
from tasks.session import account_held
from tasks.stores import existing_ledger, open_raw

_LEFTOVER_AGE: Final = timedelta(days=1)
"""Younger ones may belong to a run that is about to commit them."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found.

    Attributes:
        location: Where the landing is.
        report: What is damaged.
        newest: Of how many living records each damaged file holds the newest payload.
        awaited: Damaged files that a job or a retry is yet to read.
    """

    location: str
    report: VerificationReport
    newest: dict[str, int]
    awaited: frozenset[str]

    @property
    def sentence(self) -> str:
        """What was found and what to do, in one line."""
        report = self.report
        if not report.damages:
            return f"{report.files:,} files with {report.rows:,} payloads are whole."
        lost = sum(self.newest.values())
        told = f"{len(report.damages):,} of {report.files:,} files are damaged or missing."
        if not lost and not self.awaited:
            return (
                f"{told} They hold nothing but older payloads. `data-getters raw prune` forgets "
                "those that are missing."
            )
        if self.awaited:
            told += (
                f" Jobs, or items that were set aside, are yet to be read from {len(self.awaited)} "
                "of them: restore these from a backup. What is lost for good comes with "
                "`data-getters extract end SOURCE` and then `data-getters sync SOURCE --rescan`, "
                "once its jobs are given up and discarded."
            )
        if lost:
            told += (
                f" They hold the newest payload of {lost:,} items, whose documents stay as they "
                "are but cannot be made again from the landing. Restore the files from a backup, "
                "or fetch and land the items anew: `data-getters sync SOURCE --rescan --refetch` "
                "(`extract` where extractions keep the account up to date)."
            )
        return told

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain values, for scripts."""
        damages = [
            {
                **asdict(damage),
                "newest_of": self.newest.get(damage.path, 0),
                "awaited": damage.path in self.awaited,
            }
            for damage in self.report.damages
        ]
        return {
            "location": self.location,
            "files": self.report.files,
            "payloads": self.report.rows,
            "damaged": damages,
            "leftovers": self.report.leftovers,
            "leftover_bytes": self.report.leftover_bytes,
            "message": self.sentence,
        }


def verify_raw(
    *,
    source: str | None = None,
    quick: bool = False,
    passed: Callable[[int, int], object] | None = None,
    settings: StoreSettings | None = None,
) -> Verified:
    """Looks whether every file that the ledger vouches for is there and whole.

    Args:
        source: Only files of this source.
        quick: Look for the files and read their footers, but not every payload.
        passed: Told how many of how many files were gone through.
        settings: Of the stores.

    Raises:
        ConfigurationError: Nothing was synced yet.
        StoreError: Ledger or landing cannot be used.
    """
    with _opened(settings) as (ledger, raw):
        vouched = list(ledger.raw_files(source=source))
        done = 0

        def count(files: int) -> None:
            nonlocal done
            done += files
            if passed is not None:
                passed(done, len(vouched))

        report = raw.verify(vouched, deep=not quick, source=source, passed=count)
        damaged = {damage.path for damage in report.damages}
        newest = ledger.landed.newest() if damaged else {}
        return Verified(
            raw.location,
            report,
            newest={path: number for path, number in newest.items() if path in damaged},
            awaited=frozenset(damaged and damaged & ledger.landed.awaited()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What may go.

    Attributes:
        keep_days: Payloads that landed longer ago may go; None for none.
        keep_bytes: The oldest may go until no more than this is left; None for none.
        source: Only of this source.
        newest_too: Also the newest payload of records that are still there.
    """

    keep_days: int | None = None
    keep_bytes: int | None = None
    source: str | None = None
    newest_too: bool = False


@dataclass(slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        dry_run: Nothing was removed.
        files: Files that went.
        bytes: Their size.
        leftovers: Files among them that nobody vouched for.
        missing: Files that were gone already, that nothing needs, and that are forgotten.
        kept: Files that are old enough and stay, because something needs them.
        kept_bytes: Their size.
        left_bytes: What is left in the landing.
        paths: The files that went.
    """

    dry_run: bool
    files: int = 0
    bytes: int = 0
    leftovers: int = 0
    missing: int = 0
    kept: int = 0
    kept_bytes: int = 0
    left_bytes: int = 0
    paths: list[str] = field(default_factory=list)


def prune_raw(
    retention: Retention, *, dry_run: bool = False, settings: StoreSettings | None = None
) -> Pruned:
    """Removes what landed long ago, or the oldest beyond a size, and left-overs of killed runs.

    A file stays while something needs it: it holds the newest payload of a record that is still
    there, or one that was set aside, or a job is yet to read it. The ledger forgets files before
    they go: what a kill leaves behind is a left-over for the next time.

    Args:
        retention: What may go.
        dry_run: Only tell what would go.
        settings: Of the stores.

    Raises:
        ConfigurationError: Nothing was synced yet, or the retention makes no sense.
        StoreError: Ledger or landing cannot be used; with `newest_too` also while a sync runs.
    """
    if min(retention.keep_days or 0, retention.keep_bytes or 0) < 0:
        raise ConfigurationError("Days and sizes are not negative.")
    with _opened(settings) as (ledger, raw), ExitStack() as held:
        if retention.newest_too and not dry_run:
            # A sync may be about to write a record down again with the payload it has.
            for state in ledger.connections():
                if retention.source in {None, state.source}:
                    run = f"prune-{uuid4().hex}"
                    held.enter_context(
                        account_held(ledger, state.source, state.connection, run_id=run)
                    )
        pruning = _Pruning(ledger, raw, retention)
        report = Pruned(dry_run=dry_run)
        going = pruning.going(report)
        missing = pruning.missing(raw)
        report.missing = len(missing)
        if not dry_run:
            paths = {path for file in going for path in file.paths}
            stay = {path for file in pruning.stored if file not in going for path in file.paths}
            ledger.landed.forget(sorted(paths - stay | missing))
            for file in going:
                raw.remove(file.path)
        return report


class _Pruning:
    def __init__(self, ledger: Ledger, raw: RawStore, retention: Retention) -> None:
        self._retention = retention
        # In this order: a file that lands meanwhile is young, and no left-over.
        self.stored = list(raw.stored(source=retention.source))
        self._vouched = {file.path for file in ledger.raw_files(source=retention.source)}
        self._holding = ledger.landed.awaited() | ledger.landed.newest().keys()
        self._needed = ledger.landed.awaited() if retention.newest_too else self._holding

    def going(self, report: Pruned) -> set[StoredFile]:
        """The files that may go, written down in a report."""
        now = datetime.now(UTC)
        going: set[StoredFile] = set()
        total = sum(file.size for file in self.stored)
        for file in sorted(self.stored, key=lambda file: (file.day, file.written_at, file.path)):
            if self._vouched.isdisjoint(file.paths):
                if now - file.written_at > _LEFTOVER_AGE:
                    report.leftovers += 1
                    going.add(file)
                    total -= file.size
            elif self._is_old(file.day, now) or self._is_beyond(total):
                if self._needed.isdisjoint(file.paths):
                    going.add(file)
                    total -= file.size
                else:
                    report.kept += 1
                    report.kept_bytes += file.size
        report.files, report.left_bytes = len(going), total
        report.bytes = sum(file.size for file in going)
        report.paths = sorted(file.path for file in going)
        return going

    def missing(self, raw: RawStore) -> set[str]:
        """Files that are gone already and that nothing needs.

        None where a file is gone that holds something: then the landing itself may be away (a
        volume that is not mounted), and what is forgotten would go as a left-over once it is back.
        """
        gone = self._vouched - {path for file in self.stored for path in file.paths}
        if gone:  # or landed since what is stored was listed
            again = list(raw.stored(source=self._retention.source))
            gone -= {path for file in again for path in file.paths}
            if not again:
                return set()
        return gone if gone.isdisjoint(self._holding) else set()

    def _is_old(self, day: date, now: datetime) -> bool:
        days = self._retention.keep_days
        return days is not None and day < (now - timedelta(days=days)).date()

    def _is_beyond(self, size: int) -> bool:
        most = self._retention.keep_bytes
        return most is not None and size > most


def compact_raw(
    *, before: date | None = None, least: int = 8, settings: StoreSettings | None = None
) -> CompactionReport:
    """Merges small files of past days; see `RawStore.compact`.

    Raises:
        ConfigurationError: Nothing was synced yet.
        StoreError: The landing cannot be used.
    """
    with _opened(settings) as (_, raw):
        return raw.compact(before=before, least=least)


@contextmanager
def _opened(settings: StoreSettings | None) -> "Iterator[tuple[Ledger, RawStore]]":
    settings = settings or load_store_settings()
    ledger, address = existing_ledger(settings)
    if ledger is None:
        raise ConfigurationError(f"Nothing was synced yet: {address} does not exist.")
    with closing(ledger), closing(open_raw(settings)) as raw:
        yield ledger, raw


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What an upkeep did.

    Attributes:
        rows: What was done, for a table.
        sentence: The same in a line.
        damaged: Whether a file is damaged or missing.
    """

    rows: list[dict[str, Any]]
    sentence: str
    damaged: bool


def upkeep(*, keep_days: int | None, keep_gigabytes: float | None, verify: bool) -> Upkeep:
    """Prunes, compacts and, if wanted, verifies.

    Raises:
        ConfigurationError: Nothing was synced yet.
        StoreError: Ledger or landing cannot be used.
    """
    keep_bytes = None if keep_gigabytes is None else round(keep_gigabytes * 1e9)
    pruned = prune_raw(Retention(keep_days=keep_days, keep_bytes=keep_bytes))
    compacted = compact_raw()
    rows: list[dict[str, Any]] = [
        {"step": "prune", "files": pruned.files, "MB": round(pruned.bytes / 1e6, 1)},
        {"step": "compact", "files": compacted.merged, "MB": None},
    ]
    told = [
        f"{pruned.files:,} files removed, {compacted.merged:,} merged into {compacted.made:,}, "
        f"{pruned.left_bytes / 1e6:,.1f} MB left."
    ]
    damaged = bool(compacted.damaged)
    if verify:
        verified = verify_raw()
        told.append(verified.sentence)
        damaged = damaged or bool(verified.report.damages)
        rows += [
            {"step": f"damaged: {damage.path}", "files": 1, "MB": None, "reason": damage.reason}
            for damage in verified.report.damages[:100]
        ]
        rows.append({"step": "verify", "files": verified.report.files, "MB": None})
    else:
        told += compacted.damaged[:3]
    return Upkeep(rows, " ".join(told), damaged)
