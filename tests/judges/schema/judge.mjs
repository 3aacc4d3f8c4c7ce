// Holds values against Slack's own types. Reads lines {"kind", "value"} from standard input, and writes for each a
// line: an array of what does not fit. The first line written is the list of kinds that are known.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const types = join(dirname(fileURLToPath(import.meta.url)), "types.ts");
const kinds = [...readFileSync(types, "utf8").matchAll(/^export type The(\w+)/gm)].map(([, kind]) => kind);
const generator = createGenerator({ path: types, skipTypeCheck: true, expose: "all", additionalProperties: false });
const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, validateFormats: false });
// A schema each: types of one name differ between the packages.
const judges = new Map(kinds.map((kind) => [kind, ajv.compile(generator.createSchema(`The${kind}`))]));

// Of a union the errors of every alternative come. Those of alternatives that the value does not claim to be are left
// out.
function told(errors) {
  const isOther = ({ keyword, parentSchema, data }) => {
    const type = parentSchema.properties?.type?.const;
    return keyword === "anyOf" || (type !== undefined && type !== data?.type);
  };
  const own = errors.filter((error) => !isOther(error) && !error.instancePath.endsWith("/type"));
  const sentences = (own.length > 0 ? own : errors).map((error) => {
    const what = error.params.additionalProperty ?? error.params.allowedValues ?? error.params.allowedValue;
    return `${error.instancePath || "/"} ${error.message}${what === undefined ? "" : ` (${what})`}`;
  });
  return [...new Set(sentences)].slice(0, 4);
}

console.log(JSON.stringify(kinds));
for await (const line of createInterface({ input: process.stdin })) {
  const { kind, value } = JSON.parse(line);
  const judge = judges.get(kind);
  console.log(JSON.stringify(judge(value) ? [] : told(judge.errors)));
}
