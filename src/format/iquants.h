/* The IQ formats with codebooks, one block of 256 at a time, as whole numbers: element i stands for d * scale[i / 16] *
 * q[i]. The products are exact in f32, in any order. */
#ifndef FORMAT_IQUANTS_H
#define FORMAT_IQUANTS_H

#include <stdint.h>

struct iq_numbers {
    int8_t q[256];     /* -62 .. 62, never 0 */
    uint8_t scale[16]; /* odd, 1 .. 31 */
    float d;
};

/* block: the bytes of one block in the file, at any address. */
typedef void iq_numbers_fn(struct iq_numbers *n, const void *block);
iq_numbers_fn iq2_xxs_numbers, iq2_xs_numbers, iq2_s_numbers, iq3_xxs_numbers, iq3_s_numbers, iq1_s_numbers, iq1_m_numbers;

#endif
