# Zyphos Lab: every command sets up what it needs first (see .ci/setup.sh) and is quick when nothing
# has changed. ARGS="..." is handed on to the program that is run.
.DEFAULT_GOAL := help
.PHONY: help run build test asan tsan fuzz bench lint format docs report keep clean
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
FUZZ_S ?= 30
FUZZ_ONLY ?= .

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: ## set up, build, and run experiments/tcp_nodelay.yaml
	@.ci/setup.sh release
	$(BIN)/zyphos-lab run experiments/tcp_nodelay.yaml $(ARGS)

build: ## set up and build, nothing else
	@.ci/setup.sh release

test: ## set up, build, and pass the tests
	@.ci/setup.sh release
	$(PYTEST) $(ARGS)

asan: ## the native tests and programs under AddressSanitizer and UBSan
	@.ci/setup.sh release asan
	@.ci/sanitized.sh asan $(ARGS)

tsan: ## the native tests and programs under ThreadSanitizer
	@.ci/setup.sh release tsan
	@.ci/sanitized.sh tsan $(ARGS)

fuzz: ## every fuzzer for FUZZ_S (30) seconds, with clang 19; FUZZ_ONLY=REGEX: those
	@.ci/setup.sh fuzz
	@.ci/fuzz.sh $(FUZZ_S) $(FUZZ_ONLY)

bench: ## every Google Benchmark program, then the load generator beside wrk
	@.ci/setup.sh release
	@for program in build/release/bench/*_bench; do "$$program" $(ARGS); done
	@$(BIN)/python .ci/bench_load.py

lint: ## layout, ruff, mypy --strict, clang-tidy
	@.ci/setup.sh release lint
	@.ci/lint.sh check

format: ## apply clang-format and ruff
	@.ci/setup.sh lint
	@.ci/lint.sh format

docs: ## docs/ from the program itself: the schema and the commands
	@.ci/setup.sh release
	@$(BIN)/python .ci/docs.py

report: ## every report in results/ anew, verified, and the index over them
	@.ci/setup.sh release
	@.ci/report.sh

keep: ## ARGS="RUN...": verify and seal runs, and stage them as reference results
	@.ci/setup.sh release
	@$(BIN)/python .ci/keep.py $(ARGS)

clean: ## remove what was built (.venv and results stay)
	rm -rf build
