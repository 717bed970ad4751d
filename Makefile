# The ways into Beidou. Each says what it does and gets what it needs; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo test check nightly pods fuzz e2e bench image console tools node browser binary engine kubernetes kafka s3 fetched helm ansible compiled checked runtime others clusters brokers

RUST_VERSION := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
BEIDOU := target/debug/beidou
# Its compilers are none of make's jobs: counted among them, it would run one at a time.
CARGO := env -u MAKEFLAGS -u MFLAGS cargo
# Programs that a build or test calls, each with the Debian package that brings it.
TOOLS := cc:build-essential perl:perl git:git flock:util-linux jq:jq
# What the console is built from.
CONSOLE := $(shell find console -type f -not -path '*/node_modules/*' -not -path 'console/dist/*' 2>/dev/null)
say = @echo "==> make $@: $(1)"
# Installs Debian packages, or says that they are missing.
apt = if [ $$(id -u) -ne 0 ] || ! command -v apt-get > /dev/null; then \
  echo "missing: install $(1) (on Debian: sudo apt-get install $(1))" >&2; exit 1; fi; \
  echo "==> installing $(1)"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2) $(1)

help: ## list what there is
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: binary ## build, then run the demo: three simulated clusters with a week of history
	$(call say,starting the demo (Ctrl-C ends it))
	@exec $(BEIDOU) demo $(ARGS)

test: tools ## everything CI proves: all tests, on a real ClickHouse engine, Kubernetes API server, Kafka broker and S3 server
	$(call say,getting the servers and compiling - the first time takes 10 to 40 minutes for Kubernetes alone)
	@$(MAKE) -j3 compiled kubernetes engine fetched checked helm s3
	$(call say,running all tests in three lanes - their output is kept in target/test-*.log)
	@$(MAKE) -j3 -k $(LANES) || \
	  { echo "==> make test: FAILED, what the failed tests say, and their names:"; logs="$(LANES:%=target/test-%.log)"; \
	  awk '/^---- .* stdout ----$$/ { on = 40 } /^ *[Ss]tack backtrace:|^failures:/ { on = 0 } on-- > 0 { print substr($$0, 1, 600) }' $$logs; \
	  grep -hE '^test .* FAILED|^error:' $$logs; exit 1; }
	$(call say,all passed)

check: tools ## the quick loop: format, lints, unit and contract tests; no servers
	$(call say,format)
	@cargo fmt --all --check
	$(call say,lints)
	@cargo clippy --workspace --all-targets -- -D warnings
	$(call say,unit tests and contract tests of the log and the shape of the tree)
	@cargo test --workspace --lib --bins --test log --test tidy

nightly: tools fuzz e2e pods ## the long proofs: ten times the kills of the fault test, the whole fault matrix, ten thousand seeds of the simulation, a hundred kills in operations, 20 hosts, the chart and runners in real Pods, all fuzz targets, the console in a browser
	@$(MAKE) -j2 kubernetes engine kafka ansible compiled s3
	$(call say,300 kills)
	@BEIDOU_FAULT_KILLS=300 cargo test --workspace --test faults -- --nocapture 2>&1 | tee target/nightly.log
	$(call say,the fault matrix: each row at each load, three times - up to an hour)
	@BEIDOU_MATRIX_ROUNDS=3 cargo test --workspace --test matrix -- --nocapture 2>&1 | tee -a target/nightly.log
	$(call say,ten thousand seeds of the simulation)
	@BEIDOU_SIMULATION_SEEDS=10000 cargo test --workspace --test simulation no_seed -- --nocapture 2>&1 | tee -a target/nightly.log
	$(call say,20 hosts)
	@BEIDOU_HOSTS=20 cargo test --workspace --test operations scale_up -- --nocapture 2>&1 | tee -a target/nightly.log
	$(call say,100 kills in operations)
	@BEIDOU_OPERATION_KILLS=100 cargo test --workspace --test operations kills -- --nocapture 2>&1 | tee -a target/nightly.log

pods: tools runtime ## Beidou in Pods, as its chart has it, and operations whose runners are Pods: kubelet, containerd, both images; needs root
	@$(MAKE) -j2 helm engine ansible compiled
	@tests/kubernetes/install kubelet
	$(call say,some ten minutes: in five of them a Pod waits for an image that does not come)
	@cargo test --workspace --features beidou-tests/pods --test pods -- --nocapture 2>&1 | tee target/pods.log

fuzz: tools ## look for inputs that break a reader: each target for a minute (FUZZ_SECONDS=600: for ten)
	@command -v cargo-fuzz > /dev/null || { echo "==> getting cargo-fuzz"; cargo install cargo-fuzz --locked; }
	$(call say,corpus and findings lie below fuzz/)
	@for target in $$(sed -n 's/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml | tail -n +2); do \
	  echo "==> $$target"; mkdir -p target/fuzz/$$target; cargo fuzz run --sanitizer none $$target target/fuzz/$$target fuzz/corpus/$$target -- \
	  -max_total_time=$${FUZZ_SECONDS:-60} -max_len=65536 -print_final_stats=1 2>&1 | tail -12; done

e2e: engine browser ## the console in Chromium, against the real binary with the demo's data
	$(call say,Playwright drives Chromium - five to ten minutes)
	@cd console && BEIDOU_BIN=$(CURDIR)/$(BEIDOU) npm run e2e

bench: tools engine $(if $(filter-out console,$(ARGS)),,browser) $(filter kafka,$(ARGS)) ## the measured claims, each against a peer or a limit in the same run; ARGS=console: the console alone, ARGS=kafka: the log in Kafka
	$(call say,measuring with full optimisation)
	@cargo build --release -p beidou -p beidou-bench
	@$(if $(filter console,$(ARGS)),,target/release/beidou-bench $(ARGS))
	@$(if $(filter-out console,$(ARGS)),,cd console && BEIDOU_BIN=$(CURDIR)/target/release/beidou npm run --silent measure)

console: console/dist/files.txt ## the web console, which the next build of the binary takes in

image: tools $(if $(WITHOUT_CONSOLE),,console) ## OCI images of the release binary, of servers and of runners: target/beidou-image.tar, target/beidou-runner-image.tar
	@cargo build --release -p beidou
	@deploy/image/build target/release/beidou target/beidou-image.tar
	@deploy/image/build --runner target/release/beidou target/beidou-runner-image.tar

# --- what the above need

tools:
	@command -v cargo > /dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
	@version=$$(rustc --version | cut -d ' ' -f 2); \
	  [ "$$(printf '%s\n' $(RUST_VERSION) $$version | sort -V | head -1)" = $(RUST_VERSION) ] || \
	  { echo "Rust $$version is too old: $(RUST_VERSION) or newer is needed (rustup update stable)" >&2; exit 1; }
	@missing=; for tool in $(TOOLS); do command -v $${tool%:*} > /dev/null || missing+="$${missing:+ }$${tool#*:}"; done; \
	  [ -z "$$missing" ] || { $(call apt,$$missing); }

node:
	@command -v npm > /dev/null || { echo "Node.js is missing: install version 20.19 or newer from https://nodejs.org" >&2; exit 1; }
	@version=$$(node --version); version=$${version#v}; \
	  [ "$$(printf '%s\n' 20.19.0 $$version | sort -V | head -1)" = 20.19.0 ] || \
	  { echo "Node.js $$version is too old: 20.19 or newer is needed" >&2; exit 1; }

console/dist/files.txt: $(CONSOLE) query-api/openapi.json
	@$(MAKE) node
	@echo "==> building the console"
	@cd console && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

# Its tests drive Chromium.
browser: node
	@command -v chromium > /dev/null || { $(call apt,chromium); }

binary: tools $(if $(WITHOUT_CONSOLE),,console)
	@echo "==> building the beidou binary - the first time takes some minutes"
	@$(CARGO) build -p beidou

engine: binary
	@echo "==> getting the ClickHouse engine, unless it is there"
	@$(BEIDOU) engine install

compiled: binary
	@echo "==> compiling the tests"
	@$(CARGO) test --workspace --no-run

# Where Pods run, in namespaces of the tests' own: a service that is started with it is not ours.
runtime:
	@(for tool in containerd ctr runc /usr/lib/cni/bridge; do command -v $$tool > /dev/null || exit 1; done) || { \
	  $(call apt,containerd runc containernetworking-plugins,--no-install-recommends); }

kafka:
	@tests/kafka/install

ansible:
	@tests/ansible/install > /dev/null

# One after the other: apt lets in one at a time.
fetched:
	@for what in kafka ansible registry duckdb; do tests/$$what/install > /dev/null; done

# All by Go, whose caches are shared: one after the other, and Helm finds there what Kubernetes has compiled.
kubernetes:
	@command -v go > /dev/null || { echo "Go is missing: install it from https://go.dev/dl" >&2; exit 1; }
	@tests/kubernetes/install

helm: kubernetes
	@tests/helm/install

s3: helm
	@tests/s3/install

checked: console
	@echo "==> the console: types, lints, unit tests, sizes"
	@cd console && npm run --silent check && npm run --silent size

# --- the lanes of `make test`: each goes through its programs, one after the other

# Test programs that wait for clusters and machines, or for brokers, more than they compute; all others compute.
clusters := operations end_to_end deploy hosts s3
brokers := faults kafka matrix
LANES := others clusters brokers

clusters brokers:
	@cargo test --workspace --no-fail-fast $($@:%=--test %) > target/test-$@.log 2>&1 && echo "==> passed: $($@)"

# All but those, and but what wants a feature.
others:
	@programs=$$(cargo metadata --no-deps --format-version 1 | jq -r --arg beside "$(clusters) $(brokers)" '[.packages[].targets[] | \
	  select(.kind == ["test"] and (."required-features" // [] | length) == 0) | .name] | unique - ($$beside | split(" ")) | map("--test " + .) | join(" ")'); \
	  cargo test --workspace --no-fail-fast --lib --bins $$programs 2>&1 | tee target/test-$@.log
