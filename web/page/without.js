// What a browser without WebGPU shows: why, what to switch on in this one, and a recorded run to watch. No wasm is loaded.
import { play } from "./player.js";

const code = (text) => Object.assign(document.createElement("code"), { textContent: text });
const CHROMIUM_FLAGS = ["Open ", code("chrome://flags/#enable-unsafe-webgpu"), ", choose Enabled, and restart the browser."];

// Which browser this is, by its own words. All browsers of an iPhone or iPad are Safari inside.
export function browserOf(navigator) {
  const ua = navigator.userAgent ?? "";
  const touch = navigator.maxTouchPoints > 1;
  const system = /Android/.test(ua) ? "android"
    : /iPhone|iPad|iPod/.test(ua) || (/Macintosh/.test(ua) && touch) ? "ios"
    : /Windows/.test(ua) ? "windows"
    : /Macintosh|Mac OS X/.test(ua) ? "mac"
    : /CrOS/.test(ua) ? "chromeos"
    : /Linux/.test(ua) ? "linux"
    : "other";
  const name = system === "ios" ? "safari"
    : /Firefox\//.test(ua) ? "firefox"
    : /Edg\//.test(ua) ? "edge"
    : /Chrom(e|ium)\//.test(ua) ? "chrome"
    : /Safari\//.test(ua) ? "safari"
    : "other";
  const version = Number(/(?:Firefox|Edg|Chrome|Chromium|Version)\/(\d+)/.exec(ua)?.[1] ?? 0);
  return { name, system, version };
}

const NAMES = { chrome: "Chrome", edge: "Edge", firefox: "Firefox", safari: "Safari", other: "This browser" };

// Why there is no adapter, in a sentence or two.
function why(found, browser) {
  const name = NAMES[browser.name];
  switch (found.reason) {
    case "insecure":
      return `This page came over an insecure connection (${location.origin}). Browsers offer WebGPU only to pages that come over HTTPS or from this machine itself (localhost).`;
    case "missing":
      return `${name}${browser.version ? ` ${browser.version}` : ""} offers no WebGPU here: there is no navigator.gpu.`;
    case "none":
      return `${name} knows WebGPU, but found no graphics adapter that it would use. Hardware acceleration is switched off, or the graphics card or its driver is on the browser's list of those that it does not trust (the blocklist).`;
    default:
      return "The trainer could not be started.";
  }
}

// What to do, a list of steps.
function advice(found, { name, system, version }) {
  if (found.reason === "insecure") {
    return [[`Open `, code(`https://${location.host}${location.pathname}`), ` instead, or serve the page from this machine.`]];
  }
  if (found.reason === "failed") {
    return [["Load the page again. If that does not help, the message below is what to report."]];
  }
  const steps = [];
  const refused = found.reason === "none";
  if (name === "chrome" || name === "edge") {
    const scheme = name === "edge" ? "edge" : "chrome";
    if (!refused && version > 0 && version < 113) steps.push(["Update the browser: WebGPU came with version 113 (on Android with 121)."]);
    if (refused && system !== "android") {
      steps.push([`Switch graphics acceleration on: `, code(`${scheme}://settings/system`), `, “Use graphics acceleration when available”, then restart the browser.`]);
      steps.push([`Look at `, code(`${scheme}://gpu`), `: the line “WebGPU” says what is wrong. Often a newer graphics driver helps.`]);
    }
    if (system === "linux") {
      steps.push(["On Linux WebGPU is on by default only for some graphics cards. ", "Open ", code(`${scheme}://flags`), ", set “Unsafe WebGPU Support” and “Vulkan” to Enabled, and restart the browser."]);
      steps.push(["Or start it from a terminal: ", code(`${name === "edge" ? "microsoft-edge" : "google-chrome"} --enable-unsafe-webgpu --enable-features=Vulkan`), "."]);
      steps.push(["Without a graphics card, slowly: add ", code("--use-webgpu-adapter=swiftshader"), "."]);
    } else if (system === "android") {
      steps.push(["On Android WebGPU needs Android 12 and, by default, a Qualcomm or ARM graphics chip; an update of the browser or of the system can bring it."]);
      if (refused) steps.push(CHROMIUM_FLAGS);
    } else if (refused) {
      steps.push(name === "edge" ? ["If it is on the blocklist: open ", code("edge://flags/#enable-unsafe-webgpu"), ", choose Enabled, and restart the browser."] : ["If it is on the blocklist: open ", code("chrome://flags/#enable-unsafe-webgpu"), ", choose Enabled, and restart the browser."]);
    }
  } else if (name === "firefox") {
    if (system === "windows") steps.push([version && version < 141 ? "Update Firefox: on Windows WebGPU came with version 141." : "On Windows Firefox has WebGPU by default; a newer graphics driver may be what is missing."]);
    else if (system === "mac") steps.push(["On Macs with Apple's own chips Firefox has WebGPU by default since version 145; on Intel Macs not yet."]);
    else steps.push(["On this system Firefox does not offer WebGPU by default yet; Firefox Nightly is furthest."]);
    steps.push(["To try it: open ", code("about:config"), ", set ", code("dom.webgpu.enabled"), " to true, and restart Firefox."]);
    if (refused) steps.push(["If hardware acceleration is off: Settings, General, Performance, “Use hardware acceleration when available”. ", code("about:support"), " says what Firefox thinks of the graphics driver."]);
  } else if (name === "safari") {
    if (system === "ios") {
      steps.push(["Update to iOS or iPadOS 26: WebGPU is on by default since then, in every browser of the device."]);
      steps.push(["On iOS 18: Settings, Apps, Safari, Advanced, Feature Flags, switch WebGPU on."]);
    } else {
      steps.push(["Update to Safari 26 (macOS 26): WebGPU is on by default since then."]);
      steps.push(["On Safari 18: Settings, Advanced, “Show features for web developers”; then Feature Flags, switch WebGPU on."]);
    }
  } else {
    steps.push(["Open this page in a recent Chrome or Edge, in Firefox on Windows or on a Mac with an Apple chip, or in Safari 26."]);
  }
  if (name !== "other" && steps.length < 4) steps.push(["Or open this page in another browser: Chrome and Edge have WebGPU on Windows, macOS and ChromeOS, Safari since version 26."]);
  return steps;
}

export async function explain(section, found) {
  const browser = browserOf(navigator);
  const add = (parent, tag, content = [], attributes = {}) => {
    const node = document.createElement(tag);
    node.append(...[content].flat());
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    parent.append(node);
    return node;
  };
  const header = add(section, "header");
  add(header, "img", [], { class: "mark", src: "icon.svg", alt: "" });
  add(header, "span", "Lowland");
  const failed = found.reason === "failed";
  add(section, "h1", failed ? "Something went wrong while opening" : "This browser cannot train here, so watch a run that was recorded", { id: "without-title" });
  add(section, "p", why(found, browser), { class: "lead", "data-reason": found.reason });
  const player = add(section, "div", [], { class: "player" });
  add(section, "h2", failed ? "What to do" : "To train it yourself");
  const list = add(section, "ol", [], { class: "advice" });
  for (const step of advice(found, browser)) add(list, "li", step);
  const details = add(section, "details");
  add(details, "summary", "For a report of this problem");
  add(details, "p", [`${found.reason}${found.detail ? `: ${found.detail}` : ""}. `, code(navigator.userAgent)]);
  section.hidden = false;
  try {
    const answer = await fetch("recording.json");
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    play(player, await answer.json());
  } catch (error) {
    add(player, "p", `The recorded run could not be loaded (${error.message}).`);
  }
}
