"""A folder of pictures described in both languages, as tables, pages and sidecars."""
