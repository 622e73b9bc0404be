// Times training steps of the engine in this browser. What it finds is shown, and posted to `log` and `done` where the
// server takes it; `cpu` may answer with the CPU seconds that the browser has used.
import init, { Bench } from "./lowland.js";
import { examine } from "./device.js";

const query = new URLSearchParams(location.search);
const number = (key, otherwise) => Number(query.get(key) ?? otherwise);
const mode = query.get("mode") ?? "sgd";
const [batch, channels, size] = [number("batch", 64), number("ch", 3), number("size", 32)];
const [warmup, steps] = [number("warmup", 5), number("steps", 20)];

const post = async (path, body = "") => {
  try {
    const answer = await fetch(path, { method: "POST", body });
    return answer.ok ? await answer.text() : "";
  } catch {
    return "";
  }
};
const say = async (path, line) => {
  document.getElementById("lines").textContent += `${line}\n`;
  await post(path, line);
};
const cpuSeconds = async () => {
  const text = await post("cpu");
  return text ? Number(text) : NaN;
};

try {
  if (!["sgd", "sam"].includes(mode)) throw new Error(`mode is ${mode}; it is sgd or sam`);
  const found = await examine();
  if (!found.adapter) throw new Error(`no WebGPU here: ${found.reason}`);
  await say("log", `lowland on ${found.adapter}`);
  // Not streamed: servers that know no wasm send it as bytes.
  await init({ module_or_path: await (await fetch("lowland_bg.wasm")).arrayBuffer() });

  const begin = performance.now();
  const bench = await Bench.open(mode === "sam", batch, channels, size, warmup + 2 * steps);
  const [times, losses] = [[], []];
  let [first, cpu] = [0, 0];
  for (let i = 0; i < warmup + steps; i += 1) {
    if (i === warmup) cpu = await cpuSeconds();
    const start = performance.now();
    losses.push(await bench.step(1));
    const ms = performance.now() - start;
    // With what it takes to make buffers and pipelines.
    if (i === 0) first = performance.now() - begin;
    if (i >= warmup) times.push(ms);
    if (query.get("trace")) await say("log", `step ${i} loss ${losses.at(-1)}`);
  }
  cpu = (1000 * ((await cpuSeconds()) - cpu)) / steps;
  // The host looks at the loss once in ten steps.
  const start = performance.now();
  for (let done = 0; done < steps; done += 10) losses.push(await bench.step(Math.min(10, steps - done)));
  const free = (performance.now() - start) / steps;
  times.sort((a, b) => a - b);
  const used = Number.isNaN(cpu) ? "unknown" : `${cpu.toFixed(0)}ms/step`;
  await say(
    "done",
    `lowland webgpu mode=${mode} batch=${batch} input=${channels}x${size}x${size} first_step=${first.toFixed(0)}ms ` +
      `median=${times[times.length >> 1].toFixed(1)}ms min=${times[0].toFixed(1)}ms cpu=${used} free_running=${free.toFixed(1)}ms ` +
      `total=${((performance.now() - begin) / 1000).toFixed(1)}s loss ${losses[0].toFixed(4)} -> ${losses.at(-1).toFixed(4)}`,
  );
} catch (error) {
  await say("done", `FAILED: ${error?.stack ?? error}`);
}
