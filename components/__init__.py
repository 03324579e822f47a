"""The parts of the platform, one ComponentResource per file, each spelt as its class."""
