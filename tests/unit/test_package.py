import subprocess
import sys

import marsam


def test_the_public_names_are_these() -> None:
    # These names are the public API; removing one breaks users' code.
    assert sorted(marsam.__all__) == [
        "ArabicCaption",
        "Cancelled",
        "Caption",
        "CaptionLength",
        "CaptionOptions",
        "Captioned",
        "Captioner",
        "Checked",
        "Device",
        "DocumentError",
        "Event",
        "Fidelity",
        "Finished",
        "HubUnreachable",
        "InputError",
        "LanguageError",
        "MarsamError",
        "ModelDamaged",
        "ModelError",
        "ModelGated",
        "ModelMissing",
        "ModelNotFound",
        "ModelUnsupported",
        "Notice",
        "OptionError",
        "OutOfMemory",
        "PaintOptions",
        "Painted",
        "Painter",
        "Picture",
        "PictureError",
        "Previewed",
        "Prompt",
        "PromptError",
        "PromptLength",
        "Prompted",
        "Recipe",
        "RunOptions",
        "RunResult",
        "Studio",
        "TranslateOptions",
        "Translated",
        "Translation",
        "Translator",
        "__version__",
        "choose_device",
        "open_picture",
    ]
    assert all(hasattr(marsam, name) for name in marsam.__all__)


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, marsam, marsam.cli.main; "
        "print([m for m in ('torch', 'transformers', 'diffusers', 'gradio', 'huggingface_hub', "
        "'sqlalchemy', 'fastapi', 'mcp', 'numpy') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_is_up_without_the_models_and_what_gradio_would_import_in_vain() -> None:
    code = (
        "import inspect, sys; from marsam.ui.gradio_import import import_gradio; import_gradio(); "
        "import gradio, marsam.web.page; "
        "print([m for m in ('torch', 'transformers', 'diffusers', 'pandas', 'IPython', 'mcp') "
        "if m in sys.modules]); "
        "from gradio.caching import pd; import mcp, pandas; "
        "print(pd.DataFrame is pandas.DataFrame, inspect.getfile(gradio.HTML).endswith('html.py'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True True"]


def test_every_error_is_of_the_one_tree() -> None:
    from marsam import errors

    classes = [
        entry
        for entry in vars(errors).values()
        if isinstance(entry, type) and issubclass(entry, Exception)
    ]
    assert all(issubclass(entry, errors.MarsamError) for entry in classes)
    assert errors.__doc__ is not None
    assert all(entry.__name__ in errors.__doc__ for entry in classes)
    import marsam.cluster  # noqa: F401

    assert set(errors.error_classes().values()) == set(classes)
