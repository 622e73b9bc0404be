// What this browser offers of WebGPU, and what becomes of the devices that are opened.

// Why there is no adapter, in the order in which it is asked: `insecure`, `missing`, `none`; or the adapter's data.
export async function examine() {
  if (!isSecureContext) return { reason: "insecure" };
  if (!navigator.gpu) return { reason: "missing" };
  let adapter = null;
  let detail = "";
  try {
    adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    detail = String(error?.message ?? error);
  }
  if (!adapter) return { reason: "none", detail };
  const info = adapter.info ?? {};
  // Older browsers have the flag on the adapter. SwiftShader computes on the CPU also where it is not called a fallback.
  const fallback = Boolean(info.isFallbackAdapter ?? adapter.isFallbackAdapter);
  const software = fallback || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(`${info.architecture} ${info.device} ${info.description}`);
  const name = [info.vendor, info.architecture, info.description].filter(Boolean).join(" ") || "unnamed adapter";
  if (software) straighten();
  return { adapter: name, software };
}

let straightened = 0;

// How many shaders have been made straight.
export const shadersStraightened = () => straightened;

// A software adapter runs both sides of a branch for every pixel. egui's shader branches for a way of filtering and for
// dithering that are both off here, and they cost it four fifths of its time: they are left out.
function straighten() {
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    const code = descriptor.code
      .replace(/if r_locals\.predictable_texture_filtering == 0 \{([^]*?)\n {4}\} else \{[^]*?\n {4}\}\n/, "$1\n")
      .replace(/if r_locals\.dithering == 1 \{[^]*?\n {4}\}\n/g, "");
    if (code === descriptor.code) return create.call(this, descriptor);
    straightened += 1;
    return create.call(this, { label: descriptor.label, code });
  };
}

const listeners = new Set();

let opened = 0;

// How many devices have been opened.
export const devicesOpened = () => opened;

// Calls `listener(number, reason, message)` when a device is lost: the first that was opened is number 0.
export function onDeviceLost(listener) {
  listeners.add(listener);
}

// Devices that are in use, for the test hook alone; empty without `?test` in the URL.
export const devices = new Set();

// egui and the engine open devices deep inside; the page has to know when one goes.
export function watchDevices() {
  const GPUAdapter = globalThis.GPUAdapter;
  if (!GPUAdapter) return;
  const keep = new URLSearchParams(location.search).has("test");
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    const number = opened;
    opened += 1;
    if (keep) devices.add(device);
    device.lost.then(({ reason, message }) => {
      devices.delete(device);
      for (const listener of listeners) listener(number, reason, message);
    });
    return device;
  };
}
