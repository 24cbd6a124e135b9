#!/usr/bin/env python3
"""Makes the human-written training texts of the first model: models/first/texts and the "texts" part of its MANIFEST.json.

    python3 tools/make_texts.py CORPORA models/first [KEEP_OUT ...]

CORPORA    the folder with en-fairytaleqa, multi-african-storybook, multi-pratham and en-tinystories-sample
KEEP_OUT   folders of evaluation sets: a story that shares a run of 13 words with one of their files is left out

A row is {"text": ..., "source": "title / author / licence"}. The same input gives the same rows; the compressed bytes
also depend on the version of the zstd command. Standard library and the zstd command only.
"""
import bz2
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import unicodedata

NGRAM = 13
MIN_CHARS = 200
MAX_CHARS = 6000
PAGE_CHARS = 240        # picture-book pages are joined into paragraphs of about this length
MOJIBAKE = (("\u00e2\u20ac\u0153", '"'), ("\u00e2\u20ac\u2122", "'"), ("\u00e2\u20ac\u02dc", "'"),
            ("\u00e2\u20ac\u201c", "\u2013"), ("\u00e2\u20ac\u201d", "\u2014"), ("\u00e2\u20ac", '"'))
PLAIN = {"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u00b4": "'", "\u0674": "'", "`": "'",
         "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"', "\u2026": "...", "\u2212": "-",
         "\u2010": "-", "\u2011": "-", "\u2015": "\u2014", "\u00d7": "x", "\u014b": "ng", "\u014a": "Ng", "\u2028": "\n",
         "\u2029": "\n", "\u00ad": "", "\u200b": "", "\ufeff": "", "\u00e6": "ae", "\u00c6": "Ae", "\u0153": "oe"}
# What a story of the TinyStories sample may begin with; only a line break lies between two stories there.
OPENER = re.compile(r"(?:Once|One|There (?:was|were|lived)|It was|Long ago|In a|[A-Z]\w+ and (?:[A-Z]?\w+ )?[A-Z]?\w+ "
                    r"(?:are|were|like|liked|love|loved|went|go|was)|(?:The|A) \w+ (?:was|is|were)|"
                    r"[A-Z]\w+ (?:was|is|likes?|liked|loves?|loved|had|has|wanted|wants))\b")
# Titles of the parts after a story: everything from there on is dropped when it lies in the second half.
BACK_MATTER = re.compile(r"(?:glossary|new words|word list|did you know|things? to (?:do|think)|activit(?:y|ies)|some facts|"
                         r"(?:fun|interesting|more) facts|questions?|quiz|think about it|try this|let's|about the|note|"
                         r"a note|know more|how to make|suggestions for|designing the|the making of|find out|"
                         r"what (?:you )?need|points?|fill in|match the|use your imagination|in the picture above|"
                         r"(?:the|final|these) illustrations|this (?:book|story) (?:was|is|has)|translated|written by)\b",
                         re.I)
# Old tales that speak of a people with contempt are left out; the words are how they are found.
DEGRADING = re.compile(r"\b(?:jews?|jewish|jewess|negro\w*|nigg\w*|gyps(?:y|ies)|gips(?:y|ies)|blackamoor\w*|savages?|heathens?|"
                       r"redskins?|squaws?|chinam[ae]n|half-breed|infidels?|hottentots?|cannibals?)\b", re.I)
# Verse by others that the collection quotes, and a letter that went round before the collection existed.
PRATHAM_SKIP = ("0227_",)


def straighten(text):
    """Quotes, dashes, dots and spaces as plain ASCII, letters without their accents where they have a base letter."""
    for bad, good in MOJIBAKE:
        text = text.replace(bad, good)
    text = text.replace("\r\n", "\n").replace("\ufffd", "")
    text = "".join(PLAIN.get(c, " " if c != "\n" and c.isspace() else c) for c in text)
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"(?<=\d)\u2013(?=\d)", "-", text)
    text = re.sub(r"[ ,;]*(?:--+|[\u2013\u2014])[ ]*", " - ", text)
    text = re.sub(r" - (?=[\"'](?:\s|$))", " -", text)
    text = re.sub(r"(?m)^ - (?=\S)", "", text)
    text = re.sub(r"\. ?\. ?\.(?:[ .]*\.)?", "...", text)
    text = re.sub(r"([!?])\1{2,}", r"\1", text)
    text = re.sub(r"([!?,]) \.(?=\s|$)", r"\1", text)
    text = re.sub(r" +([,;:!?]|\.(?!\.))(?=[\s\"']|$)", r"\1", text)
    return re.sub(r"[ \t]+", " ", text)


def clean_paragraph(par):
    """One paragraph without emphasis marks, note marks and headings; '' when nothing of a story is left."""
    par = re.sub(r"\[(?:\d+|[Ii]llustration[^\]]*)\]|\(\d{1,2}\)|\*+|_+|<[^>]{1,40}>|^#+ .*|https?:\S+", "", par)
    par = re.sub(r" +", " ", par).strip()
    words = re.findall(r"[A-Za-z]+", par)
    if not words or re.fullmatch(r"(?:page|chapter|part|scene)?\W*[\divxlc]*\W*", par, re.I):
        return ""
    if par.upper() == par and len(words) > 1 and not par.endswith(("!", "?", '"')):
        return ""
    return par


def first_word(par):
    """'ONCE UPON a time' as the books of the time begin -> 'Once upon a time'."""
    m = re.match(r"[\"']?((?:[A-Z]{2,}|A|I)(?:[ ,]+(?:[A-Z]{2,}|A(?= [A-Z]{2})))*)\b", par)
    if not m or len(m[1]) < 3:
        return par
    return par[:m.start(1)] + m[1].capitalize() + par[m.end(1):]


def blocks(text, verse_breaks):
    """Splits at blank lines; undoes hard wrapping. verse_breaks: a line that ends a sentence early ends a paragraph."""
    out = []
    for block in re.split(r"\n\s*\n", text):
        cur = ""
        for line in (l.strip() for l in block.split("\n")):
            if not line:
                continue
            ends = re.search(r"[.!?:][\"')]*$", cur.rstrip())
            if cur and not (verse_breaks and ends and len(cur.rsplit("\n", 1)[-1]) < 45):
                cur += "\n" + line
            else:
                out += [cur] if cur else []
                cur = line
        out += [cur] if cur else []
    return [re.sub(r"\s+", " ", b) for b in out]


def join_pages(pars):
    """A sentence that runs on over a page is made whole; short pages of narration become one paragraph."""
    out = []
    for par in pars:
        prev = out[-1] if out else ""
        open_end = prev and not re.search(r"[.!?:][\"')]*$", prev)
        if prev and (open_end or re.search(r"\.\.\.$|,$", prev)) and re.match(r"[\"']?[a-z]", par):
            out[-1] += " " + par
        elif prev and '"' not in prev + par and not open_end and len(prev) + len(par) < PAGE_CHARS:
            out[-1] += " " + par
        else:
            out.append(par)
    return out


def prose(pars):
    """False for word lists, verse and worksheets: too many paragraphs that do not end a sentence."""
    bare = sum(not re.search(r"[.!?:][\"')]*$", p) for p in pars)
    return bool(pars) and bare <= 0.25 * len(pars) and not any("..........." in p for p in pars)


def members(path, prefix):
    """(name, text) of the files of a tar archive below a folder, in the order of their names."""
    with tarfile.open(path) as tar:
        names = sorted(m.name for m in tar.getmembers() if m.isfile())
        for name in names:
            if name.removeprefix("./").startswith(prefix):
                yield os.path.basename(name), tar.extractfile(name).read().decode("utf-8-sig")


def read_fairytales(corpora, split="train"):
    path = os.path.join(corpora, "en-fairytaleqa", "en-fairytaleqa.tar.xz")
    for name, text in members(path, "data-by-train-split/section-stories/" + split + "/"):
        sections = [row["text"] for row in csv.DictReader(io.StringIO(text))]
        wrapped = max(len(l) for s in sections for l in s.split("\n")) < 100
        pars = []
        for section in sections:
            section = straighten(section)
            pars += blocks(section if wrapped else re.sub(r"\n+", "\n\n", section), False)
        pars = [p for p in map(clean_paragraph, pars) if p]
        pars[0] = first_word(pars[0])
        title = name.removesuffix(".csv").removesuffix("-story").replace("-", " ").replace("_", " ")
        yield pars, title + " / FairytaleQA, author not recorded / Apache-2.0"


def read_picture_books(archive, collection, skip=()):
    for name, text in members(archive, "en/"):
        head, _, meta = text.rpartition("\n* License:")
        fields = {}
        for line in ("* License:" + meta).split("\n"):
            m = re.match(r"\* ([A-Za-z ]+): *(.*)", line)
            if m:
                fields.setdefault(m[1], []).append(m[2].strip())
        licence = {"[CC-BY]": "CC BY 4.0", "[Public Domain]": "public domain"}.get(fields["License"][0])
        m = re.match(r"\s*# (.*)", head)
        if not licence or not m or name.startswith(skip) or len(re.findall(r"(?m)^__[^_\n]+:__", head)) > 3:
            continue
        body = straighten(re.sub(r"(?m)^##\s*$", "\n", head[m.end():]))
        pars = []
        raw = blocks(body, True)
        for k, par in enumerate(raw):
            if k > len(raw) // 2 and BACK_MATTER.match(re.sub(r"^[#*_\d. ]+", "", par)) and "\"" not in par:
                break
            if not re.match(r"\*|_Note|Note:", par) and not re.search(r"_{4,}", par):
                pars.append(clean_paragraph(par))
        pars = join_pages([p for p in pars if p])
        if prose(pars):
            who = ", ".join(w for key in ("Text", "Translation", "Translated By", "Adaptation") for w in fields.get(key, []))
            yield pars, "%s / %s (%s) / %s" % (straighten(m[1]).strip(), who, collection, licence)


def read_african(corpora):
    path = os.path.join(corpora, "multi-african-storybook", "multi-african-storybook.tar.xz")
    return read_picture_books(path, "African Storybook")


def read_pratham(corpora):
    path = os.path.join(corpora, "multi-pratham", "multi-pratham.tar.xz")
    return read_picture_books(path, "Pratham Books", PRATHAM_SKIP)


def read_tinystories(corpora):
    with open(os.path.join(corpora, "en-tinystories-sample", "tiny_stories.txt"), encoding="utf-8") as f:
        text = re.sub(r"\n[ \n]*\n", "\n\n", straighten(f.read()))
    stories = []
    for part in re.split(r"(?<!\n)\n(?!\n)", text):
        whole = len(part) >= 400 and part.count("\n\n") >= 2
        begins = OPENER.match(part) and (not stories or len(stories[-1]) >= 250)
        if begins or whole or not stories:
            stories.append(part)
        else:
            stories[-1] += "\n\n" + part
    for story in stories:
        pars = [p for p in map(clean_paragraph, blocks(story, False)) if p]
        if pars and re.search(r"[.!?][\"']?$", pars[-1]):
            yield pars, "TinyStories sample / Ronen Eldan and Yuanzhi Li / CDLA-Sharing-1.0"


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))


def ngrams(text):
    w = words(text)
    return {hash(tuple(w[i:i + NGRAM])) for i in range(len(w) - NGRAM + 1)}


def cut(pars):
    """Pieces of at most MAX_CHARS at paragraph ends, of about equal length. A longer paragraph stays whole."""
    total = sum(len(p) + 2 for p in pars)
    parts = -(-total // MAX_CHARS)
    pieces, cur, size = [], [], 0
    for par in pars:
        if cur and (size + len(par) > MAX_CHARS or size + len(par) / 2 > total / parts):
            pieces.append("\n\n".join(cur))
            cur, size = [], 0
        cur.append(par)
        size += len(par) + 2
    pieces.append("\n\n".join(cur))
    if len(pieces) > 1 and len(pieces[-1]) < MIN_CHARS:
        pieces[-2:] = [pieces[-2] + "\n\n" + pieces[-1]]
    return pieces


def file_texts(path):
    """The texts of a file of an evaluation set, archives member by member."""
    if path.endswith((".tar.xz", ".tar.gz")):
        with tarfile.open(path) as tar:
            for m in tar:
                if m.isfile():
                    yield tar.extractfile(m).read().decode("utf-8", "replace")
    else:
        with (bz2.open if path.endswith(".bz2") else open)(path, "rb") as f:
            yield f.read().decode("utf-8", "replace")


def evaluation_hits(stories, corpora, folders):
    """The ngrams of the stories that occur in evaluation sets; FairytaleQA's own held-out tales are always one."""
    mine = set().union(*(grams for _, _, grams in stories))
    hits = set()
    for split in ("val", "test"):
        for pars, _ in read_fairytales(corpora, split):
            hits |= mine & ngrams("\n".join(pars))
    paths = sorted(os.path.join(d, f) for folder in folders for d, _, files in os.walk(folder) for f in files)
    for path in paths:
        if re.search(r"LICENSE|README|\.md$", os.path.basename(path)):
            continue
        for text in file_texts(path):
            for line in text.replace("\\n", " ").replace("\\u2019", "'").split("\n"):
                hits |= mine & ngrams(line.replace("\u2019", "'"))
    return hits


def select(stories, seen_text, seen_grams, hits, dropped):
    """The stories that are long enough, plain, decent, new and in no evaluation set."""
    kept = []
    for pars, source, grams in stories:
        text = "\n\n".join(pars)
        key = " ".join(words(text))
        if len(text) < MIN_CHARS:
            reason = "short"
        elif sum(ord(c) > 126 for c in text) > 0.02 * len(text):
            reason = "not ASCII"
        elif DEGRADING.search(text):
            reason = "degrading words"
        elif grams & hits:
            reason = "in an evaluation set"
        elif key in seen_text or len(grams & seen_grams) > 0.5 * max(1, len(grams)):
            reason = "duplicate"
        else:
            kept.append((pars, source))
            seen_text.add(key)
            seen_grams |= grams
            continue
        dropped[reason] = dropped.get(reason, 0) + 1
    return kept


def split_rows(stories):
    """(training rows, validation rows): about 1 % of the documents, whole stories, those with the smallest hashes."""
    docs = [[{"text": t, "source": source} for t in cut(pars)] for pars, source in stories]
    total = sum(map(len, docs))
    order = sorted(range(len(docs)), key=lambda k: hashlib.sha256(docs[k][0]["text"].encode()).digest())
    held, count = set(), 0
    for k in order:
        if count >= total / 100:
            break
        held.add(k)
        count += len(docs[k])
    return ([r for k, d in enumerate(docs) if k not in held for r in d], [r for k in sorted(held) for r in docs[k]])


def write(out, name, rows, origin, licence):
    raw = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()
    cmd = ["zstd", "-19", "-q", "-c", "--single-thread", "--stream-size=%d" % len(raw)]
    packed = subprocess.run(cmd, input=raw, stdout=subprocess.PIPE, check=True).stdout
    with open(os.path.join(out, "texts", name), "wb") as f:
        f.write(packed)
    print("%-30s %5d documents %8d bytes, %7d compressed" % (name, len(rows), len(raw), len(packed)))
    return {"sha256": hashlib.sha256(packed).hexdigest(), "documents": len(rows), "bytes": len(raw),
            "bytes_compressed": len(packed), "origin": origin, "licence": licence}


def write_manifest(out, texts):
    """Other parts of the manifest, of the model itself, stay as they are."""
    path = os.path.join(out, "MANIFEST.json")
    manifest = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            manifest = json.load(f)
    manifest["texts"] = texts
    with open(path, "w", encoding="utf-8") as f:
        json.dump(manifest, f, indent=2, ensure_ascii=False)
        f.write("\n")


NOTICE = """# Where the texts come from

The files in texts/ were made by tools/make_texts.py: cleaned, shortened to pieces, without duplicates, without what occurs
in common evaluation sets, and without tales that speak of a people with contempt. Every row of a file names its story,
its authors and its licence in "source". The licences ask for these notices:

- fairytales: FairytaleQA, Apache-2.0.
- tinystories: TinyStories, Ronen Eldan and Yuanzhi Li, CDLA-Sharing-1.0.
- african-storybook: African Storybook (africanstorybook.org), CC BY 4.0 or public domain, changed as said above.
- pratham: Pratham Books (storyweaver.org.in), CC BY 4.0, changed as said above.

Stories by people whom CC BY asks to name:

"""


def write_attribution(out, rows):
    named = sorted({r["source"] for r in rows if r["source"].endswith("CC BY 4.0")})
    with open(os.path.join(out, "ATTRIBUTION.md"), "w", encoding="utf-8") as f:
        f.write(NOTICE + "".join("- %s\n" % n for n in named))


SETS = (
    ("fairytales", read_fairytales, "FairytaleQA, github.com/uci-soe/FairytaleQAData @ a24ddc1736, stories of the train split",
     "Apache-2.0"),
    ("african-storybook", read_african, "African Storybook, github.com/global-asp/asp-source @ 99e022369a, folder en",
     "CC-BY-4.0"),
    ("pratham", read_pratham, "Pratham Books, github.com/global-asp/pb-source @ 9ea530dfb0, folder en", "CC-BY-4.0"),
    ("tinystories", read_tinystories, "TinyStories (Eldan and Li, 2023), sample in github.com/s-ajaykumar/smallGPT "
     "@ b8b899265a", "CDLA-Sharing-1.0"),
)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    corpora, out, folders = sys.argv[1], sys.argv[2], sys.argv[3:]
    os.makedirs(os.path.join(out, "texts"), exist_ok=True)
    sets = [[(pars, source, ngrams("\n".join(pars))) for pars, source in read(corpora)] for _, read, _, _ in SETS]
    hits = evaluation_hits([s for stories in sets for s in stories], corpora, folders)
    seen_text, seen_grams, texts, all_rows = set(), set(), {}, []
    for (name, _, origin, licence), stories in zip(SETS, sets):
        dropped = {}
        kept = select(stories, seen_text, seen_grams, hits, dropped)
        print("%s: %d stories, %d kept, dropped %s" % (name, len(stories), len(kept), dropped or "none"))
        for suffix, rows in zip((".jsonl.zst", ".val.jsonl.zst"), split_rows(kept)):
            texts["texts/" + name + suffix] = write(out, name + suffix, rows, origin, licence)
            all_rows += rows
    write_attribution(out, all_rows)
    write_manifest(out, texts)


if __name__ == "__main__":
    main()
