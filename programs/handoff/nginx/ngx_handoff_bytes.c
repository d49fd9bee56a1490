/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request as the bytes that nginx has read of it. */
#include "programs/handoff/nginx/ngx_handoff.h"

static u_char *put(u_char *at, const ngx_str_t *text, const char *after)
{
	at = ngx_cpymem(at, text->data, text->len);
	return ngx_cpymem(at, after, strlen(after));
}

static size_t measure(ngx_http_request_t *r)
{
	size_t rest = (size_t)(r->header_in->last - r->header_in->pos);
	size_t size = r->request_line.len + 4 + rest;
	ngx_list_part_t *part = &r->headers_in.headers.part;

	for (; part; part = part->next)
		for (ngx_uint_t i = 0; i < part->nelts; i++) {
			const ngx_table_elt_t *header = &((ngx_table_elt_t *)part->elts)[i];

			size += header->key.len + header->value.len + 4;
		}
	return size;
}

/* nginx writes zeros into the buffer where names and values end: it is put together again. */
ngx_int_t ngx_handoff_write_down(ngx_http_request_t *r, ngx_str_t *ret_bytes)
{
	ngx_buf_t *in = r->header_in;
	ngx_list_part_t *part = &r->headers_in.headers.part;
	u_char *bytes = ngx_pnalloc(r->pool, measure(r)), *at;

	if (!bytes)
		return NGX_ERROR;
	at = put(bytes, &r->request_line, "\r\n");
	for (; part; part = part->next)
		for (ngx_uint_t i = 0; i < part->nelts; i++) {
			const ngx_table_elt_t *header = &((ngx_table_elt_t *)part->elts)[i];

			at = put(at, &header->key, ": ");
			at = put(at, &header->value, "\r\n");
		}
	at = ngx_cpymem(at, "\r\n", 2);
	at = ngx_cpymem(at, in->pos, in->last - in->pos);
	ret_bytes->data = bytes;
	ret_bytes->len = (size_t)(at - bytes);
	return NGX_OK;
}
