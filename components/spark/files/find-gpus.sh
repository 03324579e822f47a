#!/bin/sh
# Says which GPUs this executor has, in the form that Spark reads (spark: docs/configuration.md, discoveryScript). The NVIDIA Container
# Toolkit puts nvidia-smi into the container, which sees the GPUs of its Pod alone.
set -eu
found=$(nvidia-smi --query-gpu=index --format=csv,noheader)
printf '{"name": "gpu", "addresses": [%s]}\n' "$(printf '%s\n' "$found" | sed -e 's/ //g' -e 's/.*/"&"/' | paste -sd, -)"
