// Something that is asked for again when what it depends on changes.

import { untrack } from 'svelte';
import { Problem } from './api/client';

export class Loaded<T> {
  data = $state.raw<T>();
  problem = $state.raw<Problem>();
  loading = $state(false);
  private running: AbortController | undefined;

  /** Asks; an answer to an earlier question is dropped. Meant to be returned from an effect, whose end cancels it. */
  run(ask: (signal: AbortSignal) => Promise<T>, how: { keep?: boolean } = {}): () => void {
    const controller = new AbortController();
    untrack(() => {
      this.running?.abort();
      this.running = controller;
      this.loading = true;
      if (!how.keep) {
        this.data = undefined;
        this.problem = undefined;
      }
    });
    void this.settle(ask, controller);
    return () => controller.abort();
  }

  private async settle(ask: (signal: AbortSignal) => Promise<T>, controller: AbortController) {
    try {
      const data = await ask(controller.signal);
      if (controller.signal.aborted) return;
      this.data = data;
      this.problem = undefined;
    } catch (cause) {
      if (controller.signal.aborted) return;
      if (!(cause instanceof Problem)) console.error(cause);
      this.problem = cause instanceof Problem ? cause : new Problem(0, 'page', String(cause), '');
      this.data = undefined;
    }
    this.loading = false;
  }
}

/** What moves when the reader, or the clock while live, asks for fresh answers. */
class Refresh {
  tick = $state(0);
  live = $state(false);
  private timer: ReturnType<typeof setInterval> | undefined;

  now() {
    this.tick += 1;
  }

  /** Run in an effect of the page: every five seconds, and never while nobody looks. */
  apply(): () => void {
    if (this.live) this.timer = setInterval(() => document.hidden || this.now(), 5000);
    return () => clearInterval(this.timer);
  }
}

export const refresh = new Refresh();
