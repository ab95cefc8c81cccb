"""The noun phrases of an English text, normalised so that two texts can be compared."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from marsam.text.cleaning import clean

MOST = 40  # read from one text
MANY = -1  # "dogs": more than one, nobody counted


# -- Words -------------------------------------------------------------------------------------


def word_set(text: str) -> frozenset[str]:
    """A table of single words, written as a text."""
    return frozenset(text.split())


def _table(text: str) -> dict[str, str]:
    """``a, b: c | d: e`` → ``{a: c, b: c, d: e}``."""
    rows = [row.split(":") for row in text.replace("\n", "|").split("|") if row.strip()]
    return {name.strip(): same.strip() for names, same in rows for name in names.split(",")}


_SYNONYMS = _table("""
aeroplane, airplane: plane | automobile: car | backdrop: background | bike: bicycle | tv: television
bunny: rabbit | burger: hamburger | couch: sofa | donut: doughnut | drop of water: droplet
four leaf clover: clover | flame: fire | gem: diamond | golden: gold | grey: gray | kitten: cat
lady: woman | ladybird: ladybug | locomotive: train | present: gift | puppy: dog
sea: ocean | soccer ball: football | violet: purple
""")
_IRREGULAR = _table("""
cacti: cactus | calves: calf | children: child | feet: foot | geese: goose | halves: half
hooves: hoof | knives: knife | leaves: leaf | loaves: loaf | mice: mouse | people: person
scarves: scarf | shelves: shelf | teeth: tooth | tvs: tv | wives: wife | wolves: wolf
""")
_NUMBERS = [
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
]
_A = word_set("a an another each every")
_ARTICLES = _A | word_set("the this that these those his her its their my your our")
_COPULAS = word_set("is are was were be being")
_BREAKS = _COPULAS | word_set("""
and or but with without no in on at to from by for as into onto under over above below behind beside
between among near next against across along around through inside outside off out up down away
together alone left right close while there here it he she they who which been has have sits stands
lies rides runs walks holds wears eats looks made full shows show not
""")
_ENDS = _BREAKS | {"of"}
_FILLERS = word_set(
    "some several many few various multiple different very highly both all detailed"
)
_FRAMES = word_set("""
picture photo photograph image drawing painting illustration sketch portrait cartoon view close-up
closeup shot front top back side middle center edge bottom rear kind type sort
""")  # dropped before "of"
_STYLE = word_set("""
art style lighting quality resolution detail realistic photorealistic masterpiece artstation 4k 8k
hd render bokeh focus foreground
""")  # how it is painted, not what
_MEASURES = word_set("""
bunch loaf piece slice cup mug glass bowl bottle drop ear group crowd herd flock pile stack lot pair
couple
""")
_SAME_IN_PLURAL = word_set("fish sheep deer aircraft shrimp bison moose salmon squid")
_NOT_VERBS = word_set("""
building string morning evening ceiling painting clothing wedding spring swing earring railing
drawing lightning pudding dumpling duckling hundred
""")
_COLOURS = word_set("""
red orange yellow green blue purple violet pink brown black white gray grey gold golden silver beige
turquoise
""")
_PLAIN = word_set("""
big large small little young old cute beautiful pretty nice new tall long plain solid light dark
bright
""")  # says little about what a thing is, so two of them never contradict each other
_ADJECTIVES = _COLOURS | _PLAIN
_VERB = re.compile(r"...ing$|...[^e]ed$")
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")


def _number(word: str) -> int | None:
    if word in _NUMBERS:
        return _NUMBERS.index(word)
    return int(word) if word.isdecimal() and len(word) < 5 else None


def _spelled(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _is_plural(word: str) -> bool:
    if word in _IRREGULAR or word.endswith("men"):
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "'s", "’s"))


def _key(word: str) -> str:
    """One form for singular and plural, numbers as digits; not always a word ("hous")."""
    if word in _NUMBERS:
        return str(_NUMBERS.index(word))
    word = re.sub("['’]s$", "", word)
    if word in _IRREGULAR:
        word = _IRREGULAR[word]
    elif word.endswith("men"):
        word = word[:-2] + "an"
    elif _is_plural(word):
        word = word[:-1]
    # What buses and houses, tomatoes and shoes, cookies and berries have in common.
    word = re.sub(r"(?<=..)ie$", "y", word) if len(word) > 3 else word
    return re.sub(r"(?<=..[sxzo])e$|(?<=.[cs]h)e$", "", word)


def _keys(words: str) -> str:
    return " ".join(map(_key, words.replace("-", " ").split()))


_MERGED = {_keys(name): _keys(same) for name, same in _SYNONYMS.items()}
_SAME = re.compile(rf"\b(?:{'|'.join(sorted(_MERGED, key=len, reverse=True))})\b")


def _normal(words: str) -> str:
    return _SAME.sub(lambda found: _MERGED[found[0]], _keys(words))


_COLOUR_KEYS = frozenset(map(_normal, _COLOURS))


# -- Phrases -----------------------------------------------------------------------------------


@dataclass(eq=False)
class Phrase:
    """One noun phrase: "two red apples", "a bunch of grapes". Filled while reading, then asked."""

    words: list[str] = field(default_factory=list)
    measure: str = ""  # "bunch of "
    count: int | None = None
    article: str = ""  # "a" or "the", or none
    verbs: set[str] = field(default_factory=set)  # what it does: "sitting"

    @cached_property
    def _parts(self) -> tuple[list[str], bool]:
        """The phrase normalised, and whether it is so much of something."""
        named = " ".join(word for word in self.words if word != "and")
        measure, _, body = _normal(self.measure + named).rpartition(" of ")
        return body.split(), bool(self.measure) and measure not in ("", "pair", "couple")

    @property
    def head(self) -> str:
        """The noun, normalised."""
        return self._parts[0][-1]

    @cached_property
    def details(self) -> frozenset[str]:
        """The words before the noun, normalised."""
        return frozenset(self._parts[0][:-1])

    @property
    def colours(self) -> frozenset[str]:
        """The details that are colours."""
        return self.details & _COLOUR_KEYS

    @property
    def kinds(self) -> frozenset[str]:
        """The other details that say what it is, and not only that it is "big" or "nice"."""
        return self.details - _COLOUR_KEYS - _PLAIN

    @property
    def is_background(self) -> bool:
        """Whether it is what the other things stand before."""
        return self.head == "background"

    def amount(self, other: "Phrase") -> int | None:
        """How many, in the unit shared with ``other``; None when any amount will do."""
        measured, plural = self._parts[1], _is_plural(self.words[-1])
        if self.measure.startswith(("pair", "couple")):
            return 2 * (self.count or 1)
        if measured and not other._parts[1]:
            return MANY if plural else self.count
        if self.count is not None:
            return self.count
        if self.several if measured else plural:
            return MANY
        # "bread" is any number of loaves, but "cat" typed in a hurry is one cat.
        return None if other._parts[1] and not measured and not self.article else 1

    @property
    def several(self) -> bool:
        """Whether English says "are"."""
        if self.count is not None:
            return self.count > 1
        return _is_plural(self.measure.split()[-2] if self.measure else self.words[-1])

    @property
    def shown(self) -> str:
        """The phrase as written, with its number but without an article."""
        number = f"{_spelled(self.count)} " if self.count and self.count > 1 else ""
        return f"{number}{self.measure}{' '.join(self.words)}"

    @property
    def with_article(self) -> str:
        """The phrase as it stands in a sentence: "a red apple"."""
        if not self.article or self.several:
            return self.shown
        vowel = re.match(r"(?!uni|us[eu]|uk|eu|one)[aeiou]|hour", self.shown)
        return f"{('an' if vowel else 'a') if self.article == 'a' else 'the'} {self.shown}"

    def settle_number(self) -> None:
        """Put the number on the noun, or on a detail: "four leaf clover" is one clover."""
        noun = self.words[-1]
        if self.count and self.count > 1 and not self.measure and not _is_plural(noun):
            if noun not in _SAME_IN_PLURAL:
                self.words.insert(0, _spelled(self.count))
                self.count = None
        elif self.count is None and self.article == "a":
            if _is_plural(noun) and not self.measure:
                self.article = ""  # "a few dogs"
            else:
                self.count = 1


# -- Reading -----------------------------------------------------------------------------------


def phrases_of(text: str) -> list[Phrase]:
    """The noun phrases of a text, without its framing ("there is a photo of …")."""
    reader = _Reader()
    for word, following in pairwise([*_TOKEN.findall(clean(text).lower()), ""]):
        reader.take(word, following)
    reader.close()
    return reader.phrases[:MOST]


class _Reader:
    """Takes a text word by word; ``phrase`` is the one being read, ``phrases`` those before."""

    def __init__(self) -> None:
        self.phrases: list[Phrase] = []
        self.phrase = Phrase()
        self.after = ""  # the word or kind of word that ended the phrase before
        self.refused = False  # "no people" asks for none

    def take(self, word: str, following: str) -> None:
        """One word, in the light of the next."""
        phrase = self.phrase
        noun = phrase.words[-1] if phrase.words else ""
        counted = phrase.count is not None or phrase.article == "a"
        number = None if counted else _number(word)

        if word in _FILLERS or (word in _ARTICLES and phrase.measure and not noun):
            return
        if word in ("and", ",") and noun and not self._has_noun() and following in _ADJECTIVES:
            if word == "and":  # "a black and white cat"
                phrase.words.append(word)
        elif word in _ARTICLES:
            self.close(after=word)
            self.phrase.article = "a" if word in _A else "the"
        elif word == "of" and noun and not phrase.measure and _key(noun) in _MEASURES:
            phrase.measure, phrase.words = f"{' '.join(phrase.words)} of ", []
        elif word == "of" and noun in _FRAMES:
            self.phrase = Phrase()
        elif word in _ENDS or not word[0].isalnum():
            self.close(after=word)
            self.refused = self.refused or word in ("no", "without")
        elif self._is_verb(word, following):
            self.close(after="-ing")
            if self.phrases:
                self.phrases[-1].verbs.add(word)
        elif word == "dozen" and not noun:
            phrase.count, phrase.article = 12 * (phrase.count or 1), ""
        elif number is not None:
            self.close(after=self.after)
            self.phrase.count, self.phrase.article = number, "a" if number == 1 else ""
            self.refused = self.refused or number == 0
        else:
            phrase.words.append(word)

    def close(self, *, after: str = "") -> None:
        """End the phrase being read; the next one comes after this word."""
        done, self.phrase = self.phrase, Phrase()
        said, self.after = self.after, after
        if not done.words:
            return
        if self.refused:
            self.refused = False
        elif self.phrases and said in _COPULAS and not done.article and set(done.words) <= _COLOURS:
            self.phrases[-1].words[:0] = done.words  # "the apple is red"
        elif done.words[-1] not in _STYLE and done.words not in (["background"], ["backdrop"]):
            done.settle_number()
            self.phrases.append(done)

    def _has_noun(self) -> bool:
        return not _ADJECTIVES.issuperset(word for word in self.phrase.words if word != "and")

    def _is_verb(self, word: str, following: str) -> bool:
        """As in "a dog sitting on", but not in "a sitting dog" or "a red painted wall"."""
        if not _VERB.search(word) or word in _NOT_VERBS:
            return False
        goes_on = following[:1].isalnum() and following not in _ENDS | _ARTICLES
        if self._has_noun():
            return not (word.endswith("ed") and goes_on)
        begun = self.phrase.words or self.phrase.article or self.phrase.count
        return not begun and (not goes_on or self.after in _COPULAS or self.after == "-ing")
