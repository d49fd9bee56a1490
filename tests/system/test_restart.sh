#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# slotd comes and goes, by order or by accident; the chain runs on. Also reload, a second
# slotd, and a boot of the machine.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

NEXT=$BED_PROGS/demo/firewall_next.bpf.o

write_conf() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
}

setup() {
	write_conf
	bed_slotd_fresh
}

test_stop_and_start() {
	local before

	bed_ctl deploy firewall "$NEXT" >/dev/null
	deny_source
	start_floods
	before=$(chain_state)
	succeeds "slotd stops with status 0 on SIGTERM" bed_slotd_stop TERM
	is "its chain runs on" "$(xdp_id eth0)" "${before#* }"
	succeeds "packets pass meanwhile" more_arrive 50
	succeeds "slotd starts again" bed_slotd
	is "it adopts generation and program untouched" "$(chain_state)" "$before"
	matches "and says so" "$(bed_log)" 'eth0: adopted generation [0-9]+ as it runs'
	check_floods "over a restart"
	is "there is nothing to apply" "$(bed_get plan .has_changes)" false
	changes "the adopted chain can be changed" deploy guest "$BED_OBJECTS/pass.bpf.o"
	changes "and rolled back" rollback
}

test_kill() {
	local before

	deny_source
	start_floods
	before=$(chain_state)
	bed_slotd_stop KILL
	is "the chain of a killed slotd runs on" "$(xdp_id eth0)" "${before#* }"
	succeeds "packets pass meanwhile" more_arrive 50
	succeeds "slotd starts after a kill" bed_slotd
	is "it adopts generation and program untouched" "$(chain_state)" "$before"
	check_floods "over a kill"
}

# Any moment of a deploy may be the last one of slotd.
kill_during_deploys() {
	local i object ctl

	for ((i = 0; i < ROUNDS; i++)); do
		object=$BED_OBJECTS/firewall.bpf.o
		((i % 2)) || object=$NEXT
		bed_ctl deploy firewall "$object" >/dev/null 2>&1 &
		ctl=$!
		sleep "0.0$((RANDOM % 40 + 10))"
		bed_slotd_stop KILL
		wait "$ctl"
		[[ -n $(xdp_id eth0) ]] || return 1
		bed_slotd || return 1
		[[ $(bed_get slots '.slots[2].running and .slots[12].running') == true ]] || return 1
	done
}

count_pins() {
	find "$BED/bpf" -path '*/gen/*' -prune -name '[0-9]*' | wc -l
}

test_kill_during_deploys() {
	local ROUNDS=$((MANY * 2)) rules

	list_objects >"$BED/before"
	deny_source
	start_floods
	rules=$(bed_ctl firewall list)
	succeeds "slotd, killed during $ROUNDS deploys, comes back with a whole chain each time" \
		kill_during_deploys
	check_floods "over kills during deploys"
	is "the rules are as they were" "$(bed_ctl firewall list)" "$rules"
	changes "a deploy works after all that" deploy guest "$BED_OBJECTS/pass.bpf.o"
	is "no generation but the current and the previous one is left" "$(count_pins)" 2
	is "slotd knows as many" "$(bed_get generations '.generations | length')" 2
	is "its objects are those that its records name" \
		"$(find "$BED/state/objects" -type f -printf '%f\n' | sort)" \
		"$(grep -rhoE '[0-9a-f]{64}' "$BED/state/chains" | sort -u)"
	bed_ctl detach >/dev/null
	objects_since "$BED/before" >"$BED/made"
	in_time "nothing is left of all these generations when the chain is off" 20 \
		have_gone "$BED/made"
}

reload_done() {
	bed_log "$1" | grep -q "$2"
}

test_reload() {
	local before lines

	lines=$(bed_log_lines)
	before=$(chain_state)
	kill -HUP "$BED_SLOTD"
	in_time "SIGHUP with the same slots.conf changes nothing" 5 reload_done "$lines" \
		"SIGHUP: nothing to change"
	is "the same chain runs" "$(chain_state)" "$before"

	sed -i 's/"guest"/"guest" object = "pass.bpf.o"/' "$BED/slots.conf"
	lines=$(bed_log_lines)
	kill -HUP "$BED_SLOTD"
	in_time "SIGHUP applies what slots.conf says now" 5 reload_done "$lines" "is active"
	is "the program it names runs" "$(bed_get slots .slots[5].program)" pass

	cat >>"$BED/slots.conf" <<-'END'
		chain "eth1" {
			engine = "magic"
			slot 20 { name = "beyond" }
			slot 3 { name = "lost" object = "lost.bpf.o" }
		}
	END
	before=$(chain_state)
	lines=$(bed_log_lines)
	kill -HUP "$BED_SLOTD"
	in_time "SIGHUP with a broken slots.conf is refused" 5 reload_done "$lines" "errors, see"
	is "the chain is as it was" "$(chain_state)" "$before"
	is "every error is logged, with its line" \
		"$(bed_log "$lines" | grep -cE "slots.conf:[0-9]+: .*(magic|20|lost.bpf.o)")" 3
	refuses "slotctl reload is refused as well" "3 errors" \
		bash -c "'$BED_BIN/slotctl' --socket '$BED_CTL_SOCKET' reload 2>&1 >/dev/null |
			head -n 1 >&2; exit 1"
	write_conf
	changes "a repaired slots.conf is applied" reload
}

test_detach_on_exit() {
	bed_slotd_stop
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	rm -rf "$BED/state"
	wait_for 5 is_bare eth0
	list_objects >"$BED/before"
	bed_slotd --detach-on-exit || bail "slotd starts" "$(bed_log)"
	bed_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" >/dev/null
	objects_since "$BED/before" >"$BED/made"
	matches "programs, maps and a link were made (control)" \
		"$(cut -d' ' -f1 "$BED/made" | uniq | paste -sd' ')" 'link map prog'
	succeeds "slotd with --detach-on-exit stops" bed_slotd_stop
	is "the interface is bare when it is gone" "$(xdp_id eth0)" ""
	is "no pin is left" "$(find "$BED/bpf/slotd" -mindepth 1)" ""
	in_time "no program, map or link is left" 20 have_gone "$BED/made"
	succeeds "it starts again" bed_slotd
	is "with what was deployed" "$(bed_get slots .slots[5].program)" pass
}

test_detach() {
	local before

	succeeds "the chain is taken off" bed_ctl detach
	is "the interface is bare" "$(xdp_id eth0)" ""
	is "and shown so" "$(bed_get slots .attached)" false
	bed_slotd_stop
	succeeds "slotd starts" bed_slotd
	is "a start does not bring the chain back" "$(xdp_id eth0)" ""
	succeeds "apply does" bed_ctl apply
	before=$(xdp_id eth0)
	matches "its program is on the interface" "$before" '^[0-9]+$'
}

test_second_slotd() {
	local before lines status=0 first=$BED_SLOTD

	before=$(chain_state)
	lines=$(bed_log_lines)
	bed_slotd_spawn
	wait_for 10 is_gone "$BED_SLOTD"
	wait "$BED_SLOTD" || status=$?
	BED_SLOTD=$first
	is "a second slotd ends with status 1" "$status" 1
	is "after one line that tells why" "$(bed_log "$lines")" \
		"slotd: another slotd manages the chains in '$BED/bpf/slotd'"
	is "the chain is as it was" "$(chain_state)" "$before"
	changes "the first slotd goes on" deploy guest "$BED_OBJECTS/pass.bpf.o"
}

# A boot leaves the disk and nothing else.
test_boot() {
	local before

	bed_ctl deploy firewall "$NEXT" >/dev/null
	bed_ctl deploy guest "$BED_OBJECTS/pass.bpf.o" >/dev/null
	bed_ctl disable decap >/dev/null
	before=$(bed_get slots '[.slots[] | [.program, .version, .sha256, .running, .deployed]]')
	bed_slotd_stop KILL
	umount "$BED/bpf"
	rm -rf "$BED/run"
	mount -t bpf bpf "$BED/bpf"
	mkdir "$BED/run"
	in_time "after a power cut nothing runs" 5 is_bare eth0
	succeeds "slotd starts" bed_slotd
	is "the versions that ran before run again, deployed and disabled ones too" \
		"$(bed_get slots '[.slots[] | [.program, .version, .sha256, .running, .deployed]]')" "$before"
	succeeds "packets pass" ping_once "$SERVER4"
}

has_freplace() {
	"$BED_BIN/slotctl" verify --json "$BED_OBJECTS/pass.bpf.o" |
		jq -e '.engines[] | select(.engine == "freplace") | .ok'
}

test_engine_that_is_not_to_be_had() {
	has_freplace >/dev/null && return
	setup
	bed_slotd_gone
	mount -t bpf bpf "$BED/bpf"
	cp "$BED/slots.conf" "$BED/slots.other"
	{
		printf 'chain "eth1" {\n\tengine = "freplace"\n'
		echo 'slot 5 { name = "guest" object = "pass.bpf.o" } }'
		cat "$BED/slots.other"
	} >"$BED/slots.conf"
	succeeds "slotd starts where a chain is to have an engine that this kernel has not" bed_slotd
	matches "the other chain runs" "$(xdp_id eth0)" '^[0-9]+$'
	is "that one does not" "$(xdp_id eth1)" ""
	matches "status says why" "$(bed_get status '.chains[0].warnings | join(" ")')" \
		"engine 'freplace' does not work here: "
	refuses "a reload is refused whole" "engine 'freplace' does not work here: .*nothing was changed" \
		bed_ctl reload
	sed -i 's/freplace/auto/' "$BED/slots.conf"
	succeeds "with an engine that it has" bed_ctl reload
	matches "that chain comes" "$(xdp_id eth1) $(bed_get status '.chains[0].warnings | length')" \
		'^[0-9]+ 0$'
	bed_ctl --chain eth1 detach >/dev/null
	mv "$BED/slots.other" "$BED/slots.conf"
	bed_ctl reload >/dev/null
}

test_ready() {
	local sink notes=$BED/log/notify

	bed_slotd_stop KILL
	umount "$BED/bpf"
	mount -t bpf bpf "$BED/bpf"
	wait_for 5 is_bare eth0
	rm -f "$BED/notify"
	: >"$notes"
	spawn edge "$notes" "$BED_TOOLS/notify_sink" "$BED/notify"
	sink=$BED_SPAWNED
	TRAFFIC+=("$sink")
	wait_for 5 test -S "$BED/notify"
	is "nothing runs before the start" "$(xdp_id eth0)" ""
	NOTIFY_SOCKET=$BED/notify bed_slotd_spawn
	in_time "slotd reports that it is ready" 20 grep -q READY=1 "$notes"
	matches "the chain is attached then" "$(xdp_id eth0)" '^[0-9]+$'
	kill -HUP "$BED_SLOTD"
	in_time "a reload is reported" 5 grep -q RELOADING=1 "$notes"
	bed_slotd_stop
	in_time "so is the end" 5 grep -q STOPPING=1 "$notes"
}

bed_run
