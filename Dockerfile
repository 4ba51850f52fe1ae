# syntax=docker/dockerfile:1

ARG RUST_VERSION=1.91
ARG DEBIAN_VERSION=bookworm

FROM rust:${RUST_VERSION}-${DEBIAN_VERSION} AS build
# The list of crates goes into the binary, where scanners of images find it.
ARG CARGO_AUDITABLE_VERSION=0.7.7
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked cargo-auditable --version "${CARGO_AUDITABLE_VERSION}"
WORKDIR /source
# The manifests of the whole workspace: the lock file is about all of it.
COPY Cargo.toml Cargo.lock ./
COPY tests/azure-check/Cargo.toml tests/azure-check/
COPY tests/bench/Cargo.toml tests/bench/
COPY tests/emulator/Cargo.toml tests/emulator/
COPY tests/support/Cargo.toml tests/support/
# The dependencies, in a layer of their own that only another lock file renews: of the crates there is nothing yet but a name.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    for crate in . tests/*; do \
        mkdir -p "$crate/src" && touch "$crate/src/lib.rs" || exit 1; \
    done \
    && echo 'fn main() {}' >src/main.rs \
    && cargo auditable build --locked --release --package postgres-backup-operator \
    && rm -r src target/release/.fingerprint/postgres-backup-operator-*
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo auditable build --locked --release --package postgres-backup-operator

# glibc, libgcc and certificate authorities; no shell, no package manager, and a user without rights.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="postgres-backup-operator" \
      org.opencontainers.image.description="Keeps Azure PostgreSQL databases protected in an Azure Backup vault" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /source/target/release/postgres-backup-operator /postgres-backup-operator
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/postgres-backup-operator"]
CMD ["run"]
