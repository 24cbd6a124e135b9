/* Documents: files of text and JSON lines, packed and in other encodings, bad lines, folders and patterns, generators. */
#include <iconv.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include "data/docs.h"
#include "data/encoding.h"
#include "data/inputs.h"
#include "stories/stories.h"
#include "sys/file.h"
#include "tests/doc_text.h"
#include "tests/folder.h"

#define MARK "\xef\xbb\xbf"

static void write_file(const char *name, const void *data, size_t n)
{
    struct err e = {0};
    CHECK_OK(file_replace(in_dir(name), data, n, &e), &e);
}

/* Reads the file `name`; error NULL: no error is expected, else one that has this and the file's name. */
static void check_read(const char *name, const struct docs_how *how, const char *want, const char *error)
{
    struct err e = {0};
    struct buf b = {0};
    buf_add_str(&b, "");
    int rc = docs_each(in_dir(name), how, note_doc, &b, &e);
    bool named = strstr(e.msg, name) || strchr(name, '\''); /* a quotation mark comes in a shell's spelling */
    if (error) CHECK(rc != OK && named && strstr(e.msg, error), "%s: rc %d, %s (expected %s)", name, rc, e.msg, error);
    else CHECK(rc == OK, "%s: %s", name, e.msg);
    CHECK(!strcmp(b.data, want), "%s: \"%.200s\", expected \"%s\"", name, b.data, want);
    buf_free(&b);
}

static void check_bytes(const char *name, const char *content, size_t n, const char *want, const char *error)
{
    write_file(name, content, n);
    check_read(name, NULL, want, error);
}

#define DOCS(name, content, want, error) check_bytes(name, content, sizeof(content) - 1, want, error)

static void check_forms(void)
{
    DOCS("a.txt", "one\ntwo\n\n<|endoftext|>\n\n three\n<|endoftext|>\n<|endoftext|>\nfour", "one\ntwo| three|four|", NULL);
    DOCS("b.txt", "", "", NULL);
    DOCS("c.txt", " bytes\r\n<|endoftext|>\r\nx", " bytes|x|", NULL);
    DOCS("d.txt", "a <|endoftext|> b\n", "a <|endoftext|> b|", NULL);
    DOCS("a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\\n3\", \"source\": \"x\"}", "one|two\n3|", NULL);
    DOCS("b.jsonl",
         "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": \"ho\"}]}\n",
         "1:hi;2:ho|", NULL);
    DOCS("l.csv", "x", "", "expected a file named");
    struct docs_how exact = {.exact = true}, any = {.any_name = true};
    static const char text[] = "\na\r\nb\n\n<|endoftext|>\nc";
    write_file("exact.txt", text, sizeof text - 1);
    check_read("exact.txt", &exact, "\na\r\nb\n\n|c|", NULL);
    check_read("exact.txt", NULL, "a\nb|c|", NULL);
    check_read("l.csv", &any, "x|", NULL);
}

/* Lines that cannot be used: the first is an error with its place and the way out, or all are left out and counted. */
static void check_bad_lines(void)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"{\"text\": \"two\"", "x.jsonl:2: offset 14: not valid JSON: it ends here"},
        {"{\"txt\": \"two\", \"id\": 4}", "x.jsonl:2: neither \"text\" nor \"messages\"; the line has \"txt\", \"id\""},
        {"{}", "no other member"},
        {"{\"text\": 5}", "\"text\" is not a string"},
        {"{\"messages\": [{\"role\": \"robot\", \"content\": \"hi\"}]}", "message 0 needs \"role\""},
        {"{\"messages\": []}", "not a list of 1 to"},
        {"{\"messages\": [{\"role\": \"user\"}]}", "\"content\""},
        {"{\"messages\": [{\"role\": \"user\", \"content\": null}]}", "\"content\""},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\\u0000b\"}]}", "NUL"},
        {"[1]", "not an object"},
        {"7", "x.jsonl:2: "},
        {"{\"text\": \"caf\xe9\"}", "byte 14 of the line, 0xe9, is not UTF-8"},
        {"{\"text\": \"a\\u0000b\"}", "NUL"},
        {"{\"text\": \"\\ud800\"}", "a lone surrogate"},
        {"{\"text\": NaN}", "\"text\" is not a string"},
        {"{\"text\": \"a\", \"score\": Nan}", "expected a value"},
        {"{\"text\": \"a\"} {\"text\": \"b\"}", "more after its end"},
        {"{\"text\": \"a\", \"text\": \"b\"}", "\"text\" is given twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b = {0};
        struct docs_left_out left_out = {0};
        struct docs_how skip = {.skip_bad = true, .left_out = &left_out};
        buf_printf(&b, "{\"text\": \"one\"}\n%s\n{\"text\": \"three\"}\n%s\n", bad[i].line, bad[i].line);
        write_file("x.jsonl", b.data, b.len);
        check_read("x.jsonl", NULL, "one|", bad[i].why);
        check_read("x.jsonl", NULL, "one|", "bad_lines = skip");
        check_read("x.jsonl", &skip, "one|three|", NULL);
        CHECK(left_out.bad_lines == 2 && strstr(left_out.first, bad[i].why) && !strchr(left_out.first, '\n'),
              "%s: %d left out, \"%s\"", bad[i].line, (int)left_out.bad_lines, left_out.first);
        buf_free(&b);
    }
}

/* What is no text, but no mistake either. */
static void check_missing(void)
{
    struct docs_left_out left_out = {0};
    struct docs_how how = {.left_out = &left_out};
    static const char rows[] = "{\"text\": null}\n{\"text\": \"\"}\n{\"text\": null, \"messages\": null}\n   \n"
                               "{\"text\": \"a\", \"messages\": null}\n"
                               "{\"text\": null, \"messages\": [{\"role\": \"user\", \"content\": \"b\"}]}\n"
                               "{\"text\": \"a\", \"messages\": [{\"role\": \"system\", \"content\": \"\"}]}\n";
    write_file("null.jsonl", rows, sizeof rows - 1);
    check_read("null.jsonl", &how, "a|1:b|0:|", NULL);
    CHECK(left_out.empty == 3 && left_out.bad_lines == 0, "%d empty", (int)left_out.empty);
    DOCS("beside.jsonl", "{\"text\": \"x\", \"n\": 1000000000000000019884624838656, \"meta\": {\"text\": 5}}\n", "x|", NULL);
    DOCS("python.jsonl", "{\"a\": NaN, \"text\": \"NaN\", \"b\": [Infinity, -Infinity, -1], \"c\": 1e999}\n", "NaN|", NULL);
}

/* Byte order marks: at the beginning, where files were joined, and inside JSON strings. */
static void check_marks(void)
{
    struct docs_left_out left_out = {0};
    struct docs_how how = {.left_out = &left_out};
    DOCS("m.txt", MARK "one\n<|endoftext|>\n" MARK "two" MARK "\n", "one|two|", NULL);
    DOCS("m.jsonl", MARK "{\"text\": \"one\"}\n" MARK "{\"text\": \"\\ufefftwo" MARK "\"}\n" MARK "\n", "one|two|", NULL);
    DOCS("n.jsonl",
         "{\"messages\": [{\"role\": \"user\", \"content\": \"\\ufeffa\"}, {\"role\": \"assistant\", \"content\": \"" MARK "b" MARK
         "c\"}]}\n", "1:a;2:bc|", NULL);
    write_file("only.jsonl", "{\"text\": \"\\ufeff\"}\n", 19);
    check_read("only.jsonl", &how, "", NULL);
    CHECK(left_out.empty == 1, "a text that is a byte order mark is not empty");
    DOCS("only.txt", MARK, "", NULL);
}

/* ---- encodings ---- */

#define NOVEL "L'\xc3\xa9t\xc3\xa9, \xc2\xab o\xc3\xb9 \xc2\xbb ?\nUn c\xc5\x93ur \xe2\x80\x94 \xe2\x82\xac 5.\n"
static const char novel[] = NOVEL;

/* The text in another encoding; owned by the caller. */
static char *encoded(const char *text, const char *name, size_t *n)
{
    size_t left = strlen(text), room = 8 * left + 16, all = room;
    char *out = mem_alloc(room), *to = out, *from = (char *)(uintptr_t)text;
    iconv_t cd = iconv_open(name, "UTF-8");
    CHECK(cd != (iconv_t)-1 && iconv(cd, &from, &left, &to, &room) != (size_t)-1, "iconv cannot make %s", name);
    if (cd != (iconv_t)-1) iconv_close(cd);
    *n = all - room;
    return out;
}

static void write_encoded(const char *file, const char *text, const char *name)
{
    size_t n;
    char *s = encoded(text, name, &n);
    write_file(file, s, n);
    mem_free(s);
}

static struct docs_how how_of(const char *encoding) { return (struct docs_how){.encoding = encoding_find(encoding)}; }

static void check_encoding_names(void)
{
    static const char *const rows[][2] = {
        {"utf-8", "utf8"}, {"utf-8", "UTF-8"}, {"utf-8", "us-ascii"}, {"latin1", "latin-1"}, {"latin1", "ISO-8859-1"},
        {"latin1", "iso_8859-1"}, {"latin1", "cp1252"}, {"latin1", "Windows-1252"}, {"latin9", "iso_8859-15"}, {"latin9", "Latin 9"},
        {"latin2", "ISO8859-2"}, {"cp1251", "windows_1251"}, {"utf-16", "UTF16"}, {"utf-16le", "utf_16_le"}, {"gb18030", "GBK"},
        {"shift_jis", "Shift-JIS"}, {"shift_jis", "SJIS"}, {"koi8-r", "KOI8R"}, {"euc-kr", "CP949"}, {"big5", "cp950"},
    };
    static const char *const none[] = {"", "-", "latin", "iso-8859-7", "8859", "l", "1", "utf", "cp1250 windows1250", "windows"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int found = encoding_find(rows[i][1]);
        CHECK(found >= 0 && !strcmp(encoding_names[found], rows[i][0]), "%s: %d, expected %s", rows[i][1], found, rows[i][0]);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++) CHECK(encoding_find(none[i]) == -1, "\"%s\" is taken", none[i]);
    for (int i = 0; encoding_names[i]; i++) CHECK(encoding_find(encoding_names[i]) == i, "%s", encoding_names[i]);
}

/* Each is refused with the place and what to do, and read once its encoding is said. */
static void check_encodings(void)
{
    static const struct {
        const char *ours, *theirs, *text, *error;
    } rows[] = {
        {"latin1", "CP1252", NOVEL, ":1: byte 3 of the line, 0xe9, is not UTF-8; it may be Latin-1: say encoding = latin1"},
        {"latin9", "ISO-8859-15", "c\xc5\x93ur, 5 \xe2\x82\xac\n", "0xbd, is not UTF-8"},
        {"utf-16", "UTF-16LE", NOVEL, ":1: byte 2 of the line is NUL; it may be UTF-16: say encoding = utf-16"},
        {"utf-16", "UTF-16BE", NOVEL, ":1: byte 1 of the line is NUL; it may be UTF-16"},
        {"utf-16", "UTF-16LE", "\xef\xbb\xbf" NOVEL, "0xff, is not UTF-8; it may be UTF-16"},
        {"utf-16", "UTF-16BE", "\xef\xbb\xbf" NOVEL, "0xfe, is not UTF-8; it may be UTF-16"},
        {"utf-16le", "UTF-16LE", "\xe4\xb8\xad\xe6\x96\x87\n", "not UTF-8"},
        {"gb18030", "GB18030", "\xe4\xb8\xad\xe6\x96\x87\n", "not UTF-8"},
        {"cp1251", "CP1251", "\xd0\x9c\xd0\xb8\xd1\x80\n", "not UTF-8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct docs_how how = how_of(rows[i].ours);
        const char *text = strncmp(rows[i].text, MARK, 3) ? rows[i].text : rows[i].text + 3;
        char want[200];
        snprintf(want, sizeof want, "%.*s|", (int)strlen(text) - 1, text);
        write_encoded("enc.txt", rows[i].text, rows[i].theirs);
        check_read("enc.txt", NULL, "", rows[i].error);
        check_read("enc.txt", NULL, "", "iconv -f ");
        check_read("enc.txt", &how, want, NULL);
    }
    struct docs_how latin1 = how_of("latin1");
    DOCS("utf8.txt", "caf\xc3\xa9\n", "caf\xc3\xa9|", NULL);
    check_read("utf8.txt", &latin1, "caf\xc3\xa9|", NULL); /* a folder may hold both */
    write_encoded("enc.jsonl", "{\"text\": \"caf\xc3\xa9\"}\n", "CP1252");
    check_read("enc.jsonl", &latin1, "caf\xc3\xa9|", NULL);
    write_file("undefined.txt", "a\x81z\n", 4);
    check_read("undefined.txt", &latin1, "", "offset 1: byte 0x81 is no latin1");
    struct docs_how utf16 = how_of("utf-16");
    write_file("odd.txt", "\xff\xfe" "a\0b", 5);
    check_read("odd.txt", &utf16, "", "ends inside a character");
    write_encoded("nomark.txt", "\xe4\xb8\xad\xe6\x96\x87\n", "UTF-16LE");
    check_read("nomark.txt", &utf16, "", "utf-16le or utf-16be");
}

static void check_no_text(void)
{
    DOCS("nul.txt", "fine\nab\0cd\n", "", ":2: byte 3 of the line is NUL; this is not a text file");
    DOCS("damage.txt", "\xc3\xa9\n\xc3\xa9\na\n\xc3\xa9\nx\xffy\n", "",
         ":5: byte 2 of the line, 0xff, is not UTF-8; the text before");
    struct docs_how latin1 = how_of("latin1"); /* but this is not Latin-1 */
    check_read("damage.txt", &latin1, "", "iconv -c -f UTF-8 -t UTF-8 '");
    DOCS("chance.txt", "CAF\xc9\xbb\nx\xe9y\n", "", "may be Latin-1"); /* of which the first line happens to be UTF-8 */
    check_read("chance.txt", &latin1, "CAF\xc3\x89\xc2\xbb\nx\xc3\xa9y|", NULL);
    DOCS("surrogate.txt", "\xed\xa0\x80", "", "not UTF-8");
    DOCS("cut.txt", "abc\xc3", "", "byte 4 of the line, 0xc3");
    char packed[200];
    size_t n = ZSTD_compress(packed, sizeof packed, novel, sizeof novel - 1, 3);
    check_bytes("packed.txt", packed, n, "", "must end in .zst");
    check_bytes("it's.txt", "\xe9\n", 2, "", "'\\''s.txt'"); /* a name as a word of a shell */
}

/* Characters of two, three and four bytes and of several steps, cut by every border of a block. */
static void check_block_borders(void)
{
    struct buf text = {0}, got = {0};
    struct err e = {0};
    for (int i = 0; text.len < (3 << 20); i++)
        buf_printf(&text, "%d \xc3\xa9 \xe4\xb8\xad\xf0\x9f\xa6\x8a%s", i, i % 20 ? "" : "\n");
    buf_add_byte(&text, '\n');
    static const char *const names[][2] = {{"utf-16", "UTF-16LE"}, {"gb18030", "GB18030"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (int zst = 0; zst < 2; zst++) {
            size_t n;
            char *s = encoded(text.data, names[i][1], &n), *packed = mem_alloc(ZSTD_compressBound(n));
            const char *file = zst ? "large.txt.zst" : "large.txt";
            struct docs_how how = how_of(names[i][0]);
            how.exact = true;
            size_t k = zst ? ZSTD_compress(packed, ZSTD_compressBound(n), s, n, 1) : 0;
            write_file(file, zst ? packed : s, zst ? k : n);
            buf_clear(&got);
            CHECK_OK(docs_each(in_dir(file), &how, note_doc, &got, &e), &e);
            CHECK(got.len == text.len + 1 && !memcmp(got.data, text.data, text.len), "%s, %s: %zu bytes, expected %zu", file,
                  names[i][0], got.len, text.len + 1);
            mem_free(s);
            mem_free(packed);
        }
    buf_free(&text);
    buf_free(&got);
}

/* ---- sizes ---- */

static void check_compressed(void)
{
    static const char content[] = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n";
    char packed[400];
    struct buf two = {0};
    size_t n = ZSTD_compress(packed, sizeof packed, content, sizeof content - 1, 3);
    check_bytes("z.jsonl.zst", packed, n, "one|two|", NULL);
    buf_add(&two, packed, n); /* two frames, one after the other, are one text */
    buf_add(&two, packed, n);
    check_bytes("y.jsonl.zst", two.data, two.len, "one|two|one|two|", NULL);
    buf_free(&two);
    check_bytes("x.jsonl.zst", content, sizeof content - 1, "", "not valid zstd");
    struct err e = {0};
    struct buf b = {0};
    write_file("w.jsonl.zst", packed, n - 4);
    CHECK(docs_each(in_dir("w.jsonl.zst"), NULL, note_doc, &b, &e) == ERR_FORMAT, "a cut file was read: %s", e.msg);
    buf_free(&b);
}

/* A line of 80 MB in a few hundred compressed bytes must end in an error, not in memory. */
static void check_long_line(void)
{
    struct err e = {0};
    struct buf b = {0};
    size_t n = (size_t)80 << 20, cap = ZSTD_compressBound(n);
    char *zeros = mem_alloc(n), *packed = mem_alloc(cap);
    memset(zeros, 'a', n);
    write_file("bomb.txt.zst", packed, ZSTD_compress(packed, cap, zeros, n, 1));
    CHECK(docs_each(in_dir("bomb.txt.zst"), NULL, note_doc, &b, &e) == ERR_LIMIT && strstr(e.msg, ".zst:1:"), "%s", e.msg);
    mem_free(zeros);
    mem_free(packed);
    buf_free(&b);
}

/* Millions of values in a member that nobody reads take no memory; nesting without end is a bad line. */
static void check_many_values(void)
{
    struct buf b = {0}, got = {0};
    struct err e = {0};
    buf_add_str(&b, "{\"meta\": [");
    while (b.len < 24 << 20) buf_add_str(&b, "[],{\"a\":0},");
    buf_add_str(&b, "0], \"text\": \"fox\"}\n");
    write_file("many.jsonl", b.data, b.len);
    uint64_t before = mem_count();
    CHECK_OK(docs_each(in_dir("many.jsonl"), NULL, note_doc, &got, &e), &e);
    CHECK(mem_count() - before < 100, "%d allocations for one line", (int)(mem_count() - before));
    CHECK(got.data && !strcmp(got.data, "fox|"), "%s", got.data ? got.data : "");
    buf_clear(&b);
    buf_add_str(&b, "{\"text\": \"fox\", \"deep\": ");
    for (int i = 0; i < 200; i++) buf_add_byte(&b, '[');
    write_file("deep.jsonl", b.data, b.len);
    CHECK(docs_each(in_dir("deep.jsonl"), NULL, note_doc, &got, &e) == ERR_LIMIT && strstr(e.msg, "deep.jsonl:1:"), "%s", e.msg);
    buf_free(&b);
    buf_free(&got);
}

struct sizes {
    size_t n, all, most;
};

static int note_size(void *ctx, const struct doc *d, struct err *e)
{
    struct sizes *s = ctx;
    (void)e;
    s->n++;
    s->all += d->len;
    if (d->len > s->most) s->most = d->len;
    return OK;
}

/* A file without separators that is larger than a document may be comes in parts, whole lines, nothing lost. */
static void check_long_document(void)
{
    struct err e = {0};
    struct buf b = {0};
    struct sizes s = {0};
    struct docs_how exact = {.exact = true};
    while (b.len < DOC_PART_BYTES * 5 / 2) buf_add_str(&b, "Once upon a time there was a fox that read long books.\n");
    write_file("long.txt", b.data, b.len);
    CHECK_OK(docs_each(in_dir("long.txt"), &exact, note_size, &s, &e), &e);
    CHECK(s.n == 3 && s.all == b.len && s.most <= DOC_PART_BYTES, "%zu parts of at most %zu, %zu of %zu bytes", s.n, s.most,
          s.all, b.len);
    buf_free(&b);
}

/* ---- inputs ---- */

static void check_inputs(const char *input, const char *want, const char *error)
{
    struct inputs l = {0};
    struct err e = {0};
    struct buf b = {0};
    int rc = inputs_add(&l, input, &e);
    for (size_t i = 0; i < l.n; i++) buf_printf(&b, "%s|", l.v[i] + (l.v[i][0] == '/' ? strlen(dir) + 1 : 0));
    if (error) CHECK(rc != OK && strstr(e.msg, error), "%s: rc %d, %s (expected %s)", input, rc, e.msg, error);
    else CHECK(rc == OK && b.data && !strcmp(b.data, want), "%s: %s, expected %s; %s", input, b.data ? b.data : "", want, e.msg);
    buf_free(&b);
    inputs_free(&l);
    inputs_free(&l);
}

static void check_folders(void)
{
    struct err e = {0};
    CHECK_OK(file_mkdirs(in_dir("letters/old ones/deep"), &e), &e);
    CHECK_OK(file_mkdirs(in_dir("letters/.git"), &e), &e);
    CHECK_OK(file_mkdirs(in_dir("pictures"), &e), &e);
    static const char *const files[] = {"letters/to my aunt.txt", "letters/B.jsonl", "letters/a[1].txt.zst",
                                        "letters/.hidden.txt", "letters/README.md", "letters/.git/x.txt",
                                        "letters/old ones/deep/1 2.txt", "letters/z.txt.gz", "pictures/a.png"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) write_file(files[i], "x\n", 2);
    static const char all[] = "letters/B.jsonl|letters/a[1].txt.zst|letters/old ones/deep/1 2.txt|letters/to my aunt.txt|";
    check_inputs(in_dir("letters"), all, NULL);
    check_inputs(in_dir("letters/"), all, NULL);
    check_inputs(in_dir("letters/*.txt"), "letters/to my aunt.txt|", NULL);
    check_inputs(in_dir("letters/*"), "letters/B.jsonl|letters/README.md|letters/a[1].txt.zst|letters/old ones/deep/1 2.txt|"
                 "letters/to my aunt.txt|letters/z.txt.gz|", NULL);
    check_inputs(in_dir("letters/a[1].txt.zst"), "letters/a[1].txt.zst|", NULL); /* it exists: no pattern */
    check_inputs(in_dir("l*/old*"), "letters/old ones/deep/1 2.txt|", NULL);
    check_inputs(in_dir("letters/*.doc"), "", "no file matches");
    check_inputs(in_dir("pictures"), "", "no file named .txt");
    check_inputs(in_dir("pictures"), "", "a.png");
    check_inputs(in_dir("nothing.txt"), "", "no such file");
    check_inputs("generate:stories?seed=1&count=2", "generate:stories?seed=1&count=2|", NULL);
    CHECK(symlink(".", in_dir("letters/old ones/loop")) == 0, "a link");
    check_inputs(in_dir("letters"), "", "a link to itself?");
}

static void check_generators(void)
{
    static const char *const bad[] = {
        "generate:", "generate:poems?seed=1&count=2", "generate:stories", "generate:stories?seed=1",
        "generate:stories?seed=x&count=2", "generate:stories?seed=1&count=2&x=3", "generate:stories?seed=1&count=-1",
        "generate:stories?seed=-1&count=1", "generate:chats?seed=1&count=+1", "generate:chats?seed= 1&count=1",
        "generate:stories?seed=1&count=1000000001", "generate:stories?seed=1&count=99999999999999999999999999",
        "generate:stories?seed=1&count=0x10"};
    struct err e = {0};
    struct buf a = {0}, b = {0};
    uint64_t count;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(docs_each(bad[i], NULL, note_doc, &a, &e) == ERR_USAGE, "%s: %s", bad[i], e.msg);
        CHECK(docs_generator_count(bad[i], &count, &e) == ERR_USAGE, "%s: counted", bad[i]);
    }
    CHECK(a.len == 0, "documents from a bad input");
    CHECK_OK(docs_generator_count("generate:chats?seed=18446744073709551615&count=1000000000", &count, &e), &e);
    CHECK(count == 1000000000, "%llu", (unsigned long long)count);
    CHECK_OK(docs_each("generate:stories?seed=5&count=3", NULL, note_doc, &a, &e), &e);
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_OK(story_generate(5, i, &b, &e), &e);
        buf_add_byte(&b, '|');
    }
    CHECK(a.len == b.len && !memcmp(a.data, b.data, a.len), "the input is not the generator");
    buf_clear(&a);
    CHECK_OK(docs_each("generate:dialogues?seed=5&count=40", NULL, note_doc, &a, &e), &e);
    CHECK(strstr(a.data, "1:") && strstr(a.data, ";2:"), "dialogues have no turns");
    buf_free(&a);
    buf_free(&b);
}

/* Every allocation fails once: an error or, where it was for a message only, the same documents; nothing is kept. */
static void check_memory(void)
{
    struct docs_left_out left_out = {0};
    struct docs_how how = {.encoding = encoding_find("latin1"), .skip_bad = true, .left_out = &left_out};
    static const char rows[] = "{\"text\": \"\\ufeffcaf\xc3\xa9\"}\n"
                               "{\"messages\": [{\"role\": \"user\", \"content\": \"b\"}]}\n";
    write_encoded("mem.jsonl", rows, "CP1252");
    uint64_t before = mem_count();
    check_read("mem.jsonl", &how, "caf\xc3\xa9|1:b|", NULL);
    uint64_t n = mem_count() - before;
    int failed = 0;
    for (uint64_t k = 1; k <= n; k++) {
        struct err e = {0};
        struct sizes s = {0};
        int64_t live = mem_live();
        mem_fail_at(k);
        int rc = docs_each(in_dir("mem.jsonl"), &how, note_size, &s, &e);
        mem_fail_at(0);
        failed += rc != OK;
        CHECK(mem_live() == live, "allocation %d: %d more than before", (int)k, (int)(mem_live() - live));
        CHECK(rc == ERR_MEMORY || (rc == OK && s.n == 2 && s.all == 5), "allocation %d: rc %d, %s", (int)k, rc, e.msg);
        CHECK(left_out.bad_lines == 0, "allocation %d: %d lines left out", (int)k, (int)left_out.bad_lines);
    }
    CHECK(failed >= 4, "only %d of %d allocations failed", failed, (int)n);
}

int main(void)
{
    folder_make();
    check_forms();
    check_bad_lines();
    check_missing();
    check_marks();
    check_encoding_names();
    check_encodings();
    check_no_text();
    check_block_borders();
    check_compressed();
    check_long_line();
    check_many_values();
    check_long_document();
    check_folders();
    check_generators();
    check_memory();
    folder_remove();
    CHECK(mem_live() == 0, "%d allocations are not freed", (int)mem_live());
    return test_end();
}
