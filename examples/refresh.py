"""Run ``marsam.ipynb`` from top to bottom and save it with the new outputs.

``python -m examples.refresh [NOTEBOOK]`` writes to NOTEBOOK, by default to ``marsam.ipynb``.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("marsam.ipynb")
CELL_TIMEOUT_S = 600
LIVE_TAG = "live"
"""The tag of cells whose output is useless without a running kernel."""


def refresh(target: Path) -> None:
    """Run the notebook and write it with its outputs to ``target``.

    Raises:
        nbclient.exceptions.CellExecutionError: when a cell fails.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    for cell in notebook.cells:
        live = LIVE_TAG in cell.metadata.get("tags", ())
        # Without stderr: warnings of libraries contain local paths.
        outputs = [] if live else [o for o in cell.get("outputs", ()) if o.get("name") != "stderr"]
        for output in outputs:
            if "image/png" in output.get("data", ()):
                output.data.pop("image/jpeg", None)  # the same picture
        if cell.cell_type == "code":
            cell.outputs = outputs
    # Without the Python version, so that the file does not depend on the machine.
    notebook.metadata.pop("language_info", None)
    nbformat.write(notebook, target)


if __name__ == "__main__":
    refresh(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK)
