#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Clients of the control socket that misbehave: others are served meanwhile, the chain is left
# as it is, and who does nothing for long is shown out.
# guest: test-all

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

# Before a client's command: who it is, root where it is empty.
AS=()
NOBODY=(setpriv --reuid nobody --regid nogroup --clear-groups)

setup() {
	AS=()
	: >"$BED/answer"
	chmod 0666 "$BED/answer"
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
	END
	bed_slotd_fresh
}

# misbehave KIND CONNECTIONS: returns when the worst is done; the client holds on
misbehave() {
	: >"$BED/bad"
	spawn edge "$BED/bad" "${AS[@]}" "$BED_TOOLS/bad_client" "$1" "$2" "$BED_CTL_SOCKET"
	BAD=$BED_SPAWNED
	TRAFFIC+=("$BAD")
	wait_for 10 grep -q ready "$BED/bad"
}

# others_are_served KIND: a reader and a deploy, while the client holds its connections
others_are_served() {
	local before pid=$BED_SLOTD

	before=$(chain_state)
	succeeds "$1: the client does its worst" misbehave "$1" 16
	succeeds "$1: readers are served" bed_ctl slots
	is "$1: the chain is as it was" "$(chain_state)" "$before"
	changes "$1: a deploy is carried out" deploy guest "$BED_OBJECTS/pass.bpf.o"
	is "$1: slotd is the one that was started" "$(bed_get status .pid)" "$pid"
	bed_ctl undeploy guest >/dev/null
	stop "$BAD" >/dev/null
}

test_misbehaviour() {
	local kind

	for kind in garbage half-header half-body huge-header never-reads silent; do
		others_are_served "$kind"
	done
}

has_ended() {
	is_gone "$BAD"
}

# More connections than slotd has room for, all silent: they have to make room in the end.
test_crowd() {
	succeeds "a crowd of silent clients connects" misbehave silent 100
	in_time "slotd closes silent connections, all of them" 25 has_ended
	is "as the client sees it" "$(tail -n 1 "$BED/bad")" 100
	succeeds "then others are served" bed_ctl slots
}

# One user's crowd: only so many of its connections are kept, and root is served at once.
test_crowd_of_a_user() {
	AS=("${NOBODY[@]}")
	succeeds "a crowd of one user's silent clients connects" misbehave silent 100
	AS=()
	is "root is served meanwhile" "$(ask GET /v1/status -m $((3 * TAP_SCALE)))" 200
	AS=(setpriv --reuid daemon --regid daemon --clear-groups)
	is "so is another user" "$(ask GET /v1/status -m $((3 * TAP_SCALE)))" 200
	stop "$BAD"
	is "all but 16 of the crowd were shown out" "$(tail -n 1 "$BED/bad")" 84
	AS=("${NOBODY[@]}")
	is "with the crowd gone, its user is served again" "$(ask GET /v1/status)" 200
}

test_crowds() {
	local user

	for user in nobody daemon bin sys mail; do
		AS=(setpriv --reuid "$user" --regid nogroup --clear-groups)
		succeeds "a crowd of silent clients of '$user' connects" misbehave silent 20
	done
	AS=()
	is "root is served however many users there are" \
		"$(ask GET /v1/status -m $((3 * TAP_SCALE)))" 200
}

# ask METHOD PATH [CURL_OPTION...]: prints the HTTP status; the answer is in $BED/answer
ask() {
	: >"$BED/answer"
	"${AS[@]}" curl -gsS -o "$BED/answer" -w '%{http_code}' --noproxy '*' \
		--unix-socket "$BED_CTL_SOCKET" -m $((10 * TAP_SCALE)) -X "$1" "${@:3}" \
		"http://slotd$2" 2>/dev/null
}

# is_refused SENTENCE STATUS ASK...: with that status and an answer that docs/api.md describes
is_refused() {
	local form='(.error | type == "string" and length > 0) and (.details | type == "array")'

	is "$1, with $2" "$(ask "${@:3}")" "$2"
	succeeds "$1: error and details" jq -e "$form" "$BED/answer"
}

test_wrong_requests() {
	local before object=/v1/chains/eth0/slots/5/object

	before=$(chain_state)
	is_refused "a path that is none" 404 GET /v2/nothing
	is_refused "a chain that is none" 404 GET /v1/chains/eth7/slots
	is_refused "a slot beyond the last" 404 GET /v1/chains/eth0/slots/20
	is_refused "a slot that is no number" 404 GET /v1/chains/eth0/slots/2x
	is_refused "a wrong method" 405 DELETE /v1/status
	is_refused "an object that is none" 422 PUT "$object?name=text" --data-binary text
	matches "the answer says what it is" "$(jq -r .error "$BED/answer")" "not an ELF file"
	is_refused "an object for a slot that nobody reserved" 422 \
		PUT /v1/chains/eth0/slots/7/object --data-binary "@$BED_OBJECTS/pass.bpf.o"
	is "the chain is as it was" "$(chain_state)" "$before"
}

test_unprintable_requests() {
	local object=/v1/chains/eth0/slots/5/object

	is_refused "a path of bytes that are no text" 400 GET /v1/%ff
	is_refused "a path with a NUL" 400 GET /v1/status%00
	is_refused "a name of bytes that are no text" 400 GET '/v1/status?name=a%ff'
	is_refused "a method of bytes that are no text" 400 $'G\xffT' /v1/status
	is_refused "a line break in a name" 400 PUT "$object?name=a%0Aslotd:%20forged" --data-binary text
	is "no line of the log is forged" "$(bed_log | grep -c forged)" 0
	is "an escape of a printable byte is taken" "$(ask GET /v1/st%61tus)" 200
}

# The most memory that slotd ever had, in KiB.
peak_kib() {
	awk '/^VmHWM/ { print $2 }' "/proc/$(bed_get status .pid)/status"
}

test_large_bodies() {
	local before peak object='/v1/chains/eth0/slots/5/object?name=zero'

	head -c $((16 << 20)) /dev/zero >"$BED/most"
	head -c $((33 << 19)) /dev/zero >"$BED/over"
	before=$(chain_state)
	peak=$(peak_kib)
	AS=("${NOBODY[@]}")
	is_refused "an upload by who may not" 403 PUT "$object" --data-binary "@$BED/most"
	is_refused "the same in chunks" 403 PUT "$object" -H 'Transfer-Encoding: chunked' \
		--data-binary "@$BED/most"
	is_refused "a small one that is sent unasked" 403 PUT "$object" -H Expect: \
		--data-binary "@$BED_OBJECTS/firewall.bpf.o"
	is "and all of it is taken, so that the sender reads the answer" \
		"$(ask PUT "$object" -H Expect: --data-binary "@$BED_OBJECTS/firewall.bpf.o" \
			-w '%{size_upload}')" \
		"$(stat -c %s "$BED_OBJECTS/firewall.bpf.o")"
	is_refused "a large body where none is wanted" 413 GET /v1/status --data-binary "@$BED/most"
	is "a small one is passed over" "$(ask GET /v1/status --data-binary text)" 200
	AS=()
	is_refused "an object over 16 MiB" 413 PUT "$object" --data-binary "@$BED/over"
	matches "none of these was kept" "$(($(peak_kib) - peak))" '^[0-9]{1,3}$|^[1-3][0-9]{3}$'
	is_refused "an object over 16 MiB in chunks" 413 PUT "$object" \
		-H 'Transfer-Encoding: chunked' -H Expect: --data-binary "@$BED/over"
	is_refused "16 MiB of nothing" 422 PUT "$object" --data-binary "@$BED/most"
	is "the chain is as it was" "$(chain_state)" "$before"
}

test_counting() {
	is "a chain that counts tells what a slot saw" "$(bed_get slots '.slots[2] | has("packets")')" true
	sed -i '1a counters = false' "$BED/slots.conf"
	succeeds "counting is switched off" bed_ctl apply
	is "then there is nothing to tell" "$(bed_get slots '.slots[2] | has("packets")')" false
	succeeds "and slotctl shows the chain" bed_ctl slots
	succeeds "and the slot" bed_ctl show firewall
}

only_in_vm misbehaviour counting
bed_run
