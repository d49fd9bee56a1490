#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Chains of containers that are named by their cgroup: on the veth that its processes have in
# their network namespace, wherever that is now.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"

SLOTD_TEST_ENGINE=fused # where a netns is looked for does not depend on it
CONTAINER=

# container_start NUMBER FOLDER: a process in a netns of its own, with a veth eth7 whose other end the
# edge has as cNUMBER, in the cgroup FOLDER of the test's
container_start() {
	mkdir -p "$GROUP/$2"
	: >"$BED/ns/c$1"
	unshare --net="$BED/ns/c$1" true && in_ns "c$1" ip link set lo up || return 1
	# shellcheck disable=SC2016 # $0 is that shell's
	spawn "c$1" "$BED/log/container" sh -c 'echo $$ >"$0/cgroup.procs" && exec sleep 600' \
		"$GROUP/$2"
	CONTAINER=$BED_SPAWNED
	in_ns edge ip link add "c$1" type veth peer name eth7 netns "$BED/ns/c$1" &&
		in_ns edge ip link set "c$1" up && in_ns "c$1" ip link set eth7 up
}

# container_stop NUMBER
container_stop() {
	stop "$CONTAINER" KILL
	umount "$BED/ns/c$1"
	in_ns edge ip link delete "c$1" 2>/dev/null
	return 0
}

setup() {
	cat >"$BED/slots.conf" <<-END
		chain "eth0" {
			engine = "fused"
			slot 5 { name = "guest" object = "pass.bpf.o" }
		}
		chain "eth7" {
			netns = "$GROUP/web"
			engine = "fused"
			slot 5 { name = "guest" object = "pass.bpf.o" }
		}
	END
}

runs_in() {
	[[ -n $(in_ns "$1" ip -j link show dev eth7 | jq '.[0].xdp.prog.id // empty') ]] &&
		is_on web:eth7
}

test_where_the_processes_are() {
	bed_slotd_fresh
	is "a cgroup that is not there has a chain that waits" "$(of web:eth7 .attached)" false
	container_start 1 web/payload || bail "a container is there"
	in_time "a process in it, or in one below, brings the chain to its veth" 5 runs_in c1
	is "which is named by the cgroup" "$(of web:eth7 .netns)" "$GROUP/web"
	bed_slotd_stop KILL
	bed_slotd
	succeeds "a start takes it over" runs_in c1
	container_stop 1
	in_time "the chain waits when the container is gone" 5 is_off web:eth7
	container_start 2 web
	in_time "and is on the veth of the next one" 5 runs_in c2
	is "all of which leaves the host's alone" "$(is_on eth0 && echo yes)" yes
	container_stop 2
}

test_several() {
	local first

	container_start 1 web || bail "a container is there"
	first=$CONTAINER
	container_start 2 web/more || bail "and another"
	bed_slotd_fresh
	is "where the processes have several netns, the chain waits" "$(of web:eth7 .attached)" false
	container_stop 2
	in_time "until they have one" 5 runs_in c1
	CONTAINER=$first
	container_stop 1
}

# One of the host's on its way into a container is in the host's netns still.
test_processes_of_the_host() {
	mkdir -p "$GROUP/web"
	sed -i 's/chain "eth7"/chain "eth1"/' "$BED/slots.conf"
	# shellcheck disable=SC2016 # $0 is that shell's
	spawn edge "$BED/log/container" sh -c 'echo $$ >"$0/cgroup.procs" && exec sleep 600' \
		"$GROUP/web"
	CONTAINER=$BED_SPAWNED
	bed_slotd_fresh
	is "a process in slotd's own netns does not lead to the host's interfaces" \
		"$(of web:eth1 .attached)" false
	is "on which nothing runs" "$(xdp_id eth1)" ""
	stop "$CONTAINER" KILL
}

find_group || {
	echo "1..0 # SKIP no cgroup can be made here"
	exit 0
}
trap 'bed_stop; drop_group' EXIT
bed_run
