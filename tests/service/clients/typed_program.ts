// What a program does with the types that openapi-typescript makes; prints what came back as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
declare const console: { log(text: string): void };

type AllocationRequest = components["schemas"]["AllocationRequest"];
type Unit = components["schemas"]["Unit"];

const [url, model, text] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl: url });
const request = JSON.parse(text) as AllocationRequest;

const decided = await client.POST("/v1/allocate", { body: { ...request, decision_id: "typed-1" } });
if (typeof decided.data !== "object" || Array.isArray(decided.data)) throw new Error("one decision was asked for");
const answer = decided.data;
const source: components["schemas"]["AllocationAnswer"]["source"] = answer.source;
const unit = answer.units[0] ?? "";
const counted = await client.POST("/v1/outcomes", { body: { decision_id: "typed-1", unit, reward: 2 } });
const refused = await client.POST("/v1/allocate", { body: { ...request, regions: [] } });
const about = await client.GET("/v1/bundle");
const inputs = await client.GET("/v2/models/{name}", { params: { path: { name: model } } });
const lost = await client.GET("/v2/models/{name}", { params: { path: { name: "nobody" } } });
// @ts-expect-error: a unit that the market does not have
const nowhere: Unit = "Nowhere/nobody";
// @ts-expect-error: a request without a budget
const poor: AllocationRequest = { day: 0, regions: [], cells: [] };

console.log(
  JSON.stringify({
    spend: answer.spend_base,
    source,
    counted: counted.data?.new,
    refused: [refused.error?.status, refused.error?.error],
    channels: about.data?.schema.axes["C"],
    inputs: inputs.data?.inputs.map((one) => one.name),
    lost: lost.error?.error,
    unused: [nowhere, poor.day],
  }),
);
