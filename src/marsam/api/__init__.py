"""The workflow over HTTP."""
