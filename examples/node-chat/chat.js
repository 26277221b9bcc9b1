// A small chat client: streams a reply, and turns refusals into words for its user.

import OpenAI from "openai";

/** Yields the reply to a question piece by piece. `key` is an access token or an API key. */
export async function* ask(baseURL, key, question, options = {}) {
  const client = new OpenAI({ baseURL: `${baseURL}/gen`, apiKey: key, ...options });
  const stream = await client.chat.completions.create({
    // The SDK wants a model; Lightning chooses one itself.
    model: "lightning",
    messages: [{ role: "user", content: question }],
    stream: true,
  });
  for await (const chunk of stream) {
    // The first event has only router_metadata and no choices.
    const piece = chunk.choices?.[0]?.delta?.content;
    if (piece) yield piece;
  }
}

/** What the program shows instead of a reply. */
export function excuse(error) {
  if (error instanceof OpenAI.RateLimitError) return "You have used up today's messages. They are back tomorrow.";
  if (error instanceof OpenAI.AuthenticationError) return "Please sign in again.";
  if (error instanceof OpenAI.InternalServerError) return "Lightning has a problem. Please try again later.";
  throw error;
}

/** The whole reply, or the excuse. */
export async function reply(baseURL, key, question, options) {
  try {
    let text = "";
    for await (const piece of ask(baseURL, key, question, options)) text += piece;
    return text;
  } catch (error) {
    return excuse(error);
  }
}
