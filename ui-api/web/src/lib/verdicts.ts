import type { Verdict } from './api/types';

/** How much a verdict matters to whoever looks. */
export type Tone = 'good' | 'plain' | 'warn' | 'bad';

export const TONES: Record<Verdict, Tone> = {
  in_lane: 'good',
  baseline: 'plain',
  fallback: 'warn',
  misroute: 'bad',
  crossover: 'bad',
  contamination: 'bad',
  lost: 'bad',
  strict_miss: 'bad',
};
