#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The audit log: who changed what, what came of it, and what nobody gets past it.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

LOG=$BED/state/audit.log
TRIAL=$BED_PROGS/system/progs/trial

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "theirs" owner = "nobody" }
	END
	bed_slotd_fresh
}

# last JQ_FILTER: out of the latest line
last() {
	tail -n 1 "$LOG" | jq -r "$1"
}

# tells SENTENCE FILTER: the latest line is one for which the filter is true
tells() {
	is "$1" "$(last "$2")" true || tail -n 1 "$LOG" | sed 's/^/# /'
}

sha_of() {
	sha256sum "$1" | cut -d ' ' -f 1
}

test_each_operation() {
	local pass=$BED_OBJECTS/pass.bpf.o sha command

	sha=$(sha_of "$pass")
	tells "a start is told, slot by slot" \
		'.what == "start" and .chain == "eth0" and .result == "ok" and .generation.after == 1
		and .slots[0].name == "firewall"'
	is "the log is root's alone" "$(stat -c '%U %a' "$LOG")" "root 600"
	as_nobody deploy theirs "$pass" >/dev/null
	tells "a deploy is told with who, which object, from which generation to which" \
		".what == \"deploy\" and .user == \"nobody\" and .uid == $(id -u nobody)
		and .gid == $(id -g nobody) and .pid > 1 and .chain == \"eth0\" and .result == \"ok\"
		and .generation == {before: 1, after: 2} and .changed and .slots[0].slot == 5
		and .slots[0].object.sha256 == \"$sha\" and (.slots | length) == 1"
	matches "with the time, in UTC and milliseconds" "$(last .time)" \
		'^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:]{8}\.[0-9]{3}Z$'
	for command in disable enable undeploy; do
		as_nobody "$command" theirs >/dev/null
		tells "'$command' is told" \
			".what == \"$command\" and .user == \"nobody\" and .result == \"ok\"
			and .slots[0].slot == 5"
	done
	for command in promote abort; do
		as_nobody deploy theirs "$BED_OBJECTS/firewall.bpf.o" >/dev/null
		as_nobody deploy theirs "$pass" --canary 50% >/dev/null
		tells "a canary is told, with its share" \
			".what == \"deploy\" and .slots[0].canary.object.sha256 == \"$sha\"
			and .slots[0].offered.sha256 == \"$sha\""
		as_nobody "$command" theirs >/dev/null
		tells "'$command' is told" \
			".what == \"$command\" and .user == \"nobody\" and .result == \"ok\"
			and .slots[0].slot == 5 and .slots[0].before.canary.object.sha256 == \"$sha\""
	done
	as_nobody rollback theirs >/dev/null
	tells "the way back of a slot is told" \
		'.what == "rollback slot" and .slots[0].slot == 5 and .result == "ok"'
	bed_ctl deploy firewall "$pass" theirs "$pass" >/dev/null
	tells "a deploy of two slots is told in one line" \
		"[.slots[].slot] == [2, 5] and [.slots[].object.sha256] == [\"$sha\", \"$sha\"]"
	for command in apply reload rollback detach; do
		bed_ctl "$command" >/dev/null
		tells "'$command' is told" \
			".what == \"$command\" and .user == \"root\" and .result == \"ok\""
	done
	is "the numbers have no gap" \
		"$(jq -s '[.[].seq] == [range(1; length + 1)]' "$LOG")" true
}

is_rolled_back() {
	[[ $(last .what) != deploy ]]
}

# slotd goes back by itself, from a version that drops everything.
test_watch() {
	sink_start 7002
	flood_start allowed "$RATE" "$CLIENT4" "$SERVER4" 7002
	bed_ctl deploy theirs "$TRIAL.bpf.o" >/dev/null
	wait_for 5 sink_has 7002 200
	bed_ctl deploy theirs "${TRIAL}_drop.bpf.o" --watch 20s --max-drop-ratio 0.2 >/dev/null
	in_time "a watch goes back" 20 is_rolled_back
	tells "and that is told, with the reason" \
		'.user == "slotd" and .slots[0].slot == 5 and .result == "ok"
		and (.cause | test("drop"))'
	matches "in the table, too, behind the slots" "$(bed_ctl audit eth0)" \
		" slotd +watch rolls back +eth0 .* ok +5 theirs [^:]*: drops "
}

test_sighup() {
	local lines

	lines=$(wc -l <"$LOG")
	kill -HUP "$BED_SLOTD"
	# shellcheck disable=SC2016
	wait_for 10 bash -c '[[ $(wc -l <"$1") -gt $2 ]]' - "$LOG" "$lines"
	tells "a SIGHUP is told, with who sent it" \
		'.what == "reload" and .cause == "SIGHUP" and .uid == 0 and .pid > 1'
}

# put METHOD BODY CURL_ARGUMENT...: to $ASKED; the status of the answer
put() {
	curl -s --unix-socket "$BED/run/slotd.sock" -o "$BED/answer" -w '%{http_code}' \
		-X "$1" "${@:3}" --data-binary "@$2" "http://slotd/v1/chains/eth0/$ASKED"
}

# A request that was let in by its headers, and whose body is not what it has to be.
test_refused_bodies() {
	local form="Content-Type: multipart/form-data; boundary=edge"

	truncate -s 20M "$BED/large.o"
	ASKED="slots/5/object?name=large.o"
	is "an object that is too large" "$(put PUT "$BED/large.o")" 413
	tells "is told" '.what == "deploy" and .result == "refused" and .slots[0].slot == 5
		and (.error | test("larger than 16 MiB"))'
	put PUT "$BED/large.o" -H "Transfer-Encoding: chunked" -H Expect: >/dev/null
	is "one whose size is not said before, and that is cut off" "$(grep -c '"refused"' "$LOG")" 2
	tells "is told" '.what == "deploy" and .result == "refused" and .slots[0].slot == 5
		and (.error | test("larger than 16 MiB"))'
	echo nonsense >"$BED/nonsense"
	ASKED="deploy?slots=5"
	is "a deploy that is no form" "$(put POST "$BED/nonsense")" 400
	tells "is told" '.what == "deploy" and .result == "refused"
		and (.error | test("multipart/form-data body is expected"))'
	is "a form that is not whole" "$(put POST "$BED/nonsense" -H "$form")" 400
	tells "is told" '.what == "deploy" and .result == "refused"
		and (.error | test("no whole multipart"))'
	ASKED=slots/5/disable
	put POST "$BED/large.o" -H "Transfer-Encoding: chunked" -H Expect: >/dev/null
	tells "a body that nobody wants is told" '.what == "disable" and .result == "refused"
		and (.error | test("larger than 1 MiB"))'
	is "each of them once" "$(grep -c '"refused"' "$LOG")" 5
}

test_refusals() {
	local i lines

	as_nobody deploy firewall "$BED_OBJECTS/pass.bpf.o" >/dev/null 2>&1
	tells "who may not is told, with what they tried" \
		'.what == "deploy" and .user == "nobody" and .result == "refused"
		and .slots[0].name == "firewall" and (.error | test("does not own slot 2"))
		and (.changed | not) and .generation.before == .generation.after'
	as_stranger detach >/dev/null 2>&1
	tells "so is who is not root" '.what == "detach" and .user == "daemon" and .result == "refused"'
	echo garbage >"$BED/garbage.o"
	as_nobody deploy theirs "$BED/garbage.o" >/dev/null 2>&1
	tells "so is an object that is refused, by its hash" \
		".result == \"refused\" and .slots[0].offered.sha256 == \"$(sha_of "$BED/garbage.o")\""
	lines=$(wc -l <"$LOG")
	for ((i = 0; i < 40; i++)); do
		as_stranger disable theirs >/dev/null 2>&1
	done
	succeeds "a user cannot flood the log" test "$(wc -l <"$LOG")" -lt $((lines + 30))
	as_nobody disable firewall >/dev/null 2>&1
	tells "nor keep another out of it" '.user == "nobody" and .what == "disable"'
	bed_ctl slots >/dev/null
	tells "reading is not told" '.what == "disable"'
}

test_reading() {
	as_nobody disable theirs >/dev/null
	bed_ctl disable firewall >/dev/null
	is "root reads all lines" "$(bed_ctl audit --json | jq -r '[.lines[].what] | join(" ")')" \
		"start disable disable"
	is "an owner reads what is of its slots" \
		"$(as_nobody audit --json | jq -r '[.lines[].slots[-1].name] | join(" ")')" \
		"theirs theirs"
	is "a stranger reads nothing" "$(as_stranger audit --json | jq '.lines | length')" 0
	as_stranger disable theirs >/dev/null 2>&1
	is "but what it tried itself" "$(as_stranger audit --json | jq -r .lines[0].result)" refused
	is "as many lines as wanted" "$(bed_ctl audit --lines 2 --json | jq '.lines | length')" 2
	is "of another chain there are none" "$(bed_ctl audit other0 --json | jq '.lines | length')" 0
	matches "and as a table" "$(bed_ctl audit eth0)" "nobody +disable +eth0 +1 -> 2 +ok +5 theirs"
	bed_ctl audit --lines many >/dev/null 2>&1
	is "a count that is none is refused" $? 2
}

test_interrupted() {
	local lines

	bed_slotd_stop KILL
	lines=$(wc -l <"$LOG")
	printf '{"seq":%d,"time":"2026-01-01T00:00:00.000Z","uid":65534,"what":"deploy"}' \
		$((lines + 1)) >"$BED/state/audit.pending"
	printf '{"seq":77,"half' >>"$LOG"
	bed_slotd || bail "slotd starts" "$(bed_log)"
	is "what a kill interrupted is in the log" \
		"$(sed -n $((lines + 2))p "$LOG" | jq -r '.result + " " + .what')" "interrupted deploy"
	is "behind the end of the line that was cut short" "$(sed -n $((lines + 1))p "$LOG")" \
		'{"seq":77,"half'
	tells "before what the start found" '.what == "start"'
	is "nothing is pending any more" "$(wc -c <"$BED/state/audit.pending")" 0
}

# A kill while operations run one after the other: each that was answered is in the log.
test_kill() {
	local answered i

	# what the engine before was answered is in a log that is gone
	rm -f "$BED/answered"
	# shellcheck disable=SC2016
	spawn edge "$BED/answered" bash -c 'while :; do
		"$0" --socket "$1" disable firewall >/dev/null 2>&1 && echo disable
		"$0" --socket "$1" enable firewall >/dev/null 2>&1 && echo enable
	done' "$BED_BIN/slotctl" "$BED_CTL_SOCKET"
	TRAFFIC+=("$BED_SPAWNED")
	for i in 1 2 3; do
		wait_for 10 bash -c "[[ \$(wc -l <$BED/answered) -gt $((i * 6)) ]]"
		bed_slotd_stop KILL
		bed_slotd || bail "slotd starts" "$(bed_log)"
	done
	end_traffic
	answered=$(wc -l <"$BED/answered")
	succeeds "every change that was answered is in the log ($answered)" test "$answered" -le \
		"$(jq -c 'select(.what == "disable" or .what == "enable")' "$LOG" | wc -l)"
	is "every line is whole" "$(jq -s 'map(type) | unique | join("")' "$LOG")" '"object"'
}

test_detach_on_exit() {
	bed_slotd_stop
	bed_slotd --detach-on-exit
	bed_slotd_stop
	tells "the detach of a slotd that stops is told" \
		'.what == "detach" and .cause == "slotd stops" and .user == "slotd"
		and .generation.after == null and .result == "ok"'
}

test_rotation() {
	local pad

	pad=$(printf '%0200000d' 0)
	{
		for _ in {1..45}; do
			echo "{\"pad\":\"$pad\"}"
		done
		cat "$LOG"
	} >"$BED/padded"
	cat "$BED/padded" >"$LOG"
	bed_ctl disable firewall >/dev/null
	is "a full log is put aside" "$(wc -l <"$LOG")" 1
	succeeds "and kept" grep -q '"what":"start"' "$LOG.1"
	is "the numbers go on" "$(last .seq)" 2
	is "both are read" "$(bed_ctl audit --json | jq -r '[.lines[].what // empty] | join(" ")')" \
		"start disable"
	bed_slotd_stop
	rm "$LOG"
	bed_slotd || bail "slotd starts" "$(bed_log)"
	is "and go on behind the older file" "$(last .seq)" 2
}

test_full_disk() {
	local state

	bed_slotd_stop
	mkdir -p "$BED/small"
	mount -t tmpfs -o size=2m small "$BED/small"
	cp -a "$BED/state/." "$BED/small"
	umount -l "$BED/state" 2>/dev/null
	mount --move "$BED/small" "$BED/state"
	bed_slotd || bail "slotd starts" "$(bed_log)"
	dd if=/dev/zero of="$BED/state/fill" bs=4k 2>/dev/null
	refuses "a change that cannot be told is refused" \
		"cannot write the audit log '.*': No space left on device; generation 1 stays active" \
		bed_ctl disable firewall
	state=$(chain_state)
	bed_slotd_stop KILL
	bed_slotd || bail "slotd starts on a full disk" "$(bed_log)"
	is "slotd starts all the same" "$(chain_state)" "$state"
	matches "and says it" "$(bed_log)" "cannot write the audit log .*No space left"
	rm "$BED/state/fill"
	changes "with room again it is carried out" disable firewall
	tells "and told" '.what == "disable" and .result == "ok"'
	bed_slotd_stop
	umount "$BED/state"
}

only_in_vm each_operation interrupted kill full_disk
bed_run
