/* Whole strings in and out of the printable alphabet. */
#include "text/bytemap.h"
#include "base/utf8.h"

void bytemap_write(struct buf *b, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char ch[4];
        buf_add(b, ch, utf8_encode(bytemap_char((uint8_t)bytes[i]), ch));
    }
}

bool bytemap_read(struct buf *b, const char *text, size_t n)
{
    size_t start = b->len;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t k = utf8_decode(text + i, n - i, &cp);
        int byte = k ? bytemap_byte(cp) : -1;
        if (byte < 0) {
            b->len = start;
            return false;
        }
        buf_add_byte(b, byte);
        i += k;
    }
    return true;
}
