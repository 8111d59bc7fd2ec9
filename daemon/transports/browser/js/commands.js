// What can be asked for, each in one round trip. The last file of the script: it starts `run`, which answers.

const COMMANDS = {
  observe, clickInDialog, acceptDialog, openChat, arrive, chatNow: ({ digits }) => chatNow(digits), focus, selectAll,
  newestRows, isOpen: ({ want }) => rightTitle(want), paste, readBack, send, awaitRow, chooseInput, awaitPreview, leavePreview, history, older, newest, openPanel, leavePanel, pickResult,
  awaitPaint, listedTicks, unread, heard, readRows, openListed, missing, screenText, click: ({ name }) => clickFirst(name), settled,
  canonical: ({ text }) => canonical(text), title, openEntry, submitNumber, logOut, faulty, structure,
};

async function run(name, given, done) {
  own = (given?.own ?? []).map(oneLine).filter((each) => each.length > 3).sort((a, b) => b.length - a.length);
  try {
    done({ value: (await COMMANDS[name](given ?? {})) ?? null, hits });
  } catch (error) {
    done({ error: String(error?.stack ?? error).slice(0, 500), hits });
  }
}
