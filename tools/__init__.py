"""Programs for those who carry the project on."""
