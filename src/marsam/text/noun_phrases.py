"""Noun phrases of English captions and prompts, normalised so that two texts can be compared.

A rule-based chunker with small word lists. spaCy's ``noun_chunks`` would need a model download;
the captioner's sentences are short and simple enough for rules.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from marsam.text.cleaning import clean

MAX_PHRASES = 40  # per text
PLURAL = -1  # count of "dogs": more than one, exact number unknown


# -- Words -------------------------------------------------------------------------------------


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def _word_map(text: str) -> dict[str, str]:
    """Parse ``a, b: c | d: e`` into ``{a: c, b: c, d: e}``."""
    rows = [row.split(":") for row in text.replace("\n", "|").split("|") if row.strip()]
    return {name.strip(): same.strip() for names, same in rows for name in names.split(",")}


_SYNONYMS = _word_map("""
aeroplane, airplane: plane | automobile: car | backdrop: background | bike: bicycle | tv: television
bunny: rabbit | burger: hamburger | couch: sofa | donut: doughnut | drop of water: droplet
four leaf clover: clover | flame: fire | gem: diamond | golden: gold | grey: gray | kitten: cat
lady: woman | ladybird: ladybug | locomotive: train | present: gift | puppy: dog
sea: ocean | soccer ball: football | violet: purple
""")
_IRREGULAR_PLURALS = _word_map("""
cacti: cactus | calves: calf | children: child | feet: foot | geese: goose | halves: half
hooves: hoof | knives: knife | leaves: leaf | loaves: loaf | mice: mouse | people: person
scarves: scarf | shelves: shelf | teeth: tooth | tvs: tv | wives: wife | wolves: wolf
""")
_NUMBER_WORDS = [
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
]
_INDEFINITE = word_set("a an another each every")
_ARTICLES = _INDEFINITE | word_set("the this that these those his her its their my your our")
_COPULAS = word_set("is are was were be being")
_PHRASE_BREAKS = _COPULAS | word_set("""
and or but with without no in on at to from by for as into onto under over above below behind beside
between among near next against across along around through inside outside off out up down away
together alone left right close while there here it he she they who which been has have sits stands
lies rides runs walks holds wears eats looks made full shows show not
""")
_PHRASE_ENDS = _PHRASE_BREAKS | {"of"}
_FILLERS = word_set(
    "some several many few various multiple different very highly both all detailed"
)
_FRAMING_NOUNS = word_set("""
picture photo photograph image drawing painting illustration sketch portrait cartoon view close-up
closeup shot front top back side middle center edge bottom rear kind type sort
""")  # dropped before "of"
_STYLE_NOUNS = word_set("""
art style lighting quality resolution detail realistic photorealistic masterpiece artstation 4k 8k
hd render bokeh focus foreground
""")  # they describe the style, not the content
_MEASURE_NOUNS = word_set("""
bunch loaf piece slice cup mug glass bowl bottle drop ear group crowd herd flock pile stack lot pair
couple
""")
_INVARIABLE_NOUNS = word_set("fish sheep deer aircraft shrimp bison moose salmon squid")
_NOUNS_LIKE_VERBS = word_set("""
building string morning evening ceiling painting clothing wedding spring swing earring railing
drawing lightning pudding dumpling duckling hundred
""")
_COLOURS = word_set("""
red orange yellow green blue purple violet pink brown black white gray grey gold golden silver beige
turquoise
""")
_GENERIC_ADJECTIVES = word_set("""
big large small little young old cute beautiful pretty nice new tall long plain solid light dark
bright
""")  # too general to contradict each other
_ADJECTIVES = _COLOURS | _GENERIC_ADJECTIVES
_VERB_FORM = re.compile(r"...ing$|...[^e]ed$")
_VOWEL_SOUND = re.compile(r"(?!uni|us[eu]|uk|eu|one)[aeiou]|hour")
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")


def _parse_number(word: str) -> int | None:
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS.index(word)
    return int(word) if word.isdecimal() and len(word) < 5 else None


def _spell_number(number: int) -> str:
    return _NUMBER_WORDS[number] if number < len(_NUMBER_WORDS) else str(number)


def _is_plural(word: str) -> bool:
    if word in _IRREGULAR_PLURALS or word.endswith("men"):
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "'s", "’s"))


def _stem(word: str) -> str:
    """One form for singular and plural, numbers as digits; the stem may be no word ("hous")."""
    if word in _NUMBER_WORDS:
        return str(_NUMBER_WORDS.index(word))
    word = re.sub("['’]s$", "", word)
    if word in _IRREGULAR_PLURALS:
        word = _IRREGULAR_PLURALS[word]
    elif word.endswith("men"):
        word = word[:-2] + "an"
    elif _is_plural(word):
        word = word[:-1]
    # One rule for buses and houses, tomatoes and shoes, cookies and berries.
    word = re.sub(r"(?<=..)ie$", "y", word) if len(word) > 3 else word
    return re.sub(r"(?<=..[sxzo])e$|(?<=.[cs]h)e$", "", word)


def _stem_words(words: str) -> str:
    return " ".join(map(_stem, words.replace("-", " ").split()))


_SYNONYM_STEMS = {_stem_words(name): _stem_words(same) for name, same in _SYNONYMS.items()}
_SYNONYM_PATTERN = re.compile(rf"\b(?:{'|'.join(sorted(_SYNONYM_STEMS, key=len, reverse=True))})\b")


def _normalise(words: str) -> str:
    return _SYNONYM_PATTERN.sub(lambda found: _SYNONYM_STEMS[found[0]], _stem_words(words))


_COLOUR_STEMS = frozenset(map(_normalise, _COLOURS))


# -- Phrases -----------------------------------------------------------------------------------


@dataclass(eq=False)
class NounPhrase:
    """One noun phrase: "two red apples", "a bunch of grapes"."""

    words: list[str] = field(default_factory=list)
    measure: str = ""  # "bunch of ", before the words
    count: int | None = None
    article: str = ""  # "a", "the" or empty
    verbs: set[str] = field(default_factory=set)  # participles after it: "sitting"

    @cached_property
    def _normalised(self) -> tuple[list[str], bool]:
        """The stems of the words, and whether a measure counts them ("loaves of bread")."""
        named = " ".join(word for word in self.words if word != "and")
        measure, _, body = _normalise(self.measure + named).rpartition(" of ")
        return body.split(), bool(self.measure) and measure not in ("", "pair", "couple")

    @property
    def head(self) -> str:
        """The stem of the noun."""
        return self._normalised[0][-1]

    @cached_property
    def modifiers(self) -> frozenset[str]:
        """The stems of the words before the noun."""
        return frozenset(self._normalised[0][:-1])

    @property
    def colours(self) -> frozenset[str]:
        """The modifiers that are colours."""
        return self.modifiers & _COLOUR_STEMS

    @property
    def types(self) -> frozenset[str]:
        """The modifiers that are neither colours nor general, such as "palm" in "palm tree"."""
        return self.modifiers - _COLOUR_STEMS - _GENERIC_ADJECTIVES

    @property
    def is_background(self) -> bool:
        """Whether the phrase is the background of the image."""
        return self.head == "background"

    def count_with(self, other: "NounPhrase") -> int | None:
        """The count, in the unit that both phrases share; None when any count matches."""
        by_measure, plural = self._normalised[1], _is_plural(self.words[-1])
        if self.measure.startswith(("pair", "couple")):
            return 2 * (self.count or 1)
        if by_measure and not other._normalised[1]:
            return PLURAL if plural else self.count
        if self.count is not None:
            return self.count
        if self.is_plural if by_measure else plural:
            return PLURAL
        # "bread" matches any number of loaves, but "cat" without an article is one cat.
        return None if other._normalised[1] and not by_measure and not self.article else 1

    @property
    def is_plural(self) -> bool:
        """Whether the verb is "are"."""
        if self.count is not None:
            return self.count > 1
        return _is_plural(self.measure.split()[-2] if self.measure else self.words[-1])

    @property
    def without_article(self) -> str:
        """The phrase as written, with its number but without an article."""
        number = f"{_spell_number(self.count)} " if self.count and self.count > 1 else ""
        return f"{number}{self.measure}{' '.join(self.words)}"

    @property
    def with_article(self) -> str:
        """The phrase as it stands in a sentence: "a red apple"."""
        if not self.article or self.is_plural:
            return self.without_article
        n = "n" if self.article == "a" and _VOWEL_SOUND.match(self.without_article) else ""
        return f"{self.article}{n} {self.without_article}"

    def attach_number(self) -> None:
        """Settle whether the number counts the noun: "four leaf clover" is one clover."""
        noun = self.words[-1]
        if self.count and self.count > 1 and not self.measure and not _is_plural(noun):
            if noun not in _INVARIABLE_NOUNS:
                self.words.insert(0, _spell_number(self.count))
                self.count = None
        elif self.count is None and self.article == "a":
            if _is_plural(noun) and not self.measure:
                self.article = ""  # "a few dogs"
            else:
                self.count = 1


# -- Chunking ----------------------------------------------------------------------------------


def noun_phrases(text: str) -> list[NounPhrase]:
    """The noun phrases of a text, ``MAX_PHRASES`` at most, without "there is a photo of …"."""
    chunker = _Chunker()
    for word, next_word in pairwise([*_TOKEN.findall(clean(text).lower()), ""]):
        chunker.add_word(word, next_word)
    chunker.end_phrase()
    return chunker.phrases[:MAX_PHRASES]


class _Chunker:
    """Builds phrases word by word; ``phrase`` is the current one, ``phrases`` the finished ones."""

    def __init__(self) -> None:
        self.phrases: list[NounPhrase] = []
        self.phrase = NounPhrase()
        self.boundary = ""  # the word that ended the previous phrase; "-ing" for a verb
        self.negated = False  # "no people" names nothing to see

    def add_word(self, word: str, next_word: str) -> None:
        """Process one word; the next word decides some cases."""
        phrase = self.phrase
        noun = phrase.words[-1] if phrase.words else ""
        counted = phrase.count is not None or phrase.article == "a"
        number = None if counted else _parse_number(word)

        if word in _FILLERS or (word in _ARTICLES and phrase.measure and not noun):
            return
        if word in ("and", ",") and noun and not self._has_noun() and next_word in _ADJECTIVES:
            if word == "and":  # "a black and white cat"
                phrase.words.append(word)
        elif word in _ARTICLES:
            self.end_phrase(boundary=word)
            self.phrase.article = "a" if word in _INDEFINITE else "the"
        elif word == "of" and noun and not phrase.measure and _stem(noun) in _MEASURE_NOUNS:
            phrase.measure, phrase.words = f"{' '.join(phrase.words)} of ", []
        elif word == "of" and noun in _FRAMING_NOUNS:
            self.phrase = NounPhrase()
        elif word in _PHRASE_ENDS or not word[0].isalnum():
            self.end_phrase(boundary=word)
            self.negated = self.negated or word in ("no", "without")
        elif self._is_verb(word, next_word):
            self.end_phrase(boundary="-ing")
            if self.phrases:
                self.phrases[-1].verbs.add(word)
        elif word == "dozen" and not noun:
            phrase.count, phrase.article = 12 * (phrase.count or 1), ""
        elif number is not None:
            self.end_phrase(boundary=self.boundary)
            self.phrase.count, self.phrase.article = number, "a" if number == 1 else ""
            self.negated = self.negated or number == 0
        else:
            phrase.words.append(word)

    def end_phrase(self, *, boundary: str = "") -> None:
        """End the current phrase at the word ``boundary``."""
        phrase, self.phrase = self.phrase, NounPhrase()
        last, self.boundary = self.boundary, boundary
        words = phrase.words
        if not words:
            return
        if self.negated:
            self.negated = False
        elif self.phrases and last in _COPULAS and not phrase.article and set(words) <= _COLOURS:
            self.phrases[-1].words[:0] = words  # "the apple is red"
        elif words[-1] not in _STYLE_NOUNS and words not in (["background"], ["backdrop"]):
            phrase.attach_number()
            self.phrases.append(phrase)

    def _has_noun(self) -> bool:
        return not _ADJECTIVES.issuperset(word for word in self.phrase.words if word != "and")

    def _is_verb(self, word: str, next_word: str) -> bool:
        """As in "a dog sitting on", but not in "a sitting dog" or "a red painted wall"."""
        if not _VERB_FORM.search(word) or word in _NOUNS_LIKE_VERBS:
            return False
        continues = next_word[:1].isalnum() and next_word not in _PHRASE_ENDS | _ARTICLES
        if self._has_noun():
            return not (word.endswith("ed") and continues)
        started = self.phrase.words or self.phrase.article or self.phrase.count
        return not started and (not continues or self.boundary in _COPULAS | {"-ing"})
