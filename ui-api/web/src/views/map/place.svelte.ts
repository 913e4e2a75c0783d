// Lays graphs out beside the page, which stays responsive meanwhile.

import type { LayoutInput, Placed } from './layout';
import workerAddress from './layout.worker.ts?worker&url';

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string };
}

/** The page's policy lets a script run from nowhere but here. */
function trusted(address: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  const allow = (url: string) => {
    if (new URL(url, location.href).origin !== location.origin) throw new TypeError('not a script of this page');
    return url;
  };
  policy ??= types?.createPolicy('laneway-worker', { createScriptURL: allow });
  return policy ? policy.createScriptURL(address) : allow(address);
}

let policy: ReturnType<TrustedTypes['createPolicy']> | undefined;

export class Placer {
  placed = $state.raw<Placed>();
  private worker = new Worker(trusted(workerAddress), { type: 'module' });
  private latest = 0;

  constructor() {
    this.worker.addEventListener('message', (event: MessageEvent<{ id: number; placed: Placed }>) => {
      if (event.data.id === this.latest) this.placed = event.data.placed;
    });
  }

  ask(input: LayoutInput) {
    this.latest += 1;
    this.worker.postMessage({ id: this.latest, input });
  }

  close() {
    this.worker.terminate();
  }
}
