"""Everything the page says, in both languages, side by side."""

import re
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

ENGLISH, ARABIC = "en", "ar"


class Word(NamedTuple):
    """One thing the page says; values go where ``{}`` or ``{name}`` stands."""

    en: str
    ar: str


WORDS: Mapping[str, Word] = {
    # The frame of the page.
    "tagline": Word(
        "A picture into words, and words back into pictures.",
        "من الصورة إلى الكلمات، ومن الكلمات إلى صور جديدة.",
    ),
    "studio": Word("Studio", "المرسم"),
    "history": Word("Earlier work", "أعمال سابقة"),
    # Picture and words.
    "picture": Word("Your picture", "صورتك"),
    "examples": Word("Or try one of these", "أو جرّب إحدى هذه الصور"),
    "example_sea": Word("A whale", "حوت"),
    "example_cat": Word("A cat", "قطة"),
    "example_car": Word("A car", "سيارة"),
    "candidates": Word("Other wordings", "صياغات أخرى"),
    "english": Word("English", "الإنجليزية"),
    "arabic": Word("Arabic", "العربية"),
    "english_hint": Word(
        "Describe what should be painted, or drop a picture",
        "صِف بالإنجليزية ما تريد رسمه، أو أضف صورة",
    ),
    "arabic_hint": Word(
        "… or describe it in Arabic",
        "… أو صِفه بالعربية",
    ),
    "sync_from_english": Word("Update from the English", "حدِّث من الإنجليزية"),
    "sync_from_arabic": Word("Update from the Arabic", "حدِّث من العربية"),
    "stale": Word(
        "Out of date: the other text was changed.",
        "لم يعد مطابقًا: تغيّر النص الآخر.",
    ),
    "sent": Word("Sent to the painter", "ما يُرسَل إلى الرسام"),
    "back": Word("Which reads in Arabic", "ومعناه بالعربية"),
    "nothing_sent": Word("Nothing yet.", "لا شيء بعد."),
    "tokens": Word("{} of {} tokens", "الرموز: {} من {}"),
    "cut": Word("Not painted, too long: {}", "لن يُرسم لطول النص: {}"),
    "copy": Word("Copy as alt text", "انسخه نصًا بديلًا"),
    "copy_text": Word("Text", "نص"),
    "copied": Word("Copied.", "نُسخ."),
    # What to paint.
    "number": Word("How many pictures", "عدد الصور"),
    "recipe": Word("Care taken", "مقدار العناية"),
    "draft": Word("Draft", "مسوّدة"),
    "balanced": Word("Balanced", "متوازن"),
    "faithful": Word("Faithful", "متأنٍّ"),
    "paint": Word("Paint", "ارسم"),
    "stop": Word("Stop", "أوقف"),
    "expected": Word("About {} for {}.", "نحو {} لرسم {}."),
    "not_measured": Word(
        "How long it takes here is not known yet.", "لم تُقَس المدة على هذا الجهاز بعد."
    ),
    # Advanced.
    "advanced": Word("Advanced", "خيارات متقدمة"),
    "steps": Word("Steps", "عدد الخطوات"),
    "steps_info": Word(
        "More steps, more detail, more time. Empty: as the care taken asks.",
        "كلما زادت الخطوات زادت التفاصيل والمدة. اتركه فارغًا ليتبع مقدار العناية.",
    ),
    "guidance": Word("Guidance scale", "شدة التوجيه"),
    "guidance_info": Word(
        "How closely the words are followed. Empty: what suits the model.",
        "مدى الالتزام بالكلمات. اتركه فارغًا لاختيار ما يناسب النموذج.",
    ),
    "size": Word("Size", "المقاس"),
    "size_info": Word(
        "Width and height in pixels. The model's own is what it learned.",
        "العرض والارتفاع بالبكسل. مقاس النموذج هو ما تدرّب عليه.",
    ),
    "own_size": Word("The model's own", "مقاس النموذج"),
    "seed": Word("Seed", "البذرة"),
    "seed_info": Word(
        "The same seed paints the same picture again. Empty: chance.",
        "البذرة نفسها تعيد الصورة نفسها. اتركها فارغة للاختيار عشوائيًا.",
    ),
    "negative": Word("Leave out", "ما لا تريده"),
    "negative_info": Word(
        "Things that should not be in the picture, in English.",
        "أشياء لا تريدها في الصورة، بالإنجليزية.",
    ),
    # While it works.
    "reading": Word("Reading the picture…", "أقرأ الصورة…"),
    "translating": Word("Translating…", "أترجم…"),
    "waiting": Word("Waiting for the painter…", "في انتظار الرسام…"),
    "waiting_behind": Word("Waiting: {} before yours.", "في انتظار دورك، وقبلك {}."),
    "painting": Word(
        "Picture {picture} of {pictures}, step {step} of {steps}.",
        "الصورة {picture} من {pictures}، الخطوة {step} من {steps}.",
    ),
    "remaining": Word("About {} left.", "بقي نحو {}."),
    "words_ready": Word("The words are ready.", "الكلمات جاهزة."),
    "done": Word("Done: {}.", "تمّ: {}."),
    "done_without": Word("Done, with no picture to show.", "تمّ، ولا صور لعرضها."),
    "stopped": Word("Stopped; {} kept.", "توقّف العمل، وحُفظ منه: {}."),
    "stopped_without": Word(
        "Stopped before a picture was finished.", "توقّف العمل قبل أن تكتمل أي صورة."
    ),
    "stopping": Word("Stopping after this step…", "سأتوقف بعد هذه الخطوة…"),
    "preview": Word("The picture so far", "الصورة حتى الآن"),
    # The new pictures.
    "pictures": Word("New pictures", "الصور الجديدة"),
    "seed_of": Word("Seed {}", "البذرة {}"),
    "blocked": Word(
        "The picture of seed {} was withheld by the model's safety checker; try another seed.",
        "حجب مرشّح الأمان صورة البذرة {}؛ جرّب بذرة أخرى.",
    ),
    "another_seed": Word("Another seed", "بذرة أخرى"),
    "more": Word("More like this", "صور أخرى مثلها"),
    "same": Word("Same again", "أعدها كما هي"),
    "download": Word("Download all", "نزّل الكل"),
    "restored": Word(
        "Painted by Marsam: its words and settings are back.",
        "رسمها مرسم: عادت كلماتها وإعداداتها.",
    ),
    "example_shown": Word(
        "An example of the bundled mini set. Drop a picture of yours to begin.",
        "مثال من المجموعة المصغّرة المرفقة. أضف صورة من عندك لتبدأ.",
    ),
    # Earlier work.
    "runs": Word("Your earlier work on this machine", "أعمالك السابقة على هذا الجهاز"),
    "no_runs": Word("Nothing yet. What you make is kept here.", "لا شيء بعد. ما تصنعه يُحفظ هنا."),
    "chosen_none": Word("Choose one to open or delete it.", "اختر عملًا لفتحه أو حذفه."),
    "open": Word("Open", "افتح"),
    "delete": Word("Delete", "احذف"),
    "sure": Word(
        "Delete this work and its pictures for good?", "أتريد حذف هذا العمل وصوره نهائيًا؟"
    ),
    "really": Word("Yes, delete", "نعم، احذف"),
    "keep": Word("Keep", "أبقِه"),
    "deleted": Word("Deleted.", "حُذف."),
    # What does the work.
    "about": Word("Models in use", "النماذج المستخدمة"),
    "set_mini": Word("Mini models", "النماذج المصغّرة"),
    "set_standard": Word("Full models", "النماذج الكاملة"),
    "set_custom": Word("Your own models", "نماذج من اختيارك"),
    "why_asked": Word("as asked for", "كما طُلب"),
    "why_here": Word("they are on this machine", "لأنها موجودة على هذا الجهاز"),
    "why_missing": Word(
        "the full models are not on this machine yet", "لأن النماذج الكاملة ليست على هذا الجهاز بعد"
    ),
    "on_cpu": Word("on the processor", "على المعالج"),
    "on_cuda": Word("on the graphics card", "على بطاقة الرسوميات"),
    "on_mps": Word("on the Apple graphics chip", "على شريحة أبل الرسومية"),
    "captioner": Word("Describes", "يصف"),
    "translator": Word("Translates", "يترجم"),
    "painter": Word("Paints", "يرسم"),
    "per_picture": Word("Time per picture", "مدة الصورة الواحدة"),
    "unknown": Word("not measured yet", "لم تُقَس بعد"),
    "knows": Word(
        "The mini models are small and honest about it: they know these things, alone, in pairs, "
        "or two or three of the same, on ten background colours.",
        "النماذج المصغّرة صغيرة ولا تدّعي غير ذلك: تعرف هذه الأشياء، منفردة أو اثنين معًا، "
        "أو اثنين أو ثلاثة من الشيء نفسه، على عشر خلفيات ملونة.",
    ),
    "offer": Word(
        "For any picture and any words, fetch the full models ({} GB). "
        "Stop whenever you like; asked again, it goes on where it stopped.",
        "لأي صورة وأي كلمات، نزّل النماذج الكاملة ({} غيغابايت). "
        "أوقف التنزيل متى شئت، وسيُستأنف من حيث توقّف.",
    ),
    "fetch": Word("Fetch the full models", "نزّل النماذج الكاملة"),
    "fetching": Word("{source}: {done} of {total} GB", "{source}: {done} من {total} غيغابايت"),
    "fetched": Word(
        "The full models are here. Start Marsam again to use them.",
        "النماذج الكاملة جاهزة. أعد تشغيل مرسم لاستخدامها.",
    ),
    "fetch_stopped": Word("Stopped. What arrived is kept.", "توقّف التنزيل، وما وصل محفوظ."),
    # What to do when something is wrong.
    "nothing_given": Word(
        "Drop a picture, or write what should be painted.", "أضف صورة، أو اكتب ما تريد رسمه."
    ),
    "no_picture": Word(
        "This is not a JPEG, PNG or WebP picture, or it is damaged or too large; try another.",
        "هذا الملف ليس صورة JPEG أو PNG أو WebP، أو هو تالف أو كبير جدًا؛ جرّب غيره.",
    ),
    "bad_prompt": Word(
        "The text is empty or too long; write a few words.",
        "النص فارغ أو طويل جدًا؛ اكتب بضع كلمات.",
    ),
    "bad_option": Word(
        "One of the advanced settings is out of range; empty it or change it.",
        "أحد الخيارات المتقدمة خارج الحدود؛ امسحه أو غيّره.",
    ),
    "no_model": Word(
        "A model is missing or damaged; it is fetched again with: marsam models pull standard",
        "أحد النماذج ناقص أو تالف؛ يُعاد تنزيله بالأمر: \u2066marsam models pull standard\u2069",
    ),
    "no_language": Word(
        "The translator in use does not know this language; write in English.",
        "المترجم المستخدم لا يعرف هذه اللغة؛ اكتب بالإنجليزية.",
    ),
    "no_hub": Word(
        "The model hub cannot be reached; try again when you are online.",
        "يتعذّر الوصول إلى مستودع النماذج؛ حاول ثانية حين تتصل بالإنترنت.",
    ),
    "no_cluster": Word(
        "The machines that do the work cannot be reached; try again later.",
        "يتعذّر الوصول إلى الأجهزة التي تؤدي العمل؛ حاول لاحقًا.",
    ),
    "no_memory": Word(
        "There is not enough memory; try a smaller size.",
        "الذاكرة لا تكفي؛ جرّب مقاسًا أصغر.",
    ),
    "too_busy": Word(
        "Too much is waiting already; try again in a little while.",
        "الأعمال المنتظرة كثيرة الآن؛ حاول بعد قليل.",
    ),
    "too_slow": Word(
        "A step took too long and was given up; what is finished is kept.",
        "استغرقت إحدى الخطوات وقتًا أطول من اللازم فأُوقفت، وما انتهى محفوظ.",
    ),
    "disk_full": Word(
        "The disk is full; free some room, and go on.",
        "امتلأ القرص؛ أفرغ بعض المساحة ثم تابع.",
    ),
    "no_run": Word("That work is not here any more.", "لم يعد هذا العمل موجودًا."),
    "no_journal": Word(
        "Your work could not be kept on this machine; check its disk.",
        "تعذّر حفظ عملك على هذا الجهاز؛ تفقّد مساحة القرص.",
    ),
    "went_wrong": Word(
        "Something went wrong; what is finished is kept. Try again.",
        "حدث خطأ ما، وما انتهى محفوظ. حاول ثانية.",
    ),
}


GRADIO: tuple[Word, ...] = (
    Word("Capture from camera", "التقط بالكاميرا"),
    Word("Click to Access Webcam", "اضغط لتشغيل الكاميرا"),
    Word("Close", "أغلق"),
    Word("Empty value", "لا شيء هنا بعد"),
    Word("Exit fullscreen mode", "اخرج من ملء الشاشة"),
    Word("File upload", "رفع ملف"),
    Word("Fullscreen", "ملء الشاشة"),
    Word("More tabs", "تبويبات أخرى"),
    Word("Paste from clipboard", "الصق من الحافظة"),
    Word("Remove Image", "أزل الصورة"),
    Word("Reset to default value", "أعد العدد المعتاد"),
    Word("Thumbnail {} of {}", "الصورة {} من {}"),
    Word("Upload file", "ارفع ملفًا"),
    Word("capture photo", "التقط الصورة"),
    Word("detailed view of selected image", "الصورة المختارة مكبّرة"),
    Word("grant webcam access", "اسمح باستعمال الكاميرا"),
    Word("number input for {}", "{}، رقمًا"),
    Word("range slider for {}", "{}، بالمنزلق"),
)
"""What Gradio's own parts say in English whatever the language, mostly to screen readers."""


def say(key: str, language: str, *values: object, **named: object) -> str:
    """What the page says, as plain text in one language."""
    word = WORDS[key]
    return (word.ar if language == ARABIC else word.en).format(*values, **named)


def both(key: str, *values: object, **named: object) -> str:
    """The same as HTML in both languages, of which the page shows the reader's.

    Values are escaped and isolated; a :class:`Word` takes its own language's form.
    """
    return spans(Word(*(_filled(key, index, values, named) for index in (0, 1))))


def spans(html: Word) -> str:
    """HTML in both languages, of which the page shows the reader's."""
    return f'<span lang="en" dir="ltr">{html.en}</span><span lang="ar" dir="rtl">{html.ar}</span>'


def _filled(key: str, index: int, values: tuple[object, ...], named: dict[str, object]) -> str:
    def isolated(value: object) -> str:
        shown = value[index] if isinstance(value, Word) else value
        return f"<bdi>{escape(str(shown))}</bdi>"

    return escape(WORDS[key][index], quote=False).format(
        *map(isolated, values), **{name: isolated(value) for name, value in named.items()}
    )


def pictures(count: int) -> Word:
    """So many pictures, in good grammar."""
    arabic = {1: "صورة واحدة", 2: "صورتان"}.get(count, f"{count} صور")
    return Word("1 picture" if count == 1 else f"{count} pictures", arabic)


def runs_ahead(count: int) -> Word:
    """So many runs, as the subject of a sentence."""
    few = 3 <= count % 100 <= 10
    many = "أعمال" if few else "عملًا" if count % 100 > 10 else "عمل"
    arabic = {1: "عمل واحد", 2: "عملان"}.get(count, f"{count} {many}")
    return Word(_english(count, "run"), arabic)


def of_pictures(count: int) -> Word:
    """The same where Arabic wants the genitive ("لرسم صورتين")."""
    return Word(pictures(count).en, "صورتين" if count == 2 else pictures(count).ar)


def duration(seconds: float) -> Word:
    """A length of time, rounded as people say it, as the subject of a sentence."""
    if seconds < 90:
        whole = max(1, round(seconds))
        return Word(_english(whole, "second"), _arabic(whole, "ثانية", "ثانيتان", "ثوانٍ"))
    whole = round(seconds / 60)
    return Word(_english(whole, "minute"), _arabic(whole, "دقيقة", "دقيقتان", "دقائق"))


def of_duration(seconds: float) -> Word:
    """The same where Arabic wants the genitive ("نحو دقيقتين")."""
    english, arabic = duration(seconds)
    return Word(english, re.sub("ان$", "ين", arabic))


def _english(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _arabic(count: int, one: str, two: str, few: str) -> str:
    """3 to 10 (and 103 to 110) take the plural; 11 to 99 the singular."""
    if count == 1:
        return f"{one} واحدة"
    if count == 2:
        return two
    return f"{count} {few if 3 <= count % 100 <= 10 else one}"
