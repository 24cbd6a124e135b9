// Clients of npm against the server with its scripted worker: clients.mjs BASE CLIENT. Prints what was not right; the exit status is 0
// when nothing was.
const [base, client] = process.argv.slice(2);
const model = 'scripted', hello = 'Hello from the script.', messages = [{ role: 'user', content: 'hi' }];
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
let failed = 0;
const same = (what, got, want) => {
    if (JSON.stringify(got) === JSON.stringify(want)) return;
    failed++;
    console.log(`    ${what}: got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
};
const raises = async (what, status, call) => {
    try { await call(); } catch (e) { same(what, e.status ?? e.status_code, status); return; }
    same(what, 'no error', status);
};

async function openai() {
    const { default: OpenAI } = await import('openai');
    const c = new OpenAI({ baseURL: base + '/v1', apiKey: 'x', maxRetries: 0 });
    same('chat', (await c.chat.completions.create({ model, messages })).choices[0].message.content, hello);
    let text = '', usages = 0;
    for await (const x of await c.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })) {
        text += x.choices[0]?.delta?.content ?? '';
        usages += x.usage ? 1 : 0;
    }
    same('stream', [text, usages], [hello, 1]);
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: city } }];
    const s = c.chat.completions.stream({ model, messages, tools });
    same('call', JSON.parse((await s.finalChatCompletion()).choices[0].message.tool_calls[0].function.arguments), { city: 'Paris' });
    same('embeddings', (await c.embeddings.create({ model, input: 'a' })).data[0].embedding.length, 4);
    same('response', (await c.responses.stream({ model, input: 'hi' }).finalResponse()).output_text, hello);
    const ids = [];
    for await (const m of await c.models.list()) ids.push(m.id);
    same('models', ids, [model]);
    await raises('no model', 404, () => c.chat.completions.create({ model: 'no', messages }));
    await raises('range', 400, () => c.chat.completions.create({ model, messages, top_p: 2 }));
    const stop = new AbortController();
    let seen = 0;
    try {
        const slow = await c.chat.completions.create({ model, messages: [{ role: 'user', content: 'slow' }], stream: true }, { signal: stop.signal });
        for await (const x of slow) if (++seen === 5) stop.abort();
    } catch { /* it was asked for */ }
    same('stopped', seen < 50, true);
}

async function anthropic() {
    const { default: Anthropic } = await import('@anthropic-ai/sdk');
    const c = new Anthropic({ baseURL: base, apiKey: 'x', maxRetries: 0 });
    const r = await c.messages.create({ model, max_tokens: 9, messages });
    same('blocks', r.content.map(b => b.type), ['thinking', 'text']);
    const tools = [{ name: 'get_weather', input_schema: city }];
    const m = await c.messages.stream({ model, max_tokens: 9, messages, tools }).finalMessage();
    same('call', m.content.find(b => b.type === 'tool_use').input, { city: 'Paris' });
    same('count', (await c.messages.countTokens({ model, messages })).input_tokens, 20);
    await raises('no model', 404, () => c.messages.create({ model: 'no', max_tokens: 9, messages }));
}

async function ollama() {
    const { Ollama } = await import('ollama');
    const c = new Ollama({ host: base });
    same('chat', (await c.chat({ model, messages })).message.content, hello);
    let text = '';
    for await (const x of await c.chat({ model, messages, stream: true })) text += x.message.content;
    same('stream', text, hello);
    same('suffix', (await c.generate({ model, prompt: 'a', suffix: 'b' })).response, ' and so on');
    same('list', (await c.list()).models[0].name, model + ':latest');
    same('show', (await c.show({ model })).capabilities.length, 4);
    same('embed', (await c.embed({ model, input: 'a' })).embeddings.length, 1);
    await raises('no model', 404, () => c.chat({ model: 'no', messages }));
}

async function ai() {
    const { generateText, streamText, jsonSchema, tool } = await import('ai');
    const { createOpenAI } = await import('@ai-sdk/openai');
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    const { createDeepSeek } = await import('@ai-sdk/deepseek');
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const v1 = { baseURL: base + '/v1', apiKey: 'x' };
    const providers = { chat: createOpenAI(v1).chat(model), responses: createOpenAI(v1).responses(model),
        anthropic: createAnthropic(v1)(model), deepseek: createDeepSeek({ baseURL: base, apiKey: 'x' })(model),
        compatible: createOpenAICompatible({ name: 'x', includeUsage: true, ...v1 })(model) };
    const tools = { get_weather: tool({ inputSchema: jsonSchema(city) }) };
    for (const [name, p] of Object.entries(providers)) {
        same(name, (await generateText({ model: p, prompt: 'hi', maxRetries: 0 })).text, hello);
        const s = streamText({ model: p, prompt: 'hi', maxRetries: 0, onError: e => { throw e.error; } });
        let text = '';
        for await (const x of s.textStream) text += x;
        same(name + ' stream', text, hello);
        same(name + ' call', (await generateText({ model: p, prompt: 'hi', tools, maxRetries: 0 })).toolCalls[0]?.input, { city: 'Paris' });
    }
}

await { openai, '@anthropic-ai/sdk': anthropic, ollama, ai }[client]();
process.exit(failed > 0 ? 1 : 0);
