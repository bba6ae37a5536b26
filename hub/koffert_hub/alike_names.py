"""Names that a tired reader may take for each other, by sound and by family name."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# Spellings of one sound in Norwegian names, in the order in which they are replaced.
_SOUNDS = (
    ("å", "aa"), ("ø", "o"), ("æ", "e"), ("ck", "k"), ("ch", "k"), ("th", "t"), ("ph", "f"),
    ("hj", "j"), ("gj", "j"), ("hv", "v"), ("ei", "e"), ("c", "k"), ("q", "k"), ("w", "v"),
    ("z", "s"), ("x", "ks"), ("d", "t"), ("y", "i"),
)  # fmt: skip
_DOUBLED = re.compile(r"(.)\1")
# Ola and Ole, Kari and Karin: given names are told apart by more than their beginning.
_GIVEN_LETTERS = 2

Key = tuple[str, str, tuple[str, ...]]


def name_key(name: str) -> Key:
    """Equal for names that are easily confused: family name by sound, the given name's beginning, numbers."""
    words = re.findall(r"\w+", name.casefold())
    numbers = tuple(word for word in words if any(map(str.isdigit, word)))
    letters = [_sound(word) for word in words if word not in numbers]
    given, family = (letters[0], letters[-1]) if letters else ("", "")
    return family, given[:_GIVEN_LETTERS], numbers


def alike(names: Iterable[str]) -> frozenset[Key]:
    """The keys that more than one of these names has."""
    counts = Counter(map(name_key, names))
    return frozenset(key for key, count in counts.items() if count > 1)


def _sound(word: str) -> str:
    for spelling, sound in _SOUNDS:
        word = word.replace(spelling, sound)
    plain = unicodedata.normalize("NFKD", word)
    return _DOUBLED.sub(r"\1", "".join(one for one in plain if not unicodedata.combining(one)))
