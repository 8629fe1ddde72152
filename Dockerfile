# syntax=docker/dockerfile:1

# Every platform is built by itself, natively or emulated, so no cross toolchain is needed:
#   docker buildx build --platform linux/amd64,linux/arm64 --tag roomhub .
# `slim` brings a C compiler, which ring needs; LAME is built by make.
FROM rust:1-slim-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
ARG TARGETPLATFORM
ARG REVISION=""
ARG SOURCE_DATE_EPOCH=""
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
# The pages are compiled in.
COPY assets assets
# Caches last from build to build, one a platform; the program has to leave before they are taken away. Cargo goes
# by dates and by files it knows: without the touch, an older checkout or a new page could be taken for built.
RUN --mount=type=cache,id=roomhub-registry-${TARGETPLATFORM},target=/usr/local/cargo/registry \
    --mount=type=cache,id=roomhub-target-${TARGETPLATFORM},target=/build/target \
    touch src/lib.rs src/main.rs \
    && program=$(SOURCE_COMMIT="${REVISION}" SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH}" src/release/build.sh) \
    && install -D "$program" /out/roomhub && mkdir /out/data

# A user and /tmp: no C library, no shell and no package manager to keep patched. The program is static, as in every
# release, and brings its own certificate authorities.
FROM gcr.io/distroless/static-debian13:nonroot
ARG VERSION=""
ARG REVISION=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="roomhub" \
      org.opencontainers.image.description="One binary that runs the rooms people share" \
      org.opencontainers.image.licenses="MIT AND LGPL-2.0-or-later AND LGPL-3.0-only AND MPL-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /out/roomhub /usr/local/bin/roomhub
# What rooms and device rooms keep, and what the stations know of their tracks: mount a volume here.
COPY --from=build --chown=65532:65532 /out/data /data
ENV ROOMHUB_ROOMS__DATA_DIR=/data ROOMHUB_DEVICES__DATA_DIR=/data ROOMHUB_RADIO__DATA_DIR=/data
VOLUME /data
COPY LICENSE /usr/share/doc/roomhub/LICENSE
COPY assets/licenses /usr/share/doc/roomhub/licenses
# nonroot, as the number by which Kubernetes can tell that it is not root.
USER 65532:65532
# A configuration is mounted at /etc/roomhub/config.toml, or comes as ROOMHUB_… variables.
EXPOSE 3000 3001 5000 8765 9999
# Shutting down takes up to [runtime] shutdown_grace, 10 s, which is also when Docker loses patience:
# `docker run --stop-timeout 15`, or stop_grace_period in Compose.
STOPSIGNAL SIGTERM
# Asks the services that run in the container, all of them or one, at the addresses where they listen.
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/roomhub", "probe", "health"]
ENTRYPOINT ["/usr/local/bin/roomhub"]
CMD ["all"]
