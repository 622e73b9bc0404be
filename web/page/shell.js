// Everything around the canvas: loading, `window.lowland`, the table of numbers, files, the link, lost devices, panics.
import { devices, devicesOpened, onDeviceLost, shadersStraightened } from "./device.js";

const byId = (id) => document.getElementById(id);
const [stage, progress, progressText, progressBar] = ["stage", "progress", "progress-text", "progress-bar"].map(byId);
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const SNAPSHOT_EVERY_MS = 3000;
const SESSION_KEY = "lowland-snapshot";

let page = null; // the app, in wasm
let adapter = null;
let snapshot = null; // what a new device goes on from
let reopening = false; // a device was lost, and another is on its way
let firstDevice = 0; // of those that the app of now uses
let ended = false; // the module panicked
let memory = null; // the module's

let opened, failed;
const ready = new Promise((resolve, reject) => ([opened, failed] = [resolve, reject]));
// Whoever waits for it hears of a failure; nobody waiting is no second error.
ready.catch(() => {});

export async function run(found) {
  adapter = found;
  globalThis.lowlandPanicked = panicked;
  const sample = fetchSample();
  const { Page, provide_sample: provide } = await load();
  progressText.textContent = `Starting on ${adapter.adapter}`;
  page = new Page();
  snapshot = recall();
  const provided = sample.then((bytes) => bytes && !ended && provide(bytes));
  // Only who trains on them waits for the images.
  if (location.hash.includes("fashion-sample")) await provided;
  await open();
  rest();
  opened();
  onDeviceLost(lost);
  listen();
  setInterval(() => running() && tell(), 1000);
  setInterval(() => running() && showLink(), 500);
  setInterval(() => running() && keep(), SNAPSHOT_EVERY_MS);
}

// The images that ship with the project, half as large as all the rest: on their way beside the module.
async function fetchSample() {
  try {
    const answer = await fetch("fashion-sample.bin", { priority: "low" });
    return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
  } catch {
    return null; // The app says so to who chooses them.
  }
}

// There will be no app.
export function fail({ reason, detail }) {
  failed(new Error(detail ? `${reason}: ${detail}` : reason));
}

// Loads the module with a bar. The script that binds it comes first: it is small.
async function load() {
  const bound = import("./lowland.js");
  const answer = await fetch("lowland_bg.wasm");
  if (!answer.ok) throw new Error(`lowland_bg.wasm: ${answer.status} ${answer.statusText}`);
  const module = await bound;
  const total = Number(answer.headers.get("content-length"));
  // Where the server packs the file, its length is not that of what arrives.
  const counts = total > 0 && !answer.headers.get("content-encoding");
  let done = 0;
  const counted = new TransformStream({
    transform(chunk, controller) {
      done += chunk.byteLength;
      if (counts) progressBar.value = done / total;
      progressText.textContent = `Loading, ${(done / 1e6).toFixed(1)} MB`;
      controller.enqueue(chunk);
    },
  });
  const body = answer.body.pipeThrough(counted);
  const headers = { "content-type": "application/wasm" };
  ({ memory } = await module.default({ module_or_path: new Response(body, { headers }) }));
  return module;
}

// A canvas of its own for each device: what was drawn with a lost one cannot be drawn with another.
async function open() {
  const old = byId("canvas");
  const canvas = old.cloneNode(false);
  canvas.removeAttribute("style");
  canvas.classList.remove("shown");
  old.replaceWith(canvas);
  firstDevice = devicesOpened();
  const [address, hash] = [location.href.split("#")[0], location.hash.slice(1)];
  await page.start(canvas, address, hash, adapter.adapter, adapter.software, stillness.matches, snapshot ?? undefined);
  progress.hidden = true;
  requestAnimationFrame(() => canvas.classList.add("shown"));
  // Keys act at once, unless a person is reading elsewhere.
  if (document.activeElement === document.body) canvas.focus({ preventScroll: true });
}

const running = () => page && !ended && !reopening;

// --- window.lowland -------------------------------------------------------------------------------------------------

const text = (argument) => (argument === undefined || argument === null ? "" : typeof argument === "object" ? JSON.stringify(argument) : String(argument));

export function publish() {
  const app = () => {
    if (!running()) throw new Error("the app is not running: wait for lowland.ready");
    return page;
  };
  const lowland = {
    ready,
    state: () => JSON.parse(app().state()),
    config: () => JSON.parse(app().config()),
    command: (name, argument) => app().command(String(name), text(argument)),
    export: (kind) => (kind === "png" ? picture() : (app().export(String(kind)) ?? later(() => app().export(String(kind))))),
  };
  if (new URLSearchParams(location.search).has("test")) {
    lowland.test = {
      loseDevice: () => devices.forEach((device) => device.destroy()),
      snapshot: () => (keep(), snapshot?.length ?? 0),
      panic: () => app().panic(),
      memory: () => memory.buffer.byteLength,
      shadersStraightened,
    };
  }
  window.lowland = Object.freeze(lowland);
}

// What is on the canvas, as bytes of a PNG file.
function picture() {
  const data = byId("canvas").toDataURL("image/png");
  return Uint8Array.from(atob(data.slice(data.indexOf(",") + 1)), (c) => c.charCodeAt(0));
}

// What `make` gives once it gives something: files that are fetched from the device take a few frames, so there the bytes
// come as a promise.
async function later(make) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const made = make();
    if (made !== undefined) return made;
  }
}

// --- what the app asks of the page, and what people do to it -----------------------------------------------------------

let shownLink = null;
let restedFor = false; // training rests because nobody sees it

function listen() {
  document.addEventListener("visibilitychange", () => running() && rest());
  stillness.addEventListener("change", () => running() && page.set_still(stillness.matches));
  addEventListener("hashchange", () => {
    const hash = location.hash.slice(1);
    if (running() && hash !== shownLink) page.follow(hash);
  });
  addEventListener("pagehide", () => running() && keep());
  const file = byId("file");
  file.addEventListener("change", async () => {
    for (const chosen of file.files) await openFile(chosen);
    file.value = "";
  });
  // The app finds what is dropped on its canvas; what misses it must not replace the page.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    if (event.target instanceof HTMLCanvasElement) return;
    event.preventDefault();
    for (const dropped of event.dataTransfer.files) await openFile(dropped);
  });
  // In the frame after the click that asked for it: browsers open a file dialog only soon after one.
  const frame = () => {
    if (ended) return;
    for (const wish of running() ? page.take_wishes() : []) wish ? download(...wish) : file.click();
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

// Hidden, training rests; seen again, it goes on if it was not paused before.
function rest() {
  if (document.hidden && !JSON.parse(page.state()).paused) {
    restedFor = true;
    page.command("pause", "");
  } else if (!document.hidden && restedFor) {
    restedFor = false;
    page.command("play", "");
  }
}

function showLink() {
  if (document.hidden) return;
  const link = page.link();
  if (link === shownLink) return;
  shownLink = link;
  history.replaceState(null, "", `#${link}`);
}

async function openFile(file) {
  if (running()) page.open(file.name, new Uint8Array(await file.arrayBuffer()));
}

function download(name, bytes) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// --- for those who do not see the canvas ----------------------------------------------------------------------------

const percent = (fraction) => (Number.isFinite(fraction) ? `${(100 * fraction).toFixed(1)} %` : "not measured yet");
let spokenAt = -Infinity;
let spokenPaused = null;

function tell() {
  const state = JSON.parse(page.state());
  const lanes = state.lanes ?? [];
  const rate = state.paused ? "paused" : `${Math.round(state.steps_per_second ?? 0)} steps a second`;
  byId("numbers-caption").textContent = `Step ${state.step}, ${rate}, on ${state.adapter}${state.error ? `. ${state.error}` : ""}`;
  const rows = lanes.map((lane) => {
    const row = document.createElement("tr");
    const loss = Number.isFinite(lane.loss) ? lane.loss.toPrecision(3) : "not measured yet";
    const cells = [lane.optimizer, lane.seed, loss, percent(lane.train_accuracy), percent(lane.test_accuracy)];
    cells.forEach((content, column) => {
      const cell = document.createElement(column ? "td" : "th");
      if (!column) cell.scope = "row";
      cell.textContent = content;
      row.append(cell);
    });
    return row;
  });
  byId("numbers-body").replaceChildren(...rows);
  // Spoken seldom: when there are first numbers, when training stops or goes on, and every twenty seconds between.
  const sides = lanes.slice(0, 2);
  const measured = sides.length > 0 && sides.every((lane) => Number.isFinite(lane.test_accuracy));
  const now = performance.now();
  if (measured && (state.paused !== spokenPaused || now - spokenAt > 20_000)) {
    [spokenAt, spokenPaused] = [now, state.paused];
    const accuracies = sides.map((lane) => `${String(lane.optimizer).toUpperCase()} ${percent(lane.test_accuracy)}`);
    byId("spoken").textContent = `${state.paused ? "Paused at" : "Training,"} step ${state.step}. Test accuracy: ${accuracies.join(", ")}.`;
  }
}

// --- what survives ---------------------------------------------------------------------------------------------------

function keep() {
  snapshot = page.snapshot() ?? snapshot;
}

// A page that panicked leaves what it had for the one that is loaded next.
function recall() {
  try {
    const kept = sessionStorage.getItem(SESSION_KEY);
    sessionStorage.removeItem(SESSION_KEY);
    return kept ? Uint8Array.from(atob(kept), (c) => c.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

function remember() {
  try {
    let text = "";
    for (let at = 0; at < snapshot.length; at += 8192) text += String.fromCharCode(...snapshot.subarray(at, at + 8192));
    sessionStorage.setItem(SESSION_KEY, btoa(text));
  } catch {
    // Too large, or storage is switched off: the link still says what was trained.
  }
}

async function lost(number, reason, message) {
  // Those of the app before are given back late.
  if (number < firstDevice || reopening || ended) return;
  reopening = true;
  notice("The graphics device was lost. Opening it again…", message || reason);
  byId("notice-go-on").hidden = byId("notice-afresh").hidden = true;
  for (let wait = 250; ; wait = Math.min(2 * wait, 8000)) {
    try {
      page.stop();
      await open();
      break;
    } catch (error) {
      if (ended) return;
      notice("The graphics device was lost, and the browser gives no new one yet. Trying again…", String(error?.message ?? error));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  reopening = false;
  rest();
  notice("The graphics device was lost. Training went on from the last snapshot.");
  setTimeout(() => !ended && (byId("notice").hidden = true), 6000);
}

function panicked(text) {
  if (ended) return;
  ended = true;
  progress.hidden = true;
  notice("Lowland stopped: this is a mistake in the program.", text);
  byId("notice-go-on").textContent = snapshot ? "Go on from the last snapshot" : "Restart";
  byId("notice-go-on").onclick = () => {
    if (snapshot) remember();
    location.reload();
  };
  byId("notice-afresh").onclick = () => {
    history.replaceState(null, "", location.pathname + location.search);
    location.reload();
  };
  byId("notice-go-on").hidden = byId("notice-afresh").hidden = false;
  stage.classList.add("dimmed");
  byId("notice-go-on").focus();
}

function notice(title, detail) {
  byId("notice-title").textContent = title;
  byId("notice-detail").textContent = detail ?? "";
  byId("notice-detail").hidden = !detail;
  byId("notice").hidden = false;
  byId("notice-go-on").hidden = byId("notice-afresh").hidden = true;
}
