"""Import Gradio without what no page uses, in half of the time."""

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

UNUSED = ("IPython", "mcp")
"""Packages that Gradio imports if they are installed, for notebooks and for its MCP server."""
_file_of = inspect.getfile


def import_gradio() -> None:
    """Import Gradio, if it is not imported yet; no other thread should import at the time."""
    if "gradio" in sys.modules:
        return
    stand_ins = {"pandas": _imported_when_used("pandas"), **dict.fromkeys(UNUSED)}
    stand_ins = {name: one for name, one in stand_ins.items() if name not in sys.modules}
    sys.modules.update(stand_ins)  # type: ignore[arg-type]  # None is a package that is not there
    inspect.getfile = _file_of_no_component  # type: ignore[assignment]
    try:
        importlib.import_module("gradio")
    finally:
        inspect.getfile = _file_of
        for name in stand_ins:
            del sys.modules[name]


def _imported_when_used(name: str) -> ModuleType:
    """A stand-in for a module, which is imported when one of its attributes is needed."""
    module = ModuleType(name)
    vars(module)["__getattr__"] = lambda one: getattr(importlib.import_module(name), one)
    return module


def _file_of_no_component(of: Any) -> str:
    """Return an object's source file; components have none.

    Gradio parses the source of each component to write a stub file for editors beside it, every
    time that it is imported.
    """
    if type(of).__name__ == "ComponentMeta":
        raise OSError("no stub file is wanted")
    return _file_of(of)
