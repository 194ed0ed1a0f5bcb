"""Leases: one holder at a time, noticed when lost, taken over from the dead."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from children import Parent, child
from ledger_samples import Channel, record
from sqlalchemy import update

from stores.ledger.errors import LeaseHeldError, LeaseLostError
from stores.ledger.ledger import Ledger
from stores.ledger.processes import is_gone, this_process
from stores.ledger.tables import leases

NAME = "slack:T1"


def hold(url: str, ttl: float) -> Callable[[Parent], None]:
    """A run that holds the lease until it loses it."""

    def work(parent: Parent) -> None:
        with Ledger.open(url).lease(NAME, run_id="holder", ttl=ttl) as lease:
            parent.tell("held")
            lease.lost.wait(60)
            try:
                lease.check()
            except LeaseLostError:
                parent.tell("lost")

    return work


def race(url: str) -> Callable[[Parent], None]:
    """A run that wants the lease at the same time as others."""

    def work(parent: Parent) -> None:
        ledger = Ledger.open(url)
        parent.tell("ready")
        parent.wait()
        try:
            with ledger.lease(NAME, run_id=str(os.getpid())):
                parent.tell("got")
                parent.wait()
        except LeaseHeldError:
            parent.tell("held")

    return work


def rewrite(ledger: Ledger, **values: Any) -> None:
    """Changes the lease's row, as another machine would."""
    with ledger._backend.write() as connection:
        connection.execute(update(leases).values(**values))


def test_a_second_run_is_told_who_holds_the_lease(ledger: Ledger) -> None:
    with ledger.lease(NAME, run_id="run-1"):
        with pytest.raises(LeaseHeldError, match="slack:T1 is already being synced") as caught:
            ledger.lease(NAME, run_id="run-2").__enter__()
        with ledger.lease("slack:T2", run_id="run-2"):
            pass  # another name is free

    assert caught.value.run_id == "run-1"
    assert "run-1" in str(caught.value)
    assert caught.value.host in str(caught.value)
    assert timedelta(0) <= datetime.now(UTC) - caught.value.since < timedelta(minutes=1)


def test_a_lease_is_free_after_its_block_also_when_that_failed(ledger: Ledger) -> None:
    with ledger.lease(NAME, run_id="run-1"):
        pass
    with pytest.raises(ZeroDivisionError), ledger.lease(NAME, run_id="run-2"):
        raise ZeroDivisionError
    with ledger.lease(NAME, run_id="run-3") as lease:
        lease.check()


def test_the_lease_of_a_killed_process_is_taken_over_at_once(ledger: Ledger, url: str) -> None:
    with child(hold(url, 90)) as holder:
        assert holder.said() == "held"
        with pytest.raises(LeaseHeldError, match="by the run holder"):
            ledger.lease(NAME, run_id="next").__enter__()
        holder.signal(signal.SIGKILL)
        # It is a zombie now: nobody has collected it.
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        with ledger.lease(NAME, run_id="next") as lease:
            lease.check()


def test_the_lease_of_another_machine_is_taken_over_after_its_time(ledger: Ledger) -> None:
    dead = ledger.lease(NAME, run_id="dead", ttl=30)
    with dead:
        rewrite(ledger, process="another-machine 1 1")
        with pytest.raises(LeaseHeldError):
            ledger.lease(NAME, run_id="next").__enter__()
        rewrite(ledger, expires_at=leases.c.expires_at - 31_000_000)
        with ledger.lease(NAME, run_id="next") as lease:
            lease.check()
            with pytest.raises(LeaseHeldError, match="by the run next"):
                ledger.lease(NAME, run_id="third").__enter__()


def test_a_held_lease_is_renewed_for_as_long_as_it_takes(ledger: Ledger) -> None:
    with ledger.lease(NAME, run_id="run-1", ttl=1.2) as lease:
        end = time.monotonic() + 2.2
        while time.monotonic() < end:
            with pytest.raises(LeaseHeldError):
                ledger.lease(NAME, run_id="run-2").__enter__()
            time.sleep(0.1)
        lease.check()
        assert not lease.lost.is_set()


def test_a_holder_that_was_suspended_notices_that_it_lost(ledger: Ledger, url: str) -> None:
    with child(hold(url, 0.6)) as holder:
        assert holder.said() == "held"
        holder.signal(signal.SIGSTOP)
        time.sleep(0.8)
        with ledger.lease(NAME, run_id="next"):
            holder.signal(signal.SIGCONT)
            assert holder.said() == "lost"
            assert holder.ended() == 0
            with pytest.raises(LeaseHeldError, match="by the run next"):
                ledger.lease(NAME, run_id="third").__enter__()


def test_a_run_without_the_lease_cannot_commit(channel: Channel) -> None:
    with channel.ledger.lease(NAME, run_id="run-1") as lease:
        channel.ledger.commit(channel.batch(records=[record("thread:1")]), lease=lease)
        rewrite(channel.ledger, token="somebody else's")
        with pytest.raises(LeaseLostError, match="run-1 lost its lease on slack:T1"):
            channel.ledger.commit(channel.batch(records=[record("thread:2")]), lease=lease)
        assert lease.lost.is_set()
        with pytest.raises(LeaseLostError):
            lease.check()
    assert channel.keys() == {"thread:1"}


def test_giving_back_a_lost_lease_leaves_it_to_its_new_holder(ledger: Ledger) -> None:
    with ledger.lease(NAME, run_id="run-1"):
        rewrite(ledger, token="somebody else's", run_id="run-2")
    with pytest.raises(LeaseHeldError, match="by the run run-2"):
        ledger.lease(NAME, run_id="run-3").__enter__()


def test_of_many_processes_one_gets_the_lease(ledger: Ledger, url: str) -> None:
    with child(race(url)) as a, child(race(url)) as b, child(race(url)) as c:
        racers = (a, b, c)
        assert [racer.said() for racer in racers] == ["ready"] * 3
        for racer in racers:
            racer.go()
        assert sorted(racer.said() for racer in racers) == ["got", "held", "held"]


def test_a_process_is_gone_only_when_that_is_certain() -> None:
    mark = this_process()
    table, pid, started = mark.rsplit(" ", 2)
    assert not is_gone(mark)
    assert is_gone(f"{table} {pid} {int(started) - 1}"), "the id was given to another process"
    assert not is_gone(f"other-boot/pid:[1] {pid} 1"), "another machine cannot be judged"
    with child(lambda parent: (parent.tell(this_process()), parent.wait())[0]) as process:
        alive = process.said()
        assert not is_gone(alive)
        process.signal(signal.SIGKILL)
        process.ended()
        assert is_gone(alive)
