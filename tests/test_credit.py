from __future__ import annotations

import json

import pytest

import guess_env  # noqa: F401  (registers itself)
from sdpo_gym.credit import Credit, CreditConfig, NoCredit, attempt_of, credit_scorer
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.records import iter_attempts, load_evaluation
from sdpo_gym.registry import resolve
from sdpo_gym.rejudge import tasks_of_run

FEEDBACK_ONLY = {"solutions": False, "feedback": "always"}


def calls(tool: str, argument: str, value: str) -> str:
    return f'Action: {tool}\nAction Input: {{"{argument}": "{value}"}}'


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Attempts at the first task of tiny_tool, one call with one argument: wrong name, wrong value, right."""
    directory = tmp_path_factory.mktemp("credit")
    tasks = resolve("tiny_tool").tasks(None, "hub")
    task = tasks[0]
    gold = tasks.gold(task)
    assert gold == calls("send_room", "when", "wednesday")
    texts = [calls("send_room", "date", "wednesday"), calls("send_room", "when", "friday"), gold]
    answers = directory / "answers.jsonl"
    answers.write_text(json.dumps({"task_id": task.id, "completions": texts}) + "\n")
    evaluate(EvalConfig("tiny_tool", f"replay:{answers}", data="hub", out=directory / "run"))
    return directory / "run"


def pictures(run, **reprompt_options):
    record = load_evaluation(run)
    _, tasks = tasks_of_run(record)
    attempts = sorted(iter_attempts(run), key=lambda rows: rows[0]["attempt"])
    with credit_scorer(record, CreditConfig("tiny", reprompt_options=reprompt_options)) as scorer:
        return scorer.of(tasks.by_id(attempts[0][0]["task_id"]), attempts), scorer.notices


def worst(credit: Credit) -> str:
    return min(credit.tokens, key=lambda token: token.credit).text


def test_the_wrong_argument_name_gets_the_blame(run):
    found, notices = pictures(run, **FEEDBACK_ONLY)
    picture = found[0]
    assert isinstance(picture, Credit)
    assert "the argument `date` should not be there" in picture.teacher_chat[-1].content
    by_text = {token.text: token for token in picture.tokens}
    wrong = by_text["date"]
    assert wrong.credit < -2
    assert all(abs(token.credit) < 0.1 for text, token in by_text.items() if text != "date")
    assert wrong.alternatives[0].text == "when"
    assert wrong.alternatives[0].teacher > -0.5 > wrong.alternatives[0].student
    assert any("not written by the model that scores them" in notice for notice in notices)


def test_without_feedback_a_siblings_solution_objects_to_the_wrong_value(run):
    found, _ = pictures(run)
    picture = found[1]
    assert isinstance(picture, Credit)
    assert calls("send_room", "when", "wednesday") in picture.teacher_chat[-1].content
    assert worst(picture) == "friday"


def test_the_texts_of_the_tokens_are_the_completion(run):
    found, _ = pictures(run)
    picture = found[0]
    assert isinstance(picture, Credit)
    assert "".join(t.text for t in picture.tokens if not t.is_end) == calls("send_room", "date", "wednesday")
    assert picture.tokens[-1].is_end


def test_a_teacher_that_would_know_no_more_makes_no_picture(run):
    found, _ = pictures(run, **FEEDBACK_ONLY)
    assert isinstance(found[2], NoCredit)
    assert "know no more" in found[2].reason


def test_tasks_that_changed_make_no_picture(run):
    record = load_evaluation(run)
    _, tasks = tasks_of_run(record)
    with credit_scorer(record, CreditConfig("tiny")) as scorer:
        found = scorer.of(tasks[1], list(iter_attempts(run)))
    assert {type(each) for each in found.values()} == {NoCredit}


def test_the_runs_own_policy_is_the_default_and_other_weights_are_told(tmp_path):
    evaluate(EvalConfig("tiny_tool", "tiny", limit=1, n=1, out=tmp_path / "run"))
    record = load_evaluation(tmp_path / "run")
    with credit_scorer(record, CreditConfig()) as scorer:
        assert scorer.notices == ()
    record["policy"]["weights"] = "0" * 64
    with credit_scorer(record, CreditConfig()) as scorer:
        assert "are not those that wrote the completions" in scorer.notices[0]


def test_turns_grow_the_chat(tmp_path):
    evaluate(EvalConfig("guess", "guess:say=it is 7", data="sample", turns=2, n=1, limit=1, out=tmp_path / "run"))
    _, tasks = tasks_of_run(load_evaluation(tmp_path / "run"))
    [rows] = iter_attempts(tmp_path / "run")
    attempt = attempt_of(tasks[0], rows)
    chats = [[(m.role, m.content) for m in turn.request.messages] for turn in attempt.turns]
    question = ("user", "Guess the number of task 0.")
    assert chats == [[question], [question, ("assistant", "it is 7"), ("user", "7 is too high.")]]
    assert attempt.verdict is not None
    assert attempt.verdict.outcome == "too_high"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CreditConfig(), "policy 'replay' cannot score a given completion (capability 'score')"),
        (CreditConfig("guess"), "policy 'guess' cannot score a given completion"),
        (CreditConfig("tiny", reprompt="sdop"), "there is no reprompt 'sdop'; did you mean 'sdpo'?"),
        (CreditConfig("tiny", reprompt_options={"feedback": "loud"}), "option feedback must be one of"),
    ],
)
def test_what_cannot_be_is_named(run, config, words):
    with pytest.raises(UsageError) as caught, credit_scorer(load_evaluation(run), config):
        pass
    assert words in str(caught.value)
