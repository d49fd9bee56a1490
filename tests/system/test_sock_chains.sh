#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Chains of sockets: sk_reuseport, which applications attach by the jump; sock_ops, which belongs
# to a cgroup; sk_lookup, which belongs to a network namespace.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"
# shellcheck source=tests/support/socks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socks.sh"

SLOTD_TEST_ENGINE=fused # they always are
PROGS=$BED_PROGS/bpf/progs

find_group2 || {
	drop_group
	echo "1..0 # SKIP no cgroup v2 can be made here"
	exit 0
}
trap 'bed_stop; drop_group' EXIT

conf_reuseport() {
	cat >"$BED/slots.conf" <<-END
		chain "web" {
			hook = "sk_reuseport"
			slot 2 { name = "guest" owner = "nobody" }
			slot 4 {
				name = "pick"
				owner = "nobody"
				object = "$PROGS/sk_reuseport_pick.bpf.o"
				settings { index = 0 }
			}
		}
	END
}

setup() {
	conf_reuseport
}

web_ctl() {
	bed_ctl --chain "$WEB" "$@"
}

# --- sk_reuseport ----------------------------------------------------------------------------

test_jump() {
	bed_slotd_fresh
	is "the chain is attached by its jump" "$(of "$WEB" '"\(.attached) \(.mode) \(.engine)"')" \
		"true jump fused-sk_reuseport"
	is "which status names" "$(of "$WEB" .jump)" "$JUMP"
	is "and everybody may read" "$(stat -c '%a %U' "$JUMP")" "444 root"
	is "the slot's maps are found beside it, and are its owner's" \
		"$(stat -L -c '%a %U' "$PICKED")" "600 nobody"
	succeeds "a server without any privilege attaches it and enters its socket" \
		sock_serve nobody udp a "$JUMP" "$PICKED" 0
	sock_serve nobody udp b - "$PICKED" 1 || not_ok "another server is in the group"
	is "all datagrams go to the socket that the program picks" "$(sock_ask udp 40)" "a 40"
	matches "the chain counts them" "$(of "$WEB" '.slots[4].packets.seen')" '^[4-9][0-9]$'
	with_index 1
	web_ctl apply >/dev/null
	is "after a change to the other, and no socket attached anything" "$(sock_ask udp 40)" "b 40"
	web_ctl rollback >/dev/null
	is "after a rollback to the first again" "$(sock_ask udp 40)" "a 40"
	web_ctl detach >/dev/null
	matches "where the chain is off the kernel spreads them" "$(sock_ask udp 80)" '^a [0-9]+ b [0-9]+$'
	is "the jump is there still" "$(stat -c %a "$JUMP")" 444
	web_ctl apply >/dev/null
	# the maps went with the chain: the servers have to enter again
	end_servers
	sock_serve nobody udp c "$JUMP" "$PICKED" 1
	is "and when it is back it has the sockets again" "$(sock_ask udp 40)" "c 40"
	end_servers
}

test_title() {
	bed_slotd_fresh
	is "a title that one chain has stands for it" "$(of web .interface)" "$WEB"
	succeeds "in changes too" bed_ctl --chain web disable guest
	matches "and for the audit log" "$(bed_ctl audit web)" "disable +$WEB "
	cat >>"$BED/slots.conf" <<-END
		chain "web" {
			hook = "sk_lookup"
			slot 3 { name = "guest" }
			slot 4 { name = "steer" object = "$BED_OBJECTS/sk_steer.bpf.o" }
		}
	END
	succeeds "another one with it is added" bed_ctl reload
	matches "then it names none" "$(bed_ctl --chain web slots 2>&1)" \
		"'web' is the title of web:sk_reuseport and web:sk_lookup: name one"
	matches "not to the audit log either" "$(bed_ctl audit web 2>&1)" "'web' is the title of"
	matches "nor for a change" "$(bed_ctl --chain web disable guest 2>&1)" "'web' is the title of"
	matches "a program that one of them has is found there" "$(bed_ctl --chain web sk_steer rule list)" '^rule'
	matches "one that none has is not" "$(bed_ctl --chain web socket_lb vip show 2>&1)" \
		"'web' is the title of web:sk_reuseport and web:sk_lookup: name one"
}

test_one_attached_before_a_detach() {
	bed_slotd_fresh
	sock_serve nobody udp a "$JUMP"
	web_ctl detach >/dev/null
	is "a socket whose chain is off is served by the kernel" "$(sock_ask udp 10)" "a 10"
	web_ctl apply >/dev/null
	is "the one that attached before meets the chain that came back, without a socket to pick" \
		"$(sock_ask udp 1)" "none 1"
	end_servers
}

test_owner() {
	bed_slotd_fresh
	succeeds "the owner deploys to the slot" \
		as_nobody --chain "$WEB" deploy guest "$PROGS/sk_reuseport_ret.bpf.o"
	is "which runs" "$(of "$WEB" '.slots[2] | "\(.program) \(.running)"')" "sk_reuseport_ret true"
	matches "a stranger does not" \
		"$(as_stranger --chain "$WEB" deploy guest "$PROGS/sk_reuseport_ret.bpf.o" 2>&1)" \
		'does not own'
	matches "a program of another hook is refused" \
		"$(as_nobody --chain "$WEB" deploy guest "$PROGS/sk_lookup_ret.bpf.o" 2>&1)" \
		'sk_reuseport'
	matches "a canary by flow is refused" \
		"$(as_nobody --chain "$WEB" deploy pick "$PROGS/sk_reuseport_ret.bpf.o" --canary 10% 2>&1)" \
		'by CPU'
	{ cat "$PROGS/sk_reuseport_ret.bpf.o" && echo; } >"$BED/another.bpf.o"
	succeeds "one by CPU is not" as_nobody --chain "$WEB" deploy guest "$BED/another.bpf.o" --canary cpu:0
	is "and runs" "$(of "$WEB" .slots[2].canary.cpus)" 0
	matches "there is nothing to adopt" "$(web_ctl adopt 2>&1)" 'libxdp'
}

# under_load WHAT COMMAND...: no question goes without an answer meanwhile, from a socket of the map
under_load() {
	local udp tcp

	load_start udp udp
	load_start tcp tcp
	succeeds "$1, under load" "${@:2}"
	udp=$(load_stop udp)
	tcp=$(load_stop tcp)
	matches "each datagram is answered by a socket that was picked: $udp" "$udp" \
		'^a [0-9]+( b [0-9]+)?$'
	matches "and each connection: $tcp" "$tcp" '^a [0-9]+( b [0-9]+)?$'
}

changes_often() {
	local i

	for ((i = 0; i < MANY / 2; i++)); do
		with_index 1 && bed_ctl reload && with_index 0 && bed_ctl reload &&
			web_ctl rollback && web_ctl rollback || return
	done
}

restarts_often() {
	bed_slotd_stop && bed_slotd && bed_slotd_stop KILL && bed_slotd && is_on "$WEB"
}

# A third socket is in each group, which only the kernel's own choice would lead to.
test_load() {
	local tcp=$BED/bpf/slotd/sk_reuseport/tcp

	conf_reuseport
	sed 's/"web"/"tcp"/' "$BED/slots.conf" >"$BED/more.conf"
	cat "$BED/more.conf" >>"$BED/slots.conf"
	bed_slotd_fresh
	sock_serve nobody udp a "$JUMP" "$PICKED" 0 && sock_serve nobody udp b - "$PICKED" 1 &&
		sock_serve nobody udp c || not_ok "servers of datagrams are there"
	sock_serve nobody tcp a "$tcp/jump" "$tcp/maps/pick/pick_socks" 0 &&
		sock_serve nobody tcp b - "$tcp/maps/pick/pick_socks" 1 &&
		sock_serve nobody tcp c || not_ok "servers of connections are there"
	under_load "two chains are changed and rolled back" changes_often
	under_load "slotd is restarted, and killed" restarts_often
	is "what ran runs on" "$(is_on "$WEB" && is_on tcp:sk_reuseport && echo yes)" yes
	end_servers
}

test_pins_by_hand() {
	local before

	bed_slotd_fresh
	sock_serve nobody udp a "$JUMP" "$PICKED" 0
	rm "$JUMP" "$WEB_MAPS"
	with_index 1
	web_ctl apply >/dev/null
	is "a jump that was removed is made again by the next change" \
		"$(stat -c %a "$JUMP"; readlink "$WEB_MAPS" | tr -cd '/.' | head -c 5)" "444
../.."
	is "for the same chain" "$(sock_ask udp 3)" "none 3"
	with_index 0
	web_ctl apply >/dev/null
	is "which the sockets that attached the one before meet" "$(sock_ask udp 3)" "a 3"
	bed_slotd_stop KILL
	rm "$JUMP"
	bed_slotd
	is "or by the next start" "$(stat -c %a "$JUMP")" 444
	before=$(of "$WEB" .generation)
	bed_slotd_stop
	rm "$BED"/bpf/slotd/*-web:sk_reuseport/link
	bed_slotd
	is "where the link's pin is gone the same generation is attached again" \
		"$(of "$WEB" '"\(.attached) \(.generation)"')" "true $before"
	is "to the sockets that are there" "$(sock_ask udp 3)" "a 3"
	end_servers
	cat >"$BED/slots.conf" <<-END
		chain "eth0" { engine = "fused" slot 5 { name = "guest" } }
	END
	web_ctl detach >/dev/null
	bed_ctl reload >/dev/null
	is "a chain that slots.conf does not name leaves no jump" \
		"$(find "$BED/bpf/slotd" -name 'sk_reuseport*')" ""
}

# --- sock_ops --------------------------------------------------------------------------------

OPS=ops:sock_ops

conf_ops() {
	cat >"$BED/slots.conf" <<-END
		chain "ops" {
			hook = "sock_ops"
			cgroup = "$GROUP/web"
			slot 1 { name = "guest" owner = "nobody" }
			slot 3 { name = "ret" object = "$PROGS/sock_ops_ret.bpf.o" }
		}
	END
}

ops_seen() {
	of "$OPS" '.slots[3].packets.seen'
}

# connect_in FOLDER: a connection from a process in the cgroup FOLDER of the test's
connect_in() {
	# shellcheck disable=SC2016 # $0 and $@ are that shell's
	in_ns edge sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$GROUP/$1" \
		"$BED_TOOLS/sock_group" ask tcp 127.0.0.1 "$GROUP_PORT" 1
}

rm_groups() {
	local folder

	for folder in "$GROUP"/*/; do
		rmdir "$folder"
	done
}

has_seen() {
	[[ $(ops_seen) -gt ${1:-0} ]]
}

test_sock_ops() {
	local before waits words

	conf_ops
	rm_groups
	mkdir "$GROUP/other"
	bed_slotd_fresh
	is "a cgroup that is not there has a chain that waits" \
		"$(of "$OPS" '"\(.attached) \(.cgroup)"')" "false $GROUP/web"
	waits="waits for its cgroup '$GROUP/web'"
	matches "and says so" "$(bed_ctl status)" "$OPS +waits .*$OPS: warning: $waits, which is not there"
	matches "with its slots" "$(bed_ctl slots)" "$OPS: $waits"
	for words in "tcp_server_id stats" "disable ret"; do
		# shellcheck disable=SC2086 # several words
		matches "to who asks for one: $words" "$(bed_ctl $words 2>&1)" "'$OPS' $waits"
	done
	for words in reload apply; do
		matches "in a $words" "$(bed_ctl "$words" 2>&1)" "'$OPS' $waits"
	done
	mkdir "$GROUP/web"
	in_time "it is attached when the cgroup comes" 5 is_on "$OPS"
	is "as a link of the cgroup" "$(of "$OPS" '"\(.mode) \(.cgroup_id)"')" \
		"cgroup $(stat -c %i "$GROUP/web")"
	is "where one program runs" "$(cgroup_programs | wc -w)" 1
	sock_serve root tcp a || not_ok "a server is there"
	is "connections are made as before" "$(connect_in web)" "a 1"
	succeeds "and the chain sees their sockets" has_seen
	before=$(ops_seen)
	connect_in other >/dev/null
	is "but those of no other cgroup" "$(ops_seen)" "$before"
	succeeds "its owner deploys to a slot" \
		as_nobody --chain "$OPS" deploy guest "$PROGS/sock_ops_mark.bpf.o"
	is "by a swap of the one link" "$(cgroup_programs | wc -w)" 1
	bed_ctl --chain "$OPS" rollback >/dev/null
	is "and a rollback takes it back" "$(of "$OPS" '.slots[1].running')" false
	before=$(cgroup_programs)
	bed_slotd_stop KILL
	is "the chain runs on without slotd" "$(cgroup_programs)" "$before"
	bed_slotd
	is "which takes it over as it is" "$(of "$OPS" .attached) $(cgroup_programs)" "true $before"
	rmdir "$GROUP/web"
	in_time "it is off when the cgroup is gone" 5 is_off "$OPS"
	mkdir "$GROUP/web"
	in_time "and on the next one of that path" 5 is_on "$OPS"
	connect_in web >/dev/null
	succeeds "which has the same counters" has_seen "$(ops_seen | awk '{ print $1 - 1 }')"
	end_servers
}

is_on_group() {
	is_on "$OPS" && [[ $(cgroup_programs "$1" | wc -w) -eq 1 && -z $(cgroup_programs "$2") ]]
}

test_another_cgroup() {
	conf_ops
	mkdir -p "$GROUP/web" "$GROUP/other"
	bed_slotd_fresh
	is_on "$OPS" || not_ok "the chain is on"
	sed -i "s|$GROUP/web|$GROUP/other|" "$BED/slots.conf"
	bed_ctl reload >/dev/null
	in_time "a reload that names another cgroup brings the chain there" 5 is_on_group other web
	bed_slotd_stop
	sed -i "s|$GROUP/other|$GROUP/web|" "$BED/slots.conf"
	bed_slotd
	in_time "and so does a start" 5 is_on_group web other
	sed -i 's/"ops"/"renamed"/' "$BED/slots.conf"
	matches "another title for it is refused while it runs" "$(bed_ctl reload 2>&1)" \
		"'renamed:sock_ops' is the cgroup that has the chain of 'ops:sock_ops' already"
	bed_slotd_stop
	bed_slotd
	is "and taken over with all that is known by a start" \
		"$(of renamed:sock_ops '"\(.attached) \(.generation)"') $(cgroup_programs web | wc -w)" \
		"true 1 1"
	bed_slotd_stop
	sed -i 's/"renamed"/"ops"/' "$BED/slots.conf"
	bed_slotd
	sed -i "s|$GROUP/web|$GROUP/none|" "$BED/slots.conf"
	bed_ctl reload >/dev/null
	succeeds "where the other is not there it stays" is_on_group web other
	matches "and says so" "$(bed_ctl status)" 'runs on where it was'
	bed_ctl --chain "$OPS" detach >/dev/null
	is "a detach leaves no program" "$(cgroup_programs web)" ""
}

# --- sk_lookup -------------------------------------------------------------------------------

LOOK=host:sk_lookup

conf_lookup() {
	cat >"$BED/slots.conf" <<-END
		chain "host" {
			hook = "sk_lookup"
			slot 1 { name = "guest" owner = "nobody" }
			slot 3 {
				name = "pick"
				owner = "nobody"
				object = "$PROGS/sk_lookup_pick.bpf.o"
				settings { port = 7200 index = 0 }
			}
		}
		chain "host" {
			hook = "sk_lookup"
			netns = "$BED/ns/blue"
			slot 1 { name = "ret" object = "$PROGS/sk_lookup_ret.bpf.o" }
		}
	END
}

make_blue() {
	: >"$BED/ns/blue"
	unshare --net="$BED/ns/blue" true && in_ns blue ip link set lo up
}

drop_blue() {
	umount "$BED/ns/blue" && rm "$BED/ns/blue"
}

test_sk_lookup() {
	local map before

	conf_lookup
	bed_slotd_fresh
	is "the chain is a link of slotd's network namespace" "$(of "$LOOK" '"\(.attached) \(.mode)"')" \
		"true netns"
	is "where one program runs" "$(netns_programs edge | wc -w)" 1
	map=$(of "$LOOK" '.slots[3].map_dir')/pick_socks
	succeeds "a server enters its socket" sock_serve nobody tcp a - "$map" 0
	is "it gets connections to a port that nobody listens on" "$(sock_ask tcp 9 127.0.0.1 7200)" "a 9"
	succeeds "the owner deploys to another slot" \
		as_nobody --chain "$LOOK" deploy guest "$PROGS/sk_lookup_ret.bpf.o"
	is "and that goes on" "$(sock_ask tcp 9 127.0.0.1 7200)" "a 9"
	before=$(netns_programs edge)
	bed_slotd_stop KILL
	bed_slotd
	is "a start takes over what runs" "$(of "$LOOK" .attached) $(netns_programs edge)" "true $before"
	bed_ctl --chain "$LOOK" detach >/dev/null
	is "after a detach nobody answers" "$(sock_ask tcp 1 127.0.0.1 7200)" "none 1"
	is "and nothing runs" "$(netns_programs edge)" ""
	end_servers
}

BLUE=blue:host:sk_lookup

test_netns() {
	conf_lookup
	bed_slotd_fresh
	is "a network namespace that is not there has a chain that waits" "$(of "$BLUE" .attached)" false
	make_blue
	in_time "it is attached when the namespace comes" 5 is_on "$BLUE"
	is "to that one" "$(netns_programs blue | wc -w)" 1
	drop_blue
	in_time "it is off when that is gone" 5 is_off "$BLUE"
	make_blue
	in_time "and on in the next of that name" 5 is_on "$BLUE"
	is "the other chain is as it was" "$(of "$LOOK" .attached)" true
	drop_blue
}

# --- what is refused -------------------------------------------------------------------------

# refused SENTENCE PATTERN <SECTION
refused() {
	local said

	cat >>"$BED/slots.conf"
	said=$(bed_ctl reload 2>&1)
	matches "$1" "$? $said" "^1 .*$2"
	conf_reuseport
}

test_refused() {
	bed_slotd_fresh
	refused "a chain of a cgroup without one" "cgroup: missing" <<-END
		chain "ops" { hook = "sock_ops" }
	END
	refused "two of one namespace" "a network namespace other than that of line" <<-END
		chain "a" { hook = "sk_lookup" }
		chain "b" { hook = "sk_lookup" }
	END
	refused "two of one cgroup" "a cgroup other than that of line" <<-END
		chain "a" { hook = "sock_ops" cgroup = "$GROUP" }
		chain "b" { hook = "sock_ops" cgroup = "$GROUP" }
	END
	refused "verdicts of packets" 'allow: "tx"' <<-END
		chain "a" { hook = "sk_lookup" slot 1 { name = "a" allow = { pass, tx } } }
	END
	[[ ! -e /sys/fs/cgroup/memory/cgroup.procs ]] ||
		refused "a folder of cgroup v1" 'no folder of cgroup v2' <<-END
			chain "a" { hook = "sock_ops" cgroup = "/sys/fs/cgroup/memory" }
		END
	is "what runs runs on" "$(of "$WEB" .attached)" true
}

bed_run
