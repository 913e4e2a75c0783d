// The real binary with its demo, and traces that no demo makes: huge ones, hostile ones.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';
import { hostileSpans, hugeSpans, send } from './spans';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the page is. */
    page: string;
  }
}

export default async function setup(project: TestProject) {
  // Pictures are taken of a server that has run for a while.
  const running = process.env.LANEWAY_PAGE;
  if (running) {
    project.provide('page', running);
    return undefined;
  }
  const { http, otlp, stop } = await start('demo');
  await send(otlp, hugeSpans(10_000, '1'));
  await send(otlp, hugeSpans(100_000, '2'));
  await send(otlp, hostileSpans());
  await traffic(http);
  project.provide('page', http);
  return stop;
}

export interface Server {
  http: string;
  otlp: string;
  stop: () => Promise<void>;
}

/** A server with data of its own. */
export async function start(command: 'demo' | 'serve'): Promise<Server> {
  const binary = process.env.LANEWAY_BIN;
  if (!binary) throw new Error('LANEWAY_BIN names no binary; `cargo xtask test` sets it');
  const directory = await mkdtemp(join(tmpdir(), 'laneway-page-'));
  const addresses = ['--http', '--otlp-grpc', '--otlp-http'].flatMap((flag) => [flag, '127.0.0.1:0']);
  const server = spawn(binary, [command, '--data-dir', directory, ...addresses], { stdio: ['ignore', 'pipe', 'ignore'] });
  const { http, otlp_http: otlp } = await ready(server);
  const stop = async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  return { http: `http://${http}`, otlp: `http://${otlp}`, stop };
}

async function ready(server: ChildProcess): Promise<Record<string, string>> {
  for await (const line of createInterface({ input: server.stdout! })) {
    if (!line.startsWith('laneway ready')) continue;
    // Somebody has to go on reading, or the server would wait for it.
    server.stdout!.resume();
    return Object.fromEntries(line.split(' ').slice(2).map((pair) => pair.split('=') as [string, string]));
  }
  throw new Error('the server ended before it was ready');
}

/** Waits until the demo's users have bought something in a lane, and something failed. */
async function traffic(http: string) {
  const found = async (query: string, least: number) => {
    const answer = await fetch(`${http}/api/v1/traces?limit=${least}&${query}`);
    return ((await answer.json()) as { traces: unknown[] }).traces.length >= least;
  };
  const wanted: [string, number][] = [['lane=grey-v2&service=order', 1], ['service=gateway', 60], ['service=gateway&status=error', 1], ['lane=base&operation=buy', 2]];
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const all = await Promise.all(wanted.map(([query, least]) => found(query, least)));
    if (all.every(Boolean)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the demo made no traffic in a minute');
}
