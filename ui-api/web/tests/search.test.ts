import { expect, test } from 'vitest';
import type { TracePage } from '../src/lib/api/types';
import { api, open, path, query } from './support/browser';

const ROWS = 'section[aria-busy] li';

test('a search shows the newest traces, and how long they took over time', async () => {
  const page = await open('/search?service=gateway');
  expect(await page.locator(ROWS).count()).toBeGreaterThanOrEqual(60);
  await page.getByRole('img', { name: /traces by start and duration/ }).waitFor();
  expect(await page.title()).toBe('Search · Laneway');
});

test('the form and the address are one state, and so is the way back', async () => {
  const page = await open('/search');
  await page.getByLabel('Service', { exact: true }).fill('order');
  await page.getByLabel('Attributes').fill('http.request.method=POST');
  await page.getByRole('combobox', { name: 'Lane' }).selectOption('grey-v2');
  expect([query(page).get('service'), query(page).get('lane'), query(page).get('tag')]).toEqual(['order', 'grey-v2', 'http.request.method=POST']);
  const lanes = () => page.locator(`${ROWS} .lanes`).allInnerTexts();
  await expect.poll(async () => (await lanes()).filter((text) => !text.includes('grey-v2'))).toEqual([]);
  expect((await lanes()).length).toBeGreaterThan(0);
  await page.goBack();
  await expect.poll(() => page.getByLabel('Service', { exact: true }).inputValue()).toBe('');
  expect(query(page).get('lane')).toBeNull();
});

test('a link to a search restores it', async () => {
  const page = await open('/search?service=gateway&status=error&minDuration=1us&tag=lane%3Dbase&sort=longest&start=now-6h');
  expect(await page.getByLabel('Status').inputValue()).toBe('error');
  expect(await page.getByLabel('Min duration').inputValue()).toBe('1us');
  expect(await page.getByLabel('Attributes').inputValue()).toBe('lane=base');
  expect(await page.getByLabel('Time range').inputValue()).toBe('now-6h');
  const texts = await page.locator(`${ROWS} .took`).allInnerTexts();
  const ms = texts.map((text) => Number.parseFloat(text) * (text.includes('µs') ? 1e-3 : / s/.test(text) ? 1e3 : 1));
  expect(ms).toEqual([...ms].sort((a, b) => b - a));
});

test('older traces come in pages, none twice', async () => {
  const page = await open('/search?start=now-1h');
  const { traces } = await api<TracePage>('/api/v1/traces?limit=1000&start=now-1h');
  if (traces.length > 200) {
    await page.getByRole('button', { name: 'Older traces' }).click();
    await expect.poll(() => page.locator(ROWS).count()).toBeGreaterThan(200);
  }
  const links = await page.locator(`${ROWS} a.title`).evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  expect(new Set(links).size).toBe(links.length);
});

test('a drag over the chart narrows time and duration, a click opens a trace', async () => {
  const page = await open('/search?service=gateway');
  const chart = page.getByRole('img', { name: /traces by start/ });
  const box = (await chart.boundingBox())!;
  await page.mouse.move(box.x + 200, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + 900, box.y + 140, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => query(page).get('minDuration')).toMatch(/^\d+us$/);
  expect(Number(query(page).get('end'))).toBeGreaterThan(Number(query(page).get('start')));
  expect(await page.getByLabel('Max duration').inputValue()).toBe(query(page).get('maxDuration'));
  await page.goBack();
  await page.locator(ROWS).first().locator('a.title').click();
  await expect.poll(() => path(page)).toMatch(/^\/trace\/[0-9a-f]{32}$/);
});

test('two traces can be chosen and compared', async () => {
  const page = await open('/search?operation=buy');
  await page.locator(`${ROWS} input`).nth(0).check();
  await page.locator(`${ROWS} input`).nth(1).check();
  await page.getByRole('link', { name: 'Compare these two' }).click();
  await page.getByRole('list', { name: 'Both traces, as one tree' }).waitFor();
});

test('what cannot be searched for is said, by the page and by the server', async () => {
  const page = await open('/search', { allowed: [/400/] });
  await page.getByLabel('Attributes').fill('no condition');
  await page.getByLabel('Attributes').press('Enter');
  expect(await page.getByRole('alert').innerText()).toContain('no condition');
  await page.getByLabel('Attributes').fill('');
  await page.getByLabel('Min duration').fill('soon');
  await page.getByLabel('Min duration').press('Enter');
  await expect.poll(() => page.getByRole('alert').innerText()).toMatch(/minDuration/);
});

test('nothing found says what to do next', async () => {
  const page = await open('/search?service=never-seen');
  await page.getByText('No trace matches').waitFor();
  await page.getByRole('button', { name: 'Look back 1 day' }).click();
  expect(query(page).get('start')).toBe('now-1d');
  const empty = await open('/search?start=1000&end=2000');
  await empty.getByText('No traces yet').waitFor();
  expect(await empty.locator('pre').count()).toBe(3);
});

test('absolute times are kept in the address', async () => {
  const page = await open('/search');
  await page.getByLabel('Time range').selectOption('absolute');
  await page.getByLabel('From', { exact: true }).fill('2026-01-31 12:00');
  await page.getByLabel('To', { exact: true }).fill('2026-01-31T13:00:00Z');
  await page.getByRole('button', { name: 'Apply' }).click();
  expect([query(page).get('start'), query(page).get('end')]).toEqual(['1769860800000', '1769864400000']);
});
