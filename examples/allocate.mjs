// Decides with a bundle in JavaScript, and compares with the golden vectors that came with it.
//   npm install onnxruntime-node && node allocate.mjs FOLDER_OF_THE_BUNDLE
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name));
const json = (name) => JSON.parse(read(name));

// 1. What is loaded is what was exported.
const manifest = json("manifest.json");
for (const [name, entry] of Object.entries(manifest.files)) {
  const found = createHash("sha256").update(read(name)).digest("hex");
  if (found !== entry.sha256) throw new Error(`${name} was changed`);
}
const schema = json("schema.json");
const session = await ort.InferenceSession.create(new Uint8Array(read("policy.onnx")));

function tensor(dtype, data, shape) {
  return dtype === "int64"
    ? new ort.Tensor("int64", BigInt64Array.from(data, BigInt), shape)
    : new ort.Tensor("float64", Float64Array.from(data), shape);
}

const shapeOf = (field, rows) =>
  field.axes.map((axis) => (axis === "B" ? rows : axis === "1" ? 1 : schema.axes[axis].length));
const size = (shape) => shape.reduce((product, length) => product * length, 1);

// The uniform numbers of a decision, as the service draws them.
function uniforms(decisionId, cells) {
  const key = createHash("sha256").update(Buffer.concat([Buffer.from("xbopt-draw-1\0"), Buffer.from(decisionId)])).digest();
  const numbers = [];
  for (let block = 0; numbers.length < cells; block++) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32LE(block);
    const words = createHash("sha256").update(Buffer.concat([key, counter])).digest();
    for (let i = 0; i < 4 && numbers.length < cells; i++) {
      numbers.push((Number(words.readBigUInt64LE(8 * i) >> 12n) + 0.5) / 2 ** 52);
    }
  }
  return numbers;
}

// 2. A request in raw units: every feature at the mean of what was seen, the whole budget left, no caps.
function request(decisionId) {
  const means = { F: schema.features.F, G: schema.features.G, E: schema.features.E };
  const inputs = {};
  for (const field of schema.inputs) {
    const shape = shapeOf(field, 1);
    const last = field.axes[field.axes.length - 1];
    let data = new Array(size(shape)).fill(0);
    if (last in means) data = data.map((_, i) => means[last][i % means[last].length].mean);
    else if (field.name === "budget_base") data = [field.high];
    else if (field.name === "region_base" || field.name === "channel_base") data.fill(Infinity);
    else if (field.name === "uniform") data = uniforms(decisionId, data.length);
    else if (field.name === "forced") data.fill(-1);
    else if (field.name === "allowed") data.fill(1);
    else if (field.name === "default") data = data.map((_, i) => (i % shape[2] === 0 ? 1 : 0));
    inputs[field.name] = tensor(field.dtype, data, shape);
  }
  return inputs;
}

// 3. Decide.
const decided = await session.run(request("example-1"));
const total = decided.spend_base.data.reduce((sum, amount) => sum + amount, 0);

// 4. The graph does here what the policy did where the bundle was made. Money is measured by the day's limit: a seller in
// yen has larger numbers, not larger errors.
const golden = json("golden.json");
const dailyLimit = json("plan.json").daily_base;
const unpack = (packed) => {
  const bytes = Uint8Array.from(Buffer.from(packed.data, "base64")).buffer;
  const numbers = packed.dtype === "int64" ? Array.from(new BigInt64Array(bytes), Number) : new Float64Array(bytes);
  return [packed.dtype, numbers, packed.shape];
};
const inputs = Object.fromEntries(Object.entries(golden.inputs).map(([name, one]) => [name, tensor(...unpack(one))]));
const outputs = await session.run(inputs);
let largest = 0;
for (const [name, one] of Object.entries(golden.outputs)) {
  const wanted = unpack(one)[1];
  const unit = name === "spend_base" && dailyLimit > 0 ? dailyLimit : 1;
  outputs[name].data.forEach((value, i) => (largest = Math.max(largest, Math.abs(Number(value) - wanted[i]) / unit)));
}

console.log(
  JSON.stringify({
    bundle: manifest.content_address,
    currency: schema.currency,
    spend_of_the_day: total,
    tactic: decided.tactic ? Array.from(decided.tactic.data, Number) : null,
    propensity: decided.propensity ? Array.from(decided.propensity.data) : null,
    golden_rows: golden.rows,
    largest_difference: largest,
    within_tolerance: largest <= golden.tolerance,
  }),
);
if (largest > golden.tolerance) process.exit(1);
