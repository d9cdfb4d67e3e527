# sluice: the build. GNU make; `make help` lists what it can do.
#
# Every configuration (compiler and sanitizers) has a folder of its own, build/<configuration>/, so they never mix. The
# default one (gcc, no sanitizer) also shows its products as build/libsluice.a, build/libsluice.so and build/sluice.

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
OBJCOPY ?= objcopy
INSTALL ?= install

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig

BUILD ?= build
SAN ?=
WERROR ?=
MIMALLOC ?= $(if $(SAN),,1)
FUZZ_SECONDS ?= 30
BENCH ?=
BENCH_FAST ?=
BENCH_LARGE ?=
BENCH_INSTRUCTIONS ?=
RESULTS ?= $(BUILD)/results
V ?=

# intel-ipsec-mb is used where it is installed and its CPUs are. It is not in every distribution.
ifeq ($(origin IPSEC_MB),undefined)
IPSEC_MB := $(if $(wildcard /usr/include/intel-ipsec-mb.h /usr/local/include/intel-ipsec-mb.h),$(if \
	$(filter x86_64-%,$(shell $(CC) -dumpmachine)),1))
endif

comma := ,
empty :=
space := $(empty) $(empty)

CONFIG := $(notdir $(lastword $(CC)))$(if $(SAN),-$(subst $(comma),-,$(SAN)))
OUT := $(BUILD)/$(CONFIG)
DEFAULT := $(if $(filter gcc,$(CONFIG)),1)

version_part = $(shell sed -n 's/^.define SLUICE_VERSION_$(1) //p' include/sluice.h)
SOVERSION := $(call version_part,MAJOR)
VERSION := $(SOVERSION).$(call version_part,MINOR).$(call version_part,PATCH)

# ---- flags ----

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
# Empty, so that a file may say "#define _GNU_SOURCE" as well.
DEFINES := -D_GNU_SOURCE= $(if $(MIMALLOC),-DSLUICE_MIMALLOC) $(if $(IPSEC_MB),-DSLUICE_IPSEC_MB) \
	$(if $(SAN),-DSLUICE_NOPOOL)
ALL_CFLAGS := -std=gnu11 $(WARNINGS) -fvisibility=hidden -fPIC $(SAN_FLAGS) $(DEFINES) -Iinclude -Isrc $(CPPFLAGS) $(CFLAGS)
# Tests, benches and fuzz targets may include the tree's helpers as well.
HELPER_CFLAGS := -I. -Itests -Ibench

# What an app that links the archive has to name beside it (sluice.pc says the same).
LIBS := -lssl -lcrypto -lev -lcares $(if $(MIMALLOC),-lmimalloc) $(if $(IPSEC_MB),-lIPSec_MB) -lm
# The tool's alone; the library needs none of them.
TOOL_LIBS := -ljansson -lmicrohttpd $(shell pkg-config --libs libcurl) -logg
CHECK_LIBS = $(shell pkg-config --libs check)
LINK := $(CC) $(SAN_FLAGS) $(CFLAGS) $(LDFLAGS)

# ---- what there is ----

LIB_FOLDERS := base pool crypto wire sctp dcep dtls ice sdp rtp peer io loop
LIB_SRCS := $(sort $(wildcard $(LIB_FOLDERS:%=src/%/*.c) $(LIB_FOLDERS:%=src/%/*/*.c)))
ifeq ($(IPSEC_MB),)
LIB_SRCS := $(filter-out src/crypto/%ipsec_mb.c,$(LIB_SRCS))
endif
TOOL_SRCS := $(sort $(wildcard src/tools/*.c src/tools/*/*.c))
WEB_FILES := $(sort $(wildcard src/tools/web/*))
SIM_SRCS := $(sort $(wildcard tests/sim/*.c) $(filter-out tests/test_%,$(wildcard tests/*.c)))
TEST_SRCS := $(sort $(wildcard tests/test_*.c))
TEST_SCRIPTS := $(sort $(wildcard tests/test_*.sh))
LINE_SRCS := $(sort $(wildcard bench/line/*.c))
HARNESS_SRCS := $(sort $(filter-out bench/bench_% %/main.c,$(wildcard bench/*.c) $(LINE_SRCS)))
BENCH_SRCS := $(sort $(wildcard bench/bench_*.c))
FUZZ_SRCS := $(sort $(wildcard fuzz/fuzz_*.c))
INTEROP_SRCS := $(sort $(wildcard tests/interop/*.c))
HEADERS := $(sort $(wildcard include/*.h include/*/*.h))

# Programs with another stack in their name talk to that stack; without it they are left out and `make check` says so.
OTHER_STACKS := usrsctp gnutls mbedtls libsrtp
OTHER_HEADER_usrsctp := usrsctp.h
OTHER_HEADER_gnutls := gnutls/dtls.h
OTHER_HEADER_mbedtls := mbedtls/ssl.h
OTHER_HEADER_libsrtp := srtp2/srtp.h
OTHER_LIBS_usrsctp := -lusrsctp
OTHER_LIBS_gnutls := -lgnutls
OTHER_LIBS_mbedtls := -lmbedtls -lmbedx509 -lmbedcrypto
OTHER_LIBS_libsrtp := -lsrtp2
stacks_of = $(foreach s,$(OTHER_STACKS),$(if $(findstring $(s),$(notdir $(1))),$(s)))
is_missing = $(if $(wildcard $(OTHER_HEADER_$(1):%=/usr/include/%) $(OTHER_HEADER_$(1):%=/usr/local/include/%)),,missing)
SKIPPED := $(foreach p,$(TEST_SRCS) $(BENCH_SRCS),$(if $(foreach s,$(call stacks_of,$(p)),$(call is_missing,$(s))),$(p)))
TEST_SRCS := $(filter-out $(SKIPPED),$(TEST_SRCS))
BENCH_SRCS := $(filter-out $(SKIPPED),$(BENCH_SRCS))

objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
LIB_OBJS := $(call objects,$(LIB_SRCS))
WEB_OBJ := $(OUT)/obj/web_pages.o
TOOL_OBJS := $(call objects,$(TOOL_SRCS)) $(WEB_OBJ)
TESTS := $(TEST_SRCS:tests/%.c=$(OUT)/tests/%)
BENCHES := $(BENCH_SRCS:bench/%.c=$(OUT)/bench/%)
REPLAYS := $(FUZZ_SRCS:fuzz/fuzz_%.c=$(OUT)/fuzz/replay_%)
FUZZERS := $(FUZZ_SRCS:fuzz/%.c=$(OUT)/fuzz/%)
ALL_SRCS := $(LIB_SRCS) $(TOOL_SRCS) $(SIM_SRCS) $(TEST_SRCS) $(HARNESS_SRCS) $(BENCH_SRCS) $(FUZZ_SRCS) \
	$(wildcard fuzz/replay.c) $(INTEROP_SRCS) bench/line/main.c
STYLED := $(sort $(wildcard include/*.h include/*/*.h src/*/*.[ch] src/*/*/*.[ch] tests/*.[ch] tests/*/*.[ch] bench/*.[ch] bench/*/*.[ch] fuzz/*.[ch]))

STATIC := $(OUT)/libsluice.a
SHARED := $(OUT)/libsluice.so.$(VERSION)
TOOL := $(if $(TOOL_SRCS),$(OUT)/sluice)
INTERNAL := $(OUT)/libinternal.a
TOOL_PARTS := $(OUT)/libtool.a
HELPERS := $(OUT)/libsim.a
HARNESS := $(OUT)/libharness.a

ifneq ($(V),)
say = @:
Q :=
else
say = @printf '  %-7s %s\n' $(1) $(2)
Q := @
endif

# As many jobs as there are CPUs, unless the caller gave a number.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all programs check coverage interop interop-figures bench bench-ir bench-exact bench-ab report bench-peers bench-media-peers profile bloat fuzz fuzzers lint format docs install uninstall clean help FORCE
.DEFAULT_GOAL := all

all: $(STATIC) $(SHARED) $(TOOL) $(if $(DEFAULT),links compile_commands.json)

help:
	@echo 'make [all]     the library, static and shared, and the tool'
	@echo 'make check     every test; the last line says "N passed, N failed"; ONLY="part other" runs those with one of these in'
	@echo '               the name'
	@echo 'make coverage  runs the tests in a build of its own and prints which lines and branches of src/ ran (needs gcovr)'
	@echo 'make bench     the main job and the benches, then one table; BENCH=crc32c runs one, BENCH_FAST=1 is a'
	@echo '               smoke run, BENCH_LARGE=1 takes all lines of link, BENCH_INSTRUCTIONS=1 counts instructions too (slow), =only'
	@echo '               counts nothing else;'
	@echo '               RESULTS=build/results is the folder of the history'
	@echo 'make bench-peers  the same work on sluice and on other stacks, which it builds from package registries; ROUNDS=3 SECONDS=3,'
	@echo '               STACKS="sluice+pion" takes some of them; OVER=lines measures over lines of 1 Gbit/s and 100 Mbit/s;'
	@echo '               then bench-media-peers, unless STACKS or OVER is given'
	@echo 'make bench-media-peers  RTP, SRTP, jitter buffer and interceptors of sluice and of other stacks; ROUNDS=3, STACKS'
	@echo 'make profile   where the time of BENCH=association (or perf) goes: a table and a flame graph; CASE="16384", ARGS="--size 64",'
	@echo '               DIFF=old.folded compares, HEAP=1 shows who holds memory'
	@echo 'make bloat     bytes of the library by folder and symbol; BASE=revision shows what grew since'
	@echo 'make report    the history as a page for a browser, build/report/index.html; scripts/alert says what became worse'
	@echo 'make bench-ir  fails where a bench needs more instructions than in bench/baseline.json; UPDATE="why" writes that anew'
	@echo 'make bench-exact  fails where allocations, copies, system calls, round trips or memory pass their bounds'
	@echo 'make bench-ab  BASE=revision [BENCH=crc32c]: is this tree faster or slower than that one?'
	@echo 'make fuzz      every fuzz target for FUZZ_SECONDS=30'
	@echo 'make interop   real browsers and other stacks (scripts/deps --interop first; needs root); ONLY="group: case";'
	@echo '               make interop-figures times them'
	@echo 'make lint      format check, no line above 130 columns, cppcheck; make format rewrites'
	@echo 'make docs      the reference of the public headers as HTML, build/docs/index.html (doxygen)'
	@echo 'make install   PREFIX=/usr/local DESTDIR= BINDIR= LIBDIR= INCLUDEDIR= MANDIR=; and make uninstall'
	@echo 'make clean     removes build/'
	@echo 'Switches: CC=clang  SAN=address,undefined  SAN=thread  WERROR=1  MIMALLOC= (without mimalloc)  CFLAGS=-O3  V=1'
	@echo '          IPSEC_MB= (without intel-ipsec-mb, which is used where it is installed)'

# ---- stamps: objects depend on their flags, archives on their list of members ----

# $(1) file, $(2) text. Rewritten only when the text differs, so that only then things are built again.
define stamp
$(1): FORCE
	@mkdir -p $$(@D)
	@printf '%s\n' '$(subst ','\'',$(2))' | cmp -s - $$@ || printf '%s\n' '$(subst ','\'',$(2))' >$$@
endef
$(eval $(call stamp,$(OUT)/flags,$(CC) $(ALL_CFLAGS) $(HELPER_CFLAGS)))
$(eval $(call stamp,$(OUT)/sources,$(LDFLAGS) $(LIBS) $(TOOL_LIBS) $(ALL_SRCS) $(WEB_FILES)))

# ---- objects and archives ----

$(OUT)/obj/src/%.o: src/%.c $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/obj/%.o: %.c $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(HELPER_CFLAGS) -MMD -MP -c $< -o $@

-include $(patsubst %.c,$(OUT)/obj/%.d,$(ALL_SRCS))

define archive
$(1): $(2) $(OUT)/sources
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $(2)
endef
$(eval $(call archive,$(INTERNAL),$(LIB_OBJS)))
# The tool without its main(), for tests of its parts.
$(eval $(call archive,$(TOOL_PARTS),$(filter-out %/main.o,$(TOOL_OBJS))))
$(eval $(call archive,$(HELPERS),$(call objects,$(SIM_SRCS))))
# The histogram of `sluice perf` serves the benches too.
$(eval $(call archive,$(HARNESS),$(call objects,$(HARNESS_SRCS) src/tools/histogram.c)))

# One object in which every hidden symbol is local: nothing but sluice_* can clash with what an app brings along.
$(OUT)/sluice.o: $(LIB_OBJS) $(OUT)/sources
	$(call say,LD,$@)
	$(Q)$(LD) -r $(LIB_OBJS) -o $@.tmp
	$(Q)$(OBJCOPY) --localize-hidden $@.tmp $@
	@rm -f $@.tmp

$(STATIC): $(OUT)/sluice.o
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $<

$(SHARED): $(LIB_OBJS) src/sluice.map $(OUT)/sources
	$(call say,LINK,$@)
	$(Q)$(LINK) -shared -Wl,-soname,libsluice.so.$(SOVERSION) -Wl,--version-script=src/sluice.map $(if $(SAN),,-Wl,-z$(comma)defs) \
		$(LIB_OBJS) -Wl,--as-needed $(LIBS) -o $@
	@ln -sf $(@F) $(OUT)/libsluice.so.$(SOVERSION)
	@ln -sf $(@F) $(OUT)/libsluice.so

$(OUT)/sluice: $(TOOL_OBJS) $(INTERNAL)
	$(call say,LINK,$@)
	$(Q)$(LINK) $(TOOL_OBJS) $(INTERNAL) $(TOOL_LIBS) $(LIBS) -o $@

# The pages of `sluice serve`, inside the binary.
$(OUT)/web_pages.c: scripts/embed-pages $(WEB_FILES) $(OUT)/sources
	$(call say,EMBED,$@)
	$(Q)scripts/embed-pages $(WEB_FILES) >$@

$(WEB_OBJ): $(OUT)/web_pages.c src/tools/serve/pages.h $(OUT)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

.PHONY: links
links: $(STATIC) $(SHARED) $(TOOL)
	@for f in libsluice.a libsluice.so libsluice.so.$(SOVERSION) libsluice.so.$(VERSION) $(if $(TOOL),sluice); do \
		[ "$$(readlink $(BUILD)/$$f)" = $(CONFIG)/$$f ] || ln -sfn $(CONFIG)/$$f $(BUILD)/$$f; done

# ---- programs ----

extra_libs = $(foreach s,$(call stacks_of,$(1)),$(OTHER_LIBS_$(s))) $(if $(findstring trace,$(notdir $(1))),-ljansson)

# Tests named test_tool_x take parts of the tool too.
$(OUT)/tests/test_tool_%: $(OUT)/obj/tests/test_tool_%.o $(TOOL_PARTS) $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $< $(TOOL_PARTS) $(HELPERS) $(INTERNAL) $(CHECK_LIBS) $(TOOL_LIBS) $(LIBS) -o $@

# Tests named test_bench_x take parts of the benches too.
$(OUT)/tests/test_bench_%: $(OUT)/obj/tests/test_bench_%.o $(HARNESS) $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $< $(HARNESS) $(HELPERS) $(INTERNAL) $(CHECK_LIBS) -ljansson $(LIBS) -o $@

$(OUT)/tests/%: $(OUT)/obj/tests/%.o $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $< $(HELPERS) $(INTERNAL) $(CHECK_LIBS) $(call extra_libs,$@) $(LIBS) -o $@

$(OUT)/bench/%: $(OUT)/obj/bench/%.o $(HARNESS) $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $< $(HARNESS) $(HELPERS) $(INTERNAL) $(call extra_libs,$@) $(LIBS) -o $@

# A command at one end of a line between two network namespaces. It needs nothing of the library.
$(OUT)/line: $(call objects,$(LINE_SRCS) src/tools/histogram.c)
	$(call say,LINK,$@)
	$(Q)$(LINK) $^ -o $@

# It counts these calls of ours.
$(OUT)/bench/bench_exact: LINK += $(foreach f,memcpy memmove copy_long sendto sendmsg sendmmsg,-Wl$(comma)--wrap=$(f))

# Targets named fuzz_tool_x take parts of the tool too.
$(OUT)/fuzz/replay_tool_%: $(OUT)/obj/fuzz/fuzz_tool_%.o $(OUT)/obj/fuzz/replay.o $(TOOL_PARTS) $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ $(TOOL_LIBS) $(LIBS) -o $@

$(OUT)/fuzz/fuzz_tool_%: $(OUT)/obj/fuzz/fuzz_tool_%.o $(TOOL_PARTS) $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer $^ $(TOOL_LIBS) $(LIBS) -o $@

$(OUT)/fuzz/replay_%: $(OUT)/obj/fuzz/fuzz_%.o $(OUT)/obj/fuzz/replay.o $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(OUT)/fuzz/fuzz_%: $(OUT)/obj/fuzz/fuzz_%.o $(HELPERS) $(INTERNAL)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -fsanitize=fuzzer $^ $(LIBS) -o $@

# ---- check ----

# With ONLY, no more is built than what scripts/run-tests then runs. Scripts may run benches.
wanted = $(if $(ONLY),$(foreach t,$(1),$(if $(strip $(foreach part,$(ONLY),$(findstring $(part),$(t)))),$(t))),$(1))
programs: all $(call wanted,$(TESTS) $(REPLAYS)) $(if $(call wanted,$(TEST_SCRIPTS)),$(BENCHES) $(OUT)/line)

check: programs
	@CC='$(CC)' OUT='$(OUT)' MAKE='$(MAKE)' SAN='$(SAN)' SAN_FLAGS='$(SAN_FLAGS)' MIMALLOC='$(MIMALLOC)' IPSEC_MB='$(IPSEC_MB)' \
		LIBS='$(LIBS)' SKIPPED='$(SKIPPED)' ONLY='$(ONLY)' \
		scripts/run-tests scripts/check-api scripts/check-arrows scripts/check-circles scripts/check-names \
		$(TESTS) $(REPLAYS) $(TEST_SCRIPTS)

# ---- coverage: a build of its own, in build/coverage ----

# A test that fails does not keep the table from being printed.
coverage:
	@command -v gcovr >/dev/null || { echo 'make coverage needs gcovr (Debian and Ubuntu: apt-get install gcovr)'; exit 2; }
	@mkdir -p $(BUILD)/coverage && find $(BUILD)/coverage -name '*.gcda' -delete
	-@+$(MAKE) --no-print-directory CC='gcc --coverage -fprofile-update=prefer-atomic' CONFIG=coverage CFLAGS='-O1 -g' check
	@OUT='$(BUILD)/coverage' scripts/coverage

# ---- interop: browsers and other stacks, in network namespaces; nothing else needs what it needs ----

INTEROP := $(addprefix $(OUT)/interop/,peer delay nice_peer pion_peer pion4 media/made)
NICE_CFLAGS = $(shell pkg-config --cflags nice)

$(OUT)/obj/tests/interop/nice_peer.o: ALL_CFLAGS += $(NICE_CFLAGS)

# On what an app would link: the archive with nothing but sluice_* in it.
$(OUT)/interop/peer: $(call objects,$(wildcard tests/interop/peer*.c)) $(STATIC)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -ljansson $(LIBS) -o $@

$(OUT)/interop/delay: $(call objects,tests/interop/delay.c)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@

$(OUT)/interop/nice_peer: $(call objects,tests/interop/nice_peer.c) $(STATIC)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -ljansson $(shell pkg-config --libs nice) $(LIBS) -o $@

# Debian's Go packages are a GOPATH without version folders; a program with a go.mod beside it may name them with versions.
GO_WORK := $(abspath $(OUT))/interop/go
$(OUT)/interop/pion_peer: tests/interop/pion_peer.go
	$(call say,GO,$@)
	@mkdir -p $(GO_WORK)/src/pion_peer
	@cp $< $(GO_WORK)/src/pion_peer/main.go
	@printf 'module pion_peer\n\nrequire github.com/pion/webrtc/v3 v3.1.56\n' >$(GO_WORK)/src/pion_peer/go.mod
	$(Q)cd $(GO_WORK)/src/pion_peer && GO111MODULE=off GOFLAGS= GOPROXY=off GOTOOLCHAIN=local GOCACHE=$(GO_WORK)/cache \
		GOPATH=$(GO_WORK):/usr/share/gocode go build -o $(abspath $@) .

# Today's pion comes by the module proxy, as its go.sum says; it needs Go 1.24.
$(OUT)/interop/pion4: $(wildcard tests/interop/pion4/*)
	$(call say,GO,$@)
	@mkdir -p $(@D)
	$(Q)cd tests/interop/pion4 && GOFLAGS='-buildvcs=false -mod=readonly' go build -o $(abspath $@) .

$(OUT)/interop/media/made: tests/interop/frames.py
	$(call say,MEDIA,$(@D))
	$(Q)/usr/bin/python3 $< make $(@D) && touch $@

interop: all $(INTEROP)
	@OUT='$(OUT)' scripts/run-interop main.mjs '$(ONLY)'

interop-figures: all $(INTEROP)
	@OUT='$(OUT)' scripts/run-interop figures.mjs '$(ONLY)'

# ---- bench ----

# What the history says of a build.
BUILT_WITH = CC='$(CC)' CFLAGS='$(CFLAGS)' MIMALLOC='$(MIMALLOC)' IPSEC_MB='$(IPSEC_MB)'

bench: all $(BENCHES)
	@OUT='$(OUT)' BENCH='$(BENCH)' BENCH_FAST='$(BENCH_FAST)' BENCH_LARGE='$(BENCH_LARGE)' BENCH_INSTRUCTIONS='$(BENCH_INSTRUCTIONS)' RESULTS='$(RESULTS)' \
		$(BUILT_WITH) scripts/run-benches $(BENCHES)

# ---- report: the history as a page ----

# Of the tree, and of this machine.
report:
	@scripts/report --profile '$(BUILD)/profile' --out '$(BUILD)/report/index.html' bench/results '$(RESULTS)'

# ---- bench-peers: sluice and other stacks, side by side ----

PEERS_CFLAGS := -O2 -Wall -Wextra -Iinclude

# On what an app would link.
$(BUILD)/peers/sluice_pair: bench/peers/sluice_pair.c bench/peers/peer_exec.h $(STATIC)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(PEERS_CFLAGS) $< $(STATIC) $(LIBS) -o $@

bench-peers: all $(BUILD)/peers/sluice_pair $(OUT)/line
	@scripts/peers
	@scripts/bench-peers $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(STACKS),--only '$(STACKS)') \
		$(if $(OVER),--lines $(OUT)/line)
	@$(BUILT_WITH) scripts/results '$(RESULTS)' $(BUILD)/bench-peers/$(if $(OVER),lines,peers).jsonl
	@$(if $(STACKS)$(OVER),:,$(MAKE) --no-print-directory bench-media-peers)

MEDIA_BENCHES := $(addprefix $(OUT)/bench/bench_,rtp srtp interceptors jitter)

bench-media-peers: $(MEDIA_BENCHES)
	@scripts/peers pion-media webrtc-rs-media libsrtp
	@OUT='$(OUT)' scripts/bench-media-peers $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(STACKS),--only '$(STACKS)')
	@$(BUILT_WITH) scripts/results '$(RESULTS)' $(BUILD)/bench-peers/media.jsonl

# ---- profile: where time and memory go; builds of their own, with frame pointers ----

# Memory is profiled without mimalloc and without pools, so that massif sees who asked for each object.
PROFILE := $(if $(HEAP),$(BUILD)/profile-heap,$(BUILD)/profile)
PROFILED := $(if $(filter perf,$(or $(BENCH),association)),$(PROFILE)/sluice,$(PROFILE)/bench/bench_$(or $(BENCH),association))
profile:
	@+$(MAKE) --no-print-directory CC='$(CC)' CONFIG='$(notdir $(PROFILE))' CFLAGS='-O2 -g -fno-omit-frame-pointer' \
		$(if $(HEAP),MIMALLOC= CPPFLAGS=-DSLUICE_NOPOOL) $(PROFILED)
	@OUT='$(PROFILE)' scripts/profile $(if $(CASE),--case '$(CASE)') $(if $(HEAP),--heap) $(if $(DIFF),--diff '$(DIFF)') \
		$(or $(BENCH),association) $(ARGS)

# ---- bloat: bytes by folder and symbol ----

bloat: $(LIB_OBJS)
	@BASE='$(BASE)' MAKE='$(MAKE)' scripts/bloat '$(OUT)/obj'

# ---- gates: figures that do not depend on the machine's mood ----

bench-ir: $(BENCHES)
	@OUT='$(OUT)' BENCH='$(BENCH)' RESULTS='$(RESULTS)' $(BUILT_WITH) scripts/bench-ir $(if $(UPDATE),--update '$(UPDATE)') $(BENCHES)

bench-exact: $(BENCHES)
	@OUT='$(OUT)' RESULTS='$(RESULTS)' $(BUILT_WITH) scripts/bench-exact

bench-ab:
	@scripts/bench-ab '$(BASE)' $(BENCH)

# ---- fuzz: a clang build of its own, whatever CC is ----

FUZZ_CC ?= clang
fuzz:
	@+$(MAKE) --no-print-directory CC='$(FUZZ_CC)' SAN=fuzzer-no-link,address,undefined fuzzers
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' scripts/run-fuzzers \
		$(FUZZ_SRCS:fuzz/%.c=$(BUILD)/$(notdir $(lastword $(FUZZ_CC)))-fuzzer-no-link-address-undefined/fuzz/%)

fuzzers: $(FUZZERS)

# ---- lint ----

CLANG_FORMAT ?= clang-format
CPPCHECK ?= cppcheck
# A Go module: go install github.com/rhysd/actionlint/cmd/actionlint@latest
ACTIONLINT ?= actionlint

# cppcheck does not see that a callee fills a buffer; in tests, the sanitizers judge that better.
lint:
	$(Q)scripts/check-lines $(STYLED)
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(STYLED)
	$(Q)if command -v $(ACTIONLINT) >/dev/null; then $(ACTIONLINT); else \
		echo 'lint: $(ACTIONLINT) is not installed; .github/workflows is not checked'; fi
	$(Q)$(CPPCHECK) --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=uninitvar:'tests/*' -itests/interop/node_modules -j2 -Iinclude -Isrc -Itests -Ibench -I. src tests bench fuzz

format:
	$(Q)$(CLANG_FORMAT) -i $(STYLED)

# The commands as clangd and its kin want them; written by make alone.
compile_commands.json: $(OUT)/flags $(OUT)/sources
	$(file >$@,[$(subst }$(space){,}$(comma){,$(strip $(foreach s,$(ALL_SRCS),$(call command_entry,$(s)))))])
	@:
define command_entry
{"directory":"$(CURDIR)","file":"$(1)","command":"$(subst ",\",$(CC) $(ALL_CFLAGS) $(HELPER_CFLAGS)) -c $(1)"}
endef

# ---- docs ----

DOXYGEN ?= doxygen
docs:
	@mkdir -p $(BUILD)/docs
	$(call say,DOXYGEN,$(BUILD)/docs/index.html)
	$(Q)SLUICE_VERSION='$(VERSION)' SLUICE_DOCS='$(BUILD)/docs' $(DOXYGEN) Doxyfile

# ---- install ----

MAN_PAGES := $(sort $(wildcard src/tools/*.1))
D := $(DESTDIR)

install: all
	$(INSTALL) -d $(D)$(LIBDIR) $(D)$(PKGCONFIGDIR) $(D)$(INCLUDEDIR)/sluice $(D)$(BINDIR)
	$(INSTALL) -m 644 $(STATIC) $(D)$(LIBDIR)/libsluice.a
	$(INSTALL) -m 755 $(SHARED) $(D)$(LIBDIR)/libsluice.so.$(VERSION)
	ln -sf libsluice.so.$(VERSION) $(D)$(LIBDIR)/libsluice.so.$(SOVERSION)
	ln -sf libsluice.so.$(VERSION) $(D)$(LIBDIR)/libsluice.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@MIMALLOC@|$(if $(MIMALLOC),-lmimalloc)|' -e 's|@IPSEC_MB@|$(if $(IPSEC_MB),-lIPSec_MB)|' \
		sluice.pc.in >$(D)$(PKGCONFIGDIR)/sluice.pc
	chmod 644 $(D)$(PKGCONFIGDIR)/sluice.pc
	$(INSTALL) -m 644 include/sluice.h $(D)$(INCLUDEDIR)/sluice.h
	$(INSTALL) -m 644 $(wildcard include/sluice/*.h) $(D)$(INCLUDEDIR)/sluice/
ifneq ($(TOOL),)
	$(INSTALL) -m 755 $(TOOL) $(D)$(BINDIR)/sluice
endif
ifneq ($(MAN_PAGES),)
	$(INSTALL) -d $(D)$(MANDIR)/man1
	$(INSTALL) -m 644 $(MAN_PAGES) $(D)$(MANDIR)/man1/
endif

uninstall:
	rm -f $(D)$(LIBDIR)/libsluice.a $(D)$(LIBDIR)/libsluice.so $(D)$(LIBDIR)/libsluice.so.$(SOVERSION) \
		$(D)$(LIBDIR)/libsluice.so.$(VERSION) $(D)$(PKGCONFIGDIR)/sluice.pc $(D)$(BINDIR)/sluice \
		$(MAN_PAGES:src/tools/%=$(D)$(MANDIR)/man1/%) $(HEADERS:include/%=$(D)$(INCLUDEDIR)/%)
	-rmdir $(D)$(INCLUDEDIR)/sluice 2>/dev/null

clean:
	rm -rf $(BUILD) compile_commands.json
