# SPDX-License-Identifier: GPL-2.0-or-later
# Baton. `make help` tells the targets; everything is built under build/.

O       ?= build
VERSION := 0.1.0
PREFIX  ?= /usr/local
LIBEXEC ?= $(PREFIX)/lib/baton
CC      ?= gcc
CLANG   ?= clang

PKGS    := libmnl libnftnl jansson libsystemd libcrypto libbpf libcurl libosip2 libmicrohttpd
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Werror
comma   := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -O1)
CFLAGS  := -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -fstack-protector-strong -Iinclude -Iuserspace -I. \
           -DBATON_VERSION='"$(VERSION)"' -DBATON_LIBEXEC='"$(LIBEXEC)"' $(SANFLAGS)
LDFLAGS := -pthread $(SANFLAGS)
LIBS     = $(shell pkg-config --libs $(PKGS)) -linih
BPF_SYS := -idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
BPFWARN := -Wall -Wextra -Werror
BPFFLAGS := -target bpf -mcpu=v3 -O2 -g $(BPFWARN) -Iinclude $(BPF_SYS)

CORE    := $(patsubst %.c,$O/%.o,$(wildcard userspace/core/*.c))
DAEMON  := $(CORE) $(patsubst %.c,$O/%.o,$(wildcard userspace/main.c userspace/sys/*.c userspace/health/*.c userspace/ha/*.c userspace/steer/*.c userspace/ctl/*.c))
BPF     := $(patsubst bpf/%.bpf.c,$O/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
UNIT    := $(patsubst tests/unit/%.c,$O/tests/unit/%,$(wildcard tests/unit/test_*.c))
BPFTEST := $(patsubst tests/bpf/%.c,$O/tests/bpf/%,$(wildcard tests/bpf/test_*.c))
SYSTEST := $(patsubst tests/sys/%.c,$O/tests/sys/%,$(wildcard tests/sys/test_*.c))
TOOLS   := $(patsubst tools/bench/%.c,$O/tools/%,$(filter-out %.bpf.c,$(wildcard tools/bench/*.c)))
HEADERS := $(wildcard include/*.h userspace/*/*.h)
MAN     := $(patsubst man/%.scd,$O/man/%,$(wildcard man/*.scd))

# `make V=1` shows whole commands.
define run
$(if $(V),,@echo '  $(1) $@')
$(if $(V),,@)mkdir -p $(@D) && $(2)
endef

all: $O/batond $O/baton $(BPF) $(TOOLS) $O/bench/steering.bpf.o $(MAN)	## build everything into build/

$O/batond: $(DAEMON)
	$(call run,LD ,$(CC) $(LDFLAGS) $^ $(LIBS) -o $@)
$O/baton: $O/tools/baton.o $(patsubst tools/%.c,$O/tools/%.o,$(wildcard tools/cli_*.c))
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -ljansson -o $@)
$O/tools/%: $O/tools/bench/%.o
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -o $@)
$O/tools/steer_%: $O/tools/bench/steer_%.o
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -lbpf -o $@)
$O/bench/%.bpf.o: tools/bench/%.bpf.c Makefile
	$(call run,BPF,$(CLANG) $(BPFFLAGS) -I. -MMD -MP -c $< -o $@)
$O/%.o: %.c Makefile
	$(call run,CC ,$(CC) $(CFLAGS) -MMD -MP -c $< -o $@)
$O/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	$(call run,BPF,$(CLANG) $(BPFFLAGS) -MMD -MP -c $< -o $@)
$O/man/%: man/%.scd
	$(call run,MAN,scdoc < $< > $@)
# Its part on options is the table of core/opts.c.
$O/man/baton.conf.5: man/baton.conf.5.scd $O/tools/man_options
	$(call run,MAN,$O/tools/man_options < $< > $@.scd && scdoc < $@.scd > $@)
$O/tools/man_options: $O/tools/man_options.o $(CORE)
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -linih -o $@)

# Unit tests see core/ only: what does not link here does I/O and belongs elsewhere.
$O/tests/unit/%: $O/tests/unit/%.o $(CORE)
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -lcmocka -linih -o $@)
$O/tests/bpf/%: $O/tests/bpf/%.o $O/tests/bpf/packet.o $O/tests/bpf/rig.o $O/tests/bpf/pool_rig.o $(CORE)
	$(call run,LD ,$(CC) $(LDFLAGS) $(filter-out %.bpf.o,$^) -lcmocka -lbpf -linih -o $@)

# The scanner of bpf/sip.h alone, for both sides of a comparison.
$O/tests/bpf/sip_scan.bpf.o: tests/bpf/sip_scan.bpf.c Makefile
	$(call run,BPF,$(CLANG) $(BPFFLAGS) -I. -Ibpf -MMD -MP -c $< -o $@)
SCAN    := $O/tests/bpf/scan.o $O/tests/bpf/sip_scan.bpf.o
$O/tests/bpf/scan.o: CFLAGS += -Ibpf -Wno-pointer-arith
$O/tests/bpf/test_sip.o $O/tests/bpf/bench_sip.o: CFLAGS += -Ibpf -Wno-pointer-arith
$O/tests/bpf/%_sip: $O/tests/bpf/%_sip.o $(SCAN)
	$(call run,LD ,$(CC) $(LDFLAGS) $(filter-out %.bpf.o,$^) -lcmocka -lbpf -o $@)
$O/tests/fuzz/sip_diff.o: CFLAGS += -Ibpf -Wno-pointer-arith
$O/tests/fuzz/sip_diff: $O/tests/fuzz/sip_diff.o $O/tests/fuzz/ref.o $O/tests/fuzz/plain.o $(SCAN)
	$(call run,LD ,$(CC) $(LDFLAGS) $(filter-out %.bpf.o,$^) -lbpf -losipparser2 -o $@)

# One look of the watchdog, at a time that the test says.
$O/tests/bpf/watch_look.bpf.o: tests/bpf/watch_look.bpf.c Makefile
	$(call run,BPF,$(CLANG) $(BPFFLAGS) -I. -Ibpf -MMD -MP -c $< -o $@)
$O/tests/bpf/test_watch: $O/tests/bpf/watch_look.bpf.o

# Real kernel, own namespaces: sys/, health/ and ha/ pieces without a whole batond.
# The control socket before a conductor made of cardboard: no ha/.
$O/tests/sys/test_ctl: $O/tests/sys/test_ctl.o $(CORE) $(filter $O/userspace/ctl/% %/loop.o %/log.o %/journal.o %/clock.o %/httpd.o,$(DAEMON))
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -lcmocka -ljansson -linih -lmicrohttpd -o $@)
$O/tests/sys/test_http: $O/tests/sys/test_http.o $(CORE) $(filter %/ctl/http.o %/ctl/page.o %/httpd.o %/clock.o,$(DAEMON))
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -lcmocka -lmicrohttpd -linih -o $@)
$O/tests/sys/%: $O/tests/sys/%.o $(filter-out %/main.o,$(DAEMON))
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -lcmocka $(LIBS) -o $@)

include tests/sim/sim.mk

deps:	## install what is missing (Debian 12, as root)
	@tools/deps.sh
check: $(UNIT) check-headers $O/sim/sim $(MAN)	## unit tests and headers alone; no root, seconds
	@tests/vm/test_gate
	@set -e; for t in $(UNIT); do $$t; done; $O/sim/sim -q -r tests/sim/regressions 1-40; $O/sim/sim -q -c 1-15
check-headers:
	@for h in $(HEADERS); do \
	  $(CC) $(CFLAGS) -fsyntax-only -x c $$h || { echo "$$h does not compile alone"; exit 1; }; done
check-bpf: all $(BPFTEST)	## the real programs through BPF_PROG_TEST_RUN; root
	@set -e; for t in $(BPFTEST); do $$t; done
check-fuzz: $O/tests/fuzz/sip_diff	## the scanner on the host, in the kernel, and libosip2, on 10^5 messages and all small changes of 22; root
	@$O/tests/fuzz/sip_diff
fuzz: $O/tests/fuzz/sip_diff	## the same with 10^7 messages; SEED=1
	@$O/tests/fuzz/sip_diff -n 10000000 -k 100 -s $(or $(SEED),1)
check-sys: $(SYSTEST) $(BPF)	## netlink, sockets and processes against the real kernel; root
	@set -e; for t in $(SYSTEST); do unshare -n $$t; done
check-net: all	## two hosts and a client in namespaces; root; K=word picks tests
	@/usr/bin/python3 -m pytest -q -p no:cacheprovider tests/net $(if $(K),-k '$(K)')
$O/tests/vm/verified: $O/tests/vm/verified.o
	$(call run,LD ,$(CC) $(LDFLAGS) $^ -lbpf -o $@)
test-kernels: all $(BPFTEST) $(SYSTEST) $O/tests/vm/verified	## programs within limits here and on Debian's kernel 6.1, where packet tests and two hosts run in qemu; root, minutes; K=a,b picks
	@$O/tests/vm/verified $(BPF) >$O/tests/vm/running && tests/vm/gate $O/tests/vm/running
	@tests/vm/run $(if $(K),-k '$(K)')
check-vm: test-kernels
check-model:	## spin: the protocol's model, small bounds, complete; seconds
	@O=$O tests/model/run small
check-model-holes:	## spin: each rule left out breaks the model; seconds
	@O=$O tests/model/run holes
model:	## spin: large bounds, complete; 15 minutes and 5 GB
	@O=$O tests/model/run big
mutants: all	## planted bugs: does some test notice each? root, ten minutes; M=word picks
	@tests/mutants/run $(M)
test: deps	## every test
	@$(MAKE) --no-print-directory all check check-model check-model-holes check-sim check-sys check-bpf check-fuzz check-net test-kernels
soak: all	## whatever may happen, by lot, to two hosts, or two servers (MODE=single-host), on the real kernel; root; MODE=takeover SECONDS=600 SEED=N
	@tests/soak/run -m $(or $(MODE),takeover) -s $(or $(SECONDS),600) $(if $(SEED),-n $(SEED))
demo: deps	## two hosts, real SIP calls, four outages, what the client saw
	@$(MAKE) --no-print-directory all && tools/lab/demo
bench: deps	## the performance tables: keepalived, nftables DNAT and Kamailio measured in the same runs
	@$(MAKE) --no-print-directory all $O/tests/bpf/bench_xdp $O/tests/bpf/bench_sip && tools/bench/run && tools/bench/cluster && tools/bench/many_vips.py && tools/bench/steering && $O/tests/bpf/bench_xdp && $O/tests/bpf/bench_sip
install: all	## DESTDIR= PREFIX=
	install -D -t $(DESTDIR)$(PREFIX)/sbin $O/batond
	install -D -t $(DESTDIR)$(PREFIX)/bin $O/baton
	install -D -m644 -t $(DESTDIR)$(LIBEXEC) $(BPF)
	install -D -m644 -t $(DESTDIR)$(PREFIX)/share/doc/baton README.md conf/baton.conf.example
	for m in $(notdir $(MAN)); do install -D -m644 $O/man/$$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$m; done
	install -D -m644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system conf/batond.service
clean:	## remove build/
	rm -rf $O
help:	## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*##/ { sub(/:.*/, "", $$1); split($$0, t, "## "); printf "  make %-12s %s\n", $$1, t[2] }' Makefile
	@echo "  SAN=1 builds with ASan and UBSan (O=build/san keeps both); V=1 shows commands; K=word picks net tests"

.PHONY: all deps check check-headers check-sys check-bpf check-fuzz fuzz check-net test-kernels check-vm check-model check-model-holes model mutants test soak demo bench install clean help
.SECONDARY:
.DEFAULT_GOAL := all
-include $(shell find $O -name '*.d' 2>/dev/null)
