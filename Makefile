# SPDX-License-Identifier: GPL-2.0-only
# One Makefile for the whole tree: sources are found by wildcard, everything made goes to build/.
# `make help` lists the targets; V=1 shows the commands; CFLAGS, CLANG, DESTDIR, PREFIX as usual.

VERSION := 0.1.0

PREFIX ?= /usr
sysconfdir ?= /etc
sbindir := $(PREFIX)/sbin
bindir := $(PREFIX)/bin
libdir := $(PREFIX)/lib/slotd
unitdir := $(PREFIX)/lib/systemd/system
includedir := $(PREFIX)/include/slotd
# Of the libraries for servers; a distribution has it in a folder for each architecture.
sharedlibdir ?= $(PREFIX)/lib
# Debian's nginx looks here: for modules, and for what of them may be switched on.
nginxmoduledir ?= $(PREFIX)/lib/nginx/modules
nginxconfdir ?= $(PREFIX)/share/nginx/modules-available
mandir := $(PREFIX)/share/man
docdir := $(PREFIX)/share/doc/slotd
completiondir := $(PREFIX)/share/bash-completion/completions

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

# --- tools and flags -----------------------------------------------------------------------

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= $(firstword $(foreach c,clang-19 clang-18 clang-17 clang-16,$(shell command -v $(c))) clang)
OBJCOPY ?= objcopy
LLVM_STRIP ?= $(firstword $(shell command -v $(subst clang,llvm-strip,$(notdir $(CLANG))) llvm-strip))

LIB_PKGS := 'libbpf >= 1.3' libxdp libelf zlib libmnl libconfuse libsodium
SLOTD_PKGS := libmicrohttpd jansson libsystemd
SLOTCTL_PKGS := jansson libcurl libsystemd
PEER_PKGS := libssl libcrypto
ALL_PKGS := $(LIB_PKGS) $(SLOTD_PKGS) $(filter-out $(SLOTD_PKGS),$(SLOTCTL_PKGS)) $(PEER_PKGS)
pkg_libs = $(shell pkg-config --libs $(1))

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Werror=format-security
MACHINE := $(shell uname -m)
HARDENING := -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64,$(MACHINE)),-fcf-protection) \
	$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE_THREADS := -fsanitize=thread -fno-omit-frame-pointer

# For both sides of what BPF code and user space agree on: LIMITS="-DLB_VIPS_MAX=1024".
LIMITS ?=

ALL_CPPFLAGS = -I. $(LIMITS) -D_GNU_SOURCE -DSLOTD_VERSION='"$(VERSION)"' $(CPPFLAGS) $(PKG_CFLAGS)
ALL_CFLAGS = -std=gnu11 -fPIE $(WARNINGS) $(HARDENING) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# The multiarch folder holds asm/types.h, which a BPF target does not find by itself.
BPF_CFLAGS := -std=gnu11 -target bpf -mcpu=v3 -g -O2 -I. $(LIMITS) -Wall -Wextra -Werror \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)

# --- what is there -------------------------------------------------------------------------

LIB_SRCS := $(filter-out %.bpf.c,$(wildcard dispatcher/*.c loader/lib/*/*.c))
SLOTD_SRCS := $(wildcard loader/slotd/*.c)
SLOTCTL_SRCS := $(filter-out $(foreach r,nginx examples,programs/handoff/$(r)/%),$(wildcard \
	loader/slotctl/*.c programs/*.c programs/*/*.c programs/*/*/*.c bpf/*/*.c \
	$(foreach r,cli lib maps run,bpf/*/$(r)/*.c)))
# The library for servers: these alone, with libbpf and libc.
SOCKETLB_SRCS := $(wildcard bpf/socket_lb/lib/*.c bpf/socket_lb/maps/*.c bpf/socket_lb/sl_*.c) programs/shared/maps.c \
	$(addprefix loader/lib/base/,clock.c endpoint.c number.c reason.c)
# The library that moves connections from socket to socket: libc alone.
HANDOFF_SRCS := $(wildcard programs/handoff/lib/*.c) $(addprefix loader/lib/base/,clock.c reason.c)
# What hosts say to each other of such connections: the only part that needs TLS.
PEER_SRCS := $(wildcard programs/handoff/lib/peer/*.c)
# The library of that: these, with libhandoff, libbpf and OpenSSL.
HOST_SRCS := $(PEER_SRCS) $(addprefix programs/handoff/maps/handoff_,address.c rules.c sweep.c target.c ways.c offloads.c moves.c) \
	programs/handoff/probe/handoff_probe.c programs/shared/maps.c $(addprefix loader/lib/base/,clock.c reason.c)
NGINX_SRCS := $(wildcard programs/handoff/nginx/*.c)
EXAMPLE_SRCS := $(wildcard bpf/*/examples/*.c programs/*/examples/*.c)
SUPPORT_SRCS := $(wildcard tests/support/*.c)
UNIT_SRCS := $(wildcard tests/unit/test_*.c)
BPF_TEST_SRCS := $(wildcard tests/bpf/test_*.c)
BENCH_SRCS := $(wildcard tests/bench/*.c)
BENCH_PART_SRCS := $(wildcard tests/bench/parts/*.c)
# What the build itself makes for C sources to include.
GENERATED := build/gen/flow_hash.inc
TOOL_SRCS := $(wildcard tests/support/tools/*.c)
PRELOAD_SRCS := $(wildcard tests/support/preload/*.c)
PROGRAM_SRCS := $(wildcard programs/*/*.bpf.c bpf/*/*.bpf.c)
TEST_BPF_SRCS := $(wildcard tests/*/*.bpf.c tests/*/*/*.bpf.c)

objects = $(patsubst %.c,$(1)/obj/%.o,$(filter-out %.bpf.c,$(2)))
# main() stays out of the archives, so that tests can link everything else of a binary.
parts = $(filter-out %/main.o,$(call objects,$(1),$(2)))

BINS := $(if $(SLOTD_SRCS),build/bin/slotd) $(if $(wildcard loader/slotctl/*.c),build/bin/slotctl)
EXAMPLES := $(patsubst %.c,build/examples/%,$(notdir $(EXAMPLE_SRCS)))
SERVER_LIBS := socketlb handoff handoff_host
SERVER_LIB_FILES := $(foreach l,$(SERVER_LIBS),build/lib/lib$(l).a build/lib/lib$(l).so build/lib/$(l).pc)
# Nginx's headers and its configure, as Debian's nginx was built. Rules name it, so it stands here.
NGINX_DEV := build/cache/nginx-dev/usr
NGINX_MODULE := $(if $(wildcard $(NGINX_DEV)/share/nginx/src/configure),build/nginx/ngx_handoff_module.so)
PROGRAMS := $(addprefix build/bpf/,$(patsubst %.c,%.o,$(notdir $(PROGRAM_SRCS))))
TEST_PROGS := $(patsubst %.c,build/%.o,$(TEST_BPF_SRCS))
TOOLS := $(patsubst tests/support/tools/%.c,build/tests/tools/%,$(TOOL_SRCS))
PRELOADS := $(patsubst tests/support/preload/%.c,build/tests/tools/%.so,$(PRELOAD_SRCS))
UNIT_BINS := $(patsubst %.c,build/%,$(UNIT_SRCS))
BPF_TEST_BINS := $(patsubst %.c,build/%,$(BPF_TEST_SRCS))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/*.c))
BENCH_BINS := $(patsubst %.c,build/%,$(filter-out %.bpf.c,$(BENCH_SRCS)))

# What threads share, watched by ThreadSanitizer, beside the same under ASan.
TSAN_TESTS := $(patsubst %,build/tests/unit/test_offload_%_tsan,queue crowd)
TSAN_SRCS := tests/support/tap.c tests/support/queue_bed.c loader/lib/offload/queue.c loader/lib/base/clock.c

UNIT_TESTS := $(UNIT_BINS) $(TSAN_TESTS) $(wildcard tests/unit/test_*.sh)
SYSTEM_TESTS := $(wildcard tests/system/test_*.sh)
VM_TESTS := $(BPF_TEST_BINS) $(SYSTEM_TESTS)
# Those that meet nothing in a guest that the host lacks are run there by test-all.
GUEST_TESTS := $(filter-out $(shell grep -l '^. guest: test-all$$' $(SYSTEM_TESTS)),$(VM_TESTS))

ASAN_OBJS := $(call objects,build/asan,$(LIB_SRCS) $(SLOTD_SRCS) $(SLOTCTL_SRCS) $(SUPPORT_SRCS))
ARCHIVES := $(foreach a,libsupport peer slotd slotctl libslot,build/lib/$(a).a)
# The part of slotctl that has fault points, with what slotd does not use of libslot.
OFFLOAD_SRCS := $(wildcard loader/lib/offload/*.c)
AGENT_SRCS := $(wildcard programs/hwmark/agent/*.c programs/handoff/agent/*.c) $(OFFLOAD_SRCS)
FAULT_OBJS := $(call objects,build/faults,$(filter-out $(OFFLOAD_SRCS),$(LIB_SRCS)) $(SLOTD_SRCS)) \
	$(call objects,build,tests/support/fault.c tests/support/arm.c)
# Where the version of the root counts; the rest of the next slotd is this one's.
NEXT_SRCS := $(shell grep -l ROOT_ABI_ $(LIB_SRCS) $(SLOTD_SRCS))
NEXT_OBJS := $(call objects,build/next,$(NEXT_SRCS)) build/obj/loader/slotd/main.o
ASAN_ARCHIVES := $(foreach a,libsupport peer slotd slotctl libslot,build/asan/lib/$(a).a)

# --- a missing tool or library is one clear line --------------------------------------------

NO_BUILD := deps lint format help clean distclean test test-all demo vm-test soak bench-chain \
	bench-lb bench-lb-http bench-decap bench-firewall bench-socket bench-server-id bench-hwmark \
	bench-handoff bench-plots fuzz
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
have = $(shell command -v $(1) >/dev/null 2>&1 && echo yes)
missing := $(foreach t,$(firstword $(CC)) pkg-config,$(if $(call have,$(t)),,$(t)))
clang_major := $(firstword $(subst ., ,$(shell $(CLANG) -dumpversion 2>/dev/null)) 0)
missing += $(if $(shell [ $(clang_major) -ge 16 ] || echo no),clang >= 16)
ifeq ($(shell pkg-config --exists $(ALL_PKGS) 2>/dev/null && echo yes),)
missing += $(shell for p in $(ALL_PKGS); do pkg-config --exists "$$p" 2>/dev/null || echo "$$p"; done)
endif
ifneq ($(strip $(missing)),)
$(error missing: $(strip $(missing)); run make deps)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(ALL_PKGS))
endif

# --- targets -------------------------------------------------------------------------------

.PHONY: all bins programs test-programs checks deps lint format test test-all vm-test demo
.PHONY: bench-decap bench-socket bench-server-id bench-plots run-bench-decap run-bench-socket
.PHONY: run-bench-server-id bench-hwmark run-bench-hwmark bench-handoff run-bench-handoff
.PHONY: soak bench-chain bench-lb bench-lb-http bench-firewall install clean distclean help FORCE

all: bins programs ## build slotd, slotctl and the BPF programs (the default)
bins: $(BINS) $(if $(LIB_SRCS),build/lib/libslot.a) $(SERVER_LIB_FILES) $(EXAMPLES) $(NGINX_MODULE)
programs: $(PROGRAMS)
test-programs: $(TEST_PROGS) $(TOOLS) $(PRELOADS) build/tests/tools/slotd_faults build/tests/tools/slotd_next \
	build/tests/tools/slotctl_faults build/tests/tools/handoff_node_faults
checks: all test-programs $(UNIT_BINS) $(TSAN_TESTS) $(BPF_TEST_BINS) ## build everything, the tests too

deps: ## install what the build, the tests and the demo need (Debian 12 and 13)
	@tools/deps.sh

lint: deps ## check format, shell scripts, headers, licences; static analysis
	@$(MAKE) run-lint

format: ## rewrite the sources in the house format
	@tools/lint.sh --format

# What needs the libraries runs in a second make, which looks for them after deps is done.
# The guest shows the engine that only it has: the other one runs here (docs/testing.md).
test: deps ## install what is missing, build, run every test this machine can run
	@SLOTD_VM_ENGINE=freplace $(MAKE) run-tests VM_KERNELS=6.12 VM_TESTS='$(GUEST_TESTS)'

test-all: ## the same on both VM kernels, and every fuzz target for FUZZ_SECONDS (60)
	@tools/deps.sh --fuzz
	@tools/deps.sh --quic || echo "test-all: no ngtcp2, so its server's restart is skipped"
	@SLOTD_FAULTS=all $(MAKE) run-tests VM_KERNELS='6.12 6.1' FUZZ_TESTS='$(FUZZ_BINS)'

vm-test: deps ## run the BPF and system tests in a VM: make vm-test KERNEL=6.1 or 6.12
	@$(MAKE) run-vm-tests VM_KERNELS='$(or $(KERNEL),6.12)'

demo: deps ## real traffic through a chain, with 50 upgrades of the firewall under load
	@$(MAKE) run-demo

fuzz: ## every fuzz target for FUZZ_SECONDS (60) each, corpus kept in build/fuzz
	@tools/deps.sh --fuzz
	@$(MAKE) run-fuzz

soak: deps ## 1,000 operations at random under full-rate traffic, into build/bench/soak.json
	@$(MAKE) run-soak

bench-chain: deps ## cost of a chain for each engine, into build/bench/chain.json
	@$(MAKE) run-bench-chain

bench-lb: deps ## cost of the load balancer for each kind of packet, into build/bench/lb.json
	@$(MAKE) run-bench-lb

bench-lb-http: deps ## what HTTP pays for the load balancer, into build/bench/lb_http.json
	@$(MAKE) run-bench-lb-http

bench-hwmark: deps ## cost of packets that the device marked, into build/bench/hwmark.json
	@$(MAKE) run-bench-hwmark

bench-decap: deps ## cost of taking packets out of tunnels, into build/bench/decap.json
	@$(MAKE) run-bench-decap

bench-socket: ## servers that restart under load, by how they share a port, into build/bench/socket.json
	@tools/deps.sh --quic
	@$(MAKE) run-bench-socket

bench-server-id: ## connections kept by servers' ids, and their cost, into build/bench/server_id.json
	@tools/deps.sh --iperf
	@$(MAKE) run-bench-server-id

bench-handoff: ## steps of connections' handoff, and what a frontend saves, into build/bench/handoff.json
	@tools/deps.sh --haproxy
	@$(MAKE) run-bench-handoff

bench-plots: ## pictures of what benchmarks left in build/bench
	@tests/bench/plots.sh

bench-firewall: deps ## cost of the firewall's rulesets beside nftables, into build/bench/firewall.json
	@$(MAKE) run-bench-firewall

.PHONY: fuzz run-fuzz run-lint run-tests run-vm-tests run-demo run-soak run-bench-chain run-bench-lb
.PHONY: run-bench-lb-http run-bench-firewall
VM_RUNS = $(if $(VM_TESTS),$(foreach k,$(VM_KERNELS),'tests/vm/tests.sh $(k) $(VM_TESTS)'))

run-lint: export LINT_C_FLAGS = $(ALL_CPPFLAGS) -Ibpf/socket_lb/lib -Iprograms/handoff/lib/peer $(NGINX_DIRS) -std=gnu11 -Wall -Wextra -Wshadow
run-lint: export LINT_BPF_FLAGS = $(BPF_CFLAGS)
run-lint: $(GENERATED) build/nginx/objs/ngx_auto_config.h
	@CC='$(CC)' CLANG='$(CLANG)' tools/lint.sh

run-tests: checks $(FUZZ_TESTS)
	$(Q)tests/run $(UNIT_TESTS) $(BPF_TEST_BINS) $(SYSTEM_TESTS) $(VM_RUNS) $(call fuzz_run,$(FUZZ_TESTS))

export FUZZ_SECONDS ?= 60
fuzz_run = $(if $(1),'tests/fuzz/fuzz.sh $(1)')
run-fuzz: programs $(FUZZ_BINS)
	$(Q)tests/run $(call fuzz_run,$(FUZZ_BINS))

run-vm-tests: checks
	$(Q)tests/run $(VM_RUNS)

run-demo: all test-programs
	$(Q)tests/demo/demo.sh

run-soak: checks
	$(Q)tests/soak/soak.sh

run-bench-chain: all test-programs $(BENCH_BINS)
	$(Q)tests/bench/chain.sh

run-bench-lb: all test-programs $(BENCH_BINS)
	$(Q)tests/bench/lb.sh

run-bench-lb-http: all test-programs $(BENCH_BINS)
	$(Q)tests/bench/lb_http.sh

run-bench-hwmark: all test-programs $(BENCH_BINS)
	$(Q)tests/bench/hwmark.sh

run-bench-decap: all test-programs $(BENCH_BINS)
	$(Q)tests/bench/decap.sh

run-bench-socket: all test-programs build/tests/bench/sk_lookup
	$(Q)tests/bench/socket.sh

run-bench-server-id: all test-programs
	$(Q)tests/bench/server_id.sh

run-bench-handoff: all test-programs build/tests/bench/handoff build/tests/tools/handoff_http_timed
	$(Q)tests/bench/handoff.sh

run-bench-firewall: all test-programs $(BENCH_BINS)
	$(Q)tests/bench/firewall.sh

# --- objects, archives, binaries ------------------------------------------------------------

# Two stamps, rewritten only when their text changes: everything compiled depends on the flags,
# every archive on the list of sources, so that a removed source leaves it.
define keep
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(1))' >$@
endef

build/flags: FORCE
	$(call keep,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(CLANG) $(BPF_CFLAGS))

build/sources: FORCE
	$(call keep,$(LIB_SRCS) $(SLOTD_SRCS) $(SLOTCTL_SRCS) $(PEER_SRCS) $(SUPPORT_SRCS))

build/obj/%.o: %.c build/flags | $(GENERATED)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FORTIFY) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

build/asan/obj/%.o: %.c build/flags | $(GENERATED)
	$(call say,ASAN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

build/tsan/obj/%.o: %.c build/flags
	$(call say,TSAN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(SANITIZE_THREADS) -MMD -MP -c -o $@ $<

# The same sources as the next slotd will be: its roots count in another layout.
build/next/obj/%.o: %.c build/flags
	$(call say,NEXT,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FORTIFY) $(ALL_CPPFLAGS) -DROOT_ABI_TRIAL=1000 $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The same sources with fault points in them (loader/lib/base/fault.h).
build/faults/obj/%.o: %.c build/flags | $(GENERATED)
	$(call say,FAULTS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FORTIFY) $(ALL_CPPFLAGS) -DSLOT_FAULTS $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

%.a: build/sources
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar qcs $@ $(filter %.o,$^)

define archives
$(1)/lib/libslot.a: $(call objects,$(1),$(LIB_SRCS))
$(1)/lib/slotd.a: $(call parts,$(1),$(SLOTD_SRCS))
$(1)/lib/slotctl.a: $(call parts,$(1),$(SLOTCTL_SRCS))
$(1)/lib/peer.a: $(call objects,$(1),$(PEER_SRCS))
$(1)/lib/libsupport.a: $(call objects,$(1),$(SUPPORT_SRCS))
endef
$(eval $(call archives,build))
$(eval $(call archives,build/asan))

link = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group

build/bin/slotd: $(call objects,build,$(SLOTD_SRCS)) build/lib/libslot.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(LIB_PKGS) $(SLOTD_PKGS))

build/bin/slotctl: $(call objects,build,$(SLOTCTL_SRCS)) build/lib/libslot.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(LIB_PKGS) $(SLOTCTL_PKGS))

# --- libraries for servers, and their examples ------------------------------------------------

# Nothing but what its header declares can be seen from outside.
build/pic/obj/%.o: %.c build/flags
	$(call say,PIC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FORTIFY) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

# server_library NAME FOLDER SOURCES PACKAGES LIBRARIES: build/lib/libNAME.a, .so and NAME.pc. Linked
# into an application it has no other names either. LIBRARIES are those of this tree that it needs.
define server_library
build/pic/$(1).o: $(call objects,build/pic,$(3))
	$$(call say,LINK,$$@)
	$$(Q)$$(LD) -r -o $$@ $$^
	$$(Q)$$(OBJCOPY) --localize-hidden $$@

build/lib/lib$(1).a: build/pic/$(1).o

build/lib/lib$(1).so: $(call objects,build/pic,$(3)) $(patsubst %,build/lib/lib%.so,$(5))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) -shared -Wl,-soname,lib$(1).so.1 -Wl,-z,relro,-z,now,-z,defs \
		-Wl,--as-needed $$(LDFLAGS) -o $$@ $$^ $(if $(4),$$(call pkg_libs,$(4)))
	$$(Q)ln -sf $$(@F) $$(@D)/lib$(1).so.1

build/lib/$(1).pc: $(2)/$(1).pc.in build/flags
	$$(call say,GEN,$$@)
	@mkdir -p $$(@D)
	$$(Q)sed 's|@includedir@|$$(includedir)|; s|@libdir@|$$(sharedlibdir)|; s|@version@|$$(VERSION)|' $$< >$$@
endef
$(eval $(call server_library,socketlb,bpf/socket_lb/lib,$(SOCKETLB_SRCS),libbpf))
$(eval $(call server_library,handoff,programs/handoff/lib,$(HANDOFF_SRCS)))
HOST_PKGS := libbpf $(PEER_PKGS)
HOST_ARCHIVES := build/lib/libhandoff_host.a build/lib/libhandoff.a
$(eval $(call server_library,handoff_host,programs/handoff/lib/peer,$(HOST_SRCS),$(HOST_PKGS),handoff))

# --- nginx's module --------------------------------------------------------------------------

build/nginx/objs/ngx_auto_config.h: $(NGINX_DEV)/share/nginx/src/configure
	$(call say,GEN,$@)
	@rm -rf build/nginx && mkdir -p build && cp -r $(<D) build/nginx
	$(Q)cd build/nginx && bash -c '. ./conf_flags && ./configure "$${NGX_CONF_FLAGS[@]}" \
		--with-cc-opt="-I$(CURDIR)/$(NGINX_DEV)/include" \
		--with-ld-opt="-L$$(echo $(CURDIR)/$(NGINX_DEV)/lib/*-linux-gnu*)"' >configure.log

# What nginx's headers say is nginx's.
NGINX_DIRS := $(patsubst %,-isystem build/nginx/%,objs $(addprefix src/,core event event/modules os/unix \
	http http/modules http/v2)) -isystem $(NGINX_DEV)/include
build/pic/obj/programs/handoff/nginx/%.o: PKG_CFLAGS += $(NGINX_DIRS)
$(call objects,build/pic,$(NGINX_SRCS)): build/nginx/objs/ngx_auto_config.h

build/nginx/ngx_handoff_module.so: $(call objects,build/pic,$(NGINX_SRCS)) $(HOST_ARCHIVES)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--exclude-libs,ALL $(LDFLAGS) \
		-o $@ $^ $(call pkg_libs,$(HOST_PKGS))

# server_examples FOLDER HEADERS ARCHIVES PACKAGES: those in FOLDER/examples, built as a server would
# be that has only what is installed.
define server_examples
$(patsubst $(1)/examples/%.c,build/examples/%,$(filter $(1)/%,$(EXAMPLE_SRCS))): \
		build/examples/%: $(1)/examples/%.c $(3) build/flags
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(FORTIFY) -I$(2) -D_GNU_SOURCE $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -MMD -MP -o $$@ $$< \
		$(3) $$(call pkg_libs,$(4))
endef
$(eval $(call server_examples,bpf/socket_lb,bpf/socket_lb/lib,build/lib/libsocketlb.a,libbpf))
$(eval $(call server_examples,programs/handoff,programs/handoff/lib/peer,$(HOST_ARCHIVES),$(HOST_PKGS)))

# One of them, each of whose steps is timed.
TIMED_STEPS := step_run conn_say rules_block rules_redirect rules_rewrite rules_remove ways_find capture \
	restore resume
TIMED_OBJS := $(call objects,build/pic,$(sort $(HOST_SRCS) $(HANDOFF_SRCS))) build/obj/tests/bench/timed/handoff_times.o
build/tests/tools/handoff_http_timed: programs/handoff/examples/handoff_http.c $(TIMED_OBJS) build/flags
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FORTIFY) -Iprograms/handoff/lib/peer -D_GNU_SOURCE $(ALL_CFLAGS) $(ALL_LDFLAGS) \
		$(foreach s,$(TIMED_STEPS),-Wl,--wrap=handoff_$(s)) -o $@ $< $(TIMED_OBJS) \
		$(call pkg_libs,$(HOST_PKGS))

# Unit tests run under ASan and UBSan. BPF tests and benchmarks need root and the plain build.
$(UNIT_BINS): build/%: build/asan/obj/%.o $(ASAN_ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(SANITIZE) $(call pkg_libs,$(ALL_PKGS) cmocka)

$(TSAN_TESTS): build/%_tsan: build/tsan/obj/%.o $(call objects,build/tsan,$(TSAN_SRCS))
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(SANITIZE_THREADS) $(call pkg_libs,cmocka)

$(BPF_TEST_BINS): build/%: build/obj/%.o $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(ALL_PKGS) cmocka)

# One compiler for all of a fuzz target, so that all of it tells the fuzzer where it has been.
$(FUZZ_BINS): build/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(GENERATED) $(LIB_SRCS) \
		$(filter-out $(EXAMPLE_SRCS) $(NGINX_SRCS),$(wildcard programs/*/*.c programs/*/*/*.c)) \
		$(wildcard bpf/*/*.c bpf/*/lib/*.c bpf/*/maps/*.c) $(PEER_SRCS)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(ALL_CPPFLAGS) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined \
		-o $@ $(filter-out %.bpf.c %.inc %.h,$^) $(call pkg_libs,$(ALL_PKGS))

build/fuzz/fuzz_tcp_id: tests/support/tcp_id_reference.c
build/fuzz/fuzz_server_ids: loader/slotctl/server_ids.c

$(BENCH_BINS): build/%: build/obj/%.o $(call objects,build,$(BENCH_PART_SRCS)) $(ARCHIVES)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(ALL_PKGS) cmocka)

build/tests/tools/flow_server: build/lib/libsupport.a build/lib/libsocketlb.a
build/tests/tools/handoff_rule: build/lib/slotctl.a build/lib/libslot.a
build/tests/tools/handoff_node: build/obj/tests/support/ktls.o build/lib/peer.a build/lib/slotctl.a build/lib/libslot.a
build/tests/tools/handoff_load: build/obj/tests/support/ktls.o

$(TOOLS): build/tests/tools/%: build/obj/tests/support/tools/%.o
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,libbpf $(PEER_PKGS))

build/tests/tools/handoff_node_faults: $(call objects,build/faults,$(PEER_SRCS)) \
		$(call objects,build,tests/support/tools/handoff_node.c tests/support/ktls.c tests/support/fault.c tests/support/arm.c) \
		build/lib/slotctl.a build/lib/libslot.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,libbpf $(PEER_PKGS))

build/tests/tools/slotd_faults: $(FAULT_OBJS)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(LIB_PKGS) $(SLOTD_PKGS))

build/tests/tools/slotctl_faults: $(call objects,build/faults,$(AGENT_SRCS)) \
		$(call objects,build,$(filter-out $(AGENT_SRCS),$(SLOTCTL_SRCS)) tests/support/fault.c tests/support/arm.c) \
		build/lib/libslot.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(LIB_PKGS) $(SLOTCTL_PKGS))

build/tests/tools/slotd_next: $(NEXT_OBJS) build/lib/slotd.a build/lib/libslot.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(link) $(call pkg_libs,$(LIB_PKGS) $(SLOTD_PKGS))

build/tests/tools/quic_ids.so: tests/support/quic_forward.c tests/support/flow_pass.c build/lib/libsocketlb.a

$(PRELOADS): build/tests/tools/%.so: tests/support/preload/%.c tests/support/arm.c
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FORTIFY) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fPIC -shared -Wl,--as-needed -o $@ $^ \
		$(call pkg_libs,libbpf)

# --- BPF objects ---------------------------------------------------------------------------

# Debug information goes, BTF stays: libbpf and the registry need only the latter.
define build_bpf
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(PROGRAM_VERSION) -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@ $<
	$(if $(LLVM_STRIP),$(Q)$(LLVM_STRIP) -g $@)
endef

define program
build/bpf/$(patsubst %.c,%.o,$(notdir $(1))): $(1) $(wildcard $(dir $(1))VERSION) build/flags
	$$(build_bpf)
endef
$(foreach s,$(PROGRAM_SRCS),$(eval $(call program,$(s))))
quoted_version = '"$(strip $(file <$(1)))"'
build/bpf/%.bpf.o: PROGRAM_VERSION = $(addprefix -DSLOT_PROGRAM_VERSION=,\
	$(foreach v,$(filter %/VERSION,$^),$(call quoted_version,$(v))))

$(TEST_PROGS): build/%.bpf.o: %.bpf.c build/flags
	$(build_bpf)

# The root's own function in C, as bytes: one section without relocations.
build/gen/flow_hash.bpf.o: dispatcher/flow_hash.bpf.c build/flags
	$(build_bpf)

build/gen/%.inc: build/gen/%.bpf.o
	$(call say,GEN,$@)
	$(Q)! readelf -r -W $< | grep -q "'.relxdp'"
	$(Q)readelf -x xdp $< | awk '/^ *0x/ { hex = substr($$0, 14, 35); gsub(/ /, "", hex); \
		while (hex) { printf "0x%s, ", substr(hex, 1, 2); hex = substr(hex, 3) } print "" }' >$@
	$(Q)[ -s $@ ]

# --- install, clean, help -------------------------------------------------------------------

CONF := $(DESTDIR)$(sysconfdir)/slotd/slots.conf

install: all ## install below DESTDIR; an existing slots.conf is kept
	install -D -m 0755 -t $(DESTDIR)$(sbindir) build/bin/slotd
	install -D -m 0755 -t $(DESTDIR)$(bindir) build/bin/slotctl
	install -D -m 0644 -t $(DESTDIR)$(libdir) $(PROGRAMS)
	install -D -m 0644 slots.conf $(CONF).example
	test -e $(CONF) || install -D -m 0644 slots.conf $(CONF)
	install -d $(DESTDIR)$(unitdir)
	sed 's|/usr/sbin/slotd|$(sbindir)/slotd|' loader/slotd/slotd.service \
		>$(DESTDIR)$(unitdir)/slotd.service
	chmod 0644 $(DESTDIR)$(unitdir)/slotd.service
	install -D -m 0644 -t $(DESTDIR)$(includedir)/bpf $(wildcard bpf/*.h)
	install -D -m 0644 -t $(DESTDIR)$(includedir) bpf/socket_lb/lib/socketlb.h \
		programs/handoff/lib/handoff.h programs/handoff/lib/peer/handoff_host.h
	for l in $(SERVER_LIBS); do \
		install -D -m 0644 -t $(DESTDIR)$(sharedlibdir) build/lib/lib$$l.a && \
		install -D -m 0755 build/lib/lib$$l.so $(DESTDIR)$(sharedlibdir)/lib$$l.so.1 && \
		ln -sf lib$$l.so.1 $(DESTDIR)$(sharedlibdir)/lib$$l.so && \
		install -D -m 0644 -t $(DESTDIR)$(sharedlibdir)/pkgconfig build/lib/$$l.pc || exit 1; \
	done
ifdef NGINX_MODULE
	install -D -m 0644 -t $(DESTDIR)$(nginxmoduledir) $(NGINX_MODULE)
	install -D -m 0644 -t $(DESTDIR)$(nginxconfdir) programs/handoff/nginx/mod-handoff.conf
else
	@echo 'nginx: its module is not installed, as it was built without nginx-dev (make deps)'
endif
	for h in $(wildcard bpf/*/*_abi.h programs/*/*_abi.h); do \
		install -D -m 0644 $$h $(DESTDIR)$(includedir)/$$h || exit 1; \
	done
	for m in $(wildcard docs/man/*.[1-8]); do \
		install -D -m 0644 -t $(DESTDIR)$(mandir)/man$${m##*.} $$m || exit 1; \
	done
	for c in $(wildcard docs/completion/*); do \
		install -D -m 0644 $$c $(DESTDIR)$(completiondir)/$$(basename $$c .bash) || exit 1; \
	done
	install -D -m 0644 -t $(DESTDIR)$(docdir) LICENSE README.md
	install -D -m 0644 -t $(DESTDIR)$(docdir)/docs $(wildcard docs/*.md)
	for r in $(wildcard programs/*/README.md programs/*/*/README.md bpf/*/README.md bpf/*/examples/* programs/*/examples/* programs/*/*.service); do \
		install -D -m 0644 $$r $(DESTDIR)$(docdir)/$$r || exit 1; \
	done
	install -d $(DESTDIR)$(docdir)/bpf/socket_lb/lib
	ln -srf $(DESTDIR)$(includedir)/socketlb.h $(DESTDIR)$(docdir)/bpf/socket_lb/lib/socketlb.h
	install -D -m 0644 -t $(DESTDIR)$(docdir)/LICENSES $(wildcard LICENSES/*)

clean: ## remove what was built; downloaded packages and kernels stay
	$(Q)[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name cache ! -name vm \
		-exec rm -rf {} +

distclean: ## remove build/ altogether
	$(Q)rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

-include $(shell [ ! -d build ] || find build -name vm -prune -o -name cache -prune -o -name '*.d' -print)
