# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The servers of bench-handoff, by how the frontend brings answers to clients: web servers on the
# hosts behind it, and the frontend itself. Sourced after handoff_hosts.sh.

MODULE=$BED_ROOT/build/nginx/ngx_handoff_module.so
HAPROXY=$BED_ROOT/build/cache/haproxy
BACK_PORT=8081
SERVERS=()

# nginx_conf HOST HTTP <SERVER
nginx_conf() {
	local dir=$BED/www/$1

	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		load_module $MODULE;
		user root;
		worker_processes 1;
		daemon off;
		pid $dir/pid;
		error_log $BED/log/$1 info;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path $dir/t1;
			proxy_temp_path $dir/t2;
			fastcgi_temp_path $dir/t3;
			uwsgi_temp_path $dir/t4;
			scgi_temp_path $dir/t5;
			keepalive_requests 100000000;
			sendfile on;
			tcp_nopush on;
			$2
			server { root $BED/www/objects; $(cat) }
		}
	END
}

nginx_start() {
	: >"$BED/log/$1"
	spawn "$1" "$BED/log/$1" "$NGINX" -p "$BED/www/$1" -c "$BED/www/$1/nginx.conf" -e "$BED/log/$1"
	SERVERS+=("$BED_SPAWNED")
}

servers_stop() {
	local pid

	for pid in "${SERVERS[@]}"; do stop "$pid"; done
	SERVERS=()
}

backs_start() {
	local host

	for host in "${BACKS[@]}"; do
		nginx_conf "$host" '' <<<"listen $BACK_PORT;"
		nginx_start "$host"
	done
}

# --- who relays ----------------------------------------------------------------------------

start_nginx() {
	local host upstream=

	backs_start
	for host in "${BACKS[@]}"; do upstream+="server ${HOST4[$host]}:$BACK_PORT; "; done
	nginx_conf relay "upstream backs { $upstream keepalive 64; }" <<-END
		listen $PORT;
		location / {
			proxy_pass http://backs;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffer_size 16k;
			proxy_buffers 16 64k;
			proxy_busy_buffers_size 512k;
			proxy_max_temp_file_size 0;
		}
	END
	nginx_start relay
}

# haproxy_start OPTION...: lines of its defaults
haproxy_start() {
	local host

	backs_start
	{
		printf '%s\n' global 'nbthread 1' 'maxconn 1024' defaults 'mode http' \
			'timeout connect 5s' 'timeout client 30s' 'timeout server 30s' \
			'http-reuse always' "$@" 'frontend clients' "bind ${HOST4[relay]}:$PORT" \
			'default_backend backs' 'backend backs'
		for host in "${BACKS[@]}"; do
			echo "server $host ${HOST4[$host]}:$BACK_PORT"
		done
	} >"$BED/haproxy.conf"
	spawn relay "$BED/log/relay" env \
		"LD_LIBRARY_PATH=$HAPROXY/usr/lib/$(gcc -print-multiarch)" \
		"$HAPROXY/usr/sbin/haproxy" -db -f "$BED/haproxy.conf"
	SERVERS+=("$BED_SPAWNED")
}

start_haproxy() {
	haproxy_start
}

start_haproxy_splice() {
	haproxy_start 'option splice-response'
}

# --- who gives connections away ------------------------------------------------------------

is_linked_to() {
	grep -q "link to $1 is up" "$BED/log/home"
}

# handoff_words HOST FREQ: what the configuration of each has
handoff_words() {
	cat <<-END
		handoff_freq $2;
		handoff_name $1;
		handoff_maps $(rules_dir "$1");
		handoff_certificate $BED/tls/ca.pem $BED/tls/$1.pem $BED/tls/$1.key;
		handoff_local ${HOST4[$1]} ${HOST6[$1]};
	END
}

# handoff_servers FREQ: of requests, after which a connection goes home, and on
handoff_servers() {
	local host targets=

	for host in "${BACKS[@]}"; do
		targets+="handoff_target ${HOST4[$host]} $LINK_PORT $host; "
		nginx_conf "$host" "$(handoff_words "$host" "$1") handoff_peer home;
			handoff_listen ${HOST4[$host]}:$LINK_PORT;" <<<"listen $PORT; handoff_in;"
		nginx_start "$host"
	done
	nginx_conf home "$(handoff_words home "$1") $targets" \
		<<<"listen $PORT; location / { handoff_out 503; }"
	nginx_start home
	for host in "${BACKS[@]}"; do
		wait_for 10 is_linked_to "$host" || die "home is not linked to $host: $(tail "$BED/log/home")"
	done
}

start_handoff() {
	handoff_servers 0
}

start_handoff_1() {
	handoff_servers 1
}
