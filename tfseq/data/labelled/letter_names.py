"""A task that every Python brings along: from the name of a letter to its writing system."""

import random
import re
import unicodedata

from tfseq.data.labelled.labelled_texts import LabelledTexts

#: The writing systems, as the first word of a character's Unicode name.
SCRIPTS = tuple(
    "ARABIC BAMUM CANADIAN CHEROKEE CUNEIFORM CYRILLIC ETHIOPIC GEORGIAN GREEK HANGUL LATIN VAI "
    "YI".split()
)
# What a name says of the kind of letter: it would give many systems away.
_GENERIC = re.compile(r"\b(CAPITAL|SMALL|LETTER|SYLLABLE|SYLLABICS|SIGN|LIGATURE|PHASE-[A-F])\b")
_MOST = 700


def letter_names() -> LabelledTexts:
    """Names of letters without the words that tell the system, labelled with the system.

    Of a system with many letters 700 are taken. The names are those of `unicodedata`, whose version
    goes with Python's.

    >>> names = letter_names()
    >>> dict(zip(names.texts, names.labels))["alpha with dasia"]
    'greek'
    """
    names = {script: {} for script in SCRIPTS}
    for number in range(0x20000):
        script, _, rest = unicodedata.name(chr(number), "").partition(" ")
        letter = script in names and unicodedata.category(chr(number)).startswith("L")
        if letter and not re.search(r"\d", rest):
            names[script][" ".join(_GENERIC.sub(" ", rest).lower().split())] = None
    chance = random.Random(0)
    texts, labels = [], []
    for script, rest in names.items():
        chosen = [name for name in rest if name]
        if len(chosen) > _MOST:
            chosen = sorted(chance.sample(chosen, _MOST))
        texts += chosen
        labels += [script.lower()] * len(chosen)
    return LabelledTexts("letter_names", tuple(texts), tuple(labels))
