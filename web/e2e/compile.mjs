// How long the browser compiles each kernel that the opening race asks for: node web/e2e/compile.mjs, after `cargo xtask web`.
// The kernels are taken from the page as it asks for them, and compiled again one at a time on a page that does nothing else.
import { SITE, launch, serveFolder, until } from "./browser.mjs";

const browser = await launch();
const context = await browser.newContext();

/** Keeps source and constants of each pipeline that the page asks for. */
function keep() {
  const sources = new Map();
  const { createShaderModule, createComputePipelineAsync } = GPUDevice.prototype;
  window.kernels = [];
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    const module = createShaderModule.call(this, descriptor);
    sources.set(module, descriptor.code);
    return module;
  };
  GPUDevice.prototype.createComputePipelineAsync = function (descriptor) {
    const { module, constants } = descriptor.compute;
    window.kernels.push({ source: sources.get(module), constants });
    return createComputePipelineAsync.call(this, descriptor);
  };
}

/** Milliseconds to compile each of `kernels`; a constant that is nobody's makes each source new to the browser. */
async function compile(kernels) {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const times = [];
  for (const { source, constants } of kernels) {
    const code = `${source}\nconst NEW = ${Math.random()};\n`;
    const module = device.createShaderModule({ code });
    await module.getCompilationInfo();
    const begun = performance.now();
    await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main", constants } });
    times.push(performance.now() - begun);
  }
  return times;
}

const page = await context.newPage();
await page.addInitScript(keep);
await page.goto(await serveFolder(page, SITE));
await page.evaluate(() => window.lowland.ready);
await until("the race begins", () => page.evaluate(() => window.lowland.state().step > 0));
const kernels = await page.evaluate(() => window.kernels);
await page.close();

const empty = await context.newPage();
await empty.goto(`${await serveFolder(empty, SITE)}style.css`);
const times = await empty.evaluate(compile, kernels);
for (const [i, { source, constants }] of kernels.entries()) {
  const what = source.match(/^\/\/ (.*)/)?.[1] ?? "";
  console.log(`${times[i].toFixed(0).padStart(6)} ms  ${JSON.stringify(constants)}  ${what.slice(0, 90)}`);
}
console.log(`${times.reduce((a, b) => a + b, 0).toFixed(0).padStart(6)} ms  together`);
await browser.close();
