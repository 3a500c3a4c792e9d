// What keys and the menu do on every page. Streamlit runs this again whenever it draws a page.
if (!window.earmarkKeys) {
  window.earmarkKeys = true;

  // On a phone the menu lies over the page: it closes when somebody has chosen one.
  document.addEventListener("click", (event) => {
    const menu = event.target.closest?.("[data-testid=stSidebar]");
    if (!menu || !event.target.closest("a") || window.innerWidth > 768) return;
    const close = menu.querySelector("[data-testid=stSidebarCollapseButton] button");
    setTimeout(() => close?.click(), 50);
  });

  // Keys work wherever on the page nobody types or presses anything; `?` shows which there are.
  const KEYS = [
    ["Space", "play, pause"],
    ["← →", "back, forward"],
    ["Shift ← →", "by bars"],
    ["Home End", "in the player: its beginning, its end"],
    ["+ −", "in the player: closer, further"],
    ["0", "in the player: the whole track"],
    ["/", "search"],
    ["?", "show these keys"],
    ["Esc", "close"],
  ];
  // Home, End and the rest are the page's own until the player has the focus.
  const PLAYER = [" ", "ArrowLeft", "ArrowRight"];

  const help = () => {
    const shown = document.createElement("dialog");
    const title = Object.assign(document.createElement("h2"), { textContent: "Keys" });
    const list = document.createElement("table");
    for (const [key, does] of KEYS) {
      const row = list.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = key;
      row.append(head);
      row.insertCell().textContent = does;
    }
    const close = Object.assign(document.createElement("button"), { textContent: "Close" });
    close.addEventListener("click", () => shown.close());
    shown.setAttribute("aria-label", "Keys");
    // The page's own colours and letters, by day and by night.
    const page = getComputedStyle(document.querySelector(".stApp"));
    for (const name of ["color", "backgroundColor", "fontFamily", "colorScheme"])
      shown.style[name] = page[name];
    shown.className = "earmark-keys";
    shown.append(title, list, close);
    shown.addEventListener("close", () => shown.remove());
    document.body.append(shown);
    shown.showModal();
  };

  const taken = "input, textarea, button, a, summary, canvas, [role], [contenteditable]";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog.earmark-keys")) return;
    const at = event.composedPath()[0];
    if (at !== document.body && at.matches?.(taken)) return;
    const parts = [...document.querySelectorAll("*")].flatMap((one) => one.shadowRoot ?? []);
    const find = (selector) =>
      [document, ...parts].map((part) => part.querySelector(selector)).find(Boolean);
    const { key, shiftKey } = event;
    if (key === "?") help();
    else if (key === "/") {
      const search = find("input[aria-label=Search]");
      if (!search) return;
      search.focus();
    } else if (PLAYER.includes(key)) {
      const player = find(".player");
      if (!player) return;
      player.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
    } else return;
    event.preventDefault();
  });
}
