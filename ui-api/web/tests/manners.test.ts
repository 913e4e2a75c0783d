import axe from 'axe-core';
import { expect, test } from 'vitest';
import type { TracePage } from '../src/lib/api/types';
import { api, open, path } from './support/browser';
import { withFigures } from './support/figures';

test('keys, help and the way to a trace id', async () => {
  const page = await open('/services');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.press('Escape');
  // Hidden at once, and gone when the page has noticed.
  await page.locator('dialog').waitFor({ state: 'detached' });
  const { traces } = await api<TracePage>('/api/v1/traces?limit=1');
  await page.keyboard.press('g');
  await page.keyboard.type('no id!');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('hexadecimal').waitFor();
  await page.getByLabel('Go to trace id').fill(traces[0]!.traceId);
  await page.keyboard.press('Enter');
  await page.getByRole('tree').waitFor();
  expect(path(page)).toBe(`/trace/${traces[0]!.traceId}`);
});

test('theme, language and time zone are chosen, and remembered', async () => {
  const page = await open('/search', { colorScheme: 'light', timezoneId: 'Asia/Shanghai' });
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  expect(await theme()).toBe('light');
  await page.getByRole('button', { name: 'Colours: as the system' }).click();
  await page.getByRole('button', { name: 'Colours: light' }).click();
  expect(await theme()).toBe('dark');
  const before = await page.locator('li .when').first().innerText();
  await page.getByRole('button', { name: 'Local' }).click();
  expect(await page.locator('li .when').first().innerText()).not.toBe(before);
  await page.getByRole('button', { name: '中文' }).click();
  expect(await page.locator('h1').innerText()).toBe('搜索');
  await page.reload();
  expect(await page.locator('h1').innerText()).toBe('搜索');
  expect(await theme()).toBe('dark');
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('zh');
  expect(await page.context().cookies()).toEqual([]);
});

test('an address that is none has the page say so', async () => {
  const page = await open('/no/such/page', { allowed: [/404/] });
  await page.getByText('No such page').waitFor();
});

test('links are followed without loading the page anew', async () => {
  const page = await open('/search');
  await page.evaluate(() => Object.assign(globalThis, { stays: true }));
  for (const [name, where] of [['Services', '/services'], ['Status', '/status'], ['Search', '/search']] as const) {
    await page.getByRole('navigation').getByRole('link', { name }).click();
    expect(path(page)).toBe(where);
  }
  expect(await page.evaluate(() => (globalThis as { stays?: boolean }).stays)).toBe(true);
});

const VIEWS = ['/search?operation=buy&status=error', '/search?service=never-seen', '/services', '/services/cart', '/map?node=service:cart', '/lanes', '/lanes/grey-v2', '/status', '/compare', '/trace', '/trace?view=table', '/trace?view=flame'];

test.each(VIEWS)('%s is accessible, light and dark', async (view) => {
  let address = view;
  if (view.startsWith('/trace')) {
    const { traces } = await api<TracePage>('/api/v1/traces?lane=grey-v2&service=order&limit=1');
    address = view.replace('/trace', `/trace/${traces[0]!.traceId}`);
  } else if (view === '/compare') {
    const { traces } = await api<TracePage>('/api/v1/traces?operation=buy&limit=2');
    address = `/compare?a=${traces[0]!.traceId}&b=${traces[1]!.traceId}`;
  }
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open(address, { before: withFigures, colorScheme });
    if (view === '/trace') await page.getByRole('treeitem').nth(3).click();
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async () => {
      const { violations: found } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] });
      return found.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.failureSummary ?? ''}`).join('; ')}`);
    });
    expect(violations, colorScheme).toEqual([]);
  }
});
