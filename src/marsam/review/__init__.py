"""The review page: correct and approve the captions of a batch table."""
