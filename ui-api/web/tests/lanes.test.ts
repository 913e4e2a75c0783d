// Map, lanes, comparison and statements as the server itself makes them, of traces that were sent to it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { open, path, query } from './support/browser';
import { IN_LANE, LANE, sendFleet, STATEMENT } from './support/fleet';
import { start, type Server } from './support/server';

let server: Server;

beforeAll(async () => {
  server = await start('serve');
  await sendFleet(server.otlp);
});

afterAll(() => server?.stop());

test('the map of a lane shows where its requests fell back, and where they stayed', async () => {
  const page = await open(`${server.http}/map?lane=${LANE}&edge=service:gateway+>+service:payment`);
  const panel = page.getByRole('complementary', { name: 'Details' });
  await panel.getByText('fallback').first().waitFor();
  await page.getByRole('button', { name: 'As a table' }).click();
  const verdicts = (callee: string) => page.locator(`tbody tr:has(td:nth-child(2):text("${callee}"))`).locator('.verdicts').innerText();
  await expect.poll(() => verdicts('payment')).toMatch(new RegExp(`^fallback\\s*${IN_LANE}$`));
  expect(await verdicts('cart')).toMatch(new RegExp(`^in lane\\s*${IN_LANE}$`));
  expect(await page.locator('tbody tr', { hasText: 'postgresql' }).count()).toBe(1);
});

test('lanes: who has an instance, and who falls back', async () => {
  const page = await open(`${server.http}/lanes`);
  const cell = (service: string) => page.getByRole('row', { name: new RegExp(`^${service} `) }).last();
  await cell('cart').getByText(`cart has an instance in ${LANE}`).waitFor({ state: 'attached' });
  for (const service of ['gateway', 'payment']) {
    await cell(service).getByText(`${service} falls back to the baseline in ${LANE}`).waitFor({ state: 'attached' });
    await cell(service).getByText(`${service} has an instance in base`).waitFor({ state: 'attached' });
  }
  await page.getByText('1 of 3 services').waitFor();
});

test('a lane that is slower fails its comparison, and the first hop that differs is on the map', async () => {
  const page = await open(`${server.http}/lanes`);
  await page.getByRole('link', { name: 'Compare' }).click();
  await page.getByRole('heading', { name: `${LANE} against base` }).waitFor();
  await page.locator('.banner.fail').waitFor();
  const cart = page.locator('tbody tr', { hasText: 'cart' }).first();
  expect(await cart.innerText()).toMatch(/^fail/);
  expect(await cart.locator('.reasons').innerText()).not.toBe('');
  const payment = page.locator('tbody tr', { hasText: 'payment' }).first();
  expect(await payment.innerText()).toMatch(/^pass/);
  await page.locator('.banner').getByRole('link', { name: /gateway → cart/ }).click();
  expect([path(page), query(page).get('lane'), query(page).get('edge')]).toEqual(['/map', LANE, 'service:gateway > service:cart']);
});

test('statements of a service, with the trace of the slowest', async () => {
  const page = await open(`${server.http}/services/cart`);
  const statements = page.getByRole('region', { name: 'Database statements' });
  await statements.getByText(STATEMENT).waitFor();
  expect(await statements.getByText('postgresql/shop').count()).toBe(1);
  await page.getByRole('combobox', { name: 'Lane' }).selectOption(LANE);
  await expect.poll(() => statements.locator('tbody td.num').first().getAttribute('title')).toBe(String(IN_LANE));
  await statements.getByRole('link', { name: 'Trace of the slowest SELECT items' }).click();
  await page.getByRole('tree').waitFor();
  expect(path(page)).toMatch(/^\/trace\/0{16,}/);
});
