// Everything in a span was written by a stranger. It is shown as text: no script, no request, no window, no dialog (`support/browser.ts`
// fails the test that has one).

import { expect, test } from 'vitest';
import { open, path } from './support/browser';
import { withHostileFigures } from './support/figures';
import { HOSTILE, HOSTILE_TRACE_ID } from './support/spans';

const TRACE = `/trace/${HOSTILE_TRACE_ID}`;

/** No element that a stranger's text could have made. */
async function untouched(page: Awaited<ReturnType<typeof open>>) {
  expect(await page.locator('img, iframe, object, embed, script:not([src])').count()).toBe(0);
  expect(await page.locator('[onerror], [onload], [onclick], [onmouseover]').count()).toBe(0);
  const links = await page.locator('a').evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).protocol));
  expect(links.filter((protocol) => protocol !== 'http:' && protocol !== 'https:')).toEqual([]);
}

test('a trace whose every field is hostile is shown as it is', async () => {
  const page = await open(TRACE);
  expect(await page.getByRole('treeitem').count()).toBe(5);
  await page.getByRole('treeitem').first().click();
  const detail = page.getByRole('complementary', { name: 'Span' });
  await detail.getByText(HOSTILE).first().waitFor();
  for (const summary of await detail.locator('summary').all()) if (!(await summary.evaluate((one) => (one.parentElement as HTMLDetailsElement).open))) await summary.click();
  await untouched(page);
  const outside = detail.locator('a[target=_blank]');
  expect(await outside.first().getAttribute('href')).toBe('http://attacker.invalid/real-link');
  for (const link of await outside.all()) expect(await link.getAttribute('rel')).toContain('noopener');
  for (const view of ['flame', 'table']) {
    const other = await open(`${TRACE}?view=${view}`);
    await other.getByRole('img').or(other.getByRole('table')).first().hover();
    await untouched(other);
  }
});

test('so it is in searches, their suggestions, and the addresses that lead on', async () => {
  const page = await open(`/search?service=${encodeURIComponent(HOSTILE)}&operation=${encodeURIComponent(HOSTILE)}&tag=${encodeURIComponent(`${HOSTILE}=${HOSTILE}`)}`);
  await untouched(page);
  const found = await open(`/search?service=${encodeURIComponent(HOSTILE)}`);
  await found.locator('section[aria-busy] li').first().waitFor();
  await untouched(found);
  await found.locator('section[aria-busy] li a.title').first().click();
  expect(path(found)).toBe(TRACE);
});

test('a value leads to the search for exactly that value', async () => {
  const page = await open(TRACE);
  await page.getByRole('treeitem').first().click();
  await page.getByRole('link', { name: 'Search for traces with this data' }).first().click();
  expect(new URL(page.url()).searchParams.get('tag')).toBe('data=data:text/html,<script>alert(5)</script>');
  await page.locator('section[aria-busy] li').first().waitFor();
});

test.each(['/services', `/services/${encodeURIComponent(HOSTILE)}`, '/services/a%2Fb%3Fc%23d%252F', '/services/__proto__', '/map', '/map?node=service:cart', '/lanes', '/lanes/grey-v2', `/compare?a=${HOSTILE_TRACE_ID}&b=${HOSTILE_TRACE_ID}`, `/no/${encodeURIComponent(HOSTILE)}`])(
  '%s',
  async (address) => {
    const page = await open(address, { before: withHostileFigures, allowed: [/404/] });
    await untouched(page);
  },
);

test('a statement is text', async () => {
  const page = await open(`/services/${encodeURIComponent(HOSTILE)}`, { before: withHostileFigures, allowed: [/404/] });
  await page.getByRole('region', { name: 'Database statements' }).locator('code').getByText(HOSTILE).waitFor();
  await untouched(page);
});

test('the page may not be changed into one that runs strangers’ scripts', async () => {
  const page = await open('/search', { allowed: [/Content Security Policy|Trusted|trusted|Refused|violates/i] });
  const blocked = await page.evaluate(() => {
    const attempts: [string, () => void][] = [
      ['markup', () => (document.body.innerHTML = '<b>x</b>')],
      ['code', () => (0, eval)('1')],
    ];
    return attempts.filter(([, attempt]) => { try { attempt(); return false; } catch { return true; } }).map(([name]) => name);
  });
  expect(blocked).toContain('markup');
  const loaded = await page.evaluate(() => {
    const script = document.createElement('script');
    try {
      script.textContent = 'globalThis.ran = true';
      // A script without a source runs before this returns, or never.
      document.head.append(script);
    } catch {
      return false;
    }
    return 'ran' in globalThis;
  });
  expect(loaded).toBe(false);
});
