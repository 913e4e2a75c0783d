// Texts in the reader's language. A text that lacks a translation does not type-check.

import { grouped } from './format';
import { en } from './messages/en';
import { zh } from './messages/zh';
import { preferences } from './preferences.svelte';

export type MessageKey = keyof typeof en;

/** The text of this name; `{x}` in it is replaced by `values.x`. */
export function t(key: MessageKey, values: Record<string, string | number> = {}): string {
  const text: string = preferences.locale === 'zh' ? zh[key] : en[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** As many of something: `unit.spans` of 1 is `unit.spans.one`. */
export function quantity(key: 'unit.spans' | 'unit.errors', count: number): string {
  return t(count === 1 ? `${key}.one` : key, { count: grouped(count) });
}
