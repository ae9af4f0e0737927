# `make run` opens Yanmo, `make test` runs the whole suite; both do all the set-up they need, once.
.PHONY: run test package check bench manual docs-images set-up set-up-dev format translations clean

BIN := .venv/bin
# One spinning thread per test process: two on busy cores are many times slower than one.
# Without AMX in torch: the tests hold both engines in one process, and torch takes back the tiles that llama.cpp set up once a thread.
TEST_ENVIRONMENT := OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1 YANMO_THREADS=1 QT_QPA_PLATFORM=offscreen \
	ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16

run: set-up
	@$(BIN)/yanmo

set-up:
	@sh packaging/set_up/bootstrap.sh run

set-up-dev:
	@sh packaging/set_up/bootstrap.sh dev

test: set-up-dev
	@$(TEST_ENVIRONMENT) $(BIN)/python packaging/run_tests.py $(PYTEST_ARGUMENTS)

check: set-up-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: set-up-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: set-up-dev
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.benchmarks

docs-images: set-up-dev
	@$(TEST_ENVIRONMENT) $(BIN)/python packaging/pictures/make_pictures.py docs/images

# The manual in both languages, in build/manual. Pages that the program itself knows best are written first.
manual: set-up-dev
	@$(BIN)/python packaging/manual/write_pages.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "build/manual/index.html"

translations: set-up-dev
	@$(BIN)/python packaging/translations/update.py

# The app without Python, in build/package: a folder, a .tar.xz and, where dpkg-deb is, a .deb.
package:
	@sh packaging/set_up/bootstrap.sh package build/package
	@build/package/environment/bin/python packaging/frozen/package.py build/package/yanmo build/package

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
