// A Chromium for the tests of a file. Whatever a page does that it must not do fails the test that opened it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';

const FLAGS = [
  '--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** A server that keeps no figures is asked for them all the same: its answer is how the page knows. */
const NOT_OFFERED = /404 \(Not Found\) \S+\/api\/v1\/(lanes|red|topology)\b/;

let browser: Browser | undefined;
let opened: { page: Page; faults: string[]; allowed: RegExp[] }[] = [];
let home: string | undefined;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'laneway-chromium-'));
  browser = await chromium.launch({
    executablePath: process.env.LANEWAY_CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, env: { ...process.env, HOME: home } as Record<string, string>,
  });
});

afterAll(async () => {
  await browser?.close();
  if (home) await rm(home, { recursive: true, force: true });
});

afterEach(async () => {
  const ended = opened;
  opened = [];
  await Promise.all(ended.map(({ page }) => page.context().close()));
  for (const { faults, allowed } of ended) expect(faults.filter((fault) => ![...allowed, NOT_OFFERED].some((pattern) => pattern.test(fault)))).toEqual([]);
});

export interface Opening extends BrowserContextOptions {
  /** Faults that the test provokes on purpose. */
  allowed?: RegExp[];
  before?: (page: Page) => Promise<unknown>;
}

/** Opens an address of the page, or of that of another server, and waits until nothing is loading any more. */
export async function open(address: string, { allowed = [], before, ...options }: Opening = {}): Promise<Page> {
  const context = await browser!.newContext({ viewport: { width: 1400, height: 860 }, locale: 'en', timezoneId: 'UTC', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults: string[] = [];
  opened.push({ page, faults, allowed });
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => faults.push(`an error: ${error.stack ?? error.message}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(`on the console: ${message.text()} ${message.location().url}`));
  context.on('request', (request) => {
    if (new URL(request.url()).hostname !== '127.0.0.1') faults.push(`a request to ${request.url()}`);
  });
  context.on('page', (other) => other !== page && faults.push(`a window: ${other.url()}`));
  await before?.(page);
  await page.goto(new URL(address, inject('page')).href);
  await page.waitForFunction(() => document.querySelector('main h1, main [role=alert], main .panel') && !document.querySelector('.skeleton, [aria-busy=true]'));
  return page;
}

/** The query of the page's address. */
export const query = (page: Page) => new URL(page.url()).searchParams;
export const path = (page: Page) => new URL(page.url()).pathname;

export async function api<T>(address: string): Promise<T> {
  return (await (await fetch(inject('page') + address)).json()) as T;
}
