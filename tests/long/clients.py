"""Clients of PyPI against the server with its scripted worker (tests/scripted_server.c): clients.py BASE CLIENT. Prints a line for
what was tried; the exit status is 0 when all of it was right."""
import json
import sys

BASE, CLIENT = sys.argv[1], sys.argv[2]
MODEL = "scripted"
HELLO = "Hello from the script."
MESSAGES = [{"role": "user", "content": "hi"}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": WEATHER}}]
BOB = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]}
failed = 0


def same(what, got, want):
    global failed
    if got != want:
        failed += 1
        print(f"    {what}: got {got!r}, expected {want!r}")


def raises(what, kind, call, **want):
    global failed
    try:
        call()
    except kind as e:
        for name, value in want.items():
            same(f"{what}: {name}", getattr(e, name), value)
        return
    failed += 1
    print(f"    {what}: no {kind.__name__}")


def openai_chat(client):
    import openai
    from pydantic import BaseModel

    class Person(BaseModel):
        name: str
        age: int

    r = client.chat.completions.create(model=MODEL, messages=MESSAGES)
    same("content", r.choices[0].message.content, HELLO)
    same("reasoning", r.choices[0].message.reasoning_content, "hm")
    same("cached", r.usage.prompt_tokens_details.cached_tokens, 8)
    chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    same("stream", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), HELLO)
    same("usages", sum(c.usage is not None for c in chunks), 1)
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, tools=TOOLS) as s:
        for _ in s:
            pass
        call = s.get_final_completion().choices[0].message.tool_calls[0]
    same("call", json.loads(call.function.arguments), {"city": "Paris"})
    back = MESSAGES + [{"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
                       {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    same("after a call", client.chat.completions.create(model=MODEL, messages=back, tools=TOOLS).choices[0].message.content, HELLO)
    r = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Person)
    same("parsed", r.choices[0].message.parsed, Person(name="Bob", age=5))
    r = client.chat.completions.create(model=MODEL, messages=MESSAGES, n=2, logprobs=True, top_logprobs=1)
    same("n", len(r.choices), 2)
    same("logprob", r.choices[0].logprobs.content[0].logprob, -0.25)
    r = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "burst"}], stream=True)
    same("burst", sum(len(c.choices[0].delta.content or "") for c in r if c.choices), 5000 + len(HELLO))
    fault = [{"role": "user", "content": "fault"}]
    raises("fault", openai.InternalServerError, lambda: client.chat.completions.create(model=MODEL, messages=fault), status_code=500)
    raises("fault in a stream", openai.APIError,
           lambda: list(client.chat.completions.create(model=MODEL, messages=fault, stream=True)), message="the script says so")
    raises("no model", openai.NotFoundError, lambda: client.chat.completions.create(model="no", messages=MESSAGES), code="model_not_found")
    raises("range", openai.BadRequestError, lambda: client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=9),
           param="temperature")
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES, service_tier="auto")
    same("ignored", raw.headers["x-autarky-ignored"], "service_tier")


def openai_rest(client):
    same("models", [m.id for m in client.models.list()], [MODEL])
    same("model", client.models.retrieve(MODEL).id, MODEL)
    same("embeddings", [round(x, 6) for x in client.embeddings.create(model=MODEL, input="a").data[0].embedding], [0.6, 0.8, 0, 0])
    r = client.completions.create(model=MODEL, prompt=[[5, 6], [7]], max_tokens=1, echo=True, logprobs=1, temperature=0)
    same("scores", r.choices[0].logprobs.token_logprobs, [None, -1.0, -0.25])
    same("alternatives", r.choices[0].logprobs.top_logprobs[1], {"w ": -1.0, "best": -0.5})
    chunks = client.completions.create(model=MODEL, prompt="Once", stream=True)
    same("completion", "".join(c.choices[0].text for c in chunks), " and so on")
    r = client.responses.create(model=MODEL, input="hi")
    same("response", (r.output_text, r.status, r.output[0].content[0].text), (HELLO, "completed", "hm"))
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
    with client.responses.stream(model=MODEL, input="hi", tools=[tool], include=["reasoning.encrypted_content"]) as s:
        kinds = [e.type for e in s]
        r = s.get_final_response()
    same("events", (kinds[0], kinds[-1]), ("response.created", "response.completed"))
    call = [o for o in r.output if o.type == "function_call"][0]
    items = [{"role": "user", "content": "hi"}] + [o.model_dump(exclude_none=True) for o in r.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
    same("after a call", client.responses.create(model=MODEL, input=items, tools=[tool]).output_text, HELLO)


def try_openai():
    import openai
    client = openai.OpenAI(base_url=BASE + "/v1", api_key="x", max_retries=0)
    openai_chat(client)
    openai_rest(client)


def try_anthropic():
    import anthropic
    client = anthropic.Anthropic(base_url=BASE + "/anthropic", api_key="x", max_retries=0)
    r = client.messages.create(model=MODEL, max_tokens=9, messages=MESSAGES, system="be")
    same("blocks", [b.type for b in r.content], ["thinking", "text"])
    same("usage", (r.usage.input_tokens, r.usage.cache_read_input_tokens), (12, 8))
    tools = [{"name": "get_weather", "input_schema": WEATHER}]
    with client.messages.stream(model=MODEL, max_tokens=9, messages=MESSAGES, tools=tools, thinking={"type": "adaptive"}) as s:
        for _ in s:
            pass
        r = s.get_final_message()
    use = [b for b in r.content if b.type == "tool_use"][0]
    same("call", (use.input, r.stop_reason), ({"city": "Paris"}, "tool_use"))
    back = MESSAGES + [{"role": "assistant", "content": r.content},
                       {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}]}]
    raw = client.messages.with_raw_response.create(model=MODEL, max_tokens=9, messages=back, tools=tools)
    same("after a call", raw.parse().content[-1].text, HELLO)
    same("its signature is known", raw.headers.get("x-autarky-ignored"), None)
    same("count", client.messages.count_tokens(model=MODEL, messages=MESSAGES).input_tokens, 20)
    same("models", [m.id for m in client.models.list()], [MODEL])
    raises("no model", anthropic.NotFoundError, lambda: client.messages.create(model="no", max_tokens=9, messages=MESSAGES))
    raises("fault in a stream", anthropic.APIStatusError, lambda: list(client.messages.create(
        model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "fault"}], stream=True)))


def try_ollama():
    import ollama
    client = ollama.Client(host=BASE)
    same("list", [m.model for m in client.list().models], [MODEL + ":latest"])
    same("ps", len(client.ps().models), 1)
    same("show", client.show(MODEL).capabilities, ["completion", "tools", "insert", "thinking"])
    r = client.chat(MODEL, messages=MESSAGES, think=True)
    same("chat", (r.message.content, r.message.thinking, r.done_reason), (HELLO, "hm", "stop"))
    same("stream", "".join(c.message.content for c in client.chat(MODEL, messages=MESSAGES, stream=True)), HELLO)
    r = client.chat(MODEL, messages=MESSAGES, tools=TOOLS)
    same("call", dict(r.message.tool_calls[0].function.arguments), {"city": "Paris"})
    back = MESSAGES + [r.message, {"role": "tool", "content": "sunny", "tool_name": "get_weather"}]
    same("after a call", client.chat(MODEL, messages=back, tools=TOOLS).message.content, HELLO)
    same("format", json.loads(client.chat(MODEL, messages=MESSAGES, format=BOB).message.content), {"name": "Bob", "age": 5})
    r = client.generate(MODEL, "a")
    same("generate", client.generate(MODEL, "b", context=r.context).response, HELLO)
    same("suffix", client.generate(MODEL, "a", suffix="b").response, " and so on")
    same("load", client.generate(MODEL).done_reason, "load")
    same("embed", len(client.embed(MODEL, ["a", "b"]).embeddings), 2)
    raises("no model", ollama.ResponseError, lambda: client.chat("no", messages=MESSAGES), status_code=404)


def try_litellm():
    import os
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm
    litellm.suppress_debug_info = True
    for name, address in [("openai", "/v1"), ("deepseek", ""), ("anthropic", ""), ("ollama_chat", ""), ("ollama", ""), ("hosted_vllm", "/v1")]:
        args = {"model": f"{name}/{MODEL}", "messages": MESSAGES, "api_base": BASE + address, "api_key": "x", "max_tokens": 9}
        r = litellm.completion(**args)
        same(name, (r.choices[0].message.content, r.usage.prompt_tokens), (HELLO, 20))
        chunks = list(litellm.completion(stream=True, **args))
        same(name + " stream", "".join(c.choices[0].delta.content or "" for c in chunks if c.choices), HELLO)


def try_langchain_openai():
    from langchain_openai import ChatOpenAI
    chat = ChatOpenAI(base_url=BASE + "/v1", api_key="x", model=MODEL, max_retries=0, stream_usage=True)
    same("invoke", chat.invoke("hi").content, HELLO)
    total = None
    for chunk in chat.stream("hi"):
        total = chunk if total is None else total + chunk
    same("stream", (total.content, total.usage_metadata["total_tokens"]), (HELLO, 25))
    same("calls", chat.bind_tools(TOOLS).invoke("hi").tool_calls[0]["args"], {"city": "Paris"})
    same("structured", chat.with_structured_output(BOB | {"title": "bob"}).invoke("hi"), {"name": "Bob", "age": 5})
    same("responses", ChatOpenAI(base_url=BASE + "/v1", api_key="x", model=MODEL, use_responses_api=True).invoke("hi").text, HELLO)


def try_langchain_deepseek():
    from langchain_deepseek import ChatDeepSeek
    chat = ChatDeepSeek(model=MODEL, api_key="x", api_base=BASE)
    r = chat.invoke("hi")
    same("invoke", (r.content, r.additional_kwargs["reasoning_content"]), (HELLO, "hm"))
    total = None
    for chunk in chat.stream("hi"):
        total = chunk if total is None else total + chunk
    same("stream", (total.content, total.additional_kwargs["reasoning_content"], total.usage_metadata["total_tokens"]), (HELLO, "hm", 25))


globals()["try_" + CLIENT.replace("-", "_")]()
sys.exit(failed > 0)
