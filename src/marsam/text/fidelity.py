"""Prompt adherence: compare the caption of a painted picture with its prompt, without a model."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from marsam.text.cleaning import clean
from marsam.text.noun_phrases import PLURAL, NounPhrase, noun_phrases, word_set

MISMATCH_CREDIT = 0.5  # for the right noun with a wrong number, colour or type
OMISSION_CREDIT = 0.85  # for a noun whose modifiers or exact number the caption does not mention
ADDITION_WEIGHT = 0.1  # of a phrase that only the caption has; a phrase of the prompt weighs 1
BACKGROUND_WEIGHT = 0.5  # of a background in the prompt
MAX_NAMED = 4  # phrases in a sentence

_LIKE_AN_ADJECTIVE = re.compile(r"..(?:y|en|ful|ous|al|ish|ed)$")

# Feminine Arabic nouns without a feminine ending.
_FEMININE = word_set("""
شمس نار أرض سماء يد عين أذن قدم ساق بئر دار نفس ريح حرب بنت أخت أم عروس فرس عصا فأس كأس كف سن ذراع
إصبع كتف ضبع عقرب قدر كاميرا بيتزا أفعى حلوى صحراء
""")
# Either gender, or a letter is dropped without the article.
_GENDER_UNSURE = word_set("عجوز قاض محام واد ناد راع رام طاه هاو حاو مغن ماش داع وال خليفة داعية")


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How well a painted picture matches its prompt; no more reliable than its caption.

    Attributes:
        score: 0 to 1; 1 when the caption has everything in the prompt and nothing more.
        missing: phrases of the prompt that the caption lacks or contradicts ("red apple").
        added: phrases of the caption that are not in the prompt.
        caption: the English caption of the picture.
        en: the result in one English sentence.
        ar: the result in Arabic.
    """

    score: float
    missing: tuple[str, ...]
    added: tuple[str, ...]
    caption: str
    en: str
    ar: str

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that JSON can hold."""
        lists = {"missing": list(self.missing), "added": list(self.added)}
        return {**vars(self), "score": round(self.score, 4), **lists}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Fidelity":
        """Restore what :meth:`to_dict` returned."""
        return cls(**data | {name: tuple(data[name]) for name in ("missing", "added")})


def compare(
    prompt: str, caption: str, *, style: str = "", arabic: Callable[[str], str] | None = None
) -> Fidelity:
    """Compare an English prompt with the English caption of its picture.

    The score is the sum of the credits of the prompt's phrases, divided by the number of these
    phrases plus a tenth of each addition; a background counts half. A prompt without noun phrases
    scores 1.

    Args:
        prompt: the prompt of the painter.
        caption: the caption of the picture.
        style: words about how it was to be painted ("a clay model of"); their phrases are no
            additions.
        arabic: translates an English phrase ("a boat") into Arabic ("قارب"). Without it, or if it
            fails or returns letters of another script, the Arabic sentence names no phrase.
    """
    prompt_phrases, caption_phrases = noun_phrases(prompt), noun_phrases(caption)
    if not prompt_phrases:
        return Fidelity(
            score=1.0,
            missing=(),
            added=(),
            caption=clean(caption),
            en="The prompt names nothing that can be checked.",
            ar="ليس في الطلب ما يمكن التحقق منه.",
        )
    matches = sorted(
        (-_credit(wanted, seen), i, j)
        for i, wanted in enumerate(prompt_phrases)
        for j, seen in enumerate(caption_phrases)
    )
    best_credits = [0.0] * len(prompt_phrases)
    unmatched = set(range(len(caption_phrases)))
    mismatched: set[int] = set()
    for minus_credit, i, j in matches:  # greedy: the best pairs first
        if minus_credit and not best_credits[i] and j in unmatched:
            best_credits[i] = -minus_credit
            unmatched.remove(j)
            if best_credits[i] <= MISMATCH_CREDIT:
                mismatched.add(j)
    # Every picture has a background, so an unrequested one is no addition.
    expected = {phrase.head for phrase in noun_phrases(style)}
    unmatched = {
        j
        for j in unmatched
        if not caption_phrases[j].is_background and caption_phrases[j].head not in expected
    }
    scored = list(zip(prompt_phrases, best_credits, strict=True))
    missing = [phrase for phrase, credit in scored if credit <= MISMATCH_CREDIT]
    added = [caption_phrases[j] for j in sorted(unmatched | mismatched)]
    weights = [BACKGROUND_WEIGHT if phrase.is_background else 1.0 for phrase in prompt_phrases]
    total = sum(weight * credit for weight, credit in zip(weights, best_credits, strict=True))
    return Fidelity(
        score=total / (sum(weights) + ADDITION_WEIGHT * len(unmatched)),
        missing=tuple(phrase.without_article for phrase in missing),
        added=tuple(phrase.without_article for phrase in added),
        caption=clean(caption),
        en=_english(missing, added),
        ar=_arabic(missing, added, arabic, nothing=not any(best_credits)),
    )


def best_indices(fidelities: Sequence[Fidelity | None], keep: int | None) -> tuple[int, ...]:
    """The indices of the ``keep`` highest scores, in ascending order; all of them for None.

    Of equal scores the first wins. A picture without a check (None) is never among the best.
    """
    if keep is None:
        return tuple(range(len(fidelities)))
    ranked = sorted((-one.score, index) for index, one in enumerate(fidelities) if one is not None)
    return tuple(sorted(index for _, index in ranked[: max(keep, 0)]))


def _credit(wanted: NounPhrase, seen: NounPhrase) -> float:
    """How well two phrases match: 0 for different nouns, ``MISMATCH_CREDIT`` or less if wrong."""
    if wanted.head != seen.head:
        return 0.0
    wanted_count, seen_count = wanted.count_with(seen), seen.count_with(wanted)
    miscounted = uncounted = False
    if wanted_count is not None and seen_count is not None and wanted_count != seen_count:
        uncounted = seen_count == PLURAL and wanted_count > 1
        miscounted = not uncounted and not (wanted_count == PLURAL and seen_count > 1)
    errors = miscounted + _colours_differ(wanted, seen) + _types_differ(wanted, seen)
    if errors:
        return MISMATCH_CREDIT**errors
    # "A sleeping cat" is "a cat sleeping".
    omitted = (wanted.modifiers | wanted.verbs) - (seen.modifiers | seen.verbs)
    return OMISSION_CREDIT if uncounted or omitted else 1.0


def _colours_differ(wanted: NounPhrase, seen: NounPhrase) -> bool:
    return bool(wanted.colours and seen.colours) and wanted.colours.isdisjoint(seen.colours)


def _types_differ(wanted: NounPhrase, seen: NounPhrase) -> bool:
    """Whether the types exclude each other: "palm" and "pine", but not "sunny" and "sandy"."""
    if not wanted.types - seen.verbs or not seen.types or wanted.types & seen.types:
        return False
    return not all(map(_LIKE_AN_ADJECTIVE.search, wanted.types | seen.types))


# -- Sentences ---------------------------------------------------------------------------------


def _is_replacement(missing: list[NounPhrase], added: list[NounPhrase]) -> bool:
    return len(missing) == len(added) == 1 and missing[0].is_background == added[0].is_background


def _english(missing: list[NounPhrase], added: list[NounPhrase]) -> str:
    also = _english_list(added)
    there = f"there {'are' if added and added[0].is_plural else 'is'} {also}"
    if not missing:
        return f"Everything in the prompt is visible{f', and also {also}' if added else ''}."
    if _is_replacement(missing, added):
        return f"Instead of {_english_list(missing)} {there}."
    if len(missing) == 1:
        be = "are" if missing[0].is_plural else "is"
        absent = f"The {_bidi_isolate(missing[0].without_article)} {be} not visible"
    else:
        absent = f"Not visible: {_english_list(missing)}"
    return f"{absent}{f'; instead {there}' if added else ''}."


def _english_list(phrases: list[NounPhrase]) -> str:
    """``a boat, two lemons and more``: ``MAX_NAMED`` phrases at most."""
    names = [_bidi_isolate(phrase.with_article) for phrase in phrases[:MAX_NAMED]]
    if len(phrases) > MAX_NAMED:
        names.append("more")
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _bidi_isolate(text: str) -> str:
    """Isolate right-to-left text, so that it does not reorder the English around it."""
    rtl = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in text)
    return f"\u2068{text}\u2069" if rtl else text


def _arabic(
    missing: list[NounPhrase],
    added: list[NounPhrase],
    arabic: Callable[[str], str] | None,
    *,
    nothing: bool,
) -> str:
    """The sentence in Arabic; in front of a list the verb stays masculine, right for any gender."""
    absent, present = (_arabic_names(phrases, arabic) for phrases in (missing, added))
    if set(absent) & set(present):  # two English words with one Arabic name, such as ship and boat
        absent, present = [], []
    if not missing:
        more = f"أيضًا: {_arabic_list(present)}" if present else "أيضًا ما لم يُطلب"
        return f"كل ما طُلب ظاهر في الصورة{f'، وفيها {more}' if added else ''}."
    if not absent or (added and not present):
        part = "لم يظهر في الصورة شيء مما طُلب" if nothing else "بعض ما طُلب غير ظاهر في الصورة"
        return f"{part}{'، وفيها ما لم يُطلب' if added else ''}."
    if _is_replacement(missing, added):
        return f"المطلوب: {absent[0]}، والظاهر: {present[0]}."
    if len(missing) == 1 and not added and (sentence := _definite(missing[0], absent[0])):
        return sentence
    instead = f" وظهر فيها بدل ذلك: {_arabic_list(present)}." if added else ""
    return f"غاب عن الصورة: {_arabic_list(absent)}.{instead}"


def _arabic_names(phrases: list[NounPhrase], arabic: Callable[[str], str] | None) -> list[str]:
    """``MAX_NAMED`` phrases in Arabic, then "and others" for the rest; empty if one fails."""
    names = []
    for phrase in phrases[:MAX_NAMED]:
        try:
            name = " ".join(clean(arabic(phrase.with_article)).split()) if arabic else ""
        except Exception:  # whatever a translator raises, the picture itself is good
            return []
        name = name.strip(" .،؛!؟")
        letters = [letter for letter in name if letter.isalpha()]
        if not letters or any(not "\u0620" <= letter <= "\u06ff" for letter in letters):
            return []
        if name not in names:
            names.append(name)
    return [*names, "غيرها"] if len(phrases) > MAX_NAMED else names


def _arabic_list(names: list[str]) -> str:
    """``قارب وليمونتان``; a digit takes a comma, because و is written joined to a word."""
    return names[0] + "".join(
        f" و{name}" if name[0].isalpha() else f"، {name}" for name in names[1:]
    )


def _definite(phrase: NounPhrase, name: str) -> str | None:
    """``القارب غير ظاهر في الصورة.`` when the gender of the noun is certain, otherwise None."""
    has_article = name.startswith("ال")
    if not re.fullmatch("[\u0621-\u064a]+", name) or phrase.is_plural or not phrase.article:
        return None
    noun = name[2:] if has_article else name
    if has_article != (phrase.article == "the") or noun in _GENDER_UNSURE:
        return None
    feminine = noun.endswith("ة") or noun in _FEMININE
    if not feminine and noun.endswith(("ا", "ى", "اء", "ات")):
        return None
    return f"ال{noun} غير {'ظاهرة' if feminine else 'ظاهر'} في الصورة."
