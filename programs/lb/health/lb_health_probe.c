/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/health/lb_health_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "loader/lib/base/cleanup.h"

#define EVENTS 256
#define URL_SIZE (LB_WORDS_MAX + LB_HEALTH_TEXT_MAX + 32)

struct probe {
	struct lb_probes *probes;
	struct lb_health_target *target; /* NULL: of no use now */
	struct probe *next;		 /* of those that are free */
	CURL *easy;
	struct curl_slist *headers;
	size_t received;
	/* As they were when it began. */
	__u32 mark;
	__u8 kind;
	__u16 status_from, status_to;
	__u32 timeout_ms;
	int own_errno; /* that this host, not the real, is the reason */
};

struct lb_probes {
	CURLM *multi;
	int epoll_fd;
	__u64 curl_due_ms; /* when curl wants to be called; LB_HEALTH_NEVER: need not */
	struct probe *all, *free;
	struct lb_probes_setup setup;
	bool is_epoll_broken;
};

static __u64 get_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000 + (__u64)now.tv_nsec / 1000000;
}

/* --- curl's callbacks --------------------------------------------------------------------- */

/*
 * Closing sends a reset: a connection that waits in TIME_WAIT would take its port from
 * the next probes of the VIP, all of which go to one address and port.
 */
static int set_up_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct probe *probe = ctx;
	struct linger linger = { .l_onoff = 1 };

	(void)purpose;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ||
	    (probe->mark &&
	     setsockopt(fd, SOL_SOCKET, SO_MARK, &probe->mark, sizeof(probe->mark)))) {
		probe->own_errno = errno;
		return CURL_SOCKOPT_ERROR;
	}
	return CURL_SOCKOPT_OK;
}

/* Headers too. Less than was offered ends the transfer. */
static size_t receive(char *data, size_t size, size_t count, void *ctx)
{
	struct probe *probe = ctx;

	(void)data;
	probe->received += size * count;
	return probe->received <= LB_HEALTH_ANSWER_MAX ? size * count : 0;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct lb_probes *probes = ctx;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	(void)socket_ctx;
	if (what == CURL_POLL_REMOVE) {
		/* closed by now, perhaps, and so not there */
		epoll_ctl(probes->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) |
		       (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	if (!epoll_ctl(probes->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		return 0;
	if (errno != EEXIST || epoll_ctl(probes->epoll_fd, EPOLL_CTL_MOD, fd, &event))
		probes->is_epoll_broken = true;
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct lb_probes *probes = ctx;

	(void)multi;
	probes->curl_due_ms = timeout_ms < 0 ? LB_HEALTH_NEVER : get_now_ms() + (__u64)timeout_ms;
	return 0;
}

/* --- all of them -------------------------------------------------------------------------- */

static int make_multi(struct lb_probes *probes)
{
	probes->multi = curl_multi_init();
	if (!probes->multi)
		return -ENOMEM;
	curl_multi_setopt(probes->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(probes->multi, CURLMOPT_SOCKETDATA, probes);
	curl_multi_setopt(probes->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(probes->multi, CURLMOPT_TIMERDATA, probes);
	curl_multi_setopt(probes->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	return 0;
}

/* Everything is there, or as much as lb_probes_free() can take. */
static int set_up(struct lb_probes *probes, struct slot_reason *why)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = probes->setup.fd };

	probes->all = calloc(probes->setup.max, sizeof(*probes->all));
	if (!probes->all || make_multi(probes))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (size_t i = probes->setup.max; i; i--) {
		probes->all[i - 1].probes = probes;
		probes->all[i - 1].next = probes->free;
		probes->free = &probes->all[i - 1];
	}
	probes->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (probes->epoll_fd < 0 ||
	    epoll_ctl(probes->epoll_fd, EPOLL_CTL_ADD, probes->setup.fd, &event))
		return slot_reason_set(why, -errno, "epoll: %s", strerror(errno));
	return 0;
}

int lb_probes_new(const struct lb_probes_setup *setup, struct slot_reason *why,
		  struct lb_probes **ret_probes)
{
	struct lb_probes *probes = calloc(1, sizeof(*probes));
	int err;

	if (!probes)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	probes->epoll_fd = -1;
	probes->curl_due_ms = LB_HEALTH_NEVER;
	probes->setup = *setup;
	err = set_up(probes, why);
	if (err) {
		lb_probes_free(probes);
		return err;
	}
	*ret_probes = probes;
	return 0;
}

int lb_probes_check_marks(__u32 mark, struct slot_reason *why)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return 0;
	return slot_reason_set(why, -errno,
			       "cannot mark probes (SO_MARK): %s; that needs CAP_NET_RAW or "
			       "CAP_NET_ADMIN",
			       strerror(errno));
}

/* Back among those that are free; its handle is kept, as the next probe will be alike. */
static void release(struct probe *probe)
{
	struct lb_probes *probes = probe->probes;

	curl_multi_remove_handle(probes->multi, probe->easy);
	curl_slist_free_all(probe->headers);
	probe->headers = NULL;
	if (probe->target)
		probe->target->probe = NULL;
	probe->target = NULL;
	probe->next = probes->free;
	probes->free = probe;
}

void lb_probes_free(struct lb_probes *probes)
{
	if (!probes)
		return;
	for (size_t i = 0; probes->all && i < probes->setup.max; i++) {
		if (probes->all[i].target)
			release(&probes->all[i]);
		if (probes->all[i].easy)
			curl_easy_cleanup(probes->all[i].easy);
	}
	curl_multi_cleanup(probes->multi);
	slot_cleanup_close(&probes->epoll_fd);
	free(probes->all);
	free(probes);
}

/* --- one of them -------------------------------------------------------------------------- */

static struct lb_host get_address(const struct lb_health_seen *seen)
{
	if (seen->is_direct)
		return seen->host;
	return seen->check->has_address ? seen->check->address : seen->vip.prefix.addr;
}

static void format_url(const struct lb_health_seen *seen, char ret_url[URL_SIZE])
{
	struct lb_host host = get_address(seen);
	char text[LB_WORDS_MAX];

	lb_address_format(&host, text);
	snprintf(ret_url, URL_SIZE, "http://%s%s%s:%u%s", host.is_ip6 ? "[" : "", text,
		 host.is_ip6 ? "]" : "", seen->check->port ? seen->check->port : seen->vip.port,
		 seen->check->kind == LB_HEALTH_HTTP ? seen->check->path : "/");
}

static int set_headers(struct probe *probe, const struct lb_health_check *check)
{
	char line[LB_HEALTH_TEXT_MAX + 8];
	struct curl_slist *list = curl_slist_append(NULL, "Connection: close"), *longer;

	if (list && *check->host) {
		snprintf(line, sizeof(line), "Host: %s", check->host);
		longer = curl_slist_append(list, line);
		if (!longer)
			curl_slist_free_all(list);
		list = longer;
	}
	probe->headers = list;
	return list ? 0 : -ENOMEM;
}

static void set_source(struct probe *probe, const struct lb_health_file *file,
		       const struct lb_health_seen *seen)
{
	bool is_ip6 = get_address(seen).is_ip6;
	const struct lb_host *source = is_ip6 ? &file->source6 : &file->source4;
	static const struct lb_host none;
	char text[LB_WORDS_MAX], name[LB_WORDS_MAX + 8];

	if (seen->is_direct)
		source = &seen->source;
	if (!memcmp(source->bytes, none.bytes, sizeof(none.bytes)))
		return;
	lb_address_format(source, text);
	snprintf(name, sizeof(name), "host!%s", text);
	curl_easy_setopt(probe->easy, CURLOPT_INTERFACE, name);
}

/* Nothing of the environment counts: no proxy, no other protocol, no name that is looked up. */
static void set_options(struct probe *probe, const struct lb_health_seen *seen)
{
	CURL *easy = probe->easy;
	char url[URL_SIZE];

	format_url(seen, url);
	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "slotctl-lb-check");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, probe->headers);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_up_socket);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, probe);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, probe->kind == LB_HEALTH_TCP ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, probe);
}

int lb_probes_start(struct lb_probes *probes, const struct lb_health_file *file,
		    struct lb_health_target *target)
{
	const struct lb_health_seen *seen = &target->seen;
	struct probe *probe = probes->free;

	if (!probe)
		return -EBUSY;
	if (!probe->easy)
		probe->easy = curl_easy_init();
	if (!probe->easy || set_headers(probe, seen->check))
		return -ENOMEM;
	probe->received = 0;
	probe->own_errno = 0;
	probe->mark = seen->mark;
	probe->kind = seen->check->kind;
	probe->status_from = seen->check->status_from;
	probe->status_to = seen->check->status_to;
	probe->timeout_ms = seen->check->timeout_ms;
	set_options(probe, seen);
	set_source(probe, file, seen);
	if (curl_multi_add_handle(probes->multi, probe->easy)) {
		curl_slist_free_all(probe->headers);
		probe->headers = NULL;
		return -ENOMEM;
	}
	probes->free = probe->next;
	probe->target = target;
	target->probe = probe;
	return 0;
}

/* --- what came of it ---------------------------------------------------------------------- */

static void finish(struct probe *probe, const struct lb_health_result *result)
{
	const struct lb_probes_setup *setup = &probe->probes->setup;
	struct lb_health_target *target = probe->target;

	release(probe);
	setup->done(setup->ctx, target, result);
}

void lb_probes_expire(struct lb_health_target *target)
{
	struct lb_health_result result = { .outcome = LB_HEALTH_FAILED };
	struct probe *probe = target->probe;
	curl_off_t connected_us = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	snprintf(result.error, sizeof(result.error), "no %s within %u ms",
		 connected_us ? "answer" : "connection", probe->timeout_ms);
	finish(probe, &result);
}

/* Of a connect() that never left this host. */
static bool is_own(int err)
{
	static const int errs[] = { EPERM,  EACCES,	   EMFILE,     ENFILE,	     ENOBUFS,
				    ENOMEM, EADDRNOTAVAIL, EADDRINUSE, EAFNOSUPPORT, EINVAL };

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		if (errs[i] == err)
			return true;
	return false;
}

/* No connection: because of the real, or of this host? */
static void judge_connect(const struct probe *probe, CURLcode code, struct lb_health_result *result)
{
	long value = 0;
	int err = probe->own_errno;

	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &value);
	if (!err)
		err = (int)value;
	if (probe->own_errno || is_own(err) || code == CURLE_INTERFACE_FAILED ||
	    code == CURLE_OUT_OF_MEMORY)
		result->outcome = LB_HEALTH_UNASKED;
	snprintf(result->error, sizeof(result->error), "connect: %s",
		 err ? strerror(err) : curl_easy_strerror(code));
}

/* After the connection: what curl's own words hide. */
static const char *name_error(CURLcode code)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
		return "the answer is not HTTP";
	case CURLE_OUT_OF_MEMORY:
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
#endif
		return "a header without an end";
	default:
		return curl_easy_strerror(code);
	}
}

static struct lb_health_result judge(const struct probe *probe, CURLcode code)
{
	struct lb_health_result result = { .outcome = LB_HEALTH_FAILED };
	curl_off_t connected_us = 0;
	long status = 0;

	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(probe->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	/* A long answer is not read to its end: what it began with counts. */
	if (code == CURLE_WRITE_ERROR && status && probe->received > LB_HEALTH_ANSWER_MAX)
		code = CURLE_OK;
	if (code && !connected_us)
		judge_connect(probe, code, &result);
	else if (code)
		snprintf(result.error, sizeof(result.error), "%s", name_error(code));
	else if (probe->kind == LB_HEALTH_HTTP &&
		 (status < probe->status_from || status > probe->status_to))
		snprintf(result.error, sizeof(result.error), "status %ld, expected %u to %u",
			 status, probe->status_from, probe->status_to);
	else
		result.outcome = LB_HEALTH_ANSWERED;
	return result;
}

static void take_results(struct lb_probes *probes)
{
	struct lb_health_result result;
	struct probe *probe;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(probes->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&probe);
		result = judge(probe, message->data.result);
		finish(probe, &result);
	}
}

static void act(struct lb_probes *probes, const struct epoll_event *event)
{
	int what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;

	curl_multi_socket_action(probes->multi, event->data.fd, what, &running);
}

static int get_timeout(const struct lb_probes *probes, int timeout_ms)
{
	__u64 now = get_now_ms();

	if (probes->curl_due_ms == LB_HEALTH_NEVER)
		return timeout_ms;
	if (probes->curl_due_ms <= now)
		return 0;
	return probes->curl_due_ms - now < (__u64)timeout_ms ? (int)(probes->curl_due_ms - now) :
							       timeout_ms;
}

int lb_probes_wait(struct lb_probes *probes, int timeout_ms, struct slot_reason *why,
		   bool *ret_is_ready)
{
	struct epoll_event events[EVENTS];
	int count, running;

	*ret_is_ready = false;
	count = epoll_wait(probes->epoll_fd, events, EVENTS, get_timeout(probes, timeout_ms));
	if (count < 0 && errno != EINTR)
		return slot_reason_set(why, -errno, "epoll: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == probes->setup.fd)
			*ret_is_ready = true;
		else
			act(probes, &events[i]);
	}
	if (probes->curl_due_ms <= get_now_ms()) {
		probes->curl_due_ms = LB_HEALTH_NEVER;
		curl_multi_socket_action(probes->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	take_results(probes);
	if (probes->is_epoll_broken)
		return slot_reason_set(why, -ENOMEM, "epoll: a socket cannot be watched");
	return 0;
}
