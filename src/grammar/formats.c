/* Formats: never wider than the standards they come from, so that what was generated passes any validator. */
#include "grammar/formats.h"
#include "base/checked.h"
#include <string.h>

#define YEAR "(?:[1-9]\\d{3}|0[1-9]\\d\\d|00[1-9]\\d|000[1-9])"
#define LEAP "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
#define DATE                                                                                                              \
    "(?:" YEAR "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))|" \
    LEAP "-02-29)"
#define TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:0\\d|1[0-3]):[0-5]\\d)"
#define LABEL "[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?"
#define HOST LABEL "(?:\\." LABEL "){0,4}"
#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4 OCTET "\\." OCTET "\\." OCTET "\\." OCTET
#define H16 "[0-9a-f]{1,4}"
#define PCHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})"

static const struct {
    const char *name, *regex;
} formats[] = {
    {"date", DATE},
    {"time", TIME},
    {"date-time", DATE "T" TIME},
    {"duration", "P(?:\\d{1,4}W|(?:\\d{1,4}Y(?:\\d{1,2}M(?:\\d{1,3}D)?)?|\\d{1,2}M(?:\\d{1,3}D)?|\\d{1,3}D)"
                 "(?:T(?:\\d{1,3}H(?:\\d{1,2}M(?:\\d{1,2}S)?)?|\\d{1,3}M(?:\\d{1,2}S)?|\\d{1,3}S))?"
                 "|T(?:\\d{1,3}H(?:\\d{1,2}M(?:\\d{1,2}S)?)?|\\d{1,3}M(?:\\d{1,2}S)?|\\d{1,3}S))"},
    {"email", "[A-Za-z0-9_+-]+(?:\\.[A-Za-z0-9_+-]+){0,3}@" LABEL "(?:\\." LABEL "){1,3}"},
    {"hostname", HOST},
    {"ipv4", IPV4},
    {"ipv6", "(?:" H16 ":){7}" H16 "|(?:" H16 ":){1,6}:" H16 "|(?:" H16 ":){1,7}:|:(?::" H16 "){1,7}|::"},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"uri", "[a-z][a-z0-9+.-]{0,15}://" HOST "(?::[1-9]\\d{0,3})?(?:/" PCHAR "*)*(?:\\?(?:" PCHAR "|[/?])*)?(?:#(?:" PCHAR "|[/?])*)?"},
    {"json-pointer", "(?:/(?:[^/~]|~[01])*)*"},
};

const char *format_regex(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (!strcmp(formats[i].name, name)) return formats[i].regex;
    return NULL;
}

const char *format_name(size_t i) { return i < ARRAY_LEN(formats) ? formats[i].name : NULL; }
