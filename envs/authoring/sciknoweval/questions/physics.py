"""Physics: twelve questions of our own; see build.py for the form."""

from math import cos, radians, sin, sqrt

QUESTIONS = [
    {
        "difficulty": "easy",
        "text": "A ball is thrown straight up at 14.7 m/s. How high does it rise above the hand (g = 9.80 m/s², no "
        "air)?",
        "right": "11.0 m",
        "wrong": ["22.1 m", "14.7 m", "5.51 m"],
        "steps": [
            "At the top all kinetic energy has become potential energy: v²/2 = g h.",
            "h = 14.7²/(2 × 9.80) = 216.1/19.6.",
            "That is 11.0 m.",
        ],
        "mistake": [
            "The ball rises for 14.7/9.80 = 1.50 s.",
            "In that time it goes 14.7 × 1.50 = 22.05 m.",
            "So it rises 22.1 m.",
        ],
        "value": lambda: 14.7**2 / (2 * 9.80),
        "mistake_value": lambda: 14.7**2 / 9.80,
    },
    {
        "difficulty": "easy",
        "text": "A 6.0 Ω and a 3.0 Ω resistor are in parallel, and a 4.0 Ω resistor is in series with the pair. What "
        "current does an ideal 12 V battery deliver to them?",
        "right": "2.0 A",
        "wrong": ["0.92 A", "1.3 A", "6.0 A"],
        "steps": [
            "The pair has 6.0 × 3.0/(6.0 + 3.0) = 2.0 Ω.",
            "Together with the 4.0 Ω in series that is 6.0 Ω.",
            "The current is 12/6.0 = 2.0 A.",
        ],
        "mistake": [
            "The resistances add up to 6.0 + 3.0 + 4.0 = 13 Ω.",
            "The current is 12/13 A.",
            "That is 0.92 A.",
        ],
        "value": lambda: 12 / (1 / (1 / 6.0 + 1 / 3.0) + 4.0),
        "mistake_value": lambda: 12 / 13,
    },
    {
        "difficulty": "medium",
        "text": "A block starts from rest and slides 5.0 m down a slope of 30°. The coefficient of kinetic friction "
        "is 0.20 and g = 9.8 m/s². How fast is it then?",
        "right": "5.7 m/s",
        "wrong": ["7.0 m/s", "5.4 m/s", "4.0 m/s"],
        "steps": [
            "Along the slope a = g (sin 30° - 0.20 cos 30°) = 9.8 × (0.500 - 0.173) = 3.20 m/s².",
            "v² = 2 a s = 2 × 3.20 × 5.0 = 32.0 m²/s².",
            "v = 5.7 m/s.",
        ],
        "mistake": [
            "The block comes down by 5.0 × sin 30° = 2.5 m.",
            "All of m g h becomes kinetic energy: v² = 2 × 9.8 × 2.5 = 49 m²/s².",
            "v = 7.0 m/s.",
        ],
        "value": lambda: sqrt(2 * 9.8 * (sin(radians(30)) - 0.20 * cos(radians(30))) * 5.0),
        "mistake_value": lambda: sqrt(2 * 9.8 * 5.0 * sin(radians(30))),
    },
    {
        "difficulty": "medium",
        "text": "An engine takes 800 J of heat per cycle from a reservoir at 500 K, does 200 J of work, and gives "
        "the rest to a reservoir at 300 K. What percentage of the greatest possible efficiency does it reach?",
        "right": "62.5 %",
        "wrong": ["25.0 %", "40.0 %", "15.0 %"],
        "steps": [
            "Its efficiency is 200/800 = 0.25.",
            "The greatest possible one is Carnot's: 1 - 300/500 = 0.40.",
            "It reaches 0.25/0.40 = 62.5 % of that.",
        ],
        "mistake": [
            "The engine takes in 800 J and does 200 J of work.",
            "200/800 = 0.25.",
            "So it is 25.0 %.",
        ],
        "value": lambda: 100 * (200 / 800) / (1 - 300 / 500),
        "mistake_value": lambda: 100 * 200 / 800,
    },
    {
        "difficulty": "easy",
        "text": "Light of wavelength 400 nm falls on a metal with a work function of 2.10 eV. What is the greatest "
        "kinetic energy of the electrons set free (hc = 1240 eV nm)?",
        "right": "1.00 eV",
        "wrong": ["3.10 eV", "5.20 eV", "2.10 eV"],
        "steps": [
            "A photon has 1240/400 = 3.10 eV.",
            "Of this the electron needs 2.10 eV to leave the metal.",
            "It keeps 3.10 - 2.10 = 1.00 eV.",
        ],
        "mistake": [
            "A photon has 1240/400 = 3.10 eV.",
            "It gives all its energy to one electron.",
            "So the electron has 3.10 eV.",
        ],
        "value": lambda: 1240 / 400 - 2.10,
        "mistake_value": lambda: 1240 / 400,
    },
    {
        "difficulty": "medium",
        "text": "A string of length 0.80 m, fixed at both ends, vibrates in its third harmonic (three loops) at 330 "
        "Hz. What is the speed of waves on it?",
        "right": "176 m/s",
        "wrong": ["264 m/s", "528 m/s", "88.0 m/s"],
        "steps": [
            "Three loops are three half wavelengths: 3 λ/2 = 0.80 m.",
            "λ = 2 × 0.80/3 = 0.533 m.",
            "v = λ f = 0.533 × 330 = 176 m/s.",
        ],
        "mistake": [
            "The wave fits on the string, so λ = 0.80 m.",
            "v = λ f = 0.80 × 330.",
            "That is 264 m/s.",
        ],
        "value": lambda: 2 * 0.80 / 3 * 330,
        "mistake_value": lambda: 0.80 * 330,
    },
    {
        "difficulty": "easy",
        "text": "An object stands 30 cm in front of a thin converging lens with a focal length of 20 cm. Where is "
        "the image, and of what kind?",
        "right": "60 cm behind the lens, real and inverted",
        "wrong": [
            "12 cm behind the lens, real and inverted",
            "60 cm in front of the lens, virtual and upright",
            "12 cm in front of the lens, virtual and upright",
        ],
        "steps": [
            "1/b = 1/f - 1/a = 1/20 - 1/30 = 1/60, so b = 60 cm.",
            "b is positive, so the image lies behind the lens and is real.",
            "Its magnification is -60/30 = -2: 60 cm behind the lens, real and inverted.",
        ],
        "mistake": [
            "The object is outside the focal length, so the image is real and inverted.",
            "1/b = 1/f + 1/a = 1/20 + 1/30 = 1/12.",
            "So it lies 12 cm behind the lens.",
        ],
        "value": lambda: f"{1 / (1 / 20 - 1 / 30):.0f} cm behind the lens, real and inverted",
    },
    {
        "difficulty": "hard",
        "text": "A solid cylinder rolls without slipping from rest down a ramp and loses 1.20 m of height. How fast "
        "does its centre move then (g = 9.80 m/s²)?",
        "right": "3.96 m/s",
        "wrong": ["4.85 m/s", "3.43 m/s", "4.10 m/s"],
        "steps": [
            "m g h becomes energy of translation and of rotation: m v²/2 + I ω²/2, with I = m r²/2 and ω = v/r.",
            "So g h = v²/2 + v²/4 = 3 v²/4.",
            "v = √(4 × 9.80 × 1.20/3) = √15.68 = 3.96 m/s.",
        ],
        "mistake": [
            "No energy is lost, since the cylinder does not slip.",
            "m g h = m v²/2, so v = √(2 × 9.80 × 1.20) = √23.52.",
            "That is 4.85 m/s.",
        ],
        "value": lambda: sqrt(4 * 9.80 * 1.20 / 3),
        "mistake_value": lambda: sqrt(2 * 9.80 * 1.20),
    },
    {
        "difficulty": "hard",
        "text": "A proton (mass 1.673 × 10^-27 kg, charge 1.602 × 10^-19 C) moves on a circle of radius 0.20 m, "
        "perpendicular to a magnetic field of 0.50 T. What is its kinetic energy? (It moves much slower than light.)",
        "right": "0.48 MeV",
        "wrong": ["0.96 MeV", "0.24 MeV", "1.9 MeV"],
        "steps": [
            "The magnetic force keeps it on the circle: q v B = m v²/r, so the momentum is p = q B r = 1.602 × "
            "10^-20 kg m/s.",
            "The kinetic energy is p²/(2m) = (1.602 × 10^-20)²/(2 × 1.673 × 10^-27) = 7.67 × 10^-14 J.",
            "Divided by 1.602 × 10^-19 J/eV, that is 4.8 × 10^5 eV = 0.48 MeV.",
        ],
        "mistake": [
            "The momentum is p = q B r = 1.602 × 10^-20 kg m/s.",
            "The energy is p²/m = (1.602 × 10^-20)²/(1.673 × 10^-27) = 1.53 × 10^-13 J.",
            "That is 0.96 MeV.",
        ],
        "value": lambda: (1.602e-19 * 0.50 * 0.20) ** 2 / (2 * 1.673e-27) / 1.602e-19 / 1e6,
        "mistake_value": lambda: (1.602e-19 * 0.50 * 0.20) ** 2 / 1.673e-27 / 1.602e-19 / 1e6,
    },
    {
        "difficulty": "hard",
        "text": "A muon lives 2.2 µs in its own frame and moves at 0.98 c. How far does it get in the frame of the "
        "laboratory (c = 3.0 × 10^8 m/s)?",
        "right": "3.3 km",
        "wrong": ["0.65 km", "0.13 km", "16 km"],
        "steps": [
            "γ = 1/√(1 - 0.98²) = 1/0.199 = 5.03.",
            "In the laboratory it lives 5.03 × 2.2 µs = 11.1 µs.",
            "It gets 0.98 × 3.0 × 10^8 × 11.1 × 10^-6 = 3.3 × 10^3 m, or 3.3 km.",
        ],
        "mistake": [
            "The muon lives 2.2 µs and moves at 0.98 × 3.0 × 10^8 = 2.94 × 10^8 m/s.",
            "2.94 × 10^8 × 2.2 × 10^-6 = 647 m.",
            "That is 0.65 km.",
        ],
        "value": lambda: 0.98 * 3.0e8 * 2.2e-6 / sqrt(1 - 0.98**2) / 1000,
        "mistake_value": lambda: 0.98 * 3.0e8 * 2.2e-6 / 1000,
    },
    {
        "difficulty": "medium",
        "text": "Two satellites circle the same planet, one at radius r from its centre, the other at 4r. How long "
        "is the period of the outer one, compared with that of the inner one?",
        "right": "8 times as long",
        "wrong": ["4 times as long"],
        "steps": [
            "By Kepler's third law T² is proportional to r³.",
            "The radius is 4 times as large, so T² is 64 times as large.",
            "The period is √64 = 8 times as long.",
        ],
        "mistake": [
            "The way around is proportional to the radius.",
            "The outer satellite has to go 4 times as far.",
            "So its period is 4 times as long.",
        ],
        "value": lambda: sqrt(4**3),
        "mistake_value": lambda: 4,
    },
    {
        "difficulty": "medium",
        "text": "A boat floats in a small pool and carries a stone of 2.5 times the density of water. The stone is "
        "dropped into the pool and sinks to its floor. What happens to the water level of the pool?",
        "right": "It falls",
        "wrong": ["It rises"],
        "steps": [
            "In the boat the stone displaces its weight in water: 2.5 times its own volume.",
            "On the floor it displaces only its own volume.",
            "Less water is displaced than before, so the level falls.",
        ],
        "mistake": [
            "In the boat the stone was not in the water at all.",
            "Once it lies in the pool, it pushes away as much water as its volume.",
            "So the level rises.",
        ],
        "value": lambda: "It falls" if 2.5 > 1 else "It rises",
    },
]
