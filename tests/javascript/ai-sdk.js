import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage, generateText, streamText } from "ai";

import { errorOf, key, picture, tell, url } from "./task.js";

const connect = (apiKey) => createOpenAICompatible({ name: "marsam", baseURL: `${url}/v1`, apiKey });
const provider = connect(key);
const captioner = provider("mini-captioner");
const painter = provider.imageModel("mini-painter");
const providerOptions = { marsam: { quality: "low", seed: 7 } };
const question = (text) => {
  const content = [{ type: "text", text }, { type: "image", image: picture }];
  return { system: "Answer in one sentence.", messages: [{ role: "user", content }], maxRetries: 0 };
};

const described = await generateText({ model: captioner, ...question("What is in the picture?") });
const answer = streamText({ model: captioner, ...question("ماذا في الصورة؟") });
let streamed = "";
for await (const part of answer.textStream) streamed += part;

const prompt = "a cat on a blue background";
const painted = await generateImage({ model: painter, prompt, n: 2, providerOptions });
const both = { text: "a dog", images: [picture] };
const edited = await generateImage({ model: painter, prompt: both, providerOptions });

const stranger = connect("a wrong key")("mini-captioner");
const inStream = [];
const refused = streamText({ model: stranger, ...question("What is this?"), onError() {} });
for await (const part of refused.fullStream) if (part.type === "error") inStream.push(part.error.message);

const fields = ["statusCode"];
const small = { model: painter, prompt, size: "100x100", maxRetries: 0 };
tell({
  described: described.text,
  finished: [described.finishReason, await answer.finishReason],
  streamed,
  painted: painted.images.map((image) => image.base64),
  edited: edited.images.map((image) => image.base64),
  errors: {
    key: await errorOf(generateText({ model: stranger, ...question("What is this?") }), ...fields),
    inStream,
    chat: await errorOf(generateText({ model: captioner, prompt: "Hello!", maxRetries: 0 }), ...fields),
    size: await errorOf(generateImage(small), ...fields),
  },
});
