"""Spark on Yarn, the fall-back: the configuration of Yarn and of Spark."""
