"""The words that worlds are made of. Each value is of one concept, or one attribute, only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """What an argument can be of.

    Attributes:
        keys: four names that an argument of this kind may have; the first is the usual one.
        values: twelve values.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _concept(keys: str, values: str) -> Concept:
    return Concept(_words(keys), _words(values))


VERBS = _words("get find book send set check list open plan track order share")
NOUNS = _words("weather ticket report room alarm song garden lesson parcel budget photo recipe")

CONCEPTS = {
    "place": _concept(
        "location city place town", "paris london rome oslo cairo lima delhi tokyo boston madrid vienna dublin"
    ),
    "day": _concept(
        "date day dt when",
        "monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday tonight weekend",
    ),
    "person": _concept("name person user who", "anna ben carl dora emil frida gus hana ivan jane kurt lena"),
    "food": _concept("food dish meal snack", "bread soup rice pasta salad pizza curry stew cake toast beans noodles"),
    "size": _concept(
        "size scale format extent", "tiny small medium large huge narrow wide short tall thin thick broad"
    ),
    "language": _concept(
        "language lang tongue locale",
        "english french german spanish dutch greek latin polish danish swedish turkish hindi",
    ),
    "month": _concept(
        "month period term phase",
        "january february march april may june july august september october november december",
    ),
    "count": _concept("count number amount quantity", "one two three four five six seven eight nine ten eleven twelve"),
    "music": _concept("genre style music kind", "jazz rock folk opera blues soul punk swing tango samba disco waltz"),
    "vehicle": _concept(
        "vehicle transport mode carrier", "bus train plane ship bike tram taxi ferry truck van boat metro"
    ),
    "plant": _concept("plant flower tree species", "rose tulip lily daisy oak pine maple birch fern ivy moss palm"),
    "topic": _concept(
        "topic subject theme field",
        "history physics art law sport health travel money fashion nature science politics",
    ),
}

SYLLABLES = _words("ba be bo da di du fa fi ga go ka ki la lu mi mo na ne pu ra ri so ta zi")

ATTRIBUTES = {
    "colour": _words("red blue green black white yellow pink brown grey orange purple violet"),
    "shape": _words("cube cone ring disc rod star coil sheet sphere plate tube prism"),
    "metal": _words("iron gold silver zinc tin lead copper nickel cobalt chrome mercury platinum"),
}
