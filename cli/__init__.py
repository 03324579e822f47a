"""`gaia`: one command-line program. It holds parsing, printing choices and exit codes; what is done with a stack stands in other rooms."""
