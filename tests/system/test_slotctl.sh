#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# slotctl as scripts and people meet it: exit status, JSON, what goes to which stream.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
	bed_slotd_fresh
}

# prints_json SENTENCE FILTER COMMAND...: JSON on stdout for which FILTER is true, nothing on stderr
prints_json() {
	local status=0

	bed_ctl --json "${@:3}" >"$BED/stdout" 2>"$BED/stderr" || status=$?
	if [[ $status -eq 0 && ! -s $BED/stderr ]] && jq -e "$2" "$BED/stdout" >/dev/null 2>&1; then
		ok "$1"
	else
		not_ok "$1" "exit status $status" "$(<"$BED/stdout")" "$(<"$BED/stderr")"
	fi
}

test_json() {
	prints_json "status" '.chains[0].interface == "eth0"' status
	prints_json "slots" '.slots | length == 20' slots
	prints_json "show" '.name == "firewall" and (.maps | length > 0)' show 2
	prints_json "show, by name" '.slot == 12' show decap
	prints_json "plan" '.has_changes == false' plan
	prints_json "generations" '.generations[0].active' generations
	prints_json "stats" '.time_ns > 0' stats
	prints_json "verify" '.name == "pass" and (.engines | length == 2)' \
		verify "$BED_OBJECTS/pass.bpf.o"
	prints_json "deploy" '.changed and .timing_us.total >= .timing_us.swap' \
		deploy guest "$BED_OBJECTS/pass.bpf.o"
	prints_json "disable" .changed disable guest
	prints_json "enable" .changed enable guest
	prints_json "undeploy" .changed undeploy guest
	prints_json "rollback" .changed rollback
	prints_json "apply" '.changed == false' apply
	prints_json "reload" '.results[0].interface == "eth0"' reload
	prints_json "firewall list" '.rules == []' firewall list
	prints_json "firewall stats" '.counters | length > 5' firewall stats
	prints_json "decap list" '.addresses == []' decap list
	prints_json "detach" . detach
}

# ends_with STATUS COMMAND...
ends_with() {
	local wanted=$1 status=0
	shift
	bed_ctl "$@" >"$BED/stdout" 2>"$BED/stderr" || status=$?
	is "exit status $wanted of 'slotctl $*'" "$status" "$wanted"
}

test_exit_status() {
	ends_with 0 slots
	ends_with 0 --help
	ends_with 0 rollback --help
	is "the usage of a command has no options of others" \
		"$(grep -c -e --generation -e --canary "$BED/stdout")" 1
	ends_with 0 --version
	ends_with 1 show nosuchslot
	ends_with 1 --chain eth9 slots
	is "a failure says nothing on stdout" "$(<"$BED/stdout")" ""
	is "and one line on stderr" "$(wc -l <"$BED/stderr")" 1
	ends_with 1 deploy guest /nonexistent
	ends_with 2
	ends_with 2 nosuchcommand
	ends_with 2 deploy guest
	ends_with 2 slots --nosuchoption
	ends_with 2 firewall permit all
}

test_no_daemon() {
	local out

	bed_slotd_stop
	out=$(bed_ctl slots 2>&1)
	is "without slotd slotctl fails" $? 1
	matches "and asks whether it runs" "$out" \
		"^slotctl: cannot reach slotd at '$BED_CTL_SOCKET': .*; is it running\?$"
	matches "programs' commands say how to do without" "$(bed_ctl firewall list 2>&1)" \
		"is it running\? \(without it: slotctl --map-dir DIR firewall, where DIR is the slot's in '/sys/fs/bpf/slotd/\*-CHAIN/maps'\)$"
	succeeds "verify needs no slotd" "$BED_BIN/slotctl" verify "$BED_OBJECTS/decap.bpf.o"
}

has_lines() {
	[[ $(wc -l <"$1") -ge $2 ]]
}

test_watch() {
	local pid status=0

	: >"$BED/watch"
	spawn edge "$BED/watch" env --default-signal=INT "$BED_BIN/slotctl" \
		--socket "$BED_CTL_SOCKET" --json stats --watch 0.1
	pid=$BED_SPAWNED
	TRAFFIC+=("$pid")
	in_time "stats --watch goes on" 5 has_lines "$BED/watch" 3
	bed_slotd_stop
	bed_slotd || not_ok "slotd starts again"
	in_time "a restart of slotd does not end it" 5 has_lines "$BED/watch" \
		$(($(wc -l <"$BED/watch") + 3))
	stop "$pid" INT || status=$?
	is "Ctrl-C ends it with status 0" "$status" 0
	is "with --json each look is a line of JSON" \
		"$(grep '^{' "$BED/watch" | jq -s 'length > 3 and all(.interface == "eth0")')" true
}

test_human_output() {
	local out

	ping_once "$SERVER4"
	out=$(LC_ALL=C bed_ctl slots)
	matches "the first line names chain, generation, engine and mode" "${out%%$'\n'*}" \
		"^eth0: generation 1, engine $BED_ENGINE, native$"
	matches "a slot's row has name, owner, version and counts" "$out" \
		"2 +firewall +root +1\.1\.0 +running +[1-9][0-9]* +[1-9][0-9]* +0"
	matches "the last line counts what came through" "${out##*$'\n'}" "passed [1-9][0-9]*$"
	is "no colours outside of a terminal" "$(grep -c $'\e' <<<"$out")" 0
	is "nothing but ASCII where the locale has nothing else" \
		"$(LC_ALL=C grep -c '[^ -~]' <<<"$out")" 0
}

only_in_vm json human_output
bed_run
