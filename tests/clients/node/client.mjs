// Runs one scenario with the official OpenAI client for Node and prints what it saw as one JSON line.
// Usage: node client.mjs SCENARIO BASE_URL API_KEY CLIENT_ID

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// Node's own lookup of packages ignores NODE_PATH for import statements, so the package is resolved by hand.
const require = createRequire(import.meta.url);
const { default: OpenAI } = await import(pathToFileURL(require.resolve("openai")).href);

const [scenario, baseURL, apiKey, clientId] = process.argv.slice(2);
let requests = 0;
const client = new OpenAI({
  baseURL: `${baseURL}/gen`,
  apiKey,
  maxRetries: scenario === "retried" ? 2 : 0,
  defaultHeaders: { "X-Client-ID": clientId },
  fetch: (...call) => {
    requests += 1;
    return fetch(...call);
  },
});

const messages = [{ role: "user", content: 'Weather in "Oslo" for 3 days?' }];
const model = "lightning";
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Current weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
      required: ["city", "days"],
    },
  },
};
const river = {
  type: "json_schema",
  json_schema: {
    name: "river",
    strict: true,
    schema: {
      type: "object",
      properties: { name: { type: "string" }, length_km: { type: "integer" } },
      required: ["name", "length_km"],
      additionalProperties: false,
    },
  },
};

const failure = async (work) => {
  try {
    await work();
    return { error: null };
  } catch (error) {
    return {
      error: error.constructor.name,
      status: error.status,
      message: error.message,
      code: error.code,
      param: error.param,
    };
  }
};

const scenarios = {
  async plain() {
    const reply = await client.chat.completions.create({ model, messages });
    return { content: reply.choices[0].message.content, usage: reply.usage, metadata: reply.router_metadata };
  },
  async streamed() {
    const stream = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const seen = { metadata: null, content: "", finish: null, usage: null };
    for await (const chunk of stream) {
      seen.metadata ??= chunk.router_metadata ?? null;
      seen.content += chunk.choices?.[0]?.delta?.content ?? "";
      seen.finish ??= chunk.choices?.[0]?.finish_reason ?? null;
      seen.usage ??= chunk.usage ?? null;
    }
    return seen;
  },
  async tools() {
    const first = await client.chat.completions.create({ model, messages, tools: [tool] });
    const call = first.choices[0].message.tool_calls[0];
    const second = await client.chat.completions.create({
      model,
      messages: [
        ...messages,
        first.choices[0].message,
        { role: "tool", tool_call_id: call.id, content: "Snow until Friday" },
      ],
      tools: [tool],
    });
    return {
      name: call.function.name,
      arguments: JSON.parse(call.function.arguments),
      finish: first.choices[0].finish_reason,
      content: second.choices[0].message.content,
    };
  },
  async streamedTools() {
    const stream = client.chat.completions.stream({ model, messages, tools: [tool], tool_choice: "required" });
    const message = await stream.finalMessage();
    return { arguments: JSON.parse(message.tool_calls[0].function.arguments) };
  },
  async structured() {
    const reply = await client.chat.completions.parse({
      model,
      messages: [{ role: "user", content: 'The "Rhine" is 1230 km long.' }],
      response_format: river,
    });
    return { content: JSON.parse(reply.choices[0].message.content) };
  },
  async helper() {
    const runner = client.chat.completions.stream({ model, messages });
    return { content: await runner.finalContent() };
  },
  async aborted() {
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) {
      stream.controller.abort();
      return { first: chunk };
    }
    return {};
  },
  create: () => failure(() => client.chat.completions.create({ model, messages })),
  retried: () => failure(() => client.chat.completions.create({ model, messages })),
  tooLong: () =>
    failure(() => client.chat.completions.create({ model, messages: [{ role: "user", content: "x".repeat(40000) }] })),
};

const seen = await scenarios[scenario]();
console.log(JSON.stringify({ ...seen, requests }));
