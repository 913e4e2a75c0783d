// Traces that come in page by page, so that the first are on the screen while the rest are searched for.

import { untrack } from 'svelte';
import { getJson, Problem, type Params } from '../../lib/api/client';
import type { TraceItem, TracePage } from '../../lib/api/types';

const PAGE = 50;

export class TraceStream {
  traces = $state.raw<TraceItem[]>([]);
  next = $state.raw<string | null>(null);
  problem = $state.raw<Problem>();
  loading = $state(false);
  /** Whether there was an answer, be it an empty one. */
  answered = $state(false);
  private running: AbortController | undefined;
  private params: Params = {};

  /** Searches for the newest so many traces. What was found before stays until there is something else. */
  run(params: Params, wanted: number): () => void {
    this.params = params;
    return untrack(() => this.fetch([], null, wanted));
  }

  /** Goes on where the last page ended. */
  more(wanted: number) {
    this.fetch(this.traces, this.next, this.traces.length + wanted);
  }

  private fetch(found: TraceItem[], cursor: string | null, wanted: number): () => void {
    this.running?.abort();
    const controller = new AbortController();
    this.running = controller;
    this.loading = true;
    void this.pages(found, cursor, wanted, controller.signal);
    return () => controller.abort();
  }

  private async pages(found: TraceItem[], cursor: string | null, wanted: number, signal: AbortSignal) {
    try {
      do {
        const limit = Math.min(PAGE, wanted - found.length);
        const page: TracePage = await getJson(
          '/api/v1/traces',
          { ...this.params, limit, cursor: cursor ?? undefined },
          signal,
        );
        if (signal.aborted) return;
        found = [...found, ...page.traces];
        cursor = page.nextCursor;
        [this.traces, this.next, this.answered, this.problem] = [found, cursor, true, undefined];
      } while (cursor !== null && found.length < wanted);
    } catch (cause) {
      if (signal.aborted) return;
      this.problem = cause instanceof Problem ? cause : new Problem(0, 'page', String(cause), '');
      if (found.length === 0) [this.traces, this.next] = [[], null];
    }
    this.loading = false;
  }
}
