"""`gaia`: one command-line program. This package parses, prints and chooses exit codes; the work is done by the other packages."""
