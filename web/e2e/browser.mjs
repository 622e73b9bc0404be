// Chromium as the tests drive it, and what they look at.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
/** Where pictures go. */
export const OUT = process.env.LOWLAND_OUT ?? join(TARGET, "e2e");
/** Where the built page lies. */
export const SITE = join(TARGET, "site");

export const { chromium } = load();

function load() {
  const tools = process.env.LOWLAND_TOOLS ?? join(TARGET, "npm");
  try {
    return createRequire(join(tools, "x.js"))("playwright-core");
  } catch (error) {
    throw new Error(`playwright-core is not in ${tools}: run \`cargo xtask web\` first (${error.message})`);
  }
}

/** WebGPU in software, with pictures: other ways to SwiftShader compute, but capture a black canvas. */
export const WITH_WEBGPU = [
  "--enable-unsafe-webgpu", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--enable-features=Vulkan",
  "--use-vulkan=swiftshader", "--use-angle=vulkan",
];
/** WebGPU in software where nothing is looked at: as other programs of this kind are timed. */
export const WITHOUT_PICTURES = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-webgpu-adapter=swiftshader"];
/** What every browser here is started with. */
export const ALWAYS = ["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info", "--js-flags=--expose-gc"];

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
export async function until(what, probe, { seconds = 120, every = 100 } = {}) {
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

const TYPES = {
  ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm",
};

/** Answers what `page` asks of an address of its own: files of `folder`, and posts by `answers`, a function for each path. */
export async function serveFolder(page, folder, answers = {}) {
  const address = "http://localhost:1/";
  await page.route(`${address}**`, (route) => {
    const path = new URL(route.request().url()).pathname.slice(1) || "index.html";
    if (route.request().method() === "POST") {
      const answer = answers[path];
      return answer ? route.fulfill({ body: answer(route.request().postData() ?? "") }) : route.fulfill({ status: 405 });
    }
    try {
      const body = readFileSync(join(folder, path));
      return route.fulfill({ body, contentType: TYPES[extname(path)] ?? "application/octet-stream" });
    } catch {
      return route.fulfill({ status: 404 });
    }
  });
  return address;
}

/** All processes that `root` started, itself included: pid and the fields of `stat` behind the name. */
function tree(root) {
  const all = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      all.set(Number(name), stat.slice(stat.lastIndexOf(")") + 2).split(" "));
    } catch {
      // It has ended meanwhile.
    }
  }
  const belongs = (pid) => pid === root || (all.has(pid) && belongs(Number(all.get(pid)[1])));
  return [...all].filter(([pid]) => belongs(pid));
}

/** CPU seconds that a process and all that it started have used. */
export function treeCpuSeconds(root) {
  const ticks = tree(root).map(([, stat]) => Number(stat[11]) + Number(stat[12]));
  return ticks.reduce((a, b) => a + b, 0) / 100;
}

/** MB of memory that they hold together; pages that they share count once for each. */
export function treeMegabytes(root) {
  const pages = tree(root).map(([, stat]) => Number(stat[21]));
  return (pages.reduce((a, b) => a + b, 0) * 4096) / 1e6;
}
