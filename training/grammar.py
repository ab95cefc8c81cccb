"""The grammar of the mini set: sentences about the things, in English and Arabic.

A ``Sentence`` is a meaning; ``english`` and ``arabic`` render it as text. Without a random
generator they return the canonical wording, which is the models' output; with one they vary the
wording as people type it, which is the models' input. Spelling is not varied: case, hamza and the
like are removed by ``marsam.text.vocabulary.fold`` before a model reads a text.
"""

import random
from dataclasses import dataclass, replace

from marsam.text.vocabulary import fold
from training.lexicon import COLOURS, THINGS, Mass, Noun, Thing
from training.scenes import Scene

ENGLISH_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ARABIC_NUMBERS = (  # with a masculine noun, with a feminine noun
    ("ثلاثة", "ثلاث"),
    ("أربعة", "أربع"),
    ("خمسة", "خمس"),
    ("ستة", "ست"),
    ("سبعة", "سبع"),
    ("ثمانية", "ثماني"),
    ("تسعة", "تسع"),
    ("عشرة", "عشر"),
)
_ADJECTIVES = frozenset(
    """
    أحمر حمراء أزرق زرقاء أخضر خضراء أصفر صفراء شراعي شراعية فضائي فضائية كهربائي كهربائية هوائية
    مروحية رباعية رباعيتان رباعيتين مبتسم مبتسمة باكٍ باكية غاضب غاضبة نائم نائمة سعيد سعيدة
    ضاحك ضاحكة حزين حزينة عابس عابسة نعسان زراعي
    زراعية بخاري بخارية ثلجية جورية كريم كريمة مغلفة
    """.split()  # noqa: SIM905
)
"""Adjectives in the names of things; every other second word is a genitive."""


@dataclass(frozen=True)
class Item:
    """A thing and its count, which is 0 for a plural without a number ("cats").

    For a mass noun ("bread") ``noun`` is None and ``count`` is 1.
    """

    thing: Thing
    noun: Noun | None
    count: int = 1

    @property
    def feminine(self) -> bool:
        return (self.noun or _mass(self.thing)).feminine

    @property
    def several(self) -> bool:
        """Whether the English verb is plural ("are")."""
        return self.count != 1 if self.noun else _mass(self.thing).plural


def _mass(thing: Thing) -> Mass:
    if thing.mass is None:
        raise ValueError(f"{thing.name} has no name without an article")
    return thing.mass


@dataclass(frozen=True)
class Sentence:
    """Items, a background or both, and a frame such as "there is …"."""

    items: tuple[Item, ...]
    colour: int | None = None
    frame: str = "bare"
    full_stop: bool = False


FRAMES = ("bare", "there", "image", "photo", "drawing", "this")


def of_scene(scene: Scene) -> Sentence:
    """The canonical sentence of a scene."""
    return Sentence(
        tuple(Item(THINGS[i], THINGS[i].nouns[0], scene.count) for i in scene.things), scene.colour
    )


def caption(scene: Scene) -> str:
    """The canonical English caption of a scene."""
    return english(of_scene(scene))


def prompt(scene: Scene, rng: random.Random) -> str:
    """A random English prompt for a scene."""
    sentence = random_wording(of_scene(scene), rng, frames=("bare", "image", "drawing", "there"))
    if scene.count > 1 and _has_bare_plural(THINGS[scene.things[0]]) and rng.random() < 0.15:
        sentence = replace(sentence, items=(replace(sentence.items[0], count=0),))
    return english(sentence, rng)


def random_wording(
    sentence: Sentence, rng: random.Random, *, frames: tuple[str, ...] = FRAMES
) -> Sentence:
    """Randomly change the nouns or the frame, add a full stop or omit the background."""
    items = tuple(_other_noun(item, rng) for item in sentence.items)
    frame = rng.choice(frames) if rng.random() < 0.4 else "bare"
    if frame == "this" and len(items) > 1:
        frame = "there"
    colour = None if rng.random() < 0.2 else sentence.colour
    return Sentence(items, colour, frame, rng.random() < 0.3)


def random_sentence(rng: random.Random) -> Sentence:
    """A random sentence: one or two items with counts from one to ten, or a background alone."""

    def item() -> Item:
        thing = rng.choice(THINGS)
        count = 1 if rng.random() < 0.5 else rng.choice((0, 0, 0, 2, 2, 2, 3, 3, *range(4, 11)))
        if count == 0 and not _has_bare_plural(thing):
            count = 1
        return Item(thing, thing.nouns[0], count)

    colour = rng.randrange(len(COLOURS))
    if rng.random() < 0.04:
        return Sentence((), colour, full_stop=rng.random() < 0.5)
    first = item()
    items: tuple[Item, ...] = (first,)
    if rng.random() < 0.45:
        second = item()
        if second.thing is not first.thing:
            items = (first, second)
    return random_wording(Sentence(items, colour), rng)


def _has_bare_plural(thing: Thing) -> bool:
    """Whether "cats" cannot be misread; "grapes" is a mass noun, and "fish" also one fish.

    "Four leaf clovers" may be four of them.
    """
    plurals = [noun.en_plural for noun in thing.nouns]
    return (
        thing.mass is None
        and all(noun.en != noun.en_plural for noun in thing.nouns)
        and not any(plural.split()[0] in ENGLISH_NUMBERS for plural in plurals)
    )


def _other_noun(item: Item, rng: random.Random) -> Item:
    if item.count == 1 and item.thing.mass and rng.random() < 0.35:
        return Item(item.thing, None)
    if len(item.thing.nouns) > 1 and rng.random() < 0.35:
        return Item(item.thing, rng.choice(item.thing.nouns[1:]), item.count)
    return item


def _is_first_noun(item: Item) -> bool:
    """Whether the item has the name that the synonyms stand for."""
    return item.noun is item.thing.nouns[0]


# -- English ---------------------------------------------------------------------------------


def english(sentence: Sentence, rng: random.Random | None = None) -> str:
    """The sentence in English; canonical without ``rng``, varied with it."""
    article = "a"
    if rng and sentence.frame != "there":
        article = rng.choice(("a", "a", "a", "a", "the", ""))
    words = " and ".join(_english_item(item, rng, article) for item in sentence.items)
    if sentence.colour is not None:
        colour = COLOURS[sentence.colour]
        name = rng.choice((colour.en, *colour.synonyms)) if rng else colour.en
        background = _with_article(f"{name} background", article)
        if words:
            words += f" {rng.choice(('on', 'on', 'against', 'with')) if rng else 'on'} {background}"
        else:
            words = background
    words = _english_frame(sentence, rng) + words
    return f"{words[0].upper()}{words[1:]}." if sentence.full_stop else words


def _with_article(words: str, article: str) -> str:
    if article == "a":
        article = "an" if words[0].lower() in "aeiou" else "a"
    return f"{article} {words}".strip()


def _english_item(item: Item, rng: random.Random | None, article: str) -> str:
    if item.noun is None:
        name = _mass(item.thing).en
        return f"the {name}" if article == "the" else name
    one, many = item.noun.en, item.noun.en_plural
    if rng and _is_first_noun(item) and rng.random() < 0.4:
        forms = [pair for pair in item.thing.synonyms if item.count == 1 or pair[1]]
        if forms:
            one, other_plural = rng.choice(forms)
            many = other_plural or many
    if item.count == 1:
        return f"one {one}" if rng and rng.random() < 0.04 else _with_article(one, article)
    if item.count == 0:
        return f"the {many}" if article == "the" else many
    digits = rng is not None and rng.random() < 0.25
    number = str(item.count) if digits else ENGLISH_NUMBERS[item.count - 2]
    return f"the {number} {many}" if article == "the" else f"{number} {many}"


def _english_frame(sentence: Sentence, rng: random.Random | None) -> str:
    if not sentence.items:
        return ""
    several = sentence.items[0].several
    wordings = {
        "bare": ("",),
        "there": ("there are ",) if several else ("there is ", "there is ", "there's "),
        "this": ("these are ",) if several else ("this is ",),
        "image": ("an image of ", "a picture of ", "image of ", "picture of "),
        "photo": ("a photo of ", "a photograph of ", "photo of "),
        "drawing": ("a drawing of ", "drawing of "),
    }[sentence.frame]
    return rng.choice(wordings) if rng else wordings[0]


# -- Arabic ----------------------------------------------------------------------------------


def arabic(sentence: Sentence, rng: random.Random | None = None) -> str:
    """The sentence in Arabic; canonical without ``rng``, varied with it."""
    genitive = sentence.frame in ("image", "photo", "drawing")
    definite = bool(rng) and sentence.frame == "bare" and rng.random() < 0.2  # type: ignore[union-attr]
    words = " و".join(_arabic_item(item, rng, genitive, definite) for item in sentence.items)
    words = _arabic_frame(sentence, rng) + words
    if sentence.colour is not None:
        colour = COLOURS[sentence.colour]
        name = rng.choice((colour.ar, *colour.arabic_synonyms)) if rng else colour.ar
        background = f"خلفية {name}"
        if rng and rng.random() < (0.5 if definite else 0.03):
            background = f"الخلفية ال{name}"
        if words:
            joint = rng.choice(("على ", "على ", "ب", "مع ", "أمام ")) if rng else "على "
            words += f" {joint}{background}"
        else:
            words = background
    return f"{words}." if sentence.full_stop else words


def definite_arabic(words: str) -> str:
    """A name with the article: القطة, التفاحة الحمراء, كرة القدم, ورقة البرسيم الرباعية."""
    *before, last = words.split()
    if "من" in before or last == "قزح" or last.startswith("ال"):
        return words
    if words.endswith("آيس كريم"):  # one foreign name
        return words.replace("آيس", "الآيس")
    if before and (last in _ADJECTIVES or _has_ending_of(before[-1], last)):
        before[-1] = f"ال{before[-1]}"
    if last.endswith("ٍ"):
        last = f"{last[:-1]}ي"
    return " ".join((*before, f"ال{last}"))


def _has_ending_of(noun: str, adjective: str) -> bool:
    """Whether an adjective of a dual agrees with it."""
    return any(noun.endswith(end) and adjective.endswith(end) for end in ("ان", "ين"))


def _arabic_item(item: Item, rng: random.Random | None, genitive: bool, definite: bool) -> str:
    if item.noun is None:
        name = _mass(item.thing).ar
        return definite_arabic(name) if definite else name
    noun = _arabic_noun(item, rng)
    name = _arabic_name(noun, item.count, rng, genitive)
    if item.count >= 3:
        number = ARABIC_NUMBERS[item.count - 3][noun.feminine]
        if rng and rng.random() < 0.12:  # a common error
            number = ARABIC_NUMBERS[item.count - 3][not noun.feminine]
        if definite:
            return f"{definite_arabic(name)} ال{number}"
        if rng and rng.random() < 0.25:
            number = str(item.count)
        return f"{number} {name}"
    if rng and not definite and item.count == 1 and rng.random() < 0.03:
        return f"{name} {'واحدة' if noun.feminine else 'واحد'}"
    if rng and not definite and item.count == 2 and noun.plural and rng.random() < 0.08:
        return f"2 {noun.plural}"
    return definite_arabic(name) if definite else name


def _arabic_noun(item: Item, rng: random.Random | None) -> Noun:
    """The noun, or a synonym that has the form that the count needs."""
    noun = item.noun
    assert noun is not None
    if rng and _is_first_noun(item) and rng.random() < 0.45:
        form = "ar" if item.count == 1 else "dual" if item.count == 2 else "plural"
        usable = [n for n in item.thing.arabic_synonyms if getattr(n, form)]
        if usable:
            return rng.choice(usable)
    return noun


def _arabic_name(noun: Noun, count: int, rng: random.Random | None, genitive: bool) -> str:
    if count == 1:
        return noun.ar
    if count == 2:
        # In everyday Arabic the dual always ends in -ين.
        oblique = genitive or (rng is not None and rng.random() < 0.35)
        return noun.dual_genitive if oblique else str(noun.dual)
    return str(noun.plural)


def _arabic_frame(sentence: Sentence, rng: random.Random | None) -> str:
    if not sentence.items:
        return ""
    first = sentence.items[0]
    if sentence.frame == "this":
        if first.count == 2:
            return "هاتان " if first.feminine else "هذان "
        return "هذه " if first.count != 1 or first.feminine else "هذا "
    if sentence.frame == "there":
        if rng and rng.random() < 0.4:
            # The number word takes the opposite gender; the verb follows the counted noun's.
            return rng.choice(("توجد ", "يوجد "))
        return "هناك "
    # Without "ل" it is a construct: "صورة قطة".
    wordings = {
        "bare": ("",),
        "image": ("صورة ل", "صورة "),
        "photo": ("صورة فوتوغرافية ل",),
        "drawing": ("رسم ل", "رسمة ", "رسمة ل"),
    }[sentence.frame]
    return rng.choice(wordings) if rng else wordings[0]


# -- Names alone -----------------------------------------------------------------------------


def names_to_arabic() -> dict[str, str]:
    """Names without an article, from the lexicon; CLDR's short names take precedence."""
    names = {colour.en: colour.masculine for colour in COLOURS}
    names |= {en: ar for en, (ar, _) in zip(ENGLISH_NUMBERS[1:], ARABIC_NUMBERS, strict=True)}
    names |= {noun.en: noun.ar for thing in THINGS for noun in thing.nouns}
    names |= {en: thing.nouns[0].ar for thing in THINGS for en, _ in thing.synonyms}
    names |= {thing.cldr_en: thing.short_ar for thing in THINGS}
    return names | {mass.en: mass.ar for thing in THINGS if (mass := thing.mass)}


def names_to_english() -> dict[str, str]:
    """Every Arabic CLDR short name with its English translation.

    An Arabic name that is also a complete sentence of the grammar gets the sentence's wording:
    "شمس" becomes "a sun", but "وجه قطة" becomes "cat face".
    """
    natural = {
        arabic(sentence): english(sentence)
        for thing in THINGS
        for noun in (*thing.nouns, *([None] if thing.mass else []))
        if (sentence := Sentence((Item(thing, noun),)))
    }
    names = {colour.ar: colour.en for colour in COLOURS}
    names |= {colour.masculine: colour.en for colour in COLOURS}
    for en, both in zip(ENGLISH_NUMBERS[1:], ARABIC_NUMBERS, strict=True):
        names |= dict.fromkeys(both, en)
    return names | {
        ar: natural.get(ar, thing.cldr_en)
        for thing in THINGS
        for ar in (thing.cldr_ar, thing.short_ar)
    }


# -- Vocabulary ------------------------------------------------------------------------------

_WORDS = {
    "eng_Latn": """
    a an the one two three four five six seven eight nine ten and on against with
    there there's is are this these image picture photo photograph drawing of
    """,
    "arb_Arab": """
    على أمام مع من هذا هذه هذان هاتان هناك يوجد توجد صورة رسم رسمة فوتوغرافية واحد واحدة
    """,
}
"""Words of the grammar beside the names of things and backgrounds."""


def vocabulary() -> dict[str, list[str]]:
    """What the translator knows, for :class:`marsam.text.vocabulary.ClosedVocabulary`."""
    english_names, arabic_names = set[str | None](), set[str | None]()
    for thing in THINGS:
        for noun in (*thing.nouns, *thing.arabic_synonyms):
            english_names |= {noun.en, noun.en_plural}
            arabic_names |= {noun.ar, noun.dual, noun.plural}
            arabic_names |= {noun.dual_genitive} if noun.dual else set()
            arabic_names |= {definite_arabic(form) for form in (noun.ar, noun.plural) if form}
        english_names |= {name for pair in thing.synonyms for name in pair}
        if thing.mass:
            english_names.add(thing.mass.en)
            arabic_names.add(thing.mass.ar)
    for colour in COLOURS:
        english_names |= {f"{name} background" for name in (colour.en, *colour.synonyms)}
        arabic_names |= {f"خلفية {name}" for name in (colour.ar, *colour.arabic_synonyms)}
    digits = map(str, range(1, 11))
    numbers = (word for both in ARABIC_NUMBERS for word in both)
    known = {
        "eng_Latn": [*_WORDS["eng_Latn"].split(), *digits, *english_names],
        "arb_Arab": [*_WORDS["arb_Arab"].split(), *map(str, range(1, 11)), *numbers, *arabic_names],
    }
    alone = {"eng_Latn": names_to_arabic(), "arb_Arab": names_to_english()}
    return {
        code: sorted(
            {fold(name) for name in names if name} | {f"={fold(name)}" for name in alone[code]}
        )
        for code, names in known.items()
    }
