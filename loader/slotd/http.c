/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/http.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/base/cleanup.h"

#define CLIENTS_MAX 64
#define CLIENT_TIMEOUT_S 10

struct http_server {
	struct MHD_Daemon *mhd;
	http_handler handler;
	void *data;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* The body of a request as it comes in. */
struct upload {
	char *bytes;
	size_t size;
	size_t capacity;
	bool is_too_large;
	bool is_out_of_memory;
};

static void upload_free(struct upload *upload)
{
	if (!upload)
		return;
	free(upload->bytes);
	free(upload);
}

static void upload_add(struct upload *upload, const char *bytes, size_t size)
{
	size_t need = upload->size + size;
	char *bigger;

	if (need > SLOT_BLOB_SIZE_MAX) {
		upload->is_too_large = true;
		return;
	}
	if (need > upload->capacity) {
		size_t capacity = need < 65536 ? 65536 : need * 2;

		bigger = realloc(upload->bytes, capacity);
		if (!bigger) {
			upload->is_out_of_memory = true;
			return;
		}
		upload->bytes = bigger;
		upload->capacity = capacity;
	}
	memcpy(upload->bytes + upload->size, bytes, size);
	upload->size = need;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned int status,
				   json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	struct MHD_Response *response;
	enum MHD_Result queued;

	json_decref(answer);
	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned int status,
				  const char *text)
{
	return send_answer(connection, status, json_pack("{s:s}", "error", text));
}

static enum MHD_Result answer_request(struct http_server *server, struct MHD_Connection *connection,
				      const char *path, const char *method,
				      const struct upload *upload)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_request request = {
		.method = method,
		.path = path,
		.name = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "name"),
		.body = upload->bytes,
		.body_size = upload->size,
	};
	json_t *answer = NULL;
	unsigned int status;

	if (!info || access_identify(info->connect_fd, &request.peer))
		return send_error(connection, MHD_HTTP_FORBIDDEN, "cannot tell who is asking");
	if (upload->is_too_large)
		return send_error(connection, MHD_HTTP_CONTENT_TOO_LARGE,
				  "the body is larger than 16 MiB; nothing was changed");
	if (upload->is_out_of_memory)
		return send_error(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				  "out of memory; nothing was changed");
	status = server->handler(server->data, &request, &answer);
	return send_answer(connection, status, answer);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *bytes,
				  size_t *size, void **state)
{
	struct upload *upload = *state;

	(void)version;
	if (!upload) {
		*state = calloc(1, sizeof(*upload));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		upload_add(upload, bytes, *size);
		*size = 0;
		return MHD_YES;
	}
	return answer_request(data, connection, url, method, upload);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)data;
	(void)connection;
	(void)code;
	upload_free(*state);
	*state = NULL;
}

static int remove_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -EADDRINUSE;
	return unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	err = remove_stale(&address);
	if (err)
		return err;
	/* Anyone may connect and read; who may change what is decided by SO_PEERCRED. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0666) ||
	    listen(fd, CLIENTS_MAX))
		return -errno;
	return TAKE_FD(fd);
}

int http_start(const char *path, http_handler handler, void *data, struct http_server **ret_server)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int fd = listen_on(path);

	if (!server || fd < 0) {
		if (fd >= 0)
			close(fd);
		free(server);
		return fd < 0 ? fd : -ENOMEM;
	}
	server->handler = handler;
	server->data = data;
	snprintf(server->path, sizeof(server->path), "%s", path);
	server->mhd = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, server,
				       MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT,
				       (unsigned int)CLIENT_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT,
				       (unsigned int)CLIENTS_MAX, MHD_OPTION_NOTIFY_COMPLETED,
				       on_completed, NULL, MHD_OPTION_END);
	if (!server->mhd) {
		close(fd);
		free(server);
		return -EIO;
	}
	*ret_server = server;
	return 0;
}

void http_stop(struct http_server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->mhd);
	unlink(server->path);
	free(server);
}

int http_fd(const struct http_server *server)
{
	return MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static unsigned int count_clients(const struct http_server *server)
{
	return MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
		->num_connections;
}

void http_run(struct http_server *server)
{
	unsigned int before;

	/* When it is full, the run after the one that made room is the first that listens again. */
	do {
		before = count_clients(server);
		MHD_run(server->mhd);
	} while (count_clients(server) < before);
}

int http_timeout_ms(const struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(server->mhd, &timeout) != MHD_YES)
		return -1;
	return timeout > 60000 ? 60000 : (int)timeout;
}
