import { expect, test } from 'vitest';
import { webAddress } from './webaddress';

test('only whole web addresses become links', () => {
  expect(webAddress('https://example.org/a?b=c#d')).toBe('https://example.org/a?b=c#d');
  expect(webAddress('HTTP://example.org')).toBe('http://example.org/');
  for (const text of [
    'javascript:alert(1)', ' javascript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', '//example.org', 'https://',
    'https://a.b c', 'see https://a.b', 'https://user:secret@a.b', 'https://a.b/"onmouseover="x', 'vbscript:x', 'file:///etc/passwd',
    `https://a.b/${'x'.repeat(2000)}`, 'https://a\\b',
  ]) {
    expect(webAddress(text), text).toBeUndefined();
  }
});
