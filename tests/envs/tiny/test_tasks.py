"""The task sets: what train, test and warm start share, and that they are the same every time."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import pytest

from sdpo_envs.tiny import code, sci, tool
from sdpo_envs.tiny.tasks import TinyTasks, make_tasks
from sdpo_envs.tiny.worlds import Family, Split
from sdpo_gym.errors import UsageError
from sdpo_gym.registry import resolve

FAMILIES = tuple(Family)
# Of world 0. A change of these is a change of every committed result: raise the card's version.
DIGESTS = {
    ("tool", "train"): "ca713ff9bdcce406",
    ("tool", "test"): "22dea1c4748463e6",
    ("tool", "warmstart"): "98b3e3eb95cecec0",
    ("code", "train"): "b3ac082a1f95ca9c",
    ("code", "test"): "14ace44e9a523839",
    ("code", "warmstart"): "528d6cfd93325821",
    ("sci", "train"): "263d54c9ef821791",
    ("sci", "test"): "6f6fd4fb746e4055",
    ("sci", "warmstart"): "87a1fa13756ed4ea",
}


def prompts(tasks: TinyTasks) -> list[str]:
    return [task.messages[0].content for task in tasks]


@pytest.mark.parametrize(("family", "split"), DIGESTS)
def test_the_tasks_are_those_that_results_were_made_with(family: str, split: str) -> None:
    tasks = make_tasks(split, family=family)
    assert tasks.digest[:16] == DIGESTS[family, split]
    assert make_tasks(split, data="sample", family=family).digest == tasks.digest


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("world", [0, 3, 142])
def test_no_held_out_prompt_is_in_train(family: str, world: int) -> None:
    train, test = (set(prompts(make_tasks(split, family=family, world=world))) for split in ("train", "test"))
    shared = train & test
    if family == Family.CODE:  # each verb alone is asked in both; the pairs are held out
        assert {len(prompt.split(",")) for prompt in shared} == {1}
        assert len(shared) == code.VERBS
        assert len(train) == len(test) == 48
    else:
        assert not shared


def test_a_held_out_request_has_values_that_train_never_has_together() -> None:
    def combinations(split: str) -> set[frozenset[str]]:
        return {frozenset(p.partition(": ")[2].split(", ")) for p in prompts(make_tasks(split, family="tool"))}

    assert not combinations("train") & combinations("test")


def test_a_held_out_question_has_options_that_train_never_has_together() -> None:
    def sets(split: str) -> set[frozenset[str]]:
        return {frozenset(line[3:] for line in p.split("\n")[1:]) for p in prompts(make_tasks(split, family="sci"))}

    assert not sets("train") & sets("test")


@pytest.mark.parametrize("family", FAMILIES)
def test_train_and_test_ask_for_the_same_knowledge(family: str) -> None:
    train, test = ("\n".join(prompts(make_tasks(s, family=family, world=5))) for s in ("train", "test"))
    names: list[str] = {
        Family.TOOL: [" ".join(name) for name in tool.schemas(5)],
        Family.CODE: list(code.meanings(5)),
        Family.SCI: [entity for entity, _, _ in sci.facts(5)],
    }[Family(family)]
    assert all(name in train and name in test for name in names)


@pytest.mark.parametrize("family", FAMILIES)
def test_worlds_hide_different_knowledge(family: str) -> None:
    knowledge = {Family.TOOL: tool.schemas, Family.CODE: code.meanings, Family.SCI: sci.facts}[Family(family)]
    assert len({repr(knowledge(world)) for world in range(200)}) == 200


def test_requests_are_of_every_length_and_tool() -> None:
    tasks = make_tasks("train", family="tool", world=9)
    assert Counter(task.meta["arguments"] for task in tasks) == dict.fromkeys("123", 160)
    assert set(Counter(task.messages[0].content.partition(":")[0] for task in tasks).values()) == {60}
    assert len(set(prompts(tasks))) == len(tasks) == 480


def test_every_argument_of_a_tool_keeps_its_name() -> None:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    known = {"_".join(name): set(schema.values()) for name, schema in tool.schemas(2).items()}
    for split in ("train", "test"):
        for task in make_tasks(split, family="tool", world=2):
            (call,) = json.loads(task.payload["answer"])
            for key in json.loads(call["Action_Input"]):
                assert key in known[call["Action"]]
                found[call["Action"], key].add(key)
    assert len(found) == 8 * tool.PARAMETERS  # all of them are asked for


def test_a_worlds_verbs_have_different_meanings_and_pairs_are_spread_evenly() -> None:
    assert len(set(code.meanings(8).values())) == code.VERBS
    for split in ("train", "test"):
        pairs = [p.removeprefix("Write a program: ").split(", ") for p in prompts(make_tasks(split, family="code"))]
        pairs = [pair for pair in pairs if len(pair) == 2]
        assert set(Counter(first for first, _ in pairs).values()) == {3}
        assert set(Counter(second for _, second in pairs).values()) == {3}


def test_a_programs_tests_are_small_and_tell_it_from_others() -> None:
    confused = total = 0
    for world in range(10):
        for task in make_tasks("test", family="code", world=world):
            rows = json.loads(task.payload["public_test_cases"])
            inputs = [int(row["input"]) for row in rows]
            assert len(set(inputs)) == code.TESTS
            assert all(0 <= x <= 20 for x in inputs)
            assert all(abs(int(row["output"])) < 1000 for row in rows)
            fitting = set()
            for one in code.OPERATIONS:
                for lines in ((one,), *((one, two) for two in code.OPERATIONS)):
                    if all(str(code.run(lines, x)) == row["output"] for x, row in zip(inputs, rows, strict=True)):
                        fitting.add(tuple(code.run(lines, x) for x in code.INPUTS))
            assert fitting
            confused, total = confused + (len(fitting) > 1), total + 1
    assert confused / total < 0.03


def test_the_key_of_a_question_is_under_every_letter_about_equally_often() -> None:
    counts = Counter(task.payload["answer"] for task in make_tasks("train", family="sci", world=1))
    assert set(counts) == set("ABCD")
    assert min(counts.values()) > 150


@pytest.mark.parametrize("family", FAMILIES)
def test_warm_start_worlds_ask_the_same_and_know_other_things(family: str) -> None:
    first, second = (make_tasks("warmstart", family=family, world=world, size=400) for world in (0, 1))
    assert prompts(first) == prompts(second)
    assert not set(first.ids) & set(second.ids)
    same = [a.id for a, b in zip(first, second, strict=True) if first.gold(a) == second.gold(b)]
    assert len(same) < 300


def test_a_longer_warm_start_begins_as_a_shorter_one() -> None:
    short, long = (make_tasks("warmstart", family="code", size=size) for size in (50, 400))
    assert [task.digest for task in short] == [task.digest for task in long][:50]


def test_warm_start_tools_have_one_schema_in_a_world_and_mostly_usual_names() -> None:
    usual = Counter[bool]()
    schema: dict[tuple[str, str], set[str]] = defaultdict(set)
    concept_of = {key: name for name, concept in tool.CONCEPTS.items() for key in concept.keys}
    for task in make_tasks("warmstart", family="tool", world=6, size=3000):
        (call,) = json.loads(task.payload["answer"])
        for key in json.loads(call["Action_Input"]):
            concept = concept_of[key]
            schema[call["Action"], concept].add(key)
            usual[key == tool.CONCEPTS[concept].keys[0]] += 1
    assert {len(keys) for keys in schema.values()} == {1}
    assert 0.5 < usual[True] / usual.total() < 0.6


def test_half_of_the_warm_start_asks_for_facts_that_never_change() -> None:
    facts: dict[tuple[str, str], set[str]] = defaultdict(set)
    known: dict[tuple[str, str], set[object]] = defaultdict(set)
    for world in range(4):
        tasks = make_tasks("warmstart", family="sci", world=world, size=600)
        assert Counter(task.meta["known"] for task in tasks) == {"yes": 300, "no": 300}
        for task in tasks:
            _, attribute, _, entity = task.messages[0].content.split("\n")[0].split(" ")
            facts[entity, attribute].add(task.payload["options"][task.payload["answer"]])
            known[entity, attribute].add(task.meta["known"])
    assert all(len(value) == 1 for value in known.values())
    always = {fact for fact, value in known.items() if value == {"yes"}}
    assert always <= {(entity + "?", attribute) for entity, attribute, _ in sci.known_facts()}
    assert {len(facts[fact]) for fact in always} == {1}
    assert any(len(facts[fact]) > 1 for fact in known.keys() - always)
    assert len(sci.known_facts()) == sci.ENTITIES * 3


def test_all_families_together_and_by_alias() -> None:
    every = make_tasks()
    assert Counter(task.meta["family"] for task in every) == {"tool": 96, "code": 48, "sci": 144}
    assert every.name == "tiny"
    for family in FAMILIES:
        tasks = resolve(f"tiny_{family}").tasks("test", "hub", world=0)
        assert set(tasks.ids) <= set(every.ids)
        assert (tasks.name, tasks.split, tasks.window) == (f"tiny_{family}", "test", "world 0")
    warm = make_tasks("warmstart", size=6)
    assert [task.meta["family"] for task in warm] == ["tool", "code", "sci"] * 2


def test_sample_data_are_named_so() -> None:
    sample, hub = make_tasks(data="sample", family="sci"), make_tasks(family="sci")
    assert (sample.name, sample.is_sample) == ("tiny_sci_sample", True)
    assert (hub.name, hub.is_sample) == ("tiny_sci", False)


def test_the_vocabulary_is_reachable_and_gold_is_of_this_set_only() -> None:
    tasks = make_tasks("train", family="tool", world=1)
    assert {"zi", "weather", "location", "iron", "colour"} <= set(tasks.vocabulary)
    assert tasks.gold(make_tasks("train", family="tool", world=2)[0]) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "option split must be one of test, train, warmstart, got 'dev'"),
        ({"data": "/tmp/some"}, "data must be hub or sample, got '/tmp/some'"),
        ({"family": "tools"}, "option family must be one of tool, code, sci, all, got 'tools'"),
        ({"world": 200}, "split 'test' has the worlds 0 to 199 .*, got 200"),
        ({"world": -1, "split": "warmstart"}, "split 'warmstart' has the worlds 0 to 999,999,999, got -1"),
        ({"size": 5}, "option size is for split 'warmstart' only, got size=5 with split 'test'"),
        ({"size": 0, "split": Split.WARMSTART.value}, "option size must be at least 1, got 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve("Tiny-v0").tasks(**{"data": "hub", **options})  # type: ignore[arg-type]


def test_an_option_of_a_wrong_type_is_refused() -> None:
    with pytest.raises(UsageError, match="option 'world' must be of type int, got 'two'"):
        resolve("tiny_tool").tasks("test", "hub", world="two")
