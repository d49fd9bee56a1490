# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Chains of sockets: servers that attach them, and who asks these. All are at the edge. Sourced
# after bed.sh and cgroup.sh.

GROUP_PORT=7100
WEB=web:sk_reuseport
JUMP=$BED/bpf/slotd/sk_reuseport/web/jump
WEB_MAPS=$BED/bpf/slotd/sk_reuseport/web/maps
PICKED=$WEB_MAPS/pick/pick_socks

# The cgroup of a test has to be of cgroup v2.
find_group2() {
	find_group && [[ $(stat -f -c %T "$GROUP") == cgroup2fs ]]
}

# sock_ask PROTOCOL COUNT [ADDRESS [PORT]]: what the answers were, "a 3 b 1"; asks $SOCK_ASKER
SOCK_ASKER=edge
sock_ask() {
	in_ns "$SOCK_ASKER" "$BED_TOOLS/sock_group" ask "$1" "${3:-127.0.0.1}" "${4:-$GROUP_PORT}" "$2" |
		sort | xargs
}

is_ready() {
	grep -qx ready "$BED/log/$1" || is_gone "$2"
}

SERVERS=()

end_servers() {
	local pid

	for pid in "${SERVERS[@]}"; do
		stop "$pid"
	done
	SERVERS=()
}

# sock_serve USER PROTOCOL WORD [JUMP [MAP INDEX]]: its process is $SERVING
sock_serve() {
	: >"$BED/log/serve.$3"
	spawn edge "$BED/log/serve.$3" setpriv --reuid "$1" --clear-groups "$BED_TOOLS/sock_group" \
		serve "$2" "${SERVE_ADDRESS:-127.0.0.1}" "$GROUP_PORT" "${@:3}"
	SERVING=$BED_SPAWNED
	SERVERS+=("$SERVING")
	wait_for 5 is_ready "serve.$3" "$SERVING"
	grep -qx ready "$BED/log/serve.$3"
}

# load_start NAME PROTOCOL, and what the answers were: load_stop NAME
load_start() {
	: >"$BED/log/load.$1"
	spawn edge "$BED/log/load.$1" "$BED_TOOLS/sock_group" ask "$2" 127.0.0.1 "$GROUP_PORT" 0
	eval "LOAD_$1=\$BED_SPAWNED"
}

load_stop() {
	local pid=LOAD_$1

	stop "${!pid}"
	sort "$BED/log/load.$1" | xargs
}

# with_index NUMBER: the chain's program picks that socket
with_index() {
	sed -i "s/index = [0-9]/index = $1/" "$BED/slots.conf"
}

# What programs the kernel has at a hook, by their numbers: of the cgroup, of a netns.
cgroup_programs() {
	bpftool -j cgroup show "$GROUP/${1:-web}" 2>/dev/null | jq -r '.[].id' | xargs
}

# netns_programs NETNS
netns_programs() {
	bpftool -j link list | jq -r --argjson ino "$(stat -L -c %i "$BED/ns/$1")" \
		'.[] | select(.type == "netns" and .netns_ino == $ino) | .prog_id' | xargs
}
