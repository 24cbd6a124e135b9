/* The words of HTTP. */
#include "http/words.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"

const char *const http_method_names[HTTP_METHODS] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"};

const struct http_limits http_limits_default = {
    .line = 8 << 10,
    .head = 32 << 10,
    .fields = HTTP_FIELDS,
    .chunk_line = 256,
    .chunk_extra = 4 << 10,
    .trailers = 8 << 10,
    .body = 32 << 20,
};

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {529, "Overloaded"},
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status) return statuses[i].text;
    return "Status";
}

bool http_refuse(struct http_refusal *r, int status, const char *fmt, ...)
{
    va_list ap;
    r->status = status;
    va_start(ap, fmt);
    vsnprintf(r->reason, sizeof r->reason, fmt, ap);
    va_end(ap);
    return false;
}

static bool is_alnum(unsigned char c) { return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'); }

bool http_is_token_byte(unsigned char c) { return c != '\0' && (is_alnum(c) || strchr("!#$%&'*+-.^_`|~", c)); }

bool http_is_token(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!http_is_token_byte((unsigned char)s[i])) return false;
    return n > 0;
}

bool http_is_value_byte(unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); }

static int lower(unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

bool http_same_n(const char *a, size_t n, const char *b)
{
    if (strlen(b) != n) return false;
    for (size_t i = 0; i < n; i++)
        if (lower((unsigned char)a[i]) != lower((unsigned char)b[i])) return false;
    return true;
}

bool http_same(const char *a, const char *b) { return http_same_n(a, strlen(a), b); }

bool http_list_next(const char **s, const char **word, size_t *n)
{
    *s += strspn(*s, " \t,");
    *word = *s;
    *n = strcspn(*s, ",");
    *s += *n;
    while (*n > 0 && ((*word)[*n - 1] == ' ' || (*word)[*n - 1] == '\t')) --*n;
    return *n > 0;
}
