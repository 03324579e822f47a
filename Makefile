# gaia-dmp. `make help` lists what there is. Every target makes .venv from the pinned requirements where it is missing or old.
# What is done with a stack is done by the program `gaia`, which .venv/bin has: `.venv/bin/gaia --help`.
STACK ?= dev
BASE ?= origin/main
PLAN ?=
IMAGE ?=
AGAIN ?=
OUT ?=
TREE ?=
SNAPSHOT ?= latest
CONFIRM ?=
URL ?=
NODES ?= 1
NOTE ?=
PYTHON ?= python3
NODE := $(patsubst %,tests/cloud/node/test_%.py,images lifecycle packets pods two_nodes platform interpreters)
PY := .venv/bin/python
GAIA := .venv/bin/gaia

.DEFAULT_GOAL := help
.PHONY: help site preview diff policy images test test-kube test-kube-long test-cloud test-cloud-long cloud-up cloud-down cloud-status node-up node-down node-status test-node test-node-long local doctor drift smoke switch restore destroy lint schema docs pictures bench bench-backends bench-engine bench-kube bench-node bench-scale bench-shares lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'
	@echo "  STACK=<name> chooses the stack (dev), OUT=<folder> where files go"

preview: .venv/.runtime ## the platform of a stack at a glance, checked, offline: STACK=prod; TREE=1 shows every resource; OUT=out writes files
	@$(GAIA) preview $(STACK) $(if $(TREE),--tree) $(if $(OUT),--out $(OUT))

diff: .venv/.runtime ## what the working tree changes, worst first: STACK="dev prod" BASE=origin/main; TREE=1 shows every field; OUT=out writes files; PLAN=plan.json compares the plan of an engine
	@$(GAIA) diff $(STACK) --base $(BASE) $(if $(TREE),--tree) $(if $(PLAN),--plan $(PLAN)) $(if $(OUT),--out $(OUT))

policy: policy/.venv/.whole ## the environment of the policy pack, for `pulumi preview --policy-pack policy`

images: .venv/.runtime ## container images, without a container engine, by root: IMAGE=spark; AGAIN=1 with what Debian has today
	@$(PY) -m images $(if $(AGAIN),--again) $(IMAGE)

test: .venv/.development ## every test that needs only Python
	@$(PY) -m pytest

test-kube: .venv/.development ## tests against a real Kubernetes API server and real Spark drivers; builds them at first (Go, Java, Maven)
	@$(PY) -m tests.cloud.tools
	@$(PY) -m tests.cloud.spark_classes 4.0
	@$(PY) -m pytest tests/cloud -m "not long" -n 3 --dist loadfile --no-loadscope-reorder -rs --ignore=tests/cloud/node

test-kube-long: .venv/.development ## what takes longer there: Spark 3.5, images, limits on Yarn, an MLflow server that is killed, alerts that fire
	@$(PY) -m tests.cloud.tools
	@$(PY) -m tests.cloud.spark_classes 3.5 4.0
	@$(PY) -m pytest tests/cloud -m long -n 3 --dist loadfile --no-loadscope-reorder -rs --ignore=tests/cloud/node

test-cloud: .venv/.development ## tests against real OpenStack services, and by the Pulumi engine where it is on PATH; builds them at first (MariaDB, Ceph, Go)
	@$(PY) -m tests.cloud.openstack.build
	@$(PY) -m pytest tests/openstack tests/engine -m "not long" -n 2 --dist loadfile --no-loadscope-reorder -rs

test-cloud-long: .venv/.development ## what takes longer there: quotas one by one, machines in the place of others, the supervisor of the cloud itself
	@$(PY) -m tests.cloud.openstack.build
	@$(PY) -m pytest tests/openstack tests/engine -m long -n 2 --dist loadfile --no-loadscope-reorder -rs

test-node: .venv/.development ## tests on a real Kubernetes node, whose packets are stopped, some minutes; builds it at first (root, containerd, Go)
	@$(PY) -m tests.cloud.node build
	@$(PY) -m pytest $(or $(TESTS),$(NODE)) -n 0 -rs

test-node-long: .venv/.development ## what takes longer there: shares, disks and nodes that break, upgrades, and a real Zeppelin where ZEPPELIN_HOME names one
	@$(PY) -m tests.cloud.node build
	@$(PY) -m pytest tests/cloud/node $(NODE:%=--ignore=%) -n 0 -rs

doctor: .venv/.runtime ## read-only checks of a stack's real cloud, each with its fix: STACK=prod
	@$(GAIA) doctor $(STACK)

drift: .venv/.runtime ## what is not as the state says, worst first, and days left on certificates; changes nothing: STACK=prod
	@$(GAIA) drift $(STACK)

smoke: .venv/.runtime ## count, cross-match and plot in a notebook, as a person would: STACK=prod URL=http://localhost:8080 behind a port-forward
	@$(GAIA) smoke $(STACK) $(if $(URL),--url $(URL))

switch: .venv/.runtime ## lead the public name to the stack that switch/Pulumi.<STACK>.yaml calls live: STACK=prod
	@$(GAIA) switch $(STACK)

destroy: .venv/.runtime ## take a stack down, and say what is kept: STACK=dev CONFIRM=dev
	@$(GAIA) destroy $(STACK) --confirm "$(CONFIRM)"

restore: .venv/.runtime ## put backed-up notebooks back: STACK=prod SNAPSHOT=latest; SNAPSHOT=list shows what there is
	@$(GAIA) restore $(STACK) --snapshot $(SNAPSHOT)

cloud-up: .venv/.development ## an OpenStack cloud on this machine that stays: seven real services, two projects and one for data
	@$(PY) -m tests.cloud.openstack up

cloud-down: .venv/.development ## end it and forget it
	@$(PY) -m tests.cloud.openstack down

cloud-status: .venv/.development ## what of it runs, and where its logs are
	@$(PY) -m tests.cloud.openstack status

node-up: .venv/.development ## a real Kubernetes node on this machine that stays; NODES=2
	@$(PY) -m tests.cloud.node up --nodes $(NODES)

node-down: .venv/.development ## end it; nothing of it is left
	@$(PY) -m tests.cloud.node down

node-status: .venv/.development ## what of it runs, and where its logs are
	@$(PY) -m tests.cloud.node status

local: .venv/.development ## the whole platform on that cloud, by the Pulumi that is on PATH
	@$(PY) -m tests.cloud.openstack.local

lint: .venv/.development ## ruff, pyright, zizmor, codespell, and Vale over the pages (Go at first)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright
	@.venv/bin/zizmor --quiet --offline --no-progress .github/workflows
	@.venv/bin/codespell
	@$(PY) -m tests.support.words

schema: .venv/.runtime ## JSON Schemas of stack files and of recordings, and the reference page
	@$(PY) -m settings.reference
	@$(PY) -m recording.schema

docs: schema .venv/.development ## the same, the other reference pages, and the gallery of reviews
	@$(PY) -m tests.support.pages
	@$(PY) -m tests.support.gallery

site: .venv/.development ## the documentation as a site, in out/site; a page or a link that leads nowhere is an error (npm at first)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict
	@echo "Written: out/site/index.html"

pictures: .venv/.development ## the dashboards as docs/images/dashboards/*.png, from a real Prometheus (Go, Java, Chromium)
	@$(PY) -m tests.cloud.tools
	@PICTURES=docs/images/dashboards $(PY) -m pytest tests/cloud/test_metrics.py -n 0 -p no:randomly -k "fires or fire or drawn"

bench: .venv/.runtime ## figures as ratios, each against a floor taken in the same run; NOTE=1 appends them to benchmarks/history.csv
	@$(PY) -m benchmarks.preview $(if $(NOTE),--note)

bench-backends: .venv/.development ## the same job on executors of Kubernetes and on containers of Yarn, on a real node (root, containerd, Java, Maven)
	@$(PY) -m tests.cloud.node build
	@$(PY) -m benchmarks.backends

bench-engine: .venv/.development ## how long `pulumi up` takes, on the tests' OpenStack services, by the Pulumi that is on PATH
	@$(PY) -m tests.cloud.openstack.build
	@$(PY) -m benchmarks.engine

bench-kube: .venv/.development ## how soon executors come and go, on the API server of the tests
	@$(PY) -m tests.cloud.tools
	@$(PY) -m benchmarks.on_demand

bench-scale: .venv/.development ## up to 10,000 executors on the API server of the tests, to docs/reference/scale.md
	@$(PY) -m tests.cloud.tools
	@$(PY) -m benchmarks.scale

bench-shares: .venv/.development ## how fast Spark scans Parquet on a real CephFS, against `cat` on the same mount (root, containerd, Ceph)
	@$(PY) -m tests.cloud.node build
	@$(PY) -m benchmarks.shares

bench-node: .venv/.development ## what each Pod needs and how long a person waits, to docs/reference/pod-sizes.md; ZEPPELIN_HOME=<a built Zeppelin 0.12>
	@$(PY) -m tests.cloud.node build
	@$(PY) -m benchmarks.pod_sizes

lock: .venv/.development ## compile requirements*.txt from requirements*.in
	@$(PY) -m uv pip compile -q --universal --python-version 3.11 --no-header requirements.in -o requirements.txt
	@$(PY) -m uv pip compile -q --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
	@$(PY) -m uv pip compile -q --universal --python-version 3.11 --no-header policy/requirements.in -o policy/requirements.txt
	@cd tests/cloud/openstack && ../../../$(PY) -m uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate requirements.in -o requirements.txt
	@cd images/spark && ../../$(PY) -m uv pip compile -q --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --generate-hashes --no-header requirements.in -o requirements.txt
	@cd images/mlflow && ../../$(PY) -m uv pip compile -q --python-version 3.11 --python-platform x86_64-manylinux_2_28 --only-binary :all: --generate-hashes --no-header requirements.in -o requirements.txt

clean: ## remove .venv and caches
	rm -rf .venv policy/.venv .pytest_cache .ruff_cache .hypothesis out

.venv/bin/python:
	@echo "Making .venv ..."
	@$(PYTHON) -m venv .venv

policy/.venv/.whole: policy/requirements.txt
	@echo "Making policy/.venv ..."
	@$(PYTHON) -m venv policy/.venv
	@policy/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r policy/requirements.txt
	@touch $@

.venv/.runtime: requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing requirements.txt ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.development: requirements-dev.txt .venv/.runtime
	@echo "Installing requirements-dev.txt ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
