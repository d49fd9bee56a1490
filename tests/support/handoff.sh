# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Hosts between which connections move: home, which the client talks to, and two others, each
# behind a router, with handoff in a chain at XDP and handoff_out in one at TC egress, and with a
# server (handoff_node) in it. Sourced after bed.sh.
#
#   client 192.0.2.2 ---- edge (routes; slotd) ---- home  198.51.100.10
#                                             ----- near  198.51.101.10
#                                             ----- far   198.51.102.10

HOSTS=(home near far)
declare -A HOST4=([home]=198.51.100.10 [near]=198.51.101.10 [far]=198.51.102.10)
declare -A HOST6=([home]=2001:db8:a::10 [near]=2001:db8:b::10 [far]=2001:db8:c::10)
declare -A NODE LOADS
NODE_BIN=$BED/build/tests/tools/handoff_node
PORT=8080
LINK_PORT=7700
# Times of nodes, short enough for a test to see the end of each; where processors are emulated it
# takes six times as long.
TIMES_SCALE=$(((TAP_SCALE + 1) / 2))
SHORT_TIMES=("ack=$((300 * TIMES_SCALE))" "ready=$((1300 * TIMES_SCALE))"
	"done=$((2000 * TIMES_SCALE))" "abandon=$((3000 * TIMES_SCALE))"
	"linger=$((200 * TIMES_SCALE))" "idle=$((6000 * TIMES_SCALE))" "beat=$((200 * TIMES_SCALE))")
# With these nobody is given up because of a machine's speed.
PATIENT_TIMES=(ack=3000 ready=10000 "done=20000" abandon=60000 beat=2000)

# XDP on a veth sends frames only to an end that has XDP itself: one with GRO alone polls as
# well, but only when something else is sent, and for good not where its ring is full by then.
make_host() {
	local host=$1 four=${HOST4[$1]} six=${HOST6[$1]}

	make_wire "$host" "$host" "to_$host" || return 1
	in_ns edge bpftool net attach xdpdrv pinned "$BED/bpf/pass" dev "to_$host" || return 1
	in_ns "$host" ethtool -K "$host" tso off gso off >/dev/null
	in_ns edge ip -batch - <<-END || return 1
		address add ${four%.*}.1/24 dev to_$host
		address add ${six%10}1/64 dev to_$host nodad
	END
	in_ns "$host" ip -batch - <<-END || return 1
		address add $four/24 dev $host
		address add $six/64 dev $host nodad
		route add default via ${four%.*}.1
		route add default via ${six%10}1
	END
	# a name for slots.conf
	: >"/run/netns/$host" && mount --bind "$BED/ns/$host" "/run/netns/$host"
}

handoff_conf() {
	local host

	for host in "${HOSTS[@]}"; do
		cat <<-END
			chain "$host" {
				netns = "$host"
				slot 10 { name = "handoff" owner = "nobody" object = "handoff.bpf.o" }
			}
			chain "$host" {
				netns = "$host"
				hook = "tc-egress"
				slot 10 {
					name = "handoff_out"
					owner = "nobody"
					object = "handoff_out.bpf.o"
					maps_of = "xdp:handoff"
				}
			}
		END
	done >"$BED/slots.conf"
}

# handoff_start: hosts, chains, no node yet
handoff_start() {
	local host

	make_namespaces client edge "${HOSTS[@]}" || bail "the bed is there"
	mount -t tmpfs -o mode=0755 slotd-netns /run/netns 2>/dev/null ||
		{ mkdir -p /run/netns && mount -t tmpfs -o mode=0755 slotd-netns /run/netns; }
	copy_build || bail "slotd, its programs and the test tools are built" "run make checks first"
	make_client_wire || bail "the client is there"
	in_ns client ip route add default via 192.0.2.1
	in_ns client ip route add default via 2001:db8:1::1
	bpftool prog load "$BED_OBJECTS/pass.bpf.o" "$BED/bpf/pass" type xdp ||
		bail "a program that lets all pass is there"
	for host in "${HOSTS[@]}"; do
		make_host "$host" || bail "$host is there"
	done
	make_certificates || bail "certificates are made" "$(cat "$BED/log/openssl")"
	handoff_conf
	bed_slotd || bail "slotd starts" "$(cat "$BED/log/slotd")"
	for host in "${HOSTS[@]}"; do
		wait_for 10 in_ns client ping -c 1 -W 1 "${HOST4[$host]}" || bail "$host is reached"
		wait_for 10 in_ns "$host" ping -c 1 -W 1 "${HOST6[home]}" || bail "$host reaches home"
	done
}

# rules_dir HOST: where the maps of its slot are
rules_dir() {
	bed_ctl --chain "$1:$1" show handoff --json | jq -r .map_dir
}

# Certificates of a made-up authority, one for each host, and one of another authority.
make_certificates() {
	local host dir=$BED/tls

	mkdir -p "$dir"
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj /CN=ca -keyout "$dir/ca.key" -out "$dir/ca.pem"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
			-subj /CN=near -addext subjectAltName=DNS:near \
			-keyout "$dir/stranger.key" -out "$dir/stranger.pem"
		for host in "${HOSTS[@]}"; do
			openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$host" \
				-addext "subjectAltName=DNS:$host,IP:${HOST4[$host]}" \
				-keyout "$dir/$host.key" -out "$dir/$host.csr"
			openssl x509 -req -in "$dir/$host.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
				-CAcreateserial -days 2 -copy_extensions copy -out "$dir/$host.pem"
		done
	} >"$BED/log/openssl" 2>&1
}

# node HOST WORD...: its server starts, and says what it has to say in log/HOST. $CERT: whose
# certificate it has, and $CALLED what it calls itself, if not as the host.
node() {
	local host=$1

	: >"$BED/log/$host"
	mkdir -p "$BED/fault/$host"
	spawn "$host" "$BED/log/$host" env "SLOTD_FAULT_DIR=$BED/fault/$host" "$NODE_BIN" "${CALLED:-$host}" \
		"$(rules_dir "$host")" "ca=$BED/tls/ca.pem" "cert=$BED/tls/${CERT:-$host}.pem" \
		"key=$BED/tls/${CERT:-$host}.key" "${@:2}"
	NODE[$host]=$BED_SPAWNED
	wait_for 10 grep -q '^ready' "$BED/log/$host"
}

# home dials the others
node_home() {
	node home "serve=${HOST4[home]}:$PORT" "serve=[${HOST6[home]}]:$PORT" "local=${HOST4[home]}" \
		"dial=near@${HOST4[near]}:$LINK_PORT" "dial=far@${HOST4[far]}:$LINK_PORT" "$@"
}

# node_other HOST WORD...
node_other() {
	node "$1" "local=${HOST4[$1]}" "local=${HOST6[$1]}" "listen=${HOST4[$1]}:$LINK_PORT" peer=home \
		"${@:2}"
}

stop_nodes() {
	local host

	for host in "${!NODE[@]}"; do
		is_gone "${NODE[$host]}" || stop "${NODE[$host]}" KILL
	done
	NODE=()
}

is_linked() {
	[[ $(grep "^link $1 " "$BED/log/home" | tail -n 1) == *" up "* ]] &&
		[[ $(grep "^link home " "$BED/log/$1" | tail -n 1) == *" up "* ]]
}

# count HOST WORD: of what its node has done so far; nothing where it does not say
count() {
	local lines

	lines=$(grep -c '^accepted' "$BED/log/$1")
	kill -USR1 "${NODE[$1]}" && wait_for 60 has_lines "$1" $((lines + 1)) || return 1
	value_of "$2" "$(grep '^accepted' "$BED/log/$1" | tail -n 1)"
}

# moves HOST WORD: of what slotctl tells of all its nodes so far
moves() {
	bed_ctl --chain "$1:$1" handoff stats --json | jq ".moves.$2"
}

has_lines() {
	(($(grep -c '^accepted' "$BED/log/$1") >= $2))
}

# has_done HOST WORD NUMBER: so much, so far. Who waits for it asks again and again, and that takes
# its time from what is waited for, most of it where processors are emulated.
has_done() {
	(($(count "$1" "$2") >= $3)) && return
	sleep "$((TAP_SCALE / 6)).1"
	return 1
}

# have_no_rules HOST...: of handoff's slot
have_no_rules() {
	local host

	for host; do
		[[ $(bed_ctl --chain "$host:$host" handoff show --json | jq '.rules | length') == 0 ]] ||
			return 1
	done
}

# value_of WORD LINE: the number behind it
value_of() {
	sed -n "s/.*\b$1 \([0-9]*\).*/\1/p" <<<"$2"
}

# load_start CONNECTIONS SECONDS STALL_MS [TLS|ends=BYTES]: half of them by IPv4, half by IPv6
load_start() {
	local family

	LOADS=()
	for family in 4 6; do
		load_family "$family" $(($1 / 2)) "${@:2}"
	done
}

# load_family 4|6 CONNECTIONS SECONDS STALL_MS [BYTES TIMES [TIMEOUT_MS]]
load_family() {
	local -n address=HOST$1

	: >"$BED/log/load$1"
	spawn client "$BED/log/load$1" "$BED_TOOLS/handoff_load" "${address[home]}" "$PORT" "${@:2}"
	LOADS[$1]=$BED_SPAWNED
	wait_for 10 grep -q '^begun' "$BED/log/load$1"
}

has_counts() {
	(($(grep -c '^opened' "$1") >= $2))
}

# load_seen: what both have seen so far, as one line in LOAD_SEEN, when each client has heard
# something since
load_seen() {
	local family lines log seen=''

	for family in "${!LOADS[@]}"; do
		log=$BED/log/load$family
		lines=$(grep -c '^opened' "$log")
		kill -USR1 "${LOADS[$family]}"
		wait_for 60 has_counts "$log" $((lines + 1)) ||
			bail "all clients of IPv$family hear something" "$(cat "$log")"
		seen+=$(grep '^opened' "$log" | tail -n 1)$'\n'
	done
	LOAD_SEEN=$(add_up <<<"${seen%$'\n'}")
}

# load_end: what both have seen, as one line; a client that hangs is found first
load_end() {
	local family

	for family in "${!LOADS[@]}"; do
		kill -TERM "${LOADS[$family]}" 2>/dev/null
		wait_for 60 is_gone "${LOADS[$family]}"
		stop "${LOADS[$family]}" || true
		grep '^opened' "$BED/log/load$family" | tail -n 1
	done | add_up
}

# expect_nothing WORDS [WHAT:]: of a load whose hosts live
expect_nothing() {
	local what=${2:+$2 }

	is "${what}nothing is corrupt" "$(value_of corrupt "$1")" 0
	is "${what}nothing hangs" "$(value_of hung "$1")" 0
	is "${what}no connection is reset" "$(value_of reset "$1")" 0
	is "${what}or ended" "$(value_of ended "$1")" 0
	is "${what}or refused" "$(value_of refused "$1")" 0
}

# told_of WORDS BEFORE: how many clients were told of an end in between
told_of() {
	echo $(($(value_of reset "$1") + $(value_of ended "$1") - \
		$(value_of reset "$2") - $(value_of ended "$2")))
}

# add_up: lines of WORD NUMBER... as one, each number the sum of all
add_up() {
	awk '{ for (i = 1; i < NF; i += 2) { if (!($i in sum)) order[++n] = $i; sum[$i] += $(i + 1) } }
		END { for (i = 1; i <= n; i++) printf "%s %d ", order[i], sum[order[i]]; print "" }'
}

# --- wires that lose packets -------------------------------------------------------------------

LOSSY=(delay 2ms 1ms loss 1% duplicate 1% reorder 20% 50%)

has_netem() {
	in_ns edge ip link add n0 type veth peer name n1 || return 1
	in_ns edge tc qdisc add dev n0 root netem loss 1% 2>/dev/null
	local status=$?
	in_ns edge ip link del n0
	return $status
}

# impair NS DEVICE
impair() {
	in_ns "$1" tc qdisc replace dev "$2" root netem "${LOSSY[@]}"
}

impair_wires() {
	local host

	impair client c0 && impair edge eth0 || return 1
	for host in "${HOSTS[@]}"; do
		impair edge "to_$host" && impair "$host" "$host" || return 1
	done
}

mend_wires() {
	local host

	in_ns client tc qdisc del dev c0 root && in_ns edge tc qdisc del dev eth0 root
	for host in "${HOSTS[@]}"; do
		in_ns edge tc qdisc del dev "to_$host" root
		in_ns "$host" tc qdisc del dev "$host" root
	done
}

# lost_at NS DEVICE: packets that netem did away with
lost_at() {
	in_ns "$1" tc -s -j qdisc show dev "$2" | jq '[.[] | select(.kind == "netem") | .drops] | add'
}

# --- a device that sends packets on --------------------------------------------------------------

# has_flower NS DEVICE: rules of a device, which the kernel stands for
has_flower() {
	in_ns "$1" modprobe -aq cls_flower act_pedit act_csum act_mirred 2>/dev/null
	in_ns "$1" tc qdisc add dev "$2" clsact 2>/dev/null
	in_ns "$1" tc filter add dev "$2" ingress pref 9 protocol ip flower ip_proto udp \
		action mirred egress redirect dev lo 2>/dev/null || return 1
	in_ns "$1" tc filter del dev "$2" ingress pref 9
}

# --- steps that go wrong -----------------------------------------------------------------------

# list_points: where a node may be killed, or a step of it fail
list_points() {
	readelf -p slot_faults "$BED_TOOLS/handoff_node_faults" |
		sed -n 's/^ *\[ *[0-9a-f]*\]  *//p' | sort -u
}

# node_arm HOST POINT COUNT kill|ERRNO
node_arm() {
	printf '%s\n' "${*:2}" >"$BED/fault/$1/arm.new"
	mv "$BED/fault/$1/arm.new" "$BED/fault/$1/arm"
}

node_disarm() {
	rm -f "$BED/fault/$1/arm"
}

# node_die HOST POINT: at the third time that it is there
node_die() {
	node_arm "$1" "$2" 3 kill
	wait_for 60 is_gone "${NODE[$1]}" || return 1
	disown "${NODE[$1]}" 2>/dev/null
	node_disarm "$1"
}
