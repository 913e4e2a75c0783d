// Where the page is. The address holds the whole state of a view, so that it can be sent to a colleague.

import { untrack } from 'svelte';

type Values = Record<string, string | string[] | undefined>;

class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener('popstate', () => this.read());
  }

  private read() {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  go(address: string, how: { replace?: boolean } = {}) {
    if (address === location.pathname + location.search) return;
    history[how.replace ? 'replaceState' : 'pushState'](null, '', address);
    const before = untrack(() => this.path);
    this.read();
    if (before !== location.pathname) scrollTo(0, 0);
  }

  /** Changes some values of the query and keeps the others; `undefined` and `''` remove. */
  set(values: Values, how: { replace?: boolean } = {}) {
    this.go(this.path + withValues(this.query, values), how);
  }

  get(name: string): string {
    return this.query.get(name) ?? '';
  }

  /** The decoded part of the path after `/{view}/`. */
  get subject(): string {
    const rest = this.path.split('/').slice(2).join('/');
    try {
      return decodeURIComponent(rest);
    } catch {
      return rest;
    }
  }
}

export function withValues(query: URLSearchParams, values: Values): string {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) {
    changed.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one) changed.append(name, one);
  }
  const text = changed.toString();
  return text && `?${text}`;
}

export const router = new Router();

/** The time range of the view at hand, for links that lead to another view. */
export function rangeValues(): { start?: string; end?: string } {
  return { start: router.get('start') || undefined, end: router.get('end') || undefined };
}

/** An address within the page. Values that are empty are left out. */
export function address(path: string, values: Values = {}): string {
  return path + withValues(new URLSearchParams(), values);
}

export const serviceAddress = (service: string, values: Values = {}) =>
  address(`/services/${encodeURIComponent(service)}`, { ...rangeValues(), ...values });
export const searchAddress = (values: Values) => address('/search', { ...rangeValues(), ...values });
export const traceAddress = (id: string, values: Values = {}) =>
  address(`/trace/${encodeURIComponent(id)}`, values);
export const laneAddress = (lane: string, values: Values = {}) =>
  address(`/lanes/${encodeURIComponent(lane)}`, { ...rangeValues(), ...values });

/** Follows links within the page without loading it anew. */
export function followLinks(event: MouseEvent) {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.origin !== location.origin || !link.hasAttribute('data-in')) return;
  event.preventDefault();
  router.go(link.pathname + link.search);
}
