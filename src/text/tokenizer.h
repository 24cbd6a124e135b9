/* Byte-pair tokenizers: vocabulary, merges, special tokens. Immutable after loading, shared by threads. Two models:
 * byte-level BPE (GPT-2, Llama 3, Qwen, DeepSeek), and SentencePiece's BPE (Llama 2, Gemma), which works on
 * characters and has tokens for single bytes to fall back on.
 * Invariant: decode(encode(x)) == x for any bytes, but for what the model itself cannot tell apart: SentencePiece
 * takes U+2581 for a space and (Llama 2) puts a space in front of text, after added tokens too; a file may ask for
 * NFC; added tokens that take the blanks beside them; and byte-level vocabularies that lack bytes (SmolLM2's: some
 * control characters) lose them from text, as with the models' own tokenizers. User text never yields a control token:
 * encode() maps the spelling of a special token to ordinary tokens. Added tokens that are plain text (letters, runs of
 * line ends, Gemma's HTML) are taken where text spells them, as the models' own tokenizers do; added tokens that look like
 * markers of a chat form (<think>, <|user|>) are not: who builds a prompt puts them there by id. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/* Spellings of the special tokens of our own models (U+FF5C for the bars, U+2581 for the spaces). */
#define CHAT_BOS "<\xef\xbd\x9c" "begin\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"
#define CHAT_EOS "<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"
#define CHAT_PAD "<\xef\xbd\x9c\xe2\x96\x81pad\xe2\x96\x81\xef\xbd\x9c>"
#define CHAT_USER_MARK "<\xef\xbd\x9cUser\xef\xbd\x9c>"
#define CHAT_ASSISTANT_MARK "<\xef\xbd\x9c" "Assistant\xef\xbd\x9c>"

enum { TOK_MAX_VOCAB = 1 << 20 };

/* A growable list of token ids. Zeroed is empty; freed with tokens_free. */
struct tokens {
    int32_t *ids;
    size_t n, cap;
};
void tokens_free(struct tokens *t);
int tokens_add(struct tokens *t, int32_t id, struct err *e);

struct tokenizer;
enum tokenizer_model { TOKENIZER_BYTES, TOKENIZER_SPM };

/* Reading. tokenizer.json in the Hugging Face form (model BPE, ByteLevel or with byte_fallback; merges as "a b" or
 * ["a","b"]). */
int tokenizer_from_json(struct tokenizer **out, const char *json, size_t len, const char *name, struct err *e);
/* From parts, as GGUF carries them. tokens[i] in the printable byte alphabet of GPT-2 for normal tokens, plain UTF-8
 * for control tokens; SentencePiece: U+2581 for a space, "<0xE4>" for a byte. types: GGUF numbers (1 normal, 2 unknown,
 * 3 control, 4 user-defined, 5 unused, 6 byte); merges "a b", or for SentencePiece scores instead. pre names the
 * pre-tokenizer ("deepseek-v3", "smollm", "gpt-2", ...); SentencePiece has none and ignores it. bos/eos/pad -1 if none.
 * NFC is not applied, as GGUF has no word for it; a tokenizer.json with an NFC normaliser (Qwen 2) keeps it. */
struct tokenizer_parts {
    size_t n_tokens, n_merges;
    const char *const *tokens;
    const size_t *token_len;
    const int32_t *types; /* NULL: all normal */
    const char *const *merges;
    const size_t *merge_len;
    const char *pre;
    int32_t bos, eos, pad;
    bool add_bos;
    enum tokenizer_model model;
    const float *scores;   /* SentencePiece: n_tokens, highest merges first */
    bool add_space_prefix; /* SentencePiece: text is read as if it began with one more space */
};
/* True for Llama 3's pre-tokenizer and its like, whose files leave out that bos comes first. */
bool tokenizer_pre_adds_bos(const char *pre);
/* ERR_UNSUPPORTED, with its name, for a pre-tokenizer that is not in our table. */
int tokenizer_from_parts(struct tokenizer **out, const struct tokenizer_parts *p, const char *name, struct err *e);
void tokenizer_free(struct tokenizer *t);

/* Writing: appends tokenizer.json to b; exact: reading it back gives the same tokenizer, and so does
 * transformers' PreTrainedTokenizerFast. */
int tokenizer_to_json(const struct tokenizer *t, struct buf *b, struct err *e);
/* Appends the contents of tokenizer_config.json, for transformers. max_length: the model's context, 0 if unknown;
 * chat_template: Jinja, NULL for none. */
int tokenizer_config_to_json(const struct tokenizer *t, int64_t max_length, const char *chat_template, struct buf *b,
                             struct err *e);
/* The same as parts (arrays owned by *owned until tokenizer_parts_free). */
struct tokenizer_parts_owned;
int tokenizer_to_parts(const struct tokenizer *t, struct tokenizer_parts *p, struct tokenizer_parts_owned **owned, struct err *e);
void tokenizer_parts_free(struct tokenizer_parts_owned *o);

/* Appends the ids of any byte string to out. Never yields a control token. Thread-safe. */
int tokenizer_encode(const struct tokenizer *t, const char *s, size_t len, struct tokens *out, struct err *e);
/* Appends the bytes of the ids to out. Control tokens give nothing unless with_special; an id out of range is an error.
 * The ids are a whole text: the space that SentencePiece put before it is taken away. */
int tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool with_special, struct buf *out, struct err *e);
/* The bytes of one token: borrowed, may be an incomplete UTF-8 sequence. Control tokens: their spelling. */
const char *tokenizer_bytes(const struct tokenizer *t, int32_t id, size_t *len);

enum tokenizer_model tokenizer_model(const struct tokenizer *t);
/* True when text begins with a space that encode() has put there and decode() takes away. */
bool tokenizer_has_prefix(const struct tokenizer *t);
int32_t tokenizer_vocab(const struct tokenizer *t); /* ids are 0 .. vocab-1 */
int32_t tokenizer_bos(const struct tokenizer *t);   /* -1 if none */
int32_t tokenizer_eos(const struct tokenizer *t);
int32_t tokenizer_pad(const struct tokenizer *t);
bool tokenizer_add_bos(const struct tokenizer *t);
bool tokenizer_is_control(const struct tokenizer *t, int32_t id);
/* Text may become this token: it is ordinary, a byte, or an added token that is plain text. */
bool tokenizer_is_text(const struct tokenizer *t, int32_t id);
int32_t tokenizer_special(const struct tokenizer *t, const char *spelling); /* -1 if there is no such control token */
/* The longest token at the beginning of s that text never yields and a template may: control tokens and the added tokens
 * that look like markers. Its id and length; -1: there is none. */
int32_t tokenizer_special_at(const struct tokenizer *t, const char *s, size_t len, size_t *n);
/* The bytes at the end (before) or at the beginning of the text s beside token id that it takes with it: blanks, where the
 * tokenizer's file says so ("lstrip", "rstrip"). */
size_t tokenizer_takes(const struct tokenizer *t, int32_t id, bool before, const char *s, size_t len);
/* Whether some added token is taken in a way that only tokenizer.json can say. */
bool tokenizer_has_flags(const struct tokenizer *t);
const char *tokenizer_pre(const struct tokenizer *t); /* "default" where there is no pre-tokenizer */

/* Values from config.json or tokenizer_config.json replace what the tokenizer's own file says. Only right after
 * loading, before other threads see t. -1: none. */
int tokenizer_set_specials(struct tokenizer *t, int32_t bos, int32_t eos, int32_t pad, bool add_bos, struct err *e);

/* Training: byte-level BPE on documents. Ids: specials first (in the given order), then the 256 byte symbols in
 * the order of the printable alphabet's code points (as DeepSeek: '!' first), then merges. Ties go to the pair with the
 * smaller ids: the result is a pure function of the texts and the options. A text too small for `vocab` tokens gives
 * fewer (a pair must occur twice). */
struct bpe_options {
    int32_t vocab;               /* total, specials included */
    const char *const *specials; /* n_specials spellings; bos, eos, pad are the first three */
    size_t n_specials;
    bool single_digits; /* one digit a piece (rules "smollm"), else up to three (rules "deepseek-v3") */
};
struct bpe_trainer;
int bpe_trainer_new(struct bpe_trainer **out, const struct bpe_options *o, struct err *e);
int bpe_trainer_add(struct bpe_trainer *t, const char *text, size_t len, struct err *e); /* a document; not kept */
/* Once. progress (NULL allowed) is called now and then with merges done and wanted. Frees nothing. */
int bpe_trainer_finish(struct bpe_trainer *t, struct tokenizer **out, void (*progress)(void *ctx, int done, int want), void *ctx,
                       struct err *e);
void bpe_trainer_free(struct bpe_trainer *t);

#endif
