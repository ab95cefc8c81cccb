"""The workflow over HTTP. FastAPI is imported only by the modules in here."""
