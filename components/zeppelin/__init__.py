"""The Zeppelin server, its files, backups and what tidies up after interpreters."""
