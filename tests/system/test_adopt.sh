#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Taking over what Debian's xdp-tools put on an interface: xdp-filter and another program
# under libxdp's dispatcher become slots of a chain, under traffic; refusals change nothing.
# timeout: 900

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"

COUNT=$BED_PROGS/bpf/progs/count.bpf.o
# A port that xdp-filter drops, and one that it lets through.
DROPPED=7001
PASSED=7002
export LIBXDP_BPFFS=$BED/libxdp

xdp() {
	in_ns edge "$@" >"$BED/log/xdp" 2>&1
}

# Nothing on the interface, no slotd, libxdp's pins in a fresh bpffs of their own.
setup() {
	bed_slotd_stop KILL
	umount "$LIBXDP_BPFFS" 2>/dev/null
	mkdir -p "$LIBXDP_BPFFS"
	mount -t bpf bpf "$LIBXDP_BPFFS" || bail "a bpffs for libxdp"
	bed_conf <<-END
		slot 0 { name = "pass" object = "pass.bpf.o" }
		slot 2 { name = "seat" }
	END
	umount "$BED/bpf"
	rm -rf "$BED/state" "$BED/run"
	mkdir -p "$BED/state" "$BED/run"
	mount -t bpf bpf "$BED/bpf" || bail "a fresh bpffs"
	: >"$BED/log/slotd"
	# the kernel lets a link go some time after its pin
	wait_for 10 is_taken_off || bail "nothing runs on eth0 before the test"
}

is_taken_off() {
	xdp ip link set dev eth0 xdp off
	is_bare eth0
}

# Two programs under a dispatcher; the first one drops what goes to one port.
load_both() {
	xdp xdp-filter load eth0 -m native -f udp -p allow &&
		xdp xdp-filter port -m dst -p udp "$DROPPED" &&
		xdp xdp-loader load eth0 -m native "$COUNT"
}

start() {
	load_both || bail "xdp-filter and a second program run under a dispatcher" \
		"$(cat "$BED/log/xdp")"
	bed_slotd || bail "slotd starts beside a dispatcher" "$(cat "$BED/log/slotd")"
}

has_freplace() {
	[[ $BED_ENGINE == freplace ]]
}

pinned_id() {
	bpftool -j prog show pinned "$1" | jq .id
}

slots_of() {
	bed_get slots '[.slots[] | select(.reserved) | "\(.slot)=\(.name)"] | join(" ")'
}

# filters SENTENCE: one port is dropped, the other one passes
filters() {
	local before after
	read -r before after <<<"$(sink_count "$DROPPED") $(sink_count "$PASSED")"
	send_udp 5 "$CLIENT4" "$SERVER4" "$DROPPED" >/dev/null
	send_udp 5 "$CLIENT4" "$SERVER4" "$PASSED" >/dev/null
	if wait_for 3 sink_has "$PASSED" $((after + 5)); then
		is "$1" "$(sink_count "$DROPPED")" "$before"
	else
		not_ok "$1" "of 5 packets that pass, $(($(sink_count "$PASSED") - after)) arrived"
	fi
}

sinks() {
	sink_start "$DROPPED"
	sink_start "$PASSED"
}

# Adopt under traffic of both kinds.
adopt_under_traffic() {
	local sent dropped

	flood_start pass "$RATE" "$CLIENT4" "$SERVER4" "$PASSED"
	flood_start drop "$RATE" "$CLIENT4" "$SERVER4" "$DROPPED"
	wait_for 5 sink_has "$PASSED" 20
	succeeds "slotctl adopt takes the dispatcher's programs over" bed_ctl adopt
	wait_for 2 sink_has "$PASSED" $(($(sink_count "$PASSED") + 20))
	sent=$(flood_stop pass)
	dropped=$(flood_stop drop)
	in_time "none of $sent packets that pass was lost meanwhile" 3 sink_has "$PASSED" "$sent"
	is "none of $dropped packets that are dropped got through" "$(sink_count "$DROPPED")" 0
}

test_adopt() {
	local filter

	has_freplace || return 0
	start
	sinks
	matches "a start beside a dispatcher leaves it alone and says so" "$(bed_log)" \
		"libxdp dispatcher, which was left alone: slotctl adopt"
	matches "status says it, too" "$(bed_get status '.chains[0].warnings[]')" "slotctl adopt"
	filter=$(pinned_id "$LIBXDP_BPFFS"/xdp/dispatch-*/prog0-prog)
	adopt_under_traffic
	is "they are in the free slots, in their order" "$(slots_of)" \
		"0=pass 1=xdpfilt_alw_udp 2=seat 3=count"
	is "the same program runs, it was not loaded again" \
		"$(pinned_id "$BED"/bpf/slotd/*/gen/1/prog_01)" "$filter"
	is "nothing is left of libxdp's pins" "$(ls "$LIBXDP_BPFFS/xdp")" ""
	is "its continue_on is the dispatcher's" \
		"$(bed_ctl show 1 --json | jq -r '.continue_on | join(",")')" pass
	refuses "a second adopt is refused" "runs its chain already" bed_ctl adopt
	changes "another slot's deploy leaves what was adopted" deploy 2 "$BED_OBJECTS/pass.bpf.o"
	is "the program is still the same" "$(pinned_id "$BED"/bpf/slotd/*/gen/2/prog_01)" "$filter"
	filters "and filters"
	live_on "$filter"
}

# live_on FILTER: what was adopted, over everything that can happen to a chain.
live_on() {
	bed_slotd_stop KILL
	bed_slotd || bail "slotd starts again" "$(cat "$BED/log/slotd")"
	is "a start after a kill takes the running chain over" "$(bed_get slots .generation)" 2
	filters "and it filters"
	changes "a change after a restart links the adopted program again" deploy 2 \
		"$BED_PROGS/bpf/progs/ret.bpf.o"
	is "the same one" "$(pinned_id "$BED"/bpf/slotd/*/gen/3/prog_01)" "$1"
	changes "rollback" rollback
	filters "filters"
	changes "a slot of an adopted program is disabled" disable 1
	send_udp 5 "$CLIENT4" "$SERVER4" "$DROPPED" >/dev/null
	in_time "its port is open then" 3 sink_has "$DROPPED" 5
	changes "and enabled" enable 1
	filters "and it filters again"
	succeeds "apply keeps what was adopted" bed_ctl apply
	matches "in its slots" "$(slots_of)" "1=xdpfilt_alw_udp .*3=count"
	replace_and_detach
}

replace_and_detach() {
	changes "an object is deployed in an adopted slot" deploy 3 "$BED_OBJECTS/pass.bpf.o"
	is "it runs under the name of the slot" \
		"$(bed_ctl show 3 --json | jq -r '"\(.name) \(.program) \(.adopted)"')" \
		"count pass null"
	changes "a slot that was adopted is given up" undeploy 3
	is "and free" "$(bed_ctl show 3 --json | jq .reserved)" false
	sed -i 's/"seat"/"seat" } slot 1 { name = "other"/' "$BED/slots.conf"
	refuses "slots.conf cannot give an adopted program's slot to another" \
		"slot 1: it runs 'xdpfilt_alw_udp', adopted" bed_ctl apply
	sed -i 's/"other"/"xdpfilt_alw_udp" helpers = { }/' "$BED/slots.conf"
	refuses "nor bound what a loaded program cannot be held to" \
		"slot 1 \(xdpfilt_alw_udp\): .* adopted from libxdp .* helpers and map_memory" \
		bed_ctl apply
	sed -i 's/helpers = { }/owner = "daemon"/' "$BED/slots.conf"
	changes "a reservation of its name takes it over" apply
	is "with its terms" "$(bed_ctl show 1 --json | jq -r '"\(.owner) \(.adopted)"')" "daemon true"
	filters "and it filters"
	succeeds "detach" bed_ctl detach
	in_time "takes the chain off" 3 is_bare eth0
	is "and leaves no pins" "$(find "$BED/bpf/slotd" -mindepth 1)" ""
	changes "an apply after that attaches as usual" apply
	is "without what was adopted" "$(bed_ctl show 1 --json | jq -r .running)" false
}

test_reboot() {
	has_freplace || return 0
	start
	bed_ctl adopt >/dev/null
	bed_slotd_stop KILL
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	xdp ip link set dev eth0 xdp off
	bed_slotd || bail "slotd starts after a reboot" "$(cat "$BED/log/slotd")"
	is "after a reboot the chain comes up without adopted programs" "$(slots_of)" "0=pass 2=seat"
	matches "and says which" "$(bed_log)" "run no longer: xdpfilt_alw_udp \(slot 1\), count"
	matches "in status, too" "$(bed_get status '.chains[0].warnings[]')" "xdpfilt_alw_udp"
}

# rename FROM TO: the interface, and the chain in slots.conf
rename() {
	xdp ip link set dev "$1" down && xdp ip link set dev "$1" name "$2" &&
		xdp ip link set dev "$2" up && sed -i "1s/\"$1\"/\"$2\"/" "$BED/slots.conf"
}

# Such a chain has no link to be found by.
test_renamed() {
	local before

	has_freplace || return 0
	start
	bed_ctl adopt >/dev/null
	before=$(xdp_id eth0)
	bed_slotd_stop
	rename eth0 wan0 || bail "the interface is renamed" "$(cat "$BED/log/xdp")"
	succeeds "slotd starts when the interface was renamed under an adopted chain" bed_slotd
	is "the chain runs on" "$(xdp_id wan0)" "$before"
	is "with what was adopted" "$(slots_of)" "0=pass 1=xdpfilt_alw_udp 2=seat 3=count"
	is "in one folder of pins" "$(basename -a "$BED"/bpf/slotd/*/)" \
		"$(basename "$BED"/bpf/slotd/*-wan0)"
	sinks
	filters "and filters"
	changes "it can be changed" deploy 2 "$BED_OBJECTS/pass.bpf.o"
	bed_slotd_stop KILL
	rename wan0 eth0
	succeeds "killed, and the first name given back: slotd starts" bed_slotd
	is "with the chain" "$(bed_get slots .attached)" true
	filters "which filters"
}

# refused SENTENCE PATTERN: adopt is, and what runs on the interface runs on
refused() {
	local before after out status=0

	before=$(xdp_id eth0)
	out=$(bed_ctl adopt 2>&1 >/dev/null) || status=$?
	after=$(xdp_id eth0)
	if [[ $status -eq 1 && $out =~ $2 && -n $before && $after == "$before" ]] &&
		[[ -z $(find "$BED/bpf/slotd" -mindepth 1) ]] && ping_once "$SERVER4"; then
		ok "$1"
	else
		not_ok "$1" "exit status $status, program before: $before, after: $after" \
			"got:     $out" "pattern: $2" "$(find "$BED/bpf/slotd" -mindepth 1)"
	fi
}

test_refused_alone() {
	bed_slotd || bail "slotd starts" "$(cat "$BED/log/slotd")"
	bed_ctl detach >/dev/null
	matches "an interface that runs nothing is refused" "$(bed_ctl adopt 2>&1)" \
		"no XDP program runs on 'eth0'"
	xdp ip link set dev eth0 xdp obj "$COUNT" sec xdp ||
		bail "ip attaches a program" "$(cat "$BED/log/xdp")"
	refused "a program without a dispatcher is refused" "runs the program 'count' .* by itself"
}

test_refused_full() {
	local slot

	has_freplace || return 0
	for slot in {0..18}; do
		echo "slot $slot { name = \"full$slot\" }"
	done | bed_conf
	start
	refused "more programs than free slots are refused" "2 programs run .* leaves 1 slots free"
}

test_refused_engine() {
	has_freplace || return 0
	sed -i 's/freplace/fused/' "$BED/slots.conf"
	start
	refused "a chain of the engine fused is refused" "needs the engine freplace"
	filters_outside
}

# Refused or not, what filtered before filters.
filters_outside() {
	sinks
	filters "and the dispatcher's programs filter as before"
}

test_refused_unknown() {
	has_freplace || return 0
	start
	rm -r "$LIBXDP_BPFFS"/xdp/dispatch-*
	refused "a dispatcher that libxdp does not understand is refused" "does not understand"
}

# Killed after each step of the adoption: the dispatcher's programs or the chain's filter, and
# the next start makes the rest good.
test_kills() {
	local point points=(netlink.replace change.swapped adopt.unpin)

	has_freplace || return 0
	[[ ${SLOTD_TIER:-} == vm && ${SLOTD_FAULTS:-} != all ]] ||
		points+=(adopt.mark change.recorded adopt.unmarked)
	for point in "${points[@]}"; do
		setup
		mkdir -p "$FAULTS"
		fault_disarm
		BED_DAEMON=$BED_TOOLS/slotd_faults
		start
		sinks
		fault_arm "$point" 1 kill
		bed_ctl adopt >/dev/null 2>&1
		wait_for 10 is_gone "$BED_SLOTD" || not_ok "slotd dies at $point"
		BED_SLOTD=
		fault_disarm
		filters "killed at $point: the filter runs"
		bed_slotd || bail "slotd starts again" "$(cat "$BED/log/slotd")"
		[[ $(bed_get slots .attached) == true ]] || bed_ctl adopt >/dev/null
		is "killed at $point: adopted in the end" "$(slots_of)" \
			"0=pass 1=xdpfilt_alw_udp 2=seat 3=count"
		is "killed at $point: nothing of libxdp's pins is left" "$(ls "$LIBXDP_BPFFS/xdp")" ""
		is "killed at $point: and no mark" "$(ls -d "$BED"/bpf/slotd/*/adopted 2>/dev/null)" ""
		filters "killed at $point: it filters"
		end_traffic
	done
	BED_DAEMON=$BED_BIN/slotd
}

bed_run
