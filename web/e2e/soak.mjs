// Trains in the page for long and watches its memory: cargo xtask soak --minutes 30. Fails where it grows.
import { chromium, ALWAYS, WITH_WEBGPU, state, treeMegabytes, until } from "./browser.mjs";

const ADDRESS = process.env.LOWLAND_PAGE ?? "http://127.0.0.1:8080/";
const flag = process.argv.indexOf("--minutes");
const minutes = flag < 0 ? 30 : Number(process.argv[flag + 1]);
const samples = Math.max(8, Math.min(60, Math.round(2 * minutes)));

// What a page may take more at the end than after its first quarter, when caches, pipelines and bounded histories are full.
const MOST = { heap: 8, module: 16, processes: 100 };

const server = await chromium.launchServer({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...ALWAYS, ...WITH_WEBGPU] });
const browser = await chromium.connect(server.wsEndpoint());
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
const errors = [];
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
page.on("pageerror", (error) => errors.push(String(error)));
await page.goto(`${ADDRESS}?test`);
await page.evaluate(() => window.lowland.ready);
await until("training begins", async () => (await state(page)).step > 0);

console.log("  minute      step  steps/s  frames/s  JS heap MB  module MB  GPU buffers MB  processes MB");
const rows = [];
const begin = Date.now();
for (let i = 0; i <= samples; i += 1) {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, begin + (i / samples) * 60_000 * minutes - Date.now())));
  const now = await state(page);
  const { heap, module } = await page.evaluate(() => {
    globalThis.gc?.();
    return { heap: performance.memory.usedJSHeapSize / 1e6, module: window.lowland.test.memory() / 1e6 };
  });
  const row = { minute: (Date.now() - begin) / 60_000, step: now.step, heap, module, buffers: now.gpu_bytes / 1e6, processes: treeMegabytes(server.process().pid) };
  rows.push(row);
  const cells = [row.minute.toFixed(1).padStart(8), String(row.step).padStart(9), (now.steps_per_second ?? 0).toFixed(0).padStart(8), (now.frames_per_second ?? 0).toFixed(1).padStart(9),
    heap.toFixed(1).padStart(11), module.toFixed(1).padStart(10), row.buffers.toFixed(1).padStart(15), row.processes.toFixed(0).padStart(13)];
  console.log(cells.join(" "));
}
await browser.close();
await server.close();

const mean = (list, key) => list.reduce((sum, row) => sum + row[key], 0) / list.length;
const quarter = Math.ceil(rows.length / 4);
const [early, late] = [rows.slice(quarter, 2 * quarter), rows.slice(-quarter)];
const failures = [];
for (const [key, most] of Object.entries(MOST)) {
  const grown = mean(late, key) - mean(early, key);
  console.log(`${key}: ${grown >= 0 ? "+" : ""}${grown.toFixed(1)} MB from the second quarter to the last (at most ${most})`);
  if (grown > most) failures.push(`${key} grew by ${grown.toFixed(1)} MB`);
}
if (new Set(rows.slice(1).map((row) => row.buffers)).size > 1) failures.push("the bytes on the device are not constant");
if (rows.at(-1).step <= rows[0].step) failures.push("nothing was trained");
if (errors.length > 0) failures.push(`errors were logged: ${errors.slice(0, 3).join("; ")}`);
console.log(failures.length === 0 ? "no growth" : `FAILED: ${failures.join("; ")}`);
process.exit(failures.length === 0 ? 0 : 1);
