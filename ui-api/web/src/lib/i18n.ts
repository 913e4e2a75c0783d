// Texts in the reader's language. A text that lacks a translation does not type-check.

import { en } from './messages/en';
import { zh } from './messages/zh';
import { preferences } from './preferences.svelte';

export type MessageKey = keyof typeof en;

/** The text of this name; `{x}` in it is replaced by `values.x`. */
export function t(key: MessageKey, values: Record<string, string | number> = {}): string {
  const text: string = preferences.locale === 'zh' ? zh[key] : en[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
