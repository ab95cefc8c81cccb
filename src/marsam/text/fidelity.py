"""Whether a picture kept its word: its caption compared with its prompt. Strings in, a hint out."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from marsam.text.cleaning import clean
from marsam.text.noun_phrases import MANY, Phrase, phrases_of, word_set

WRONG, UNSAID, ADDITION, BACKGROUND = 0.5, 0.85, 0.1, 0.5
"""A wrong number, colour or kind keeps half; what the caption leaves unsaid costs little; an
addition weighs a tenth of something asked for; a background half of a thing."""
MOST_NAMED = 4  # in a sentence

_LIKE_AN_ADJECTIVE = re.compile(r"..(?:y|en|ful|ous|al|ish|ed)$")

# Arabic nouns whose gender does not show, and nouns of doubtful gender or with a letter dropped.
_FEMININE = word_set("""
شمس نار أرض سماء يد عين أذن قدم ساق بئر دار نفس ريح حرب بنت أخت أم عروس فرس عصا فأس كأس كف سن ذراع
إصبع كتف ضبع عقرب قدر كاميرا بيتزا أفعى حلوى صحراء
""")
_UNSURE = word_set("عجوز قاض محام واد ناد راع رام طاه هاو حاو مغن ماش داع وال خليفة داعية")


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

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Fidelity":
        """What :meth:`to_dict` wrote."""
        return cls(**data | {name: tuple(data[name]) for name in ("missing", "added")})


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
    wanted, found = phrases_of(prompt), phrases_of(seen)
    if not wanted:
        return Fidelity(
            score=1.0,
            missing=(),
            added=(),
            caption=clean(seen),
            en="Nothing in particular was asked for.",
            ar="لم يُطلب شيء بعينه.",
        )
    grades = sorted(
        ((_grade(want, got), i, j) for i, want in enumerate(wanted) for j, got in enumerate(found)),
        key=lambda graded: (-graded[0], graded[1:]),
    )
    kept = [0.0] * len(wanted)
    extra = set(range(len(found)))
    wrong: set[int] = set()  # found, but not as asked for
    for grade, i, j in grades:
        if grade and not kept[i] and j in extra:
            kept[i] = grade
            extra.remove(j)
            if grade <= WRONG:
                wrong.add(j)
    # A background nobody asked for is no addition: every picture has one.
    extra = {j for j in extra if not found[j].is_background}
    missing = [phrase for phrase, grade in zip(wanted, kept, strict=True) if grade <= WRONG]
    added = [found[j] for j in sorted(extra | wrong)]
    weights = [BACKGROUND if phrase.is_background else 1.0 for phrase in wanted]
    share = sum(weight * grade for weight, grade in zip(weights, kept, strict=True))
    return Fidelity(
        score=share / (sum(weights) + ADDITION * len(extra)),
        missing=tuple(phrase.shown for phrase in missing),
        added=tuple(phrase.shown for phrase in added),
        caption=clean(seen),
        en=_english(missing, added),
        ar=_arabic(missing, added, arabic, nothing=not any(kept)),
    )


def best_indices(fidelities: Sequence[Fidelity | None], keep: int | None) -> tuple[int, ...]:
    """The places of the ``keep`` highest scores, in ascending order; of equals the first win.

    A picture that was not checked, as it was withheld, is never among the best; for None all are.
    """
    if keep is None:
        return tuple(range(len(fidelities)))
    scores = [(-seen.score, place) for place, seen in enumerate(fidelities) if seen is not None]
    return tuple(sorted(place for _, place in sorted(scores)[: max(keep, 0)]))


def _grade(want: Phrase, got: Phrase) -> float:
    """How much of what was asked for this is: 0 for another thing, at most ``WRONG`` if wrong."""
    if want.head != got.head:
        return 0.0
    asked, there = want.amount(got), got.amount(want)
    miscounted = uncounted = False
    if asked is not None and there is not None and asked != there:
        uncounted = there == MANY and asked > 1
        miscounted = not uncounted and not (asked == MANY and there > 1)
    wrong = miscounted + _other_colours(want, got) + _other_kind(want, got)
    if wrong:
        return WRONG**wrong
    # "A sleeping cat" is "a cat sleeping".
    unsaid = (want.details | want.verbs) - (got.details | got.verbs)
    return UNSAID if uncounted or unsaid else 1.0


def _other_colours(want: Phrase, got: Phrase) -> bool:
    return bool(want.colours and got.colours) and want.colours.isdisjoint(got.colours)


def _other_kind(want: Phrase, got: Phrase) -> bool:
    """Whether both cannot be: "palm" and "pine", "angry" and "crying"; not "sunny" and "sandy"."""
    asked, seen = want.kinds, got.kinds
    if not asked - got.verbs or not seen or asked & seen:
        return False
    return not all(map(_LIKE_AN_ADJECTIVE.search, asked | seen))


# -- Sentences ---------------------------------------------------------------------------------


def _one_for_another(missing: list[Phrase], added: list[Phrase]) -> bool:
    return len(missing) == len(added) == 1 and missing[0].is_background == added[0].is_background


def _english(missing: list[Phrase], added: list[Phrase]) -> str:
    also = _listed([_isolated(phrase.with_article) for phrase in added])
    there = f"there {'are' if added and added[0].several else 'is'} {also}"
    if not missing:
        return f"Everything asked for is there{f', and also {also}' if added else ''}."
    if _one_for_another(missing, added):
        return f"Instead of {_isolated(missing[0].with_article)} {there}."
    if len(missing) == 1:
        be = "are" if missing[0].several else "is"
        absent = f"The {_isolated(missing[0].shown)} {be} not visible"
    else:
        absent = f"Not visible: {_listed([_isolated(phrase.shown) for phrase in missing])}"
    return f"{absent}{f'; instead {there}' if added else ''}."


def _listed(names: list[str]) -> str:
    named = names[:MOST_NAMED]
    if len(names) > MOST_NAMED:
        named.append("more")
    return " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))


def _isolated(words: str) -> str:
    """With right-to-left words kept from reordering the sentence around them."""
    foreign = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in words)
    return f"\u2068{words}\u2069" if foreign else words


def _arabic(
    missing: list[Phrase],
    added: list[Phrase],
    arabic: Callable[[str], str] | None,
    *,
    nothing: bool,
) -> str:
    """The list forms begin with ما or a participle used as a noun: right for any gender."""
    absent, there = (_named(phrases, arabic) for phrases in (missing, added))
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


def _named(phrases: list[Phrase], arabic: Callable[[str], str] | None) -> list[str]:
    """The phrases in Arabic, and "and others" after the last that is named; none if one fails."""
    named = []
    for phrase in phrases[:MOST_NAMED]:
        try:
            words = " ".join(clean(arabic(phrase.with_article)).split()) if arabic else ""
        except Exception:  # a hint must not cost the picture, whatever a translator raises
            return []
        words = words.strip(" .،؛!؟")
        letters = [letter for letter in words if letter.isalpha()]
        if not letters or any(not "\u0620" <= letter <= "\u06ff" for letter in letters):
            return []
        named.append(words)
    return [*named, "غيرها"] if len(phrases) > MOST_NAMED else named


def _joined(names: list[str]) -> str:
    """``قارب وليمونتان``; a digit takes a comma, because و is written joined to a word."""
    return names[0] + "".join(
        f" و{name}" if name[0].isalpha() else f"، {name}" for name in names[1:]
    )


def _definite(phrase: Phrase, name: str) -> str | None:
    """``القارب غير ظاهر في الصورة.`` when the noun's gender is beyond doubt."""
    has_article = name.startswith("ال")
    if not re.fullmatch("[\u0621-\u064a]+", name) or phrase.several or not phrase.article:
        return None
    noun = name[2:] if has_article else name
    if has_article != (phrase.article == "the") or noun in _UNSURE:
        return None
    feminine = noun.endswith("ة") or noun in _FEMININE
    if not feminine and noun.endswith(("ا", "ى", "اء", "ات")):
        return None
    return f"ال{noun} غير {'ظاهرة' if feminine else 'ظاهر'} في الصورة."
