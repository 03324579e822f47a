"""The namespace in which notebooks compute: its rights and admission, and everything in it besides interpreters."""
