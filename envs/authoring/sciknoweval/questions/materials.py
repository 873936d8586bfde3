"""Materials science: twelve questions of our own; see build.py for the form."""

from math import asin, degrees, exp, pi, radians, sin, sqrt

QUESTIONS = [
    {
        "difficulty": "easy",
        "text": "Copper (63.55 g/mol) is face-centred cubic with a lattice constant of 3.61 Å. What is its density "
        "(Avogadro's number 6.022 × 10^23 per mol)?",
        "right": "8.97 g/cm³",
        "wrong": ["4.49 g/cm³", "2.24 g/cm³", "17.9 g/cm³"],
        "steps": [
            "A face-centred cubic cell holds 8/8 + 6/2 = 4 atoms: 4 × 63.55/(6.022 × 10^23) = 4.22 × 10^-22 g.",
            "Its volume is (3.61 × 10^-8 cm)³ = 4.70 × 10^-23 cm³.",
            "The density is their ratio, 8.97 g/cm³.",
        ],
        "mistake": [
            "A cubic cell with centred faces holds 2 atoms: 2 × 63.55/(6.022 × 10^23) = 2.11 × 10^-22 g.",
            "Its volume is (3.61 × 10^-8 cm)³ = 4.70 × 10^-23 cm³.",
            "The density is their ratio, 4.49 g/cm³.",
        ],
        "value": lambda: 4 * 63.55 / 6.022e23 / 3.61e-8**3,
        "mistake_value": lambda: 2 * 63.55 / 6.022e23 / 3.61e-8**3,
    },
    {
        "difficulty": "easy",
        "text": "A hexagonal unit cell has the following lattice parameters:\n\na = b = 3.00 Å\nc = 5.00 Å\nα = β = "
        "90°\nγ = 120°\n\nWhat is its volume?",
        "right": "39.0 Å³",
        "wrong": ["45.0 Å³", "22.5 Å³", "33.8 Å³"],
        "steps": [
            "The base is a rhombus with an angle of 120°: its area is a² sin 120° = 9.00 × 0.866 = 7.79 Å².",
            "c stands upright on it.",
            "The volume is 7.79 × 5.00 = 39.0 Å³.",
        ],
        "mistake": [
            "The volume of a cell is the product of its edges.",
            "3.00 × 3.00 × 5.00 = 45.",
            "It is 45.0 Å³.",
        ],
        "value": lambda: 3.00**2 * 5.00 * sin(radians(120)),
        "mistake_value": lambda: 3.00**2 * 5.00,
    },
    {
        "difficulty": "medium",
        "text": "A cubic crystal has a lattice constant of 4.00 Å. At which angle 2θ does the (111) reflection "
        "appear with X-rays of wavelength 1.54 Å (first order)?",
        "right": "39.0°",
        "wrong": ["19.5°", "22.2°", "83.7°"],
        "steps": [
            "d = a/√(1 + 1 + 1) = 4.00/1.732 = 2.31 Å.",
            "sin θ = λ/(2d) = 1.54/4.62 = 0.333, so θ = 19.5°.",
            "The detector stands at 2θ = 39.0°.",
        ],
        "mistake": [
            "d = a/√3 = 2.31 Å.",
            "sin θ = λ/(2d) = 1.54/4.62 = 0.333.",
            "So the reflection is at 19.5°.",
        ],
        "value": lambda: 2 * degrees(asin(1.54 / (2 * 4.00 / sqrt(3)))),
        "mistake_value": lambda: degrees(asin(1.54 / (2 * 4.00 / sqrt(3)))),
    },
    {
        "difficulty": "easy",
        "text": "Iron is body-centred cubic with a lattice constant of 2.87 Å. Which radius does an iron atom have, "
        "if atoms are hard spheres that touch along the space diagonal?",
        "right": "1.24 Å",
        "wrong": ["1.01 Å", "1.44 Å", "2.49 Å"],
        "steps": [
            "The space diagonal of the cell has a length of √3 a = 4.97 Å.",
            "It holds one whole atom and two halves, which is 4 radii.",
            "r = 4.97/4 = 1.24 Å.",
        ],
        "mistake": [
            "The diagonal of the cell has a length of √2 a = 4.06 Å.",
            "It holds 4 radii.",
            "r = 4.06/4 = 1.01 Å.",
        ],
        "value": lambda: sqrt(3) * 2.87 / 4,
        "mistake_value": lambda: sqrt(2) * 2.87 / 4,
    },
    {
        "difficulty": "medium",
        "text": "A round steel rod, 2.00 m long and 10.0 mm in diameter, carries a tensile load of 15.7 kN. Young's "
        "modulus is 200 GPa, and the rod stays elastic. By how much does it lengthen?",
        "right": "2.00 mm",
        "wrong": ["0.50 mm", "1.00 mm", "4.00 mm"],
        "steps": [
            "The cross-section is π × (5.00 mm)² = 78.5 mm², so the stress is 15700/78.5 = 200 MPa.",
            "The strain is 200 MPa/200 GPa = 1.00 × 10^-3.",
            "The rod lengthens by 1.00 × 10^-3 × 2.00 m = 2.00 mm.",
        ],
        "mistake": [
            "The cross-section is π × (10.0 mm)² = 314 mm², so the stress is 15700/314 = 50 MPa.",
            "The strain is 50 MPa/200 GPa = 2.5 × 10^-4.",
            "The rod lengthens by 2.5 × 10^-4 × 2.00 m = 0.50 mm.",
        ],
        "value": lambda: 15700 / (pi * 5.00**2) / 200e3 * 2000,
        "mistake_value": lambda: 15700 / (pi * 10.0**2) / 200e3 * 2000,
    },
    {
        "difficulty": "easy",
        "text": "Gallium arsenide has a direct band gap of 1.42 eV. What is the longest wavelength that it absorbs "
        "across the gap (hc = 1240 eV nm)?",
        "right": "873 nm",
        "wrong": ["1761 nm", "437 nm", "655 nm"],
        "steps": [
            "A photon must have at least the energy of the gap: hc/λ ≥ 1.42 eV.",
            "λ ≤ 1240/1.42 nm.",
            "The longest wavelength is 873 nm.",
        ],
        "mistake": [
            "Wavelength and energy are linked by hc = 1240 eV nm.",
            "λ = 1240 × 1.42.",
            "The longest wavelength is 1761 nm.",
        ],
        "value": lambda: 1240 / 1.42,
        "mistake_value": lambda: 1240 * 1.42,
    },
    {
        "difficulty": "hard",
        "text": "Carbon diffuses in a steel with D = D0 exp(-Q/RT), D0 = 2.0 × 10^-5 m²/s and Q = 142 kJ/mol. How "
        "far, by the estimate x = √(Dt), does it get in 1.0 h at 1000 K (R = 8.314 J/(mol K))?",
        "right": "52 µm",
        "wrong": ["6.8 µm", "0.87 µm", "370 µm"],
        "steps": [
            "Q/RT = 142000/(8.314 × 1000) = 17.1.",
            "D = 2.0 × 10^-5 × exp(-17.08) = 7.6 × 10^-13 m²/s.",
            "x = √(7.6 × 10^-13 × 3600) = 5.2 × 10^-5 m, which is 52 µm.",
        ],
        "mistake": [
            "Q/RT = 142000/(8.314 × 1000) = 17.1, so D = 2.0 × 10^-5 × exp(-17.08) = 7.6 × 10^-13 m²/s.",
            "t = 60.",
            "x = √(7.6 × 10^-13 × 60) = 6.8 × 10^-6 m, which is 6.8 µm.",
        ],
        "value": lambda: 1e6 * sqrt(2.0e-5 * exp(-142000 / 8314) * 3600),
        "mistake_value": lambda: 1e6 * sqrt(2.0e-5 * exp(-142000 / 8314) * 60),
    },
    {
        "difficulty": "medium",
        "text": "At some temperature an alloy with 40 wt% of B consists of a solid with 30 wt% of B and a melt with "
        "60 wt% of B. What part of its mass is melt?",
        "right": "33 %",
        "wrong": ["67 %", "40 %", "25 %"],
        "steps": [
            "By the lever rule the part of the melt is the arm on the other side, that of the solid, over the whole "
            "lever.",
            "(40 - 30)/(60 - 30) = 10/30.",
            "That is 33 %.",
        ],
        "mistake": [
            "By the lever rule the part of the melt is its own arm over the whole lever.",
            "(60 - 40)/(60 - 30) = 20/30.",
            "That is 67 %.",
        ],
        "value": lambda: 100 * (40 - 30) / (60 - 30),
        "mistake_value": lambda: 100 * (60 - 40) / (60 - 30),
    },
    {
        "difficulty": "medium",
        "text": "The lattice constant of the mixed crystal In(x)Ga(1-x)As changes linearly with x, from 5.653 Å "
        "(GaAs) to 6.058 Å (InAs). For which x does it match InP, with 5.869 Å?",
        "right": "0.53",
        "wrong": ["0.47", "0.36", "0.64"],
        "steps": [
            "By Vegard's law a(x) = 5.653 + x × (6.058 - 5.653).",
            "x = (5.869 - 5.653)/(6.058 - 5.653) = 0.216/0.405.",
            "x = 0.53.",
        ],
        "mistake": [
            "The lattice constant goes linearly from 6.058 Å to 5.653 Å.",
            "x = (6.058 - 5.869)/(6.058 - 5.653) = 0.189/0.405.",
            "x = 0.47.",
        ],
        "value": lambda: (5.869 - 5.653) / (6.058 - 5.653),
        "mistake_value": lambda: (6.058 - 5.869) / (6.058 - 5.653),
    },
    {
        "difficulty": "hard",
        "text": "A composite holds 60 vol% of parallel fibres (Young's modulus 230 GPa) in a matrix (3.0 GPa). What "
        "is its Young's modulus across the fibres, by the model of equal stress in both (Reuss)?",
        "right": "7.36 GPa",
        "wrong": ["139 GPa", "5.00 GPa", "117 GPa"],
        "steps": [
            "At equal stress the strains add up in proportion to the volumes: 1/E = 0.60/230 + 0.40/3.0.",
            "1/E = 0.0026 + 0.1333 = 0.1359 per GPa.",
            "E = 7.36 GPa: the soft matrix decides.",
        ],
        "mistake": [
            "The moduli add up in proportion to the volumes.",
            "E = 0.60 × 230 + 0.40 × 3.0 = 138 + 1.2.",
            "E = 139 GPa.",
        ],
        "value": lambda: 1 / (0.60 / 230 + 0.40 / 3.0),
        "mistake_value": lambda: 0.60 * 230 + 0.40 * 3.0,
    },
    {
        "difficulty": "easy",
        "text": "Silicon is doped with 1 × 10^16 phosphorus and 4 × 10^16 boron atoms per cm³, all of them ionised "
        "at room temperature. Of which type is it?",
        "right": "p-type",
        "wrong": ["n-type"],
        "steps": [
            "Phosphorus gives electrons, boron takes them up.",
            "There are more acceptors than donors: 4 × 10^16 - 1 × 10^16 = 3 × 10^16 holes per cm³ remain.",
            "It is p-type.",
        ],
        "mistake": [
            "Phosphorus has five valence electrons, one more than silicon.",
            "It gives that electron to the crystal, which then conducts by electrons.",
            "It is n-type.",
        ],
        "value": lambda: "p-type" if 4e16 > 1e16 else "n-type",
    },
    {
        "difficulty": "hard",
        "text": "A steel obeys the Hall-Petch relation with σ0 = 50 MPa and k = 0.60 MPa m^0.5. By how much does its "
        "yield strength rise when its grains are refined from 40 µm to 10 µm?",
        "right": "95 MPa",
        "wrong": ["190 MPa"],
        "steps": [
            "The yield strength is σ0 + k/√d.",
            "k/√d is 0.60/√(40 × 10^-6) = 95 MPa before and 0.60/√(10 × 10^-6) = 190 MPa after.",
            "It rises by 190 - 95 = 95 MPa.",
        ],
        "mistake": [
            "The grains raise the yield strength by k/√d.",
            "0.60/√(10 × 10^-6) = 190.",
            "It rises by 190 MPa.",
        ],
        "value": lambda: 0.60 / sqrt(10e-6) - 0.60 / sqrt(40e-6),
        "mistake_value": lambda: 0.60 / sqrt(10e-6),
    },
]
