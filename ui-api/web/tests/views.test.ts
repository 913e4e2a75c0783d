import { expect, test } from 'vitest';
import type { ServerStatus, TracePage } from '../src/lib/api/types';
import { api, open, path, query } from './support/browser';
import { withFigures, withFleet, withoutFigures } from './support/figures';

const ABSENT = /404/;

test('services: sorted, filtered, in a lane, with links to everything', async () => {
  const page = await open('/services', { before: withFigures });
  const names = page.locator('tbody tr td.name');
  expect(await names.count()).toBeGreaterThanOrEqual(7);
  expect(await page.locator('tbody tr', { hasText: 'cart' }).locator('svg').count()).toBe(3);
  await page.getByRole('columnheader', { name: 'Service' }).getByRole('button').click();
  const texts = await names.allInnerTexts();
  expect(texts).toEqual([...texts].sort());
  await page.getByLabel('Filter').fill('ship');
  expect(await names.allInnerTexts()).toEqual(['shipping']);
  expect(query(page).get('filter')).toBe('ship');
  await page.getByRole('link', { name: 'Traces of shipping', exact: true }).click();
  expect([path(page), query(page).get('service')]).toEqual(['/search', 'shipping']);
});

test('a service: figures over time, latencies, operations, neighbours', async () => {
  const page = await open('/services/cart', { before: withFigures });
  for (const title of ['Rate', 'Errors', 'Duration']) await page.getByRole('img', { name: title, exact: true }).waitFor();
  await page.getByText('recommendation').first().waitFor();
  const heat = page.getByRole('img', { name: 'Latency' });
  const box = (await heat.boundingBox())!;
  await page.getByRole('link', { name: 'GET /carts/{user}', exact: true }).click();
  expect(query(page).get('operation')).toBe('GET /carts/{user}');
  // Somewhere in the middle of the chart there are requests, and so there are traces.
  for (let y = 10; y < 160 && path(page) !== '/search'; y += 6) await page.mouse.click(box.x + box.width / 2, box.y + y);
  await expect.poll(() => path(page)).toBe('/search');
  expect(query(page).get('minDuration')).toMatch(/us$/);
});

test('the map: nodes and edges have details, a lane stands before the baseline', async () => {
  const page = await open('/map?edge=service:cart+>+service:recommendation', { before: withFigures });
  const map = page.getByRole('img', { name: /^Map of 12 nodes and 13 edges/ });
  await map.waitFor();
  const panel = page.getByRole('complementary', { name: 'Details' });
  await panel.getByText('lost').waitFor();
  await panel.getByRole('button', { name: 'recommendation' }).click();
  expect(query(page).get('node')).toBe('service:recommendation');
  await panel.getByRole('button', { name: 'Only its neighbours' }).click();
  await page.getByRole('img', { name: /^Map of 3 nodes and 3 edges/ }).waitFor();
  await page.getByRole('button', { name: 'Whole map' }).click();
  await page.getByRole('combobox', { name: 'Lane' }).selectOption('grey-v2');
  await page.getByText('baseline, behind the lane').waitFor();
  await page.getByRole('button', { name: 'As a table' }).click();
  expect(await page.locator('tbody tr').count()).toBe(12);
});

test('the map of 1,200 services and 4,300 edges is drawn', async () => {
  const page = await open('/map', { before: withFleet });
  const map = page.getByRole('img', { name: /^Map of 1200 nodes and 4300 edges/ });
  await map.waitFor();
  await map.press('+');
  await map.press('ArrowRight');
  await page.getByLabel('Find a node').fill('service-77');
  await map.hover();
});

test('lanes: verdicts, coverage, comparison with its reasons', async () => {
  const page = await open('/lanes', { before: withFigures });
  await page.getByText('recommendation falls back to the baseline in grey-v2').first().waitFor({ state: 'attached' });
  expect(await page.getByText('checkout').count()).toBe(1);
  await page.getByRole('link', { name: 'Compare' }).click();
  expect(path(page)).toBe('/lanes/grey-v2');
  await page.getByRole('heading', { name: 'grey-v2 against base' }).waitFor();
  await page.getByText('p95 126 ms against 24 ms (×5.25)').waitFor();
  await page.getByRole('button', { name: /^Hops/ }).click();
  await page.getByText('gateway → cart').last().waitFor();
  await page.getByRole('link', { name: /gateway → cart/ }).click();
  expect([path(page), query(page).get('lane'), query(page).get('edge')]).toEqual(['/map', 'grey-v2', 'service:gateway > service:cart']);
});

test.each(['/map', '/lanes', '/lanes/grey-v2', '/services/cart'])('%s says so where the server does not offer it', async (address) => {
  const page = await open(address, { before: withoutFigures, allowed: [ABSENT] });
  await page.getByText('This server does not offer this yet').first().waitFor();
});

test('a trace is compared with its twin in the baseline', async () => {
  const { traces } = await api<TracePage>('/api/v1/traces?lane=grey-v2&service=order&limit=1');
  const page = await open(`/compare?a=${traces[0]!.traceId}`);
  await page.getByRole('list', { name: 'Both traces, as one tree' }).waitFor();
  expect(query(page).get('b')).toMatch(/^[0-9a-f]{32}$/);
  const all = await page.getByRole('listitem').count();
  await page.getByLabel('Only what differs').check();
  expect(await page.getByRole('listitem').count()).toBeLessThanOrEqual(all);
  await page.getByRole('button', { name: 'Swap' }).click();
  expect(query(page).get('b')).toBe(traces[0]!.traceId);
});

test('status: what it receives and stores, and what is wrong, in words', async () => {
  const page = await open('/status');
  await page.getByText('Nothing is wrong.').waitFor();
  await page.getByText('Accepting spans').waitFor();
  const accepted = await page.locator('.figure', { hasText: 'Spans accepted' }).locator('dd').innerText();
  expect(Number.parseInt(accepted.replaceAll(',', ''), 10)).toBeGreaterThan(110_000);
  const figure = (title: string) => page.locator('.figure', { hasText: title }).locator('dd').innerText();
  expect(await figure('Spans are kept')).toBe('7d 0h');
  expect(await figure('Free on the disk')).toMatch(/[KMGT]iB/);
  expect(await figure('The oldest span is')).toMatch(/\d/);
  expect(Number.parseInt((await figure('Answered')).replaceAll(',', ''), 10)).toBeGreaterThan(0);
  expect(await figure('p50 · p95 · p99')).toMatch(/in the last minutes/);
  const down = await open('/status', {
    before: (one) => one.route('**/api/v1/status', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...((await response.json()) as ServerStatus), ready: false, reason: 'the disk is full' } });
    }),
  });
  await down.getByText('Not accepting spans').waitFor();
  await down.getByText('the disk is full').waitFor();
});
