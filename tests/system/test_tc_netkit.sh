#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Chains of TC programs on the primary device of a netkit pair, whose peer a container has: they
# are the programs of the device, by the same words and commands as on a veth, and move with the
# interface's name from the one to the other.
#
#   edge pod0 203.0.113.129 -------- 203.0.113.130 nk0 server

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

SLOTD_TEST_ENGINE=fused # TC programs always are
OUT=pod0:tc-egress
IN=pod0:tc-ingress
ANSWERS=$BED_PROGS/bpf/progs/tc_ret.bpf.o
INSIDE=203.0.113.130

# write_conf [SETTINGS_OUT [SETTINGS_IN]]
write_conf() {
	cat >"$BED/slots.conf" <<-END
		chain "pod0" {
			hook = "tc-egress"
			slot 4 { name = "out" object = "$ANSWERS" settings { ${1:-} } }
		}
		chain "pod0" {
			hook = "tc-ingress"
			slot 4 { name = "in" object = "$ANSWERS" settings { ${2:-} } }
		}
	END
}

# make_pair KIND: the one or the other that people connect containers with
make_pair() {
	case $1 in
	veth) in_ns edge ip link add pod0 type veth peer name nk0 ;;
	# ip may be older than the device: the kernel makes its peer and names it nk and a number
	netkit) in_ns edge ip link add pod0 type netkit ;;
	esac || return 1
	in_ns edge ip link set nk0 netns "$BED/ns/server" &&
		in_ns server ip address add "$INSIDE/25" dev nk0 && in_ns server ip link set nk0 up &&
		in_ns edge ip address add 203.0.113.129/25 dev pod0 && in_ns edge ip link set pod0 up
}

drop_pair() {
	in_ns edge ip link delete pod0 2>/dev/null
}

setup() {
	bed_slotd_stop KILL
	drop_pair
	make_pair netkit || bail "a netkit pair is there"
	write_conf
	bed_slotd_fresh
}

# Whether the container answers.
is_answered() {
	in_ns edge ping -c 1 -W "${1:-$TAP_SCALE}" "$INSIDE" >/dev/null
}

is_silent() {
	! is_answered "$SILENCE"
}

links() {
	local link

	for link in "$BED"/bpf/slotd/*-pod0:tc-{egress,ingress}/link; do
		bpftool -j link show pinned "$link" | jq .id
	done | xargs
}

slot_count() {
	of "$1" ".slots[4].packets.$2"
}

are_attached_by() {
	[[ $(bed_get status '[.chains[] | select(.attached) | .mode] | join(" ")') == "$1 $1" ]]
}

test_both_directions() {
	local before

	succeeds "both chains are programs of the device" are_attached_by netkit
	is "nobody warns" "$(bed_get status '[.chains[].warnings[]] | length')" 0
	succeeds "the container answers" is_answered 5
	matches "what goes to it meets tc-egress" "$(slot_count "$OUT" pass)" '^[1-9]'
	matches "what comes from it meets tc-ingress" "$(slot_count "$IN" pass)" '^[1-9]'
	before=$(links)
	write_conf 'answer = 2'
	bed_ctl --chain "$OUT" apply >/dev/null
	succeeds "a program that drops on the way in stops it" is_silent
	matches "and is counted" "$(slot_count "$OUT" drop)" '^[1-9]'
	bed_ctl --chain "$OUT" rollback >/dev/null
	succeeds "a rollback brings it back" is_answered 5
	write_conf '' 'answer = 2'
	bed_ctl --chain "$IN" apply >/dev/null
	succeeds "one that drops on the way out does as well" is_silent
	matches "and is counted" "$(slot_count "$IN" drop)" '^[1-9]'
	bed_ctl --chain "$IN" rollback >/dev/null
	succeeds "until it is gone" is_answered 5
	is "all by the same two links" "$(links)" "$before"
}

test_restart_and_kill() {
	local before

	before=$(links)
	bed_slotd_stop KILL
	succeeds "without slotd packets pass" is_answered 5
	bed_slotd
	is "a start takes over both links" "$(links)" "$before"
	succeeds "which are the device's programs" are_attached_by netkit
	is "and warns of nothing" "$(bed_get status '[.chains[].warnings[]] | length')" 0
	in_ns edge ip link set pod0 down && in_ns edge ip link set pod0 name pod9
	bed_slotd_stop
	sed -i 's/"pod0"/"pod9"/' "$BED/slots.conf"
	bed_slotd
	is "they keep their interface under another name" \
		"$(bed_get status '[.chains[].attached] | all')" true
	in_ns edge ip link delete pod9
}

test_comes_back_as_another_device() {
	drop_pair
	in_time "without the interface the chains are off" 5 is_off "$OUT"
	make_pair veth
	in_time "a veth of its name has them, by tcx" 5 are_attached_by tcx
	succeeds "the container answers" is_answered 5
	drop_pair
	in_time "it goes" 5 is_off "$IN"
	make_pair netkit
	in_time "a netkit pair has them as its programs" 5 are_attached_by netkit
	succeeds "the container answers" is_answered 5
	matches "and the chain saw it" "$(slot_count "$IN" pass)" '^[1-9]'
}

test_peer_and_others() {
	in_ns edge tc qdisc add dev pod0 clsact
	bpftool prog load "$ANSWERS" "$BED/bpf/other"
	in_ns edge tc filter add dev pod0 egress bpf direct-action object-pinned "$BED/bpf/other"
	in_ns edge tc filter add dev pod0 ingress bpf direct-action object-pinned "$BED/bpf/other"
	is "a filter on the way out of the host comes before the device's program" \
		"$(bed_get status '.chains[0].others[0] | "\(.attached) \(.before)"')" "clsact true"
	is "one on the way in behind it" \
		"$(bed_get status '.chains[1].others[0] | "\(.attached) \(.before)"')" "clsact false"
	rm "$BED/bpf/other"
	cat >>"$BED/slots.conf" <<-END
		chain "nk0" {
			netns = "$BED/ns/server"
			hook = "tc-egress"
			slot 4 { name = "own" object = "$ANSWERS" }
		}
	END
	succeeds "the peer may have a chain as well" bed_ctl reload
	is "which is tcx: the device's programs are the primary's" \
		"$(bed_get status '.chains[2].mode')" tcx
	succeeds "the container answers through all of them" is_answered 5
}

has_netkit() {
	unshare --net ip link add pod0 type netkit 2>/dev/null
}

has_netkit || {
	echo "1..0 # SKIP this kernel has no netkit (Linux 6.7)"
	exit 0
}
bed_run
