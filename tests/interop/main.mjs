/* main: the matrix of `make interop`. */
import { chromium, firefox, serve_page } from './browsers.mjs';
import { run_cases } from './cases.mjs';
import { PageEnd } from './ends.mjs';
import { finish } from './report.mjs';

const page = await serve_page();
const c = await chromium({ origin: page.url });
const f = await firefox();
console.log(`${c.version}, ${f.version}`);
const chrome_page = await PageEnd.make('chromium', c.browser, page.url);
const chrome_page2 = await PageEnd.make('chromium2', c.browser, page.url);
const firefox_page = await PageEnd.make('firefox', f.browser, page.url);
await run_cases('chromium-chromium', chrome_page, chrome_page2);
await run_cases('chromium-firefox', chrome_page, firefox_page);
await run_cases('firefox-chromium', firefox_page, chrome_page);
await c.stop();
await f.stop();
page.stop();
finish();
