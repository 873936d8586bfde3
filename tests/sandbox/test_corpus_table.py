"""The page of programs is what the corpus says."""

from __future__ import annotations

from sandbox.corpus import Kind, all_attacks, idioms
from sandbox.corpus_table import PAGE, page


def test_the_page_is_generated_from_the_corpus() -> None:
    how = "generate it anew: PYTHONPATH=tests python -m sandbox.corpus_table"
    assert PAGE.read_text(encoding="utf-8") == page(), how


def test_the_page_has_every_program_once() -> None:
    text = page()
    for program in [*all_attacks(), *idioms()]:
        assert text.count(f"| `{program.name}` |") == 1


def test_every_program_says_in_one_line_what_it_does() -> None:
    for program in [*all_attacks(), *idioms()]:
        assert 3 <= len(program.about) <= 120, program.name
        assert not program.about.endswith("."), program.name


def test_programs_of_a_kind_lie_where_they_belong() -> None:
    assert {program.kind for program in idioms()} == {Kind.IDIOM}
    assert Kind.IDIOM not in {program.kind for program in all_attacks()}
    assert len(all_attacks()) + len(idioms()) >= 350
