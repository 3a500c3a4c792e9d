// What there is to see of a track: waveform, mel spectrogram, beats and bars over one axis of time.
//
// `player.py` puts this file before `player.js`. It knows no events and no sound: a picture has a
// view (`from`, `to` in seconds), draws it, and says where a time or a frequency lies in it.

const GUTTER = 46; // left of the pictures, for the frequencies
const RULER = 18; // above them, for the numbers of the bars
const AXIS = 20; // below them, for the time
const GAP = 5; // between waveform and spectrogram
const MAGMA = "#000004 #180f3e #451077 #721f81 #9f2f7f #cd4071 #f1605d #fd9567 #fec98d #fcfdbf".split(" ");
const TIMES = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
const PITCHES = [100, 200, 500, 1000, 2000, 5000, 10000, 20000];

class Picture {
  constructor(root) {
    [this.still, this.over, this.overview] = root.querySelectorAll("canvas");
    this.root = root;
  }

  show(track) {
    this.track = track;
    this.image = spectrogram(track);
    [this.from, this.to] = [0, track.duration];
  }

  get span() {
    return this.to - this.from;
  }

  get whole() {
    return this.span >= this.track.duration;
  }

  x(time) {
    return GUTTER + ((time - this.from) / this.span) * this.width;
  }

  time(x) {
    return this.from + (clamp(x - GUTTER, 0, this.width) / this.width) * this.span;
  }

  // Where a frequency lies in the spectrogram; null outside of it.
  y(hertz) {
    const { frequencies, bands } = this.track;
    const above = after(frequencies, hertz);
    if (above === 0 || above >= bands) return null;
    const share = (hertz - frequencies[above - 1]) / (frequencies[above] - frequencies[above - 1]);
    return this.mel.top + this.mel.height * (1 - (above - 0.5 + share) / bands);
  }

  // What is at a place of the picture, in words.
  words({ x, y }) {
    const { times, numbers, bars, frequencies, bands, duration } = this.track;
    const time = this.time(x);
    const words = [clock(time, 2)];
    const band = Math.floor((1 - (y - this.mel.top) / this.mel.height) * bands);
    if (band >= 0 && band < bands) words.push(pitch(frequencies[band]));
    const beat = after(times, time) - 1;
    // Where the beats have ended there is none, however long the track goes on.
    const next = times[beat + 1] ?? Math.min(2 * times[beat] - (times[beat - 1] ?? times[beat]), duration);
    if (time < next) words.push(bars[beat] ? `bar ${bars[beat]}, beat ${numbers[beat]}` : `beat ${numbers[beat]}`);
    return words.join(" · ");
  }

  // Canvases have as many pixels as the screen has; returns whether there is anything to draw anew.
  resize() {
    const { clientWidth: wide, clientHeight: high } = this.still;
    const size = [wide, high, devicePixelRatio].join();
    if (!wide || size === this.size) return false;
    this.size = size;
    this.width = Math.max(wide - GUTTER, 1);
    const lanes = high - RULER - AXIS - GAP;
    this.wave = { top: RULER, height: Math.round(lanes * 0.4) };
    this.mel = { top: RULER + this.wave.height + GAP, height: lanes - this.wave.height };
    for (const canvas of [this.still, this.over, this.overview]) {
      canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
      canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    }
    return true;
  }

  // An empty canvas and a pen that counts in the pixels of CSS.
  clean(canvas) {
    const pen = canvas.getContext("2d");
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    return pen;
  }

  // ---- what changes with the view --------------------------------------------------------------

  draw(withBeats) {
    const style = getComputedStyle(this.root);
    const ink = (name) => style.getPropertyValue(`--st-${name}`);
    this.ink = { text: ink("text-color"), back: ink("background-color") };
    Object.assign(this.ink, { own: ink("primary-color"), lane: ink("secondary-background-color") });
    const pen = this.clean(this.still);
    pen.font = `11px ${style.fontFamily}`;
    this.drawScales(pen);
    inside(pen, GUTTER, this.wave.top, this.width, this.wave.height, () => {
      box(pen, GUTTER, this.wave.top, this.width, this.wave.height, this.ink.lane);
      this.drawWave(pen, { top: this.wave.top + 3, height: this.wave.height - 6 }, this.from, this.to);
    });
    inside(pen, GUTTER, this.mel.top, this.width, this.mel.height, () => this.drawMel(pen));
    if (withBeats) this.drawBeats(pen);
  }

  drawWave(pen, { top, height }, from, to) {
    const { waveRate, wave } = this.track;
    const rate = ((to - from) / this.width) * waveRate;
    const points = [];
    for (let x = 0; x <= this.width; x++) {
      const column = from * waveRate + x * rate;
      points.push(envelope(wave, column - rate / 2, column + rate / 2));
    }
    const middle = top + height / 2;
    // At least a hair: silence is a line, not a hole.
    const outline = (above, below, alpha) => {
      pen.beginPath();
      points.forEach((point, x) => pen.lineTo(GUTTER + x, middle - Math.max(above(point) * height, 1) / 2));
      for (let x = points.length - 1; x >= 0; x--)
        pen.lineTo(GUTTER + x, middle + Math.max(below(points[x]) * height, 1) / 2);
      pen.globalAlpha = alpha;
      pen.fillStyle = this.ink.own;
      pen.fill();
      pen.globalAlpha = 1;
    };
    outline(([, high]) => high, ([low]) => -low, 0.38);
    outline(([, , rms]) => rms, ([, , rms]) => rms, 1);
  }

  drawMel(pen) {
    const { top, height } = this.mel;
    const { melRate, melStart, bands } = this.track;
    box(pen, GUTTER, top, this.width, height, MAGMA[0]);
    pen.imageSmoothingQuality = "high";
    const begin = (this.from - melStart) * melRate;
    if (this.image) pen.drawImage(this.image, begin, 0, this.span * melRate, bands, GUTTER, top, this.width, height);
  }

  drawScales(pen) {
    const label = (text, x, y, align, base) => {
      Object.assign(pen, { textAlign: align, textBaseline: base, globalAlpha: 0.65 });
      pen.fillText(text, x, y);
      pen.globalAlpha = 0.35;
    };
    pen.fillStyle = this.ink.text;
    const peak = +this.track.peak.toPrecision(2);
    for (const [text, share] of [[`+${peak}`, 0], ["0", 0.5], [`−${peak}`, 1]]) {
      const y = this.wave.top + share * this.wave.height;
      label(text, GUTTER - 8, y + 5 - 10 * share, "right", "middle");
    }
    let free = Infinity;
    for (const hertz of PITCHES) {
      const y = this.y(hertz);
      if (y === null || free - y < 14) continue;
      free = y;
      label(pitch(hertz), GUTTER - 8, y, "right", "middle");
      pen.fillRect(GUTTER - 5, Math.round(y), 5, 1);
    }
    const bottom = this.mel.top + this.mel.height;
    const step = TIMES.find((each) => (each / this.span) * this.width >= 62) ?? TIMES.at(-1);
    for (let i = Math.ceil(this.from / step); i * step <= this.to; i++) {
      const x = this.x(i * step);
      // The last one ends inside of the picture.
      label(clock(i * step, step < 1 ? 1 : 0), Math.min(x, GUTTER + this.width - 14), bottom + 7, "center", "top");
      pen.fillRect(Math.round(x), bottom, 1, 4);
    }
    pen.globalAlpha = 1;
  }

  // As many beats and bars as can be told apart: from far every second, fourth, eighth bar.
  drawBeats(pen) {
    const { times, numbers, bars } = this.track;
    if (times.length < 2) return;
    const beat = ((times.at(-1) - times[0]) / (times.length - 1) / this.span) * this.width;
    const bar = (beat * times.length) / Math.max(bars.at(-1), 1);
    const every = (least) => 2 ** Math.max(0, Math.ceil(Math.log2(least / bar)));
    const [lines, labels] = [every(14), every(34)];
    Object.assign(pen, { textAlign: "left", textBaseline: "top" });
    for (let i = after(times, this.from); i < times.length && times[i] <= this.to; i++) {
      const x = Math.round(this.x(times[i]));
      if (numbers[i] !== 1) {
        if (beat >= 7) this.drawLine(pen, x, 1, beat < 40 ? 7 : Infinity, 0.35);
        continue;
      }
      if ((bars[i] - 1) % lines) continue;
      this.drawLine(pen, x, bar > 80 ? 2 : 1, Infinity, clamp((bar * lines) / 80, 0.3, 0.7));
      const named = (bars[i] - 1) % labels === 0;
      pen.globalAlpha = 0.6;
      pen.fillRect(x, named ? 3 : RULER - 5, 1, named ? RULER - 3 : 5);
      // A number that would not fit any more is left out.
      if (named && x + 24 < GUTTER + this.width) pen.fillText(bars[i], x + 4, 3);
    }
    pen.globalAlpha = 1;
  }

  // Over the waveform in the colour of the text, over the spectrogram, which is dark, in white.
  drawLine(pen, x, wide, long, alpha) {
    pen.globalAlpha = alpha;
    box(pen, x, this.mel.top, wide, Math.min(long, this.mel.height), "#fff");
    box(pen, x, this.wave.top, wide, Math.min(long, this.wave.height), this.ink.text);
  }

  // ---- what moves over it ----------------------------------------------------------------------

  drawOver(at, hover) {
    const pen = this.clean(this.over);
    const bottom = this.mel.top + this.mel.height;
    if (hover) {
      this.drawLine(pen, Math.round(hover.x), 1, Infinity, 0.75);
      if (hover.y >= this.mel.top && hover.y < bottom) box(pen, GUTTER, Math.round(hover.y), this.width, 1, "#fff");
      pen.globalAlpha = 1;
    }
    if (at >= this.from && at <= this.to) {
      const x = Math.round(this.x(at));
      const high = bottom - RULER + 4;
      box(pen, x - 2, RULER - 4, 4, high, this.ink.back);
      box(pen, x - 1, RULER - 4, 2, high, this.ink.text);
      pen.beginPath();
      pen.arc(x, RULER - 5, 5, 0, 7);
      pen.fill();
    }
    this.drawOverview(at);
  }

  // The whole track, what is seen of it, and where it is.
  drawOverview(at) {
    const pen = this.clean(this.overview);
    const height = this.overview.clientHeight;
    const x = (time) => GUTTER + (time / this.track.duration) * this.width;
    const strip = (left, right, alpha) =>
      inside(pen, left, 0, right - left, height, () => {
        pen.globalAlpha = alpha;
        pen.drawImage(this.strip(), 0, 0, this.overview.clientWidth, height);
      });
    inside(pen, GUTTER, 0, this.width, height, () => box(pen, GUTTER, 0, this.width, height, this.ink.lane));
    strip(GUTTER, GUTTER + this.width, 0.4);
    if (!this.whole) {
      const [left, right] = [x(this.from), Math.max(x(this.to), x(this.from) + 4)];
      strip(left, right, 1);
      Object.assign(pen, { strokeStyle: this.ink.own, lineWidth: 1.5 });
      pen.strokeRect(left + 0.75, 0.75, right - left - 1.5, height - 1.5);
    }
    box(pen, Math.round(x(at)) - 1, 0, 2, height, this.ink.text);
  }

  // The waveform of the whole track is drawn once per size and theme: it is laid under each frame.
  strip() {
    const known = [this.size, this.track.track, this.ink.own].join();
    if (this.drawn !== known) {
      const { width, height, clientHeight } = this.overview;
      this.drawn = known;
      this.small = Object.assign(document.createElement("canvas"), { width, height });
      this.drawWave(this.clean(this.small), { top: 2, height: clientHeight - 4 }, 0, this.track.duration);
    }
    return this.small;
  }
}

// Reads what `player.pack` wrote; the copy begins at 0, as numbers of four bytes need it.
function unpack(bytes) {
  const { buffer } = bytes.slice();
  let at = 4 + new DataView(buffer).getUint32(0, true);
  const track = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, at - 4)));
  const next = (Kind, count) => {
    const part = new Kind(buffer, at, count);
    at += part.byteLength;
    return part;
  };
  track.times = next(Float32Array, track.beats);
  track.wave = next(Int8Array, 3 * track.columns);
  track.numbers = next(Uint8Array, track.beats);
  track.shades = next(Uint8Array, track.bands * track.melColumns);
  let bar = 0;
  track.bars = Array.from(track.numbers, (number) => (bar += number === 1));
  return track;
}

// Lowest, highest and RMS between two places of the waveform, in columns, the track's peak being 1:
// of all columns that they cover, or, from nearer, between the two columns next to them.
function envelope(wave, begin, end) {
  const last = wave.length / 3 - 1;
  if (last < 0) return [0, 0, 0];
  const column = (i, part) => wave[3 * clamp(i, 0, last) + part] / 127;
  if (end - begin < 1) {
    const at = (begin + end) / 2 - 0.5;
    const low = Math.floor(at);
    const share = (at - low) ** 2 * (3 - 2 * (at - low));
    return [0, 1, 2].map((part) => column(low, part) * (1 - share) + column(low + 1, part) * share);
  }
  let [low, high, power, count] = [1, -1, 0, 0];
  for (let i = Math.floor(begin); i < end; i++, count++) {
    low = Math.min(low, column(i, 0));
    high = Math.max(high, column(i, 1));
    power += column(i, 2) ** 2;
  }
  return [low, high, Math.sqrt(power / count)];
}

// The whole spectrogram, one pixel for each value, low bands below.
function spectrogram({ shades, bands, melColumns }) {
  if (!bands || !melColumns) return null;
  const canvas = Object.assign(document.createElement("canvas"), { width: melColumns, height: bands });
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(melColumns, bands);
  const paint = new Uint32Array(pixels.data.buffer);
  const colours = palette();
  for (let band = 0; band < bands; band++) {
    const row = (bands - 1 - band) * melColumns;
    for (let i = 0; i < melColumns; i++) paint[row + i] = colours[shades[band * melColumns + i]];
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

// Each shade's colour, as four bytes: red, green, blue and opaque.
function palette() {
  const stops = MAGMA.map((text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)));
  const bytes = new Uint8ClampedArray(4 * 256);
  for (let shade = 0; shade < 256; shade++) {
    const at = (shade / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const mixed = [0, 1, 2].map((i) => stops[low][i] + (at - low) * (stops[low + 1][i] - stops[low][i]));
    bytes.set([...mixed, 255], 4 * shade);
  }
  return new Uint32Array(bytes.buffer);
}

function box(pen, x, y, width, height, colour) {
  pen.fillStyle = colour;
  pen.fillRect(x, y, width, height);
}

// Draws what stays inside of a box with round corners.
function inside(pen, x, y, width, height, draw) {
  pen.save();
  pen.beginPath();
  pen.roundRect(x, y, width, height, 3);
  pen.clip();
  draw();
  pen.restore();
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

// How many of the sorted values are not above one.
function after(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function clock(seconds, digits = 0) {
  const scale = 10 ** digits;
  const whole = Math.floor(seconds * scale + 1e-6) / scale;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = (whole % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function pitch(hertz) {
  return hertz < 1000 ? `${Math.round(hertz)} Hz` : `${+(hertz / 1000).toFixed(1)} kHz`;
}
