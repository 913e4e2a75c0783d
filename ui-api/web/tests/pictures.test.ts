// The pictures of the documentation. `LANEWAY_PICTURES` names the directory that they are written to, `LANEWAY_PAGE` a server that has
// run the demo for some minutes:
//
//   LANEWAY_PICTURES=../../docs/images LANEWAY_PAGE=http://127.0.0.1:16686 npm run browser -- tests/pictures.test.ts

import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import type { TracePage } from '../src/lib/api/types';
import { api, open } from './support/browser';

const DIRECTORY = process.env.LANEWAY_PICTURES;

async function laneTrace(): Promise<string> {
  const { traces } = await api<TracePage>('/api/v1/traces?lane=grey-v2&service=order&limit=100');
  const worth = (trace: TracePage['traces'][number]) => Number(trace.lanes.length > 1) + Number(trace.errorCount > 0) + Number(trace.services.includes('recommendation'));
  return traces.sort((a, b) => worth(b) - worth(a))[0]!.traceId;
}

const VIEWS: [string, () => Promise<string>, ((page: Page) => Promise<unknown>)?][] = [
  ['search', async () => '/search?service=gateway'],
  ['trace', async () => `/trace/${await laneTrace()}`, (page) => page.getByRole('region', { name: 'Hops' }).getByRole('button', { name: /lost/ }).first().click({ timeout: 2000 }).catch(() => page.keyboard.press('e'))],
  ['flame', async () => `/trace/${await laneTrace()}?view=flame`],
  ['compare', async () => `/compare?a=${await laneTrace()}`, (page) => page.getByRole('list', { name: 'Both traces' }).waitFor()],
  ['services', async () => '/services?start=now-15m'],
  ['service', async () => '/services/cart?start=now-15m'],
  ['map', async () => '/map?lane=grey-v2'],
  ['lanes', async () => '/lanes'],
  ['lane', async () => '/lanes/grey-v2'],
  ['status', async () => '/status', (page) => page.waitForTimeout(9000)],
];

test.runIf(DIRECTORY).each(VIEWS)('a picture of %s', async (name, address, prepare) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open(await address(), { colorScheme, viewport: { width: 1280, height: 760 }, allowed: [/404/] });
    await prepare?.(page);
    await page.screenshot({ path: join(DIRECTORY!, `${name}-${colorScheme}.png`), animations: 'disabled' });
  }
});
