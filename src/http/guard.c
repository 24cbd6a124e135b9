/* Who may ask. */
#include "http/guard.h"
#include <stdio.h>
#include <string.h>

static bool is_listed(const char *const *list, const char *s)
{
    for (; list && *list; list++)
        if (http_same(*list, s)) return true;
    return false;
}

/* A page whose name was made to point here still sends its own name. */
static bool host_ok(const struct http_guard *g, const char *host, const struct net_end *to)
{
    struct net_ip ip;
    char name[256];
    size_t n = strlen(host);
    if (g->any_host || to->local || is_listed(g->hosts, host)) return true;
    if (net_ip_parse(&ip, host)) {
        for (const char *const *one = g->hosts; one && *one; one++) {
            struct net_ip other;
            if (net_ip_parse(&other, *one) && net_ip_equal(&ip, &other)) return true;
        }
        return net_ip_is_loopback(&ip) || net_ip_equal(&ip, &to->ip);
    }
    if (n >= sizeof name) return false;
    memcpy(name, host, n + 1);
    if (n > 1 && name[n - 1] == '.') name[--n] = '\0';
    if (is_listed(g->hosts, name)) return true;
    return strcmp(name, "localhost") == 0 || (n > 10 && strcmp(name + n - 10, ".localhost") == 0);
}

/* Whether origin is this server as the request names it. */
static bool is_same_origin(const char *origin, const struct http_head *h, bool tls)
{
    const char *scheme = tls ? "https://" : "http://", *host;
    char text[300];
    int port, usual = tls ? 443 : 80;
    size_t n = strlen(scheme);
    if (strncmp(origin, scheme, n) != 0 || strlen(origin + n) >= sizeof text) return false;
    memcpy(text, origin + n, strlen(origin + n) + 1);
    if (!http_split_host(text, &host, &port)) return false;
    return http_same(host, h->host) && (port > 0 ? port : usual) == (h->port > 0 ? h->port : usual);
}

/* A link that was followed: nothing can be read by the page it was on, and nothing is changed by GET. */
static bool is_visit(const struct http_head *h, const struct http_route *route)
{
    const char *mode = http_head_get(h, "sec-fetch-mode"), *dest = http_head_get(h, "sec-fetch-dest");
    return route->page && h->method == HTTP_GET && mode && strcmp(mode, "navigate") == 0 && dest &&
           strcmp(dest, "document") == 0;
}

bool http_guard_site(const struct http_guard *g, const struct http_head *h, const struct http_where *w,
                     const struct http_route *route, const char **cors, struct http_refusal *r)
{
    const char *origin = http_head_get(h, "origin"), *site = http_head_get(h, "sec-fetch-site");
    *cors = NULL;
    if (!host_ok(g, h->host, &w->to))
        return http_refuse(r, 421, "Host is no name of this server; names beyond localhost must be allowed by --allow-host");
    if (origin && !is_same_origin(origin, h, w->tls)) {
        if (!is_listed(g->origins, origin) && !is_listed(g->origins, "*"))
            return http_refuse(r, 403, "requests of other origins are not served; one can be allowed by --allow-origin");
        *cors = origin;
        return true;
    }
    if (site && !origin && strcmp(site, "cross-site") == 0 && !is_visit(h, route))
        return http_refuse(r, 403, "requests of other sites are not served (Sec-Fetch-Site: cross-site)");
    return true;
}

/* ---- methods and bodies ---- */

static unsigned all_methods(unsigned methods)
{
    if (methods & HTTP_BIT(HTTP_GET)) methods |= HTTP_BIT(HTTP_HEAD);
    return methods | HTTP_BIT(HTTP_OPTIONS);
}

void http_allow_text(char out[64], unsigned methods)
{
    size_t n = 0;
    out[0] = '\0';
    for (int m = 0; m < HTTP_METHODS; m++)
        if (all_methods(methods) & HTTP_BIT(m))
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? ", " : "", http_method_names[m]);
}

/* "application/json", with parameters of which only charset=utf-8 is one. */
static bool is_json(const char *type)
{
    size_t n = strcspn(type, ";");
    const char *rest = type + n;
    while (n > 0 && (type[n - 1] == ' ' || type[n - 1] == '\t')) n--;
    if (!http_same_n(type, n, "application/json")) return false;
    rest += strspn(rest, "; \t");
    return *rest == '\0' || http_same(rest, "charset=utf-8") || http_same(rest, "charset=\"utf-8\"");
}

bool http_guard_body(const struct http_head *h, const struct http_route *route, struct http_refusal *r)
{
    const char *type = http_head_get(h, "content-type"), *coding = http_head_get(h, "content-encoding");
    bool has_body = h->chunked || h->length > 0;
    char allow[64];
    if (route->methods == 0) return true; /* unknown: 404 says more */
    if (!(all_methods(route->methods) & HTTP_BIT(h->method))) {
        http_allow_text(allow, route->methods);
        return http_refuse(r, 405, "this path takes %s", allow);
    }
    if (coding && !http_same(coding, "identity"))
        return http_refuse(r, 415, "compressed bodies are not served (Content-Encoding)");
    if (route->needs_body && (h->method == HTTP_POST || h->method == HTTP_PUT) && !h->chunked && !h->has_length)
        return http_refuse(r, 411, "the request has neither Content-Length nor Transfer-Encoding");
    if (has_body && route->json && (!type || !is_json(type)))
        return http_refuse(r, 415, "the body must come with Content-Type: application/json");
    return true;
}

bool http_is_preflight(const struct http_head *h)
{
    return h->method == HTTP_OPTIONS && http_head_get(h, "origin") && http_head_get(h, "access-control-request-method");
}
