/* SHA-256 of published chat templates (white space around them taken off) and the form that renders what they render;
 * tools/make_chat_fixtures.py has the same list, and what the forms do otherwise. Those called rebuilt
 * were put together from published parts: a hash that no file has does no harm. */
#ifndef CHAT_HASHES_H
#define CHAT_HASHES_H

static const struct {
    const char *sha256, *form;
} chat_hashes[] = {
    /* DeepSeek V2, markers spelled */
    {"4e09291d600218e4974c2ddc9d2c9748cba04919746626bea599488cd57ad075", "deepseek-v2"},
    /* DeepSeek V2 and V2-Lite; rebuilt from the copy above */
    {"8aeba567270fa9a8d5372caf4b04affea947c4421d96adc01e3ff94021b0ae8e", "deepseek-v2"},
    /* DeepSeek V3-0324 */
    {"22e97ba043dacf9df1f071a9de9d2bb6b0757491f16e96e810834b86e1641286", "deepseek-v3"},
    /* DeepSeek V3 */
    {"3b8267e54b67df6500f231ffa969955cc9d26b3444a291ced4eb96ca7d3ca1ea", "deepseek-v3"},
    /* DeepSeek R1 */
    {"56a1447ad31926fdc21fb07e56e5642bd9c850c4f52d8c8af7bbe5f079a84f5f", "deepseek-r1"},
    /* R1-Distill */
    {"563b1ce7d61d50a9b4c7439a912a1116f095b712df5b5e4d3e1116049874eb64", "deepseek-r1"},
    /* R1-Distill-Llama */
    {"dd2675619a64a449cdcdd2b93e605a0a50764cee41e344f244752bc93643936c", "deepseek-r1"},
    /* R1-0528-Qwen3 */
    {"53671bac29bcb3e1f95f51b8c77d85a6011b66dc38bd23dce64eef04384a976b", "deepseek-r1-0528"},
    /* R1-0528 with tools */
    {"197ecb0f6315af9121078b3f966dfd9d9f1debcd4baf5ac229671b4818d33e26", "deepseek-r1-0528"},
    /* DeepSeek V3.1; its first line is rebuilt */
    {"45690185067ea25c073bff2d3e425a45ee2564d2bbf6cdf7d885e139d460b8e0", "deepseek-v3.1"},
    /* ChatML */
    {"153280e3ff55d19da1398bdb3914ee2a51b80429bfaedde11d7d216c39db80f3", "chatml"},
    /* ChatML, line ends escaped */
    {"fcf7a096fe99a48fd9ad2b250bf9237e96e8f48bffec1c7ea4d3f225176cd40e", "chatml"},
    /* SmolLM2 */
    {"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788", "smollm2"},
    /* Qwen 2; rebuilt from that of SmolLM2 */
    {"793202280c0910ab26bc6eb57c8212c2417324c6d8c4efd0d10d59092ab3e3eb", "qwen2"},
    /* Qwen 2.5 1M */
    {"4039eed0f28b7aaa337e70c76cfedba3271ee32505835a095a8c92e536b3c355", "qwen2"},
    /* Qwen 2.5 */
    {"55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a", "qwen2.5"},
    /* Qwen 3 */
    {"87a2728cb8dc9fe424d624542f6060ec05a1d285ebbec578bb078900e33396b5", "qwen3"},
    /* Qwen 3 Instruct 2507 */
    {"40c21f34cf67d8c760ef72f8ad3ae5afad514299d4b06e91dd9a8d705af7b541", "qwen3-instruct"},
    /* Qwen 3 Thinking 2507 */
    {"3802169b2a02b81e6adb7ab4f64f91ff02db753c8c3a64a01c35192d3a61d8d7", "qwen3-thinking"},
    /* Llama 3, always with a prompt */
    {"b48c47f6443892716176eb200bf4ef108f64e06ca26ed0fa8ebc0a4b3992fcb2", "llama-3"},
    /* Llama 3 */
    {"ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122", "llama-3"},
    /* Llama 3, markers spelled */
    {"b61f26f00f0da37e3c1226882393a6e54bfc1e505b6a7516f2bf963577b7ace6", "llama-3"},
    /* Llama 3.1 and 3.3 */
    {"93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7", "llama-3.1"},
    /* Llama 3.2 */
    {"d82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f", "llama-3.1"},
    /* Llama 2, markers spelled */
    {"390ebb1d3982da87225c2e736099efde9f461dde9edf9d411011f37e0e51c384", "llama-2"},
    /* Gemma 3 */
    {"8d9e3a3c114fb2053ec500184677af4f7e5f8ec2582443cd535834e68b3ade29", "gemma-3"},
    /* a stand-in for DeepSeek V3.2, whose encoder is followed */
    {"53b9683b3653cec369829a4e6b27e1be65c81c903a47c4f1478ce19388a2baef", "deepseek-v3.2"},
    /* a stand-in for DeepSeek V4, whose encoder is followed */
    {"72aab17888574619af7b460b1a46fd8dce9d5bf1f13b421dba5db39d13102436", "deepseek-v4"},
};

#endif
