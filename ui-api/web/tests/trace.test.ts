import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import type { TracePage } from '../src/lib/api/types';
import { api, open, path, query } from './support/browser';
import { hugeTraceId } from './support/spans';

const ROW = '[role=treeitem]';
const selected = (page: Page) => page.locator(`${ROW}[aria-selected=true] .operation`).innerText();

/** A trace of the demo's lane that lost it on a hop. */
async function laneTrace(): Promise<string> {
  const { traces } = await api<TracePage>('/api/v1/traces?lane=grey-v2&service=order&limit=50');
  return traces.find((trace) => trace.lanes.length > 1 && trace.services.includes('recommendation'))!.traceId;
}

async function failedTrace(): Promise<string> {
  return (await api<TracePage>('/api/v1/traces?status=error&service=gateway&limit=1')).traces[0]!.traceId;
}

test('a trace is a tree over time, with the lane of every hop', async () => {
  const page = await open(`/trace/${await laneTrace()}`);
  const { length } = await page.locator(ROW).all();
  expect(length).toBeGreaterThan(20);
  expect(await page.locator(ROW).first().getAttribute('aria-level')).toBe('1');
  const ribbon = page.getByRole('region', { name: 'Hops and their lanes' });
  await ribbon.getByText('in lane').first().waitFor();
  await ribbon.getByRole('button', { name: /lost/ }).first().click();
  expect(query(page).get('span')).toMatch(/^[0-9a-f]{16}$/);
  await page.getByRole('complementary', { name: 'Span' }).getByText('the lane was lost on this hop').waitFor();
});

test('the keyboard goes everywhere', async () => {
  const page = await open(`/trace/${await failedTrace()}`);
  const tree = page.getByRole('tree');
  const count = () => page.locator(ROW).count();
  const all = await count();
  await tree.focus();
  await page.keyboard.press('ArrowDown');
  const root = await selected(page);
  await page.keyboard.press('ArrowLeft');
  expect(await count()).toBe(1);
  await page.keyboard.press('ArrowRight');
  expect(await count()).toBe(all);
  await page.keyboard.press('ArrowRight');
  expect(await selected(page)).not.toBe(root);
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  expect(await selected(page)).toBe(root);
  await page.keyboard.press('End');
  await page.keyboard.press('Home');
  expect(await selected(page)).toBe(root);
  await page.keyboard.press('e');
  expect(await page.locator(`${ROW}[aria-selected=true].failed`).count()).toBe(1);
  expect(await tree.getAttribute('aria-activedescendant')).toMatch(/^span-\d+$/);
  await page.keyboard.press('c');
  expect(await page.locator('.critical').count()).toBeGreaterThan(0);
  await page.keyboard.press('Escape');
  expect(await page.getByRole('complementary').count()).toBe(0);
  for (const [key, view] of [['2', 'flame'], ['3', 'table'], ['1', null]] as const) {
    await page.keyboard.press(key);
    expect(query(page).get('view')).toBe(view);
  }
});

test('a link to a span shows it', async () => {
  const id = await laneTrace();
  const first = await open(`/trace/${id}`);
  await first.locator(ROW).nth(7).click();
  const name = await selected(first);
  const again = await open(`/trace/${id}${new URL(first.url()).search}`);
  expect(await selected(again)).toBe(name);
  await again.getByRole('complementary', { name: 'Span' }).waitFor();
});

test('spans are found, and a value leads to a search for it', async () => {
  const page = await open(`/trace/${await laneTrace()}`);
  await page.keyboard.press('/');
  await page.keyboard.type('select products');
  await page.keyboard.press('Enter');
  expect(await selected(page)).toBe('SELECT products');
  expect(await page.getByRole('status').innerText()).toMatch(/^1\/\d+$/);
  const detail = page.getByRole('complementary', { name: 'Span' });
  await detail.getByRole('link', { name: 'Search for traces with this lane' }).first().click();
  expect(path(page)).toBe('/search');
  expect(query(page).get('tag')).toBe('lane=grey-v2');
});

test('what the reader did stays when something comes late', async () => {
  let release = () => {};
  const late = new Promise<void>((resolve) => (release = resolve));
  const page = await open(`/trace/${await laneTrace()}`, {
    before: (one) => one.route('**/api/v1/lanes', async (route) => {
      await late;
      await route.continue();
    }),
  });
  await page.keyboard.press('/');
  await page.keyboard.type('select products');
  await page.getByRole('button', { name: 'Critical path' }).click();
  expect(await page.getByLabel('Find in this trace').inputValue()).toBe('select products');
  const answered = page.waitForResponse('**/api/v1/lanes');
  release();
  await answered;
  await page.getByText('in lane').first().waitFor();
  expect(await page.getByLabel('Find in this trace').inputValue()).toBe('select products');
  expect(await page.getByRole('button', { name: 'Critical path' }).getAttribute('aria-pressed')).toBe('true');
});

test('a trace stays as it is while other views are live', async () => {
  const page = await open('/search?operation=buy', { before: (one) => one.clock.install() });
  await page.getByRole('button', { name: 'Live' }).click();
  await page.locator('section[aria-busy] li a.title').first().click();
  await page.locator(ROW).nth(2).click();
  await page.getByRole('button', { name: 'Close all' }).click();
  await page.clock.runFor(20_000);
  expect(await page.locator('.skeleton').count()).toBe(0);
  expect(await page.locator(`${ROW}[aria-expanded=false]`).count()).toBeGreaterThan(0);
});

test('the minimap zooms', async () => {
  const page = await open(`/trace/${await laneTrace()}`);
  const map = (await page.getByRole('img', { name: /whole trace in small/ }).boundingBox())!;
  const before = await page.locator('.ticks').innerText();
  await page.mouse.move(map.x + 60, map.y + 20);
  await page.mouse.down();
  await page.mouse.move(map.x + 160, map.y + 20, { steps: 3 });
  await page.mouse.up();
  expect(await page.locator('.ticks').innerText()).not.toBe(before);
  await page.getByRole('button', { name: 'Whole trace' }).click();
  expect(await page.locator('.ticks').innerText()).toBe(before);
});

test('the same trace as a flame graph and a table', async () => {
  const id = await laneTrace();
  const page = await open(`/trace/${id}?view=flame`);
  await page.getByRole('img', { name: /Flame graph/ }).click({ position: { x: 300, y: 45 } });
  await page.getByRole('button', { name: 'Longest in waterfall' }).click();
  await page.locator(`${ROW}[aria-selected=true]`).waitFor();
  await page.keyboard.press('3');
  const heads = page.getByRole('columnheader', { name: 'Count' });
  await heads.getByRole('button').click();
  expect(await heads.getAttribute('aria-sort')).toBe('descending');
  const counts = (await page.locator('tbody tr td:nth-child(4)').allInnerTexts()).map(Number);
  expect(counts).toEqual([...counts].sort((a, b) => b - a));
});

test('a trace that is not there, and an id that is none', async () => {
  const page = await open(`/trace/${'f'.repeat(32)}`, { allowed: [/404/] });
  await page.getByText('No such trace').waitFor();
  const wrong = await open('/trace/not-an-id', { allowed: [/400/] });
  await wrong.getByRole('alert').getByText('hexadecimal').waitFor();
});

test.each([['10,000', '1', 10_000], ['100,000', '2', 100_000]] as const)('%s spans: few are in the document, all can be reached', async (_, mark, count) => {
  const page = await open(`/trace/${hugeTraceId(mark)}`);
  await page.locator(ROW).first().waitFor();
  const rows = () => page.locator(ROW).count();
  expect(await rows()).toBeLessThan(120);
  await page.getByRole('tree').focus();
  await page.keyboard.press('End');
  await page.getByText(`span the last of ${count}`).first().waitFor();
  expect(await rows()).toBeLessThan(120);
  await page.keyboard.press('e');
  expect(await page.locator(`${ROW}[aria-selected=true].failed`).count()).toBe(1);
  await page.getByRole('button', { name: 'Close all' }).click();
  await page.getByRole('tree').evaluate((element) => (element.scrollTop = element.scrollHeight / 2));
  expect(await rows()).toBeGreaterThan(10);
});
