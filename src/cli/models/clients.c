/* Settings of programs that ask a server. */
#include "cli/models/clients.h"
#include <string.h>

const struct client clients[] = {
    {"openai-python", "environment of the program", "/v1/models",
     "export OPENAI_BASE_URL=@U/v1\nexport OPENAI_API_KEY=@K\n# model: @M\n"},
    {"anthropic-python", "environment of the program", "/v1/models",
     "export ANTHROPIC_BASE_URL=@U\nexport ANTHROPIC_API_KEY=@K\n# model: @M\n"},
    {"claude-code", "environment of claude", "/v1/models",
     "export ANTHROPIC_BASE_URL=@U\nexport ANTHROPIC_AUTH_TOKEN=@K\nexport ANTHROPIC_MODEL=@M\n"
     "export ANTHROPIC_SMALL_FAST_MODEL=@M\nexport CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1\n"},
    {"codex", "~/.codex/config.toml; the key is in AUTARKY_KEY", "/v1/models",
     "# export AUTARKY_KEY=@K\nmodel = \"@M\"\nmodel_provider = \"autarky\"\n\n[model_providers.autarky]\nname = \"autarky\"\n"
     "base_url = \"@U/v1\"\nenv_key = \"AUTARKY_KEY\"\nwire_api = \"responses\"\n"},
    {"opencode", "opencode.json", "/v1/models",
     "{\"provider\": {\"autarky\": {\"npm\": \"@ai-sdk/openai-compatible\", \"name\": \"autarky\",\n"
     "  \"options\": {\"baseURL\": \"@U/v1\", \"apiKey\": \"@K\"}, \"models\": {\"@M\": {\"name\": \"@M\"}}}}, \"model\": \"autarky/@M\"}\n"},
    {"continue", "~/.continue/config.yaml", "/v1/models",
     "name: autarky\nversion: 0.0.1\nschema: v1\nmodels:\n  - name: @M\n    provider: openai\n    model: @M\n    apiBase: @U/v1\n"
     "    apiKey: @K\n    roles: [chat, edit, autocomplete]\n"},
    {"open-webui", "environment of open-webui", "/v1/models",
     "export OPENAI_API_BASE_URL=@U/v1\nexport OPENAI_API_KEY=@K\nexport ENABLE_OLLAMA_API=false\n"},
    {"aider", "environment of aider", "/v1/models",
     "export OPENAI_API_BASE=@U/v1\nexport OPENAI_API_KEY=@K\naider --model openai/@M\n"},
    {"litellm", "config.yaml of litellm", "/v1/models",
     "model_list:\n  - model_name: @M\n    litellm_params:\n      model: openai/@M\n      api_base: @U/v1\n      api_key: @K\n"},
    {"ollama", "environment of programs that speak Ollama's interface", "/api/tags",
     "export OLLAMA_HOST=@U\n# model: @M; a key, where one is needed, goes into Authorization: Bearer @K\n"},
    {"llama.vim", "~/.vimrc", "/health",
     "let g:llama_config = {'endpoint': '@U/infill', 'endpoint_fim': '@U/infill', 'api_key': '@K'}\n"},
    {"curl", "a shell", "/v1/models",
     "curl @U/v1/chat/completions -H 'Authorization: Bearer @K' \\\n"
     "  -d '{\"model\": \"@M\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'\n"},
    {NULL, NULL, NULL, NULL},
};

const struct client *client_find(const char *name)
{
    const struct client *c = clients;
    while (c->name && strcmp(c->name, name) != 0) c++;
    return c->name ? c : NULL;
}

void client_text(struct buf *out, const struct client *c, const char *url, const char *key, const char *model)
{
    for (const char *s = c->text; *s; s++) {
        const char *gap = *s != '@' ? NULL : s[1] == 'U' ? url : s[1] == 'K' ? key : s[1] == 'M' ? model : NULL;
        if (gap) buf_add_str(out, gap);
        else buf_add_byte(out, *s);
        s += gap != NULL;
    }
}
