// What a program of this folder is given, and how it tells what it found.
import { File } from "node:buffer";
import { readFile } from "node:fs/promises";

globalThis.File ??= File; // Node.js 18 has it only there

const [url, key, file] = process.argv.slice(2);
export { url, key };
export const picture = await readFile(file);
export const base64 = (data) => Buffer.from(data).toString("base64");

/** The error that a promise ends with: its class, its sentence, and some of its fields. */
export async function errorOf(promise, ...fields) {
  try {
    await promise;
  } catch (error) {
    const told = Object.fromEntries(fields.map((name) => [name, error[name]]));
    return { kind: error.constructor.name, message: error.message, ...told };
  }
  throw new Error("there was no error");
}

export function tell(found) {
  console.log(JSON.stringify(found));
}
