# The build runs on the builder's own platform and cross-compiles, so that an
# image for another platform needs no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src

# Modules change seldom: in a layer of their own they are downloaded seldom.
COPY go.mod go.sum ./
RUN go mod download

# .dockerignore keeps everything the manager is not built from out of this.
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags='-s -w' -o /manager .

# No shell and no package manager: nothing but the manager, authorities and time zones.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
