# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Two slots that are always upgraded together, beside the firewall and a guest, and the versions
# that go into them. Sourced after bed.sh.

PAIR=$BED_PROGS/system/progs/pair.bpf.o
PAIR_NEXT=$BED_PROGS/system/progs/pair_next.bpf.o
STATE=$BED_PROGS/system/progs/state.bpf.o
STATE_NEXT=$BED_PROGS/system/progs/state_next.bpf.o
STATE_WIDE=$BED_PROGS/system/progs/state_wide.bpf.o

# write_pair_conf OBJECT: what both slots of the pair run
write_pair_conf() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
		slot 7 { name = "left" object = "$1" }
		slot 9 { name = "right" object = "$1" settings { place = 1 } }
	END
}
