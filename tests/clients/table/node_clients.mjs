// What the Node clients do, feature by feature; prints one JSON object.
// Run by `python -m tests.clients.table`, with the mock's address, a key and a spent client id as arguments.

import { readFileSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const [base, key, spentId] = process.argv.slice(2);
const SAID = 'The city is "Oslo" with 700000 people.';
const messages = [{ role: "user", content: SAID }];
const model = "lightning";
const city = z.object({ name: z.string(), population: z.number().int() });
const jsonSchema = {
  type: "object",
  properties: { name: { type: "string" }, population: { type: "integer" } },
  required: ["name", "population"],
};

const speaks = (text) => {
  if (!(text ?? "").includes("Oslo")) throw new Error(`expected the prompt's words, got ${text}`);
};
const isOslo = (value) => {
  if (value.name !== "Oslo" || value.population !== 700000) throw new Error(`got ${JSON.stringify(value)}`);
};
const refusedAtOnce = async (call) => {
  const begun = Date.now();
  const refused = await call().then(() => false, () => true);
  if (!refused) throw new Error("expected a refusal");
  if (Date.now() - begun > 60_000) throw new Error("waited for the limit to end");
};

const openaiFeatures = () => {
  const client = new OpenAI({ baseURL: `${base}/gen`, apiKey: key });
  const spent = new OpenAI({ baseURL: `${base}/gen`, apiKey: "public", defaultHeaders: { "X-Client-ID": spentId } });
  const chat = client.chat.completions;
  return {
    plain: async () => speaks((await chat.create({ model, messages })).choices[0].message.content),
    stream: async () => speaks(await chat.stream({ model, messages }).finalContent()),
    tools: async () => {
      let seen;
      const runner = chat.runTools({
        model,
        stream: true,
        messages: [{ role: "user", content: `How is the weather? ${SAID}` }],
        tools: [
          {
            type: "function",
            function: { name: "get_weather", parse: JSON.parse, parameters: jsonSchema, function: (given) => ((seen = given), "Snow") },
          },
        ],
      });
      await runner.finalContent();
      isOslo(seen);
    },
    schema: async () => {
      const format = { type: "json_schema", json_schema: { name: "city", schema: jsonSchema } };
      isOslo((await chat.parse({ model, messages, response_format: format })).choices[0].message.parsed);
    },
    "prompted JSON": async () => {
      const words = `${SAID} Answer with JSON of this schema: ${JSON.stringify(jsonSchema)}`;
      const reply = await chat.create({
        model,
        messages: [{ role: "user", content: words }],
        response_format: { type: "json_object" },
      });
      isOslo(JSON.parse(reply.choices[0].message.content));
    },
    limit: () => refusedAtOnce(() => spent.chat.completions.create({ model, messages })),
  };
};

const aiFeatures = () => {
  const provider = (more = {}) => createOpenAICompatible({ name: "lightning", baseURL: `${base}/gen`, apiKey: key, ...more });
  const chat = provider()(model);
  const typed = provider({ supportsStructuredOutputs: true })(model);
  const spent = provider({ apiKey: "public", headers: { "X-Client-ID": spentId } })(model);
  return {
    plain: async () => speaks((await generateText({ model: chat, prompt: SAID })).text),
    stream: async () => {
      let failure;
      const reply = streamText({ model: chat, prompt: SAID, onError: ({ error }) => (failure = error) });
      let text = "";
      for await (const part of reply.textStream) text += part;
      if (failure) throw failure;
      speaks(text);
    },
    tools: async () => {
      let seen;
      const weather = tool({ description: "Weather", inputSchema: city, execute: async (given) => ((seen = given), "Snow") });
      await generateText({
        model: chat,
        prompt: `How is the weather? ${SAID}`,
        tools: { get_weather: weather },
        stopWhen: stepCountIs(2),
      });
      isOslo(seen);
    },
    schema: async () => isOslo((await generateObject({ model: typed, schema: city, prompt: SAID })).object),
    "prompted JSON": async () => {
      // By default the SDK sends no schema at all with json_object: the prompt has to hold it.
      const system = `Answer with JSON of this schema: ${JSON.stringify(jsonSchema)}`;
      isOslo((await generateObject({ model: chat, schema: city, system, prompt: SAID })).object);
    },
    limit: () => refusedAtOnce(() => generateText({ model: spent, prompt: SAID, maxRetries: 1 })),
  };
};

const langchainFeatures = () => {
  const build = (apiKey, headers) =>
    new ChatOpenAI({ model, apiKey, maxRetries: 1, configuration: { baseURL: `${base}/gen`, defaultHeaders: headers } });
  const chat = build(key);
  const spent = build("public", { "X-Client-ID": spentId });
  const weather = { type: "function", function: { name: "get_weather", parameters: jsonSchema } };
  const called = chat.bindTools([weather], { tool_choice: "required" });
  const whole = async (parts) => {
    let sum;
    for await (const part of parts) sum = sum ? sum.concat(part) : part;
    return sum;
  };
  return {
    plain: async () => speaks((await chat.invoke(SAID)).content),
    stream: async () => {
      const reply = await whole(await chat.stream(SAID));
      speaks(reply.content);
      if (!reply.usage_metadata?.total_tokens) throw new Error("the usage is lost");
      isOslo((await whole(await called.stream(SAID))).tool_calls[0].args);
    },
    tools: async () => isOslo((await called.invoke(SAID)).tool_calls[0].args),
    schema: async () => isOslo(await chat.withStructuredOutput(city, { method: "jsonSchema" }).invoke(SAID)),
    "prompted JSON": async () => {
      const words = `${SAID} Answer with JSON of this schema: ${JSON.stringify(jsonSchema)}`;
      isOslo(await chat.withStructuredOutput(city, { method: "jsonMode" }).invoke(words));
    },
    limit: () => refusedAtOnce(() => spent.invoke(SAID)),
  };
};

const versionOf = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
const outcomes = {};
for (const [name, features] of [
  ["openai", openaiFeatures()],
  ["ai", aiFeatures()],
  ["@langchain/openai", langchainFeatures()],
]) {
  const row = (outcomes[`${name} ${versionOf(name)} (Node)`] = {});
  for (const [feature, call] of Object.entries(features)) {
    row[feature] = await call().then(() => "ok", (error) => `${error.name}: ${String(error.message).slice(0, 200)}`);
  }
}
console.log(JSON.stringify(outcomes));
