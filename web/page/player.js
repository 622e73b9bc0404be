// Plays a recorded duel: two decision boundaries, two accuracies, two curves each of loss and test accuracy.

const FRAMES_PER_SECOND = 5;

export function play(root, recording) {
  const { about, side, bounds, points, frames, curve } = recording;
  const lanes = ["SGD", "SAM"];
  const fields = frames.map((frame) => frame.fields.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));

  root.innerHTML = "";
  const make = (parent, tag, attributes = {}, text = "") => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    parent.append(node);
    return node;
  };
  const card = make(root, "div", { class: "card" });
  make(card, "p", { class: "lead" }, about);
  const duel = make(card, "div", { class: "duel" });
  const sides = lanes.map((name, lane) => {
    const box = make(duel, "div");
    const heading = make(box, "h3", { class: lane ? "right" : "left" });
    return { heading, canvas: make(box, "canvas", { role: "img", "aria-label": `Decision boundary of ${name}` }) };
  });
  const charts = make(card, "div", { class: "curves" });
  const chart = (title) => {
    const box = make(charts, "div");
    make(box, "h3", {}, title);
    return make(box, "canvas", { role: "img", "aria-label": `${title}, over the steps, for SGD and SAM` });
  };
  const lossCanvas = chart("Training loss (SGD dashed, SAM solid)");
  const testCanvas = chart("Accuracy on clean test points");
  const controls = make(card, "div", { class: "player-controls" });
  const button = make(controls, "button", { type: "button" }, "Play");
  const slider = make(controls, "input", { type: "range", min: "0", max: String(frames.length - 1), value: "0", step: "1", "aria-label": "Step of the recorded run" });
  const output = make(controls, "output", { "aria-live": "off" });

  let at = 0;
  let timer = null;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const light = matchMedia("(prefers-color-scheme: light)");

  const draw = () => {
    const frame = frames[at];
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    sides.forEach(({ heading, canvas }, lane) => {
      heading.textContent = `${lanes[lane]} ${(100 * frame.test[lane]).toFixed(1)} % `;
      make(heading, "span", {}, "of clean test points right");
      canvas.setAttribute("aria-label", `Decision boundary of ${lanes[lane]} after ${frame.step} steps; ${(100 * frame.test[lane]).toFixed(1)} percent of test points right`);
      drawField(canvas, fields[at][lane], side, bounds, points, color);
    });
    drawCurves(lossCanvas, curve.step, curve.loss, frame.step, { color });
    drawCurves(testCanvas, frames.map((f) => f.step), [0, 1].map((lane) => frames.map((f) => f.test[lane])), frame.step, { percent: true, low: 0.8, color });
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", `step ${frame.step}`);
    output.textContent = `step ${frame.step.toLocaleString("en")}`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = at === frames.length - 1 ? "Again" : "Play";
  };
  const start = () => {
    if (at === frames.length - 1) at = 0;
    button.textContent = "Pause";
    timer = setInterval(() => {
      at += 1;
      draw();
      if (at === frames.length - 1) stop();
    }, 1000 / FRAMES_PER_SECOND);
    draw();
  };
  button.addEventListener("click", () => (timer === null ? start() : stop()));
  slider.addEventListener("input", () => {
    at = Number(slider.value);
    stop();
    draw();
  });
  light.addEventListener("change", draw);
  document.addEventListener("visibilitychange", () => document.hidden && timer !== null && stop());
  new ResizeObserver(draw).observe(card);
  draw();
  if (!still.matches) start();
}

function fit(canvas) {
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((length) => Math.max(1, Math.round(length * scale)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height, scale };
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// Shares of class 1 as bytes, row 0 at the top, smoothed to the canvas, with the line where both classes are equal.
function drawField(canvas, field, side, [x0, x1, y0, y1], points, color) {
  const { context, width, height, scale } = fit(canvas);
  const small = new OffscreenCanvas(side, side);
  const image = new ImageData(side, side);
  const [ground, ...areas] = ["ground", "area-0", "area-1"].map((name) => rgb(color(name)));
  field.forEach((byte, i) => {
    const share = byte / 255;
    const area = areas[share > 0.5 ? 1 : 0];
    const sure = 0.25 + 0.75 * Math.abs(2 * share - 1);
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = ground[c] + sure * (area[c] - ground[c]);
    image.data[4 * i + 3] = 255;
  });
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, width, height);

  // Values are those at the middles of the cells.
  const x = (column) => ((column + 0.5) / side) * width;
  const y = (row) => ((row + 0.5) / side) * height;
  context.beginPath();
  for (let row = 0; row + 1 < side; row += 1) {
    for (let column = 0; column + 1 < side; column += 1) {
      const corner = (r, c) => field[(row + r) * side + column + c] - 127.5;
      const [a, b, c, d] = [corner(0, 0), corner(0, 1), corner(1, 1), corner(1, 0)];
      const cuts = [];
      if (a < 0 !== b < 0) cuts.push([x(column + a / (a - b)), y(row)]);
      if (b < 0 !== c < 0) cuts.push([x(column + 1), y(row + b / (b - c))]);
      if (d < 0 !== c < 0) cuts.push([x(column + d / (d - c)), y(row + 1)]);
      if (a < 0 !== d < 0) cuts.push([x(column), y(row + a / (a - d))]);
      for (let i = 0; i + 1 < cuts.length; i += 2) {
        context.moveTo(...cuts[i]);
        context.lineTo(...cuts[i + 1]);
      }
    }
  }
  context.strokeStyle = color("decision");
  context.lineWidth = 1.5 * scale;
  context.stroke();

  const radius = Math.max(1.8, width / scale / 150) * scale;
  for (const [px, py, label, flipped] of points) {
    const [cx, cy] = [((px - x0) / (x1 - x0)) * width, ((y1 - py) / (y1 - y0)) * height];
    context.beginPath();
    context.arc(cx, cy, radius, 0, 2 * Math.PI);
    context.fillStyle = color(`point-${label}`);
    context.fill();
    if (!flipped) continue;
    context.beginPath();
    context.arc(cx, cy, 2 * radius, 0, 2 * Math.PI);
    context.lineWidth = 1.2 * scale;
    context.stroke();
  }
}

function drawCurves(canvas, steps, lanes, now, { color, percent, low }) {
  const { context, width, height, scale } = fit(canvas);
  const all = lanes.flat().filter(Number.isFinite);
  const top = Math.max(...all);
  const bottom = low ?? Math.min(...all);
  const margin = { left: 40 * scale, right: 6 * scale, top: 8 * scale, bottom: 8 * scale };
  const x = (step) => margin.left + ((width - margin.left - margin.right) * (step - steps[0])) / (steps.at(-1) - steps[0]);
  const y = (value) => height - margin.bottom - ((height - margin.top - margin.bottom) * (value - bottom)) / (top - bottom || 1);
  context.font = `${11 * scale}px ${getComputedStyle(canvas).fontFamily}`;
  context.textBaseline = "middle";
  context.lineWidth = scale;
  for (let i = 0; i <= 2; i += 1) {
    const value = bottom + (i / 2) * (top - bottom);
    context.strokeStyle = color("grid");
    context.beginPath();
    context.moveTo(margin.left, y(value));
    context.lineTo(width - margin.right, y(value));
    context.stroke();
    context.fillStyle = color("quiet");
    context.fillText(percent ? `${Math.round(100 * value)} %` : value.toFixed(2), 0, y(value));
  }
  lanes.forEach((values, lane) => {
    context.strokeStyle = color(lane ? "right" : "left");
    context.lineWidth = 2 * scale;
    context.setLineDash(lane ? [] : [6 * scale, 4 * scale]);
    context.beginPath();
    values.forEach((value, i) => {
      if (steps[i] <= now && Number.isFinite(value)) context.lineTo(x(steps[i]), y(Math.max(bottom, value)));
    });
    context.stroke();
  });
  context.setLineDash([]);
}
