# The simulation: batond's own object files, libc calls renamed, linked with a world made of software.
# What of ha/ is not here talks netlink or to people; sys.c stands in for it.

SIM_SRC  := $(filter-out tests/sim/xdp.c tests/sim/tc.c,$(wildcard tests/sim/*.c))
SIM_OBJ  := $(patsubst %.c,$O/%.o,$(SIM_SRC)) $O/sim/xdp.o $O/sim/tc.o
SIM_HA   := $(filter-out %/doors.o %/fence.o %/fence_doors.o %/fence_tables.o %/hearing.o %/vip.o %/route.o %/tune.o %/doctor.o %/doctor_pair.o %/doctor_gate.o %/doctor_net.o %/doctor_pools.o %/doctor_single.o %/doctor_filter.o %/doctor_host.o %/examine.o %/certs.o %/view.o %/reload.o %/pools.o %/single.o %/sockets.o %/observed.o %/runner.o %/replay.o %/replays.o %/script_check.o,\
	      $(patsubst %.c,$O/%.o,$(wildcard userspace/ha/*.c)))
SIM_SEEDS ?= 1-2000
SEEDS    ?= 1-10000

# A frame's headers stand where they stand: the kernel loads them unaligned, and so may its stand-in.
$(SIM_OBJ): CFLAGS += $(if $(SAN),-fno-sanitize=alignment)

# Every sim_NAME( of libc_names.h: NAME is renamed to it. calloc lives with the processes.
$O/sim/renames: tests/sim/libc_names.h tests/sim/renames
	$(call run,GEN,tests/sim/renames $< > $@)
$O/sim/core.o: $(CORE) $O/sim/renames
	$(call run,LD ,ld -r -o $@ $(CORE) && objcopy --redefine-syms=$O/sim/renames $@)
# Of ha/ and its background threads alone: what it asks core before it stores a word is where a stop hurts most (sys.c).
$O/sim/ha.o: $(SIM_HA) $O/userspace/sys/background.o $O/sim/renames
	$(call run,LD ,ld -r -o $@ $(SIM_HA) $O/userspace/sys/background.o && objcopy --redefine-syms=$O/sim/renames --redefine-sym word_next=sim_word_next $@)
# Both programs have symbols of the same names: all but the two entries are made local.
$O/sim/%.o: tests/sim/%.c Makefile tests/sim/sim.mk
	$(call run,CC ,$(CC) $(filter-out -Iuserspace,$(CFLAGS)) -Wno-unused-function -Wno-missing-prototypes -Wno-shadow -Wno-pointer-arith \
	  -Itests/sim/shim -Ibpf -MMD -MP -c $< -o $@ && objcopy -G sim_$*_learn -G sim_$*_run -G sim_$*_arm $@)
$O/sim/sim: $(SIM_OBJ) $O/sim/ha.o $O/sim/core.o
	$(call run,LD ,tests/sim/only_pure "$O/sim/ha.o $O/sim/core.o" "$^" && $(CC) $(LDFLAGS) $^ -linih -lmnl -o $@)

check-sim: $O/sim/sim	## two hosts on a virtual clock, SIM_SEEDS=1-2000 seeds of faults; no root, a minute
	@tests/sim/run $O/sim/sim tests/sim/regressions $(SIM_SEEDS)
	@$O/sim/sim -q -p witness 1-400
	@$O/sim/sim -q -c 1-400
	@$O/sim/sim -q -c -p flip 1-200
	@$O/sim/sim -q -c -p planned 1-100
	@$O/sim/sim -q -c -p restart 1-100
	@$O/sim/sim -q -c -p witness 1-50
sim: $O/sim/sim	## the same, SEEDS=FROM-TO
	@tests/sim/run $O/sim/sim tests/sim/regressions $(SEEDS)
.PHONY: check-sim sim
