#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The programs of the repository on real traffic: firewall, and decap with tunnels of every
# kind.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/tunnels.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tunnels.sh"

write_conf() {
	bed_conf <<-END
		slot 2 {
			name = "firewall" object = "firewall.bpf.o"
			settings { ${1:-} }
		}
		slot 12 { name = "decap" object = "decap.bpf.o" }
	END
}

setup() {
	write_conf
	bed_slotd_fresh
	nginx_start
	add_vips
}

test_firewall_sources() {
	reaches "an IPv4 source without a rule is let through" "http://$SERVER4/" --interface "$DENIED4"
	reaches "an IPv6 source without a rule is let through" "http://[$SERVER6]/" \
		--interface "$DENIED6"
	bed_ctl firewall deny add "203.0.113.0/24" "2001:db8:66::/48" >/dev/null
	reaches_not "a source of a denied IPv4 prefix is not" "http://$SERVER4/" --interface "$DENIED4"
	reaches_not "a source of a denied IPv6 prefix is not" "http://[$SERVER6]/" \
		--interface "$DENIED6"
	reaches "another IPv4 source is" "http://$SERVER4/"
	reaches "another IPv6 source is" "http://[$SERVER6]/"
	bed_ctl firewall allow add "$DENIED4/32" >/dev/null
	reaches "the longer prefix decides" "http://$SERVER4/" --interface "$DENIED4"
	bed_ctl firewall allow del "$DENIED4/32" >/dev/null
	reaches_not "a rule that is taken away decides no more" "http://$SERVER4/" \
		--interface "$DENIED4"
	matches "dropped packets are counted by reason" \
		"$(bed_ctl firewall stats --json |
			jq '.counters[] | select(.name == "deny_source") | .packets')" '^[1-9]'
}

test_firewall_ports() {
	reaches "a port without a rule is open" "http://$SERVER4:8080/"
	bed_ctl firewall deny add tcp/8080 udp/7001 >/dev/null
	reaches_not "a denied TCP port is closed over IPv4" "http://$SERVER4:8080/"
	reaches_not "and over IPv6" "http://[$SERVER6]:8080/"
	reaches "another one is open" "http://$SERVER4:8081/"
	sink_start 7001
	sink_start 7002
	send_udp 10 "$CLIENT4" "$SERVER4" 7001 >/dev/null
	send_udp 10 "$CLIENT4" "$SERVER4" 7002 >/dev/null
	in_time "an open UDP port is open" 3 sink_has 7002 10
	is "a denied UDP port is closed" "$(sink_count 7001)" 0
	succeeds "ping has no port" ping_once "$SERVER4"
}

test_firewall_file() {
	printf '%s\n' "deny $DENIED4/32 # a comment" "" "deny tcp/8080" >"$BED/rules"
	bed_ctl firewall load "$BED/rules" >/dev/null
	reaches_not "a rule of a file acts" "http://$SERVER4:8080/"
	printf '%s\n' "deny tcp/8081" "deny udp/nine" "permit all" >"$BED/rules"
	matches "a file with errors is refused, every line of them" \
		"$(bed_ctl firewall load "$BED/rules" 2>&1)" "rules:2: .*rules:3: .*nothing was changed"
	reaches_not "and changes nothing" "http://$SERVER4:8080/"
	printf '%s\n' "deny tcp/8081" >"$BED/rules"
	bed_ctl firewall load "$BED/rules" >/dev/null
	reaches "a rule that a file no longer has is gone" "http://$SERVER4:8080/"
	reaches_not "the one it has instead is there" "http://$SERVER4:8081/"
}

test_firewall_default_deny() {
	bed_ctl firewall allow add tcp/80 >/dev/null
	write_conf "default_deny = true"
	changes "settings of slots.conf are applied" apply
	reaches "an allowed port is open over IPv4" "http://$SERVER4/"
	reaches "and over IPv6, neighbour discovery included" "http://[$SERVER6]/"
	reaches_not "a port that no rule allows is not" "http://$SERVER4:8080/"
	succeeds "nor is anything else" no_ping "$SERVER4"
	write_conf "default_denial = true"
	matches "an unknown setting is refused, and the known ones are named" \
		"$(bed_ctl apply 2>&1)" "default_denial: .*it has: default_deny,.*stays active"
	reaches "the settings before stay in force" "http://$SERVER4/"
}

test_decap() {
	local left

	tunnel_start t4 "$CLIENT4" "$SERVER4"
	reaches_not "a tunnel to an address that is not listed leads nowhere" "http://$VIP4/"
	left=$(decap_count not_local)
	matches "its packets are left alone and counted" "$left" '^[1-9]'
	bed_ctl decap addr add "$SERVER4" "$SERVER6" >/dev/null
	tunnel_carries "IPv4 in IPv4" ip4_in_ip4 "$VIP4"
	tunnel_carries "IPv6 in IPv4" ip6_in_ip4 "[$VIP6]"
	changes "decap is disabled" disable decap
	reaches_not "without decap the tunnel leads nowhere" "http://$VIP4/"
	changes "decap is enabled" enable decap
	reaches "with it, it leads to the server again" "http://$VIP4/"
	end_tunnel t4
	tunnel_start t6 "$CLIENT6" "$SERVER6"
	tunnel_carries "IPv6 in IPv6" ip6_in_ip6 "[$VIP6]"
	tunnel_carries "IPv4 in IPv6" ip4_in_ip6 "$VIP4"
	bed_ctl decap addr del "$SERVER6" >/dev/null
	reaches_not "an address that is taken away ends no tunnel" "http://[$VIP6]/"
	end_tunnel t6
}

test_decap_of_gue() {
	bed_ctl decap addr add 198.51.100.0/24 "$SERVER6" >/dev/null
	tunnel_start t4 "$CLIENT4" "$SERVER4" 6080
	reaches_not "without its port GUE leads nowhere" "http://$VIP4/"
	bed_ctl decap set gue-port=6080
	tunnel_carries "GUE, IPv4 on IPv4" gue4_in_ip4 "$VIP4"
	tunnel_carries "GUE, IPv6 on IPv4" gue6_in_ip4 "[$VIP6]"
	end_tunnel t4
	tunnel_start t6 "$CLIENT6" "$SERVER6" 6080
	tunnel_carries "GUE, IPv6 on IPv6" gue6_in_ip6 "[$VIP6]"
	bed_ctl decap serve add "$VIP6"
	bed_ctl decap set strict=yes
	reaches "an address that is served is reached" "http://[$VIP6]/"
	reaches_not "one that is not is not" "http://$VIP4/"
	matches "and what was for it is dropped" "$(decap_count drop_not_served)" '^[1-9]'
	end_tunnel t6
}

test_load_inside_a_tunnel() {
	local requests failed

	bed_ctl decap addr add "$SERVER4" >/dev/null
	tunnel_start t4 "$CLIENT4" "$SERVER4"
	: >"$BED/wrk"
	in_ns client wrk -t 1 -c 4 -d 2 --timeout $((2 * TAP_SCALE))s "http://$VIP4/" >"$BED/wrk" 2>&1
	read -r requests failed < <(load_figures)
	matches "HTTP requests are answered under load inside a tunnel" "$requests" '^[1-9]'
	is "none of them fails" "$failed" 0
	end_tunnel t4
}

test_decap_of_kernel_tunnels() {
	bed_ctl decap addr add "$SERVER4" "$SERVER6" >/dev/null
	if real_tunnel k4 ipip ipip local "$CLIENT4" remote "$SERVER4"; then
		tunnel_carries "an ipip device" ip4_in_ip4 "$VIP4"
		in_ns client ip link delete k4
	else
		skip "an ipip device" "this kernel has no ipip module"
	fi
	if real_tunnel k6 ip6_tunnel ip6tnl mode any local "$CLIENT6" remote "$SERVER6"; then
		tunnel_carries "an ip6tnl device, IPv6" ip6_in_ip6 "[$VIP6]"
		tunnel_carries "an ip6tnl device, IPv4" ip4_in_ip6 "$VIP4"
		in_ns client ip link delete k6
	else
		skip "an ip6tnl device" "this kernel has no ip6_tunnel module"
	fi
	if real_tunnel ks sit sit local "$CLIENT4" remote "$SERVER4"; then
		tunnel_carries "a sit device" ip6_in_ip4 "[$VIP6]"
		in_ns client ip link delete ks
	else
		skip "a sit device" "this kernel has no sit module"
	fi
}

bed_run
