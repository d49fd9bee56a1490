/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/http.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/base/cleanup.h"
#include "loader/slotd/listen.h"

#define CLIENTS_MAX 64
#define CLIENTS_MAX_USERS 48 /* of all users but root */
#define CLIENTS_MAX_USER 16  /* of one of them */
#define CLIENT_TIMEOUT_S 10
/* So much of an unwanted body is read, since a client that only sends would miss the answer. */
#define UNWANTED_MAX (1U << 20)

struct client {
	bool is_there;
	struct peer peer;
};

struct http_server {
	struct MHD_Daemon *mhd;
	const struct http_handler *handler;
	void *data;
	struct client clients[CLIENTS_MAX];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* One request, its body as it comes in, and what it is refused with once that is over. */
struct exchange {
	bool is_malformed;
	bool is_judged;
	bool is_too_large;
	bool is_out_of_memory;
	char *body;
	size_t body_size;
	size_t body_capacity;
	size_t body_max;
	size_t unwanted;
	struct form *form; /* in place of body */
	unsigned int status;
	json_t *refusal;
};

static void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	json_decref(exchange->refusal);
	form_free(exchange->form);
	free(exchange->body);
	free(exchange);
}

static bool grow_body(struct exchange *exchange, size_t need)
{
	size_t capacity = need < 65536 ? 65536 : need * 2;
	char *bigger;

	if (need <= exchange->body_capacity)
		return true;
	if (capacity > exchange->body_max)
		capacity = exchange->body_max;
	bigger = realloc(exchange->body, capacity);
	if (!bigger)
		return false;
	exchange->body = bigger;
	exchange->body_capacity = capacity;
	return true;
}

static void drop_body(struct exchange *exchange)
{
	free(exchange->body);
	exchange->body = NULL;
	exchange->body_size = exchange->body_capacity = exchange->body_max = 0;
}

/* Keep what is wanted of the body. False: there is too much of what is not. */
static bool take_body(struct exchange *exchange, const char *bytes, size_t size)
{
	if (exchange->form) {
		form_take(exchange->form, bytes, size);
		exchange->unwanted += exchange->form->err ? size : 0;
		return exchange->unwanted <= UNWANTED_MAX;
	}
	if (exchange->body_max && size > exchange->body_max - exchange->body_size) {
		exchange->is_too_large = true;
		drop_body(exchange);
	}
	if (exchange->body_max && !grow_body(exchange, exchange->body_size + size)) {
		exchange->is_out_of_memory = true;
		drop_body(exchange);
	}
	if (!exchange->body_max) {
		exchange->unwanted += size;
		return exchange->unwanted <= UNWANTED_MAX;
	}
	memcpy(exchange->body + exchange->body_size, bytes, size);
	exchange->body_size += size;
	return true;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, unsigned int status,
				   json_t *answer)
{
	static char wordless[] = "{\"error\":\"cannot put the answer into JSON\",\"details\":[]}";
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	struct MHD_Response *response;
	enum MHD_Result queued;

	json_decref(answer);
	if (text)
		response =
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	else
		response = MHD_create_response_from_buffer(strlen(wordless), wordless,
							   MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	queued = MHD_queue_response(connection, text ? status : MHD_HTTP_INTERNAL_SERVER_ERROR,
				    response);
	MHD_destroy_response(response);
	return queued;
}

static json_t *make_too_large(size_t max)
{
	char text[96];

	snprintf(text, sizeof(text), "the body is larger than %zu MiB; nothing was changed",
		 max >> 20);
	return http_error_new(text, NULL);
}

static const char *find_header(struct MHD_Connection *connection, const char *key)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, key);
}

static const char *find_argument(struct MHD_Connection *connection, const char *key)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
}

static size_t parse_count(const char *text)
{
	return text && isdigit((unsigned char)*text) ? strtoul(text, NULL, 10) : 0;
}

/* Whether it is printable ASCII, also when its escapes (%41) are decoded. */
static bool is_printable(const char *text)
{
	for (; *text; text++) {
		unsigned long c = (unsigned char)*text;

		if (c == '%' && isxdigit((unsigned char)text[1]) &&
		    isxdigit((unsigned char)text[2])) {
			c = strtoul((char[]){ text[1], text[2], '\0' }, NULL, 16);
			text += 2;
		}
		if (c < 0x20 || c > 0x7e)
			return false;
	}
	return true;
}

/* What the headers say that the body has; 0 also where they do not. */
static unsigned long long parse_length(struct MHD_Connection *connection)
{
	const char *length = find_header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length ? strtoull(length, NULL, 10) : 0;
}

/* Whether the answer has to wait for the body: who sends it without asking reads only then. */
static bool is_body_coming(struct MHD_Connection *connection)
{
	unsigned long long length = parse_length(connection);

	return length && length <= UNWANTED_MAX && !find_header(connection, MHD_HTTP_HEADER_EXPECT);
}

/* Get ready for the body that is wanted. Returns 200, or why not. */
static unsigned int open_body(struct MHD_Connection *connection, const struct http_body *body,
			      struct exchange *exchange, json_t **ret_answer)
{
	size_t max = body->max ? body->max : UNWANTED_MAX;
	int err;

	if (parse_length(connection) > max) {
		*ret_answer = make_too_large(max);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	exchange->body_max = body->max;
	err = body->is_form ? form_open(connection, body->max, &exchange->form) : 0;
	if (!err)
		return MHD_HTTP_OK;
	exchange->body_max = 0;
	*ret_answer = http_error_new(err == -EINVAL ? "a multipart/form-data body is expected" :
						      "out of memory; nothing was changed",
				     NULL);
	return err == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* The headers are there, the body is not: refuse now what would be refused in the end. */
static enum MHD_Result judge_request(const struct http_server *server,
				     struct MHD_Connection *connection,
				     const struct http_request *request, struct exchange *exchange)
{
	struct http_body body = { 0 };
	json_t *answer = NULL;
	unsigned int status;

	exchange->is_judged = true;
	if (exchange->is_malformed) {
		status = MHD_HTTP_BAD_REQUEST;
		answer = http_error_new("method, path and name are printable ASCII; this is not",
					NULL);
	} else {
		status = server->handler->admit(server->data, request, &body, &answer);
	}
	if (status == MHD_HTTP_OK) {
		status = open_body(connection, &body, exchange, &answer);
		if (status != MHD_HTTP_OK)
			server->handler->refuse(server->data, request, answer);
	}
	if (status != MHD_HTTP_OK && !is_body_coming(connection))
		return send_answer(connection, status, answer);
	exchange->status = status;
	exchange->refusal = answer;
	return MHD_YES;
}

/* A form as it came in. Returns 200, or why not. */
static unsigned int judge_form(struct form *form, json_t **ret_answer)
{
	switch (form_close(form)) {
	case 0:
		return MHD_HTTP_OK;
	case -EFBIG:
		*ret_answer = make_too_large(form->max);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	case -EBADMSG:
		*ret_answer = http_error_new(
			"the body is no whole multipart/form-data; nothing was changed", NULL);
		return MHD_HTTP_BAD_REQUEST;
	default:
		*ret_answer = http_error_new("out of memory; nothing was changed", NULL);
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

/* A body as it came in. Returns 200, or why not. */
static unsigned int judge_body(const struct exchange *exchange, json_t **ret_answer)
{
	if (exchange->is_too_large) {
		*ret_answer = make_too_large(SLOT_BLOB_SIZE_MAX);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	if (exchange->is_out_of_memory) {
		*ret_answer = http_error_new("out of memory; nothing was changed", NULL);
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	return exchange->form ? judge_form(exchange->form, ret_answer) : MHD_HTTP_OK;
}

/* More came in than is read of what is refused: nobody will hear why, but it is on record. */
static void refuse_unheard(const struct http_server *server, const struct http_request *request,
			   const struct exchange *exchange)
{
	json_t *answer = NULL;

	if (exchange->status != MHD_HTTP_OK)
		return;
	if (judge_body(exchange, &answer) == MHD_HTTP_OK)
		answer = make_too_large(UNWANTED_MAX);
	server->handler->refuse(server->data, request, answer);
	json_decref(answer);
}

static enum MHD_Result answer_request(const struct http_server *server,
				      struct MHD_Connection *connection,
				      struct http_request *request, struct exchange *exchange)
{
	json_t *answer = NULL;
	unsigned int status;

	if (exchange->status != MHD_HTTP_OK)
		return send_answer(connection, exchange->status, TAKE_PTR(exchange->refusal));
	status = judge_body(exchange, &answer);
	if (status != MHD_HTTP_OK) {
		server->handler->refuse(server->data, request, answer);
		return send_answer(connection, status, answer);
	}
	request->form = exchange->form;
	request->body = exchange->body;
	request->body_size = exchange->body_size;
	status = server->handler->handle(server->data, request, &answer);
	return send_answer(connection, status, answer);
}

/* Called with the headers, with each part of the body, and in the end. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *bytes,
				  size_t *size, void **state)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const struct client *client = info ? info->socket_context : NULL;
	struct exchange *exchange = *state;
	struct http_request request = { .method = method, .path = url };

	(void)version;
	if (!exchange || !client)
		return MHD_NO;
	request.peer = client->peer;
	request.name = find_argument(connection, "name");
	request.chain = find_argument(connection, "chain");
	request.lines = parse_count(find_argument(connection, "lines"));
	request.slots = find_argument(connection, "slots");
	request.generation = find_argument(connection, "generation");
	request.reset_maps = find_argument(connection, "reset_maps");
	if (exchange->is_judged && *size) {
		if (!take_body(exchange, bytes, *size)) {
			refuse_unheard(data, &request, exchange);
			return MHD_NO;
		}
		*size = 0;
		return MHD_YES;
	}
	if (exchange->is_judged)
		return answer_request(data, connection, &request, exchange);
	if (!is_printable(method))
		exchange->is_malformed = true;
	return judge_request(data, connection, &request, exchange);
}

/* A request begins: the only sight of its path and query before escapes are decoded. */
static void *on_uri(void *data, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	(void)data;
	(void)connection;
	if (exchange)
		exchange->is_malformed = !is_printable(uri);
	return exchange;
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)data;
	(void)connection;
	(void)code;
	exchange_free(*state);
	*state = NULL;
}

/* A place for who connected with @fd, or NULL: there is none left for this user. */
static struct client *add_client(struct http_server *server, int fd)
{
	unsigned int of_users = 0, of_same = 0;
	struct client *place = NULL;
	struct peer peer;
	size_t i;

	if (access_identify(fd, &peer))
		return NULL;
	for (i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &server->clients[i];

		if (!client->is_there) {
			place = client;
			continue;
		}
		of_users += !access_is_admin(&client->peer);
		of_same += client->peer.uid == peer.uid;
	}
	if (!access_is_admin(&peer) &&
	    (of_users >= CLIENTS_MAX_USERS || of_same >= CLIENTS_MAX_USER))
		return NULL;
	if (place)
		*place = (struct client){ .is_there = true, .peer = peer };
	return place;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct client *client = *context;
	int fd;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (client)
			client->is_there = false;
		*context = NULL;
		return;
	}
	fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	*context = add_client(data, fd);
	/* It cannot be closed here; shut down, it is when it is served next, at once. */
	if (!*context)
		shutdown(fd, SHUT_RDWR);
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, server,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_TIMEOUT,
				(unsigned int)CLIENT_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT,
				(unsigned int)CLIENTS_MAX, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
				NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
				MHD_OPTION_END);
}

int http_start(const char *path, const struct http_handler *handler, void *data,
	       struct http_server **ret_server)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int fd = listen_on(path, CLIENTS_MAX);

	if (!server || fd < 0) {
		if (fd >= 0)
			close(fd);
		free(server);
		return fd < 0 ? fd : -ENOMEM;
	}
	server->handler = handler;
	server->data = data;
	snprintf(server->path, sizeof(server->path), "%s", path);
	server->mhd = start_daemon(server, fd);
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
