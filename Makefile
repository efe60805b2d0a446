# Needs Go (see go.mod), make, git and a POSIX shell; everything else is fetched by hack/fetch.
# "make" or "make help" lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Go needs a place for its caches where there is no home folder.
ifeq ($(HOME),)
export HOME := $(or $(LYNCOPS_CACHE),$(CURDIR)/.cache)/home
endif

# One setting for build, test and tools: packages are compiled once for all of them.
export CGO_ENABLED ?= 0

# Image to build and to deploy.
IMG ?= ghcr.io/lyncops/operator:dev
# Program that builds images.
CONTAINER_TOOL ?= docker
# Packages for test, test-unit and bench.
PACKAGES ?= ./...
# More arguments for go test, such as GOTESTFLAGS='-run TestName -v'.
GOTESTFLAGS ?=
TEST_TIMEOUT ?= 30m
# Packages for test-engine: the simulator held against the module, and the rollout.
ENGINE_PACKAGES ?= ./test/differential ./test/e2e
# Packages for test-windows: the module's jobs, and the rollout.
WINDOWS_PACKAGES ?= ./test/windows ./test/e2e

# The image that config/ names; "make deploy" and "make dist" put IMG in its place.
CONFIG_IMG := ghcr.io/lyncops/operator:dev
# internal/lync/powershell is left out: what is concurrent in it are processes, which the detector does not see into.
RACE_PACKAGES := ./controllers/... ./internal/lync ./internal/winrm/...
# Every module of the repository; one that is added is found.
MODULES := $(patsubst %/go.mod,%,$(wildcard go.mod hack/*/go.mod hack/tools/*/go.mod))
MODULES := $(patsubst go.mod,.,$(MODULES))

FETCH := go run ./hack/fetch
# Each of these is a shell command that prints a path; it says on standard error when it has to build first.
ASSETS := $(FETCH) assets
CONTROLLER_GEN := $(FETCH) controller-gen
CRD_REF_DOCS := $(FETCH) crd-ref-docs
GOLANGCI_LINT := $(FETCH) golangci-lint

POWERSHELL_CHECK := hack/tools/powershell-check
CRD_REF_DOCS_FLAGS := --log-level=ERROR --renderer=markdown --source-path=api --config=hack/tools/crd-ref-docs/config.yaml
# A loaded machine starts an API server in more than the 20 seconds envtest allows.
export KUBEBUILDER_CONTROLPLANE_START_TIMEOUT ?= 90s

##@ General

.PHONY: help
help: ## List the targets.
	@while IFS= read -r line; do \
		case "$$line" in \
		'##@ '*) printf '\n%s\n' "$${line#'##@ '}" ;; \
		[a-z]*': '*'## '*) printf '  %-17s %s\n' "$${line%%:*}" "$${line#*'## '}" ;; \
		esac; \
	done < $(firstword $(MAKEFILE_LIST))

##@ Development

.PHONY: generate
generate: ## Generate the deep copy functions of api/ and the reference of its fields.
	controller_gen="$$($(CONTROLLER_GEN))" && \
	"$$controller_gen" object paths=./api/...
	crd_ref_docs="$$($(CRD_REF_DOCS))" && \
	"$$crd_ref_docs" $(CRD_REF_DOCS_FLAGS) --output-path=docs/api-reference.md

.PHONY: manifests
manifests: ## Generate the CRDs and the manager's role from the markers in the code.
	controller_gen="$$($(CONTROLLER_GEN))" && \
	"$$controller_gen" crd paths=./api/... output:crd:dir=config/crd/bases && \
	"$$controller_gen" rbac:roleName=manager-role paths=./controllers/... output:rbac:dir=config/rbac

.PHONY: verify
verify: verify-generated verify-modules verify-format vet ## Check generated files, modules, formatting and go vet; change nothing.

.PHONY: verify-generated
verify-generated: ## Fail with the difference where generated files are not what the code says.
	@controller_gen="$$($(CONTROLLER_GEN))" && crd_ref_docs="$$($(CRD_REF_DOCS))" && \
	fresh="$$(mktemp -d)" && trap 'rm -rf "$$fresh"' EXIT && \
	"$$controller_gen" object paths=./api/... output:object:dir="$$fresh/object" && \
	"$$controller_gen" crd paths=./api/... output:crd:dir="$$fresh/crd" && \
	"$$controller_gen" rbac:roleName=manager-role paths=./controllers/... output:rbac:dir="$$fresh/rbac" && \
	"$$crd_ref_docs" $(CRD_REF_DOCS_FLAGS) --output-path="$$fresh/api-reference.md" || exit 1; \
	stale=0; \
	compare() { git --no-pager diff --no-index --exit-code -- "$$1" "$$2" || stale=1; }; \
	compare api/v1alpha1/zz_generated.deepcopy.go "$$fresh/object/zz_generated.deepcopy.go"; \
	compare config/crd/bases "$$fresh/crd"; \
	compare config/rbac/role.yaml "$$fresh/rbac/role.yaml"; \
	compare docs/api-reference.md "$$fresh/api-reference.md"; \
	if [ $$stale = 1 ]; then echo 'verify: generated files are stale: run "make generate manifests" and commit the result' >&2; exit 1; fi

.PHONY: verify-modules
verify-modules: ## Fail with the difference where a go.mod or go.sum is not tidy.
	@stale=0; \
	for module in $(MODULES); do \
		GOWORK=off go -C "$$module" mod tidy -diff || { stale=1; echo "verify: $$module is not tidy: run \"go -C $$module mod tidy\"" >&2; }; \
	done; \
	[ $$stale = 0 ]

.PHONY: verify-format
verify-format: ## Fail where gofmt would change a file.
	@files="$$(git ls-files --cached --others --exclude-standard '*.go' | while read -r file; do if [ -e "$$file" ]; then echo "$$file"; fi; done)" && \
	changed="$$(gofmt -l $$files)" && \
	if [ -n "$$changed" ]; then echo "verify: run gofmt -w on these files:" >&2; echo "$$changed" >&2; exit 1; fi

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: ## Run golangci-lint with .golangci.yml, then lint-powershell.
	golangci_lint="$$($(GOLANGCI_LINT))" && \
	"$$golangci_lint" run --allow-parallel-runners $(LINTFLAGS)
	@$(MAKE) --no-print-directory lint-powershell

.PHONY: lint-powershell
lint-powershell: ## Check that the scripts for the servers are Windows PowerShell 3.0 (needs a C compiler).
	@cc="$$(go env CC)"; \
	if ! command -v "$${cc%% *}" >/dev/null; then \
		echo "lint-powershell: skipped: the grammar is written in C, and there is no $$cc" >&2; exit 0; \
	fi; \
	CGO_ENABLED=1 GOWORK=off go -C $(POWERSHELL_CHECK) test ./... && \
	powershell_check="$$($(FETCH) powershell-check)" && \
	"$$powershell_check" -commands $(POWERSHELL_CHECK)/commands-3.0.txt internal/lync/powershell/LyncOps.psm1 docs/server-protocol.md

##@ Test

# What tests are and start lives short and keeps little: it collects garbage seldom.
test test-unit test-race test-engine test-windows conformance: export GOGC ?= 400

.PHONY: test
test: ## Run every test: units, the API with a real control plane, and end to end.
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && export KUBEBUILDER_ASSETS && \
	go test -timeout $(TEST_TIMEOUT) $(GOTESTFLAGS) $(PACKAGES)

.PHONY: test-unit
test-unit: ## Run the tests that need no control plane.
	go test -short -timeout $(TEST_TIMEOUT) $(GOTESTFLAGS) $(PACKAGES)

.PHONY: test-race
test-race: ## Run the tests of the concurrent packages with the race detector (needs a C compiler).
	@cc="$$(go env CC)"; \
	if ! command -v "$${cc%% *}" >/dev/null; then \
		echo "test-race: skipped: the race detector needs a C compiler, and there is no $$cc" >&2; exit 0; \
	fi; \
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && export KUBEBUILDER_ASSETS && \
	CGO_ENABLED=1 go test -race -p 1 -timeout $(TEST_TIMEOUT) $(GOTESTFLAGS) $(RACE_PACKAGES)

.PHONY: packages-without-race
packages-without-race: ## Print the packages that test-race does not test here, for a run of both.
	@cc="$$(go env CC)"; \
	if ! command -v "$${cc%% *}" >/dev/null; then echo ./...; exit 0; fi; \
	raced="$$(go list $(RACE_PACKAGES))" && go list ./... | grep --invert-match --line-regexp --fixed-strings "$$raced"

# How long make soak plays.
DURATION ?= 10m

.PHONY: soak
soak: ## Play random histories of rollouts for DURATION; a violation prints the seed that replays it.
	go test -c -o bin/soak ./internal/procedure
	cd internal/procedure && ../../bin/soak -test.timeout 0 -test.parallel 100 -soak '$(DURATION)' $(SOAKFLAGS)

.PHONY: conformance
conformance: ## Drive the simulator with WinRM clients that others wrote (needs Python 3).
	@TEST_TIMEOUT='$(TEST_TIMEOUT)' test/conformance/run.sh $(GOTESTFLAGS)

.PHONY: test-engine
test-engine: ## Hold the simulator against the module in a PowerShell engine, and roll the samples out with it (needs pwsh; minutes).
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && export KUBEBUILDER_ASSETS && \
	LYNCOPS_ENGINE=1 go test -p 1 -count=1 -timeout $(TEST_TIMEOUT) -run 'Alike|OnBoth|IsCompared|InAnEngine' $(GOTESTFLAGS) $(ENGINE_PACKAGES)

.PHONY: test-windows
test-windows: ## Run the module and a rollout on Windows machines of Wine (needs wine64 and winebox; minutes).
	@mkdir -p .cache && rm -f .cache/windows; \
	machines="$$(go run ./internal/simulator/windows/doctor)" || { echo 'test-windows: skipped, see above' >&2; exit 0; }; \
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && export KUBEBUILDER_ASSETS && \
	LYNCOPS_WINDOWS=1 go test -p 1 -count=1 -timeout $(TEST_TIMEOUT) -run 'Windows' $(GOTESTFLAGS) $(WINDOWS_PACKAGES) && \
	echo "$$machines" >.cache/windows

.PHONY: bench
bench: ## Print what a rollout costs (requests, writes, time over the steps) and run the Go benchmarks.
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && export KUBEBUILDER_ASSETS && \
	go run ./test/benchmarks && \
	go test -run '^$$' -bench . -benchmem -timeout $(TEST_TIMEOUT) $(GOTESTFLAGS) $(PACKAGES)

##@ Build

.PHONY: build
build: ## Build the manager and the programs of cmd/ into bin/.
	go build -o bin/manager .
	for command in cmd/*/; do \
		if [ -d "$$command" ]; then go build -o bin/ "./$$command" || exit 1; fi; \
	done
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/lyncmachine.exe ./internal/simulator/windows/inside

.PHONY: demo
demo: ## Upgrade a simulated pool on this machine, and watch.
	@echo 'demo: building bin/manager, the simulator bin/lyncsim and bin/demo; the first time this takes minutes'
	go build -o bin/manager .
	go build -o bin/lyncsim ./cmd/lyncsim
	go build -o bin/demo ./hack/demo
	@echo 'demo: getting a Kubernetes control plane (built from source where none can be downloaded)'
	@KUBEBUILDER_ASSETS="$$($(ASSETS))" && export KUBEBUILDER_ASSETS && \
	echo "demo: the control plane is in $$KUBEBUILDER_ASSETS" && \
	exec bin/demo $(DEMOFLAGS)

.PHONY: run
run: ## Run the manager on this machine against the cluster of the current kubeconfig.
	go run . --metrics-bind-address=0 $(RUNFLAGS)

.PHONY: cluster
cluster: ## Run a Kubernetes control plane on this machine until interrupted.
	localplane="$$($(FETCH) localplane)" && \
	exec "$$localplane" up --dir .cache/cluster $(CLUSTERFLAGS)

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(CONTAINER_TOOL) build --tag '$(IMG)' .

.PHONY: dist
dist: ## Write dist/install.yaml: everything to install, with the image IMG.
	mkdir -p dist
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && \
	"$$KUBEBUILDER_ASSETS/kubectl" kustomize config/default >dist/default.yaml
	sed 's|$(CONFIG_IMG)|$(IMG)|g' dist/default.yaml >dist/install.yaml
	rm dist/default.yaml

##@ Deployment (to the cluster of the current kubeconfig)

.PHONY: install
install: ## Install the CRDs.
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && \
	"$$KUBEBUILDER_ASSETS/kubectl" apply --server-side -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRDs and with them every object of these kinds.
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && \
	"$$KUBEBUILDER_ASSETS/kubectl" delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: dist ## Install CRDs, roles and the manager with the image IMG.
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && \
	"$$KUBEBUILDER_ASSETS/kubectl" apply --server-side -f dist/install.yaml

.PHONY: undeploy
undeploy: dist ## Remove what deploy installed, CRDs and their objects included.
	KUBEBUILDER_ASSETS="$$($(ASSETS))" && \
	"$$KUBEBUILDER_ASSETS/kubectl" delete --ignore-not-found -f dist/install.yaml

.PHONY: clean
clean: ## Remove what was built here; fetched tools stay in their cache.
	rm -rf bin dist cover.out
