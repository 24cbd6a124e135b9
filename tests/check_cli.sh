#!/bin/sh
# The program from outside: check_cli.sh PROGRAM MODEL FOLDER (called by check_cli.c). Writes "passed failed" into
# FOLDER/counts; its exit status is the number of failures.
a=${1:?PROGRAM MODEL FOLDER} model=${2:?MODEL} dir=${3:?FOLDER}
HOME=$dir XDG_STATE_HOME=$dir/state XDG_DATA_HOME=$dir/data NO_COLOR=1 AUTARKY_THREADS=1
export HOME XDG_STATE_HOME XDG_DATA_HOME NO_COLOR AUTARKY_THREADS
unset AUTARKY_MODEL CLICOLOR_FORCE
out=$dir/out err=$dir/err

. tests/shell.sh

# help and mistakes
t 2; has "$err" perplexity; empty "$out"
# help fits into 80 columns, but for lines that are examples
for c in chat run pull list show cp rm convert quantize tokenize plan doctor perplexity compare imatrix render train 'tokenizer parity' 'data prepare'; do
    t 0 $c -h; if awk 'length > 80 && !/^  (autarky|[a-z]+:)/ && !/^  org/ { bad = 1 } END { exit bad }' "$out"; then ok; else bad "$what: a line is longer than 80"; fi
done
t 0 quantize -h; has "$out" '--to FORMAT  *number format (q8_0): q8_0, q6_k'
t 0 help; has "$out" chat; empty "$err"
t 0 --version; has "$out" '^autarky [0-9]'
t 0 run -h; has "$out" --max-tokens
t 0 help quantize; has "$out" --to
if [ -e /dev/full ]; then
    for w in help version 'help run' 'run -h' 'bench -h'; do
        # shellcheck disable=SC2086  # words
        timeout 60 "$a" $w >/dev/full 2>"$err"
        if [ $? = 1 ] && grep -q 'cannot write' "$err"; then ok; else bad "$w on a full disk"; fi
    done
fi
t 2 chta; has "$err" 'did you mean chat'; hasnt "$err" 'autarky chta:'
t 2 run "$model" hi --temp 9; has "$err" 'autarky run: --temp is 9, expected 0 to 5'; empty "$out"
t 2 run "$model" hi --tepm 1; has "$err" 'did you mean --temp'
t 2 run "$model" hi --seed -1; has "$err" 'seed is "-1"'
t 2 run "$model" hi --attention other; has "$err" 'absorbed, plain'
t 2 run "$model" hi --form other; has "$err" 'absorbed, plain' # its earlier name
t 2 bench tokenizer; has "$err" 'expected one model'; empty "$out"
t 0 bench tokenizer "$model" --text tests/fixtures/text/corpus.txt --json; has "$out" '"mb_per_second":'; empty "$err"
t 2 run "$model" hi --max-tokens; has "$err" 'needs a value'
t 2 run "$model"; has "$err" 'no prompt'
t 2 chat "$model" hello
t 3 bench nothing
t 2 bench krnels; has "$err" 'did you mean kernels'; empty "$out"
for c in $("$a" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    if grep -qx "\.B $c" share/man/autarky.1; then ok; else bad "share/man/autarky.1: nothing about $c"; fi
done
t 2 doctor here; has "$err" '"here"'; empty "$out"
t 2 quantize "$model"
t 2 quantize "$model" "$model"; has "$err" 'another name'

# models that are not there, or not models
t 3 run "$dir/none.gguf" hi; has "$err" 'no such file'
# A copy of the program that lies in no repository: the model that ships there must not be found.
mkdir -p "$dir/bin" && cp "$a" "$dir/bin/autarky"
(cd "$dir" && a=$dir/bin/autarky && t 3 run hi; has "$err" 'no model found'; has "$err" AUTARKY_MODEL; echo "$passed $failed" >"$dir/sub")
read -r passed failed <"$dir/sub"
head -c 3000 "$model" >"$dir/cut.gguf"
t 1 run "$dir/cut.gguf" hi; has "$err" cut.gguf; empty "$out"
head -c 5000 /dev/zero >"$dir/zero.gguf"
t 1 run "$dir/zero.gguf" hi; has "$err" zero.gguf
esc=$(printf '\033')
t 3 run "$dir/x${esc}[31m.gguf" hi

# names: what is no model here is never taken for a prompt
t 3 run llama3.2 hi; has "$err" 'no model "llama3.2"'; empty "$out"
t 3 run smollm2:135m; has "$err" 'smollm2:135m is not on this machine; autarky pull'; empty "$out"
t 3 run mistral 'Tell me a story'; has "$err" 'no model "mistral"'; has "$err" 'run -- mistral'; empty "$out"
t 3 run modelname 'Tell me a story'; has "$err" 'no model "modelname"'
t 3 run org/name hi; has "$err" 'autarky pull'
t 3 run llama3.2 hi; has "$err" 'llama-3.2-1b or llama-3.2-3b'
t 3 pull llama3.2; has "$err" 'did you mean llama-3.2-1b'
t 2 pull nosuchmodel; has "$err" 'ORG/MODEL'
t 2 pull nosuch-coder:0.5b; has "$err" 'ORG/MODEL'
HF_HUB_OFFLINE=1; export HF_HUB_OFFLINE
t 5 pull llama3.2:1b; has "$err" 'llama3.2:1b is [A-Za-z]*/Llama-3.2-1B'
t 3 pull qwen3:latest; has "$err" 'qwen3-0.6b or qwen3-1.7b'
unset HF_HUB_OFFLINE
t 3 run no-such-model hi; has "$err" 'no model'
mkdir -p "$dir/words" && : >"$dir/words/Hello" && mkdir -p "$dir/words/hi" && mkfifo "$dir/words/pipe"
abs=$(readlink -f "$a") absmodel=$(readlink -f "$model")
(cd "$dir/words" && a=$abs && AUTARKY_MODEL=$absmodel && export AUTARKY_MODEL && t 0 run -n 2 Hello world && t 0 run -n 2 hi there && t 0 run -n 2 pipe dreams; echo "$passed $failed" >"$dir/sub")
read -r passed failed <"$dir/sub"
t 3 chat qwen3-8b; has "$err" 'autarky pull qwen3-8b'
AUTARKY_MODEL=$model; export AUTARKY_MODEL
t 0 run -n 3 -- llama3.2 hi; has "$err" 'the answer is from'
t 0 run -n 3 Hello; has "$err" 'the answer is from'
t 0 run -n 3 Tell me 2 stories
unset AUTARKY_MODEL
t 0 pull --help; has "$out" 'autarky pull qwen3-8b'

# a run's folder is a model, by path and by name; so is what list shows
mkdir -p "$dir/runs/mine" "$dir/runs/begun" && cp "$model" "$dir/runs/mine/model.gguf" && : >"$dir/runs/mine/recipe.txt" && : >"$dir/runs/begun/recipe.txt"
abs=$(readlink -f "$a") absmodel=$(readlink -f "$model")
(cd "$dir" && a=$abs model=$absmodel && t 0 list; has "$out" '^runs/mine .*this folder'; has "$out" '^first .*ships'
t 0 run runs/mine -n 2 hi; t 0 run mine -n 2 hi; t 0 run first -n 2 hi; t 0 show mine; has "$out" deepseek2; t 0 tokenize runs/mine hi; t 0 plan mine
t 3 run runs/begun hi; has "$err" 'not made its model yet'; t 3 run begun2 hi
t 0 cp mine copy.gguf; same copy.gguf "$model" 'the copy'
# names with blanks, paths, and what is nearly a name
mkdir -p 'runs/ma classe à moi' kept && cp "$model" 'runs/ma classe à moi/model.gguf' && : >'runs/ma classe à moi/recipe.txt'
t 0 run 'ma classe à moi' -n 2 hi; empty "$err"; t 0 show 'runs/ma classe à moi'; t 0 tokenize 'ma classe à moi' hi
t 0 cp 'ma classe à moi' copy2.gguf; same copy2.gguf "$model" 'the copy'
t 0 cp ./copy2.gguf kept; same kept/copy2.gguf "$model" 'the copy'; t 2 cp copy2.gguf kept; has "$err" 'exists already'
t 2 rm -y copy2.gguf; has "$err" 'deleted as any other file'; is -f copy2.gguf; t 2 rm -y "$dir/copy2.gguf"; has "$err" 'as any other file'
t 3 rm -y 'ma classe à moi'; is -f 'runs/ma classe à moi/model.gguf'
t 3 chat mina; has "$err" 'did you mean mine?'; t 3 chat runs/mina; has "$err" 'did you mean runs/mine?'
t 2 copy2.gguf; has "$err" 'as autarky chat copy2.gguf'; t 2 mine; has "$err" 'as autarky chat mine'
echo "$passed $failed" >"$dir/sub")
read -r passed failed <"$dir/sub"

# options of other programs
t 0 run -m "$model" -p 'Tell me' --seed 3 --n-predict 20 --ctx-size 64 -ngl 99 -fa on --top_p 0.95 --threads-batch 2; cp "$out" "$dir/other"
has "$err" '-ngl is passed over'; has "$err" '-fa is passed over'; has "$err" '--threads-batch is passed over'
t 0 run "$model" --seed 3 -n 20 Tell me; same "$out" "$dir/other" 'the options of another program'
t 0 run "$model" --temperature 0 --repeat-penalty 1 -n -1 --think=false --json Tell me; has "$out" '"temp":0'
t 2 run "$model" --lora x hi; has "$err" 'adapters are not read yet'
t 2 run "$model" -i hi; has "$err" 'autarky chat'
t 2 run "$model" --json-schema '{}' hi; has "$err" 'no grammars'
t 2 run -m "$model" -m "$model" hi; has "$err" 'named twice'
t 2 run "$model" -m "$model" hi; has "$err" 'two models'
t 2 run "$model" -e hi; has "$err" 'escapes'
t 2 -m "$model" -p hi; has "$err" 'a command comes first'
t 2 serve --nosuch; has "$err" 'unknown option --nosuch'
t 0 run "$model" -ctv f16 -n 2 hi; has "$err" 'the default is as wide'
t 2 run "$model" --raw --system Be hi; has "$err" 'belong to chats'
t 2 run "$model" -n 0 hi; has "$err" 'max-tokens is 0'
t 2 run "$model" --json --jsonl hi; has "$err" 'exclude each other'
echo '[]' >"$dir/nothing.json"
t 2 run "$model" --messages "$dir/nothing.json"; has "$err" 'nothing to answer'
t 0 tokenize "$model" -f tests/fixtures/text/corpus.txt --ids; has "$err" 'bytes per token'
t 2 doctor -ngl 5; has "$err" 'unknown option'

# what a model takes: the shipped one fits, the largest does not, and nothing of it is needed to know that
t 0 plan "$model"; has "$out" 'Yes, it fits'; has "$out" 'tokens per second at most'; empty "$err"
t 4 plan deepseek-r1 --quant q4_k --memory 24G; has "$out" '671.03 B parameters'; has "$out" 'No, it does not fit'; has "$out" 'a machine with'
t 0 plan deepseek-ai/DeepSeek-R1 --quant q4_k --memory 900G --json; has "$out" '"fits":true'; has "$out" '"kind":"experts"'
mkdir -p "$dir/bare" && cp tests/fixtures/models/llama/config.json "$dir/bare"
t 0 plan "$dir/bare"; has "$out" 'as q4_k_m'
t 2 plan "$dir/bare" --quant q4; has "$err" 'no format'
t 3 plan qwen3-8c; has "$err" 'did you mean qwen3-8b'
t 4 run "$model" hi --memory 1M; has "$err" 'does not fit'

# one answer: the same bits whatever the chunk and the threads, and only the answer on stdout
t 0 run "$model" --seed 3 -n 20 -t 1 Tell me; cp "$out" "$dir/one"; empty "$err"
t 0 run "$model" --seed 3 -n 20 -t 3 --chunk 1 Tell me; same "$out" "$dir/one" 'another chunk size and threads'
t 0 run "$model" --seed 3 -n 20 -t 2 --chunk 5 'Tell me'; same "$out" "$dir/one" 'one argument'
t 0 run "$model" --seed 3 -n 20 --level c Tell me; same "$out" "$dir/one" 'the C kernels'
t 0 run "$model" --seed 4 -n 20 Tell me
if cmp -s "$out" "$dir/one"; then bad "$what: another seed, the same answer"; else ok; fi
AUTARKY_MODEL=$model; export AUTARKY_MODEL
t 0 run --seed 3 -n 20 Tell me; same "$out" "$dir/one" 'the model from the environment'
unset AUTARKY_MODEL
mkdir -p "$dir/data/autarky/models/first" && cp "$model" "$dir/data/autarky/models/first/first.gguf"
(cd "$dir" && a=$dir/bin/autarky && t 0 run --seed 3 -n 20 Tell me; same "$out" "$dir/one" 'the default model'; echo "$passed $failed" >"$dir/sub")
read -r passed failed <"$dir/sub"
p 0 'Tell' run "$model" --seed 3 -n 20 me; cp "$out" "$dir/two"
t 0 run "$model" --seed 3 -n 20 'Tell

me'; same "$out" "$dir/two" 'stdin, blank line, prompt'
printf 'Tell' >"$dir/part.txt"
t 0 run "$model" --seed 3 -n 20 -f "$dir/part.txt" me; same "$out" "$dir/two" 'a file before the prompt'
p 0 'Tell\n' run "$model" --seed 3 -n 20 - me; same "$out" "$dir/two" 'stdin by -'

# JSON
t 0 run "$model" --seed 3 -n 20 --json Tell me
for k in '"text":"' '"stop":"' '"seed":3' '"tokens":20' '"prompt_tokens":' '"level":"' '"version":"'; do has "$out" "$k"; done
if [ "$(wc -l <"$out")" = 1 ]; then ok; else bad "$what: not one line"; fi
t 0 run "$model" --seed 3 -n 5 --jsonl Tell me; has "$out" '^{"text":"'; has "$out" '"done":true'
t 0 run "$model" -n 20 --json Tell me; has "$out" '"seed":[0-9]'
t 0 doctor --json; has "$out" '"kernel_level":"'; has "$out" 'first.gguf'; has "$out" '"curl":"[0-9]'
has "$out" '"free_bytes":[0-9]'; has "$out" '"weights_bytes":[0-9]'; has "$out" '"threads":[0-9]'; has "$out" '"columns":80'
t 0 show "$model" --json; has "$out" '"chat": {"form": "deepseek-v3", "thinking": false'
abs=$(readlink -f "$a")
(cd "$dir" && a=$abs && t 0 doctor --json; has "$out" 'models/first/first.gguf'; hasnt "$out" '/\.\./'; echo "$passed $failed" >"$dir/sub")
read -r passed failed <"$dir/sub"

# ends
t 0 run "$model" --seed 3 -n 40 --temp 0 --ignore-end --raw --json Once; has "$out" '"stop":"length"'
text=$(sed 's/^{"text":"//; s/","stop".*//' "$out")
word=$(printf '%s' "$text" | tr -c 'a-zA-Z' '\n' | awk 'length($0) >= 2 {print; exit}')
if [ -n "$word" ]; then
    t 0 run "$model" --seed 3 -n 40 --temp 0 --ignore-end --raw --json --stop "$word" Once
    has "$out" '"stop":"string"'
    hasnt "$out" "\"text\":\"[^\"]*$word"
else
    bad "the tiny model writes no word: $text"
fi
t 8 run "$model" --seed 3 -n 3 --ignore-end --fail-on-length Tell me
t 0 run "$model" --seed 3 --ignore-end --json Tell me; has "$out" '"stop":"context"'
t 1 run "$model" --ctx 8 --raw 'Once upon a time there was a little fox who lived in the wood'; has "$err" 'context holds 8'; empty "$out"
t 4 run "$model" --memory 300K hi; has "$err" 'does not fit: weights 0.4 MiB + cache of 1 x 256 tokens'; empty "$out"
t 0 run "$model" --memory 16M -t 1 -n 1 hi
first=models/first/first.gguf
t 0 run "$first" --memory 12M -t 1 -n 1 hi; has "$err" 'context of 1024 tokens does not fit .* tokens do, and are used'
t 4 run "$first" --memory 12M -t 1 -n 1 --ctx 1024 hi; has "$err" 'with --ctx [0-9]* it fits'
t 0 plan "$first" --memory 12M -t 1; has "$out" "the model's 1,024 do not fit"; has "$out" 'Yes, it fits with a context of'
t 4 plan "$first" --memory 12M -t 1 --ctx 1024; has "$out" 'No, it does not fit'
t 0 plan "$first" --json; has "$out" '"memory_free_from":"/'; has "$out" '"threads":1'; has "$out" '"processors":'
t 0 doctor; has "$out" '^memory .* MiB free of .* (/'
t 1 run "$model" --ctx 100000 hi; has "$err" 'the model holds 1 to 256'
timeout 60 "$a" run "$model" --ignore-end Tell me </dev/null 2>"$err" | head -c 1 >"$out"
if [ -s "$err" ]; then bad "a closed pipe is told about"; else ok; fi
if [ -e /dev/full ]; then
    timeout 60 "$a" run "$model" -n 5 Tell me </dev/null >/dev/full 2>"$err"
    if [ $? = 1 ] && grep -q 'cannot write' "$err"; then ok; else bad "a full disk goes unnoticed"; fi
fi

# chat through a pipe
p 0 'Tell me a story\n/set seed 9\n/tokens\n//x\n' chat "$model" --seed 1 -n 6
has "$err" 'seed 9'; has "$err" 'tokens in 2 messages'
# a command that fails ends a script: what follows builds on it
p 2 '/set temp 7\nTell me\n' chat "$model" -n 6; has "$err" 'temp is 7, expected 0 to 5'; empty "$out"
p 0 '/set parameter temperature 0.5\n/set num_predict -1\n/set seed random\n/set system Be kind\n/show\n' chat "$model"
has "$err" 'temp 0.5'; has "$err" 'max -1'; has "$err" 'system message: Be kind'
p 2 '/set tmp 1\nTell me\n' chat "$model" -n 6; has "$err" 'no setting "tmp"; did you mean temp'; empty "$out"
p 2 '/set colour 1\n' chat "$model"; has "$err" 'no setting "colour"; there are temp'
p 2 '/sav x\nTell me\n' chat "$model" -n 6; has "$err" 'did you mean /save'; empty "$out"
p 2 'Tell me\n/undo\n/undo\n' chat "$model" -n 6; has "$err" 'nothing to take back'
p 1 '"""\nTell\nme\n' chat "$model" -n 6; has "$err" 'ends inside a text'; empty "$out"
p 0 'Tell me\n/regen\n/undo\n' chat "$model" --seed 1 -n 6 --json
if [ "$(wc -l <"$out")" = 2 ]; then ok; else bad "$what: expected two answers"; fi
has "$out" '"seed":2'
p 0 "/system Be kind\nTell me\n/save $dir/chat.json\n/load $dir/chat.json\nTell me\n/save '$dir/chat.json'\n/save ~/my chat.json\n" \
    chat "$model" -n 6
has "$dir/chat.json" '"Be kind"'; has "$err" '3 messages read'; has "$err" '5 messages written'; has "$dir/my chat.json" '"Be kind"'
cp "$dir/chat.json" "$dir/chat2.json"
p 2 "Tell me\n/save $dir/chat.json\n" chat "$model" -n 6; has "$err" 'chat.json exists'; same "$dir/chat.json" "$dir/chat2.json" 'the older chat'
echo '[{"role": "user", "content": "Tell me"}]' >"$dir/list.json"
p 2 "Tell me\n/save $dir/part.txt\n" chat "$model" -n 6; has "$err" 'part.txt exists'
p 2 "Tell me\n/save \"$dir/open\n" chat "$model" -n 6; has "$err" 'a quote is not closed'
p 0 "/load $dir/list.json\n/tokens\n" chat "$model"; has "$err" '1 messages read'
p 3 "/load $dir/none.json\n" chat "$model"
p 1 'Tell me a story about the fox who lived in a wood with a bear and an owl and a mouse\n' chat "$model" --ctx 20
has "$err" 'this message alone has [0-9]* tokens'
p 1 'Tell me a story about the fox\nand once more about the moon\n' chat "$model" --ctx 30 --temp 0 -n 20
has "$err" '/new begins'
p 0 'Tell me a story about the fox\nand once more about the moon\n' chat "$model" --ctx 30 --temp 0 -n 20 --forget oldest
has "$err" 'are forgotten'
if [ -e "$dir/state/autarky/history" ]; then bad "a piped chat has written a history"; else ok; fi

# quantize, export, perplexity
printf 'Once upon a time there was a little fox. The owl said: tell me a story about the moon and the river.\n' >"$dir/text.txt"
t 0 perplexity "$model" "$dir/text.txt" --json; has "$out" '"perplexity":'; cp "$out" "$dir/ppl"
nats=$(sed 's/.*"nats_per_token":\([0-9.]*\).*/\1/' "$dir/ppl")
t 0 perplexity "$model" "$dir/text.txt" --ctx 16 -t 2; has "$out" 'bits/byte'
t 3 perplexity "$model" "$dir/none.txt"
t 0 perplexity "$model" "$dir/text.txt" --ctx 16 --json --logits "$dir/logits"
if [ "$(wc -c <"$dir/logits")" = "$(sed 's/.*"tokens":\([0-9]*\).*"vocab":\([0-9]*\).*/\1 \2/' "$out" |
    awk '{ print 4 * $1 * $2 }')" ]; then ok; else bad "$what: the size of the logits"; fi
t 2 perplexity "$model" "$dir/text.txt" --logits "$dir/../${dir##*/}/text.txt"; has "$err" 'is the text'
t 2 perplexity "$model" "$dir/text.txt" --logits "$model"; has "$err" 'is the model'
t 1 perplexity "$model" "$dir/text.txt" --logits "$dir/none/logits"; has "$err" 'none/logits: cannot create'
if [ -e /dev/full ]; then t 1 perplexity "$model" "$dir/text.txt" --logits /dev/full; has "$err" '/dev/full: cannot write'; fi
t 0 quantize "$model" "$dir/q8.gguf" --json; has "$out" '"type":"q8_0"'; has "$out" '"relative_rms_error":0.00'
t 0 run "$dir/q8.gguf" --seed 3 -n 20 --json Tell me; has "$out" '"compute":"int8"'
t 0 perplexity "$dir/q8.gguf" "$dir/text.txt" --json
if awk -v a="$nats" -v b="$(sed 's/.*"nats_per_token":\([0-9.]*\).*/\1/' "$out")" 'BEGIN { d = a - b; exit !(a > 0 && d < 0.1 && d > -0.1) }'
then ok; else bad "$what: q8_0 is far from f32 ($nats nats)"; fi
t 0 export "$model" "$dir/folder"; has "$dir/folder/config.json" deepseek_v3
t 0 run "$dir/folder" --seed 3 -n 20 Tell me; same "$out" "$dir/one" 'the same model as a folder'
t 0 export "$dir/folder" "$dir/back.gguf"
t 0 run "$dir/back.gguf" --seed 3 -n 20 Tell me; same "$out" "$dir/one" 'the same model, there and back'
t 0 convert "$dir/q8.gguf" "$dir/folder8"; has "$err" 'rounded to bf16'
t 1 convert "$dir/q8.gguf" "$dir/folder9" --to q8_0; has "$err" 'cannot hold q8_0'
t 0 convert "$model" "$dir/shards" --shard 1 --json; has "$out" '"container":"folder"'
t 2 convert "$model" "$dir/folder" --to q9; has "$err" "no number format"
t 2 quantize "$model" "$dir/x.gguf" --to q4_kk; has "$err" 'did you mean'
t 1 quantize "$model" "$dir/x.gguf" --to iq2_xxs; has "$err" 'read and not written'; has "$err" 'written are .*iq4_xs'
t 2 quantize "$model" "$dir/x.gguf" --type ffn_dow=q6_k; has "$err" 'no matrix fits the pattern "ffn_dow"'
t 0 quantize "$model" "$dir/x.gguf" --force --to q4_0 --type 'ffn_*=q5_1' --type 'blk.0=q8_0'
has "$err" 'blk.0.attn_output.weight *q8_0'; has "$err" 'blk.1.ffn_[a-z_]*.weight *q5_1'; has "$err" 'blk.1.attn_output.weight *q4_0'
t 0 quantize "$dir/q8.gguf" "$dir/q4.gguf" --to q4_0 -q; has "$err" 'quantised already'
# what exists is replaced only when that was said; each type's share; names and advice
cp "$dir/q4.gguf" "$dir/q4.before"
t 2 quantize "$model" "$dir/q4.gguf" Q4_1; has "$err" 'q4.gguf exists'; has "$err" 'force'; same "$dir/q4.gguf" "$dir/q4.before" 'the older file'
t 2 convert "$model" "$dir/folder"; has "$err" 'holds a model'
t 0 convert "$model" "$dir/folder" --to bf16 --force; has "$err" 'tensors* bf16'
# what is read is not written
cp "$model" "$dir/own.gguf"
t 2 imatrix "$dir/own.gguf" "$dir/text.txt" -o "$dir/own.gguf"; has "$err" 'is read and written'; same "$dir/own.gguf" "$model" 'the model'
t 2 run "$dir/own.gguf" hi -n 2 --trace "$dir/own.gguf"; has "$err" 'is read and written'; same "$dir/own.gguf" "$model" 'the model'
cp "$dir/text.txt" "$dir/text2.txt"
t 2 tokenizer train --vocab 300 -o "$dir/text2.txt" "$dir/text2.txt"; has "$err" 'is read and written'; same "$dir/text.txt" "$dir/text2.txt" 'the text'
t 0 tokenizer train --vocab 300 -o "$dir/tok.json" "$dir/text.txt"
t 2 data prepare -t "$dir/tok.json" -o "$dir/text2.txt" "$dir/text2.txt"; has "$err" 'is read and written'; same "$dir/text.txt" "$dir/text2.txt" 'the text'
t 0 quantize "$model" "$dir/q4.gguf" Q4_0 --force; has "$err" 'became'; has "$err" 'tensors* q4_0'; has "$err" 'tensors* f32'
t 2 quantize "$model" "$dir/x2.gguf" Q4_0 --to q8_0; has "$err" 'one FORMAT'
t 0 show "$dir/q4.gguf"; has "$out" 'general.name'
t 0 convert "$model" "$dir/advice.gguf" --name 'A fox' --advise temperature=0.25 --advise top_k=7 --advise repetition_penalty=1.1
t 0 show "$dir/advice.gguf"; has "$out" 'A fox'; has "$out" 'sampling.temp'; has "$out" 'sampling.penalty_repeat'
t 0 run "$dir/advice.gguf" -n 2 --json hi; has "$out" '"temp":0.25,'; has "$out" '"top_k":7'; has "$out" '"repeat":1.1'
t 0 convert "$dir/advice.gguf" "$dir/advice"; has "$dir/advice/generation_config.json" '"temperature": 0.25'
t 0 convert "$dir/advice" "$dir/advice2" --advise temperature=0.5; has "$dir/advice2/generation_config.json" '"temperature": 0.5'
t 2 convert "$model" "$dir/x3.gguf" --advise temprature=1; has "$err" 'is no advice'
t 2 convert "$model" "$dir/x3.gguf" --advise top_p=2; has "$err" 'expected a number from 0 to 1'
# temperature 0 is the likeliest token, whatever the file advises; a penalty of one's own is said to do nothing
t 0 run "$dir/advice.gguf" -n 40 --temp 0 --ignore-end Tell me; cp "$out" "$dir/greedy"
t 0 run "$model" -n 40 --temp 0 --ignore-end Tell me; same "$out" "$dir/greedy" 'advice on penalties'
t 0 run "$model" -n 40 --temp 0 --repeat 1.5 --ignore-end Tell me; same "$out" "$dir/greedy" 'a penalty'; has "$err" 'repeat has no effect'

# imatrix, compare, tokenize
t 0 imatrix "$model" "$dir/text.txt" -o "$dir/im.gguf" --json; has "$out" '"weights":'
t 3 imatrix "$model" "$dir/none.txt" -o "$dir/im2.gguf"
t 2 imatrix "$model" "$dir/text.txt"
t 0 quantize "$model" "$dir/q4.gguf" --force --to q4_0 --imatrix "$dir/im.gguf" --json; has "$out" '"importance":true'
t 1 quantize "$model" "$dir/x.gguf" --force --to q4_0 --imatrix "$model"; has "$err" 'no importance matrix'
t 0 compare "$model" "$model" --text "$dir/text.txt" --json; has "$out" '"kl_max":0.0'; has "$out" '"same_top_share":1.0'
t 0 compare "$model" "$dir/q4.gguf"; has "$out" 'KL divergence'; has "$out" 'near-ties'
t 2 compare "$model"
t 3 compare "$model" "$dir/none.gguf"
t 0 tokenize "$model" "the fox"; has "$out" '" fox"'; has "$err" 'bytes per token'
t 0 tokenize "$model" "the fox" --ids; has "$out" '[0-9]'
t 0 tokenize "$model" "the fox" --json; has "$out" '"bytes":7'
p 0 'the fox' tokenize "$model" - --line; has "$out" '" fox"'
t 2 tokenize

# texts: one reader for all commands; other encodings, packed text, JSON lines with a bad one, folders, names with blanks
txt=$dir/texts; mkdir -p "$txt/my letters"
printf 'The fox met a hare. The owl met a hen. The fox saw the owl.\n' >"$txt/my letters/one two.txt"
printf '{"text": "The fox met a hare. The owl met a hen. The fox saw the owl."}\n' >"$txt/good.jsonl"
{ cat "$txt/good.jsonl"; printf 'no JSON\n{"text": null}\n{"texd": "x"}\n'; cat "$txt/good.jsonl"; } >"$txt/bad.jsonl"
printf 'caf\351\n' >"$txt/latin.txt"; printf 'caf\303\251\n' >"$txt/utf.txt"
printf '\377\376c\000a\000f\000\351\000\n\000' >"$txt/utf16.txt"
t 0 data generate stories --count 3 --out "$txt/made.jsonl"
t 0 data generate stories --count 3 --out "$txt/made.jsonl.zst"
t 0 perplexity "$model" "$txt/my letters/one two.txt" --json; tokens=$(sed 's/.*"tokens":\([0-9]*\),.*/\1/' "$out")
t 0 perplexity "$model" "$txt/good.jsonl" --json; has "$out" "\"tokens\":$((tokens - 1)),"
t 0 perplexity "$model" "$txt/made.jsonl" --ctx 32 --json; made=$(sed 's/.*"tokens":\([0-9]*\),.*/\1/' "$out")
t 0 perplexity "$model" "$txt/made.jsonl.zst" --ctx 32 --json; has "$out" "\"tokens\":$made,"
t 0 perplexity "$model" "$txt/my letters" --json; has "$out" "\"tokens\":$tokens,"
t 0 perplexity "$model" "$txt/my letters/one two.txt" -n 5 --json; has "$out" '"tokens":5,'
t 1 perplexity "$model" "$txt/bad.jsonl"; has "$err" 'bad.jsonl:2: '; has "$err" 'skip-bad-lines'
t 0 perplexity "$model" "$txt/bad.jsonl" --skip-bad-lines --json; has "$out" "\"tokens\":$((2 * tokens - 2)),"
has "$err" 'left out: 2 bad lines, 1 empty texts; the first: .*bad.jsonl:2'
t 0 perplexity "$model" "$txt/utf.txt" --json; sed 's/.*nats_per_token/nats/; s/"seconds.*//' "$out" >"$dir/utf"
for f in latin utf16; do
    t 1 perplexity "$model" "$txt/$f.txt"; has "$err" "$f.txt:1: "; has "$err" 'iconv -f'
    e=ISO-8859-1; [ $f = latin ] || e=utf16
    t 0 perplexity "$model" "$txt/$f.txt" --encoding $e --json; sed 's/.*nats_per_token/nats/; s/"seconds.*//' "$out" >"$dir/other"
    same "$dir/other" "$dir/utf" 'the same text in UTF-8'
    t 1 imatrix "$model" "$txt/$f.txt" -o "$dir/im3.gguf"; has "$err" "$f.txt:1: "
    t 1 tokenizer train --out "$dir/t.json" "$txt/$f.txt"; has "$err" "$f.txt:1: "
    t 0 tokenizer train --vocab 262 --out "$dir/t.json" --encoding $e "$txt/$f.txt"; has "$err" 'from 6 bytes'
    t 1 tokenizer parity "$dir/t.json" "$txt/$f.txt"
    t 1 compare "$model" "$model" --text "$txt/$f.txt"
    t 1 data manifest "$txt/$f.txt"
    t 0 data manifest "$txt/$f.txt" --encoding $e; has "$out" '"bytes":5,'
done
t 0 tokenizer train --vocab 270 --out "$dir/t.json" "$txt/good.jsonl" "$txt/my letters"; has "$err" 'from 119 bytes'
t 0 data prepare -t "$dir/t.json" -o "$dir/t.tok" "$txt/bad.jsonl" --skip-bad-lines --json
has "$out" '"documents":2'; has "$out" '"skipped_lines":2'; has "$out" '"empty_texts":1'
t 0 data manifest "$txt/bad.jsonl" --skip-bad-lines; has "$out" '"skipped_lines":2'
t 2 data prepare -t "$dir/t.json" -o "$dir/t.tok" 'generate:stories?seed=1&count=-1'; has "$err" 'whole numbers'
t 3 data prepare -t "$dir/t.json" -o "$dir/t.tok" "$txt/*.doc"; has "$err" 'no file matches'
t 2 data generate stories --count 100000000000 --out "$dir/s.jsonl"

# a recipe: all faults at once; then a run on those texts that is stopped, refused and resumed
printf '[model]\nhiden_size = 8\n[data]\nsource = a x\n[train]\nlr = x\n' >"$dir/bad.recipe"
t 2 train "$dir/bad.recipe"; has "$err" '3 faults'; has "$err" '  .*bad.recipe:2: unknown key "hiden_size".*"hidden_size"'
has "$err" '  .*bad.recipe:6: lr = "x"'; has "$err" 'lacks hidden_size, num_hidden_layers'
cat >"$dir/run.recipe" <<EOF
[model]
model_type = gemma3_text
hidden_size = 16
num_hidden_layers = 2
num_attention_heads = 2
head_dim = 8
intermediate_size = 16
sliding_window = 8
tie_word_embeddings = true
[tokenizer]
vocab = 265
[data]
root = texts
bad_lines = skip
source = a bad.jsonl "my letters/one two.txt"
source = b encoding=windows-1252 my letters/one two.txt latin.txt utf.txt
[train]
steps = 6
seq_len = 16
batch_tokens = 32
micro_batch = 1
checkpoint_every = 2
[out]
model = none
gguf = none
EOF
t 2 perplexity "$model" "$txt/latin.txt" --encoding latin-5; has "$err" 'expected one of utf-8, latin1, .*did you mean latin1'
t 0 train "$dir/run.recipe" -o "$dir/told" --stop-after 1; has "$err" 'as asked'; hasnt "$err" ' of [0-9]*$'
t 0 train "$dir/run.recipe" -o "$dir/whole" --json; has "$out" '"skipped_lines":2'; has "$err" 'left out a: 2 bad lines, 1 empty'
sum=$(sed 's/.*weights_sha256":"//; s/".*//' "$out")
t 0 train "$dir/run.recipe" -o "$dir/part" -q --stop-after 3
find "$dir/part" -type f ! -name lock -exec cksum {} + | sort >"$dir/before"
printf 'The fox met a hare. The owl met a hen. The fox saw the hen.\n' >"$txt/my letters/one two.txt"
t 6 train "$dir/run.recipe" -o "$dir/part" -q --resume; has "$err" 'one two.txt'; has "$err" '--fresh'
find "$dir/part" -type f ! -name lock -exec cksum {} + | sort >"$dir/after"; same "$dir/after" "$dir/before" 'what it was'
printf 'The fox met a hare. The owl met a hen. The fox saw the owl.\n' >"$txt/my letters/one two.txt"
printf '\377' >>"$txt/my letters/one two.txt"
t 1 train "$dir/run.recipe" -o "$dir/part" -q --fresh; has "$err" 'one two.txt:2: byte 1'
printf 'The fox met a hare. The owl met a hen. The fox saw the owl.\n' >"$txt/my letters/one two.txt"
if [ -e "$dir/part/checkpoint-3" ]; then ok; else bad "$what: the earlier run is lost"; fi
rm "$dir/part/metrics.jsonl"
t 0 train "$dir/run.recipe" -o "$dir/part" -q --resume --json; has "$out" "$sum"; has "$err" 'metrics.jsonl is not as it was'

echo "$passed $failed" >"$dir/counts"
[ "$failed" -lt 100 ] || failed=100
exit "$failed"
