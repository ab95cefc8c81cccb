"""Whether a picture kept its word: its caption compared with its prompt. Strings in, a hint out."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from marsam.text import clean

WRONG, UNSAID, ADDITION, BACKGROUND = 0.5, 0.85, 0.1, 0.5
"""A wrong number, colour or kind keeps half; what the caption leaves unsaid costs little; an
addition weighs a tenth of something asked for; a background half of a thing."""
MOST_ITEMS, MOST_NAMED = 40, 4  # compared at all; named in a sentence
MANY = -1  # "dogs": more than one, nobody counted


def _words(text: str) -> frozenset[str]:
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
_A = _words("a an another each every")
_THE = _words("the this that these those his her its their my your our")
_COPULAS = _words("is are was were be being")
_BREAKS = _COPULAS | _words("""
and or but with without no in on at to from by for as into onto under over above below behind beside
between among near next against across along around through inside outside off out up down away
together alone left right close while there here it he she they who which been has have sits stands
lies rides runs walks holds wears eats looks made full shows show not
""")
_FILLERS = _words("some several many few various multiple different very highly both all detailed")
_FRAMES = _words("""
picture photo photograph image drawing painting illustration sketch portrait cartoon view close-up
closeup shot front top back side middle center edge bottom rear kind type sort
""")  # dropped before "of"
_STYLE = _words("""
art style lighting quality resolution detail realistic photorealistic masterpiece artstation 4k 8k
hd render bokeh focus foreground
""")  # how it is painted, not what
_MEASURES = _words("""
bunch loaf piece slice cup mug glass bowl bottle drop ear group crowd herd flock pile stack lot pair
couple
""")
_SAME_IN_PLURAL = _words("fish sheep deer aircraft shrimp bison moose salmon squid")
_NOT_VERBS = _words("""
building string morning evening ceiling painting clothing wedding spring swing earring railing
drawing lightning pudding dumpling duckling hundred
""")
_COLOURS = _words("""
red orange yellow green blue purple violet pink brown black white gray grey gold golden silver beige
turquoise
""")
_PLAIN = _words("""
big large small little young old cute beautiful pretty nice new tall long plain solid light dark
bright
""")  # says little about what a thing is, so two of them never contradict each other
_ADJECTIVES = _COLOURS | _PLAIN
_LIKE_AN_ADJECTIVE = re.compile(r"..(?:y|en|ful|ous|al|ish|ed)$")
_VERB = re.compile(r"...ing$|...[^e]ed$")
_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")

# Arabic nouns whose gender does not show, and nouns of doubtful gender or with a letter dropped.
_FEMININE = _words("""
شمس نار أرض سماء يد عين أذن قدم ساق بئر دار نفس ريح حرب بنت أخت أم عروس فرس عصا فأس كأس كف سن ذراع
إصبع كتف ضبع عقرب قدر كاميرا بيتزا أفعى حلوى صحراء
""")
_UNSURE = _words("عجوز قاض محام واد ناد راع رام مغن ماش داع وال خليفة داعية")


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How well a new picture keeps to its prompt; a hint, no better than the caption it rests on.

    Attributes:
        score: 0 to 1; 1 when everything asked for is seen and nothing was added.
        missing: phrases of the prompt that are not seen, or seen otherwise ("red apple").
        added: phrases of the caption that were not asked for.
        caption: what was seen.
        en: the same in one English sentence.
        ar: the same in one Arabic sentence.
    """

    score: float
    missing: tuple[str, ...]
    added: tuple[str, ...]
    caption: str
    en: str
    ar: str

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "score": round(self.score, 4),
            "missing": list(self.missing),
            "added": list(self.added),
            "caption": self.caption,
            "en": self.en,
            "ar": self.ar,
        }


def compare(prompt: str, seen: str, *, arabic: Callable[[str], str] | None = None) -> Fidelity:
    """Compare an English prompt with the English caption of its picture.

    The score is the sum of what was kept over the sum of what was asked for plus a tenth of each
    addition; a background counts half. A prompt that asks for nothing scores 1.

    Args:
        prompt: what the painter got.
        seen: how the captioner describes the picture.
        arabic: an English phrase ("a boat") in Arabic ("قارب"). Without it, and where it fails or
            answers in other letters, the Arabic sentence names nothing.
    """
    wanted, found = _items(prompt), _items(seen)
    grades = sorted(
        ((_grade(want, got), i, j) for i, want in enumerate(wanted) for j, got in enumerate(found)),
        key=lambda graded: (-graded[0], graded[1:]),
    )
    kept = dict.fromkeys(range(len(wanted)), 0.0)
    extra = set(range(len(found)))
    wrong: set[int] = set()  # found, but not as asked for
    for grade, i, j in grades:
        if grade and not kept[i] and j in extra:
            kept[i] = grade
            extra.remove(j)
            if grade <= WRONG:
                wrong.add(j)
    # A background nobody asked for is no addition: every picture has one.
    extra = {j for j in extra if wanted and not found[j].is_background}
    missing = [item for i, item in enumerate(wanted) if kept[i] <= WRONG]
    added = [item for j, item in enumerate(found) if j in extra | wrong]
    asked = sum(item.weight for item in wanted)
    share = sum(item.weight * kept[i] for i, item in enumerate(wanted))
    return Fidelity(
        score=share / (asked + ADDITION * len(extra)) if wanted else 1.0,
        missing=tuple(item.shown for item in missing),
        added=tuple(item.shown for item in added),
        caption=clean(seen),
        en=_english(missing, added) if wanted else "Nothing in particular was asked for.",
        ar=_arabic(missing, added, arabic, nothing=not any(kept.values()))
        if wanted
        else "لم يُطلب شيء بعينه.",
    )


def best(fidelities: Sequence[Fidelity], keep: int) -> list[int]:
    """The places of the ``keep`` highest scores, in ascending order; of equals the first win."""
    ranked = sorted(range(len(fidelities)), key=lambda place: -fidelities[place].score)
    return sorted(ranked[: max(keep, 0)])


# -- Phrases -----------------------------------------------------------------------------------


@dataclass(eq=False)
class _Item:
    """One noun phrase: "two red apples", "a bunch of grapes". Filled while reading, then asked."""

    words: list[str] = field(default_factory=list)
    measure: str = ""  # "bunch of "
    count: int | None = None
    article: str = ""  # "a" or "the", or none
    verbs: set[str] = field(default_factory=set)

    @cached_property
    def _parts(self) -> tuple[list[str], bool]:
        """The phrase normalised, and whether it is so much of something."""
        named = " ".join(word for word in self.words if word != "and")
        measure, _, body = _normal(self.measure + named).rpartition(" of ")
        counted = not self.measure or not measure or measure in ("pair", "couple")
        return body.split(), not counted

    @property
    def head(self) -> str:
        return self._parts[0][-1]

    @cached_property
    def details(self) -> frozenset[str]:
        return frozenset(self._parts[0][:-1])

    @property
    def is_background(self) -> bool:
        return self.head == "background"

    @property
    def weight(self) -> float:
        return BACKGROUND if self.is_background else 1.0

    @property
    def plural(self) -> bool:
        return _is_plural(self.words[-1])

    def amount(self, other: "_Item") -> int | None:
        """How many, in the unit shared with ``other``; None when any amount will do."""
        measured, count = self._parts[1], self.count
        if self.measure.startswith(("pair", "couple")):
            return 2 * (count or 1)
        if measured and not other._parts[1]:
            return MANY if self.plural else count
        if count is not None:
            return count
        if measured:
            return MANY if _is_plural(self.measure.split()[-2]) else 1
        if self.plural:
            return MANY
        # "bread" is any number of loaves, but "cat" typed in a hurry is one cat.
        return None if other._parts[1] and not self.article else 1

    @property
    def shown(self) -> str:
        """The phrase as written, with its number but without an article."""
        number = ""
        if self.count is not None and self.count > 1:
            number = _NUMBERS[self.count] if self.count < len(_NUMBERS) else str(self.count)
        return f"{number} {self.measure}{' '.join(self.words)}".lstrip()

    @property
    def phrase(self) -> str:
        """The phrase as it stands in a sentence: "a red apple"."""
        if not self.article or self.several:
            return self.shown
        vowel = re.match(r"(?!uni|us[eu]|uk|eu|one)[aeiou]|hour", self.shown)
        return f"{('an' if vowel else 'a') if self.article == 'a' else 'the'} {self.shown}"

    @property
    def several(self) -> bool:
        """Whether English says "are"."""
        if self.count is not None:
            return self.count > 1
        return _is_plural(self.measure.split()[-2]) if self.measure else self.plural


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


def _is_plural(word: str) -> bool:
    if word in _IRREGULAR or word.endswith("men"):
        return True
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "'s", "’s"))


def _keys(words: str) -> str:
    return " ".join(map(_key, words.replace("-", " ").split()))


_MERGED = {_keys(name): _keys(same) for name, same in _SYNONYMS.items()}
_SAME = re.compile(rf"\b(?:{'|'.join(sorted(_MERGED, key=len, reverse=True))})\b")


def _normal(words: str) -> str:
    return _SAME.sub(lambda found: _MERGED[found[0]], _keys(words))


_COLOUR_KEYS = frozenset(map(_normal, _COLOURS))


def _items(text: str) -> list[_Item]:
    """The noun phrases of a text, without its framing ("there is a photo of …")."""
    items: list[_Item] = []
    item, after, refused = _Item(), "", False
    words = _TOKEN.findall(clean(text).lower())

    def close() -> None:
        nonlocal item, refused
        done, item = item, _Item()
        if not done.words:
            return
        if refused:  # "no people" asks for none
            refused = False
        elif items and after in _COPULAS and not done.article and set(done.words) <= _COLOURS:
            items[-1].words[:0] = done.words  # "the apple is red"
        elif done.words[-1] not in _STYLE and done.words not in (["background"], ["backdrop"]):
            items.append(_counted(done))

    for word, following in zip(words, [*words[1:], ""], strict=False):
        goes_on = following[:1].isalnum() and following not in _BREAKS | _A | _THE | {"of"}
        noun = item.words[-1] if item.words else ""
        only_adjectives = all(said in _ADJECTIVES or said == "and" for said in item.words)
        is_verb = bool(_VERB.search(word)) and word not in _NOT_VERBS
        if is_verb:  # "a dog sitting on", but "a sitting dog" and "a red painted wall"
            if only_adjectives:
                begun = noun or item.article or item.count
                is_verb = not begun and (not goes_on or after in _COPULAS | {"-ing"})
            else:
                is_verb = not (word.endswith("ed") and goes_on)
        number = None if item.count is not None or item.article == "a" else _number(word)

        if word in _FILLERS or (word in _A | _THE and item.measure and not noun):
            continue
        if word in ("and", ",") and noun and only_adjectives and following in _ADJECTIVES:
            item.words += ["and"] if word == "and" else []  # "a black and white cat"
        elif word in _A | _THE:
            close()
            item.article, after = "a" if word in _A else "the", word
        elif word == "of" and noun and not item.measure and _key(noun) in _MEASURES:
            item.measure, item.words = f"{' '.join(item.words)} of ", []
        elif word == "of" and noun in _FRAMES:
            item = _Item()
        elif word in _BREAKS or word == "of" or not word[0].isalnum():
            close()
            after, refused = word, refused or word in ("no", "without")
        elif is_verb:
            close()
            after = "-ing"
            if items:
                items[-1].verbs.add(word)
        elif word == "dozen" and not noun:
            item.count, item.article = 12 * (item.count or 1), ""
        elif number is not None:
            close()
            item.count, item.article = number, "a" if number == 1 else ""
            refused = refused or number == 0
        else:
            item.words.append(word)
    close()
    return items[:MOST_ITEMS]


def _number(word: str) -> int | None:
    if word in _NUMBERS:
        return _NUMBERS.index(word)
    return int(word) if word.isdecimal() and len(word) < 5 else None


def _counted(item: _Item) -> _Item:
    """The item with the number on its noun, or on a detail: "four leaf clover" is one clover."""
    last = item.words[-1]
    if not item.measure and (item.count or 0) > 1 and not _is_plural(last):
        if last not in _SAME_IN_PLURAL:
            item.words.insert(0, item.shown.split()[0])
            item.count = None
    elif item.count is None and item.article == "a":
        if item.plural and not item.measure:
            item.article = ""  # "a few dogs"
        else:
            item.count = 1
    return item


def _grade(want: _Item, got: _Item) -> float:
    """How much of what was asked for this is: 0 for another thing, at most ``WRONG`` if wrong."""
    if want.head != got.head:
        return 0.0
    asked, there = want.amount(got), got.amount(want)
    miscounted = uncounted = False
    if asked is not None and there is not None and asked != there:
        uncounted = there == MANY and asked > 1
        miscounted = not uncounted and not (asked == MANY and there > 1)
    wrong = miscounted + sum(
        _contradict(one, other, got.verbs)
        for one, other in zip(_split(want.details), _split(got.details), strict=True)
    )
    if wrong:
        return WRONG**wrong
    # "A sleeping cat" is "a cat sleeping".
    unsaid = (want.details | want.verbs) - (got.details | got.verbs)
    return UNSAID if uncounted or unsaid else 1.0


def _contradict(asked: frozenset[str], seen: frozenset[str], verbs: set[str]) -> bool:
    """Whether both cannot be: "palm" and "pine", "angry" and "crying"; not "sunny" and "sandy"."""
    firm = any(not _LIKE_AN_ADJECTIVE.search(word) or word in _COLOUR_KEYS for word in asked | seen)
    return bool(firm and asked and seen and not asked & seen and asked - verbs)


def _split(details: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The colours, and the other details that can contradict each other."""
    return details & _COLOUR_KEYS, details - _COLOUR_KEYS - _PLAIN


# -- Sentences ---------------------------------------------------------------------------------


def _one_for_another(missing: list[_Item], added: list[_Item]) -> bool:
    return len(missing) == len(added) == 1 and missing[0].is_background == added[0].is_background


def _english(missing: list[_Item], added: list[_Item]) -> str:
    also = _listed([_isolated(item.phrase) for item in added])
    there = f"there {'are' if added and added[0].several else 'is'} {also}"
    if not missing:
        return f"Everything asked for is there{f', and also {also}' if added else ''}."
    if _one_for_another(missing, added):
        return f"Instead of {_isolated(missing[0].phrase)} {there}."
    if len(missing) == 1:
        be = "are" if missing[0].several else "is"
        absent = f"The {_isolated(missing[0].shown)} {be} not visible"
    else:
        absent = f"Not visible: {_listed([_isolated(item.shown) for item in missing])}"
    return f"{absent}{f'; instead {there}' if added else ''}."


def _listed(phrases: list[str]) -> str:
    named = phrases[:MOST_NAMED]
    if len(phrases) > MOST_NAMED:
        named.append("more")
    return " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))


def _isolated(words: str) -> str:
    """With right-to-left words kept from reordering the sentence around them."""
    foreign = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in words)
    return f"\u2068{words}\u2069" if foreign else words


def _arabic(
    missing: list[_Item],
    added: list[_Item],
    arabic: Callable[[str], str] | None,
    *,
    nothing: bool,
) -> str:
    """The list forms begin with ما or a participle used as a noun: right for any gender."""
    absent, there = (_named(items, arabic) for items in (missing, added))
    if not missing:
        more = f"أيضًا: {_joined(there)}" if there else "أيضًا ما لم يُطلب"
        return f"كل ما طُلب ظاهر في الصورة{f'، وفيها {more}' if added else ''}."
    if not absent or (added and not there):
        few = "لم يظهر في الصورة شيء مما طُلب" if nothing else "بعض ما طُلب غير ظاهر في الصورة"
        return f"{few}{'، وفيها ما لم يُطلب' if added else ''}."
    if _one_for_another(missing, added):
        return f"المطلوب: {absent[0]}، والظاهر: {there[0]}."
    if len(missing) == 1 and not added and (sentence := _definite(missing[0], absent[0])):
        return sentence
    instead = f"، وما ظهر بدلًا منه: {_joined(there)}" if added else ""
    return f"ما لم يظهر في الصورة: {_joined(absent)}{instead}."


def _named(items: list[_Item], arabic: Callable[[str], str] | None) -> list[str]:
    """The items in Arabic, and "and others" after the last that is named; none if one fails."""
    named = []
    for item in items[:MOST_NAMED]:
        try:
            words = " ".join(clean(arabic(item.phrase)).split()) if arabic else ""
        except Exception:  # a hint must not cost the picture, whatever a translator raises
            return []
        words = words.strip(" .،؛!؟")
        letters = [letter for letter in words if letter.isalpha()]
        if not letters or any(not "\u0620" <= letter <= "\u06ff" for letter in letters):
            return []
        named.append(words)
    return [*named, "غيرها"] if len(items) > MOST_NAMED else named


def _joined(names: list[str]) -> str:
    """``قارب وليمونتان``; a digit takes a comma, because و is written joined to a word."""
    return names[0] + "".join(
        f" و{name}" if name[0].isalpha() else f"، {name}" for name in names[1:]
    )


def _definite(item: _Item, name: str) -> str | None:
    """``القارب غير ظاهر في الصورة.`` when the noun's gender is beyond doubt."""
    has_article = name.startswith("ال")
    if not re.fullmatch("[\u0621-\u064a]+", name) or item.several or not item.article:
        return None
    noun = name[2:] if has_article else name
    if has_article != (item.article == "the") or noun in _UNSURE:
        return None
    feminine = noun.endswith("ة") or noun in _FEMININE
    if not feminine and noun.endswith(("ا", "ى", "اء", "ات")):
        return None
    return f"ال{noun} غير {'ظاهرة' if feminine else 'ظاهر'} في الصورة."
