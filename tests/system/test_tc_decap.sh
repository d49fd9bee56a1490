#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# tc_decap on real traffic: tunnels of every kind, GUE whose checksum was left to the device,
# and packets that were not segmented yet. What comes out is forwarded, so that whatever is
# wrong with it shows at the server.

DECAP=tc_decap
# as every chain of TC programs is
export SLOTD_TEST_ENGINE=fused
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/tunnels.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tunnels.sh"

GUE_PORT=6080
MEGABYTES=8
[[ ${SLOTD_TIER:-} != vm ]] || MEGABYTES=2

setup() {
	cat >"$BED/slots.conf" <<-END
		chain "eth0" {
			hook = "tc-ingress"
			slot 3 { name = "tc_decap" object = "tc_decap.bpf.o" }
		}
	END
	bed_slotd_fresh
	nginx_start
	add_vips
	bed_ctl tc_decap addr add "$SERVER4" "$SERVER6" "$EDGE4" || bail "tunnels end at the edge"
}

test_tunnels() {
	tunnel_start t4 "$CLIENT4" "$SERVER4"
	tunnel_carries "IPv4 in IPv4" ip4_in_ip4 "$VIP4"
	tunnel_carries "IPv6 in IPv4" ip6_in_ip4 "[$VIP6]"
	end_tunnel t4
	tunnel_start t6 "$CLIENT6" "$SERVER6"
	tunnel_carries "IPv6 in IPv6" ip6_in_ip6 "[$VIP6]"
	tunnel_carries "IPv4 in IPv6" ip4_in_ip6 "$VIP4"
	bed_ctl tc_decap addr del "$SERVER6"
	reaches_not "an address that is taken away ends no tunnel" "http://[$VIP6]/"
	bed_ctl tc_decap addr add 2001:db8:2::/64
	tunnel_carries "a tunnel to an address of a prefix" ip6_in_ip6 "[$VIP6]"
	end_tunnel t6
}

# leave_sums on|off: whether the client leaves checksums and segmentation to its device
leave_sums() {
	in_ns client ethtool -K c0 tx "$1" tso "$1" gso "$1" >/dev/null 2>&1
}

# Datagrams of a socket, whose checksum the kernel leaves to the device.
test_gue() {
	leave_sums on
	tunnel_start t4 "$CLIENT4" "$SERVER4" "$GUE_PORT"
	reaches_not "without its port GUE leads nowhere" "http://$VIP4/"
	bed_ctl tc_decap set gue-port="$GUE_PORT"
	tunnel_carries "GUE, IPv4 on IPv4" gue4_in_ip4 "$VIP4"
	tunnel_carries "GUE, IPv6 on IPv4" gue6_in_ip4 "[$VIP6]"
	end_tunnel t4
	tunnel_start t6 "$CLIENT6" "$SERVER6" "$GUE_PORT"
	tunnel_carries "GUE, IPv6 on IPv6" gue6_in_ip6 "[$VIP6]"
	tunnel_carries "GUE, IPv4 on IPv6" gue4_in_ip6 "$VIP4"
	bed_ctl tc_decap serve add "$VIP6"
	bed_ctl tc_decap set strict=yes
	reaches_not "an address that is not served is not reached" "http://$VIP4/"
	matches "and what was for it is dropped" "$(decap_count drop_not_served)" '^[1-9]'
	reaches "one that is served is" "http://[$VIP6]/"
	end_tunnel t6
	leave_sums off
}

# What one connection to the VIP brings, as its sum in a file.
RECEIVE='
import hashlib, socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
open(sys.argv[3] + "/ready", "w").close()
connection, _ = listener.accept()
total = hashlib.sha256()
while chunk := connection.recv(1 << 16):
    total.update(chunk)
open(sys.argv[3] + "/got", "w").write(total.hexdigest())
connection.sendall(b"ok")
'
SEND='
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30)
connection.sendall(open(sys.argv[3] + "/data", "rb").read())
connection.shutdown(socket.SHUT_WR)
connection.recv(2)
'

counted() {
	bed_ctl tc_decap stats --json |
		jq --arg kind "$1" '.counters[] | select(.name == $kind) | "\(.packets) \(.bytes)"' -r
}

# upload WHAT KIND PORT: large packets arrive as they were sent
upload() {
	local packets bytes since=$SECONDS

	rm -f "$BED/got" "$BED/ready"
	spawn server "$BED/log/receiver" python3 -c "$RECEIVE" "$VIP4" "$3" "$BED"
	wait_for 10 test -e "$BED/ready" || bail "a receiver" "$(cat "$BED/log/receiver")"
	in_ns client python3 -c "$SEND" "$VIP4" "$3" "$BED" 2>>"$BED/log/receiver" ||
		tap_note <<<"$(tail -n 1 "$BED/log/receiver"), after $((SECONDS - since)) s"
	is "$1: all bytes arrive" "$(cat "$BED/got" 2>&1)" "$(sha256sum <"$BED/data" | cut -d' ' -f1)"
	read -r packets bytes < <(counted "$2")
	matches "$1: they came out of tunnels" "$packets" '^[1-9]'
	is "$1: in packets that were not segmented yet ($((bytes / packets)) bytes)" \
		"$((bytes / packets > 3000))" 1
}

test_large_packets() {
	bed_ctl tc_decap set gue-port="$GUE_PORT"
	head -c $((MEGABYTES << 20)) /dev/urandom >"$BED/data"
	leave_sums on
	in_ns client ip link set c0 gso_max_size 32768
	encap_start
	upload "IP in IP" ip4_in_ip4 9000
	upload "GUE" gue4_in_ip4 9001
	in_ns client tc qdisc del dev c0 clsact
	leave_sums off
}

test_kernel_tunnels() {
	if real_tunnel k4 ipip ipip local "$CLIENT4" remote "$SERVER4"; then
		tunnel_carries "an ipip device" ip4_in_ip4 "$VIP4"
		in_ns client ip link delete k4
	else
		skip "an ipip device" "this kernel has no ipip module"
	fi
	if real_tunnel k6 ip6_tunnel ip6tnl mode any local "$CLIENT6" remote "$SERVER6"; then
		tunnel_carries "an ip6tnl device, IPv4" ip4_in_ip6 "$VIP4"
		in_ns client ip link delete k6
	else
		skip "an ip6tnl device" "this kernel has no ip6_tunnel module"
	fi
}

only_in_vm kernel_tunnels gue large_packets
bed_run
