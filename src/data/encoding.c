/* Encodings: the table, conversion by iconv, and what a file that is not UTF-8 may be. */
#include "data/encoding.h"
#include "base/checked.h"
#include "base/mem.h"
#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <string.h>

/* Name in recipes and options, name of iconv, other names as encoding_find compares them. "latin1" is Windows-1252, as on the
 * web: the two differ where Latin-1 has control characters only. utf-16 asks the byte order mark, or where the zeros stand. */
#define ENCODINGS(X)                                                                                 \
    X("utf-8", "UTF-8", "utf8sig utf8bom ascii usascii cp65001")                                     \
    X("latin1", "CP1252", "iso88591 l1 cp1252 windows1252 win1252 ansi ibm819 cp819")                \
    X("latin2", "ISO-8859-2", "iso88592 l2")                                                         \
    X("latin9", "ISO-8859-15", "iso885915 l9 latin0")                                                \
    X("cp1250", "CP1250", "windows1250 win1250")                                                     \
    X("cp1251", "CP1251", "windows1251 win1251")                                                     \
    X("cp1253", "CP1253", "windows1253 win1253")                                                     \
    X("koi8-r", "KOI8-R", "koi8 cskoi8r")                                                            \
    X("gb18030", "GB18030", "gbk gb2312 cp936 windows936 euccn")                                     \
    X("big5", "BIG5", "bigfive cp950 windows950")                                                    \
    X("shift_jis", "CP932", "sjis cp932 ms932 windows932 windows31j mskanji")                        \
    X("euc-jp", "EUC-JP", "ujis")                                                                    \
    X("euc-kr", "CP949", "cp949 uhc windows949 ksc5601 ksc56011987")                                 \
    X("utf-16", "UTF-16", "ucs2 unicode")                                                            \
    X("utf-16le", "UTF-16LE", "ucs2le")                                                              \
    X("utf-16be", "UTF-16BE", "ucs2be")
#define FIRST(name, iconv, others) name,
#define SECOND(name, iconv, others) iconv,
#define THIRD(name, iconv, others) " " others " ",
const char *const encoding_names[] = {ENCODINGS(FIRST) NULL};
static const char *const iconv_names[] = {ENCODINGS(SECOND)}, *const other_names[] = {ENCODINGS(THIRD)};
enum { UNFINISHED = 16, CHUNK = 1 << 14, NAME_MOST = 32 };

/* Letters, made small, and digits of a name, between two blanks. */
static void bare_name(char out[NAME_MOST + 3], const char *name)
{
    size_t n = 0;
    out[n++] = ' ';
    for (; *name && n <= NAME_MOST; name++)
        if (isalnum((unsigned char)*name)) out[n++] = (char)tolower((unsigned char)*name);
    out[n++] = ' ';
    out[n] = 0;
}

int encoding_find(const char *name)
{
    char wanted[NAME_MOST + 3], known[NAME_MOST + 3];
    bare_name(wanted, name);
    if (!wanted[2]) return -1; /* nothing but signs */
    for (int i = 0; encoding_names[i]; i++) {
        bare_name(known, encoding_names[i]);
        if (!strcmp(wanted, known) || strstr(other_names[i], wanted)) return i;
    }
    return -1;
}

void encoding_head_add(struct encoding_head *h, const char *data, size_t n)
{
    size_t room = ENCODING_HEAD - h->n;
    if (n > room) n = room;
    if (n) memcpy(h->bytes + h->n, data, n);
    h->n += n;
}

/* ---- what it may be ---- */

/* The encoding that a byte order mark or the places of zeros tell; NULL: none. */
static const char *wide_encoding(const struct encoding_head *h)
{
    size_t zeros[2] = {0}, pairs = h->n / 2;
    if (h->n >= 2 && h->bytes[0] == 0xff && h->bytes[1] == 0xfe) return "UTF-16LE";
    if (h->n >= 2 && h->bytes[0] == 0xfe && h->bytes[1] == 0xff) return "UTF-16BE";
    for (size_t i = 0; i < 2 * pairs; i++) zeros[i % 2] += h->bytes[i] == 0;
    if (pairs && zeros[1] > pairs / 3 && zeros[0] <= pairs / 20) return "UTF-16LE";
    if (pairs && zeros[0] > pairs / 3 && zeros[1] <= pairs / 20) return "UTF-16BE";
    return NULL;
}

/* A file name as a word of a shell's command line. */
static void add_quoted(struct buf *b, const char *s)
{
    buf_add_byte(b, '\'');
    for (; *s; s++) {
        if (*s == '\'') buf_add_str(b, "'\\'");
        buf_add_byte(b, *s);
    }
    buf_add_byte(b, '\'');
}

void encoding_advice(struct buf *out, const struct encoding_head *head, bool nul, bool damage, const char *path)
{
    const char *wide = wide_encoding(head), *ours = wide ? "utf-16" : "latin1", *theirs = wide ? "UTF-16" : "CP1252";
    if (head->n >= 4 && !memcmp(head->bytes, "\x28\xb5\x2f\xfd", 4)) {
        buf_add_str(out, "; it is packed by zstd: its name must end in .zst");
        return;
    }
    if (nul && !wide) {
        buf_add_str(out, "; this is not a text file");
        return;
    }
    if (damage && !wide) {
        buf_add_str(out, "; the text before is UTF-8, so this is damage: without such bytes by\n  iconv -c -f UTF-8 -t UTF-8 ");
        add_quoted(out, path);
        buf_add_str(out, " > NEW");
        return;
    }
    buf_printf(out, "; it may be %s: say encoding = %s in the recipe under [data], or --encoding %s, or turn it into UTF-8 by\n"
               "  iconv -f %s -t UTF-8 ", wide ? "UTF-16" : "Latin-1", ours, ours, theirs);
    add_quoted(out, path);
    buf_add_str(out, " > NEW");
}

/* ---- conversion ---- */

struct decoder_stream {
    iconv_t cd;
    const char *path; /* borrowed */
    int encoding;
    uint64_t offset; /* of the first byte that is not converted */
    size_t skip;     /* bytes of the byte order mark that are still to come */
    char kept[UNFINISHED];
    size_t n_kept;
};

int decoder_stream_open(struct decoder_stream **out, int encoding, const struct encoding_head *head, const char *path,
                        struct err *e)
{
    const char *name = iconv_names[encoding];
    bool utf16 = !strncmp(name, "UTF-16", 6);
    *out = NULL;
    if (utf16 && !name[6]) name = wide_encoding(head);
    if (!name)
        FAIL(e, ERR_FORMAT, "%s: neither UTF-8 nor UTF-16 with a byte order mark; is it utf-16le or utf-16be?", path);
    struct decoder_stream *d = NULL;
    TRY(mem_new((void **)&d, sizeof *d, "a text decoder", e));
    d->path = path;
    d->encoding = encoding;
    bool mark = utf16 && head->n >= 2 && (head->bytes[0] ^ head->bytes[1]) == 1 && (head->bytes[0] | 1) == 0xff;
    d->skip = mark ? 2 : 0;
    d->cd = iconv_open("UTF-8", name);
    if (d->cd == (iconv_t)-1) {
        mem_free(d);
        FAIL(e, ERR_UNSUPPORTED, "%s: this system's iconv cannot read %s (%s): %s", path, encoding_names[encoding], name,
             strerror(errno));
    }
    *out = d;
    return OK;
}

void decoder_stream_free(struct decoder_stream *d)
{
    if (!d) return;
    iconv_close(d->cd);
    mem_free(d);
}

/* Converts in[0, *n) as far as whole characters go; *n is what is left. */
static int convert(struct decoder_stream *d, char *in, size_t *n, struct buf *out, struct err *e)
{
    char room[CHUNK];
    while (*n > 0) {
        char *from = in, *to = room;
        size_t had = *n, left = sizeof room;
        size_t rc = iconv(d->cd, &in, n, &to, &left);
        int no = errno;
        d->offset += (uint64_t)(in - from);
        buf_add(out, room, (size_t)(to - room));
        TRY(buf_check(out, d->path, e));
        if (rc != (size_t)-1 || no == E2BIG) {
            if (*n == had && to == room) FAIL(e, ERR_FORMAT, "%s: iconv makes no progress", d->path);
            continue;
        }
        if (no == EINVAL) return OK; /* the last character is not whole */
        FAIL(e, ERR_FORMAT, "%s: offset %llu: byte 0x%02x is no %s", d->path, (unsigned long long)d->offset, (unsigned char)*in,
             encoding_names[d->encoding]);
    }
    return OK;
}

int decoder_stream_add(struct decoder_stream *d, const char *data, size_t n, struct buf *out, struct err *e)
{
    char *at = (char *)(uintptr_t)data; /* iconv does not write there */
    size_t skip = d->skip < n ? d->skip : n;
    d->skip -= skip;
    d->offset += skip;
    at += skip;
    n -= skip;
    while (d->n_kept > 0 && n > 0) { /* byte by byte until the character that was cut is whole */
        if (d->n_kept == UNFINISHED) FAIL(e, ERR_FORMAT, "%s: offset %llu: no %s", d->path, (unsigned long long)d->offset,
                                          encoding_names[d->encoding]);
        d->kept[d->n_kept++] = *at++;
        n--;
        size_t left = d->n_kept;
        TRY(convert(d, d->kept, &left, out, e));
        memmove(d->kept, d->kept + d->n_kept - left, left);
        d->n_kept = left;
    }
    size_t left = n;
    TRY(convert(d, at, &left, out, e));
    if (left > UNFINISHED) FAIL(e, ERR_FORMAT, "%s: offset %llu: no %s", d->path, (unsigned long long)d->offset,
                                encoding_names[d->encoding]);
    memcpy(d->kept + d->n_kept, at + n - left, left);
    d->n_kept += left;
    return OK;
}

int decoder_stream_end(struct decoder_stream *d, struct err *e)
{
    if (d->n_kept == 0) return OK;
    FAIL(e, ERR_FORMAT, "%s: offset %llu: the file ends inside a character", d->path, (unsigned long long)d->offset);
}
