// Draws every card and step list of the snapshots as Slack would show it: one picture per state in target/cards/.
//
//   cd tests/cards && npm ci && node render.mjs [part of a name]
//
// Needs Chromium (CHROMIUM, or /usr/bin/chromium). The drawing is slack-blocks-to-jsx's, not Slack's own.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Message } from "slack-blocks-to-jsx";

const here = dirname(fileURLToPath(import.meta.url));
const snapshots = join(here, "../../src/slack/views/snapshots");
const out = join(here, "../../target/cards");
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const wanted = process.argv[2] ?? "";
const style = readFileSync(join(here, "node_modules/slack-blocks-to-jsx/dist/style.css"), "utf8");

const logo = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="36" height="36"><rect width="36" height="36" rx="6" fill="#3b5b92"/></svg>',
);
const people = { U0REQ00001: "dev", U0LEAD0001: "lead", U0SRE00002: "sre2" };
const mention = (name) => createElement("span", { style: { color: "#1264a3", background: "#e8f1f9" } }, `@${name}`);
const hooks = {
  user: ({ id }) => mention(people[id] ?? id),
  usergroup: () => mention("sre"),
  date: ({ timestamp, format }) => {
    const at = new Date(Number(timestamp) * 1000);
    const time = at.toISOString().slice(11, 16);
    return format?.includes("date") ? `${at.toISOString().slice(0, 10)} at ${time}` : time;
  },
};

mkdirSync(out, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), "cards-"));
let drawn = 0;
try {
  for (const file of readdirSync(snapshots).sort()) {
    const name = /__(card-.+|form-.+)\.snap$/.exec(file)?.[1];
    if (!name || !name.includes(wanted)) continue;
    const body = readFileSync(join(snapshots, file), "utf8").split(/^---$/m).slice(2).join("---");
    // `verbatim` keeps Slack from making links of its own; the drawing takes it for "do not format at all".
    const { blocks } = JSON.parse(body, (key, value) => (key === "verbatim" ? undefined : value));
    const markup = renderToStaticMarkup(
      createElement(Message, { blocks, time: new Date(1793534400000), name: "Rollbot", logo, theme: "light", withoutWrapper: false, showBlockKitDebug: false, hooks }),
    );
    const html = join(profile, `${name}.html`);
    const picture = join(out, `${name}.png`);
    writeFileSync(
      html,
      `<!doctype html><meta charset="utf-8"><style>${style}
       body { margin: 16px; width: 620px; font-family: Lato, "Helvetica Neue", Arial, "Noto Color Emoji", sans-serif }</style>${markup}`,
    );
    execFileSync(
      chromium,
      ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
       "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-device-scale-factor=1",
       `--user-data-dir=${join(profile, "user")}`, "--window-size=660,1100", `--screenshot=${picture}`, `file://${html}`],
      { stdio: "ignore", timeout: 60_000 },
    );
    drawn += 1;
  }
} finally {
  rmSync(profile, { recursive: true, force: true });
}
if (drawn === 0) {
  console.error(`no snapshot is called like ${wanted}`);
  process.exit(1);
}
console.log(`${drawn} pictures in ${out}`);
