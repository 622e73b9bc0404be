// The first script of the page: finds out whether this browser can train, before anything large is loaded.
import { examine, watchDevices } from "./device.js";
import { fail, publish, run } from "./shell.js";

const progress = document.getElementById("progress");

// At once, so that whoever waits for the page's load event finds `lowland.ready`.
publish();
try {
  watchDevices();
  const found = await examine();
  if (found.adapter) {
    await run(found);
  } else {
    await explain(found);
  }
} catch (error) {
  // What went wrong while loading: a file that is missing, a device that was refused.
  await explain({ reason: "failed", detail: String(error?.message ?? error) });
}

async function explain(found) {
  fail(found);
  const { explain } = await import("./without.js");
  await explain(document.getElementById("without"), found);
  progress.remove();
  document.getElementById("stage").remove();
}
