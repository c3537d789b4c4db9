# What the tests need is often in sbin, where not every root looks.
export PATH := $(PATH):/usr/sbin:/sbin

FUZZTIME = 10s
SOAK = 2000

.PHONY: ftptunnel test check demo bench fuzz matrix soak

ftptunnel:
	CGO_ENABLED=0 go build -trimpath -o ftptunnel ./cmd/ftptunnel

# Tests on hosts of their own need Linux and root. Elsewhere they are left out,
# and the last lines say so; LAB=required makes that a failure.
test:
	@./internal/test/lab/install
	@skipped=$$(mktemp) && trap 'rm -f "$$skipped"' EXIT && \
	export LAB_SKIPPED="$$skipped" CGO_ENABLED=1 race=-race && \
	if ! command -v "$$(go env CC)" >/dev/null; then \
		echo "There is no C compiler: the tests run without the race detector." >&2; \
		[ "$$LAB" != required ] || exit 1; \
		CGO_ENABLED=0 race=; \
	fi; \
	go test $$race -count=1 -parallel 4 -timeout 40m ./...; status=$$?; \
	sort "$$skipped" | uniq -c | sed 's/^ *\([0-9]*\) /Left out: tests that cannot run here (\1): /'; \
	exit $$status

check:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	go tool staticcheck ./...

# All clients with all servers, and the page about it. It takes a quarter of an hour.
matrix:
	@./internal/test/lab/install
	@mkdir -p docs
	LAB=required MATRIX=all MATRIX_REPORT="$(CURDIR)/docs/compatibility.md" \
		go test -count=1 -parallel 10 -timeout 2h ./internal/test/matrix

# Thousands of transfers while things go wrong, and a table of what did; an SSH
# connection cut at hundreds of places; thousands of clients. It takes about a
# quarter of an hour; SOAK_SEED=N repeats what was left to chance.
soak:
	@./internal/test/lab/install
	LAB=required SOAK=$(SOAK) CGO_ENABLED=1 \
		go test -race -count=1 -v -timeout 1h -run '^(TestSoak|TestAConnectionCut|TestWhatASessionCosts)' ./internal/test/e2e

demo:
	go run ./examples/demo

bench:
	go test -run '^$$' -bench . ./...

# Go fuzzes one function at a time.
fuzz:
	@for package in $$(go list ./...); do \
		for function in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$function"; \
			go test -run '^$$' -fuzz "^$$function\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done
