#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A version on trial: one that does worse than before goes back by itself, one that does not stays.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

TRIAL=$BED_PROGS/system/progs/trial

setup() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "trial" object = "$TRIAL.bpf.o" owner = "nobody" }
		slot 9 { name = "guest" }
	END
	bed_slotd_fresh
	rm -f "$BED/sink.7001"
}

version() {
	bed_get slots ".slots[5] | \"\(.version) \(.canary.version) \(.watch != null)\""
}

version_is() {
	[[ $(version) == "$1" ]]
}

# Traffic that the version before passes, so that there is something to compare with.
traffic_start() {
	sink_start 7001
	flood_start steady "$RATE" "$CLIENT4" "$SERVER4" 7001
	in_time "traffic flows" 10 sink_has 7001 200
}

arrives_again() {
	local count
	count=$(sink_count 7001)
	in_time "$1" 5 sink_has 7001 $((count + 50))
}

watched() {
	bed_ctl deploy trial "${TRIAL}_$1.bpf.o" --watch 60s "${@:2}"
}

goes_back() {
	local start=${EPOCHREALTIME/./}

	in_time "$1" 10 version_is "1.0.0 null false"
	echo "# taken back after $(((${EPOCHREALTIME/./} - start) / 1000)) ms"
}

test_drops() {
	traffic_start
	succeeds "a version that drops all is deployed" watched drop --max-drop-ratio 0.2 --max-abort 0
	goes_back "it goes back by itself"
	arrives_again "packets arrive again"
	matches "the journal says why" "$(bed_log)" \
		'slot 5 \(trial\): the new version is taken back by its watch: it drops (1.0000|0.9[0-9]*) of its packets'
	matches "status says why" "$(bed_ctl status)" \
		'last watch: slot 5 \(trial\): [0-9a-f]{12} was rolled back after [0-9]+ s, since it drops'
	matches "the audit log says why" "$(bed_ctl audit --json)" 'watch rolls back'
	is "after it there is nothing to apply" "$(bed_get plan .has_changes)" false
	end_traffic
}

test_aborts() {
	traffic_start
	succeeds "a version that aborts all is deployed" watched abort --max-abort 0
	goes_back "it goes back by itself"
	arrives_again "packets arrive again"
	matches "the journal says why" "$(bed_log)" 'it aborted or denied [0-9]+ of [0-9]+ packets'
	end_traffic
}

# What it did the first time is not what the version before does.
test_again_at_once() {
	succeeds "a version that aborts all is deployed" watched abort --max-abort 20
	send_udp 150 "$CLIENT4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	goes_back "it goes back by itself"
	succeeds "it is deployed again before the good one saw a packet" watched abort --max-abort 20
	send_udp 150 "$CLIENT4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	goes_back "it goes back once more"
}

test_other_changes_meanwhile() {
	local generation
	changes "a version is on trial without traffic" deploy trial "${TRIAL}_drop.bpf.o" \
		--watch 60s --max-drop-ratio 0.2
	is "that shows" "$(version)" "2.1.0 null true"
	matches "also in the views" "$(bed_ctl slots; bed_ctl show trial)" \
		'running, on trial.*watch *the new version, [0-9]+ s to go, 0 packets'
	changes "another slot changes" disable firewall
	changes "and another" deploy guest "$BED_OBJECTS/pass.bpf.o"
	is "the trial goes on" "$(version)" "2.1.0 null true"
	bed_slotd_stop KILL
	bed_slotd || bail "slotd starts again" "$(bed_log)"
	is "also over a restart" "$(version)" "2.1.0 null true"
	generation=$(bed_get slots .generation)
	send_udp 300 "$CLIENT4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	goes_back "then it goes back by itself"
	is "in a generation of its own" "$(bed_get slots .generation)" $((generation + 1))
	is "the other slots keep their changes" \
		"$(bed_get slots '"\(.slots[2].enabled) \(.slots[9].running)"')" "false true"
}

test_good_version() {
	traffic_start
	matches "a version that is as good as before is deployed, and slotctl tells of its watch" \
		"$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" --watch 2s --max-drop-ratio 0.2 \
			--max-abort 0)" 'is active.*watched for 2 s: slotctl show trial tells'
	is "it is on trial" "$(version)" "2.0.0 null true"
	in_time "the watch is over in time" 10 version_is "2.0.0 null false"
	matches "the journal says so" "$(bed_log)" 'its watch of 2 s is over: the new version stays'
	end_traffic
}

test_too_few_packets() {
	changes "a version that drops all meets too few packets" deploy trial \
		"${TRIAL}_drop.bpf.o" --watch 2s --max-drop-ratio 0.2
	in_time "its watch is over, and it stays" 10 version_is "2.1.0 null false"
	matches "status says that it was not judged" "$(bed_get status '.chains[0].last_watch')" \
		'stays after 2 s, but its drops were not judged: it saw [0-9]+ packets, and it takes 100'
}

test_canary() {
	traffic_start
	succeeds "a canary that drops all is on trial" \
		watched drop --canary cpu:0-63 --max-drop-ratio 0.2
	goes_back "it is aborted by itself"
	arrives_again "packets arrive again"
	matches "the journal says why" "$(bed_log)" 'the canary is taken back by its watch: it drops'
	succeeds "a canary that is good is on trial" bed_ctl deploy trial "${TRIAL}_good.bpf.o" \
		--canary 50% --watch 2 --max-drop-ratio 0.2 --max-abort 0
	in_time "it stays" 10 version_is "1.0.0 2.0.0 false"
	end_traffic
}

test_canary_that_ran_before() {
	cp "${TRIAL}_drop.bpf.o" "$BED/again.o"
	printf 'x' >>"$BED/again.o"
	changes "a version that drops all runs" deploy trial "${TRIAL}_drop.bpf.o"
	changes "so does its canary, on every CPU" deploy trial "$BED/again.o" --canary cpu:0-63
	send_udp 300 "$CLIENT4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	changes "that canary is on trial" deploy trial "$BED/again.o" --canary cpu:0-62 \
		--watch 3s --max-drop-ratio 0.2
	is "what it did before does not count" \
		"$(bed_get slots '.slots[5].watch | "\(.seen < 100) \(.dropped)"')" "true 0"
	in_time "it stays" 15 version_is "2.1.0 2.1.0 false"
}

# Nothing is built for it, but it is asked for: the same canary, now on trial.
test_canary_that_runs_on() {
	traffic_start
	changes "a canary that drops all runs" deploy trial "${TRIAL}_drop.bpf.o" --canary cpu:0-63
	matches "the same is put on trial" "$(watched drop --canary cpu:0-63 --max-drop-ratio 0.2 2>&1 | tr '\n' ' ')" \
		'on trial from now on.*no changes'
	goes_back "it is aborted by itself"
	arrives_again "packets arrive again"
	end_traffic
}

# Slots that were deployed together go back together; one that was deployed by itself does not.
test_several_slots() {
	local next=$BED_PROGS/demo/firewall_next.bpf.o

	changes "a slot runs something" deploy guest "$BED_OBJECTS/pass.bpf.o"
	changes "another version is on trial by itself" deploy guest "${TRIAL}_good.bpf.o" \
		--watch 60s --max-abort 0
	changes "two slots are on trial, and one of them drops all" \
		deploy firewall "$next" trial "${TRIAL}_drop.bpf.o" --watch 60s --max-drop-ratio 0.2
	send_udp 300 "$CLIENT4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	goes_back "it goes back by itself"
	is "the other goes with it, in the same swap" \
		"$(bed_get slots '.slots[2] | "\(.version) \(.watch)"')" "1.1.0 null"
	is "what was deployed before stays on trial" \
		"$(bed_get slots '.slots[9] | "\(.version) \(.watch != null)"')" "2.0.0 true"
	matches "the audit log names both" "$(bed_ctl audit --json | jq -c ".lines[-1]")" \
		'watch rolls back.*firewall.*trial'
}

test_decided_by_hand() {
	changes "a version is on trial" deploy trial "${TRIAL}_good.bpf.o" --watch 60s --max-abort 0
	changes "its owner goes back" rollback trial
	is "that ends the trial" "$(version)" "1.0.0 null false"
	changes "a version is on trial again" deploy trial "${TRIAL}_good.bpf.o" --watch 60s --max-abort 0
	changes "another takes its place" deploy trial "${TRIAL}_drop.bpf.o"
	is "that ends the trial, too" "$(version)" "2.1.0 null false"
}

test_refusals() {
	refuses "what runs alone has nothing to be compared with" "runs nothing that a watch could" \
		bed_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" --watch 5s --max-abort 0
	refuses "the version that runs is on no trial" "runs this very object" \
		bed_ctl deploy trial "$TRIAL.bpf.o" --watch 5s --max-abort 0
	refuses "a ratio is at most 1" "a number from 0 to 1 expected" watched good --max-drop-ratio 2
	matches "a watch needs terms" \
		"$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" --watch 5s 2>&1; echo $?)" 'for what.*2$'
	matches "an empty limit is none" "$(watched good --max-abort "" 2>&1; echo $?)" \
		"--max-abort '': a number expected.*2$"
	matches "nor is an empty ratio" "$(watched good --max-drop-ratio "" 2>&1; echo $?)" \
		"--max-drop-ratio '': a number expected.*2$"
	matches "a watch lasts a day at most" "$(watched good --max-abort 0 --watch 25h 2>&1; echo $?)" \
		"--watch '25h': .* 24h.*2$"
	matches "terms need a watch" \
		"$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" --max-abort 0 2>&1; echo $?)" \
		'limits count while a deploy is watched.*2$'
}

only_in_vm drops canary several_slots
bed_run
