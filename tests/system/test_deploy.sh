#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Changing a chain that carries traffic: deploy, undeploy, rollback, enable, disable; and what
# the counters say.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

NEXT=$BED_PROGS/demo/firewall_next.bpf.o
STATE=$BED_PROGS/system/progs/state

setup() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
		slot 12 { name = "decap" object = "decap.bpf.o" }
		slot 19 { name = "state" object = "$STATE.bpf.o" }
	END
	bed_slotd_fresh
}

slot_is() {
	bed_get slots ".slots[$1] | \"\(.program) \(.version) \(.running) \(.deployed)\""
}

# Rounds of every kind of change, ten to a round; the firewall is in force in all generations.
change_all() {
	local i failed=0

	for ((i = 0; i < CHANGES / 10; i++)); do
		bed_ctl deploy firewall "$NEXT" || failed=1
		bed_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" || failed=1
		bed_ctl disable guest || failed=1
		bed_ctl rollback || failed=1
		bed_ctl undeploy guest || failed=1
		bed_ctl disable decap || failed=1
		bed_ctl undeploy firewall || failed=1
		bed_ctl enable decap || failed=1
		bed_ctl rollback || failed=1
		bed_ctl enable decap || failed=1
	done
	return "$failed"
}

test_changes_under_traffic() {
	local sent requests failed CHANGES=$((MANY * 5))

	nginx_start
	sink_start 7001
	sink_start 7002
	send_udp 50 "$DENIED4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	in_time "without a rule, packets of the source arrive (control)" 3 sink_has 7001 50
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	send_udp 50 "$DENIED4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	flood_start denied "$RATE" "$DENIED4" "$SERVER4" 7001
	flood_start allowed "$RATE" "$CLIENT4" "$SERVER4" 7002
	load_start 600
	in_time "allowed packets arrive" 5 sink_has 7002 50
	succeeds "$CHANGES changes are carried out under traffic" change_all
	matches "the flood of denied packets was one" "$(flood_stop denied)" '^[1-9][0-9]{2,}$'
	sent=$(flood_stop allowed)
	read -r requests failed < <(load_stop)
	in_time "no allowed packet is lost over $CHANGES changes ($sent sent)" 3 sink_has 7002 "$sent"
	is "no packet passes unfiltered over $CHANGES changes" "$(sink_count 7001)" 50
	matches "HTTP requests were answered" "$requests" '^[1-9]'
	is "no HTTP request fails over $CHANGES changes" "$failed" 0
}

test_disable_and_enable() {
	sink_start 7001
	sink_start 7002
	bed_ctl firewall deny add udp/7001 >/dev/null
	send_udp 20 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	changes "a slot is disabled" disable firewall
	send_udp 20 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	in_time "packets go past a disabled slot" 3 sink_has 7001 20
	is "what was sent before was dropped" "$(sink_count 7001)" 20
	is "a disabled slot is shown as such" \
		"$(bed_get slots '.slots[2] | "\(.enabled) \(.running)"')" "false false"
	changes "a slot is enabled" enable 2
	send_udp 20 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	send_udp 5 "$CLIENT4" "$SERVER4" 7002 >/dev/null
	wait_for 3 sink_has 7002 5
	is "packets meet an enabled slot again, with the rules it had" "$(sink_count 7001)" 20
	is "enabling what is enabled changes nothing" \
		"$(bed_ctl enable firewall --json | jq .changed)" false
}

test_versions() {
	is "slots.conf's object runs at first" "$(slot_is 2)" "firewall 1.1.0 true false"
	changes "a version is deployed" deploy firewall "$NEXT"
	is "the deployed version runs" "$(slot_is 2)" "firewall 1.2.0 true true"
	is "deploying it again changes nothing" \
		"$(bed_ctl deploy firewall "$NEXT" --json | jq .changed)" false
	changes "rollback swaps back" rollback
	is "the version before runs after a rollback" "$(slot_is 2 | cut -d' ' -f1-3)" \
		"firewall 1.1.0 true"
	is "after a rollback there is nothing to apply" "$(bed_get plan .has_changes)" false
	changes "a rollback is rolled back" rollback
	is "the version deployed runs again" "$(slot_is 2)" "firewall 1.2.0 true true"
	changes "a deployment is taken back" undeploy firewall
	is "slots.conf's object runs at last" "$(slot_is 2)" "firewall 1.1.0 true false"
	changes "a reserved slot without an object takes one" deploy guest "$BED_OBJECTS/pass.bpf.o"
	changes "and gives it back" undeploy guest
	is "then it is empty again" "$(bed_get slots '.slots[5] | "\(.program) \(.running)"')" \
		"null false"
	matches "generations name what they are and why" \
		"$(bed_get generations '[.generations[] | "\(.active) \(.reason)"] | join(",")')" \
		'^true undeploy slot 5 by uid 0 \(root\),false deploy slot 5 by uid 0 \(root\)$'
}

test_state_survives() {
	local rules before

	printf '%s\n' "deny $DENIED4/32" "deny $DENIED6/128" "allow udp/53" "deny tcp/8080" \
		>"$BED/rules"
	succeeds "rules are loaded from a file" bed_ctl firewall load "$BED/rules"
	rules=$(bed_ctl firewall list)
	before=$(bed_get slots '.slots[2].packets.seen')
	ping_once "$SERVER4"
	changes "the firewall is upgraded" deploy firewall "$NEXT"
	is "its rules survive the upgrade" "$(bed_ctl firewall list)" "$rules"
	succeeds "and act" no_ping "$SERVER4" "$DENIED4"
	[[ $(bed_get slots '.slots[2].packets.seen') -gt $before ]]
	is "the chain's counters only grow" $? 0

	before=$(bed_ctl show state --json | jq -c '.maps[] | select(.name == "state_seen") | .id')
	changes "a program with a map of the same layout takes over" \
		deploy state "$STATE"_next.bpf.o
	is "it is the same map" \
		"$(bed_ctl show state --json | jq -c '.maps[] | select(.name == "state_seen") | .id')" "$before"
	refuses "a map whose layout changed is refused" \
		"state_seen.* changed its value size from 8 to 16, the layout of its value.* generation [0-9]+ stays active" \
		on_one_line bed_ctl deploy state "$STATE"_wide.bpf.o
	is "the version before runs on" "$(slot_is 19)" "state 1.1.0 true true"
}

# slot_count SLOT COLUMN
slot_count() {
	bed_get slots ".slots[$1].packets.$2"
}

test_counters_add_up() {
	local dropped

	sink_start 7002
	bed_ctl firewall deny add udp/7001 >/dev/null
	dropped=$(slot_count 2 drop)
	send_udp $((MANY * 30)) "$CLIENT4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	send_udp $((MANY * 50)) "$CLIENT4" "$SERVER4" 7002 -r "$RATE" >/dev/null
	send_udp $((MANY * 20)) "$CLIENT6" "$SERVER6" 7002 -r "$RATE" >/dev/null
	in_time "what is allowed arrives" 3 sink_has 7002 $((MANY * 70))
	is "every dropped packet is counted, once" $(($(slot_count 2 drop) - dropped)) $((MANY * 30))
	changes "a new generation takes over" deploy guest "$BED_OBJECTS/pass.bpf.o"
	changes "and another one" deploy firewall "$NEXT"
	is "their counts are kept" $(($(slot_count 2 drop) - dropped)) $((MANY * 30))
	bed_ctl slots --json >"$BED/slots.json"
	is "in every slot the verdicts add up to the packets seen" \
		"$(jq '[.slots[] | select(.packets) | .packets |
			.seen == .aborted + .drop + .pass + .tx + .redirect + .denied] | all' \
			"$BED/slots.json")" true
	is "a slot sees what the one before passed" \
		"$(jq '.slots[12].packets.seen == .slots[2].packets.pass' "$BED/slots.json")" true
	is "what the last slot passed came through" \
		"$(jq '.passed == .slots[19].packets.pass' "$BED/slots.json")" true
	is "stats tell the same, with all that entered" \
		"$(bed_ctl stats --json |
			jq '.packets == .passed + ([.slots[] | .drop + .aborted + .tx + .redirect + .denied] | add)')" \
		true
}

deploy_at_once() {
	local slot pids=() failed=0

	for slot in firewall guest decap state; do
		bed_ctl deploy "$slot" "$BED_OBJECTS/pass.bpf.o" &
		pids+=($!)
	done
	for slot in "${pids[@]}"; do
		wait "$slot" || failed=1
	done
	return "$failed"
}

test_several_at_once() {
	local before

	before=$(bed_get slots .generation)
	succeeds "deploys of several slots at the same time succeed" deploy_at_once
	is "one after the other" $(($(bed_get slots .generation) - before)) 4
	is "and none undoes another" \
		"$(bed_get slots '[.slots[] | select(.program == "pass" and .running) | .slot] | join(" ")')" \
		"2 5 12 19"
}

bed_run
