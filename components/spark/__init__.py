"""Where notebooks compute: the namespace, its rights and admission, and what stands beside interpreters there."""
