"""Reports about the alt texts of documents: for people, for programs, and as SARIF."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from marsam.documents.check import SEVERITIES, Finding, Rule, Severity, check_images
from marsam.documents.document import DocumentImage
from marsam.documents.fill import FilledDocument, FilledImage
from marsam.documents.formats import open_document
from marsam.errors import DocumentError
from marsam.messages import ENGLISH, Message, in_language
from marsam.version import __version__

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
WEBSITE = "https://pypi.org/project/marsam/"
RULE_TITLES: Mapping[Rule, str] = {
    Rule.MISSING: "An image has no alt text",
    Rule.LINK: "A link has an image without alt text as its only content",
    Rule.DRAWING: "A drawing has no text, and is not hidden from screen readers",
    Rule.FILE_NAME: "An alt text is a file name",
    Rule.NO_CONTENT: "An alt text does not say what is shown",
    Rule.LONG: "An alt text is long",
    Rule.LANGUAGE: "An alt text is in another language than its page",
    Rule.DRAFT: "An alt text was written by a model and not reviewed",
    Rule.DECORATIVE: "An image is decorative",
    Rule.BACKGROUND: "An image is the background of an element",
}
"""For services that show SARIF, which are in English."""


@dataclass(frozen=True, kw_only=True)
class DocumentCheck:
    """What was found in one document.

    Attributes:
        path: the document.
        images: how many images it has.
        findings: in their order.
        error: why the document could not be read; None otherwise.
    """

    path: Path
    images: int = 0
    findings: Sequence[Finding] = field(default_factory=tuple)
    error: DocumentError | None = None

    @property
    def fails(self) -> bool:
        """Whether an alt text is missing, or the document could not be read."""
        return self.error is not None or any(
            finding.severity is Severity.ERROR for finding in self.findings
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the messages in English."""
        if self.error is not None:
            return {"path": str(self.path), "error": self.error.en}
        return {
            "path": str(self.path),
            "images": self.images,
            "findings": [
                {
                    "rule": str(finding.rule),
                    "severity": str(finding.severity),
                    "message": finding.message.en,
                    **image_to_dict(finding.image),
                }
                for finding in self.findings
            ],
        }


def check_document(path: Path, *, root: Path | None, max_characters: int) -> DocumentCheck:
    """Check a document's alt texts; an error is part of the result."""
    try:
        images = open_document(path, root=root).images
    except DocumentError as error:
        return DocumentCheck(path=path, error=error)
    findings = tuple(check_images(images, max_characters=max_characters))
    return DocumentCheck(path=path, images=len(images), findings=findings)


def image_to_dict(image: DocumentImage, language: str = ENGLISH) -> dict[str, Any]:
    """An image and its place as plain data for JSON, without what is not known.

    Programs find a part by ``part``; ``part_name`` is for people, in the reader's language.
    """
    context = {name: text for name, text in vars(image.context).items() if text}
    found = {
        "key": image.key,
        "kind": str(image.kind),
        "line": image.line,
        "part": image.part or None,
        "part_name": in_language(image.part_name, language) if image.part_name else None,
        "source": image.source or None,
        "alt": image.alt,
        "language": image.language or None,
        "context": context or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def filled_image_to_dict(one: FilledImage, language: str) -> dict[str, Any]:
    """An image with its draft, or why there is none in the reader's language."""
    found = image_to_dict(one.image, language)
    if one.reason is not None:
        return found | {"reason": in_language(one.reason, language)}
    return found | {"text": one.text} | ({"decorative": True} if one.row.decorative else {})


def filled_to_dict(document: FilledDocument, written: Path | None) -> dict[str, Any]:
    """A filled document as plain data for JSON, with the file that was written."""
    found: dict[str, Any] = {"path": str(document.path), "out": str(written) if written else None}
    if document.error is not None:
        return found | {"error": document.error.en}
    images = [filled_image_to_dict(one, ENGLISH) for one in document.images]
    return found | {"filled": sum("text" in one for one in images), "images": images}


def summary(checks: Iterable[DocumentCheck]) -> Message:
    """One line about all documents."""
    documents = images = unreadable = 0
    counts = Counter[Rule]()
    for check in checks:
        documents += 1
        images += check.images
        unreadable += check.error is not None
        counts.update(finding.rule for finding in check.findings)
    bad = sum(counts[rule] for rule in Rule if SEVERITIES[rule] is Severity.WARNING)
    return Message(
        "Documents: {documents} (unreadable: {unreadable}). Images: {images}; without alt text: "
        "{missing}; with one to look at: {bad}; decorative: {decorative}.",
        documents=documents,
        unreadable=unreadable,
        images=images,
        missing=counts[Rule.MISSING] + counts[Rule.LINK],
        bad=bad,
        decorative=counts[Rule.DECORATIVE],
    )


def sarif(checks: Iterable[DocumentCheck]) -> dict[str, Any]:
    """The findings as SARIF 2.1.0, which services that host code show beside the lines."""
    results, failures = [], []
    for check in checks:
        if check.error is not None:
            failures.append(
                {
                    "level": "error",
                    "message": {"text": check.error.en},
                    "locations": [{"physicalLocation": _file(check.path)}],
                }
            )
        results += [_result(check.path, finding) for finding in check.findings]
    driver = {
        "name": "marsam alt check",
        "version": __version__,
        "informationUri": WEBSITE,
        "rules": [
            {
                "id": str(rule),
                "shortDescription": {"text": title},
                "defaultConfiguration": {"level": str(SEVERITIES[rule])},
            }
            for rule, title in RULE_TITLES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {"executionSuccessful": not failures, "toolExecutionNotifications": failures}
        ],
        "results": results,
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(path: Path, finding: Finding) -> dict[str, Any]:
    image = finding.image
    place: dict[str, Any] = {"physicalLocation": _file(path)}
    if image.line is not None:
        place["physicalLocation"]["region"] = {"startLine": image.line}
    if image.part:
        name = {"name": image.part_name.en} if image.part_name else {}
        place["logicalLocations"] = [{"fullyQualifiedName": image.part} | name]
    named = f" ({image.source})" if image.source else ""
    return {
        "ruleId": str(finding.rule),
        "level": str(finding.severity),
        "message": {"text": f"{finding.message.en}{named}"},
        "locations": [place],
    }


def _file(path: Path) -> dict[str, Any]:
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    return {"artifactLocation": {"uri": uri}}
