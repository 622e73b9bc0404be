// Chromium as the tests drive it, and what they look at.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
/** Where pictures go. */
export const OUT = process.env.LOWLAND_OUT ?? join(TARGET, "e2e");
/** Where the built page lies. */
export const SITE = join(TARGET, "site");

const { chromium } = load();

function load() {
  const tools = process.env.LOWLAND_TOOLS ?? join(TARGET, "npm");
  try {
    return createRequire(join(tools, "x.js"))("playwright-core");
  } catch (error) {
    throw new Error(`playwright-core is not in ${tools}: run \`cargo xtask web\` first (${error.message})`);
  }
}

// WebGPU in software, with pictures: other ways to SwiftShader compute, but capture a black canvas.
const WITH_WEBGPU = [
  "--enable-unsafe-webgpu", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--enable-features=Vulkan",
  "--use-vulkan=swiftshader", "--use-angle=vulkan",
];
const ALWAYS = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info", "--js-flags=--expose-gc"];

/** A browser; `webgpu: false` is one that has none. */
export async function launch({ webgpu = true, args = [] } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [...ALWAYS, ...(webgpu ? WITH_WEBGPU : ["--disable-gpu"]), ...args],
  });
}

/** A page with what it logs and what it asks of the network: `errors` and `requests`, which grow. */
export async function open(browser, address, { width = 1280, height = 800, dark = true, reduced = false, before, ...rest } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: 1,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: reduced ? "reduce" : "no-preference",
    acceptDownloads: true,
    ...rest,
  });
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  if (before) await page.addInitScript(before);
  await page.goto(address);
  return { page, context, errors, requests };
}

/** Waits until `probe` gives something true and returns it; says what it gave last otherwise. */
export async function until(what, probe, { seconds = 60, every = 100 } = {}) {
  const end = Date.now() + 1000 * seconds;
  for (let last; ; ) {
    last = await probe();
    if (last) return last;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s; last: ${JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

export const state = (page) => page.evaluate(() => window.lowland.state());
export const command = (page, name, argument) => page.evaluate(([name, argument]) => window.lowland.command(name, argument), [name, argument]);
