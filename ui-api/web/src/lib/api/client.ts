// Asks the server that the page came from, and nobody else.

export type Params = Record<string, string | number | string[] | undefined>;

/** Why there is no answer, in the server's own words. */
export class Problem extends Error {
  constructor(
    /** HTTP status; 0 when the server was not reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }

  /** This server does not have the route at all, as opposed to having found nothing. */
  get notOffered(): boolean {
    return this.status === 404 && (this.code === 'not_found' || this.code === '') && /route/.test(this.message);
  }
}

export function queryOf(params: Params): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== '') query.append(name, String(one));
    }
  }
  const text = query.toString();
  return text && `?${text}`;
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint?: string } };
    return new Problem(response.status, error.code, error.message, error.hint ?? '');
  } catch {
    return new Problem(response.status, '', text.slice(0, 300) || `HTTP ${response.status}`, '');
  }
}

async function ask(path: string, accept: string, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { signal: signal ?? null, headers: { accept }, credentials: 'omit', redirect: 'error' });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Problem(0, 'unreachable', 'the server cannot be reached', '');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function getJson<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await ask(path + queryOf(params), 'application/json', signal);
  return (await response.json()) as T;
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  return (await ask(path, 'text/plain', signal)).text();
}
