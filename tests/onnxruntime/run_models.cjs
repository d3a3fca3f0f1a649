// SPDX-License-Identifier: Apache-2.0
// Runs ONNX models on given inputs: node run_models.cjs MODULES_FOLDER JOBS.json RESULTS.json
//
// Each job names a model file, how many samples to run, and one file of raw elements per input (all samples in a row);
// the raw outputs are written beside the model as MODEL.out0, ... Graph optimisations are off: every node is
// computed by itself.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const [, , modules, jobs_file, results_file] = process.argv;
const ort = createRequire(path.join(path.resolve(modules), "here.js"))("onnxruntime-node");

const arrays = { float32: Float32Array, int8: Int8Array };

async function run(job) {
  const session = await ort.InferenceSession.create(job.model, {
    graphOptimizationLevel: "disabled", executionProviders: ["cpu"], intraOpNumThreads: 2, logSeverityLevel: 3,
  });
  const feeds = job.inputs.map((input) => {
    const bytes = fs.readFileSync(input.file);
    const List = arrays[input.type];
    return { ...input, all: new List(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) };
  });
  const written = session.outputNames.map(() => []);
  const outputs = [];
  for (let i = 0; i < job.samples; ++i) {
    const given = {};
    session.inputNames.forEach((name, k) => {
      const { dims, type, all } = feeds[k];
      const size = dims.reduce((a, b) => a * b, 1);
      given[name] = new ort.Tensor(type, all.slice(i * size, (i + 1) * size), dims);
    });
    const got = await session.run(given);
    session.outputNames.forEach((name, k) => {
      const tensor = got[name];
      const { buffer, byteOffset, byteLength } = tensor.data;
      written[k].push(Buffer.from(buffer.slice(byteOffset, byteOffset + byteLength)));
      outputs[k] = { name, type: tensor.type, dims: tensor.dims };
    });
  }
  written.forEach((parts, k) => fs.writeFileSync(job.model + ".out" + k, Buffer.concat(parts)));
  await session.release();
  return { outputs };
}

(async () => {
  const results = [];
  for (const job of JSON.parse(fs.readFileSync(jobs_file))) {
    try {
      results.push(await run(job));
    } catch (error) {
      results.push({ error: String(error.message) });
    }
  }
  fs.writeFileSync(results_file, JSON.stringify({ version: ort.env.versions.node, results }));
})();
