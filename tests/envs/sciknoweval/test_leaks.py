"""No critique that may tell which option is right gets through; most that tell of the mistake only do."""

from __future__ import annotations

import dataclasses
import json
import re
import string
import time
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sdpo_envs.sciknoweval.leaks import leaks, plain
from shared_data import shared


@dataclass(frozen=True)
class Case:
    """A question of ours with a wrong answer."""

    question: str
    options: dict[str, str]
    key: str
    chosen: str
    completion: str

    def leaks(self, critique: str) -> str | None:
        return leaks(
            critique,
            key=self.key,
            options=self.options,
            chosen=self.chosen,
            question=self.question,
            completion=self.completion,
        )


BONDING = Case(
    "Which kind of bonding holds solid potassium chloride together? Vitamin C is not part of it.",
    {"A": "Covalent bonding", "B": "Ionic bonding", "C": "Metallic bonding", "D": "Hydrogen bonding"},
    "B",
    "A",
    "<reasoning>Both atoms share electrons, so it is covalent, not ionic or metallic.</reasoning><answer>A</answer>",
)
CAPACITOR = Case(
    "A capacitor is charged to 12 V and holds 3.6 J. What is its capacitance? The current never exceeds 5 A.",
    {"A": "0.3 F", "B": "0.05 F", "C": "1.25e-3 F", "D": "7,200 uF"},
    "B",
    "A",
    "<reasoning>Energy is charge times voltage, so C = 3.6 / 12 = 0.3 F.</reasoning><answer>A</answer>",
)
SMILES = Case(
    "Which of these molecules is an ester? One of them smells of pears.",
    {"A": "CCCCCC(=O)O", "B": "CCCCCC(N)=O", "C": "CC(=O)OCCCCC", "D": "CCCCC(C)(C)CO"},
    "C",
    "D",
    "<reasoning>It has an oxygen next to a carbon.</reasoning><answer>D</answer>",
)
PROTEIN = Case(
    "Which of the two variants keeps its fold at 60 °C?",
    {"A": "MKTLLVAGGHHWQERPKDDSLNNVQ", "B": "MKTLLVAGGHHWQEPPKDDSLNGVQ"},
    "A",
    "B",
    "<reasoning>Proline makes helices stiff.</reasoning><answer>B</answer>",
)
PROSE = Case(
    "A gas expands freely into an empty box. What happens to its entropy and why?",
    {
        "A": "It falls, because the gas cools while it expands",
        "B": "It stays the same, because no heat is exchanged",
        "C": "It rises, because more microstates become accessible to the molecules",
        "D": "It cannot be told without knowing the pressure of the surroundings",
    },
    "C",
    "B",
    "<reasoning>Q is zero, so dS = Q/T is zero; the molecules do nothing.</reasoning><answer>B</answer>",
)
COUNTS = Case(
    "How many unpaired electrons has the ion in a weak field?",
    {"A": "2", "B": "3", "C": "4", "D": "5"},
    "C",
    "A",
    "<reasoning>Six d electrons pair up.</reasoning><answer>A</answer>",
)

LEAKING = [
    (BONDING, "The right one is option B."),
    (BONDING, "Option (B) fits much better."),
    (BONDING, "You should have chosen B"),
    (BONDING, "B: the transfer of electrons was not considered."),
    (BONDING, "B is what remains once sharing is ruled out."),
    (BONDING, "The correct answer would be **B**, not A."),
    (BONDING, "Think again about `B`."),
    (BONDING, "Answer: \\boxed{B}"),
    (BONDING, "Compare A with C before you decide."),
    (BONDING, "C and D can be ruled out at once."),
    (BONDING, "the answer is b, since electrons move over"),
    (BONDING, "look at option b again"),
    (BONDING, "[b] fits"),
    (BONDING, "OptionB would follow from the large difference."),
    (BONDING, "The answer_B follows."),
    (BONDING, "Ｂ is right."),
    (BONDING, "Opt\u200bion\u200b B\u200b."),
    (BONDING, "B's reasoning is sound, yours is not."),
    (BONDING, "You picked A/B wrongly."),
    (BONDING, "A ≠ correct; B = correct."),
    (BONDING, "Such a difference in electronegativity makes the bond ionic."),
    (BONDING, "This is IONIC-bonding territory."),
    (BONDING, "What you describe holds for metallic solids."),
    (BONDING, "Hydrogen bonds are too weak here."),
    (BONDING, "The second option deserves another look."),
    (BONDING, "It is not the last one either."),
    (BONDING, "Pick option number 2."),
    (BONDING, "Choice two is the one."),
    (BONDING, "It is the letter after A."),
    (BONDING, "The one right below yours is right: the option after yours, that is, below your choice."),
    (BONDING, "The third in the list is out."),
    (BONDING, "#2 is right."),
    (BONDING, "Take what is listed second."),
    (BONDING, "Choose the option that follows yours."),
    (BONDING, "Its ionicity is high."),
    (BONDING, "A→B"),
    (CAPACITOR, "With half of C V squared you would get 0.05 F."),
    (CAPACITOR, "The result should be 50 mF."),
    (CAPACITOR, "The result should be 5.0e-2 F."),
    (CAPACITOR, "The result should be 5 × 10⁻² F."),
    (CAPACITOR, "The result should be 5 x 10^{-2} F."),
    (CAPACITOR, "The result should be 0.050F."),
    (CAPACITOR, "The result should be .05 F."),
    (CAPACITOR, "That would be 1.25 mF."),
    (CAPACITOR, "It is not 7200 µF either."),
    (CAPACITOR, "It is not 7 200 µF either."),
    (CAPACITOR, "You would find a smaller value, B."),
    (CAPACITOR, "The smallest value of the options is right."),
    (CAPACITOR, "You divided wrongly: it is about 1.3 mF."),
    (SMILES, "An ester looks like CC(=O)OCCCCC."),
    (SMILES, "An ester looks like `CC(=O)O CCCCC`."),
    (SMILES, "The amide CCCCCC(N)=O was not ruled out."),
    (SMILES, "Look for a piece such as (=O)OCCC in the chain."),
    (SMILES, "C is the ester."),
    (SMILES, "A carboxylic acid is not an ester, so A, too, is out."),
    (PROTEIN, "The variant MKTLLVAGGHHWQERPKDDSLNNVQ keeps it."),
    (PROTEIN, "Look at the part HHWQERPKDD, which keeps its charge."),
    (PROTEIN, "The other sequence keeps it."),
    (PROTEIN, "A keeps its fold."),
    (PROTEIN, "You should take the alternative choice."),
    (PROSE, "It rises."),
    (PROSE, "You forgot how many microstates become accessible."),
    (PROSE, "More microstates are open to the gas."),
    (PROSE, "Nothing is said about the surroundings, so their state is no excuse."),
    (PROSE, "It rises because more microstates become accessible to the molecules."),
    (COUNTS, "There are four of them."),
    (COUNTS, "There are 4 of them."),
    (COUNTS, "In a weak field one finds 4.0 of them."),
    (COUNTS, "There is no need for five electrons in that set."),
]

CLEAN = [
    (BONDING, "You assume that both atoms attract electrons alike. Compare their electronegativities first."),
    (BONDING, "At least one of your premises is wrong, and the last step does not follow."),
    (BONDING, "Option A needs a small difference in electronegativity, which you did not check."),
    (BONDING, "A shared pair presupposes similar atoms; a large difference rules that out."),
    (BONDING, "Your first step is wrong: nothing shows that the atoms share anything."),
    (BONDING, "Vitamin C has nothing to do with it, as you say, but you never compare the two atoms."),
    (BONDING, "At 25 °C the solid is brittle and its melt conducts. Your answer, A, explains neither."),
    (BONDING, "Your final answer contradicts what you say about the lattice."),
    (BONDING, "You did not weigh the other options at all."),
    (BONDING, "You'd have to look at how far the atoms differ in pulling at electrons."),
    (BONDING, "What holds for a C-H or C=O bond need not hold between these atoms."),
    (CAPACITOR, "You wrote that energy is charge times voltage; half of that is lost while charging."),
    (CAPACITOR, "Your 0.3 F follows from a wrong formula for the energy."),
    (CAPACITOR, "With 12 V and 3.6 J the formula must be quadratic in the voltage; yours is linear."),
    (CAPACITOR, "A current below 5 A does not matter here, but the formula for energy does."),
    (CAPACITOR, "The unit of your quotient is that of a charge. Check the dimensions."),
    (SMILES, "Your molecule is an alcohol: its oxygen is bound to one carbon and a hydrogen."),
    (SMILES, "An oxygen next to a carbon is not enough. Which groups must flank it?"),
    (SMILES, "In CCCCC(C)(C)CO the oxygen sits at the end of the chain."),
    (PROTEIN, "Proline breaks helices rather than stiffening them; that step does not hold."),
    (PROTEIN, "At 60 °C the loss of a charge matters more than you think."),
    (PROSE, "Heat is zero, but the process is irreversible, so your formula does not apply to it."),
    (PROSE, "You take dS = Q/T for granted; it holds along a reversible path only."),
    (PROSE, "That the molecules do nothing is not what you should conclude. Count the ways to place them."),
    (COUNTS, "You pair electrons before all orbitals are half filled. In a weak field pairing costs too much."),
    (COUNTS, "Your answer of 2 supposes strong splitting."),
]


@pytest.mark.parametrize(("case", "critique"), LEAKING, ids=[critique[:50] for _, critique in LEAKING])
def test_what_tells_of_another_option_is_withheld(case: Case, critique: str) -> None:
    assert case.leaks(critique)


@pytest.mark.parametrize(("case", "critique"), CLEAN, ids=[critique[:50] for _, critique in CLEAN])
def test_what_tells_of_the_mistake_only_goes_through(case: Case, critique: str) -> None:
    assert case.leaks(critique) is None


def test_the_tables_are_large_enough() -> None:
    assert len(LEAKING) >= 40
    assert len(CLEAN) >= 20


@pytest.mark.parametrize(("case", "critique"), LEAKING + CLEAN, ids=[text[:50] for _, text in LEAKING + CLEAN])
def test_whether_it_is_withheld_does_not_depend_on_the_key(case: Case, critique: str) -> None:
    """Otherwise one could learn the key from what is withheld."""
    keys = [key for key in case.options if key != case.chosen]
    assert len({dataclasses.replace(case, key=key).leaks(critique) is None for key in keys}) == 1


def test_a_reason_names_the_option() -> None:
    assert BONDING.leaks("It is option B.") == "it names option B"
    assert BONDING.leaks("It is metallic.") == "it gives a word ('metall') of option C"


LABELS = "ABCD"
PROSE_TEXT = st.text(st.sampled_from(string.ascii_lowercase + "  .,;-'\n0123456789éΩ²"), max_size=60)
OPTION_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from(string.ascii_letters + string.digits + "()=#@[]+-/\\"), min_size=1, max_size=40),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.integers(-(10**6), 10**6).map(lambda number: f"{number:,}"),
    st.lists(
        st.sampled_from(["heat", "flows", "from", "cold", "to", "warm", "bodies", "rises", "slowly"]), max_size=6
    ).map(" ".join),
)
QUESTION = "Which statement about the system is right?"


def words(text: str) -> str:
    return " ".join("".join(char if char.isalnum() else " " for char in plain(text).casefold()).split())


def cased(options: list[str], key: int, chosen: int, completion: str = "") -> Case:
    by_label = dict(zip(LABELS, options, strict=False))
    return Case(QUESTION, by_label, LABELS[key], LABELS[chosen], completion)


@pytest.mark.slow
@given(
    st.lists(OPTION_TEXT, min_size=2, max_size=4),
    st.integers(0, 3),
    st.integers(0, 3),
    PROSE_TEXT,
    PROSE_TEXT,
    st.text(max_size=30),
)
def test_the_text_of_the_key_is_always_found(
    options: list[str], key: int, chosen: int, before: str, behind: str, completion: str
) -> None:
    assume(max(key, chosen) < len(options) and key != chosen)
    right, wrong = words(options[key]), words(options[chosen])
    assume(right and f" {right} " not in f" {wrong} ")
    case = cased(options, key, chosen, completion)
    for shown in (options[key], options[key].upper(), f'"{options[key]}"', f"**{options[key]}**"):
        if words(shown) == right:
            # "- " before a number would be a sign, a mark after a letter could combine with it
            assert case.leaks(f"{before} {shown} {behind}"), shown


@given(
    st.lists(OPTION_TEXT, min_size=4, max_size=4),
    st.integers(0, 3),
    st.integers(0, 3),
    PROSE_TEXT,
    PROSE_TEXT,
    st.sampled_from(
        ["option {}", "Option {}.", "({})", "{})", "{}:", "**{}**:", "answer: {}", "{} is right", "pick {}", "[{}]",
         "the answer is {}.", "choose {} instead", "letter {}", "option {l}", "({l})", "answer is {l}."]
    ),
)  # fmt: skip
def test_the_letter_of_the_key_is_always_found(
    options: list[str], key: int, chosen: int, before: str, behind: str, form: str
) -> None:
    assume(key != chosen)
    named = form.format(LABELS[key], l=LABELS[key].lower())
    assert cased(options, key, chosen).leaks(f"{before} {named} {behind}")


@given(st.integers(1, 999_999), st.integers(-12, 12), st.sampled_from(["{:.6e}", "{:.9g}", "{:.12f}", "{:,.9f}"]))
def test_a_number_is_found_in_every_form(digits: int, exponent: int, form: str) -> None:
    value = float(f"{digits}e{exponent}")
    case = cased([f"{value!r} m", "no value"], 0, 1)
    shown = form.format(value)
    assume(float(shown.replace(",", "")) == value)
    assert case.leaks(f"One finds {shown} m from it.")
    mantissa, _, power = f"{value:.6e}".partition("e")
    for times in ("x 10^", "× 10^{", "*10**", "\\times 10^{", "· 10^"):
        assert case.leaks(f"One finds {mantissa} {times}{int(power)}" + "}" * times.count("{"))


@given(
    st.text(max_size=300),
    st.lists(st.text(max_size=60), min_size=2, max_size=4),
    st.text(max_size=60),
    st.text(max_size=60),
)
def test_any_text_is_looked_through(critique: str, options: list[str], question: str, completion: str) -> None:
    by_label = dict(zip(LABELS, options, strict=False))
    reason = leaks(critique, key="A", options=by_label, chosen="B", question=question, completion=completion)
    assert reason is None or reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "A ",
        "a-",
        "B" * 50 + " ",
        "1,",
        "1 ",
        "1e9",
        "10^",
        "- ",
        "\n",
        "first ",
        "the ",
        "option ",
        "(",
        "C=",
        "²",
        "9" * 400,
    ],
)
def test_time_is_linear(piece: str) -> None:
    critique = piece * (20_000 // len(piece))
    case = cased(["x" * 300, "1.5", "C" * 300, "water freezes"], 0, 1, critique)
    start = time.process_time()
    case.leaks(critique)
    assert time.process_time() - start < 20  # a quadratic step would take minutes


def test_a_number_as_a_word_is_no_other_power_of_ten() -> None:
    assert cased(["0.02 m", "7 m"], 0, 1).leaks("You mixed up the two lengths.") is None
    assert cased(["2 m", "7 m"], 0, 1).leaks("It is two metres long.")


GENERIC = "You never checked the units of what you wrote down before you went on to the next step."


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["biology", "chemistry", "material", "physics"])
def test_real_options_are_found(folder: str) -> None:
    """Of every real question (test split), whichever wrong option was chosen and although the reply quotes them all."""
    withheld = total = 0
    for line in shared(f"sciknoweval/{folder}/test.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question, listed = row["prompt"].rsplit("\nA: ", 1)
        texts = re.split(r"\n[B-Z]: ", listed.rsplit("\n", 1)[0])
        options = dict(zip(string.ascii_uppercase, (text.strip() for text in texts), strict=False))
        key = row["answer"]
        for chosen, text in options.items():
            if chosen == key or text == options[key]:
                continue
            case = Case(question, options, key, chosen, f"<reasoning>{listed}</reasoning><answer>{chosen}</answer>")
            for told in (options[key], f"option {key}", f"{key} again", f"the answer {key.lower()}"):
                assert case.leaks(f"You should have looked at {told}, and you did not."), (row["idx"], chosen, told)
            withheld += case.leaks(GENERIC) is not None
            total += 1
    assert total >= 50
    assert withheld <= 0.05 * total
