import OpenAI, { toFile } from "openai";

import { base64, errorOf, key, picture, tell, url } from "./task.js";

const connect = (apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const client = connect(key);

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const cat = { prompt: "a cat on a blue background", quality: "low", seed: 7 };
const generated = await client.images.generate({ ...cat, n: 2 });
const [linked] = (await client.images.generate({ ...cat, response_format: "url" })).data;
const download = await fetch(linked.url); // a browser sends no key

const events = [];
for await (const event of await client.images.generate({ ...cat, stream: true, partial_images: 2 })) {
  events.push({ type: event.type, data: event.b64_json });
}

const file = () => toFile(picture, "car.png", { type: "image/png" });
const edited = await client.images.edit({ image: await file(), prompt: "a dog", quality: "low" });
const varied = await client.images.createVariation({ image: await file() });

const question = (text) => {
  const image_url = { url: `data:image/png;base64,${base64(picture)}` };
  const content = [{ type: "text", text }, { type: "image_url", image_url }];
  return { model: "mini-captioner", messages: [{ role: "user", content }] };
};
const described = await client.chat.completions.create(question("What is in the picture?"));
const chunks = [];
const streamed = { ...question("ماذا في الصورة؟"), stream: true };
for await (const chunk of await client.chat.completions.create(streamed)) {
  chunks.push(chunk.choices[0].delta.content ?? "");
}

const fields = ["status", "code", "type", "param"];
const hello = [{ role: "user", content: "Hello!" }];
tell({
  models,
  generated: generated.data.map((image) => image.b64_json),
  linked: base64(await download.arrayBuffer()),
  events,
  edited: edited.data,
  varied: varied.data,
  described: described.choices[0].message.content,
  streamed: chunks.join(""),
  errors: {
    key: await errorOf(connect("a wrong key").models.list(), ...fields),
    number: await errorOf(client.images.generate({ ...cat, n: 11 }), ...fields),
    size: await errorOf(client.images.generate({ ...cat, size: "100x100" }), ...fields),
    chat: await errorOf(client.chat.completions.create({ model: "x", messages: hello }), ...fields),
    route: await errorOf(client.responses.create({ model: "x", input: "Hello!" }), ...fields),
  },
});
