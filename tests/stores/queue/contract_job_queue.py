"""What every job queue does, whichever broker is behind it. The subclass says which."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from children import Parent, child
from queue_samples import SOURCE, TEAM, Jobs, Opener, new_job

from stores.ledger.job_types import JobFilter, JobStatus
from stores.queue.base import JobQueue, RetryPolicy


class JobQueueContract:
    """Needs the fixtures `opener`, `queue` and `jobs`."""

    def test_an_empty_queue_gives_nothing(self, queue: JobQueue, jobs: Jobs) -> None:
        assert jobs.claim() == []
        depth = queue.depth()
        assert (depth.ready, depth.delayed, depth.claimed, depth.dead, depth.done) == (0,) * 5
        assert (depth.open, depth.oldest, depth.oldest_age) == (0, None, None)

    def test_a_job_comes_as_it_was_queued(self, queue: JobQueue, jobs: Jobs) -> None:
        before = datetime.now(UTC) - timedelta(seconds=5)
        jobs.add(rows=7, details={"keys": ["thread:ö"], "n": 1}, key="k")
        job = jobs.one()
        assert (job.type, job.source, job.connection, job.partition) == (
            "transform",
            SOURCE,
            TEAM,
            "C1",
        )
        assert (job.entity, job.batch, job.rows) == ("thread", new_job(1).batch, 7)
        assert (job.details, job.key, job.run_id) == ({"keys": ["thread:ö"], "n": 1}, "k", "run-1")
        assert (job.status, job.attempts, job.error) == (JobStatus.CLAIMED, 1, None)
        assert job.claimed_by == "worker-1"
        assert before < job.created_at < job.available_at
        assert queue.ledger.jobs.get(job.id) == job

    def test_a_claimed_job_is_nobody_elses_and_a_done_one_never_comes_again(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add()
        job = jobs.one()
        assert jobs.claim() == []
        assert (queue.depth().ready, queue.depth().claimed) == (0, 1)
        assert queue.ack([job]) == set()
        assert jobs.claim() == []
        assert (queue.depth().open, queue.depth().done) == (0, 1)
        assert queue.ack([job]) == {job.id}, "it is done already"

    def test_many_are_claimed_at_once_and_each_of_them_once(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add(25)
        taken = jobs.all(20)
        assert len(taken) == 20
        taken += jobs.all(5)
        assert sorted(job.rows for job in taken) == list(range(1, 26))
        assert queue.ack(taken) == set()
        assert queue.depth().done == 25

    def test_a_job_comes_back_when_its_worker_falls_silent(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add()
        first = jobs.one(visibility=0.3)
        second = jobs.one()
        assert (second.id, second.attempts) == (first.id, 2)
        assert queue.ack([first]) == {first.id}, "it is somebody else's now"
        assert queue.extend([first]) == {first.id}
        assert queue.release([first]) == {first.id}
        assert queue.retry(first, "too late") is JobStatus.CLAIMED
        assert not queue.bury(first, "too late")
        assert queue.ack([second]) == set()

    def test_a_worker_that_is_late_keeps_a_job_that_nobody_took(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add()
        job = jobs.one(visibility=0.0)
        assert queue.extend([job]) == set()
        assert queue.ack([job]) == set()

    def test_a_claim_that_is_extended_holds(self, queue: JobQueue, jobs: Jobs) -> None:
        jobs.add()
        job = jobs.one(visibility=0.2)
        assert queue.extend([job], 60) == set()
        time.sleep(0.25)
        assert jobs.claim() == []
        assert queue.ack([job]) == set()

    def test_a_failed_job_is_tried_again_with_its_error(self, queue: JobQueue, jobs: Jobs) -> None:
        jobs.add()
        assert queue.retry(jobs.one(), "No such file.", delay=0) is JobStatus.READY
        again = jobs.one()
        assert (again.attempts, again.error) == (2, "No such file.")
        assert queue.retry(again, "Still not there.", delay=60) is JobStatus.READY
        assert jobs.claim() == []
        depth = queue.depth()
        assert (depth.ready, depth.delayed, depth.open) == (0, 1, 1)

    def test_a_retry_waits_for_its_time(self, queue: JobQueue, jobs: Jobs) -> None:
        jobs.add()
        begun = time.monotonic()
        queue.retry(jobs.one(), "Busy.", delay=0.5)
        assert jobs.one().attempts == 2
        assert time.monotonic() - begun >= 0.5

    def test_after_its_last_attempt_a_job_is_dead_with_its_error(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        queue.policy = RetryPolicy(attempts=2, first=0)
        jobs.add()
        assert queue.retry(jobs.one(), "Once.") is JobStatus.READY
        assert queue.retry(jobs.one(), "Twice.") is JobStatus.DEAD
        assert jobs.claim() == []
        (dead,) = queue.dead(source=SOURCE, connection=TEAM, entity="thread")
        assert (dead.status, dead.attempts, dead.error) == (JobStatus.DEAD, 2, "Twice.")
        assert dead.finished_at is not None
        assert queue.dead(entity="file") == []
        assert queue.depth().dead == 1

    def test_a_dead_job_is_replayed_with_all_its_attempts(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add(3)
        taken = jobs.all(3)
        for job in taken:
            assert queue.bury(job, "It can never succeed.")
        assert queue.replay([taken[0].id, 999_999]) == 1
        assert queue.replay([taken[0].id]) == 0, "it is dead no more"
        again = jobs.one()
        assert (again.id, again.attempts, again.finished_at) == (taken[0].id, 1, None)
        assert queue.ack([again]) == set()
        assert queue.replay(only=JobFilter(source="jira")) == 0
        assert queue.replay() == 2
        assert len(jobs.all(2)) == 2

    def test_a_dead_job_is_discarded(self, queue: JobQueue, jobs: Jobs) -> None:
        jobs.add(3)
        taken = jobs.all(3)
        queue.bury(taken[0], "Bad.")
        queue.bury(taken[1], "Bad.")
        assert queue.discard([taken[0].id, taken[2].id]) == 1, "the other one is not dead"
        assert [job.id for job in queue.dead()] == [taken[1].id]
        assert queue.discard() == 1
        assert queue.dead() == []
        assert queue.ack([taken[2]]) == set()

    def test_an_attempt_that_was_not_begun_does_not_count(
        self, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add(2)
        taken = jobs.all(2)
        assert queue.release(taken) == set()
        assert {job.attempts for job in jobs.all(2)} == {1}

    def test_a_job_that_kills_every_worker_is_buried(self, queue: JobQueue, jobs: Jobs) -> None:
        queue.policy = RetryPolicy(attempts=2)
        jobs.add()
        for attempt in (1, 2):
            assert jobs.one(visibility=0).attempts == attempt
        assert jobs.claim() == []
        (dead,) = queue.dead()
        assert dead.attempts == 2
        assert "claimed 2 times" in str(dead.error)
        assert "killed" in str(dead.error)

    def test_jobs_are_claimed_by_type_source_and_account(self, queue: JobQueue, jobs: Jobs) -> None:
        other = queue.ledger.connection_id(SOURCE, "T2", "Other")
        third = queue.ledger.connection_id("jira", TEAM, "Third")
        jobs.add()
        jobs.add(connection=other)
        jobs.add(connection=third)
        jobs.add(type="delete")
        assert jobs.claim(only=JobFilter(source="gmail")) == []
        job = jobs.one(only=JobFilter(types=("delete", "other")))
        assert (job.type, job.connection) == ("delete", TEAM)
        job = jobs.one(only=JobFilter(source=SOURCE, connection="T2"))
        assert (job.source, job.connection) == (SOURCE, "T2")
        assert queue.depth(JobFilter(connection=TEAM)).open == 3
        assert queue.depth(JobFilter(connection=TEAM)).ready == 2
        assert queue.depth(JobFilter(types=("delete",), source="jira")).open == 0
        assert {job.source for job in jobs.all(2)} == {SOURCE, "jira"}

    def test_a_worker_waits_for_the_first_job(self, queue: JobQueue, jobs: Jobs) -> None:
        queue.ledger.jobs.groups(JobFilter())
        timer = threading.Timer(0.3, jobs.add)
        timer.start()
        assert jobs.claim(wait=20)
        timer.join()
        begun = time.monotonic()
        assert jobs.claim(wait=0.2) == []
        assert time.monotonic() - begun >= 0.2

    def test_threads_never_get_the_same_job(self, queue: JobQueue, jobs: Jobs) -> None:
        jobs.add(60)
        taken: list[int] = []

        def work(_: int) -> None:
            while found := jobs.claim(4):
                taken.extend(job.id for job in found)
                assert queue.ack(found) == set()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))

        assert len(taken) == 60
        assert len(set(taken)) == 60
        assert queue.depth().done == 60

    def test_the_jobs_of_a_killed_process_come_back_at_once(
        self, opener: Opener, queue: JobQueue, jobs: Jobs
    ) -> None:
        jobs.add(2)

        def claim_and_die(parent: Parent) -> None:
            own = opener.open()
            taken: list[int] = []
            while len(taken) < 2:
                taken += [job.id for job in own.claim(2, worker="dies", visibility=600, wait=5)]
            parent.tell("claimed")
            os.kill(os.getpid(), signal.SIGKILL)

        with child(claim_and_die) as process:
            assert process.said() == "claimed"
            assert process.ended() == -signal.SIGKILL
        taken = jobs.all(2)
        assert [job.attempts for job in taken] == [2, 2]
        assert queue.ack(taken) == set()
