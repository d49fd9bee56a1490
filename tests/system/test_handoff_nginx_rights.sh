#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
# guest: test-all
#
# Who may do what where nginx, with several workers, and the agent are users without rights: both have
# slotctl handoff repair do what takes one, and no other process of that user gets a client of nginx.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_nginx.sh
. "$BED_ROOT/tests/support/handoff_nginx.sh"

WORKERS=3
for host in "${HOSTS[@]}"; do USER_OF[$host]="nobody nogroup"; done

test_workers() {
	in_time "workers move connections" 10 all_move
	is "and have no right of root" \
		"$(for pid in $(workers near); do awk '/^(Uid|CapPrm|CapEff)/ { print $1 $2 }' "/proc/$pid/status"; done | sort -u | xargs)" \
		"CapEff:0000000000000000 CapPrm:0000000000000000 Uid:$(id -u nobody)"
}

is_too_large() {
	local words

	words=$(in_ns client curl -sS -m "$LIMIT" -H "X-Large: $(printf '%070000d' 0)" "$URL/who" 2>&1)
	[[ $words =~ ^(home|near|far)$ ]] || echo "$words" >>"$BED/log/large"
	grep -q 'it stays: the request is too large to be passed to another worker' "$BED/log/home"
}

# The first worker does not pass it.
test_large() {
	: >"$BED/log/large"
	in_time "a request of 70 kB stays where another worker than the first has it" 20 is_too_large
	is "and is answered, by whichever" "$(cat "$BED/log/large")" ""
}

# A process that calls on the worker that moves connections, as others do, and says a word to it.
stranger_make() {
	cat >"$BED/stranger" <<-'END'
		import os, socket, struct, sys
		os.setgroups([])
		os.setgid(int(sys.argv[2]))
		os.setuid(int(sys.argv[1]))
		caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		caller.connect("\0" + sys.argv[3])
		if len(sys.argv) > 4:
		    caller.send(struct.pack("<IIQQII64s256s", int(sys.argv[4]), 16, 1, 0, 0, 0, b"", b"") + bytes(16))
		print("called", flush=True)
		while True:
		    try:
		        heard, with_it, _, _ = caller.recvmsg(1 << 17, 1024)
		    except ConnectionError:
		        heard = b""
		    print("passed" if with_it else "told" if heard else "ended", flush=True)
		    if not heard:
		        break
	END
}

# The one socket at near that listens for messages, and whose name is no file's.
door() {
	# shellcheck disable=SC2016 # awk's
	in_ns near awk '$4 == "00010000" && $5 == "0005" && $8 ~ /^@/ { print substr($8, 2) }' /proc/net/unix
}

# stranger_start [WORD]: of nginx's workers' user
stranger_start() {
	: >"$BED/log/stranger"
	spawn near "$BED/log/stranger" python3 "$BED/stranger" "$(id -u nobody)" "$(id -g nobody)" "$(door)" "$@"
	wait_for 10 grep -q called "$BED/log/stranger" || bail "a stranger calls" "$(cat "$BED/log/stranger")"
}

CROWD=40 # callers
CROWD_MAX=16

# Many callers that say nothing, of nginx's workers' user; how many of them are there yet.
crowd_make() {
	cat >"$BED/crowd" <<-'END'
		import os, select, socket, sys
		os.setgroups([])
		os.setgid(int(sys.argv[2]))
		os.setuid(int(sys.argv[1]))
		callers = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(int(sys.argv[4]))]
		for caller in callers:
		    caller.connect("\0" + sys.argv[3])
		while True:
		    print(len(callers), flush=True)
		    for caller in select.select(callers, [], [])[0]:
		        callers.remove(caller)
		        caller.close()
	END
}

# is_sent_away WORD WHAT
is_sent_away() {
	stranger_start "$1"
	in_time "who $2 is sent away" 10 grep -qx ended "$BED/log/stranger"
	is "and hears nothing" "$(xargs <"$BED/log/stranger")" "called ended"
	is_gone "$BED_SPAWNED" || stop "$BED_SPAWNED"
}

test_strangers() {
	stranger_start
	is "while another process of their user calls on workers, clients are served by workers" \
		"$(many 24 | xargs)" "48 far far near near"
	is "and the other process hears nothing" "$(xargs <"$BED/log/stranger")" called
	stop "$BED_SPAWNED"
	is_sent_away 1 "guesses the secret"
	is_sent_away 2 "gives a request without it"
	is "why is said" "$(grep -c 'a process that is no worker called' "$BED/log/near")" 2
}

remain() {
	[[ $(tail -n 1 "$BED/log/crowd") == "$1" ]]
}

# is_passed_some PID: of near's workers
is_passed_some() {
	many 12 && grep -qx "$1" "$BED/log/access.near"
}

# has_other HOST PID: as its last worker
has_other() {
	[[ $(workers "$1" | wc -l) == "$WORKERS" && $(workers "$1" | tail -n 1) != "$2" ]]
}

test_crowd() {
	local pid

	spawn near "$BED/log/crowd" python3 "$BED/crowd" "$(id -u nobody)" "$(id -g nobody)" "$(door)" "$CROWD"
	in_time "of many that call and say nothing only some may stay" 10 remain "$CROWD_MAX"
	pid=$(workers near | tail -n 1)
	kill -KILL "$pid"
	wait_for 10 has_other near "$pid" || not_ok "a worker follows"
	in_time "a worker that begins then is passed connections" 20 is_passed_some "$(workers near | tail -n 1)"
	in_time "in place of the oldest caller" 10 remain $((CROWD_MAX - 1))
	stop "$BED_SPAWNED"
}

need_module
handoff_start
make_certificates
chmod 755 "$BED"
helpers_start
start_all "handoff_freq 0; handoff_agent $BED/repair.\$host; large_client_header_buffers 4 80k;"
test_workers
test_large
stranger_make
test_strangers
crowd_make
test_crowd
stop_all
done_testing
