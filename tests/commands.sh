# What check_commands.sh runs: try STATUS 'LINE AS IN THE DOCUMENT' [PATTERN...]. Sourced by it.
# shellcheck shell=sh disable=SC2016,SC2154

# ---- README ----
try 0 'autarky chat'
try 0 'autarky run "Tell me a story about a fox"' 'fox' 'the answer is from'
try 0 'autarky run "Tell me a story about a fox" --json --seed 7' '"seed":7' '"text":"[^"]*fox'
cp "$out" "$dir/seed7"
"$a" run "Tell me a story about a fox" --json --seed 7 >"$out" 2>"$err" </dev/null
if [ "$(sed 's/"stop".*//' "$out")" = "$(sed 's/"stop".*//' "$dir/seed7")" ]; then ok; else bad 'the same seed gives the same answer'; fi
try 0 'autarky show models/first/first.gguf' 'general.architecture' 'deepseek2' 'chat form'
try 0 'autarky doctor' 'kernel' 'memory'
try 4 'autarky plan deepseek-r1' '671.03 B parameters' 'does not fit'
try 0 'autarky chat MODEL.gguf'
try 0 'autarky render MODEL.gguf "Hello"' 'Hello' '<'
try 0 'autarky help' 'talk with a model' 'autarky COMMAND -h'
try 5 'autarky pull smollm2-135m' 'SmolLM2-135M' 'HF_HUB_OFFLINE'

# ---- training: a recipe of three steps in place of the one of hours ----
try 0 'autarky train --keys' 'hidden_size  *integer, 1 to 65536' 'checkpoint_every .*integer, 0 to' 'lr .*number, 0 to 10. .2e-3.' 'one of f32 bf16'
try 0 'autarky train recipes/first.recipe' 'step'
try 0 'autarky train recipes/first.recipe --fresh' 'step'
try 0 'autarky train recipes/first.recipe --resume'
rm -rf runs
try 0 'autarky train recipes/first.recipe --steps 200'

# ---- models ----
try 5 'autarky pull org/name:Q4_K_M' 'HF_HUB_OFFLINE'
try 2 'autarky run "$(autarky pull -q -y org/name:Q4_K_M)" "Hello"' 'HF_HUB_OFFLINE' 'first word is empty'
try 0 'autarky list' 'org/name' 'hugging face' 'ships'
try 0 'autarky cp org/name:Q4_K_M DIR' 'name-Q4_K_M.gguf'
try 2 'autarky rm org/name' 'say -y'
try 4 'autarky plan deepseek-r1 --quant q4_k' '671.03 B parameters' 'does not fit'
try 1 'autarky plan FILE.gguf --ctx 16384' 'the model holds 1 to 1024'
try 0 'autarky plan FOLDER --quant q6_k --slots 4' 'q6_k'

# ---- chats ----
try 0 'autarky show MODEL' 'chat form' 'recognised by'
try 0 'autarky render MODEL "Hi"' 'Hi'
try 0 'autarky run MODEL --messages conversation.json --tools tools.json --json' '"text":'
try 0 'autarky render model.gguf "Hello"' 'Hello'
try 0 'autarky render model.gguf --messages conversation.json --tools tools.json --ids' '[0-9]'
try 0 'autarky chat model.gguf --system "Answer briefly." --temp 0.5'
try 0 'autarky run "Tell me a story about a fox."' 'fox'
try 0 'autarky run --raw -n 50 --temp 0 "Once upon a time"'

# ---- converting ----
try 0 'autarky quantize big.gguf small.gguf --to q4_k_m' 'became'
try 0 'autarky imatrix big.gguf text.txt -o big.im.gguf' 'perplexity'
try 0 'autarky convert model.gguf folder' 'folder: 1 file'
rm -rf folder
try 0 'autarky compare big.gguf small.gguf --text text.txt' 'KL divergence'
try 0 'autarky tokenize model.gguf "some text"' 'bytes per token'
rm -f small.gguf
try 0 "autarky quantize big.gguf small.gguf --to q8_0 --type 'ffn_*_exps=iq4_xs' --type 'blk.[0-3].ffn_down_exps=q6_k'"

# ---- measuring ----
try 0 'autarky bench tokenizer MODEL' 'megabytes of text per second'
try 0 'autarky compare original.gguf quantised.gguf --text wiki.txt' 'KL divergence'
rm -f small.gguf
try 0 'autarky imatrix model.gguf text.txt -o model.imatrix.gguf' 'perplexity'
try 0 'autarky quantize model.gguf small.gguf --to q4_k_m --imatrix model.imatrix.gguf' 'weighted'
rm -f small.gguf
try 0 "autarky quantize model.gguf small.gguf --to q8_0 --type 'ffn_*_exps=iq4_xs' --type 'blk.[0-3].ffn_down_exps=q6_k'"
rm -rf folder
try 0 'autarky convert model.gguf folder --to bf16' 'bf16'
rm -f model.gguf
try 0 'autarky convert folder model.gguf' 'model.gguf: 1 file'

# ---- published models: the names are known; nothing is fetched ----
for name in qwen3-0.6b llama-3.2-1b deepseek-r1-distill-qwen-1.5b qwen3-4b qwen3-8b; do
    try 5 "autarky pull $name" 'HF_HUB_OFFLINE' "$name is [A-Za-z]*/"
done

# ---- the server ----
serving 'autarky serve MODEL.gguf' 'offers MODEL'
serving 'autarky serve model.gguf' 'offers model'
serving 'autarky serve model.gguf --also-port 11434' 'offers model'
serving 'autarky serve model.gguf --log requests.log --audit audit.log' 'without keys'
try 5 'autarky doctor codex' 'wire_api = "responses"' '127.0.0.1:8420/v1'
try 0 'autarky keys add anna' '^autarky_[0-9a-f]{72}$'
try 0 'autarky keys add class-7b --requests 60 --daily 200000 --days 180' '^autarky_'
try 0 'autarky keys add boss --scopes look,ask,manage,metrics' '^autarky_'
try 0 'autarky keys list' 'class-7b' 'look,ask,manage,metrics'
try 0 'autarky keys revoke anna' 'is revoked'
try 0 'autarky keys usage --since 7' 'requests'

# ---- minutes each ----
slow 0 'autarky bench kernels' 'GFLOP'
slow 0 'autarky bench train' 'tokens/s'
slow 0 'autarky bench train --peer torch' 'tokens/s'
