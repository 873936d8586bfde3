from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import PolicyError, Recorded, Request, Sampling
from sdpo_gym.policies.replay import make


@pytest.fixture
def replay(tmp_path):
    def write(*lines: object):
        file = tmp_path / "answers.jsonl"
        file.write_bytes(b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines))
        return make(str(file))

    return write


def answers(policy, *wanted: tuple[str, int]):
    return [c for _, c in policy.generate([Request((), task, attempt) for task, attempt in wanted], Sampling())]


def test_lines_of_one_task_add_up_and_the_attempt_picks(replay):
    policy = replay(
        {"task_id": "a", "completion": "a0", "model": "ignored"},
        {"task_id": "b", "completions": ["b0", {"text": "b1", "finish_reason": "length"}]},
        b"   ",
        {"task_id": "a", "completion": {"text": "a1"}},
    )
    assert isinstance(policy, Recorded)
    assert policy.recorded() == {"a": 2, "b": 2}
    assert answers(policy, ("b", 1), ("a", 0), ("a", 1), ("b", 0)) == [
        Completion("b1", FinishReason.LENGTH),
        Completion("a0"),
        Completion("a1"),
        Completion("b0"),
    ]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request((), "a", attempt=1), "holds 1 completions of task 'a', attempt 1"),
        (Request((), "z"), "holds 0 completions of task 'z'"),
        (Request((), "a", turn=1), "holds first turns only"),
    ],
)
def test_what_was_not_recorded_is_an_error_of_its_request(replay, request_, message):
    policy = replay({"task_id": "a", "completion": "a0"})
    results = dict(policy.generate([request_, Request((), "a")], Sampling()))
    assert isinstance(results[0], PolicyError)
    assert message in str(results[0])
    assert results[1] == Completion("a0")


def test_describe_records_path_and_sha256(replay, tmp_path):
    policy = replay({"task_id": "a", "completion": "a0"})
    file = tmp_path / "answers.jsonl"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert policy.describe() == {"policy": "replay", "file": file.name, "sha256": sha256}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"task_id": "a", ', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'["a"]', "is a JSON list, must be an object"),
        (b'{"completion": "x"}', "lacks the field 'task_id'"),
        (b'{"task_id": 7, "completion": "x"}', "'task_id' is a number, must be a string"),
        (b'{"task_id": "a"}', "lacks the field 'completion'"),
        (b'{"task_id": "a", "completion": "x", "completions": ["y"]}', "both 'completion' and 'completions'"),
        (b'{"task_id": "a", "completion": null}', "'completion' is a null, must be a string"),
        (b'{"task_id": "a", "completion": {"finish_reason": "stop"}}', "'completion' lacks the field 'text'"),
        (b'{"task_id": "a", "completion": {"text": "x", "finish_reason": "eos"}}', "finish_reason 'eos'"),
        (b'{"task_id": "a", "completion": "\\ud800"}', "half a surrogate pair at character 0"),
        (b'{"task_id": "a", "completions": "x"}', "'completions' is a string, must be a non-empty list"),
        (b'{"task_id": "a", "completions": []}', "'completions' is empty, must be a non-empty list"),
        (b'{"task_id": "a", "completions": ["x", true]}', r"'completions'\[1\] is a boolean"),
    ],
)
def test_a_bad_line_is_named_with_file_number_and_reason(replay, line, message):
    with pytest.raises(UsageError, match=rf"answers\.jsonl, line 3: .*{message}") as caught:
        replay({"task_id": "a", "completion": "fine"}, b"", line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_completions_is_refused(replay, content):
    with pytest.raises(UsageError, match="holds no completions"):
        replay(content)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*nowhere.*No such file"):
        make(str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"cannot read .*Is a directory"):
        make(str(tmp_path))
    with pytest.raises(UsageError, match="replay:FILE"):
        make("")


def test_a_byte_order_mark_is_no_part_of_the_data(replay):
    policy = replay(b'\xef\xbb\xbf{"task_id": "a", "completion": "x"}\r')
    assert answers(policy, ("a", 0)) == [Completion("x")]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
completions = texts | st.fixed_dictionaries({"text": texts, "finish_reason": st.sampled_from(["stop", "length"])})
per_test_file_is_rewritten = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, deadline=None, suppress_health_check=per_test_file_is_rewritten)
@given(lines=st.lists(st.tuples(st.sampled_from("ab"), st.lists(completions, min_size=1, max_size=3)), min_size=1))
def test_every_recorded_completion_comes_back_in_order(replay, lines):
    expected: dict[str, list[tuple[str, str]]] = {}
    written = []
    for task, items in lines:
        expected.setdefault(task, []).extend(
            (i, "stop") if isinstance(i, str) else (i["text"], i["finish_reason"]) for i in items
        )
        single = len(items) == 1
        written.append({"task_id": task} | ({"completion": items[0]} if single else {"completions": items}))
    policy = replay(*written)
    assert policy.recorded() == {task: len(held) for task, held in expected.items()}
    for task, held in expected.items():
        got = answers(policy, *((task, k) for k in range(len(held))))
        assert [(c.text, c.finish_reason.value) for c in got] == held


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
near_rows = st.dictionaries(
    st.sampled_from(["task_id", "completion", "completions", "text"]),
    json_values | st.dictionaries(st.sampled_from(["text", "finish_reason"]), json_values),
)


@settings(max_examples=150, deadline=None, suppress_health_check=per_test_file_is_rewritten)
@given(line=st.binary(max_size=30) | near_rows | json_values)
def test_any_line_is_read_or_refused_in_one_line(replay, line):
    refusal = None
    try:
        assert replay({"task_id": "a", "completion": "fine"}, line).recorded()["a"] >= 1
    except UsageError as error:
        refusal = str(error)
    assert refusal is None or ("answers.jsonl, line " in refusal and "\n" not in refusal)
