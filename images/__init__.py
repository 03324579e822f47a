"""Container images, made from Debian's packages, wheels and jars without a container engine. `python -m images` builds them."""
