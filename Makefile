# A Rust toolchain, Python >= 3.11 and make are all that a machine needs: everything else goes into .venv and target.

PYTHON ?= python3
BIN := .venv/bin
CARGO ?= cargo
FUZZ_SECONDS ?= 30

RUST := $(shell find rust -name target -prune -o -name '*.rs' -print -o -name Cargo.toml -print) Cargo.toml Cargo.lock

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: build record test test-rust test-python test-spark test-engines soak guest-test lint format bench bench-tools fuzz clean

build: .venv/built

record: build
	$(BIN)/irqtrace record 5s --interval 1ms --output trace.parquet --force

test: test-rust test-python lint

# Without their default features the crates have no Linux part. The whole workspace is named each time, since for a part of
# it cargo would compile all that it depends on once more.
test-rust:
	$(CARGO) test --workspace --locked
	$(CARGO) test --workspace --no-default-features --locked

# The same extension without its Linux part, for the test that a laptop can open traces.
test-python: build target/portable/lib_core.so
	IRQTRACE_PORTABLE_CORE=target/portable/lib_core.so $(BIN)/pytest

# On a real engine, local PySpark, which wants Java 17 or newer (Debian: openjdk-17-jre-headless).
test-spark: build .venv/spark
	@command -v java >/dev/null || { echo "make test-spark wants Java: apt-get install openjdk-17-jre-headless"; exit 1; }
	PYSPARK_PYTHON=$(abspath $(BIN))/python $(BIN)/pytest tests/spark.py \
		-W "ignore:PySpark does not yet fully support pandas:FutureWarning" -W ignore::ResourceWarning

# On real engines: Ray and Dask, on this machine.
test-engines: build .venv/engines
	$(BIN)/pytest tests/engines.py

# The long form of what some tests do in seconds: 20 million samples, with the allocator set as the command line sets it, and
# recorders that are ended in all ways, hundreds of times (IRQTRACE_SOAK says how often). A quarter of an hour, on a machine
# with little else to do.
soak: build
	MALLOC_MMAP_THRESHOLD_=65536 $(CARGO) test --release --package irqtrace-core --locked --test soak -- --ignored --nocapture
	$(BIN)/pytest -s tests/soak.py

# CPUs, drivers and clocks of a machine of its own are moved: Debian's kernel, emulated, with this tree to read. Without
# what it needs, which it names, it is skipped.
guest-test: build build/guest/kernel
	$(BIN)/pytest tests/in_guests.py

# Only unpacked: nothing is installed, and no privilege needed.
build/guest/kernel:
	mkdir -p build/guest
	rm -rf build/guest/unpacked build/guest/*.deb
	-package=$$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ {print $$2; exit}') && \
		cd build/guest && apt-get download -q $$package && dpkg -x $$package*.deb unpacked && mv unpacked kernel

lint: build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest irqtrace._core --allowlist tests/stubtest-allowlist.txt --ignore-unused-allowlist

format:
	$(CARGO) fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# What some rows are held against; without it these rows say so and are left out.
BENCH_PACKAGES := rt-tests python3-linux-procfs zstd linux-perf

bench: build
	@dpkg -s $(BENCH_PACKAGES) >/dev/null 2>&1 || \
		echo "some rows will be skipped; for all of them: apt-get install $(BENCH_PACKAGES), or make bench-tools as root"
	@test -e .venv/spark && command -v java >/dev/null || \
		echo "the row on Spark will be skipped; for it: make .venv/spark, and apt-get install openjdk-17-jre-headless"
	$(BIN)/python bench/run.py

bench-tools:
	apt-get update -q
	apt-get install -q -y --no-install-recommends $(BENCH_PACKAGES)

fuzz:
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	for target in $$($(CARGO) fuzz list --fuzz-dir rust/fuzz); do \
		$(CARGO) fuzz run -s none --fuzz-dir rust/fuzz $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

clean:
	$(CARGO) clean
	rm -rf .venv build dist trace.parquet .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find python tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f python/irqtrace/_core*.so

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	touch $@

.venv/spark .venv/engines: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group $(@F)
	touch $@

.venv/built: .venv/installed $(RUST)
	VIRTUAL_ENV=$(abspath .venv) $(BIN)/maturin develop --release --locked
	touch $@

target/portable/lib_core.so: $(RUST)
	$(CARGO) build --workspace --no-default-features --locked
	mkdir -p $(@D)
	cp target/debug/lib_core.so $@
