// The step of a small convolutional network in the page: node web/e2e/bench.mjs <sgd|sam> [batch=64 size=32 warmup=5 steps=20]
// after `cargo xtask web`. The browser computes on the CPU (SwiftShader), so CPU time is what the machine's other work
// changes least.
import { chromium, SITE, serveFolder, treeCpuSeconds, WITHOUT_PICTURES } from "./browser.mjs";

const [mode = "sgd", ...settings] = process.argv.slice(2);
const query = new URLSearchParams(settings.map((setting) => setting.split("=")));
query.set("mode", mode);

const server = await chromium.launchServer({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", ...WITHOUT_PICTURES],
});
const browser = await chromium.connect(server.wsEndpoint());
const page = await browser.newPage();
let finish;
const done = new Promise((resolve) => (finish = resolve));
const limit = setTimeout(() => finish("time limit reached"), 1000 * Number(process.env.LIMIT_S ?? 300));
const address = await serveFolder(page, SITE, {
  cpu: () => String(treeCpuSeconds(server.process().pid)),
  log: (line) => (console.log(line), ""),
  done: (line) => (finish(line), ""),
});
await page.goto(`${address}bench.html?${query}`);
const line = await done;
clearTimeout(limit);
console.log(line);
await browser.close();
await server.close();
process.exit(line.startsWith("lowland") ? 0 : 1);
