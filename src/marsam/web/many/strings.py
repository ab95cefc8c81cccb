"""The text of the tab for many pictures, in both languages side by side."""

from marsam.batch import contact_sheet
from marsam.ui.i18n import Bilingual, Strings, pictures

STRINGS = Strings(
    contact_sheet.STRINGS,
    # Adding pictures.
    drop=Bilingual(
        "Drop pictures, documents or a folder here", "اسحب صورًا أو مستندات أو مجلدًا إلى هنا"
    ),
    choose=Bilingual("Choose pictures", "اختيار صور"),
    choose_documents=Bilingual("Choose documents", "اختيار مستندات"),
    choose_folder=Bilingual("Choose a folder", "اختيار مجلد"),
    about=Bilingual(
        "Each picture gets a description in English and in Arabic, to correct and to download as "
        "alt text. The list has room for {}, and is kept for {} after the last change.",
        "لكل صورة وصف بالعربية وآخر بالإنجليزية، تصحّحهما ثم تنزّلهما نصًا بديلًا. "
        "تتسع القائمة حتى {}، وتُحفظ {} بعد آخر تعديل.",
    ),
    about_documents=Bilingual(
        "A web page, a Word file, slides or an e-book adds its images without alt text, and can be "
        "downloaded with the texts in it.",
        "أضف صفحة ويب أو ملف وورد أو عرضًا تقديميًا أو كتابًا إلكترونيًا، فتُضاف صوره التي ينقصها نص "
        "بديل، ثم نزّله وفيه النصوص.",
    ),
    sending=Bilingual("Sending file {} of {}: {}", "إرسال الملف {} من {}: {}"),
    no_pictures=Bilingual(
        "There is no picture and no document among these files.",
        "لا صورة ولا مستند بين هذه الملفات.",
    ),
    not_pictures=Bilingual(
        "Files that are neither pictures nor documents were left out: {}",
        "تُركت ملفات ليست صورًا ولا مستندات: {}",
    ),
    known=Bilingual("Files that are in the list already: {}", "ملفات موجودة في القائمة من قبل: {}"),
    not_sent=Bilingual("{} was not added: {}", "لم يُضَف الملف {}: {}"),
    complete=Bilingual("No image lacks an alt text in: {}", "لا صورة ينقصها نص بديل في: {}"),
    unreadable=Bilingual(
        "Images of {} that could not be read: {}. If they are beside it, add its whole folder.",
        "صور في {} تعذّرت قراءتها: {}. إن كانت ملفاتها بجانبه فأضف مجلده كله.",
    ),
    foreign=Bilingual(
        "Images of {} in text of another language, which get no alt text: {}",
        "صور في {} وسط نص بلغة أخرى، فلا تُكتب لها نصوص: {}",
    ),
    no_answer=Bilingual(
        "The server does not answer. Your changes are sent as soon as it does.",
        "الخادم لا يستجيب؛ ستُرسل تعديلاتك حين يستجيب.",
    ),
    full=Bilingual(
        "The list is full: it has room for {} and two gigabytes. Download it, then delete it to "
        "begin another one.",
        "امتلأت القائمة: حدّها {} وغيغابايتان. نزّلها ثم احذفها لتبدأ غيرها.",
    ),
    no_space=Bilingual(
        "Too many lists are kept on this server. Try again tomorrow.",
        "القوائم المحفوظة على هذا الخادم كثيرة جدًا؛ حاول غدًا.",
    ),
    gone=Bilingual(
        "This picture or its list was removed on another page.",
        "أُزيلت هذه الصورة أو قائمتها في صفحة أخرى.",
    ),
    # Describing them.
    stop=Bilingual("Stop", "إيقاف"),
    stopping=Bilingual("Stopping after this picture…", "سيتوقف العمل بعد هذه الصورة…"),
    resume=Bilingual("Resume", "استئناف"),
    waiting=Bilingual("Waiting", "في الانتظار"),
    # The rows.
    english=Bilingual("English", "الإنجليزية"),
    arabic=Bilingual("Arabic", "العربية"),
    long=Bilingual("Longer than {} characters", "أطول من {} حرفًا"),
    show=Bilingual("Show", "عرض"),
    remove=Bilingual("Remove from the list", "إزالة من القائمة"),
    really_remove=Bilingual("Remove?", "أتزيلها؟"),
    removed=Bilingual("Removed from the list: {}", "أُزيلت من القائمة: {}"),
    removed_document=Bilingual(
        "Removed from the list: {}. Its pictures are still in it.",
        "أُزيل من القائمة: {}. وبقيت صوره فيها.",
    ),
    have_text=Bilingual("Images with a text: {} of {}", "صور لها نص: {} من {}"),
    marked=Bilingual(
        "In the downloaded documents, texts that you have not reviewed begin with "
        "“Described by a model:”.",
        "في المستندات المنزّلة تبدأ النصوص التي لم تراجعها بعبارة «وصف آلي:».",
    ),
    keys=Bilingual(
        "Ctrl+Enter in a text marks the picture as reviewed and goes to the next one. Alt text "
        "reads best with at most {} characters.",
        "‏Ctrl+Enter داخل النص يعلّم الصورة «رُوجعت» وينتقل إلى التالية. أفضل نص بديل ما "
        "لم يزد على {} حرفًا.",
    ),
    all_reviewed=Bilingual("All pictures are reviewed.", "رُوجعت الصور كلها."),
    # What can be done with the list.
    download=Bilingual("Download", "تنزيل"),
    csv=Bilingual("CSV table", "جدول CSV"),
    xlsx=Bilingual("Excel", "إكسل"),
    html=Bilingual("Web page", "صفحة ويب"),
    sidecars=Bilingual("Text files", "ملفات نصية"),
    documents=Bilingual("Documents", "المستندات"),
    delete=Bilingual("Delete the list", "حذف القائمة"),
    delete_question=Bilingual(
        "Delete this list with its pictures and texts permanently?",
        "أتريد حذف هذه القائمة بصورها ونصوصها نهائيًا؟",
    ),
    confirm=Bilingual("Yes, delete", "تأكيد الحذف"),
    cancel=Bilingual("Cancel", "إلغاء"),
    deleted=Bilingual("The list is deleted.", "حُذفت القائمة."),
)


def described(done: int, total: int) -> Bilingual:
    """How many pictures are described."""
    arabic = f"وُصفت {pictures(done).ar} من {total}" if done else f"لم تُوصف بعد أي صورة من {total}"
    return Bilingual(f"{done} of {total} described.", f"{arabic}.")


def left(count: int) -> Bilingual:
    """How many pictures wait, after a stop."""
    verb = "is" if count == 1 else "are"
    return Bilingual(f"{pictures(count).en} {verb} left.", f"بقيت {pictures(count).ar}.")


def days(count: int) -> Bilingual:
    """A number of days from 11 to 99, as after a verb."""
    return Bilingual(f"{count} days", f"{count} يومًا")
