# moebot as one static binary in an otherwise empty image.
#
#   docker build -t moebot .
#   docker run --rm -p 127.0.0.1:8080:8080 moebot                      # the local playground
#   docker run --rm -e DISCORD_TOKEN -e REDIS_URL moebot               # on Discord, with a Redis of yours
#
# bot/deploy/compose.yaml runs it together with a Redis that keeps its data.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags='-s -w' -o /out/moebot ./bot
# The embedded session store keeps its journal in /data; the folder must belong to the user of the image.
RUN mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/moebot /moebot
COPY --from=build --chown=65532:65532 /out/data /data
COPY LICENSE /LICENSE
USER 65532:65532
ENV HOME=/data \
    MOEBOT_HTTP_ADDR=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
# The binary asks its own /readyz: there is no shell in here.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["/moebot", "-healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/moebot"]
