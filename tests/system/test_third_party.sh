#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Objects of others, as they are, in a chain with a firewall: those of Debian's xdp-tools and
# libxdp1, with their own control plane, and what XDP_RUN_CONFIG says in an object.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

THEIRS=$(dirname "$(dpkg -L xdp-tools libxdp1 2>/dev/null | grep "xdpdump_xdp\.o$")")
# xdp-filter has its pins here and nowhere else
FILTER_PINS=/sys/fs/bpf/xdp-filter

# Its default policy lets pass, or it drops nothing at all: all of them fit in one chain.
PASSING=(xdpfilt_alw_all xdpfilt_alw_eth xdpfilt_alw_ip xdpfilt_alw_tcp xdpfilt_alw_udp
	xdpdump_xdp xsk_def_xdp_prog xsk_def_xdp_prog_5.3)

setup() {
	local n

	[[ $THEIRS == /* ]] || {
		echo "1..0 # SKIP Debian's xdp-tools is not installed"
		exit 0
	}
	{
		echo 'slot 2 { name = "firewall" object = "firewall.bpf.o" }'
		for n in {4..14}; do
			echo "slot $n { name = \"theirs$n\" }"
		done
		echo 'slot 15 { name = "given" continue_on = { "pass" } }'
	} | bed_conf
	bed_slotd_fresh
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
}

packets() {
	bed_ctl show "$1" --json | jq ".packets.$2"
}

# carries SENTENCE: the chain passes what it should, and the firewall in it drops what it should
carries() {
	if ping_once "$SERVER4" && ping_once "$SERVER6" && no_ping "$SERVER4" "$DENIED4"; then
		ok "$1"
	else
		not_ok "$1" "$(bed_ctl slots)"
	fi
}

test_debian_objects() {
	local args=() slot=4 object

	for object in "${PASSING[@]}"; do
		args+=("$slot" "$THEIRS/$object.o")
		slot=$((slot + 1))
	done
	changes "objects of Debian's xdp-tools go into slots as they are, all at once" \
		deploy "${args[@]}"
	carries "the chain passes and drops as it should"
	slot=4
	for object in "${PASSING[@]}"; do
		matches "$object sees packets" "$(packets "$slot" seen)" '^[1-9]'
		slot=$((slot + 1))
	done
	is "what XDP_RUN_CONFIG says is shown" \
		"$(bed_ctl show 4 --json | jq -c .run_config)" '{"priority":10,"continue_on":["pass"]}'
}

udp_arrives() {
	send_udp 5 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	wait_for 1 sink_has 7001 5
}

# Their default is to drop: what they should let pass comes from xdp-filter's own control plane,
# which finds the slot's maps where it expects its pins. They drop ARP, too: a client that asks
# again who the edge is would send nothing any more.
test_xdp_filter() {
	local object

	ping_once "$SERVER4" && in_ns client ip neighbour change 192.0.2.1 dev c0 nud permanent ||
		bail "a client that knows the edge"
	mount -t bpf bpf /sys/fs/bpf || bail "a /sys/fs/bpf of this test's own"
	sink_start 7001
	for object in all eth ip tcp; do
		changes "xdpfilt_dny_$object goes into a slot" deploy 4 \
			"$THEIRS/xdpfilt_dny_$object.o"
		succeeds "and drops what nobody allowed" no_ping "$SERVER4"
		bed_slotd_fresh
	done
	changes "xdpfilt_dny_udp goes into a slot" deploy 4 "$THEIRS/xdpfilt_dny_udp.o"
	send_udp 5 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	is "it drops UDP" "$(sink_count 7001)" 0
	ln -s "$(bed_ctl show 4 --json | jq -r .map_dir)" "$FILTER_PINS"
	succeeds "xdp-filter finds the slot's maps" xdp-filter port -m dst -p udp 7001
	in_time "and the port that it allows is open" 3 udp_arrives
	umount /sys/fs/bpf
}

test_refused() {
	refuses "xdpdump's tracing programs are refused: they are no XDP programs" \
		"has no program that a chain takes" bed_ctl deploy 4 "$THEIRS/xdpdump_bpf.o"
	refuses "libxdp's dispatcher is refused: two programs, and a chain of its own" \
		"has 2 XDP programs" bed_ctl deploy 4 "$THEIRS/xdp-dispatcher.o"
}

test_run_config() {
	local object=$BED_PROGS/system/progs/goeson.bpf.o

	changes "a program that drops all and says that the chain goes on after that" deploy 14 "$object"
	carries "lets all pass, as it said"
	matches "each was counted as what it was" "$(packets 14 drop)" '^[1-9]'
	changes "another one's terms come with it" deploy 14 "$BED_OBJECTS/pass.bpf.o"
	is "pass, where it says nothing" "$(bed_ctl show 14 --json | jq -c .continue_on)" '["pass"]'
	changes "where slots.conf says when the chain goes on" deploy 15 "$object"
	succeeds "that counts" no_ping "$SERVER4"
}

# Native kernels that refuse extensions refuse its tracing programs too.
test_xdpdump() {
	[[ $BED_ENGINE == freplace ]] || return 0
	spawn edge "$BED/log/xdpdump" timeout 60 xdpdump -i eth0 -x
	TRAFFIC+=("$BED_SPAWNED")
	wait_for 10 grep -q 'Capturing\|listening' "$BED/log/xdpdump"
	ping_once "$SERVER4"
	in_time "xdpdump captures in front of a chain" 5 grep -q 'slotd_root' "$BED/log/xdpdump"
}

bed_run
