"""Sources of one run begin one after the other, and then go on side by side."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from tasks.reporting import RunBegan, tell
from tasks.several_sources import begins_alone

PATIENCE = 30


def test_the_next_begins_when_the_one_before_has_begun() -> None:
    beginning: list[str] = []
    first_is_in, may_begin, together = Event(), Event(), Barrier(3)

    def run(name: str) -> None:
        with begins_alone(name):
            beginning.append(name)
            first_is_in.set()
            assert may_begin.wait(PATIENCE)
            tell(RunBegan(name))
            together.wait(PATIENCE)  # nobody has to be through before the others begin

    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(run, name) for name in "abc"]
        assert first_is_in.wait(PATIENCE)
        Event().wait(0.2)
        assert len(beginning) == 1
        tell(RunBegan("of another kind of run"))
        Event().wait(0.2)
        assert len(beginning) == 1
        may_begin.set()
        for each in runs:
            each.result(PATIENCE)
    assert sorted(beginning) == ["a", "b", "c"]


def test_one_that_never_begins_holds_nobody_up() -> None:
    with pytest.raises(RuntimeError), begins_alone("a"):
        raise RuntimeError
    with begins_alone("b"):
        tell(RunBegan("b"))
        tell(RunBegan("b"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(begins_alone("c").__enter__).result(PATIENCE)
        tell(RunBegan("c"))
