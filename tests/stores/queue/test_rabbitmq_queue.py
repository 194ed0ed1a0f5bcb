"""What only RabbitMQ has: messages, its dead queue, connections, and what goes wrong with them."""

import time
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest
from queue_samples import Jobs, Opener
from servers.rabbitmq import OwnServer, RabbitmqServer

from documents.errors import ConfigurationError
from stores.errors import StoreAccessError, StoreError, StoreUnavailableError
from stores.ledger.ledger import Ledger
from stores.opening import open_queue
from stores.queue.addresses import parse_broker_url
from stores.queue.broker_errors import sentence
from stores.queue.embedded import LedgerQueue
from stores.queue.patience import PatientConnection
from stores.queue.rabbitmq import RabbitMQQueue
from stores.settings import load_store_settings

pytestmark = pytest.mark.xdist_group("amqp")


@pytest.fixture
def queue(rabbitmq: RabbitmqServer, sqlite_url: str) -> Iterator[RabbitMQQueue]:
    """An empty queue."""
    with Opener(sqlite_url, rabbitmq.url).open() as opened:
        assert isinstance(opened, RabbitMQQueue)
        yield opened


@pytest.fixture
def jobs(queue: RabbitMQQueue) -> Jobs:
    """Jobs of the queue under test."""
    return Jobs(queue)


@pytest.fixture
def channel(rabbitmq: RabbitmqServer) -> Iterator[amqp.Channel]:
    """Another client of the server."""
    at = parse_broker_url(rabbitmq.url)
    with amqp.Connection(f"{at.host}:{at.port}", at.user, at.password, virtual_host=at.vhost) as c:
        yield c.channel()


def work_queue(queue: RabbitMQQueue) -> str:
    return queue._queue("transform", "slack", "T1")


def count(channel: amqp.Channel, name: str, expected: int) -> int:
    """How many messages a queue holds, once it holds so many."""
    for _ in range(50):
        number: int = channel.queue_declare(name, passive=True).message_count
        if number == expected:
            break
        time.sleep(0.1)
    return number


class TestMessages:
    def test_a_message_holds_references_and_nothing_else(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add(details={"keys": ["thread:1"]})
        message = channel.basic_get(work_queue(queue))
        (job,) = queue.ledger.jobs.page()
        assert message.body == (
            f'{{"job": {job.id}, "type": "transform", "source": "slack", "connection": "T1", '
            f'"entity": "thread", "batch": "{job.batch}"}}'
        )
        assert message.properties["delivery_mode"] == 2
        assert message.properties["message_id"] == str(job.id)

    def test_queues_are_of_the_quorum_kind(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add()
        message = channel.basic_get(work_queue(queue))
        channel.basic_reject(message.delivery_tag, requeue=True)
        assert count(channel, work_queue(queue), 1) == 1
        again = channel.basic_get(work_queue(queue))
        assert again.headers["x-delivery-count"] == 1, "no other kind counts"

    def test_each_job_is_published_once(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add(3)
        assert queue.dispatch() == 0
        assert count(channel, work_queue(queue), 3) == 3

    def test_a_message_that_comes_twice_does_no_harm(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add(2)
        queue.ledger.claims.dispatch_again(0, only=queue._queues[0])
        assert queue.dispatch() == 2
        assert count(channel, work_queue(queue), 4) == 4
        taken = jobs.all(2)
        assert len({job.id for job in taken}) == 2
        assert jobs.claim(wait=0.5) == []
        assert queue.ack(taken) == set()
        assert count(channel, work_queue(queue), 0) == 0

    def test_a_message_that_means_nothing_is_dropped(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add()
        for body in ("no JSON", '{"job": 987654}', "[]"):
            channel.basic_publish(amqp.Message(body), routing_key=work_queue(queue))
        queue.ack([jobs.one()])
        assert jobs.claim(5, wait=0.5) == []
        assert count(channel, work_queue(queue), 0) == 0

    def test_what_the_broker_lost_is_told_to_it_again(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add(3)
        assert channel.queue_purge(work_queue(queue)) == 3
        assert len(jobs.all(3)) == 3

    def test_a_queue_that_somebody_deleted_is_made_again(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add()
        channel.queue_delete(work_queue(queue))
        jobs.add()
        assert count(channel, work_queue(queue), 1) == 1, "returned, and published once more"
        assert len(jobs.all(2)) == 2

    def test_a_queue_that_was_deleted_before_its_first_reader_is_made_again(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        """As when another worker found it broken."""
        jobs.add(2)
        channel.queue_delete(work_queue(queue))
        assert len(jobs.all(2)) == 2

    def test_no_more_is_fetched_than_is_wanted(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add(10)
        assert len(jobs.all(3)) == 3
        assert count(channel, work_queue(queue), 7) >= 4

    def test_what_was_fetched_and_not_claimed_goes_to_others(
        self, queue: RabbitMQQueue, jobs: Jobs, opener_of_this: Opener
    ) -> None:
        jobs.add(2)
        queue._broker.receive([work_queue(queue)], 2, 5)
        queue.close()
        with opener_of_this.open() as other:
            assert len(Jobs(other).all(2)) == 2

    def test_long_and_odd_names_of_accounts(self, queue: RabbitMQQueue, jobs: Jobs) -> None:
        for name in ("ö.ä/ü #*", "x" * 300, "y" * 300):
            jobs.add(connection=queue.ledger.connection_id("slack", name, "Odd"))
        assert {job.connection[:1] for job in jobs.all(3)} == {"ö", "x", "y"}


@pytest.fixture
def opener_of_this(rabbitmq: RabbitmqServer, sqlite_url: str) -> Opener:
    """Opens the queue once more."""
    return Opener(sqlite_url, rabbitmq.url)


class TestDeadQueue:
    def test_a_dead_job_goes_through_the_dead_letter_exchange(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        jobs.add(3)
        first, second, third = jobs.all(3)
        queue.bury(first, "Bad.")
        queue.bury(second, "Bad.")
        queue.ack([third])
        dead = f"{queue._prefix}.dead"
        assert count(channel, dead, 2) == 2
        assert queue.discard([first.id]) == 1
        assert count(channel, dead, 1) == 1
        assert queue.replay() == 1
        assert count(channel, dead, 0) == 0
        queue.ack([jobs.one()])

    def test_a_job_that_kills_its_workers_goes_there_too(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        queue.policy = type(queue.policy)(attempts=1)
        jobs.add()
        jobs.one(visibility=0)
        assert jobs.claim(wait=2) == []
        assert queue.depth().dead == 1
        assert count(channel, f"{queue._prefix}.dead", 1) == 1


class TestConnections:
    def test_heartbeats_are_answered_while_a_worker_works(
        self, rabbitmq: RabbitmqServer, sqlite_url: str
    ) -> None:
        with Opener(sqlite_url, f"{rabbitmq.url}?heartbeat=1").open() as queue:
            assert isinstance(queue, RabbitMQQueue)
            jobs = Jobs(queue)
            jobs.add()
            job = jobs.one()
            time.sleep(4)  # the server gives up after two
            assert queue.ack([job]) == set()
            jobs.add()
            assert queue._broker._sessions == 1

    def test_tls(self, rabbitmq: RabbitmqServer, sqlite_url: str, tmp_path: Path) -> None:
        if not isinstance(rabbitmq, OwnServer):
            pytest.skip("this RabbitMQ server is not ours: where it speaks TLS is not known")
        with Opener(
            sqlite_url, f"{rabbitmq.tls_url}?cacertfile={rabbitmq.certificate}"
        ).open() as q:
            jobs = Jobs(q)
            jobs.add(20)
            assert q.ack(jobs.all(20)) == set()
        with (
            Opener(sqlite_url, rabbitmq.tls_url).open() as queue,
            pytest.raises(StoreAccessError, match=r"certificate .* is not accepted") as told,
        ):
            queue.claim(worker="w")
        assert "cacertfile" in told.value.hint

    def test_a_wrong_password_is_told_and_not_retried(
        self, rabbitmq: RabbitmqServer, sqlite_url: str
    ) -> None:
        at = parse_broker_url(rabbitmq.url)
        url = f"amqp://{at.user}:geheim@{at.host}:{at.port}"
        begun = time.monotonic()
        with (
            Opener(sqlite_url, url).open() as queue,
            pytest.raises(StoreAccessError, match="does not let the job queue in") as told,
        ):
            queue.claim(worker="w")
        assert "geheim" not in told.value.sentence()
        assert not told.value.retryable
        assert time.monotonic() - begun < 20

    def test_a_virtual_host_that_is_not_there(
        self, rabbitmq: RabbitmqServer, sqlite_url: str
    ) -> None:
        url = rabbitmq.url.rpartition("/")[0] + "/nowhere"
        with (
            Opener(sqlite_url, url).open() as queue,
            pytest.raises(StoreAccessError, match="nowhere") as told,
        ):
            queue.claim(worker="w")
        assert "add_vhost" in told.value.hint

    def test_a_queue_of_another_kind(
        self, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        channel.queue_declare(work_queue(queue), durable=True, auto_delete=False)
        with pytest.raises(StoreError, match="of another kind") as told:
            jobs.add()
        assert "Delete that queue" in told.value.hint
        channel.queue_delete(work_queue(queue))
        assert jobs.one()

    def test_where_nothing_listens_dispatch_says_so_and_the_job_is_kept(
        self, sqlite_url: str
    ) -> None:
        with Opener(sqlite_url, "amqp://me:geheim@127.0.0.1:9").open() as queue:
            jobs = Jobs(queue)
            with pytest.raises(StoreUnavailableError, match=r"me@127\.0\.0\.1:9 .*refused") as told:
                jobs.add()
            assert told.value.retryable
            assert "geheim" not in told.value.sentence()
            assert queue.depth().ready == 1

    def test_a_server_that_is_short_of_memory_is_told_and_its_queues_are_left_alone(
        self, rabbitmq: RabbitmqServer, queue: RabbitMQQueue, jobs: Jobs, channel: amqp.Channel
    ) -> None:
        if not isinstance(rabbitmq, OwnServer):
            pytest.skip("this RabbitMQ server is not ours to disturb")
        queue._broker.answer_seconds = 1
        jobs.add()
        rabbitmq.control("set_vm_memory_high_watermark", "absolute", "1")
        try:
            for _ in range(2):
                with pytest.raises(StoreUnavailableError, match="short of memory or disk"):
                    jobs.add()
        finally:
            rabbitmq.control("set_vm_memory_high_watermark", "0.4")
        assert queue._broker._broken.suspected == set()
        assert len(jobs.all(3)) == 3

    def test_heartbeats_do_not_put_off_the_end_of_waiting(self, rabbitmq: RabbitmqServer) -> None:
        at = parse_broker_url(rabbitmq.url)
        with PatientConnection(
            host=f"{at.host}:{at.port}", userid=at.user, password=at.password,
            virtual_host=at.vhost, heartbeat=2, answer_seconds=2,
        ) as connection:  # fmt: skip
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                connection.drain_events()
            assert 1.9 < time.monotonic() - begun < 20

    def test_a_message_that_was_held_for_too_long_is_worth_another_try(self) -> None:
        held = amqp.PreconditionFailed("delivery acknowledgement on channel 1 timed out")
        assert sentence(held, parse_broker_url("amqp://host")).retryable


class TestSettings:
    def test_without_a_url_the_ledger_is_the_queue(self, sqlite_url: str) -> None:
        settings = load_store_settings(job_attempts=3, job_retry_seconds=1)
        queue = open_queue(settings, Ledger.open(sqlite_url))
        assert isinstance(queue, LedgerQueue)
        assert (queue.policy.attempts, queue.policy.first) == (3, 1)
        assert queue.address == sqlite_url

    def test_a_url_names_a_broker_and_its_password_is_a_secret(self, sqlite_url: str) -> None:
        settings = load_store_settings(queue="amqp://me:ge%40heim@host/v")
        assert settings.secrets() == ["ge@heim"]
        assert "heim" not in repr(settings)
        queue = open_queue(settings, Ledger.open(sqlite_url))
        assert isinstance(queue, RabbitMQQueue)
        assert queue.address == "amqp://me@host:5672/v"

    @pytest.mark.parametrize("url", ["redis://host", "host:5672", "/a/path"])
    def test_another_scheme_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="`queue`") as told:
            load_store_settings(queue=url)
        assert "amqp://" in told.value.sentence()

    @pytest.mark.parametrize(
        ("url", "told"),
        [
            ("amqp://", "cannot be read"),
            ("amqp://me:p@ss@host", "cannot be read"),
            ("amqp://host:port", "cannot be read"),
            ("amqp://host?verify=none", "option that is not known: verify"),
            ("amqps://host?cacertfile=/not/there.pem", "cacertfile that is not there"),
            ("amqp://host?heartbeat=0", "heartbeat that makes no sense"),
        ],
    )
    def test_a_url_that_cannot_be_read(self, url: str, told: str) -> None:
        with pytest.raises(ConfigurationError, match=told) as error:
            parse_broker_url(url)
        assert error.value.hint
        assert "p@ss" not in error.value.sentence()

    def test_what_a_url_leaves_out(self) -> None:
        at = parse_broker_url("amqps://host")
        assert (at.host, at.port, at.user, at.vhost, at.tls) == ("host", 5671, "guest", "/", True)
        assert str(parse_broker_url("amqp://a:b@[::1]/x%2Fy")) == "amqp://a@[::1]:5672/x%2Fy"
