// The player of one track, a component of Streamlit: what the reader does, and the sound.
//
// Streamlit calls the default export when the data or the theme is another, and calls what it
// returned when the player leaves the page. Names are anybody's text: they become textContent.

const CLOSEST = 1; // seconds on the whole width: two or three beats
const STEP = 5; // seconds of an arrow key
const SLACK = 4; // pixels that a pointer may move in a click
const TRIES = 3; // times that a sound is asked for again

const players = new WeakMap();
let sounding = null; // of all players of a page one is heard

export default function ({ parentElement, data }) {
  const begun = performance.now();
  const player = players.get(parentElement) ?? new Player(parentElement);
  players.set(parentElement, player);
  player.update(data);
  performance.measure("earmark.player", { start: begun });
  // A call that was overtaken by another one must not take the player away from it.
  const call = ++player.calls;
  return () => call === player.calls && player.leave();
}

class Player {
  calls = 0;
  at = 0; // where it is while there is no sound to ask
  hover = null;
  following = true;
  elsewhere = -Infinity; // when the page was last scrolled
  pointers = new Map();
  end = new AbortController();

  constructor(parent) {
    this.parent = parent;
    this.root = parent.querySelector(".player");
    for (const part of ["play", "name", "clock", "status", "stage", "overview", "tip"])
      this[part] = this.root.querySelector(`.${part}`);
    this.audio = this.root.querySelector("audio");
    this.switch = this.root.querySelector("input");
    this.root.querySelector(".scale").style.background = `linear-gradient(90deg, ${MAGMA})`;
    this.picture = new Picture(this.root);
    this.listen();
    this.observer = new ResizeObserver(() => this.picture.resize() && this.draw());
    this.observer.observe(this.stage);
  }

  leave() {
    this.end.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    this.setSound(null);
    players.delete(this.parent);
  }

  listen() {
    const { signal } = this.end;
    const on = (target, types, act) => {
      for (const type of types.split(" ")) target.addEventListener(type, act.bind(this), { signal, passive: false });
    };
    on(this.play, "click", this.toggle);
    on(this.switch, "change", this.draw);
    on(this.root.querySelector(".in"), "click", () => this.zoom(0.5));
    on(this.root.querySelector(".out"), "click", () => this.zoom(2));
    on(this.root.querySelector(".whole"), "click", () => this.look(0, Infinity));
    on(this.root, "keydown", this.key);
    on(this.stage, "wheel", this.wheel);
    on(this.stage, "pointerdown", this.press);
    on(this.stage, "pointermove", this.drag);
    on(this.stage, "pointerup pointercancel", this.release);
    on(this.stage, "pointerleave", () => this.point(null));
    on(this.overview, "pointerdown pointermove", this.pick);
    on(this.audio, "play", this.started);
    on(this.audio, "play pause ended", this.tell);
    on(this.audio, "pause ended seeked", this.tick);
    on(this.audio, "error", this.failed);
    on(this.audio, "loadedmetadata", () => (this.audio.currentTime = this.at));
    const scrolled = (event) => event.composedPath().includes(this.stage) || (this.elsewhere = event.timeStamp);
    document.addEventListener("wheel", scrolled, { signal, passive: true, capture: true });
  }

  // ---- what Python says ------------------------------------------------------------------------

  update(data) {
    // The same data again means another theme.
    if (data !== this.data) {
      const track = unpack(data);
      const known = track.track === this.picture.track?.track;
      if (known) this.picture.track = track;
      else this.begin(track);
      this.data = data;
      this.describe(track);
      this.setSound(track.sound);
    }
    this.picture.resize();
    this.draw();
  }

  begin(track) {
    this.audio.pause();
    this.setSound(null);
    this.at = 0;
    this.picture.show(track);
  }

  describe({ name, duration, times, bars }) {
    this.name.textContent = this.name.title = name;
    this.root.setAttribute("aria-label", `Player: ${name}`);
    this.stage.setAttribute("aria-label", `Position in ${name}`);
    this.stage.setAttribute("aria-valuemax", duration.toFixed(1));
    this.switch.disabled = !times.length;
    this.switch.parentElement.title = times.length ? `${times.length} beats, ${bars.at(-1)} bars` : "No beats";
  }

  setSound(address) {
    if (address === this.sound) return;
    this.at = this.position();
    this.sound = address;
    this.tries = 0;
    this.play.disabled = !address;
    this.status.textContent = address ? "" : "no sound yet";
    // Without its source the browser lets go of the sound at once.
    if (address) this.audio.src = address;
    else this.audio.removeAttribute("src");
    this.audio.load();
  }

  // ---- the sound -------------------------------------------------------------------------------

  position() {
    return this.audio.readyState ? this.audio.currentTime : this.at;
  }

  seek(time) {
    this.at = clamp(time, 0, this.picture.track.duration);
    if (this.audio.readyState) this.audio.currentTime = this.at;
    this.following = true;
    this.moved();
  }

  toggle() {
    if (this.play.disabled) return;
    this.following = true;
    // A refusal is told by the event "error", or by nothing having begun.
    if (this.audio.paused) this.audio.play().catch(() => {});
    else this.audio.pause();
  }

  started() {
    if (sounding !== this) sounding?.audio.pause();
    sounding = this;
    this.tick();
  }

  tick() {
    cancelAnimationFrame(this.frame);
    this.at = this.position();
    this.moved();
    if (!this.audio.paused && !this.audio.ended) this.frame = requestAnimationFrame(() => this.tick());
  }

  // When somebody else's page ends, the server may forget a file that this page is about to name
  // again: what fails is asked for once more before anybody is told.
  failed() {
    if (!this.sound) return;
    if (this.tries++ < TRIES) return setTimeout(() => this.end.signal.aborted || this.audio.load(), 700);
    this.play.disabled = true;
    this.status.textContent = "this browser cannot play it";
  }

  // ---- what the reader does --------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.composedPath()[0].matches("button, input")) return;
    const step = (way) => (event.shiftKey ? this.nextBar(way) : this.position() + way * STEP);
    const act = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.seek(step(-1)),
      ArrowRight: () => this.seek(step(1)),
      Home: () => this.seek(0),
      End: () => this.seek(Infinity),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.look(0, Infinity),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  nextBar(way) {
    const { times, numbers, duration } = this.picture.track;
    const starts = [...times].filter((_, i) => numbers[i] === 1);
    const at = this.position();
    // A bar that has only just begun is passed over, or nobody could go back while it plays.
    return (way > 0 ? starts.find((time) => time > at + 0.05) : starts.findLast((time) => time < at - 0.3)) ??
      (way > 0 ? duration : 0);
  }

  wheel(event) {
    // A scroll of the page that comes over the picture goes on; one that begins here is ours.
    if (!event.ctrlKey && event.timeStamp - this.elsewhere < 300) return (this.elsewhere = event.timeStamp);
    const { width, span, whole } = this.picture;
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (whole && !event.ctrlKey && (sideways || event.deltaY > 0)) return;
    event.preventDefault();
    const pixels = (sideways ? event.deltaX || event.deltaY : event.deltaY) * (event.deltaMode ? 16 : 1);
    if (sideways) this.pan((pixels / width) * span);
    // A pinch on a touchpad comes as a small turn of the wheel with Ctrl.
    else this.zoom(Math.exp(pixels * (event.ctrlKey ? 0.01 : 0.002)), this.picture.time(this.inside(event).x));
  }

  press(event) {
    if (event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    const place = this.inside(event);
    this.pointers.set(event.pointerId, place);
    this.clicking = this.pointers.size === 1;
    this.point(place);
  }

  drag(event) {
    const now = this.inside(event);
    const before = this.pointers.get(event.pointerId);
    this.point(now);
    if (!before || (this.clicking && Math.abs(now.x - before.x) <= SLACK)) return;
    this.clicking = false;
    this.pointers.set(event.pointerId, now);
    const other = [...this.pointers.values()].find((each) => each !== now);
    if (other) this.pinch(before, now, other);
    else this.shift(before, now);
  }

  // One finger, or the mouse: it moves the part that is seen, or over the whole track the playhead.
  shift(before, now) {
    if (this.picture.whole) return this.seek(this.picture.time(now.x));
    this.stage.classList.add("dragged");
    this.pan(((before.x - now.x) / this.picture.width) * this.picture.span);
  }

  // Two fingers: what lies between them stays between them.
  pinch(before, now, other) {
    const apart = (finger) => Math.max(Math.hypot(finger.x - other.x, finger.y - other.y), 20);
    const middle = this.picture.time((before.x + other.x) / 2);
    this.zoom(apart(before) / apart(now), middle);
    this.pan(((before.x - now.x) / 2 / this.picture.width) * this.picture.span);
  }

  release(event) {
    if (this.clicking && event.type === "pointerup") this.seek(this.picture.time(this.inside(event).x));
    this.clicking = false;
    this.pointers.delete(event.pointerId);
    this.stage.classList.remove("dragged");
    if (event.pointerType !== "mouse") this.point(null);
  }

  // The overview: the place that is pressed comes into view.
  pick(event) {
    if (!event.buttons) return;
    this.overview.setPointerCapture(event.pointerId);
    const { track, width, span, whole } = this.picture;
    const time = clamp((this.inside(event).x - GUTTER) / width, 0, 1) * track.duration;
    if (whole) this.seek(time);
    else this.look(time - span / 2, time + span / 2);
  }

  point(hover) {
    const { width } = this.picture;
    const seen = hover && hover.x >= GUTTER && hover.x <= GUTTER + width;
    this.hover = seen ? hover : null;
    this.tip.hidden = !seen;
    if (seen) {
      this.tip.textContent = this.picture.words(hover);
      const { offsetWidth: wide, offsetHeight: high } = this.tip;
      const left = hover.x + 12 + wide > GUTTER + width ? hover.x - wide - 10 : hover.x + 12;
      this.tip.style.translate = `${Math.max(left, 0)}px ${Math.max(hover.y - high - 10, 0)}px`;
    }
    this.drawOver();
  }

  inside(event) {
    const { left, top } = this.stage.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  // ---- the view --------------------------------------------------------------------------------

  look(from, to) {
    const { duration } = this.picture.track;
    const span = clamp(to - from, Math.min(CLOSEST, duration), duration);
    this.picture.from = clamp(from, 0, duration - span);
    this.picture.to = this.picture.from + span;
    this.following = this.inView();
    this.draw();
  }

  pan(seconds) {
    this.look(this.picture.from + seconds, this.picture.to + seconds);
  }

  // Buttons and keys zoom about the playhead where it is to be seen.
  zoom(factor, about = this.inView() ? this.position() : (this.picture.from + this.picture.to) / 2) {
    const { from, span, track } = this.picture;
    const next = clamp(span * factor, Math.min(CLOSEST, track.duration), track.duration);
    const first = about - ((about - from) / span) * next;
    this.look(first, first + next);
  }

  inView() {
    return this.position() >= this.picture.from && this.position() <= this.picture.to;
  }

  // The view turns pages after the playhead: nothing glides. It does not when the reader has gone to
  // look elsewhere.
  moved() {
    const { span } = this.picture;
    if (this.inView()) this.following = true;
    else if (this.following) this.look(this.position() - 0.05 * span, this.position() + 0.95 * span);
    this.drawOver();
    this.tell();
  }

  draw() {
    if (!this.picture.size) return;
    this.picture.draw(this.switch.checked);
    this.overview.setAttribute("aria-label", `Shown: ${clock(this.picture.from)} to ${clock(this.picture.to)}`);
    this.drawOver();
    this.tell();
  }

  drawOver() {
    if (this.picture.size) this.picture.drawOver(this.position(), this.hover);
  }

  tell() {
    const { duration } = this.picture.track;
    const heard = !this.audio.paused && !this.audio.ended;
    this.root.classList.toggle("playing", heard);
    this.play.setAttribute("aria-label", heard ? "Pause" : "Play");
    const [now, all] = [clock(this.position()), clock(duration)];
    if (this.clock.textContent !== `${now} / ${all}`) this.clock.textContent = `${now} / ${all}`;
    this.stage.setAttribute("aria-valuenow", this.position().toFixed(1));
    this.stage.setAttribute("aria-valuetext", `${now} of ${all}`);
  }
}
