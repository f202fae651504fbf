# Two commands do all the set-up they need, on a bare Debian with Python 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: demo test lint docs pictures fonts chromium java lock clean

demo: $(VENV)/.ready fonts
	$(BIN)/tidegauge demo -o demo

test: $(VENV)/.ready-test fonts chromium java lint
	$(BIN)/pytest -n 2 --dist loadscope

lint: $(VENV)/.ready-test
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

docs: $(VENV)/.ready-test
	$(BIN)/python -m tidegauge.schema > docs/tables.md

pictures: $(VENV)/.ready-test fonts chromium
	$(BIN)/python docs/pictures.py

# Chinese in charts and decks needs a Chinese font.
fonts:
	@fc-list 2>/dev/null | grep -qi "noto.*cjk" || { command -v apt-get >/dev/null && [ -n "$(SUDO)" -o "$$(id -u)" = 0 ] \
	  && $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq fonts-noto-cjk fontconfig >/dev/null; } \
	  || echo "note: no Chinese font found; pictures may lack Chinese (install Noto Sans CJK)"

# The page is tried in a real browser, and the docs' pictures are taken with it.
chromium:
	@command -v chromium >/dev/null || { command -v apt-get >/dev/null \
	  && $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq chromium >/dev/null; } \
	  || echo "note: no chromium; the page's browser tests are skipped"

# The second engine's tests need Java; without it they are skipped.
java:
	@command -v java >/dev/null || { command -v apt-get >/dev/null \
	  && $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq openjdk-17-jre-headless >/dev/null; } \
	  || echo "note: no Java; tests of the Spark engine are skipped"

lock:
	uv lock

$(VENV)/bin/python:
	@if command -v uv >/dev/null; then uv venv --quiet --python $(PYTHON) $(VENV); \
	else $(PYTHON) -m venv $(VENV) 2>/dev/null \
	  || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv >/dev/null && rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }; \
	  $(VENV)/bin/python -m pip install --quiet uv || echo "note: no uv; plain pip is used"; fi

# uv installs the locked versions; without uv, pip installs the newest allowed ones.
define install
	@if command -v uv >/dev/null; then UV_PROJECT_ENVIRONMENT=$(VENV) uv sync --quiet --frozen $(1); \
	elif [ -x $(BIN)/uv ]; then UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --frozen $(1); \
	else $(BIN)/python -m pip install --quiet -e "$(2)"; fi
	@touch $@
endef

$(VENV)/.ready: pyproject.toml uv.lock | $(VENV)/bin/python
	$(call install,--inexact --extra web --extra mcp,.[web$(comma)mcp])

$(VENV)/.ready-test: pyproject.toml uv.lock | $(VENV)/bin/python
	$(call install,--inexact --extra dev --extra spark --extra response,.[dev$(comma)spark$(comma)response])

comma := ,

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache
