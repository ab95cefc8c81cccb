"""The Arabic caption that a captioner wrote itself, beside the translated one."""

from markupsafe import Markup

from marsam.ui.html import EMPTY, join, paragraph
from marsam.ui.i18n import Bilingual, Strings

STRINGS = Strings(
    native=Bilingual("The captioner's own Arabic caption: {}", "الوصف العربي المباشر: {}"),
    agreement=Bilingual(
        "Agreement with the English caption: {} %", "توافقه مع الوصف الإنجليزي: {}٪"
    ),
    use_native=Bilingual("Use it as the Arabic text", "استعماله نصًا عربيًا"),
)


def native_caption(text: str | None, agreement: float | None) -> Markup:
    """The caption, and how far it names what the English one names; nothing where it is empty."""
    if not text:
        return EMPTY
    # No span: of those in two languages, pages hide the one that is not the reader's.
    arabic = Markup('<bdi lang="ar" class="words">{}</bdi>').format(text)
    lines = [paragraph(STRINGS.html("native", arabic))]
    if agreement is not None:
        lines.append(paragraph(STRINGS.html("agreement", round(100 * agreement))))
    return join(lines)
