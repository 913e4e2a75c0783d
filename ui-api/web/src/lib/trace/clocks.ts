// Clocks of machines disagree. Where a server's span does not fit into the client's span that called it, the server's clock
// is taken to be wrong, and the span and all that its instance did below it is moved. After Jaeger's `clockskew` adjuster.

import type { Span } from './model';

/** Moves spans; returns how many. Expects parents before children. */
export function adjustClocks(spans: Span[]): number {
  let moved = 0;
  for (const span of spans) {
    const parent = spans[span.parent];
    if (!parent) continue;
    const sameClock = parent.instance === span.instance && parent.service === span.service;
    const shift = sameClock ? parent.clockShift : parent.kind === 'client' && span.kind === 'server' ? skew(parent, span) : 0;
    if (shift === 0) continue;
    span.start += shift;
    span.clockShift = shift;
    moved += 1;
  }
  return moved;
}

/** What to add to the server's times so that it fits within the client's, the time on the network split evenly. */
function skew(client: Span, server: Span): number {
  const fits = server.start >= client.start && server.start + server.duration <= client.start + client.duration;
  if (fits) return 0;
  // It outlived the call, so it cannot fit: at least it should not start before it was called.
  if (server.duration > client.duration) return Math.max(0, client.start - server.start);
  const network = (client.duration - server.duration) / 2;
  return client.start + network - server.start;
}
