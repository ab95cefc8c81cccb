import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { base64, errorOf, key, picture, tell, url } from "./task.js";

// What was on its way when a call was cancelled is no problem: the protocol allows it.
const LATE = /^Received a (progress notification|response) for an unknown/;
const problems = [];
const controller = new AbortController();

async function connect(apiKey, more = {}) {
  const client = new Client({ name: "marsam-tests", version: "1" });
  const requestInit = { headers: { Authorization: `Bearer ${apiKey}`, ...more } };
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit });
  await client.connect(transport);
  client.onerror = ({ message }) =>
    (controller.signal.aborted && LATE.test(message)) || problems.push(message);
  const call = (name, given, options) => client.callTool({ name, arguments: given }, undefined, options);
  return { client, transport, call };
}

const { client, transport, call } = await connect(key);
const { tools } = await client.listTools();
const described = await call("caption", { picture: base64(picture) });

const progress = [];
const two = { prompt: "a cat on a blue background", pictures: 2, seed: 7, recipe: "draft" };
const painted = await call("paint", two, { onprogress: (event) => progress.push(event) });

const many = { prompt: "a dog", pictures: 10, recipe: "faithful" };
const cancelled = await errorOf(
  call("paint", many, {
    signal: controller.signal,
    // It counts whole pictures: something is painted, and much is left.
    onprogress: (event) => event.progress > 0.01 && controller.abort("enough"),
  }),
);

const arabic = await connect(key, { "Accept-Language": "ar" });
const eleven = { prompt: "a cat", pictures: 11 };
tell({
  server: client.getServerVersion(),
  tools: tools.map((tool) => tool.name),
  described: described.structuredContent,
  progress,
  painted: painted.content,
  cancelled,
  refused: [await call("paint", eleven), await arabic.call("paint", eleven)],
  problems,
  errors: { key: await errorOf(connect("a wrong key"), "code") },
});
await transport.terminateSession();
await client.close();
await arabic.client.close();
