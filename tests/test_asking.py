from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from typing import Any

import pytest

from sdpo_gym import JudgeError, Message
from sdpo_gym.asking import Asker, make_asker
from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.policies.openai import OpenAIPolicy
from sdpo_gym.task import digest_of

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

SAMPLING = Sampling(temperature=0.0, max_tokens=9)


def chat(text: str) -> list[Message]:
    return [Message("user", text)]


class Echo:
    """Answers with the question; FAIL fails it, CRASH raises, SILENT gets no answer, HOLD waits for ``go``."""

    capabilities: frozenset[Capability] = frozenset()

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []
        self.times_closed = 0
        self.closed_generators = 0
        self.under_way = self.most_under_way = 0
        self.holding = threading.Event()
        self.go = threading.Event()

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        assert sampling == SAMPLING
        assert not self.times_closed
        self.batches.append(list(requests))
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            for index, request in reversed(list(enumerate(requests))):
                text = request.messages[-1].content
                if "HOLD" in text:
                    self.holding.set()
                    assert self.go.wait(20)
                if "CRASH" in text:
                    raise UsageError("the key is refused") if "USAGE" in text else ZeroDivisionError("oops")
                if "SILENT" not in text:
                    yield index, PolicyError("no room") if "FAIL" in text else Completion(f"re: {text}")
        except GeneratorExit:
            self.closed_generators += 1
            raise
        finally:
            self.under_way -= 1

    def describe(self) -> dict[str, Any]:
        return {"policy": "echo"}

    def close(self) -> None:
        self.times_closed += 1


@pytest.fixture
def echo() -> Iterator[Echo]:
    policy = Echo()
    yield policy
    policy.go.set()


def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_questions_that_come_together_are_one_batch(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    futures = [asker.submit(chat(f"q{i}")) for i in range(50)]
    assert [future.result(10).text for future in futures] == [f"re: q{i}" for i in range(50)]
    assert len(echo.batches) <= 3
    asker.close()


def test_new_questions_wait_for_the_next_batch_and_calls_are_limited(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    held = asker.submit(chat("HOLD"))
    assert echo.holding.wait(10)
    later = [asker.submit(chat(f"q{i}")) for i in range(5)]
    time.sleep(0.1)
    assert not any(future.done() for future in later)
    echo.go.set()
    assert held.result(10).text == "re: HOLD"
    wait(later, 10)
    assert [len(batch) for batch in echo.batches] == [1, 5]
    assert echo.most_under_way == 1


def test_a_server_is_kept_busy_while_one_answer_is_out(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING, calls=2)
    held = asker.submit(chat("HOLD"))
    assert echo.holding.wait(10)
    later = [asker.submit(chat(f"q{i}")) for i in range(5)]
    assert [future.result(10).text for future in later] == [f"re: q{i}" for i in range(5)]
    assert not held.done()
    echo.go.set()
    assert held.result(10).text == "re: HOLD"
    assert echo.most_under_way == 2


def test_a_burst_is_shared_among_the_calls(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING, calls=3)
    futures = [asker.submit(chat(f"HOLD {i}")) for i in range(9)]
    until(lambda: len(echo.batches) == 3)
    assert sorted(len(batch) for batch in echo.batches) == [3, 3, 3]
    echo.go.set()
    wait(futures, 10)


def test_an_answer_depends_on_nothing_but_messages_key_and_seed(echo: Echo) -> None:
    asker, same, other = (Asker(echo, SAMPLING, seed=seed) for seed in (1, 1, 2))
    for index, (who, text, key) in enumerate(
        [(asker, "a", "x"), (same, "a", "x"), (asker, "a", "y"), (asker, "b", "x"), (other, "a", "x")]
    ):
        who.submit(chat(text), key=key).result(10)
        assert len(echo.batches) == index + 1
    ((first,), (again,), *others) = echo.batches
    assert first == again
    assert first.task_id == "x"
    assert len({first.seed, *(request.seed for (request,) in others)}) == 4
    both = [asker.submit(chat(text), key="x") for text in "ab"]
    wait(both, 10)
    assert {request.seed for request in echo.batches[-1]} <= {first.seed, echo.batches[3][0].seed}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FAIL", "the judge model failed: no room"),
        ("CRASH", "the judge model failed: ZeroDivisionError: oops"),
        ("CRASH USAGE", "the judge model failed: the key is refused"),
        ("SILENT", "it gave no answer"),
    ],
)
def test_a_failure_is_a_judge_error_and_what_was_answered_before_it_stays(echo: Echo, text: str, message: str) -> None:
    asker = Asker(echo, SAMPLING)
    futures = [asker.submit(chat(t)) for t in (text, "fine")]  # the policy answers the last one first
    with pytest.raises(JudgeError, match=message):
        futures[0].result(10)
    assert futures[1].result(10).text == "re: fine"
    assert asker.submit(chat("next")).result(10).text == "re: next"


def test_a_cancelled_question_is_not_asked(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    asker.submit(chat("HOLD"))
    assert echo.holding.wait(10)
    unwanted, wanted = asker.submit(chat("unwanted")), asker.submit(chat("wanted"))
    assert unwanted.cancel()
    echo.go.set()
    wanted.result(10)
    assert [request.messages[0].content for request in echo.batches[1]] == ["wanted"]


def test_closing_fails_what_waits_and_what_is_under_way_and_closes_the_policy_after_its_call(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    under_way = [asker.submit(chat(text)) for text in ("never reached", "HOLD")]
    assert echo.holding.wait(10)
    waiting = asker.submit(chat("waiting"))
    asker.close()
    asker.close()
    for future in (*under_way, waiting):
        with pytest.raises(JudgeError, match="closed before it had answered"):
            future.result(0)
    assert not echo.times_closed
    echo.go.set()
    until(lambda: echo.times_closed)
    until(lambda: not asker._threads)
    assert echo.times_closed == 1
    assert echo.closed_generators == 1
    assert len(echo.batches) == 1
    with pytest.raises(JudgeError, match="after it had been closed"):
        asker.submit(chat("late")).result(0)


def test_closing_an_idle_asker_closes_the_policy_at_once(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    asker.close()
    assert echo.times_closed == 1


def test_the_thread_ends_when_there_is_nothing_to_ask_and_starts_again(echo: Echo) -> None:
    def askers() -> int:
        return sum(thread.name == "asker" for thread in threading.enumerate())

    until(lambda: not askers())  # those of other tests
    asker = Asker(echo, SAMPLING)
    for _ in range(2):
        asker.submit(chat("q")).result(10)
        until(lambda: not askers())


def test_it_may_be_used_from_a_thread_that_has_ended_and_from_its_own_callbacks(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    futures: list[Future[Completion]] = []
    second: Future[Future[Completion]] = Future()

    def start() -> None:
        futures.append(asker.submit(chat("first")))
        futures[0].add_done_callback(lambda done: second.set_result(asker.submit(chat("second"))))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert futures[0].result(10).text == "re: first"
    assert second.result(10).result(10).text == "re: second"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of fork in a process with threads, which is the point
def test_a_forked_child_asks_for_itself(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING)
    asker.submit(chat("HOLD"))
    assert echo.holding.wait(10)
    waiting = asker.submit(chat("waiting"))
    with asker._lock:  # as another thread may hold it at that moment
        pid = os.fork()
    if pid == 0:
        os._exit(0 if asker.submit(chat("child")).result(10).text == "re: child" else 1)
    deadline = time.monotonic() + 15
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        pytest.fail("the child hangs")
    assert ended[1] == 0
    echo.go.set()
    assert waiting.result(10).text == "re: waiting"


def test_no_question_is_lost_under_load(echo: Echo) -> None:
    asker = Asker(echo, SAMPLING, calls=3)
    answers: list[Future[Completion]] = []

    def ask(name: int) -> None:
        for i in range(100):
            answers.append(asker.submit(chat(f"{name}-{i}")))
            if i % 10 == 0:
                time.sleep(0.005)

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = {future.result(10).text for future in answers}
    assert texts == {f"re: {name}-{i}" for name in range(4) for i in range(100)}
    assert sum(len(batch) for batch in echo.batches) == 400


def test_it_describes_itself(echo: Echo) -> None:
    description = Asker(echo, SAMPLING, seed=7).describe()
    assert description["policy"] == {"policy": "echo"}
    assert description["seed"] == 7
    assert description["sampling"]["max_tokens"] == 9
    assert digest_of(description)  # JSON-able


def test_make_asker_takes_a_policy_by_name(tmp_path: Any) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"task_id": "t", "completion": "recorded"}\n')
    asker = make_asker(f"replay:{path}")
    assert asker.submit(chat("anything"), key="t").result(10).text == "recorded"
    server = make_asker("openai:some-model", base_url="http://localhost:8000/v1", max_tokens=5, temperature=0.5)
    assert isinstance(server._policy, OpenAIPolicy)
    assert server.describe()["policy"]["base_url"] == "http://localhost:8000/v1"
    assert server.describe()["sampling"]["max_tokens"] == 5
    assert server.describe()["sampling"]["temperature"] == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "nothing:x"}, "there is no policy 'nothing'"),
        ({"policy": "scripted:empty", "base_url": "http://x"}, "takes no option 'base_url'"),
        ({"policy": "scripted:empty", "max_tokens": 0}, "judge model 'scripted:empty': max_tokens must be"),
        ({"policy": "scripted:empty", "temperature": -1.0}, "temperature must be"),
        ({"policy": "scripted:empty", "temperature": float("inf")}, "temperature must be"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_asker(**options)
    with pytest.raises(UsageError, match="calls must be at least 1, got 0"):
        Asker(Echo(), SAMPLING, calls=0)
