"""Chemistry: twelve questions of our own; see build.py for the form."""

from math import log10

QUESTIONS = [
    {
        "difficulty": "easy",
        "text": "2.80 g of nitrogen (28.0 g/mol) and 0.900 g of hydrogen (2.00 g/mol) react to ammonia (17.0 g/mol) by "
        "N2 + 3 H2 → 2 NH3 until one of them is used up. What mass of ammonia forms?",
        "right": "3.40 g",
        "wrong": ["5.10 g", "1.70 g", "3.70 g"],
        "steps": [
            "There are 2.80/28.0 = 0.100 mol of N2 and 0.900/2.00 = 0.450 mol of H2.",
            "0.100 mol of N2 needs 0.300 mol of H2, and more than that is there, so nitrogen is the limiting reagent.",
            "It gives 0.200 mol of NH3, which is 0.200 × 17.0 = 3.40 g.",
        ],
        "mistake": [
            "0.900/2.00 = 0.450 mol of hydrogen react.",
            "Three moles of H2 give two of NH3, so 0.450 × 2/3 = 0.300 mol of NH3 form.",
            "That is 0.300 × 17.0 = 5.10 g.",
        ],
        "value": lambda: min(2.80 / 28.0, 0.900 / 2.00 / 3) * 2 * 17.0,
        "mistake_value": lambda: 0.900 / 2.00 / 3 * 2 * 17.0,
    },
    {
        "difficulty": "easy",
        "text": "Barium hydroxide is a strong base. What is the pH of a 0.0050 mol/L solution of Ba(OH)2 at 25 °C "
        "(Kw = 1.0 × 10^-14)?",
        "right": "12.00",
        "wrong": ["11.70", "2.00", "12.30"],
        "steps": [
            "Each formula unit gives two hydroxide ions, so [OH-] = 2 × 0.0050 = 0.010 mol/L.",
            "pOH = -log(0.010) = 2.00.",
            "pH = 14.00 - 2.00 = 12.00.",
        ],
        "mistake": [
            "A strong base is fully dissociated, so [OH-] = 0.0050 mol/L.",
            "pOH = -log(0.0050) = 2.30.",
            "pH = 14.00 - 2.30 = 11.70.",
        ],
        "value": lambda: 14 + log10(2 * 0.0050),
        "mistake_value": lambda: 14 + log10(0.0050),
    },
    {
        "difficulty": "medium",
        "text": "0.050 mol of NaOH is added to 1.00 L of a solution that holds 0.20 mol of acetic acid (pKa = 4.76) "
        "and no acetate. The volume does not change. What is the pH then?",
        "right": "4.28",
        "wrong": ["4.16", "5.24", "4.76"],
        "steps": [
            "The base turns 0.050 mol of the acid into acetate and leaves 0.20 - 0.050 = 0.150 mol of acid.",
            "By Henderson-Hasselbalch, pH = 4.76 + log(0.050/0.150).",
            "log(1/3) = -0.48, so the pH is 4.28.",
        ],
        "mistake": [
            "There are 0.050 mol of acetate and 0.20 mol of acetic acid in the solution.",
            "pH = 4.76 + log(0.050/0.20) = 4.76 - 0.60.",
            "So the pH is 4.16.",
        ],
        "value": lambda: 4.76 + log10(0.050 / (0.20 - 0.050)),
        "mistake_value": lambda: 4.76 + log10(0.050 / 0.20),
    },
    {
        "difficulty": "medium",
        "text": "How many degrees of unsaturation (rings plus π bonds) does a compound of formula C8H9NO have?",
        "right": "5",
        "wrong": ["4", "6", "3"],
        "steps": [
            "A saturated acyclic compound with 8 carbons and 1 nitrogen has 2 × 8 + 2 + 1 = 19 hydrogens; "
            "oxygen changes nothing.",
            "Here there are 9, which is 10 fewer.",
            "Each ring or π bond costs two hydrogens, so there are 10/2 = 5.",
        ],
        "mistake": [
            "A saturated compound with 8 carbons has 18 hydrogens, and one nitrogen takes the place of one, which "
            "leaves 17.",
            "Here there are 9, which is 8 fewer.",
            "That makes 8/2 = 4 degrees of unsaturation.",
        ],
        "value": lambda: (2 * 8 + 2 + 1 - 9) / 2,
        "mistake_value": lambda: (2 * 8 + 2 - 1 - 9) / 2,
    },
    {
        "difficulty": "medium",
        "text": "In acid, dichromate oxidises Fe2+ to Fe3+ and is itself reduced to Cr3+. 25.0 mL of an Fe2+ "
        "solution need 20.0 mL of 0.0150 mol/L K2Cr2O7. What is the concentration of Fe2+?",
        "right": "0.0720 mol/L",
        "wrong": ["0.0360 mol/L", "0.0120 mol/L", "0.00200 mol/L"],
        "steps": [
            "Each chromium goes from +6 to +3, and dichromate holds two of them, so one Cr2O7^2- takes up 6 "
            "electrons and oxidises 6 Fe2+.",
            "The dichromate used is 0.0200 × 0.0150 = 3.00 × 10^-4 mol, so there were 1.80 × 10^-3 mol of Fe2+.",
            "Divided by 0.0250 L, that is 0.0720 mol/L.",
        ],
        "mistake": [
            "Chromium goes from +6 to +3, so one dichromate oxidises 3 Fe2+.",
            "3 × 0.0200 × 0.0150 = 9.00 × 10^-4 mol of Fe2+.",
            "Divided by 0.0250 L, that is 0.0360 mol/L.",
        ],
        "value": lambda: 6 * 0.0200 * 0.0150 / 0.0250,
        "mistake_value": lambda: 3 * 0.0200 * 0.0150 / 0.0250,
    },
    {
        "difficulty": "medium",
        "text": "Which of these bromides reacts fastest with sodium iodide in acetone by the SN2 mechanism?",
        "right": "1-bromobutane",
        "wrong": ["2-bromo-2-methylpropane", "2-bromobutane", "1-bromo-2,2-dimethylpropane"],
        "steps": [
            "In SN2 the iodide attacks the carbon from behind, so bulk at or next to that carbon slows it down.",
            "2-Bromobutane is secondary and 2-bromo-2-methylpropane tertiary; 1-bromo-2,2-dimethylpropane is "
            "primary, but its tert-butyl group blocks the back.",
            "1-Bromobutane is primary and unhindered, so it is the fastest.",
        ],
        "mistake": [
            "The bromide leaves and iodide takes its place.",
            "The more stable the carbocation, the faster it goes, and a tertiary one is the most stable.",
            "So it is 2-bromo-2-methylpropane.",
        ],
    },
    {
        "difficulty": "easy",
        "text": "Which of these molecules has polar bonds and yet no dipole moment?",
        "right": "XeF4",
        "wrong": ["NF3", "SF4", "ClF3"],
        "steps": [
            "NF3 is a trigonal pyramid, SF4 a see-saw and ClF3 a T, and in none of them do the bond dipoles cancel.",
            "XeF4 has four bonding pairs and two lone pairs; the lone pairs lie opposite to each other, so the "
            "molecule is square and planar.",
            "There the four bond dipoles cancel: it is XeF4.",
        ],
        "mistake": [
            "NF3 has three bonds around the nitrogen.",
            "Three bonds lie in a plane at 120 degrees to each other, where the dipoles cancel.",
            "So it is NF3.",
        ],
    },
    {
        "difficulty": "hard",
        "text": "Initial rates of a reaction of A and B: 2.0 × 10^-3 mol/(L s) at [A] = 0.10 and [B] = 0.10 mol/L; "
        "8.0 × 10^-3 at [A] = 0.20 and [B] = 0.10; 2.4 × 10^-2 at [A] = 0.20 and [B] = 0.30. What is the initial "
        "rate at [A] = 0.30 and [B] = 0.20 mol/L?",
        "right": "0.036 mol/(L s)",
        "wrong": ["0.024 mol/(L s)", "0.012 mol/(L s)", "0.018 mol/(L s)"],
        "steps": [
            "Doubling [A] makes the rate four times as large, so the order in A is 2; tripling [B] makes it three "
            "times as large, so the order in B is 1.",
            "k = 2.0 × 10^-3/(0.10^2 × 0.10) = 2.0 L^2/(mol^2 s).",
            "The rate is 2.0 × 0.30^2 × 0.20 = 0.036 mol/(L s).",
        ],
        "mistake": [
            "One of the orders is 2 and the other is 1, and k = 2.0 × 10^-3/0.10^3 = 2.0 in any case.",
            "With first order in A and second order in B the rate is 2.0 × 0.30 × 0.20^2.",
            "That is 0.024 mol/(L s).",
        ],
        "value": lambda: 2.0e-3 / (0.10**2 * 0.10) * 0.30**2 * 0.20,
        "mistake_value": lambda: 2.0e-3 / 0.10**3 * 0.30 * 0.20**2,
    },
    {
        "difficulty": "hard",
        "text": "The solubility product of PbI2 is 8.0 × 10^-9. How much PbI2 dissolves in a 0.10 mol/L solution of "
        "NaI (activity effects and complexes neglected)?",
        "right": "8.0 × 10^-7 mol/L",
        "wrong": ["8.0 × 10^-8 mol/L", "1.3 × 10^-3 mol/L", "2.0 × 10^-7 mol/L"],
        "steps": [
            "Ksp = [Pb2+][I-]^2, and the iodide comes almost wholly from NaI: [I-] = 0.10 mol/L.",
            "[Pb2+] = 8.0 × 10^-9/0.10^2 = 8.0 × 10^-7 mol/L.",
            "Each formula unit gives one Pb2+, so 8.0 × 10^-7 mol/L dissolve.",
        ],
        "mistake": [
            "The iodide comes almost wholly from NaI: [I-] = 0.10 mol/L.",
            "Ksp = [Pb2+][I-], so [Pb2+] = 8.0 × 10^-9/0.10.",
            "So 8.0 × 10^-8 mol/L dissolve.",
        ],
        "value": lambda: 8.0e-9 / 0.10**2,
        "mistake_value": lambda: 8.0e-9 / 0.10,
    },
    {
        "difficulty": "hard",
        "text": "A cell runs Zn + Cu2+ → Zn2+ + Cu with E° = 1.10 V. What is its voltage at 298 K if [Zn2+] = 1.0 "
        "mol/L and [Cu2+] = 1.0 × 10^-4 mol/L (RT/F · ln 10 = 0.0592 V)?",
        "right": "0.98 V",
        "wrong": ["1.22 V", "0.86 V", "1.10 V"],
        "steps": [
            "Two electrons pass, and Q = [Zn2+]/[Cu2+] = 1.0/(1.0 × 10^-4) = 10^4.",
            "E = 1.10 - 0.0592/2 × log(10^4) = 1.10 - 0.0296 × 4.",
            "That is 1.10 - 0.12 = 0.98 V: with little Cu2+ the cell drives less.",
        ],
        "mistake": [
            "Two electrons pass, and the ratio of the concentrations is 10^-4.",
            "E = 1.10 - 0.0592/2 × log(10^-4) = 1.10 + 0.0296 × 4.",
            "That is 1.22 V.",
        ],
        "value": lambda: 1.10 - 0.0592 / 2 * log10(1.0 / 1.0e-4),
        "mistake_value": lambda: 1.10 - 0.0592 / 2 * log10(1.0e-4),
    },
    {
        "difficulty": "medium",
        "text": "For a reaction ΔH° = +178 kJ/mol and ΔS° = +161 J/(mol K), both taken as independent of "
        "temperature. All substances are in their standard states. Is the reaction spontaneous at 1000 K?",
        "right": "No, it is not spontaneous",
        "wrong": ["Yes, it is spontaneous"],
        "steps": [
            "ΔG° = ΔH° - TΔS°, with ΔS° = 0.161 kJ/(mol K).",
            "TΔS° = 1000 × 0.161 = 161 kJ/mol, so ΔG° = 178 - 161 = +17 kJ/mol.",
            "ΔG° is positive, so it is not spontaneous at 1000 K; it would be above about 1106 K.",
        ],
        "mistake": [
            "The reaction takes up heat, but its entropy rises.",
            "At a temperature as high as 1000 K the entropy term always wins.",
            "So it is spontaneous.",
        ],
        "value": lambda: "Yes, it is spontaneous" if 178 - 1000 * 0.161 < 0 else "No, it is not spontaneous",
    },
    {
        "difficulty": "easy",
        "text": "Which is the stronger acid in water?",
        "right": "2-chlorobutanoic acid",
        "wrong": ["4-chlorobutanoic acid"],
        "steps": [
            "Chlorine draws electrons through the σ bonds and so stabilises the carboxylate.",
            "This effect fades with every bond between chlorine and the carboxyl group.",
            "The chlorine at carbon 2 is the nearest, so 2-chlorobutanoic acid is the stronger one.",
        ],
        "mistake": [
            "Chlorine draws electrons, which makes an acid stronger.",
            "At the end of the chain nothing stands in its way, so it acts most strongly there.",
            "So 4-chlorobutanoic acid is the stronger one.",
        ],
    },
]
