#!/usr/bin/env python3
"""Makes tests/fixtures/text: what the "tokenizers" and transformers libraries say about our files and about files of
their own, for tests/check_text.c. Needs those two libraries, gguf and llama-cpp-python; the test itself needs only the
result.

    make && python3 tools/make_text_fixtures.py build/release/autarky

corpus.txt     training text, generated here        strings.json   strings to encode
NAME.json      a tokenizer; own-*.json is trained by us, the others by "tokenizers"
NAME.ids       one line per string: its ids, or from string FULL on "count:FNV-1a of the ids"; last, for all
               strings in one
NAME.cuts      the same for pre-tokenizer NAME: lengths of the pieces in bytes
spm-*.json     SentencePiece's form, by "tokenizers"; spm-llama.gguf.ids: ids that llama.cpp gives from a GGUF of it
chat.json      conversations and their ids by transformers' apply_chat_template
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

OUT = "tests/fixtures/text"
FULL = 70
VOCAB = 520
TIKTOKEN = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|%s| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
DEEPSEEK3 = ("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
             "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+")
TEKKEN = ("[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
          "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
          "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
WORDS = {
    "en": "the a little big red house cat dog runs walks sleeps under over near tree river don't it's we'll and then said",
    "fr": "le la une petite grande maison chat chien court dort sous près de l'arbre rivière où été déjà c'est d'abord et",
    "de": "der die das kleine große Haus Katze Hund läuft schläft unter über neben Baum Fluss und dann sagte schön",
    "ru": "дом кошка собака бежит спит под над рядом дерево река и потом сказал маленький большой",
    "hi": "घर बिल्ली कुत्ता दौड़ता सोता पेड़ नदी और फिर कहा छोटा बड़ा",
    "ar": "بيت قطة كلب يجري ينام تحت فوق شجرة نهر ثم قال صغير كبير",
}
CJK = {"zh": "小猫在河边跑，大狗在树下睡。你好世界！我们说话，然后回家。", "ja": "猫が川のそばを走る。犬は木の下で眠ります。カタカナもある。"}


def corpus(rng):
    lines = []
    for i in range(330):
        lang = rng.choice(list(WORDS) + ["en", "en", "fr", "zh", "zh", "ja"])
        if lang in CJK:
            parts = re.findall(".+?[，。！]", CJK[lang])
            text = "".join(rng.choice(parts) for _ in range(rng.randint(1, 4)))
        else:
            words = WORDS[lang].split()
            text = " ".join(rng.choice(words) for _ in range(rng.randint(4, 12))).capitalize() + rng.choice(".!?")
        lines.append(text + rng.choice(["", "", f" {rng.randint(0, 2000)} + {rng.randint(0, 99)} = {rng.randint(0, 3000)}"]))
    return "\n".join(a + ("\n" if rng.random() < 0.2 else "") for a in lines) + "\n"


HAND = [
    "", " ", "  ", "\n", "\n\n", "\t\t", "\r\n\r\n", "a", "Hello", " Hello", "  Hello", "   Hello\n    Hello",
    "Hello, y'all! How are you?",
    "I'm he'll WE'VE You'D it'S they're 'tis don't", "''''''```````\"\"\"\"......!!!!!!??????", "3", "33", "333", "3333",
    "33333", "1234567",
    "3.14159 1,000,000 0x1F", "x = y[3] * (z - 1) / 2; // note", "if (a->b != NULL) { return -1; }",
    "<div class=\"a\">text</div>",
    "http://example.org/path?q=1&r=2#frag", "tab\tseparated\tvalues", "trailing spaces   ", "   \n   \n  x", "a \n b",
    "été déjà où", "e\u0301te\u0301",
    "L'arbre près de la rivière", "Straße größer ÄÖÜ", "Ελληνικά γράμματα", "маленький дом", "дом 42", "שלום עולם",
    "بيت صغير ١٢٣", "घर बिल्ली क्षत्रिय",
    "ไทยไม่มีช่องว่าง", "你好世界", "Hello 你好 World 世界!", "小猫 在 河边，跑。", "猫が川のそばを走る。", "カタカナ ひらがな 漢字", "한국어 문장입니다",
    "😀😁 🚀 (normal) 😶‍🌫️",
    "👨‍👩‍👧‍👦 family", "🇫🇷🇨🇳", "ﬁ ligature Å Å", "½ ² ③ Ⅷ 〇 ٣", "a\u00a0b\u202fc\u3000d", "a\u180eb \u180e c",
    "zero\u200bwidth\u200djoin", "\ufeffbom",
    "line\u2028sep\u2029para", "\x85next\x0bvt\x0cff", "ctrl\x01\x02\x1b[31m\x7f", "\x1c\x1d\x1e\x1f", "nul\x00inside",
    "\u0301\u0301 marks first", "ǅ ǆ ß ſ 'ſ",
    "\u1112\u1161\u11ab q\u0323\u0307 \u212b\u2126 \u0958 \u0344 \ud55c\u11a8", "q\u08d3\u0301\u0316 e\U00011930", "\u30ab\u30bf\u30fb\u30ab\u309a\u6771\u300c\u3001\u3000",
    "\u3000a \u3000. \u2018b \u2003\u4e2d\u2003", "Ა\u0967ა १२ ü÷", "<s></s><unk><0x41>", "\u2581a\u2581\u2581b  c   ", "<table>x</table>\n\n\ny\t\t",
    "a" * 70, "ab" * 60, " " * 60 + "x", "\n" * 30, "9" * 61, "!?" * 40, "的" * 50,
]


def strings(rng):
    ranges = [(0, 128), (32, 127), (0x80, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0x980), (0xe00,
    0xe80), (0x1000, 0x1100),
              (0x1680, 0x1690), (0x1800, 0x1850), (0x2000, 0x2100), (0x2100, 0x2c00), (0x3000, 0x3100), (0x4e00, 0x5000),
              (0xac00, 0xad00),
              (0xf900, 0x10000), (0x10000, 0x10100), (0x1d400, 0x1d800), (0x1f300, 0x1f700), (0x660, 0x66a)]
    pools = [[chr(c) for c in range(a, b) if unicodedata.category(chr(c)) not in ("Cs", "Cn")] for a, b in ranges]
    gaps = [" ", "  ", "\n", "\n\n", "\t", "\r\n", " \n", "\u00a0", "\u3000", "'s", "'LL", "123", "7", "42 ", "!!", "..."]
    out = list(HAND)
    while len(out) < 500:
        s = ""
        for _ in range(rng.randint(1, 9)):
            r = rng.random()
            if r < 0.3:
                s += rng.choice(gaps)
            elif r < 0.6:
                s += rng.choice(WORDS[rng.choice(list(WORDS))].split()) + rng.choice(["", " "])
            elif r < 0.7:
                s += rng.choice(CJK[rng.choice(list(CJK))])
            else:
                pool = rng.choice(pools)
                s += "".join(rng.choice(pool) for _ in range(rng.randint(1, 4)))
        out.append(s)
    return out


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def peer_tokenizers(text):
    """Small tokenizers by the "tokenizers" library, with the pre-tokenizers of published models."""
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    pre = {
        "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
        "qwen2": pre_tokenizers.Sequence([split(TIKTOKEN % "\\p{N}"), plain]),
        "llama-bpe": pre_tokenizers.Sequence([split(TIKTOKEN % "\\p{N}{1,3}"), plain]),
        "tekken": pre_tokenizers.Sequence([split(TEKKEN), plain]),
        "deepseek-v3": pre_tokenizers.Sequence([
            split("\\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
            split(DEEPSEEK3), plain]),
    }
    for name, p in pre.items():
        t = Tokenizer(models.BPE(ignore_merges=name in ("llama-bpe", "tekken")))
        t.pre_tokenizer, t.decoder = p, decoders.ByteLevel()
        if name == "qwen2":
            t.normalizer = normalizers.NFC()
        t.train_from_iterator([text], trainers.BpeTrainer(
            vocab_size=VOCAB, special_tokens=["<|endoftext|>", "<|im_end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        yield name, t


def spm_tokenizers(text):
    """Small ones in SentencePiece's form: Llama 2's (a space in front) and Gemma's (added tokens that are text)."""
    byte = [f"<0x{b:02X}>" for b in range(256)]
    replace = normalizers.Replace(" ", "\u2581")
    forms = {
        "spm-llama": (["<unk>", "<s>", "</s>"], [], normalizers.Sequence([normalizers.Prepend("\u2581"), replace]), True),
        "spm-gemma": (["<pad>", "<eos>", "<bos>", "<unk>"], ["\n", "\n\n", "\n\n\n", "\t\t", "\u2581\u2581", "<table>", "</table>"],
                      replace, False),
    }
    for name, (special, user, normalizer, prefix) in forms.items():
        t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        t.normalizer, t.pre_tokenizer = replace, pre_tokenizers.Split("\u2581", "merged_with_next")
        t.train_from_iterator([text], trainers.BpeTrainer(vocab_size=VOCAB + 256, special_tokens=special + byte + user,
                                                          show_progress=False))
        spec = json.loads(t.to_str())
        spec["added_tokens"] = [a | {"special": a["content"] in special} for a in spec["added_tokens"] if a["content"] not in byte]
        spec["normalizer"] = json.loads(normalizer.__getstate__())
        spec["pre_tokenizer"] = None
        strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] * prefix
        spec["decoder"] = {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}] + strip}
        t = Tokenizer.from_str(json.dumps(spec))
        t.encode_special_tokens = True
        yield name, t


def llama_cpp_ids(t, all_strings):
    """What llama.cpp makes of the same vocabulary with scores, which are the ranks of the merges."""
    from gguf import GGUFWriter
    from llama_cpp import Llama
    model = json.loads(t.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    scores = {}
    for rank, (a, b) in enumerate(model["merges"]):
        scores.setdefault(a + b, -float(rank + 1))
    types = [2 if s == "<unk>" else 3 if s in ("<s>", "</s>") else 6 if re.fullmatch("<0x..>", s) else 1 for s in tokens]
    with tempfile.TemporaryDirectory() as d:
        w = GGUFWriter(f"{d}/v.gguf", "llama")
        w.add_context_length(64), w.add_embedding_length(8), w.add_block_count(1), w.add_feed_forward_length(8)
        w.add_head_count(1), w.add_layer_norm_rms_eps(1e-5)
        w.add_tokenizer_model("llama"), w.add_token_list(tokens), w.add_token_types(types)
        w.add_token_scores([0.0 if t != 1 else scores.get(s, -float(len(model["merges"]) + 1)) for s, t in zip(tokens, types)])
        w.add_bos_token_id(1), w.add_eos_token_id(2), w.add_unk_token_id(0)
        w.write_header_to_file(), w.write_kv_data_to_file(), w.close()
        m = Llama(f"{d}/v.gguf", vocab_only=True, verbose=False)
        return [m.tokenize(s.encode(), add_bos=False, special=False) for s in all_strings]


def cuts():
    """The published pre-tokenizers; their long lists of characters are taken from our source."""
    with open("src/text/pretok_sets.h", encoding="ascii") as f:
        source = f.read()
    sets = {}
    for name in ("CJK", "CASED", "MARKS", "WIDE"):
        body = re.search(f"#define SET_{name}((?:[^\\n]*\\\\\n)*[^\n]*)", source).group(1)
        plain = "".join(re.findall('"([^"]*)"', body)).replace("\\\\", "\\")
        sets[name] = re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: chr(int(m.group(1), 16)), plain)
    digits, gpt2 = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    seq = pre_tokenizers.Sequence
    older = seq([split("[\r\n]"), split(f"\\s?[{sets['CASED']}]+"), split(f"\\s?[{sets['MARKS']}]+"), split("\\s+$"),
                 split(f"[{sets['WIDE']}]+"), digits])
    coder = seq([split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"), split(f"[{sets['WIDE']}]+"), digits])
    return {"gpt-2": gpt2, "smollm": seq([digits, gpt2]), "qwen2": split(TIKTOKEN % "\\p{N}"),
            "llama-bpe": split(TIKTOKEN % "\\p{N}{1,3}"), "tekken": split(TEKKEN), "deepseek-llm": older, "deepseek-coder": coder,
            "deepseek-v3": seq([split("\\p{N}{1,3}"), split(f"[{sets['CJK']}]+"), split(DEEPSEEK3)])}


def write_lines(path, rows):
    with open(path, "w") as f:
        for k, row in enumerate(rows):
            f.write((" ".join(map(str, row)) if k < FULL else f"{len(row)}:{fnv(row):08x}") + "\n")


def check_training(own, text):
    """The other library, given our rules and special tokens, must learn the same vocabulary."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = own.pre_tokenizer
    specials = [a.content for _, a in sorted(own.get_added_tokens_decoder().items())]
    t.train_from_iterator([text], trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=specials, min_frequency=2,
                                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                      show_progress=False))
    a, b = json.loads(own.to_str())["model"], json.loads(t.to_str())["model"]
    assert a["merges"] == b["merges"] and a["vocab"] == b["vocab"], "the two trainers disagree"


def fnv(ids):
    h = 0x811C9DC5
    for i in ids:
        for byte in i.to_bytes(4, "little"):
            h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def write_ids(name, t, all_strings):
    write_lines(f"{OUT}/{name}.ids", [t.encode(s, add_special_tokens=False).ids for s in all_strings + ["".join(all_strings)]])


def chats(folder):
    t = PreTrainedTokenizerFast.from_pretrained(folder)
    user, answer, system = ((lambda text, role=role: {"role": role, "content": text}) for role in ("user", "assistant",
    "system"))
    talks = [
        ([user("Hello")], True),
        ([system("You are a cat."), user("Hello"), answer("The cat sleeps.")], False),
        ([system("You are a cat."), user("你好"), answer("小猫在河边跑。"), user(" où 42?\n")], True),
        ([user("a"), system("First."), answer("b"), system(""), system("Second."), user("c")], True),
        ([user("")], True),
    ]
    out = []
    for msgs, prompt in talks:
        ids = t.apply_chat_template(msgs, add_generation_prompt=prompt, tokenize=True, return_dict=False)
        out.append({"messages": msgs, "add_generation_prompt": prompt, "ids": ids})
    assert t("Hello").input_ids[0] == t.bos_token_id == 0 and t.eos_token_id == 1 and t.pad_token_id == 2
    assert t.decode(t.encode("Hello , world !", add_special_tokens=False)) == "Hello , world !"
    with open(f"{OUT}/chat.json", "w", encoding="utf8") as f:
        json.dump(out, f, ensure_ascii=False, indent=0)


def main():
    autarky = sys.argv[1]
    rng = random.Random(1)
    os.makedirs(OUT, exist_ok=True)
    text, all_strings = corpus(rng), strings(rng)
    with open(f"{OUT}/corpus.txt", "w", encoding="utf8") as f:
        f.write(text)
    with open(f"{OUT}/strings.json", "w", encoding="utf8") as f:
        json.dump(all_strings, f, ensure_ascii=False, indent=0)
    for name, flags in (("own-digits", []), ("own-numbers", ["--no-single-digits"])):
        with tempfile.TemporaryDirectory() as d:
            subprocess.run([autarky, "tokenizer", "train", "--vocab", str(VOCAB), "--out", f"{d}/tokenizer.json",
                            "--config", f"{d}/tokenizer_config.json", *flags, f"{OUT}/corpus.txt"], check=True)
            shutil.copyfile(f"{d}/tokenizer.json", f"{OUT}/{name}.json")
            own = Tokenizer.from_file(f"{OUT}/{name}.json")
            if name == "own-digits":
                chats(d)
        check_training(own, text)
        write_ids(name, own, all_strings)
    for name, t in [*peer_tokenizers(text), *spm_tokenizers(text)]:
        t.save(f"{OUT}/{name}.json", pretty=False)
        write_ids(name, t, all_strings)
        if name == "spm-llama":
            write_lines(f"{OUT}/{name}.gguf.ids", llama_cpp_ids(t, all_strings + ["".join(all_strings)]))
    for name, p in cuts().items():
        pieces = ([text[a:b] for _, (a, b) in p.pre_tokenize_str(text)] for text in all_strings)
        write_lines(f"{OUT}/{name}.cuts", [[len(piece.encode()) for piece in row] for row in pieces])
    print(sum(os.path.getsize(f"{OUT}/{f}") for f in os.listdir(OUT)), "bytes")


main()
