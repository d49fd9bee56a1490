#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A chain of TC programs that is attached by a filter, as where the kernel has no tcx: by newer
# ones it is hidden. Beside what test_tc shows (tests/support/tc.sh): whose the qdisc is, and what
# becomes of the chain when somebody takes it off.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/probes.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/probes.sh"
# shellcheck source=tests/support/tc.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tc.sh"

# shellcheck disable=SC2034 # of tc.sh
TC_WAY=clsact
SLOTD_TEST_ENGINE=fused # TC programs always are
IN=eth1:tc-ingress

qdisc() {
	in_ns edge tc qdisc show dev eth1 clsact
}

# After the chain was taken off.
back_on() {
	write_conf
	bed_ctl reload >/dev/null 2>&1
	tc_ctl apply >/dev/null 2>&1
	hc_set_up
	hc_ctl add 1 "$SERVER4" >/dev/null
	is_on "$TC"
}

conf_ingress() {
	cat <<-END
		chain "eth1" {
			hook = "tc-ingress"
			slot 3 { name = "in" object = "$DROPS" }
		}
	END
}

test_qdisc_of_ours() {
	matches "slotd makes the qdisc" "$(qdisc)" '^qdisc clsact ffff:'
	succeeds "the chain is taken off" tc_ctl detach
	is "the qdisc goes with it" "$(qdisc)" ""
	succeeds "it comes back" back_on
	matches "and so does the qdisc" "$(qdisc)" '^qdisc clsact ffff:'
	add_other ingress
	succeeds "the chain is taken off while somebody has a filter on that qdisc" tc_ctl detach
	matches "who keeps it" "$(in_ns edge tc filter show dev eth1 ingress)" 'direct-action'
	in_ns edge tc qdisc del dev eth1 clsact
	rm "$BED/bpf/other"
	succeeds "it comes back again" back_on
}

test_qdisc_of_others() {
	tc_ctl detach >/dev/null
	in_ns edge tc qdisc add dev eth1 clsact
	succeeds "the chain uses a qdisc that somebody made" back_on
	succeeds "and is taken off" tc_ctl detach
	matches "the qdisc stays" "$(qdisc)" '^qdisc clsact ffff:'
	in_ns edge tc qdisc del dev eth1 clsact
	in_ns edge tc qdisc add dev eth1 ingress
	matches "beside a qdisc ingress there is no egress, which is told" \
		"$(tc_ctl apply 2>&1)" "has a qdisc ingress, .*left alone"
	matches "and that qdisc is left alone" "$(in_ns edge tc qdisc show dev eth1 ingress)" \
		'^qdisc ingress ffff:'
	conf_ingress >"$BED/slots.conf"
	succeeds "for the ingress it serves" bed_ctl reload
	matches "where slotd has its filter" "$(own_filter ingress)" '^pref 57344 '
	succeeds "the chain is taken off" bed_ctl --chain "$IN" detach
	matches "and the qdisc stays" "$(in_ns edge tc qdisc show dev eth1 ingress)" \
		'^qdisc ingress ffff:'
	in_ns edge tc qdisc del dev eth1 ingress
	succeeds "without it the chain is attached" back_on
}

is_back_on() {
	is_on "$TC" && [[ -n $(tc_seat) ]]
}

test_somebody_takes_it_off() {
	in_ns edge tc qdisc del dev eth1 clsact
	in_time "slotd puts back the filter that went with its qdisc" 5 is_back_on
	in_ns edge tc filter del dev eth1 egress
	in_time "or alone" 5 is_back_on
	probe_succeeds "and probes go on" 1 "$VIP4"
	bed_slotd_stop
	in_ns edge tc qdisc del dev eth1 clsact
	bed_slotd
	in_time "a start attaches what was taken off meanwhile" 5 is_back_on
	matches "with its maps" "$(hc_ctl list)" '^1 198.51.100.2 ipip'
	in_ns edge tc filter del dev eth1 egress
	in_time "it is back" 5 is_back_on
	tc_ctl detach >/dev/null
	matches "a qdisc whose filter others took off may be theirs, and stays" "$(qdisc)" \
		'^qdisc clsact ffff:'
	in_ns edge tc qdisc del dev eth1 clsact
	succeeds "the chain comes back" back_on
}

test_somebody_in_its_place() {
	tc_ctl detach >/dev/null
	in_ns edge tc qdisc add dev eth1 clsact
	add_other egress pref 57344 handle 0x510d
	matches "a filter in the place of slotd's is left alone, which is told" \
		"$(tc_ctl apply 2>&1)" "in its place \(pref 57344, handle 0x510d\); it was left alone"
	matches "it runs on" "$(in_ns edge tc filter show dev eth1 egress)" "tc_ret"
	in_ns edge tc qdisc del dev eth1 clsact
	rm "$BED/bpf/other"
	succeeds "without it the chain is attached" back_on
}

# As on a host that was booted into a kernel without tcx, with slots.conf of one that has it.
order_at_a_start() {
	local said

	said=$(bed_log_lines)
	bed_slotd_gone
	mount -t bpf bpf "$BED/bpf"
	succeeds "a start does not end by a chain that this kernel cannot serve" bed_slotd
	is "the other one runs" "$(of eth0 .attached)" true
	matches "that one does not" "$(of "$TC" .attached) $(tc_ctl slots)" "^false .*not attached"
	matches "status says why" "$(bed_get status '.chains[].warnings | join(" ")')" \
		"cannot attach to '$TC' before others: this kernel has no tcx"
	matches "and the log" "$(bed_log "$said")" "'$TC' before others: .*; nothing runs on '$TC'"
	matches "a deploy to it is refused" "$(curl -s --unix-socket "$BED_CTL_SOCKET" -T "$DROPS" \
		"http://slotd/v1/chains/$TC/slots/9/object?name=drops")" \
		"no chain runs on '$TC'"
	refuses "and a reload whole" "before others: .*nothing was changed" bed_ctl reload
	in_ns edge ip link add v7 type veth peer v8
	in_ns edge ip link del v7
	is "nothing is attached by news of interfaces" "$(qdisc)" ""
}

test_order() {
	sed -i 's/hook = "tc-egress"/& order = "first"/' "$BED/slots.conf"
	matches "filters have no first: a chain that runs is not told so at its next attachment only" \
		"$(bed_ctl reload 2>&1)" "cannot attach to '$TC' before others: this kernel has no tcx"
	bed_slotd_stop KILL
	succeeds "nor does it keep slotd from starting" bed_slotd
	is "the chain runs on" "$(of "$TC" .attached)" true
	matches "and status says that it cannot be changed so" \
		"$(bed_get status '.chains[].warnings | join(" ")')" "before others: this kernel has no tcx"
	refuses "nor is it" "before others: this kernel has no tcx.*generation [0-9]+ stays active" \
		tc_ctl deploy guest "$DROPS"
	tc_ctl detach >/dev/null
	matches "filters have no first, which is told" "$(tc_ctl apply 2>&1)" \
		"cannot attach to '$TC' before others: this kernel has no tcx"
	is "nothing is left of the attempt" "$(qdisc)" ""
	order_at_a_start
	succeeds "without that it is attached" back_on
}

test_both_directions() {
	conf_ingress >>"$BED/slots.conf"
	succeeds "a chain of the other direction is added" bed_ctl reload
	matches "it has a filter of its own" "$(own_filter ingress)" '^pref 57344 '
	probe_succeeds "probes go on" 1 "$VIP4"
	matches "and it sees what comes back" "$(of "$IN" '.slots[3].packets.pass')" '^[1-9]'
	succeeds "the chain whose slotd made the qdisc is taken off" tc_ctl detach
	matches "the other one keeps the qdisc" "$(own_filter ingress)" '^pref 57344 '
	bed_slotd_stop KILL
	bed_slotd
	is "also over a restart" "$(of "$IN" .attached)" true
	succeeds "it is taken off as well" bed_ctl --chain "$IN" detach
	is "and the qdisc with the last of them" "$(qdisc)" ""
	succeeds "the first one comes back" back_on
}

if [[ ${SLOTD_TIER:-} == vm && ${SLOTD_FAULTS:-} != all ]] && has_tcx; then
	echo "1..0 # SKIP the guest with a kernel before 6.6 shows it, and the host"
	exit 0
fi
only_in_vm qdisc_of_ours both_directions somebody_takes_it_off no_packet_meets_a_gap
bed_run
