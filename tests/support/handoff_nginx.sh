# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# nginx with its module on the hosts of handoff.sh, as root with one worker unless WORKERS and USER_OF
# say otherwise. Sourced after that.

WORKERS=1
DAEMON=off
SHUTDOWN=30
# For slow machines as well: nothing stays because of their speed.
TIMES="ack=5s ready=12s done=15s beat=2s"
LIMIT=$((10 * TAP_SCALE)) # of a client, seconds
LEVEL=info
declare -A USER_OF=() NAME_OF=()
MODULE=$BED_ROOT/build/nginx/ngx_handoff_module.so
URL=http://${HOST4[home]}:$PORT

# host_conf HOST HTTP <SERVER
host_conf() {
	local host=$1 dir=$BED/www/$1

	mkdir -p "$dir/files/local"
	chmod 0777 "$dir/files"
	cat >"$dir/nginx.conf" <<-END
		load_module $MODULE;
		user ${USER_OF[$host]:-root};
		worker_processes $WORKERS;
		daemon $DAEMON;
		pid $dir/pid;
		error_log $BED/log/$host $LEVEL;
		worker_shutdown_timeout $SHUTDOWN;
		events { worker_connections 512; }
		http {
			log_format pid \$pid;
			access_log $BED/log/access.$host pid;
			client_body_temp_path $dir/files/t1;
			proxy_temp_path $dir/t2;
			fastcgi_temp_path $dir/t3;
			uwsgi_temp_path $dir/t4;
			scgi_temp_path $dir/t5;
			keepalive_requests 1000000;
			handoff_name ${NAME_OF[$host]:-$host};
			${TIMES:+handoff_times $TIMES;}
			handoff_maps $(rules_dir "$host");
			handoff_certificate $BED/tls/ca.pem $BED/tls/$host.pem $BED/tls/$host.key;
			handoff_local ${HOST4[$host]} ${HOST6[$host]};
			${2//\$host/$host}
			server { listen $PORT; listen [::]:$PORT; root $dir/files; $(cat) }
		}
	END
}

host_start() {
	local host=$1

	: >"$BED/log/$host"
	echo "$host" >"$BED/www/$host/files/who"
	spawn "$host" "$BED/log/$host" "$NGINX" -p "$BED/www/$host" -c "$BED/www/$host/nginx.conf" \
		-e "$BED/log/$host"
	# shellcheck disable=SC2004 # it has names
	NODE[$host]=$BED_SPAWNED
}

# link_is HOST up|down: as home has said last
link_is() {
	[[ $(grep -o "link to $1 is [a-z]*" "$BED/log/home" | tail -n 1) == *" $2" ]]
}

# near by its name alone, far by address and name
know_names() {
	{
		cat /etc/hosts
		echo "${HOST4[near]} near"
	} >"$BED/hosts"
	mount --bind "$BED/hosts" /etc/hosts || bail "near has a name"
}

# start_all HTTP [HOME_HTTP]: home and the others, linked
start_all() {
	local host near=${NAME_OF[near]:-near}

	[[ -e $BED/hosts ]] || know_names
	host_conf home "$1 ${2:-} handoff_target $near $LINK_PORT;
		handoff_target ${HOST4[far]} $LINK_PORT far;" <<-'END'
			location / { handoff_out; }
			location /strict { handoff_out 503; }
			location /local { }
		END
	for host in near far; do
		host_conf "$host" "$1 handoff_target $near; handoff_target far; handoff_peer home;
			handoff_listen ${HOST4[$host]}:$LINK_PORT;" <<<'handoff_in;
			location / { dav_methods PUT; create_full_put_path on; }'
	done
	for host in near far home; do host_start "$host"; done
	for host in near far; do
		wait_for 10 link_is "${NAME_OF[$host]:-$host}" up || bail "home is linked to $host" "$(tail "$BED"/log/{home,near,far})"
	done
}

stop_all() {
	local host

	for host in "${!NODE[@]}"; do stop "${NODE[$host]}"; done
	NODE=()
}

# ask PATH...: by one connection; what was answered, and how many connections that took
ask() {
	local urls=("${@/#/$URL}")

	in_ns client curl -sS -m "$LIMIT" -w '%{num_connects}\n' "${urls[@]}" 2>&1 | tr '\n' ' '
}

# are_on_their_way COUNT: connections that home has blocked
are_on_their_way() {
	(($(bed_ctl --chain home:home handoff show --json | jq '[.rules[] | select(.left_ms > 0)] | length') == $1))
}

served_by() {
	wc -l <"$BED/log/access.$1"
}

# need_module: or all is skipped
need_module() {
	[[ ! -e $MODULE ]] || return 0
	echo "1..0 # SKIP needs nginx-dev, for the module: make deps"
	exit 0
}

# --- several workers, without rights ------------------------------------------------------------

# helpers_start: what freezes sockets for workers, and what asks clients whose worker is gone, on each host
helpers_start() {
	local host

	for host in "${HOSTS[@]}"; do
		spawn "$host" "$BED/log/agent.$host" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
			--chain "$host:$host" handoff agent
	done
	for host in "${HOSTS[@]}"; do
		spawn "$host" "$BED/log/repair.$host" "$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" \
			--chain "$host:$host" handoff repair user=nobody "socket=$BED/repair.$host"
	done
	for host in "${HOSTS[@]}"; do
		wait_for 10 test -S "$BED/repair.$host" || bail "repair listens" "$(cat "$BED/log/repair.$host")"
	done
}

# workers HOST: their process ids, the one that moves connections first
workers() {
	pgrep -P "$(cat "$BED/www/$1/pid")" | sort -n
}

mover() {
	workers "$1" | head -n 1
}

# many COUNT: as many connections at once, each with two requests; how many other hosts answered, and by whom
many() {
	local i all=() dir=$BED/many

	rm -rf "$dir" && mkdir "$dir"
	for ((i = 0; i < $1; i++)); do
		in_ns client curl -sS -m "$LIMIT" "$URL/who" "$URL/who" >"$dir/$i" 2>&1 &
		all+=($!)
	done
	wait "${all[@]}"
	cat "$dir"/* | grep -cxE 'near|far'
	# one line for each way that a connection's two answers may have gone
	for i in "$dir"/*; do xargs <"$i"; done | sort -u
}

# Each worker hears for itself that a host is there.
all_move() {
	[[ $(many 12 | sed 1q) == 24 ]]
}
