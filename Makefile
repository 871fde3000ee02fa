# Everything a person or CI needs; each target works from a fresh clone.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test test-slow fuzz check bench aa gates chaos slurm-test clean

demo: .venv/ready
	$(BIN)/trickbag demo --out demo

test: .venv/ready  # files stay together, so that what their tests share is made once
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow

slurm-test: .venv/ready  # installs Debian's slurm-wlm and munge, and starts them: needs root
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/slurm/on_one_node.py

fuzz: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py

bench: .venv/ready
	$(BIN)/python -m benchmarks.step
	$(BIN)/python -m benchmarks.augment
	$(BIN)/python -m benchmarks.loading
	$(BIN)/python -m benchmarks.freed_memory
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.status
	$(BIN)/python -m benchmarks.analysis
	$(BIN)/python -m benchmarks.analysis --arms 200 --seeds 50

gates: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.gates

chaos: .venv/ready  # full disks and read-only file systems need root
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.chaos

aa: .venv/ready
	$(BIN)/trickbag study digits_aa --out aa
	$(BIN)/python -m benchmarks.aa aa

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	touch .venv/ready

clean:
	rm -rf .venv demo aa
