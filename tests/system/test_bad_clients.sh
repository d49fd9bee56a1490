#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Clients of the control socket that misbehave: others are served meanwhile, the chain is left
# as it is, and who does nothing for long is shown out.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

setup() {
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
	END
	bed_slotd_fresh
}

# misbehave KIND CONNECTIONS: returns when the worst is done; the client holds on
misbehave() {
	: >"$BED/bad"
	spawn edge "$BED/bad" "$BED_TOOLS/bad_client" "$1" "$2" "$BED_CTL_SOCKET"
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

# ask METHOD PATH [CURL_OPTION...]: prints the HTTP status
ask() {
	curl -gsS -o "$BED/answer" -w '%{http_code}' --noproxy '*' --unix-socket "$BED_CTL_SOCKET" \
		-m $((10 * TAP_SCALE)) -X "$1" "${@:3}" "http://slotd$2" 2>/dev/null
}

test_wrong_requests() {
	local before

	before=$(chain_state)
	is "a path that is none is answered with 404" "$(ask GET /v2/nothing)" 404
	is "a chain that is none, with 404" "$(ask GET /v1/chains/eth7/slots)" 404
	is "a slot beyond the last, with 404" "$(ask GET /v1/chains/eth0/slots/20)" 404
	is "a slot that is no number, with 404" "$(ask GET /v1/chains/eth0/slots/2x)" 404
	is "a wrong method, with 405" "$(ask DELETE /v1/status)" 405
	is "an object over 16 MiB, with 413" \
		"$(head -c $((17 << 20)) /dev/zero |
			ask PUT '/v1/chains/eth0/slots/5/object?name=zero' --data-binary @-)" 413
	is "an object that is none, with 422" \
		"$(ask PUT '/v1/chains/eth0/slots/5/object?name=text' --data-binary text)" 422
	matches "the answer is JSON with an error" "$(jq -r .error "$BED/answer")" "not an ELF file"
	is "an object for a slot that nobody reserved, with 422" \
		"$(ask PUT '/v1/chains/eth0/slots/7/object' --data-binary "@$BED_OBJECTS/pass.bpf.o")" 422
	is "the chain is as it was" "$(chain_state)" "$before"
}

bed_run
