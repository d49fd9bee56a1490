/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/un.h>

#include <curl/curl.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/client.h"
#include "loader/slotctl/progress.h"

#define SOCKET_PATH_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)
#define CONNECT_TIMEOUT_MS 5000L
#define READ_TIMEOUT_MS 30000L
/* A change may load and verify twenty programs, on an emulated machine too. */
#define CHANGE_TIMEOUT_MS 300000L

struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	curl_mime *form;
	struct slot_progress progress;
	char *url;
	char message[CURL_ERROR_SIZE];
	char *data; /* the answer, not terminated */
	size_t size;
	size_t capacity;
	bool is_too_large;
};

static void free_transfer(struct transfer *transfer)
{
	slot_progress_close(&transfer->progress);
	curl_mime_free(transfer->form);
	curl_easy_cleanup(transfer->curl);
	curl_slist_free_all(transfer->headers);
	free(transfer->url);
	free(transfer->data);
}

static size_t receive_data(char *bytes, size_t one, size_t size, void *data)
{
	struct transfer *transfer = data;
	size_t needed = transfer->size + one * size;

	if (needed > SLOT_ANSWER_SIZE_MAX) {
		transfer->is_too_large = true;
		return 0;
	}
	if (needed > transfer->capacity) {
		size_t capacity = needed * 2;
		char *grown = realloc(transfer->data, capacity);

		if (!grown)
			return 0;
		transfer->data = grown;
		transfer->capacity = capacity;
	}
	memcpy(transfer->data + transfer->size, bytes, one * size);
	transfer->size = needed;
	return one * size;
}

/* Aborts the transfer when Ctrl-C waits for a caller that holds it blocked (stats --watch). */
static int check_interrupt(void *data, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
			   curl_off_t up)
{
	sigset_t pending;

	(void)data, (void)down_total, (void)down, (void)up_total, (void)up;
	return !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

static int set_form(struct transfer *transfer, const struct slot_request *request)
{
	size_t i;

	transfer->form = curl_mime_init(transfer->curl);
	if (!transfer->form)
		return -ENOMEM;
	for (i = 0; i < request->part_count; i++) {
		const struct slot_request_part *part = &request->parts[i];
		curl_mimepart *added = curl_mime_addpart(transfer->form);

		if (!added || curl_mime_name(added, part->name) ||
		    curl_mime_data(added, part->size ? part->bytes : "", part->size))
			return -ENOMEM;
	}
	curl_easy_setopt(transfer->curl, CURLOPT_MIMEPOST, transfer->form);
	return 0;
}

static int set_body(struct transfer *transfer, const struct slot_request *request)
{
	CURL *curl = transfer->curl;

	if (!strcmp(request->method, "GET"))
		return 0;
	if (request->parts)
		return set_form(transfer, request);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
	return 0;
}

static long get_timeout(const struct slot_request *request)
{
	if (request->timeout_ms)
		return (long)request->timeout_ms;
	return strcmp(request->method, "GET") ? CHANGE_TIMEOUT_MS : READ_TIMEOUT_MS;
}

static int open_transfer(struct transfer *transfer, const char *socket,
			 const struct slot_request *request)
{
	CURL *curl = transfer->curl = curl_easy_init();

	/* "Expect: 100-continue" would hold a large object back for a second. */
	transfer->headers = curl_slist_append(NULL, "Expect:");
	if (asprintf(&transfer->url, "http://slotd%s", request->path) < 0)
		transfer->url = NULL;
	if (!curl || !transfer->headers || !transfer->url)
		return -ENOMEM;
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->message);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, get_timeout(request));
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, check_interrupt);
	return set_body(transfer, request);
}

static int describe_connect(struct transfer *transfer, const char *socket, struct slot_reason *why)
{
	long number = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &number);
	if (number == EACCES || number == EPERM)
		return slot_reason_set(why, -ENOTCONN, "cannot reach slotd at '%s': %s", socket,
				       strerror((int)number));
	return slot_reason_set(why, -ENOTCONN, "cannot reach slotd at '%s': %s; is it running?",
			       socket, number ? strerror((int)number) : transfer->message);
}

static int describe_failure(struct transfer *transfer, CURLcode code, const char *socket,
			    struct slot_reason *why)
{
	const char *message = *transfer->message ? transfer->message : curl_easy_strerror(code);

	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return describe_connect(transfer, socket, why);
	case CURLE_OPERATION_TIMEDOUT:
		return slot_reason_set(
			why, -ETIMEDOUT,
			"slotd at '%s' does not answer (%s); it may still be at work on it", socket,
			message);
	case CURLE_ABORTED_BY_CALLBACK:
		return slot_reason_set(why, -EINTR, "interrupted");
	case CURLE_WRITE_ERROR:
		if (transfer->is_too_large)
			return slot_reason_set(
				why, -EFBIG,
				"slotd at '%s' answered with more than %u MiB; refused", socket,
				SLOT_ANSWER_SIZE_MAX >> 20);
		return slot_reason_set(why, -ENOMEM, "out of memory");
	default:
		return slot_reason_set(why, -ECONNRESET, "talking to slotd at '%s' failed: %s",
				       socket, message);
	}
}

static int parse_status(long status)
{
	switch (status) {
	case 400:
	case 422:
		return -EINVAL;
	case 403:
		return -EPERM;
	case 404:
		return -ENOENT;
	case 409:
		return -EBUSY;
	case 413:
		return -EFBIG;
	default:
		return -EIO;
	}
}

static int parse_error(long status, const json_t *answer, struct slot_failure *failure)
{
	const char *text = json_string_value(json_object_get(answer, "error"));
	const json_t *detail;
	size_t i;

	json_array_foreach(json_object_get(answer, "details"), i, detail) {
		if (json_is_string(detail))
			slot_reasons_add(&failure->details, "%s", json_string_value(detail));
	}
	if (!text)
		return slot_reason_set(&failure->why, parse_status(status),
				       "slotd refused with HTTP status %ld and no reason", status);
	return slot_reason_set(&failure->why, parse_status(status), "%s", text);
}

static int parse_answer(struct transfer *transfer, const char *socket, struct slot_failure *failure,
			json_t **ret_answer)
{
	json_auto_t *answer = NULL;
	json_error_t error;
	long status = 0;

	curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	answer = json_loadb(transfer->data ? transfer->data : "", transfer->size, 0, &error);
	if (!json_is_object(answer))
		return slot_reason_set(
			&failure->why, -EPROTO,
			"'%s' answered with HTTP status %ld and no JSON object; is it slotd's socket?",
			socket, status);
	if (status != 200)
		return parse_error(status, answer, failure);
	*ret_answer = TAKE_PTR(answer);
	return 0;
}

int slot_client_send(const char *socket, const struct slot_request *request,
		     struct slot_failure *failure, json_t **ret_answer)
{
	_cleanup_(free_transfer) struct transfer transfer = { 0 };
	CURLcode code;
	int err;

	if (!*socket || strlen(socket) >= SOCKET_PATH_SIZE)
		return slot_reason_set(&failure->why, -ENOTCONN,
				       "socket '%s': a path of 1 to %zu characters", socket,
				       SOCKET_PATH_SIZE - 1);
	err = open_transfer(&transfer, socket, request);
	if (err)
		return slot_reason_set(&failure->why, err, "out of memory");
	slot_progress_open(&transfer.progress,
			   request->doing ? request->doing : "waiting for slotd");
	code = curl_easy_perform(transfer.curl);
	slot_progress_close(&transfer.progress);
	if (code != CURLE_OK)
		return describe_failure(&transfer, code, socket, &failure->why);
	return parse_answer(&transfer, socket, failure, ret_answer);
}

char *slot_client_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}
