# Every task of this project. Needs Rust, Go, a C compiler and make; everything else is built from pinned sources into
# target/. The first run of a task that needs the control plane builds it, which takes about six minutes on two cores.

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := target/tools/$(CARGO_DENY_VERSION)/bin/cargo-deny
CRDS := postgresbackups postgresbackupgrants

# Where Cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help build demo test lint generate control-plane azure-check clean distclean

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
	@$(TARGET)/debug/demo --operator $(TARGET)/release/postgres-backup-operator --emulator $(TARGET)/debug/azure-emulator $(if $(KEEP),--keep)

# The documentation examples come first: the last lines are then the counts of the tests proper.
test: ## Run all tests: pure, simulated, and with real processes
	@tests/control-plane/build.sh >/dev/null
	@tests/tools/build.sh prometheus >/dev/null
	cargo test --locked --workspace --doc
	cargo test --locked --workspace --tests

# Advisories need the RustSec database from the network and change without the code changing, so `make lint` leaves them
# out: it gives the same answer today and tomorrow, with and without a network.
lint: $(CARGO_DENY) ## Check formatting, lints, licences, banned and unknown sources of dependencies
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources

generate: ## Write the generated files (a test compares them with what the code says)
	@mkdir -p crds
	@set -e; for crd in $(CRDS); do \
		cargo run --locked --quiet --package postgres-backup-operator -- crd $$crd > crds/$$crd.pgbackup.dev.yaml.new; \
		mv crds/$$crd.pgbackup.dev.yaml.new crds/$$crd.pgbackup.dev.yaml; \
	done
	cargo run --locked --quiet --package test-support --bin api-reference < crds/postgresbackups.pgbackup.dev.yaml > docs/api.md.new
	@mv docs/api.md.new docs/api.md

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

$(CARGO_DENY):
	@echo "lint: building cargo-deny $(CARGO_DENY_VERSION), about 3 minutes on two cores"
	cargo install --locked --root target/tools/$(CARGO_DENY_VERSION) --target-dir target/tools/build cargo-deny --version $(CARGO_DENY_VERSION)
	@rm -rf target/tools/build
