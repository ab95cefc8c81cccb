"""Run ``marsam.ipynb`` from top to bottom and save it with its new outputs.

``python -m examples.refresh [NOTEBOOK]`` writes to that file, or replaces the notebook itself.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("marsam.ipynb")
SECONDS = 600
"""Time limit of one cell."""
LIVE = "live"
"""Tag of a cell whose output needs the running kernel, and is not saved."""


def refresh(target: Path) -> None:
    """Write the notebook to ``target``, with the outputs of a new run.

    Raises:
        nbclient.exceptions.CellExecutionError: when a cell fails.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    for cell in notebook.cells:
        live = LIVE in cell.metadata.get("tags", ())
        # Warnings on stderr contain paths of this machine.
        kept = [] if live else [o for o in cell.get("outputs", ()) if o.get("name") != "stderr"]
        for output in kept:
            if "image/png" in output.get("data", ()):
                output.data.pop("image/jpeg", None)  # a second copy of the same picture
        if cell.cell_type == "code":
            cell.outputs = kept
    # The Python version differs between machines, and should not change the file.
    notebook.metadata.pop("language_info", None)
    nbformat.write(notebook, target)


if __name__ == "__main__":
    refresh(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK)
