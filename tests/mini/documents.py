"""Runs the fenced blocks of documents in order, in a temporary folder and one terminal."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.mini.terminal import Terminal

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", ROOT / "README.ar.md", *sorted((ROOT / "docs").glob("*.md")))
EXAMPLES = ROOT / "src" / "marsam" / "web" / "examples"
ADDRESS = "http://127.0.0.1:7860"

RUN = {"sh", "python", "javascript", "json"}
"""Languages of blocks that are run. JSON is compared with the output of the block before it.

The ``javascript`` blocks of a document are one program, which runs after everything else.
"""
SHOWN = {"nginx", "text", "toml", "yaml", "powershell"}
"""Languages of blocks that are not run. ``text`` must be the output of the block before it."""
PROGRAMS = {
    *("marsam", "make", "curl", "mkdir", "cp", "cat", "printf", "export", "openssl", ".", "(umask")
}
"""Programs that a line of ``sh`` may start with. ``make`` runs with ``--dry-run``."""

NOT_HERE = {
    r"marsam models (pull|verify) (standard|free|[\w-]+/)": "the hub; tests/hub has one of its own",
    r"marsam (run|translate) .*--translator (facebook|Helsinki-NLP)/": "a model of the hub",
    r"marsam caption .*--captioner Qwen/": "a model of the hub",
    r"marsam paint .*--painter black-forest-labs/": "a model of the hub",
    r"marsam (paint|serve) .*--lora ": "a LoRA; tests/mini/test_lora",
    r"marsam run .*--models free": "models of the hub",
    r"marsam (paint|run|batch) .*--style ": "a painter that knows styles; tests/mini/test_styles",
    r"marsam paint .*--from fr": "a language that the mini set does not know",
    r"^cp -rL ~/.cache/huggingface": "the same models",
    r"marsam (serve|batch) .*--cluster": "a cluster; tests/cluster starts one",
    r"^(ray|serve) ": "a cluster",
    r"^export RAY_": "a cluster",
    r"^(uv )?pip (install|wheel) ": "PyPI; the extras it names are looked up",
    r"^(uv (venv|tool) ?|python3 -m venv |\. marsam-env/|cd marsam$)": "a new environment",
    r"^python tools/pin.py$": "the hub; tests/hub/test_manifest",
    r"^docker ": "an engine",
    r"^(git|hf) ": "a remote repository",
    r"^cp upload/space/README.md": "the same; tests/service/test_space does it",
}
"""Lines of ``sh`` that cannot run in a test, and what they need or what tests them instead.

The commands and options of ``marsam`` in them are still checked.
"""
PYTHON_NOT_HERE = {
    "cluster_studio(": "a cluster; tests/cluster starts one",
    'translator="facebook/m2m100_418M"': "a model of the hub",
}
"""The same for Python blocks, by a text they contain. They must compile."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    document: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    # In a list, a fence is indented.
    found = re.finditer(r"^( *)```([^\n]*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [
        Block(document, text.count("\n", 0, match.start()) + 1, match[2], dedent(match[3]))
        for match in found
    ]


def statements(script: str) -> list[str]:
    """The commands of a shell script: lines, with what continues them and their documents."""
    found: list[str] = []
    end = None
    for line in script.splitlines():
        if end is not None or (found and _continues(found[-1])):
            found[-1] += f"\n{line}"
            end = None if line == end else end
            continue
        if not line.strip() or line.startswith("#"):
            continue
        found.append(re.sub(r"\s+#\s.*$", "", line))
        if here := re.search(r"<<'(\w+)'", line):
            end = here[1]
    return found


def _continues(statement: str) -> bool:
    return statement.endswith("\\") or statement.count("(") > statement.count(")")


def reason(statement: str) -> str | None:
    """Why a command cannot run here."""
    return next((why for rule, why in NOT_HERE.items() if re.search(rule, statement)), None)


def check_unrun(statement: str) -> None:
    """Check that the options of ``marsam`` and the extras in a command exist."""
    for words in re.findall(r"(?:^| )marsam ((?!marsam)[a-z].*)", statement):
        _options_exist(words.split())
    if "pip " in statement:
        known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        for extras in re.findall(r"\[([\w,]+)\]", statement):
            assert set(extras.split(",")) <= set(known["project"]["optional-dependencies"])


def _options_exist(words: list[str]) -> None:
    import typer

    from marsam.cli.main import app

    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known, words


@dataclass
class Reader:
    """Runs a document block by block, as a reader would.

    Attributes:
        document: the Markdown file.
        folder: the working folder, with the files that the documents expect.
        terminal: runs ``marsam`` in one process.
        service: returns the address of a running ``marsam serve``.
        printed: the output of the last block, if it ran.
        exported: the ``export`` commands so far.
        run: the ID of an interrupted run, made when first needed.
        javascript: the blocks read so far.
        log: all output.
    """

    document: Path
    folder: Path
    terminal: Terminal
    service: Callable[[], str]
    printed: str | None = None
    exported: list[str] = field(default_factory=list)
    run: str = ""
    javascript: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clone = self.folder / "src" / "marsam" / "web" / "examples"
        clone.mkdir(parents=True)
        for picture in EXAMPLES.glob("*.png"):
            shutil.copy(picture, clone)
        shutil.copy(EXAMPLES / "car.png", self.folder / "photo.png")
        if "mkdir photos" not in self.document.read_text(encoding="utf-8"):
            shutil.copytree(clone, self.folder / "photos")
        (self.folder / ".venv" / "bin").mkdir(parents=True)
        (self.folder / ".venv" / "bin" / "activate").touch()  # the terminal knows marsam already
        (self.folder / "keys.txt").write_text("0123456789abcdef\nfedcba9876543210\n")
        own = self.folder / "models" / "my-painter"
        shutil.copytree(ROOT / "src" / "marsam" / "mini" / "painter", own)

    def read(self, block: Block) -> None:
        """Run one block, or compare it with the output before it."""
        if block.kind == "sh":
            self._type(block)
        elif block.kind == "python":
            self._run(block)
        elif block.kind == "javascript":
            self.javascript.append(block.text)
            self.printed = None
        elif block.kind == "json":
            expected = json.loads(block.text)
            if self.printed is not None:
                assert _shape(expected) == _shape(json.loads(self.printed)), block
            self.printed = None
        else:
            if block.kind == "text" and self.printed is not None:
                wanted = ".*".join(map(re.escape, block.text.strip().split("…")))
                got = self.printed.strip()
                assert re.fullmatch(wanted, got, re.DOTALL), f"{block} printed:\n{got}"
            self.printed = None

    def finish(self) -> None:
        """Run the JavaScript of the document."""
        if not self.javascript:
            return
        script = "\n".join(self.javascript).replace(ADDRESS, self.service())
        done = subprocess.run(
            [_node(), "--input-type=module", "-"],
            cwd=self.folder,
            env=self.terminal.environment(self.folder),
            input=script,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{self.document.name}: {done.stdout}\n{done.stderr}"
        self.log.append(done.stdout)

    def _type(self, block: Block) -> None:
        printed = []
        for statement in statements(block.text):
            if reason(statement) is not None:
                check_unrun(statement)
                continue
            first = re.sub(r"^(\w+=(\$\([^)]*\)|\S*) )+", "", statement).split()[0]
            assert first in PROGRAMS, f"{block}: {first} is neither run nor excused"
            command = self._filled(statement, first)
            done = subprocess.run(
                ["bash", "-c", "\n".join(["set -eo pipefail", *self.exported, command])],
                cwd=self.folder,
                env=self.terminal.environment(self.folder),
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, f"{block}: {command}\n{done.stdout}\n{done.stderr}"
            printed.append(done.stdout)
            if first == "export":
                self.exported.append(statement)
        self.printed = "".join(printed) if printed else None
        self.log += printed

    def _filled(self, statement: str, program: str) -> str:
        """Return the command with a real address and run ID instead of the placeholders."""
        if program == "curl":
            address = self.service()
            if re.search(r"\bRUN\b", statement):
                statement = re.sub(r"\bRUN\b", self.terminal.latest(address), statement)
            return f"{statement.replace(ADDRESS, address)} --fail --silent --show-error"
        if program == "marsam" and re.search(r"\bRUN\b", statement):
            self.run = self.run or self.terminal.interrupted(self.folder)
            statement = re.sub(r"\bRUN\b", self.run, statement)
        return statement.replace(" DIR", " exported")

    def _run(self, block: Block) -> None:
        compile(block.text, str(block), "exec")
        self.printed = None
        if any(rule in block.text for rule in PYTHON_NOT_HERE):
            return
        text = block.text
        if ADDRESS in text:
            text = text.replace(ADDRESS, self.service())
        self.printed = self.terminal.python(self.folder, text, str(block))
        self.log.append(self.printed)


def _node() -> str:
    """Node.js: the installed one, or the one that Playwright brings along."""
    import playwright

    return shutil.which("node") or str(Path(playwright.__file__).parent / "driver" / "node")


def _shape(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _shape(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_shape(value) for value in data]
    return type(data).__name__


def every_statement() -> Iterator[str]:
    """The commands of all documents."""
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.kind == "sh":
                yield from statements(block.text)
