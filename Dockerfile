# syntax=docker/dockerfile:1
# Deno is pinned (docs/adr/0001). Distroless has no tags of versions: give digests for both to build
# from what you have looked at (--build-arg RUNTIME_IMAGE=gcr.io/distroless/cc-debian12@sha256:…).
ARG DENO_IMAGE=denoland/deno:debian-2.9.3
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# On the builder's own platform: Deno compiles for others without emulating them.
FROM --platform=$BUILDPLATFORM ${DENO_IMAGE} AS build
ENV DENO_DIR=/deno-dir
WORKDIR /src
# Dependencies alone, so that this layer lasts until the lock changes.
COPY deno.json deno.lock ./
RUN deno install --frozen
COPY . .
ARG BUILDARCH TARGETARCH REVISION=
# The binary holds the times of the files that it is made of: with none, equal files make it equal.
RUN mkdir -p dist && printf '%s\n' "$REVISION" > dist/commit && \
    find . -exec touch -hd @0 {} +
RUN --mount=type=cache,id=cache-service-denort,target=/deno-dir/dl \
    case "$BUILDARCH-$TARGETARCH" in \
      amd64-amd64) deno task compile ;; \
      *-arm64) deno task compile:aarch64 && mv dist/cache-service-aarch64 dist/cache-service ;; \
      *) echo "cannot build for $TARGETARCH on $BUILDARCH" >&2; exit 1 ;; \
    esac

# The binary alone: docker build --target binary --output dist .
FROM scratch AS binary
COPY --from=build --chmod=0755 /src/dist/cache-service /

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0 REVISION= CREATED= SOURCE=
LABEL org.opencontainers.image.title="cache-service" \
      org.opencontainers.image.description="A cache service over Redis with REST and gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build --chmod=0555 /src/dist/cache-service /usr/bin/cache-service
COPY LICENSE /usr/share/doc/cache-service/LICENSE
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080 50051
# The image has no shell; the service needs no writable file.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/usr/bin/cache-service", "health"]
ENTRYPOINT ["/usr/bin/cache-service"]
CMD ["serve"]
