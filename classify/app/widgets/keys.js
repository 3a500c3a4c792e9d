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

  // Space plays, and a slash searches, wherever on the page nobody types or presses anything.
  const taken = "input, textarea, button, a, summary, canvas, [role], [contenteditable]";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.composedPath()[0];
    if (at !== document.body && at.matches?.(taken)) return;
    const parts = [...document.querySelectorAll("*")].flatMap((one) => one.shadowRoot ?? []);
    const find = (selector) =>
      [document, ...parts].map((part) => part.querySelector(selector)).find(Boolean);
    const found = {
      "/": () => find("input[aria-label=Search]"),
      " ": () => find(".player button.play"),
    }[event.key]?.();
    if (!found) return;
    event.preventDefault();
    if (event.key === "/") found.focus();
    else found.click();
  });
}
