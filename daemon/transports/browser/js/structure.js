// How the page is built, for those who mend selectors.toml. What stands in it leaves only as far as structure.py lets it.

function countBy(names) {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function structure() {
  const every = [...document.querySelectorAll("body *")];
  const used = (read) => countBy(every.map(read).filter(Boolean));
  const choices = ([name, list]) => [name, list.map((choice) => matches(choice, document).filter(visible).length)];
  const rows = everyRow();
  const messages = direct(rowElements().map(parse));
  return {
    lang: document.documentElement.lang,
    build: String(window.Debug?.VERSION ?? ""),
    generation: rows.some((row) => row.querySelector(".message-in, .message-out")) ? "B" : rows.length ? "C" : "",
    main: !!one("logged_in"),
    selectors: Object.fromEntries(Object.entries(S.find).map(choices)),
    ids: used((el) => el.id),
    testids: used((el) => el.dataset.testid),
    icons: used((el) => el.dataset.icon),
    drawings: countBy([...document.querySelectorAll("svg title")].map((el) => el.textContent.trim())),
    roles: used((el) => el.getAttribute("role")),
    tabs: used((el) => el.dataset.tab),
    inputs: countBy([...document.querySelectorAll("input[type=file]")].map((el) => el.accept)),
    rows: {
      all: rows.length, notices: rows.length - messages.length, shells: messages.filter((one) => one.shell).length,
      own: messages.filter((one) => one.own).length, theirs: messages.filter((one) => one.own === false).length,
      acks: countBy(messages.map((one) => one.ack).filter(Boolean)), lost: lost(),
      keys: countBy(rows.map((row) => (row.dataset.id ?? "").replace(/[^_@.]+/g, (part) => (/^(true|false|c|us|lid|g)$/.test(part) ? part : "#")))),
    },
    dialogs: dialogs().map(({ text, buttons, waiting, guarded }) => ({ text, buttons, waiting, guarded })),
    text: screenText().slice(0, 2000),
  };
}
