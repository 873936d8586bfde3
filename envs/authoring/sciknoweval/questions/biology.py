"""Biology: twelve questions of our own; see build.py for the form."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise, product
from math import log

_CODONS = {"AUG": "Met", "CCU": "Pro", "GAU": "Asp", "UAA": ""}


def _peptide(template: str) -> str:
    """Transcribe a template strand, written from its 3' end, and translate until the stop codon."""
    mrna = template.translate(str.maketrans("ACGT", "UGCA"))
    return "-".join(filter(None, (_CODONS[mrna[i : i + 3]] for i in range(0, len(mrna), 3))))


def _fragments(sites: list[int], length: int) -> str:
    """Cut a circle of `length` kb at the sites and list the fragments by size."""
    around = sorted(sites)
    *most, last = sorted(b - a for a, b in pairwise([*around, around[0] + length]))
    return f"{', '.join(map(str, most))} and {last} kb"


def _true_breeding_purple() -> str:
    """Enumerate the F2 of AaBb x AaBb: what part of the plants with both A and B is AABB?"""
    gametes = ["AB", "Ab", "aB", "ab"]
    offspring = Counter("".join(sorted(first + second)) for first, second in product(gametes, gametes))
    purple = sum(count for genotype, count in offspring.items() if "A" in genotype and "B" in genotype)
    return str(Fraction(offspring["AABB"], purple))


QUESTIONS = [
    {
        "difficulty": "easy",
        "text": "The template strand of a short gene reads 3'-TAC GGA CTA ATT-5'. Which peptide does its mRNA code "
        "for? (AUG Met, CCU Pro, GAU Asp, GAA Glu, CGU Arg, UAC Tyr, GGA Gly, CUA Leu, AUU Ile, UAA stop)",
        "right": "Met-Pro-Asp",
        "wrong": ["Tyr-Gly-Leu-Ile", "Met-Pro-Glu", "Met-Arg-Asp"],
        "steps": [
            "The mRNA is complementary to the template and is made from its 5' end: 5'-AUG CCU GAU UAA-3'.",
            "AUG is Met, CCU Pro, GAU Asp, and UAA ends the chain.",
            "The peptide is Met-Pro-Asp.",
        ],
        "mistake": [
            "With U in place of T the gene reads UAC GGA CUA AUU.",
            "UAC is Tyr, GGA Gly, CUA Leu and AUU Ile.",
            "The peptide is Tyr-Gly-Leu-Ile.",
        ],
        "value": lambda: _peptide("TACGGACTAATT"),
    },
    {
        "difficulty": "easy",
        "text": "9 % of a population in Hardy-Weinberg equilibrium show a recessive trait of one gene with two "
        "alleles. What part of the population is heterozygous?",
        "right": "42 %",
        "wrong": ["21 %", "49 %", "91 %"],
        "steps": [
            "q² = 0.09, so q = 0.3 and p = 0.7.",
            "Heterozygotes make up 2pq = 2 × 0.7 × 0.3.",
            "That is 42 %.",
        ],
        "mistake": [
            "q² = 0.09, so q = 0.3 and p = 0.7.",
            "A heterozygote has one allele of each kind: p × q = 0.7 × 0.3.",
            "That is 21 %.",
        ],
        "value": lambda: 100 * 2 * 0.7 * 0.3,
        "mistake_value": lambda: 100 * 0.7 * 0.3,
    },
    {
        "difficulty": "medium",
        "text": "Two genes lie 20 cM apart. A plant with the haplotypes AB and ab is crossed with an ab/ab plant. A "
        "and B are fully dominant; take map distance as recombination frequency. What part of the offspring shows "
        "trait A but not trait B?",
        "right": "10 %",
        "wrong": ["20 %", "25 %", "40 %"],
        "steps": [
            "20 cM mean that 20 % of the gametes are recombinant, half of them Ab and half aB.",
            "The other parent gives only ab, so the gamete decides what is seen.",
            "Offspring with A but not B come from Ab gametes: 10 %.",
        ],
        "mistake": [
            "Offspring with A but not B are recombinant.",
            "20 cM mean that the recombination frequency is 20 %.",
            "So it is 20 %.",
        ],
        "value": lambda: 20 / 2,
        "mistake_value": lambda: 20,
    },
    {
        "difficulty": "medium",
        "text": "A circular plasmid of 10 kb has EcoRI sites at positions 1, 4 and 8 kb and one HindIII site at 6 "
        "kb. Which fragments does a complete digest with both enzymes give?",
        "right": "2, 2, 3 and 3 kb",
        "wrong": ["1, 2, 2, 2 and 3 kb", "3, 3 and 4 kb", "2, 2, 2 and 4 kb"],
        "steps": [
            "The cuts are at 1, 4, 6 and 8 kb.",
            "Between them lie 4 - 1 = 3, 6 - 4 = 2 and 8 - 6 = 2 kb.",
            "The last piece runs from 8 over 10 to 1, which is 3 kb. The fragments are 2, 2, 3 and 3 kb.",
        ],
        "mistake": [
            "The cuts are at 1, 4, 6 and 8 kb.",
            "From 0 to 1 is 1 kb, then come 3, 2 and 2 kb, and from 8 to 10 is 2 kb.",
            "The fragments are 1, 2, 2, 2 and 3 kb.",
        ],
        "value": lambda: _fragments([1, 4, 8, 6], 10),
    },
    {
        "difficulty": "medium",
        "text": "In a qPCR with perfect doubling per cycle, the target gene has Ct 24 in treated and 27 in control "
        "cells, and the reference gene 18 in treated and 19 in control cells. By what factor does treatment change "
        "the expression of the target relative to the reference?",
        "right": "4 times as much",
        "wrong": ["8 times as much", "2 times as much", "0.25 times as much"],
        "steps": [
            "ΔCt is 24 - 18 = 6 in treated and 27 - 19 = 8 in control cells.",
            "ΔΔCt = 6 - 8 = -2.",
            "The factor is 2^2 = 4.",
        ],
        "mistake": [
            "The target comes up 27 - 24 = 3 cycles earlier in treated cells.",
            "Each cycle doubles the product.",
            "So the factor is 2^3 = 8.",
        ],
        "value": lambda: 2 ** -((24 - 18) - (27 - 19)),
        "mistake_value": lambda: 2 ** (27 - 24),
    },
    {
        "difficulty": "hard",
        "text": "An enzyme has Vmax = 120 µmol/min and Km = 4.0 mmol/L. How fast does it work at 8.0 mmol/L of "
        "substrate and 6.0 mmol/L of a competitive inhibitor with Ki = 3.0 mmol/L?",
        "right": "48 µmol/min",
        "wrong": ["80 µmol/min", "27 µmol/min", "40 µmol/min"],
        "steps": [
            "A competitive inhibitor raises the apparent Km: 4.0 × (1 + 6.0/3.0) = 12 mmol/L, and leaves Vmax as it "
            "is.",
            "v = Vmax [S]/(Km' + [S]) = 120 × 8.0/(12 + 8.0).",
            "That is 48 µmol/min.",
        ],
        "mistake": [
            "A competitive inhibitor leaves Vmax at 120 µmol/min.",
            "v = Vmax [S]/(Km + [S]) = 120 × 8.0/(4.0 + 8.0).",
            "That is 80 µmol/min.",
        ],
        "value": lambda: 120 * 8.0 / (4.0 * (1 + 6.0 / 3.0) + 8.0),
        "mistake_value": lambda: 120 * 8.0 / (4.0 + 8.0),
    },
    {
        "difficulty": "easy",
        "text": "Haemophilia A is X-linked and recessive. A man with it and a woman without the allele have a "
        "daughter, who has a son with an unaffected man. What is the probability that this son has haemophilia A (no "
        "new mutation)?",
        "right": "50 %",
        "wrong": ["25 %", "100 %", "0 %"],
        "steps": [
            "The daughter has her father's only X chromosome, so she is a carrier for certain.",
            "A son gets his Y from his father and one of his mother's two X chromosomes.",
            "He has the allele, and so the disease, with a probability of 50 %.",
        ],
        "mistake": [
            "The daughter is a carrier and her partner is healthy.",
            "Of their four kinds of children - two kinds of daughters, two kinds of sons - one kind is ill.",
            "So it is 25 %.",
        ],
        "value": lambda: 100 * 1 / 2,
        "mistake_value": lambda: 100 * 1 / 4,
    },
    {
        "difficulty": "easy",
        "text": "A population grows logistically with r = 0.40 per year and a carrying capacity of 1000. How fast "
        "does it grow when it has 200 members?",
        "right": "64 per year",
        "wrong": ["80 per year", "16 per year", "320 per year"],
        "steps": [
            "dN/dt = r N (1 - N/K).",
            "1 - 200/1000 = 0.80.",
            "dN/dt = 0.40 × 200 × 0.80 = 64 per year.",
        ],
        "mistake": [
            "The population grows at 0.40 per member and year.",
            "It has 200 members.",
            "0.40 × 200 = 80 per year.",
        ],
        "value": lambda: 0.40 * 200 * (1 - 200 / 1000),
        "mistake_value": lambda: 0.40 * 200,
    },
    {
        "difficulty": "hard",
        "text": "A flower is purple only if it has at least one dominant allele of each of two unlinked genes (A and "
        "B), otherwise white. AABB and aabb are crossed, and the F1 is selfed. What part of the purple F2 plants "
        "gives only purple offspring when selfed?",
        "right": "1/9",
        "wrong": ["1/16", "1/4", "1/3"],
        "steps": [
            "In the F2, 9 of 16 plants are A_B_ and so purple.",
            "Only AABB gives nothing but purple offspring when selfed, since every other purple genotype can yield "
            "aa or bb.",
            "AABB is 1 of 16 plants, so it is 1/9 of the purple ones.",
        ],
        "mistake": [
            "Only AABB plants give nothing but purple offspring when selfed.",
            "AA has a probability of 1/4, and so has BB.",
            "1/4 × 1/4 = 1/16.",
        ],
        "value": _true_breeding_purple,
    },
    {
        "difficulty": "hard",
        "text": "A cell holds 140 mmol/L of K+, and there are 5.0 mmol/L outside. What is the equilibrium potential "
        "of K+ (inside against outside) at 37 °C (RT/F = 26.7 mV)?",
        "right": "-89 mV",
        "wrong": ["+89 mV", "-39 mV", "-44 mV"],
        "steps": [
            "E = (RT/zF) ln([K+] outside/[K+] inside), with z = +1.",
            "ln(5.0/140) = -3.33.",
            "E = 26.7 × (-3.33) = -89 mV: the inside is negative, which holds back the K+ that would flow out.",
        ],
        "mistake": [
            "There is much more K+ inside than outside, and K+ is positive, so the inside must be positive.",
            "E = 26.7 × ln(140/5.0) = 26.7 × 3.33.",
            "That is +89 mV.",
        ],
        "value": lambda: 26.7 * log(5.0 / 140),
        "mistake_value": lambda: 26.7 * log(140 / 5.0),
    },
    {
        "difficulty": "medium",
        "text": "A red blood cell with an inner osmolarity of 300 mosm/L is put into a solution of 200 mmol/L NaCl. "
        "Its membrane lets water pass, but no ions; NaCl is fully dissociated. What happens to the cell?",
        "right": "It shrinks",
        "wrong": ["It swells"],
        "steps": [
            "Each NaCl gives two particles, so the solution has 2 × 200 = 400 mosm/L.",
            "That is more than the 300 mosm/L inside, so the solution is hypertonic.",
            "Water leaves the cell, and it shrinks.",
        ],
        "mistake": [
            "The solution has 200, the cell 300.",
            "Water goes to where the concentration is higher, which is into the cell.",
            "So it swells.",
        ],
        "value": lambda: "It shrinks" if 2 * 200 > 300 else "It swells",
    },
    {
        "difficulty": "easy",
        "text": "A protein is encoded in one uninterrupted reading frame of 900 nucleotides. One mutant lacks "
        "nucleotides 31 to 36, another lacks nucleotides 31 to 34. In which of them is the reading frame of "
        "everything after the gap shifted?",
        "right": "In the one that lacks nucleotides 31 to 34",
        "wrong": ["In the one that lacks nucleotides 31 to 36"],
        "steps": [
            "The first mutant lacks 6 nucleotides, which is two whole codons.",
            "The other one lacks 4 nucleotides, and 4 is no multiple of 3.",
            "So the frame is shifted in the one that lacks nucleotides 31 to 34.",
        ],
        "mistake": [
            "The more nucleotides are missing, the more the frame is shifted.",
            "31 to 36 are six nucleotides, 31 to 34 only four.",
            "So it is the one that lacks nucleotides 31 to 36.",
        ],
        "value": lambda: next(
            f"In the one that lacks nucleotides 31 to {last}" for last in (36, 34) if len(range(31, last + 1)) % 3
        ),
    },
]
