"""The studio as a web page."""
