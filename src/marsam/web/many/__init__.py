"""The page's tab for many pictures: a batch whose rows are reviewed while they are made."""
