"""Storage of runs: database, files, ownership and retention. Knows no studio."""
