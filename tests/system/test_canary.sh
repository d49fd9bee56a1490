#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Two versions of one slot side by side: who gets which, counted apart, promoted, aborted.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

TRIAL=$BED_PROGS/system/progs/trial
FLOWS=400
[[ ${SLOTD_TIER:-} != vm ]] || FLOWS=60

setup() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "trial" object = "$TRIAL.bpf.o" owner = "nobody" }
		slot 9 { name = "guest" }
	END
	bed_slotd_fresh
}

trial() {
	bed_get slots ".slots[5] | \"\(.version) \(.canary.version) \(.canary.gets)\""
}

# Every flow sends the same number of packets: those that arrive belong to flows that are whole.
send_flows() {
	local port

	for ((port = 0; port < FLOWS; port++)); do
		send_udp "$1" "$CLIENT4" "$SERVER4" 7001 -p $((20000 + port)) >/dev/null
	done
}

# Each packet arrived, or was dropped by the slot.
is_accounted() {
	[[ $(($(sink_count 7001) + $(bed_get slots '.slots[5].packets.drop'))) -eq $((FLOWS * 2)) ]]
}

test_by_flow() {
	local arrived counted
	sink_start 7001
	succeeds "an owner starts a canary" as_nobody deploy trial "${TRIAL}_drop.bpf.o" --canary 50%
	is "it runs beside the version before" "$(trial)" "1.0.0 2.1.0 50% of flows"
	is "the generation names it" \
		"$(bed_get generations '.generations[0].slots[] | select(.slot == 5) | .canary.version')" \
		2.1.0
	send_flows 2
	in_time "each packet arrives or is dropped" 5 is_accounted
	arrived=$(sink_count 7001)
	is "a flow stays with one version" $((arrived % 2)) 0
	matches "some flows meet the canary ($((FLOWS - arrived / 2)) of $FLOWS)" \
		"$((arrived / 2 > FLOWS / 4 && arrived / 2 < FLOWS * 3 / 4))" 1
	counted=$(bed_get slots '.slots[5].canary.packets.drop')
	is "the canary's packets are counted apart" "$counted" $((FLOWS * 2 - arrived))
	is "and are part of the slot's" "$(bed_get stats '.slots[] | select(.slot == 5) |
		"\(.drop) \(.canary.drop)"')" "$counted $counted"
	matches "the views show it" "$(bed_ctl slots; bed_ctl show trial; bed_ctl stats)" \
		'canary.*50% of flows.*canary  *trial 2.1.0 .*canary 2.1.0'
	end_traffic
}

test_ends() {
	local before
	changes "a canary starts" deploy trial "${TRIAL}_drop.bpf.o" --canary 5%
	refuses "a plain deploy beside it is refused" "promote or abort it before" \
		bed_ctl deploy trial "${TRIAL}_good.bpf.o"
	refuses "so is a rollback of the slot" "promote or abort it before" bed_ctl rollback trial
	changes "another share takes its place" deploy trial "${TRIAL}_drop.bpf.o" --canary 12.5%
	is "with the same version" "$(trial)" "1.0.0 2.1.0 12.5% of flows"
	changes "another canary takes its place" deploy trial "${TRIAL}_good.bpf.o" --canary cpu:0-3,7
	is "on some CPUs" "$(trial)" "1.0.0 2.0.0 CPUs 0-3,7"
	changes "another slot changes" disable firewall
	is "the canary runs on" "$(trial)" "1.0.0 2.0.0 CPUs 0-3,7"
	is "apply keeps it" "$(bed_get plan .has_changes)" false
	bed_slotd_stop KILL
	bed_slotd || bail "slotd starts again" "$(bed_log)"
	is "so does a restart" "$(trial)" "1.0.0 2.0.0 CPUs 0-3,7"
	changes "a disabled slot's canary waits" disable trial
	changes "it is back with the slot" enable trial
	is "as it was" "$(trial)" "1.0.0 2.0.0 CPUs 0-3,7"
	succeeds "its owner promotes it" as_nobody promote trial
	is "it is the slot's version then" "$(trial)" "2.0.0 null null"
	is "slots.conf does not take it back" "$(bed_get plan .has_changes)" false
	changes "the slot can go back" rollback trial
	is "to what it ran before" "$(trial)" "1.0.0 null null"
	refuses "there is no canary to end any more" "no canary runs in slot 5" bed_ctl abort trial
	changes "one more starts" deploy trial "${TRIAL}_drop.bpf.o" --canary 1%
	before=$(bed_get slots .generation)
	succeeds "its owner aborts it" as_nobody abort trial
	is "the version before runs alone" "$(trial)" "1.0.0 null null"
	changes "the chain goes back" rollback
	is "to the generation with the canary" "$(bed_get slots .generation) $(trial)" \
		"$before 1.0.0 2.1.0 1% of flows"
	is "and apply keeps that" "$(bed_get plan .has_changes)" false
	changes "undeploy ends it" undeploy trial
	is "with what was deployed" "$(trial)" "1.0.0 null null"
}

# slots.conf came to name what is on trial: nothing is left to be tried.
test_named_by_slots_conf() {
	changes "a canary starts" deploy trial "${TRIAL}_good.bpf.o" --canary 5%
	sed -i 's/trial.bpf.o/trial_good.bpf.o/' "$BED/slots.conf"
	matches "plan says that slots.conf promotes it" "$(bed_ctl plan)" \
		'replace trial 1.0.0 .* by trial 2.0.0 .*; the canary is promoted'
	changes "apply does" apply
	is "it is the slot's version" "$(trial)" "2.0.0 null null"
	sed -i 's/trial_good.bpf.o/trial.bpf.o/' "$BED/slots.conf"
	changes "slots.conf may name the version before again" apply
	is "the canary is over" "$(trial)" "1.0.0 null null"
}

test_refusals() {
	refuses "a canary needs something to run beside" "runs nothing that a canary could run beside" \
		bed_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" --canary 5%
	refuses "and has to be another version" "runs this very object" \
		bed_ctl deploy trial "$TRIAL.bpf.o" --canary 5%
	matches "a canary of all flows is none" \
		"$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" --canary 100% 2>&1; echo $?)" \
		"'100%': a share like 5% \(above 0 and below 100\).*2$"
	refuses "its maps are shared" "shares its maps with the version beside it" \
		bed_ctl deploy trial "${TRIAL}_good.bpf.o" --canary 5% --reset-map m
	refuses "an object that is none is no canary" "not an ELF file" \
		bed_ctl deploy trial "$BED/slots.conf" --canary 5%
	refuses "a canary is its owner's to promote" "does not own slot 2" as_nobody promote firewall
	refuses "and to abort" "does not own slot 2" as_nobody abort firewall
	matches "and so is one of none" \
		"$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" --canary 0% 2>&1; echo $?)" \
		"'0%': a share like 5% \(above 0 and below 100\).*2$"
	matches "a share without a sign is a mistake" \
		"$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" --canary 5 2>&1; echo $?)" \
		"CPUs like cpu:0-3,7, expected.*2$"
}

bed_run
