// The state of a search is its address, whose names are those of the query API.

import type { Params } from '../../lib/api/client';

export const NAMES = ['service', 'operation', 'lane', 'status', 'minDuration', 'maxDuration'] as const;

/** What to ask the API for, but for the time range and the page. */
export function conditions(query: URLSearchParams): Params {
  const params: Params = {};
  for (const name of NAMES) params[name] = query.get(name) ?? undefined;
  params.tag = query.getAll('tag');
  return params;
}

export const hasConditions = (query: URLSearchParams) =>
  query.getAll('tag').length > 0 || NAMES.some((name) => query.get(name));
