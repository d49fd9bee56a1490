#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Changes of several slots at once, by several writers at once, and back again slot by slot.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

NEXT=$BED_PROGS/demo/firewall_next.bpf.o
TRIAL=$BED_PROGS/system/progs/trial
WRITES=$MANY

setup() {
	bed_conf <<-END
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "trial" object = "$TRIAL.bpf.o" owner = "nobody" }
		slot 9 { name = "guest" owner = "nobody" }
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
	bed_slotd_fresh
}

versions() {
	bed_get slots '[.slots[] | select(.running) | .version] | join(" ")'
}

# ask METHOD PATH [CURL_OPTION...]: prints the HTTP status and the answer's error
ask() {
	curl -sS --unix-socket "$BED_CTL_SOCKET" -X "$1" -o "$BED/answer" -w '%{http_code} ' \
		"${@:3}" "http://slotd$2"
	jq -r '.error // "fine"' "$BED/answer"
}

test_several_slots() {
	local result generation

	generation=$(bed_get slots .generation)
	result=$(bed_ctl --json deploy firewall "$NEXT" 5 "${TRIAL}_good.bpf.o" \
		guest "$BED_OBJECTS/pass.bpf.o" --generation "$generation")
	is "three slots change in one generation" \
		"$(jq -r '"\(.generation) \([.steps[] | select(.action != "keep") | .slot])"' <<<"$result")" \
		"$((generation + 1)) [2,5,9]"
	is "all of them run what was deployed" "$(versions | cut -d' ' -f1,2)" "1.2.0 2.0.0"
	refuses "a bad object for one slot keeps all from changing" \
		"not an ELF file" \
		bed_ctl deploy firewall "$BED_OBJECTS/firewall.bpf.o" guest "$BED/slots.conf"
	refuses "a slot that is not reserved keeps all from changing" "slot 7 .* is not reserved" \
		bed_ctl deploy firewall "$BED_OBJECTS/firewall.bpf.o" 7 "$BED_OBJECTS/pass.bpf.o"
	refuses "a slot that is another's keeps all from changing" \
		"does not own slot 2 of 'eth0'; nothing was changed" \
		as_nobody deploy trial "$TRIAL.bpf.o" firewall "$BED_OBJECTS/firewall.bpf.o"
	succeeds "an owner changes all of its slots at once" \
		as_nobody deploy trial "$TRIAL.bpf.o" guest "${TRIAL}_good.bpf.o"
	is "and they run" "$(versions)" "1.2.0 1.0.0 2.0.0 $(versions | cut -d' ' -f4)"
	changes "a slot is disabled" disable trial
	matches "a deploy to it says that it waits" "$(bed_ctl deploy trial "${TRIAL}_good.bpf.o" 2>&1)" \
		"slot 5 .trial. is disabled: what was deployed runs once it is enabled"
	changes "then it runs" enable trial
	refuses "a slot is named once" "slot 5 is there twice" \
		bed_ctl deploy 5 "$TRIAL.bpf.o" trial "${TRIAL}_good.bpf.o"
	is "nothing of what was refused is kept" \
		"$(find "$BED/state/objects" -type f | wc -l)" \
		"$(cat "$BED"/state/chains/eth0/*.json | grep -o '"sha256": *"[0-9a-f]*"' |
			grep -o '[0-9a-f]\{64\}' | sort -u | wc -l)"
}

test_forms() {
	local deploy='/v1/chains/eth0/deploy?slots=5' change='{"slots":[{"slot":5,"name":"a.o"}]}'
	local object="object-5=@$TRIAL.bpf.o" before
	before=$(chain_state)

	matches "a deploy that names no slots" "$(ask POST /v1/chains/eth0/deploy -F "change=$change")" \
		'^400 which slots'
	matches "slots that are none" "$(ask POST '/v1/chains/eth0/deploy?slots=5,20')" '^400 slots '
	matches "a body that is no form" "$(ask POST "$deploy" --data-binary "$change")" \
		'^400 a multipart/form-data body'
	matches "a form that breaks off" \
		"$(ask POST "$deploy" -H 'Content-Type: multipart/form-data; boundary=edge' \
			--data-binary $'--edge\r\nContent-Disposition: form-data; name="change"\r\n\r\n{')" \
		'^400 the body is no whole'
	matches "a form without a change" "$(ask POST "$deploy" -F "$object")" \
		"^422 the form has no part 'change'"
	matches "a form without the object" "$(ask POST "$deploy" -F "change=$change")" \
		"^422 the form has no part 'object-5'"
	matches "a part that nobody asked for" \
		"$(ask POST "$deploy" -F "change=$change" -F "$object" -F "object-2=@$TRIAL.bpf.o")" \
		"^422 the form's part 'object-2' belongs to no slot"
	matches "other slots than the query's" \
		"$(ask POST '/v1/chains/eth0/deploy?slots=9' -F "change=$change" -F "$object")" \
		'^422 the change names other slots'
	matches "a change that is no JSON" "$(ask POST "$deploy" -F "change={" -F "$object")" \
		'^422 change: no JSON'
	head -c 18000000 /dev/zero >"$BED/most"
	matches "a form that is too large" \
		"$(ask POST "$deploy" -F "change=$change" -F "object-5=@$BED/most")" \
		'^413 the body is larger'
	matches "the same in chunks" \
		"$(ask POST "$deploy" -H 'Transfer-Encoding: chunked' -F "change=$change" \
			-F "object-5=@$BED/most")" '^413 the body is larger'
	is "none of these changed anything" "$(chain_state)" "$before"
	is "a whole form does" "$(ask POST "$deploy" -F "change=$change" -F "$object")" "200 fine"
}

test_generation() {
	local generation old command
	old=$(bed_get slots .generation)
	changes "somebody changes the chain" disable decap
	generation=$(bed_get slots .generation)

	for command in "deploy 5 ${TRIAL}_good.bpf.o" apply rollback "rollback firewall" \
		"enable decap" "undeploy trial"; do
		# shellcheck disable=SC2086
		refuses "'${command%% *}' by who has not seen that is refused" \
			"generation $old was meant, but 'eth0' has $generation by now.*stays active" \
			bed_ctl $command --generation "$old"
	done
	changes "who has seen it is not" enable decap --generation "$generation"
}

test_rollback_of_a_slot() {
	local before
	changes "a slot is upgraded" deploy trial "${TRIAL}_good.bpf.o"
	before=$(bed_get slots .previous)
	matches "its owner rolls it back with one swap" "$(as_nobody rollback trial)" \
		"replace trial 2.0.0 .* by trial 1.0.0 .*one swap"
	is "that is the generation before" "$(bed_get slots .generation)" "$before"
	is "after it there is nothing to apply" "$(bed_get plan .has_changes)" false
	changes "and back again" rollback trial
	is "the upgrade runs again" "$(bed_get slots '.slots[5].version')" 2.0.0
	changes "another slot changes" deploy firewall "$NEXT"
	changes "the slot goes back by itself" rollback trial
	is "the other slot keeps its change" "$(versions | cut -d' ' -f1,2)" "1.2.0 1.0.0"
	refuses "a slot that ran nothing before has nowhere to go" "has run nothing else before" \
		bed_ctl rollback guest
	refuses "another's slot cannot be rolled back" "does not own slot 2" \
		as_nobody rollback firewall
	refuses "nor the whole chain, but by root" "only root may do this" as_nobody rollback
	bed_slotd_stop KILL
	bed_slotd || bail "slotd starts again" "$(bed_log)"
	changes "what a slot ran before is known after a restart" rollback trial
	is "it runs" "$(bed_get slots '.slots[5].version')" 2.0.0
}

# writer NAME SLOT A B: deploys A and B in turn; what it was told goes to a file
writer() {
	local i object

	for ((i = 0; i < WRITES; i++)); do
		object=$3
		((i % 2)) || object=$4
		if bed_ctl deploy "$2" "$object" >>"$BED/writer.$1" 2>&1; then
			echo in >>"$BED/told.$1"
		else
			echo refused >>"$BED/told.$1"
		fi
	done
}

told() {
	grep -c "^$2$" "$BED/told.$1"
}

# A section drawn at random: what is reserved, enabled, allowed and set, and which objects.
draw_conf() {
	local slot object rule
	local objects=("$TRIAL.bpf.o" "${TRIAL}_good.bpf.o" pass.bpf.o)
	local rules=('' 'enabled = false' 'denied_as = "drop"' 'allow = {"pass", "drop"}'
		'continue_on = {"pass", "tx"}' 'owner = "root"')

	[[ $((RANDOM % 3)) -ne 0 ]] || echo 'counters = false'
	for slot in 2 5 9 12; do
		object=${objects[RANDOM % ${#objects[@]}]}
		rule=${rules[RANDOM % ${#rules[@]}]}
		case $((RANDOM % 4)) in
		0) ;;
		1) echo "slot $slot { name = \"s$slot\" $rule }" ;;
		*) echo "slot $slot { name = \"s$slot\" object = \"$object\" $rule }" ;;
		esac
	done
}

# What a command says it does, without numbers and times.
steps() {
	bed_ctl "$1" --json | jq -S '{steps, has_counters_change, has_engine_change, has_root_change,
		has_reservations_change}'
}

test_plan_is_what_apply_does() {
	local round planned applied changed=0 wrong=0 seed=${SLOTD_TEST_SEED:-$$}

	RANDOM=$seed
	for ((round = 0; round < WRITES; round++)); do
		draw_conf | bed_conf
		[[ $((RANDOM % 2)) -eq 0 ]] ||
			bed_ctl deploy 5 "${TRIAL}_drop.bpf.o" --canary 5% >/dev/null 2>&1
		planned=$(steps plan)
		applied=$(steps apply)
		[[ $applied == *'"action": "'[lruc]* ]] && changed=$((changed + 1))
		[[ -n $planned && $applied == "$planned" &&
			$(bed_get plan .has_changes) == false ]] || wrong=$((wrong + 1))
	done
	is "in $WRITES drawn states apply does what plan says, and nothing is left (seed $seed)" \
		"$wrong" 0
	matches "most of them were changes" "$((changed * 2 >= WRITES))" 1
}

log_has_more() {
	bed_log "$1" | grep -q "$2"
}

test_writers_at_once() {
	local sent pids=() pid line lines
	rm -f "$BED"/told.* "$BED"/writer.*
	lines=$(bed_log_lines)
	sink_start 7001
	sink_start 7002
	bed_ctl firewall deny add "$DENIED4/32" >/dev/null
	flood_start denied "$RATE" "$DENIED4" "$SERVER4" 7001
	flood_start allowed "$RATE" "$CLIENT4" "$SERVER4" 7002
	in_time "traffic flows" 5 sink_has 7002 50
	writer one firewall "$BED_OBJECTS/firewall.bpf.o" "$NEXT" &
	pids+=($!)
	writer two trial "$TRIAL.bpf.o" "${TRIAL}_good.bpf.o" &
	pids+=($!)
	writer three trial "${TRIAL}_good.bpf.o" "$TRIAL.bpf.o" &
	pids+=($!)
	while kill -0 "${pids[0]}" 2>/dev/null; do
		kill -HUP "$BED_SLOTD"
		wait_for 5 log_has_more "$lines" 'apply by SIGHUP'
		lines=$(bed_log_lines)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	sent=$(flood_stop allowed)
	flood_stop denied >/dev/null
	for line in one two three; do
		is "each of writer $line's changes is in, or was refused" \
			"$(($(told "$line" in) + $(told "$line" refused)))" "$WRITES"
		is "none of writer $line's was refused: they came in turn" "$(told "$line" refused)" 0
	done
	is "the last word of each slot is in force" \
		"$(versions | cut -d' ' -f1)" "$( ((WRITES % 2)) && echo 1.2.0 || echo 1.1.0)"
	in_time "no packet is lost meanwhile ($sent sent)" 3 sink_has 7002 "$sent"
	is "no packet passes unfiltered" "$(sink_count 7001)" 0
	is "nothing is left to apply" "$(bed_get plan .has_changes)" false
}

bed_run
