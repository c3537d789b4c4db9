# What the tests need is often in sbin, which is not in every root's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

FUZZTIME = 10s
SOAK = 2000

# The race detector needs a C compiler. It makes the cipher behind passphrases of
# key files ten times slower, for nothing: that shares no memory.
RACE = $(shell command -v "$$(go env CC)" >/dev/null && echo -race -gcflags=golang.org/x/crypto/blowfish=-race=false)

.PHONY: ftptunnel quick test check demo bench fuzz matrix soak

# The program, static, for this system.
ftptunnel:
	CGO_ENABLED=0 go build -trimpath -o ftptunnel ./cmd/ftptunnel

# All tests that need neither root nor installed servers: a minute and a half on
# two cores, nothing cached. Tests that compare with ssh or another installed
# program are skipped where there is none.
quick:
	@LAB= CGO_ENABLED=$(if $(RACE),1,0) go test $(RACE) -p 4 ./...

# All tests that can run on this machine: about twenty minutes. Tests on hosts
# of their own need Linux and root; the last lines of the output count what was
# left out and why. LAB=required makes that a failure.
test:
	@./internal/test/lab/install
	@$(if $(RACE),,echo "no C compiler: the tests run without the race detector" >&2; [ "$$LAB" != required ] || exit 1;) \
	skipped=$$(mktemp) && trap 'rm -f "$$skipped"' EXIT && \
	LAB="$${LAB:-1}" LAB_SKIPPED="$$skipped" CGO_ENABLED=$(if $(RACE),1,0) \
		go test $(RACE) -count=1 -parallel 4 -timeout 40m ./...; status=$$?; \
	sort "$$skipped" | uniq -c | sed 's/^ *\([0-9]*\) /Left out: tests that cannot run here (\1): /'; \
	exit $$status

# Format, vet for three systems, and staticcheck.
check:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	go tool staticcheck ./...

# All clients with all servers, and docs/compatibility.md about it: two hours on two
# cores with nothing beside it. Last run whole: 21 November 2026, with 14 clients.
matrix:
	@./internal/test/lab/install
	@mkdir -p docs
	LAB=required MATRIX=all MATRIX_REPORT="$(CURDIR)/docs/compatibility.md" \
		go test -count=1 -parallel 10 -timeout 4h ./internal/test/matrix

# Thousands of transfers under faults and a table of them, an SSH connection cut
# at hundreds of places, thousands of clients: half an hour. SOAK_SEED=N repeats
# what a run chose at random. Last run: 28 November 2026, TestSoak with SOAK=2000
# through each SSH server: no transfer wrongly whole, none stuck, nothing left.
soak:
	@./internal/test/lab/install
	LAB=required SOAK=$(SOAK) CGO_ENABLED=1 \
		go test -race -count=1 -v -timeout 2h -run '^(TestSoak|TestConnectionCut|TestFootprint)' ./internal/test/e2e

# A conversation of client and server through a tunnel, all in one process.
demo:
	go run ./examples/demo

bench:
	go test -run '^$$' -bench . ./...

# Every fuzz target for FUZZTIME, one after the other.
fuzz:
	@for package in $$(go list ./...); do \
		for function in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$function"; \
			go test -run '^$$' -fuzz "^$$function\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done
