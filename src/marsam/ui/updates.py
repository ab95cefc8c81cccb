"""Updates of Gradio components: a dictionary from a component to its new value."""

from typing import Any

Update = dict[Any, Any]
"""New values of components, by component."""


def merge(*updates: Update) -> Update:
    """Several updates as one; ``gr.update`` values of the same component are combined."""
    merged: Update = {}
    for update in updates:
        for component, value in update.items():
            before = merged.get(component)
            combine = isinstance(before, dict) and isinstance(value, dict)
            merged[component] = before | value if combine else value
    return merged
