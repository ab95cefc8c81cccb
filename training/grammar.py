"""The grammar of the mini set: sentences about the things, in English and Arabic.

A ``Sentence`` is a meaning; ``english`` and ``arabic`` render it as text. Without a random
generator they return the canonical wording, which is the models' output; with one they vary the
wording as people type it, which is the models' input.
"""

import random
from dataclasses import dataclass

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
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@dataclass(frozen=True)
class Item:
    """A thing and its count; for a mass noun ("bread") ``noun`` is None and ``count`` is 1."""

    thing: Thing
    noun: Noun | None
    count: int = 1

    @property
    def feminine(self) -> bool:
        return (self.noun or _mass(self.thing)).feminine

    @property
    def several(self) -> bool:
        """Whether the English verb is plural ("are")."""
        return self.count > 1 if self.noun else _mass(self.thing).plural


def _mass(thing: Thing) -> Mass:
    if thing.mass is None:
        raise ValueError(f"{thing.name} has no name without an article")
    return thing.mass


@dataclass(frozen=True)
class Sentence:
    """One or two items, an optional background, and a frame such as "there is …"."""

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
    return Sentence(items, colour, frame, rng.random() < 0.2)


def random_sentence(rng: random.Random) -> Sentence:
    """A random sentence with one or two items and counts from one to ten."""

    def item() -> Item:
        thing = rng.choice(THINGS)
        count = 1 if rng.random() < 0.5 else rng.choice((2, 2, 2, 3, 3, *range(4, 11)))
        return Item(thing, thing.nouns[0], count)

    first = item()
    items: tuple[Item, ...] = (first,)
    if rng.random() < 0.45:
        second = item()
        if second.thing is not first.thing:
            items = (first, second)
    return random_wording(Sentence(items, rng.randrange(len(COLOURS))), rng)


def _other_noun(item: Item, rng: random.Random) -> Item:
    if item.count == 1 and item.thing.mass and rng.random() < 0.35:
        return Item(item.thing, None)
    if len(item.thing.nouns) > 1 and rng.random() < 0.35:
        return Item(item.thing, rng.choice(item.thing.nouns[1:]), item.count)
    return item


# -- English ---------------------------------------------------------------------------------


def english(sentence: Sentence, rng: random.Random | None = None) -> str:
    """The sentence in English; canonical without ``rng``, varied with it."""
    no_article = bool(
        rng and sentence.frame == "bare" and sentence.colour is not None and rng.random() < 0.1
    )
    items = " and ".join(_english_item(item, rng, no_article) for item in sentence.items)
    words = _english_frame(sentence, rng) + items
    if sentence.colour is not None:
        colour = COLOURS[sentence.colour].en
        if rng and colour == "gray" and rng.random() < 0.5:
            colour = "grey"
        article = "" if no_article else _article(colour) + " "
        where = rng.choice(("on", "on", "on", "against")) if rng and not no_article else "on"
        words += f" {where} {article}{colour} background"
    if sentence.full_stop:
        words = words[0].upper() + words[1:] + "."
    if rng:
        case = rng.random()
        if case < 0.12:
            words = words[0].upper() + words[1:]
        elif case < 0.18:
            words = words.upper()
        elif case < 0.22:
            words = words.lower()
    return words


def _article(words: str) -> str:
    return "an" if words[0].lower() in "aeiou" else "a"


def _english_item(item: Item, rng: random.Random | None, no_article: bool) -> str:
    if item.noun is None:
        return _mass(item.thing).en
    one, many = item.noun.en, item.noun.en_plural
    if rng and item.noun is item.thing.nouns[0] and item.thing.synonyms and rng.random() < 0.4:
        one, many = rng.choice(item.thing.synonyms)
    if item.count > 1:
        digits = rng is not None and rng.random() < 0.2
        number = str(item.count) if digits else ENGLISH_NUMBERS[item.count - 2]
        return f"{number} {many}"
    return one if no_article else f"{_article(one)} {one}"


def _english_frame(sentence: Sentence, rng: random.Random | None) -> str:
    several = sentence.items[0].several
    if sentence.frame == "there":
        return "there are " if several else "there is "
    if sentence.frame == "this":
        return "these are " if several else "this is "
    wordings = {
        "bare": ("",),
        "image": ("an image of ", "a picture of "),
        "photo": ("a photo of ", "a photograph of "),
        "drawing": ("a drawing of ",),
    }[sentence.frame]
    return rng.choice(wordings) if rng else wordings[0]


# -- Arabic ----------------------------------------------------------------------------------


def arabic(sentence: Sentence, rng: random.Random | None = None) -> str:
    """The sentence in Arabic; canonical without ``rng``, varied with it."""
    genitive = sentence.frame in ("image", "photo", "drawing")
    items = " و".join(_arabic_item(item, rng, genitive) for item in sentence.items)
    words = _arabic_frame(sentence, rng) + items
    if sentence.colour is not None:
        where = rng.choice(("على", "على", "على", "أمام")) if rng else "على"
        words += f" {where} خلفية {COLOURS[sentence.colour].ar}"
    if sentence.full_stop:
        words += "."
    if rng and rng.random() < 0.3:
        words = words.replace("باكٍ", "باك").replace("مراسٍ", "مراس")
    return words


def _arabic_item(item: Item, rng: random.Random | None, genitive: bool) -> str:
    noun = item.noun
    if noun is None:
        return _mass(item.thing).ar
    if item.count == 1:
        return noun.ar
    if item.count == 2:
        return noun.dual_genitive if genitive else noun.dual
    number = ARABIC_NUMBERS[item.count - 3][noun.feminine]
    if rng and not genitive and rng.random() < 0.15:
        number = str(item.count)
        if rng.random() < 0.5:
            number = number.translate(ARABIC_DIGITS)
    return f"{number} {noun.plural}"


def _arabic_frame(sentence: Sentence, rng: random.Random | None) -> str:
    first = sentence.items[0]
    if sentence.frame == "this":
        if first.count == 2:
            return "هاتان " if first.feminine else "هذان "
        return "هذه " if first.count > 2 or first.feminine else "هذا "
    if sentence.frame == "there":
        if rng and rng.random() < 0.4:
            # The number word takes the opposite gender; the verb follows the counted noun's.
            return "توجد " if first.feminine else "يوجد "
        return "هناك "
    return {"bare": "", "image": "صورة ل", "photo": "صورة فوتوغرافية ل", "drawing": "رسم ل"}[
        sentence.frame
    ]


# -- Names alone -----------------------------------------------------------------------------


def names_to_arabic() -> dict[str, str]:
    """Names without an article, from the lexicon; CLDR's short names take precedence."""
    names = {noun.en: noun.ar for thing in THINGS for noun in thing.nouns}
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
    return {
        ar: natural.get(ar, thing.cldr_en)
        for thing in THINGS
        for ar in (thing.cldr_ar, thing.short_ar)
    }
